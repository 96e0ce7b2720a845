/* A text by which a data set that is opened anew can be recognised. */
#ifndef VAE_DATA_DESCRIBE_H
#define VAE_DATA_DESCRIBE_H

#include "data/dataset.h"

/* Appends what decides which rows come in what order and how they look, as words "name=value": equal
 * for two data sets whose batches are the same. `content` is a hash of up to 65536 stored values, in
 * whole rows spread over the set. Fails for want of memory, or if a row cannot be read. */
vae_status vae__dataset_describe(const vae_dataset *dataset, vae__buffer *out);

#endif
