/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The first and last instructions of the parasite.
 *
 * The area comes as one read+exec mapping: a task may refuse to make memory
 * executable that once was writable (PR_SET_MDWE), but not the other way
 * round. Its second part, from the arguments on, is made writable here, before
 * there is a stack.
 *
 * In: rdi = struct parasite_args, rsi = bytes from there to the end of the
 * area, rsp = the end of the area.
 */
#include <asm/unistd.h>

#define PROT_READ_WRITE 3
#define ARGS_LEAVE 16		/* offsetof(struct parasite_args, leave) */

	.section .text.entry, "ax", @progbits
	.globl parasite_entry
	.hidden parasite_entry
	.type parasite_entry, @function
parasite_entry:
	mov	%rdi, %rbx
	mov	$PROT_READ_WRITE, %edx
	mov	$__NR_mprotect, %eax
	syscall
	test	%rax, %rax
	jnz	leave
	mov	%rbx, %rdi
	call	parasite_main
leave:
	jmp	*ARGS_LEAVE(%rbx)
	.size parasite_entry, . - parasite_entry
	.section .note.GNU-stack, "", @progbits
