/* Rows of data through a diffusion: x_T is the latent, the forward noise the encoder, the sampler the decoder, and the bound
 * stands where log p(x) would. Relies on src/diffusion for all of it; rows go in chunks of what the network takes at a time,
 * and a row is a function of the seed and its number alone. */
#include "model/diffusion_rows.h"

#include <math.h>
#include <string.h>

#include "diffusion/bound.h"
#include "model/denoising.h"
#include "model/estimate.h"
#include "model/inference.h"

/* Rows as the network sees them, and what goes with a chunk of them. */
typedef struct work {
    const vae_model *model;
    vae__denoising denoising;
    vae__real *y;           /* [denoising.rows, width] */
    double *first, *second; /* [denoising.rows] each */
    double log_scale;       /* log p(x) = log p(y) - log_scale */
    uint32_t *list;         /* of the sampler's steps; or NULL */
    vae__sampler sampler;
    const vae__sampling *how;
    uint64_t done, total; /* rows, for progress */
} work;

static size_t width_of(const work *w) {
    return w->model->spec.input.size;
}

static vae_status open_work(const vae_model *model, work *w) {
    vae_context *context = model->context;
    *w = (work){.model = model};
    vae_status status = vae__denoising_open(model, &w->denoising);
    if (status) return status;
    size_t rows = w->denoising.rows;
    w->y = vae__allocate(context, rows, model->spec.input.size * sizeof *w->y);
    w->first = vae__allocate(context, 2 * rows, sizeof *w->first);
    w->second = w->first + rows;
    return w->y && w->first ? VAE_OK : vae__last_status();
}

static void close_work(work *w) {
    vae_context *context = w->model->context;
    vae__release(context, w->list);
    vae__release(context, w->first);
    vae__release(context, w->y);
    vae__denoising_close(&w->denoising);
}

static vae_status make_list(work *w, const vae__sampling *how) {
    size_t steps = w->model->diffusion->engine.schedule.steps;
    w->how = how;
    w->sampler = vae__sampling_sampler(how, &w->model->diffusion->engine);
    w->list = vae__allocate(w->model->context, w->sampler.steps, sizeof *w->list);
    if (!w->list) return vae__last_status();
    return vae__sampler_list(w->sampler.spacing, steps, w->sampler.steps, w->list);
}

/* The rows that a chunk takes. */
static size_t count_of(const work *w, size_t n, size_t first) {
    return n - first < w->denoising.rows ? n - first : w->denoising.rows;
}

/* To what the network sees. */
static double scale_rows(const vae_model *model, vae__real *rows, size_t n) {
    vae__diffusion_scale_data(&model->diffusion->engine, rows, n * model->spec.input.size);
    return vae__model_standardize(model, rows, n);
}

/* Checks rows and takes them in as the network sees them. */
static vae_status take_rows(work *w, const vae__real *x, size_t rows, uint64_t first_row) {
    vae_status status = vae__model_check_rows(w->model, x, rows, first_row);
    if (status) return status;
    memcpy(w->y, x, rows * width_of(w) * sizeof *x);
    w->log_scale = scale_rows(w->model, w->y, rows);
    return VAE_OK;
}

static vae_status take_floats(work *w, const float *x, size_t rows, uint64_t first_row) {
    for (size_t i = 0; i < rows * width_of(w); i++) w->y[i] = (vae__real)x[i];
    vae_status status = vae__model_check_rows(w->model, w->y, rows, first_row);
    if (!status) w->log_scale = scale_rows(w->model, w->y, rows);
    return status;
}

/* Back to x, as floats; `to` may be NULL. What is 8-bit levels comes within 0 and 1, and to the nearest level if asked. */
static void give_floats(const work *w, size_t rows, int to_levels, float *to) {
    const vae_model *model = w->model;
    const vae__diffusion *engine = &model->diffusion->engine;
    size_t width = width_of(w);
    if (!to) return;
    for (size_t i = 0; i < rows * width && engine->data == VAE__DATA_DISCRETIZED; i++) {
        double x = vae__diffusion_unscaled(engine, (double)w->y[i]);
        to[i] = (float)(to_levels ? rint(255 * x) / 255 : x);
    }
    if (engine->data == VAE__DATA_DISCRETIZED) return;
    for (size_t i = 0; i < rows * width; i++) {
        double x = (double)w->y[i];
        if (model->spec.standardize)
            x = x * (double)model->parameters.items[model->network.scale].values[i % width] +
                (double)model->parameters.items[model->network.shift].values[i % width];
        to[i] = (float)x;
    }
}

/* ---- q(x_T|x) ---- */

static vae_status encode(const vae_model *model, const vae__real *x, size_t n, uint64_t first_row,
                         vae__real *mean, vae__real *logvar) {
    const vae__noise_schedule *schedule = &model->diffusion->engine.schedule;
    double a = schedule->retained[schedule->steps];
    size_t count = n * model->spec.input.size;
    vae_status status = vae__model_check_rows(model, x, n, first_row);
    if (status) return status;
    memcpy(mean, x, count * sizeof *x);
    scale_rows(model, mean, n);
    for (size_t i = 0; i < count; i++) {
        mean[i] = (vae__real)(sqrt(a) * (double)mean[i]);
        logvar[i] = (vae__real)log1p(-a);
    }
    return VAE_OK;
}

