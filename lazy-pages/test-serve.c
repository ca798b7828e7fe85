// SPDX-License-Identifier: GPL-2.0-only
/*
 * The server as a whole: real tasks with armed memory, and what becomes of
 * them when things end in every order.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lazy-pages/fill.h"
#include "lazy-pages/test-rig.h"
#include "pages/handoff.h"
#include "sys/syscall.h"
#include "sys/uffd.h"
#include "util/cleanup.h"
#include "util/macro.h"

#define N_AREAS 4
#define N_PAGES 2048

/* What tasks tell the test. */
struct board {
	volatile int wrong;		/* pages that did not hold what they must */
	volatile int ready;		/* tasks that are at work */
	volatile pid_t orphan;
};

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	if (!rig_possible()) {
		print_message("not root, or no userfaultfd here\n");
		exit(77);
	}
	rig_init(rig);
	rig_write_task(rig, RIG_PID, N_AREAS, N_PAGES);
	rig_write_task(rig, RIG_PID + 1, 0, 0);
	rig_write_segment(rig, RIG_SHMID, N_PAGES);
	rig_commit(rig);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	rig_fini(*state);
	free(*state);
	return 0;
}

static struct board *make_board(void)
{
	struct board *board = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(board, MAP_FAILED);
	return board;
}

static bool page_right(unsigned int area, size_t page)
{
	uint64_t at = RIG_BASE + area * RIG_STRIDE + page * PAGE_SIZE;

	return rig_page_tag((void *)(uintptr_t)at) == rig_tag(at);
}

/* All pages, each once, far from in order. */
static void check_all(struct board *board)
{
	for (size_t i = 0; i < N_AREAS * N_PAGES; i++) {
		size_t at = i * 7919 % (N_AREAS * N_PAGES);

		board->wrong += !page_right(at / N_PAGES, at % N_PAGES);
	}
}

