// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tracepoints of the kernel.
 *
 * Each processor has a ring, which all tracepoints of ours write to there: a reader maps it,
 * and moves its tail (perf_event_open(2), "MMAP layout"). What is in a ring is in the order
 * of its time; between rings the times say what came first. It is the scheduler's clock: that
 * of clock_gettime() may be a tenth of a second beside it where a virtual machine has just
 * been put aside. A processor that is switched on later is not listened to.
 *
 * The ids of tracepoints, and where their fields are, stand in tracefs. Where nobody has
 * mounted it, a mount of it that has no place is made for as long as it is read.
 */
#include "sys/tracepoint.h"

#include <asm/perf_regs.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/io.h"
#include "util/macro.h"
#include "util/scan.h"

#define TRACEFS "/sys/kernel/tracing"
#define FORMAT_MAX 65536
/* A record is not longer: its size has 16 bits. */
#define RECORD_MAX 65536
/* More than one of a hit takes. */
#define ROOM_MIN 1024

/*
 * The arguments of a system call, and where among the user's registers of a sample they
 * are: those are in the order of their numbers.
 */
static const unsigned int arg_registers[TRACEPOINT_ARGS] = {
	PERF_REG_X86_DI, PERF_REG_X86_SI, PERF_REG_X86_DX, PERF_REG_X86_R10, PERF_REG_X86_R8,
};

static uint64_t register_mask(void)
{
	uint64_t mask = 0;

	for (size_t i = 0; i < ARRAY_SIZE(arg_registers); i++)
		mask |= 1ULL << arg_registers[i];
	return mask;
}

/* "\tfield:struct mm_struct * mm;\toffset:8;\tsize:8;\tsigned:0;" */
static bool parse_field(const char *line, const char *field, uint16_t *offset)
{
	const char *end = strchr(line, ';'), *at;
	size_t len = strlen(field);
	uint32_t value, size;

	if (!end || end - line < (ptrdiff_t)len + 1 || strncmp(end - len, field, len) ||
	    !strchr(" *", end[-(ptrdiff_t)len - 1]))
		return false;
	at = end + 1;
	scan_blanks(&at);
	if (!scan_text(&at, "offset:") || !scan_u32(&at, 10, &value) || !scan_text(&at, ";"))
		return false;
	scan_blanks(&at);
	if (!scan_text(&at, "size:") || !scan_u32(&at, 10, &size) || size != 8 ||
	    value > UINT16_MAX)
		return false;
	*offset = value;
	return true;
}

int tracepoint_parse(const char *format, const char *field, uint16_t *id, uint16_t *offset)
{
	bool has_id = false, has_field = false;
	const char *line, *at;
	uint32_t value;
	size_t len;

	while (scan_line(&format, &line, &len)) {
		at = line;
		scan_blanks(&at);
		if (scan_text(&at, "ID: ") && scan_u32(&at, 10, &value) && value <= UINT16_MAX) {
			*id = value;
			has_id = true;
		} else if (scan_text(&at, "field:")) {
			has_field |= parse_field(at, field, offset);
		}
	}
	return has_id && has_field ? 0 : -EINVAL;
}

