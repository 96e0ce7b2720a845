/* The start of a model from data: vae_model_initialize. */
#ifndef VAE_TRAIN_INITIALIZE_H
#define VAE_TRAIN_INITIALIZE_H

#include "data/dataset.h"
#include "model/model.h"

/* Data-dependent start of any model: column means and variances, then vae__model_initialize. */
vae_status vae__initialize_from_data(vae_model *model, const vae_dataset *dataset);

/* vae_model_initialize: the same for a model that may still be started, which is drawn anew if it was
 * initialised before; warns in the log of what will hinder training. */
vae_status vae__start_from_data(vae_model *model, const vae_dataset *dataset);

#endif
