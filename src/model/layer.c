/* The list of layer kinds, and walks over a list of layers. A walk visits the layers of one list, from one to the
 * next behind what is inside of it; a kind that nests walks over its own. */
#include "model/layer.h"

#define ENTRY(name) &vae__layer_##name,
const vae__layer_kind *const vae__layer_kinds[] = {VAE__LAYER_KINDS(ENTRY) NULL};

/* From a layer to the next of the same list. */
static size_t step_of(const vae__layer *layer) {
    return 1 + layer->inside;
}

static vae_status infer(const vae__layer *layer, const char *text, vae__shape *shape) {
    return layer->kind->infer ? layer->kind->infer(layer, text, shape) : VAE_OK;
}

vae_status vae__layers_infer(const vae__layer *layers, size_t count, const char *text,
                             vae__shape *shape) {
    vae_status status = VAE_OK;
    for (size_t i = 0; i < count && !status; i += step_of(&layers[i]))
        status = infer(&layers[i], text, shape);
    return status;
}

double vae__layers_count(const vae__layer *layers, size_t count, vae__shape *shape) {
    double total = 0;
    for (size_t i = 0; i < count; i += step_of(&layers[i])) {
        if (layers[i].kind->count) total += layers[i].kind->count(&layers[i], shape);
        if (infer(&layers[i], NULL, shape)) break;
    }
    return total;
}

vae_status vae__layers_declare(const vae__layer *layers, size_t count, const vae__declaration *d,
                               const char *name, vae__shape *shape, size_t *first) {
    size_t number = 0;
    vae_status status = VAE_OK;
    for (size_t i = 0; i < count && !status; i += step_of(&layers[i]), number++) {
        char own[VAE__PARAMETER_NAME];
        first[i] = VAE__NONE;
        vae__format(own, sizeof own, "%s.%zu", name, number);
        if (layers[i].kind->declare)
            status = layers[i].kind->declare(&layers[i], d, own, shape, first + i);
        if (!status) status = infer(&layers[i], NULL, shape);
    }
    return status;
}

void vae__layers_initialize(const vae__layer *layers, size_t count, const vae__spec *spec,
                            const vae__parameters *list, const size_t *first) {
    for (size_t i = 0; i < count; i += step_of(&layers[i])) {
        if (layers[i].kind->initialize)
            layers[i].kind->initialize(&layers[i], spec, list, first + i);
    }
}

vae_status vae__layers_add(const vae__layer *layers, size_t count, const size_t *first,
                           vae__graph *graph, vae__id *h) {
    vae_status status = VAE_OK;
    for (size_t i = 0; i < count && !status; i += step_of(&layers[i]))
        status = layers[i].kind->add(&layers[i], first + i, graph, h);
    return status;
}
