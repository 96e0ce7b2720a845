/* Encodes all rows of a data set and gives the moments of their posteriors to the prior's own fit. Relies on
 * inference for the posteriors. Progress is counted in rows gone through: once for the posteriors, then once for
 * each iteration. */
#include "train/fit_prior.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "data/gather.h"
#include "model/inference.h"
#include "model/prior.h"
#include "train/row_checks.h"

#define CHUNK 256

static const vae__option options_list[] = {
    {"iterations", VAE__OPTION_UNSIGNED, offsetof(vae__fit_options, iterations), .minimum = 1,
     .maximum = 1 << 20},
    {"tolerance", VAE__OPTION_REAL, offsetof(vae__fit_options, tolerance), .minimum = 0,
     .maximum = 1e6},
    {"floor", VAE__OPTION_REAL, offsetof(vae__fit_options, floor), .minimum = 1e-12,
     .maximum = 1e6},
    {"seed", VAE__OPTION_UNSIGNED, offsetof(vae__fit_options, seed), .minimum = 0},
    {.name = NULL},
};

static const vae__alias aliases[] = {
    {"max_iter", "iterations", NULL}, {"n_iter", "iterations", NULL}, {"tol", "tolerance", NULL},
    {"reg_covar", "floor", NULL},     {"random_state", "seed", NULL}, {NULL, NULL, NULL}};

const vae__option_table vae__fit_prior_table = {
    .label = "fit_prior", .what = "option", .options = options_list, .aliases = aliases};

/* A fit under way. */
typedef struct fit {
    vae_model *model;
    const vae_dataset *dataset;
    vae__fit_options options;
    vae_progress_fn progress;
    void *user;
    size_t n, latent;
    vae__real *rows, *mean, *variance; /* [CHUNK, width], [n, latent] each */
} fit;

static int32_t tell(const fit *f, uint64_t passes, uint64_t rows) {
    uint64_t n = f->n, total = n * (1 + f->options.iterations);
    return f->progress ? f->progress(f->user, passes * n + rows, total) : 0;
}

static vae_status check_posteriors(const fit *f, size_t first, size_t count) {
    const vae__kernels *kernels = f->model->context->kernels;
    for (size_t r = first; r < first + count; r++) {
        if (kernels->within(f->mean + r * f->latent, f->latent, -VAE__REAL_MAX, VAE__REAL_MAX))
            continue;
        return vae__fail(
            VAE_ERROR_DIVERGED,
            "row %llu: the mean of its posterior is not finite: values of the row are too large "
            "for this model, or a parameter is NaN or infinite",
            (unsigned long long)vae__dataset_source_row(f->dataset, r));
    }
    return VAE_OK;
}

static vae_status encode_chunk(const fit *f, size_t first, size_t count) {
    vae__real *mean = f->mean + first * f->latent, *variance = f->variance + first * f->latent;
    vae_status status = vae__dataset_read(f->dataset, first, count, f->rows);
    if (!status) status = vae__check_rows(f->model, f->dataset, f->rows, first, count);
    if (!status) status = vae__model_encode_rows(f->model, f->rows, count, first, mean, variance);
    if (status) return status;
    f->model->context->kernels->exponential(variance, count * f->latent);
    status = check_posteriors(f, first, count);
    return !status && tell(f, 0, first + count) ? VAE_STOPPED : status;
}

static vae_status encode(fit *f) {
    vae_context *context = f->model->context;
    vae_status status = vae__memory_check(context, (uint64_t)f->n,
                                          2 * f->latent * sizeof(vae__real), "the posteriors");
    if (status) return status;
    f->rows = vae__allocate(context, CHUNK * f->model->spec.input.size, sizeof *f->rows);
    f->mean = vae__allocate(context, f->n * f->latent, sizeof *f->mean);
    f->variance = vae__allocate(context, f->n * f->latent, sizeof *f->variance);
    if (!f->rows || !f->mean || !f->variance) return vae__last_status();
    for (size_t first = 0; first < f->n && !status; first += CHUNK)
        status = encode_chunk(f, first, f->n - first < CHUNK ? f->n - first : CHUNK);
    return status;
}

static int32_t after_iteration(void *user, uint64_t iteration, double bound) {
    (void)bound;
    return tell(user, 1 + iteration, 0);
}

