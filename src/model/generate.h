/* Rows from the prior: vae_generate, and vae_sample, which is the same without options. */
#ifndef VAE_MODEL_GENERATE_H
#define VAE_MODEL_GENERATE_H

#include "model/inference.h"

/* options as in vae.h; z, x_mean and x as for vae_sample. VAE_STOPPED if progress stopped it. */
vae_status vae__model_generate(const vae_model *model, size_t n, uint64_t seed, const char *options,
                               vae_progress_fn progress, void *user, float *z, float *x_mean,
                               float *x);

#endif
