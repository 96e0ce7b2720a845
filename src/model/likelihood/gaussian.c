/* Gaussian p(x|z) = N(x | m(z), sigma^2): log p = -D/2 ln 2 pi - sum ln s_i - 1/2 sum ((x_i - m_i)
 * / s_i)^2.
 *
 * Without a floor the likelihood is unbounded. Learned sigmas have a smooth one, s^2 = sigma_min^2
 * + exp(2 log_sigma), so that the gradient lives below it; sigma=optimal is floored hard, its sigma
 * being no parameter. */
#include <math.h>
#include <stdint.h>

#include "autodiff/ops/ops.h"
#include "model/likelihood/likelihood.h"

#define LOG_2PI 1.83787706640934548356

/* Weight of the past in the running average of sigma=optimal: about the last hundred batches. */
#define RUNNING_DECAY 0.99

static size_t heads(const vae__spec *spec) {
    return spec->sigma.mode == VAE__SIGMA_DECODER ? 2 : 1;
}

static vae_status parameters(vae_context *context, const vae__spec *spec, vae__parameters *list,
                             size_t *extra) {
    switch (spec->sigma.mode) {
    case VAE__SIGMA_SHARED:
        return vae__parameters_add(context, list, "likelihood.log_sigma", 1, 1, 1, 1, extra);
    case VAE__SIGMA_PER_DIM:
        return vae__parameters_add(context, list, "likelihood.log_sigma", 1, spec->input.width, 1,
                                   1, extra);
    case VAE__SIGMA_OPTIMAL:
        return vae__parameters_add(context, list, "likelihood.sigma2", 1, 1, 1, 0, extra);
    case VAE__SIGMA_DECODER:
    case VAE__SIGMA_VALUE: break;
    }
    return VAE_OK;
}

static double floor_square(const vae__spec *spec) {
    return spec->sigma_min * spec->sigma_min;
}

static vae_status infer_log_p(vae__graph *graph, vae__node *node) {
    return vae__graph_output(graph, node, "log p(x|z)", 1, graph->values[node->inputs[0]].extent,
                             1);
}

/* ---- one sigma for all: a value, shared, or optimal's running average ---- */

/* log p of a row from its sum of squared residuals. */
static double scalar_log_p(double squares, double variance, size_t width) {
    return -0.5 * (squares / variance + (double)width * (log(variance) + LOG_2PI));
}

/* The variance, and d variance / d log_sigma for a learned one. */
static double scalar_variance(const vae__call *call, double *slope) {
    const vae__spec *spec = call->node->attributes;
    double least = floor_square(spec);
    *slope = 0;
    if (spec->sigma.mode == VAE__SIGMA_VALUE) return spec->sigma.value * spec->sigma.value;
    double parameter = (double)call->parameter[0][0];
    if (spec->sigma.mode == VAE__SIGMA_OPTIMAL) return parameter > least ? parameter : least;
    double above = exp(2 * parameter);
    *slope = 2 * above;
    return least + above;
}

static vae_status infer_scalar(vae__graph *graph, vae__node *node) {
    vae_status status = infer_log_p(graph, node);
    if (status || !node->parameter_count) return status;
    return vae__graph_output(graph, node, "d log p / d log_sigma", 1,
                             graph->values[node->inputs[0]].extent, 0);
}

/* a [rows, width] <- weight (x - m) / s^2 */
static void forward_scalar(const vae__call *call) {
    const vae__value *head = vae__call_input(call, 0);
    size_t rows = vae__call_rows(call, head), per_row = rows / call->rows, width = head->width;
    vae__real *a = (vae__real *)call->input[0], *dlog_sigma = call->output[1];
    const vae__real *x = call->input[1];
    double *log_p = call->output[0], slope, variance = scalar_variance(call, &slope);
    for (size_t i = 0; i < rows; i++) {
        vae__real weight = vae__likelihood_weight(call, i);
        double squares =
            call->kernels->residual_row(a + i * width, call->bias, x + i / per_row * width, width);
        log_p[i] = scalar_log_p(squares, variance, width);
        if (!call->wants_gradient) continue;
        call->kernels->scale(a + i * width, (vae__real)(-(double)weight / variance), width);
        if (dlog_sigma)
            dlog_sigma[i] = (vae__real)((double)weight * 0.5 * slope / variance *
                                        (squares / variance - (double)width));
    }
}

static void backward_scalar(const vae__call *call) {
    vae__likelihood_weigh(call, call->output[1], 1);
}

/* log_sigma's gradient is the sum over rows of output 1, for every op that has one. */
static vae__contribution log_sigma_contribution(const vae__node *node, size_t which) {
    (void)which;
    return (vae__contribution){node->outputs[1], 0, VAE__NONE};
}