/* ---- samplers ---- */

static int32_t after_step(void *user, size_t steps) {
    const work *w = user;
    (void)steps;
    return w->how->progress(w->how->user, w->done, w->total);
}

static vae__sampling_run run_of(work *w, const vae__stream *stream, size_t first_row, size_t rows) {
    return (vae__sampling_run){.denoise = &w->denoising.denoise,
                               .sampler = &w->sampler,
                               .list = w->list,
                               .kernels = w->model->context->kernels,
                               .stream = *stream,
                               .first_row = first_row,
                               .rows = rows,
                               .room = w->denoising.room,
                               .after = w->how->progress ? after_step : NULL,
                               .user = w};
}

/* Without noise, by 50 steps or fewer. */
static const vae__sampling implicit = {.temperature = 1, .sampler = VAE__SAMPLER_DDIM, .clip = 0};
static const vae__stream no_noise = {0, 0, VAE__PURPOSE_PRIOR, 0};

static vae_status refuse_z(const float *z, size_t count, size_t width, size_t first_row) {
    char found[VAE__NUMBER_SIZE];
    size_t i = 0;
    while (i < count && isfinite(z[i])) i++;
    if (i == count) return VAE_OK;
    return vae__fail(VAE_ERROR_DATA, "row %zu, column %zu of z is %s: expected finite values",
                     first_row + i / width, i % width, vae__number_float(found, z[i]));
}

static vae_status decode(const vae_model *model, const float *z, size_t n, float *x_mean) {
    work w;
    size_t width = model->spec.input.size;
    vae_status status = open_work(model, &w);
    if (!status) status = make_list(&w, &implicit);
    for (size_t first = 0; first < n && !status; first += w.denoising.rows) {
        size_t rows = count_of(&w, n, first);
        status = refuse_z(z + first * width, rows * width, width, first);
        if (status) break;
        for (size_t i = 0; i < rows * width; i++) w.y[i] = (vae__real)z[first * width + i];
        const vae__sampling_run run = run_of(&w, &no_noise, first, rows);
        status = vae__sampler_run(&run, w.y);
        if (!status) give_floats(&w, rows, 0, x_mean ? x_mean + first * width : NULL);
    }
    close_work(&w);
    return status;
}

/* To x_T and back. */
static vae_status reconstruct(const vae_model *model, const float *x, size_t n, float *x_mean) {
    work w;
    size_t width = model->spec.input.size;
    vae_status status = open_work(model, &w);
    if (!status) status = make_list(&w, &implicit);
    for (size_t first = 0; first < n && !status; first += w.denoising.rows) {
        size_t rows = count_of(&w, n, first);
        const vae__sampling_run run = run_of(&w, &no_noise, first, rows);
        status = take_floats(&w, x + first * width, rows, first);
        if (!status) status = vae__sampler_invert(&run, w.y);
        if (!status) status = vae__sampler_run(&run, w.y);
        if (!status) give_floats(&w, rows, 0, x_mean ? x_mean + first * width : NULL);
    }
    close_work(&w);
    return status;
}

/* The last step adds no noise: a sample is its own mean. */
static vae_status sample(const vae_model *model, size_t n, uint64_t seed, const vae__sampling *how,
                         float *z, float *x_mean, float *x) {
    const vae__stream stream = {seed, 0, VAE__PURPOSE_PRIOR, 0};
    size_t width = model->spec.input.size;
    work w;
    vae_status status = open_work(model, &w);
    if (!status) status = make_list(&w, how);
    w.total = n;
    for (size_t first = 0; first < n && !status; first += w.denoising.rows) {
        size_t rows = count_of(&w, n, first);
        const vae__sampling_run run = run_of(&w, &stream, first, rows);
        w.done = first;
        vae__sampler_start(&run, how->temperature, w.y);
        if (z) {
            for (size_t i = 0; i < rows * width; i++) z[first * width + i] = (float)w.y[i];
        }
        if (x_mean || x) status = vae__sampler_run(&run, w.y);
        if (status) break;
        give_floats(&w, rows, 0, x_mean ? x_mean + first * width : NULL);
        give_floats(&w, rows, 1, x ? x + first * width : NULL);
        if (how->progress && how->progress(how->user, first + rows, n)) status = VAE_STOPPED;
    }
    close_work(&w);
    return status;
}

/* ---- the bound ---- */

static vae__diffusion_rows rows_of(const work *w, const vae__stream *stream, size_t first_row,
                                   size_t rows) {
    return (vae__diffusion_rows){
        w->y, rows, first_row, *stream, w->model->context->kernels, w->denoising.room};
}

