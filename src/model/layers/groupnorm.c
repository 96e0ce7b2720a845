/* groupnorm G: each of G groups of channels of an image to mean 0 and variance 1, then times a weight and plus a bias
 * for each channel (Wu & He 2018; PyTorch's nn.GroupNorm). Relies on the op of autodiff/ops/groupnorm.c. */
#include "autodiff/ops/ops.h"
#include "model/layer.h"

static vae_status parse(const vae__slice *item, vae__slice *rest, vae__layer *layer) {
    return vae__layer_number(item, rest, "the groups of groupnorm", 1, VAE__MAX_WIDTH,
                             &layer->numbers[0]);
}

static void print(vae__buffer *out, const vae__layer *layer) {
    vae__append(out, " %zu", layer->numbers[0]);
}

static vae_status infer(const vae__layer *layer, const char *text, vae__shape *shape) {
    vae_status status = vae__layer_need_image(layer, text, shape);
    if (status || shape->extents[0] % layer->numbers[0] == 0) return status;
    return vae__layer_refuse(layer, text, shape, "%zu channels do not make %zu equal groups",
                             shape->extents[0], layer->numbers[0]);
}

static double count(const vae__layer *layer, const vae__shape *in) {
    (void)layer;
    return 2 * (double)in->extents[0];
}

static vae_status declare(const vae__layer *layer, const vae__declaration *d, const char *name,
                          const vae__shape *in, size_t *first) {
    char text[VAE__PARAMETER_NAME];
    size_t bias;
    (void)layer;
    vae__format(text, sizeof text, "%s.weight", name);
    vae_status status =
        vae__parameters_add(d->context, d->list, text, 1, in->extents[0], 1, 1, first);
    vae__format(text, sizeof text, "%s.bias", name);
    if (status) return status;
    return vae__parameters_add(d->context, d->list, text, 1, in->extents[0], 1, 1, &bias);
}

static void initialize(const vae__layer *layer, const vae__spec *spec, const vae__parameters *list,
                       const size_t *first) {
    const vae__parameter *weight = &list->items[first[0]];
    (void)layer;
    (void)spec;
    for (size_t i = 0; i < weight->rows; i++) weight->values[i] = 1;
}

static vae_status add(const vae__layer *layer, const size_t *first, vae__graph *graph, vae__id *h) {
    vae_status status = vae__layout_node(graph, *h, VAE__CHANNELS_LAST, h);
    if (!status) status = vae__groupnorm(graph, *h, (vae__id)first[0], layer->numbers[0], h);
    return status;
}

static const char *const names[] = {"groupnorm", NULL};

const vae__layer_kind vae__layer_groupnorm = {.names = names,
                                              .example = "groupnorm 8",
                                              .parse = parse,
                                              .print = print,
                                              .infer = infer,
                                              .count = count,
                                              .declare = declare,
                                              .initialize = initialize,
                                              .add = add};
