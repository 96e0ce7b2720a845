/* Medians of columns: what shift=columns subtracts. */
#ifndef VAE_DATA_MEDIAN_H
#define VAE_DATA_MEDIAN_H

#include "data/rows.h"

/* The lower median: of `count` >= 1 values in ascending order the one with index (count - 1) / 2. So
 * it is one of the values. None of them is NaN; they are overwritten. */
double vae__lower_median(double *values, size_t count);

/* The lower median of the finite values of each column; 0 where a column has none. Reads all rows once for
 * every 8 columns, or an eighth of them (at most 64), and takes 8 bytes a value of these. Fails for want of
 * memory, or if a row cannot be read. */
vae_status vae__column_medians(const vae__row_source *rows, double *medians);

#endif
