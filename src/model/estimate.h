/* log p(x) by Monte Carlo, with its error. */
#ifndef VAE_MODEL_ESTIMATE_H
#define VAE_MODEL_ESTIMATE_H

#include "base/options.h"
#include "model/model.h"

/* The last two are of model=diffusion. */
typedef enum vae__estimator {
    VAE__ESTIMATOR_IMPORTANCE,
    VAE__ESTIMATOR_PRIOR,
    VAE__ESTIMATOR_BOUND,
    VAE__ESTIMATOR_PATH
} vae__estimator;

typedef struct vae__estimate_options {
    int estimator; /* vae__estimator */
    uint64_t samples, seed;
} vae__estimate_options;

/* Names of the number of samples in other libraries. */
extern const vae__alias vae__sample_aliases[];

extern const vae__option_table vae__estimate_table;

extern const char *const vae__estimator_names[];

/* The estimator where none is named. */
int vae__usual_estimator(const vae_model *model);

/* Fails with VAE_ERROR_TEXT, also for an estimator of another kind of model. */
vae_status vae__estimate_options_parse(const vae_model *model, const char *text,
                                       vae__estimate_options *options);

/* Whether the estimator is of the model's kind; the failure points into `text`. */
vae_status vae__estimate_check(const vae_model *model, const vae__option_table *table,
                               const char *text, const vae__estimate_options *options);

/* Weights of one row, streamed: log w_1, log w_2 ... in any number without storing them. */
typedef struct vae__weights {
    double largest;     /* of the log weights so far */
    double sum, square; /* of w / e^largest and of its square */
    uint64_t count;
} vae__weights;

void vae__weights_start(vae__weights *weights);
void vae__weights_add(vae__weights *weights, double log_w);

/* log of the mean weight; its standard error by the delta method, infinite where fewer than ten
 * effective samples make it meaningless; the effective sample size (sum w)^2 / sum w^2. */
typedef struct vae__estimate {
    double log_p, std_error, ess;
} vae__estimate;
vae__estimate vae__weights_finish(const vae__weights *weights);

/* Per row of x [n, width], [n] results; noise keyed (seed, first_row + r, sample). first_row is also what
 * messages count rows from. */
vae_status vae__model_log_likelihood(const vae_model *model, const vae__real *x, size_t n,
                                     uint64_t first_row, const vae__estimate_options *options,
                                     vae__estimate *out);

/* The importance estimate with noise keyed (seed, keys[r], sample): it does not depend on the row's place. */
vae_status vae__model_log_likelihood_keyed(const vae_model *model, const vae__real *x, size_t n,
                                           uint64_t first_row, const uint64_t *keys,
                                           const vae__estimate_options *options,
                                           vae__estimate *out);

/* The same from the API's floats; nothing is written on failure. */
vae_status vae__model_log_likelihood_floats(const vae_model *model, const float *x, size_t n,
                                            const vae__estimate_options *options, double *log_p,
                                            double *std_error, double *ess);

#endif
