/* Numbers as files store them, of any size and byte order, as the elements that a data set keeps. Whole
 * numbers that would lose digits are refused with their place. */
#include "data/values.h"

#include <stdint.h>
#include <string.h>

#define FLOAT_BITS 24 /* of a whole number that float32 holds exactly; float64 holds 53 */
#define DOUBLE_BITS 53
#define ROWS_AT_A_TIME 16 /* when rows are put in C order: two cache lines of 8-byte values */

vae__element vae__stored_element(const vae__stored_type *type) {
    if (type->kind == VAE__NUMBER_UNSIGNED && type->size == 1) return VAE__ELEMENT_UINT8;
    if (type->kind == VAE__NUMBER_REAL)
        return type->size == 8 ? VAE__ELEMENT_FLOAT64 : VAE__ELEMENT_FLOAT32;
    return type->size <= 2 ? VAE__ELEMENT_FLOAT32 : VAE__ELEMENT_FLOAT64;
}

static int is_kept_as_stored(const vae__stored_type *type) {
    return type->kind == VAE__NUMBER_REAL ? type->size >= 4
                                          : type->kind == VAE__NUMBER_UNSIGNED && type->size == 1;
}

/* ---- one value ---- */

/* What converting has met: integers with more digits than a float (or double) has. */
typedef struct rounding_report {
    unsigned bits; /* that are held exactly */
    size_t count;
    size_t at; /* the first of them: its number in C order */
    uint64_t magnitude;
    int negative;
} rounding_report;

/* IEEE 754 binary16 to float: every value of it is a float. */
static float half_to_float(uint16_t half) {
    uint32_t sign = (uint32_t)(half >> 15) << 31, exponent = half >> 10 & 31,
             fraction = half & 1023;
    uint32_t bits = sign | (exponent + 112) << 23 | fraction << 13; /* the biases are 15 and 127 */
    float value;
    if (exponent == 31) bits = sign | 0x7F800000u | fraction << 13;
    memcpy(&value, &bits, sizeof value);
    if (exponent) return value;
    value = (float)fraction * 0x1p-24f; /* zero or subnormal */
    return sign ? -value : value;
}

/* A value of at most 16 bits; 8-bit unsigned ones are kept as they are and do not come here. */
static float small_value(const vae__stored_type *type, const unsigned char *from) {
    uint16_t bits = *from;
    if (type->size == 2) memcpy(&bits, from, sizeof bits);
    if (type->kind == VAE__NUMBER_BOOL) return bits != 0;
    if (type->kind == VAE__NUMBER_UNSIGNED) return bits;
    if (type->kind == VAE__NUMBER_REAL) return half_to_float(bits);
    int limit = type->size == 1 ? 128 : 32768; /* from here on bits stand for negative numbers */
    return (float)(bits < limit ? (int)bits : (int)bits - 2 * limit);
}

static void note_rounding(rounding_report *rounded, uint64_t magnitude, int negative, size_t at) {
    uint64_t lowest_bit = magnitude & (0 - magnitude);
    if (magnitude / lowest_bit >> rounded->bits == 0) return;
    if (rounded->count++ && rounded->at < at) return;
    rounded->at = at;
    rounded->magnitude = magnitude;
    rounded->negative = negative;
}

/* An integer of 32 or 64 bits, value number `at`. */
static double large_integer(const vae__stored_type *type, const unsigned char *from, size_t at,
                            rounding_report *rounded) {
    uint64_t bits = 0;
    if (type->size == 8) {
        memcpy(&bits, from, sizeof bits);
    } else {
        uint32_t word;
        memcpy(&word, from, sizeof word);
        bits = word;
        if (type->kind == VAE__NUMBER_SIGNED && word >> 31) bits |= UINT64_MAX << 32;
    }
    int negative = type->kind == VAE__NUMBER_SIGNED && bits >> 63;
    uint64_t magnitude = negative ? 0 - bits : bits;
    if (magnitude >> rounded->bits) note_rounding(rounded, magnitude, negative, at);
    return negative ? -(double)magnitude : (double)magnitude;
}

