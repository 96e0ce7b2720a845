/* Negative binomial counts with mean mu and dispersion r, Var = mu + mu^2 / r. With q = mu / r:
 * log p(x|z) = sum ln Gamma(x + r) - ln Gamma(r) - ln x! - (r + x) ln(1 + q) + x ln q.
 *
 * mu = size exp(l) as for the Poisson; one r = exp(log_dispersion) for each column, bounded
 * smoothly to [exp(-16), exp(30)]: beyond, the density is the Poisson's to the last digit. */
#include "model/likelihood/counts.h"

static const bounds dispersion_bounds = {1.1253517471925911451e-7, 1.0686474581524462147e13};

static vae_status parameters(vae_context *context, const vae__spec *spec, vae__parameters *list,
                             size_t *extra) {
    return vae__parameters_add(context, list, "likelihood.log_dispersion", 1, spec->input.size, 1,
                               1, extra);
}

/* ln p of one count, and its derivatives by ln mu and ln r. */
static inline double log_density(double x, double mu, double r, double *dlog_mu, double *dlog_r) {
    double q = mu / r, growth = log1p(q), rising_slope = 0, log_p = 0;
    if (x > 0) log_p = log_rising(r, x, &rising_slope) - log_factorial(x) + x * log(q);
    *dlog_mu = (x - mu) / (1 + q);
    *dlog_r = r * (rising_slope - growth) - *dlog_mu;
    return log_p - (r + x) * growth;
}

static double row(const vae__likelihood_row *r) {
    double total = 0, size = row_size(r), weight = (double)r->weight;
    /* A row of size 0 can only be empty. */
    if (!(size > 0)) {
        memset(r->a, 0, r->width * sizeof *r->a);
        if (r->dextra) memset(r->dextra, 0, r->width * sizeof *r->dextra);
        return 0;
    }
    for (size_t i = 0; i < r->width; i++) {
        double slope, dispersion_slope, dlog_mu, dlog_r;
        double mu = size * bounded_exp((double)r->a[i], rate_bounds, &slope);
        double dispersion = bounded_exp((double)r->extra[i], dispersion_bounds, &dispersion_slope);
        total += log_density((double)r->x[i], mu, dispersion, &dlog_mu, &dlog_r);
        r->a[i] = (vae__real)(weight * slope * dlog_mu);
        if (r->dextra) r->dextra[i] = (vae__real)(weight * dispersion_slope * dlog_r);
    }
    return total;
}

static void by_value(const vae__likelihood_row *r, double *log_p) {
    double slope, dlog_mu, dlog_r, size = row_size(r);
    for (size_t i = 0; i < r->width; i++) {
        double mu = size * bounded_exp((double)r->a[i], rate_bounds, &slope);
        double dispersion = bounded_exp((double)r->extra[i], dispersion_bounds, &slope);
        log_p[i] = size > 0 ? log_density((double)r->x[i], mu, dispersion, &dlog_mu, &dlog_r) : 0;
    }
}

static double next_normal(uniforms *from) {
    double u = next_uniform(from), v = next_uniform(from);
    return vae__random_normal(u, v);
}

/* Gamma of this shape and scale 1 by Marsaglia & Tsang 2000, "A simple method for generating gamma
 * variables"; a shape below 1 as Gamma(shape + 1) U^(1 / shape). */
static double draw_gamma(uniforms *from, double shape) {
    if (isnan(shape)) return shape; /* no draw would be accepted */
    double factor = shape < 1 ? pow(1 - next_uniform(from), 1 / shape) : 1;
    double d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double normal = next_normal(from), u = 1 - next_uniform(from), cube = 1 + c * normal;
        if (cube <= 0) continue;
        cube = cube * cube * cube;
        if (log(u) < 0.5 * normal * normal + d * (1 - cube + log(cube))) return factor * d * cube;
    }
}

/* A Poisson whose rate is Gamma distributed, with mean mu and shape r. */
static void draw(const vae__likelihood_row *r, const vae__stream *stream, uint32_t number,
                 float *x) {
    for (size_t i = 0; i < r->width; i++) {
        uniforms from = {*stream, number, (uint32_t)i, 0};
        double slope, mu = bounded_exp((double)r->a[i], rate_bounds, &slope);
        double dispersion = bounded_exp((double)r->extra[i], dispersion_bounds, &slope);
        x[i] = (float)draw_poisson(&from, mu / dispersion * draw_gamma(&from, dispersion));
    }
}

/* Moments: r = mean^2 / (variance - mean), kept within what data can tell from a Poisson. */
static void initialize(const vae__spec *spec, const vae__statistics *statistics,
                       const vae__parameters *list, const vae__likelihood_parameters *indices) {
    const double least = 1e-2, most = 1e6;
    vae__real *log_dispersion = list->items[indices->extra].values;
    start_rates(spec, statistics, list->items[indices->bias].values);
    for (size_t i = 0; i < statistics->width; i++) {
        double mean = statistics->mean[i], excess = statistics->variance[i] - mean;
        double dispersion = excess > 0 ? mean * mean / excess : most;
        dispersion = fmin(fmax(dispersion, least), most);
        log_dispersion[i] = (vae__real)bounded_exp_inverse(dispersion, dispersion_bounds);
    }
}

static int is_count(double x) {
    return x >= 0 && x <= LARGEST_COUNT && floor(x) == x;
}

static const vae__usual_data usual_data = {3, is_count, "counts (whole numbers from 0 on)", ""};

extern const vae__likelihood KERNEL(likelihood_negative_binomial);
const vae__likelihood KERNEL(likelihood_negative_binomial) = {
    .name = "negative_binomial",
    .low = 0,
    .high = LARGEST_COUNT,
    .discrete = 1,
    .log1p_input = 1,
    .options = count_options,
    .usual_data = &usual_data,
    .valid = whole_numbers,
    .expects = COUNTS_EXPECTED,
    .parameters = parameters,
    .row = row,
    .by_value = by_value,
    .mean = mean_rates,
    .draw = draw,
    .initialize = initialize,
};
