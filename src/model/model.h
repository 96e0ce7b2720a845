/* The model: spec, parameters, and for each kind of inference that was asked for a planned graph with
 * a free list of workspaces. */
#ifndef VAE_MODEL_MODEL_H
#define VAE_MODEL_MODEL_H

#include <stdatomic.h>

#include "model/network.h"

enum { VAE__KEPT_WORKSPACES = 32 };

/* One kind of inference. The plan is for a fixed chunk of rows; workspaces are made when two calls
 * meet and kept. */
typedef struct vae__inference {
    vae__graph graph;
    vae__plan plan;
    vae__ends ends;
    _Atomic(vae__workspace *) kept[VAE__KEPT_WORKSPACES];
} vae__inference;

struct vae_model {
    atomic_size_t references;
    vae_context *context;
    vae__spec spec;
    char *spec_text;
    vae__parameters parameters;
    vae__network network;
    _Atomic(vae__inference *) inference[VAE__GRAPH_KINDS]; /* NULL: not asked for yet */
    uint64_t edits; /* times that parameters were changed: an optimizer sees what it has not done */
    /* What vae_model_initialize and training may still do: see vae__model_check_start. */
    int initialized; /* vae_model_initialize was called */
    int trained;     /* an optimizer has updated it, or it was read from a file */
    int set_by_hand; /* parameters were set by vae_model_parameter_set */
    int has_scaling; /* shift and scale of standardize=1 were fitted, set or read from a file */
};

/* Parameters initialised from the spec's seed. */
vae_status vae__model_new(vae_context *context, const char *spec_text, vae_model **out);
vae_model *vae__model_retain(vae_model *model);
void vae__model_release(vae_model *model);
vae_status vae__model_clone(const vae_model *model, vae_model **out);

/* Values of the likelihood's extra parameter, and of its floor of sigma; or NULL. */
vae__real *vae__model_extra(const vae_model *model);
const vae__real *vae__model_floor(const vae_model *model); /* NULL too where it is all 0 */

/* Parameters that a caller sees: the floor, which is the last, only once it holds something. */
size_t vae__model_visible(const vae_model *model);

/* What the likelihood's row functions see of rows [n, width], in place. With standardize=1 that is
 * y = (x - shift) / scale, and what log p(x) is below log p(y), sum log scale, is returned; else 0. */
double vae__model_standardize(const vae_model *model, vae__real *rows, size_t n);

/* Standard deviations of p(x|z) that hold for every z, [width]; VAE_ERROR_UNSUPPORTED if there are
 * none. */
vae_status vae__model_sigma(const vae_model *model, double *sigma);

/* Statistics of training rows -> input scaling, output bias, sigma. With standardize=1 they are
 * turned into those of the standardised columns. For any model: whether a caller's may be initialised
 * is vae__model_check_start's to say. */
void vae__model_initialize(vae_model *model, vae__statistics *statistics);

/* Refuses to initialise a model whose parameters would be lost. */
vae_status vae__model_check_start(const vae_model *model);

/* The parameters that vae__model_new made, from the spec's seed. */
void vae__model_redraw(vae_model *model);

/* Refuses to train a model with standardize=1 that has no shift and scale. */
vae_status vae__model_check_scaling(const vae_model *model);

/* Makes a feed of x refuse what the likelihood does not take: non-finite values, values outside its
 * support. */
void vae__model_check_feed(const vae_model *model, vae__feed *feed);

/* Whether the likelihood takes this row. */
int vae__model_takes_row(const vae_model *model, const vae__real *row);

/* Finds the value that a checked feed refused and fails with its row, column and value. rows [n,
 * width]. */
vae_status vae__model_refuse_rows(const vae_model *model, const vae__real *rows, size_t n,
                                  uint64_t first_row);

/* ---- plans (inference_plan.c) ---- */

/* The planned graph of a kind: made by the first call that asks for it, kept with the model. */
vae_status vae__model_inference(const vae_model *model, vae__graph_kind kind, vae__inference **out);
void vae__model_drop_inference(vae_model *model);

/* A workspace for one call: from the free list, or made. */
vae_status vae__workspace_take(vae__inference *inference, vae__workspace **out);
void vae__workspace_give(vae__inference *inference, vae__workspace *workspace);

/* ---- inference (inference.c): const, pure, chunked; x and z are the public API's float ---- */

vae_status vae__model_encode(const vae_model *model, const float *x, size_t n, float *mean,
                             float *logvar);
vae_status vae__model_decode(const vae_model *model, const float *z, size_t n, float *x_mean);
vae_status vae__model_reconstruct(const vae_model *model, const float *x, size_t n, float *x_mean);
vae_status vae__model_sample(const vae_model *model, size_t n, uint64_t seed, float *z,
                             float *x_mean, float *x);

/* Per-row bound; noise keyed (seed, first_row + r). Any of the results may be NULL. */
typedef struct vae__bound {
    double *elbo, *reconstruction, *kl; /* [n] */
    vae__real *kl_by_latent;            /* [n, latent] */
} vae__bound;
vae_status vae__model_bound(const vae_model *model, const vae__real *x, size_t n, uint64_t seed,
                            uint64_t first_row, const vae__bound *out);

/* mean, logvar [n, latent] of rows in vae__real. */
vae_status vae__model_encode_rows(const vae_model *model, const vae__real *x, size_t n,
                                  uint64_t first_row, vae__real *mean, vae__real *logvar);

/* The same from the API's floats. */
vae_status vae__model_elbo(const vae_model *model, const float *x, size_t n, uint64_t seed,
                           const vae__bound *out);

#endif
