// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names that a restore makes for a while, and the process that removes them.
 *
 * The keeper must never remove what is another's. A name that was confirmed is
 * removed when it still leads to the same inode. Of one that was announced, and
 * no more was heard, nobody knows whether it was made: what is there is removed
 * when it is of that type, as empty as everything is made and owned by us, so
 * that nothing can be lost even if somebody else took the name in that moment.
 */
#include "kinds/fd/made-names.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bsd/string.h>

#include "core/restore.h"
#include "sys/syscall.h"
#include "util/array.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"

enum word {
	WORD_ANNOUNCE,
	WORD_CONFIRM,
	WORD_RETRACT,
	WORD_REMOVE,
};

/* To the keeper; it answers WORD_REMOVE, by an int. */
struct message {
	enum word word;
	mode_t type;			/* of an announced name */
	bool known;			/* which inode: dev and ino */
	dev_t dev;
	ino_t ino;
	char path[PATH_MAX];		/* of an announced name */
};

static bool is_ours(const struct made_name *name, const struct stat *st)
{
	if (name->known)
		return st->st_ino == name->ino && st->st_dev == name->dev;
	return (st->st_mode & S_IFMT) == name->type && st->st_uid == geteuid() &&
	       (!S_ISREG(st->st_mode) || !st->st_size);
}

static int remove_name(const struct made_name *name)
{
	struct stat st;

	if (lstat(name->path, &st) < 0 || !is_ours(name, &st))
		return !name->confirmed ? 0 :
		       log_errno(-ESTALE, "%s, which was made for a deleted file, is gone",
				 name->path);
	if ((S_ISDIR(st.st_mode) ? rmdir : unlink)(name->path) < 0)
		return log_errno(-errno, "cannot remove %s, which was made for a deleted file",
				 name->path);
	return 0;
}

static int remove_all(struct made_names *n)
{
	int first = 0;

	while (n->n) {
		int ret = remove_name(&n->list[--n->n]);

		if (!first)
			first = ret;
		free(n->list[n->n].path);
	}
	return first;
}

static void forget_all(struct made_names *n)
{
	while (n->n)
		free(n->list[--n->n].path);
	free(n->list);
	n->list = NULL;
	n->cap = 0;
}

static int add_name(struct made_names *n, const struct message *m)
{
	struct made_name *name = array_push(&n->list, &n->n, &n->cap);

	if (!name)
		return -ENOMEM;
	*name = (struct made_name){
		.path = strdup(m->path), .type = m->type, .known = m->known, .dev = m->dev,
		.ino = m->ino,
	};
	if (name->path)
		return 0;
	n->n--;
	return -ENOMEM;
}

static int hear(struct made_names *n, const struct message *m)
{
	struct made_name *last = n->n ? &n->list[n->n - 1] : NULL;

	switch (m->word) {
	case WORD_ANNOUNCE:
		return add_name(n, m);
	case WORD_CONFIRM:
		last->known = last->confirmed = true;
		last->dev = m->dev;
		last->ino = m->ino;
		return 0;
	case WORD_RETRACT:
		free(last->path);
		n->n--;
		return 0;
	case WORD_REMOVE:
		break;
	}
	return remove_all(n);
}

/* Every word is answered, so that what is made was noted before. */
static void keep(struct made_names *n, int sock, int coordinator)
{
	struct pollfd fds[] = {
		{ .fd = sock, .events = POLLIN }, { .fd = coordinator, .events = POLLIN },
	};
	struct message m;

	for (;;) {
		int ret;

		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			break;
		if (!fds[0].revents && fds[1].revents)
			break;
		if (!fds[0].revents)
			continue;
		if (recv(sock, &m, sizeof(m), 0) != sizeof(m))
			break;
		ret = hear(n, &m);
		if (send(sock, &ret, sizeof(ret), 0) != sizeof(ret) || m.word == WORD_REMOVE)
			break;
	}
	_exit(remove_all(n) < 0);
}

/* In a session of its own: a signal to our process group is not for it. */
static int start(struct restore *r, struct made_names *n)
{
	_cleanup_close_ int coordinator = sys_pidfd_open(getpid(), 0);
	int pair[2];
	pid_t pid;

	if (coordinator < 0)
		return log_errno(coordinator, "cannot open our pidfd");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return log_errno(-errno, "cannot talk to the keeper of names");
	pid = restore_fork_aside(r);
	if (pid == 0) {
		setsid();
		close(pair[1]);
		keep(n, pair[0], coordinator);
	}
	close(pair[0]);
	if (pid < 0) {
		close(pair[1]);
		return log_errno(pid, "cannot make the keeper of names");
	}
	n->keeper = pid;
	n->sock = restore_service_fd(r, pair[1]);
	return n->sock < 0 ? n->sock : 0;
}

/* Also to ourselves: the keeper may be killed. */
static int tell(struct made_names *n, const struct message *m)
{
	int ret;

	if (send(n->sock, m, sizeof(*m), 0) != sizeof(*m) ||
	    recv(n->sock, &ret, sizeof(ret), 0) != sizeof(ret))
		return log_errno(-EPIPE, "the keeper of names for deleted files has ended");
	return ret < 0 || m->word == WORD_REMOVE ? ret : hear(n, m);
}

int made_names_announce(struct restore *r, struct made_names *n, const char *path, mode_t type,
			const struct stat *st)
{
	struct message m = { .word = WORD_ANNOUNCE, .type = type, .known = st };
	int ret;

	if (n->sock < 0) {
		ret = start(r, n);
		if (ret < 0)
			return ret;
	}
	if (strlcpy(m.path, path, sizeof(m.path)) >= sizeof(m.path))
		return log_errno(-ENAMETOOLONG, "%s: the name for a deleted file", path);
	if (st) {
		m.dev = st->st_dev;
		m.ino = st->st_ino;
	}
	ret = tell(n, &m);
	return ret == -ENOMEM ? log_errno(ret, "cannot keep track of %s", path) : ret;
}

int made_names_confirm(struct made_names *n, const char *path)
{
	struct message m = { .word = WORD_CONFIRM };
	struct stat st;

	if (lstat(path, &st) < 0)
		return log_errno(-errno, "cannot look at %s, which was just made", path);
	m.dev = st.st_dev;
	m.ino = st.st_ino;
	return tell(n, &m);
}

int made_names_retract(struct made_names *n)
{
	return tell(n, &(struct message){ .word = WORD_RETRACT });
}

int made_names_remove(struct made_names *n)
{
	int ret;

	if (n->sock < 0)
		return 0;
	ret = tell(n, &(struct message){ .word = WORD_REMOVE });
	if (ret == -EPIPE)
		(void)remove_all(n);
	forget_all(n);
	close(n->sock);
	n->sock = -1;
	while (waitpid(n->keeper, NULL, 0) < 0 && errno == EINTR)
		;
	return ret;
}
