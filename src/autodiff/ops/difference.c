/* y = a - b in double, such as an entropy less a log density: values of sums that a float would round. Gradients
 * are vae__real, as everywhere. */
#include <string.h>

#include "autodiff/ops/ops.h"

static vae_status infer(vae__graph *graph, vae__node *node) {
    const vae__value a = graph->values[node->inputs[0]], b = graph->values[node->inputs[1]];
    if (!a.is_double || !b.is_double || a.width != b.width || a.domain != b.domain)
        return vae__fail(VAE_ERROR_INTERNAL, "difference takes two values of one shape, in double");
    return vae__graph_output_like(graph, node, "difference", node->inputs[0]);
}

static size_t count_of(const vae__call *call) {
    const vae__value *y = vae__call_output(call, 0);
    return vae__call_rows(call, y) * y->width;
}

static void forward(const vae__call *call) {
    const double *a = call->input[0], *b = call->input[1];
    double *y = call->output[0];
    size_t count = count_of(call);
    for (size_t i = 0; i < count; i++) y[i] = a[i] - b[i];
}

/* da = dy, db = -dy */
static void backward(const vae__call *call) {
    const vae__real *dy = call->output_gradient[0];
    vae__real *da = call->input_gradient[0], *db = call->input_gradient[1];
    size_t count = count_of(call);
    if (da) memcpy(da, dy, count * sizeof *da);
    if (!db) return;
    for (size_t i = 0; i < count; i++) db[i] = -dy[i];
}

static const vae__op difference_op = {
    .name = "difference", .infer = infer, .forward = forward, .backward = backward};

vae_status vae__difference(vae__graph *graph, vae__id a, vae__id b, vae__id *y) {
    vae__node_spec spec = {.op = &difference_op, .input_count = 2, .inputs = {a, b}};
    return vae__graph_add(graph, &spec, y);
}
