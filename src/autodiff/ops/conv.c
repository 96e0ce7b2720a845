/* Convolution and transposed convolution, y = w * x + b over images with channels last. Relies on the three
 * products of tensor/convolution.h, in which the two ops differ by which of x and y is the large image that the
 * windows see. A row is an image; nothing of it is lowered as a whole. */
#include <math.h>

#include "autodiff/ops/ops.h"
#include "tensor/convolution.h"

/* ---- what both share ---- */

/* Windows over images of this value, which are `small` large at their positions. */
static vae__geometry geometry_of(const vae__node *node, const vae__value *large,
                                 const vae__value *small) {
    return (vae__geometry){.window = node->window,
                           .channels = large->shape.extents[0],
                           .height = large->shape.extents[1],
                           .width = large->shape.extents[2],
                           .out_height = small->shape.extents[1],
                           .out_width = small->shape.extents[2]};
}

static size_t positions_of(const vae__value *value) {
    return value->shape.extents[1] * value->shape.extents[2];
}

static vae__convolution convolution_of(const vae__call *call, const vae__value *large,
                                       const vae__value *small) {
    return (vae__convolution){.kernels = call->kernels,
                              .geometry = geometry_of(call->node, large, small),
                              .maps = small->shape.extents[0],
                              .images = vae__call_rows(call, small),
                              .weight = call->parameter[0],
                              .tile = call->scratch};
}

/* Adds the output with these extents, channels last. */
static vae_status add_output(vae__graph *graph, vae__node *node, size_t height, size_t width) {
    const vae__value x = graph->values[node->inputs[0]];
    const vae__parameter *w = &graph->parameters->items[node->parameters[0]];
    vae__shape shape = {0};
    if (!vae__shape_append(&shape, node->size) || !vae__shape_append(&shape, height) ||
        !vae__shape_append(&shape, width)) {
        return vae__fail(VAE_ERROR_MEMORY, "%s: an image of %zux%zux%zu cannot be addressed",
                         w->name, node->size, height, width);
    }
    vae_status status = vae__graph_output(graph, node, w->name, &shape, x.domain, 0);
    if (!status) graph->values[node->outputs[0]].layout = VAE__CHANNELS_LAST;
    return status;
}

/* Fails unless x is an image with channels last, and w has `columns` columns for each of `rows` or more rows. */
static vae_status check(const vae__graph *graph, const vae__node *node, size_t rows,
                        size_t columns) {
    const vae__value *x = &graph->values[node->inputs[0]];
    const vae__parameter *w = &graph->parameters->items[node->parameters[0]];
    if (x->shape.rank != 3 || !vae__layout_fits(x, VAE__CHANNELS_LAST))
        return vae__fail(VAE_ERROR_INTERNAL, "%s takes images with channels last", w->name);
    if (w->columns == columns && w->rows >= rows) return VAE_OK;
    return vae__fail(VAE_ERROR_INTERNAL, "%s is [%zu, %zu]; expected [%zu, %zu]", w->name, w->rows,
                     w->columns, rows, columns);
}

static void add_bias(const vae__call *call) {
    const vae__value *y = vae__call_output(call, 0);
    if (call->skip_bias) return;
    call->kernels->activation[VAE__ACTIVATION_identity].forward(
        call->output[0], call->parameter[1], NULL, vae__call_rows(call, y) * positions_of(y),
        y->shape.extents[0]);
}

enum {
    BIAS_POSITIONS = 256
}; /* whose sums are made in vae__real before they are added to others */

/* db [maps] = the sum of dy over rows and positions, in stretches so that it does not lose small terms. */
static void bias_gradient(const vae__call *call, vae__parameter_rows part, vae__real *into,
                          int add) {
    const vae__value *y = vae__call_output(call, 0);
    size_t maps = y->shape.extents[0], total = vae__call_rows(call, y) * positions_of(y);
    const vae__real *dy = call->output_gradient[0] + part.first;
    enum { PIECE = 64 };
    for (size_t i = 0; i < part.count; i += PIECE) {
        size_t count = part.count - i < PIECE ? part.count - i : PIECE;
        double sums[PIECE] = {0};
        for (size_t first = 0; first < total; first += BIAS_POSITIONS) {
            vae__real own[PIECE];
            size_t left = total - first;
            call->kernels->column_sums(dy + first * maps + i, maps,
                                       left < BIAS_POSITIONS ? left : BIAS_POSITIONS, count, own,
                                       0);
            for (size_t j = 0; j < count; j++) sums[j] += (double)own[j];
        }
        for (size_t j = 0; j < count; j++)
            into[i + j] = (vae__real)(sums[j] + (add ? (double)into[i + j] : 0));
    }
}

