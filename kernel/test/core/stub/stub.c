// SPDX-License-Identifier: GPL-2.0-only
/*
 * The stub's larger functions: what sleeping, waking and the trees mean here.
 *
 * The order of the locks is the kernel's where it can matter: a waker locks the
 * sleeper's task only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <linux/interval_tree.h>
#include <linux/rwsem.h>
#include <linux/sched/signal.h>
#include <linux/sched/wake_q.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

_Thread_local int stub_spinlocks;
int stub_allocations_left = -1;

void stub_warn(const char *file, int line, const char *text)
{
	fprintf(stderr, "# %s:%d: warning: %s\n", file, line, text);
	abort();
}

/* --- tasks --- */

static pthread_key_t task_key;
static pthread_once_t task_once = PTHREAD_ONCE_INIT;

static void task_exit(void *task)
{
	put_task_struct(task);
}

static void make_task_key(void)
{
	pthread_key_create(&task_key, task_exit);
}

struct task_struct *stub_current(void)
{
	struct task_struct *task;

	pthread_once(&task_once, make_task_key);
	task = pthread_getspecific(task_key);
	if (!task) {
		task = calloc(1, sizeof(*task));
		pthread_mutex_init(&task->mutex, NULL);
		pthread_cond_init(&task->cond, NULL);
		refcount_set(&task->refs, 1);
		pthread_setspecific(task_key, task);
	}
	return task;
}

struct task_struct *get_task_struct(struct task_struct *task)
{
	refcount_inc(&task->refs);
	return task;
}

void put_task_struct(struct task_struct *task)
{
	if (!refcount_dec_and_test(&task->refs))
		return;
	pthread_mutex_destroy(&task->mutex);
	pthread_cond_destroy(&task->cond);
	free(task);
}

void set_current_state(unsigned int state)
{
	pthread_mutex_lock(&current->mutex);
	current->state = state;
	pthread_mutex_unlock(&current->mutex);
	smp_mb();
}

static bool has_signal(struct task_struct *task)
{
	return task->killed || (task->signal && task->state == TASK_INTERRUPTIBLE);
}

void schedule(void)
{
	struct task_struct *task = current;

	WARN_ON(stub_spinlocks);
	pthread_mutex_lock(&task->mutex);
	while (task->state != TASK_RUNNING && !has_signal(task))
		pthread_cond_wait(&task->cond, &task->mutex);
	task->state = TASK_RUNNING;
	pthread_mutex_unlock(&task->mutex);
}

int wake_up_process(struct task_struct *task)
{
	pthread_mutex_lock(&task->mutex);
	task->state = TASK_RUNNING;
	pthread_cond_broadcast(&task->cond);
	pthread_mutex_unlock(&task->mutex);
	return 1;
}

void stub_signal(struct task_struct *task, bool kill)
{
	pthread_mutex_lock(&task->mutex);
	task->signal = true;
	task->killed |= kill;
	pthread_cond_broadcast(&task->cond);
	pthread_mutex_unlock(&task->mutex);
}

void stub_pardon(struct task_struct *task)
{
	pthread_mutex_lock(&task->mutex);
	task->signal = task->killed = false;
	pthread_mutex_unlock(&task->mutex);
}

bool signal_pending(struct task_struct *task)
{
	bool pending;

	pthread_mutex_lock(&task->mutex);
	pending = task->signal;
	pthread_mutex_unlock(&task->mutex);
	return pending;
}

bool fatal_signal_pending(struct task_struct *task)
{
	bool pending;

	pthread_mutex_lock(&task->mutex);
	pending = task->killed;
	pthread_mutex_unlock(&task->mutex);
	return pending;
}

