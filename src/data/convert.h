/* Stored values to vae__real, as the model sees them. Plain loops: this runs for every batch. */
#ifndef VAE_DATA_CONVERT_H
#define VAE_DATA_CONVERT_H

#include "base/real.h"
#include "base/rng.h"
#include "data/table.h"

/* x = (stored - low) / range in double, rounded once; a range of exactly 1 with low 0 leaves values
 * as they are. With `offsets` each column has one of its own in place of low. */
typedef struct vae__conversion {
    vae__element element;
    double low, range;
    const double *offsets; /* [columns of a row]; NULL: low for all of them */
} vae__conversion;

/* `count` stored values, at any alignment: of one row if there are offsets, else of any number. */
void vae__convert(const vae__conversion *conversion, const void *values, size_t count,
                  vae__real *x);

/* x >= 0.5 to 1, else 0. NaN and infinity become NaN, so that a later check still meets them. */
void vae__binarize_threshold(vae__real *x, size_t count);

/* Bernoulli(x) from the words of `row`, one a column; NaN and infinity become NaN. */
void vae__binarize_sample(const vae__stream *stream, uint32_t row, vae__real *x, size_t count);

/* Widens low .. high until it holds all of the stored values. If one is not finite: 0, with its index in *at.
 */
int vae__stored_range(vae__element element, const void *values, size_t count, double *low,
                      double *high, size_t *at);

double vae__stored_value(vae__element element, const void *values, size_t index);

/* What a stored value of that column becomes, before it is rounded to vae__real. */
static inline double vae__scaled(const vae__conversion *conversion, size_t column, double stored) {
    double offset = conversion->offsets ? conversion->offsets[column] : conversion->low;
    return (stored - offset) / conversion->range;
}

#endif
