// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of a task, on its way to a file.
 *
 *	task memory --vmsplice--> pipe --splice--> file or socket
 *	            (parasite)            (dumper)
 *
 * The pipe holds references to the pages, so that the first copy is the one
 * that the file system makes. The parasite fills while the dumper drains; the
 * reply comes through the socket when the parasite has put everything in, or
 * has met a page that it can't have. That one, and the page that the pad lies
 * in, is read through /proc/PID/mem instead.
 */
#include "inject/parasite.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "inject/session.h"
#include "util/cleanup.h"
#include "util/io.h"
#include "util/log.h"
#include "util/macro.h"

enum {
	PIPE_WANTED = 1 << 20,		/* bytes; the kernel may give less */
	COPY_SIZE = 256 << 10,
	LOOK_MS = 20,
	PATIENCE = 500,
};

/* A position in the caller's ranges. */
struct cursor {
	const struct iovec *iov;
	size_t n, i;
	size_t offset;			/* in range i */
};

struct transfer {
	struct parasite *p;
	int out_fd;
	bool no_splice;			/* @out_fd does not take it: copy */
	size_t burst;			/* bytes to copy when the parasite can't have a page */
};

static bool cursor_at_end(struct cursor *c)
{
	while (c->i < c->n && c->offset == c->iov[c->i].iov_len) {
		c->i++;
		c->offset = 0;
	}
	return c->i == c->n;
}

static void cursor_skip(struct cursor *c, uint64_t len)
{
	while (len) {
		uint64_t left = c->iov[c->i].iov_len - c->offset;
		uint64_t step = MIN(left, len);

		c->offset += step;
		len -= step;
		cursor_at_end(c);
	}
}

static int pipe_open(struct parasite *p)
{
	_cleanup_close_ int reader = -1, writer = -1;
	int fds[2], size, r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return log_errno(-errno, "cannot make a pipe for pages");
	reader = fds[0];
	writer = fds[1];
	/* Halves until the system's limit allows it; the default size always is. */
	for (int want = PIPE_WANTED; want > 65536; want /= 2)
		if (fcntl(writer, F_SETPIPE_SZ, want) >= 0)
			break;
	size = fcntl(writer, F_GETPIPE_SZ);
	if (size < 0)
		return log_errno(-errno, "cannot tell the size of a pipe");
	r = parasite_send(p, PARASITE_PIPE, 0, 0, writer);
	if (r >= 0)
		r = parasite_receive(p, PARASITE_PIPE, 0);
	if (r < 0)
		return r;
	if (p->packet.header.result < 0)
		return log_errno(p->packet.header.result, "parasite of pid %d: has not got its "
				 "pipe (RLIMIT_NOFILE?)", p->pid);
	p->pipe = take_fd(&reader);
	p->pipe_size = size;
	return 0;
}

static int copy_some(struct transfer *tr, size_t len)
{
	_cleanup_free_ char *buf = malloc(len);
	ssize_t n;
	int r;

	if (!buf)
		return -ENOMEM;
	n = read(tr->p->pipe, buf, len);
	if (n < 0)
		return log_errno(-errno, "pages of pid %d: cannot read the pipe", tr->p->pid);
	r = write_all(tr->out_fd, buf, n);
	return r < 0 ? log_errno(r, "pages of pid %d: cannot write", tr->p->pid) : (int)n;
}

/* Moves up to @len bytes that are in the pipe. Returns how many, or -errno. */
static int drain_some(struct transfer *tr, size_t len)
{
	ssize_t n;

	if (!tr->no_splice) {
		n = splice(tr->p->pipe, NULL, tr->out_fd, NULL, len, SPLICE_F_MOVE);
		if (n > 0)
			return n;
		if (n == 0)
			return log_errno(-EPIPE, "pages of pid %d: the pipe ended", tr->p->pid);
		/* A file that is open for appending, or a kind that has no splice. */
		if (errno != EINVAL)
			return log_errno(-errno, "pages of pid %d: cannot write", tr->p->pid);
		tr->no_splice = true;
	}
	return copy_some(tr, len);
}

/* Drains until the reply is there. *@drained: bytes. */
static int drain_until_reply(struct transfer *tr, uint64_t *drained)
{
	struct parasite *p = tr->p;
	int idle = 0;

	for (;;) {
		struct pollfd pfds[] = {
			{ .fd = p->pipe, .events = POLLIN },
			{ .fd = p->sock, .events = POLLIN },
		};
		int r = poll(pfds, ARRAY_SIZE(pfds), LOOK_MS);

		if (r < 0 && errno != EINTR)
			return log_errno(-errno, "pages of pid %d: cannot wait", p->pid);
		if (r <= 0) {
			r = parasite_look(p);
			if (r < 0)
				return r;
			if (++idle > PATIENCE)
				return log_errno(-ETIMEDOUT, "parasite of pid %d does not answer",
						 p->pid);
			continue;
		}
		idle = 0;
		if (pfds[0].revents & POLLIN) {
			r = drain_some(tr, p->pipe_size);
			if (r < 0)
				return r;
			*drained += r;
			continue;
		}
		/* All that is in the pipe now, after the reply, is counted in it. */
		if (pfds[1].revents)
			return parasite_receive(p, PARASITE_PAGES, 0);
		r = parasite_look(p);
		return r < 0 ? r : log_errno(-EPIPE, "parasite of pid %d: its pipe ended", p->pid);
	}
}

