/* The Gaussian's density of a row and its gradients, for each way to have sigma, and the same one value at a time.
 * Rows whose squares no real holds are computed again in double, element by element. */
#include "model/likelihood/gaussian.h"

/* ---- one sigma for all: a value, shared, or optimal's running average ---- */

/* a <- weight d log p / d a for a row whose squares or factor no real holds: element by element in
 * double. Returns sum ((a - x) / sigma)^2. */
static double wide_scalar_row(const vae__likelihood_row *r, double variance) {
    double sigma = sqrt(variance), ratios = 0;
    for (size_t i = 0; i < r->width; i++) {
        double ratio = ((double)r->a[i] - (double)r->x[i]) / sigma;
        ratios += ratio * ratio;
        r->a[i] = (vae__real)(-(double)r->weight * (ratio / sigma));
    }
    return ratios;
}

/* a <- (a - x) factor */
static void scale_residual(real *restrict a, const real *restrict x, real factor, size_t width) {
    for (size_t i = 0; i < width; i++) a[i] = (a[i] - x[i]) * factor;
}

static double scalar_row(const vae__likelihood_row *r) {
    double slope, variance = scalar_variance(r->spec, r->extra, &slope), weight = (double)r->weight;
    double ratios = r->kernels->sum_squared_differences(r->a, r->x, r->width) / variance;
    double factor = -weight / variance;
    if (!isfinite(ratios) || !is_ordinary(factor)) {
        ratios = wide_scalar_row(r, variance);
    } else if (!r->value_only) {
        scale_residual(r->a, r->x, (real)factor, r->width);
    }
    if (r->dextra) {
        double excess = ratios - (double)r->width;
        *r->dextra = (vae__real)(weight * 0.5 * slope / variance * excess);
    }
    return scalar_log_p(ratios, variance, r->width);
}

/* ---- a sigma of its own for each value ---- */

/* Of one value with log variance l above the floor: returns r^2 / v + ln v with v = floor2 + e^l. */
static inline real density_term(real residual, real l, real floor2, real *dmean, real *dl) {
    real above = real_exp(l), variance = floor2 + above;
    real scaled = residual / variance;
    *dmean = -scaled;
    *dl = (real)0.5 * (residual * scaled - 1) * (above / variance);
    return residual * scaled + real_log(variance);
}

/* The same in double, for a value that density_term cannot hold. */
static double wide_term(double residual, double l, double floor2, double *dmean, double *dl) {
    double above = exp(l), variance = floor2 + above, sigma = sqrt(variance);
    double ratio = residual / sigma;
    *dmean = -(ratio / sigma);
    *dl = 0.5 * (ratio * ratio - 1) * (above / variance);
    return ratio * ratio + log(variance);
}

/* Values whose terms are summed in lanes, and then looked at: where their sum is not finite all of them
 * are taken again in double, from what was kept of the row. */
enum { STRETCH = LANES * LANE_BLOCKS };

/* Square of the floor of a value: its own where that is above sigma_min. floor may be NULL, and is
 * where no value has one: then this is a constant of the loops below. */
static inline real floor_at(const real *floor, size_t j, real least2) {
    if (!floor) return least2;
    real own2 = floor[j] * floor[j];
    return own2 > least2 ? own2 : least2;
}

static double wide_floor(const vae__likelihood_row *r, size_t i) {
    double own = r->floor ? (double)r->floor[i] : 0;
    return fmax(own * own, floor_square(r->spec));
}

static double wide_per_dim(const vae__likelihood_row *r, size_t first, size_t count) {
    double total = 0, weight = (double)r->weight, dmean, dl;
    for (size_t i = first; i < first + count; i++) {
        double residual = (double)r->a[i] - (double)r->x[i];
        total += wide_term(residual, 2 * (double)r->extra[i], wide_floor(r, i), &dmean, &dl);
        r->a[i] = (real)(weight * dmean);
        if (r->dextra) r->dextra[i] = (real)(2 * weight * dl);
    }
    return total;
}

