/* One row for all: y [n, width] = x [1, width] in every row, or in every sample. The gradient of x is the
 * sum over all rows, in row order and in double, computed once for the whole batch. */
#include <string.h>

#include "autodiff/ops/ops.h"

/* node->size is the domain of the output. */
static vae_status infer(vae__graph *graph, vae__node *node) {
    const vae__value x = graph->values[node->inputs[0]];
    if (x.domain != VAE__PER_BATCH) return vae__fail(VAE_ERROR_INTERNAL, "broadcast takes one row");
    return vae__graph_output(graph, node, "broadcast", &x.shape, node->size, 0);
}

static void forward(const vae__call *call) {
    const vae__value *x = vae__call_input(call, 0);
    size_t rows = vae__call_rows(call, vae__call_output(call, 0)), width = x->width;
    vae__real *y = call->output[0];
    if (!rows) return;
    for (size_t j = 0; j < width; j++)
        y[j] = x->is_double ? (vae__real)((const double *)call->input[0])[j]
                            : ((const vae__real *)call->input[0])[j];
    for (size_t r = 1; r < rows; r++) memcpy(y + r * width, y, width * sizeof *y);
}

static void backward(const vae__call *call) {
    const vae__value *y = vae__call_output(call, 0);
    size_t rows = vae__call_rows(call, y);
    vae__real *dx = call->input_gradient[0];
    if (!dx) return;
    for (size_t j = 0; j < y->width; j++) {
        double total = 0;
        for (size_t r = 0; r < rows; r++)
            total += (double)call->output_gradient[0][r * y->width + j];
        dx[j] = (vae__real)total;
    }
}

static const vae__op broadcast_op = {
    .name = "broadcast", .infer = infer, .forward = forward, .backward = backward};

vae_status vae__broadcast(vae__graph *graph, vae__id x, vae__domain domain, vae__id *y) {
    vae__node_spec spec = {.op = &broadcast_op, .size = domain, .input_count = 1, .inputs = {x}};
    return vae__graph_add(graph, &spec, y);
}
