/* Estimates of log p(x): importance sampling from q(z|x), and naive Monte Carlo from p(z). Relies on the
 * density and sample programs; weights are summed as they come, scaled by the largest so far, so that
 * memory does not grow with the number of samples. */
#include "model/estimate.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/threads.h"
#include "model/inference.h"
#include "model/prior.h"
#include "model/programs.h"

/* ---- options ---- */

const char *const vae__estimator_names[] = {"importance", "prior", "bound", "path", NULL};

static const vae__option options_list[] = {
    {"estimator", VAE__OPTION_CHOICE, offsetof(vae__estimate_options, estimator),
     .choices = vae__estimator_names},
    {"samples", VAE__OPTION_UNSIGNED, offsetof(vae__estimate_options, samples), .minimum = 1,
     .maximum = 1 << 24},
    {"seed", VAE__OPTION_UNSIGNED, offsetof(vae__estimate_options, seed), .minimum = 0},
    {.name = NULL},
};

const vae__alias vae__sample_aliases[] = {
    {"n_samples", "samples", NULL}, {"num_samples", "samples", NULL}, {"k", "samples", NULL},
    {"random_state", "seed", NULL}, {"method", "estimator", NULL},    {NULL, NULL, NULL}};

const vae__option_table vae__estimate_table = {.label = "log_likelihood",
                                               .what = "option",
                                               .options = options_list,
                                               .aliases = vae__sample_aliases};

int vae__usual_estimator(const vae_model *model) {
    return model->kind->rows ? VAE__ESTIMATOR_BOUND : VAE__ESTIMATOR_IMPORTANCE;
}

vae_status vae__estimate_check(const vae_model *model, const vae__option_table *table,
                               const char *text, const vae__estimate_options *options) {
    int of_diffusion = options->estimator >= VAE__ESTIMATOR_BOUND;
    if (of_diffusion == (model->kind->rows != NULL)) return VAE_OK;
    return vae__fail_at_key(table, text, "estimator",
                            "estimator=%s does not go with model=%s, which takes %s",
                            vae__estimator_names[options->estimator], model->kind->name,
                            of_diffusion ? "importance and prior" : "bound and path");
}

vae_status vae__estimate_options_parse(const vae_model *model, const char *text,
                                       vae__estimate_options *options) {
    *options = (vae__estimate_options){
        .estimator = vae__usual_estimator(model), .samples = 500, .seed = 1};
    vae_status status = vae__options_parse(&vae__estimate_table, text, options, NULL, NULL);
    return status ? status : vae__estimate_check(model, &vae__estimate_table, text, options);
}

/* ---- streamed weights ---- */

/* Effective samples below which the standard error says nothing: it saturates at 1 while the
 * estimate may be hundreds of nats off. */
#define LEAST_ESS 10

void vae__weights_start(vae__weights *weights) {
    *weights = (vae__weights){.largest = -(double)INFINITY};
}

void vae__weights_add(vae__weights *weights, double log_w) {
    weights->count++;
    if (log_w <= weights->largest) {
        double w = weights->largest == -(double)INFINITY ? 0 : exp(log_w - weights->largest);
        weights->sum += w;
        weights->square += w * w;
    } else {
        double shrink =
            exp(weights->largest - log_w); /* of what was summed so far; 0 at the start */
        weights->sum = weights->sum * shrink + 1;
        weights->square = weights->square * shrink * shrink + 1;
        weights->largest = log_w;
    }
}

vae__estimate vae__weights_finish(const vae__weights *weights) {
    double count = (double)weights->count, ess = weights->sum * weights->sum / weights->square;
    double variance = (count / ess - 1) / (count - 1);
    vae__estimate estimate = {weights->largest + log(weights->sum) - log(count),
                              sqrt(variance > 0 ? variance : 0), ess};
    if (!(ess >= LEAST_ESS)) estimate.std_error = (double)INFINITY;
    if (!(weights->sum > 0)) estimate = (vae__estimate){-(double)INFINITY, (double)INFINITY, 0};
    return estimate;
}

