/* prior=diffusion: p(z) by a diffusion on latents that are brought to mean 0 and variance 1, z = shift + scale u. It has no
 * density but a bound of it: log p(z) >= bound(u) - sum log scale. Relies on model/diffusion.h for its network and graphs and
 * on src/diffusion for the bound and the samplers. */
#include <math.h>
#include <stddef.h>

#include "autodiff/ops/ops.h"
#include "diffusion/bound.h"
#include "diffusion/sampler.h"
#include "model/denoising.h"
#include "model/prior.h"
#include "model/standardize.h"

#define FIELD(field) offsetof(vae__spec, diffusion.field)

extern const vae__option vae__prior_diffusion_options[];
const vae__option vae__prior_diffusion_options[] = {
    {"prior_steps", VAE__OPTION_UNSIGNED, FIELD(steps), .minimum = 1, .maximum = VAE__MAX_STEPS},
    {"prior_schedule", VAE__OPTION_CHOICE, FIELD(schedule), .choices = vae__noise_names},
    {"prior_predict", VAE__OPTION_CHOICE, FIELD(predict), .choices = vae__predict_names},
    {"prior_variance", VAE__OPTION_CHOICE, FIELD(variance), .choices = vae__variance_names},
    {"prior_network", VAE__OPTION_CUSTOM, FIELD(network.layers), .parse = vae__layers_parse,
     .print = vae__layers_print},
    {.name = NULL}};

/* Few steps with a variance that the network's errors set: the best bound for the time (docs/diffusion.md). */
static const vae__diffusion_spec usual = {.steps = 200,
                                          .schedule = VAE__NOISE_COSINE,
                                          .predict = VAE__PREDICT_V,
                                          .variance = VAE__VARIANCE_OPTIMAL};

static vae_status check(vae__spec *spec) {
    const vae__shape z = vae__shape_vector((size_t)spec->latent);
    return vae__diffusion_complete(&spec->diffusion, &usual, &z, "prior_");
}

static double parameter_total(const vae__spec *spec) {
    const vae__shape z = vae__shape_vector((size_t)spec->latent);
    return vae__diffusion_count(&spec->diffusion, &z) + 2 * (double)spec->latent;
}

static vae_status declare(vae_context *context, const vae__spec *spec, vae__parameters *list,
                          vae__network *network) {
    const vae__declaration d = {context, list};
    const vae__shape z = vae__shape_vector((size_t)spec->latent);
    return vae__diffusion_declare(&spec->diffusion, &z, 1, &d, "prior", &network->diffusion);
}

static void initialize(const vae__prior_call *call) {
    const vae__shape z = vae__shape_vector((size_t)call->spec->latent);
    vae__diffusion_initialize(&call->spec->diffusion, &z, call->spec, call->parameters,
                              &call->network->diffusion);
}

/* ---- training ---- */

static vae_status add_loss(const vae__build *build, vae__id z, vae__id *log_p) {
    const vae__diffusion_places *places = &build->network->diffusion;
    vae__diffusion_values values;
    vae__id u;
    vae_status status =
        vae__standardize(build->graph, z, (vae__id)places->shift, (vae__id)places->scale, &u);
    if (!status) status = vae__diffusion_build_training(build, u, &values);
    if (!status) status = vae__difference(build->graph, values.data, values.rest, log_p);
    if (status) return status;
    return vae__standardized_density(build->graph, *log_p, (vae__id)places->scale, log_p);
}

/* ---- outside of graphs ---- */

static const vae__real *values_at(const vae_model *model, size_t place) {
    return model->parameters.items[place].values;
}

/* u = (z - shift) / scale of rows, into room of the caller's; the sum of log scale. */
static double standardize(const vae_model *model, const vae__real *z, size_t rows, vae__real *u) {
    const vae__real *shift = values_at(model, model->network.diffusion.shift);
    const vae__real *scale = values_at(model, model->network.diffusion.scale);
    size_t latent = (size_t)model->spec.latent;
    double total = 0;
    for (size_t r = 0; r < rows; r++)
        vae__standardize_row(model->context->kernels, z + r * latent, shift, scale, latent,
                             u + r * latent);
    for (size_t j = 0; j < latent; j++) total += log((double)scale[j]);
    return total;
}