/* Of `count` <= LANES values: with a constant count, a few vector instructions. floor: from `first` on. */
static inline void per_dim_block(const vae__likelihood_row *r, size_t first, size_t count,
                                 const real *restrict floor, lane_sum *sum) {
    real *restrict a = r->a + first;
    const real *restrict x = r->x + first, *restrict log_sigma = r->extra + first;
    real least2 = (real)floor_square(r->spec), weight = r->weight;
    real terms[LANES] = {0}, dl[LANES];
    for (size_t j = 0; j < count; j++) {
        real dmean, slope;
        terms[j] =
            density_term(a[j] - x[j], 2 * log_sigma[j], floor_at(floor, j, least2), &dmean, &slope);
        a[j] = weight * dmean;
        dl[j] = 2 * weight * slope;
    }
    if (r->dextra) memcpy(r->dextra + first, dl, count * sizeof *dl);
    lane_sum_add(sum, terms);
}

static double per_dim_stretch(const vae__likelihood_row *r, size_t first, size_t count) {
    lane_sum sum = {.total = 0};
    real kept[STRETCH];
    size_t i = first, end = first + count;
    const real *floor = r->floor;
    memcpy(kept, r->a + first, count * sizeof *kept);
    for (; !floor && i + LANES <= end; i += LANES) per_dim_block(r, i, LANES, NULL, &sum);
    for (; i + LANES <= end; i += LANES) per_dim_block(r, i, LANES, floor + i, &sum);
    if (i < end) per_dim_block(r, i, end - i, floor ? floor + i : NULL, &sum);
    double total = lane_sum_total(&sum);
    if (isfinite(total)) return total;
    memcpy(r->a + first, kept, count * sizeof *kept);
    return wide_per_dim(r, first, count);
}

static double wide_decoder(const vae__likelihood_row *r, size_t first, size_t count) {
    double total = 0, weight = (double)r->weight, dmean, dl;
    for (size_t i = first; i < first + count; i++) {
        real *raw = r->a + r->width + i, slope, l = real_bounded_logvar(*raw, &slope);
        double residual = (double)r->a[i] - (double)r->x[i];
        total += wide_term(residual, (double)l, wide_floor(r, i), &dmean, &dl);
        r->a[i] = (real)(weight * dmean);
        *raw = (real)(weight * dl * (double)slope);
    }
    return total;
}

/* a [2 width]: means, then raw log variances, which are bounded first. */
static inline void decoder_block(const vae__likelihood_row *r, size_t first, size_t count,
                                 const real *restrict floor, lane_sum *sum) {
    real *restrict a = r->a + first, *restrict raw = r->a + r->width + first;
    const real *restrict x = r->x + first;
    real least2 = (real)floor_square(r->spec), weight = r->weight, terms[LANES] = {0};
    for (size_t j = 0; j < count; j++) {
        real slope, dmean, dl, l = real_bounded_logvar(raw[j], &slope);
        terms[j] = density_term(a[j] - x[j], l, floor_at(floor, j, least2), &dmean, &dl);
        a[j] = weight * dmean;
        raw[j] = weight * dl * slope;
    }
    lane_sum_add(sum, terms);
}

static double decoder_stretch(const vae__likelihood_row *r, size_t first, size_t count) {
    lane_sum sum = {.total = 0};
    real kept[2 * STRETCH];
    size_t i = first, end = first + count;
    const real *floor = r->floor;
    memcpy(kept, r->a + first, count * sizeof *kept);
    memcpy(kept + STRETCH, r->a + r->width + first, count * sizeof *kept);
    for (; !floor && i + LANES <= end; i += LANES) decoder_block(r, i, LANES, NULL, &sum);
    for (; i + LANES <= end; i += LANES) decoder_block(r, i, LANES, floor + i, &sum);
    if (i < end) decoder_block(r, i, end - i, floor ? floor + i : NULL, &sum);
    double total = lane_sum_total(&sum);
    if (isfinite(total)) return total;
    memcpy(r->a + first, kept, count * sizeof *kept);
    memcpy(r->a + r->width + first, kept + STRETCH, count * sizeof *kept);
    return wide_decoder(r, first, count);
}

