// SPDX-License-Identifier: GPL-2.0-only
/*
 * The robust futex list of each thread: a thread that ends while it holds a robust
 * mutex hands it on with EOWNERDEAD. The kernel does that by the list head that the
 * thread registered, which has to be registered again.
 */
#include <linux/futex.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/pattern.h"
#include "lib/task.h"
#include "lib/zdtm.h"

struct shared {
	pthread_mutex_t mutex;
};

struct state {
	struct shared *shared;
	struct robust_list_head *head;
	pid_t child;
};

static struct robust_list_head *robust_head(void)
{
	struct robust_list_head *head;
	size_t len;

	MUST(syscall(SYS_get_robust_list, 0, &head, &len));
	CHECK(len == sizeof(*head), "the list head has %zu bytes", len);
	return head;
}

/* Ends with the mutex held, as a task does that was killed. */
static void child(void *arg)
{
	struct state *s = arg;

	MUST_ZERO(pthread_mutex_lock(&s->shared->mutex));
	zdtm_wait();
	if (zdtm_spoiling())
		MUST(syscall(SYS_set_robust_list, NULL, sizeof(struct robust_list_head)));
}

static void setup(void *arg)
{
	struct state *s = arg;
	pthread_mutexattr_t attr;

	s->shared = map_anon(PAGE, MAP_SHARED);
	MUST_ZERO(pthread_mutexattr_init(&attr));
	MUST_ZERO(pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED));
	MUST_ZERO(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST));
	MUST_ZERO(pthread_mutex_init(&s->shared->mutex, &attr));
	s->child = zdtm_fork(child, s);
	s->head = robust_head();
}

static void check(void *arg)
{
	struct state *s = arg;
	int error;

	CHECK(robust_head() == s->head, "the list head is %p, was %p", robust_head(), s->head);
	error = pthread_mutex_trylock(&s->shared->mutex);
	CHECK(error == EBUSY, "the mutex is not held: %s", strerror(error));
	zdtm_finish(s->child);
	error = pthread_mutex_trylock(&s->shared->mutex);
	CHECK(error == EOWNERDEAD, "the dead owner's mutex: %s", strerror(error));
	MUST_ZERO(pthread_mutex_consistent(&s->shared->mutex));
	MUST_ZERO(pthread_mutex_unlock(&s->shared->mutex));
}

const struct zdtm_test zdtm_test = {
	.about = "robust lists are registered again",
	.state_size = sizeof(struct state),
	.setup = setup,
	.check = check,
};
