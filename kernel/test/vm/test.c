// SPDX-License-Identifier: GPL-2.0-only
/*
 * The runner of the cases, in TAP.
 *
 * A case reports through a shared page, so that its children and threads may
 * check, too, and so that its end by a signal loses nothing.
 */
#include <stdarg.h>
#include <stdint.h>

#include "test.h"

#define USUAL_SECONDS 20
#define SKIPPED 77

struct report {
	int failures;
	char text[4096 - sizeof(int)];
};
static struct report *report;

static void __attribute__((format(printf, 1, 2))) note(const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	__atomic_fetch_add(&report->failures, 1, __ATOMIC_SEQ_CST);
	if (strlen(report->text) + strlen(line) + 2 < sizeof(report->text)) {
		strcat(report->text, line);
		strcat(report->text, "\n");
	}
}

void test_check(bool good, const char *file, int line, const char *text)
{
	if (!good)
		note("#   %s:%d: not so: %s", file, line, text);
}

void test_equal(long long got, long long want, const char *file, int line, const char *text)
{
	if (got != want)
		note("#   %s:%d: %s: got %lld (%s), want %lld (%s)", file, line, text,
		     got, got < 0 && got > -4096 ? strerror(-got) : "",
		     want, want < 0 && want > -4096 ? strerror(-want) : "");
}

void test_skip(const char *why)
{
	snprintf(report->text, sizeof(report->text), "%s", why);
	_exit(SKIPPED);
}

void test_die(const char *file, int line, const char *text)
{
	note("#   %s:%d: must be: %s (errno %s)", file, line, text, strerror(errno));
	_exit(1);
}

static volatile pid_t running;

static void time_over(int sig)
{
	if (running > 0)
		kill(-running, SIGKILL);
}

/* How much longer everything takes on this kernel, as KERNEL_IS_SLOW says. */
static unsigned int slowness(void)
{
	const char *text = getenv("KERNEL_IS_SLOW");
	int factor = text ? atoi(text) : 1;

	return factor > 1 ? factor : 1;
}

/* Whether the case was good; *skipped when it could not be tried. */
static bool run_case(const struct test_case *c, bool *skipped)
{
	unsigned int seconds = (c->seconds ? c->seconds : USUAL_SECONDS) * slowness();
	int status;
	pid_t pid;

	memset(report, 0, sizeof(*report));
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGALRM, SIG_DFL);
		c->run();
		_exit(0);
	}
	setpgid(pid, pid);
	running = pid;
	alarm(seconds);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	*skipped = WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED;
	if (alarm(0) == 0)
		note("#   not over after %u seconds", seconds);
	else if (WIFSIGNALED(status))
		note("#   died of signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status) && !*skipped && !report->failures)
		note("#   exit status %d", WEXITSTATUS(status));
	kill(-pid, SIGKILL);
	running = 0;
	return report->failures == 0;
}

int test_main(int argc, char **argv, const struct test_case *cases, size_t count)
{
	bool option = argc > 1 && strcmp(argv[1], "--stock") == 0;
	bool stock = option || getenv("KERNEL_IS_STOCK");
	const char *only = argc > 1 && !option ? argv[1] : NULL;
	int failed = 0;
	size_t i;

	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (report == MAP_FAILED)
		return 99;
	/* Without SA_RESTART: the wait for the case is to end. */
	sigaction(SIGALRM, &(struct sigaction){ .sa_handler = time_over }, NULL);
	printf("1..%zu\n", only ? (size_t)1 : count);
	for (i = 0; i < count; i++) {
		bool skipped, good, want = !(stock && cases[i].better);

		if (only && strcmp(only, cases[i].name) != 0)
			continue;
		good = run_case(&cases[i], &skipped);
		if (skipped) {
			printf("ok %zu - %s # SKIP %s\n", i + 1, cases[i].name, report->text);
			continue;
		}
		printf("%sok %zu - %s%s\n", good == want ? "" : "not ", i + 1, cases[i].name,
		       want ? "" : good ? ": does not fail here" : ": fails here, as it must");
		if (good != want)
			failed++;
		if (!good)
			fputs(report->text, stdout);
	}
	return failed ? 1 : 0;
}
