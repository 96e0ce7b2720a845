/* Numbers as text and back, the same under every locale. */
#ifndef VAE_BASE_NUMBER_H
#define VAE_BASE_NUMBER_H

#include <stddef.h>
#include <stdint.h>

#include "base/real.h"

/* Shortest decimal text that reads back as the same double; buffer of VAE__NUMBER_SIZE. Returns
 * buffer. */
#define VAE__NUMBER_SIZE 32
const char *vae__number(char buffer[VAE__NUMBER_SIZE], double value);

/* Shortest decimal text that reads back as the same float: 1.0000001 where vae__number gives
 * 1.0000001192092896. */
const char *vae__number_float(char buffer[VAE__NUMBER_SIZE], float value);

/* One of these two. A value that was refused is printed with it, never with four digits: it must not
 * look like the limit that it passes. */
static inline const char *vae__number_real(char buffer[VAE__NUMBER_SIZE], vae__real value) {
#ifdef VAE_REAL_DOUBLE
    return vae__number(buffer, value);
#else
    return vae__number_float(buffer, value);
#endif
}

/* Four digits, for measured values in messages. */
const char *vae__number_short(char buffer[VAE__NUMBER_SIZE], double value);

/* For tables that people read: with `decimals` decimals, or with an exponent where these would all be zero or the
 * number would be long (from 1e9 on). */
const char *vae__number_fixed(char buffer[VAE__NUMBER_SIZE], double value, int decimals);

/* An amount of memory for people, with the exact number if it was rounded: "64 MiB",
 * "1.2 GiB (1288490189 bytes)", "1 byte". Returns buffer. */
#define VAE__BYTES_SIZE 48
const char *vae__bytes(char buffer[VAE__BYTES_SIZE], uint64_t bytes);

/* Ending of the noun behind a count: "" for 1, else "s". */
const char *vae__plural(uint64_t count);

/* Decimal number [+-]digits[.digits][e[+-]digits], also inf and nan in any case, from exactly
 * `length` characters. Correctly rounded. 1 if the whole text is a number, else 0. */
int vae__parse_real(const char *text, size_t length, double *value);

/* Unsigned decimal integer; 1 if the whole text is one and it fits. */
int vae__parse_unsigned(const char *text, size_t length, uint64_t *value);

#endif
