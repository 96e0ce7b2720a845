/* Adam on the cross entropy of posteriors and prior (model/prior_fit.h), with a learning rate that falls along half a
 * cosine to 0. The posteriors are given as means and variances, so that a step costs the prior alone. Draws are keyed by
 * (seed, step, place in the batch): the threads change nothing. */
#include "train/prior_steps.h"

#include <math.h>
#include <string.h>

#include "autodiff/program.h"
#include "model/prior_fit.h"
#include "optim/optimizer.h"
#include "train/diffusion_feed.h"

typedef struct steps {
    vae_model *model;
    const vae__moments *moments;
    const vae__prior_steps *how;
    size_t latent, batch;
    vae__program program;
    vae__workspace *workspace;
    vae__optimizer_settings settings;
    vae__optimizer_state state; /* of the prior's part of the parameters' block */
    size_t offset;              /* where that part begins */
    vae__real *gradient;        /* of that part */
    uint64_t *order;            /* the rows of this epoch in their order */
    vae__diffusion_feed diffusion;
    uint64_t step; /* 0: the fixed draws, in the order of the rows */
    size_t first;  /* place in the order of the batch's first row */
} steps;

/* ---- draws ---- */

static vae_status fill_draws(void *user, size_t first, size_t count, vae__real *into) {
    const steps *s = user;
    const vae__stream stream = {s->how->seed, s->step, VAE__PURPOSE_POSTERIOR, 0};
    size_t latent = s->latent, place = s->first + first;
    /* The fixed draws are keyed by the row. */
    s->model->context->kernels->normals(&stream, s->step ? first : place, count, 1, latent, into);
    for (size_t r = 0; r < count; r++) {
        size_t row = s->step ? (size_t)s->order[place + r] : place + r;
        const vae__real *mean = s->moments->mean + row * latent;
        const vae__real *variance = s->moments->variance + row * latent;
        for (size_t j = 0; j < latent; j++) {
            double noise = (double)into[r * latent + j];
            into[r * latent + j] = (vae__real)((double)mean[j] + sqrt((double)variance[j]) * noise);
        }
    }
    return VAE_OK;
}

/* Runs rows s->first .. first + rows - 1; *total: their log p(z), summed in the order of the rows. */
static vae_status run_rows(steps *s, size_t rows, vae__run *run, double *total) {
    vae__feed feeds[VAE__MAX_INPUTS] = {{0}};
    *vae__program_feed(&s->program, feeds, "z") = (vae__feed){.fill = fill_draws, .user = s};
    /* The fixed draws of a measurement differ from batch to batch, too. */
    uint64_t step = s->step ? s->step : UINT64_MAX - s->first;
    vae__diffusion_feed_begin(&s->diffusion, s->how->seed, step, rows, &s->program, feeds);
    *run = (vae__run){.workspace = s->workspace, .feeds = feeds, .rows = rows};
    vae_status status = vae__run_rows(run);
    run->feeds = NULL;
    if (status) return status;
    const double *log_p = vae__program_double(&s->program, run, "log_p");
    *total = 0;
    for (size_t r = 0; r < rows; r++) *total += log_p[r];
    return VAE_OK;
}

/* ---- a step ---- */

static double keep_block(void *user, vae__id parameter, size_t first, size_t count,
                         const vae__real *gradient) {
    steps *s = user;
    const vae__parameters *list = &s->model->parameters;
    size_t at = (size_t)(list->items[parameter].values - list->block) + first - s->offset;
    double squares = 0;
    memcpy(s->gradient + at, gradient, count * sizeof *gradient);
    for (size_t i = 0; i < count; i++) squares += (double)gradient[i] * (double)gradient[i];
    return squares;
}

static vae_status fail_diverged(const steps *s, const char *what) {
    char rate[VAE__NUMBER_SIZE];
    return vae__fail(VAE_ERROR_DIVERGED,
                     "step %llu of the fit of prior=%s: %s is not finite; lower lr=%s",
                     (unsigned long long)s->step, vae__prior_of(&s->model->spec)->name, what,
                     vae__number_short(rate, s->how->learning_rate));
}

static vae_status take_step(steps *s, size_t rows) {
    vae__run run;
    vae__update update;
    double log_p;
    const vae__sink sink = {.update = keep_block, .user = s};
    vae_status status = run_rows(s, rows, &run, &log_p);
    if (status) return status;
    if (!isfinite(log_p)) return fail_diverged(s, "log p(z)");
    if (!isfinite(vae__run_weights(&run, &sink))) return fail_diverged(s, "the gradient");
    vae__update_begin(&s->state, &s->settings, 1, &update);
    if (!vae__update_would_be_finite(&update, 0, s->state.count, s->gradient))
        return fail_diverged(s, "the update");
    vae__update_apply(&update, 0, s->state.count, s->gradient);
    vae__diffusion_feed_finish(&s->diffusion, &s->program, &run);
    s->state.steps++;
    return VAE_OK;
}

