/* Plans of inference and their workspaces. They are all that a const call changes: a plan is made once and
 * published by an atomic pointer, workspaces come from atomic slots. */
#include "model/model.h"

/* Values of the widest array that an inference chunk may have: its buffers then stay in the
 * last-level cache. */
#define CHUNK_VALUES (1 << 20)
#define CHUNK_ROWS 256

/* Samples per row of a full chunk of the density graph; fewer rows may have more (see estimate.c). */
#define DENSITY_SAMPLES 4

/* ---- plans ---- */

/* Rows of an inference chunk: enough to feed BLAS and the threads, few enough to stay in cache. */
static size_t chunk_rows(const vae_model *model) {
    size_t widest = model->spec.input.width;
    for (size_t i = 0; i < model->parameters.count; i++) {
        if (model->parameters.items[i].rows > widest) widest = model->parameters.items[i].rows;
    }
    size_t rows = CHUNK_VALUES / widest;
    if (rows > CHUNK_ROWS) rows = CHUNK_ROWS;
    return rows > model->context->threads ? rows : model->context->threads;
}

static void free_inference(vae__inference *inference) {
    if (!inference) return;
    vae_context *context = inference->graph.context;
    for (size_t i = 0; i < VAE__KEPT_WORKSPACES; i++)
        vae__workspace_free(atomic_load(&inference->kept[i]));
    vae__plan_free(&inference->plan);
    vae__graph_free(&inference->graph);
    vae__release(context, inference);
}

static vae_status make_inference(const vae_model *model, vae__graph_kind kind,
                                 vae__inference **out) {
    size_t samples = kind == VAE__GRAPH_DENSITY ? DENSITY_SAMPLES : 1;
    vae__inference *made = vae__allocate(model->context, 1, sizeof *made);
    if (!made) return vae__memory_in(vae__last_status(), "inference plan");
    vae__graph_begin(&made->graph, model->context, &model->parameters);
    vae_status status =
        vae__network_graph(&model->spec, &model->network, &made->graph, kind, &made->ends);
    if (!status) {
        status = vae__plan_make(&made->graph, chunk_rows(model), samples, 0, &made->plan);
    }
    if (status) {
        free_inference(made);
        size_t rows = chunk_rows(model);
        return vae__memory_in(status, "inference plan for %zu row%s", rows, vae__plural(rows));
    }
    *out = made;
    return VAE_OK;
}

vae_status vae__model_inference(const vae_model *model, vae__graph_kind kind,
                                vae__inference **out) {
    _Atomic(vae__inference *) *place = &((vae_model *)model)->inference[kind];
    vae__inference *made = NULL, *first = NULL;
    *out = atomic_load_explicit(place, memory_order_acquire);
    if (*out) return VAE_OK;
    vae_status status = make_inference(model, kind, &made);
    if (status) { /* under a tight memory limit, perhaps because another thread has just made one */
        *out = atomic_load_explicit(place, memory_order_acquire);
        return *out ? VAE_OK : status;
    }
    if (atomic_compare_exchange_strong(place, &first, made)) {
        *out = made;
    } else { /* another thread was faster */
        free_inference(made);
        *out = first;
    }
    return VAE_OK;
}

void vae__model_drop_inference(vae_model *model) {
    for (int kind = 0; kind < VAE__GRAPH_KINDS; kind++)
        free_inference(atomic_exchange(&model->inference[kind], NULL));
}

/* ---- workspaces ---- */

vae_status vae__workspace_take(vae__inference *inference, vae__workspace **out) {
    for (size_t i = 0; i < VAE__KEPT_WORKSPACES; i++) {
        if (!atomic_load_explicit(&inference->kept[i], memory_order_relaxed)) continue;
        *out = atomic_exchange(&inference->kept[i], NULL);
        if (*out) return VAE_OK;
    }
    vae_status status =
        vae__workspace_make(&inference->plan, inference->graph.context->threads, out);
    size_t rows = inference->plan.capacity;
    return vae__memory_in(status, "inference of %zu row%s at a time", rows, vae__plural(rows));
}

void vae__workspace_give(vae__inference *inference, vae__workspace *workspace) {
    for (size_t i = 0; i < VAE__KEPT_WORKSPACES; i++) {
        vae__workspace *empty = NULL;
        if (atomic_compare_exchange_strong(&inference->kept[i], &empty, workspace)) return;
    }
    vae__workspace_free(workspace);
}
