/* The network of a diffusion: from x_t and the step t to a prediction of the noise, the data or v. What it is made of is a
 * list of parts, in the order in which x_t goes through them; a kind of network is one file in denoiser/ that walks through
 * its parts, and one name in VAE__DENOISERS. Parameters, their start and the graph follow from the walk.
 *
 *     t -> sines and cosines -> dense, silu, dense, silu = e           (Ho et al. 2020, appendix B)
 *                                          |
 *     x_t -> part -> part -> .. -> part + map of e -> .. -> head -> prediction */
#ifndef VAE_MODEL_DENOISER_H
#define VAE_MODEL_DENOISER_H

#include "model/layer.h"

#define VAE__DENOISERS(X) \
    X(layers)             \
    X(unet)

#define VAE__DENOISER_ENTRY(name) VAE__DENOISER_##name,
enum { VAE__DENOISERS(VAE__DENOISER_ENTRY) VAE__DENOISER_COUNT };
#undef VAE__DENOISER_ENTRY

enum {
    VAE__STEP_FEATURES = 64, /* features of the step, and values of its embedding */
    VAE__MAX_PARTS =
        1024, /* of a network that have parameters, the layers inside of others included */
    VAE__MOST_SAVED = 64 /* values that wait for VAE__PART_JOIN at one time */
};

/* Places of its parameters in the model's list. */
typedef struct vae__denoiser {
    size_t embedding;             /* the first of the two dense layers that make the embedding */
    size_t first[VAE__MAX_PARTS]; /* of each layer's first, VAE__NONE where it has none */
} vae__denoiser;

/* What it is made of: the network's text, for rows of this shape, and the numbers of its output. */
typedef struct vae__denoiser_spec {
    const vae__network_spec *network;
    vae__shape in;
    size_t outputs;
    const double *time_scale; /* of the step before its features are made; read at each run */
} vae__denoiser_spec;

/* ---- parts ---- */

typedef enum vae__part_role {
    VAE__PART_LAYER, /* h = layer(h) */
    VAE__PART_STEP,  /* h = h + layer(embedding), to each position of an image */
    VAE__PART_FORK,  /* h is kept for the next MERGE */
    VAE__PART_MERGE, /* h = h + what was kept, which goes through the layer if there is one */
    VAE__PART_SAVE,  /* h is put upon a stack */
    VAE__PART_JOIN   /* h = the channels of h, then those of what is taken off the stack */
} vae__part_role;

typedef struct vae__network_part {
    vae__part_role role;
    const vae__layer *layer; /* or NULL; its own list follows it in memory */
    const char *name;        /* of the layer, under the network's name */
    vae__shape in;           /* of what the layer sees */
    int starts_at_0;         /* its weights are not drawn */
} vae__network_part;

/* What a walk calls for each part, in order. Anything but VAE_OK ends the walk. */
typedef vae_status (*vae__part_visit)(void *user, const vae__network_part *part);

typedef struct vae__denoiser_kind {
    const char *name;
    /* Fails with VAE_ERROR_TEXT where the network is not for rows of this shape. `prefix` stands before the keys in
     * messages: "prior_" or "". */
    vae_status (*check)(const vae__denoiser_spec *spec, const char *prefix);
    /* Visits each part of a network that `check` has let through. Fails as `visit` does. */
    vae_status (*walk)(const vae__denoiser_spec *spec, vae__part_visit visit, void *user);
} vae__denoiser_kind;

#define VAE__DECLARE_DENOISER(name) extern const vae__denoiser_kind vae__denoiser_##name;
VAE__DENOISERS(VAE__DECLARE_DENOISER)

/* ---- text ---- */

/* network=unet or network=[dense 128, silu], for the spec's table: into a vae__network_spec. */
vae_status vae__denoiser_parse(const vae__slice *value, void *network, void *user);
void vae__denoiser_print(vae__buffer *out, const void *network);

/* ---- all kinds ---- */

/* Fails with VAE_ERROR_TEXT where the network is not for rows of this shape. */
vae_status vae__denoiser_check(const vae__denoiser_spec *spec, const char *prefix);

/* Values of its parameters; in double, since a hostile spec can ask for more than size_t holds. */
double vae__denoiser_count(const vae__denoiser_spec *spec);

/* Declares its parameters, NAME.embedding.0.weight, NAME.0.weight, NAME.0.step.weight .. NAME.head.bias. Fails for lack of
 * memory. */
vae_status vae__denoiser_declare(const vae__denoiser_spec *spec, const vae__declaration *d,
                                 const char *name, vae__denoiser *places);

/* Random weights, as of any network; the last layer's stay 0, so that the first prediction is 0. All parameters are 0
 * before. */
void vae__denoiser_initialize(const vae__denoiser_spec *spec, const vae__spec *model,
                              const vae__parameters *list, const vae__denoiser *places);

/* Adds it to a graph: x [rows, ..] and step [rows or 1, 1], from 1 on -> y [rows, outputs] with channels first. One row of
 * the step stands for all rows of x, and its embedding is computed once. Fails as vae__graph_add does. */
vae_status vae__denoiser_add(const vae__denoiser_spec *spec, const vae__denoiser *places,
                             vae__graph *graph, vae__id x, vae__id step, vae__id *y);

#endif
