/* Encodes all rows of a data set and fits the prior to the moments of their posteriors: by its own fit, or by steps along
 * the gradient (prior_steps.h) where it has none. Relies on inference for the posteriors. Progress is counted in rows gone
 * through: once for the posteriors, then once for each iteration. */
#include "train/fit_prior.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "data/gather.h"
#include "model/inference.h"
#include "model/prior.h"
#include "train/prior_rows.h"
#include "train/prior_steps.h"
#include "train/row_checks.h"

#define CHUNK 256

/* The keys of EM, then those of both ways and of steps. */
enum { TOLERANCE, FLOOR, EM_END, ITERATIONS = EM_END, SEED, RATE, BATCH, KEYS };

static const vae__option options_list[KEYS + 1] = {
    [TOLERANCE] = {"tolerance", VAE__OPTION_REAL, offsetof(vae__fit_options, tolerance),
                   .minimum = 0, .maximum = 1e6},
    [FLOOR] = {"floor", VAE__OPTION_REAL, offsetof(vae__fit_options, floor), .minimum = 1e-12,
               .maximum = 1e6},
    [ITERATIONS] = {"iterations", VAE__OPTION_UNSIGNED, offsetof(vae__fit_options, iterations),
                    .minimum = 1, .maximum = 1 << 20},
    [SEED] = {"seed", VAE__OPTION_UNSIGNED, offsetof(vae__fit_options, seed), .minimum = 0},
    [RATE] = {"lr", VAE__OPTION_REAL, offsetof(vae__fit_options, learning_rate), .minimum = 0,
              .maximum = 1e6},
    [BATCH] = {"batch", VAE__OPTION_UNSIGNED, offsetof(vae__fit_options, batch), .minimum = 1,
               .maximum = 1 << 24},
    [KEYS] = {.name = NULL},
};

static const vae__alias aliases[] = {{"max_iter", "iterations", NULL},
                                     {"n_iter", "iterations", NULL},
                                     {"tol", "tolerance", NULL},
                                     {"reg_covar", "floor", NULL},
                                     {"random_state", "seed", NULL},
                                     {"epochs", "iterations", NULL},
                                     {"batch_size", "batch", NULL},
                                     {"learning_rate", "lr", NULL},
                                     {NULL, NULL, NULL}};

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

/* The prior's parameters are new. */
static void adopt(const fit *f) {
    vae__model_changed(f->model, f->model->network.prior,
                       f->model->parameters.count - f->model->network.prior);
    f->model->trained = 1;
    tell(f, 1 + f->options.iterations, 0); /* EM may have ended early */
}

static vae_status fit_moments(fit *f) {
    const vae__prior *prior = vae__prior_of(&f->model->spec);
    const vae__prior_call call = vae__model_prior_call(f->model);
    const vae__moments moments = {f->mean, f->variance, f->n, f->latent};
    const vae__fit_watch watch = {after_iteration, f};
    vae_status status = prior->fit(&call, f->model->context, &moments, &f->options, &watch);
    if (!status) adopt(f);
    return status;
}

/* ---- by steps ---- */

static int32_t after_step(void *user, uint64_t epoch, uint64_t rows) {
    return tell(user, 1 + epoch, rows);
}

/* Mean and variance of the aggregated posterior, for a prior that begins there. */
static vae_status begin_at_moments(const fit *f) {
    const vae__prior *prior = vae__prior_of(&f->model->spec);
    const vae__prior_call call = vae__model_prior_call(f->model);
    if (!prior->take_moments) return VAE_OK;
    double *mean = vae__allocate(f->model->context, 2 * f->latent, sizeof *mean), n = (double)f->n;
    if (!mean) return vae__last_status();
    double *variance = mean + f->latent;
    for (size_t i = 0; i < f->n * f->latent; i++) mean[i % f->latent] += (double)f->mean[i] / n;
    for (size_t i = 0; i < f->n * f->latent; i++) {
        double from = (double)f->mean[i] - mean[i % f->latent];
        variance[i % f->latent] += ((double)f->variance[i] + from * from) / n;
    }
    prior->take_moments(&call, mean, variance);
    vae__release(f->model->context, mean);
    return VAE_OK;
}

