/* The bound by draws of t, by strata and by whole paths. Relies on terms.c for each term. */
#include "diffusion/bound.h"

#include <math.h>
#include <string.h>

#define LOG_2_PI 1.83787706640934548356

/* The parts of the room: x_t, noise, output, t. */
typedef struct parts {
    vae__real *x_t, *noise, *output, *t;
} parts;

size_t vae__diffusion_room(const vae__diffusion *d, size_t rows) {
    return rows * (2 * d->width + vae__diffusion_outputs(d) + 1);
}

static parts parts_of(const vae__diffusion *d, const vae__diffusion_rows *rows) {
    parts p = {.x_t = rows->room};
    p.noise = p.x_t + rows->rows * d->width;
    p.output = p.noise + rows->rows * d->width;
    p.t = p.output + rows->rows * vae__diffusion_outputs(d);
    return p;
}

/* Draw number `sample` of the rows' noise. */
static void draw(const vae__diffusion *d, const vae__diffusion_rows *rows, uint32_t sample,
                 vae__real *noise) {
    vae__stream stream = rows->stream;
    stream.sample += sample;
    rows->kernels->normals(&stream, rows->first_row, rows->rows, 1, d->width, noise);
}

/* The terms of all rows at steps p->t, with draw number `sample`. */
static vae_status evaluate(const vae__denoise *denoise, const vae__diffusion_rows *rows,
                           const parts *p, int one_step, uint32_t sample, double *terms) {
    const vae__diffusion *d = denoise->diffusion;
    size_t outputs = vae__diffusion_outputs(d);
    draw(d, rows, sample, p->noise);
    for (size_t r = 0; r < rows->rows; r++)
        vae__diffusion_add_noise(d, (size_t)p->t[one_step ? 0 : r], rows->x0 + r * d->width,
                                 p->noise + r * d->width, p->x_t + r * d->width);
    vae_status status = denoise->run(denoise->user, p->x_t, rows->rows, p->t, one_step, p->output);
    if (status) return status;
    for (size_t r = 0; r < rows->rows; r++)
        terms[r] = vae__diffusion_term(d, (size_t)p->t[one_step ? 0 : r], rows->x0 + r * d->width,
                                       p->x_t + r * d->width, p->output + r * outputs, NULL);
    return VAE_OK;
}

/* ---- one draw ---- */

static vae_status first_term(const vae__denoise *denoise, const vae__diffusion_rows *rows,
                             const parts *p, uint32_t sample, double *terms) {
    p->t[0] = 1;
    return evaluate(denoise, rows, p, 1, sample, terms);
}

/* t of each row, uniform on first .. first + count - 1. */
static void draw_steps(const vae__diffusion_rows *rows, size_t first, size_t count, uint32_t sample,
                       vae__real *t) {
    vae__stream stream = rows->stream;
    stream.sample += sample;
    for (size_t r = 0; r < rows->rows; r++) {
        double u = vae__random_uniform(&stream, (uint32_t)(rows->first_row + r), 0);
        size_t at = (size_t)(u * (double)count);
        t[r] = (vae__real)(first + (at < count ? at : count - 1));
    }
}

vae_status vae__diffusion_draw_bound(const vae__denoise *denoise, const vae__diffusion_rows *rows,
                                     double *data, double *rest) {
    const vae__diffusion *d = denoise->diffusion;
    const parts p = parts_of(d, rows);
    size_t others = d->schedule.steps - 1;
    vae_status status = first_term(denoise, rows, &p, 0, data);
    memset(rest, 0, rows->rows * sizeof *rest);
    if (!status && others) {
        draw_steps(rows, 2, others, 1, p.t);
        status = evaluate(denoise, rows, &p, 0, 2, rest);
    }
    if (status) return status;
    for (size_t r = 0; r < rows->rows; r++) {
        data[r] = -data[r];
        rest[r] = (double)others * rest[r] + vae__diffusion_prior_term(d, rows->x0 + r * d->width);
    }
    return VAE_OK;
}

/* ---- strata ---- */

/* One replicate, subtracted from bound. Draws come from `sample` on, two for each stratum. */
static vae_status subtract_sum(const vae__denoise *denoise, const vae__diffusion_rows *rows,
                               size_t samples, uint32_t sample, double *bound, double *terms) {
    const vae__diffusion *d = denoise->diffusion;
    const parts p = parts_of(d, rows);
    size_t strata = samples - 1, others = d->schedule.steps - 1;
    vae_status status = first_term(denoise, rows, &p, sample, terms);
    for (size_t r = 0; r < rows->rows && !status; r++) bound[r] -= terms[r];
    for (size_t s = 0; s < strata && !status; s++) {
        size_t first = s * others / strata, count = (s + 1) * others / strata - first;
        uint32_t own = sample + 1 + 2 * (uint32_t)s;
        draw_steps(rows, 2 + first, count, own, p.t);
        status = evaluate(denoise, rows, &p, count == 1, own + 1, terms);
        for (size_t r = 0; r < rows->rows && !status; r++) bound[r] -= (double)count * terms[r];
    }
    return status;
}