/*
 * Asks for the @count ranges in p->packet. *@bytes: how many were written;
 * fewer than asked for when the next page can't be had.
 */
static int give_ranges(struct transfer *tr, uint32_t count, uint64_t *bytes)
{
	struct parasite *p = tr->p;
	uint64_t drained = 0;
	int r;

	r = parasite_send(p, PARASITE_PAGES, count, count * sizeof(struct parasite_range), -1);
	if (r >= 0)
		r = drain_until_reply(tr, &drained);
	if (r < 0)
		return r;
	if (p->packet.header.result < 0 && p->packet.header.result != -EFAULT)
		return log_errno(p->packet.header.result, "parasite of pid %d: cannot give its "
				 "memory", p->pid);
	*bytes = p->packet.header.bytes;
	while (drained < *bytes) {
		r = drain_some(tr, MIN(*bytes - drained, p->pipe_size));
		if (r < 0)
			return r;
		drained += r;
	}
	return drained == *bytes ? 0 :
		log_errno(-EPROTO, "parasite of pid %d: more pages than it says", p->pid);
}

/* Reads @len bytes at @addr from outside and writes them. */
static int copy_range(struct transfer *tr, uint64_t addr, uint64_t len)
{
	_cleanup_free_ char *buf = malloc(MIN(len, (uint64_t)COPY_SIZE));

	if (!buf)
		return -ENOMEM;
	while (len) {
		size_t some = MIN(len, (uint64_t)COPY_SIZE);
		ssize_t n = pread(tr->p->mem_fd, buf, some, addr);
		int r;

		/* 0: the task is gone. EIO: nothing is mapped, or the file is shorter. */
		if (n == 0)
			return -ESRCH;
		if (n < 0)
			return log_errno(errno == EIO ? -EFAULT : -errno,
					 "pid %d: cannot read its memory at %#lx", tr->p->pid,
					 addr);
		parasite_scrub(tr->p, addr, buf, n);
		r = write_all(tr->out_fd, buf, n);
		if (r < 0)
			return log_errno(r, "pages of pid %d: cannot write", tr->p->pid);
		addr += n;
		len -= n;
	}
	return 0;
}

/* The page that the pad lies in. */
static uint64_t pad_page(const struct parasite *p)
{
	return ALIGN_DOWN(p->pad.addr, PAGE_SIZE);
}

/*
 * Puts ranges from the cursor on into p->packet, up to the pad's page and as
 * many as a request holds. Returns their number; the cursor stays.
 */
static uint32_t collect_ranges(struct parasite *p, struct cursor c)
{
	uint64_t stop = pad_page(p);
	uint32_t count = 0;

	while (count < PARASITE_RANGES_MAX && !cursor_at_end(&c)) {
		uint64_t addr = (uint64_t)c.iov[c.i].iov_base + c.offset;
		uint64_t len = c.iov[c.i].iov_len - c.offset;
		bool meets = addr < stop + PAGE_SIZE && addr + len > stop;

		if (meets && addr >= stop)
			break;
		if (meets)
			len = stop - addr;
		p->packet.ranges[count++] = (struct parasite_range){ addr, len };
		if (meets)
			break;
		c.offset = c.iov[c.i].iov_len;
	}
	return count;
}

int parasite_pages(struct parasite *p, const struct iovec *iov, size_t n, int out_fd)
{
	struct transfer tr = { .p = p, .out_fd = out_fd, .burst = PAGE_SIZE };
	struct cursor c = { .iov = iov, .n = n };
	int r = p->pipe < 0 ? pipe_open(p) : 0;

	while (r >= 0 && !cursor_at_end(&c)) {
		uint32_t count = collect_ranges(p, c);
		uint64_t done = 0, addr, len;

		if (count)
			r = give_ranges(&tr, count, &done);
		if (r < 0)
			break;
		cursor_skip(&c, done);
		if ((count && p->packet.header.result == 0) || cursor_at_end(&c))
			continue;
		/*
		 * A page stopped it that the parasite can't have or shall not
		 * give. Where one is, more follow: copy ever more at once.
		 */
		tr.burst = done ? PAGE_SIZE : MIN(tr.burst * 2, (size_t)COPY_SIZE);
		addr = (uint64_t)iov[c.i].iov_base + c.offset;
		len = MIN(tr.burst - addr % PAGE_SIZE, iov[c.i].iov_len - c.offset);
		r = copy_range(&tr, addr, len);
		cursor_skip(&c, len);
	}
	return r;
}
