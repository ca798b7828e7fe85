// SPDX-License-Identifier: GPL-2.0-only
/* Certificates for tests. */
#include "pages/test-certs.h"

#include <fcntl.h>
#include <gnutls/x509.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "util/cleanup.h"
#include "util/io.h"

#define PATH_SIZE 128
#define PEM_SIZE 8192

#define must(call) assert_int_equal(call, 0)

static time_t day(int number)
{
	return time(NULL) + number * 24 * 3600;
}

static void make_path(const char *dir, const char *name, const char *suffix, char path[PATH_SIZE])
{
	assert_true(snprintf(path, PATH_SIZE, "%s/%s.%s", dir, name, suffix) < PATH_SIZE);
}

static void save(const char *dir, const char *name, const char *suffix, const char *pem, size_t len)
{
	_cleanup_close_ int fd = -1;
	char path[PATH_SIZE];

	make_path(dir, name, suffix, path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	must(write_all(fd, pem, len));
}

static gnutls_datum_t load(const char *dir, const char *name, const char *suffix)
{
	gnutls_datum_t pem;
	char path[PATH_SIZE];

	make_path(dir, name, suffix, path);
	must(gnutls_load_file(path, &pem));
	return pem;
}

static void load_signer(const char *dir, const char *name, gnutls_x509_crt_t *crt,
			gnutls_x509_privkey_t *key)
{
	gnutls_datum_t crt_pem = load(dir, name, "pem"), key_pem = load(dir, name, "key");

	must(gnutls_x509_crt_init(crt));
	must(gnutls_x509_privkey_init(key));
	must(gnutls_x509_crt_import(*crt, &crt_pem, GNUTLS_X509_FMT_PEM));
	must(gnutls_x509_privkey_import(*key, &key_pem, GNUTLS_X509_FMT_PEM));
	gnutls_free(crt_pem.data);
	gnutls_free(key_pem.data);
}

static void describe(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, const struct certs_row *row)
{
	const uint8_t number = row->name[0];
	struct in_addr address;

	must(gnutls_x509_crt_set_version(crt, 3));
	must(gnutls_x509_crt_set_serial(crt, &number, sizeof(number)));
	must(gnutls_x509_crt_set_key(crt, key));
	must(gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, row->name,
					   strlen(row->name)));
	must(gnutls_x509_crt_set_activation_time(crt, day(row->from_day)));
	must(gnutls_x509_crt_set_expiration_time(crt, day(row->to_day)));
	must(gnutls_x509_crt_set_basic_constraints(crt, !row->signer, -1));
	must(gnutls_x509_crt_set_key_usage(crt, row->signer ? GNUTLS_KEY_DIGITAL_SIGNATURE :
					   GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN));
	if (!row->address)
		return;
	assert_int_equal(inet_pton(AF_INET, row->address, &address), 1);
	must(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, &address,
						  sizeof(address), 0));
}

void certs_make(const char *dir, const struct certs_row *row)
{
	gnutls_x509_privkey_t key, signer_key;
	gnutls_x509_crt_t crt, signer;
	char pem[PEM_SIZE];
	size_t len = sizeof(pem);

	must(gnutls_x509_privkey_init(&key));
	must(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(
					  GNUTLS_ECC_CURVE_SECP256R1), 0));
	must(gnutls_x509_crt_init(&crt));
	describe(crt, key, row);
	if (row->signer) {
		load_signer(dir, row->signer, &signer, &signer_key);
		must(gnutls_x509_crt_sign2(crt, signer, signer_key, GNUTLS_DIG_SHA256, 0));
		gnutls_x509_crt_deinit(signer);
		gnutls_x509_privkey_deinit(signer_key);
	} else {
		must(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0));
	}
	must(gnutls_x509_crt_export(crt, GNUTLS_X509_FMT_PEM, pem, &len));
	save(dir, row->name, "pem", pem, len);
	len = sizeof(pem);
	must(gnutls_x509_privkey_export(key, GNUTLS_X509_FMT_PEM, pem, &len));
	save(dir, row->name, "key", pem, len);
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
}

void certs_revoke(const char *dir, const char *signer, const char *name, const char *list,
		  int from_day, int to_day)
{
	const uint8_t number = name[0];
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t crt;
	gnutls_x509_crl_t crl;
	char pem[PEM_SIZE];
	size_t len = sizeof(pem);

	load_signer(dir, signer, &crt, &key);
	must(gnutls_x509_crl_init(&crl));
	must(gnutls_x509_crl_set_version(crl, 2));
	must(gnutls_x509_crl_set_crt_serial(crl, &number, sizeof(number), day(from_day)));
	must(gnutls_x509_crl_set_this_update(crl, day(from_day)));
	must(gnutls_x509_crl_set_next_update(crl, day(to_day)));
	must(gnutls_x509_crl_sign2(crl, crt, key, GNUTLS_DIG_SHA256, 0));
	must(gnutls_x509_crl_export(crl, GNUTLS_X509_FMT_PEM, pem, &len));
	save(dir, list, "pem", pem, len);
	gnutls_x509_crl_deinit(crl);
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
}
