/* vae_evaluate: one pass over the rows for means and latents, the baselines, and the figures by name. Relies on inference
 * for the bound and the estimates; sums are in double and in stored order, whatever the number of threads. */
#include "train/evaluation.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "data/gather.h"
#include "model/inference.h"
#include "model/prior.h"
#include "train/baseline.h"
#include "train/prior_match.h"
#include "train/row_checks.h"

#define CHUNK 256

/* ---- options ---- */

typedef struct evaluation_options {
    vae__estimate_options estimate; /* samples 0: no estimate of log p */
    int baselines;
} evaluation_options;

static const vae__option options_list[] = {
    {"samples", VAE__OPTION_UNSIGNED, offsetof(evaluation_options, estimate.samples),
     .maximum = 1 << 24},
    {"estimator", VAE__OPTION_CHOICE, offsetof(evaluation_options, estimate.estimator),
     .choices = vae__estimator_names},
    {"seed", VAE__OPTION_UNSIGNED, offsetof(evaluation_options, estimate.seed), .minimum = 0},
    {"baselines", VAE__OPTION_FLAG, offsetof(evaluation_options, baselines), .minimum = 0},
    {.name = NULL},
};

const vae__option_table vae__evaluation_table = {
    .label = "evaluate", .what = "option", .options = options_list, .aliases = vae__sample_aliases};

/* ---- sums over the rows ---- */

/* Count, mean and sum of squared deviations (Welford). */
typedef struct running {
    double count, mean, squares;
} running;

static void running_add(running *r, double value) {
    double before = value - r->mean;
    r->count++;
    r->mean += before / r->count;
    r->squares += before * (value - r->mean);
}

/* Standard error of the mean. */
static double running_error(const running *r) {
    return r->count > 1 ? sqrt(r->squares / (r->count - 1) / r->count) : (double)INFINITY;
}

typedef struct latent_sums {
    running mean; /* of the posterior mean */
    double kl, variance;
} latent_sums;

typedef struct pass {
    const vae_model *model;
    const vae_dataset *dataset;
    evaluation_options options;
    running elbo, reconstruction, kl, log_p, gap;
    double kl_standard; /* sum over the rows of KL(q(z|x) || N(0, I)) */
    vae__prior_match match;
    double estimate_variance;                       /* sum of the rows' squared standard errors */
    double untrusted;                               /* rows whose standard error is infinite */
    latent_sums *latents;                           /* [latent] */
    vae__real *rows, *mean, *logvar, *kl_by_latent; /* of one chunk, in one block at rows */
    vae__estimate *estimates;                       /* [CHUNK] */
} pass;

static void add_latents(pass *p, size_t count) {
    size_t latent = (size_t)p->model->spec.latent;
    for (size_t i = 0; i < count * latent; i++) {
        latent_sums *sums = &p->latents[i % latent];
        double mean = (double)p->mean[i], logvar = (double)p->logvar[i], variance = exp(logvar);
        running_add(&sums->mean, mean);
        sums->kl += (double)p->kl_by_latent[i];
        sums->variance += variance;
        p->kl_standard += 0.5 * (mean * mean + variance - 1 - logvar);
    }
}

static void add_estimates(pass *p, const double *elbo, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const vae__estimate *e = &p->estimates[i];
        running_add(&p->log_p, e->log_p);
        running_add(&p->gap, e->log_p - elbo[i]);
        p->estimate_variance += e->std_error * e->std_error;
        p->untrusted += isinf(e->std_error) ? 1 : 0;
    }
}

static vae_status take_chunk(pass *p, size_t first, size_t count) {
    double elbo[CHUNK], reconstruction[CHUNK], kl[CHUNK];
    const vae__bound bound = {elbo, reconstruction, kl, p->kl_by_latent};
    uint64_t seed = p->options.estimate.seed;
    vae_status status = vae__dataset_read(p->dataset, first, count, p->rows);
    if (!status) status = vae__check_rows(p->model, p->dataset, p->rows, first, count);
    if (!status) status = vae__model_bound(p->model, p->rows, count, seed, first, &bound);
    for (size_t i = 0; !status && i < count; i++) {
        size_t width = p->model->spec.input.size;
        if (isfinite(elbo[i])) continue;
        status = vae__refuse_elbo(vae__dataset_source_row(p->dataset, first + i), reconstruction[i],
                                  kl[i], p->rows + i * width, width);
    }
    if (!status)
        status = vae__model_encode_rows(p->model, p->rows, count, first, p->mean, p->logvar);
    if (!status && p->options.estimate.samples) {
        status = vae__model_log_likelihood(p->model, p->rows, count, first, &p->options.estimate,
                                           p->estimates);
    }
    for (size_t i = 0; i < count && !status; i++) {
        if (p->options.estimate.samples)
            status = vae__check_finite(p->dataset, first + i, p->estimates[i].log_p,
                                       "estimate of log p");
    }
    if (status) return status;
    for (size_t i = 0; i < count; i++) {
        running_add(&p->elbo, elbo[i]);
        running_add(&p->reconstruction, reconstruction[i]);
        running_add(&p->kl, kl[i]);
    }
    add_latents(p, count);
    vae__prior_match_add(&p->match, first, count, p->mean, p->logvar);
    if (p->options.estimate.samples) add_estimates(p, elbo, count);
    return VAE_OK;
}