/* ---- importance sampling: log w = log p(x|z) + log p(z) - log q(z|x), z ~ q(z|x) ----
 * Rows run in the density graph with many samples each. Where rows are fewer than threads a row is
 * cut into parts, graph rows of their own with samples of their own. */

enum { GROUP = 16 }; /* rows taken together */

typedef struct group {
    const vae_model *model;
    const vae__program *program; /* of the density */
    const vae__estimate_options *options;
    const vae__real *x; /* [rows, width] */
    uint64_t first_row;
    const uint64_t *keys;           /* [rows] of the noise; NULL: a row's number */
    size_t rows, parts;             /* graph rows are rows * parts */
    size_t samples;                 /* of each graph row in this run */
    uint64_t done;                  /* samples of each row before this run */
    const vae__real *mean, *logvar; /* [rows, latent] */
    vae__prior_call prior;
    vae__real *noise;  /* [rows * parts, samples, latent] */
    double *log_ratio; /* [rows * parts, samples]: log p(z) - log q(z|x), or without log p(z) */
} group;

static vae_status fill_x(void *user, size_t first, size_t count, vae__real *into) {
    const group *g = user;
    size_t width = g->model->spec.input.size;
    for (size_t i = 0; i < count; i++) {
        memcpy(into + i * width, g->x + (first + i) / g->parts * width, width * sizeof *into);
    }
    return VAE_OK;
}

/* -log q(z|x) = sum (log 2 pi + logvar + noise^2) / 2 of each draw. */
static void minus_log_q(const vae__kernels *kernels, const vae__real *logvar,
                        const vae__real *noise, size_t latent, size_t draws, double *out) {
    double constant = 1.83787706640934548356 * (double)latent;
    for (size_t j = 0; j < latent; j++) constant += (double)logvar[j];
    for (size_t k = 0; k < draws; k++)
        out[k] = 0.5 * (constant + kernels->sum_squares(noise + k * latent, latent));
}

static vae_status fill_z(void *user, size_t first, size_t count, vae__real *into) {
    const group *g = user;
    const vae__kernels *kernels = g->model->context->kernels;
    size_t latent = (size_t)g->model->spec.latent;
    for (size_t i = first; i < first + count; i++) {
        size_t row = i / g->parts, part = i % g->parts;
        uint64_t key = g->keys ? g->keys[row] : g->first_row + row;
        uint64_t upper = g->keys ? key >> 32 : 0; /* takes the place of a step's number */
        const vae__stream stream = {g->options->seed, upper, VAE__PURPOSE_POSTERIOR,
                                    (uint32_t)(g->done + part * g->samples)};
        vae__real *z = into + (i - first) * g->samples * latent;
        vae__real *noise = g->noise + i * g->samples * latent;
        const vae__real *mean = g->mean + row * latent, *logvar = g->logvar + row * latent;
        const vae__real *sd = g->logvar + (g->rows + row) * latent;
        kernels->normals(&stream, (size_t)(g->keys ? (uint32_t)key : key), 1, g->samples, latent,
                         noise);
        for (size_t k = 0; k < g->samples * latent; k += latent) {
            for (size_t j = 0; j < latent; j++)
                z[k + j] = (vae__real)((double)mean[j] + (double)sd[j] * (double)noise[k + j]);
        }
        const vae__prior *prior = vae__prior_of(&g->model->spec);
        double *ratio = g->log_ratio + i * g->samples;
        if (prior->log_ratio) {
            prior->log_ratio(&g->prior, logvar, noise, z, g->samples, ratio);
        } else {
            minus_log_q(kernels, logvar, noise, latent, g->samples, ratio);
        }
    }
    return VAE_OK;
}

