/* From noise to data and back: ancestral sampling (ddpm) and the implicit sampler (ddim; Song, Meng & Ermon 2021), over all
 * steps or a list of some. A row is a function of (seed, row) alone. */
#ifndef VAE_DIFFUSION_SAMPLER_H
#define VAE_DIFFUSION_SAMPLER_H

#include "diffusion/denoise.h"
#include "tensor/kernels.h"

enum { VAE__SAMPLER_DDPM, VAE__SAMPLER_DDIM };
extern const char *const vae__sampler_names[];

/* Which steps are taken where there are fewer than T (Lin et al. 2024, table 2). */
enum { VAE__SPACING_TRAILING, VAE__SPACING_LEADING, VAE__SPACING_LINSPACE };
extern const char *const vae__spacing_names[];

typedef struct vae__sampler {
    int kind, spacing;
    size_t steps; /* 1 to T */
    size_t taken; /* so many of them, from the first on, and no more; 0: all */
    double eta;   /* ddim: 0 is deterministic, 1 has the variance small of ddpm */
    int clip; /* the predicted x_0 is kept within -1 and 1, and the noise is computed from what it became */
} vae__sampler;

/* list [n], falling, each from 1 to T. The step before a step is read from it, never computed. Fails
 * with VAE_ERROR_TEXT for n = 0 and for more than T. */
vae_status vae__sampler_list(int spacing, size_t steps, size_t n, uint32_t *list);

/* A run of the sampler. */
typedef struct vae__sampling_run {
    const vae__denoise *denoise;
    const vae__sampler *sampler;
    const uint32_t *list; /* [sampler->steps] */
    const vae__kernels *kernels;
    vae__stream stream;
    size_t first_row, rows;
    vae__real *room; /* [vae__diffusion_room] */
    /* Called after each step with the steps done; anything else than 0 stops. NULL: not called. */
    int32_t (*after)(void *user, size_t done);
    void *user;
} vae__sampling_run;

/* x [rows, width] becomes x_T times temperature, the stream's noise. */
void vae__sampler_start(const vae__sampling_run *run, double temperature, vae__real *x);

/* x, which is x_T, becomes x_0. Fails as the network does, and with VAE_STOPPED. */
vae_status vae__sampler_run(const vae__sampling_run *run, vae__real *x);

/* The other way, by ddim without noise: x, which is x_0, becomes x_T. */
vae_status vae__sampler_invert(const vae__sampling_run *run, vae__real *x);

#endif
