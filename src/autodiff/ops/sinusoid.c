/* Sinusoidal features of a number (Vaswani et al. 2017, section 3.5): y = (sin(t f_0), cos(t f_0), sin(t f_1), ...) with
 * frequencies f_k = 10000^(-k / half). Of inputs alone, before any parameter: no gradient passes. */
#include <math.h>

#include "autodiff/ops/ops.h"

/* node->size is the even number of features. */
static vae_status infer(vae__graph *graph, vae__node *node) {
    const vae__value t = graph->values[node->inputs[0]];
    if (t.width != 1) return vae__fail(VAE_ERROR_INTERNAL, "sinusoid takes one number a row");
    return vae__graph_output_vector(graph, node, "sinusoid", node->size, t.domain, 0);
}

static void forward(const vae__call *call) {
    const double *scale = call->node->attributes;
    size_t rows = vae__call_rows(call, vae__call_input(call, 0)), half = call->node->size / 2;
    const vae__real *t = call->input[0];
    vae__real *y = call->output[0];
    for (size_t k = 0; k < half; k++) {
        double frequency = *scale * pow(10000, -(double)k / (double)half);
        for (size_t r = 0; r < rows; r++) {
            y[r * 2 * half + 2 * k] = (vae__real)sin(frequency * (double)t[r]);
            y[r * 2 * half + 2 * k + 1] = (vae__real)cos(frequency * (double)t[r]);
        }
    }
}

static const vae__op sinusoid_op = {.name = "sinusoid", .infer = infer, .forward = forward};

vae_status vae__sinusoid(vae__graph *graph, vae__id t, size_t features, const double *scale,
                         vae__id *y) {
    vae__node_spec spec = {
        .op = &sinusoid_op, .attributes = scale, .size = features, .input_count = 1, .inputs = {t}};
    return vae__graph_add(graph, &spec, y);
}
