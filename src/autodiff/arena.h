/* Where each buffer of a plan lives: buffers whose lifetimes do not meet share bytes. */
#ifndef VAE_AUTODIFF_ARENA_H
#define VAE_AUTODIFF_ARENA_H

#include "base/memory.h"

typedef struct vae__lifetime {
    size_t bytes;       /* 0: not used */
    size_t first, last; /* steps, inclusive; first > last: not used */
    size_t offset;      /* the result */
} vae__lifetime;

/* Gives every used buffer an offset (64-byte aligned), largest first at the lowest place that is
 * free for its lifetime. *size is the arena's size in bytes. */
vae_status vae__arena_place(vae_context *context, vae__lifetime *buffers, size_t count,
                            size_t *size);

#endif
