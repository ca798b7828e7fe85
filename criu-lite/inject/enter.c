// SPDX-License-Identifier: GPL-2.0-only
/* A blob is entered at its first byte, as a function is: with a return address on its stack. */
#include "inject/enter.h"

#include "inject/abi/restorer.h"

void restorer_enter(struct restorer_args *args)
{
	__asm__ volatile("mov %[stack], %%rsp\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "call *%[entry]\n\t"
			 "ud2"
			 :
			 : [stack] "r"(args->threads[0].stack_top),
			   [entry] "r"(args->area_start), "D"(args)
			 : "memory");
	__builtin_unreachable();
}
