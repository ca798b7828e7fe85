// SPDX-License-Identifier: GPL-2.0-only
/*
 * A channel of a lazy session between ours.
 *
 * What is sent waits in memory as long as the socket is full. Its owner bounds that: he asks
 * for no more than his window, or answers one request at a time.
 */
#include "pages/channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void channel_open(struct channel *ch, struct stream stream)
{
	ch->stream = stream;
	ch->got = ch->out_len = ch->out_done = 0;
}

void channel_close(struct channel *ch)
{
	stream_close(&ch->stream);
	free(ch->out);
	ch->out = NULL;
	ch->got = ch->out_len = ch->out_done = ch->out_cap = 0;
}

/* However it went away: that is not for us to tell apart. */
static int peer_error(int err)
{
	static const int gone[] = { EPIPE, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, ENETDOWN,
				    ECONNABORTED };

	for (size_t i = 0; i < ARRAY_SIZE(gone); i++)
		if (err == gone[i])
			return -ECONNRESET;
	return -err;
}

int channel_flush(struct channel *ch)
{
	while (channel_full(ch)) {
		ssize_t n = stream_send(&ch->stream, ch->out + ch->out_done,
					ch->out_len - ch->out_done, MSG_DONTWAIT);

		if (n < 0)
			return n == -EAGAIN ? 0 : peer_error(-n);
		ch->out_done += n;
	}
	ch->out_len = ch->out_done = 0;
	return 0;
}

static bool make_room(struct channel *ch, size_t len)
{
	size_t need = ch->out_len + len;
	char *bigger;

	if (need <= ch->out_cap)
		return true;
	bigger = realloc(ch->out, need * 2);
	if (!bigger)
		return false;
	ch->out = bigger;
	ch->out_cap = need * 2;
	return true;
}

int channel_send(struct channel *ch, struct message *m, const void *payload)
{
	message_seal(m, payload);
	if (!make_room(ch, sizeof(*m) + m->len))
		return -ENOMEM;
	memcpy(ch->out + ch->out_len, m, sizeof(*m));
	if (m->len)
		memcpy(ch->out + ch->out_len + sizeof(*m), payload, m->len);
	ch->out_len += sizeof(*m) + m->len;
	return 0;
}

/* Some of what is still missing: 1, 0 (nothing there), or -errno. */
static int receive_some(struct channel *ch, void *to, size_t len)
{
	ssize_t n = stream_receive(&ch->stream, to, len, MSG_DONTWAIT);

	if (n < 0)
		return n == -EAGAIN ? 0 : peer_error(-n);
	ch->got += n;
	return n ? 1 : -ECONNRESET;
}

int channel_receive(struct channel *ch)
{
	const size_t head = sizeof(ch->head);
	int r;

	while (ch->got < head) {
		r = receive_some(ch, (char *)&ch->head + ch->got, head - ch->got);
		if (r <= 0)
			return r;
		r = ch->got == head ? message_check(&ch->head) : 0;
		if (r)
			return r;
	}
	while (ch->got < head + ch->head.len) {
		r = receive_some(ch, ch->payload + (ch->got - head),
				 head + ch->head.len - ch->got);
		if (r <= 0)
			return r;
	}
	ch->got = 0;
	r = message_check_payload(&ch->head, ch->payload);
	return r ? r : 1;
}
