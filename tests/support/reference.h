/* The model written again in plain double loops, and dense linear algebra, for the numeric tests:
 * what the library computes is held against these, so they share nothing with it but the
 * parameters. */
#ifndef TESTS_SUPPORT_REFERENCE_H
#define TESTS_SUPPORT_REFERENCE_H

#include "model/model.h"

enum { REFERENCE_MOST = 64 }; /* widest layer of a reference model */

/* x as the encoder sees it, [width]: standardised, or log(1 + x) of counts. */
void reference_seen(const vae_model *model, const double *x, double *seen);

/* Layers of the spec must be dense and tanh. mean and logvar [latent], logvar bounded. */
void reference_encode(const vae_model *model, const double *x, double *mean, double *logvar);

/* The decoder's output layer at z, [heads width]. */
void reference_decode(const vae_model *model, const double *z, double *head);

/* log p(x | head) from the definitions, for every likelihood; sigma=optimal with its running mean. */
double reference_log_density(const vae_model *model, const double *x, const double *head);

/* log p(x|z) + log p(z) - log q(z|x). */
double reference_log_weight(const vae_model *model, const double *x, const double *mean,
                            const double *logvar, const double *z);

/* The raw output of the encoder's logvar head that becomes `logvar` after bounding. */
double reference_raw_logvar(double logvar);

/* p(x) of a model of one or two latents by the trapezoidal rule on [-8, 8], which converges
 * exponentially here; the decoder's outputs on the grid are kept for all rows. */
typedef struct reference_grid {
    const vae_model *model;
    size_t points; /* in all */
    double cell;   /* volume of one */
    double *z;     /* [points, latent] */
    double *heads; /* [points, heads width] */
} reference_grid;
void reference_grid_make(const vae_model *model, reference_grid *grid);
void reference_grid_free(reference_grid *grid);

/* log p(x); mean and sd [latent] of p(z|x) unless NULL. */
double reference_grid_log_p(const reference_grid *grid, const double *x, double *mean, double *sd);

/* ---- dense matrices [n, n], n <= REFERENCE_MOST ---- */

/* a = l l^T in place (lower triangle); returns log det a. Fails the test if a is not positive
 * definite. */
double reference_cholesky(double *a, size_t n);

/* b [n] <- a^-1 b from the factor. */
void reference_solve(const double *factor, size_t n, double *b);

/* log N(x | mean, covariance) */
double reference_log_normal(const double *x, const double *mean, const double *covariance,
                            size_t n);

/* Orthonormal rows [count, n], a pure function of the seed. */
void reference_orthonormal(uint64_t seed, size_t count, size_t n, double *rows);

/* Rows mean +- sqrt(n l_i) u_i, i < n: 2 n rows with exactly this mean and biased covariance
 * sum l_i u_i u_i^T. x [2 n, n] */
void reference_rows_of_covariance(const double *mean, const double *eigenvalues,
                                  const double *vectors, size_t n, double *x);

#endif
