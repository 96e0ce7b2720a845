/* A model kind (model= of the spec): its parameters and the programs that it can run, by name. Inference,
 * training and estimates ask for a program by its name and know no kind; a kind that has no such program
 * refuses what needs it. One file a kind, one name in VAE__MODEL_KINDS. */
#ifndef VAE_MODEL_KIND_H
#define VAE_MODEL_KIND_H

#include "autodiff/program.h"
#include "model/network.h"
#include "model/objective/objective.h"

#define VAE__MODEL_KINDS(X) X(vae)

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

typedef struct vae__model_kind {
    const char *name;
    const vae__program_kind *programs;
    size_t program_count; /* at most VAE__MAX_PROGRAMS */
    /* The training program under this objective, whose settings the graph reads at each run. */
    vae_status (*build_training)(const vae__build *build, const vae__objective_settings *settings);
} vae__model_kind;

extern const vae__model_kind vae__model_kind_vae;

#endif
