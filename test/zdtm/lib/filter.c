// SPDX-License-Identifier: GPL-2.0-only
/* Seccomp filters of tests. */
#include "lib/filter.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/zdtm.h"

#define MAX_INSNS 512

void filter_install_program(const struct sock_filter *insns, size_t n, unsigned int flags)
{
	const struct sock_fprog program = { n, (struct sock_filter *)insns };
	long r = MUST(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program));

	CHECK(r == 0, "thread %ld can't be synchronized", r);
}

void filter_install(const struct filter_rule *rules, size_t n, uint32_t otherwise,
		    unsigned int flags)
{
	struct sock_filter insns[MAX_INSNS] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	size_t k = 1;

	CHECK(2 * n + 2 <= MAX_INSNS, "too many rules");
	for (size_t i = 0; i < n; i++) {
		insns[k++] = (struct sock_filter)
			BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, rules[i].nr, 0, 1);
		insns[k++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, rules[i].action);
	}
	insns[k++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, otherwise);
	filter_install_program(insns, k, flags);
}

void filter_getppid(int error, unsigned int flags)
{
	const struct filter_rule rule = { SYS_getppid, FILTER_ERRNO(error) };

	filter_install(&rule, 1, SECCOMP_RET_ALLOW, flags);
}

int filter_getppid_errno(void)
{
	return syscall(SYS_getppid) < 0 ? errno : 0;
}

int filter_status(const char *field)
{
	FILE *file = fopen("/proc/thread-self/status", "re");
	char line[256];
	int value = -1;

	CHECK(file, "cannot open the status");
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, field, strlen(field)) && line[strlen(field)] == ':')
			sscanf(line + strlen(field) + 1, "%d", &value);
	fclose(file);
	CHECK(value >= 0, "the status has no %s", field);
	return value;
}
