// SPDX-License-Identifier: GPL-2.0-only
/*
 * A profile as container runtimes install it: a list of calls that are allowed,
 * some of them with certain arguments only, and everything else fails. The task in
 * it has an ordinary uid, no capabilities, threads and no_new_privs.
 */
#include <linux/audit.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/filter.h"
#include "lib/task.h"
#include "lib/zdtm.h"

static const uint16_t allowed[] = {
	SYS_accept, SYS_accept4, SYS_access, SYS_alarm, SYS_bind, SYS_brk, SYS_capget,
	SYS_capset, SYS_chdir, SYS_chmod, SYS_chown, SYS_clock_getres, SYS_clock_gettime,
	SYS_clock_nanosleep, SYS_close, SYS_close_range, SYS_connect, SYS_copy_file_range,
	SYS_creat, SYS_dup, SYS_dup2, SYS_dup3, SYS_epoll_create, SYS_epoll_create1,
	SYS_epoll_ctl, SYS_epoll_pwait, SYS_epoll_wait, SYS_eventfd2, SYS_execve, SYS_execveat,
	SYS_exit, SYS_exit_group, SYS_faccessat, SYS_faccessat2, SYS_fadvise64, SYS_fallocate,
	SYS_fchdir, SYS_fchmod, SYS_fchmodat, SYS_fchown, SYS_fchownat, SYS_fcntl,
	SYS_fdatasync, SYS_flock, SYS_fork, SYS_fstat, SYS_fstatfs, SYS_fsync, SYS_ftruncate,
	SYS_futex, SYS_get_robust_list, SYS_getcpu, SYS_getcwd, SYS_getdents64, SYS_getegid,
	SYS_geteuid, SYS_getgid, SYS_getgroups, SYS_getitimer, SYS_getpeername, SYS_getpgid,
	SYS_getpgrp, SYS_getpid, SYS_getppid, SYS_getpriority, SYS_getrandom, SYS_getresgid,
	SYS_getresuid, SYS_getrlimit, SYS_getrusage, SYS_getsid, SYS_getsockname,
	SYS_getsockopt, SYS_gettid, SYS_gettimeofday, SYS_getuid, SYS_inotify_add_watch,
	SYS_inotify_init1, SYS_inotify_rm_watch, SYS_ioctl, SYS_kill, SYS_lchown, SYS_link,
	SYS_linkat, SYS_listen, SYS_lseek, SYS_lstat, SYS_madvise, SYS_membarrier,
	SYS_memfd_create, SYS_mincore, SYS_mkdir, SYS_mkdirat, SYS_mlock, SYS_mmap,
	SYS_mprotect, SYS_mremap, SYS_msync, SYS_munlock, SYS_munmap, SYS_nanosleep,
	SYS_newfstatat, SYS_open, SYS_openat, SYS_openat2, SYS_pause, SYS_pidfd_open,
	SYS_pidfd_send_signal, SYS_pipe, SYS_pipe2, SYS_poll, SYS_ppoll, SYS_prctl, SYS_pread64,
	SYS_preadv, SYS_prlimit64, SYS_pselect6, SYS_pwrite64, SYS_pwritev, SYS_read,
	SYS_readlink, SYS_readlinkat, SYS_readv, SYS_recvfrom, SYS_recvmmsg, SYS_recvmsg,
	SYS_rename, SYS_renameat, SYS_renameat2, SYS_restart_syscall, SYS_rmdir, SYS_rseq,
	SYS_rt_sigaction, SYS_rt_sigpending, SYS_rt_sigprocmask, SYS_rt_sigqueueinfo,
	SYS_rt_sigreturn, SYS_rt_sigsuspend, SYS_rt_sigtimedwait, SYS_rt_tgsigqueueinfo,
	SYS_sched_getaffinity, SYS_sched_getparam, SYS_sched_getscheduler,
	SYS_sched_setaffinity, SYS_sched_setscheduler, SYS_sched_yield, SYS_seccomp, SYS_select,
	SYS_sendfile, SYS_sendmmsg, SYS_sendmsg, SYS_sendto, SYS_set_robust_list,
	SYS_set_tid_address, SYS_setfsgid, SYS_setfsuid, SYS_setgid, SYS_setgroups,
	SYS_setitimer, SYS_setpgid, SYS_setpriority, SYS_setresgid, SYS_setresuid,
	SYS_setrlimit, SYS_setsid, SYS_setsockopt, SYS_setuid, SYS_shutdown, SYS_sigaltstack,
	SYS_signalfd4, SYS_socketpair, SYS_splice, SYS_stat, SYS_statfs, SYS_statx, SYS_symlink,
	SYS_symlinkat, SYS_sync, SYS_sysinfo, SYS_tee, SYS_tgkill, SYS_time, SYS_timer_create,
	SYS_timer_delete, SYS_timer_getoverrun, SYS_timer_gettime, SYS_timer_settime,
	SYS_timerfd_create, SYS_timerfd_gettime, SYS_timerfd_settime, SYS_times, SYS_tkill,
	SYS_truncate, SYS_umask, SYS_uname, SYS_unlink, SYS_unlinkat, SYS_utimensat, SYS_vfork,
	SYS_vmsplice, SYS_wait4, SYS_waitid, SYS_write, SYS_writev,
};