/* One run of the density graph over the group; adds its weights. */
static void run_group(group *g, vae__workspace *workspace, vae__weights *weights) {
    vae__feed feeds[VAE__MAX_INPUTS] = {{0}};
    *vae__program_feed(g->program, feeds, "x") = (vae__feed){.fill = fill_x, .user = g};
    *vae__program_feed(g->program, feeds, "z") = (vae__feed){.fill = fill_z, .user = g};
    vae__run run = {
        .workspace = workspace, .feeds = feeds, .rows = g->rows * g->parts, .samples = g->samples};
    vae__run_rows(&run); /* its feeds do not fail */
    const double *log_p = vae__program_double(g->program, &run, "log_p");
    const double *log_prior = vae__program_double(g->program, &run, "log_prior");
    for (size_t i = 0; i < run.rows * g->samples; i++) {
        double log_w = log_p[i] + g->log_ratio[i] + (log_prior ? log_prior[i] : 0);
        vae__weights_add(&weights[i / g->samples / g->parts], log_w);
    }
}

/* Parts of a row, so that every thread has one, as far as there are samples. */
static size_t parts_of(const group *g, size_t capacity) {
    size_t threads = g->model->context->threads, parts = 1;
    if (g->rows < threads) parts = (threads + g->rows - 1) / g->rows;
    if (parts * g->rows > capacity) parts = 1;
    return parts < g->options->samples ? parts : 1;
}

static void estimate_group(group *g, vae__workspace *workspace, vae__estimate *out) {
    const vae__plan *plan = workspace->plan;
    vae__weights weights[GROUP];
    size_t parts = parts_of(g, plan->capacity);
    for (size_t r = 0; r < g->rows; r++) vae__weights_start(&weights[r]);
    for (g->done = 0; g->done < g->options->samples;) {
        uint64_t left = g->options->samples - g->done;
        g->parts = left < parts ? 1 : parts;
        uint64_t each = left / g->parts;
        g->samples = vae__plan_max_samples(plan, g->rows * g->parts);
        if (each < g->samples) g->samples = (size_t)each;
        run_group(g, workspace, weights);
        g->done += g->samples * g->parts;
    }
    for (size_t r = 0; r < g->rows; r++) out[r] = vae__weights_finish(&weights[r]);
}

/* logvar [rows, latent] -> after it, sd = exp(logvar / 2) [rows, latent]. */
static void append_deviations(const vae_model *model, vae__real *logvar, size_t rows) {
    size_t count = rows * (size_t)model->spec.latent;
    for (size_t i = 0; i < count; i++) logvar[count + i] = (vae__real)0.5 * logvar[i];
    model->context->kernels->exponential(logvar + count, count);
}

/* A prior that has a bound of its density alone. */
static vae_status refuse_bound(const vae_model *model) {
    if (!vae__prior_has_network(&model->spec)) return VAE_OK;
    return vae__fail(VAE_ERROR_UNSUPPORTED,
                     "importance weights need the density of p(z), of which prior=%s has a noisy "
                     "bound alone: the mean of its exponential says nothing; take estimator=prior, "
                     "or vae_elbo for the bound",
                     vae__prior_of(&model->spec)->name);
}

static vae_status importance(const vae_model *model, const vae__real *x, size_t n,
                             uint64_t first_row, const uint64_t *keys,
                             const vae__estimate_options *options, vae__estimate *out) {
    vae_context *context = model->context;
    vae__program *program;
    vae_status status = refuse_bound(model);
    if (!status) status = vae__model_program(model, "density", &program);
    if (status) return status;
    size_t latent = (size_t)model->spec.latent, width = model->spec.input.size;
    size_t capacity = program->plan.capacity, draws = capacity * program->plan.samples;
    size_t together = capacity < GROUP ? capacity : GROUP;
    vae__workspace *workspace = NULL;
    vae__real *moments = vae__allocate(context, together * latent * 3, sizeof *moments);
    vae__real *noise = vae__allocate(context, draws * latent, sizeof *noise);
    double *ratios = vae__allocate(context, draws, sizeof *ratios);
    status = moments && noise && ratios ? vae__model_take(program, &workspace) : vae__last_status();
    for (size_t first = 0; first < n && !status; first += together) {
        size_t rows = n - first < together ? n - first : together;
        vae__real *logvar = moments + rows * latent;
        group g = {.model = model,
                   .program = program,
                   .options = options,
                   .x = x + first * width,
                   .rows = rows,
                   .first_row = first_row + first,
                   .keys = keys ? keys + first : NULL,
                   .mean = moments,
                   .logvar = logvar,
                   .prior = vae__model_prior_call(model),
                   .noise = noise,
                   .log_ratio = ratios};
        status = vae__model_encode_rows(model, g.x, rows, g.first_row, moments, logvar);
        if (status) break;
        append_deviations(model, logvar, rows);
        estimate_group(&g, workspace, out + first);
    }
    if (workspace) vae__program_return(program, workspace);
    vae__release(context, ratios);
    vae__release(context, noise);
    vae__release(context, moments);
    return status;
}

