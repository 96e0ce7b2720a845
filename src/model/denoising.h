/* The network of a model's diffusion as the engine calls it: a function from x_t and steps to outputs, for any number of
 * rows. One object serves one thread; its workspaces are taken once and serve every call. */
#ifndef VAE_MODEL_DENOISING_H
#define VAE_MODEL_DENOISING_H

#include "diffusion/denoise.h"
#include "model/model.h"

typedef struct vae__denoising {
    vae__denoise denoise; /* for the engine */
    vae__program *programs[2];
    vae__workspace *workspaces[2]; /* NULL: not taken yet */
    const vae_model *model;
    vae__real *room; /* for the engine, of vae__diffusion_room for `rows` rows */
    size_t rows;     /* at a time: what the program takes */
} vae__denoising;

/* The model has a diffusion. Fails for lack of memory. Close in either case. */
vae_status vae__denoising_open(const vae_model *model, vae__denoising *out);
void vae__denoising_close(vae__denoising *denoising);

#endif
