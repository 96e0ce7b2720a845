/* The bound's terms and the losses, value by value in double. Relies on the schedule's coefficients; consecutive steps. */
#include "diffusion/terms.h"

#include <math.h>

#define LOG_2_PI 1.83787706640934548356
#define SQRT_HALF 0.70710678118654752440
#define HYBRID_WEIGHT 0.001

const char *const vae__loss_names[] = {"simple", "vlb", "hybrid", NULL};

size_t vae__diffusion_outputs(const vae__diffusion *d) {
    return d->width * (d->schedule.variance == VAE__VARIANCE_LEARNED ? 2 : 1);
}

/* ---- p(x|x_1) ---- */

static vae__log_density normal_density(double x, double mean, double variance) {
    double from = x - mean, square = from * from / variance;
    return (vae__log_density){-0.5 * (LOG_2_PI + log(variance) + square), from / variance,
                              0.5 * (square - 1)};
}

/* log of the normal distribution function: its upper half by its complement; far below, where erfc underflows, by the
 * asymptotic series of Mills' ratio. */
static double log_cdf(double z) {
    if (z > 0) return log1p(-0.5 * erfc(z * SQRT_HALF));
    if (z > -30) return log(0.5 * erfc(-z * SQRT_HALF));
    double s = 1 / (z * z);
    return -0.5 * (z * z + LOG_2_PI) - log(-z) + log1p(-s * (1 - 3 * s * (1 - 5 * s)));
}

static double log_pdf(double z) {
    return -0.5 * (z * z + LOG_2_PI);
}

/* log(e^a - e^b), a > b. */
static double log_difference(double a, double b) {
    return a + log(-expm1(b - a));
}

/* The mass between low and high in units of the deviation; the side where both are negative, which loses no digits. */
static double log_mass(double low, double high) {
    if (low > 0) return log_difference(log_cdf(-low), log_cdf(-high));
    return log_difference(log_cdf(high), log_cdf(low));
}

enum { LEVELS = 256 };

/* With z = (edge - mean) / sd: d log mass / d mean = (pdf(low) - pdf(high)) / (sd mass), and / d log variance
 * (low pdf(low) - high pdf(high)) / (2 mass). */
static vae__log_density discretized_density(double x, double mean, double variance) {
    double sd = sqrt(variance), half = 1.0 / (LEVELS - 1), value;
    int is_first = x<-1 + half, is_last = x> 1 - half;
    double low = (x - half - mean) / sd, high = (x + half - mean) / sd;
    if (is_first) {
        value = log_cdf(high);
    } else if (is_last) {
        value = log_cdf(-low);
    } else {
        value = log_mass(low, high);
    }
    double at_low = is_first ? 0 : exp(log_pdf(low) - value);
    double at_high = is_last ? 0 : exp(log_pdf(high) - value);
    double weighed_low = is_first ? 0 : low * at_low, weighed_high = is_last ? 0 : high * at_high;
    return (vae__log_density){value, (at_low - at_high) / sd, 0.5 * (weighed_low - weighed_high)};
}

static vae__log_density (*const densities[])(double x, double mean, double variance) = {
    normal_density, discretized_density};

vae__log_density vae__data_density(int data, double x, double mean, double variance) {
    return densities[data](x, mean, variance);
}

/* ---- a term ---- */

/* What one value of a row adds: the term, and its slopes by the predicted x_0 and by the log variance. */
typedef struct part {
    double value, by_data, by_log_variance;
} part;

static part part_of(const vae__diffusion *d, const vae__noise_step *step, double x0, double found,
                    double variance) {
    if (step->is_last) { /* of_data = 1, of_noisy = 0: the mean of p(x|x_1) is the prediction */
        vae__log_density at = vae__data_density(d->data, x0, found, variance);
        return (part){-at.value, -at.by_mean, -at.by_log_variance};
    }
    double from = step->of_data * (found - x0), ratio = step->small / variance;
    double square = from * from / variance;
    return (part){0.5 * (ratio - 1 - log(ratio) + square), step->of_data * from / variance,
                  0.5 * (1 - ratio - square)};
}

/* What is the same for all values of a row. */
typedef struct row {
    vae__noise_step step;
    vae__prediction prediction;
    double miss, log_range; /* of a learned variance: log large - log small */
} row;

static row row_at(const vae__diffusion *d, size_t t) {
    row r = {.step = vae__noise_step_of(&d->schedule, t, t - 1, t < d->schedule.steps ? t + 1 : 0)};
    r.prediction = vae__prediction_of(d->predict, r.step.retained);
    r.miss = d->miss ? (double)d->miss[t - 1] : 0;
    r.log_range = log(r.step.added) - log(r.step.small);
    return r;
}

static double data_of(const row *r, double x_t, double output) {
    return r->prediction.of_noisy * x_t + r->prediction.of_prediction * output;
}

static double variance_of(const vae__diffusion *d, const row *r, const vae__real *output,
                          size_t j) {
    double v = d->schedule.variance == VAE__VARIANCE_LEARNED ? (double)output[d->width + j] : 0;
    return vae__noise_variance(&d->schedule, &r->step, r->miss, v);
}

double vae__diffusion_term(const vae__diffusion *d, size_t t, const vae__real *x0,
                           const vae__real *x_t, const vae__real *output, double *missed) {
    const row r = row_at(d, t);
    double total = 0, squares = 0;
    for (size_t j = 0; j < d->width; j++) {
        double found = data_of(&r, (double)x_t[j], (double)output[j]), from = (double)x0[j] - found;
        total += part_of(d, &r.step, (double)x0[j], found, variance_of(d, &r, output, j)).value;
        squares += from * from;
    }
    if (missed) *missed = squares / (double)d->width;
    return total;
}

