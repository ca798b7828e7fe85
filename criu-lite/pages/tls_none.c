// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a program built without gnutls has of TLS: a refusal.
 */
#include <errno.h>
#include <unistd.h>

#include "pages/tls.h"
#include "util/log.h"

int tls_load(const struct tls_files *files, struct tls **tls)
{
	return log_errno(-ENOTSUP, "--tls: this criu-lite was built without gnutls");
}

void tls_put(struct tls *tls)
{
}

int tls_open(struct tls *tls, enum tls_role role, int sock, struct stream *stream)
{
	if (tls) {
		close(sock);
		return -ENOTSUP;
	}
	*stream = stream_plain(sock);
	return 0;
}