static vae_status bound(const vae_model *model, const vae__real *x, size_t n, uint64_t seed,
                        uint64_t first_row, const vae__bound *out) {
    const vae__stream stream = {seed, 0, VAE__PURPOSE_POSTERIOR, 0};
    size_t width = model->spec.input.size;
    work w;
    vae_status status = open_work(model, &w);
    for (size_t first = 0; first < n && !status; first += w.denoising.rows) {
        size_t rows = count_of(&w, n, first);
        status = take_rows(&w, x + first * width, rows, first_row + first);
        if (status) break;
        const vae__diffusion_rows some = rows_of(&w, &stream, (size_t)first_row + first, rows);
        status = vae__diffusion_draw_bound(&w.denoising.denoise, &some, w.first, w.second);
        for (size_t r = 0; r < rows && !status; r++) {
            double data = w.first[r] - w.log_scale;
            if (out->elbo) out->elbo[first + r] = data - w.second[r];
            if (out->reconstruction) out->reconstruction[first + r] = data;
            if (out->kl) out->kl[first + r] = w.second[r];
        }
    }
    close_work(&w);
    return status;
}

/* ---- estimates ---- */

/* Of one row of a chunk, or of all of them: row r has the noise of number first_row + r. */
static vae_status estimate_bound(work *w, const vae__diffusion_rows *rows,
                                 const vae__estimate_options *options, vae__estimate *out) {
    size_t steps = w->model->diffusion->engine.schedule.steps;
    size_t samples = options->samples < steps ? (size_t)options->samples : steps;
    vae_status status =
        vae__diffusion_sum_bound(&w->denoising.denoise, rows, samples, w->first, w->second);
    for (size_t r = 0; r < rows->rows && !status; r++)
        out[r] = (vae__estimate){w->first[r] - w->log_scale, w->second[r], (double)NAN};
    return status;
}

static vae_status estimate_paths(work *w, const vae__diffusion_rows *rows,
                                 const vae__estimate_options *options, vae__estimate *out) {
    vae_context *context = w->model->context;
    vae__weights *weights = vae__allocate(context, rows->rows, sizeof *weights);
    vae_status status = weights ? VAE_OK : vae__last_status();
    for (size_t r = 0; r < rows->rows && !status; r++) vae__weights_start(&weights[r]);
    for (uint64_t path = 0; path < options->samples && !status; path++) {
        status = vae__diffusion_path_weight(&w->denoising.denoise, rows, path, w->first);
        for (size_t r = 0; r < rows->rows && !status; r++)
            vae__weights_add(&weights[r], w->first[r] - w->log_scale);
    }
    for (size_t r = 0; r < rows->rows && !status; r++) out[r] = vae__weights_finish(&weights[r]);
    vae__release(context, weights);
    return status;
}

static vae_status estimate_rows(work *w, const vae__diffusion_rows *rows,
                                const vae__estimate_options *options, vae__estimate *out) {
    return options->estimator == VAE__ESTIMATOR_PATH ? estimate_paths(w, rows, options, out)
                                                     : estimate_bound(w, rows, options, out);
}

/* With keys each row has noise of its own, whatever its place: one after the other. */
static vae_status estimate_keyed(work *w, const vae__diffusion_rows *rows, const uint64_t *keys,
                                 const vae__estimate_options *options, vae__estimate *out) {
    vae_status status = VAE_OK;
    for (size_t r = 0; r < rows->rows && !status; r++) {
        vae__diffusion_rows one = *rows;
        one.x0 += r * width_of(w);
        one.rows = 1;
        one.first_row = (uint32_t)keys[r];
        one.stream.step = keys[r] >> 32;
        status = estimate_rows(w, &one, options, out + r);
    }
    return status;
}

static vae_status estimate(const vae_model *model, const vae__real *x, size_t n, uint64_t first_row,
                           const uint64_t *keys, const vae__estimate_options *options,
                           vae__estimate *out) {
    const vae__stream stream = {options->seed, 0, VAE__PURPOSE_POSTERIOR, 0};
    size_t width = model->spec.input.size, steps = model->diffusion->engine.schedule.steps;
    work w;
    if (options->estimator == VAE__ESTIMATOR_BOUND && options->samples < 2 && steps > 1)
        return vae__fail(VAE_ERROR_TEXT,
                         "estimator=bound takes samples from 2, the first step and a draw of the "
                         "others, to %zu, all steps",
                         steps);
    vae_status status = open_work(model, &w);
    for (size_t first = 0; first < n && !status; first += w.denoising.rows) {
        size_t rows = count_of(&w, n, first);
        status = take_rows(&w, x + first * width, rows, first_row + first);
        if (status) break;
        const vae__diffusion_rows some = rows_of(&w, &stream, (size_t)first_row + first, rows);
        status = keys ? estimate_keyed(&w, &some, keys + first, options, out + first)
                      : estimate_rows(&w, &some, options, out + first);
    }
    close_work(&w);
    return status;
}

const vae__row_functions vae__diffusion_row_functions = {.encode = encode,
                                                         .decode = decode,
                                                         .reconstruct = reconstruct,
                                                         .sample = sample,
                                                         .bound = bound,
                                                         .estimate = estimate};
