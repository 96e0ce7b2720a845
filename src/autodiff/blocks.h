/* Which thread takes which blocks of the weights. Every worker has blocks of its own, the same in every step, so that
 * parameters and moments stay in the cache of the processor that updates them. A worker that has finished its own
 * takes blocks of the others. Each block is taken exactly once. */
#ifndef VAE_AUTODIFF_BLOCKS_H
#define VAE_AUTODIFF_BLOCKS_H

#include <stdatomic.h>

#include "autodiff/plan.h"

enum { VAE__MAX_WORKERS = 256 };

typedef struct vae__blocks {
    const vae__plan *plan;
    size_t workers;
    size_t end
        [VAE__MAX_WORKERS]; /* of a worker's own blocks, which begin at the end of the one before */
    atomic_size_t next[VAE__MAX_WORKERS]; /* the next of them that nobody has taken */
} vae__blocks;

/* Blocks of about equal size in all for each worker; 1 <= workers <= VAE__MAX_WORKERS. */
void vae__blocks_begin(vae__blocks *blocks, const vae__plan *plan, size_t workers);

/* Takes a block: one of the worker's own, else of the next worker that has some left. Its number, or
 * VAE__NOWHERE if all are taken. */
size_t vae__blocks_take(vae__blocks *blocks, size_t worker);

#endif
