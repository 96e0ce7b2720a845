/* What the files of prior=mixture:K share: its parameters and its two kinds of covariance. */
#ifndef VAE_MODEL_PRIOR_MIXTURE_H
#define VAE_MODEL_PRIOR_MIXTURE_H

#include "model/prior.h"

/* The parameters, in their order from network->prior on, for K components of d latents. W_k (z - m_k) is N(0, I)
 * under component k, so that its covariance is (W_k^T W_k)^-1; W_k is lower triangular, with the logarithms of its
 * diagonal in place of the diagonal. */
enum {
    MIXTURE_LOGITS,    /* [K]: the weights are their softmax */
    MIXTURE_MEAN,      /* [K, d] */
    MIXTURE_WHITENING, /* full: [K, d, d]; diagonal: [K, d], the diagonals alone */
    MIXTURE_PARAMETERS
};

enum { MIXTURE_DIAGONAL, MIXTURE_FULL };

/* The choice of prior_covariance= in vae__prior_spec.choices. */
enum { MIXTURE_COVARIANCE };

#define LOG_2_PI 1.83787706640934548356

static inline int mixture_is_full(const vae__spec *spec) {
    return spec->prior.choices[MIXTURE_COVARIANCE] == MIXTURE_FULL;
}

static inline vae__real *mixture_values(const vae__prior_call *call, size_t which) {
    return call->parameters->items[call->network->prior + which].values;
}

/* log sum exp of logits [count]. */
double vae__mixture_log_total(const vae__real *logits, size_t count);

/* The ops of density and expected_density (prior.h). (mixture_density.c) */
vae_status vae__mixture_density(const vae__build *build, vae__id z, vae__id *log_p);
vae_status vae__mixture_expected_density(const vae__build *build, vae__id z, vae__id sd,
                                         vae__id *log_p);

/* The fit (prior.h). (mixture_fit.c) */
vae_status vae__mixture_fit(const vae__prior_call *call, vae_context *context,
                            const vae__moments *moments, const vae__fit_options *options,
                            const vae__fit_watch *watch);

#endif
