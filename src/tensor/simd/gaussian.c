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

/* head + bias: means to `mean`, raw log variances to `logvar`, both contiguous from here on, so that the
 * loops below are long whatever the latent's width. */
static void split_head(const vae__posterior_rows *p, real *restrict mean, real *restrict logvar) {
    size_t latent = p->latent;
    const real *restrict head = p->head, *restrict bias = p->bias;
    for (size_t r = 0; r < p->rows; r++, head += 2 * latent, mean += latent, logvar += latent) {
        for (size_t j = 0; j < latent; j++) mean[j] = head[j] + (bias ? bias[j] : (real)0);
        for (size_t j = 0; j < latent; j++)
            logvar[j] = head[latent + j] + (bias ? bias[latent + j] : (real)0);
    }
}

/* KL_j = (mean^2 + e^logvar - logvar - 1) / 2 (Kingma & Welling 2014, appendix B). e^l - l - 1
 * loses all its digits near l = 0 unless it is written with expm1. excess: logvar in, e^logvar - 1
 * out. */
static void deviation_and_kl(const real *restrict mean, real *restrict excess, real *restrict sd,
                             real *restrict kl, size_t n) {
    for (size_t i = 0; i < n; i++) {
        real l = excess[i], e = real_expm1(l);
        sd[i] = real_exp((real)0.5 * l);
        kl[i] = (real)0.5 * (mean[i] * mean[i] + (e - l));
        excess[i] = e;
    }
}

/* KL of a row in double, for one whose squares no real holds. excess is e^logvar - 1. */
static double wide_kl(const real *mean, const real *excess, size_t latent) {
    double total = 0;
    for (size_t j = 0; j < latent; j++) {
        double m = (double)mean[j], e = (double)excess[j];
        total += 0.5 * (m * m + (e - log1p(e)));
    }
    return total;
}

/* sum_j (noise_j - z_j) (noise_j + z_j) */
static double square_difference(const real *restrict noise, const real *restrict z, size_t latent) {
    double total = 0;
    for (size_t i = 0; i < latent; i += LANES) {
        real lanes[LANES] = {0};
        size_t count = latent - i < LANES ? latent - i : LANES;
        for (size_t j = 0; j < count; j++)
            lanes[j] = (noise[i + j] - z[i + j]) * (noise[i + j] + z[i + j]);
        total += add_lanes(lanes);
    }
    if (isfinite(total)) return total;
    total = 0; /* again in double: a square that no real holds */
    for (size_t j = 0; j < latent; j++)
        total += ((double)noise[j] - (double)z[j]) * ((double)noise[j] + (double)z[j]);
    return total;
}

/* log p(z) - log q(z|x) = sum_j (logvar_j + noise_j^2 - z_j^2) / 2: the constants cancel. The first
 * term goes in while logvar is at hand, the others once z is drawn. */
static void start_log_ratio(const vae__posterior_rows *p, const real *logvar) {
    for (size_t r = 0; r < p->rows; r++) {
        double half = 0.5 * KERNEL(sum)(logvar + r * p->latent, p->latent);
        for (size_t s = 0; s < p->samples; s++) p->log_ratio[r * p->samples + s] = half;
    }
}

static void finish_log_ratio(const vae__posterior_rows *p) {
    for (size_t i = 0; i < p->rows * p->samples; i++) {
        p->log_ratio[i] +=
            0.5 * square_difference(p->noise + i * p->latent, p->z + i * p->latent, p->latent);
    }
}

/* z = mean + sd noise */
static void draw_z(const vae__posterior_rows *p) {
    /* With one sample each, all rows are like one long one. */
    size_t rows = p->samples == 1 ? 1 : p->rows, width = p->rows / (rows ? rows : 1) * p->latent;
    for (size_t r = 0; r < rows; r++) {
        const real *restrict mean = p->mean + r * width, *restrict sd = p->sd + r * width;
        for (size_t s = r * p->samples; s < (r + 1) * p->samples; s++) {
            const real *restrict noise = p->noise + s * width;
            real *restrict z = p->z + s * width;
            for (size_t j = 0; j < width; j++) z[j] = mean[j] + sd[j] * noise[j];
        }
    }
}

void KERNEL(posterior)(const vae__posterior_rows *p) {
    size_t n = p->rows * p->latent;
    split_head(p, p->mean, p->excess);
    KERNEL(bound_logvar)(p->excess, p->slope, n);
    if (p->log_ratio) start_log_ratio(p, p->excess);
    deviation_and_kl(p->mean, p->excess, p->sd, p->kl, n);
    draw_z(p);
    if (p->log_ratio) finish_log_ratio(p);
    for (size_t r = 0; r < p->rows; r++) {
        size_t first = r * p->latent;
        p->row_kl[r] = KERNEL(sum)(p->kl + first, p->latent);
        if (!isfinite(p->row_kl[r]))
            p->row_kl[r] = wide_kl(p->mean + first, p->excess + first, p->latent);
    }
}

/* What the samples of row r pass back to the mean, and, times the noise, to the deviation; returns the sum
 * of the ratio's weights. */
static real gather_samples(const vae__posterior_rows *p, const vae__posterior_gradient *gradient,
                           size_t r, real *restrict dmean, real *restrict dsd) {
    size_t latent = p->latent;
    real dratio = 0;
    for (size_t j = 0; j < latent; j++) dmean[j] = dsd[j] = 0;
    for (size_t s = r * p->samples; s < (r + 1) * p->samples; s++) {
        const real *restrict noise = p->noise + s * latent, *restrict z = p->z + s * latent;
        const real *restrict dz = gradient->z + s * latent;
        real weight = gradient->log_ratio ? gradient->log_ratio[s] : 0;
        dratio += weight;
        for (size_t j = 0; j < latent; j++) {
            real along = dz[j] - weight * z[j];
            dmean[j] += along;
            dsd[j] += along * noise[j];
        }
    }
    return dratio;
}

/* d z / d mean = 1, d z / d logvar = sd noise / 2; d KL / d mean = mean, d KL / d logvar =
 * (e^logvar - 1) / 2; the ratio depends on z (d / d z = -z) and on logvar itself (1 / 2). */
void KERNEL(posterior_backward)(const vae__posterior_rows *p,
                                const vae__posterior_gradient *gradient, real *dhead) {
    size_t latent = p->latent;
    for (size_t r = 0; r < p->rows; r++) {
        const real *restrict mean = p->mean + r * latent, *restrict sd = p->sd + r * latent;
        const real *restrict slope = p->slope + r * latent, *restrict excess =
                                                                p->excess + r * latent;
        const real *restrict dkl = gradient->kl ? gradient->kl + r * latent : NULL;
        real *restrict dmean = dhead + r * 2 * latent, *restrict dlogvar = dmean + latent;
        real dratio = gather_samples(p, gradient, r, dmean, dlogvar);
        for (size_t j = 0; j < latent; j++) {
            real kl = dkl ? dkl[j] : (real)0;
            dmean[j] += kl * mean[j];
            dlogvar[j] = (real)0.5 * slope[j] * (sd[j] * dlogvar[j] + kl * excess[j] + dratio);
        }
    }
}
