/* The samplers. Relies on schedule.c for steps that skip others: b' = 1 - A_t / A_to, never b_t. No noise is added in the
 * last step. */
#include "diffusion/sampler.h"

#include <math.h>

const char *const vae__sampler_names[] = {"ddpm", "ddim", NULL};
const char *const vae__spacing_names[] = {"trailing", "leading", "linspace", NULL};

/* ---- which steps ---- */

static double trailing(double steps, double n, double i) {
    return rint(steps - i * steps / n);
}

/* The n multiples of floor(T / n) from 0 on, in falling order. */
static double leading(double steps, double n, double i) {
    return (n - 1 - i) * floor(steps / n) + 1;
}

static double linspace(double steps, double n, double i) {
    return n > 1 ? rint((n - 1 - i) * (steps - 1) / (n - 1)) + 1 : 1;
}

static double (*const spacings[])(double steps, double n, double i) = {trailing, leading, linspace};

vae_status vae__sampler_list(int spacing, size_t steps, size_t n, uint32_t *list) {
    if (n < 1 || n > steps)
        return vae__fail(VAE_ERROR_TEXT, "steps=%zu: expected 1 to %zu, the steps of the model", n,
                         steps);
    for (size_t i = 0; i < n; i++)
        list[i] = (uint32_t)spacings[spacing]((double)steps, (double)n, (double)i);
    return VAE_OK;
}

/* ---- one step of one value ---- */

/* What a step makes of a value: of its predicted data, of the noise that follows from that, and of new noise. */
typedef struct coefficients {
    vae__noise_step step;
    vae__prediction prediction;
    double kept, noise;       /* sqrt(A_t), sqrt(1 - A_t) */
    double of_data, of_noise; /* ddim */
    double deviation;         /* of new noise; ddpm: of this variance where it is not learned */
    double miss;
} coefficients;

static double at_least_0(double x) {
    return x > 0 ? x : 0;
}

static coefficients coefficients_of(const vae__sampling_run *run, size_t i) {
    const vae__diffusion *d = run->denoise->diffusion;
    size_t t = run->list[i], to = i + 1 < run->sampler->steps ? run->list[i + 1] : 0;
    coefficients c = {.step = vae__noise_step_of(&d->schedule, t, to, i ? run->list[i - 1] : 0)};
    double a = c.step.retained, a_to = c.step.retained_to;
    c.prediction = vae__prediction_of(d->predict, a);
    c.kept = sqrt(a);
    c.noise = sqrt(1 - a);
    c.miss = d->miss ? (double)d->miss[t - 1] : 0;
    if (run->sampler->kind == VAE__SAMPLER_DDIM) {
        double eta = run->sampler->eta;
        double variance = eta * eta * (1 - a_to) / (1 - a) * c.step.added;
        c.of_data = sqrt(a_to);
        c.of_noise = sqrt(at_least_0(1 - a_to - variance));
        c.deviation = sqrt(variance);
    } else {
        c.deviation = sqrt(vae__noise_variance(&d->schedule, &c.step, c.miss, 0));
    }
    return c;
}

static double ddim_value(const coefficients *c, double x, double data) {
    double noise = (x - c->kept * data) / c->noise;
    return c->of_data * data + c->of_noise * noise;
}

static double ddpm_value(const coefficients *c, double x, double data) {
    return c->step.of_data * data + c->step.of_noisy * x;
}

static double (*const values[])(const coefficients *c, double x, double data) = {ddpm_value,
                                                                                 ddim_value};

static double data_of(const vae__sampling_run *run, const coefficients *c, double x,
                      double output) {
    double data = c->prediction.of_noisy * x + c->prediction.of_prediction * output;
    return run->sampler->clip ? fmin(fmax(data, -1), 1) : data;
}

/* The deviation of value j, where the network says it. */
static double deviation_of(const vae__sampling_run *run, const coefficients *c,
                           const vae__real *output, size_t j) {
    const vae__diffusion *d = run->denoise->diffusion;
    if (run->sampler->kind == VAE__SAMPLER_DDIM || d->schedule.variance != VAE__VARIANCE_LEARNED)
        return c->deviation;
    return sqrt(vae__noise_variance(&d->schedule, &c->step, c->miss, (double)output[d->width + j]));
}

