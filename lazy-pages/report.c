// SPDX-License-Identifier: GPL-2.0-only
/* What happens, for programs that watch. */
#include "lazy-pages/report.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lazy-pages/adopt.h"
#include "lazy-pages/server.h"
#include "util/clock.h"
#include "util/io.h"
#include "util/log.h"

#define INTERVAL_NS 1000000000ULL

static struct json_object *describe(const struct server *server, const char *event)
{
	const struct lazy_stats *stats = &server->stats;
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "event", json_object_new_string(event));
	if (!server->greeted)
		return o;
	stats_add_number(o, "ns", clock_ns() - stats->start_ns);
	if (server->n_pidfds)
		stats_add_number(o, "pid", adopt_pid(server));
	stats_add_number(o, "pages", server->total_pages);
	stats_add_number(o, "on_demand", stats->demand_pages);
	stats_add_number(o, "background", stats->background_pages);
	stats_add_number(o, "faults", stats->faults);
	stats_add_number(o, "fault_wait_p99_ns", stats_wait(stats, 990));
	return o;
}

void report(struct server *server, const char *event)
{
	struct json_object *o;
	char line[512];
	int len;

	if (!server->reporting || !io_may_write(STDOUT_FILENO))
		return;
	o = describe(server, event);
	len = snprintf(line, sizeof(line), "%s\n",
		       json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
	/* At once: a server of many restores has others beside it that write there. */
	if (write(STDOUT_FILENO, line, len) == len)
		return;
	log_warn("lazy-pages: cannot write events any more: %s", strerror(errno));
	server->reporting = false;
}

void report_progress(struct server *server)
{
	bool lost;
	uint64_t now;

	if (!server->reporting || !server->complete)
		return;
	lost = server_source_lost(server);
	if (lost != server->reported_lost)
		report(server, lost ? "source_lost" : "source_back");
	server->reported_lost = lost;
	now = clock_ns();
	if (now - server->reported_ns < INTERVAL_NS)
		return;
	server->reported_ns = now;
	report(server, "progress");
}
