/* What all networks of a diffusion share: each function here walks through the parts and does one thing to each. Relies on
 * the functions of the layers' kinds. */
#include "model/denoiser.h"

#include "autodiff/ops/ops.h"

static const vae__shape embedding_shape = {
    .rank = 1, .extents = {VAE__STEP_FEATURES}, .size = VAE__STEP_FEATURES};

static const vae__layer embedding_layer = {.kind = &vae__layer_dense,
                                           .numbers = {VAE__STEP_FEATURES}};

#define KIND(name) &vae__denoiser_##name,
static const vae__denoiser_kind *const kinds[] = {VAE__DENOISERS(KIND) NULL};

static const vae__denoiser_kind *kind_of(const vae__denoiser_spec *spec) {
    return kinds[spec->network->kind];
}

/* How many places of vae__denoiser.first a part has. */
static size_t places_of(const vae__network_part *part) {
    return part->layer ? 1 + part->layer->inside : 0;
}

/* ---- text ---- */

vae_status vae__denoiser_parse(const vae__slice *value, void *network, void *user) {
    vae__network_spec *spec = network;
    char suggestion[VAE__SUGGESTION_SIZE];
    const char *names[VAE__DENOISER_COUNT] = {NULL}; /* of all but a list of layers */
    if (value->length && value->text[0] == '[')
        return vae__layers_parse(value, &spec->layers, user);
    for (int i = VAE__DENOISER_layers + 1; kinds[i]; i++) {
        names[i - 1] = kinds[i]->name;
        if (!vae__slice_is(value, kinds[i]->name)) continue;
        spec->kind = i;
        return VAE_OK;
    }
    vae__suggestion(suggestion, vae__nearest_name(value->text, value->length, names));
    return vae__fail_at(
        value, "network=%.*s: expected unet, or a list of layers such as [dense 128, silu]%s",
        vae__shown(value), value->text, suggestion);
}

void vae__denoiser_print(vae__buffer *out, const void *network) {
    const vae__network_spec *spec = network;
    if (spec->kind == VAE__DENOISER_layers) {
        vae__layers_print(out, &spec->layers);
    } else {
        vae__append(out, "%s", kinds[spec->kind]->name);
    }
}

/* ---- check ---- */

static vae_status count_places(void *user, const vae__network_part *part) {
    *(size_t *)user += places_of(part);
    return VAE_OK;
}

vae_status vae__denoiser_check(const vae__denoiser_spec *spec, const char *prefix) {
    size_t places = 0;
    vae_status status = kind_of(spec)->check(spec, prefix);
    if (!status) status = kind_of(spec)->walk(spec, count_places, &places);
    if (status || places <= VAE__MAX_PARTS) return status;
    return vae__fail(VAE_ERROR_TEXT, "%snetwork has %zu layers; the most are %d", prefix, places,
                     VAE__MAX_PARTS);
}

/* ---- parameters ---- */

static vae_status count_part(void *user, const vae__network_part *part) {
    if (part->layer && part->layer->kind->count)
        *(double *)user += part->layer->kind->count(part->layer, &part->in);
    return VAE_OK;
}

double vae__denoiser_count(const vae__denoiser_spec *spec) {
    double total = 2 * embedding_layer.kind->count(&embedding_layer, &embedding_shape);
    kind_of(spec)->walk(spec, count_part, &total);
    return total;
}

static vae_status declare_layer(const vae__declaration *d, const vae__layer *layer,
                                const vae__shape *in, const char *name, const char *part,
                                size_t *first) {
    char text[VAE__PARAMETER_NAME];
    vae__format(text, sizeof text, "%s.%s", name, part);
    return layer->kind->declare(layer, d, text, in, first);
}

typedef struct declaring {
    const vae__declaration *d;
    const char *name;
    size_t *first;
} declaring;

static vae_status declare_part(void *user, const vae__network_part *part) {
    declaring *w = user;
    size_t *first = w->first;
    w->first += places_of(part);
    if (!part->layer) return VAE_OK;
    *first = VAE__NONE;
    if (!part->layer->kind->declare) return VAE_OK;
    return declare_layer(w->d, part->layer, &part->in, w->name, part->name, first);
}

