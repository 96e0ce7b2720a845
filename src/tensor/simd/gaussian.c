/* The diagonal Gaussian: bounded log variance, reparameterised draws, KL to N(0, I), and the
 * Gaussian density. */
#include "tensor/simd/table.h"

void KERNEL(bound_logvar)(real *restrict logvar, real *restrict slope, size_t n) {
    for (size_t i = 0; i < n; i++) {
        real s;
        logvar[i] = real_bounded_logvar(logvar[i], &s);
        if (slope) slope[i] = s;
    }
}

/* KL_j = (mean^2 + e^logvar - logvar - 1) / 2 (Kingma & Welling 2014, appendix B). e^l - l - 1
 * loses all its digits near l = 0 unless it is written with expm1. */
static void bound_and_kl(const vae__posterior_row *row) {
    real *restrict mean = row->mean, *restrict logvar = row->logvar, *restrict sd = row->sd;
    real *restrict slope = row->slope, *restrict kl = row->kl;
    for (size_t j = 0; j < row->latent; j++) {
        real l = real_bounded_logvar(logvar[j], &slope[j]);
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
