// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages of a lazy session between ours.
 *
 * The head has a checksum of its own: its length says how many bytes to wait for, and a
 * damaged one would have us wait for what never comes.
 */
#include "pages/message.h"

#include <errno.h>
#include <lz4.h>
#include <string.h>

#include "util/crc32c.h"
#include "util/macro.h"

static const struct message_row {
	uint8_t type;
	const char *name;
	bool pages;			/* is about pages, and not about the session */
} message_table[] = {
	{ MESSAGE_GET, "GET", true },
	{ MESSAGE_PAGES, "PAGES", true },
	{ MESSAGE_CLOSE, "CLOSE", false },
	{ MESSAGE_CLOSED, "CLOSED", false },
	{ MESSAGE_LEAVE, "LEAVE", false },
	{ MESSAGE_FAIL, "FAIL", false },
};

static const struct message_row *find_row(unsigned int type)
{
	for (size_t i = 0; i < ARRAY_SIZE(message_table); i++)
		if (message_table[i].type == type)
			return &message_table[i];
	return NULL;
}

const char *message_type_str(unsigned int type)
{
	const struct message_row *row = find_row(type);

	return row ? row->name : "?";
}

static uint32_t head_crc(const struct message *m)
{
	return crc32c(0, (const char *)m + sizeof(m->crc), sizeof(*m) - sizeof(m->crc));
}

void message_seal(struct message *m, const void *payload)
{
	m->payload_crc = crc32c(0, payload, m->len);
	m->crc = head_crc(m);
}

static uint32_t content_size(const struct message *m)
{
	return m->nr_pages << PAGE_SHIFT;
}

/* How many bytes have to follow. */
static bool length_fits(const struct message *m)
{
	if (m->type != MESSAGE_PAGES)
		return !m->flags && !m->len;
	if (m->flags == MESSAGE_ZERO)
		return !m->len;
	if (m->flags == MESSAGE_LZ4)
		return m->len && m->len < content_size(m);
	return !m->flags && m->len == content_size(m);
}

int message_check(const struct message *m)
{
	const struct message_row *row = find_row(m->type);

	if (m->crc != head_crc(m))
		return -EBADMSG;
	if (!row || !length_fits(m))
		return -EPROTO;
	if (!row->pages)
		return m->nr_pages || m->vaddr || m->pid ? -EPROTO : 0;
	if (!m->nr_pages || m->nr_pages > MESSAGE_PAGES_MAX || m->vaddr % PAGE_SIZE)
		return -EPROTO;
	return m->vaddr > UINT64_MAX - content_size(m) ? -EPROTO : 0;
}

int message_check_payload(const struct message *m, const void *payload)
{
	return m->payload_crc == crc32c(0, payload, m->len) ? 0 : -EBADMSG;
}

int message_unpack(const struct message *m, const void *payload, void *to)
{
	const int size = content_size(m);

	if (m->flags == MESSAGE_ZERO)
		memset(to, 0, size);
	else if (m->flags != MESSAGE_LZ4)
		memcpy(to, payload, size);
	else if (LZ4_decompress_safe(payload, to, m->len, size) != size)
		return -EPROTO;
	return 0;
}

/* An eighth less: what is saved on the way must be more than what the two ends spend. */
bool message_pack(struct message *m, const void *data, void *to)
{
	const int size = content_size(m);
	int len = LZ4_compress_default(data, to, size, size - size / 8);

	if (len <= 0)
		return false;
	m->flags = MESSAGE_LZ4;
	m->len = len;
	return true;
}
