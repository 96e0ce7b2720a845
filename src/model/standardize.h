/* Columns of very different scales (tables): the encoder and the likelihood see y = (x - shift) / scale,
 * and densities, means and draws are turned back to x. shift and scale [width] are state of the model,
 * fitted by vae_model_initialize. */
#ifndef VAE_MODEL_STANDARDIZE_H
#define VAE_MODEL_STANDARDIZE_H

#include "autodiff/graph.h"

/* Whether a column varies, so that its deviation can be its scale: by more than rounding of its values
 * and of its deviation. */
int vae__column_varies(double mean, double deviation);

/* The scale of a column that does not vary: 1, or a thousandth of its value where that is more, so that
 * neither rounding nor a small change of a large value counts as a large deviation. */
double vae__constant_scale(double value);

/* y = (x - shift) / scale of one row, [width], into another place. Infinite only where y itself is
 * larger than any real. */
void vae__standardize_row(const vae__kernels *kernels, const vae__real *x, const vae__real *shift,
                          const vae__real *scale, size_t width, vae__real *y);

/* y = (x - shift) / scale, for data: no gradient passes. */
vae_status vae__standardize(vae__graph *graph, vae__id x, vae__id shift, vae__id scale, vae__id *y);

/* x = y scale + shift. */
vae_status vae__unstandardize(vae__graph *graph, vae__id y, vae__id shift, vae__id scale,
                              vae__id *x);

/* log p(x) = log p(y) - sum log scale: the Jacobian of the change of variables. */
vae_status vae__standardized_density(vae__graph *graph, vae__id log_p_y, vae__id scale,
                                     vae__id *log_p_x);

#endif
