// SPDX-License-Identifier: GPL-2.0-only
/* What an access to memory ends in. */
#include "lib/fault.h"

#include <setjmp.h>
#include <signal.h>

#include "lib/report.h"

static sigjmp_buf after_fault;

static void on_fault(int sig)
{
	siglongjmp(after_fault, sig);
}

int fault_signal(void *addr, bool writes)
{
	static const int signals[] = { SIGSEGV, SIGBUS };
	struct sigaction action = { .sa_handler = on_fault }, before[2];
	volatile char *byte = addr;
	int sig;

	for (int i = 0; i < 2; i++)
		MUST(sigaction(signals[i], &action, &before[i]));
	sig = sigsetjmp(after_fault, 1);
	if (!sig && writes)
		*byte = 1;
	else if (!sig)
		(void)*byte;
	for (int i = 0; i < 2; i++)
		MUST(sigaction(signals[i], &before[i], NULL));
	return sig;
}
