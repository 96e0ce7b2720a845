/* The network of a diffusion: from x_t and the step t to a prediction of the noise, the data or v. It is a list of layers,
 * each of which with columns (dense) or a list of its own (res) receives the embedding of the step, and a dense head. */
#ifndef VAE_MODEL_DENOISER_H
#define VAE_MODEL_DENOISER_H

#include "model/layer.h"

/* Features of the step, and values of its embedding. */
enum { VAE__STEP_FEATURES = 64 };

/* Places of its parameters in the model's list. */
typedef struct vae__denoiser {
    size_t layers[VAE__MAX_LAYERS]; /* of each layer's first, VAE__NONE where it has none */
    size_t embedding;               /* of the two dense layers that make the embedding */
    size_t steps
        [VAE__MAX_LAYERS]; /* of the map from the embedding to behind this layer, or VAE__NONE */
    size_t head;
} vae__denoiser;

/* What it is made of: layers for rows of this shape, and the numbers of its output. */
typedef struct vae__denoiser_spec {
    const vae__layers *layers;
    vae__shape in;
    size_t outputs;
    const double *time_scale; /* of the step before its features are made; read at each run */
} vae__denoiser_spec;

/* Fails with VAE_ERROR_TEXT where a layer does not take the rows in front of it, or makes an image of them. */
vae_status vae__denoiser_check(const vae__denoiser_spec *spec);

/* Values of its parameters; in double, since a hostile spec can ask for more than size_t holds. */
double vae__denoiser_count(const vae__denoiser_spec *spec);

/* Declares its parameters, NAME.embedding.0.weight, NAME.0.weight, NAME.0.step.weight .. NAME.head.bias. Fails for lack of
 * memory. */
vae_status vae__denoiser_declare(const vae__denoiser_spec *spec, const vae__declaration *d,
                                 const char *name, vae__denoiser *places);

/* Random weights, as of any network; the head's stay 0, so that the first prediction is 0. All parameters are 0 before. */
void vae__denoiser_initialize(const vae__denoiser_spec *spec, const vae__spec *model,
                              const vae__parameters *list, const vae__denoiser *places);

/* Adds it to a graph: x [rows, d] and step [rows or 1, 1], from 1 on -> y [rows, outputs]. One row of the step stands for
 * all rows of x, and its embedding is computed once. Fails as vae__graph_add
 * does. */
vae_status vae__denoiser_add(const vae__denoiser_spec *spec, const vae__denoiser *places,
                             vae__graph *graph, vae__id x, vae__id step, vae__id *y);

#endif
