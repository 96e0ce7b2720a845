/* Medians of columns: what shift=columns subtracts. */
#ifndef VAE_DATA_MEDIAN_H
#define VAE_DATA_MEDIAN_H

#include "base/memory.h"
#include "data/source.h"

/* The lower median: of `count` >= 1 values in ascending order the one with index (count - 1) / 2. So
 * it is one of the values. None of them is NaN; they are overwritten. */
double vae__lower_median(double *values, size_t count);

/* The lower median of the finite values of each column of rows [n, width], at any alignment; 0 where
 * a column has none. The caller has checked that the rows can be addressed. Fails for want of
 * memory: 8 bytes a value, for 8 columns at a time, or an eighth of them (at most 64). */
vae_status vae__column_medians(vae_context *context, vae__element element,
                               const unsigned char *rows, size_t n, size_t width, double *medians);

#endif
