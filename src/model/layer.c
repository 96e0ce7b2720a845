/* The list of layer kinds, and walks over a list of layers. A walk visits the layers of one list, from one to the
 * next behind what is inside of it; a kind that nests walks over its own. */
#include "model/layer.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#define ENTRY(name) &vae__layer_##name,
const vae__layer_kind *const vae__layer_kinds[] = {VAE__LAYER_KINDS(ENTRY) NULL};

/* ---- for the kinds ---- */

/* auto: sqrt(1 / in), a third of LeCun's variance, which trained best where it was measured (docs/training.md);
 * Glorot & Bengio 2010: sqrt(6 / (in + out)); He et al. 2015: sqrt(6 / in). */
double vae__init_limit(int init, double in, double out) {
    switch (init) {
    case VAE__INIT_GLOROT: return sqrt(6 / (in + out));
    case VAE__INIT_HE: return sqrt(6 / in);
    default: return sqrt(1 / in);
    }
}

vae_status vae__layer_number(const vae__slice *item, vae__slice *rest, const char *what,
                             size_t least, size_t most, size_t *number) {
    vae__slice word;
    uint64_t found;
    if (!vae__word_next(rest, &word))
        return vae__fail_at(item, "%s: expected a whole number from %zu to %zu", what, least, most);
    if (!vae__parse_unsigned(word.text, word.length, &found) || found < least || found > most) {
        return vae__fail_at(&word, "%s: expected a whole number from %zu to %zu, found '%.*s'",
                            what, least, most, vae__shown(&word), word.text);
    }
    *number = (size_t)found;
    return VAE_OK;
}

vae_status vae__layer_refuse(const vae__layer *layer, const char *text, const vae__shape *shape,
                             const char *why, ...) {
    const vae__slice place = vae__layer_place(layer, text);
    const char *name = layer->kind->names[layer->which];
    char found[64], reason[200];
    va_list list;
    vae__shape_text(found, sizeof found, shape);
    va_start(list, why);
    vae__format_list(reason, sizeof reason, why, list);
    va_end(list);
    return vae__fail_at(&place, "'%.*s' does not take rows of %s: %s",
                        place.length ? vae__shown(&place) : (int)strlen(name),
                        place.length ? place.text : name, found, reason);
}

vae_status vae__layer_need_image(const vae__layer *layer, const char *text,
                                 const vae__shape *shape) {
    if (shape->rank == 3) return VAE_OK;
    if (shape->rank == 2) {
        return vae__layer_refuse(layer, text, shape,
                                 "an image has channels, height and width, such as 1x%zux%zu",
                                 shape->extents[0], shape->extents[1]);
    }
    return vae__layer_refuse(layer, text, shape,
                             "it takes images: begin with one (input=3x64x64) or put 'reshape "
                             "CxHxW' in front of it");
}

vae_status vae__layer_image(const vae__layer *layer, const char *text, size_t channels,
                            size_t height, size_t width, vae__shape *shape) {
    double size = (double)channels * (double)height * (double)width;
    if (size > VAE__MAX_WIDTH) {
        return vae__layer_refuse(layer, text, shape, "%zux%zux%zu are more than %d values",
                                 channels, height, width, VAE__MAX_WIDTH);
    }
    *shape = (vae__shape){3, {channels, height, width}, channels * height * width};
    return VAE_OK;
}

/* ---- walks ---- */

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