void wake_q_add(struct wake_q_head *head, struct task_struct *task)
{
	struct wake_q_node *none = NULL;

	smp_mb();
	if (!__atomic_compare_exchange_n(&task->wake_q.next, &none, WAKE_Q_TAIL, false,
					 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return;
	get_task_struct(task);
	__atomic_store_n(head->lastp, &task->wake_q, __ATOMIC_RELAXED);
	head->lastp = &task->wake_q.next;
}

void wake_q_add_safe(struct wake_q_head *head, struct task_struct *task)
{
	wake_q_add(head, task);
	put_task_struct(task);
}

void wake_up_q(struct wake_q_head *head)
{
	struct wake_q_node *node = head->first;

	WARN_ON(stub_spinlocks);
	while (node != WAKE_Q_TAIL) {
		struct task_struct *task = container_of(node, struct task_struct, wake_q);

		node = __atomic_load_n(&node->next, __ATOMIC_RELAXED);
		__atomic_store_n(&task->wake_q.next, NULL, __ATOMIC_SEQ_CST);
		wake_up_process(task);
		put_task_struct(task);
	}
}

/* --- wait queues --- */

void init_waitqueue_head(wait_queue_head_t *q)
{
	pthread_mutex_init(&q->mutex, NULL);
	pthread_cond_init(&q->cond, NULL);
	q->wakes = 0;
}

void stub_wake_up(wait_queue_head_t *q)
{
	pthread_mutex_lock(&q->mutex);
	__atomic_fetch_add(&q->wakes, 1, __ATOMIC_SEQ_CST);
	pthread_cond_broadcast(&q->cond);
	pthread_mutex_unlock(&q->mutex);
}

/* The limit is for signals only, which don't come through the queue. */
void stub_wait(wait_queue_head_t *q, unsigned long seen)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_nsec += 20000000;
	if (end.tv_nsec >= 1000000000) {
		end.tv_sec++;
		end.tv_nsec -= 1000000000;
	}
	WARN_ON(stub_spinlocks);
	pthread_mutex_lock(&q->mutex);
	if (__atomic_load_n(&q->wakes, __ATOMIC_SEQ_CST) == seen)
		pthread_cond_timedwait(&q->cond, &q->mutex, &end);
	pthread_mutex_unlock(&q->mutex);
}

/* --- semaphores --- */

void init_rwsem(struct rw_semaphore *sem)
{
	pthread_rwlockattr_t attr;

	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&sem->lock, &attr);
	pthread_rwlockattr_destroy(&attr);
}

void down_read(struct rw_semaphore *sem)
{
	WARN_ON(stub_spinlocks);
	pthread_rwlock_rdlock(&sem->lock);
}

void up_read(struct rw_semaphore *sem)
{
	pthread_rwlock_unlock(&sem->lock);
}

void down_write(struct rw_semaphore *sem)
{
	WARN_ON(stub_spinlocks);
	pthread_rwlock_wrlock(&sem->lock);
}

void up_write(struct rw_semaphore *sem)
{
	pthread_rwlock_unlock(&sem->lock);
}

/* --- trees --- */

struct rb_node *rb_first(const struct rb_root *root)
{
	struct rb_node *node = root->rb_node;

	while (node && node->rb_left)
		node = node->rb_left;
	return node;
}

struct rb_node *rb_next(const struct rb_node *node)
{
	struct rb_root right = { node->rb_right };

	if (node->rb_right)
		return rb_first(&right);
	while (node->parent && node == node->parent->rb_right)
		node = node->parent;
	return node->parent;
}

void rb_add(struct rb_node *node, struct rb_root *root,
	    bool (*less)(struct rb_node *, const struct rb_node *))
{
	struct rb_node **link = &root->rb_node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = less(node, parent) ? &parent->rb_left : &parent->rb_right;
	}
	*node = (struct rb_node){ .parent = parent };
	WRITE_ONCE(*link, node);
}

/* Puts what is at NODE's place there; NULL as well. */
static void replace(struct rb_node *node, struct rb_node *by, struct rb_root *root)
{
	if (!node->parent)
		WRITE_ONCE(root->rb_node, by);
	else if (node->parent->rb_left == node)
		node->parent->rb_left = by;
	else
		node->parent->rb_right = by;
	if (by)
		by->parent = node->parent;
}

void rb_erase(struct rb_node *node, struct rb_root *root)
{
	struct rb_root right = { node->rb_right };
	struct rb_node *next;

	if (!node->rb_left || !node->rb_right) {
		replace(node, node->rb_left ? node->rb_left : node->rb_right, root);
		return;
	}
	/* The next one has no left child: it gives up its place and takes NODE's. */
	next = rb_first(&right);
	if (next->parent != node) {
		replace(next, next->rb_right, root);
		next->rb_right = node->rb_right;
		next->rb_right->parent = next;
	}
	next->rb_left = node->rb_left;
	next->rb_left->parent = next;
	replace(node, next, root);
}

#define to_interval(n) rb_entry(n, struct interval_tree_node, rb)

static bool starts_before(struct rb_node *a, const struct rb_node *b)
{
	return to_interval(a)->start < to_interval(b)->start;
}

void interval_tree_insert(struct interval_tree_node *node, struct rb_root_cached *root)
{
	rb_add(&node->rb, &root->rb_root, starts_before);
}

void interval_tree_remove(struct interval_tree_node *node, struct rb_root_cached *root)
{
	rb_erase(&node->rb, &root->rb_root);
}

static struct interval_tree_node *overlapping(struct rb_node *n, unsigned long start,
					      unsigned long last)
{
	for (; n && to_interval(n)->start <= last; n = rb_next(n))
		if (to_interval(n)->last >= start)
			return to_interval(n);
	return NULL;
}

struct interval_tree_node *interval_tree_iter_first(struct rb_root_cached *root,
						    unsigned long start, unsigned long last)
{
	return overlapping(rb_first_cached(root), start, last);
}

struct interval_tree_node *interval_tree_iter_next(struct interval_tree_node *node,
						   unsigned long start, unsigned long last)
{
	return overlapping(rb_next(&node->rb), start, last);
}
