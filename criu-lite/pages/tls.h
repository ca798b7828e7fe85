/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TLS on the connections of pages, where CRIU has it (spec/images.md, section 16.5): directly
 * behind the connection, before the first byte. Each end shows a certificate, and wants one
 * of the other that its CA has signed; who connects also wants the name that he connects to.
 */
#ifndef CRIU_LITE_PAGES_TLS_H
#define CRIU_LITE_PAGES_TLS_H

#include "pages/stream.h"
#include "util/cleanup.h"

struct tls;

/* NULL: where CRIU looks for it. All are PEM. */
struct tls_files {
	const char *cacert;		/* whose signature is believed */
	const char *cacrl;		/* what it has revoked; the default one need not be there */
	const char *cert, *key;		/* ours */
	const char *name;		/* of who is connected to; NULL: any */
};

enum tls_role {
	TLS_ACCEPTS,
	TLS_CONNECTS,
};

/* Returns 0 or -errno, logged: -ENOTSUP where this program has no TLS. */
int tls_load(const struct tls_files *files, struct tls **tls);
/* The caller's share of it: streams have their own. Safe on NULL. */
void tls_put(struct tls *tls);
DEFINE_CLEANUP(struct tls *, tls, tls_put)

/*
 * A stream over @sock, which it owns, also on failure; plain where @tls is NULL. 0, or -errno,
 * not logged.
 */
int tls_open(struct tls *tls, enum tls_role role, int sock, struct stream *stream);

#endif