static double column_row(const vae__likelihood_row *r,
                         double (*stretch)(const vae__likelihood_row *, size_t, size_t)) {
    double total = 0;
    for (size_t first = 0; first < r->width; first += STRETCH) {
        size_t left = r->width - first;
        total += stretch(r, first, left < STRETCH ? left : STRETCH);
    }
    return -0.5 * (total + (double)r->width * VAE__LOG_2PI);
}

double KERNEL(gaussian_row)(const vae__likelihood_row *r) {
    switch (r->spec->sigma.mode) {
    case VAE__SIGMA_PER_DIM: return column_row(r, per_dim_stretch);
    case VAE__SIGMA_DECODER: return column_row(r, decoder_stretch);
    default: return scalar_row(r);
    }
}

/* ---- one value at a time ---- */

/* The square in double: a residual may be as large as a float is. */
static inline double value_log_p(double residual, double variance, double log_variance) {
    return -0.5 * (residual * residual / variance + log_variance + VAE__LOG_2PI);
}

static void scalar_values(const vae__likelihood_row *r, double *restrict log_p) {
    const real *restrict a = r->a, *restrict x = r->x;
    double slope, variance = scalar_variance(r->spec, r->extra, &slope);
    double log_variance = log(variance);
    for (size_t i = 0; i < r->width; i++)
        log_p[i] = value_log_p((double)x[i] - (double)a[i], variance, log_variance);
}

/* `made`: the variances are the decoder's, else they are parameters. made, and floor if it is NULL, are
 * constants to every caller. */
static inline void own_values(const vae__likelihood_row *r, int made, const real *restrict floor,
                              double *restrict log_p) {
    const real *restrict a = r->a, *restrict x = r->x;
    const real *restrict from = made ? r->a + r->width : r->extra;
    real least2 = (real)floor_square(r->spec);
    for (size_t i = 0; i < r->width; i++) {
        real unused, l = made ? real_bounded_logvar(from[i], &unused) : 2 * from[i];
        real variance = floor_at(floor, i, least2) + real_exp(l);
        log_p[i] =
            value_log_p((double)x[i] - (double)a[i], (double)variance, (double)real_log(variance));
    }
}

/* In double, for a value whose variance no real holds. */
static double wide_value(const vae__likelihood_row *r, int made, size_t i) {
    real unused, raw = made ? r->a[r->width + i] : r->extra[i];
    double l = made ? (double)real_bounded_logvar(raw, &unused) : 2 * (double)raw, dmean, dl;
    double residual = (double)r->a[i] - (double)r->x[i];
    return -0.5 * (wide_term(residual, l, wide_floor(r, i), &dmean, &dl) + VAE__LOG_2PI);
}

/* Without floors of their own, which is usual, the loop is shorter. */
static void column_values(const vae__likelihood_row *r, int made, double *log_p) {
    if (r->floor && made) {
        own_values(r, 1, r->floor, log_p);
    } else if (r->floor) {
        own_values(r, 0, r->floor, log_p);
    } else if (made) {
        own_values(r, 1, NULL, log_p);
    } else {
        own_values(r, 0, NULL, log_p);
    }
    for (size_t i = 0; i < r->width; i++)
        if (!isfinite(log_p[i])) log_p[i] = wide_value(r, made, i);
}

void KERNEL(gaussian_by_value)(const vae__likelihood_row *r, double *log_p) {
    switch (r->spec->sigma.mode) {
    case VAE__SIGMA_PER_DIM: column_values(r, 0, log_p); break;
    case VAE__SIGMA_DECODER: column_values(r, 1, log_p); break;
    default: scalar_values(r, log_p);
    }
}
