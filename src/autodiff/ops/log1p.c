/* y = log(1 + x): what the encoder of a model of counts sees. It is applied to data, before any parameter, so
 * it has no gradient. */
#include <math.h>

#include "autodiff/ops/ops.h"

static vae_status infer(vae__graph *graph, vae__node *node) {
    return vae__graph_output_like(graph, node, "log(1 + x)", node->inputs[0]);
}

static void forward(const vae__call *call) {
    const vae__value *x = vae__call_input(call, 0);
    size_t count = vae__call_rows(call, x) * x->width;
    const vae__real *from = call->input[0];
    vae__real *y = call->output[0];
    for (size_t i = 0; i < count; i++) y[i] = (vae__real)log1p((double)from[i]);
}

static const vae__op log1p_op = {.name = "log1p", .infer = infer, .forward = forward};

vae_status vae__log1p(vae__graph *graph, vae__id x, vae__id *y) {
    vae__node_spec spec = {.op = &log1p_op, .input_count = 1, .inputs = {x}};
    return vae__graph_add(graph, &spec, y);
}
