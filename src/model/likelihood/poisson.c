/* Poisson counts: log p(x|z) = sum_i x_i ln rate_i - rate_i - ln x_i!, rate = size exp(l), l the
 * head bounded smoothly to [-20, 24]. In double: at large counts the terms are far larger than
 * their sum. */
#include "model/likelihood/counts.h"

static double row(const vae__likelihood_row *r) {
    double total = 0, size = row_size(r), weight = (double)r->weight;
    /* A row of size 0 can only be empty. */
    if (!(size > 0)) {
        memset(r->a, 0, r->width * sizeof *r->a);
        return 0;
    }
    for (size_t i = 0; i < r->width; i++) {
        double slope, x = (double)r->x[i];
        double rate = size * bounded_exp((double)r->a[i], rate_bounds, &slope);
        if (x > 0) total += x * log(rate) - log_factorial(x);
        total -= rate;
        r->a[i] = (vae__real)(weight * slope * (x - rate));
    }
    return total;
}

static void by_value(const vae__likelihood_row *r, double *log_p) {
    double slope, size = row_size(r);
    for (size_t i = 0; i < r->width; i++) {
        double x = (double)r->x[i];
        double rate = size * bounded_exp((double)r->a[i], rate_bounds, &slope);
        log_p[i] = (x > 0 ? x * log(rate) - log_factorial(x) : 0) - rate;
    }
}

static void draw(const vae__likelihood_row *r, const vae__stream *stream, uint32_t number,
                 float *x) {
    for (size_t i = 0; i < r->width; i++) {
        uniforms from = {*stream, number, (uint32_t)i, 0};
        double slope, rate = bounded_exp((double)r->a[i], rate_bounds, &slope);
        x[i] = (float)draw_poisson(&from, rate);
    }
}

static void initialize(const vae__spec *spec, const vae__statistics *statistics,
                       const vae__parameters *list, const vae__likelihood_parameters *parameters) {
    start_rates(spec, statistics, list->items[parameters->bias].values);
}

extern const vae__likelihood KERNEL(likelihood_poisson);
const vae__likelihood KERNEL(likelihood_poisson) = {
    .name = "poisson",
    .low = 0,
    .high = LARGEST_COUNT,
    .discrete = 1,
    .log1p_input = 1,
    .options = count_options,
    .valid = whole_numbers,
    .expects = COUNTS_EXPECTED,
    .row = row,
    .by_value = by_value,
    .mean = mean_rates,
    .draw = draw,
    .initialize = initialize,
};
