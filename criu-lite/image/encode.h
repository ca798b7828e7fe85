/* SPDX-License-Identifier: GPL-2.0-only */
/* Bytes as text, in the two forms that crit uses; each in one line. */
#ifndef CRIU_LITE_IMAGE_ENCODE_H
#define CRIU_LITE_IMAGE_ENCODE_H

#include <stddef.h>

/* Both return a new string that the caller frees; NULL when memory ran out. */

/* Base64 (RFC 4648, section 4). */
char *base64_encode(const void *data, size_t len);
/* Quoted-printable (RFC 2045, section 6.7): =XX for what is not printable. */
char *quoted_encode(const void *data, size_t len);

#endif
