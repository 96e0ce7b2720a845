/* layernorm: each row to mean 0 and variance 1, then times a weight and plus a bias for each value (Ba, Kiros &
 * Hinton 2016; PyTorch's nn.LayerNorm over all dimensions of a row). Relies on the op of autodiff/ops/layernorm.c.
 */
#include "autodiff/ops/ops.h"
#include "model/layer.h"

static double count(const vae__layer *layer, const vae__shape *in) {
    (void)layer;
    return 2 * (double)in->size;
}

static vae_status declare(const vae__layer *layer, const vae__declaration *d, const char *name,
                          const vae__shape *in, size_t *first) {
    char text[VAE__PARAMETER_NAME];
    size_t bias;
    (void)layer;
    vae__format(text, sizeof text, "%s.weight", name);
    vae_status status = vae__parameters_add(d->context, d->list, text, 1, in->size, 1, 1, first);
    vae__format(text, sizeof text, "%s.bias", name);
    if (status) return status;
    return vae__parameters_add(d->context, d->list, text, 1, in->size, 1, 1, &bias);
}

static void initialize(const vae__layer *layer, const vae__spec *spec, const vae__parameters *list,
                       const size_t *first) {
    const vae__parameter *weight = &list->items[first[0]];
    (void)layer;
    (void)spec;
    for (size_t i = 0; i < weight->rows; i++) weight->values[i] = 1;
}

static vae_status add(const vae__layer *layer, const size_t *first, vae__graph *graph, vae__id *h) {
    (void)layer;
    vae_status status = vae__layout_node(graph, *h, VAE__CHANNELS_FIRST, h);
    if (status) return status;
    return vae__layernorm(graph, *h, (vae__id)first[0], (vae__id)first[0] + 1, h);
}

static const char *const names[] = {"layernorm", NULL};

const vae__layer_kind vae__layer_layernorm = {.names = names,
                                              .example = "layernorm",
                                              .count = count,
                                              .declare = declare,
                                              .initialize = initialize,
                                              .add = add};
