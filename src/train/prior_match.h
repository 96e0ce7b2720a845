/* How well the prior matches the aggregated posterior q(z), the mean of q(z|x) over rows: a two-sample statistic of
 * draws from both. */
#ifndef VAE_TRAIN_PRIOR_MATCH_H
#define VAE_TRAIN_PRIOR_MATCH_H

#include "model/model.h"

enum { VAE__MATCH_DRAWS = 500 };

typedef struct vae__prior_match {
    const vae_model *model;
    uint64_t seed;
    size_t rows, taken;   /* rows in all; draws of q so far */
    vae__real *q, *prior; /* [VAE__MATCH_DRAWS, latent] each, in one block at q */
} vae__prior_match;

/* For `rows` rows in all. Release in either case. */
vae_status vae__prior_match_begin(vae__prior_match *match, const vae_model *model, size_t rows,
                                  uint64_t seed);
void vae__prior_match_release(vae__prior_match *match);

/* Rows first .. first + count - 1, by their posteriors' means and log variances [count, latent]: draws z from those that
 * are spread evenly over all rows. */
void vae__prior_match_add(vae__prior_match *match, size_t first, size_t count,
                          const vae__real *mean, const vae__real *logvar);

/* The energy statistic (2 E|X - Y| - E|X - X'| - E|Y - Y'|) / (2 E|X - Y|) of draws X from q(z) and Y from p(z) (Szekely &
 * Rizzo 2013), with means over pairs of different draws (a U-statistic): 0 for one distribution, up to 1 for two far
 * apart. A negative one, which chance makes of one distribution, is 0. NaN for fewer than 2 rows. Fails with
 * VAE_ERROR_DIVERGED for draws that are not finite, and for lack of memory. */
vae_status vae__prior_match_distance(vae__prior_match *match, double *distance);

#endif
