/* 8-bit values on [0, 1] under a Gaussian that is cut into 256 levels, the first and the last of them open to their side
 * (Ho, Jain & Abbeel 2020, section 3.3): p(x|x_1) of a diffusion of images, which sees the levels on [-1, 1]. Its density is
 * src/diffusion/terms.c's. */
#include "diffusion/terms.h"
#include "model/likelihood/levels.h"

extern const vae__likelihood KERNEL(likelihood_discretized_gaussian);
const vae__likelihood KERNEL(likelihood_discretized_gaussian) = {
    .name = "discretized_gaussian",
    .low = 0,
    .high = 1,
    .discrete = 1,
    .of_diffusion = 1 + VAE__DATA_DISCRETIZED,
    .valid = are_levels,
    .expects = "8-bit levels: multiples of 1/255",
};
