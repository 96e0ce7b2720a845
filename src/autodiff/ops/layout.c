/* The order of an image's numbers within a row: channels first [channels, height, width], the public order,
 * or channels last [height, width, channels], which spatial layers compute in. A layout node stands before
 * the first and behind the last of them. Where both orders are the same one, there is no node. A vector that
 * becomes an image takes its new order and its new shape at once. */
#include "autodiff/ops/ops.h"

/* Channels, and positions of one channel. Only a shape of three extents has channels. */
static void extents(const vae__shape *shape, size_t *channels, size_t *positions) {
    *channels = shape->rank == 3 ? shape->extents[0] : 1;
    *positions = shape->size / *channels;
}

static int is_one_order(const vae__shape *shape) {
    size_t channels, positions;
    extents(shape, &channels, &positions);
    return channels == 1 || positions == 1;
}

int vae__layout_fits(const vae__value *value, vae__layout layout) {
    return value->layout == layout || is_one_order(&value->shape);
}

/* node->size is the layout of the output; node->attributes its shape, read here alone, or NULL: it stays. */
static vae_status infer(vae__graph *graph, vae__node *node) {
    const vae__value x = graph->values[node->inputs[0]];
    const vae__shape shape = node->attributes ? *(const vae__shape *)node->attributes : x.shape;
    node->attributes = NULL;
    if (x.width != shape.size || x.is_double)
        return vae__fail(VAE_ERROR_INTERNAL, "layout: %zu values into %zu", x.width, shape.size);
    vae_status status = vae__graph_output(graph, node, "layout", &shape, x.domain, 0);
    if (!status) graph->values[node->outputs[0]].layout = (vae__layout)node->size;
    return status;
}

/* Each image of y from x: to channels last, or from them. */
static void convert(const vae__call *call, int to_last, const vae__real *x, vae__real *y) {
    const vae__shape *shape = &vae__call_output(call, 0)->shape;
    size_t channels, positions, n = vae__call_rows(call, vae__call_output(call, 0));
    extents(shape, &channels, &positions);
    for (size_t i = 0; i < n; i++, x += shape->size, y += shape->size)
        call->kernels->transpose(x, to_last ? channels : positions, to_last ? positions : channels,
                                 y);
}

static void forward(const vae__call *call) {
    convert(call, call->node->size == VAE__CHANNELS_LAST, call->input[0], call->output[0]);
}

static void backward(const vae__call *call) {
    if (!call->input_gradient[0]) return;
    convert(call, call->node->size != VAE__CHANNELS_LAST, call->output_gradient[0],
            call->input_gradient[0]);
}

static const vae__op layout_op = {
    .name = "layout", .infer = infer, .forward = forward, .backward = backward};

static vae_status add_node(vae__graph *graph, vae__id x, const vae__shape *shape,
                           vae__layout layout, vae__id *y) {
    vae__node_spec spec = {.op = &layout_op,
                           .attributes = shape,
                           .size = (size_t)layout,
                           .input_count = 1,
                           .inputs = {x}};
    return vae__graph_add(graph, &spec, y);
}

vae_status vae__layout_node(vae__graph *graph, vae__id x, vae__layout layout, vae__id *y) {
    *y = x;
    if (vae__layout_fits(&graph->values[x], layout)) return VAE_OK;
    return add_node(graph, x, NULL, layout, y);
}

vae_status vae__image(vae__graph *graph, vae__id x, const vae__shape *shape, vae__id *y) {
    vae_status status = vae__layout_node(graph, x, VAE__CHANNELS_FIRST, y);
    if (status || vae__shape_equal(&graph->values[*y].shape, shape)) return status;
    if (is_one_order(shape)) return vae__reshape(graph, *y, shape, y);
    return add_node(graph, *y, shape, VAE__CHANNELS_LAST, y);
}
