// SPDX-License-Identifier: GPL-2.0-only
/*
 * Streams through TLS, by gnutls.
 *
 * The library is loaded when it is asked for: linked, it would double the time that every
 * command of ours takes to start (from 2 to 4 ms), and most never need it.
 *
 * gnutls knows no flags of single calls: what send(2) or recv(2) is to do is kept in the
 * session while it lasts. What it could not send it keeps, and wants to be given again.
 *
 * An end of file without a last word (bye) is a cut, and an error. A session that was begun
 * and meets what is no TLS, or not of this session, is damaged (-EBADMSG): somebody has
 * changed a byte on its way.
 */
#include "pages/tls.h"

#include <dlfcn.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/log.h"
#include "util/macro.h"

#define LIBRARY "libgnutls.so.30"
#define DEFAULT_CACERT "/etc/pki/CA/cacert.pem"
#define DEFAULT_CACRL "/etc/pki/CA/cacrl.pem"
#define DEFAULT_CERT "/etc/pki/criu/cert.pem"
#define DEFAULT_KEY "/etc/pki/criu/private/key.pem"

/* All of gnutls that is used here. */
#define LIBRARY_TABLE(row) \
	row(gnutls_alert_get) \
	row(gnutls_alert_send) \
	row(gnutls_alert_send_appropriate) \
	row(gnutls_bye) \
	row(gnutls_certificate_allocate_credentials) \
	row(gnutls_certificate_free_credentials) \
	row(gnutls_certificate_server_set_request) \
	row(gnutls_certificate_set_x509_crl_file) \
	row(gnutls_certificate_set_x509_key_file) \
	row(gnutls_certificate_set_x509_trust_file) \
	row(gnutls_credentials_set) \
	row(gnutls_deinit) \
	row(gnutls_handshake) \
	row(gnutls_init) \
	row(gnutls_record_check_pending) \
	row(gnutls_record_get_direction) \
	row(gnutls_record_recv) \
	row(gnutls_record_send) \
	row(gnutls_session_get_verify_cert_status) \
	row(gnutls_session_set_verify_cert) \
	row(gnutls_set_default_priority) \
	row(gnutls_strerror) \
	row(gnutls_transport_set_errno) \
	row(gnutls_transport_set_ptr) \
	row(gnutls_transport_set_pull_function) \
	row(gnutls_transport_set_push_function)

/* Each member is a pointer to the function that it is called after. */
struct library {
#define MEMBER(name) __typeof__(name) *name;
	LIBRARY_TABLE(MEMBER)
#undef MEMBER
};

struct tls {
	unsigned int refs;
	struct library lib;
	gnutls_certificate_credentials_t cred;
	const char *name;
};

struct tls_session {
	struct tls *tls;
	gnutls_session_t gnutls;
	int fd;
	int flags;			/* of the call that is under way */
	int err;			/* errno of the socket, when it failed; 0: it did not */
	bool begun;
	bool ended;			/* the socket has, in whatever the other end was saying */
};

/* The first that fits is told: to the user, and to the other end. */
static const struct trust_row {
	unsigned int status;
	gnutls_alert_description_t alert;
	const char *why;
} trust_table[] = {
	{ GNUTLS_CERT_REVOKED, GNUTLS_A_CERTIFICATE_REVOKED, "its certificate was revoked" },
	{ GNUTLS_CERT_SIGNER_NOT_FOUND, GNUTLS_A_UNKNOWN_CA,
	  "its certificate is not signed by our CA (--tls-cacert)" },
	{ GNUTLS_CERT_SIGNER_NOT_CA, GNUTLS_A_UNKNOWN_CA,
	  "who has signed its certificate is no CA" },
	{ GNUTLS_CERT_EXPIRED, GNUTLS_A_CERTIFICATE_EXPIRED, "its certificate has expired" },
	{ GNUTLS_CERT_NOT_ACTIVATED, GNUTLS_A_CERTIFICATE_EXPIRED,
	  "its certificate is not valid yet" },
	{ GNUTLS_CERT_UNEXPECTED_OWNER, GNUTLS_A_BAD_CERTIFICATE,
	  "its certificate is not for what --address says (--tls-no-cn-verify takes it)" },
	{ ~0U, GNUTLS_A_BAD_CERTIFICATE, "its certificate is not to be trusted" },
};

