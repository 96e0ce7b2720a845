/* The model: spec, parameters, and the programs that were asked for. */
#ifndef VAE_MODEL_MODEL_H
#define VAE_MODEL_MODEL_H

#include <stdatomic.h>

#include "model/metadata.h"
#include "model/kind.h"

struct vae_model {
    atomic_size_t references;
    vae_context *context;
    vae__spec spec;
    char *spec_text;
    vae__parameters parameters;
    vae__network network;
    vae__model_diffusion *diffusion; /* NULL: it has none */
    vae__model_metadata metadata;    /* what its file carries beside these */
    const vae__model_kind *kind;
    _Atomic(vae__program *)
        programs[VAE__MAX_PROGRAMS]; /* by the kind's list; NULL: not asked for yet */
    vae__real *
        training; /* laid out as the parameters' block: what an optimizer with ema= trains, while the
                          * block holds the average. Its own; NULL: the block itself is trained */
    double *shift;  /* [width] of the rows that standardize=1 was fitted to (shift.h); NULL: none */
    uint64_t edits; /* times that parameters were changed: an optimizer sees what it has not done */
    /* What vae_model_initialize and training may still do: see vae__model_check_start. */
    int initialized; /* vae_model_initialize was called */
    int trained;     /* an optimizer has updated it, or it was read from a file */
    int set_by_hand; /* parameters were set by vae_model_parameter_set */
    int has_scaling; /* shift and scale of standardize=1 were fitted, set or read from a file */
    uint64_t
        version; /* times that the prior was replaced: earlier optimizers do not fit any more */
    vae_model *earlier; /* what it was before that: callers may hold its texts; or NULL */
};

/* A model whose parameters are all 0, for the caller to draw or to read. *out is set on success only. */
vae_status vae__model_new(vae_context *context, const vae__spec *spec, vae_model **out);

/* Starting values for all parameters: random weights from the spec's seed, and what the layers say. */
void vae__model_draw(vae_model *model);

/* What its graphs are built from. */
vae__build vae__model_build(const vae_model *model, vae__graph *graph,
                            const vae__objective_settings *settings);

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

/* Whether that holds columns that do not vary at their values. */
int vae__model_holds_constant(const vae_model *model);

/* Parameters from number `first` on were changed, by anything but a step: what is trained beside them takes their
 * values. */
void vae__model_changed(vae_model *model, size_t first, size_t count);

/* Refuses to initialise a model whose parameters would be lost. */
vae_status vae__model_check_start(const vae_model *model);

/* Refuses to train a model with standardize=1 that has no shift and scale. */
vae_status vae__model_check_scaling(const vae_model *model);

/* Makes a feed of x refuse what the likelihood does not take: non-finite values, values outside its
 * support. */
void vae__model_check_feed(const vae_model *model, vae__feed *feed);

/* The first of rows [n, width] that the likelihood does not take; n: it takes all of them. */
size_t vae__model_refused_row(const vae_model *model, const vae__real *rows, size_t n);

/* Fails with VAE_ERROR_DATA for a row that it does not take: its number, the column and the value. */
vae_status vae__model_refuse_row(const vae_model *model, const vae__real *row, uint64_t number);

/* Both for rows numbered from first_row on. */
vae_status vae__model_check_rows(const vae_model *model, const vae__real *rows, size_t n,
                                 uint64_t first_row);

#endif