static vae_status bound_chunk(const vae__denoising *d, const vae__stream *stream, size_t first_row,
                              const vae__real *u, size_t rows, double log_scale, double *bound) {
    enum { MOST = 64 };
    double data[MOST], rest[MOST];
    size_t width = d->denoise.diffusion->width, together = d->rows < MOST ? d->rows : MOST;
    vae_status status = VAE_OK;
    for (size_t at = 0; at < rows && !status; at += together) {
        size_t count = rows - at < together ? rows - at : together;
        const vae__diffusion_rows some = {
            u + at * width, count, first_row + at, *stream, d->model->context->kernels, d->room};
        status = vae__diffusion_draw_bound(&d->denoise, &some, data, rest);
        for (size_t r = 0; r < count && !status; r++) bound[at + r] = data[r] - rest[r] - log_scale;
    }
    return status;
}

static vae_status bound(const vae_model *model, const vae__stream *stream, size_t first_row,
                        const vae__real *z, size_t rows, double *log_p) {
    size_t latent = (size_t)model->spec.latent;
    vae__denoising d;
    vae_status status = vae__denoising_open(model, &d);
    vae__real *u = status ? NULL : vae__allocate(model->context, rows * latent, sizeof *u);
    if (!status && !u) status = vae__last_status();
    if (!status) {
        double log_scale = standardize(model, z, rows, u);
        status = bound_chunk(&d, stream, first_row, u, rows, log_scale, log_p);
    }
    vae__release(model->context, u);
    vae__denoising_close(&d);
    return status;
}

/* ---- draws ---- */

typedef struct told {
    const vae__sampling *how;
    uint64_t done, total;
} told;

/* Rows are done when all of their steps are; to stop is asked after each step. */
static int32_t after_step(void *user, size_t steps) {
    const told *t = user;
    (void)steps;
    return t->how->progress(t->how->user, t->done, t->total);
}

static void unstandardize(const vae_model *model, vae__real *z, size_t rows) {
    const vae__real *shift = values_at(model, model->network.diffusion.shift);
    const vae__real *scale = values_at(model, model->network.diffusion.scale);
    size_t latent = (size_t)model->spec.latent;
    for (size_t i = 0; i < rows * latent; i++)
        z[i] = (vae__real)((double)shift[i % latent] + (double)scale[i % latent] * (double)z[i]);
}

static vae_status sample(const vae_model *model, const vae__stream *stream, size_t first_row,
                         size_t rows, const vae__sampling *how, uint64_t total, vae__real *z) {
    size_t latent = (size_t)model->spec.latent;
    told t = {how, first_row, total};
    vae__denoising d;
    vae__sampler sampler = vae__sampling_sampler(how, &model->diffusion->engine);
    uint32_t *list = vae__allocate(model->context, sampler.steps, sizeof *list);
    if (!list) return vae__last_status();
    vae_status status = vae__sampler_list(sampler.spacing, model->diffusion->engine.schedule.steps,
                                          sampler.steps, list);
    if (!status) {
        status = vae__denoising_open(model, &d);
        for (size_t at = 0; at < rows && !status; at += d.rows) {
            const vae__sampling_run run = {.denoise = &d.denoise,
                                           .sampler = &sampler,
                                           .list = list,
                                           .kernels = model->context->kernels,
                                           .stream = *stream,
                                           .first_row = first_row + at,
                                           .rows = rows - at < d.rows ? rows - at : d.rows,
                                           .room = d.room,
                                           .after = how->progress ? after_step : NULL,
                                           .user = &t};
            vae__sampler_start(&run, how->temperature, z + at * latent);
            status = vae__sampler_run(&run, z + at * latent);
        }
        vae__denoising_close(&d);
    }
    vae__release(model->context, list);
    if (!status) unstandardize(model, z, rows);
    return status;
}

/* The latents' own mean and deviation: where the network begins. */
static void take_moments(const vae__prior_call *call, const double *mean, const double *variance) {
    vae__real *shift = call->parameters->items[call->network->diffusion.shift].values;
    vae__real *scale = call->parameters->items[call->network->diffusion.scale].values;
    for (size_t j = 0; j < (size_t)call->spec->latent; j++) {
        double deviation = sqrt(variance[j]);
        shift[j] = vae__finite_real(mean[j]);
        scale[j] = vae__finite_real(deviation > 1e-6 ? deviation : 1);
    }
}

extern const vae__prior vae__prior_diffusion;
const vae__prior vae__prior_diffusion = {
    .name = "diffusion",
    .options = vae__prior_diffusion_options,
    .no_latents = "the bound of a diffusion is no sum over latents",
    .usual_steps = {30, 5e-3},
    .check = check,
    .parameter_total = parameter_total,
    .declare = declare,
    .initialize = initialize,
    .add_loss = add_loss,
    .bound = bound,
    .sample = sample,
    .take_moments = take_moments,
};