enum { DENSITY_TRAITS = VAE__OP_TAKES_BIAS | VAE__OP_OVERWRITES_INPUT | VAE__OP_KEEPS_OUTPUT };

static const vae__op scalar_op = {.name = "gaussian",
                                  .traits = DENSITY_TRAITS,
                                  .infer = infer_scalar,
                                  .forward = forward_scalar,
                                  .backward = backward_scalar,
                                  .contribution = log_sigma_contribution};

/* ---- one sigma per dimension ---- */

static vae_status infer_per_dim(vae__graph *graph, vae__node *node) {
    const vae__value head = graph->values[node->inputs[0]];
    vae_status status = infer_log_p(graph, node);
    return status ? status
                  : vae__graph_output(graph, node, "d log p / d log_sigma", head.width, head.extent,
                                      0);
}

static void forward_per_dim(const vae__call *call) {
    const vae__value *head = vae__call_input(call, 0);
    size_t rows = vae__call_rows(call, head), per_row = rows / call->rows, width = head->width;
    vae__real *a = (vae__real *)call->input[0], *dlog_sigma = call->output[1];
    const vae__real *x = call->input[1];
    vae__real least = (vae__real)floor_square(call->node->attributes);
    double *log_p = call->output[0];
    for (size_t i = 0; i < rows; i++) {
        double sum = call->kernels->gaussian_row(a + i * width, call->bias, x + i / per_row * width,
                                                 call->parameter[0], dlog_sigma + i * width, width,
                                                 least, vae__likelihood_weight(call, i));
        log_p[i] = -0.5 * (sum + (double)width * LOG_2PI);
    }
}

static void backward_per_dim(const vae__call *call) {
    vae__likelihood_weigh(call, call->output[1], vae__call_output(call, 1)->width);
}

static const vae__op per_dim_op = {.name = "gaussian_per_dim",
                                   .traits = DENSITY_TRAITS,
                                   .infer = infer_per_dim,
                                   .forward = forward_per_dim,
                                   .backward = backward_per_dim,
                                   .contribution = log_sigma_contribution};

/* ---- sigma from the decoder: head [rows, 2 width] is means, raw log variances ---- */

static void forward_decoder(const vae__call *call) {
    const vae__value *head = vae__call_input(call, 0);
    size_t rows = vae__call_rows(call, head), per_row = rows / call->rows, width = head->width / 2;
    vae__real *a = (vae__real *)call->input[0];
    const vae__real *x = call->input[1];
    vae__real least = (vae__real)floor_square(call->node->attributes);
    double *log_p = call->output[0];
    for (size_t i = 0; i < rows; i++) {
        double sum =
            call->kernels->gaussian_head_row(a + i * 2 * width, call->bias, x + i / per_row * width,
                                             width, least, vae__likelihood_weight(call, i));
        log_p[i] = -0.5 * (sum + (double)width * LOG_2PI);
    }
}

static void backward_decoder(const vae__call *call) {
    vae__likelihood_weigh(call, NULL, 0);
}

static const vae__op decoder_op = {.name = "gaussian_decoder",
                                   .traits = VAE__OP_TAKES_BIAS | VAE__OP_OVERWRITES_INPUT,
                                   .infer = infer_log_p,
                                   .forward = forward_decoder,
                                   .backward = backward_decoder};

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
        squares[i] = call->kernels->residual_row(residual + i * width, call->bias,
                                                 x + i / per_row * width, width);
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
                                   .infer = infer_log_p,
                                   .forward = forward_optimal,
                                   .backward = backward_decoder};

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

static vae_status density(const vae__likelihood_build *build, vae__id *log_p,
                          vae__id *batch_state) {
    vae__node_spec spec = {
        .attributes = build->spec, .input_count = 2, .inputs = {build->head, build->x}};
    *batch_state = VAE__NONE;
    switch (build->spec->sigma.mode) {
    case VAE__SIGMA_OPTIMAL:
        if (build->training) return optimal_density(build, log_p, batch_state);
        break;
    case VAE__SIGMA_DECODER:
        spec.op = &decoder_op;
        return vae__graph_add(build->graph, &spec, log_p);
    case VAE__SIGMA_PER_DIM: spec.op = &per_dim_op; break;
    case VAE__SIGMA_SHARED:
    case VAE__SIGMA_VALUE: break;
    }
    if (!spec.op) spec.op = &scalar_op;
    if (build->spec->sigma.mode != VAE__SIGMA_VALUE) {
        spec.parameter_count = 1;
        spec.parameters[0] = (vae__id)build->parameters->extra;
    }
    return vae__graph_add(build->graph, &spec, log_p);
}

static vae_status mean(const vae__likelihood_build *build, vae__id *x_mean) {
    return vae__activation(build->graph, build->head, VAE__ACTIVATION_identity, x_mean);
}

