/* Training as one file, and back: a model file (persist.h) that also holds the optimizer and where
 * the data set stood. */
#ifndef VAE_TRAIN_CHECKPOINT_H
#define VAE_TRAIN_CHECKPOINT_H

#include "data/dataset.h"
#include "train/optimizer.h"

/* dataset: NULL if there is none to go on with. */
vae_status vae__checkpoint_write(const vae_optimizer *optimizer, const vae_dataset *dataset,
                                 const char *path);

/* Sets the cursor of `dataset` (may be NULL) as the last thing. On failure *out is not written. */
vae_status vae__checkpoint_read(vae_context *context, const char *path, vae_dataset *dataset,
                                vae_optimizer **out);

#endif