/* ---- naive Monte Carlo: log w = log p(x|z), z ~ p(z), the same z for every row ---- */

typedef struct prior_run {
    const vae_model *model;
    vae__real *x;           /* [n, width], as the likelihood sees it */
    double log_scale;       /* log p(x) is this much less */
    const vae__real *heads; /* [samples, head width] */
    size_t n, samples, head_width;
    vae__real *scratch; /* [shares, head width] */
    vae__weights *weights;
} prior_run;

static void prior_share(void *argument, size_t share, size_t shares) {
    const prior_run *p = argument;
    const vae__spec *spec = &p->model->spec;
    vae__likelihood_row row = {.kernels = p->model->context->kernels,
                               .spec = spec,
                               .weight = 1,
                               .value_only = 1,
                               .extra = vae__model_extra(p->model),
                               .floor = vae__model_floor(p->model),
                               .width = spec->input.size,
                               .a = p->scratch + share * p->head_width};
    for (size_t r = p->n * share / shares; r < p->n * (share + 1) / shares; r++) {
        row.x = p->x + r * row.width;
        for (size_t k = 0; k < p->samples; k++) {
            memcpy(row.a, p->heads + k * p->head_width, p->head_width * sizeof *row.a);
            vae__weights_add(&p->weights[r], spec->likelihood->row(&row) - p->log_scale);
        }
    }
}

typedef struct prior_source {
    const vae_model *model;
    vae__stream stream;
    uint64_t done; /* samples before this run: sample s is row s of the stream */
    vae__prior_call prior;
    vae__real *drawn; /* z of a run, where the prior makes all rows at once; or NULL */
} prior_source;

static vae_status fill_prior(void *user, size_t first, size_t count, vae__real *into) {
    const prior_source *source = user;
    vae__prior_of(source->prior.spec)
        ->draw(&source->prior, &source->stream, (size_t)source->done + first, count, 1, into);
    return VAE_OK;
}

/* Where the prior makes all rows of a run at once. */
static vae_status draw_prior(prior_source *source, size_t capacity, size_t rows, uint64_t total) {
    const vae_model *model = source->model;
    size_t latent = (size_t)model->spec.latent;
    if (!vae__prior_of(&model->spec)->sample) return VAE_OK;
    if (!source->drawn)
        source->drawn = vae__allocate(model->context, capacity * latent, sizeof *source->drawn);
    if (!source->drawn) return vae__last_status();
    return vae__prior_draw_rows(model, &source->prior, &source->stream, (size_t)source->done, rows,
                                &vae__plain_sampling, total, source->drawn);
}

static vae__feed feed_of(prior_source *source) {
    if (source->drawn) return (vae__feed){.rows = source->drawn};
    return (vae__feed){.fill = fill_prior, .user = source};
}

static vae_status run_prior(prior_run *p, const vae__program *program, vae__workspace *workspace,
                            const vae__estimate_options *options) {
    size_t capacity = program->plan.capacity;
    prior_source source = {.model = p->model, .stream = {options->seed, 0, VAE__PURPOSE_PRIOR, 0}};
    vae_status status = vae__prior_open(p->model, &source.prior);
    if (status) return status;
    for (; source.done < options->samples; source.done += p->samples) {
        uint64_t left = options->samples - source.done;
        vae__feed feeds[VAE__MAX_INPUTS] = {{0}};
        p->samples = left < capacity ? (size_t)left : capacity;
        status = draw_prior(&source, capacity, p->samples, options->samples);
        if (status) break;
        *vae__program_feed(program, feeds, "z") = feed_of(&source);
        vae__run run = {.workspace = workspace, .feeds = feeds, .rows = p->samples};
        vae__run_rows(&run); /* its feeds do not fail */
        p->heads = vae__program_value(program, &run, "head");
        vae__parallel(p->model->context, prior_share, p, p->model->context->threads);
    }
    vae__release(p->model->context, source.drawn);
    vae__prior_close(p->model, &source.prior);
    return status;
}

