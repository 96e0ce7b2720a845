/* One training step: rows through the training graph, then the weights, then the update. Relies on the proof
 * that an update stays finite (optim/optimizer.h); guarantees that a step which fails has changed neither
 * parameters nor moments nor counts. */
#include "train/step.h"

#include <math.h>
#include <string.h>

#include "autodiff/blocks.h"
#include "base/threads.h"
#include "data/gather.h"
#include "train/row_checks.h"

/* ---- feeding ---- */

static vae_status fill_rows(void *user, size_t first, size_t count, vae__real *into) {
    const vae__step_rows *from = user;
    if (from->dataset)
        return vae__dataset_gather(from->dataset, from->batch.rows + first, count,
                                   from->batch.epoch, into);
    size_t width = from->batch.count; /* of a row: set by begin_step */
    for (size_t i = 0; i < count * width; i++) into[i] = (vae__real)from->rows[first * width + i];
    return VAE_OK;
}

typedef struct noise_source {
    const vae__kernels *kernels;
    vae__stream stream;
    size_t samples, latent;
} noise_source;

static vae_status fill_noise(void *user, size_t first, size_t count, vae__real *into) {
    const noise_source *noise = user;
    noise->kernels->normals(&noise->stream, first, count, noise->samples, noise->latent, into);
    return VAE_OK;
}

/* A step under way. */
typedef struct step {
    vae_optimizer *optimizer;
    vae__step_rows rows;
    noise_source noise;
    vae__feed feeds[VAE__MAX_INPUTS];
    vae__run run;
    vae_step_report report;
    vae__update update; /* its constants, while blocks are updated as they are made */
} step;

static void begin_step(step *s) {
    vae_optimizer *optimizer = s->optimizer;
    const vae_model *model = optimizer->model;
    const vae__training_options *options = &optimizer->options;
    uint64_t number = optimizer->state.steps + 1;
    if (!s->rows.dataset) s->rows.batch.count = model->spec.input.size;
    s->noise = (noise_source){optimizer->context->kernels,
                              {options->seed, number, VAE__PURPOSE_POSTERIOR, 0},
                              (size_t)options->samples,
                              (size_t)model->spec.latent};
    vae__feed *x = vae__program_feed(&optimizer->program, s->feeds, "x");
    vae__feed *noise = vae__program_feed(&optimizer->program, s->feeds, "noise");
    *x = (vae__feed){.fill = fill_rows, .user = &s->rows};
    vae__model_check_feed(model, x);
    if (noise) /* a diffusion has noise of its own */
        *noise = (vae__feed){.rows = s->rows.noise, .fill = fill_noise, .user = &s->noise};
    vae__diffusion_feed_begin(&optimizer->diffusion, options->seed, number, s->rows.n,
                              &optimizer->program, s->feeds);
    vae__optimizer_begin_objective(optimizer, number);
    s->run = (vae__run){.workspace = optimizer->workspace,
                        .feeds = s->feeds,
                        .parameters = optimizer->average.weights,
                        .rows = s->rows.n};
}

/* The number of a row for messages: in the data set's source, or in the rows given. */
static uint64_t row_number(const step *s, size_t r) {
    if (!s->rows.dataset) return r;
    return vae__dataset_source_row(s->rows.dataset, s->rows.batch.rows[r]);
}

/* Rows that hold NaN, infinity or values outside the support. */
static vae_status refuse_rows(const step *s) {
    const vae_model *model = s->optimizer->model;
    const vae__real *x = vae__program_value(&s->optimizer->program, &s->run, "x");
    size_t r = vae__model_refused_row(model, x, s->rows.n);
    if (r < s->rows.n)
        return vae__model_refuse_row(model, x + r * model->spec.input.size, row_number(s, r));
    return vae__fail(VAE_ERROR_INTERNAL,
                     "a batch was refused but none of its rows is outside the range");
}

/* ---- reading ---- */

static void read_report(step *s) {
    const vae_optimizer *optimizer = s->optimizer;
    size_t rows = s->rows.n, samples = (size_t)optimizer->options.samples;
    const double *log_p = vae__program_double(&optimizer->program, &s->run, "log_p");
    const double *kl = vae__program_double(&optimizer->program, &s->run, "kl");
    double reconstruction = 0, divergence = 0;
    for (size_t i = 0; i < rows * samples; i++) reconstruction += log_p[i];
    for (size_t i = 0; i < rows; i++) divergence += kl[i];
    vae_step_report *report = &s->report;
    report->rows = rows;
    report->reconstruction = reconstruction / (double)(rows * samples);
    report->kl = divergence / (double)rows;
    report->elbo = report->reconstruction - report->kl;
    report->beta = optimizer->objective.beta;
    report->learning_rate =
        vae__learning_rate(&optimizer->options.optimizer, optimizer->state.steps + 1);
    const vae__bound_means means = {report->reconstruction, report->kl};
    report->objective =
        optimizer->objective.objective->value(&optimizer->objective, &s->run, &means);
}

