/* res[ ... ]: y = x + f(x), f the layers in brackets (He et al. 2016, "Deep residual learning for image
 * recognition"). Where f changes the number of values, y = w x + b + f(x), with a dense layer "skip" of its own.
 * Relies on the functions of the layers in brackets. */
#include "autodiff/ops/ops.h"
#include "model/layer.h"

static vae_status infer(const vae__layer *layer, const char *text, vae__shape *shape) {
    return vae__layers_infer(layer + 1, layer->inside, text, shape);
}

static double count(const vae__layer *layer, const vae__shape *in) {
    vae__shape shape = *in;
    double total = vae__layers_count(layer + 1, layer->inside, &shape);
    if (shape.size == in->size) return total;
    const vae__layer skip = vae__dense_layer(shape.size);
    return total + skip.kind->count(&skip, in);
}

static vae_status declare(const vae__layer *layer, const vae__declaration *d, const char *name,
                          const vae__shape *in, size_t *first) {
    vae__shape shape = *in;
    vae_status status = vae__layers_declare(layer + 1, layer->inside, d, name, &shape, first + 1);
    if (status || shape.size == in->size) return status;
    char text[VAE__PARAMETER_NAME];
    const vae__layer skip = vae__dense_layer(shape.size);
    vae__format(text, sizeof text, "%s.skip", name);
    return skip.kind->declare(&skip, d, text, in, first);
}

static void initialize(const vae__layer *layer, const vae__spec *spec, const vae__parameters *list,
                       const size_t *first) {
    vae__layers_initialize(layer + 1, layer->inside, spec, list, first + 1);
    if (first[0] != VAE__NONE) vae__layer_dense.initialize(layer, spec, list, first);
}

static vae_status add(const vae__layer *layer, const size_t *first, vae__graph *graph, vae__id *h) {
    vae__id x = *h, f = *h;
    vae_status status = vae__layers_add(layer + 1, layer->inside, first + 1, graph, &f);
    if (!status && first[0] != VAE__NONE)
        status = vae__dense(graph, x, (vae__id)first[0], (vae__id)first[0] + 1,
                            graph->values[f].width, &x);
    if (!status) status = vae__add(graph, x, f, h);
    return status;
}

static const char *const names[] = {"res", NULL};

const vae__layer_kind vae__layer_res = {.names = names,
                                        .example = "res[dense 400, relu]",
                                        .nests = 1,
                                        .infer = infer,
                                        .count = count,
                                        .declare = declare,
                                        .initialize = initialize,
                                        .add = add};
