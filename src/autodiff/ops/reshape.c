/* y = x, the same numbers in the same order as a row of another shape; and y = the first numbers of x. Relies on the
 * plan to put both into the same place where it can: there is then nothing to copy. */
#include <string.h>

#include "autodiff/ops/ops.h"

static size_t bytes_of(const vae__call *call) {
    const vae__value *x = vae__call_input(call, 0);
    return vae__call_rows(call, x) * x->width * sizeof(vae__real);
}

/* node->attributes is read here alone: it need not outlive the node's adding. */
static vae_status infer(vae__graph *graph, vae__node *node) {
    const vae__value x = graph->values[node->inputs[0]];
    const vae__shape *shape = node->attributes;
    if (shape->size != x.width || x.is_double || !vae__layout_fits(&x, VAE__CHANNELS_FIRST))
        return vae__fail(VAE_ERROR_INTERNAL, "reshape: %zu values into %zu", x.width, shape->size);
    vae_status status = vae__graph_output(graph, node, "reshape", shape, x.domain, 0);
    node->attributes = NULL;
    return status;
}

static void forward(const vae__call *call) {
    if (call->output[0] != call->input[0]) memcpy(call->output[0], call->input[0], bytes_of(call));
}

static void backward(const vae__call *call) {
    vae__real *dx = call->input_gradient[0];
    if (dx && dx != call->output_gradient[0]) memcpy(dx, call->output_gradient[0], bytes_of(call));
}

static const vae__op reshape_op = {.name = "reshape",
                                   .traits = VAE__OP_IN_PLACE,
                                   .infer = infer,
                                   .forward = forward,
                                   .backward = backward};

vae_status vae__reshape(vae__graph *graph, vae__id x, const vae__shape *shape, vae__id *y) {
    vae__node_spec spec = {.op = &reshape_op, .attributes = shape, .input_count = 1, .inputs = {x}};
    vae_status status = vae__layout_node(graph, x, VAE__CHANNELS_FIRST, &spec.inputs[0]);
    *y = spec.inputs[0];
    if (status || vae__shape_equal(&graph->values[*y].shape, shape)) return status;
    return vae__graph_add(graph, &spec, y);
}

/* ---- the first numbers ---- */

static vae_status infer_first(vae__graph *graph, vae__node *node) {
    const vae__value x = graph->values[node->inputs[0]];
    if (x.width < node->size || x.is_double || !vae__layout_fits(&x, VAE__CHANNELS_FIRST))
        return vae__fail(VAE_ERROR_INTERNAL, "the first %zu of %zu values", node->size, x.width);
    return vae__graph_output_vector(graph, node, "first values", node->size, x.domain, 0);
}

static void forward_first(const vae__call *call) {
    size_t width = vae__call_input(call, 0)->width, kept = call->node->size;
    size_t rows = vae__call_rows(call, vae__call_input(call, 0));
    const vae__real *x = call->input[0];
    vae__real *y = call->output[0];
    for (size_t r = 0; r < rows; r++) memcpy(y + r * kept, x + r * width, kept * sizeof *y);
}

static const vae__op first_op = {
    .name = "first_values", .infer = infer_first, .forward = forward_first};

vae_status vae__first_values(vae__graph *graph, vae__id x, size_t count, vae__id *y) {
    vae__node_spec spec = {.op = &first_op, .size = count, .input_count = 1, .inputs = {x}};
    vae_status status = vae__layout_node(graph, x, VAE__CHANNELS_FIRST, &spec.inputs[0]);
    *y = spec.inputs[0];
    if (status || graph->values[*y].width == count) return status;
    return vae__graph_add(graph, &spec, y);
}
