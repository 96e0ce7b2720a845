/* The order of an image's numbers within a row: channels first [channels, height, width], the public order,
 * or channels last [height, width, channels], which spatial layers compute in. A layout node stands before
 * the first and behind the last of them. Where both orders are the same one, there is no node. */
#include "autodiff/ops/ops.h"

/* Channels, and positions of one channel. Only a shape of three extents has channels. */
static void extents(const vae__value *value, size_t *channels, size_t *positions) {
    *channels = value->shape.rank == 3 ? value->shape.extents[0] : 1;
    *positions = value->width / *channels;
}

int vae__layout_fits(const vae__value *value, vae__layout layout) {
    size_t channels, positions;
    extents(value, &channels, &positions);
    return value->layout == layout || channels == 1 || positions == 1;
}

/* node->size is the layout of the output. */
static vae_status infer(vae__graph *graph, vae__node *node) {
    vae_status status = vae__graph_output_like(graph, node, "layout", node->inputs[0]);
    if (!status) graph->values[node->outputs[0]].layout = (vae__layout)node->size;
    return status;
}

/* to [columns, rows] = from [rows, columns]^T, for each of n images */
static void transpose(const vae__real *from, size_t rows, size_t columns, size_t n, vae__real *to) {
    for (size_t i = 0; i < n; i++, from += rows * columns, to += rows * columns) {
        for (size_t c = 0; c < columns; c++)
            for (size_t r = 0; r < rows; r++) to[c * rows + r] = from[r * columns + c];
    }
}

static void forward(const vae__call *call) {
    const vae__value *x = vae__call_input(call, 0);
    size_t channels, positions, n = vae__call_rows(call, x);
    extents(x, &channels, &positions);
    int to_last = call->node->size == VAE__CHANNELS_LAST;
    transpose(call->input[0], to_last ? channels : positions, to_last ? positions : channels, n,
              call->output[0]);
}

static void backward(const vae__call *call) {
    const vae__value *x = vae__call_input(call, 0);
    size_t channels, positions, n = vae__call_rows(call, x);
    extents(x, &channels, &positions);
    int to_last = call->node->size == VAE__CHANNELS_LAST;
    if (!call->input_gradient[0]) return;
    transpose(call->output_gradient[0], to_last ? positions : channels,
              to_last ? channels : positions, n, call->input_gradient[0]);
}

static const vae__op layout_op = {
    .name = "layout", .infer = infer, .forward = forward, .backward = backward};

vae_status vae__layout_node(vae__graph *graph, vae__id x, vae__layout layout, vae__id *y) {
    vae__node_spec spec = {
        .op = &layout_op, .size = (size_t)layout, .input_count = 1, .inputs = {x}};
    *y = x;
    if (vae__layout_fits(&graph->values[x], layout)) return VAE_OK;
    return vae__graph_add(graph, &spec, y);
}