/* A mount of tracefs without a place, or -errno. */
static int mount_tracefs(void)
{
	_cleanup_close_ int fs = fsopen("tracefs", FSOPEN_CLOEXEC);
	int mnt;

	if (fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return -errno;
	mnt = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	return mnt < 0 ? -errno : mnt;
}

static int read_format(const char *name, char **text)
{
	_cleanup_close_ int mnt = -1;
	char path[128];
	int err;

	snprintf(path, sizeof(path), TRACEFS "/events/%s/format", name);
	err = read_file(AT_FDCWD, path, FORMAT_MAX, text, NULL);
	if (err != -ENOENT)
		return err;
	mnt = mount_tracefs();
	if (mnt < 0)
		return mnt;
	return read_file(mnt, path + strlen(TRACEFS) + 1, FORMAT_MAX, text, NULL);
}

static int find_points(struct tracepoints *tp, const struct tracepoint_want *wants)
{
	for (unsigned int i = 0; i < tp->n_wants; i++) {
		_cleanup_free_ char *text = NULL;
		int err = read_format(wants[i].name, &text);

		if (!err)
			err = tracepoint_parse(text, wants[i].field, &tp->points[i].id,
					       &tp->points[i].offset);
		if (err)
			return err;
	}
	return 0;
}

static int open_point(const struct tracepoints *tp, unsigned int which, const char *filter,
		      int cpu, size_t ring_size)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr), .type = PERF_TYPE_TRACEPOINT, .config = tp->points[which].id,
		.sample_period = 1,
		.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_RAW |
			       PERF_SAMPLE_REGS_USER,
		.sample_regs_user = register_mask(),
		.watermark = 1, .wakeup_watermark = ring_size / 2,
		.disabled = 1,
	};
	_cleanup_close_ int fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1,
					 PERF_FLAG_FD_CLOEXEC);

	if (fd < 0 || (filter && ioctl(fd, PERF_EVENT_IOC_SET_FILTER, filter)))
		return -errno;
	return take_fd(&fd);
}

static int open_ring(struct tracepoints *tp, const struct tracepoint_want *wants, int cpu,
		     size_t ring_size)
{
	struct tracepoint_ring *ring = &tp->rings[tp->n_rings];
	int fd = open_point(tp, 0, wants[0].filter, cpu, ring_size);

	/* A processor that is switched off. */
	if (fd == -ENODEV)
		return 0;
	if (fd < 0)
		return fd;
	*ring = (struct tracepoint_ring){ .fd = fd, .others = { -1, -1, -1 } };
	tp->n_rings++;
	ring->map_size = ring_size + PAGE_SIZE;
	ring->map = mmap(NULL, ring->map_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ring->map == MAP_FAILED)
		return -errno;
	for (unsigned int i = 1; i < tp->n_wants; i++) {
		fd = open_point(tp, i, wants[i].filter, cpu, ring_size);
		if (fd < 0)
			return fd;
		ring->others[i - 1] = fd;
		if (ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, ring->fd) ||
		    ioctl(fd, PERF_EVENT_IOC_ENABLE, 0))
			return -errno;
	}
	return ioctl(ring->fd, PERF_EVENT_IOC_ENABLE, 0) ? -errno : 0;
}

int tracepoints_open(struct tracepoints *tp, const struct tracepoint_want *wants,
		     unsigned int n_wants, size_t ring_size)
{
	long n_cpus = sysconf(_SC_NPROCESSORS_CONF);
	int err;

	*tp = (struct tracepoints){ .n_wants = n_wants };
	err = find_points(tp, wants);
	if (err)
		return err;
	tp->rings = n_cpus > 0 ? calloc(n_cpus, sizeof(*tp->rings)) : NULL;
	if (!tp->rings)
		return -ENOMEM;
	for (int cpu = 0; cpu < n_cpus && !err; cpu++)
		err = open_ring(tp, wants, cpu, ring_size);
	if (err)
		tracepoints_close(tp);
	return err;
}

void tracepoints_close(struct tracepoints *tp)
{
	for (size_t i = 0; i < tp->n_rings; i++) {
		struct tracepoint_ring *ring = &tp->rings[i];

		for (size_t j = 0; j < ARRAY_SIZE(ring->others); j++)
			if (ring->others[j] >= 0)
				close(ring->others[j]);
		if (ring->map != MAP_FAILED)
			munmap(ring->map, ring->map_size);
		close(ring->fd);
	}
	free(tp->rings);
	*tp = (struct tracepoints){};
}

/* What is left to be read of a record. */
struct record {
	const char *at;
	size_t left;
};

static bool take_bytes(struct record *rec, void *to, size_t len)
{
	if (rec->left < len)
		return false;
	memcpy(to, rec->at, len);
	rec->at += len;
	rec->left -= len;
	return true;
}

static bool parse_raw(const struct tracepoints *tp, const char *raw, size_t len,
		      struct tracepoint_hit *hit)
{
	uint16_t id;

