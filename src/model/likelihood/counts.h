/* What the likelihoods of counts share: the rate, its offset by the row's size, whole numbers, and
 * exact draws. */
#ifndef VAE_MODEL_LIKELIHOOD_COUNTS_H
#define VAE_MODEL_LIKELIHOOD_COUNTS_H

#include "model/likelihood.h"
#include "model/likelihood/special.h"
#include "tensor/simd/simd.h"

/* Counts above 2^24 are whole in float too, but no longer all of them exist. */
#define LARGEST_COUNT 1e9
#define COUNTS_EXPECTED "counts: whole numbers (8-bit data: read it with scale=none)"

static const char *const count_options[] = {"size", NULL};

/* ---- exp of a bounded logarithm ----
 * l = hi - softplus(hi - t), t = lo + softplus(a - lo), as for log variances; its exponential needs
 * no logarithm: exp(-l) = exp(-hi) + 1 / (exp(lo) + exp(a)). */

typedef struct bounds {
    double low, high; /* of exp l */
} bounds;

/* exp(-20) to exp(24): a column that is all but empty, and more than the largest count. */
static const bounds rate_bounds = {2.0611536224385578280e-9, 2.6489122129843472294e10};

/* exp l; *slope = d l / d a. NaN stays NaN. */
static inline double bounded_exp(double a, bounds range, double *slope) {
    double e = exp(a > 700 ? 700 : a), t = 1 / (range.low + e), inverse = 1 / range.high + t;
    *slope = e * t * (t / inverse);
    return 1 / inverse;
}

/* The a of a value strictly within the range. */
static inline double bounded_exp_inverse(double value, bounds range) {
    return log(1 / (1 / value - 1 / range.high) - range.low);
}

/* ---- rows ---- */

/* What the rates of a row are multiplied by. size=total: the row's mean count; decoding, where no
 * row is given, is for a mean of 1. */
static inline double row_size(const vae__likelihood_row *r) {
    if (r->spec->size == VAE__SIZE_NONE || !r->x) return 1;
    return r->kernels->sum(r->x, r->width) / (double)r->width;
}

static inline int whole_numbers(const vae__spec *spec, const vae__real *x, size_t *column) {
    size_t width = spec->input.size;
    int bad = 0;
    for (size_t i = 0; i < width; i++) bad |= (vae__real)(int32_t)x[i] != x[i];
    if (!bad) return 1;
    for (size_t i = 0; i < width; i++) {
        *column = i;
        if ((vae__real)(int32_t)x[i] != x[i]) return 0;
    }
    return 1;
}

static inline void mean_rates(const vae__likelihood_row *r) {
    double slope;
    for (size_t i = 0; i < r->width; i++)
        r->a[i] = (vae__real)bounded_exp((double)r->a[i], rate_bounds, &slope);
}

/* Heads whose rates are the column means; with size=total relative to the mean of all, and within
 * the range of rates. The floor lets a count never seen be learned. */
static inline void start_rates(const vae__spec *spec, const vae__statistics *statistics,
                               vae__real *bias) {
    const double least = 1e-4;
    double size = 0;
    for (size_t i = 0; i < statistics->width; i++) size += statistics->mean[i];
    size /= (double)statistics->width;
    if (spec->size == VAE__SIZE_NONE || !(size > least)) size = 1;
    for (size_t i = 0; i < statistics->width; i++) {
        double rate = fmax(fmax(statistics->mean[i], least) / size, 2 * rate_bounds.low);
        bias[i] = (vae__real)bounded_exp_inverse(rate, rate_bounds);
    }
}

/* ---- draws ---- */

/* As many uniforms as it takes for one column: block `column`, two of them for each value of the
 * stream's sample. No other column meets them. */
typedef struct uniforms {
    vae__stream stream;
    uint32_t number, column, used;
} uniforms;

/* In [0, 1). */
static inline double next_uniform(uniforms *from) {
    vae__stream stream = from->stream;
    stream.sample += from->used / 2;
    uint32_t index = 2 * from->column + from->used % 2;
    from->used++;
    return vae__random_uniform(&stream, from->number, index);
}

/* Search from 0 up; for small rates. */
static inline double poisson_by_inversion(uniforms *from, double rate) {
    double u = next_uniform(from), k = 0, p = exp(-rate), cumulative = p;
    while (u >= cumulative && p > 0) {
        p *= rate / ++k;
        cumulative += p;
    }
    return k;
}

/* Transformed rejection, PTRS of Hoermann 1993, "The transformed rejection method for generating
 * Poisson random variables"; for rates of 10 and more. */
static inline double poisson_by_rejection(uniforms *from, double rate) {
    double b = 0.931 + 2.53 * sqrt(rate), a = -0.059 + 0.02483 * b;
    double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), v_r = 0.9277 - 3.6224 / (b - 2);
    double log_rate = log(rate);
    for (;;) {
        double u = next_uniform(from) - 0.5, v = next_uniform(from), us = 0.5 - fabs(u);
        double k = floor((2 * a / us + b) * u + rate + 0.43);
        if (us >= 0.07 && v <= v_r) return k;
        if (!(k >= 0) || (us < 0.013 && v > us)) continue;
        double hat = log(v * inverse_alpha / (a / (us * us) + b));
        if (hat <= k * log_rate - rate - log_factorial(k)) return k;
    }
}

/* Rates may be larger than any count that a row may hold: draws are not. A rate that is NaN, where the network's values
 * overflowed, gives NaN: a rejection would never end. */
static inline double draw_poisson(uniforms *from, double rate) {
    if (isnan(rate)) return rate;
    double x = rate < 10 ? poisson_by_inversion(from, rate) : poisson_by_rejection(from, rate);
    return fmin(x, LARGEST_COUNT);
}

#endif
