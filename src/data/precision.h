/* Whether columns keep their values as vae__real: a column of large numbers that lie close together,
 * such as times in seconds since 1970, may not. */
#ifndef VAE_DATA_PRECISION_H
#define VAE_DATA_PRECISION_H

#include "data/state.h"

/* Looks at all columns after the conversion was set: one pass over the stored values in their order,
 * and up to 1024 rows of each column again.
 *
 * A column whose stored values differ and all become one number is VAE_ERROR_DATA. (Where they differ
 * only by the last bits of a double, they are rounding errors, and it may.) Of float32 rows with
 * scale=unit it is only said in the log: version 0.1 took them.
 * A column that keeps little of its values is said in the log, once for a data set. */
vae_status vae__check_precision(const vae_dataset *dataset, const char *path,
                                const vae__dataset_options *options);

#endif
