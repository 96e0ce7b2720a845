/* flatten: an image as a vector, channel by channel (PyTorch's nn.Flatten). A dense layer does so by itself; written
 * out, flatten takes a number in the list of layers, as in a PyTorch Sequential. */
#include "autodiff/ops/ops.h"
#include "model/layer.h"

static vae_status infer(const vae__layer *layer, const char *text, vae__shape *shape) {
    (void)layer;
    (void)text;
    *shape = vae__shape_vector(shape->size);
    return VAE_OK;
}

static vae_status add(const vae__layer *layer, const size_t *first, vae__graph *graph, vae__id *h) {
    (void)layer;
    (void)first;
    const vae__shape shape = vae__shape_vector(graph->values[*h].width);
    return vae__reshape(graph, *h, &shape, h);
}

static const char *const names[] = {"flatten", NULL};

const vae__layer_kind vae__layer_flatten = {
    .names = names, .example = "flatten", .infer = infer, .add = add};