/* l = hi - softplus(hi - (lo + softplus(a - lo))), as the kernels bound it, for one value in
 * double. */
static double bounded_logvar(double a) {
    double above = a + 16, t = -16 + (above > 30 ? above : log1p(exp(above)));
    double below = 16 - t;
    return 16 - (below > 30 ? below : log1p(exp(below)));
}

static double standard_deviation(const vae__spec *spec, const vae__parameters *list,
                                 const vae__likelihood_parameters *indices, const vae__real *head,
                                 size_t i) {
    double least = floor_square(spec);
    switch (spec->sigma.mode) {
    case VAE__SIGMA_VALUE: return spec->sigma.value;
    case VAE__SIGMA_SHARED:
        return sqrt(least + exp(2 * (double)list->items[indices->extra].values[0]));
    case VAE__SIGMA_PER_DIM:
        return sqrt(least + exp(2 * (double)list->items[indices->extra].values[i]));
    case VAE__SIGMA_OPTIMAL:
        return sqrt(fmax(least, (double)list->items[indices->extra].values[0]));
    case VAE__SIGMA_DECODER: break;
    }
    return sqrt(least + exp(bounded_logvar((double)head[spec->input.width + i])));
}

static vae_status sigma(const vae__spec *spec, const vae__parameters *list,
                        const vae__likelihood_parameters *indices, double *out) {
    if (spec->sigma.mode == VAE__SIGMA_DECODER) {
        return vae__fail(VAE_ERROR_UNSUPPORTED,
                         "with sigma=decoder the standard deviations depend on z");
    }
    for (size_t i = 0; i < spec->input.width; i++)
        out[i] = standard_deviation(spec, list, indices, NULL, i);
    return VAE_OK;
}

/* Box & Muller on two 53-bit uniforms, the first in (0, 1]. */
static double normal(const vae__stream *stream, uint32_t row, uint32_t index) {
    double u = 1 - vae__random_uniform(stream, row, 2 * index),
           v = vae__random_uniform(stream, row, 2 * index + 1);
    return sqrt(-2 * log(u)) * cos(6.28318530717958647692 * v);
}

static void draw(const vae__spec *spec, const vae__parameters *list,
                 const vae__likelihood_parameters *indices, const vae__real *head,
                 const vae__stream *stream, uint32_t row, float *x) {
    for (size_t i = 0; i < spec->input.width; i++) {
        double s = standard_deviation(spec, list, indices, head, i);
        x[i] = (float)((double)head[i] + s * normal(stream, row, (uint32_t)i));
    }
}

/* log of the standard deviation above the floor; far below it where the data does not vary. */
static vae__real log_sigma_of(double variance, double least) {
    return (vae__real)(0.5 * log(fmax(variance - least, 1e-2 * least)));
}

static void initialize(const vae__spec *spec, const vae__statistics *statistics,
                       const vae__parameters *list, const vae__likelihood_parameters *indices) {
    double total = 0, least = floor_square(spec);
    vae__real *bias = list->items[indices->bias].values;
    for (size_t i = 0; i < statistics->width; i++) {
        bias[i] = (vae__real)statistics->mean[i];
        total += statistics->variance[i];
    }
    double variance = total / (double)statistics->width;
    switch (spec->sigma.mode) {
    case VAE__SIGMA_SHARED:
        list->items[indices->extra].values[0] = log_sigma_of(variance, least);
        break;
    case VAE__SIGMA_OPTIMAL:
        list->items[indices->extra].values[0] = (vae__real)fmax(variance, least);
        break;
    case VAE__SIGMA_PER_DIM:
        for (size_t i = 0; i < statistics->width; i++) {
            list->items[indices->extra].values[i] = log_sigma_of(statistics->variance[i], least);
        }
        break;
    case VAE__SIGMA_DECODER:
        for (size_t i = 0; i < statistics->width; i++) {
            bias[statistics->width + i] = 2 * log_sigma_of(statistics->variance[i], least);
        }
        break;
    case VAE__SIGMA_VALUE: break;
    }
}

static void finish_step(const vae__parameters *list, const vae__likelihood_parameters *indices,
                        const double *batch_state) {
    vae__real *running = list->items[indices->extra].values;
    double before = (double)*running;
    *running = (vae__real)(before > 0 ? RUNNING_DECAY * before + (1 - RUNNING_DECAY) * *batch_state
                                      : *batch_state);
}

const vae__likelihood vae__likelihood_gaussian = {
    .name = "gaussian",
    .low = -(double)INFINITY,
    .high = (double)INFINITY,
    .has_sigma = 1,
    .heads = heads,
    .parameters = parameters,
    .density = density,
    .mean = mean,
    .initialize = initialize,
    .draw = draw,
    .sigma = sigma,
    .finish_step = finish_step,
};