static void take_step(const vae__sampling_run *run, const coefficients *c, const vae__real *output,
                      const vae__real *noise, vae__real *x) {
    const vae__diffusion *d = run->denoise->diffusion;
    size_t width = d->width, outputs = vae__diffusion_outputs(d);
    double (*value)(const coefficients *, double, double) = values[run->sampler->kind];
    for (size_t r = 0; r < run->rows; r++, x += width, output += outputs, noise += width) {
        for (size_t j = 0; j < width; j++) {
            double at = (double)x[j], data = data_of(run, c, at, (double)output[j]);
            double to = value(c, at, data);
            if (!c->step.is_last) to += deviation_of(run, c, output, j) * (double)noise[j];
            x[j] = (vae__real)to;
        }
    }
}

/* ---- runs ---- */

static void draw(const vae__sampling_run *run, uint32_t sample, vae__real *noise) {
    vae__stream stream = run->stream;
    stream.sample += sample;
    run->kernels->normals(&stream, run->first_row, run->rows, 1, run->denoise->diffusion->width,
                          noise);
}

void vae__sampler_start(const vae__sampling_run *run, double temperature, vae__real *x) {
    size_t count = run->rows * run->denoise->diffusion->width;
    draw(run, 0, x);
    if (temperature < 1 || temperature > 1) run->kernels->scale(x, (vae__real)temperature, count);
}

vae_status vae__sampler_run(const vae__sampling_run *run, vae__real *x) {
    const vae__diffusion *d = run->denoise->diffusion;
    vae__real *noise = run->room, *output = noise + run->rows * d->width, t;
    vae_status status = VAE_OK;
    size_t count = run->sampler->taken ? run->sampler->taken : run->sampler->steps;
    for (size_t i = 0; i < count && !status; i++) {
        const coefficients c = coefficients_of(run, i);
        t = (vae__real)c.step.t;
        status = run->denoise->run(run->denoise->user, x, run->rows, &t, 1, output);
        if (status) return status;
        /* Keyed by the step: a list of other steps has other noise. */
        if (!c.step.is_last) draw(run, (uint32_t)c.step.t, noise);
        take_step(run, &c, output, noise, x);
        if (run->after && run->after(run->user, i + 1)) status = VAE_STOPPED;
    }
    return status;
}

vae_status vae__sampler_invert(const vae__sampling_run *run, vae__real *x) {
    const vae__diffusion *d = run->denoise->diffusion;
    size_t outputs = vae__diffusion_outputs(d), width = d->width;
    vae__real *output = run->room, t;
    for (size_t i = run->sampler->steps; i-- > 0;) {
        /* From the step below to this one; at x_0 the network is asked as at this step. */
        size_t to = run->list[i], from = i + 1 < run->sampler->steps ? run->list[i + 1] : 0;
        double a = d->schedule.retained[from], a_to = d->schedule.retained[to];
        const vae__prediction p = vae__prediction_of(d->predict, from ? a : a_to);
        t = (vae__real)(from ? from : to);
        vae_status status = run->denoise->run(run->denoise->user, x, run->rows, &t, 1, output);
        if (status) return status;
        for (size_t r = 0; r < run->rows; r++) {
            for (size_t j = 0; j < width; j++) {
                double at = (double)x[r * width + j], noise;
                double data = p.of_noisy * at + p.of_prediction * (double)output[r * outputs + j];
                if (from) {
                    noise = (at - sqrt(a) * data) / sqrt(1 - a);
                } else { /* x_0 itself stands for x_1: the noise that the prediction implies there */
                    noise = (at - sqrt(a_to) * data) / sqrt(1 - a_to);
                    data = at;
                }
                x[r * width + j] = (vae__real)(sqrt(a_to) * data + sqrt(1 - a_to) * noise);
            }
        }
        if (run->after && run->after(run->user, run->sampler->steps - i)) return VAE_STOPPED;
    }
    return VAE_OK;
}
