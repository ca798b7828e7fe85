// SPDX-License-Identifier: GPL-2.0-only
/*
 * Task kinds: a victim whose state is known is dumped, its messages are looked
 * at, checked as a restore would, planned; and then damaged in every way that
 * a check has to notice. Needs root.
 */
#include <errno.h>
#include <linux/kcmp.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/dump.h"
#include "core/file.h"
#include "core/restore.h"
#include "images/inventory.pb-c.h"
#include "inject/abi/restorer.h"
#include "inject/session.h"
#include "inject/tracee.h"
#include "kinds/table.h"
#include "kinds/task/kinds.h"
#include "sys/features.h"
#include "sys/proc_limits.h"
#include "sys/proc_stat.h"
#include "sys/proc_status.h"
#include "sys/proc_tasks.h"
#include "sys/proc_timers.h"
#include "util/arena.h"
#include "util/cleanup.h"
#include "util/macro.h"

#define N_THREADS 2
#define NAME "a task kind"
#define STACK_SIZE 65536
#define AREA_SIZE (1 << 20)

/* The victim: every piece of state differs from the default. */

static char stacks[N_THREADS][STACK_SIZE];

static void handler(int sig, siginfo_t *info, void *context)
{
}

static void arm_timers(void)
{
	const struct itimerval slow = { { 700, 5 }, { 800, 6 } };
	const struct itimerspec spec = { { 900, 7 }, { 1000, 8 } };
	struct sigevent event = {
		.sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = SIGUSR2,
		.sigev_value.sival_int = 99,
	};
	timer_t timer;

	setitimer(ITIMER_REAL, &slow, NULL);
	timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &timer);
	timer_settime(timer, 0, &spec, NULL);
	event.sigev_notify = SIGEV_NONE;
	timer_create(CLOCK_BOOTTIME, &event, &timer);
}

static void set_thread(int i)
{
	const stack_t sas = { .ss_sp = stacks[i], .ss_size = STACK_SIZE };
	union sigval value = { .sival_int = 40 + i };
	siginfo_t info = { .si_signo = SIGRTMIN + 3, .si_code = SI_QUEUE };
	sigset_t blocked;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGRTMIN + 3);
	sigaddset(&blocked, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &blocked, NULL);
	sigaltstack(&sas, NULL);
	setpriority(PRIO_PROCESS, 0, 3 + i);
	info.si_value = value;
	syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGRTMIN + 3, &info);
}

static void *thread_main(void *arg)
{
	set_thread(1);
	prctl(PR_SET_NAME, NAME "_1");
	prctl(PR_SET_PDEATHSIG, SIGWINCH);
	*(volatile int *)arg = 1;
	for (;;)
		pause();
	return NULL;
}

