/* Gaussian p(x|z) = N(x | m(z), sigma^2):
 * log p = -D/2 ln 2 pi - sum ln s_i - 1/2 sum ((x_i - m_i) / s_i)^2.
 *
 * Without a floor the likelihood is unbounded. Learned sigmas have a smooth one, s^2 = sigma_min^2 +
 * exp(2 log_sigma), so that the gradient lives below it; sigma=optimal is floored hard, its sigma
 * being no parameter. */
#include "model/likelihood/gaussian.h"

#include "diffusion/terms.h"
#include "model/standardize.h"

/* Weight of the past in the running average of sigma=optimal: about the last hundred batches. */
#define RUNNING_DECAY 0.99

static size_t heads(const vae__spec *spec) {
    return spec->sigma.mode == VAE__SIGMA_DECODER ? 2 : 1;
}

/* Whether each column has a sigma of its own, which one that does not vary would drive to its floor. */
static int is_by_column(const vae__spec *spec) {
    return spec->sigma.mode == VAE__SIGMA_PER_DIM || spec->sigma.mode == VAE__SIGMA_DECODER;
}

static vae_status parameters(vae_context *context, const vae__spec *spec, vae__parameters *list,
                             size_t *extra) {
    size_t width = spec->input.size;
    switch (spec->sigma.mode) {
    case VAE__SIGMA_SHARED:
        return vae__parameters_add(context, list, "likelihood.log_sigma", 1, 1, 1, 1, extra);
    case VAE__SIGMA_PER_DIM:
        return vae__parameters_add(context, list, "likelihood.log_sigma", 1, width, 1, 1, extra);
    case VAE__SIGMA_OPTIMAL:
        return vae__parameters_add(context, list, "likelihood.sigma2", 1, 1, 1, 0, extra);
    case VAE__SIGMA_DECODER:
    case VAE__SIGMA_VALUE: break;
    }
    return VAE_OK;
}

static vae_status floor_parameter(vae_context *context, const vae__spec *spec,
                                  vae__parameters *list, size_t *floor) {
    if (!is_by_column(spec)) return VAE_OK;
    vae_status status = vae__parameters_add(context, list, "likelihood.sigma_floor", 1,
                                            spec->input.size, 1, 0, floor);
    if (!status) list->items[*floor].optional = 1;
    return status;
}

static const char *pools_batch(const vae__spec *spec) {
    if (spec->sigma.mode != VAE__SIGMA_OPTIMAL) return NULL;
    return "sigma=optimal, which weighs all draws alike; use a model with sigma=shared";
}

/* ---- the likelihood ---- */

/* Only sigma=optimal needs more than its own row while it trains. */
static vae_status density(const vae__likelihood_build *build, vae__id *log_p,
                          vae__id *batch_state) {
    if (build->spec->sigma.mode == VAE__SIGMA_OPTIMAL)
        return KERNEL(gaussian_optimal_density)(build, log_p, batch_state);
    vae__likelihood_build plain = *build;
    plain.training = 0;
    return vae__likelihood_density(&plain, log_p, batch_state);
}

/* a: the output layer's row; read with sigma=decoder only. */
static double standard_deviation(const vae__spec *spec, const vae__real *extra,
                                 const vae__real *floor, const vae__real *a, size_t i) {
    double own = floor ? (double)floor[i] : 0, least = fmax(own * own, floor_square(spec)), slope;
    real unused;
    switch (spec->sigma.mode) {
    case VAE__SIGMA_PER_DIM: return sqrt(least + exp(2 * (double)extra[i]));
    case VAE__SIGMA_DECODER:
        return sqrt(least + exp((double)real_bounded_logvar(a[spec->input.size + i], &unused)));
    default: return sqrt(scalar_variance(spec, extra, &slope));
    }
}

static vae_status sigma(const vae__spec *spec, const vae__real *extra, const vae__real *floor,
                        double *out) {
    if (spec->sigma.mode == VAE__SIGMA_DECODER) {
        return vae__fail(VAE_ERROR_UNSUPPORTED,
                         "with sigma=decoder the standard deviations depend on z");
    }
    for (size_t i = 0; i < spec->input.size; i++)
        out[i] = standard_deviation(spec, extra, floor, NULL, i);
    return VAE_OK;
}

static double normal(const vae__stream *stream, uint32_t number, uint32_t index) {
    double u = vae__random_uniform(stream, number, 2 * index);
    return vae__random_normal(u, vae__random_uniform(stream, number, 2 * index + 1));
}

static void draw(const vae__likelihood_row *r, const vae__stream *stream, uint32_t number,
                 float *x) {
    for (size_t i = 0; i < r->width; i++) {
        double s = standard_deviation(r->spec, r->extra, r->floor, r->a, i);
        x[i] = (float)((double)r->a[i] + s * normal(stream, number, (uint32_t)i));
    }
}

static int holds_constant(const vae__spec *spec) {
    return spec->standardize || is_by_column(spec);
}

