/* vae_generate: the options of sampling, then the chunks of inference.c. The prior draws z, and its own `draw` or `sample`
 * says what a temperature does to it. */
#include "model/generate.h"

vae_status vae__model_generate(const vae_model *model, size_t n, uint64_t seed, const char *options,
                               vae_progress_fn progress, void *user, float *z, float *x_mean,
                               float *x) {
    vae__sampling how;
    size_t steps = model->diffusion ? model->diffusion->engine.schedule.steps : 0;
    vae_status status = vae__sampling_parse(options, steps, &how);
    how.progress = progress;
    how.user = user;
    if (!status) status = vae__model_sample(model, n, seed, &how, z, x_mean, x);
    return status;
}
