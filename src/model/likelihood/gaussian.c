/* Gaussian p(x|z) = N(x | m(z), sigma^2):
 * log p = -D/2 ln 2 pi - sum ln s_i - 1/2 sum ((x_i - m_i) / s_i)^2.
 *
 * Without a floor the likelihood is unbounded. Learned sigmas have a smooth one, s^2 = sigma_min^2 +
 * exp(2 log_sigma), so that the gradient lives below it; sigma=optimal is floored hard, its sigma
 * being no parameter. */
#include "model/likelihood.h"
#include "tensor/simd/simd.h"

#define LOG_2PI 1.83787706640934548356

/* Weight of the past in the running average of sigma=optimal: about the last hundred batches. */
#define RUNNING_DECAY 0.99

static size_t heads(const vae__spec *spec) {
    return spec->sigma.mode == VAE__SIGMA_DECODER ? 2 : 1;
}

static vae_status parameters(vae_context *context, const vae__spec *spec, vae__parameters *list,
                             size_t *extra) {
    size_t width = spec->input.width;
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

static int pools_batch(const vae__spec *spec) {
    return spec->sigma.mode == VAE__SIGMA_OPTIMAL;
}

static double floor_square(const vae__spec *spec) {
    return spec->sigma_min * spec->sigma_min;
}

/* ---- one sigma for all: a value, shared, or optimal's running average ---- */

/* log p of a row from its sum of squared residuals. */
static double scalar_log_p(double squares, double variance, size_t width) {
    return -0.5 * (squares / variance + (double)width * (log(variance) + LOG_2PI));
}

/* The variance, and d variance / d log_sigma for a learned one. */
static double scalar_variance(const vae__spec *spec, const vae__real *extra, double *slope) {
    double least = floor_square(spec);
    *slope = 0;
    if (spec->sigma.mode == VAE__SIGMA_VALUE) return spec->sigma.value * spec->sigma.value;
    double parameter = (double)extra[0];
    if (spec->sigma.mode == VAE__SIGMA_OPTIMAL) return parameter > least ? parameter : least;
    double above = exp(2 * parameter);
    *slope = 2 * above;
    return least + above;
}

/* a <- a - x; returns the sum of squares of that. */
static double take_residual(const vae__kernels *kernels, real *restrict a, const real *restrict x,
                            size_t width) {
    for (size_t i = 0; i < width; i++) a[i] -= x[i];
    return kernels->sum_squares(a, width);
}

static double scalar_row(const vae__likelihood_row *r) {
    double slope, variance = scalar_variance(r->spec, r->extra, &slope), weight = (double)r->weight;
    double squares = take_residual(r->kernels, r->a, r->x, r->width);
    r->kernels->scale(r->a, (vae__real)(-weight / variance), r->width);
    if (r->dextra) {
        double excess = squares / variance - (double)r->width;
        *r->dextra = (vae__real)(weight * 0.5 * slope / variance * excess);
    }
    return scalar_log_p(squares, variance, r->width);
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

/* Of `count` <= LANES values: with a constant count, a few vector instructions. */
static inline void per_dim_block(const vae__likelihood_row *r, size_t first, size_t count,
                                 lane_sum *sum) {
    real *restrict a = r->a + first;
    const real *restrict x = r->x + first, *restrict log_sigma = r->extra + first;
    real floor2 = (real)floor_square(r->spec), weight = r->weight;
    real terms[LANES] = {0}, dl[LANES];
    for (size_t j = 0; j < count; j++) {
        real dmean, slope;
        terms[j] = density_term(a[j] - x[j], 2 * log_sigma[j], floor2, &dmean, &slope);
        a[j] = weight * dmean;
        dl[j] = 2 * weight * slope;
    }
    if (r->dextra) memcpy(r->dextra + first, dl, count * sizeof *dl);
    lane_sum_add(sum, terms);
}

static double per_dim_row(const vae__likelihood_row *r) {
    lane_sum sum = {.total = 0};
    size_t i = 0;
    for (; i + LANES <= r->width; i += LANES) per_dim_block(r, i, LANES, &sum);
    if (i < r->width) per_dim_block(r, i, r->width - i, &sum);
    return -0.5 * (lane_sum_total(&sum) + (double)r->width * LOG_2PI);
}

/* a [2 width]: means, then raw log variances, which are bounded first. */
static inline void decoder_block(const vae__likelihood_row *r, size_t first, size_t count,
                                 lane_sum *sum) {
    real *restrict a = r->a + first, *restrict raw = r->a + r->width + first;
    const real *restrict x = r->x + first;
    real floor2 = (real)floor_square(r->spec), weight = r->weight, terms[LANES] = {0};
    for (size_t j = 0; j < count; j++) {
        real slope, dmean, dl, l = real_bounded_logvar(raw[j], &slope);
        terms[j] = density_term(a[j] - x[j], l, floor2, &dmean, &dl);
        a[j] = weight * dmean;
        raw[j] = weight * dl * slope;
    }
    lane_sum_add(sum, terms);
}

static double decoder_row(const vae__likelihood_row *r) {
    lane_sum sum = {.total = 0};
    size_t i = 0;
    for (; i + LANES <= r->width; i += LANES) decoder_block(r, i, LANES, &sum);
    if (i < r->width) decoder_block(r, i, r->width - i, &sum);
    return -0.5 * (lane_sum_total(&sum) + (double)r->width * LOG_2PI);
}

static double row(const vae__likelihood_row *r) {
    switch (r->spec->sigma.mode) {
    case VAE__SIGMA_PER_DIM: return per_dim_row(r);
    case VAE__SIGMA_DECODER: return decoder_row(r);
    default: return scalar_row(r);
    }
}

/* ---- one value at a time ---- */

/* The square in double: a residual may be as large as a float is. */
static inline double value_log_p(double residual, double variance, double log_variance) {
    return -0.5 * (residual * residual / variance + log_variance + LOG_2PI);
}

static void scalar_values(const vae__likelihood_row *r, double *restrict log_p) {
    const real *restrict a = r->a, *restrict x = r->x;
    double slope, variance = scalar_variance(r->spec, r->extra, &slope);
    double log_variance = log(variance);
    for (size_t i = 0; i < r->width; i++)
        log_p[i] = value_log_p((double)x[i] - (double)a[i], variance, log_variance);
}

/* `made`: the variances are the decoder's, else they are parameters. A constant to every caller. */
static inline void own_values(const vae__likelihood_row *r, int made, double *restrict log_p) {
    const real *restrict a = r->a, *restrict x = r->x;
    const real *restrict from = made ? r->a + r->width : r->extra;
    real floor2 = (real)floor_square(r->spec);
    for (size_t i = 0; i < r->width; i++) {
        real unused, l = made ? real_bounded_logvar(from[i], &unused) : 2 * from[i];
        real variance = floor2 + real_exp(l);
        log_p[i] =
            value_log_p((double)x[i] - (double)a[i], (double)variance, (double)real_log(variance));
    }
}

static void by_value(const vae__likelihood_row *r, double *log_p) {
    switch (r->spec->sigma.mode) {
    case VAE__SIGMA_PER_DIM: own_values(r, 0, log_p); break;
    case VAE__SIGMA_DECODER: own_values(r, 1, log_p); break;
    default: scalar_values(r, log_p);
    }
}

/* ---- the optimal sigma of a batch (Rybkin, Daniilidis & Levine 2021) ----
 * Three ops: residuals and their squares by row; the batch's sigma^2, which needs all rows; the
 * density under it. sigma is held constant in the gradient: at the optimum its own derivative is
 * zero (envelope theorem). */

static vae_status infer_residual(vae__graph *graph, vae__node *node) {
    const vae__value head = graph->values[node->inputs[0]];
    vae_status status = vae__graph_output(graph, node, "residual", head.width, head.extent, 0);
    return status ? status : vae__graph_output(graph, node, "squared residual", 1, head.extent, 1);
}

static void forward_residual(const vae__call *call) {
    const vae__value *head = vae__call_input(call, 0);
    size_t rows = vae__call_rows(call, head), per_row = rows / call->rows, width = head->width;
    vae__real *residual = call->output[0];
    const vae__real *a = call->input[0], *x = call->input[1];
    double *squares = call->output[1];
    for (size_t i = 0; residual != a && i < rows * width; i++) residual[i] = a[i];
    for (size_t i = 0; i < rows; i++) {
        if (call->bias) call->kernels->add(residual + i * width, call->bias, width);
        squares[i] =
            take_residual(call->kernels, residual + i * width, x + i / per_row * width, width);
    }
}

/* d residual / d a = 1 */
static void backward_residual(const vae__call *call) {
    const vae__value *head = vae__call_input(call, 0);
    size_t count = vae__call_rows(call, head) * head->width;
    vae__real *da = call->input_gradient[0];
    const vae__real *dresidual = call->output_gradient[0];
    for (size_t i = 0; da != dresidual && i < count; i++) da[i] = dresidual[i];
}

static const vae__op residual_op = {.name = "residual",
                                    .traits = VAE__OP_IN_PLACE | VAE__OP_TAKES_BIAS,
                                    .infer = infer_residual,
                                    .forward = forward_residual,
                                    .backward = backward_residual};

static vae_status infer_optimal_variance(vae__graph *graph, vae__node *node) {
    return vae__graph_output(graph, node, "optimal sigma^2", 1, VAE__PER_BATCH, 1);
}

/* sigma^2 = sum (x - m)^2 / (rows width), floored. node->size is width. */
static void forward_optimal_variance(const vae__call *call) {
    size_t rows = vae__call_rows(call, vae__call_input(call, 0));
    const double *squares = call->input[0];
    double sum = 0, least = floor_square(call->node->attributes);
    for (size_t i = 0; i < rows; i++) sum += squares[i];
    double variance = sum / ((double)rows * (double)call->node->size);
    *(double *)call->output[0] = variance > least || isnan(variance) ? variance : least;
}

static const vae__op optimal_variance_op = {.name = "optimal_sigma",
                                            .traits = VAE__OP_REDUCE,
                                            .infer = infer_optimal_variance,
                                            .forward = forward_optimal_variance};

static vae_status infer_optimal(vae__graph *graph, vae__node *node) {
    return vae__graph_output(graph, node, "log p(x|z)", 1, graph->values[node->inputs[0]].extent,
                             1);
}

static void forward_optimal(const vae__call *call) {
    const vae__value *residual = vae__call_input(call, 0);
    size_t rows = vae__call_rows(call, residual), width = residual->width;
    vae__real *r = (vae__real *)call->input[0];
    const double *squares = call->input[1];
    double *log_p = call->output[0], variance = *(const double *)call->input[2];
    for (size_t i = 0; i < rows; i++) {
        log_p[i] = scalar_log_p(squares[i], variance, width);
        call->kernels->scale(
            r + i * width, (vae__real)(-(double)vae__likelihood_weight(call, i) / variance), width);
    }
}

static const vae__op optimal_op = {.name = "gaussian_optimal",
                                   .traits = VAE__OP_OVERWRITES_INPUT,
                                   .infer = infer_optimal,
                                   .forward = forward_optimal,
                                   .backward = vae__likelihood_weigh};

static vae_status optimal_density(const vae__likelihood_build *build, vae__id *log_p,
                                  vae__id *variance) {
    vae__id residual;
    vae__node_spec first = {
        .op = &residual_op, .input_count = 2, .inputs = {build->head, build->x}};
    vae_status status = vae__graph_add(build->graph, &first, &residual);
    if (status) return status;
    vae__id squares = residual + 1;
    vae__node_spec second = {.op = &optimal_variance_op,
                             .attributes = build->spec,
                             .size = build->spec->input.width,
                             .input_count = 1,
                             .inputs = {squares}};
    status = vae__graph_add(build->graph, &second, variance);
    if (status) return status;
    vae__node_spec third = {
        .op = &optimal_op, .input_count = 3, .inputs = {residual, squares, *variance}};
    return vae__graph_add(build->graph, &third, log_p);
}

/* ---- the likelihood ---- */

/* Only sigma=optimal needs more than its own row while it trains. */
static vae_status density(const vae__likelihood_build *build, vae__id *log_p,
                          vae__id *batch_state) {
    if (build->spec->sigma.mode == VAE__SIGMA_OPTIMAL)
        return optimal_density(build, log_p, batch_state);
    vae__likelihood_build plain = *build;
    plain.training = 0;
    return vae__likelihood_density(&plain, log_p, batch_state);
}

static double standard_deviation(const vae__spec *spec, const vae__real *extra, const vae__real *a,
                                 size_t i) {
    double least = floor_square(spec), slope;
    real unused;
    switch (spec->sigma.mode) {
    case VAE__SIGMA_PER_DIM: return sqrt(least + exp(2 * (double)extra[i]));
    case VAE__SIGMA_DECODER:
        return sqrt(least + exp((double)real_bounded_logvar(a[spec->input.width + i], &unused)));
    default: return sqrt(scalar_variance(spec, extra, &slope));
    }
}

static vae_status sigma(const vae__spec *spec, const vae__real *extra, double *out) {
    if (spec->sigma.mode == VAE__SIGMA_DECODER) {
        return vae__fail(VAE_ERROR_UNSUPPORTED,
                         "with sigma=decoder the standard deviations depend on z");
    }
    for (size_t i = 0; i < spec->input.width; i++)
        out[i] = standard_deviation(spec, extra, NULL, i);
    return VAE_OK;
}

/* Box & Muller on two 53-bit uniforms, the first in (0, 1]. */
static double normal(const vae__stream *stream, uint32_t number, uint32_t index) {
    double u = 1 - vae__random_uniform(stream, number, 2 * index);
    double v = vae__random_uniform(stream, number, 2 * index + 1);
    return sqrt(-2 * log(u)) * cos(6.28318530717958647692 * v);
}

static void draw(const vae__likelihood_row *r, const vae__stream *stream, uint32_t number,
                 float *x) {
    for (size_t i = 0; i < r->width; i++) {
        double s = standard_deviation(r->spec, r->extra, r->a, i);
        x[i] = (float)((double)r->a[i] + s * normal(stream, number, (uint32_t)i));
    }
}

/* log of the standard deviation above the floor; far below it where the data does not vary. */
static vae__real log_sigma_of(double variance, double least) {
    return (vae__real)(0.5 * log(fmax(variance - least, 1e-2 * least)));
}

static void initialize(const vae__spec *spec, const vae__statistics *statistics,
                       const vae__parameters *list, const vae__likelihood_parameters *indices) {
    size_t width = statistics->width;
    double variance = 0, least = floor_square(spec);
    vae__real *bias = list->items[indices->bias].values;
    vae__real *extra = indices->extra == VAE__NONE ? NULL : list->items[indices->extra].values;
    for (size_t i = 0; i < width; i++) {
        vae__real log_sigma = log_sigma_of(statistics->variance[i], least);
        bias[i] = (vae__real)statistics->mean[i];
        variance += statistics->variance[i] / (double)width;
        if (spec->sigma.mode == VAE__SIGMA_PER_DIM) extra[i] = log_sigma;
        if (spec->sigma.mode == VAE__SIGMA_DECODER) bias[width + i] = 2 * log_sigma;
    }
    if (spec->sigma.mode == VAE__SIGMA_SHARED) *extra = log_sigma_of(variance, least);
    if (spec->sigma.mode == VAE__SIGMA_OPTIMAL) *extra = vae__finite_real(fmax(variance, least));
}

static void finish_step(vae__real *running, const double *batch_state) {
    double before = (double)*running, weight = before > 0 ? RUNNING_DECAY : 0;
    *running = vae__finite_real(weight * before + (1 - weight) * *batch_state);
}

extern const vae__likelihood KERNEL(likelihood_gaussian);
const vae__likelihood KERNEL(likelihood_gaussian) = {
    .name = "gaussian",
    .low = -(double)INFINITY,
    .high = (double)INFINITY,
    .has_sigma = 1,
    .pools_batch = pools_batch,
    .heads = heads,
    .parameters = parameters,
    .row = row,
    .by_value = by_value,
    .density = density,
    .draw = draw,
    .initialize = initialize,
    .sigma = sigma,
    .finish_step = finish_step,
};
