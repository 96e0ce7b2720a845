/* The options of vae_generate: parsed, and made into a sampler. */
#include "model/sampling.h"

#include <stddef.h>

enum { TEMPERATURE, SAMPLER, STEPS, TAKEN, ETA, SPACING, CLIP, KEYS };

static const vae__option options_list[KEYS + 1] = {
    [TEMPERATURE] = {"temperature", VAE__OPTION_REAL, offsetof(vae__sampling, temperature),
                     .minimum = 0, .maximum = 1e3},
    [SAMPLER] = {"sampler", VAE__OPTION_CHOICE, offsetof(vae__sampling, sampler),
                 .choices = vae__sampler_names},
    [STEPS] = {"steps", VAE__OPTION_UNSIGNED, offsetof(vae__sampling, steps), .minimum = 1,
               .maximum = VAE__MAX_STEPS},
    [TAKEN] = {"taken", VAE__OPTION_UNSIGNED, offsetof(vae__sampling, taken), .minimum = 1,
               .maximum = VAE__MAX_STEPS},
    [ETA] = {"eta", VAE__OPTION_REAL, offsetof(vae__sampling, eta), .minimum = 0, .maximum = 1},
    [SPACING] = {"spacing", VAE__OPTION_CHOICE, offsetof(vae__sampling, spacing),
                 .choices = vae__spacing_names},
    [CLIP] = {"clip", VAE__OPTION_FLAG, offsetof(vae__sampling, clip), .minimum = 0},
    [KEYS] = {.name = NULL},
};

static const vae__alias aliases[] = {{"temp", "temperature", NULL},
                                     {"tau", "temperature", NULL},
                                     {"num_inference_steps", "steps", NULL},
                                     {"timestep_spacing", "spacing", NULL},
                                     {"clip_sample", "clip", NULL},
                                     {"sampler=ancestral", "ddpm", NULL},
                                     {NULL, NULL, NULL}};

const vae__option_table vae__generate_table = {
    .label = "generate", .what = "option", .options = options_list, .aliases = aliases};

enum { FEW = 50 }; /* steps of ddim where the number is not said */

const vae__sampling vae__plain_sampling = {.temperature = 1, .clip = VAE__NOT_SAID};

static size_t steps_of(const vae__sampling *how, size_t steps) {
    size_t usual = how->sampler == VAE__SAMPLER_DDIM && steps > FEW ? FEW : steps;
    return how->steps ? (size_t)how->steps : usual;
}

vae_status vae__sampling_parse(const char *text, size_t diffusion_steps, vae__sampling *out) {
    unsigned char seen[KEYS] = {0};
    *out = vae__plain_sampling;
    vae_status status = vae__options_parse(&vae__generate_table, text, out, seen, NULL);
    if (status) return status;
    for (int key = SAMPLER; key < KEYS && !diffusion_steps; key++) {
        if (!seen[key]) continue;
        return vae__fail_at_key(&vae__generate_table, text, options_list[key].name,
                                "'%s=' belongs to a diffusion, and this model has none",
                                options_list[key].name);
    }
    if (seen[ETA] && out->sampler != VAE__SAMPLER_DDIM)
        return vae__fail_at_key(&vae__generate_table, text, "eta",
                                "eta= belongs to sampler=ddim; ddpm adds the model's variance");
    if (!diffusion_steps) return VAE_OK;
    if (out->steps > diffusion_steps)
        return vae__fail_at_key(&vae__generate_table, text, "steps",
                                "steps=%llu: the diffusion has %zu steps, which is the most",
                                (unsigned long long)out->steps, diffusion_steps);
    size_t steps = steps_of(out, diffusion_steps);
    if (out->taken <= steps) return VAE_OK;
    return vae__fail_at_key(&vae__generate_table, text, "taken",
                            "taken=%llu: the sampler has %zu steps, which is the most",
                            (unsigned long long)out->taken, steps);
}

vae__sampler vae__sampling_sampler(const vae__sampling *how, const vae__diffusion *diffusion) {
    int usual_clip = diffusion->data == VAE__DATA_DISCRETIZED;
    return (vae__sampler){.kind = how->sampler,
                          .spacing = how->spacing,
                          .steps = steps_of(how, diffusion->schedule.steps),
                          .taken = (size_t)how->taken,
                          .eta = how->eta,
                          .clip = how->clip == VAE__NOT_SAID ? usual_clip : how->clip};
}
