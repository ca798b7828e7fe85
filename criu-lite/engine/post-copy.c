// SPDX-License-Identifier: GPL-2.0-only
/*
 * A dump that keeps the memory until it is asked for (post-copy).
 *
 *	here					there
 *	images, but for lazy pages
 *	inventory, listen
 *						lazy-pages --page-server connects
 *						restore --lazy-pages: the tree runs
 *	read the frozen tasks, answer	<->	faults, and the rest behind them
 *				<-		CLOSE: has everything
 *	kill the tree here
 *	answer it		->
 *
 * The tree here stands still, traced and whole, until the other end says that it
 * has everything: whatever happens before, also SIGKILL of this process, lets it
 * run on. It is killed before that word is answered, so that who hears the answer
 * knows that there is one tree. The memory is read where it is; page maps say which
 * of it, as they were written.
 */
#include "engine/post-copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/dump.h"
#include "core/options.h"
#include "engine/interrupt.h"
#include "engine/page-server.h"
#include "pages/answer.h"
#include "pages/lend.h"
#include "pages/pagemap.h"
#include "pages/tls.h"
#include "pages/token.h"
#include "sys/proc.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/macro.h"

struct post_copy {
	int listener;
	int stop;			/* readable when a signal asks for an end */
	struct token token;		/* that the peer must have, if any */
	struct tls *tls;		/* NULL: none */
	struct page_lend *lend;		/* the session with one of ours */
	struct lend_plain plain;	/* or with CRIU */
	struct page_map **maps;		/* of the offers, which have them const */
	struct page_offer *offers;	/* one for each live task */
	size_t n_offers;
};

int post_copy_begin(struct dump *d, struct post_copy **out)
{
	struct post_copy *pc;
	int r;

	if (!d->opts->lazy_pages)
		return 0;
	pc = calloc(1, sizeof(*pc));
	if (!pc)
		return log_errno(-ENOMEM, "dump --lazy-pages");
	pc->plain.stream = STREAM_CLOSED;
	pc->stop = interrupt_fd();
	pc->listener = pc->stop < 0 ? pc->stop : page_server_listen(d->opts);
	r = pc->listener;
	if (r >= 0)
		r = page_server_tls(d->opts, &pc->tls);
	if (r >= 0)
		r = token_read(d->opts->token_file, &pc->token);
	if (r < 0) {
		post_copy_free(pc);
		return r;
	}
	*out = pc;
	return 0;
}

static int offer_task(struct dump *d, struct post_copy *pc, const struct task *t)
{
	struct page_offer *offer = &pc->offers[pc->n_offers];
	struct page_map **map = &pc->maps[pc->n_offers];
	int r = page_map_load(d->images, IMAGE_PAGEMAP, t->pid, map);

	if (r < 0)
		return log_errno(r, "pid %d: cannot read the page map that was just written",
				 t->pid);
	*offer = (struct page_offer){ .map = *map, .mem = -1 };
	pc->n_offers++;
	offer->mem = proc_open(task_proc(t), O_RDONLY, "mem");
	if (offer->mem < 0)
		return log_errno(offer->mem, "pid %d: cannot open its memory", t->pid);
	return 0;
}

static int offer_all(struct dump *d, struct post_copy *pc)
{
	struct task *t;
	size_t n = 0;

	TAILQ_FOREACH(t, &d->tasks, link)
		n += task_is_live(t);
	pc->maps = calloc(n, sizeof(*pc->maps));
	pc->offers = calloc(n, sizeof(*pc->offers));
	if (!pc->maps || !pc->offers)
		return log_errno(-ENOMEM, "dump --lazy-pages: cannot offer %zu tasks", n);
	TAILQ_FOREACH(t, &d->tasks, link) {
		int r = task_is_live(t) ? offer_task(d, pc, t) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

/* As long as nobody comes the tree stands still: a signal ends that. */
static int lend(struct post_copy *pc)
{
	const struct lend_options opts = {
		.listener = pc->listener, .stop_fd = pc->stop, .offers = pc->offers,
		.n_offers = pc->n_offers, .token = &pc->token, .tls = pc->tls,
	};
	int r = page_lend_new(&opts, &pc->lend);

	if (r >= 0)
		r = page_lend_serve(pc->lend, &pc->plain);
	if (r != LEND_PLAIN)
		return r;
	page_lend_free(take_ptr(pc->lend));
	/* There is one peer. Another one is to be told so, not to wait. */
	close(take_fd(&pc->listener));
	return page_answer(&pc->plain.stream, &pc->plain.first, pc->offers, pc->n_offers,
			   pc->stop);
}

int post_copy_serve(struct dump *d, struct post_copy *pc)
{
	int r;

	if (!pc)
		return 0;
	r = offer_all(d, pc);
	if (r >= 0)
		r = page_server_ready(d->opts, pc->listener);
	if (r >= 0)
		r = lend(pc);
	if (r < 0)
		log_error("dump --lazy-pages: the tree was not taken over: it runs on here");
	return r;
}

void post_copy_end(struct post_copy *pc)
{
	int r = 0;

	if (pc)
		r = pc->lend ? page_lend_close(pc->lend) :
			       page_answer_close(&pc->plain.stream);
	if (r < 0)
		log_warn("dump --lazy-pages: who has the tree now was not told that it ended here");
}

void post_copy_free(struct post_copy *pc)
{
	if (!pc)
		return;
	for (size_t i = 0; i < pc->n_offers; i++) {
		page_map_free(pc->maps[i]);
		close_cleanup(&pc->offers[i].mem);
	}
	if (pc->lend)
		page_lend_free(pc->lend);
	free(pc->maps);
	free(pc->offers);
	close_cleanup(&pc->listener);
	close_cleanup(&pc->stop);
	stream_close(&pc->plain.stream);
	tls_put(pc->tls);
	free(pc);
}
