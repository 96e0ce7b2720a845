/* y = the channels of a, then those of b, at each position of images of one size with channels last. The gradient of y is
 * cut in the same way. */
#include <string.h>

#include "autodiff/ops/ops.h"

static vae_status infer(vae__graph *graph, vae__node *node) {
    const vae__value a = graph->values[node->inputs[0]], b = graph->values[node->inputs[1]];
    vae__shape shape = {0};
    if (a.shape.rank != 3 || b.shape.rank != 3 || a.domain != b.domain ||
        a.shape.extents[1] != b.shape.extents[1] || a.shape.extents[2] != b.shape.extents[2] ||
        !vae__layout_fits(&a, VAE__CHANNELS_LAST) || !vae__layout_fits(&b, VAE__CHANNELS_LAST))
        return vae__fail(VAE_ERROR_INTERNAL, "concat: %s and %s are not images of one size", a.name,
                         b.name);
    if (!vae__shape_append(&shape, a.shape.extents[0] + b.shape.extents[0]) ||
        !vae__shape_append(&shape, a.shape.extents[1]) ||
        !vae__shape_append(&shape, a.shape.extents[2]))
        return vae__fail(VAE_ERROR_MEMORY, "concat: too many channels to be addressed");
    vae_status status = vae__graph_output(graph, node, "concat", &shape, a.domain, 0);
    if (!status) graph->values[node->outputs[0]].layout = VAE__CHANNELS_LAST;
    return status;
}

static size_t channels_of(const vae__call *call, size_t input) {
    return vae__call_input(call, input)->shape.extents[0];
}

static size_t positions_of(const vae__call *call) {
    const vae__value *a = vae__call_input(call, 0);
    return vae__call_rows(call, a) * (a->width / a->shape.extents[0]);
}

static void forward(const vae__call *call) {
    size_t positions = positions_of(call), first = 0;
    size_t channels = channels_of(call, 0) + channels_of(call, 1);
    for (size_t i = 0; i < 2; first += channels_of(call, i), i++) {
        size_t own = channels_of(call, i);
        const vae__real *x = call->input[i];
        vae__real *y = (vae__real *)call->output[0] + first;
        for (size_t p = 0; p < positions; p++)
            memcpy(y + p * channels, x + p * own, own * sizeof *y);
    }
}

static void backward(const vae__call *call) {
    size_t positions = positions_of(call), first = 0;
    size_t channels = channels_of(call, 0) + channels_of(call, 1);
    for (size_t i = 0; i < 2; first += channels_of(call, i), i++) {
        size_t own = channels_of(call, i);
        const vae__real *dy = call->output_gradient[0] + first;
        vae__real *dx = call->input_gradient[i];
        for (size_t p = 0; p < positions && dx; p++)
            memcpy(dx + p * own, dy + p * channels, own * sizeof *dx);
    }
}

static const vae__op concat_op = {
    .name = "concat", .infer = infer, .forward = forward, .backward = backward};

vae_status vae__concat(vae__graph *graph, vae__id a, vae__id b, vae__id *y) {
    vae__node_spec spec = {.op = &concat_op, .input_count = 2, .inputs = {a, b}};
    return vae__graph_add(graph, &spec, y);
}