/* What the other end says about us. */
static const struct alert_row {
	gnutls_alert_description_t alert;
	const char *why;
} alert_table[] = {
	{ GNUTLS_A_ACCESS_DENIED, "it refuses us" },
	{ GNUTLS_A_BAD_CERTIFICATE, "it refuses our certificate" },
	{ GNUTLS_A_CERTIFICATE_EXPIRED, "it says that our certificate has expired" },
	{ GNUTLS_A_CERTIFICATE_REQUIRED, "it asks for a certificate of its CA" },
	{ GNUTLS_A_CERTIFICATE_REVOKED, "it says that our certificate was revoked" },
	{ GNUTLS_A_CERTIFICATE_UNKNOWN, "it refuses our certificate" },
	{ GNUTLS_A_UNKNOWN_CA, "it says that our certificate is not signed by its CA" },
	{ GNUTLS_A_UNSUPPORTED_CERTIFICATE, "it refuses our certificate" },
};

static ssize_t socket_result(struct tls_session *ts, ssize_t n)
{
	if (n < 0) {
		ts->err = errno;
		ts->tls->lib.gnutls_transport_set_errno(ts->gnutls, ts->err);
	}
	return n;
}

static ssize_t push(gnutls_transport_ptr_t ptr, const void *buf, size_t len)
{
	struct tls_session *ts = ptr;

	return socket_result(ts, send(ts->fd, buf, len, ts->flags | MSG_NOSIGNAL));
}

static ssize_t pull(gnutls_transport_ptr_t ptr, void *buf, size_t len)
{
	struct tls_session *ts = ptr;
	ssize_t n = recv(ts->fd, buf, len, ts->flags & MSG_DONTWAIT);

	ts->ended |= !n;
	return socket_result(ts, n);
}

static int fail(struct stream *s, int err, const char *why)
{
	s->why = why;
	return err;
}

static int on_alert(struct stream *s)
{
	struct tls_session *ts = s->session;
	gnutls_alert_description_t alert = ts->tls->lib.gnutls_alert_get(ts->gnutls);

	for (size_t i = 0; i < ARRAY_SIZE(alert_table); i++)
		if (alert_table[i].alert == alert)
			return fail(s, -EACCES, alert_table[i].why);
	return fail(s, -ECONNRESET, "it has ended TLS by an alert");
}

static int hung_up(struct stream *s)
{
	const struct tls_session *ts = s->session;

	return fail(s, -ECONNRESET, ts->begun ? NULL :
		    "it hung up when TLS began: does it have --tls?");
}

/* @code: of gnutls. Returns -errno. */
static int session_error(struct stream *s, int code)
{
	struct tls_session *ts = s->session;

	if (ts->ended && code != GNUTLS_E_FATAL_ALERT_RECEIVED)
		return hung_up(s);
	switch (code) {
	case GNUTLS_E_AGAIN:
		return -EAGAIN;
	case GNUTLS_E_PUSH_ERROR:
	case GNUTLS_E_PULL_ERROR:
		return ts->err == EPIPE || ts->err == ECONNRESET ? hung_up(s) : -ts->err;
	case GNUTLS_E_PREMATURE_TERMINATION:
		return hung_up(s);
	case GNUTLS_E_FATAL_ALERT_RECEIVED:
		return on_alert(s);
	case GNUTLS_E_MEMORY_ERROR:
		return -ENOMEM;
	}
	return fail(s, ts->begun ? -EBADMSG : -EPROTO, ts->tls->lib.gnutls_strerror(code));
}

static int distrust(struct stream *s)
{
	struct tls_session *ts = s->session;
	const unsigned int status = ts->tls->lib.gnutls_session_get_verify_cert_status(ts->gnutls);
	const struct trust_row *row = trust_table;

	while (!(row->status & status) && row->status != ~0U)
		row++;
	ts->tls->lib.gnutls_alert_send(ts->gnutls, GNUTLS_AL_FATAL, row->alert);
	return fail(s, -EACCES, row->why);
}

static int begin_error(struct stream *s, int code)
{
	struct tls_session *ts = s->session;

	switch (code) {
	case GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR:
		return distrust(s);
	case GNUTLS_E_AGAIN:
	case GNUTLS_E_FATAL_ALERT_RECEIVED:
	case GNUTLS_E_PREMATURE_TERMINATION:
	case GNUTLS_E_PULL_ERROR:
	case GNUTLS_E_PUSH_ERROR:
		return session_error(s, code);
	}
	/* A part of a record is no sign of another protocol when the rest of it was cut. */
	if (ts->ended && code == GNUTLS_E_UNEXPECTED_PACKET_LENGTH)
		return hung_up(s);
	/* It has not hung up, and is to know. */
	ts->tls->lib.gnutls_alert_send_appropriate(ts->gnutls, code);
	switch (code) {
	case GNUTLS_E_CERTIFICATE_REQUIRED:
	case GNUTLS_E_NO_CERTIFICATE_FOUND:
		return fail(s, -EACCES, "it has no certificate of our CA (--tls-cacert)");
	case GNUTLS_E_RECORD_OVERFLOW:
	case GNUTLS_E_UNEXPECTED_PACKET:
	case GNUTLS_E_UNEXPECTED_PACKET_LENGTH:
	case GNUTLS_E_UNSUPPORTED_VERSION_PACKET:
		return fail(s, -EPROTO, "it does not speak TLS: does it have --tls?");
	}
	return session_error(s, code);
}

