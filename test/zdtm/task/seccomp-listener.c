// SPDX-License-Identifier: GPL-2.0-only
/*
 * A filter that asks a supervisor. Its listener is closed again here, since no file
 * of a task shows that there is one elsewhere: the filter itself is refused.
 */
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/filter.h"
#include "lib/zdtm.h"

static const struct sock_filter program[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

static void setup(void *arg)
{
	const struct sock_fprog fprog = { 4, (struct sock_filter *)program };
	int listener = MUST(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
				    SECCOMP_FILTER_FLAG_NEW_LISTENER, &fprog));

	/* With nobody to answer the call fails. */
	MUST(close(listener));
}

static void spoil(void *arg)
{
	filter_getppid(EPERM, 0);
}

static void check(void *arg)
{
	CHECK(filter_getppid_errno() == ENOSYS, "getppid() fails with %d", filter_getppid_errno());
	CHECK(filter_status("Seccomp_filters") == 1, "%d filters",
	      filter_status("Seccomp_filters"));
}

const struct zdtm_test zdtm_test = {
	.about = "a seccomp filter with a listener is refused, the victim unhurt",
	.setup = setup,
	.spoil = spoil,
	.check = check,
	.refusal = "asks a supervisor (SECCOMP_RET_USER_NOTIF)",
};
