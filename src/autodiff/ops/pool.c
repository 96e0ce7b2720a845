/* Averages over blocks of an image, and values repeated over blocks: each is the way back of the other. Images lie
 * with channels last. */
#include <string.h>

#include "autodiff/ops/ops.h"

/* Blocks of `factor` x `factor` values of a large image, one for each value of a small one. What is left of
 * the large image beyond the last whole block belongs to none. */
typedef struct blocks {
    size_t factor, channels, small_height, small_width, large_height, large_width;
} blocks;

static blocks blocks_of(const vae__call *call, const vae__value *small, const vae__value *large) {
    return (blocks){call->node->window.kernel, small->shape.extents[0], small->shape.extents[1],
                    small->shape.extents[2],   large->shape.extents[1], large->shape.extents[2]};
}

/* The first of the values of the large image that are in line `row` of the block at (y, x). */
static size_t place_of(const blocks *b, size_t y, size_t x, size_t row) {
    return ((y * b->factor + row) * b->large_width + x * b->factor) * b->channels;
}

/* small = scale times the sum over each block of large */
static void sum_blocks(const blocks *b, const vae__real *large, vae__real scale, vae__real *small) {
    for (size_t y = 0; y < b->small_height; y++) {
        for (size_t x = 0; x < b->small_width; x++, small += b->channels) {
            memset(small, 0, b->channels * sizeof *small);
            for (size_t i = 0; i < b->factor * b->factor; i++) {
                const vae__real *from =
                    large + place_of(b, y, x, i / b->factor) + i % b->factor * b->channels;
                for (size_t c = 0; c < b->channels; c++) small[c] += from[c];
            }
            for (size_t c = 0; c < b->channels; c++) small[c] *= scale;
        }
    }
}

/* large = scale times small in all of its block, 0 beyond the blocks */
static void repeat_blocks(const blocks *b, const vae__real *small, vae__real scale,
                          vae__real *large) {
    size_t width = b->large_width * b->channels;
    if (b->small_height * b->factor < b->large_height ||
        b->small_width * b->factor < b->large_width)
        memset(large, 0, b->large_height * width * sizeof *large);
    for (size_t y = 0; y < b->small_height; y++) {
        for (size_t x = 0; x < b->small_width; x++, small += b->channels) {
            for (size_t i = 0; i < b->factor * b->factor; i++) {
                vae__real *to =
                    large + place_of(b, y, x, i / b->factor) + i % b->factor * b->channels;
                for (size_t c = 0; c < b->channels; c++) to[c] = scale * small[c];
            }
        }
    }
}

/* An output of these extents, channels last. */
static vae_status add_output(vae__graph *graph, vae__node *node, size_t height, size_t width) {
    const vae__value x = graph->values[node->inputs[0]];
    size_t channels = x.shape.extents[0];
    const vae__shape shape = {3, {channels, height, width}, channels * height * width};
    if (x.shape.rank != 3 || !vae__layout_fits(&x, VAE__CHANNELS_LAST) || !shape.size)
        return vae__fail(VAE_ERROR_INTERNAL, "%s takes images with channels last", node->op->name);
    vae_status status = vae__graph_output(graph, node, node->op->name, &shape, x.domain, 0);
    if (!status) graph->values[node->outputs[0]].layout = VAE__CHANNELS_LAST;
    return status;
}

/* ---- average ---- */

static vae_status infer_average(vae__graph *graph, vae__node *node) {
    const vae__value *x = &graph->values[node->inputs[0]];
    return add_output(graph, node, x->shape.extents[1] / node->window.kernel,
                      x->shape.extents[2] / node->window.kernel);
}

static vae__real share_of(const blocks *b) {
    return 1 / (vae__real)(b->factor * b->factor);
}

static void forward_average(const vae__call *call) {
    const vae__value *x = vae__call_input(call, 0), *y = vae__call_output(call, 0);
    const blocks b = blocks_of(call, y, x);
    size_t rows = vae__call_rows(call, x);
    for (size_t r = 0; r < rows; r++) {
        sum_blocks(&b, (const vae__real *)call->input[0] + r * x->width, share_of(&b),
                   (vae__real *)call->output[0] + r * y->width);
    }
}

static void backward_average(const vae__call *call) {
    const vae__value *x = vae__call_input(call, 0), *y = vae__call_output(call, 0);
    const blocks b = blocks_of(call, y, x);
    size_t rows = vae__call_rows(call, x);
    if (!call->input_gradient[0]) return;
    for (size_t r = 0; r < rows; r++) {
        repeat_blocks(&b, call->output_gradient[0] + r * y->width, share_of(&b),
                      call->input_gradient[0] + r * x->width);
    }
}

static const vae__op average_op = {.name = "avgpool",
                                   .infer = infer_average,
                                   .forward = forward_average,
                                   .backward = backward_average};

vae_status vae__avgpool(vae__graph *graph, vae__id x, size_t factor, vae__id *y) {
    vae__node_spec spec = {
        .op = &average_op, .window = {.kernel = factor}, .input_count = 1, .inputs = {x}};
    return vae__graph_add(graph, &spec, y);
}

/* ---- repeat ---- */

static vae_status infer_repeat(vae__graph *graph, vae__node *node) {
    const vae__value *x = &graph->values[node->inputs[0]];
    return add_output(graph, node, x->shape.extents[1] * node->window.kernel,
                      x->shape.extents[2] * node->window.kernel);
}

static void forward_repeat(const vae__call *call) {
    const vae__value *x = vae__call_input(call, 0), *y = vae__call_output(call, 0);
    const blocks b = blocks_of(call, x, y);
    size_t rows = vae__call_rows(call, x);
    for (size_t r = 0; r < rows; r++) {
        repeat_blocks(&b, (const vae__real *)call->input[0] + r * x->width, 1,
                      (vae__real *)call->output[0] + r * y->width);
    }
}

static void backward_repeat(const vae__call *call) {
    const vae__value *x = vae__call_input(call, 0), *y = vae__call_output(call, 0);
    const blocks b = blocks_of(call, x, y);
    size_t rows = vae__call_rows(call, x);
    if (!call->input_gradient[0]) return;
    for (size_t r = 0; r < rows; r++) {
        sum_blocks(&b, call->output_gradient[0] + r * y->width, 1,
                   call->input_gradient[0] + r * x->width);
    }
}

static const vae__op repeat_op = {.name = "upsample",
                                  .infer = infer_repeat,
                                  .forward = forward_repeat,
                                  .backward = backward_repeat};

vae_status vae__upsample(vae__graph *graph, vae__id x, size_t factor, vae__id *y) {
    vae__node_spec spec = {
        .op = &repeat_op, .window = {.kernel = factor}, .input_count = 1, .inputs = {x}};
    return vae__graph_add(graph, &spec, y);
}