static int tls_begin(struct stream *s)
{
	struct tls_session *ts = s->session;
	int code;

	if (ts->begun)
		return 0;
	ts->flags = MSG_DONTWAIT;
	do
		code = ts->tls->lib.gnutls_handshake(ts->gnutls);
	while (code == GNUTLS_E_INTERRUPTED);
	if (code != GNUTLS_E_SUCCESS)
		return begin_error(s, code);
	ts->begun = true;
	return 0;
}

static short tls_wants(const struct stream *s)
{
	const struct tls_session *ts = s->session;

	return ts->tls->lib.gnutls_record_get_direction(ts->gnutls) ? POLLOUT : POLLIN;
}

static ssize_t tls_send(struct stream *s, const void *buf, size_t len, int flags)
{
	struct tls_session *ts = s->session;
	char byte;
	ssize_t n;

	ts->flags = flags;
	do
		n = ts->tls->lib.gnutls_record_send(ts->gnutls, buf, len);
	while (n == GNUTLS_E_INTERRUPTED);
	/* Who hangs up on us may have said why: a certificate is refused after we have begun. */
	if ((n == GNUTLS_E_PUSH_ERROR || n == GNUTLS_E_PREMATURE_TERMINATION) &&
	    ts->tls->lib.gnutls_record_recv(ts->gnutls, &byte, 1) == GNUTLS_E_FATAL_ALERT_RECEIVED)
		return on_alert(s);
	return n < 0 ? session_error(s, n) : n;
}

/*
 * What came may have been for gnutls alone (a ticket), which then says AGAIN, as it does when the
 * socket has nothing. Who wants to negotiate anew is refused: nobody here has a reason to.
 */
static ssize_t tls_receive(struct stream *s, void *buf, size_t len, int flags)
{
	struct tls_session *ts = s->session;
	ssize_t n;

	ts->flags = flags;
	ts->err = 0;
	do
		n = ts->tls->lib.gnutls_record_recv(ts->gnutls, buf, len);
	while (n == GNUTLS_E_INTERRUPTED || (n == GNUTLS_E_AGAIN && !ts->err));
	return n < 0 ? session_error(s, n) : n;
}

static bool tls_pending(const struct stream *s)
{
	const struct tls_session *ts = s->session;

	return ts->begun && ts->tls->lib.gnutls_record_check_pending(ts->gnutls);
}

/* For who hears it: nothing depends on whether he does. */
static void tls_end(struct stream *s)
{
	struct tls_session *ts = s->session;

	ts->flags = MSG_DONTWAIT;
	ts->tls->lib.gnutls_bye(ts->gnutls, GNUTLS_SHUT_WR);
}

static void free_session(struct tls_session *ts)
{
	if (ts->gnutls)
		ts->tls->lib.gnutls_deinit(ts->gnutls);
	tls_put(ts->tls);
	free(ts);
}

static void tls_free(struct stream *s)
{
	free_session(s->session);
}

static const struct stream_ops tls_stream_ops = {
	.begin = tls_begin,
	.wants = tls_wants,
	.send = tls_send,
	.receive = tls_receive,
	.pending = tls_pending,
	.end = tls_end,
	.free = tls_free,
};

static int set_up(struct tls_session *ts, enum tls_role role)
{
	const struct library *lib = &ts->tls->lib;
	/*
	 * No session is resumed: a ticket would only be what nobody reads. Who has a certificate
	 * of another CA is to hear that, not that he has none.
	 */
	const unsigned int flags = role == TLS_CONNECTS ? GNUTLS_CLIENT | GNUTLS_FORCE_CLIENT_CERT :
							  GNUTLS_SERVER | GNUTLS_NO_TICKETS;
	int code = lib->gnutls_init(&ts->gnutls, flags);

	if (!code)
		code = lib->gnutls_set_default_priority(ts->gnutls);
	if (!code)
		code = lib->gnutls_credentials_set(ts->gnutls, GNUTLS_CRD_CERTIFICATE,
						   ts->tls->cred);
	if (code)
		return code == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : -EINVAL;
	lib->gnutls_session_set_verify_cert(ts->gnutls,
					    role == TLS_CONNECTS ? ts->tls->name : NULL, 0);
	if (role == TLS_ACCEPTS)
		lib->gnutls_certificate_server_set_request(ts->gnutls, GNUTLS_CERT_REQUIRE);
	lib->gnutls_transport_set_ptr(ts->gnutls, ts);
	lib->gnutls_transport_set_push_function(ts->gnutls, push);
	lib->gnutls_transport_set_pull_function(ts->gnutls, pull);
	return 0;
}

