/* The built-in generator of small images. */
#ifndef VAE_DATA_SPRITES_H
#define VAE_DATA_SPRITES_H

#include "data/table.h"

/* `count` images [1, 32, 32] with the factors they were drawn from as labels. */
vae_status vae__sprites_generate(vae_context *context, size_t count, uint64_t seed,
                                 vae__table *out);

#endif