/* Converts one value of the file to value number `at` of the block `to`, in which it may lie itself. */
static void convert_value(const vae__stored_type *type, const unsigned char *from, void *to,
                          size_t at, rounding_report *rounded) {
    if (is_kept_as_stored(type)) {
        memmove((unsigned char *)to + at * type->size, from, type->size);
    } else if (type->size >= 4) {
        double value = large_integer(type, from, at, rounded);
        memcpy((double *)to + at, &value, sizeof value);
    } else {
        float value = small_value(type, from);
        memcpy((float *)to + at, &value, sizeof value);
    }
}

/* ---- all of them ---- */

/* Values grow where they lie, from the last one down, so that none is overwritten before it is read.
 */
static void convert_in_place(const vae__stored_type *type, unsigned char *block, size_t count,
                             rounding_report *rounded) {
    for (size_t i = count; i > 0; i--)
        convert_value(type, block + (i - 1) * type->size, block, i - 1, rounded);
}

/* Where in a row of shape[rank] the value stands that is number i if the first index runs fastest.
 */
static size_t place_in_row(const vae__table *table, size_t i) {
    size_t place = 0;
    for (size_t k = 0; k < table->shape.rank; k++) {
        place = place * table->shape.extents[k] + i % table->shape.extents[k];
        i /= table->shape.extents[k];
    }
    return place;
}

/* The file holds a column after the other, each with all rows. A few rows at a time, so that what is
 * written stays in the cache until the next column comes there. */
static void convert_fortran(const vae__stored_type *type, const unsigned char *block,
                            const vae__table *table, rounding_report *rounded) {
    for (size_t begin = 0; begin < table->rows; begin += ROWS_AT_A_TIME) {
        size_t left = table->rows - begin;
        size_t end = begin + (left < ROWS_AT_A_TIME ? left : ROWS_AT_A_TIME);
        for (size_t i = 0; i < table->shape.size; i++) {
            size_t column = place_in_row(table, i);
            for (size_t row = begin; row < end; row++) {
                convert_value(type, block + (i * table->rows + row) * type->size, table->values,
                              row * table->shape.size + column, rounded);
            }
        }
    }
}

static void report_rounding(vae_context *context, const char *path, const vae__table *table,
                            const rounding_report *rounded) {
    const char *holder = rounded->bits == FLOAT_BITS ? "float" : "double";
    if (!rounded->count) return;
    vae__log(context, VAE_LOG_WARNING,
             "%s: %zu value%s more digits than a %s holds and %s rounded, for example %s%llu (row "
             "%zu, column %zu, both from 0)%s",
             path, rounded->count, rounded->count == 1 ? " has" : "s have", holder,
             rounded->count == 1 ? "is" : "are", rounded->negative ? "-" : "",
             (unsigned long long)rounded->magnitude, rounded->at / table->shape.size,
             rounded->at % table->shape.size,
             rounded->bits == FLOAT_BITS
                 ? "; shift=columns keeps the differences within each column"
                 : "");
}

/* Into a second block, in C order. */
static vae_status put_in_order(vae_context *context, const vae__stored_type *type,
                               unsigned char *block, vae__table *out, rounding_report *rounded) {
    out->values =
        vae__allocate(context, out->rows * out->shape.size, vae__element_size(out->element));
    if (out->values) convert_fortran(type, block, out, rounded);
    vae__release(context, block);
    return out->values ? VAE_OK : vae__last_status();
}

vae_status vae__values_read(vae_context *context, vae__input *input, const vae__stored_type *type,
                            int fortran, const vae__format_request *request, vae__table *out) {
    const char *path = vae__reader_path(input->reader);
    size_t count = out->rows * out->shape.size, kept = vae__element_size(out->element);
    rounding_report rounded = {.bits = request->as_labels || request->shifted ? DOUBLE_BITS
                                                                              : FLOAT_BITS};
    void *block = NULL;
    fortran = fortran && out->shape.size > 1; /* else both orders are one */
    vae_status status =
        vae__input_expect(context, input, count, type->size, fortran ? type->size + kept : kept);
    if (!status) {
        status =
            vae__input_rest(context, input, count, type->size, fortran ? type->size : kept, &block);
    }
    if (status) return status;
    vae__to_host_order(block, count, type->size, type->big_endian);
    if (fortran) {
        status = put_in_order(context, type, block, out, &rounded);
    } else {
        if (!is_kept_as_stored(type)) convert_in_place(type, block, count, &rounded);
        out->values = block;
    }
    if (status) return vae__fail_in("%s", path);
    report_rounding(context, path, out, &rounded);
    return VAE_OK;
}
