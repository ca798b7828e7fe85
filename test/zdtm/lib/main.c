// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a test, from its command line to its verdict:
 *
 *	NAME --describe
 *	NAME --out FILE --pidfile FILE [--lazy] [--spoil]
 *
 * The second form returns when the test is ready in the background, with its pid
 * in the pidfile. The test has a session of its own and stdin from /dev/null; or it
 * is a job of its starter's session and terminal. Its stdout and stderr go to the
 * output file. It has no other descriptor.
 */
#include "lib/zdtm.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/task.h"

/* As Automake's test drivers have it. */
#define EXIT_SKIP 77

struct launch {
	const char *out;
	const char *pidfile;
	bool describe;
};

/* Filled from the command line before the first fork, constant after it. */
static bool lazy, spoiling;
static volatile sig_atomic_t stop;

bool zdtm_lazy(void)
{
	return lazy;
}

bool zdtm_spoiling(void)
{
	return spoiling;
}

static void on_term(int sig)
{
	stop = 1;
}

static void spin(void *state)
{
	struct sigaction action = { .sa_handler = on_term };
	sigset_t term;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	MUST(sigaction(SIGTERM, &action, NULL));
	MUST(sigprocmask(SIG_UNBLOCK, &term, NULL));
	zdtm_ready();
	zdtm_test.spin(state, &stop);
}

static void redirect(const char *out)
{
	int in = -1, log;

	if (!zdtm_test.terminal) {
		in = MUST(open("/dev/null", O_RDONLY));
		MUST(dup2(in, STDIN_FILENO));
	}
	log = MUST(open(out, O_WRONLY | O_CREAT | O_APPEND, 0666));
	MUST(dup2(log, STDOUT_FILENO));
	MUST(dup2(log, STDERR_FILENO));
	if (in > STDERR_FILENO)
		close(in);
	if (log > STDERR_FILENO)
		close(log);
}

static void run(void *arg)
{
	const struct launch *launch = arg;
	void *state = calloc(1, zdtm_test.state_size ? zdtm_test.state_size : 1);

	CHECK(state, "no memory for the state");
	if (zdtm_test.terminal)
		MUST(setpgid(0, 0));
	else
		MUST(setsid());
	redirect(launch->out);
	zdtm_test.setup(state);
	if (zdtm_test.spin)
		spin(state);
	else
		zdtm_wait();
	if (spoiling && zdtm_test.spoil)
		zdtm_test.spoil(state);
	zdtm_test.check(state);
	if (write(STDOUT_FILENO, "PASS\n", 5) != 5)
		_exit(1);
}

static void describe(void)
{
	const char *reason = zdtm_test.unsupported ? zdtm_test.unsupported() : NULL;

	printf("about: %s\n", zdtm_test.about);
	if (reason)
		printf("skip: %s\n", reason);
	if (zdtm_test.dump_options)
		printf("dump: %s\n", zdtm_test.dump_options);
	if (zdtm_test.restore_options)
		printf("restore: %s\n", zdtm_test.restore_options);
	if (zdtm_test.refusal)
		printf("refusal: %s\n", zdtm_test.refusal);
	if (zdtm_test.terminal)
		printf("terminal: yes\n");
	if (zdtm_test.busy)
		printf("busy: yes\n");
	if (zdtm_test.restless)
		printf("restless: yes\n");
}

static int write_pidfile(const char *path, int pid)
{
	FILE *file = fopen(path, "w");

	if (!file || fprintf(file, "%d\n", pid) < 0 || fclose(file)) {
		perror(path);
		return 1;
	}
	return 0;
}

static int parse(struct launch *launch, int argc, char **argv)
{
	static const struct option options[] = {
		{ "describe", no_argument, NULL, 'd' },
		{ "lazy", no_argument, NULL, 'l' },
		{ "out", required_argument, NULL, 'o' },
		{ "pidfile", required_argument, NULL, 'p' },
		{ "spoil", no_argument, NULL, 's' },
		{}
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'd':
			launch->describe = true;
			break;
		case 'l':
			lazy = true;
			break;
		case 'o':
			launch->out = optarg;
			break;
		case 'p':
			launch->pidfile = optarg;
			break;
		case 's':
			spoiling = true;
			break;
		default:
			return -1;
		}
	}
	return optind == argc && (launch->describe || (launch->out && launch->pidfile)) ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct launch launch = {};
	const char *reason;
	sigset_t term;

	if (parse(&launch, argc, argv) < 0) {
		fprintf(stderr, "usage: %s --describe | --out FILE --pidfile FILE [--lazy] "
			"[--spoil]\n", argv[0]);
		return 2;
	}
	if (launch.describe) {
		describe();
		return 0;
	}
	reason = zdtm_test.unsupported ? zdtm_test.unsupported() : NULL;
	if (reason) {
		printf("SKIP: %s\n", reason);
		return EXIT_SKIP;
	}
	/* What a shell or a harness left open is no state of the test. */
	MUST(close_range(STDERR_FILENO + 1, ~0U, 0));
	/* Before the fork: the signal may come at any time after "ready". */
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	MUST(sigprocmask(SIG_BLOCK, &term, NULL));
	return write_pidfile(launch.pidfile, zdtm_fork(run, &launch));
}
