/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Offsets in the data of the pad, in bytes: read by assembler and C alike.
 * inject/arch/x86_64/pad.c asserts that struct pad_data agrees.
 */
#ifndef CRIU_LITE_INJECT_ARCH_PAD_LAYOUT_H
#define CRIU_LITE_INJECT_ARCH_PAD_LAYOUT_H

#define PAD_MAGIC	0
#define PAD_SEQUENCE	8
#define PAD_R15		16
#define PAD_R14		24
#define PAD_R13		32
#define PAD_R12		40
#define PAD_RBP		48
#define PAD_RBX		56
#define PAD_R11		64
#define PAD_R10		72
#define PAD_R9		80
#define PAD_R8		88
#define PAD_RCX		96
#define PAD_RDX		104
#define PAD_RSI		112
#define PAD_RDI		120
#define PAD_RESUME_IP	128
#define PAD_RESUME_AX	136
#define PAD_BREAK_IP	144
#define PAD_MASK	152
#define PAD_PROBE_MASK	160
#define PAD_ALL_MASK	168
#define PAD_NO_TIME	176
#define PAD_MAP_LEN	192
#define PAD_LEAVE_ADDR	200
#define PAD_LEAVE_LEN	208
#define PAD_DONE_ADDR	216
#define PAD_DATA_SIZE	224

#endif
