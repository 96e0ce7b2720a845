/* relu, tanh and the others of VAE__ACTIVATIONS: one kind that answers to all their names. Relies on the ops of
 * autodiff/ops/activation.c; it has no parameters and keeps the shape. */
#include "autodiff/ops/ops.h"
#include "model/layer.h"

static vae_status add(const vae__layer *layer, const size_t *first, vae__graph *graph, vae__id *h) {
    (void)first;
    return vae__activation(graph, *h, (int)layer->which, h);
}

const vae__layer_kind vae__layer_activation = {
    .names = vae__activation_names, .example = "relu", .add = add};
