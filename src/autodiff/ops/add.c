/* y = a + b, of values with the same numbers in a row. The gradient of y is that of both. y takes the place of a where the
 * plan lets it. */
#include <string.h>

#include "autodiff/ops/ops.h"

static vae_status infer(vae__graph *graph, vae__node *node) {
    const vae__value *a = &graph->values[node->inputs[0]], *b = &graph->values[node->inputs[1]];
    if (a->width != b->width || a->domain != b->domain || !vae__layout_fits(b, a->layout))
        return vae__fail(VAE_ERROR_INTERNAL, "add: %s and %s differ in shape", a->name, b->name);
    return vae__graph_output_like(graph, node, "sum", node->inputs[0]);
}

static size_t values_of(const vae__call *call) {
    const vae__value *a = vae__call_input(call, 0);
    return vae__call_rows(call, a) * a->width;
}

static void forward(const vae__call *call) {
    vae__real *y = call->output[0];
    size_t count = values_of(call);
    if (y != call->input[0]) memcpy(y, call->input[0], count * sizeof *y);
    call->kernels->add(y, call->input[1], count);
}

static void backward(const vae__call *call) {
    size_t bytes = values_of(call) * sizeof(vae__real);
    for (size_t i = 0; i < 2; i++) {
        if (call->input_gradient[i] && call->input_gradient[i] != call->output_gradient[0])
            memcpy(call->input_gradient[i], call->output_gradient[0], bytes);
    }
}

static const vae__op add_op = {.name = "add",
                               .traits = VAE__OP_IN_PLACE,
                               .infer = infer,
                               .forward = forward,
                               .backward = backward};

vae_status vae__add(vae__graph *graph, vae__id a, vae__id b, vae__id *y) {
    vae__node_spec spec = {.op = &add_op, .input_count = 2, .inputs = {a, b}};
    return vae__graph_add(graph, &spec, y);
}
