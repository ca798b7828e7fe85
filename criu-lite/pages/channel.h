/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A channel: one connection of a lazy session between ours, which carries messages both
 * ways. Nothing here waits: who owns it watches its socket.
 */
#ifndef CRIU_LITE_PAGES_CHANNEL_H
#define CRIU_LITE_PAGES_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "pages/message.h"
#include "pages/stream.h"
#include "util/macro.h"

struct channel {
	struct stream stream;
	struct message head;		/* what comes: valid when channel_receive() says so */
	size_t got;			/* bytes of it and its payload */
	char payload[MESSAGE_PAGES_MAX * PAGE_SIZE];
	char *out;			/* what is still to be sent */
	size_t out_len, out_done, out_cap;
};

/* Owns @stream from here on. */
void channel_open(struct channel *ch, struct stream stream);
/* Also one that is closed. What was not sent is lost. */
void channel_close(struct channel *ch);

/* Seals a message with m->len bytes of payload, for channel_flush(). 0 or -ENOMEM, not logged. */
int channel_send(struct channel *ch, struct message *m, const void *payload);
/*
 * Sends as much as the socket has room for. Returns 0, or -errno, not logged: -ECONNRESET
 * however the other end went away.
 */
int channel_flush(struct channel *ch);
/* Whether something is still to be sent. */
static inline bool channel_full(const struct channel *ch)
{
	return ch->out_done < ch->out_len;
}

/*
 * 1: head and payload are a whole message, sound and possible; 0: nothing more for now;
 * -ECONNRESET: the other end went away; -EBADMSG, -EPROTO: as message_check(); -errno.
 */
int channel_receive(struct channel *ch);

#endif