static vae_status fit_moments(fit *f) {
    const vae__prior *prior = vae__prior_of(&f->model->spec);
    const vae__prior_call call = vae__model_prior_call(f->model);
    const vae__moments moments = {f->mean, f->variance, f->n, f->latent};
    const vae__fit_watch watch = {after_iteration, f};
    vae_status status = prior->fit(&call, f->model->context, &moments, &f->options, &watch);
    if (status) return status;
    vae__model_changed(f->model, f->model->network.prior,
                       f->model->parameters.count - f->model->network.prior);
    f->model->trained = 1;
    tell(f, 1 + f->options.iterations, 0); /* it may have ended early */
    return VAE_OK;
}

/* The row of the data set as the encoder sees it, into f->rows. */
static vae_status see_row(const fit *f, size_t row) {
    const vae_model *model = f->model;
    vae_status status = vae__dataset_read(f->dataset, row, 1, f->rows);
    if (!status) status = vae__check_rows(model, f->dataset, f->rows, row, 1);
    if (status) return status;
    vae__model_standardize(model, f->rows, 1);
    if (!model->spec.likelihood->log1p_input) return VAE_OK;
    for (size_t i = 0; i < model->spec.input.size; i++)
        f->rows[i] = (vae__real)log1p((double)f->rows[i]);
    return VAE_OK;
}

/* A prior that begins at rows: as many different ones, at random. */
static vae_status take_rows(fit *f) {
    const vae__prior *prior = vae__prior_of(&f->model->spec);
    const vae__prior_call call = vae__model_prior_call(f->model);
    const vae__stream stream = {f->options.seed, 0, VAE__PURPOSE_FIT, 0};
    vae_context *context = f->model->context;
    size_t count = (size_t)f->model->spec.prior.count, width = f->model->spec.input.size;
    if (count > f->n)
        return vae__fail(VAE_ERROR_ARGUMENT,
                         "prior=%s:%zu begins at as many rows, and there are %zu", prior->name,
                         count, f->n);
    vae_status status = vae__model_check_scaling(f->model);
    if (status) return status;
    uint64_t *order = vae__allocate(context, f->n, sizeof *order);
    vae__real *seen = vae__allocate(context, count, width * sizeof *seen);
    f->rows = vae__allocate(context, width, sizeof *f->rows);
    status = order && seen && f->rows ? VAE_OK : vae__last_status();
    if (!status) vae__random_permutation(&stream, order, f->n);
    for (size_t k = 0; k < count && !status; k++) { /* all are read before one is taken */
        status = see_row(f, (size_t)order[k]);
        if (!status) memcpy(seen + k * width, f->rows, width * sizeof *seen);
    }
    for (size_t k = 0; k < count && !status; k++) prior->take_row(&call, k, seen + k * width);
    if (!status)
        vae__model_changed(f->model, f->model->network.prior,
                           f->model->parameters.count - f->model->network.prior);
    vae__release(context, f->rows);
    vae__release(context, seen);
    vae__release(context, order);
    return status;
}

vae_status vae__fit_prior(vae_model *model, const vae_dataset *dataset, const char *options,
                          vae_progress_fn progress, void *user) {
    vae_context *context = model->context;
    const vae__prior *prior = vae__prior_of(&model->spec);
    fit f = {.model = model,
             .dataset = dataset,
             .options = {.iterations = 100, .tolerance = 1e-4, .floor = 1e-6, .seed = 1},
             .progress = progress,
             .user = user,
             .n = vae__dataset_size(dataset),
             .latent = (size_t)model->spec.latent};
    vae_status status = vae__options_parse(&vae__fit_prior_table, options, &f.options, NULL, NULL);
    if (status) return status;
    if (prior->take_row) return take_rows(&f);
    if (!prior->fit && prior->declare)
        return vae__fail(
            VAE_ERROR_UNSUPPORTED,
            "prior=%s is fitted by gradient steps: train the model with an optimizer of "
            "train=prior",
            prior->name);
    if (!prior->fit) {
        return vae__fail(VAE_ERROR_UNSUPPORTED,
                         "prior=%s has nothing to fit; give the model another prior first, e.g. "
                         "vae_model_set_prior(model, \"mixture:50\")",
                         prior->name);
    }
    status = vae__model_check_scaling(model);
    if (!status) status = encode(&f);
    if (!status) status = fit_moments(&f);
    vae__release(context, f.variance);
    vae__release(context, f.mean);
    vae__release(context, f.rows);
    return status;
}
