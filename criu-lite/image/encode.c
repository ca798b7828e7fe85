// SPDX-License-Identifier: GPL-2.0-only
/* Bytes as text: base64 and quoted-printable. */
#include "image/encode.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static const char digits[64] __attribute__((nonstring)) =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Three bytes become four digits; what lacks at the end is "=". */
char *base64_encode(const void *data, size_t len)
{
	const uint8_t *p = data;
	char *text = malloc((len + 2) / 3 * 4 + 1);
	char *to = text;

	if (!text)
		return NULL;
	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i;
		uint32_t word = p[i] << 16 | (n > 1 ? p[i + 1] << 8 : 0) | (n > 2 ? p[i + 2] : 0);

		*to++ = digits[word >> 18 & 63];
		*to++ = digits[word >> 12 & 63];
		*to++ = n > 1 ? digits[word >> 6 & 63] : '=';
		*to++ = n > 2 ? digits[word & 63] : '=';
	}
	*to = '\0';
	return text;
}

char *quoted_encode(const void *data, size_t len)
{
	const uint8_t *p = data;
	char *text = malloc(len * 3 + 1);
	char *to = text;

	if (!text)
		return NULL;
	for (size_t i = 0; i < len; i++) {
		bool plain = p[i] > ' ' && p[i] < 0x7f && p[i] != '=';

		/* A blank at the end of the text would be lost. */
		if (plain || (p[i] == ' ' && i + 1 < len))
			*to++ = p[i];
		else
			to += sprintf(to, "=%02X", p[i]);
	}
	*to = '\0';
	return text;
}
