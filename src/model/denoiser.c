/* A list of layers that knows the step: behind each layer with columns, and each list inside of a layer, a linear map of the
 * step's embedding is added. The embedding is dense, silu, dense, silu of sines and cosines of the step (Ho et al. 2020,
 * appendix B). Relies on the functions of the layers' kinds. */
#include "model/denoiser.h"

#include "autodiff/ops/ops.h"

static const vae__shape embedding_shape = {
    .rank = 1, .extents = {VAE__STEP_FEATURES}, .size = VAE__STEP_FEATURES};

static const vae__layer embedding_layer = {.kind = &vae__layer_dense,
                                           .numbers = {VAE__STEP_FEATURES}};

/* Whether the embedding is added behind the layer. */
static int takes_step(const vae__layer *layer) {
    return layer->kind->columns != VAE__COLUMNS_NONE || layer->kind->nests;
}

static vae_status pass_shape(const vae__layer *layer, vae__shape *shape) {
    return layer->kind->infer ? layer->kind->infer(layer, NULL, shape) : VAE_OK;
}

vae_status vae__denoiser_check(const vae__denoiser_spec *spec) {
    const vae__layer *items = spec->layers->items;
    vae__shape shape = spec->in;
    vae_status status = VAE_OK;
    for (size_t i = 0; i < spec->layers->count && !status; i += 1 + items[i].inside) {
        status = items[i].kind->infer ? items[i].kind->infer(&items[i], NULL, &shape) : VAE_OK;
        if (!status && shape.rank == 3)
            status = vae__fail(VAE_ERROR_TEXT,
                               "'%s' makes an image of a row, and the network of a diffusion takes "
                               "layers of vectors, such as %s",
                               items[i].kind->names[items[i].which], vae__layer_dense.example);
    }
    return status;
}

/* ---- parameters ---- */

double vae__denoiser_count(const vae__denoiser_spec *spec) {
    vae__shape shape = spec->in;
    double per_layer = VAE__STEP_FEATURES + 1, total = 2 * per_layer * VAE__STEP_FEATURES;
    const vae__layer *items = spec->layers->items;
    for (size_t i = 0; i < spec->layers->count; i += 1 + items[i].inside) {
        if (items[i].kind->count) total += items[i].kind->count(&items[i], &shape);
        if (pass_shape(&items[i], &shape)) break;
        if (takes_step(&items[i])) total += per_layer * (double)shape.size;
    }
    return total + ((double)shape.size + 1) * (double)spec->outputs;
}

static vae_status declare_dense(const vae__declaration *d, const vae__layer *layer,
                                const vae__shape *in, const char *name, const char *part,
                                size_t *first) {
    char text[VAE__PARAMETER_NAME];
    vae__format(text, sizeof text, "%s.%s", name, part);
    return layer->kind->declare(layer, d, text, in, first);
}

/* Layer `number` of the list, and the map of the embedding behind it. */
static vae_status declare_layer(const vae__layer *layer, const vae__declaration *d,
                                const char *name, vae__shape *shape, size_t *first, size_t *step) {
    *first = *step = VAE__NONE;
    vae_status status =
        layer->kind->declare ? layer->kind->declare(layer, d, name, shape, first) : VAE_OK;
    if (!status) status = pass_shape(layer, shape);
    if (status || !takes_step(layer)) return status;
    const vae__layer map = vae__dense_layer(shape->size);
    return declare_dense(d, &map, &embedding_shape, name, "step", step);
}

vae_status vae__denoiser_declare(const vae__denoiser_spec *spec, const vae__declaration *d,
                                 const char *name, vae__denoiser *places) {
    const vae__layer *items = spec->layers->items, head = vae__dense_layer(spec->outputs);
    vae__shape shape = spec->in;
    size_t second, number = 0;
    vae_status status = declare_dense(d, &embedding_layer, &embedding_shape, name, "embedding.0",
                                      &places->embedding);
    if (!status)
        status = declare_dense(d, &embedding_layer, &embedding_shape, name, "embedding.2", &second);
    for (size_t i = 0; i < spec->layers->count && !status; i += 1 + items[i].inside, number++) {
        char own[VAE__PARAMETER_NAME];
        vae__format(own, sizeof own, "%s.%zu", name, number);
        status = declare_layer(&items[i], d, own, &shape, &places->layers[i], &places->steps[i]);
    }
    if (!status) status = declare_dense(d, &head, &shape, name, "head", &places->head);
    return status;
}

void vae__denoiser_initialize(const vae__denoiser_spec *spec, const vae__spec *model,
                              const vae__parameters *list, const vae__denoiser *places) {
    const vae__layer *items = spec->layers->items;
    size_t first = places->embedding;
    embedding_layer.kind->initialize(&embedding_layer, model, list, &first);
    first += 2;
    embedding_layer.kind->initialize(&embedding_layer, model, list, &first);
    vae__layers_initialize(items, spec->layers->count, model, list, places->layers);
    for (size_t i = 0; i < spec->layers->count; i += 1 + items[i].inside) {
        if (places->steps[i] != VAE__NONE)
            vae__layer_dense.initialize(NULL, model, list, &places->steps[i]);
    }
}

/* ---- graph ---- */

static vae_status add_embedding(const vae__denoiser_spec *spec, const vae__denoiser *places,
                                vae__graph *graph, vae__id step, vae__id *e) {
    vae_status status = vae__sinusoid(graph, step, VAE__STEP_FEATURES, spec->time_scale, e);
    for (size_t i = 0; i < 2 && !status; i++) {
        vae__id weight = (vae__id)(places->embedding + 2 * i);
        status = vae__dense(graph, *e, weight, weight + 1, VAE__STEP_FEATURES, e);
        if (!status) status = vae__activation(graph, *e, VAE__ACTIVATION_silu, e);
    }
    return status;
}

/* h + W e + b, with one row of e for all rows of h where the step is one. */
static vae_status add_step(vae__graph *graph, vae__id e, size_t place, vae__id *h) {
    vae__id map;
    const vae__value made = graph->values[*h];
    vae_status status = vae__dense(graph, e, (vae__id)place, (vae__id)place + 1, made.width, &map);
    if (!status && graph->values[e].domain != made.domain)
        status = vae__broadcast(graph, map, made.domain, &map);
    return status ? status : vae__add(graph, *h, map, h);
}

vae_status vae__denoiser_add(const vae__denoiser_spec *spec, const vae__denoiser *places,
                             vae__graph *graph, vae__id x, vae__id step, vae__id *y) {
    const vae__layer *items = spec->layers->items;
    vae__id h = x, e;
    vae_status status = add_embedding(spec, places, graph, step, &e);
    for (size_t i = 0; i < spec->layers->count && !status; i += 1 + items[i].inside) {
        status = items[i].kind->add(&items[i], places->layers + i, graph, &h);
        if (!status && places->steps[i] != VAE__NONE)
            status = add_step(graph, e, places->steps[i], &h);
    }
    if (status) return status;
    return vae__dense(graph, h, (vae__id)places->head, (vae__id)places->head + 1, spec->outputs, y);
}
