/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The handoff: how a lazy restore gives its address spaces to the lazy-pages
 * server.
 *
 * Both meet at the socket `lazy-pages.socket` in the work directory, a
 * SOCK_SEQPACKET Unix socket of mode 0600: one record is one message, so that
 * several restored tasks, which share the socket by fork, may send at once
 * without a lock. Each end checks that the other has the same user, or root.
 *
 *	restore				server
 *	HELLO {magic, version}	->
 *				<-	STATUS 0, or -errno and the end
 *	SEGMENT {shmid} + fd	->		for each shared segment, once
 *	TASK {pid, n_ranges} + uffd, pidfd ->	for each task that has ranges
 *	RANGES {pid, ...}	->		more of them, if need be
 *	COMPLETE {n_tasks}	->
 *				<-	STATUS 0: all is served; or -errno
 *	RUNNING			->		the tasks run, and nothing can fail any more
 *
 * The server answers faults of a task from its TASK record on; it fills in the
 * background after RUNNING, or COMPLETE and a hangup: until then restore needs the
 * processors itself. A restore that hangs up before COMPLETE has failed; one that does
 * so before RUNNING has, too, where that makes a difference.
 * The order of SEGMENT and TASK records does not matter, but all SEGMENTs
 * that a TASK's ranges name must have been sent before COMPLETE, and before
 * the task touches them.
 */
#ifndef CRIU_LITE_PAGES_HANDOFF_H
#define CRIU_LITE_PAGES_HANDOFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HANDOFF_SOCKET_NAME "lazy-pages.socket"

/* Bounds on what a record may claim. */
#define HANDOFF_RANGES_MAX (1U << 20)
#define HANDOFF_TASKS_MAX (1U << 22)
#define HANDOFF_HUGE_MAX 30

enum handoff_range_kind {
	HANDOFF_PRIVATE = 1,		/* source: the page map of the pid */
	HANDOFF_SHARED = 2,		/* source: the segment `shmid` */
};

/*
 * One armed range. Bytes, aligned to its pages; ranges of a task ascend and are disjoint.
 */
struct handoff_range {
	uint64_t start, end;		/* addresses in the task */
	uint32_t kind;			/* enum handoff_range_kind */
	uint32_t huge;			/* log2 of the size of huge pages; 0: ordinary ones */
	uint64_t shmid;			/* HANDOFF_SHARED; else 0 */
	uint64_t source;		/* where `start` is in the source: address or offset */
};

/* Restore's side. All return 0 or a negative errno, logged, unless said otherwise. */

/*
 * Connects to the server of the work directory. -ECONNREFUSED, not logged: nobody listens
 * there. Returns the socket: blocking, close-on-exec, the caller's to close.
 */
int handoff_connect(int workdir_fd);
/*
 * Greets the server at the other end of @sock, which is bound to this restore from then on;
 * what is sent next is behind that.
 */
int handoff_greet(int sock);
/*
 * Waits until it has answered that, which may take as long as it needs. -EINTR: @stop,
 * a descriptor or -1, was readable before it did.
 */
int handoff_answered(int sock, int stop);
/* Whether nobody is at the other end of @sock any more. Does not wait, takes no record. */
bool handoff_hung_up(int sock);

/*
 * A shared anonymous segment: @fd is an open file of it (say, opened through
 * /proc/self/map_files) for reading and writing. Its missing pages are filled
 * from pagemap-shmem-@shmid.
 */
int handoff_send_segment(int sock, uint64_t shmid, int fd);

/*
 * A task: @pid is the key of its images (its pid as it sees it itself), @uffd
 * its userfaultfd with the four events on, @pidfd its pidfd. The descriptors
 * stay the caller's. Called before the ranges are registered or after it. Safe
 * to call from several processes that share @sock.
 */
int handoff_send_task(int sock, int pid, int uffd, int pidfd,
		      const struct handoff_range *ranges, size_t n_ranges);

/*
 * All @n_tasks tasks were sent, and all their ranges are registered. Returns 0
 * when the server has taken charge of them: from here on they may run; -EINTR
 * when @stop, unless that is -1, was readable before it answered.
 */
int handoff_complete(int sock, int stop, unsigned int n_tasks);
/* The tasks run. Not answered. */
int handoff_running(int sock);

/* The server's side. */

enum handoff_type {
	HANDOFF_HELLO = 1,
	HANDOFF_SEGMENT,
	HANDOFF_TASK,
	HANDOFF_RANGES,
	HANDOFF_COMPLETE,
	HANDOFF_STATUS,
	HANDOFF_RUNNING,
	HANDOFF_TYPE_COUNT,
};

const char *handoff_type_str(enum handoff_type type);

/* A record as received and checked. */
struct handoff_record {
	enum handoff_type type;
	int pid;			/* TASK, RANGES */
	uint32_t n_tasks;		/* COMPLETE */
	int32_t status;			/* STATUS: 0 or -errno */
	uint64_t shmid;			/* SEGMENT */
	uint32_t n_total;		/* TASK: ranges in this and the RANGES that follow */
	uint32_t first;			/* RANGES: how many came before */
	struct handoff_range *ranges;	/* TASK, RANGES */
	uint32_t n_ranges;
	int fd;				/* SEGMENT: the file; TASK: the userfaultfd; else -1 */
	int pidfd;			/* TASK; else -1 */
};

/*
 * Makes the socket below the work directory, replacing a stale one, and
 * listens. Returns the descriptor, non-blocking and close-on-exec, or -errno.
 * packet_accept() takes who connects.
 */
int handoff_listen(int workdir_fd);
/*
 * Receives one record. Returns 1; 0 at the end of the connection; -EAGAIN when
 * none is there; -EPROTO (logged) when the record is not what this header
 * says; -errno. The caller owns rec->ranges and the descriptors:
 * handoff_record_fini().
 */
int handoff_receive(int sock, struct handoff_record *rec);
void handoff_record_fini(struct handoff_record *rec);
int handoff_send_status(int sock, int status);

#endif
