/* Which thread takes which blocks of the weights. Every share has blocks of its own, the same in every step, so that
 * parameters and moments stay in the cache of the processor that updates them; who is done helps the others. */
#ifndef VAE_AUTODIFF_BLOCKS_H
#define VAE_AUTODIFF_BLOCKS_H

#include <stdatomic.h>

#include "autodiff/plan.h"

enum { VAE__MOST_SHARES = 256 };

typedef struct vae__blocks {
    const vae__plan *plan;
    size_t shares;
    size_t end
        [VAE__MOST_SHARES]; /* of a share's own blocks, which begin at the end of the one before */
    atomic_size_t next[VAE__MOST_SHARES]; /* the next of them that nobody has taken */
} vae__blocks;

/* Blocks of about equal size in all for each share; 1 <= shares <= VAE__MOST_SHARES. */
void vae__blocks_begin(vae__blocks *blocks, const vae__plan *plan, size_t shares);

/* Takes a block: one of the share's own, else of the next share that has some left. Its number, or
 * VAE__NOWHERE if all are taken. */
size_t vae__blocks_take(vae__blocks *blocks, size_t share);

#endif
