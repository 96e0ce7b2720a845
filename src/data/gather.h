/* Rows of a data set, converted to what a model sees. */
#ifndef VAE_DATA_GATHER_H
#define VAE_DATA_GATHER_H

#include "data/dataset.h"

/* Converts, scales and binarises the given rows of the set into x [count, width]. Changes nothing;
 * several threads may call it at once. A row that cannot be read is the source's failure, with the row's
 * number in the file; x may then be left in any state. Rows in memory do not fail. */
vae_status vae__dataset_gather(const vae_dataset *dataset, const uint64_t *rows, size_t count,
                               uint64_t epoch, vae__real *x);

/* Rows first .. first + count - 1 in stored order (after the split), as epoch 0. The caller has
 * checked the range. Fails as vae__dataset_gather does. */
vae_status vae__dataset_read(const vae_dataset *dataset, size_t first, size_t count, vae__real *x);
void vae__dataset_read_labels(const vae_dataset *dataset, size_t first, size_t count,
                              double *labels);

#endif
