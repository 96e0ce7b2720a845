/* The memory of one run of a plan at a time. */
#ifndef VAE_AUTODIFF_WORKSPACE_H
#define VAE_AUTODIFF_WORKSPACE_H

#include "autodiff/plan.h"

typedef struct vae__workspace {
    const vae__plan *plan;
    vae_context *context;
    unsigned char *arena;
    double *sums; /* training: [threads, measured nodes, VAE__MEASURES], see vae__op.measure */
    double *block_squares; /* training: [blocks] sums of squares of the gradient */
    vae__failure failure;  /* of a run: that of the first rows that a feed could not write */
} vae__workspace;

/* `plan` must outlive it. Fails for lack of memory. */
vae_status vae__workspace_make(const vae__plan *plan, vae__workspace **out);
void vae__workspace_free(vae__workspace *workspace);

/* What vae__workspace_make takes. */
size_t vae__workspace_bytes(const vae__plan *plan);

#endif
