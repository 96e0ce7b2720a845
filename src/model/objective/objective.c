/* The list of objectives. To add one: its file here, its name in VAE__OBJECTIVES. */
#include "model/objective/objective.h"

#include <stddef.h>

#define NAME(name) #name,
const char *const vae__objective_names[] = {VAE__OBJECTIVES(NAME) NULL};

#define DECLARE(name) extern const vae__objective vae__objective_##name;
VAE__OBJECTIVES(DECLARE)

#define ENTRY(name) &vae__objective_##name,
const vae__objective *const vae__objectives[] = {VAE__OBJECTIVES(ENTRY) NULL};

const vae__bound_values vae__no_bound_values = {VAE__NONE, VAE__NONE, VAE__NONE, VAE__NONE,
                                                VAE__NONE};

double vae__diffusion_objective_value(const vae__objective_settings *settings, const vae__run *run,
                                      const vae__bound_means *means) {
    const vae__graph *graph = run->workspace->plan->graph;
    const double *loss = vae__run_double(run, vae__graph_find_result(graph, "loss"));
    double total = 0;
    (void)settings, (void)means;
    for (size_t r = 0; r < run->rows; r++) total += loss[r];
    return -total / (double)run->rows;
}
