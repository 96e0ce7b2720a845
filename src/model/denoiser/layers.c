/* network=[dense 128, silu, ...]: a list of layers for vectors. Behind each layer with columns (dense), and each list inside
 * of a layer (res), a linear map of the step's embedding is added; a dense head follows. */
#include "model/denoiser.h"

static vae_status pass_shape(const vae__layer *layer, vae__shape *shape) {
    return layer->kind->infer ? layer->kind->infer(layer, NULL, shape) : VAE_OK;
}

static vae_status check(const vae__denoiser_spec *spec, const char *prefix) {
    const vae__layers *layers = &spec->network->layers;
    const vae__layer *items = layers->items;
    vae__shape shape = vae__shape_vector(spec->in.size);
    vae_status status = VAE_OK;
    for (size_t i = 0; i < layers->count && !status; i += 1 + items[i].inside) {
        status = pass_shape(&items[i], &shape);
        if (!status && shape.rank == 3)
            status =
                vae__fail(VAE_ERROR_TEXT,
                          "'%s' makes an image of a row, and a list of layers as the network of a "
                          "diffusion takes layers of vectors, such as %s",
                          items[i].kind->names[items[i].which], vae__layer_dense.example);
    }
    return status ? vae__fail_in("%snetwork", prefix) : VAE_OK;
}

/* Whether the embedding is added behind the layer. */
static int takes_step(const vae__layer *layer) {
    return layer->kind->columns != VAE__COLUMNS_NONE || layer->kind->nests;
}

static vae_status walk(const vae__denoiser_spec *spec, vae__part_visit visit, void *user) {
    const vae__layers *layers = &spec->network->layers;
    const vae__layer *items = layers->items, head = vae__dense_layer(spec->outputs);
    vae__shape shape = vae__shape_vector(spec->in.size);
    size_t number = 0;
    vae_status status = VAE_OK;
    for (size_t i = 0; i < layers->count && !status; i += 1 + items[i].inside, number++) {
        char name[VAE__PARAMETER_NAME];
        vae__format(name, sizeof name, "%zu", number);
        const vae__network_part part = {VAE__PART_LAYER, &items[i], name, shape, 0};
        status = visit(user, &part);
        if (!status) status = pass_shape(&items[i], &shape);
        if (status || !takes_step(&items[i])) continue;
        const vae__layer map = vae__dense_layer(shape.size);
        vae__format(name, sizeof name, "%zu.step", number);
        const vae__network_part step = {VAE__PART_STEP, &map, name,
                                        vae__shape_vector(VAE__STEP_FEATURES), 0};
        status = visit(user, &step);
    }
    const vae__network_part last = {VAE__PART_LAYER, &head, "head", shape, 1};
    return status ? status : visit(user, &last);
}

const vae__denoiser_kind vae__denoiser_layers = {.name = "layers", .check = check, .walk = walk};
