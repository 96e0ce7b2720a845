/* What an evaluation compares a model with: log p(x) of simpler models that are fitted without training. */
#ifndef VAE_TRAIN_BASELINE_H
#define VAE_TRAIN_BASELINE_H

#include "data/dataset.h"
#include "model/model.h"

/* Mean log p(x) over the rows of `dataset` under independent columns: the model's likelihood with constant
 * outputs, set from the columns of `fitted_on` as vae_model_initialize sets them. */
vae_status vae__baseline_marginals(const vae_model *model, const vae_dataset *dataset,
                                   const vae_dataset *fitted_on, double *log_p);

/* Mean log p(x) of the closed form that the model's likelihood names, and the name of its figure, such as
 * "baseline_ppca". *figure is NULL, and log_p not set, where there is none for this model; where its
 * computation would take too long the log says so. */
vae_status vae__baseline_closed_form(const vae_model *model, const vae_dataset *dataset,
                                     const vae_dataset *fitted_on, const char **figure,
                                     double *log_p);

#endif