vae_status vae__diffusion_sum_bound(const vae__denoise *denoise, const vae__diffusion_rows *rows,
                                    size_t samples, double *bound, double *error) {
    enum { CHUNK = 64 };
    const vae__diffusion *d = denoise->diffusion;
    size_t width = d->width;
    double first[CHUNK], second[CHUNK], terms[CHUNK];
    vae_status status = VAE_OK;
    for (size_t at = 0; at < rows->rows && !status; at += CHUNK) {
        vae__diffusion_rows some = *rows;
        some.rows = rows->rows - at < CHUNK ? rows->rows - at : CHUNK;
        some.x0 += at * width;
        some.first_row += at;
        for (size_t r = 0; r < some.rows; r++)
            first[r] = second[r] = -vae__diffusion_prior_term(d, some.x0 + r * width);
        status = subtract_sum(denoise, &some, samples, 0, first, terms);
        if (!status) status = subtract_sum(denoise, &some, samples, 1u << 20, second, terms);
        for (size_t r = 0; r < some.rows && !status; r++) {
            bound[at + r] = 0.5 * (first[r] + second[r]);
            error[at + r] = 0.5 * fabs(first[r] - second[r]);
        }
    }
    return status;
}

/* ---- whole paths ---- */

/* log N(x; mean, variance) of one value. */
static double log_normal(double x, double mean, double variance) {
    return -0.5 * (LOG_2_PI + log(variance) + (x - mean) * (x - mean) / variance);
}

/* log p(x_{t-1}|x_t) - log q(x_{t-1}|x_t, x_0), for t > 1, and log p(x_0|x_1) for t = 1. */
static double transition(const vae__diffusion *d, size_t t, const vae__real *x0,
                         const vae__real *x_t, const vae__real *x_to, const vae__real *output) {
    const vae__noise_step step =
        vae__noise_step_of(&d->schedule, t, t - 1, t < d->schedule.steps ? t + 1 : 0);
    double total = 0;
    if (step.is_last) return -vae__diffusion_term(d, t, x0, x_t, output, NULL);
    const vae__prediction prediction = vae__prediction_of(d->predict, step.retained);
    double miss = d->miss ? (double)d->miss[t - 1] : 0;
    for (size_t j = 0; j < d->width; j++) {
        double v = d->schedule.variance == VAE__VARIANCE_LEARNED ? (double)output[d->width + j] : 0;
        double found =
            prediction.of_noisy * (double)x_t[j] + prediction.of_prediction * (double)output[j];
        double rest = step.of_noisy * (double)x_t[j];
        total += log_normal((double)x_to[j], step.of_data * found + rest,
                            vae__noise_variance(&d->schedule, &step, miss, v)) -
                 log_normal((double)x_to[j], step.of_data * (double)x0[j] + rest, step.small);
    }
    return total;
}

/* log N(x_T; 0, I) - log q(x_T|x_0) */
static double start(const vae__diffusion *d, const vae__real *x0, const vae__real *x_t) {
    double a = d->schedule.retained[d->schedule.steps], total = 0;
    for (size_t j = 0; j < d->width; j++)
        total += log_normal((double)x_t[j], 0, 1) -
                 log_normal((double)x_t[j], sqrt(a) * (double)x0[j], 1 - a);
    return total;
}

/* x_to ~ q(x_to|x_t, x_0), into noise's place. */
static void step_back(const vae__diffusion *d, size_t t, const vae__real *x0, const vae__real *x_t,
                      vae__real *noise) {
    const vae__noise_step step = vae__noise_step_of(&d->schedule, t, t - 1, 0);
    double sd = sqrt(step.small);
    for (size_t j = 0; j < d->width; j++)
        noise[j] = (vae__real)(step.of_data * (double)x0[j] + step.of_noisy * (double)x_t[j] +
                               sd * (double)noise[j]);
}

vae_status vae__diffusion_path_weight(const vae__denoise *denoise, const vae__diffusion_rows *rows,
                                      uint64_t path, double *log_weight) {
    const vae__diffusion *d = denoise->diffusion;
    size_t width = d->width, outputs = vae__diffusion_outputs(d), steps = d->schedule.steps;
    const parts p = parts_of(d, rows);
    vae__diffusion_rows drawn = *rows;
    vae_status status = VAE_OK;
    drawn.stream.step = path;
    draw(d, &drawn, 0, p.noise);
    for (size_t r = 0; r < rows->rows; r++) {
        const vae__real *x0 = rows->x0 + r * width;
        vae__diffusion_add_noise(d, steps, x0, p.noise + r * width, p.x_t + r * width);
        log_weight[r] = start(d, x0, p.x_t + r * width);
    }
    for (size_t t = steps; t > 0 && !status; t--) {
        p.t[0] = (vae__real)t;
        status = denoise->run(denoise->user, p.x_t, rows->rows, p.t, 1, p.output);
        if (status) break;
        if (t > 1) draw(d, &drawn, (uint32_t)t, p.noise);
        for (size_t r = 0; r < rows->rows; r++) {
            const vae__real *x0 = rows->x0 + r * width;
            if (t > 1) step_back(d, t, x0, p.x_t + r * width, p.noise + r * width);
            log_weight[r] += transition(d, t, x0, p.x_t + r * width, p.noise + r * width,
                                        p.output + r * outputs);
        }
        if (t > 1) memcpy(p.x_t, p.noise, rows->rows * width * sizeof *p.x_t);
    }
    return status;
}
