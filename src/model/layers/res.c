/* res[ ... ]: y = x + f(x), f the layers in brackets (He et al. 2016, "Deep residual learning for image
 * recognition"). Where f changes the number of values, y = w x + b + f(x), with a layer "skip" of its own: a
 * convolution of one value between images, else a dense layer. Relies on the functions of the layers in brackets. */
#include "autodiff/ops/ops.h"
#include "model/layer.h"

/* Whether x goes through a layer, and through which. */
static int skip_of(const vae__shape *in, const vae__shape *out, vae__layer *skip) {
    int images = in->rank == 3 && out->rank == 3;
    *skip = images ? vae__conv_layer(out->extents[0], 1, 0) : vae__dense_layer(out->size);
    return in->size != out->size;
}

static vae_status infer(const vae__layer *layer, const char *text, vae__shape *shape) {
    const vae__shape in = *shape;
    vae_status status = vae__layers_infer(layer + 1, layer->inside, text, shape);
    if (status || in.rank != 3 || shape->rank != 3) return status;
    if (in.extents[1] == shape->extents[1] && in.extents[2] == shape->extents[2]) return VAE_OK;
    char made[64];
    vae__shape_text(made, sizeof made, shape);
    return vae__layer_refuse(layer, text, &in,
                             "its layers make %s of them, to which they cannot be added: height "
                             "and width must stay",
                             made);
}

static double count(const vae__layer *layer, const vae__shape *in) {
    vae__shape shape = *in;
    vae__layer skip;
    double total = vae__layers_count(layer + 1, layer->inside, &shape);
    return total + (skip_of(in, &shape, &skip) ? skip.kind->count(&skip, in) : 0);
}

static vae_status declare(const vae__layer *layer, const vae__declaration *d, const char *name,
                          const vae__shape *in, size_t *first) {
    vae__shape shape = *in;
    vae__layer skip;
    vae_status status = vae__layers_declare(layer + 1, layer->inside, d, name, &shape, first + 1);
    if (status || !skip_of(in, &shape, &skip)) return status;
    char text[VAE__PARAMETER_NAME];
    vae__format(text, sizeof text, "%s.skip", name);
    return skip.kind->declare(&skip, d, text, in, first);
}

static void initialize(const vae__layer *layer, const vae__spec *spec, const vae__parameters *list,
                       const size_t *first) {
    vae__layers_initialize(layer + 1, layer->inside, spec, list, first + 1);
    if (first[0] == VAE__NONE) return;
    const vae__layer skip = list->items[first[0]].taps
                                ? vae__conv_layer(list->items[first[0]].rows, 1, 0)
                                : vae__dense_layer(list->items[first[0]].rows);
    skip.kind->initialize(&skip, spec, list, first);
}

/* Both in one layout: that of f where both are images, else the public one. */
static vae_status meet(vae__graph *graph, vae__id *x, vae__id *f) {
    int images = graph->values[*x].shape.rank == 3 && graph->values[*f].shape.rank == 3;
    vae__layout layout = images ? graph->values[*f].layout : VAE__CHANNELS_FIRST;
    vae_status status = vae__layout_node(graph, *x, layout, x);
    if (!status) status = vae__layout_node(graph, *f, layout, f);
    return status;
}

static vae_status add(const vae__layer *layer, const size_t *first, vae__graph *graph, vae__id *h) {
    vae__id x = *h, f = *h;
    vae__layer skip;
    vae_status status = vae__layers_add(layer + 1, layer->inside, first + 1, graph, &f);
    if (!status && first[0] != VAE__NONE) {
        skip_of(&graph->values[x].shape, &graph->values[f].shape, &skip);
        status = skip.kind->add(&skip, first, graph, &x);
    }
    if (!status) status = meet(graph, &x, &f);
    if (!status) status = vae__add(graph, f, x, h); /* in the place of f */
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
