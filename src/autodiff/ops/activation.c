/* y = f(x + b), element-wise, one op object for each activation. Relies on the formulas of
 * tensor/simd/activation.c. b is the bias that a layer in front has left: a dense layer's has a value for each
 * of x's, a convolution's one for each channel. */
#include <string.h>

#include "autodiff/ops/ops.h"

/* Output 0 is y. An activation whose derivative reads the pre-activation keeps that as output 1; which ones
 * do, the kernel table says (NEEDS_INPUT in tensor/simd/activation.c). */
static vae_status infer_with(vae__graph *graph, vae__node *node, int activation) {
    vae_status status = vae__graph_output_like(graph, node, node->op->name, node->inputs[0]);
    if (status || !graph->context->kernels->activation[activation].needs_input) return status;
    return vae__graph_output_like(graph, node, "pre-activation", node->inputs[0]);
}

/* Values of x that one value each of the bias is for. */
static size_t bias_width(const vae__value *x) {
    return x->layout == VAE__CHANNELS_LAST ? x->shape.extents[0] : x->width;
}

static void forward_with(const vae__call *call, int activation) {
    const vae__value *x = vae__call_input(call, 0);
    size_t count = vae__call_rows(call, x) * x->width;
    size_t width = call->bias ? bias_width(x) : x->width;
    vae__real *y = call->output[0];
    if (y != call->input[0]) memcpy(y, call->input[0], count * sizeof *y);
    call->kernels->activation[activation].forward(y, call->bias, call->output[1], count / width,
                                                  width);
}

static void backward_with(const vae__call *call, int activation) {
    const vae__value *x = vae__call_input(call, 0);
    const vae__activation_kernels *kernels = &call->kernels->activation[activation];
    size_t count = vae__call_rows(call, x) * x->width;
    vae__real *dx = call->input_gradient[0];
    const vae__real *dy = call->output_gradient[0];
    if (!dx) return;
    if (dx != dy) memcpy(dx, dy, count * sizeof *dx);
    kernels->backward(dx, call->output[kernels->needs_input ? 1 : 0], count);
}

#define DEFINE(n)                                                     \
    static vae_status infer_##n(vae__graph *graph, vae__node *node) { \
        return infer_with(graph, node, VAE__ACTIVATION_##n);          \
    }                                                                 \
    static void forward_##n(const vae__call *call) {                  \
        forward_with(call, VAE__ACTIVATION_##n);                      \
    }                                                                 \
    static void backward_##n(const vae__call *call) {                 \
        backward_with(call, VAE__ACTIVATION_##n);                     \
    }
VAE__ACTIVATIONS(DEFINE)

#define TRAITS \
    (VAE__OP_IN_PLACE | VAE__OP_TAKES_BIAS | VAE__OP_TAKES_CHANNEL_BIAS | VAE__OP_KEEPS_OUTPUT)
#define ENTRY(n)             \
    {.name = #n,             \
     .traits = TRAITS,       \
     .infer = infer_##n,     \
     .forward = forward_##n, \
     .backward = backward_##n},
static const vae__op activation_ops[VAE__ACTIVATION_COUNT] = {VAE__ACTIVATIONS(ENTRY)};

#define NAME(n) #n,
const char *const vae__activation_names[VAE__ACTIVATION_COUNT + 1] = {VAE__ACTIVATIONS(NAME) NULL};

vae_status vae__activation(vae__graph *graph, vae__id x, int activation, vae__id *y) {
    vae__node_spec spec = {.op = &activation_ops[activation], .input_count = 1, .inputs = {x}};
    return vae__graph_add(graph, &spec, y);
}
