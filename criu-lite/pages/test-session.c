// SPDX-License-Identifier: GPL-2.0-only
/* A lazy session between two of ours, over TCP, and somebody in between. */
#include "pages/test-session.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "pages/answer.h"
#include "pages/fetch.h"
#include "pages/lend.h"
#include "pages/test-lent.h"
#include "sys/tcp.h"

struct tls *session_gives, *session_asks;

int make_listener(uint16_t *port)
{
	int fd;

	*port = 0;
	fd = tcp_listen(HERE, port);
	assert_true(fd >= 0);
	return fd;
}

static int answer_plain(struct lend_plain *plain, const struct page_offer *offer)
{
	int err = page_answer(&plain->stream, &plain->first, offer, 1, -1);

	return err ? err : page_answer_close(&plain->stream);
}

pid_t start_lending(int mem, int expected, uint16_t *port)
{
	int listener = make_listener(port);
	pid_t pid = fork();

	if (pid == 0) {
		const struct page_offer offer = { .map = &lent_map, .mem = mem };
		const struct lend_options opts = { .listener = listener, .stop_fd = -1,
						   .offers = &offer, .n_offers = 1,
						   .token = &none, .tls = session_gives };
		struct page_lend *l;
		struct lend_plain plain;
		int err = page_lend_new(&opts, &l);

		if (!err)
			err = page_lend_serve(l, &plain);
		if (err == LEND_PLAIN)
			err = answer_plain(&plain, &offer);
		else if (!err)
			err = page_lend_close(l);
		else if (expected == UNHEARD)
			_exit(1);
		_exit(err != expected && expected != UNHEARD);
	}
	close(listener);
	return pid;
}

struct page_fetch *start_asking(uint16_t port, unsigned int retry)
{
	const struct fetch_options opts = { .token = &none, .tls = session_asks,
					      .retry = retry };
	struct page_fetch *f;

	return page_fetch_open(HERE, port, -1, &opts, &f) ? NULL : f;
}

int fetch_all(struct page_fetch *f, uint64_t at, uint64_t end, uint64_t fault)
{
	uint64_t got, asked;
	const void *data;
	int err = 0;

	while (!err && at < end) {
		err = page_fetch_ahead(f, PID, at, end - at, &asked);
		if (!err)
			err = page_fetch_get(f, PID, at, end - at, &data, &got);
		if (!err) {
			lent_check(data, got, at);
			at += got;
			continue;
		}
		if (err == -EAGAIN && fault < AT(32)) {
			err = page_fetch_get(f, PID, fault, PAGE_SIZE, &data, &got);
			if (!err) {
				lent_check(data, got, fault);
				fault += PAGE_SIZE;
			} else if (err == -EAGAIN) {
				err = page_fetch_hurry(f, PID, fault);
			}
		}
		if (err && err != -EAGAIN)
			return err;
		wait_input(f);
		err = page_fetch_receive(f);
	}
	return err;
}

void end_session(struct page_fetch *f, pid_t pid, int mem)
{
	uint64_t asked;

	assert_non_null(f);
	assert_int_equal(fetch_all(f, AT(64), AT(N_PAGES), AT(16)), 0);
	/* What is still on its way is no reason not to end. */
	assert_int_equal(page_fetch_ahead(f, PID, AT(64), AT(64), &asked), 0);
	assert_int_equal(page_fetch_close(f), 0);
	wait_end(pid);
	close(mem);
}

struct wire {
	int from, to;
	long at;			/* bytes until then; -1: never */
};

/* False: it is over with it. */
static bool pass_on(const struct between *b, struct wire *w)
{
	char buf[65536];
	ssize_t n = recv(w->from, buf, sizeof(buf), MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return true;
	if (n <= 0)
		return false;
	if (w->at >= 0 && w->at < n && b->damage)
		buf[w->at] ^= 0x10;
	if (w->at >= 0 && w->at < n && !b->damage) {
		send(w->to, buf, w->at, MSG_NOSIGNAL);
		return false;
	}
	if (w->at >= 0)
		w->at = w->at < n ? -1 : w->at - n;
	return send(w->to, buf, n, MSG_NOSIGNAL) == n;
}

#define WIRES 32

static void take_one(struct between *b, int listener, struct wire *wires, int *n)
{
	int client = tcp_accept(listener, PATIENCE_MS);
	int server = tcp_connect(HERE, b->port, PATIENCE_MS);
	long at = b->times-- > 0 ? b->at : -1;

	if (server < 0 || *n + 2 > WIRES)
		_exit(1);
	wires[(*n)++] = (struct wire){ server, client, b->requests ? -1 : at };
	wires[(*n)++] = (struct wire){ client, server, b->requests ? at : -1 };
}

__attribute__((noreturn))
static void stand_between(struct between *b, int listener, uint16_t port)
{
	struct wire wires[WIRES];
	int n = 0;

	if (b->late_ms) {
		poll(NULL, 0, b->late_ms);
		listener = tcp_listen(HERE, &port);
	}
	for (;;) {
		struct pollfd fds[WIRES + 1];

		for (int i = 0; i < n; i++)
			fds[i] = (struct pollfd){ wires[i].from, POLLIN, 0 };
		fds[n] = (struct pollfd){ listener, POLLIN, 0 };
		poll(fds, n + 1, -1);
		for (int i = 0; i < n; i++) {
			if (!fds[i].revents || wires[i].from < 0 || pass_on(b, &wires[i]))
				continue;
			/* Both ways, and both ends. */
			i &= ~1;
			close(wires[i].from);
			close(wires[i].to);
			wires[i].from = wires[i + 1].from = -1;
			fds[i].revents = fds[i + 1].revents = 0;
		}
		if (fds[n].revents)
			take_one(b, listener, wires, &n);
	}
}

int session_between(struct between b, int mem, unsigned int retry)
{
	uint16_t port;
	/* Of what is asked the last word may be cut, too. */
	pid_t server = start_lending(mem, b.requests ? UNHEARD : 0, &b.port), between;
	int listener = make_listener(&port), err;
	struct page_fetch *f;

	if (b.late_ms)
		close(listener);
	between = fork();
	if (between == 0)
		stand_between(&b, listener, port);
	if (!b.late_ms)
		close(listener);
	f = start_asking(port, retry);
	err = f ? fetch_all(f, AT(64), AT(320), AT(24)) : -ECONNREFUSED;
	if (!err)
		err = page_fetch_close(f);
	else if (f)
		page_fetch_free(f);
	kill(between, SIGKILL);
	waitpid(between, NULL, 0);
	if (err) {
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
	} else {
		wait_end(server);
	}
	return err;
}
