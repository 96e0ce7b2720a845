/* deconv C K [stride S] [pad P]: a transposed convolution with C channels behind it (PyTorch's
 * nn.ConvTranspose2d), which makes images larger. Relies on the op of autodiff/ops/conv.c. */
#include "autodiff/ops/ops.h"
#include "model/layers/conv_window.h"

static vae_status infer(const vae__layer *layer, const char *text, vae__shape *shape) {
    const vae__window window = vae__conv_window(layer);
    vae_status status = vae__layer_need_image(layer, text, shape);
    if (status) return status;
    size_t height = vae__window_extent(&window, shape->extents[1]);
    size_t width = vae__window_extent(&window, shape->extents[2]);
    if (height && width) return vae__conv_make_image(layer, text, height, width, shape);
    return vae__layer_refuse(layer, text, shape, "pad %zu takes all of the image away", window.pad);
}

static double count(const vae__layer *layer, const vae__shape *in) {
    double kernel = (double)layer->numbers[CONV_KERNEL];
    return (kernel * kernel * (double)in->extents[0] + 1) * (double)layer->numbers[CONV_CHANNELS];
}

static vae_status declare(const vae__layer *layer, const vae__declaration *d, const char *name,
                          const vae__shape *in, size_t *first) {
    return vae__conv_declare(layer, d, name, in->extents[0], layer->numbers[CONV_CHANNELS], first);
}

/* A value of the output is the sum over all input channels and, with a stride, over one in stride^2 of the
 * kernel's values. */
static void initialize(const vae__layer *layer, const vae__spec *spec, const vae__parameters *list,
                       const size_t *first) {
    const vae__parameter *weight = &list->items[first[0]];
    double kernel = (double)layer->numbers[CONV_KERNEL],
           stride = (double)layer->numbers[CONV_STRIDE];
    double seen = kernel > stride ? kernel * kernel / (stride * stride) : 1;
    vae__conv_draw(spec, weight, first[0], seen * (double)weight->rows, (double)weight->columns);
}

static vae_status add(const vae__layer *layer, const size_t *first, vae__graph *graph, vae__id *h) {
    const vae__window window = vae__conv_window(layer);
    vae_status status = vae__layout_node(graph, *h, VAE__CHANNELS_LAST, h);
    if (status) return status;
    return vae__deconv(graph, *h, (vae__id)first[0], &window, layer->numbers[CONV_CHANNELS], h);
}

static const char *const names[] = {"deconv", NULL};

const vae__layer_kind vae__layer_deconv = {.names = names,
                                           .example = "deconv 32 4 stride 2 pad 1",
                                           .parse = vae__conv_parse,
                                           .print = vae__conv_print,
                                           .infer = infer,
                                           .count = count,
                                           .declare = declare,
                                           .initialize = initialize,
                                           .add = add};

vae__layer vae__deconv_layer(size_t channels, size_t kernel, size_t stride, size_t pad) {
    return (vae__layer){.kind = &vae__layer_deconv, .numbers = {channels, kernel, stride, pad}};
}
