/* The optimal sigma of a batch (Rybkin, Daniilidis & Levine 2021), in three ops: residuals and their squares by row;
 * the batch's sigma^2, which needs all rows; the density under it. sigma is held constant in the gradient: at the
 * optimum its own derivative is zero (envelope theorem). */
#include <string.h>

#include "model/likelihood/gaussian.h"

static vae_status infer_residual(vae__graph *graph, vae__node *node) {
    vae__domain domain = graph->values[node->inputs[0]].domain;
    vae_status status = vae__graph_output_like(graph, node, "residual", node->inputs[0]);
    if (status) return status;
    return vae__graph_output_vector(graph, node, "squared residual", 1, domain, 1);
}

/* A row whose squares sum to this or more leaves half its residuals, since a whole one may be larger
 * than any real. In the double build such squares are infinite. */
#define HALVED_SQUARES (sizeof(real) == sizeof(float) ? 1e76 : (double)INFINITY)

/* a <- a - x, or half of it; returns the sum of squares of a - x. */
static double take_residual(const vae__kernels *kernels, real *restrict a, const real *restrict x,
                            size_t width) {
    double squares = kernels->sum_squared_differences(a, x, width), factor = 1;
    if (isfinite(squares)) {
        for (size_t i = 0; i < width; i++) a[i] -= x[i];
        return squares;
    }
    squares = 0;
    for (size_t i = 0; i < width; i++) {
        double residual = (double)a[i] - (double)x[i];
        squares += residual * residual;
    }
    if (squares >= HALVED_SQUARES) factor = 0.5;
    for (size_t i = 0; i < width; i++) a[i] = (real)(factor * ((double)a[i] - (double)x[i]));
    return squares;
}

static void forward_residual(const vae__call *call) {
    const vae__value *head = vae__call_input(call, 0);
    size_t rows = vae__call_rows(call, head), per_row = rows / call->rows, width = head->width;
    vae__real *residual = call->output[0];
    const vae__real *a = call->input[0], *x = call->input[1];
    double *squares = call->output[1];
    if (residual != a) memcpy(residual, a, rows * width * sizeof *residual);
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
    if (da != dresidual) memcpy(da, dresidual, count * sizeof *da);
}

static const vae__op residual_op = {.name = "residual",
                                    .traits = VAE__OP_IN_PLACE | VAE__OP_TAKES_BIAS,
                                    .infer = infer_residual,
                                    .forward = forward_residual,
                                    .backward = backward_residual};

static vae_status infer_optimal_variance(vae__graph *graph, vae__node *node) {
    return vae__graph_output_vector(graph, node, "optimal sigma^2", 1, VAE__PER_BATCH, 1);
}

/* sigma^2 = sum (x - m)^2 / (rows width), floored. node->size is width. Rows whose squares are not
 * finite stay out of it: the step is refused for them, and the message can tell them from the others. */
static void forward_optimal_variance(const vae__call *call) {
    size_t rows = vae__call_rows(call, vae__call_input(call, 0));
    const double *squares = call->input[0];
    double sum = 0, least = floor_square(call->node->attributes);
    for (size_t i = 0; i < rows; i++) sum += isfinite(squares[i]) ? squares[i] : 0;
    double variance = sum / ((double)rows * (double)call->node->size);
    *(double *)call->output[0] = variance > least ? variance : least;
}

static const vae__op optimal_variance_op = {.name = "optimal_sigma",
                                            .traits = VAE__OP_REDUCE,
                                            .infer = infer_optimal_variance,
                                            .forward = forward_optimal_variance};

static vae_status infer_optimal(vae__graph *graph, vae__node *node) {
    return vae__graph_output_vector(graph, node, "log p(x|z)", 1,
                                    graph->values[node->inputs[0]].domain, 1);
}

static void forward_optimal(const vae__call *call) {
    const vae__value *residual = vae__call_input(call, 0);
    size_t rows = vae__call_rows(call, residual), width = residual->width;
    vae__real *r = (vae__real *)call->input[0];
    const double *squares = call->input[1];
    double *log_p = call->output[0], variance = *(const double *)call->input[2];
    for (size_t i = 0; i < rows; i++, r += width) {
        double factor = -(double)vae__likelihood_weight(call, i) / variance;
        if (squares[i] >= HALVED_SQUARES) factor *= 2;
        log_p[i] = scalar_log_p(squares[i] / variance, variance, width);
        if (is_ordinary(factor)) {
            call->kernels->scale(r, (vae__real)factor, width);
        } else {
            for (size_t j = 0; j < width; j++) r[j] = (vae__real)(factor * (double)r[j]);
        }
    }
}

static const vae__op optimal_op = {.name = "gaussian_optimal",
                                   .traits = VAE__OP_OVERWRITES_INPUT,
                                   .infer = infer_optimal,
                                   .forward = forward_optimal,
                                   .backward = vae__likelihood_weigh};

vae_status KERNEL(gaussian_optimal_density)(const vae__likelihood_build *build, vae__id *log_p,
                                            vae__id *variance) {
    vae__id residual;
    vae__node_spec first = {
        .op = &residual_op, .input_count = 2, .inputs = {build->head, build->x}};
    vae_status status = vae__graph_add(build->graph, &first, &residual);
    if (status) return status;
    vae__id squares = residual + 1;
    vae__node_spec second = {.op = &optimal_variance_op,
                             .attributes = build->spec,
                             .size = build->spec->input.size,
                             .input_count = 1,
                             .inputs = {squares}};
    status = vae__graph_add(build->graph, &second, variance);
    if (status) return status;
    vae__node_spec third = {
        .op = &optimal_op, .input_count = 3, .inputs = {residual, squares, *variance}};
    return vae__graph_add(build->graph, &third, log_p);
}
