/* Which rows of a file are train and which are test: a function of their number and a seed. */
#ifndef VAE_DATA_SPLIT_H
#define VAE_DATA_SPLIT_H

#include "data/options.h"

/* Of a fixed shuffle of 0 .. rows - 1, the first round(fraction * rows) are train, the others test.
 * *kept is a block with the *count rows of the wanted part, ascending; NULL if all are wanted. */
vae_status vae__split_rows(vae_context *context, const vae__split *split, uint64_t seed,
                           size_t rows, const char *path, uint64_t **kept, size_t *count);

#endif
