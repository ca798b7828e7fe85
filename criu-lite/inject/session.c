// SPDX-License-Identifier: GPL-2.0-only
/*
 * A parasite's coming and going.
 *
 *	pad		in the padding behind the vdso
 *	guest		one thread of the task makes one call, clone(), from the
 *			pad; its child, the parasite's thread, starts there too
 *	area		the guest maps it; we write code and arguments into it
 *	start		the guest enters the code, connects to us and serves
 *	leave		we put the guest at the pad's exit: it unmaps the area
 *			and ends; the pad is zeroed
 *
 * The guest has a descriptor table of its own (no CLONE_FILES): nothing that
 * it opens has a number in the task's table. Signals are blocked in it as they
 * were in the thread that made it, and so it never takes one from the task.
 *
 * When the dumper is killed, a guest that has not reached its code runs into
 * the pad's exit, one that serves finds its socket closed and jumps there, when no
 * thread is left that was to write into its area (parasite-thread.c).
 */
#include "inject/session.h"

#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "inject/arch.h"
#include "inject/parasite.h"
#include "inject/remote.h"
#include "inject/seccomp.h"
#include "inject/stop.h"
#include "pie/blob.h"
#include "sys/proc.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"

enum {
	SIGNATURE_SIZE = 32,		/* bytes of code that tell an area of ours */
	SETTLE_MS = 2000,
};

/* Its offsets from the start of the area. */
static uint64_t blob_len(void)
{
	return pie_parasite_end - pie_parasite_start;
}

static uint64_t args_offset(void)
{
	return ALIGN_UP(blob_len(), PAGE_SIZE);
}

static uint64_t scratch_offset(void)
{
	return args_offset() + sizeof(struct parasite_args) + sizeof(struct parasite_packet);
}

static uint64_t area_size(void)
{
	return ALIGN_UP(scratch_offset() + PARASITE_SCRATCH_SIZE + PARASITE_STACK_SIZE, PAGE_SIZE);
}

/* Makes the guest. It stops before its first instruction, on the pad. */
static int make_guest(struct parasite *p, struct tracee *by)
{
	const uint64_t args[6] = {
		CLONE_VM | CLONE_FS | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
	};
	long result = -1;
	pid_t tid = 0;
	int r, back;

	r = stop_set_options(by, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE);
	if (r < 0)
		return r;
	r = remote_begin(by, &p->pad);
	if (r < 0)
		return r;
	r = remote_call_at(by, &p->pad, ARCH_PAD_CLONE, __NR_clone, args, &result, &tid);
	if (tid)
		p->guest = (struct tracee){ .pid = p->pid, .tid = tid, .state = TRACEE_SEIZED,
					    .suspended = by->suspended };
	back = remote_end(by, &p->pad);
	if (r >= 0)
		r = back;
	if (r >= 0)
		r = stop_set_options(by, PTRACE_O_TRACESYSGOOD);
	if (r < 0)
		return r;
	/* With all signals blocked that can only be SIGSTOP or SIGKILL. */
	if (result == -ERESTARTNOINTR)
		return log_errno(-EAGAIN, "pid %d: was stopped this moment: dump again", p->pid);
	if (result < 0)
		return log_errno(result, "pid %d: cannot make the parasite's thread%s", p->pid,
				 result == -EAGAIN ? " (RLIMIT_NPROC or pids.max)" : "");
	if (!tid)
		return log_errno(-EPROTO, "pid %d: no word of the parasite's thread", p->pid);
	r = stop_wait(&p->guest, STOP_RUN_CONT, STOP_INTERRUPT, NULL);
	return r < 0 ? r : stop_get_regs(&p->guest, &p->guest.regs);
}

static int map_area(struct parasite *p)
{
	const uint64_t args[6] = {
		0, area_size(), PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0,
	};
	long result;
	int r;

	arch_pad_set_map_len(p->pad.image, area_size());
	r = pad_update(&p->pad);
	if (r >= 0)
		r = remote_call_at(&p->guest, &p->pad, ARCH_PAD_MAP, __NR_mmap, args, &result,
				   NULL);
	if (r < 0)
		return r;
	if (result < 0 && result > -4096)
		return log_errno(result, "pid %d: cannot map the parasite's area of %lu bytes%s",
				 p->pid, area_size(), result == -ENOMEM ? " (RLIMIT_AS?)" : "");
	p->area = result;
	p->area_len = area_size();
	p->scratch = p->area + scratch_offset();
	arch_pad_set_area(p->pad.image, p->area, p->area_len);
	return pad_update(&p->pad);
}

