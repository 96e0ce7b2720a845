/* conv C K [stride S] [pad P]: a convolution with C windows of K x K (PyTorch's nn.Conv2d). Relies on the op of
 * autodiff/ops/conv.c, which takes images with channels last. */
#include "autodiff/ops/ops.h"
#include "model/layers/conv_window.h"

static vae_status infer(const vae__layer *layer, const char *text, vae__shape *shape) {
    const vae__window window = vae__conv_window(layer);
    vae_status status = vae__layer_need_image(layer, text, shape);
    if (status) return status;
    size_t height = vae__window_positions(&window, shape->extents[1]);
    size_t width = vae__window_positions(&window, shape->extents[2]);
    if (height && width) return vae__conv_make_image(layer, text, height, width, shape);
    return vae__layer_refuse(layer, text, shape,
                             "its window of %zux%zu is larger than %zux%zu, the image with its "
                             "padding",
                             window.kernel, window.kernel, shape->extents[1] + 2 * window.pad,
                             shape->extents[2] + 2 * window.pad);
}

static double patch_of(const vae__layer *layer, const vae__shape *in) {
    double kernel = (double)layer->numbers[CONV_KERNEL];
    return kernel * kernel * (double)in->extents[0];
}

static double count(const vae__layer *layer, const vae__shape *in) {
    return (patch_of(layer, in) + 1) * (double)layer->numbers[CONV_CHANNELS];
}

static vae_status declare(const vae__layer *layer, const vae__declaration *d, const char *name,
                          const vae__shape *in, size_t *first) {
    return vae__conv_declare(layer, d, name, layer->numbers[CONV_CHANNELS], in->extents[0], first);
}

static void initialize(const vae__layer *layer, const vae__spec *spec, const vae__parameters *list,
                       const size_t *first) {
    const vae__parameter *weight = &list->items[first[0]];
    double kernel = (double)layer->numbers[CONV_KERNEL];
    vae__conv_draw(spec, weight, first[0], (double)weight->columns,
                   kernel * kernel * (double)weight->rows);
}

static vae_status add(const vae__layer *layer, const size_t *first, vae__graph *graph, vae__id *h) {
    const vae__window window = vae__conv_window(layer);
    vae_status status = vae__layout_node(graph, *h, VAE__CHANNELS_LAST, h);
    if (status) return status;
    return vae__conv(graph, *h, (vae__id)first[0], &window, layer->numbers[CONV_CHANNELS], h);
}

static const char *const names[] = {"conv", NULL};

const vae__layer_kind vae__layer_conv = {.names = names,
                                         .example = "conv 32 4 stride 2 pad 1",
                                         .parse = vae__conv_parse,
                                         .print = vae__conv_print,
                                         .infer = infer,
                                         .count = count,
                                         .declare = declare,
                                         .initialize = initialize,
                                         .add = add,
                                         .columns = VAE__COLUMNS_OF_CHANNELS};

vae__layer vae__conv_layer(size_t channels, size_t kernel, size_t pad) {
    return (vae__layer){.kind = &vae__layer_conv, .numbers = {channels, kernel, 1, pad}};
}
