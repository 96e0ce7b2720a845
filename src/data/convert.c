/* Stored values as vae__real: x = (stored - offset) / range, in loops that compilers turn into vector
 * code. Division is rounded once, as the scalar formula is, for every kind of stored value. */
#include "data/convert.h"

#include <math.h>
#include <string.h>

static double value_at(vae__element element, const unsigned char *at) {
    float single;
    double value;
    if (element == VAE__ELEMENT_UINT8) return *at;
    if (element == VAE__ELEMENT_FLOAT32) {
        memcpy(&single, at, sizeof single);
        return (double)single;
    }
    memcpy(&value, at, sizeof value);
    return value;
}

double vae__stored_value(vae__element element, const void *values, size_t index) {
    return value_at(element, (const unsigned char *)values + index * vae__element_size(element));
}

static void convert_uint8(const unsigned char *restrict values, size_t count, double low,
                          double range, vae__real *restrict x) {
    const int from = (int)low; /* both are whole numbers of 0 .. 255 */
    const vae__real divisor = (vae__real)range;
    for (size_t i = 0; i < count; i++) x[i] = (vae__real)((int)values[i] - from) / divisor;
}

/* scale=range may have any offset and range. */
static void convert_uint8_range(const unsigned char *restrict values, size_t count, double low,
                                double range, vae__real *restrict x) {
    for (size_t i = 0; i < count; i++) x[i] = (vae__real)(((double)values[i] - low) / range);
}

static int is_byte(double value) {
    return value >= 0 && value <= 255 && value == floor(value);
}

/* v / 255, rounded once as a division is: 1/255 = 0x1.01p-8 + 2^-16 / 255, whose first term has so
 * few bits that its product with a byte is exact. */
static void convert_bytes(const unsigned char *restrict values, size_t count,
                          vae__real *restrict x) {
    const vae__real upper = (vae__real)0x1.01p-8, lower = (vae__real)(0x1p-16 / 255);
    for (size_t i = 0; i < count; i++) {
        vae__real value = (vae__real)(int)values[i];
        x[i] = value * upper + value * lower;
    }
}

/* memcpy of one value: rows that the host lends need not be aligned. */
static void convert_float32(const unsigned char *restrict values, size_t count, double low,
                            double range, vae__real *restrict x) {
    for (size_t i = 0; i < count; i++) {
        float value;
        memcpy(&value, values + i * sizeof value, sizeof value);
        x[i] = (vae__real)(((double)value - low) / range);
    }
}

static void copy_float32(const unsigned char *restrict values, size_t count,
                         vae__real *restrict x) {
    for (size_t i = 0; i < count; i++) {
        float value;
        memcpy(&value, values + i * sizeof value, sizeof value);
        x[i] = (vae__real)value;
    }
}

static void convert_float64(const unsigned char *restrict values, size_t count, double low,
                            double range, vae__real *restrict x) {
    for (size_t i = 0; i < count; i++) {
        double value;
        memcpy(&value, values + i * sizeof value, sizeof value);
        x[i] = (vae__real)((value - low) / range);
    }
}

/* One row, each column with its own offset. Inlined for each element, so that its type is known to
 * the loop. */
static inline void convert_columns(vae__element element, size_t size,
                                   const unsigned char *restrict values, size_t count,
                                   const double *restrict offsets, double range,
                                   vae__real *restrict x) {
    for (size_t i = 0; i < count; i++)
        x[i] = (vae__real)((value_at(element, values + i * size) - offsets[i]) / range);
}

static void convert_shifted(const vae__conversion *conversion, const void *values, size_t count,
                            vae__real *x) {
    const double *offsets = conversion->offsets, range = conversion->range;
    switch (conversion->element) {
    case VAE__ELEMENT_UINT8:
        convert_columns(VAE__ELEMENT_UINT8, 1, values, count, offsets, range, x);
        return;
    case VAE__ELEMENT_FLOAT32:
        convert_columns(VAE__ELEMENT_FLOAT32, 4, values, count, offsets, range, x);
        return;
    case VAE__ELEMENT_FLOAT64:
        convert_columns(VAE__ELEMENT_FLOAT64, 8, values, count, offsets, range, x);
        return;
    }
}

void vae__convert(const vae__conversion *conversion, const void *values, size_t count,
                  vae__real *x) {
    const double low = conversion->low, range = conversion->range;
    if (conversion->offsets) {
        convert_shifted(conversion, values, count, x);
        return;
    }
    switch (conversion->element) {
    case VAE__ELEMENT_UINT8:
        if (low == 0 && range == 255)
            convert_bytes(values, count, x);
        else if (is_byte(low) && is_byte(range))
            convert_uint8(values, count, low, range, x);
        else
            convert_uint8_range(values, count, low, range, x);
        return;
    case VAE__ELEMENT_FLOAT32:
        if (low == 0 && range == 1)
            copy_float32(values, count, x);
        else
            convert_float32(values, count, low, range, x);
        return;
    case VAE__ELEMENT_FLOAT64: convert_float64(values, count, low, range, x); return;
    }
}

/* x - x is 0 for every finite x, NaN otherwise. */
void vae__binarize_threshold(vae__real *x, size_t count) {
    for (size_t i = 0; i < count; i++) x[i] = (vae__real)(x[i] >= (vae__real)0.5) + (x[i] - x[i]);
}

#define BLOCKS 16 /* of 4 words, drawn at a time */

void vae__binarize_sample(const vae__stream *stream, uint32_t row, vae__real *x, size_t count) {
    uint32_t words[4 * BLOCKS];
    for (size_t begin = 0; begin < count; begin += 4 * BLOCKS) {
        size_t length = count - begin < 4 * BLOCKS ? count - begin : 4 * BLOCKS;
        for (size_t i = 0; i < length; i += 4) {
            vae__random_block(stream, row, (uint32_t)((begin + i) / 4), words + i);
        }
        vae__real *restrict part = x + begin;
        for (size_t i = 0; i < length; i++) {
            vae__real uniform = (vae__real)(int32_t)(words[i] >> 8) *
                                (vae__real)0x1p-24; /* [0, 1), exact in float */
            part[i] = (vae__real)(uniform < part[i]) + (part[i] - part[i]);
        }
    }
}

int vae__stored_range(vae__element element, const void *values, size_t count, double *low,
                      double *high, size_t *at) {
    for (size_t i = 0; i < count; i++) {
        double value = vae__stored_value(element, values, i);
        *at = i;
        if (!isfinite(value)) return 0;
        if (value < *low) *low = value;
        if (value > *high) *high = value;
    }
    return 1;
}
