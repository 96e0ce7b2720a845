/* The squared error of what a diffusion predicts, summed over the values of a row (Ho, Jain & Abbeel 2020, equation 14). The loss is
 * that of src/diffusion/terms.c. */
#include "diffusion/terms.h"
#include "model/objective/objective.h"

extern const vae__objective vae__objective_simple;
const vae__objective vae__objective_simple = {.name = "simple",
                                              .diffusion_loss = VAE__LOSS_SIMPLE + 1,
                                              .no_beta = VAE__DIFFUSION_HAS_NO_BETA,
                                              .value = vae__diffusion_objective_value};
