/* Values over the whole batch: each ends a row segment. Sums are in double, in row order, so they
 * do not depend on how rows were split. */
#include "autodiff/ops/ops.h"

static vae_status infer(vae__graph *graph, vae__node *node) {
    return vae__graph_output(graph, node, "batch mean", graph->values[node->inputs[0]].width,
                             VAE__PER_BATCH, 1);
}

/* x [n, width] -> y [width] */
static void forward(const vae__call *call) {
    const vae__value *x = vae__call_input(call, 0);
    size_t rows = vae__call_rows(call, x), width = x->width;
    double *y = call->output[0];
    for (size_t j = 0; j < width; j++) y[j] = 0;
    for (size_t r = 0; r < rows; r++) {
        const vae__real *row = (const vae__real *)call->input[0] + r * width;
        for (size_t j = 0; j < width; j++) y[j] += (double)row[j];
    }
    for (size_t j = 0; j < width; j++) y[j] /= (double)rows;
}

static const vae__op mean_op = {
    .name = "batch_mean", .traits = VAE__OP_REDUCE, .infer = infer, .forward = forward};

vae_status vae__batch_mean(vae__graph *graph, vae__id x, vae__id *y) {
    vae__node_spec spec = {.op = &mean_op, .input_count = 1, .inputs = {x}};
    return vae__graph_add(graph, &spec, y);
}