/* log of the standard deviation above the floor; far below it where the data does not vary. */
static vae__real log_sigma_of(double variance, double least) {
    return (vae__real)(0.5 * log(fmin(fmax(variance - least, 1e-2 * least), DBL_MAX)));
}

/* Smallest sigma of a column that does not vary, as the likelihood sees it: its data say nothing of
 * how far a value may be off, so it is a tenth of what vae__constant_scale takes for a deviation. */
static vae__real held_sigma(const vae__spec *spec, double value) {
    double scale = spec->standardize ? 1 : vae__constant_scale(value);
    return vae__finite_real(fmax(0.1 * scale, spec->sigma_min));
}

/* The output of the layer that value number i of its weight belongs to. */
static size_t output_of(const vae__parameter *weight, int is_transposed, size_t i) {
    return is_transposed ? i % weight->shape.extents[1] : i / weight->columns;
}

/* Output weights make values of deviation 1 or less. Where the data's, over all columns together, is
 * far from that they are multiplied by each column's own, since steps of the size of a learning rate
 * would take long to do so. Around 1 nothing is gained. */
static void scale_output(const vae__parameter *weight, int is_transposed, const double *variances,
                         size_t width, double variance) {
    double deviation = sqrt(variance);
    if (!(deviation > 0) || (deviation >= 0.2 && deviation <= 5)) return;
    for (size_t i = 0; i < vae__parameter_size(weight); i++) {
        size_t output = output_of(weight, is_transposed, i);
        if (output >= width) continue;
        weight->values[i] = vae__finite_real((double)weight->values[i] * sqrt(variances[output]));
    }
}

static void initialize(const vae__spec *spec, const vae__statistics *statistics,
                       const vae__parameters *list, const vae__likelihood_parameters *indices) {
    size_t width = statistics->width;
    double variance = 0;
    vae__real *bias = list->items[indices->bias].values;
    vae__real *extra = indices->extra == VAE__NONE ? NULL : list->items[indices->extra].values;
    vae__real *floor = indices->floor == VAE__NONE ? NULL : list->items[indices->floor].values;
    for (size_t i = 0; i < width; i++) {
        double mean = statistics->mean[i], least = spec->sigma_min;
        if (floor) floor[i] = statistics->constant[i] ? held_sigma(spec, mean) : 0;
        if (floor && statistics->constant[i]) least = (double)floor[i];
        vae__real log_sigma = log_sigma_of(statistics->variance[i], least * least);
        bias[i] = (vae__real)mean;
        variance += statistics->variance[i] / (double)width;
        if (spec->sigma.mode == VAE__SIGMA_PER_DIM) extra[i] = log_sigma;
        if (spec->sigma.mode == VAE__SIGMA_DECODER) bias[width + i] = 2 * log_sigma;
    }
    if (spec->sigma.mode == VAE__SIGMA_SHARED) *extra = log_sigma_of(variance, floor_square(spec));
    if (spec->sigma.mode == VAE__SIGMA_OPTIMAL)
        *extra = vae__finite_real(fmax(variance, floor_square(spec)));
    if (!spec->standardize)
        scale_output(&list->items[indices->weight], indices->is_transposed, statistics->variance,
                     width, variance);
}

static void finish_step(vae__real *running, const double *batch_state) {
    double before = (double)*running, weight = before > 0 ? RUNNING_DECAY : 0;
    *running = vae__finite_real(weight * before + (1 - weight) * *batch_state);
}

static int is_real(double x) {
    return isfinite(x);
}

static const vae__usual_data usual_data = {4, is_real, "real numbers",
                                           " standardize=1 sigma=per_dim"};

static const char *const options[] = {"sigma", "sigma_min", "standardize", NULL};

extern const vae__likelihood KERNEL(likelihood_gaussian);
const vae__likelihood KERNEL(likelihood_gaussian) = {
    .name = "gaussian",
    .of_diffusion = 1 + VAE__DATA_GAUSSIAN,
    .low = -(double)INFINITY,
    .high = (double)INFINITY,
    .options = options,
    .sigma_modes = VAE__TAKES_SIGMA(VAE__SIGMA_SHARED) | VAE__TAKES_SIGMA(VAE__SIGMA_OPTIMAL) |
                   VAE__TAKES_SIGMA(VAE__SIGMA_PER_DIM) | VAE__TAKES_SIGMA(VAE__SIGMA_DECODER) |
                   VAE__TAKES_SIGMA(VAE__SIGMA_VALUE),
    .usual_data = &usual_data,
    .closed_form = "ppca",
    .pools_batch = pools_batch,
    .heads = heads,
    .parameters = parameters,
    .floor = floor_parameter,
    .row = KERNEL(gaussian_row),
    .by_value = KERNEL(gaussian_by_value),
    .density = density,
    .draw = draw,
    .holds_constant = holds_constant,
    .initialize = initialize,
    .sigma = sigma,
    .finish_step = finish_step,
};
