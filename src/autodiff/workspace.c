/* Takes and releases the memory of a run. Relies on the plan for all sizes. */
#include "autodiff/workspace.h"

static size_t sum_count(const vae__plan *plan) {
    return plan->threads * plan->measured_count * VAE__MEASURES;
}

vae_status vae__workspace_make(const vae__plan *plan, vae__workspace **out) {
    vae_context *context = plan->graph->context;
    vae__workspace *made = vae__allocate(context, 1, sizeof *made);
    if (!made) return vae__last_status();
    *made = (vae__workspace){.plan = plan, .context = context};
    made->arena = vae__allocate(context, plan->arena_size, 1);
    int complete = made->arena != NULL;
    if (plan->training) {
        made->sums = vae__allocate(context, sum_count(plan), sizeof *made->sums);
        made->block_squares =
            vae__allocate(context, plan->block_count, sizeof *made->block_squares);
        complete = complete && made->sums && made->block_squares;
    }
    if (!complete) {
        vae_status status = vae__last_status();
        vae__workspace_free(made);
        return status;
    }
    *out = made;
    return VAE_OK;
}

void vae__workspace_free(vae__workspace *workspace) {
    if (!workspace) return;
    vae_context *context = workspace->context;
    vae__release(context, workspace->arena);
    vae__release(context, workspace->sums);
    vae__release(context, workspace->block_squares);
    vae__release(context, workspace);
}

size_t vae__workspace_bytes(const vae__plan *plan) {
    size_t bytes = sizeof(vae__workspace) + plan->arena_size;
    if (plan->training) bytes += (sum_count(plan) + plan->block_count) * sizeof(double);
    return bytes;
}
