/* SPDX-License-Identifier: GPL-2.0-only */
/* Embeds the linked blob BLOB_FILE as pie_NAME_start .. pie_NAME_end (pie/blob.h). */
#define PASTE_(a, b, c) a##b##c
#define PASTE(a, b, c) PASTE_(a, b, c)
#define START PASTE(pie_, BLOB_NAME, _start)
#define END PASTE(pie_, BLOB_NAME, _end)

	.section .rodata
	.balign 16
	.globl START, END
	.type START, @object
	.type END, @object
START:
	.incbin BLOB_FILE
END:
	.size START, END - START
	.section .note.GNU-stack, "", @progbits