int tls_open(struct tls *tls, enum tls_role role, int sock, struct stream *stream)
{
	_cleanup_close_ int ours = sock;
	struct tls_session *ts;
	int err;

	if (!tls) {
		*stream = stream_plain(take_fd(&ours));
		return 0;
	}
	ts = calloc(1, sizeof(*ts));
	if (!ts)
		return -ENOMEM;
	tls->refs++;
	*ts = (struct tls_session){ .tls = tls, .fd = sock };
	err = set_up(ts, role);
	if (err) {
		free_session(ts);
		return err;
	}
	*stream = (struct stream){ .fd = take_fd(&ours), .ops = &tls_stream_ops, .session = ts };
	return 0;
}

static int load_library(struct library *lib)
{
	void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	if (!handle)
		return log_errno(-ENOTSUP, "--tls: %s", dlerror());
	/* It is never unloaded. */
#define LOAD(name) \
	lib->name = (__typeof__(lib->name))dlsym(handle, #name); \
	if (!lib->name) \
		return log_errno(-ENOTSUP, "--tls: %s", dlerror());
	LIBRARY_TABLE(LOAD)
#undef LOAD
	return 0;
}

/* gnutls only says that there was an error with a file. */
static int check_file(const char *what, const char *path)
{
	return access(path, R_OK) ? log_errno(-errno, "%s %s: cannot read it", what, path) : 0;
}

/* @code: how many were found in @path, or an error of gnutls. */
static int check_found(const struct tls *tls, const char *what, const char *path, int code)
{
	if (code > 0)
		return 0;
	return log_errno(-EINVAL, "%s %s: %s", what, path,
			 code ? tls->lib.gnutls_strerror(code) : "there is none in it");
}

static int load_trust(struct tls *tls, const char *path)
{
	int err = check_file("--tls-cacert", path);

	return err ? err : check_found(tls, "--tls-cacert", path,
		tls->lib.gnutls_certificate_set_x509_trust_file(tls->cred, path,
								GNUTLS_X509_FMT_PEM));
}

static int load_revoked(struct tls *tls, const char *path)
{
	int err;

	if (!path && access(DEFAULT_CACRL, F_OK) && errno == ENOENT)
		return 0;
	path = path ? path : DEFAULT_CACRL;
	err = check_file("--tls-cacrl", path);
	return err ? err : check_found(tls, "--tls-cacrl", path,
		tls->lib.gnutls_certificate_set_x509_crl_file(tls->cred, path,
							      GNUTLS_X509_FMT_PEM));
}

static int load_own(struct tls *tls, const char *cert, const char *key)
{
	int err = check_file("--tls-cert", cert), code;

	if (!err)
		err = check_file("--tls-key", key);
	if (err)
		return err;
	code = tls->lib.gnutls_certificate_set_x509_key_file(tls->cred, cert, key,
							     GNUTLS_X509_FMT_PEM);
	if (code < 0)
		return log_errno(-EINVAL, "--tls-cert %s, --tls-key %s: %s", cert, key,
				 tls->lib.gnutls_strerror(code));
	return 0;
}

int tls_load(const struct tls_files *files, struct tls **out)
{
	_cleanup_(tls_cleanup) struct tls *tls = calloc(1, sizeof(*tls));
	int err = tls ? 0 : log_errno(-ENOMEM, "--tls");

	if (err)
		return err;
	tls->refs = 1;
	tls->name = files->name;
	err = load_library(&tls->lib);
	if (!err && tls->lib.gnutls_certificate_allocate_credentials(&tls->cred))
		err = log_errno(-ENOMEM, "--tls");
	if (!err)
		err = load_trust(tls, files->cacert ? files->cacert : DEFAULT_CACERT);
	if (!err)
		err = load_revoked(tls, files->cacrl);
	if (!err)
		err = load_own(tls, files->cert ? files->cert : DEFAULT_CERT,
			       files->key ? files->key : DEFAULT_KEY);
	if (!err)
		*out = take_ptr(tls);
	return err;
}

void tls_put(struct tls *tls)
{
	if (!tls || --tls->refs)
		return;
	if (tls->cred)
		tls->lib.gnutls_certificate_free_credentials(tls->cred);
	free(tls);
}