/* Mean of log p over the draws of row r. */
static double row_reconstruction(const step *s, size_t r) {
    const double *log_p = vae__program_double(&s->optimizer->program, &s->run, "log_p");
    size_t samples = (size_t)s->optimizer->options.samples;
    double total = 0;
    for (size_t k = r * samples; k < (r + 1) * samples; k++) total += log_p[k];
    return total / (double)samples;
}

/* Every row's ELBO is finite, yet what is made of them is not. */
static vae_status fail_diverged(const step *s, const char *what) {
    char elbo[VAE__NUMBER_SIZE], rate[VAE__NUMBER_SIZE], low[VAE__NUMBER_SIZE];
    const double *kl = vae__program_double(&s->optimizer->program, &s->run, "kl");
    double lowest = (double)INFINITY;
    size_t row = 0;
    for (size_t r = 0; r < s->rows.n; r++) {
        double value = row_reconstruction(s, r) - kl[r];
        if (value < lowest) {
            lowest = value;
            row = r;
        }
    }
    return vae__fail(
        VAE_ERROR_DIVERGED,
        "step %llu: %s is not finite (ELBO %s, learning rate %s); nothing was updated. "
        "The lowest ELBO of the batch is row %llu's, %s: if that is far below the mean "
        "look at the row, else lower lr or set clip_norm",
        (unsigned long long)(s->optimizer->state.steps + 1), what,
        vae__number_short(elbo, s->report.elbo), vae__number_short(rate, s->report.learning_rate),
        (unsigned long long)row_number(s, row), vae__number_short(low, lowest));
}

/* Names the first row whose ELBO is not finite. */
static vae_status refuse_elbo(const step *s) {
    const vae_optimizer *optimizer = s->optimizer;
    const double *kl = vae__program_double(&optimizer->program, &s->run, "kl");
    const vae__real *x = vae__program_value(&optimizer->program, &s->run, "x");
    size_t width = optimizer->model->spec.input.size;
    size_t first = s->rows.n, refused = 0;
    for (size_t r = s->rows.n; r-- > 0;) {
        if (isfinite(row_reconstruction(s, r) - kl[r])) continue;
        first = r;
        refused++;
    }
    if (!refused) return fail_diverged(s, "the ELBO");
    vae__refuse_elbo(row_number(s, first), row_reconstruction(s, first), kl[first],
                     x + first * width, width);
    const char *parameters = "";
    if (refused == s->rows.n && refused > 1)
        parameters = ": the parameters have grown too large, lower lr or set clip_norm";
    return vae__fail_in("step %llu: nothing was updated, because of %zu of %zu rows%s",
                        (unsigned long long)(optimizer->state.steps + 1), refused, s->rows.n,
                        parameters);
}

/* ---- updating ---- */

static double apply_block(void *user, vae__id parameter, size_t first, size_t count,
                          const vae__real *gradient) {
    const step *s = user;
    const vae__parameters *parameters = &s->optimizer->model->parameters;
    size_t offset = (size_t)(parameters->items[parameter].values - parameters->block);
    return vae__update_apply(&s->update, offset + first, count, gradient);
}

typedef struct whole_update {
    const vae__plan *plan;
    const vae__parameters *parameters;
    const vae__real *gradient;
    vae__update update;
    int check; /* only ask whether it would be finite */
    atomic_int not_finite;
    vae__blocks blocks;
} whole_update;

static void whole_update_share(void *argument, size_t share, size_t shares) {
    whole_update *work = argument;
    size_t i;
    (void)shares;
    while ((i = vae__blocks_take(&work->blocks, share)) != VAE__NOWHERE) {
        const vae__weight_block *block = &work->plan->blocks[i];
        const vae__parameter *parameter = &work->parameters->items[block->parameter];
        size_t first = (size_t)(parameter->values - work->parameters->block) +
                       block->first_row * parameter->columns;
        size_t count = block->rows * parameter->columns;
        if (!work->check) {
            vae__update_apply(&work->update, first, count, work->gradient + first);
        } else if (!vae__update_would_be_finite(&work->update, first, count,
                                                work->gradient + first)) {
            atomic_store(&work->not_finite, 1);
        }
    }
}

static int update_whole(step *s, double scale, int check) {
    vae_optimizer *optimizer = s->optimizer;
    whole_update work;
    work.plan = &optimizer->program.plan;
    work.parameters = &optimizer->model->parameters;
    work.gradient = optimizer->gradient;
    work.check = check;
    vae__blocks_begin(&work.blocks, work.plan, s->run.workers);
    atomic_init(&work.not_finite, 0);
    vae__update_begin(&optimizer->state, &optimizer->options.optimizer, scale, &work.update);
    vae__parallel(optimizer->context, whole_update_share, &work, s->run.workers);
    return !atomic_load(&work.not_finite);
}

/* The kept gradient's norm where the squares of vae__real overflow. */
static double exact_norm(const vae_optimizer *optimizer) {
    double squares = 0;
    for (size_t i = 0; i < optimizer->state.count; i++) {
        squares += (double)optimizer->gradient[i] * (double)optimizer->gradient[i];
    }
    return sqrt(squares);
}

/* The whole gradient first: to clip it, or because no bound proves beforehand that the update stays
 * finite. */