enum { SQUARES_OF_DY, SQUARES_OF_X };

static void measure(const vae__call *call, double *sums) {
    const vae__value *x = vae__call_input(call, 0), *y = vae__call_output(call, 0);
    size_t n = vae__call_rows(call, x);
    sums[SQUARES_OF_DY] = call->kernels->sum_squares(call->output_gradient[0], n * y->width);
    sums[SQUARES_OF_X] = call->kernels->sum_squares(call->input[0], n * x->width);
}

/* Cauchy and Schwarz: each value of the kernel meets a value of x, and one of dy, at most once. */
static double bound(const vae__call *call, size_t which, const double *sums) {
    const vae__value *y = vae__call_output(call, 0);
    double terms = (double)vae__call_rows(call, y) * (double)positions_of(y);
    return sqrt(sums[SQUARES_OF_DY]) * sqrt(which == 0 ? sums[SQUARES_OF_X] : terms);
}

/* Rows of a chunk of the gradient: enough multiply-adds to be worth a partial sum of its own, and enough
 * positions for an efficient product. */
#define CHUNK_WORK 2e7
#define CHUNK_POSITIONS 256.0

static size_t chunk_of(const vae__graph *graph, const vae__node *node, const vae__value *small) {
    const vae__parameter *w = &graph->parameters->items[node->parameters[0]];
    double positions = fmax(CHUNK_WORK / (double)vae__parameter_size(w), CHUNK_POSITIONS);
    double rows = ceil(positions / (double)positions_of(small));
    return rows < VAE__CHUNK_ROWS ? (size_t)rows : VAE__CHUNK_ROWS;
}

#define TRAITS                                                                       \
    (VAE__OP_LEAVES_BIAS | VAE__OP_GRADIENT_BY_ROWS | VAE__OP_GRADIENT_READS_INPUT | \
     VAE__OP_GRADIENT_READS_DELTA)

/* ---- conv: w [maps, kernel, kernel, channels of x] ---- */

static vae_status infer_conv(vae__graph *graph, vae__node *node) {
    const vae__value *x = &graph->values[node->inputs[0]];
    const vae__window *w = &node->window;
    vae_status status = check(graph, node, node->size, w->kernel * w->kernel * x->shape.extents[0]);
    if (status) return status;
    return add_output(graph, node, vae__window_positions(w, x->shape.extents[1]),
                      vae__window_positions(w, x->shape.extents[2]));
}

static void forward_conv(const vae__call *call) {
    const vae__convolution c =
        convolution_of(call, vae__call_input(call, 0), vae__call_output(call, 0));
    vae__convolve(&c, call->input[0], call->output[0]);
    add_bias(call);
}

static void backward_conv(const vae__call *call) {
    const vae__convolution c =
        convolution_of(call, vae__call_input(call, 0), vae__call_output(call, 0));
    if (!call->input_gradient[0]) return;
    vae__convolve_back(&c, call->output_gradient[0], call->input_gradient[0]);
}

static void gradient_conv(const vae__call *call, size_t which, vae__parameter_rows rows,
                          vae__real *into, int add) {
    const vae__convolution c =
        convolution_of(call, vae__call_input(call, 0), vae__call_output(call, 0));
    if (which == 1) {
        bias_gradient(call, rows, into, add);
    } else {
        vae__convolve_weights(&c, call->input[0], call->output_gradient[0], rows.first, rows.count,
                              into, add);
    }
}

static size_t scratch_conv(const vae__graph *graph, const vae__node *node) {
    const vae__geometry g =
        geometry_of(node, &graph->values[node->inputs[0]], &graph->values[node->outputs[0]]);
    return vae__convolution_scratch(&g);
}

static size_t chunk_conv(const vae__graph *graph, const vae__node *node) {
    return chunk_of(graph, node, &graph->values[node->outputs[0]]);
}

