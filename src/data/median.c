#include "data/median.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "data/convert.h"

#define COLUMNS_AT_ONCE \
    8 /* a cache line of doubles: each row's line is read once for all of them */
#define DIGIT_BITS 8
#define DIGITS (1u << DIGIT_BITS)

/* The digit of a value at `shift`, digits being counted so that those of a larger value, from the
 * most significant one on, are larger. */
static unsigned digit_of(double value, int shift) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits = bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
    return (unsigned)(bits >> shift) & (DIGITS - 1);
}

/* Selection by digits: each pass keeps the values that agree with the median in one more of them.
 * Eight passes at most, whatever the values are: a quickselect takes quadratic time on some. */
double vae__lower_median(double *values, size_t count) {
    size_t rank = (count - 1) / 2;
    for (int shift = 64 - DIGIT_BITS; shift >= 0 && count > 1; shift -= DIGIT_BITS) {
        size_t counts[DIGITS] = {0}, kept = 0;
        unsigned digit = 0;
        for (size_t i = 0; i < count; i++) counts[digit_of(values[i], shift)]++;
        while (rank >= counts[digit]) rank -= counts[digit++];
        if (counts[digit] == count) continue;
        for (size_t i = 0; i < count; i++) {
            if (digit_of(values[i], shift) == digit) values[kept++] = values[i];
        }
        count = kept;
    }
    return values[0] + 0.0; /* not -0 */
}

vae_status vae__column_medians(vae_context *context, vae__element element,
                               const unsigned char *rows, size_t n, size_t width, double *medians) {
    size_t size = vae__element_size(element);
    size_t columns = width < COLUMNS_AT_ONCE ? width : COLUMNS_AT_ONCE;
    double *values = vae__allocate(context, n, columns * sizeof *values);
    if (!values) return vae__last_status();
    for (size_t first = 0; first < width; first += columns) {
        size_t found[COLUMNS_AT_ONCE] = {0};
        size_t count = width - first < columns ? width - first : columns;
        for (size_t row = 0; row < n; row++) {
            const unsigned char *at = rows + (row * width + first) * size;
            for (size_t j = 0; j < count; j++) {
                double value = vae__stored_value(element, at, j);
                if (isfinite(value)) values[j * n + found[j]++] = value;
            }
        }
        for (size_t j = 0; j < count; j++)
            medians[first + j] = found[j] ? vae__lower_median(values + j * n, found[j]) : 0;
    }
    vae__release(context, values);
    return VAE_OK;
}
