/* A diffusion as part of a model: its tables, its network's parameters, and its graphs. Relies on src/diffusion for all
 * formulas and on denoiser.h for the network; knows no prior and no kind of model. */
#ifndef VAE_MODEL_DIFFUSION_H
#define VAE_MODEL_DIFFUSION_H

#include "diffusion/terms.h"
#include "model/denoiser.h"
#include "model/objective/objective.h"

struct vae__build;

/* Places of its parameters beside the network's; VAE__NONE where there is none. */
typedef struct vae__diffusion_places {
    vae__denoiser denoiser;
    size_t shift, scale; /* [width], not trained: the network sees (value - shift) / scale */
    /* Not trained, [steps] each, for variance=optimal: mean squares of what the prediction misses (terms.h), and 1 + how many
     * rows they are of. */
    size_t missed, visits;
} vae__diffusion_places;

/* What graphs refer to while they live. */
typedef struct vae__model_diffusion {
    vae__diffusion engine;
    vae__shape shape;   /* of a row of data */
    double *cumulative; /* of the engine */
    double
        time_scale; /* 1000 / steps: features of the step are those of a diffusion of 1000 steps */
} vae__model_diffusion;

/* What makes the network: rows of this shape in, outputs by the variance. `diffusion` may be NULL for counts. */
vae__denoiser_spec vae__diffusion_network(const vae__diffusion_spec *spec, const vae__shape *shape,
                                          const vae__model_diffusion *diffusion);

/* Of a row that the spec's diffusion is of: latents, or data; a vector where the network is a list of layers. */
vae__shape vae__diffusion_shape(const vae__spec *spec);

/* What likelihood=discretized_gaussian brings: the diffusion sees the levels of [0, 1] on [-1, 1]. In place, nothing where the
 * data are no levels; back again, kept within 0 and 1; and in a graph. */
void vae__diffusion_scale_data(const vae__diffusion *engine, vae__real *values, size_t count);
double vae__diffusion_unscaled(const vae__diffusion *engine, double value);
vae_status vae__diffusion_scaled(const struct vae__build *build, vae__id x, vae__id *y);

/* A spec in which nothing is said. */
extern const vae__diffusion_spec vae__diffusion_unsaid;

/* What is not said becomes what stands in `usual`, an empty network the usual one; and the schedule must have so many steps.
 * `prefix` stands before the keys in messages: "prior_" or "". Fails with VAE_ERROR_TEXT. */
vae_status vae__diffusion_complete(vae__diffusion_spec *spec, const vae__diffusion_spec *usual,
                                   const vae__shape *shape, const char *prefix);

/* Values of its parameters, shift and scale left out; in double, since a hostile spec can ask for more than size_t holds. */
double vae__diffusion_count(const vae__diffusion_spec *spec, const vae__shape *shape);

/* Declares "NAME.network..", and if `standardizes` NAME.shift and NAME.scale. Fails for lack of memory. */
vae_status vae__diffusion_declare(const vae__diffusion_spec *spec, const vae__shape *shape,
                                  int standardizes, const vae__declaration *d, const char *name,
                                  vae__diffusion_places *places);
void vae__diffusion_initialize(const vae__diffusion_spec *spec, const vae__shape *shape,
                               const vae__spec *model, const vae__parameters *list,
                               const vae__diffusion_places *places);

/* The tables. Fails for lack of memory. To be freed, NULL included. */
vae_status vae__diffusion_make(vae_context *context, const vae__diffusion_spec *spec,
                               const vae__shape *shape, const vae__parameters *list,
                               const vae__diffusion_places *places, vae__model_diffusion **out);
void vae__diffusion_free(vae_context *context, vae__model_diffusion *diffusion);

/* ---- graphs ---- */

/* Names of the inputs that a training graph has for it: noise [n, width], and the step of each row [n, 1]. */
#define VAE__DIFFUSION_NOISE "diffusion_noise"
#define VAE__DIFFUSION_STEP "step"

/* data [n, width], as the network sees it -> inputs, network and loss, as the settings' objective says, NULL: the usual one;
 * and results in double of one number a row: "loss"; "diffusion_data" and "diffusion_rest", whose difference is the bound of
 * log p(data) with one drawn step of all; and "missed", the mean square of what the prediction misses. Fails as
 * vae__graph_add does. */
typedef struct vae__diffusion_values {
    vae__id loss, data, rest, missed;
} vae__diffusion_values;
vae_status vae__diffusion_build_training(const struct vae__build *build, vae__id data,
                                         vae__diffusion_values *values);

/* The loss (VAE__LOSS_SIMPLE ..) of a graph that has one. */
int vae__diffusion_loss_of(const vae__graph *graph);

/* "x_t" [n, width] and "step", one number for all rows or one for each -> "output". */
vae_status vae__diffusion_build_denoise(const struct vae__build *build);
vae_status vae__diffusion_build_denoise_each(const struct vae__build *build);

/* After a training run: the running mean squares of variance=optimal take in what n rows missed, row r at step t[r]. Nothing for
 * another variance. */
void vae__diffusion_take_missed(const vae__diffusion_places *places, const vae__parameters *list,
                                const vae__real *t, const double *missed, size_t n);

#endif