static void victim(int ready)
{
	const struct rlimit limit = { 50, 60 };
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
	volatile int there = 0;
	pthread_t thread;

	setsid();
	prctl(PR_SET_NAME, NAME);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	personality(ADDR_NO_RANDOMIZE);
	syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
	umask(0123);
	if (chdir("/tmp") < 0)
		_exit(1);
	setrlimit(RLIMIT_NOFILE, &limit);
	sigaddset(&action.sa_mask, SIGHUP);
	sigaction(SIGUSR1, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	arm_timers();
	set_thread(0);
	kill(getpid(), SIGUSR1);
	pthread_create(&thread, NULL, thread_main, (void *)&there);
	while (!there)
		usleep(1000);
	usleep(20000);
	if (write(ready, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

/* The dump, as the engine would do it. */

struct fixture {
	pid_t pid;
	struct kernel_features features;
	struct dump dump;
	struct task task;
	struct restore restore;
	struct task restored;
	InventoryEntry inventory;
};

static void start_victim(struct fixture *f)
{
	int ready[2];
	char byte;

	assert_int_equal(pipe(ready), 0);
	f->pid = fork();
	assert_true(f->pid >= 0);
	if (!f->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		victim(ready[1]);
		_exit(1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
}

static void seize(struct fixture *f)
{
	struct task *t = &f->task;
	pid_t *tids;

	assert_int_equal(proc_threads_read(f->pid, &tids, &t->n_threads), 0);
	assert_int_equal(t->n_threads, N_THREADS);
	t->threads = arena_new_array(f->dump.arena, struct thread, N_THREADS);
	for (size_t i = 0; i < N_THREADS; i++) {
		struct thread *th = &t->threads[i];

		th->tid = tids[i];
		th->dump = arena_new_object(f->dump.arena, struct thread_dump);
		th->dump->tracee = arena_new_object(f->dump.arena, struct tracee);
		assert_int_equal(tracee_seize(f->pid, tids[i], th->dump->tracee), 0);
		assert_int_equal(tracee_stop(th->dump->tracee), 0);
	}
	free(tids);
}

static void read_facts(struct fixture *f)
{
	struct task *t = &f->task;
	struct task_dump *td = t->dump;

	assert_int_equal(proc_stat_read(f->pid, 0, td->stat), 0);
	assert_int_equal(proc_limits_read(f->pid, td->limits), 0);
	assert_int_equal(proc_timers_read(f->pid, &td->timers, &td->n_timers), 0);
	for (size_t i = 0; i < N_THREADS; i++) {
		struct thread *th = &t->threads[i];

		th->dump->status = arena_new_object(f->dump.arena, struct proc_status);
		assert_int_equal(proc_status_read(f->pid, th->tid, th->dump->status), 0);
	}
	td->status = t->threads[0].dump->status;
	for (const struct task_kind *const *k = kind_table.tasks; *k; k++)
		if ((*k)->admit)
			assert_int_equal((*k)->admit(&f->dump, t), 0);
	assert_int_equal(parasite_inject(t->threads[0].dump->tracee, &td->parasite), 0);
	assert_int_equal(parasite_misc(td->parasite, &td->misc), 0);
}

static void run_dump(struct fixture *f)
{
	struct task *t = &f->task;

	for (const struct task_kind *const *k = kind_table.tasks; *k; k++) {
		if ((*k)->dump_task)
			assert_int_equal((*k)->dump_task(&f->dump, t), 0);
		for (size_t i = 0; (*k)->dump_thread && i < N_THREADS; i++)
			assert_int_equal((*k)->dump_thread(&f->dump, t, &t->threads[i]), 0);
	}
}

static void start_dump(struct fixture *f)
{
	struct dump *d = &f->dump;

	assert_int_equal(features_probe(&f->features), 0);
	d->features = &f->features;
	d->kinds = &kind_table;
	d->arena = arena_new();
	TAILQ_INIT(&d->tasks);
	kobj_set_init(&d->files, KCMP_FILE, d->arena);
	f->task.pid = f->pid;
	f->task.state = TASK_ALIVE;
	f->task.ids = arena_message(d->arena, TaskKobjIdsEntry, task_kobj_ids_entry__init);
	f->task.dump = arena_new_object(d->arena, struct task_dump);
	f->task.dump->stat = arena_new_object(d->arena, struct proc_stat);
	f->task.dump->limits = arena_new_object(d->arena, struct proc_limits);
	TAILQ_INIT(&f->task.children);
	TAILQ_INSERT_TAIL(&d->tasks, &f->task, link);
}

static const SeccompEntry no_filters = SECCOMP_ENTRY__INIT;

/* A restore that has read the files of the dump. */
static void start_restore(struct fixture *f)
{
	struct restore *r = &f->restore;

	r->features = &f->features;
	r->kinds = &kind_table;
	r->arena = f->dump.arena;
	r->inventory = &f->inventory;
	r->filters = &no_filters;
	f->restored.restore = arena_new_object(r->arena, struct task_restore);
	inventory_entry__init(r->inventory);
	r->inventory->root_ids = f->task.ids;
	r->n_files = f->dump.n_descriptions;
	r->files = arena_new_array(r->arena, struct file, r->n_files);
	for (size_t i = 0; i < r->n_files; i++) {
		struct file *file = &r->files[i];

		file->entry = f->dump.descriptions[i]->entry;
		file->id = file->entry->id;
		file->type = file->entry->type;
		file->fd = 1000 + i;
	}
	TAILQ_INIT(&r->tasks);
	TAILQ_INSERT_TAIL(&r->tasks, &f->restored, link);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	start_victim(f);
	start_dump(f);
	seize(f);
	read_facts(f);
	run_dump(f);
	assert_int_equal(parasite_cure(take_ptr(f->task.dump->parasite)), 0);
	for (size_t i = 0; i < N_THREADS; i++)
		assert_int_equal(tracee_detach(f->task.threads[i].dump->tracee), 0);
	start_restore(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	kill(f->pid, SIGKILL);
	waitpid(f->pid, NULL, 0);
	for (size_t i = 0; i < N_THREADS; i++)
		proc_status_fini(f->task.threads[i].dump->status);
	free(f->task.dump->timers);
	fd_info_close_all(&f->dump);
	free(f->dump.descriptions);
	free(f->dump.path_files);
	arena_free(f->dump.arena);
	free(f);
	return 0;
}

/* What the messages say. */

static void test_task(void **state)
{
	const struct fixture *f = *state;
	const TaskCoreEntry *tc = task_core(&f->task)->tc;

	assert_int_equal(tc->task_state, TASK_ALIVE);
	assert_int_equal(tc->personality, ADDR_NO_RANDOMIZE);
	assert_string_equal(tc->comm, NAME);
	assert_true(tc->child_subreaper);
	assert_int_equal(tc->membarrier_registration_mask,
			 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
	assert_int_equal(tc->rlimits->n_rlimits, 16);
	assert_int_equal(tc->rlimits->rlimits[RLIMIT_NOFILE]->cur, 50);
	assert_int_equal(tc->rlimits->rlimits[RLIMIT_NOFILE]->max, 60);
	assert_int_equal(f->task.fs->umask, 0123);
	for (size_t i = 0; i < N_THREADS; i++)
		assert_true(!f->task.threads[i].core->tc == (i > 0));
}

static void test_signals(void **state)
{
	const struct fixture *f = *state;
	const TaskCoreEntry *tc = task_core(&f->task)->tc;
	const SaEntry *usr1 = tc->sigactions[SIGUSR1 - 2];	/* without signal 9 */
	siginfo_t info;

	assert_int_equal(tc->n_sigactions, 62);
	assert_int_equal(usr1->sigaction, (uintptr_t)handler);
	assert_true(usr1->flags & SA_SIGINFO);
	assert_int_equal(usr1->mask, 1 << (SIGHUP - 1));
	assert_int_equal(tc->sigactions[SIGPIPE - 2]->sigaction, 1);
	assert_int_equal(tc->blk_sigset, 1ULL << (SIGUSR1 - 1) | 1ULL << (SIGRTMIN + 2));
	assert_int_equal(tc->signals_s->n_signals, 1);
	memcpy(&info, tc->signals_s->signals[0]->siginfo.data, sizeof(info));
	assert_int_equal(info.si_signo, SIGUSR1);
	assert_int_equal(info.si_pid, f->pid);
	for (int i = 0; i < N_THREADS; i++) {
		const SignalQueueEntry *own = f->task.threads[i].core->thread_core->signals_p;

		assert_int_equal(own->n_signals, 1);
		memcpy(&info, own->signals[0]->siginfo.data, sizeof(info));
		assert_int_equal(info.si_signo, SIGRTMIN + 3);
		assert_int_equal(info.si_value.sival_int, 40 + i);
	}
}

static void test_timers(void **state)
{
	const struct fixture *f = *state;
	const TaskTimersEntry *timers = task_core(&f->task)->tc->timers;
	const PosixTimerEntry *posix;

	assert_int_equal(timers->real->isec, 700);
	assert_int_equal(timers->real->iusec, 5);
	assert_in_range(timers->real->vsec, 700, 800);
	assert_int_equal(timers->virt->isec | timers->virt->vsec | timers->virt->vusec, 0);
	assert_int_equal(timers->n_posix, 2);
	posix = timers->posix[0];
	assert_int_equal(posix->it_sigev_notify, SIGEV_SIGNAL);
	assert_int_equal(posix->si_signo, SIGUSR2);
	assert_int_equal((int)posix->sival_ptr, 99);
	assert_int_equal(posix->isec, 900);
	assert_int_equal(posix->insec, 7);
	assert_in_range(posix->vsec, 900, 1000);
	posix = timers->posix[1];
	assert_int_equal(posix->it_sigev_notify, SIGEV_NONE);
	assert_int_equal(posix->clock_id, CLOCK_BOOTTIME);
}

static void test_threads(void **state)
{
	const struct fixture *f = *state;

	for (int i = 0; i < N_THREADS; i++) {
		const ThreadCoreEntry *tc = f->task.threads[i].core->thread_core;

		assert_string_equal(tc->comm, i ? NAME "_1" : NAME);
		assert_int_equal(tc->pdeath_sig, i ? SIGWINCH : SIGKILL);
		assert_int_equal(tc->sas->ss_sp, (uintptr_t)stacks[i]);
		assert_int_equal(tc->sas->ss_size, STACK_SIZE);
		assert_int_equal(tc->sched_nice, 3 + i);
		assert_int_equal(tc->futex_rla_len, 24);
		assert_non_null(tc->rseq_entry);
		assert_int_equal(tc->creds->n_cap_prm, 2);
		assert_int_equal(tc->has_blk_sigset, i > 0);
	}
}

/* What restore does with them. */

static void unpack_task(struct fixture *f)
{
	struct task *t = &f->restored;
	static uint8_t buf[AREA_SIZE];
	size_t len;

	t->pid = f->task.pid;
	t->state = TASK_ALIVE;
	t->n_threads = N_THREADS;
	t->threads = calloc(N_THREADS, sizeof(*t->threads));
	for (size_t i = 0; i < N_THREADS; i++) {
		len = core_entry__pack(f->task.threads[i].core, buf);
		t->threads[i].tid = f->task.threads[i].tid;
		t->threads[i].core = core_entry__unpack(NULL, len, buf);
	}
	len = mm_entry__pack(f->task.mm, buf);
	t->mm = mm_entry__unpack(NULL, len, buf);
	len = fs_entry__pack(f->task.fs, buf);
	t->fs = fs_entry__unpack(NULL, len, buf);
	len = task_kobj_ids_entry__pack(f->task.ids, buf);
	t->ids = task_kobj_ids_entry__unpack(NULL, len, buf);
	TAILQ_INIT(&t->children);
}

static void free_task(struct fixture *f)
{
	struct task *t = &f->restored;

	for (size_t i = 0; i < N_THREADS; i++)
		core_entry__free_unpacked(t->threads[i].core, NULL);
	free(t->threads);
	mm_entry__free_unpacked(t->mm, NULL);
	fs_entry__free_unpacked(t->fs, NULL);
	task_kobj_ids_entry__free_unpacked(t->ids, NULL);
}

static int run_checks(struct fixture *f)
{
	for (const struct task_kind *const *k = kind_table.tasks; *k; k++) {
		int r = (*k)->check ? (*k)->check(&f->restore, &f->restored) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

static void plan_all(struct fixture *f, struct restorer_args *args)
{
	struct task *t = &f->restored;

	args->threads = restorer_alloc(args, N_THREADS * sizeof(*args->threads));
	for (const struct task_kind *const *k = kind_table.tasks; *k; k++) {
		/* It would change our own root and directory. */
		if (*k == &task_fs_kind)
			continue;
		if ((*k)->plan)
			assert_int_equal((*k)->plan(&f->restore, t, args), 0);
		for (size_t i = 0; (*k)->plan_thread && i < N_THREADS; i++) {
			args->threads[i].args = args;
			assert_int_equal((*k)->plan_thread(&f->restore, t, &t->threads[i],
							   &args->threads[i]), 0);
		}
	}
}

static void check_task_plan(const struct fixture *f, const struct restorer_args *args)
{
	assert_int_equal(args->personality, ADDR_NO_RANDOMIZE);
	assert_int_equal(args->child_subreaper, 1);
	assert_int_equal(args->n_siginfos, 1);
	assert_int_equal(args->sigactions[SIGUSR1 - 1].handler, (uintptr_t)handler);
	assert_int_equal(args->sigactions[SIGWINCH - 1].handler, 0);
	assert_int_equal(args->itimers[0][0], 700);
	assert_int_equal(args->n_timers, 2);
	assert_int_equal(args->timers[0].it_interval[1], 7);
	assert_int_equal(args->rlimits[RLIMIT_NOFILE][1], 60);
	assert_int_equal(args->dumpable, 1);
	assert_true(args->mm.exe_fd >= 1000);
	assert_int_equal(args->mm.layout[0], f->task.mm->mm_start_code);
	assert_int_equal(args->mm.layout[5], f->task.mm->mm_brk);
	assert_int_equal(args->mm.layout[10], f->task.mm->mm_env_end);
	assert_int_equal(args->mm.auxv[args->mm.auxv_size / sizeof(uint64_t) - 2], 0);
}

static void test_plan(void **state)
{
	struct fixture *f = *state;
	struct restorer_args args = {};
	void *area = mmap(NULL, AREA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	args.heap_next = (uintptr_t)area;
	args.heap_end = args.heap_next + AREA_SIZE;
	unpack_task(f);
	assert_int_equal(run_checks(f), 0);
	plan_all(f, &args);
	check_task_plan(f, &args);
	for (int i = 0; i < N_THREADS; i++) {
		const struct restorer_thread *th = &args.threads[i];

		assert_string_equal(th->comm, i ? NAME "_1" : NAME);
		assert_int_equal(th->sas_size, STACK_SIZE);
		assert_int_equal(th->sched_nice, 3 + i);
		assert_int_equal(th->n_siginfos, 1);
		assert_int_equal(*(int *)th->siginfos, SIGRTMIN + 3);
		assert_int_equal(th->creds.cap_prm,
				 f->task.threads[i].dump->status->cap_prm);
	}
	free_task(f);
	munmap(area, AREA_SIZE);
}

/* Images that a check has to refuse; each damages one thing. */

#define DAMAGE(name, change)					\
	static void damage_##name(struct task *t)		\
	{							\
		TaskCoreEntry *tc = task_core(t)->tc;		\
		ThreadCoreEntry *th = t->threads[1].core->thread_core; \
		(void)tc, (void)th;				\
		change;						\
	}

DAMAGE(personality, tc->personality = 40000)
DAMAGE(membarrier, tc->membarrier_registration_mask = 1)
DAMAGE(oom_score, tc->has_oom_score_adj = true; tc->oom_score_adj = 1001)
DAMAGE(actions, sa_entry__free_unpacked(tc->sigactions[--tc->n_sigactions], NULL))
DAMAGE(compat_action, tc->sigactions[5]->has_compat_sigaction = true;
       tc->sigactions[5]->compat_sigaction = true)
DAMAGE(siginfo_short, th->signals_p->signals[0]->siginfo.len = 127)
DAMAGE(siginfo_kill, *(int *)tc->signals_s->signals[0]->siginfo.data = SIGKILL)
DAMAGE(siginfo_65, *(int *)tc->signals_s->signals[0]->siginfo.data = 65)
DAMAGE(itimer, tc->timers->prof->vusec = 1000000)
DAMAGE(timer_time, tc->timers->posix[0]->insec = 1000000000)
DAMAGE(timer_clock, tc->timers->posix[0]->clock_id = 17)
DAMAGE(timer_other_pid, tc->timers->posix[0]->clock_id = ~1U << 3 | 2)
DAMAGE(timer_device, tc->timers->posix[0]->clock_id = ~5U << 3 | 3)
DAMAGE(timer_own_thread, tc->timers->posix[0]->clock_id = ~0U << 3 | 6)
DAMAGE(timer_notify, tc->timers->posix[0]->it_sigev_notify = 3)
DAMAGE(timer_signal, tc->timers->posix[0]->si_signo = 0)
DAMAGE(timer_thread, tc->timers->posix[0]->it_sigev_notify = SIGEV_THREAD_ID;
       tc->timers->posix[0]->has_notify_thread_id = true;
       tc->timers->posix[0]->notify_thread_id = 1)
DAMAGE(timer_overrun, tc->timers->posix[0]->overrun = 0x80000000)
DAMAGE(timer_twice, tc->timers->posix[0]->it_id = tc->timers->posix[1]->it_id)
DAMAGE(timer_id, tc->timers->posix[0]->it_id = 0x80000000)
DAMAGE(limit, tc->rlimits->rlimits[0]->cur = 2; tc->rlimits->rlimits[0]->max = 1)
DAMAGE(comm, strcpy(th->comm = realloc(th->comm, 32), "sixteen bytes ok"))
DAMAGE(caps_words, th->creds->n_cap_eff = 1)
DAMAGE(caps_unknown, th->creds->cap_bnd[1] |= 1U << 31)
DAMAGE(caps_effective, th->creds->cap_prm[0] = 0)
DAMAGE(caps_ambient, th->creds->cap_amb[0] = 1; th->creds->cap_inh[0] = 0)
DAMAGE(no_creds, creds_entry__free_unpacked(th->creds, NULL); th->creds = NULL)
DAMAGE(uid, th->creds->fsuid = -1)
DAMAGE(secbits, th->creds->secbits = 1U << 20)
DAMAGE(label, th->creds->lsm_profile = strdup("web_server_t"))
DAMAGE(death_signal, th->pdeath_sig = 65)
DAMAGE(stack_flags, th->sas->ss_flags = 4)
DAMAGE(stack_end, th->sas->ss_size = -1)
DAMAGE(robust, th->futex_rla_len = 12)
DAMAGE(rseq_place, th->rseq_entry->rseq_abi_pointer++)
DAMAGE(rseq_size, th->rseq_entry->rseq_abi_size = 16)
DAMAGE(rseq_section, th->rseq_entry->has_rseq_cs_pointer = true;
       th->rseq_entry->rseq_cs_pointer = 4096)
DAMAGE(policy, th->sched_policy = 6)
DAMAGE(priority, th->sched_policy = 1)
DAMAGE(nice, th->sched_nice = 20)
DAMAGE(slice, th->has_sched_slice = true; th->sched_slice = 99999)
DAMAGE(slack, th->has_timer_slack = true; th->timer_slack = 0)
DAMAGE(io_priority, th->has_io_priority = true; th->io_priority = 4 << 13)
DAMAGE(processors_none, th->n_processors = 1; th->processors = calloc(1, 8))
DAMAGE(processors_many, th->n_processors = 129; th->processors = calloc(129, 8))
DAMAGE(processors_missing, th->n_processors = 128; th->processors = calloc(128, 8);
       th->processors[127] = 1ULL << 63)
DAMAGE(core_filter, t->mm->has_coredump_filter = true; t->mm->coredump_filter = 0x200)
DAMAGE(mce_kill, th->has_mce_kill = true; th->mce_kill = 2)
DAMAGE(tsc, th->has_tsc = true; th->tsc = 3)
DAMAGE(speculation, th->has_store_bypass = true; th->store_bypass = 2)
DAMAGE(mdwe, t->mm->has_mdwe = true; t->mm->mdwe = 2)
DAMAGE(autogroup, tc->has_autogroup_nice = true; tc->autogroup_nice = -21)
DAMAGE(seccomp, th->has_seccomp_mode = true; th->seccomp_mode = SECCOMP_MODE__filter)
DAMAGE(seccomp_nowhere, th->has_seccomp_mode = true; th->seccomp_mode = SECCOMP_MODE__filter;
       th->has_seccomp_filter = true)
DAMAGE(old_seccomp, tc->has_old_seccomp_mode = true;
       tc->old_seccomp_mode = SECCOMP_MODE__filter)
DAMAGE(code, t->mm->mm_end_code = t->mm->mm_start_code)
DAMAGE(heap, t->mm->mm_brk = t->mm->mm_start_brk - 1)
DAMAGE(kernel_address, t->mm->mm_env_end = -4096ULL)
DAMAGE(null_address, t->mm->mm_start_stack = 0)
DAMAGE(auxv_end, t->mm->n_mm_saved_auxv = 2)
DAMAGE(no_auxv, t->mm->n_mm_saved_auxv = 0)
DAMAGE(dumpable, t->mm->dumpable = 3)
DAMAGE(exe, t->mm->exe_file_id = 999)
DAMAGE(cwd, t->fs->cwd_id = t->mm->exe_file_id)
DAMAGE(root, t->fs->root_id = 999)
DAMAGE(umask, t->fs->umask = 01000)
DAMAGE(net_ns, t->ids->has_net_ns_id = true; t->ids->net_ns_id = 9)

static const struct damage {
	const char *name;
	void (*apply)(struct task *t);
	int err;
} damage_table[] = {
#define ROW(name, err) { #name, damage_##name, err }
	ROW(actions, -EINVAL),
	ROW(autogroup, -EINVAL),
	ROW(auxv_end, -EINVAL),
	ROW(caps_ambient, -EINVAL),
	ROW(caps_effective, -EINVAL),
	ROW(caps_unknown, -ENOTSUP),
	ROW(caps_words, -EINVAL),
	ROW(code, -EINVAL),
	ROW(comm, -EINVAL),
	ROW(compat_action, -ENOTSUP),
	ROW(core_filter, -EINVAL),
	ROW(cwd, -EINVAL),
	ROW(death_signal, -EINVAL),
	ROW(dumpable, -EINVAL),
	ROW(exe, -EINVAL),
	ROW(heap, -EINVAL),
	ROW(io_priority, -EINVAL),
	ROW(itimer, -EINVAL),
	ROW(kernel_address, -EINVAL),
	ROW(label, -ENOTSUP),
	ROW(limit, -EINVAL),
	ROW(mce_kill, -EINVAL),
	ROW(mdwe, -EINVAL),
	ROW(membarrier, -EINVAL),
	ROW(nice, -EINVAL),
	ROW(no_auxv, -EINVAL),
	ROW(no_creds, -EINVAL),
	ROW(null_address, -EINVAL),
	ROW(old_seccomp, -EINVAL),
	ROW(oom_score, -EINVAL),
	ROW(personality, -EINVAL),
	ROW(policy, -ENOTSUP),
	ROW(priority, -EINVAL),
	ROW(processors_many, -EINVAL),
	ROW(processors_missing, -ENOTSUP),
	ROW(processors_none, -EINVAL),
	ROW(robust, -EINVAL),
	ROW(root, -EINVAL),
	ROW(rseq_place, -EINVAL),
	ROW(rseq_section, -ENOTSUP),
	ROW(rseq_size, -EINVAL),
	ROW(seccomp, -EINVAL),
	ROW(seccomp_nowhere, -EINVAL),
	ROW(secbits, -EINVAL),
	ROW(siginfo_65, -EINVAL),
	ROW(siginfo_kill, -EINVAL),
	ROW(siginfo_short, -EINVAL),
	ROW(slack, -EINVAL),
	ROW(slice, -EINVAL),
	ROW(speculation, -EINVAL),
	ROW(stack_end, -EINVAL),
	ROW(stack_flags, -EINVAL),
	ROW(timer_clock, -ENOTSUP),
	ROW(timer_device, -ENOTSUP),
	ROW(timer_id, -EINVAL),
	ROW(timer_notify, -EINVAL),
	ROW(timer_other_pid, -ENOTSUP),
	ROW(timer_overrun, -EINVAL),
	ROW(timer_own_thread, -ENOTSUP),
	ROW(timer_signal, -EINVAL),
	ROW(timer_thread, -EINVAL),
	ROW(timer_time, -EINVAL),
	ROW(timer_twice, -EINVAL),
	ROW(tsc, -EINVAL),
	ROW(uid, -EINVAL),
	ROW(umask, -EINVAL),
#undef ROW
};

static void test_damage(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(damage_table); i++) {
		int r;

		unpack_task(f);
		damage_table[i].apply(&f->restored);
		r = run_checks(f);
		if (r != damage_table[i].err)
			fail_msg("%s: %d, not %d", damage_table[i].name, r, damage_table[i].err);
		free_task(f);
	}
}

/* A namespace is foreign only against one that the dumper knew. */
static void test_namespace(void **state)
{
	struct fixture *f = *state;
	TaskKobjIdsEntry *root = f->inventory.root_ids;

	unpack_task(f);
	damage_net_ns(&f->restored);
	assert_int_equal(run_checks(f), 0);
	root->has_net_ns_id = true;
	root->net_ns_id = 2;
	assert_int_equal(run_checks(f), -ENOTSUP);
	f->restored.ids->net_ns_id = 2;
	assert_int_equal(run_checks(f), 0);
	root->has_net_ns_id = false;
	free_task(f);
}

/* A file that only says where another one is has no descriptor. */
static void test_path_only(void **state)
{
	struct fixture *f = *state;

	unpack_task(f);
	for (size_t i = 0; i < 3; i++) {
		const uint32_t ids[] = { f->restored.mm->exe_file_id, f->restored.fs->cwd_id,
					 f->restored.fs->root_id };
		struct file *file = restore_file_find(&f->restore, FD_TYPES__REG, ids[i]);

		assert_int_equal(run_checks(f), 0);
		file->path_only = true;
		assert_int_equal(run_checks(f), -EINVAL);
		file->path_only = false;
	}
	free_task(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_task),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_timers),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_plan),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_namespace),
		cmocka_unit_test(test_path_only),
	};

	return cmocka_run_group_tests_name("kinds/task", tests, setup, teardown);
}
