/* The exponential moving average of parameters (Polyak & Juditsky 1992; debiased as the moments of Kingma & Ba 2015).
 * What is trained is a block of its own; the block that it began as holds the average. */
#ifndef VAE_OPTIM_AVERAGE_H
#define VAE_OPTIM_AVERAGE_H

#include "base/context.h"
#include "base/real.h"

typedef struct vae__average {
    vae_context *context;
    vae__real *weights; /* [count], what is trained; NULL: nothing is averaged */
    size_t count;
    uint64_t updates; /* taken into the average */
} vae__average;

/* weights: a copy of block [count]. */
vae_status vae__average_make(vae_context *context, const vae__real *block, size_t count,
                             vae__average *out);
void vae__average_free(vae__average *average);

/* Takes the weights into block after an update: block += (1 - decay) / (1 - decay^t) (weights - block) with t the
 * number of updates, so that the first leaves the weights themselves. Runs on the context's threads. */
void vae__average_update(vae__average *average, double decay, vae__real *block);

#endif
