/* The row functions of a kind (vae__model_kind.rows) for floats. */
#ifndef VAE_MODEL_KIND_FLOATS_H
#define VAE_MODEL_KIND_FLOATS_H

#include "model/inference.h"

/* As vae__model_encode and vae__model_elbo; fail as the kind's functions do, and for lack of memory. */
vae_status vae__kind_encode_floats(const vae_model *model, const float *x, size_t n, float *mean,
                                   float *logvar);
vae_status vae__kind_bound_floats(const vae_model *model, const float *x, size_t n, uint64_t seed,
                                  const vae__bound *out);

#endif
