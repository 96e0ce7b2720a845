/* The diagonal Gaussian: bounded log variance, reparameterised draws, KL to N(0, I), and the
 * Gaussian density. */
#include "tensor/simd/table.h"

/* logvar = hi - softplus(hi - (lo + softplus(a - lo))): any head gives a usable variance and a
 * gradient that lives. */
#define LOGVAR_LOW ((real)-16)
#define LOGVAR_HIGH ((real)16)

/* Bounded value of a; *slope = d logvar / d a = sigmoid(hi - t) sigmoid(a - lo). */
static inline real bounded(real a, real *slope) {
    real above = a - LOGVAR_LOW;
    real t = LOGVAR_LOW + real_softplus(above);
    real below = LOGVAR_HIGH - t;
    *slope = real_sigmoid(below) * real_sigmoid(above);
    return LOGVAR_HIGH - real_softplus(below);
}

void KERNEL(bound_logvar)(real *restrict logvar, real *restrict slope, size_t n) {
    for (size_t i = 0; i < n; i++) {
        real s;
        logvar[i] = bounded(logvar[i], &s);
        if (slope) slope[i] = s;
    }
}

/* KL_j = (mean^2 + e^logvar - logvar - 1) / 2 (Kingma & Welling 2014, appendix B). e^l - l - 1
 * loses all its digits near l = 0 unless it is written with expm1. */
static void bound_and_kl(const vae__posterior_row *row) {
    real *restrict mean = row->mean, *restrict logvar = row->logvar, *restrict sd = row->sd;
    real *restrict slope = row->slope, *restrict kl = row->kl;
    for (size_t j = 0; j < row->latent; j++) {
        real l = bounded(logvar[j], &slope[j]);
        logvar[j] = l;
        sd[j] = real_exp((real)0.5 * l);
        kl[j] = (real)0.5 * (mean[j] * mean[j] + (real_expm1(l) - l));
    }
}

double KERNEL(posterior)(const vae__posterior_row *row) {
    size_t latent = row->latent;
    if (row->bias) {
        KERNEL(add)(row->mean, row->bias, latent);
        KERNEL(add)(row->logvar, row->bias + latent, latent);
    }
    bound_and_kl(row);
    const real *restrict mean = row->mean, *restrict sd = row->sd, *restrict noise = row->noise;
    real *restrict z = row->z;
    for (size_t s = 0; noise && s < row->samples; s++, noise += latent, z += latent) {
        for (size_t j = 0; j < latent; j++) z[j] = mean[j] + sd[j] * noise[j];
    }
    return KERNEL(sum)(row->kl, latent);
}

/* dz/dmean = 1, dz/dlogvar = sd noise / 2, dKL/dmean = mean, dKL/dlogvar = (e^logvar - 1) / 2. */
void KERNEL(posterior_backward)(const vae__posterior_row *row, const real *restrict dz,
                                const real *restrict dkl, real *restrict dmean,
                                real *restrict draw) {
    size_t latent = row->latent;
    const real *restrict mean = row->mean, *restrict logvar = row->logvar, *restrict sd = row->sd;
    const real *restrict slope = row->slope, *restrict noise = row->noise;
    for (size_t j = 0; j < latent; j++) {
        real sum = 0, product = 0;
        for (size_t s = 0; s < row->samples; s++) {
            sum += dz[s * latent + j];
            product += dz[s * latent + j] * noise[s * latent + j];
        }
        dmean[j] = sum + dkl[j] * mean[j];
        draw[j] = (real)0.5 * slope[j] * (sd[j] * product + dkl[j] * real_expm1(logvar[j]));
    }
}

double KERNEL(residual_row)(real *restrict a, const real *restrict bias, const real *restrict x,
                            size_t n) {
    if (bias) KERNEL(add)(a, bias, n);
    for (size_t i = 0; i < n; i++) a[i] -= x[i];
    return KERNEL(sum_squares)(a, n);
}

/* Of one value with log variance l above the floor: returns r^2 / v + ln v with v = floor2 + e^l.
 */
static inline real density_term(real residual, real l, real floor2, real *dmean, real *dl) {
    real above = real_exp(l), variance = floor2 + above;
    real scaled = residual / variance;
    *dmean = -scaled;
    *dl = (real)0.5 * (residual * scaled - 1) * (above / variance);
    return residual * scaled + real_log(variance);
}

double KERNEL(gaussian_row)(real *restrict a, const real *restrict bias, const real *restrict x,
                            const real *restrict log_sigma, real *restrict dlog_sigma, size_t n,
                            real floor2, real weight) {
    double total = 0;
    if (bias) KERNEL(add)(a, bias, n);
    for (size_t i = 0; i < n; i += LANES) {
        real lanes[LANES] = {0};
        size_t count = n - i < LANES ? n - i : LANES;
        for (size_t j = 0; j < count; j++) {
            real dmean, dl;
            lanes[j] = density_term(a[i + j] - x[i + j], 2 * log_sigma[i + j], floor2, &dmean, &dl);
            a[i + j] = weight * dmean;
            dlog_sigma[i + j] = 2 * weight * dl;
        }
        total += add_lanes(lanes);
    }
    return total;
}

double KERNEL(gaussian_head_row)(real *restrict a, const real *restrict bias,
                                 const real *restrict x, size_t n, real floor2, real weight) {
    double total = 0;
    real *restrict raw = a + n;
    if (bias) KERNEL(add)(a, bias, 2 * n);
    for (size_t i = 0; i < n; i += LANES) {
        real lanes[LANES] = {0};
        size_t count = n - i < LANES ? n - i : LANES;
        for (size_t j = 0; j < count; j++) {
            real slope, dmean, dl, l = bounded(raw[i + j], &slope);
            lanes[j] = density_term(a[i + j] - x[i + j], l, floor2, &dmean, &dl);
            a[i + j] = weight * dmean;
            raw[i + j] = weight * dl * slope;
        }
        total += add_lanes(lanes);
    }
    return total;
}
