/* One character of UTF-8. */
#ifndef VAE_BASE_UTF8_H
#define VAE_BASE_UTF8_H

#include <stddef.h>

/* Bytes of the character that starts at `at`, 0 if it is not UTF-8 (RFC 3629, section 4). left, the
 * bytes that there are, is at least 1. */
size_t vae__utf8_length(const unsigned char *at, size_t left);

#endif