static int write_memory(struct parasite *p, uint64_t addr, const void *data, size_t len)
{
	ssize_t n = pwrite(p->mem_fd, data, len, addr);

	if (n == (ssize_t)len)
		return 0;
	return log_errno(n < 0 ? -errno : -EIO, "pid %d: cannot write the parasite at %#lx",
			 p->pid, addr);
}

/* A socket that belongs to the network namespace of the task. */
static int socket_beside(pid_t pid)
{
	_cleanup_close_ int ours = -1, theirs = -1;
	struct stat st_ours, st_theirs;
	int sock;

	ours = proc_open(getpid(), O_RDONLY, "ns/net");
	theirs = proc_open(pid, O_RDONLY, "ns/net");
	if (ours < 0 || theirs < 0)
		return log_errno(ours < 0 ? ours : theirs, "pid %d: cannot find its network "
				 "namespace", pid);
	if (fstat(ours, &st_ours) < 0 || fstat(theirs, &st_theirs) < 0)
		return log_errno(-errno, "pid %d: cannot look at its network namespace", pid);
	if (st_ours.st_ino != st_theirs.st_ino && setns(theirs, CLONE_NEWNET) < 0)
		return log_errno(-errno, "pid %d: cannot enter its network namespace", pid);
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (sock < 0)
		sock = log_errno(-errno, "cannot make the control socket");
	if (st_ours.st_ino != st_theirs.st_ino && setns(ours, CLONE_NEWNET) < 0) {
		close_cleanup(&sock);
		return log_errno(-errno, "cannot go back to our network namespace");
	}
	return sock;
}

/* Abstract addresses are a network namespace's own; the kernel picks this one. */
static int listen_for(struct parasite *p, struct parasite_args *args)
{
	_cleanup_close_ int sock = socket_beside(p->tid);
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(addr);

	_Static_assert(sizeof(addr) <= sizeof(args->addr), "an address must fit");
	if (sock < 0)
		return sock;
	if (bind(sock, (struct sockaddr *)&addr, sizeof(addr.sun_family)) < 0 ||
	    getsockname(sock, (struct sockaddr *)&addr, &len) < 0 || listen(sock, 8) < 0)
		return log_errno(-errno, "cannot bind the control socket");
	memcpy(args->addr, &addr, len);
	args->addr_len = len;
	return take_fd(&sock);
}

static int start_code(struct parasite *p, struct parasite_args *args)
{
	uint64_t end = p->area + p->area_len, at = p->area + args_offset();
	struct user_regs_struct regs = p->guest.regs;
	int r;

	args->area = p->area;
	args->area_len = p->area_len;
	args->leave = p->pad.addr + arch_pad_entry(ARCH_PAD_LEAVE);
	args->done = p->pad.addr + arch_pad_done_offset();
	args->token = p->token;
	r = write_memory(p, p->area, pie_parasite_start, blob_len());
	if (r >= 0)
		r = write_memory(p, at, args, sizeof(*args));
	if (r < 0)
		return r;
	arch_regs_start(&regs, p->area, end, at, end - at);
	r = stop_set_regs(&p->guest, &regs);
	return r < 0 ? r : stop_resume(&p->guest, STOP_RUN_CONT);
}

/* Takes the connection that says hello with our token; others are closed. */
static int accept_guest(struct parasite *p, int listener)
{
	for (;;) {
		_cleanup_close_ int sock = -1;
		struct ucred cred = {};
		socklen_t len = sizeof(cred);
		int r = parasite_wait(p, listener);

		if (r < 0)
			return r;
		sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (sock < 0)
			return log_errno(-errno, "cannot accept the parasite of pid %d", p->pid);
		if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
			return log_errno(-errno, "parasite of pid %d: cannot tell who it is",
					 p->pid);
		if (cred.pid != p->pid) {
			log_warn("parasite of pid %d: pid %d connected in its place", p->pid,
				 cred.pid);
			continue;
		}
		p->sock = take_fd(&sock);
		return parasite_receive(p, PARASITE_HELLO, 0);
	}
}

/* Signals with a handler that makes an interrupted call fail. */
static int learn_sigactions(struct parasite *p)
{
	const struct parasite_misc *misc;
	int r = parasite_misc(p, &misc);

	if (r < 0)
		return r;
	for (int i = 0; i < PARASITE_NSIG; i++) {
		const struct parasite_sigaction *a = &misc->sigactions[i];

		if (a->handler != (uintptr_t)SIG_DFL && a->handler != (uintptr_t)SIG_IGN &&
		    !(a->flags & SA_RESTART))
			p->pad.breaking |= 1ULL << i;
	}
	return 0;
}

