/* Passes over a whole data set that change nothing: held-out ELBO, statistics for initialisation.
 */
#ifndef VAE_TRAIN_EVALUATE_H
#define VAE_TRAIN_EVALUATE_H

#include "data/dataset.h"
#include "model/model.h"

/* Means over the rows in stored order, noise keyed (seed, row): only objective, elbo,
 * reconstruction, kl, beta and rows of the report are set. */
vae_status vae__evaluate_elbo(const vae_model *model, const vae_dataset *dataset, uint64_t seed,
                              vae_step_report *report);

/* Data-dependent start: column means and variances, then vae__model_initialize. */
vae_status vae__initialize_from_data(vae_model *model, const vae_dataset *dataset);

#endif
