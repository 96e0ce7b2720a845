/* attention H: self-attention of H heads over the positions of an image (PyTorch's nn.MultiheadAttention, its names
 * and shapes). Relies on the op of autodiff/ops/attention.c between two linear maps of each position, which are
 * convolutions of one value. */
#include "autodiff/ops/ops.h"
#include "model/layer.h"

/* Above it the weights of one image and head alone would take 64 MiB. */
enum { MOST_POSITIONS = 4096 };

static vae_status parse(const vae__slice *item, vae__slice *rest, vae__layer *layer) {
    return vae__layer_number(item, rest, "the heads of attention", 1, 4096, &layer->numbers[0]);
}

static void print(vae__buffer *out, const vae__layer *layer) {
    vae__append(out, " %zu", layer->numbers[0]);
}

static vae_status infer(const vae__layer *layer, const char *text, vae__shape *shape) {
    vae_status status = vae__layer_need_image(layer, text, shape);
    if (status) return status;
    if (shape->extents[0] % layer->numbers[0])
        return vae__layer_refuse(layer, text, shape, "%zu channels do not make %zu equal heads",
                                 shape->extents[0], layer->numbers[0]);
    if (shape->size / shape->extents[0] <= MOST_POSITIONS) return VAE_OK;
    return vae__layer_refuse(layer, text, shape, "more than %d positions", MOST_POSITIONS);
}

static double count(const vae__layer *layer, const vae__shape *in) {
    double channels = (double)in->extents[0];
    (void)layer;
    return 4 * channels * (channels + 1);
}

static vae_status add_parameter(const vae__declaration *d, const char *name, const char *part,
                                size_t rank, size_t rows, size_t columns, size_t *index) {
    char text[VAE__PARAMETER_NAME];
    vae__format(text, sizeof text, "%s.%s", name, part);
    return vae__parameters_add(d->context, d->list, text, rank, rows, columns, 1, index);
}

static vae_status declare(const vae__layer *layer, const vae__declaration *d, const char *name,
                          const vae__shape *in, size_t *first) {
    size_t channels = in->extents[0], next;
    (void)layer;
    vae_status status = add_parameter(d, name, "in_proj_weight", 2, 3 * channels, channels, first);
    if (!status) status = add_parameter(d, name, "in_proj_bias", 1, 3 * channels, 1, &next);
    if (!status) status = add_parameter(d, name, "out_proj.weight", 2, channels, channels, &next);
    if (!status) status = add_parameter(d, name, "out_proj.bias", 1, channels, 1, &next);
    return status;
}

/* Behind the input's weight and bias. */
static size_t output_of(const size_t *first) {
    return first[0] + 2;
}

static void initialize(const vae__layer *layer, const vae__spec *spec, const vae__parameters *list,
                       const size_t *first) {
    const size_t output = output_of(first);
    (void)layer;
    vae__layer_dense.initialize(NULL, spec, list, first);
    vae__layer_dense.initialize(NULL, spec, list, &output);
}

static vae_status add(const vae__layer *layer, const size_t *first, vae__graph *graph, vae__id *h) {
    const vae__window point = {1, 1, 0};
    size_t channels = graph->values[*h].shape.extents[0];
    vae_status status = vae__layout_node(graph, *h, VAE__CHANNELS_LAST, h);
    if (!status) status = vae__conv(graph, *h, (vae__id)first[0], &point, 3 * channels, h);
    if (!status) status = vae__attention(graph, *h, layer->numbers[0], h);
    if (!status) status = vae__conv(graph, *h, (vae__id)output_of(first), &point, channels, h);
    return status;
}

static const char *const names[] = {"attention", NULL};

const vae__layer_kind vae__layer_attention = {.names = names,
                                              .example = "attention 4",
                                              .parse = parse,
                                              .print = print,
                                              .infer = infer,
                                              .count = count,
                                              .declare = declare,
                                              .initialize = initialize,
                                              .add = add};
