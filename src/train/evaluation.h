/* A model held against a whole data set: bounds, log p(x) with its errors, latents, baselines. */
#ifndef VAE_TRAIN_EVALUATION_H
#define VAE_TRAIN_EVALUATION_H

#include "data/dataset.h"
#include "model/estimate.h"

enum { VAE__EVALUATION_VALUES = 24 };

/* Variance of the posterior mean above which a latent is active (Burda et al. 2016, section 5.2). */
#define VAE__ACTIVE_VARIANCE 0.01

/* A named figure. */
typedef struct vae__figure {
    const char *name;
    double value;
} vae__figure;

struct vae_evaluation {
    vae_context *context;
    size_t latent;
    vae__figure figures[VAE__EVALUATION_VALUES];
    size_t count;
    const char *no_latents; /* why there is no KL of each latent; NULL: there is */
    double *kl, *mean, *mean_variance, *aggregated_variance; /* [latent] each, in one block at kl */
    char *text;
};

extern const vae__option_table vae__evaluation_table;

vae_status vae__evaluate(const vae_model *model, const vae_dataset *dataset,
                         const vae_dataset *fitted_on, const char *options,
                         vae_progress_fn progress, void *user, vae_evaluation **out);
void vae__evaluation_free(vae_evaluation *evaluation);

/* As text for people; released by the context. */
vae_status vae__evaluation_print(const vae_evaluation *evaluation, char **text);

/* NULL if there is none of that name. */
const double *vae__evaluation_figure(const vae_evaluation *evaluation, const char *name);
const double *vae__evaluation_latents(const vae_evaluation *evaluation, const char *name);

#endif
