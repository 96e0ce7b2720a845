/* The bound of a diffusion itself, by one of its terms times their number. The loss is
 * that of src/diffusion/terms.c. */
#include "diffusion/terms.h"
#include "model/objective/objective.h"

extern const vae__objective vae__objective_vlb;
const vae__objective vae__objective_vlb = {.name = "vlb",
                                           .diffusion_loss = VAE__LOSS_VLB + 1,
                                           .no_beta = VAE__DIFFUSION_HAS_NO_BETA,
                                           .value = vae__diffusion_objective_value};
