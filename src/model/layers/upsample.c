/* upsample F: each value of a channel repeated F x F times (PyTorch's nn.Upsample, mode nearest). Relies on the op of
 * autodiff/ops/pool.c; it has no parameters. */
#include "autodiff/ops/ops.h"
#include "model/layer.h"

static vae_status parse(const vae__slice *item, vae__slice *rest, vae__layer *layer) {
    return vae__layer_number(item, rest, "the factor of upsample", 1, 4096, &layer->numbers[0]);
}

static void print(vae__buffer *out, const vae__layer *layer) {
    vae__append(out, " %zu", layer->numbers[0]);
}

static vae_status infer(const vae__layer *layer, const char *text, vae__shape *shape) {
    size_t factor = layer->numbers[0];
    vae_status status = vae__layer_need_image(layer, text, shape);
    if (status) return status;
    return vae__layer_image(layer, text, shape->extents[0], shape->extents[1] * factor,
                            shape->extents[2] * factor, shape);
}

static vae_status add(const vae__layer *layer, const size_t *first, vae__graph *graph, vae__id *h) {
    (void)first;
    vae_status status = vae__layout_node(graph, *h, VAE__CHANNELS_LAST, h);
    if (!status) status = vae__upsample(graph, *h, layer->numbers[0], h);
    return status;
}

static const char *const names[] = {"upsample", NULL};

const vae__layer_kind vae__layer_upsample = {.names = names,
                                             .example = "upsample 2",
                                             .parse = parse,
                                             .print = print,
                                             .infer = infer,
                                             .add = add};
