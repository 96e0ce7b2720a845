/* What a trained model reaches on rows it has not seen. */
#ifndef EVALUATION_H
#define EVALUATION_H

#include <stddef.h>

#include "vae.h"

#define EVALUATION_ACTIVE \
    0.01 /* variance of the posterior mean that makes a latent active; Burda et al. 2016 */

typedef struct evaluation {
    size_t n, latent;
    double elbo, reconstruction, kl; /* means over the rows, nats */
    float *mean;                     /* [n, latent] posterior means */
    double *variance;                /* [latent] of these means over the rows */
    size_t active;                   /* latents whose variance exceeds EVALUATION_ACTIVE */
} evaluation;

/* x [n, width], n >= 1. Returns NULL, or what went wrong; call evaluation_release in either case.
 * */
const char *evaluation_run(evaluation *out, const vae_model *model, const float *x, size_t n);
void evaluation_release(evaluation *result);

/* The latent with the largest variance, `except` left aside (latent: none is). */
size_t evaluation_most_active(const evaluation *result, size_t except);

/* Mean over the rows of the summed entropy of Bernoulli(x), nats, x in [0, 1]: -ELBO of a Bernoulli
 * cannot be less. */
double evaluation_entropy(const float *x, size_t n, size_t width);

#endif
