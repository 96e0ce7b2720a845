/* A model kind (model= of the spec): its parameters and the programs that it can run, by name. Inference,
 * training and estimates ask for a program by its name and know no kind; a kind that has no such program
 * refuses what needs it. One file a kind, one name in VAE__MODEL_KINDS. */
#ifndef VAE_MODEL_KIND_H
#define VAE_MODEL_KIND_H

#include "autodiff/program.h"
#include "model/network.h"
#include "model/objective/objective.h"

#define VAE__MODEL_KINDS(X) X(vae) X(diffusion)

/* What a program is built from and into. */
typedef struct vae__build {
    const vae__spec *spec;
    const vae__network *network;
    vae__graph *graph;
    const vae__objective_settings *settings; /* of a training program; NULL: of another one */
    const vae__model_diffusion *diffusion;   /* NULL: the model has none */
} vae__build;

/* What the encoder sees of rows -> the posterior's head: means, then raw log variances. (vae.c) */
vae_status vae__encode_seen(const vae__build *build, vae__id seen, vae__id *head);

typedef struct vae__program_kind {
    const char *name;
    /* Adds inputs, nodes and results to the graph. */
    vae_status (*build)(const vae__build *build);
    /* K that it is planned for; NULL: 1. */
    size_t (*samples)(const vae__spec *spec);
    /* Whether a model of this spec has it; NULL: every one. */
    int (*available)(const vae__spec *spec);
} vae__program_kind;

enum { VAE__MAX_PROGRAMS = 12 };

struct vae__bound;
struct vae__estimate;
struct vae__estimate_options;
struct vae__sampling;

/* What is computed of rows where that is no run of a program; each as the function of inference.h or estimate.h with that
 * name. Rows are checked by them. */
typedef struct vae__row_functions {
    vae_status (*encode)(const vae_model *model, const vae__real *x, size_t n, uint64_t first_row,
                         vae__real *mean, vae__real *logvar);
    vae_status (*decode)(const vae_model *model, const float *z, size_t n, float *x_mean);
    vae_status (*reconstruct)(const vae_model *model, const float *x, size_t n, float *x_mean);
    vae_status (*sample)(const vae_model *model, size_t n, uint64_t seed,
                         const struct vae__sampling *how, float *z, float *x_mean, float *x);
    vae_status (*bound)(const vae_model *model, const vae__real *x, size_t n, uint64_t seed,
                        uint64_t first_row, const struct vae__bound *out);
    vae_status (*estimate)(const vae_model *model, const vae__real *x, size_t n, uint64_t first_row,
                           const uint64_t *keys, const struct vae__estimate_options *options,
                           struct vae__estimate *out);
} vae__row_functions;

typedef struct vae__model_kind {
    const char *name;
    const vae__program_kind *programs;
    size_t program_count; /* at most VAE__MAX_PROGRAMS */

    /* Completes a spec that was parsed, and refuses what does not fit. NULL: spec.c's own checks are for it. */
    vae_status (*complete)(vae__spec *spec);
    /* Appends " key=value" for each key of its own. NULL: it has none. */
    void (*print_options)(const vae__spec *spec, vae__buffer *out);

    /* As vae__network_parameter_total, vae__network_declare, which allocates too, and vae__network_initialize; NULL: those
     * of network.h, all three. */
    double (*parameter_total)(const vae__spec *spec);
    vae_status (*declare)(vae_context *context, const vae__spec *spec, vae__parameters *list,
                          vae__network *network);
    void (*initialize)(const vae__spec *spec, const vae__network *network,
                       const vae__parameters *list);

    /* The training program under this objective, whose settings the graph reads at each run. */
    vae_status (*build_training)(const vae__build *build, const vae__objective_settings *settings);
    const vae__row_functions *rows; /* NULL: by the programs */
    const char
        *no_latents; /* why there is no KL of each latent; NULL: that is the prior's to say */
} vae__model_kind;

/* The kinds of VAE__MODEL_KINDS in order, and their names, ending in NULL. (kind.c) */
extern const vae__model_kind *const vae__model_kinds[];
extern const char *const vae__model_names[];

#define VAE__MODEL_PLACE(name) VAE__MODEL_##name,
enum { VAE__MODEL_KINDS(VAE__MODEL_PLACE) VAE__MODEL_COUNT };

/* The keys of model=diffusion, for the spec's table. (diffusion_kind.c) */
extern const vae__option_table vae__diffusion_table;

#endif
