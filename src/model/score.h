/* How strange a row is to a model, in nats: vae_score. */
#ifndef VAE_MODEL_SCORE_H
#define VAE_MODEL_SCORE_H

#include "model/model.h"

/* The options of vae_score. */
extern const vae__option_table vae__score_table;

/* options as in vae.h; score [n], by_value [n, width] or NULL. A row's score depends on that row alone. */
vae_status vae__model_score(const vae_model *model, const float *x, size_t n, const char *options,
                            double *score, double *by_value);

/* The key of a row's noise: a hash of its values as little-endian float32, -0.0 taken as 0. */
uint64_t vae__score_key(const float *row, size_t width);

#endif
