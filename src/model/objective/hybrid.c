/* The squared error of what a diffusion predicts and 0.001 of its bound, of which the latter trains a learned variance alone (Nichol
 * & Dhariwal 2021, section 3.1). The loss is
 * that of src/diffusion/terms.c. */
#include "diffusion/terms.h"
#include "model/objective/objective.h"

extern const vae__objective vae__objective_hybrid;
const vae__objective vae__objective_hybrid = {.name = "hybrid",
                                              .diffusion_loss = VAE__LOSS_HYBRID + 1,
                                              .no_beta = VAE__DIFFUSION_HAS_NO_BETA,
                                              .value = vae__diffusion_objective_value};
