/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages of a lazy session between ours: what is said on a channel once both ends have
 * said hello (criu-lite-lazy(7), "The protocol"). 32 bytes in the byte order of the host,
 * then the payload, if any, each with its CRC-32C.
 */
#ifndef CRIU_LITE_PAGES_MESSAGE_H
#define CRIU_LITE_PAGES_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Pages of one request, or of one message. */
#define MESSAGE_PAGES_MAX 32

enum message_type {
	MESSAGE_GET = 1,		/* who asks: give me @nr_pages pages */
	MESSAGE_PAGES,			/* who gives: these are they, or some of them */
	MESSAGE_CLOSE,			/* who asks: I have everything */
	MESSAGE_CLOSED,			/* who gives: I know; the dumped tree has ended */
	MESSAGE_LEAVE,			/* who asks: I will not come back */
	MESSAGE_FAIL,			/* who gives: nor will I; @id: an errno */
};

enum message_flags {
	MESSAGE_ZERO = 1,		/* the pages are zero, there is no payload */
	MESSAGE_LZ4 = 2,		/* the payload is one block of LZ4 */
};

struct message {
	uint32_t crc;			/* of the 28 bytes that follow */
	uint8_t type;			/* enum message_type */
	uint8_t flags;			/* enum message_flags */
	uint16_t nr_pages;
	uint32_t id;			/* of the request, chosen by who asks */
	uint32_t pid;			/* the task */
	uint64_t vaddr;
	uint32_t len;			/* bytes of payload */
	uint32_t payload_crc;
};

_Static_assert(sizeof(struct message) == 32, "the size of a message is on the wire");

/* Sets both checksums. */
void message_seal(struct message *m, const void *payload);
/*
 * Whether the 32 bytes are what was sent, and what one may say: 0; -EBADMSG: damaged on its
 * way; -EPROTO: sound, and nothing of this protocol. Nothing is logged.
 */
int message_check(const struct message *m);
/* Whether the payload is what was sent: 0, or -EBADMSG. */
int message_check_payload(const struct message *m, const void *payload);

/*
 * Content of pages and back. What was checked as above may still be no content: -EPROTO.
 * @to has room for all of m->nr_pages.
 */
int message_unpack(const struct message *m, const void *payload, void *to);
/*
 * Compresses what @m says of @data (m->nr_pages pages) into @to, if that is worth it: sets
 * its length and flags, and returns whether it is. @to has room for as much as @data.
 */
bool message_pack(struct message *m, const void *data, void *to);

/* "GET", or "?". */
const char *message_type_str(unsigned int type);

#endif
