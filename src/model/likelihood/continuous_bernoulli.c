/* Continuous Bernoulli (Loaiza-Ganem & Cunningham 2019), a density on [0, 1] with logits a:
 * log p(x|z) = sum_i a x - a/2 - log(sinh(a/2) / (a/2)); its mean is 1 / (1 - exp(-a)) - 1/a.
 *
 * Computed from h = |a| and y, the distance of x from the end that a points to: the density
 * is that of an exponential cut off at 1, exp(-h y) h / q with q = 1 - exp(-h), and the mean of y is
 * 1/h - (1 - q)/q. Near a = 0 both are series in Bernoulli's numbers. */
#include "model/likelihood.h"
#include "tensor/simd/simd.h"

#define SERIES_BELOW ((real)0.5)

/* log(sinh(h/2) / (h/2)) = sum of B_2k h^2k / (2k (2k)!). */
static inline real series_log(real h) {
    real s = h * h, p = (real)(-691.0 / 2730 / 12 / 479001600);
    p = p * s + (real)(5.0 / 66 / 10 / 3628800);
    p = p * s - (real)(1.0 / 9676800);
    p = p * s + (real)(1.0 / 181440);
    p = p * s - (real)(1.0 / 2880);
    p = p * s + (real)(1.0 / 24);
    return p * s;
}

/* Its derivative, 1/2 minus the mean of y. */
static inline real series_slope(real h) {
    real s = h * h, p = (real)(-691.0 / 2730 / 479001600);
    p = p * s + (real)(5.0 / 66 / 3628800);
    p = p * s - (real)(1.0 / 1209600);
    p = p * s + (real)(1.0 / 30240);
    p = p * s - (real)(1.0 / 720);
    p = p * s + (real)(1.0 / 12);
    return p * h;
}

/* The mean of y, from q = 1 - exp(-h). */
static inline real mean_distance(real h, real q) {
    real safe = h < SERIES_BELOW ? (real)1 : h, safe_q = h < SERIES_BELOW ? (real)1 : q;
    real direct = 1 / safe - (1 - safe_q) / safe_q;
    return h < SERIES_BELOW ? (real)0.5 - series_slope(h) : direct;
}

static inline real term(real a, real x, real *gradient) {
    real h = real_abs(a), q = -real_expm1(-h), y = a < 0 ? x : 1 - x;
    real safe = h < SERIES_BELOW ? (real)1 : q / h, surplus = mean_distance(h, q) - y;
    real log_norm = h < SERIES_BELOW ? series_log(h) - (real)0.5 * h : real_log(safe);
    *gradient = a < 0 ? -surplus : surplus;
    return -h * y - log_norm;
}

static double row(const vae__likelihood_row *r) {
    real *restrict a = r->a;
    const real *restrict x = r->x;
    double total = 0;
    for (size_t i = 0; i < r->width; i += LANES) {
        real lanes[LANES] = {0}, gradient;
        size_t count = r->width - i < LANES ? r->width - i : LANES;
        for (size_t j = 0; j < count; j++) {
            lanes[j] = term(a[i + j], x[i + j], &gradient);
            a[i + j] = r->weight * gradient;
        }
        total += add_lanes(lanes);
    }
    return total;
}

static void by_value(const vae__likelihood_row *r, double *log_p) {
    real unused;
    for (size_t i = 0; i < r->width; i++) log_p[i] = (double)term(r->a[i], r->x[i], &unused);
}

static void mean(const vae__likelihood_row *r) {
    real *restrict a = r->a;
    for (size_t i = 0; i < r->width; i++) {
        real h = real_abs(a[i]), y = mean_distance(h, -real_expm1(-h));
        a[i] = a[i] < 0 ? y : 1 - y;
    }
}

/* The inverse of y's distribution function (1 - exp(-h y)) / q. */
static double draw_distance(double h, double u) {
    return h < 1e-8 ? u : fmin(-log1p(u * expm1(-h)) / h, 1);
}

static void draw(const vae__likelihood_row *r, const vae__stream *stream, uint32_t number,
                 float *x) {
    for (size_t i = 0; i < r->width; i++) {
        double a = (double)r->a[i];
        double y = draw_distance(fabs(a), vae__random_uniform(stream, number, (uint32_t)i));
        x[i] = (float)(a < 0 ? y : 1 - y);
    }
}

/* The h whose mean distance is y in (0, 1/2]: it falls with h, and is below 1/h. */
static double solve_distance(double y) {
    double low = 0, high = 1 / y;
    for (int i = 0; i < 60; i++) {
        double h = 0.5 * (low + high), mean = 0.5 - h / 12;
        if (h > 1e-4) mean = 1 / h - 1 / expm1(h);
        if (mean > y) {
            low = h;
        } else {
            high = h;
        }
    }
    return 0.5 * (low + high);
}

/* The logit that has each column's mean, kept away from 0 and 1 so that a pixel never seen lit can
 * still be learned. */
static void initialize(const vae__spec *spec, const vae__statistics *statistics,
                       const vae__parameters *list, const vae__likelihood_parameters *parameters) {
    const double least = 1e-3;
    (void)spec;
    for (size_t i = 0; i < statistics->width; i++) {
        double target = fmin(fmax(statistics->mean[i], least), 1 - least);
        double h = solve_distance(fmin(target, 1 - target));
        list->items[parameters->bias].values[i] = (vae__real)(target < 0.5 ? -h : h);
    }
}

extern const vae__likelihood KERNEL(likelihood_continuous_bernoulli);
const vae__likelihood KERNEL(likelihood_continuous_bernoulli) = {
    .name = "continuous_bernoulli",
    .low = 0,
    .high = 1,
    .row = row,
    .by_value = by_value,
    .mean = mean,
    .draw = draw,
    .initialize = initialize,
};