vae_status vae__denoiser_declare(const vae__denoiser_spec *spec, const vae__declaration *d,
                                 const char *name, vae__denoiser *places) {
    declaring w = {d, name, places->first};
    size_t second;
    vae_status status = declare_layer(d, &embedding_layer, &embedding_shape, name, "embedding.0",
                                      &places->embedding);
    if (!status)
        status = declare_layer(d, &embedding_layer, &embedding_shape, name, "embedding.2", &second);
    return status ? status : kind_of(spec)->walk(spec, declare_part, &w);
}

typedef struct initializing {
    const vae__spec *model;
    const vae__parameters *list;
    const size_t *first;
} initializing;

static vae_status initialize_part(void *user, const vae__network_part *part) {
    initializing *w = user;
    const size_t *first = w->first;
    w->first += places_of(part);
    if (part->layer && !part->starts_at_0)
        vae__layers_initialize(part->layer, places_of(part), w->model, w->list, first);
    return VAE_OK;
}

void vae__denoiser_initialize(const vae__denoiser_spec *spec, const vae__spec *model,
                              const vae__parameters *list, const vae__denoiser *places) {
    initializing w = {model, list, places->first};
    const size_t embedding[] = {places->embedding, places->embedding + 2};
    embedding_layer.kind->initialize(&embedding_layer, model, list, &embedding[0]);
    embedding_layer.kind->initialize(&embedding_layer, model, list, &embedding[1]);
    kind_of(spec)->walk(spec, initialize_part, &w); /* whose visits do not fail */
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

typedef struct adding {
    vae__graph *graph;
    const size_t *first;
    vae__id h, e, kept, saved[VAE__MOST_SAVED];
    size_t saved_count;
} adding;

/* h + W e + b. */
static vae_status add_step(adding *w, size_t place, size_t width) {
    vae__id map;
    vae_status status = vae__dense(w->graph, w->e, (vae__id)place, (vae__id)place + 1, width, &map);
    return status ? status : vae__add_channels(w->graph, w->h, map, &w->h);
}

static vae_status merge(adding *w, const vae__layer *layer, const size_t *first) {
    vae_status status = layer ? layer->kind->add(layer, first, w->graph, &w->kept) : VAE_OK;
    vae__layout layout = w->graph->values[w->h].layout;
    if (!status) status = vae__layout_node(w->graph, w->kept, layout, &w->kept);
    return status ? status : vae__add(w->graph, w->h, w->kept, &w->h);
}

static vae_status add_part(void *user, const vae__network_part *part) {
    adding *w = user;
    const size_t *first = w->first;
    w->first += places_of(part);
    switch (part->role) {
    case VAE__PART_LAYER: return part->layer->kind->add(part->layer, first, w->graph, &w->h);
    case VAE__PART_STEP: return add_step(w, *first, part->layer->numbers[0]);
    case VAE__PART_FORK: w->kept = w->h; return VAE_OK;
    case VAE__PART_MERGE: return merge(w, part->layer, first);
    case VAE__PART_SAVE:
        if (w->saved_count == VAE__MOST_SAVED)
            return vae__fail(VAE_ERROR_INTERNAL, "a network saves too many values");
        w->saved[w->saved_count++] = w->h;
        return VAE_OK;
    case VAE__PART_JOIN: return vae__concat(w->graph, w->h, w->saved[--w->saved_count], &w->h);
    }
    return VAE_OK;
}

vae_status vae__denoiser_add(const vae__denoiser_spec *spec, const vae__denoiser *places,
                             vae__graph *graph, vae__id x, vae__id step, vae__id *y) {
    adding w = {.graph = graph, .first = places->first, .h = x};
    vae_status status = add_embedding(spec, places, graph, step, &w.e);
    if (!status) status = kind_of(spec)->walk(spec, add_part, &w);
    return status ? status : vae__layout_node(graph, w.h, VAE__CHANNELS_FIRST, y);
}