/* Steps from where the prior begins. *better: the posteriors are more probable than `before`. */
static vae_status improve(fit *f, const vae__moments *moments, const vae__prior_rows *rows,
                          double before, int *better) {
    const vae__fit_options *o = &f->options;
    const vae__prior_steps how = {o->iterations,    o->batch,   o->seed,
                                  o->learning_rate, after_step, f};
    double after = 0;
    vae__prior_rows_take(f->model, rows);
    vae_status status = begin_at_moments(f);
    if (!status) status = vae__prior_take_steps(f->model, moments, &how);
    if (!status) status = vae__prior_mean_density(f->model, moments, o->seed, &after);
    *better = after > before;
    if (status || *better) return status;
    vae__log(f->model->context, VAE_LOG_INFO,
             "vae_model_fit_prior: %llu iterations did not improve the prior, which is left as it "
             "was",
             (unsigned long long)o->iterations);
    return VAE_OK;
}

/* The same, with the parameters put back if nothing came of it. */
static vae_status improve_or_restore(fit *f, const vae__moments *moments,
                                     const vae__prior_rows *rows, double before) {
    vae_context *context = f->model->context;
    const vae__parameters *list = &f->model->parameters;
    vae__real *own = list->items[f->model->network.prior].values;
    size_t count = list->block_count - (size_t)(own - list->block);
    vae__real *kept = vae__allocate(context, count, sizeof *kept);
    int better = 0;
    if (!kept) return vae__last_status();
    memcpy(kept, own, count * sizeof *kept);
    vae_status status = improve(f, moments, rows, before, &better);
    if (status || !better) memcpy(own, kept, count * sizeof *kept);
    vae__release(context, kept);
    if (!status) adopt(f);
    return status;
}

static vae_status fit_by_steps(fit *f) {
    const vae__moments moments = {f->mean, f->variance, f->n, f->latent};
    vae__prior_rows rows;
    double before;
    vae_status status = vae__prior_mean_density(f->model, &moments, f->options.seed, &before);
    if (!status) status = vae__prior_rows_read(f->model, f->dataset, f->options.seed, &rows);
    if (status) return status;
    status = improve_or_restore(f, &moments, &rows, before);
    vae__prior_rows_release(&rows);
    return status;
}

/* ---- options ---- */

/* Keys that belong to the other way of fitting. */
static vae_status check_keys(const vae__prior *prior, const char *text, const unsigned char *seen) {
    int by_em = prior->fit != NULL;
    for (size_t i = 0; options_list[i].name; i++) {
        if (!seen[i] || i == ITERATIONS || i == SEED || (i < EM_END) == by_em) continue;
        return vae__fail_at_key(
            &vae__fit_prior_table, text, options_list[i].name,
            by_em ? "'%s=' belongs to a fit by steps, and prior=%s is fitted by EM"
                  : "'%s=' belongs to EM, and prior=%s is fitted by steps, with lr= and batch=",
            options_list[i].name, prior->name);
    }
    return VAE_OK;
}

static vae_status parse(fit *f, const char *text) {
    const vae__prior *prior = vae__prior_of(&f->model->spec);
    unsigned char seen[KEYS] = {0};
    vae_status status = vae__options_parse(&vae__fit_prior_table, text, &f->options, seen, NULL);
    if (status) return status;
    if (f->model->kind->rows)
        return vae__fail(VAE_ERROR_UNSUPPORTED, "a model of model=%s has no prior to fit",
                         f->model->kind->name);
    if (!prior->declare)
        return vae__fail(VAE_ERROR_UNSUPPORTED,
                         "prior=%s has nothing to fit; give the model another prior first, e.g. "
                         "vae_model_set_prior(model, \"mixture:50\")",
                         prior->name);
    if (!seen[ITERATIONS]) f->options.iterations = prior->fit ? 100 : prior->usual_steps.iterations;
    if (!seen[RATE]) f->options.learning_rate = prior->usual_steps.learning_rate;
    return check_keys(prior, text, seen);
}

vae_status vae__fit_prior(vae_model *model, const vae_dataset *dataset, const char *options,
                          vae_progress_fn progress, void *user) {
    vae_context *context = model->context;
    fit f = {.model = model,
             .dataset = dataset,
             .options =
                 {.tolerance = 1e-4, .floor = 1e-6, .learning_rate = 2e-3, .batch = 256, .seed = 1},
             .progress = progress,
             .user = user,
             .n = vae__dataset_size(dataset),
             .latent = (size_t)model->spec.latent};
    vae_status status = parse(&f, options);
    if (!status) status = vae__prior_check_count(model, dataset);
    if (!status) status = vae__model_check_scaling(model);
    if (!status) status = encode(&f);
    if (!status) status = vae__prior_of(&model->spec)->fit ? fit_moments(&f) : fit_by_steps(&f);
    vae__release(context, f.variance);
    vae__release(context, f.mean);
    vae__release(context, f.rows);
    return status;
}
