/* How rows are drawn from a model: the options of vae_generate. */
#ifndef VAE_MODEL_SAMPLING_H
#define VAE_MODEL_SAMPLING_H

#include "base/options.h"
#include "diffusion/sampler.h"
#include "vae.h"

typedef struct vae__sampling {
    double temperature;         /* 1: p(z) as it is (vae__prior.draw) */
    int sampler, spacing, clip; /* clip: VAE__NOT_SAID: as the data suggest */
    uint64_t steps, taken;      /* of the sampler; 0: not said */
    double eta;
    vae_progress_fn progress; /* called with rows done and rows in all; NULL: nobody asks */
    void *user;
} vae__sampling;

/* The options of vae_generate. */
extern const vae__option_table vae__generate_table;

/* diffusion_steps: those of the model's diffusion; 0: it has none, and refuses the options of one. Fails with
 * VAE_ERROR_TEXT. */
vae_status vae__sampling_parse(const char *text, size_t diffusion_steps, vae__sampling *out);

/* p(z) as it is, by every step of a diffusion. */
extern const vae__sampling vae__plain_sampling;

/* The sampler for a diffusion: ddpm takes all of its steps where the number is not said, ddim 50; what is predicted is kept
 * within -1 and 1 where the data are levels of that range. */
vae__sampler vae__sampling_sampler(const vae__sampling *how, const vae__diffusion *diffusion);

#endif