#define N_ALLOWED (sizeof(allowed) / sizeof(*allowed))
#define NAMESPACES 0x7e020000
#define X32_BIT 0x40000000

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RET(action) BPF_STMT(BPF_RET | BPF_K, action)
#define IF_NOT(op, value, skip) BPF_JUMP(BPF_JMP | (op) | BPF_K, value, 0, skip)

static const struct sock_filter head[] = {
	LOAD(arch),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
	RET(SECCOMP_RET_KILL_PROCESS),
	LOAD(nr),
	IF_NOT(BPF_JGE, X32_BIT, 1),
	RET(FILTER_ERRNO(EPERM)),
};

/* clone() without new namespaces, clone3() not at all, no vsock, the usual personality. */
static const struct sock_filter tail[] = {
	IF_NOT(BPF_JEQ, SYS_clone, 4),
	LOAD(args[0]),
	IF_NOT(BPF_JSET, NAMESPACES, 1),
	RET(FILTER_ERRNO(EPERM)),
	RET(SECCOMP_RET_ALLOW),
	IF_NOT(BPF_JEQ, SYS_clone3, 1),
	RET(FILTER_ERRNO(ENOSYS)),
	IF_NOT(BPF_JEQ, SYS_socket, 4),
	LOAD(args[0]),
	IF_NOT(BPF_JEQ, AF_VSOCK, 1),
	RET(FILTER_ERRNO(EPERM)),
	RET(SECCOMP_RET_ALLOW),
	IF_NOT(BPF_JEQ, SYS_personality, 3),
	LOAD(args[0]),
	IF_NOT(BPF_JEQ, 0xffffffff, 1),
	RET(SECCOMP_RET_ALLOW),
	RET(FILTER_ERRNO(EPERM)),
};

#define N_HEAD (sizeof(head) / sizeof(*head))
#define N_TAIL (sizeof(tail) / sizeof(*tail))

struct state {
	struct zdtm_gate gate;
	pthread_t thread;
};

static void install(void)
{
	struct sock_filter insns[N_HEAD + 2 * N_ALLOWED + N_TAIL];
	size_t n = 0;

	for (size_t i = 0; i < N_HEAD; i++)
		insns[n++] = head[i];
	for (size_t i = 0; i < N_ALLOWED; i++) {
		insns[n++] = (struct sock_filter)IF_NOT(BPF_JEQ, allowed[i], 1);
		insns[n++] = (struct sock_filter)RET(SECCOMP_RET_ALLOW);
	}
	for (size_t i = 0; i < N_TAIL; i++)
		insns[n++] = tail[i];
	filter_install_program(insns, n, 0);
}

static void check_profile(void)
{
	CHECK(unshare(CLONE_NEWUSER) < 0 && errno == EPERM, "unshare() is not denied");
	CHECK(socket(AF_VSOCK, SOCK_STREAM, 0) < 0 && errno == EPERM, "vsock is not denied");
	CHECK(syscall(SYS_clone3, NULL, 0) < 0 && errno == ENOSYS, "clone3() is there");
	CHECK(syscall(SYS_personality, 0x400000) < 0 && errno == EPERM,
	      "personality() is not denied");
	MUST(close(MUST(socket(AF_UNIX, SOCK_STREAM, 0))));
	CHECK(filter_status("Seccomp_filters") == 1, "%d filters",
	      filter_status("Seccomp_filters"));
	CHECK(filter_status("NoNewPrivs") == 1, "no_new_privs is gone");
	CHECK(getuid() == 1003, "uid %d", getuid());
}

static void *worker(void *arg)
{
	zdtm_gate_arrive(arg);
	check_profile();
	return NULL;
}

static void setup(void *arg)
{
	struct state *s = arg;

	install();
	MUST(setresgid(1003, 1003, 1003));
	MUST(setresuid(1003, 1003, 1003));
	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	s->thread = zdtm_thread(worker, &s->gate);
	zdtm_gate_await(&s->gate, 1);
}

static void spoil(void *arg)
{
	const struct filter_rule rule = { SYS_socket, FILTER_ERRNO(EACCES) };

	filter_install(&rule, 1, SECCOMP_RET_ALLOW, 0);
}

static void check(void *arg)
{
	struct state *s = arg;

	check_profile();
	zdtm_gate_open(&s->gate);
	MUST_ZERO(pthread_join(s->thread, NULL));
}

const struct zdtm_test zdtm_test = {
	.about = "the profile of a container runtime",
	.state_size = sizeof(struct state),
	.setup = setup,
	.spoil = spoil,
	.check = check,
};
