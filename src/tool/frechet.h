/* The Frechet distance between rows and reference rows, as a figure for how alike they are: both are taken for Gaussians
 * in the space of the reference's leading principal components (Dowson & Landau 1982; Heusel et al. 2017 use the
 * activations of a network instead). 0 for the same mean and covariance; smaller is better. */
#ifndef FRECHET_H
#define FRECHET_H

#include <stddef.h>

enum { FRECHET_COMPONENTS = 64, FRECHET_MAX_WIDTH = 4096 };

typedef struct frechet {
    size_t width, components; /* components: FRECHET_COMPONENTS, or the width where that is less */
    double *mean;             /* [width] of the reference */
    double *directions;       /* [components, width], orthonormal */
    double *variances;        /* [components] of the reference along them, falling */
} frechet;

/* Takes reference rows [n, width] of at most FRECHET_MAX_WIDTH values; about a second for 10,000 x 784. Returns
 * NULL, or what went wrong; call frechet_release in either case. */
const char *frechet_fit(frechet *to, const float *rows, size_t n, size_t width);

/* The distance of rows [n, width], n >= 2, to the reference. Returns NULL, or what went wrong. */
const char *frechet_distance(const frechet *to, const float *rows, size_t n, double *distance);

void frechet_release(frechet *to);

#endif