static vae_status allocate_pass(pass *p) {
    vae_context *context = p->model->context;
    size_t width = p->model->spec.input.size, latent = (size_t)p->model->spec.latent;
    p->rows = vae__allocate(context, CHUNK * (width + 3 * latent), sizeof *p->rows);
    p->latents = vae__allocate(context, latent, sizeof *p->latents);
    p->estimates = vae__allocate(context, CHUNK, sizeof *p->estimates);
    if (!p->rows || !p->latents || !p->estimates) return vae__last_status();
    p->mean = p->rows + CHUNK * width;
    p->logvar = p->mean + CHUNK * latent;
    p->kl_by_latent = p->logvar + CHUNK * latent;
    return vae__prior_match_begin(&p->match, p->model, vae__dataset_size(p->dataset),
                                  p->options.estimate.seed);
}

static void free_pass(pass *p) {
    vae_context *context = p->model->context;
    vae__release(context, p->rows);
    vae__release(context, p->latents);
    vae__release(context, p->estimates);
    vae__prior_match_release(&p->match);
}

static vae_status take_all(pass *p, vae_progress_fn progress, void *user) {
    size_t n = vae__dataset_size(p->dataset);
    for (size_t first = 0; first < n; first += CHUNK) {
        size_t count = n - first < CHUNK ? n - first : CHUNK;
        vae_status status = take_chunk(p, first, count);
        if (status) return status;
        if (progress && progress(user, first + count, n)) return VAE_STOPPED;
    }
    return VAE_OK;
}

/* ---- results ---- */

static void put(vae_evaluation *e, const char *name, double value) {
    if (e->count < VAE__EVALUATION_VALUES) e->figures[e->count++] = (vae__figure){name, value};
}

static void put_latents(vae_evaluation *e, const pass *p) {
    double active = 0, n = p->elbo.count;
    for (size_t j = 0; j < e->latent; j++) {
        const latent_sums *sums = &p->latents[j];
        double variance = sums->mean.squares / n;
        e->kl[j] = sums->kl / n;
        e->mean[j] = sums->mean.mean;
        e->mean_variance[j] = variance;
        e->aggregated_variance[j] = variance + sums->variance / n;
        active += variance > VAE__ACTIVE_VARIANCE ? 1 : 0;
    }
    put(e, "active_units", active);
}

static void put_bounds(vae_evaluation *e, const pass *p) {
    put(e, "rows", p->elbo.count);
    put(e, "elbo", p->elbo.mean);
    put(e, "elbo_error", running_error(&p->elbo));
    put(e, "reconstruction", p->reconstruction.mean);
    put(e, "kl", p->kl.mean);
    if (e->no_latents) put(e, "kl_standard", p->kl_standard / p->elbo.count);
}

static void put_log_p(vae_evaluation *e, const pass *p) {
    double nats = p->elbo.mean, values = (double)vae__likelihood_value_count(&p->model->spec);
    if (p->options.estimate.samples) {
        nats = p->log_p.mean;
        put(e, "log_p", p->log_p.mean);
        put(e, "log_p_monte_carlo_error", sqrt(p->estimate_variance) / p->log_p.count);
        put(e, "log_p_sampling_error", running_error(&p->log_p));
        put(e, "gap", p->gap.mean);
        put(e, "untrusted_rows", p->untrusted);
    }
    if (p->model->spec.likelihood->discrete) put(e, "bits_per_dim", -nats / values / log(2));
}

static vae_status put_baselines(vae_evaluation *e, const pass *p, const vae_dataset *fitted_on) {
    double log_p;
    const char *figure;
    vae_status status = vae__baseline_marginals(p->model, p->dataset, fitted_on, &log_p);
    if (status && fitted_on != p->dataset) vae__fail_in("fitted_on");
    if (status) return status;
    put(e, "baseline_marginals", log_p);
    status = vae__baseline_closed_form(p->model, p->dataset, fitted_on, &figure, &log_p);
    if (!status && figure) put(e, figure, log_p);
    return status;
}

