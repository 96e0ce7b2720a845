/* 8-bit values on [0, 1] under a logistic distribution that is cut into 256 levels of width
 * D = 1/255 (Salimans et al. 2017): with u, v = (x +- D/2 - m) / s,
 * log p = log sigmoid(u) + log sigmoid(-v) + log(1 - exp(-D/s)); at the lowest level log sigmoid(u),
 * at the highest log sigmoid(-v). The levels' probabilities sum to 1.
 *
 * Heads: m, then a raw log scale a, bounded smoothly to log s in [-8, 2] (s from a twelfth of a
 * level to seven times the range) as log variances are. The bounds of exp(log s) need no logarithm:
 * 1/s = exp(-2) + 1 / (exp(-8) + exp(a)). */
#include "model/likelihood/levels.h"

#define LOW_SCALE 3.3546262790251184e-4       /* exp(-8) */
#define INVERSE_HIGH_SCALE 0.1353352832366127 /* exp(-2) */
#define RAW_MOST ((real)80) /* exp(a) stays finite; the slope is 0 to float's eye long before */

/* 1/s; *slope = d log s / d a. NaN stays NaN. */
static inline real inverse_scale(real a, real *slope) {
    real e = real_exp(a > RAW_MOST ? RAW_MOST : a), t = 1 / ((real)LOW_SCALE + e);
    real inverse = (real)INVERSE_HIGH_SCALE + t;
    *slope = e * t * (t / inverse);
    return inverse;
}

/* All from C = |x - m| / s and d = D / 2s, by symmetry: with E = exp(-C) and G = exp(-d),
 * P = sigmoid(-(C + d)) = E G / (1 + E G) is the mass beyond the level's far edge, on the side away
 * from m, and Q = sigmoid(C - d) = G / (G + E) that beyond its near edge. Then p = (1 - G^2)
 * (1 - P) Q between the ends. A last level is open on one side: p = 1 - P if m is on that side, else
 * Q. So each factor is there or not, and so is its term in the gradient. */
static inline real term(real m, real a, real x, real *dm, real *da) {
    real slope, w = inverse_scale(a, &slope), level = level_of(x);
    real offset = (level - m * TOP) * (w * ((real)1 / TOP)), c = real_abs(offset),
         d = w * (real)(0.5 / TOP);
    real e = real_exp(-c), g1 = real_expm1(-d), g = 1 + g1;
    real far = 1 / (1 + e * g), q = g / (g + e), p = e * g * far, cell = -g1 * (1 + g);
    int at_low = level == 0, at_high = level == TOP, above = offset >= 0;
    int has_q = !((at_low & above) | (at_high & !above)), is_middle = !(at_low | at_high);
    int has_p = is_middle | !has_q;
    real near_term = has_q ? q : (real)0, far_term = has_p ? p : (real)0;
    real side = above ? w : -w, widening = is_middle ? 2 * d * g * g / cell : (real)0;
    real mass = (is_middle ? cell : (real)1) * (has_p ? far : (real)1) * (has_q ? q : (real)1);
    *dm = side * (near_term - far_term);
    *da = slope * ((c - d) * near_term - (c + d) * far_term - widening);
    return (has_q ? d - c : (real)0) + real_log(mass);
}

/* log p of `count` <= LANES values. */
static inline double block(real *restrict m, real *restrict a, const real *restrict x, real weight,
                           size_t count) {
    real lanes[LANES] = {0};
    for (size_t j = 0; j < count; j++) {
        real dm, da;
        lanes[j] = term(m[j], a[j], x[j], &dm, &da);
        m[j] = weight * dm;
        a[j] = weight * da;
    }
    return add_lanes(lanes);
}

static double row(const vae__likelihood_row *r) {
    real *m = r->a, *a = r->a + r->width, weight = r->weight;
    double total = 0;
    size_t i = 0;
    for (; i + LANES <= r->width; i += LANES) total += block(m + i, a + i, r->x + i, weight, LANES);
    if (i < r->width) total += block(m + i, a + i, r->x + i, weight, r->width - i);
    return total;
}