static vae_status take_epoch(steps *s, uint64_t epoch) {
    const vae__prior_steps *how = s->how;
    const vae__stream shuffle = {how->seed, epoch, VAE__PURPOSE_SHUFFLE, 0};
    size_t n = s->moments->n;
    vae_status status = VAE_OK;
    vae__random_permutation(&shuffle, s->order, n);
    for (s->first = 0; s->first < n && !status; s->first += s->batch) {
        size_t rows = n - s->first < s->batch ? n - s->first : s->batch;
        s->step = s->state.steps + 1;
        status = take_step(s, rows);
        if (!status && how->after && how->after(how->user, epoch, s->first + rows))
            status = VAE_STOPPED;
    }
    return status;
}

/* ---- all of them ---- */

static vae_status measure(steps *s, double *mean) {
    size_t n = s->moments->n;
    double total = 0, part;
    vae_status status = VAE_OK;
    s->step = 0;
    for (s->first = 0; s->first < n && !status; s->first += s->batch) {
        vae__run run;
        status = run_rows(s, n - s->first < s->batch ? n - s->first : s->batch, &run, &part);
        if (!status) total += part;
    }
    *mean = total / (double)n;
    return status;
}

static vae_status plan(steps *s) {
    const vae_model *model = s->model;
    const vae__build build = vae__model_build(model, &s->program.graph, NULL);
    vae__graph_begin(&s->program.graph, model->context, &model->parameters);
    s->program.graph.trained = VAE__GROUP_PRIOR;
    vae_status status = vae__prior_build_fit(&build);
    if (!status) status = vae__program_plan(&s->program, s->batch, 1, 1);
    if (!status) status = vae__program_take(&s->program, &s->workspace);
    if (!status) status = vae__diffusion_feed_make(s->model, s->batch, &s->diffusion);
    return vae__memory_in(status, "plan of the prior's fit, for %zu rows", s->batch);
}

static vae_status begin(steps *s) {
    vae_context *context = s->model->context;
    const vae__parameters *list = &s->model->parameters;
    size_t n = s->moments->n, count;
    uint64_t batches = (n + s->batch - 1) / s->batch;
    vae__real *own = list->items[s->model->network.prior].values;
    s->offset = (size_t)(own - list->block);
    count = list->block_count - s->offset;
    s->settings = (vae__optimizer_settings){.learning_rate = s->how->learning_rate,
                                            .beta1 = 0.9,
                                            .beta2 = 0.999,
                                            .eps = 1e-8,
                                            .schedule = VAE__SCHEDULE_COSINE,
                                            .schedule_steps = s->how->epochs * batches,
                                            .gamma = 1};
    vae_status status =
        vae__optimizer_state_make(context, &vae__rule_adam, &s->settings, own, count, &s->state);
    if (status) return status;
    s->gradient = vae__allocate(context, count, sizeof *s->gradient);
    s->order = vae__allocate(context, n, sizeof *s->order);
    return s->gradient && s->order ? VAE_OK : vae__last_status();
}

static void release(steps *s) {
    vae_context *context = s->model->context;
    vae__release(context, s->order);
    vae__release(context, s->gradient);
    if (s->state.context) vae__optimizer_state_free(&s->state);
    vae__diffusion_feed_free(&s->diffusion);
    vae__workspace_free(s->workspace);
    vae__program_free(&s->program);
}

static steps steps_of(vae_model *model, const vae__moments *moments, const vae__prior_steps *how) {
    return (steps){.model = model,
                   .moments = moments,
                   .how = how,
                   .latent = moments->latent,
                   .batch = how->batch < moments->n ? (size_t)how->batch : moments->n};
}

vae_status vae__prior_take_steps(vae_model *model, const vae__moments *moments,
                                 const vae__prior_steps *how) {
    steps s = steps_of(model, moments, how);
    vae_status status = plan(&s);
    if (!status) status = begin(&s);
    for (uint64_t epoch = 0; epoch < how->epochs && !status; epoch++)
        status = take_epoch(&s, epoch);
    release(&s);
    return status;
}

vae_status vae__prior_mean_density(vae_model *model, const vae__moments *moments, uint64_t seed,
                                   double *mean) {
    const vae__prior_steps how = {.batch = 256, .seed = seed};
    steps s = steps_of(model, moments, &how);
    vae_status status = plan(&s);
    if (!status) status = measure(&s, mean);
    release(&s);
    return status;
}
