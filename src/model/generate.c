/* vae_generate: the options of sampling, then the chunks of inference.c. The prior draws z, and its own `draw` says
 * what a temperature does to it. */
#include "model/generate.h"

#include <stddef.h>

static const vae__option options_list[] = {
    {"temperature", VAE__OPTION_REAL, offsetof(vae__sampling, temperature), .minimum = 0,
     .maximum = 1e3},
    {.name = NULL},
};

static const vae__alias aliases[] = {
    {"temp", "temperature", NULL}, {"tau", "temperature", NULL}, {NULL, NULL, NULL}};

const vae__option_table vae__generate_table = {
    .label = "generate", .what = "option", .options = options_list, .aliases = aliases};

vae_status vae__model_generate(const vae_model *model, size_t n, uint64_t seed, const char *options,
                               vae_progress_fn progress, void *user, float *z, float *x_mean,
                               float *x) {
    vae__sampling how = {.temperature = 1, .progress = progress, .user = user};
    vae_status status = vae__options_parse(&vae__generate_table, options, &how, NULL, NULL);
    if (!status) status = vae__model_sample(model, n, seed, &how, z, x_mean, x);
    return status;
}