static void by_value(const vae__likelihood_row *r, double *log_p) {
    const real *m = r->a, *a = r->a + r->width;
    real dm, da;
    for (size_t i = 0; i < r->width; i++) log_p[i] = (double)term(m[i], a[i], r->x[i], &dm, &da);
}

/* E[x|z] is the sum over levels, not m. It is the mean over the edges between them of the mass above:
 * sum over k = 0 .. TOP - 1 of sigmoid((m - (k + 1/2) / TOP) / s), divided by TOP. */
static real expectation(real m, real a) {
    real slope, w = inverse_scale(a, &slope), lanes[LANES] = {0};
    for (int k = 0; k < TOP; k += LANES) {
        for (int j = 0; j < LANES; j++) {
            real edge = ((real)(k + j) + (real)0.5) * ((real)1 / TOP);
            real above = 1 / (1 + real_exp((edge - m) * w));
            lanes[j] += k + j < TOP ? above : (real)0;
        }
    }
    return (real)(add_lanes(lanes) / TOP);
}

static void mean(const vae__likelihood_row *r) {
    for (size_t i = 0; i < r->width; i++) r->a[i] = expectation(r->a[i], r->a[r->width + i]);
}

/* A logistic value, rounded to its level: the one below u = 0 or above u = 1 is the lowest or the
 * highest. */
static void draw(const vae__likelihood_row *r, const vae__stream *stream, uint32_t number,
                 float *x) {
    for (size_t i = 0; i < r->width; i++) {
        real slope;
        double s = 1 / (double)inverse_scale(r->a[r->width + i], &slope);
        double u = vae__random_uniform(stream, number, (uint32_t)i);
        double level = floor(TOP * ((double)r->a[i] + s * log(u / (1 - u))) + 0.5);
        x[i] = (float)(fmin(fmax(level, 0), TOP) / TOP);
    }
}

static size_t two(const vae__spec *spec) {
    (void)spec;
    return 2;
}

/* The column's mean, and the scale of a logistic with its deviation, s = sd sqrt(3) / pi. Not below
 * two and a half levels, so that a pixel never seen lit can still be learned. */
static void initialize(const vae__spec *spec, const vae__statistics *statistics,
                       const vae__parameters *list, const vae__likelihood_parameters *parameters) {
    const double least = 0.01, sqrt3_over_pi = 0.55132889542179204;
    vae__real *bias = list->items[parameters->bias].values;
    size_t width = statistics->width;
    (void)spec;
    for (size_t i = 0; i < width; i++) {
        double s = fmax(sqrt(statistics->variance[i]) * sqrt3_over_pi, least);
        bias[i] = (vae__real)statistics->mean[i];
        bias[width + i] = (vae__real)log(1 / (1 / s - INVERSE_HIGH_SCALE) - LOW_SCALE);
    }
}

/* The same for a value as the data set has it, which may lie outside [0, 1]. */
static int holds_level(double x) {
    return x >= 0 && x <= 1 && fabs(TOP * x - floor(TOP * x + 0.5)) < 1e-3;
}

static const vae__usual_data usual_data = {2, holds_level,
                                           "8-bit levels (multiples of 1/255 from 0 to 1)", ""};

extern const vae__likelihood KERNEL(likelihood_discretized_logistic);
const vae__likelihood KERNEL(likelihood_discretized_logistic) = {
    .name = "discretized_logistic",
    .low = 0,
    .high = 1,
    .discrete = 1,
    .usual_data = &usual_data,
    .valid = are_levels,
    .expects = "8-bit levels: multiples of 1/255",
    .heads = two,
    .mean_heads = two,
    .row = row,
    .by_value = by_value,
    .mean = mean,
    .draw = draw,
    .initialize = initialize,
};
