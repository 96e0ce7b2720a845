/* A likelihood p(x|z): one file with its density and gradient, its mean, its draw and its start
 * from data, and one line in the registry (registry.c). */
#ifndef VAE_MODEL_LIKELIHOOD_H
#define VAE_MODEL_LIKELIHOOD_H

#include "autodiff/run.h"
#include "model/spec.h"

/* Columns of the training rows. */
typedef struct vae__statistics {
    size_t width;
    const double *mean, *variance; /* [width], biased */
} vae__statistics;

/* The likelihood's own parameters, beside the output layer. VAE__NONE where there is none. */
typedef struct vae__likelihood_parameters {
    size_t weight, bias; /* output layer [width * heads, in] */
    size_t extra;        /* log sigma, or the running sigma^2 */
} vae__likelihood_parameters;

typedef struct vae__likelihood_build {
    const vae__spec *spec;
    const vae__likelihood_parameters *parameters;
    vae__graph *graph;
    vae__id head; /* output layer [rows, width * heads] */
    vae__id x;    /* [n, width]; density only */
    int training;
} vae__likelihood_build;

typedef struct vae__likelihood {
    const char *name;
    double low, high;                       /* support of x, inclusive */
    int has_sigma;                          /* takes sigma= and sigma_min= */
    size_t (*heads)(const vae__spec *spec); /* outputs of the decoder per value of x */
    /* Adds extra parameters to the list. NULL: none. */
    vae_status (*parameters)(vae_context *context, const vae__spec *spec, vae__parameters *list,
                             size_t *extra);
    /* log p(x|z) per row, all constants included: a double value [rows, 1]. `batch_state`, if not
     * VAE__NONE after it, is a per-batch result for `finish_step`. */
    vae_status (*density)(const vae__likelihood_build *build, vae__id *log_p, vae__id *batch_state);
    /* E[x|z] [rows, width]. */
    vae_status (*mean)(const vae__likelihood_build *build, vae__id *x_mean);
    /* Output bias and scale from the data. `list` is the model's. */
    void (*initialize)(const vae__spec *spec, const vae__statistics *statistics,
                       const vae__parameters *list, const vae__likelihood_parameters *parameters);
    /* x ~ p(x|z) for one row from the head's values (bias added). */
    void (*draw)(const vae__spec *spec, const vae__parameters *list,
                 const vae__likelihood_parameters *parameters, const vae__real *head,
                 const vae__stream *stream, uint32_t row, float *x);
    /* Standard deviations that hold for every z, [width]; NULL or VAE_ERROR_UNSUPPORTED: none. */
    vae_status (*sigma)(const vae__spec *spec, const vae__parameters *list,
                        const vae__likelihood_parameters *parameters, double *sigma);
    /* After an update: takes the batch's state into the parameters. NULL: nothing to do. */
    void (*finish_step)(const vae__parameters *list, const vae__likelihood_parameters *parameters,
                        const double *batch_state);
} vae__likelihood;

enum { VAE__MOST_LIKELIHOODS = 16 };

/* Ends in NULL. */
extern const vae__likelihood *const vae__likelihoods[];

extern const vae__likelihood vae__likelihood_bernoulli, vae__likelihood_gaussian;

/* ---- for the likelihoods' own ops ---- */

/* Backward of an op whose forward left unweighted gradients in its input: weights row i of it (and
 * of `also`, if not NULL) by the gradient of log p. Does nothing if forward knew the weights. */
void vae__likelihood_weigh(const vae__call *call, vae__real *also, size_t also_width);

/* What forward weighs row i by. */
static inline vae__real vae__likelihood_weight(const vae__call *call, size_t i) {
    return call->gradient_known ? call->output_gradient[0][i] : 1;
}

#endif
