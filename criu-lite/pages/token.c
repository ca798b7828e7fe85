// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tokens: HMAC (RFC 2104) with SHA-256, which libmd has; libbsd brings that along.
 */
#include "pages/token.h"

#include <errno.h>
#include <fcntl.h>
#include <sha2.h>
#include <string.h>
#include <sys/stat.h>

#include "util/cleanup.h"
#include "util/io.h"
#include "util/log.h"

int token_read(const char *path, struct token *token)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	ssize_t n;

	token->len = 0;
	if (!path)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return log_errno(-errno, "token %s: cannot open it", path);
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return log_errno(-EPERM, "token %s: others than its owner have access to it", path);
	n = read_all(fd, token->secret, sizeof(token->secret));
	if (n < 0)
		return log_errno(n, "token %s: cannot read it", path);
	if (n && token->secret[n - 1] == '\n')
		n--;
	if (n < TOKEN_MIN || n >= TOKEN_MAX)
		return log_errno(-EINVAL, "token %s: it has %zd bytes, and must have %d to %d", path,
				 n, TOKEN_MIN, TOKEN_MAX - 1);
	token->len = n;
	return 0;
}

static void hash_begin(SHA2_CTX *ctx, const uint8_t key[SHA256_BLOCK_LENGTH], uint8_t pad)
{
	uint8_t block[SHA256_BLOCK_LENGTH];

	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = key[i] ^ pad;
	SHA256Init(ctx);
	SHA256Update(ctx, block, sizeof(block));
}

void token_prove(const struct token *token, const char *role, const void *said, size_t len,
		 uint8_t proof[TOKEN_PROOF])
{
	uint8_t key[SHA256_BLOCK_LENGTH] = { 0 }, inner[SHA256_DIGEST_LENGTH];
	SHA2_CTX ctx;

	_Static_assert(TOKEN_PROOF == SHA256_DIGEST_LENGTH, "a proof is a hash");
	if (token->len <= sizeof(key)) {
		memcpy(key, token->secret, token->len);
	} else {
		SHA256Init(&ctx);
		SHA256Update(&ctx, token->secret, token->len);
		SHA256Final(key, &ctx);
	}
	hash_begin(&ctx, key, 0x36);
	SHA256Update(&ctx, (const uint8_t *)role, strlen(role) + 1);
	SHA256Update(&ctx, said, len);
	SHA256Final(inner, &ctx);
	hash_begin(&ctx, key, 0x5c);
	SHA256Update(&ctx, inner, sizeof(inner));
	SHA256Final(proof, &ctx);
}

bool token_same(const uint8_t a[TOKEN_PROOF], const uint8_t b[TOKEN_PROOF])
{
	uint8_t differ = 0;

	for (size_t i = 0; i < TOKEN_PROOF; i++)
		differ |= a[i] ^ b[i];
	return !differ;
}