static vae_status prior(const vae_model *model, const vae__real *x, size_t n, uint64_t first_row,
                        const vae__estimate_options *options, vae__estimate *out) {
    vae_context *context = model->context;
    vae__program *program;
    size_t width = model->spec.input.size;
    prior_run p = {
        .model = model, .n = n, .head_width = vae__likelihood_heads(&model->spec) * width};
    vae__workspace *workspace = NULL;
    /* The feed of importance sampling checks the rows; there is none here. */
    vae_status status = vae__model_check_rows(model, x, n, first_row);
    if (!status) status = vae__model_program(model, "sample", &program);
    if (status) return status;
    p.x = vae__allocate(context, n * width, sizeof *p.x);
    p.scratch = vae__allocate(context, context->threads * p.head_width, sizeof *p.scratch);
    p.weights = vae__allocate(context, n, sizeof *p.weights);
    status =
        p.x && p.scratch && p.weights ? vae__model_take(program, &workspace) : vae__last_status();
    if (!status) {
        memcpy(p.x, x, n * width * sizeof *x);
        p.log_scale = vae__model_standardize(model, p.x, n);
        for (size_t r = 0; r < n; r++) vae__weights_start(&p.weights[r]);
        status = run_prior(&p, program, workspace, options);
        for (size_t r = 0; r < n && !status; r++) out[r] = vae__weights_finish(&p.weights[r]);
        vae__program_return(program, workspace);
    }
    vae__release(context, p.weights);
    vae__release(context, p.scratch);
    vae__release(context, p.x);
    return status;
}

vae_status vae__model_log_likelihood(const vae_model *model, const vae__real *x, size_t n,
                                     uint64_t first_row, const vae__estimate_options *options,
                                     vae__estimate *out) {
    if (!n) return VAE_OK;
    if (model->kind->rows)
        return model->kind->rows->estimate(model, x, n, first_row, NULL, options, out);
    return options->estimator == VAE__ESTIMATOR_PRIOR
               ? prior(model, x, n, first_row, options, out)
               : importance(model, x, n, first_row, NULL, options, out);
}

vae_status vae__model_log_likelihood_keyed(const vae_model *model, const vae__real *x, size_t n,
                                           uint64_t first_row, const uint64_t *keys,
                                           const vae__estimate_options *options,
                                           vae__estimate *out) {
    if (n && model->kind->rows)
        return model->kind->rows->estimate(model, x, n, first_row, keys, options, out);
    return n ? importance(model, x, n, first_row, keys, options, out) : VAE_OK;
}

vae_status vae__model_log_likelihood_floats(const vae_model *model, const float *x, size_t n,
                                            const vae__estimate_options *options, double *log_p,
                                            double *std_error, double *ess) {
    enum { CHUNK = 256 };
    vae_context *context = model->context;
    size_t width = model->spec.input.size;
    vae__real *rows = vae__allocate(context, n < CHUNK ? n * width : CHUNK * width, sizeof *rows);
    vae__estimate *estimates = vae__allocate(context, n, sizeof *estimates);
    vae_status status = rows && estimates ? VAE_OK : vae__last_status();
    for (size_t first = 0; first < n && !status; first += CHUNK) {
        size_t count = n - first < CHUNK ? n - first : CHUNK;
        for (size_t i = 0; i < count * width; i++) rows[i] = (vae__real)x[first * width + i];
        status = vae__model_log_likelihood(model, rows, count, first, options, estimates + first);
    }
    for (size_t i = 0; i < n && !status; i++) {
        if (log_p) log_p[i] = estimates[i].log_p;
        if (std_error) std_error[i] = estimates[i].std_error;
        if (ess) ess[i] = estimates[i].ess;
    }
    vae__release(context, estimates);
    vae__release(context, rows);
    return status;
}
