/* A program: a graph, its plan and the workspaces that runs take turns with. Inputs and results are found by
 * name. Once made it does not change, except for its list of workspaces, which any number of threads may use
 * at once. */
#ifndef VAE_AUTODIFF_PROGRAM_H
#define VAE_AUTODIFF_PROGRAM_H

#include "autodiff/run.h"

enum { VAE__KEPT_WORKSPACES = 32 };

typedef struct vae__program {
    vae__graph graph;
    vae__plan plan;
    _Atomic(vae__workspace *) kept[VAE__KEPT_WORKSPACES]; /* NULL: an empty place */
} vae__program;

/* Plans program->graph, which the caller has built in place. On failure nothing but the graph is held. */
vae_status vae__program_plan(vae__program *program, size_t capacity, size_t samples, int training);

/* Frees workspaces, plan and graph. A program of zeros holds nothing. */
void vae__program_free(vae__program *program);

/* A workspace for one call: one that was given back, or a new one. Fails for lack of memory. */
vae_status vae__program_take(vae__program *program, vae__workspace **out);
void vae__program_return(vae__program *program, vae__workspace *workspace);

/* The feed of the input of that name among `feeds`, which has one for each input of the graph; or NULL. */
vae__feed *vae__program_feed(const vae__program *program, vae__feed *feeds, const char *input);

/* A result of the run by its name; NULL: the program has none. */
const vae__real *vae__program_value(const vae__program *program, const vae__run *run,
                                    const char *result);
const double *vae__program_double(const vae__program *program, const vae__run *run,
                                  const char *result);

#endif
