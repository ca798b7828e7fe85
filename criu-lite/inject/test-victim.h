/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Victims for the tests of inject/: tasks that do one thing in threads, check
 * it themselves and count it, and notice any difference.
 */
#ifndef CRIU_LITE_INJECT_TEST_VICTIM_H
#define CRIU_LITE_INJECT_TEST_VICTIM_H

#include <stdint.h>
#include <sys/types.h>

#define VICTIM_THREADS_MAX 32

/* What one thread of a victim does; 0 on success, a line number when it is not as it should be. */
typedef int (*victim_work)(void);

/* Computes in all general and vector registers, with the flags. */
int victim_registers(void);
/* Sleeps in nanosleep, clock_nanosleep, poll, futex and pselect: none may fail. */
int victim_sleep(void);
/* Waits in read() for a byte that never comes, until a signal without SA_RESTART. */
int victim_read_until_signal(void);
/* The same with SA_RESTART: a byte comes from the handler. */
int victim_read_restarted(void);
/* Waits in ppoll(), which fails when a handler has run, SA_RESTART or not. */
int victim_poll_until_signal(void);
/* Sends signals to itself as fast as it can: each must be handled at once. */
int victim_flood(void);
/* Waits for a signal in sigsuspend() and ppoll(). */
int victim_sigsuspend(void);
/*
 * Waits in epoll_wait() and sigwaitinfo(), which fail with EINTR by the mere
 * stop. Not for a dumper that is killed before it has set that right.
 */
int victim_plain_eintr(void);

/*
 * These three together show what is written late by a thread that hardly gets to run:
 * one that makes and unmaps memory and looks whether it stays zero, one that keeps a
 * processor busy, and one that runs there only when nothing else does.
 */
int victim_mapper(void);
int victim_busy(void);
int victim_slow(void);

/* Spins in a restartable sequence. */
int victim_rseq(void);

extern const char victim_rseq_start[] __attribute__((visibility("hidden")));
extern const char victim_rseq_end[] __attribute__((visibility("hidden")));
extern const char victim_rseq_abort[] __attribute__((visibility("hidden")));

/* Shared with the test. */
struct victim_shared {
	uint32_t stop;
	uint32_t ready;				/* threads that have begun */
	struct {
		uint64_t rounds;		/* done and right */
		int32_t error;			/* line, 0: none */
		int32_t tid;
	} threads[VICTIM_THREADS_MAX];
	uint64_t ticks;				/* of the storm */
	uint64_t late;				/* see victim_note_late() */
	uint64_t page;				/* an address with known content, 16 pages */
	uint64_t hidden;			/* the same with PROT_NONE */
};

struct victim {
	pid_t pid;
	int n_threads;
	struct victim_shared *shared;
	char *state;				/* of victim_state() at the start */
};

enum victim_flags {
	VICTIM_STORM = 1 << 0,			/* SIGALRM each ms, on an alternate stack */
	VICTIM_NO_VDSO = 1 << 1,		/* it has unmapped its vdso */
	VICTIM_MDWE = 1 << 2,			/* memory is not made executable later */
	VICTIM_ALONE = 1 << 3,			/* not root, and RLIMIT_NPROC is 1 */
	VICTIM_FILTERED = 1 << 4,		/* a seccomp filter that allows everything */
	VICTIM_NEW_NET = 1 << 5,		/* in a network namespace of its own */
	VICTIM_FILTER_FAILS = 1 << 6,		/* one that makes most of a parasite's calls fail */
	VICTIM_FILTER_KILLS = 1 << 7,		/* one that kills it for what a parasite does */
	VICTIM_FILTER_LIES = 1 << 8,		/* one that says clone() was successful */
	VICTIM_NO_RESTART = 1 << 9,		/* one that kills it for restart_syscall() */
};

/*
 * A handler has run on a pad and its call was made once more: right only when
 * the signal came in the last instructions of the way back, or before the
 * dumper had learned of the handler.
 */
void victim_note_late(void);

/* A victim with a thread for each of @work; returns when all have begun. */
void victim_start(struct victim *v, const victim_work *work, int n, unsigned int flags);
void victim_end(struct victim *v);

/* Its maps, descriptors, masks, thread names and so on, as text that the caller frees. */
char *victim_state(const struct victim *v);
/* Waits until each thread has done more; all is right and as it was at the start. */
void victim_check(const struct victim *v);

/* Byte @i of page and hidden. */
static inline uint8_t victim_byte(uint64_t i)
{
	return i * 7 + i / 4096;
}

#define VICTIM_PAGES 16

#endif
