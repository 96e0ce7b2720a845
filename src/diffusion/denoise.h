/* A network as the engine sees it: a function from x_t and steps to outputs. */
#ifndef VAE_DIFFUSION_DENOISE_H
#define VAE_DIFFUSION_DENOISE_H

#include "diffusion/terms.h"

typedef struct vae__denoise {
    const vae__diffusion *diffusion;
    /* output [rows, vae__diffusion_outputs] from x [rows, width] and the step of each row; t holds one step that is all
     * rows', or one for each. Fails as a run of a program does. */
    vae_status (*run)(void *user, const vae__real *x, size_t rows, const vae__real *t, int one_step,
                      vae__real *output);
    void *user;
} vae__denoise;

#endif
