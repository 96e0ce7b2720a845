/* Another prior for a model that is there: vae_model_set_prior. */
#ifndef VAE_MODEL_SET_PRIOR_H
#define VAE_MODEL_SET_PRIOR_H

#include "model/model.h"

/* text: "mixture:50 prior_covariance=full". The new prior has its starting values, all else keeps its own. On failure
 * nothing is changed. */
vae_status vae__model_set_prior(vae_model *model, const char *text);

#endif