static int wait_for(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void wait_ready(const struct board *board, int n)
{
	for (int i = 0; board->ready < n && i < 5000; i++)
		usleep(1000);
	assert_int_equal(board->ready, n);
}

/* In a task of its own, whose areas are of @n_pages; with all brought meanwhile, and without. */
static void use_served(struct rig *rig, size_t n_pages, void (*use)(struct board *board))
{
	struct board *board = make_board();
	pid_t pid;

	for (int background = LAZY_LINEAR; background <= LAZY_NONE; background++) {
		rig_start(rig, background);
		pid = fork();
		if (!pid) {
			rig_become_lazy(rig, N_AREAS, n_pages);
			use(board);
			_exit(0);
		}
		assert_int_equal(wait_for(pid), 0);
		assert_int_equal(rig_wait(rig), 0);
		assert_int_equal(board->wrong, 0);
	}
}

static void test_touched(void **state)
{
	use_served(*state, N_PAGES, check_all);
}

/* What the image holds, and behind it nothing: that is zero until somebody writes there. */
static void grow(struct board *board, unsigned int area, size_t page)
{
	const uint64_t at = RIG_BASE + area * RIG_STRIDE + page * PAGE_SIZE;
	uint64_t *words = (uint64_t *)(uintptr_t)at;

	if (page < N_PAGES) {
		board->wrong += !page_right(area, page);
		return;
	}
	for (size_t i = 0; i < PAGE_SIZE / sizeof(*words); i++)
		board->wrong += words[i] != 0;
	words[at / PAGE_SIZE % 512] = at;
}

static void grow_all(struct board *board)
{
	const size_t n = 2 * N_PAGES;

	for (size_t i = 0; i < n; i++) {
		grow(board, 0, i);
		grow(board, 1, n - 1 - i);
		grow(board, 2, i * 7919 % n);
		grow(board, 3, i % 2 ? n - 1 - i / 2 : i / 2);
	}
	for (size_t i = 0; i < N_AREAS * N_PAGES; i++) {
		uint64_t at = RIG_BASE + i % N_AREAS * RIG_STRIDE +
			      (N_PAGES + i / N_AREAS) * PAGE_SIZE;

		board->wrong += ((uint64_t *)at)[at / PAGE_SIZE % 512] != at;
	}
}

static void test_grow(void **state)
{
	use_served(*state, 2 * N_PAGES, grow_all);
}

/* Nobody touches anything: all must be there when the server has ended. */
static void test_background(void **state)
{
	struct rig *rig = *state;
	struct board *board = make_board();
	int gate[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe(gate), 0);
	rig_start(rig, LAZY_LINEAR);
	pid = fork();
	if (!pid) {
		rig_become_lazy(rig, N_AREAS, N_PAGES);
		close(gate[1]);
		rig_check(!read(gate[0], &byte, 1), "gate");
		check_all(board);
		_exit(0);
	}
	assert_int_equal(rig_wait(rig), 0);
	close(gate[0]);
	close(gate[1]);
	assert_int_equal(wait_for(pid), 0);
	assert_int_equal(board->wrong, 0);
}

static void test_task_ends_early(void **state)
{
	struct rig *rig = *state;
	pid_t pid;

	for (int background = LAZY_LINEAR; background <= LAZY_NONE; background++) {
		rig_start(rig, background);
		pid = fork();
		if (!pid) {
			rig_become_lazy(rig, N_AREAS, N_PAGES);
			_exit(7);
		}
		assert_int_equal(wait_for(pid), 7);
		assert_int_equal(rig_wait(rig), 0);
	}
}

static void test_nobody_comes(void **state)
{
	struct rig *rig = *state;

	rig_start(rig, LAZY_LINEAR);
	kill(rig->server, SIGTERM);
	assert_int_equal(rig_wait(rig), 0);
}

/* Children, and children of children, made while pages are missing. */
static void fork_and_check(struct board *board, int depth)
{
	pid_t children[2];
	int status;

	for (int i = 0; i < 2 && depth; i++) {
		children[i] = fork();
		rig_check(children[i] >= 0, "fork");
		if (!children[i]) {
			fork_and_check(board, depth - 1);
			_exit(0);
		}
		for (size_t page = i; page < N_PAGES; page += 16)
			board->wrong += !page_right(depth % N_AREAS, page);
	}
	check_all(board);
	for (int i = 0; i < 2 && depth; i++)
		rig_check(waitpid(children[i], &status, 0) == children[i] && !status, "child");
}

static void test_fork_tree(void **state)
{
	struct rig *rig = *state;
	struct board *board = make_board();
	pid_t pid;

	for (int background = LAZY_LINEAR; background <= LAZY_NONE; background++) {
		rig_start(rig, background);
		pid = fork();
		if (!pid) {
			rig_become_lazy(rig, N_AREAS, N_PAGES);
			fork_and_check(board, 3);
			_exit(0);
		}
		assert_int_equal(wait_for(pid), 0);
		assert_int_equal(rig_wait(rig), 0);
		assert_int_equal(board->wrong, 0);
	}
}

/* Reads for ever; what it must never see is a page that is not right. */
static void read_for_ever(struct board *board)
{
	__sync_fetch_and_add(&board->ready, 1);
	for (size_t i = 0;; i++) {
		size_t at = i * 7919 % (N_AREAS * N_PAGES);

		if (!page_right(at / N_PAGES, at % N_PAGES)) {
			board->wrong++;
			_exit(1);
		}
		usleep(500);
	}
}

/* A task, a child of it, and a grandchild whose parent has gone. */
static void start_family(struct rig *rig, struct board *board)
{
	rig_become_lazy(rig, N_AREAS, N_PAGES);
	if (!fork())
		read_for_ever(board);
	if (!fork()) {
		pid_t orphan = fork();

		if (!orphan) {
			rig_check(setsid() > 0, "setsid");
			read_for_ever(board);
		}
		board->orphan = orphan;
		_exit(0);
	}
	rig_check(wait(NULL) > 0, "wait");
	read_for_ever(board);
}

static void reap_all(void)
{
	int status;

	while (waitpid(-1, &status, 0) > 0)
		assert_false(WIFEXITED(status) && WEXITSTATUS(status));
	assert_int_equal(errno, ECHILD);
}

static void test_server_killed(void **state)
{
	static const int signals[] = { SIGKILL, SIGTRAP };
	struct rig *rig = *state;

	for (size_t i = 0; i < 2 * ARRAY_SIZE(signals); i++) {
		struct board *board = make_board();

		rig_start(rig, LAZY_NONE);
		if (!fork())
			start_family(rig, board);
		wait_ready(board, 3);
		kill(rig_worker(rig), signals[i % 2]);
		assert_int_equal(rig_wait(rig), 1);
		/* Already dead when the guardian lets go, the orphan too. */
		reap_all();
		assert_int_equal(kill(board->orphan, 0), -1);
		assert_int_equal(board->wrong, 0);
	}
}

static void test_guardian_killed(void **state)
{
	struct rig *rig = *state;
	struct board *board = make_board();
	pid_t pid, worker;
	int status;

	rig_start(rig, LAZY_NONE);
	worker = rig_worker(rig);
	pid = fork();
	if (!pid) {
		rig_become_lazy(rig, N_AREAS, N_PAGES);
		board->ready = 1;
		usleep(100000);
		check_all(board);
		_exit(0);
	}
	wait_ready(board, 1);
	kill(rig->server, SIGKILL);
	assert_int_equal(rig_wait(rig), -1);
	assert_int_equal(wait_for(pid), 0);
	assert_int_equal(board->wrong, 0);
	/* It is ours to reap by now, and ended well. */
	assert_int_equal(waitpid(worker, &status, 0), worker);
	assert_int_equal(status, 0);
}

static void test_restore_dies(void **state)
{
	struct rig *rig = *state;
	pid_t pid;

	rig_start(rig, LAZY_LINEAR);
	pid = fork();
	if (!pid) {
		int sock = rig_connect(rig);

		rig_map_areas(N_AREAS, N_PAGES);
		rig_hand_over(sock, RIG_PID, N_AREAS, N_PAGES);
		close(sock);
		pause();
	}
	assert_int_equal(rig_wait(rig), 1);
	assert_int_equal(wait_for(pid), -SIGKILL);
}

/*
 * Two tasks share a segment, and one has a child. Each lets go of pages, or
 * empties them, before they were ever there.
 */
#define SHARED_AT (RIG_BASE + N_AREAS * RIG_STRIDE)
#define PEER_PID (RIG_PID + 1)

static char *shared_page(size_t page)
{
	return (char *)(uintptr_t)(SHARED_AT + page * PAGE_SIZE);
}

static bool shared_right(size_t page)
{
	/* Emptied by advise(). */
	bool empty = page >= 64 && page < 128;

	return rig_page_tag(shared_page(page)) == (empty ? 0 : rig_tag(page * PAGE_SIZE));
}

static void map_shared(int sock)
{
	_cleanup_close_ int fd = -1;
	char path[64];

	rig_check(mmap(shared_page(0), N_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == shared_page(0), "mmap");
	snprintf(path, sizeof(path), "/proc/self/map_files/%llx-%llx", SHARED_AT,
		 SHARED_AT + N_PAGES * PAGE_SIZE);
	fd = open(path, O_RDWR | O_CLOEXEC);
	rig_check(fd >= 0, path);
	rig_check(!handoff_send_segment(sock, RIG_SHMID, fd), "send_segment");
}

static void hand_over_shared(int sock, int pid)
{
	struct handoff_range range = {
		.start = SHARED_AT, .end = SHARED_AT + N_PAGES * PAGE_SIZE,
		.kind = HANDOFF_SHARED, .shmid = RIG_SHMID,
	};
	_cleanup_close_ int uffd = uffd_open(UFFD_FEATURES_NONCOOP, NULL);
	_cleanup_close_ int pidfd = sys_pidfd_open(getpid(), 0);

	rig_check(uffd >= 0 && pidfd >= 0, "descriptors");
	rig_check(!uffd_register(uffd, range.start, range.end - range.start,
				 UFFDIO_REGISTER_MODE_MISSING, NULL), "register");
	rig_check(!handoff_send_task(sock, pid, uffd, pidfd, &range, 1), "send_task");
}

/* Lets pages 0-63 and 256-319 go, which keeps what they hold, and empties 64-127. */
static void advise(void)
{
	rig_check(!madvise(shared_page(0), 64 * PAGE_SIZE, MADV_DONTNEED), "MADV_DONTNEED");
	rig_check(!madvise(shared_page(64), 64 * PAGE_SIZE, MADV_REMOVE), "MADV_REMOVE");
	rig_check(!madvise(shared_page(256), 64 * PAGE_SIZE, MADV_DONTNEED), "MADV_DONTNEED");
}

static void check_shared(struct board *board, size_t step)
{
	for (size_t i = 0; i < N_PAGES; i++)
		board->wrong += !shared_right(i * step % N_PAGES);
}

static void wait_board(const struct board *board, int n)
{
	for (int i = 0; i < 5000 && board->ready < n; i++)
		usleep(1000);
	rig_check(board->ready >= n, "the other task is late");
}

static void share(struct rig *rig, struct board *board)
{
	int sock = rig_connect(rig), status;
	pid_t peer, child;

	map_shared(sock);
	peer = fork();
	rig_check(peer >= 0, "fork");
	if (!peer) {
		hand_over_shared(sock, PEER_PID);
		close(sock);
		__sync_fetch_and_add(&board->ready, 1);
		/* Until the other one has emptied what it empties. */
		wait_board(board, 2);
		check_shared(board, 1031);
		_exit(0);
	}
	hand_over_shared(sock, RIG_PID);
	wait_board(board, 1);
	rig_check(!handoff_complete(sock, -1, 2), "complete");
	close(sock);
	child = fork();
	rig_check(child >= 0, "fork");
	if (!child) {
		/* A child's process is not known to the server: the slow way. */
		rig_check(!madvise(shared_page(512), 64 * PAGE_SIZE, MADV_DONTNEED), "child");
		wait_board(board, 2);
		check_shared(board, 1);
		_exit(0);
	}
	advise();
	__sync_fetch_and_add(&board->ready, 1);
	check_shared(board, 509);
	rig_check(waitpid(peer, &status, 0) == peer && !status, "peer");
	rig_check(waitpid(child, &status, 0) == child && !status, "child");
}

static void test_shared(void **state)
{
	struct rig *rig = *state;

	for (int i = 0; i < 10; i++) {
		struct board *board = make_board();
		pid_t pid;

		rig_start(rig, i % 2);
		pid = fork();
		if (!pid) {
			share(rig, board);
			_exit(0);
		}
		assert_int_equal(wait_for(pid), 0);
		assert_int_equal(rig_wait(rig), 0);
		assert_int_equal(board->wrong, 0);
	}
}

/* Another version, garbage, and silence are turned away; the next one is served. */
static void test_strangers(void **state)
{
	struct rig *rig = *state;
	struct board *board = make_board();
	pid_t pid;

	rig_start(rig, LAZY_LINEAR);
	pid = fork();
	if (!pid) {
		_cleanup_close_ int dir = open(rig->dir, O_RDONLY | O_DIRECTORY);

		/* Listening there finds out that somebody is there already. */
		rig_check(handoff_listen(dir) == -EADDRINUSE, "second server");
		rig_become_lazy(rig, N_AREAS, N_PAGES);
		check_all(board);
		_exit(0);
	}
	assert_int_equal(wait_for(pid), 0);
	assert_int_equal(rig_wait(rig), 0);
	assert_int_equal(board->wrong, 0);
}

static void *unmap_page(void *at)
{
	munmap(at, PAGE_SIZE);
	return NULL;
}

/* It is not quiet as long as an event is unread, and when that was read it is. */
static void test_probe(void **state)
{
	char *at = mmap(NULL, 8 * PAGE_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	_cleanup_close_ int uffd = uffd_open(UFFD_FEATURES_NONCOOP, NULL);
	enum fill_outcome outcome;
	struct uffd_msg msg;
	pthread_t thread;

	assert_true(uffd >= 0 && at != MAP_FAILED);
	assert_int_equal(uffd_register(uffd, (uintptr_t)at, 8 * PAGE_SIZE,
				       UFFDIO_REGISTER_MODE_MISSING, NULL), 0);
	assert_int_equal(fill_probe(uffd, &outcome), 0);
	assert_int_equal(outcome, FILL_ABSENT);
	assert_int_equal(pthread_create(&thread, NULL, unmap_page, at + PAGE_SIZE), 0);
	do
		assert_int_equal(fill_probe(uffd, &outcome), 0);
	while (outcome != FILL_AGAIN);
	while (read(uffd, &msg, sizeof(msg)) < 0)
		assert_int_equal(errno, EAGAIN);
	assert_int_equal(msg.event, UFFD_EVENT_UNMAP);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(fill_probe(uffd, &outcome), 0);
	assert_int_equal(outcome, FILL_ABSENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_probe, setup, teardown),
		cmocka_unit_test_setup_teardown(test_touched, setup, teardown),
		cmocka_unit_test_setup_teardown(test_grow, setup, teardown),
		cmocka_unit_test_setup_teardown(test_background, setup, teardown),
		cmocka_unit_test_setup_teardown(test_task_ends_early, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nobody_comes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fork_tree, setup, teardown),
		cmocka_unit_test_setup_teardown(test_server_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_guardian_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_restore_dies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shared, setup, teardown),
		cmocka_unit_test_setup_teardown(test_strangers, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
