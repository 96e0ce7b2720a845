/* The parameters of a network: the encoder, the decoder and their heads; their names, their starting values,
 * and what follows from the data before training. */
#ifndef VAE_MODEL_NETWORK_H
#define VAE_MODEL_NETWORK_H

#include "model/diffusion.h"
#include "model/layer.h"
#include "model/likelihood.h"

/* Places in the parameter list: of each layer's first parameter, VAE__NONE where it has none. */
typedef struct vae__network {
    size_t encoder[VAE__MAX_LAYERS], decoder[VAE__MAX_LAYERS];
    size_t posterior; /* the dense head [2 latent, in]: means, then raw log variances */
    vae__layer head;  /* the layer that makes the likelihood's parameters: vae__network_head */
    vae__likelihood_parameters likelihood;
    size_t shift, scale;             /* standardize=1: [width], not trained; else VAE__NONE */
    size_t prior;                    /* the first of the prior's, if it has any */
    vae__diffusion_places diffusion; /* of a diffusion, if there is one */
} vae__network;

/* Groups of parameters (vae__parameter.group), which training may leave out. */
enum { VAE__GROUP_NETWORK = 1, VAE__GROUP_PRIOR = 2 };

/* The layer behind the decoder (head=auto), and the shape of a row in front of it: a convolution where the
 * decoder ends in an image of the input's height and width, a transposed one at half of both, else dense. */
vae__layer vae__network_head(const vae__spec *spec, vae__shape *front);

/* Whether the head has outputs of its own for each value of x: if not, all positions of a channel share them. */
int vae__network_head_is_dense(const vae__network *network);

/* Declares every parameter, in the order of computation, then the prior's, and allocates them. The floor of
 * the likelihood, which is counted only once it holds something, is the last of all. Names are those of a
 * PyTorch Sequential: encoder.0.weight, posterior.weight, decoder.0.weight, likelihood.weight ...
 */
vae_status vae__network_declare(vae_context *context, const vae__spec *spec, vae__parameters *list,
                                vae__network *network);

/* input.shift and input.scale, if the spec has standardize=1: part of it, for other kinds of model. */
vae_status vae__network_declare_standardization(vae_context *context, const vae__spec *spec,
                                                vae__parameters *list, vae__network *network);

/* Values of all parameters that the spec asks for; in double, since a hostile spec can ask for more
 * than size_t holds. */
double vae__network_parameter_total(const vae__spec *spec);

/* Random weights (init=), zero biases, and all else as it is declared: whatever the values were. */
void vae__network_initialize(const vae__spec *spec, const vae__network *network,
                             const vae__parameters *list);

/* Takes a column out, of a network with a dense head: its outputs are their biases for every z, and a first layer
 * with a weight for each value (vae__layer_kind.columns) does not see it. */
void vae__network_hold_column(const vae__spec *spec, const vae__network *network,
                              const vae__parameters *list, size_t column);

/* Changes the first encoder layer so that rows with these statistics reach it with mean 0 and, over
 * all columns together, variance 1; a convolution sees the mean of each channel. Nothing to do where the encoder
 * starts with a layer of neither kind. */
void vae__network_scale_input(const vae__spec *spec, const vae__network *network,
                              const vae__parameters *list, const vae__statistics *statistics);

/* The statistics of columns become those of channels: width is their number, a mean is over all positions, and a
 * variance is about it. No channel counts as constant. */
void vae__network_pool_channels(const vae__spec *spec, vae__statistics *statistics);

#endif
