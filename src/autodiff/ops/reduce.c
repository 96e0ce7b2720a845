/* From many rows to fewer: the mean over the rows of the batch, and the mean over the samples of each row.
 * Sums are in double and in row order, so that they do not depend on how rows were split over threads. */
#include "autodiff/ops/ops.h"

/* Number i of a value of either type. */
static double number(const void *values, int is_double, size_t i) {
    return is_double ? ((const double *)values)[i] : (double)((const vae__real *)values)[i];
}

/* y [width] = the mean of `rows` rows of x */
static void mean_of_rows(const void *x, int is_double, size_t rows, size_t width, double *y) {
    for (size_t j = 0; j < width; j++) y[j] = 0;
    for (size_t i = 0; i < rows * width; i += width)
        for (size_t j = 0; j < width; j++) y[j] += number(x, is_double, i + j);
    for (size_t j = 0; j < width; j++) y[j] /= (double)rows;
}

/* ---- over the batch ---- */

static vae_status infer_batch(vae__graph *graph, vae__node *node) {
    return vae__graph_output_vector(graph, node, "batch mean", graph->values[node->inputs[0]].width,
                                    VAE__PER_BATCH, 1);
}

/* x [n, width] -> y [width] */
static void forward_batch(const vae__call *call) {
    const vae__value *x = vae__call_input(call, 0);
    mean_of_rows(call->input[0], x->is_double, vae__call_rows(call, x), x->width, call->output[0]);
}

/* dx [n, width] = dy [width] / n, in every row */
static void backward_batch(const vae__call *call) {
    const vae__value *x = vae__call_input(call, 0);
    size_t rows = vae__call_rows(call, x), width = x->width;
    size_t all = vae__domain_rows(x->domain, call->batch_rows, call->samples);
    vae__real *dx = call->input_gradient[0];
    const vae__real *dy = call->output_gradient[0];
    if (!dx) return;
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < width; j++) dx[r * width + j] = dy[j] / (vae__real)all;
}

static const vae__op batch_op = {.name = "batch_mean",
                                 .traits = VAE__OP_REDUCE,
                                 .infer = infer_batch,
                                 .forward = forward_batch,
                                 .backward = backward_batch};

static const vae__op detached_op = {
    .name = "batch_mean", .traits = VAE__OP_REDUCE, .infer = infer_batch, .forward = forward_batch};

vae_status vae__batch_mean(vae__graph *graph, vae__id x, vae__id *y) {
    vae__node_spec spec = {.op = &batch_op, .input_count = 1, .inputs = {x}};
    return vae__graph_add(graph, &spec, y);
}

vae_status vae__batch_mean_detached(vae__graph *graph, vae__id x, vae__id *y) {
    vae__node_spec spec = {.op = &detached_op, .input_count = 1, .inputs = {x}};
    return vae__graph_add(graph, &spec, y);
}

/* ---- over the samples of a row ---- */

static vae_status infer_samples(vae__graph *graph, vae__node *node) {
    return vae__graph_output_vector(graph, node, "sample mean",
                                    graph->values[node->inputs[0]].width, VAE__PER_ROW, 1);
}

/* x [n K, width] -> y [n, width] */
static void forward_samples(const vae__call *call) {
    const vae__value *x = vae__call_input(call, 0);
    size_t size = x->is_double ? sizeof(double) : sizeof(vae__real);
    size_t step = call->samples * x->width;
    for (size_t r = 0; r < call->rows; r++)
        mean_of_rows((const char *)call->input[0] + r * step * size, x->is_double, call->samples,
                     x->width, (double *)call->output[0] + r * x->width);
}

/* dx [n K, width] = dy [n, width] / K, in each sample of the row */
static void backward_samples(const vae__call *call) {
    const vae__value *x = vae__call_input(call, 0);
    size_t rows = vae__call_rows(call, x), width = x->width;
    vae__real *dx = call->input_gradient[0];
    if (!dx) return;
    for (size_t r = 0; r < rows; r++) {
        const vae__real *dy = call->output_gradient[0] + r / call->samples * width;
        for (size_t j = 0; j < width; j++) dx[r * width + j] = dy[j] / (vae__real)call->samples;
    }
}

static const vae__op samples_op = {.name = "sample_mean",
                                   .infer = infer_samples,
                                   .forward = forward_samples,
                                   .backward = backward_samples};

vae_status vae__sample_mean(vae__graph *graph, vae__id x, vae__id *y) {
    vae__node_spec spec = {.op = &samples_op, .input_count = 1, .inputs = {x}};
    return vae__graph_add(graph, &spec, y);
}