static int inject(struct parasite *p, struct tracee *by)
{
	struct parasite_args args = {};
	_cleanup_close_ int listener = -1;
	int r;

	r = tracee_admit(by, true);
	if (r < 0)
		return r;
	if (getrandom(&p->token, sizeof(p->token), 0) != sizeof(p->token))
		return log_errno(-EIO, "cannot get random bytes");
	p->mem_fd = proc_open(p->tid, O_RDWR, "mem");
	if (p->mem_fd < 0)
		return p->mem_fd;
	listener = listen_for(p, &args);
	if (listener < 0)
		return listener;
	r = pad_place(&p->pad, p->tid, p->mem_fd);
	if (r >= 0)
		r = make_guest(p, by);
	if (r >= 0)
		r = map_area(p);
	if (r >= 0)
		r = start_code(p, &args);
	if (r >= 0)
		r = accept_guest(p, listener);
	return r < 0 ? r : learn_sigactions(p);
}

/* Puts the guest where it unmaps the area and ends. */
static int remove_guest(struct parasite *p)
{
	struct tracee *g = &p->guest;
	struct user_regs_struct regs;
	int r;

	/* Not made, or it has left by itself. */
	if (g->state == TRACEE_FREE || g->exited)
		return 0;
	r = stop_interrupt(g);
	if (r >= 0)
		r = stop_get_regs(g, &regs);
	if (r < 0)
		return r;
	arch_regs_start(&regs, p->pad.addr + arch_pad_entry(ARCH_PAD_LEAVE), regs.rsp, 0, 0);
	r = stop_set_regs(g, &regs);
	if (r >= 0)
		r = stop_run_to(g, STOP_RUN_CONT, STOP_SIGNAL, NULL);
	/* Somebody stops the task, and the guest is who takes the signal: it is passed on. */
	while (r >= 0 && g->signal == SIGSTOP) {
		r = stop_deliver(g, SIGSTOP);
		if (r >= 0)
			r = stop_run_to(g, STOP_RUN_CONT, STOP_SIGNAL, NULL);
	}
	/* It was on the way to its end, so that is what we must find. */
	if (r == -ESRCH && g->collected)
		return 0;
	return r < 0 ? r : log_errno(-EPROTO, "parasite of pid %d does not leave", p->pid);
}

static void close_all(struct parasite *p)
{
	close_cleanup(&p->sock);
	close_cleanup(&p->pipe);
	close_cleanup(&p->mem_fd);
}

int parasite_cure(struct parasite *p)
{
	int r;

	if (!p)
		return 0;
	r = remove_guest(p);
	if (p->guest.state == TRACEE_GONE)
		tracee_fini(&p->guest);
	/* With a thread on it the pad must stay. */
	if (r >= 0)
		r = pad_remove(&p->pad);
	close_all(p);
	free(p);
	return r;
}

int parasite_inject(struct tracee *by, struct parasite **out)
{
	struct parasite *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->pid = by->pid;
	p->tid = by->tid;
	p->mem_fd = p->sock = p->pipe = -1;
	r = inject(p, by);
	if (r < 0) {
		parasite_cure(p);
		return r;
	}
	*out = p;
	return 0;
}

/* Whether the area of a parasite of ours, or of one like ours, is still there. */
static bool area_is_there(int mem_fd, const struct pad_area *area)
{
	uint8_t code[SIGNATURE_SIZE];

	return area->len && pread(mem_fd, code, sizeof(code), area->addr) == sizeof(code) &&
	       memcmp(code, pie_parasite_start, sizeof(code)) == 0;
}

int inject_settle(pid_t pid)
{
	const struct timespec pause = { .tv_nsec = 1000 * 1000 };
	_cleanup_close_ int mem_fd = proc_open(pid, O_RDONLY, "mem");
	struct pad_area areas[PAD_STALE_MAX];
	int n;

	if (mem_fd < 0)
		return mem_fd;
	n = pad_stale(pid, mem_fd, areas);
	for (int i = 0; i < n; i++) {
		int tries = SETTLE_MS;

		while (area_is_there(mem_fd, &areas[i]) && tries-- > 0)
			nanosleep(&pause, NULL);
		if (tries < 0)
			return log_errno(-EBUSY, "pid %d: the parasite of a dumper that was killed "
					 "is still there; it leaves when the task runs (SIGCONT)",
					 pid);
	}
	return n < 0 ? n : 0;
}

uint64_t parasite_area(const struct parasite *p)
{
	return p->area;
}

int parasite_mem_fd(const struct parasite *p)
{
	return p->mem_fd;
}

void parasite_scrub(const struct parasite *p, uint64_t addr, void *buf, size_t len)
{
	uint64_t start = MAX(addr, p->pad.addr);
	uint64_t end = MIN(addr + len, p->pad.addr + arch_pad_size());

	if (p->pad.addr && start < end)
		memset((char *)buf + (start - addr), 0, end - start);
}
