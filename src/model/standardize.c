/* standardize=1 in the graph and in the model: y = (x - shift) / scale in front of the encoder and the likelihood, and
 * what comes out as a value of x again. Shift and scale are parameters that no step changes. */
#include "model/standardize.h"

#include <math.h>
#include <string.h>

int vae__column_varies(double mean, double deviation) {
    return deviation > 1e-12 * fabs(mean) && (vae__real)deviation > 0;
}

double vae__constant_scale(double value) {
    return fmax(1, fabs(value) / 1000);
}

/* ---- x <-> y ---- */

void vae__standardize_row(const vae__kernels *kernels, const vae__real *x, const vae__real *shift,
                          const vae__real *scale, size_t width, vae__real *y) {
    for (size_t i = 0; i < width; i++) y[i] = (x[i] - shift[i]) / scale[i];
    if (kernels->within(y, width, -VAE__REAL_MAX, VAE__REAL_MAX)) return;
    for (size_t i = 0; i < width; i++)
        if (!isfinite(y[i]))
            y[i] = (vae__real)(((double)x[i] - (double)shift[i]) / (double)scale[i]);
}

/* x = y scale + shift of one row. */
static void unstandardize_row(const vae__kernels *kernels, const vae__real *y,
                              const vae__real *shift, const vae__real *scale, size_t width,
                              vae__real *x) {
    for (size_t i = 0; i < width; i++) x[i] = y[i] * scale[i] + shift[i];
    if (kernels->within(x, width, -VAE__REAL_MAX, VAE__REAL_MAX)) return;
    for (size_t i = 0; i < width; i++)
        if (!isfinite(x[i])) x[i] = (vae__real)((double)y[i] * (double)scale[i] + (double)shift[i]);
}

static vae_status infer_like_input(vae__graph *graph, vae__node *node) {
    return vae__graph_output_like(graph, node, node->op->name, node->inputs[0]);
}

static void forward_standardize(const vae__call *call) {
    const vae__value *x = vae__call_input(call, 0);
    size_t rows = vae__call_rows(call, x), width = x->width;
    const vae__real *from = call->input[0], *shift = call->parameter[0],
                    *scale = call->parameter[1];
    vae__real *y = call->output[0];
    for (size_t r = 0; r < rows; r++, from += width, y += width)
        vae__standardize_row(call->kernels, from, shift, scale, width, y);
}

static void forward_unstandardize(const vae__call *call) {
    const vae__value *y = vae__call_input(call, 0);
    size_t rows = vae__call_rows(call, y), width = y->width;
    const vae__real *from = call->input[0], *shift = call->parameter[0],
                    *scale = call->parameter[1];
    vae__real *x = call->output[0];
    for (size_t r = 0; r < rows; r++, from += width, x += width)
        unstandardize_row(call->kernels, from, shift, scale, width, x);
}

static const vae__op standardize_op = {
    .name = "standardize", .infer = infer_like_input, .forward = forward_standardize};
static const vae__op unstandardize_op = {
    .name = "unstandardize", .infer = infer_like_input, .forward = forward_unstandardize};

static vae_status add(vae__graph *graph, const vae__op *op, vae__id in, vae__id shift,
                      vae__id scale, vae__id *out) {
    vae__node_spec spec = {.op = op,
                           .input_count = 1,
                           .inputs = {in},
                           .parameter_count = 2,
                           .parameters = {shift, scale}};
    return vae__graph_add(graph, &spec, out);
}

vae_status vae__standardize(vae__graph *graph, vae__id x, vae__id shift, vae__id scale,
                            vae__id *y) {
    return add(graph, &standardize_op, x, shift, scale, y);
}

vae_status vae__unstandardize(vae__graph *graph, vae__id y, vae__id shift, vae__id scale,
                              vae__id *x) {
    return add(graph, &unstandardize_op, y, shift, scale, x);
}

/* ---- density ---- */

static void forward_density(const vae__call *call) {
    size_t rows = vae__call_rows(call, vae__call_input(call, 0)), width = call->node->size;
    const vae__real *scale = call->parameter[0];
    const double *from = call->input[0];
    double *log_p = call->output[0], log_scale = 0;
    for (size_t i = 0; i < width; i++) log_scale += log((double)scale[i]);
    for (size_t r = 0; r < rows; r++) log_p[r] = from[r] - log_scale;
}

/* d log p(x) / d log p(y) = 1; the gradients are usually one buffer. */
static void backward_density(const vae__call *call) {
    size_t rows = vae__call_rows(call, vae__call_input(call, 0));
    const vae__real *from = call->output_gradient[0];
    vae__real *to = call->input_gradient[0];
    if (to && to != from) memcpy(to, from, rows * sizeof *to);
}

static const vae__op density_op = {.name = "standardized_density",
                                   .traits = VAE__OP_IN_PLACE,
                                   .infer = infer_like_input,
                                   .forward = forward_density,
                                   .backward = backward_density};

static vae_status add_jacobian(vae__graph *graph, const vae__op *op, vae__id log_p_y, vae__id scale,
                               vae__id *log_p_x) {
    vae__node_spec spec = {.op = op,
                           .size = graph->parameters->items[scale].rows,
                           .input_count = 1,
                           .inputs = {log_p_y},
                           .parameter_count = 1,
                           .parameters = {scale}};
    return vae__graph_add(graph, &spec, log_p_x);
}

vae_status vae__standardized_density(vae__graph *graph, vae__id log_p_y, vae__id scale,
                                     vae__id *log_p_x) {
    return add_jacobian(graph, &density_op, log_p_y, scale, log_p_x);
}

static void forward_values(const vae__call *call) {
    size_t rows = vae__call_rows(call, vae__call_input(call, 0)), width = call->node->size;
    const vae__real *scale = call->parameter[0];
    const double *from = call->input[0];
    double *log_p = call->output[0];
    for (size_t i = 0; i < width; i++) {
        double log_scale = log((double)scale[i]);
        for (size_t r = 0; r < rows; r++) log_p[r * width + i] = from[r * width + i] - log_scale;
    }
}

static const vae__op values_op = {.name = "standardized_density_by_value",
                                  .traits = VAE__OP_IN_PLACE,
                                  .infer = infer_like_input,
                                  .forward = forward_values};

vae_status vae__standardized_values(vae__graph *graph, vae__id log_p_y, vae__id scale,
                                    vae__id *log_p_x) {
    return add_jacobian(graph, &values_op, log_p_y, scale, log_p_x);
}
