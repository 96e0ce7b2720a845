/* Layers: what encoder= and decoder= are lists of. A kind of layer is one file in layers/ and one name in
 * VAE__LAYER_KINDS; everything else that has to do with layers goes through the functions of its kind. */
#ifndef VAE_MODEL_LAYER_H
#define VAE_MODEL_LAYER_H

#include "autodiff/graph.h"
#include "model/spec.h"

#define VAE__LAYER_KINDS(X) \
    X(dense)                \
    X(activation)           \
    X(layernorm)            \
    X(res)                  \
    X(conv)                 \
    X(deconv)               \
    X(avgpool)              \
    X(upsample)             \
    X(groupnorm)            \
    X(attention)            \
    X(reshape)              \
    X(flatten)

/* What the columns of a layer's first parameter, a weight, belong to in a row in front: nothing that is of use
 * here; each to a value; each to a channel, column c to channel c % channels (network.h). */
typedef enum vae__columns {
    VAE__COLUMNS_NONE,
    VAE__COLUMNS_OF_VALUES,
    VAE__COLUMNS_OF_CHANNELS
} vae__columns;

/* What declaring parameters needs. */
typedef struct vae__declaration {
    vae_context *context;
    vae__parameters *list;
} vae__declaration;

/* The functions see a layer in its list, so that the layers inside of it follow it: layer + 1 and on. `first`
 * runs along with them: for each layer the place of its first parameter in the model's list. NULL for a
 * function: a layer of this kind has nothing to do there. */
typedef struct vae__layer_kind {
    const char *const
        *names; /* that it answers to, ending in NULL; `which` of a layer is the name's place */
    const char *example; /* for messages: "dense 400" */
    int nests;           /* a list of layers in brackets follows the name */

    /* Reads what stands behind the name and cuts it off `rest`. Fails with VAE_ERROR_TEXT at its place. */
    vae_status (*parse)(const vae__slice *item, vae__slice *rest, vae__layer *layer);

    /* Appends what stands behind the name, a blank in front. */
    void (*print)(vae__buffer *out, const vae__layer *layer);

    /* *shape, of a row in front of the layer, becomes that of a row behind it. Fails with VAE_ERROR_TEXT at
     * the layer's place in `text`, the spec, if it does not take such rows. NULL: the shape stays. */
    vae_status (*infer)(const vae__layer *layer, const char *text, vae__shape *shape);

    /* How many values its parameters have behind rows of this shape; in double, since a hostile spec can ask
     * for more than size_t holds. */
    double (*count)(const vae__layer *layer, const vae__shape *in);

    /* Declares its parameters, "NAME.weight" and so on, for rows of this shape, and sets first[0]. */
    vae_status (*declare)(const vae__layer *layer, const vae__declaration *d, const char *name,
                          const vae__shape *in, size_t *first);

    /* Starting values. All parameters are 0 before. */
    void (*initialize)(const vae__layer *layer, const vae__spec *spec, const vae__parameters *list,
                       const size_t *first);

    /* Adds it to the graph: *h, what is in front of it, becomes what is behind it. */
    vae_status (*add)(const vae__layer *layer, const size_t *first, vae__graph *graph, vae__id *h);

    /* Not VAE__COLUMNS_NONE: its first parameter is a weight [out, columns], its second a bias [out]: what the
     * start from data changes (network.h). */
    vae__columns columns;
} vae__layer_kind;

#define VAE__DECLARE_LAYER(name) extern const vae__layer_kind vae__layer_##name;
VAE__LAYER_KINDS(VAE__DECLARE_LAYER)

/* A dense layer of that many outputs: the heads of a network. */
vae__layer vae__dense_layer(size_t outputs);

/* conv channels kernel pad P, deconv channels kernel stride S pad P: other heads, and the map of a residual
 * block. */
vae__layer vae__conv_layer(size_t channels, size_t kernel, size_t pad);
vae__layer vae__deconv_layer(size_t channels, size_t kernel, size_t stride, size_t pad);

/* ---- for the kinds ---- */

/* Weights start uniform on (-limit, limit), for a layer whose outputs each see `in` values and whose inputs
 * are each seen by `out`. */
double vae__init_limit(int init, double in, double out);

/* Reads the next word, a whole number in [least, most]: `what` says of what, for messages at `item`. */
vae_status vae__layer_number(const vae__slice *item, vae__slice *rest, const char *what,
                             size_t least, size_t most, size_t *number);

/* For infer. Fails with VAE_ERROR_TEXT at the layer, which does not take rows of this shape, and says why. */
vae_status vae__layer_refuse(const vae__layer *layer, const char *text, const vae__shape *shape,
                             const char *why, ...) VAE__PRINTF(4, 5);

/* Refuses all shapes but [channels, height, width]. */
vae_status vae__layer_need_image(const vae__layer *layer, const char *text,
                                 const vae__shape *shape);

/* *shape becomes [channels, height, width]; refuses one of more values than a row can have. */
vae_status vae__layer_image(const vae__layer *layer, const char *text, size_t channels,
                            size_t height, size_t width, vae__shape *shape);

/* The kinds of VAE__LAYER_KINDS in order, ending in NULL. */
extern const vae__layer_kind *const vae__layer_kinds[];

/* ---- text (layer_text.c) ---- */

/* encoder=[dense 400, relu, res[dense 400, relu]], for the spec's table. */
vae_status vae__layers_parse(const vae__slice *value, void *layers, void *user);
void vae__layers_print(vae__buffer *out, const void *layers);

/* Where the layer stands in the spec `text`. NULL: nowhere. For the messages of `infer`. */
vae__slice vae__layer_place(const vae__layer *layer, const char *text);

/* ---- a list of layers: `count` items, those inside of others included ---- */

vae_status vae__layers_infer(const vae__layer *layers, size_t count, const char *text,
                             vae__shape *shape);
double vae__layers_count(const vae__layer *layers, size_t count, vae__shape *shape);
/* Layer i of the list has the name NAME.i. */
vae_status vae__layers_declare(const vae__layer *layers, size_t count, const vae__declaration *d,
                               const char *name, vae__shape *shape, size_t *first);
void vae__layers_initialize(const vae__layer *layers, size_t count, const vae__spec *spec,
                            const vae__parameters *list, const size_t *first);
vae_status vae__layers_add(const vae__layer *layers, size_t count, const size_t *first,
                           vae__graph *graph, vae__id *h);

#endif
