/* The lower median of each column. Selects by digits, in at most eight passes whatever the values are, and
 * takes several columns at a time so that each row is fetched once for all of them. */
#include "data/median.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "data/convert.h"

/* Columns are read several at a time, so that each stretch of a row is fetched once for all of them:
 * a cache line of doubles at least, and an eighth of wide rows, whose pages lie far apart. */
#define LEAST_COLUMNS 8
#define MOST_COLUMNS 64
#define APART 8 /* doubles between columns, so that they do not compete for the same cache lines */

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

static size_t columns_at_once(size_t width) {
    size_t columns = width / 8;
    if (columns > MOST_COLUMNS) columns = MOST_COLUMNS;
    if (columns < LEAST_COLUMNS) columns = LEAST_COLUMNS;
    return columns < width ? columns : width;
}

/* Some columns of all rows, one after the other, those values that are finite. */
typedef struct columns {
    double *values;             /* [count, stride] */
    size_t first, count;        /* columns first .. first + count - 1 of the rows */
    size_t stride;              /* from column to column of `values` */
    size_t found[MOST_COLUMNS]; /* values of each */
} columns;

static void take_rows(columns *c, const vae__row_reader *piece) {
    const vae__row_source *source = piece->source;
    size_t size = vae__row_bytes(source);
    const unsigned char *at = piece->values + c->first * vae__element_size(source->element);
    for (size_t row = 0; row < piece->count; row++, at += size) {
        for (size_t j = 0; j < c->count; j++) {
            double value = vae__stored_value(source->element, at, j);
            if (isfinite(value)) c->values[j * c->stride + c->found[j]++] = value;
        }
    }
}

vae_status vae__column_medians(const vae__row_source *rows, double *medians) {
    size_t width = rows->shape.size, together = columns_at_once(width);
    columns c = {.stride = rows->count + APART};
    vae__row_reader reader;
    vae_status status = vae__row_reader_open(&reader, rows);
    c.values = vae__allocate(rows->context, c.stride, together * sizeof *c.values);
    if (!c.values) status = vae__last_status();
    for (; !status && c.first < width; c.first += together) {
        memset(c.found, 0, sizeof c.found);
        c.count = width - c.first < together ? width - c.first : together;
        while (vae__row_reader_next(&reader, &status)) take_rows(&c, &reader);
        for (size_t j = 0; !status && j < c.count; j++) {
            double *values = c.values + j * c.stride;
            medians[c.first + j] = c.found[j] ? vae__lower_median(values, c.found[j]) : 0;
        }
    }
    vae__release(rows->context, c.values);
    vae__row_reader_close(&reader);
    return status;
}
