/* Bernoulli with logits a: log p(x|z) = sum_i x_i a_i - softplus(a_i). Grey x in [0, 1] is allowed;
 * the value is then a cross-entropy, not a log density. */
#include "model/likelihood.h"
#include "tensor/simd/simd.h"

/* With e = exp(-|a|): softplus(a) = max(a, 0) + log1p(e) and sigmoid(a) = (a < 0 ? e : 1) / (1 + e)
 * share one exponential. */
static inline real term(real a, real x, real *gradient) {
    real e = real_exp(-real_abs(a));
    *gradient = x - (a < 0 ? e : (real)1) / (1 + e);
    return x * a - (a < 0 ? (real)0 : a) - real_log1p_unit(e);
}

/* Of `count` <= LANES values: with a constant count, a few vector instructions. `differentiated` is a
 * constant to every caller. */
static inline void block(real *restrict a, const real *restrict x, real weight, size_t count,
                         int differentiated, lane_sum *log_p) {
    real terms[LANES] = {0};
    for (size_t j = 0; j < count; j++) {
        real gradient;
        terms[j] = term(a[j], x[j], &gradient);
        if (differentiated) a[j] = weight * gradient;
    }
    lane_sum_add(log_p, terms);
}

static inline double row_with(const vae__likelihood_row *r, int differentiated) {
    lane_sum log_p = {.total = 0};
    real *a = r->a, weight = r->weight;
    const real *x = r->x;
    size_t i = 0;
    for (; i + LANES <= r->width; i += LANES)
        block(a + i, x + i, weight, LANES, differentiated, &log_p);
    if (i < r->width) block(a + i, x + i, weight, r->width - i, differentiated, &log_p);
    return lane_sum_total(&log_p);
}

static double row(const vae__likelihood_row *r) {
    return r->value_only ? row_with(r, 0) : row_with(r, 1);
}

static void by_value(const vae__likelihood_row *r, double *log_p) {
    real unused;
    for (size_t i = 0; i < r->width; i++) log_p[i] = (double)term(r->a[i], r->x[i], &unused);
}

static void mean(const vae__likelihood_row *r) {
    real *restrict a = r->a;
    for (size_t i = 0; i < r->width; i++) a[i] = real_sigmoid(a[i]);
}

static void draw(const vae__likelihood_row *r, const vae__stream *stream, uint32_t number,
                 float *x) {
    for (size_t i = 0; i < r->width; i++) {
        double probability = 1 / (1 + exp(-(double)r->a[i]));
        x[i] = vae__random_uniform(stream, number, (uint32_t)i) < probability ? 1.0f : 0.0f;
    }
}

/* The logit of each column's mean, kept away from 0 and 1 so that a pixel never seen lit can still
 * be learned. */
static void initialize(const vae__spec *spec, const vae__statistics *statistics,
                       const vae__parameters *list, const vae__likelihood_parameters *parameters) {
    const double least = 1e-3;
    (void)spec;
    for (size_t i = 0; i < statistics->width; i++) {
        double p = fmin(fmax(statistics->mean[i], least), 1 - least);
        list->items[parameters->bias].values[i] = (vae__real)log(p / (1 - p));
    }
}

static int is_binary(double x) {
    return x == 0 || x == 1;
}

static const vae__usual_data usual_data = {1, is_binary, "0 or 1", ""};

extern const vae__likelihood KERNEL(likelihood_bernoulli);
const vae__likelihood KERNEL(likelihood_bernoulli) = {
    .name = "bernoulli",
    .low = 0,
    .high = 1,
    .discrete = 1,
    .usual_data = &usual_data,
    .row = row,
    .by_value = by_value,
    .mean = mean,
    .draw = draw,
    .initialize = initialize,
};
