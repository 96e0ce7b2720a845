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

/* log p(z) - log q(z|x) = sum_j (logvar_j + noise_j^2 - z_j^2) / 2: the constants cancel. */
static double log_ratio(const real *restrict logvar, const real *restrict noise,
                        const real *restrict z, size_t latent) {
    double total = 0;
    for (size_t i = 0; i < latent; i += LANES) {
        real lanes[LANES] = {0};
        size_t count = latent - i < LANES ? latent - i : LANES;
        for (size_t j = 0; j < count; j++) {
            lanes[j] = logvar[i + j] + (noise[i + j] - z[i + j]) * (noise[i + j] + z[i + j]);
        }
        total += add_lanes(lanes);
    }
    return 0.5 * total;
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
        if (row->log_ratio) row->log_ratio[s] = log_ratio(row->logvar, noise, z, latent);
    }
    return KERNEL(sum)(row->kl, latent);
}

/* d z / d mean = 1, d z / d logvar = sd noise / 2; d KL / d mean = mean, d KL / d logvar = (e^logvar - 1) / 2; the ratio
 * depends on z (d / d z = -z) and on logvar itself (1 / 2). */
void KERNEL(posterior_backward)(const vae__posterior_row *row,
                                const vae__posterior_gradient *gradient, real *restrict dmean,
                                real *restrict draw) {
    size_t latent = row->latent;
    const real *restrict mean = row->mean, *restrict logvar = row->logvar, *restrict sd = row->sd;
    const real *restrict dkl = gradient->kl, *restrict slope = row->slope;
    real dratio = 0;
    for (size_t j = 0; j < latent; j++) dmean[j] = draw[j] = 0;
    for (size_t s = 0; s < row->samples; s++) {
        const real *restrict noise = row->noise + s * latent, *restrict z = row->z + s * latent;
        const real *restrict dz = gradient->z + s * latent;
        real weight = gradient->log_ratio ? gradient->log_ratio[s] : 0;
        dratio += weight;
        for (size_t j = 0; j < latent; j++) {
            real along = dz[j] - weight * z[j];
            dmean[j] += along;
            draw[j] += along * noise[j];
        }
    }
    for (size_t j = 0; j < latent; j++) {
        real kl = dkl ? dkl[j] : (real)0;
        dmean[j] += kl * mean[j];
        draw[j] = (real)0.5 * slope[j] * (sd[j] * draw[j] + kl * real_expm1(logvar[j]) + dratio);
    }
}
