/* Fits the prior of a model to the posteriors of a data set: vae_model_fit_prior. */
#ifndef VAE_TRAIN_FIT_PRIOR_H
#define VAE_TRAIN_FIT_PRIOR_H

#include "base/options.h"
#include "data/dataset.h"
#include "model/model.h"

extern const vae__option_table vae__fit_prior_table;

/* As in vae.h. On any other result than VAE_OK the model keeps the prior that it had. */
vae_status vae__fit_prior(vae_model *model, const vae_dataset *dataset, const char *options,
                          vae_progress_fn progress, void *user);

#endif
