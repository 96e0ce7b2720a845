/* y = x w^T + b. Relies on the matrix products of tensor/gemm.h. The bias is left to the next node where
 * that passes over y anyway; the gradients of w and b are computed in the weight phase. */
#include <math.h>

#include "autodiff/ops/ops.h"
#include "tensor/gemm.h"

static vae_status infer(vae__graph *graph, vae__node *node) {
    const vae__value *x = &graph->values[node->inputs[0]];
    const vae__parameter *w = &graph->parameters->items[node->parameters[0]];
    if (w->columns != x->width || w->rows < node->size) {
        return vae__fail(VAE_ERROR_INTERNAL, "%s is [%zu, %zu] but its input is %zu wide", w->name,
                         w->rows, w->columns, x->width);
    }
    if (!vae__layout_fits(x, VAE__CHANNELS_FIRST))
        return vae__fail(VAE_ERROR_INTERNAL, "%s takes rows with channels first", w->name);
    return vae__graph_output_vector(graph, node, w->name, node->size, x->domain, 0);
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

/* dx [n, in] = dy [n, out] w [out, in] */
static void backward(const vae__call *call) {
    const vae__value *x = vae__call_input(call, 0);
    if (!call->input_gradient[0]) return;
    vae__gemm_backward(call->kernels, vae__call_rows(call, x), x->width, call->node->size,
                       call->output_gradient[0], call->parameter[0], call->input_gradient[0]);
}

/* dw [out, in] = dy^T x, db [out] = the column sums of dy */
static void gradient(const vae__call *call, size_t which, vae__parameter_rows rows, vae__real *into,
                     int add) {
    const vae__value *x = vae__call_input(call, 0);
    size_t n = vae__call_rows(call, x), out = call->node->size;
    const vae__real *dy = call->output_gradient[0] + rows.first;
    if (which == 0) {
        vae__gemm_weights(call->kernels, n, x->width, rows.count, dy, out, call->input[0], into,
                          add);
    } else {
        call->kernels->column_sums(dy, out, n, rows.count, into, add);
    }
}

enum { SQUARES_OF_DY, SQUARES_OF_X };

static void measure(const vae__call *call, double *sums) {
    const vae__value *x = vae__call_input(call, 0);
    size_t n = vae__call_rows(call, x);
    sums[SQUARES_OF_DY] =
        call->kernels->sum_squares(call->output_gradient[0], n * call->node->size);
    sums[SQUARES_OF_X] = call->kernels->sum_squares(call->input[0], n * x->width);
}

/* Cauchy and Schwarz: |sum_r dy_r x_r| <= |dy| |x|; for the bias x is 1. */
static double bound(const vae__call *call, size_t which, const double *sums) {
    double rows = (double)vae__call_rows(call, vae__call_input(call, 0));
    return sqrt(sums[SQUARES_OF_DY]) * sqrt(which == 0 ? sums[SQUARES_OF_X] : rows);
}

static double work(const vae__graph *graph, const vae__node *node) {
    return (double)graph->values[node->inputs[0]].width * (double)node->size;
}

static const vae__op dense_op = {.name = "dense",
                                 .traits = VAE__OP_LEAVES_BIAS | VAE__OP_GRADIENT_READS_INPUT |
                                           VAE__OP_GRADIENT_READS_DELTA,
                                 .infer = infer,
                                 .forward = forward,
                                 .backward = backward,
                                 .gradient = gradient,
                                 .measure = measure,
                                 .bound = bound,
                                 .work = work};

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
