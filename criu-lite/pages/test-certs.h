/* SPDX-License-Identifier: GPL-2.0-only */
/* Certificates for tests, made by the library that will look at them. */
#ifndef CRIU_LITE_PAGES_TEST_CERTS_H
#define CRIU_LITE_PAGES_TEST_CERTS_H

struct certs_row {
	const char *name;		/* of its files: NAME.pem, NAME.key */
	const char *signer;		/* another one, which is there already; NULL: itself, a CA */
	const char *address;		/* that it is for; NULL: no address */
	int from_day, to_day;		/* when it is valid, from now on */
};

/* Into the directory @dir. */
void certs_make(const char *dir, const struct certs_row *row);
/* The CA @signer revokes @name: @list.pem says so, from one day to another. */
void certs_revoke(const char *dir, const char *signer, const char *name, const char *list,
		  int from_day, int to_day);

#endif
