// SPDX-License-Identifier: GPL-2.0-only
/* How far a lazy-pages server is, in one line: on a terminal, and when it is asked. */
#include "lazy-pages/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "lazy-pages/adopt.h"
#include "lazy-pages/server.h"
#include "util/clock.h"
#include "util/io.h"
#include "util/log.h"
#include "util/macro.h"

#define INTERVAL_NS 200000000ULL
#define NS_PER_SEC 1000000000ULL
#define PAGES_PER_MIB (1024 * 1024 / PAGE_SIZE)
#define CLEAR_LINE "\r\033[K"

void progress_line(char *buf, size_t size, const struct lazy_stats *stats, uint64_t total,
		   uint64_t elapsed_ns, bool draining)
{
	uint64_t here = stats_pages(stats), rate = here * NS_PER_SEC / MAX(elapsed_ns, 1UL);
	int n = snprintf(buf, size, "%" PRIu64 " of %" PRIu64 " MiB here, %" PRIu64 " faults",
			 here / PAGES_PER_MIB, total / PAGES_PER_MIB, stats->faults);

	/* Never cut: the numbers have at most 20 digits each. */
	if (stats->faults)
		n += snprintf(buf + n, size - n, ", p99 < %" PRIu64 " us",
			      stats_wait(stats, 990) / 1000);
	n += snprintf(buf + n, size - n, ", %" PRIu64 " MiB/s", rate / PAGES_PER_MIB);
	if (draining && rate && here < total)
		snprintf(buf + n, size - n, ", %" PRIu64 " s left", (total - here) / rate);
}

static void line_of(const struct server *server, char *buf, size_t size)
{
	const uint64_t start = server->stats.start_ns;

	progress_line(buf, size, &server->stats, server->total_pages,
		      start ? clock_ns() - start : 0, !server->demand_only);
}

void progress_show(struct server *server)
{
	char line[192];
	uint64_t now;

	if (!server->on_terminal || !server->complete)
		return;
	now = clock_ns();
	if (now - server->shown_ns < INTERVAL_NS || !io_may_write(STDERR_FILENO))
		return;
	server->shown_ns = now;
	line_of(server, line, sizeof(line));
	dprintf(STDERR_FILENO, CLEAR_LINE "%s", line);
}

void progress_end(struct server *server)
{
	if (server->on_terminal && server->shown_ns && io_may_write(STDERR_FILENO))
		dprintf(STDERR_FILENO, CLEAR_LINE);
}

void progress_say(const struct server *server)
{
	char line[192];

	line_of(server, line, sizeof(line));
	log_msg("lazy-pages: %s%s", line, server->complete ? "" : " (the restore is not over)");
	if (server_source_lost(server))
		log_msg("lazy-pages: the source is lost: waiting for it, or for another "
			"(criu-lite lazy-pages --attach %d)", adopt_pid(server));
}
