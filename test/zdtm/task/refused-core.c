// SPDX-License-Identifier: GPL-2.0-only
/*
 * A zombie that dumped core: only another core dump could give it the same status, so
 * that it is refused. Its parent still gets the status.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/task.h"
#include "lib/zdtm.h"

struct state {
	pid_t child;
};

/* Only where it is certain where the core file is, to be removed. */
static const char *unsupported(void)
{
	struct rlimit limit;
	char pattern[64] = "";
	int fd = open("/proc/sys/kernel/core_pattern", O_RDONLY);

	if (fd >= 0) {
		(void)!read(fd, pattern, sizeof(pattern) - 1);
		close(fd);
	}
	if (strcmp(pattern, "core\n"))
		return "kernel.core_pattern is not \"core\"";
	if (getrlimit(RLIMIT_CORE, &limit) < 0 || limit.rlim_max < 1 << 20)
		return "core files are limited";
	return NULL;
}

/* In a directory of its own, with the core. */
static void dumps_core(void *arg)
{
	struct rlimit limit;
	uint64_t none = 0;

	MUST(chdir(arg));
	MUST(getrlimit(RLIMIT_CORE, &limit));
	limit.rlim_cur = limit.rlim_max;
	MUST(setrlimit(RLIMIT_CORE, &limit));
	/* A shell ignores it for what it starts in the background. */
	signal(SIGQUIT, SIG_DFL);
	zdtm_ready();
	MUST(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none)));
	MUST(syscall(SYS_kill, getpid(), SIGQUIT));
}

static void remove_core(const char *dir, pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/core", dir);
	if (unlink(path) < 0 && errno == ENOENT) {
		snprintf(path, sizeof(path), "%s/core.%d", dir, pid);
		MUST(unlink(path));
	}
	MUST(rmdir(dir));
}

static void setup(void *arg)
{
	struct state *s = arg;
	char dir[] = "/tmp/zdtm-core.XXXXXX";
	siginfo_t info;

	CHECK(mkdtemp(dir), "cannot make %s", dir);
	s->child = zdtm_fork(dumps_core, dir);
	MUST(waitid(P_PID, s->child, &info, WEXITED | WNOWAIT));
	remove_core(dir, s->child);
	CHECK(info.si_code == CLD_DUMPED, "no core was dumped: code %d", info.si_code);
}

static void spoil(void *arg)
{
	struct state *s = arg;

	MUST(waitpid(s->child, NULL, 0));
}

static void check(void *arg)
{
	struct state *s = arg;
	int status;

	MUST(waitpid(s->child, &status, WNOHANG));
	CHECK(status == (SIGQUIT | 0x80), "the status is %#x", status);
}

const struct zdtm_test zdtm_test = {
	.about = "a zombie that dumped core is refused, its status is kept",
	.state_size = sizeof(struct state),
	.unsupported = unsupported,
	.setup = setup,
	.spoil = spoil,
	.check = check,
	.refusal = "a zombie that dumped core",
};