static vae_status update_from_store(step *s, double bound) {
    vae_optimizer *optimizer = s->optimizer;
    const vae__optimizer_settings *settings = &optimizer->options.optimizer;
    vae_status status = vae__optimizer_ensure_gradient(optimizer);
    if (status) return status;
    vae__sink sink = {.gradient = optimizer->gradient};
    double norm = sqrt(vae__run_weights(&s->run, &sink)), scale = 1;
    s->report.gradient_norm = norm;
    if (!isfinite(norm)) norm = s->report.gradient_norm = exact_norm(optimizer);
    if (!isfinite(norm)) return fail_diverged(s, "the gradient");
    if (settings->clip_norm > 0 && norm > settings->clip_norm) {
        scale = settings->clip_norm / norm;
        s->report.flags |= VAE_STEP_CLIPPED;
    }
    double largest = norm * scale < bound ? norm * scale : bound;
    if (!vae__optimizer_is_safe(&optimizer->state, settings, largest)) {
        if (!update_whole(s, scale, 1)) return fail_diverged(s, "the update");
        update_whole(s, scale, 0);
        vae__optimizer_measure(&optimizer->state);
    } else {
        update_whole(s, scale, 0);
    }
    return VAE_OK;
}

static vae_status update(step *s) {
    vae_optimizer *optimizer = s->optimizer;
    const vae__optimizer_settings *settings = &optimizer->options.optimizer;
    if (optimizer->model_edits != optimizer->model->edits) {
        vae__optimizer_measure(&optimizer->state);
        optimizer->model_edits = optimizer->model->edits;
    }
    double bound = vae__run_gradient_bound(&s->run);
    if (!isfinite(s->report.elbo)) return refuse_elbo(s);
    if (settings->clip_norm > 0 || !vae__optimizer_is_safe(&optimizer->state, settings, bound)) {
        return update_from_store(s, bound);
    }
    vae__sink sink = {.update = apply_block, .user = s};
    vae__update_begin(&optimizer->state, settings, 1, &s->update);
    s->report.gradient_norm = sqrt(vae__run_weights(&s->run, &sink));
    return VAE_OK;
}

/* ---- the step ---- */

static vae_status run_rows(step *s) {
    vae_status status = vae__optimizer_ensure_plan(s->optimizer, s->rows.n);
    if (status) return status;
    begin_step(s);
    status = vae__run_rows(&s->run);
    if (status) return status;
    if (atomic_load(&s->run.refused)) return refuse_rows(s);
    read_report(s);
    return VAE_OK;
}

/* ema=: the model's own block follows what is trained. Parameters that no update changes, such as the running sigma, are
 * the model's. */
static void take_average(vae_optimizer *optimizer) {
    const vae__parameters *list = &optimizer->model->parameters;
    vae__real *weights = optimizer->average.weights;
    for (size_t i = 0; i < list->count; i++) {
        const vae__parameter *p = &list->items[i];
        if (p->trainable) continue;
        memcpy(weights + (p->values - list->block), p->values,
               vae__parameter_size(p) * sizeof *weights);
    }
    vae__average_update(&optimizer->average, optimizer->options.ema, list->block);
}

static void finish(step *s) {
    vae_optimizer *optimizer = s->optimizer;
    const vae_model *model = optimizer->model;
    const double *state = vae__program_double(&optimizer->program, &s->run, "batch_state");
    int trains_network = vae__optimizer_trains(optimizer, VAE__GROUP_NETWORK);
    if (model->spec.likelihood->finish_step && state && trains_network)
        model->spec.likelihood->finish_step(vae__model_extra(model), state);
    vae__diffusion_feed_finish(&optimizer->diffusion, &optimizer->program, &s->run);
    if (optimizer->average.weights) take_average(optimizer);
    optimizer->state.steps++;
    optimizer->model_edits = ++optimizer->model->edits; /* other optimizers of the model notice */
    optimizer->model->trained = 1;
    vae__optimizer_announce_end(optimizer, s->report.learning_rate);
}

vae_status vae__step(vae_optimizer *optimizer, const vae__step_rows *rows,
                     vae_step_report *report) {
    step s = {.optimizer = optimizer, .rows = *rows, .report = {.rows = rows->n}};
    vae_status status = vae__model_check_scaling(optimizer->model);
    if (!status) status = run_rows(&s);
    if (!status) status = update(&s);
    if (!status) finish(&s);
    if (status == VAE_ERROR_DATA || status == VAE_ERROR_DIVERGED)
        s.report.flags |= VAE_STEP_REFUSED;
    s.report.step = optimizer->state.steps;
    *report = s.report;
    return status;
}

vae_status vae__step_gradient(vae_optimizer *optimizer, const vae__step_rows *rows,
                              vae_step_report *report, vae__real *gradient) {
    step s = {.optimizer = optimizer, .rows = *rows};
    vae_status status = run_rows(&s);
    if (!status) {
        vae__sink sink = {.gradient = gradient};
        s.report.gradient_norm = sqrt(vae__run_weights(&s.run, &sink));
    }
    *report = s.report;
    return status;
}
