/* y = x + e, a value of e for each channel of x, at all of its positions: images with channels last, or vectors, whose
 * values are their channels. e has a row for each row of x, or one row for all of them. The gradient of e is the sum of
 * that of y over positions, and over the rows that share it. */
#include <string.h>

#include "autodiff/ops/ops.h"

static size_t channels_of(const vae__value *x) {
    return x->shape.rank == 3 ? x->shape.extents[0] : x->width;
}

static vae_status infer(vae__graph *graph, vae__node *node) {
    const vae__value *x = &graph->values[node->inputs[0]], *e = &graph->values[node->inputs[1]];
    if (e->width != channels_of(x) || e->is_double || x->is_double ||
        (e->domain != x->domain && e->domain != VAE__PER_BATCH) ||
        (x->shape.rank == 3 && !vae__layout_fits(x, VAE__CHANNELS_LAST)))
        return vae__fail(VAE_ERROR_INTERNAL, "add_channels: %s does not have the channels of %s",
                         e->name, x->name);
    return vae__graph_output_like(graph, node, "sum", node->inputs[0]);
}

/* e of a row, and the bias of the layer in front. */
static const vae__real *row_to_add(const vae__call *call, const vae__real *e, size_t channels) {
    vae__real *sum = call->scratch;
    if (!call->bias) return e;
    for (size_t c = 0; c < channels; c++) sum[c] = e[c] + call->bias[c];
    return sum;
}

static void forward(const vae__call *call) {
    const vae__value *x = vae__call_input(call, 0), *e = vae__call_input(call, 1);
    size_t rows = vae__call_rows(call, x), channels = e->width;
    size_t step = e->domain == x->domain ? channels : 0; /* to the next row of e */
    vae__real *y = call->output[0];
    if (y != call->input[0]) memcpy(y, call->input[0], rows * x->width * sizeof *y);
    for (size_t r = 0; r < rows; r++) {
        const vae__real *add =
            row_to_add(call, (const vae__real *)call->input[1] + r * step, channels);
        call->kernels->activation[VAE__ACTIVATION_identity].forward(y + r * x->width, add, NULL,
                                                                    x->width / channels, channels);
    }
}

enum { PIECE = 256 }; /* positions whose sum is made in vae__real before it is added to others */

static void sum_positions(const vae__call *call, const vae__real *dy, size_t positions,
                          size_t channels, vae__real *de) {
    double *sums = call->scratch;
    vae__real *own = (vae__real *)(sums + channels);
    if (positions <= PIECE) {
        call->kernels->column_sums(dy, channels, positions, channels, de, 0);
        return;
    }
    for (size_t c = 0; c < channels; c++) sums[c] = 0;
    for (size_t first = 0; first < positions; first += PIECE) {
        size_t count = positions - first < PIECE ? positions - first : PIECE;
        call->kernels->column_sums(dy + first * channels, channels, count, channels, own, 0);
        for (size_t c = 0; c < channels; c++) sums[c] += (double)own[c];
    }
    for (size_t c = 0; c < channels; c++) de[c] = (vae__real)sums[c];
}

static void backward(const vae__call *call) {
    const vae__value *x = vae__call_input(call, 0), *e = vae__call_input(call, 1);
    size_t rows = vae__call_rows(call, x), channels = e->width;
    const vae__real *dy = call->output_gradient[0];
    vae__real *dx = call->input_gradient[0], *de = call->input_gradient[1];
    if (de && e->domain != x->domain)
        sum_positions(call, dy, rows * (x->width / channels), channels, de);
    for (size_t r = 0; r < rows && de && e->domain == x->domain; r++)
        sum_positions(call, dy + r * x->width, x->width / channels, channels, de + r * channels);
    if (dx && dx != dy) memcpy(dx, dy, rows * x->width * sizeof *dx);
}

static size_t scratch_of(const vae__graph *graph, const vae__node *node) {
    return graph->values[node->inputs[1]].width * (sizeof(double) + sizeof(vae__real));
}

static const vae__op add_channels_op = {.name = "add_channels",
                                        .traits = VAE__OP_IN_PLACE | VAE__OP_TAKES_BIAS |
                                                  VAE__OP_TAKES_CHANNEL_BIAS,
                                        .infer = infer,
                                        .forward = forward,
                                        .backward = backward,
                                        .scratch = scratch_of};

vae_status vae__add_channels(vae__graph *graph, vae__id x, vae__id e, vae__id *y) {
    vae__node_spec spec = {.op = &add_channels_op, .input_count = 2, .inputs = {x, e}};
    return vae__graph_add(graph, &spec, y);
}
