/* The text that says what a model is, as a struct: parsed, checked, printed. */
#ifndef VAE_MODEL_SPEC_H
#define VAE_MODEL_SPEC_H

#include "base/options.h"
#include "base/shape.h"

enum { VAE__MAX_LAYERS = 64, VAE__LAYER_NUMBERS = 4, VAE__MOST_DIMENSIONS = 3 };
#define VAE__MAX_WIDTH 0x7fffffff /* what CBLAS takes */

struct vae__layer_kind;

/* One layer, as its kind reads it (layer.h). */
typedef struct vae__layer {
    const struct vae__layer_kind *kind;
    size_t which;                       /* of the kind's names */
    size_t numbers[VAE__LAYER_NUMBERS]; /* what stands behind the name: dense: its outputs */
    size_t inside;                      /* layers of its own list, which follow it in the array */
    size_t place, length;               /* of its text in the spec's, for messages */
} vae__layer;

typedef struct vae__layers {
    vae__layer items[VAE__MAX_LAYERS];
    size_t count; /* those inside of others included */
} vae__layers;

/* Where the scale of a likelihood comes from (sigma=). VALUE is a number in the text. */
typedef enum vae__sigma_mode {
    VAE__SIGMA_SHARED,
    VAE__SIGMA_OPTIMAL,
    VAE__SIGMA_PER_DIM,
    VAE__SIGMA_DECODER,
    VAE__SIGMA_VALUE
} vae__sigma_mode;

typedef struct vae__sigma {
    vae__sigma_mode mode;
    double value;
} vae__sigma;

enum { VAE__INIT_AUTO, VAE__INIT_GLOROT, VAE__INIT_HE };

/* The layer behind the decoder: as its image suggests, or a dense one (network.h). */
enum { VAE__HEAD_AUTO, VAE__HEAD_DENSE };

/* Counts: whether a row's rates are multiplied by its mean count. */
enum { VAE__SIZE_NONE, VAE__SIZE_TOTAL };

/* prior=NAME or NAME:N, and what that prior's own keys say; which field is whose, its file says. */
typedef struct vae__prior_spec {
    int index;      /* in VAE__PRIORS */
    uint64_t count; /* N; 0: none */
    int choices[2];
    uint64_t numbers[2];
} vae__prior_spec;

/* The network of a diffusion. `kind` is of VAE__DENOISERS (denoiser.h); the other fields are those kinds' own. */
typedef struct vae__network_spec {
    int kind;
    vae__layers layers;                   /* layers */
    vae__number_list channels, attention; /* unet: from the whole image down; heights */
    uint64_t blocks, groups;              /* unet: of each height; of each groupnorm */
} vae__network_spec;

/* A diffusion: prior=diffusion's, or of model=diffusion. The choices are those of src/diffusion. */
typedef struct vae__diffusion_spec {
    uint64_t steps;
    int schedule, predict, variance;
    int data; /* what p(x|x_1) is of; follows from the likelihood */
    vae__network_spec network;
} vae__diffusion_spec;

struct vae__likelihood;

typedef struct vae__spec {
    int kind; /* model=, in VAE__MODEL_KINDS */
    vae__shape input;
    uint64_t latent;
    int likelihood_index;                     /* in VAE__LIKELIHOODS */
    const struct vae__likelihood *likelihood; /* compiled for any machine; a model takes its own */
    vae__layers encoder, decoder;
    vae__sigma sigma;
    double sigma_min;
    int size;
    int standardize; /* columns to mean 0, variance 1 (standardize.h) */
    int init, posterior, head;
    vae__prior_spec prior;
    vae__diffusion_spec diffusion; /* of the prior or of the model, if it is one */
    uint64_t seed;
} vae__spec;

extern const vae__option_table vae__spec_table;

vae_status vae__spec_parse(const char *text, vae__spec *spec);

/* Appends the canonical text. */
void vae__spec_print(const vae__spec *spec, vae__buffer *out);

#endif
