/* What training maximises: one file in this folder and one name in VAE__OBJECTIVES. An objective is the last
 * node of the training graph; it has no output, it starts the gradients. Relies on the values of the bound
 * that the model kind has made. */
#ifndef VAE_MODEL_OBJECTIVE_H
#define VAE_MODEL_OBJECTIVE_H

#include "autodiff/run.h"

#define VAE__OBJECTIVES(X) X(elbo) X(iwae) X(simple) X(vlb) X(hybrid)

struct vae__objective;

/* Read at every run: beta changes while training. */
typedef struct vae__objective_settings {
    const struct vae__objective *objective;
    double beta;      /* weight of the KL now */
    double free_bits; /* nats for each latent */
} vae__objective_settings;

/* What a graph has made of the bound; VAE__NONE: not made. */
typedef struct vae__bound_values {
    vae__id log_p;        /* [n K], double: log p(x|z) */
    vae__id kl;           /* [n], double: KL(q(z|x) || p(z)) or its estimate from the draws */
    vae__id kl_by_latent; /* [n, latent]: its parts, where it is a sum over latents */
    vae__id log_ratio;    /* [n K], double: log p(z) - log q(z|x), where it was asked for */
    vae__id batch_state;  /* [1], double: for the likelihood's finish_step */
} vae__bound_values;

extern const vae__bound_values vae__no_bound_values;

/* Means over the batch that a step reports anyway, in nats a row. */
typedef struct vae__bound_means {
    double reconstruction, kl;
} vae__bound_means;

typedef struct vae__objective {
    const char *name;
    int wants_ratio; /* the graph makes log_ratio */
    int weighs_draws; /* draws of a row count by their weights, so they may not depend on other rows */
    int diffusion_loss; /* 1 more than the loss of a diffusion (VAE__LOSS_SIMPLE ..) that it is; 0: it is none */
    const char *no_beta; /* why beta, beta_warmup and free_bits do not go with it; NULL: they do */

    /* Whether a change of settings while training asks for another graph. NULL: it does not. */
    int (*changes_graph)(const vae__objective_settings *before,
                         const vae__objective_settings *after);

    /* Adds the objective to the graph; NULL for a loss of a diffusion, which the prior adds; `settings` outlive it. Fails as vae__graph_add does. */
    vae_status (*build)(vae__graph *graph, const vae__objective_settings *settings,
                        const vae__bound_values *values);

    /* Its value after a run of that graph: a mean over the rows. */
    double (*value)(const vae__objective_settings *settings, const vae__run *run,
                    const vae__bound_means *means);
} vae__objective;

/* Minus the mean over the rows of the result "loss". */
double vae__diffusion_objective_value(const vae__objective_settings *settings, const vae__run *run,
                                      const vae__bound_means *means);
#define VAE__DIFFUSION_HAS_NO_BETA \
    "a diffusion is trained alone, and its loss has no weight of a KL"

/* The mean over n rows of log (1/K) sum_k w_k, from log_p and log_ratio [n K]. (iwae.c) */
double vae__iwae_value(const double *log_p, const double *log_ratio, size_t n, size_t samples);

/* The objectives in the order of VAE__OBJECTIVES, and their names, ending in NULL. */
extern const vae__objective *const vae__objectives[];
extern const char *const vae__objective_names[];

#endif