	if (len < sizeof(id))
		return false;
	memcpy(&id, raw, sizeof(id));
	for (hit->which = 0; hit->which < tp->n_wants; hit->which++) {
		size_t offset = tp->points[hit->which].offset;

		if (tp->points[hit->which].id != id)
			continue;
		if (offset + sizeof(hit->field) > len)
			return false;
		memcpy(&hit->field, raw + offset, sizeof(hit->field));
		return true;
	}
	return false;
}

static bool parse_registers(struct record *rec, struct tracepoint_hit *hit)
{
	uint64_t abi, value, mask = register_mask();

	if (!take_bytes(rec, &abi, sizeof(abi)))
		return false;
	if (abi != PERF_SAMPLE_REGS_ABI_64)
		return true;
	for (unsigned int i = 0; mask >> i; i++) {
		if (!(mask >> i & 1))
			continue;
		if (!take_bytes(rec, &value, sizeof(value)))
			return false;
		for (size_t j = 0; j < ARRAY_SIZE(arg_registers); j++)
			if (arg_registers[j] == i)
				hit->args[j] = value;
	}
	return true;
}

/* The parts are those of attr.sample_type, in the order of perf_event_open(2). */
static bool parse_sample(const struct tracepoints *tp, struct record rec,
			 struct tracepoint_hit *hit)
{
	uint32_t ids[2], raw_len;
	const char *raw;

	*hit = (struct tracepoint_hit){};
	if (!take_bytes(&rec, ids, sizeof(ids)) ||
	    !take_bytes(&rec, &hit->time_ns, sizeof(hit->time_ns)) ||
	    !take_bytes(&rec, &raw_len, sizeof(raw_len)) || raw_len > rec.left)
		return false;
	hit->pid = ids[0];
	hit->tid = ids[1];
	raw = rec.at;
	rec.at += raw_len;
	rec.left -= raw_len;
	return parse_raw(tp, raw, raw_len, hit) && parse_registers(&rec, hit);
}

/* Copies what wraps around the end of the ring. */
static void ring_copy(const char *data, size_t size, uint64_t from, void *to, size_t len)
{
	size_t at = from & (size - 1), first = MIN(len, size - at);

	memcpy(to, data + at, first);
	memcpy((char *)to + first, data, len - first);
}

static int read_ring(struct tracepoints *tp, struct tracepoint_ring *ring, char *buf,
		     int (*take)(void *arg, const struct tracepoint_hit *hit), void *arg,
		     uint64_t *n_lost)
{
	struct perf_event_mmap_page *page = ring->map;
	const char *data = (const char *)ring->map + PAGE_SIZE;
	const size_t size = ring->map_size - PAGE_SIZE;
	const uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
	uint64_t tail = page->data_tail;
	int err = 0;

	/* What found no room is counted in the next record that does: that may be to come. */
	if (head - tail > size - ROOM_MIN)
		++*n_lost;
	while (tail < head && !err) {
		struct perf_event_header header;
		struct tracepoint_hit hit;
		uint64_t lost[2];

		ring_copy(data, size, tail, &header, sizeof(header));
		ring_copy(data, size, tail, buf, header.size);
		tail += header.size;
		if (header.type == PERF_RECORD_LOST && header.size >= sizeof(header) + sizeof(lost)) {
			memcpy(lost, buf + sizeof(header), sizeof(lost));
			*n_lost += lost[1];
		}
		if (header.type != PERF_RECORD_SAMPLE)
			continue;
		if (parse_sample(tp, (struct record){ buf + sizeof(header),
						      header.size - sizeof(header) }, &hit))
			err = take(arg, &hit);
		else
			++*n_lost;
	}
	__atomic_store_n(&page->data_tail, tail, __ATOMIC_RELEASE);
	return err;
}

int tracepoints_read(struct tracepoints *tp,
		     int (*take)(void *arg, const struct tracepoint_hit *hit), void *arg,
		     uint64_t *n_lost)
{
	char buf[RECORD_MAX];
	int err = 0;

	*n_lost = 0;
	for (size_t i = 0; i < tp->n_rings && !err; i++)
		err = read_ring(tp, &tp->rings[i], buf, take, arg, n_lost);
	return err;
}
