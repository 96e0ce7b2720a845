/* y = x w^T + b. The bias is left to the next node where that passes over y anyway. */
#include "autodiff/ops/ops.h"
#include "tensor/gemm.h"

static vae_status infer(vae__graph *graph, vae__node *node) {
    const vae__value *x = &graph->values[node->inputs[0]];
    const vae__parameter *w = &graph->parameters->items[node->parameters[0]];
    if (w->columns != x->width || w->rows < node->size) {
        return vae__fail(VAE_ERROR_INTERNAL, "%s is [%zu, %zu] but its input is %zu wide", w->name,
                         w->rows, w->columns, x->width);
    }
    return vae__graph_output(graph, node, w->name, node->size, x->extent, 0);
}

/* y [n, out] = x [n, in] w [out, in]^T + b [out] */
static void forward(const vae__call *call) {
    const vae__value *x = vae__call_input(call, 0);
    size_t rows = vae__call_rows(call, x), out = call->node->size;
    vae__gemm_forward(call->kernels, rows, x->width, out, call->input[0], call->parameter[0],
                      call->output[0]);
    if (call->skip_bias) return;
    call->kernels->activation[VAE__ACTIVATION_identity].forward(call->output[0], call->parameter[1],
                                                                NULL, rows, out);
}

/* dx [n, in] = dy [n, out] w [out, in]; dw = dy^T x and db = sum dy are contributions, made in the
 * weight phase. */
static void backward(const vae__call *call) {
    const vae__value *x = vae__call_input(call, 0);
    if (!call->input_gradient[0]) return;
    vae__gemm_backward(call->kernels, vae__call_rows(call, x), x->width, call->node->size,
                       call->output_gradient[0], call->parameter[0], call->input_gradient[0]);
}

static vae__contribution contribution(const vae__node *node, size_t which) {
    return (vae__contribution){node->outputs[0], 1, which == 0 ? node->inputs[0] : VAE__NONE};
}

static const vae__op dense_op = {.name = "dense",
                                 .traits = VAE__OP_LEAVES_BIAS,
                                 .infer = infer,
                                 .forward = forward,
                                 .backward = backward,
                                 .contribution = contribution};

vae_status vae__dense(vae__graph *graph, vae__id x, vae__id weight, vae__id bias, size_t out,
                      vae__id *y) {
    vae__node_spec spec = {.op = &dense_op,
                           .size = out,
                           .input_count = 1,
                           .inputs = {x},
                           .parameter_count = 2,
                           .parameters = {weight, bias}};
    return vae__graph_add(graph, &spec, y);
}
