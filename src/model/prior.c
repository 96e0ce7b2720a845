/* The list of priors. To add one: its file in prior/, its name in VAE__PRIORS. */
#include "model/prior.h"

#define NAME(name) #name,
const char *const vae__prior_names[] = {VAE__PRIORS(NAME) NULL};

#define DECLARE(name) extern const vae__prior vae__prior_##name;
VAE__PRIORS(DECLARE)

#define ENTRY(name) &vae__prior_##name,
static const vae__prior *const priors[] = {VAE__PRIORS(ENTRY)};

const vae__prior *vae__prior_of(const vae__spec *spec) {
    return priors[spec->prior];
}

vae__prior_call vae__model_prior_call(const vae_model *model) {
    return (vae__prior_call){model->context->kernels, &model->spec, &model->parameters,
                             &model->network};
}