/* ---- the log ---- */

/* Room for the numbers of latents in a message; behind it one more number and the end fit. */
#define LIST_USED 160

/* Latents that carry nothing, by number, to the log. */
static void warn_of_collapse(const vae_evaluation *e) {
    char list[LIST_USED + 32] = "";
    size_t used = 0, dead = 0;
    for (size_t j = 0; j < e->latent; j++) {
        if (e->mean_variance[j] > VAE__ACTIVE_VARIANCE) continue;
        dead++;
        if (used < LIST_USED) used += vae__format(list + used, sizeof list - used, " %zu", j);
    }
    if (!dead) return;
    if (used >= LIST_USED) vae__format(list + used, sizeof list - used, " and more");
    vae__log(
        e->context, VAE_LOG_WARNING,
        "posterior collapse: %zu of %zu latent%s %s not active:%s. If that is unwanted, try beta_warmup, "
        "free_bits or a smaller sigma",
        dead, e->latent, vae__plural(e->latent), dead == 1 ? "is" : "are", list);
}

/* ---- the evaluation ---- */

static vae_status new_evaluation(const vae_model *model, vae_evaluation **out) {
    vae_evaluation *e = vae__allocate(model->context, 1, sizeof *e);
    if (!e) return vae__last_status();
    e->context = vae__context_retain(model->context);
    e->latent = (size_t)model->spec.latent;
    e->no_latents = vae__no_kl_by_latent(&model->spec);
    e->kl = vae__allocate(e->context, 4 * e->latent, sizeof *e->kl);
    if (!e->kl) {
        vae__evaluation_free(e);
        return vae__last_status();
    }
    e->mean = e->kl + e->latent;
    e->mean_variance = e->mean + e->latent;
    e->aggregated_variance = e->mean_variance + e->latent;
    *out = e;
    return VAE_OK;
}

void vae__evaluation_free(vae_evaluation *e) {
    if (!e) return;
    vae_context *context = e->context;
    vae__release(context, e->kl);
    vae__release(context, e->text);
    vae__release(context, e);
    vae__context_release(context);
}

static vae_status fill(vae_evaluation *e, pass *p, const vae_dataset *fitted_on) {
    put_bounds(e, p);
    put_log_p(e, p);
    put_latents(e, p);
    double distance;
    vae_status status = vae__prior_match_distance(&p->match, &distance);
    if (status) return status;
    if (!isnan(distance)) put(e, "prior_distance", distance);
    status = p->options.baselines ? put_baselines(e, p, fitted_on) : VAE_OK;
    if (!status) status = vae__evaluation_print(e, &e->text);
    if (!status && !p->model->kind->no_latents) warn_of_collapse(e);
    return status;
}

vae_status vae__evaluate(const vae_model *model, const vae_dataset *dataset,
                         const vae_dataset *fitted_on, const char *options,
                         vae_progress_fn progress, void *user, vae_evaluation **out) {
    pass p = {.model = model,
              .dataset = dataset,
              .options = {.estimate = {.estimator = vae__usual_estimator(model), .seed = 1},
                          .baselines = 1}};
    vae_evaluation *e = NULL;
    vae_status status = vae__options_parse(&vae__evaluation_table, options, &p.options, NULL, NULL);
    if (!status)
        status = vae__estimate_check(model, &vae__evaluation_table, options, &p.options.estimate);
    if (status) return status;
    status = allocate_pass(&p);
    if (!status) status = take_all(&p, progress, user);
    if (!status) status = new_evaluation(model, &e);
    if (!status) status = fill(e, &p, fitted_on ? fitted_on : dataset);
    free_pass(&p);
    if (status) {
        vae__evaluation_free(e);
        return status;
    }
    *out = e;
    return VAE_OK;
}

const double *vae__evaluation_figure(const vae_evaluation *e, const char *name) {
    for (size_t i = 0; i < e->count; i++) {
        if (!strcmp(e->figures[i].name, name)) return &e->figures[i].value;
    }
    return NULL;
}

const double *vae__evaluation_latents(const vae_evaluation *e, const char *name) {
    if (!strcmp(name, "kl")) return e->kl;
    if (!strcmp(name, "mean")) return e->mean;
    if (!strcmp(name, "mean_variance")) return e->mean_variance;
    return strcmp(name, "aggregated_variance") ? NULL : e->aggregated_variance;
}