double vae__diffusion_prior_term(const vae__diffusion *d, const vae__real *x0) {
    double a = d->schedule.retained[d->schedule.steps], total = 0;
    for (size_t j = 0; j < d->width; j++)
        total += 0.5 * (a * (double)x0[j] * (double)x0[j] - a - log1p(-a));
    return total;
}

void vae__diffusion_add_noise(const vae__diffusion *d, size_t t, const vae__real *x0,
                              const vae__real *noise, vae__real *x_t) {
    double kept = sqrt(d->schedule.retained[t]), added = sqrt(1 - d->schedule.retained[t]);
    for (size_t j = 0; j < d->width; j++)
        x_t[j] = (vae__real)(kept * (double)x0[j] + added * (double)noise[j]);
}

/* ---- losses ---- */

static double target_of(const row *r, double x0, double noise) {
    return r->prediction.of_data * x0 + r->prediction.of_noise * noise;
}

/* What a loss makes of one value: its parts of the squared error and of the term, the latter's by mean and variance. */
typedef struct loss_weights {
    double square, by_mean, by_variance; /* as multiples of T for the term */
} loss_weights;

static const loss_weights weights[] = {
    [VAE__LOSS_SIMPLE] = {1, 0, 0},
    [VAE__LOSS_VLB] = {0, 1, 1},
    [VAE__LOSS_HYBRID] = {1, 0, HYBRID_WEIGHT},
};

double vae__diffusion_loss(const vae__diffusion *d, int loss, size_t t, const vae__real *x0,
                           const vae__real *noise, const vae__real *x_t, const vae__real *output) {
    const row r = row_at(d, t);
    double squares = 0, weight = weights[loss].by_variance * (double)d->schedule.steps;
    for (size_t j = 0; j < d->width; j++) {
        double from = (double)output[j] - target_of(&r, (double)x0[j], (double)noise[j]);
        squares += from * from;
    }
    double total = weights[loss].square * squares;
    return weight > 0 ? total + weight * vae__diffusion_term(d, t, x0, x_t, output, NULL) : total;
}

void vae__diffusion_gradient(const vae__diffusion *d, int loss, size_t t, const vae__real *x0,
                             const vae__real *noise, const vae__real *x_t, const vae__real *output,
                             double weight, vae__real *gradient) {
    const row r = row_at(d, t);
    const loss_weights *w = &weights[loss];
    double steps = (double)d->schedule.steps;
    int learns = d->schedule.variance == VAE__VARIANCE_LEARNED;
    for (size_t j = 0; j < d->width; j++) {
        double from = (double)output[j] - target_of(&r, (double)x0[j], (double)noise[j]);
        gradient[j] = (vae__real)(weight * 2 * w->square * from);
        if (!learns && w->by_mean <= 0) continue;
        double found = data_of(&r, (double)x_t[j], (double)output[j]);
        const part p = part_of(d, &r.step, (double)x0[j], found, variance_of(d, &r, output, j));
        double by_output = p.by_data * r.prediction.of_prediction;
        gradient[j] += (vae__real)(weight * w->by_mean * steps * by_output);
        if (learns)
            gradient[d->width + j] = (vae__real)(weight * w->by_variance * steps *
                                                 p.by_log_variance * 0.5 * r.log_range);
    }
}

/* ---- strata ---- */

/* The table that the loss draws by, or NULL: evenly. */
static const double *table_of(const vae__diffusion *d, int loss) {
    return loss == VAE__LOSS_VLB ? d->cumulative : NULL;
}

/* The step whose stretch of the table u in [0, 1) lies in. */
static size_t step_at(const double *cumulative, size_t steps, double u) {
    size_t low = 0, high = steps; /* cumulative[low] <= u < cumulative[high] */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (cumulative[middle] <= u) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return high;
}

void vae__diffusion_strata(const vae__diffusion *d, int loss, const vae__stream *stream, size_t n,
                           uint64_t *order, vae__real *t) {
    const double *cumulative = table_of(d, loss);
    size_t steps = d->schedule.steps;
    vae__stream places = *stream;
    places.sample++;
    vae__random_permutation(stream, order, n);
    for (size_t r = 0; r < n; r++) {
        double u = ((double)order[r] + vae__random_uniform(&places, (uint32_t)r, 0)) / (double)n;
        size_t at = (size_t)(u * (double)steps);
        t[r] = (vae__real)(cumulative ? step_at(cumulative, steps, u)
                                      : 1 + (at < steps ? at : steps - 1));
    }
}

double vae__diffusion_weight(const vae__diffusion *d, int loss, size_t t) {
    const double *cumulative = table_of(d, loss);
    if (!cumulative) return 1;
    return 1 / ((double)d->schedule.steps * (cumulative[t] - cumulative[t - 1]));
}

#define LEAST_LOG_RATIO (-4.0) /* of A_t and 1 - A_t: below it hardly anything is left to predict */
#define FIRST_STEP 4.0         /* that step 1, a term of another kind, counts in the same measure */

void vae__diffusion_shares(const vae__noise_schedule *schedule, double *cumulative) {
    size_t steps = schedule->steps;
    const double *a = schedule->retained;
    cumulative[0] = 0;
    cumulative[1] = FIRST_STEP;
    for (size_t t = 2; t <= steps; t++) {
        double before = fmax(log(a[t - 1]) - log1p(-a[t - 1]), LEAST_LOG_RATIO);
        double now = fmax(log(a[t]) - log1p(-a[t]), LEAST_LOG_RATIO);
        cumulative[t] = cumulative[t - 1] + before - now;
    }
    double total = cumulative[steps];
    for (size_t t = 1; t < steps; t++)
        cumulative[t] = 0.5 * (cumulative[t] / total + (double)t / (double)steps);
    cumulative[steps] = 1;
}
