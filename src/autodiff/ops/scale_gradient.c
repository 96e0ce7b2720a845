/* A copy of x through which the gradient passes scaled: a weight of one part of a loss on its way back to x, while
 * what computes that part keeps the weight 1 for parameters of its own. */
#include <string.h>

#include "autodiff/ops/ops.h"

static vae_status infer(vae__graph *graph, vae__node *node) {
    return vae__graph_output_like(graph, node, "scaled gradient", node->inputs[0]);
}

static size_t count_of(const vae__call *call) {
    const vae__value *x = vae__call_input(call, 0);
    return vae__call_rows(call, x) * x->width;
}

static void forward(const vae__call *call) {
    size_t size = vae__call_input(call, 0)->is_double ? sizeof(double) : sizeof(vae__real);
    if (call->output[0] != call->input[0])
        memcpy(call->output[0], call->input[0], count_of(call) * size);
}

/* dx = factor dy; the gradients may be one buffer. */
static void backward(const vae__call *call) {
    const double *factor = call->node->attributes;
    const vae__real *dy = call->output_gradient[0];
    vae__real *dx = call->input_gradient[0];
    size_t count = count_of(call);
    if (!dx) return;
    for (size_t i = 0; i < count; i++) dx[i] = (vae__real)*factor * dy[i];
}

static const vae__op scale_gradient_op = {.name = "scale_gradient",
                                          .traits = VAE__OP_IN_PLACE,
                                          .infer = infer,
                                          .forward = forward,
                                          .backward = backward};

vae_status vae__scale_gradient(vae__graph *graph, vae__id x, const double *factor, vae__id *y) {
    vae__node_spec spec = {
        .op = &scale_gradient_op, .attributes = factor, .input_count = 1, .inputs = {x}};
    return vae__graph_add(graph, &spec, y);
}
