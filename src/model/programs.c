/* Makes programs and chooses how many rows they take at a time. Relies on the model's kind for the graphs. */
#include "model/programs.h"

#include <string.h>

/* Rows of an inference chunk: enough to feed the matrix products and the threads. They are fewer where a
 * workspace would take more bytes than this. */
#define CHUNK_ROWS 256
#define CHUNK_BYTES ((size_t)16 << 20)

/* A plan for the fewest rows, one a thread, says how many bytes a row takes. */
static vae_status choose_rows(vae__program *program, size_t samples, size_t *rows) {
    size_t threads = program->graph.context->threads;
    vae_status status = vae__program_plan(program, threads, samples, 0);
    if (status) return status;
    *rows = CHUNK_BYTES / (program->plan.arena_size / threads + 1);
    if (*rows > CHUNK_ROWS) *rows = CHUNK_ROWS;
    if (*rows < threads) *rows = threads;
    vae__plan_free(&program->plan);
    return VAE_OK;
}

static void free_program(vae_context *context, vae__program *program) {
    if (!program) return;
    vae__program_free(program);
    vae__release(context, program);
}

static vae_status make_program(const vae_model *model, const vae__program_kind *kind,
                               vae__program **out) {
    size_t rows = model->context->threads;
    size_t samples = kind->samples ? kind->samples(&model->spec) : 1;
    vae__program *made = vae__allocate(model->context, 1, sizeof *made);
    if (!made) return vae__memory_in(vae__last_status(), "inference plan");
    const vae__build build = vae__model_build(model, &made->graph, NULL);
    vae__graph_begin(&made->graph, model->context, &model->parameters);
    vae_status status = kind->build(&build);
    if (!status) status = choose_rows(made, samples, &rows);
    if (!status) status = vae__program_plan(made, rows, samples, 0);
    if (status) {
        free_program(model->context, made);
        return vae__memory_in(status, "inference plan for %zu row%s", rows, vae__plural(rows));
    }
    *out = made;
    return VAE_OK;
}

vae_status vae__model_program(const vae_model *model, const char *name, vae__program **out) {
    const vae__model_kind *kind = model->kind;
    size_t i = 0;
    while (i < kind->program_count && kind->programs[i].name != name &&
           strcmp(kind->programs[i].name, name))
        i++;
    if (i == kind->program_count)
        return vae__fail(VAE_ERROR_UNSUPPORTED, "a model of model=%s cannot %s", kind->name, name);
    if (kind->programs[i].available && !kind->programs[i].available(&model->spec))
        return vae__fail(VAE_ERROR_UNSUPPORTED, "a model of this spec cannot %s", name);
    _Atomic(vae__program *) *place = &((vae_model *)model)->programs[i];
    vae__program *made = NULL, *first = NULL;
    *out = atomic_load_explicit(place, memory_order_acquire);
    if (*out) return VAE_OK;
    vae_status status = make_program(model, &kind->programs[i], &made);
    if (status) { /* under a tight memory limit, perhaps because another thread has just made one */
        *out = atomic_load_explicit(place, memory_order_acquire);
        return *out ? VAE_OK : status;
    }
    if (atomic_compare_exchange_strong(place, &first, made)) {
        *out = made;
    } else { /* another thread was faster */
        free_program(model->context, made);
        *out = first;
    }
    return VAE_OK;
}

void vae__model_drop_programs(vae_model *model) {
    for (size_t i = 0; i < VAE__MAX_PROGRAMS; i++)
        free_program(model->context, atomic_exchange(&model->programs[i], NULL));
}

vae_status vae__model_take(vae__program *program, vae__workspace **out) {
    size_t rows = program->plan.capacity;
    return vae__memory_in(vae__program_take(program, out), "inference of %zu row%s at a time", rows,
                          vae__plural(rows));
}