static double work_conv(const vae__graph *graph, const vae__node *node) {
    const vae__parameter *w = &graph->parameters->items[node->parameters[0]];
    return (double)positions_of(&graph->values[node->outputs[0]]) * (double)w->columns *
           (double)node->size;
}

static const vae__op conv_op = {.name = "conv",
                                .traits = TRAITS,
                                .infer = infer_conv,
                                .forward = forward_conv,
                                .backward = backward_conv,
                                .gradient = gradient_conv,
                                .chunk = chunk_conv,
                                .measure = measure,
                                .bound = bound,
                                .scratch = scratch_conv,
                                .work = work_conv};

/* ---- deconv: w [channels of x, kernel, kernel, maps], x being the small image ---- */

static vae_status infer_deconv(vae__graph *graph, vae__node *node) {
    const vae__value *x = &graph->values[node->inputs[0]];
    const vae__window *w = &node->window;
    vae_status status = check(graph, node, x->shape.extents[0], w->kernel * w->kernel * node->size);
    if (status) return status;
    return add_output(graph, node, vae__window_extent(w, x->shape.extents[1]),
                      vae__window_extent(w, x->shape.extents[2]));
}

static void forward_deconv(const vae__call *call) {
    const vae__convolution c =
        convolution_of(call, vae__call_output(call, 0), vae__call_input(call, 0));
    vae__convolve_back(&c, call->input[0], call->output[0]);
    add_bias(call);
}

static void backward_deconv(const vae__call *call) {
    const vae__convolution c =
        convolution_of(call, vae__call_output(call, 0), vae__call_input(call, 0));
    if (!call->input_gradient[0]) return;
    vae__convolve(&c, call->output_gradient[0], call->input_gradient[0]);
}

static void gradient_deconv(const vae__call *call, size_t which, vae__parameter_rows rows,
                            vae__real *into, int add) {
    const vae__convolution c =
        convolution_of(call, vae__call_output(call, 0), vae__call_input(call, 0));
    if (which == 1) {
        bias_gradient(call, rows, into, add);
    } else {
        vae__convolve_weights(&c, call->output_gradient[0], call->input[0], rows.first, rows.count,
                              into, add);
    }
}

static size_t scratch_deconv(const vae__graph *graph, const vae__node *node) {
    const vae__geometry g =
        geometry_of(node, &graph->values[node->outputs[0]], &graph->values[node->inputs[0]]);
    return vae__convolution_scratch(&g);
}

static size_t chunk_deconv(const vae__graph *graph, const vae__node *node) {
    return chunk_of(graph, node, &graph->values[node->inputs[0]]);
}

static double work_deconv(const vae__graph *graph, const vae__node *node) {
    const vae__parameter *w = &graph->parameters->items[node->parameters[0]];
    return (double)positions_of(&graph->values[node->inputs[0]]) * (double)vae__parameter_size(w);
}

static const vae__op deconv_op = {.name = "deconv",
                                  .traits = TRAITS,
                                  .infer = infer_deconv,
                                  .forward = forward_deconv,
                                  .backward = backward_deconv,
                                  .gradient = gradient_deconv,
                                  .chunk = chunk_deconv,
                                  .measure = measure,
                                  .bound = bound,
                                  .scratch = scratch_deconv,
                                  .work = work_deconv};

/* ---- adding them ---- */

static vae_status add_node(vae__graph *graph, const vae__op *op, vae__id x, vae__id weight,
                           const vae__window *window, size_t out, vae__id *y) {
    vae__node_spec spec = {.op = op,
                           .size = out,
                           .window = *window,
                           .input_count = 1,
                           .inputs = {x},
                           .parameter_count = 2,
                           .parameters = {weight, weight + 1}};
    return vae__graph_add(graph, &spec, y);
}

vae_status vae__conv(vae__graph *graph, vae__id x, vae__id weight, const vae__window *window,
                     size_t out, vae__id *y) {
    return add_node(graph, &conv_op, x, weight, window, out, y);
}

vae_status vae__deconv(vae__graph *graph, vae__id x, vae__id weight, const vae__window *window,
                       size_t out, vae__id *y) {
    return add_node(graph, &deconv_op, x, weight, window, out, y);
}
