/* What a model of model=diffusion computes for rows: the functions of kind.h. */
#ifndef VAE_MODEL_DIFFUSION_ROWS_H
#define VAE_MODEL_DIFFUSION_ROWS_H

#include "model/kind.h"

extern const vae__row_functions vae__diffusion_row_functions;

#endif
