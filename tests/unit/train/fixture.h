/* A small model with its optimizer and data. */
#ifndef TESTS_UNIT_TRAIN_FIXTURE_H
#define TESTS_UNIT_TRAIN_FIXTURE_H

#include "support/checks.h"
#include "support/numbers.h"
#include "train/loop.h"

enum { FIXTURE_ROWS = 10, FIXTURE_WIDTH = 4 };

typedef struct fixture {
    vae_context *context;
    vae_model *model;
    vae_optimizer *optimizer;
    vae_dataset *dataset;
    float x[FIXTURE_ROWS * FIXTURE_WIDTH];
} fixture;

/* What a context's log said: how often at each level, and the last line of each. */
typedef struct fixture_log {
    size_t warnings, infos;
    char warning[1024], info[1024];
} fixture_log;

static inline void fixture_hear(void *user, int32_t level, const char *message) {
    fixture_log *log = user;
    int warns = level == VAE_LOG_WARNING;
    log->warnings += warns ? 1 : 0;
    log->infos += warns ? 0 : 1;
    snprintf(warns ? log->warning : log->info, sizeof log->info, "%s", message);
}

#define FIXTURE_SPEC "input=4 latent=2 encoder=[dense 6, tanh] decoder=[dense 6, tanh] "

/* x is borrowed: a test may change it. */
static inline void fixture_begin(fixture *f, const char *likelihood, const char *optimizer,
                                 const char *dataset) {
    char spec[300], options[200];
    snprintf(spec, sizeof spec, FIXTURE_SPEC "likelihood=%s", likelihood);
    snprintf(options, sizeof options, "copy=0 %s", dataset);
    f->context = test_context(NULL);
    f->model = test_model(f->context, spec, 0.5);
    test_values(f->x, COUNT_OF(f->x), 17, 0, 1);
    assert_ok(vae_optimizer_create(f->model, optimizer, &f->optimizer));
    assert_ok(vae_dataset_from_memory(f->context, f->x, FIXTURE_ROWS, FIXTURE_WIDTH, options,
                                      &f->dataset));
}

static inline void fixture_end(fixture *f) {
    vae_dataset_destroy(f->dataset);
    vae_optimizer_destroy(f->optimizer);
    vae_model_destroy(f->model);
    assert_int_equal(atomic_load(&f->context->bytes), sizeof *f->context);
    vae_context_destroy(f->context);
}

/* Everything that a refused step must leave as it was. */
typedef struct frozen {
    vae__real *parameters, *moments[VAE__MOST_MOMENTS];
    uint64_t steps;
} frozen;

static inline frozen freeze(const vae_optimizer *optimizer) {
    const vae__optimizer_state *state = &optimizer->state;
    size_t bytes = state->count * sizeof(vae__real);
    frozen made = {.parameters = malloc(bytes), .steps = state->steps};
    memcpy(made.parameters, state->parameters, bytes);
    for (size_t i = 0; i < VAE__MOST_MOMENTS; i++) {
        if (!state->moments[i]) continue;
        made.moments[i] = malloc(bytes);
        memcpy(made.moments[i], state->moments[i], bytes);
    }
    return made;
}

/* Frees the copy; 1 if nothing has changed since. */
static inline int thaw(frozen *before, const vae_optimizer *optimizer) {
    const vae__optimizer_state *state = &optimizer->state;
    size_t bytes = state->count * sizeof(vae__real);
    int same = !memcmp(before->parameters, state->parameters, bytes);
    same &= before->steps == state->steps;
    for (size_t i = 0; i < VAE__MOST_MOMENTS; i++) {
        if (state->moments[i]) same &= !memcmp(before->moments[i], state->moments[i], bytes);
        free(before->moments[i]);
    }
    free(before->parameters);
    return same;
}

static inline int same_parameters(const vae_model *a, const vae_model *b) {
    return a->parameters.block_count == b->parameters.block_count &&
           !memcmp(a->parameters.block, b->parameters.block,
                   a->parameters.block_count * sizeof(vae__real));
}

#endif
