/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A token: a secret that both ends of a session have in a file. It is never sent; each end
 * proves that it has it by a keyed hash of what the other has drawn.
 */
#ifndef CRIU_LITE_PAGES_TOKEN_H
#define CRIU_LITE_PAGES_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOKEN_MAX 4096
#define TOKEN_MIN 16
#define TOKEN_PROOF 32

struct token {
	uint8_t secret[TOKEN_MAX];
	size_t len;			/* 0: there is none */
};

/*
 * Reads what is in the file @path, but for a newline at its end; NULL: there is none. 0, or
 * -errno, logged: -EINVAL for a length that is none, -EPERM for a file that others may read.
 */
int token_read(const char *path, struct token *token);
/* The proof of who says @role about @len bytes at @said. */
void token_prove(const struct token *token, const char *role, const void *said, size_t len,
		 uint8_t proof[TOKEN_PROOF]);
/* Whether two proofs are the same, in a time that says nothing. */
bool token_same(const uint8_t a[TOKEN_PROOF], const uint8_t b[TOKEN_PROOF]);

#endif
