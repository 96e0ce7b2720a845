/* Programs and their workspaces. Relies on atomic slots: a workspace is in at most one slot or one caller's
 * hands, so that no two runs share memory. */
#include "autodiff/program.h"

vae_status vae__program_plan(vae__program *program, size_t capacity, size_t samples, int training) {
    return vae__plan_make(&program->graph, capacity, samples, training, &program->plan);
}

void vae__program_free(vae__program *program) {
    for (size_t i = 0; i < VAE__KEPT_WORKSPACES; i++)
        vae__workspace_free(atomic_exchange(&program->kept[i], NULL));
    vae__plan_free(&program->plan);
    vae__graph_free(&program->graph);
}

vae_status vae__program_take(vae__program *program, vae__workspace **out) {
    for (size_t i = 0; i < VAE__KEPT_WORKSPACES; i++) {
        if (!atomic_load_explicit(&program->kept[i], memory_order_relaxed)) continue;
        *out = atomic_exchange(&program->kept[i], NULL);
        if (*out) return VAE_OK;
    }
    return vae__workspace_make(&program->plan, out);
}

void vae__program_return(vae__program *program, vae__workspace *workspace) {
    for (size_t i = 0; i < VAE__KEPT_WORKSPACES; i++) {
        vae__workspace *empty = NULL;
        if (atomic_compare_exchange_strong(&program->kept[i], &empty, workspace)) return;
    }
    vae__workspace_free(workspace);
}

vae__feed *vae__program_feed(const vae__program *program, vae__feed *feeds, const char *input) {
    vae__id value = vae__graph_find_input(&program->graph, input);
    return value == VAE__NONE ? NULL : &feeds[program->plan.feeds[value]];
}

const vae__real *vae__program_value(const vae__program *program, const vae__run *run,
                                    const char *result) {
    vae__id value = vae__graph_find_result(&program->graph, result);
    return value == VAE__NONE ? NULL : vae__run_value(run, value);
}

const double *vae__program_double(const vae__program *program, const vae__run *run,
                                  const char *result) {
    vae__id value = vae__graph_find_result(&program->graph, result);
    return value == VAE__NONE ? NULL : vae__run_double(run, value);
}
