/* Which model suits the rows of a data set: vae_dataset_spec. */
#ifndef VAE_TRAIN_SUGGEST_H
#define VAE_TRAIN_SUGGEST_H

#include "data/dataset.h"

/* Appends "input=... likelihood=... # why" for the rows as a model would see them. VAE_ERROR_DATA for a value
 * that is not finite, with its row and column. */
vae_status vae__suggest_spec(const vae_dataset *dataset, vae__buffer *out);

#endif
