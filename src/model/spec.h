/* The text that says what a model is, as a struct: parsed, checked, printed. */
#ifndef VAE_MODEL_SPEC_H
#define VAE_MODEL_SPEC_H

#include "base/options.h"
#include "base/shape.h"

enum { VAE__MOST_LAYERS = 64, VAE__MOST_DIMENSIONS = 3 };

/* A dense layer of `width` outputs, or an activation (width 0). */
typedef struct vae__layer {
    size_t width;
    int activation; /* in VAE__ACTIVATIONS */
} vae__layer;

typedef struct vae__layers {
    vae__layer items[VAE__MOST_LAYERS];
    size_t count;
} vae__layers;

/* Where the Gaussian's sigma comes from. VALUE is a number in the text. */
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

/* Counts: whether a row's rates are multiplied by its mean count. */
enum { VAE__SIZE_NONE, VAE__SIZE_TOTAL };

struct vae__likelihood;

typedef struct vae__spec {
    vae__shape input;
    uint64_t latent;
    int likelihood_index;                     /* in VAE__LIKELIHOODS */
    const struct vae__likelihood *likelihood; /* compiled for any machine; a model takes its own */
    vae__layers encoder, decoder;
    vae__sigma sigma;
    double sigma_min;
    int size;
    int standardize; /* gaussian: columns to mean 0, variance 1 (standardize.h) */
    int init, posterior, prior;
    uint64_t seed;
} vae__spec;

extern const vae__option_table vae__spec_table;

vae_status vae__spec_parse(const char *text, vae__spec *spec);

/* Appends the canonical text. */
void vae__spec_print(const vae__spec *spec, vae__buffer *out);

#endif
