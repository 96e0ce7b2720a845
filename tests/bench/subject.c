#include "subject.h"

#include <stdlib.h>

#define DATASET_ROWS 20000

static float *floats(size_t n) {
    float *values = malloc(n * sizeof *values);
    for (size_t i = 0; values && i < n; i++)
        values[i] = (float)((i * 2654435761u >> 9) % 255 + 1) / 255;
    return values;
}

static int make_handles(bench_subject *s) {
    char options[32];
    vae__format(options, sizeof options, "threads=%zu", s->threads);
    return !vae_context_create(options, &s->context) &&
           !vae_model_create(s->context, s->network->spec, &s->model) &&
           !vae_optimizer_create(s->model, "adam lr=1e-4", &s->optimizer);
}

static int make_buffers(bench_subject *s) {
    s->width = vae_model_width(s->model);
    s->latent = vae_model_latent(s->model);
    s->x = floats(s->rows * s->width);
    s->z = floats(s->rows * s->latent);
    s->mean = floats(s->rows * s->latent);
    s->logvar = floats(s->rows * s->latent);
    s->elbo = malloc(s->rows * sizeof *s->elbo);
    if (s->x && s->z && s->mean && s->logvar && s->elbo) return 1;
    vae__fail(VAE_ERROR_MEMORY, "out of memory: %zu rows of %zu values", s->rows, s->width);
    return 0;
}

int bench_subject_make(const bench_network *network, size_t threads, size_t rows,
                       bench_subject *subject) {
    *subject = (bench_subject){.network = network, .threads = threads, .rows = rows};
    if (!make_handles(subject) || !make_buffers(subject)) return 0;
    bench_run_step(subject);
    return !subject->status && !vae_context_memory(subject->context, &subject->training_bytes,
                                                   &subject->training_peak, NULL);
}

void bench_subject_free(bench_subject *subject) {
    vae_dataset_destroy(subject->dataset);
    vae_optimizer_destroy(subject->optimizer);
    vae_model_destroy(subject->model);
    vae_context_destroy(subject->context);
    free(subject->x);
    free(subject->z);
    free(subject->mean);
    free(subject->logvar);
    free(subject->elbo);
    *subject = (bench_subject){0};
}

int bench_subject_add_dataset(bench_subject *subject) {
    char options[64];
    unsigned char *bytes = malloc(DATASET_ROWS * subject->width);
    for (size_t i = 0; bytes && i < DATASET_ROWS * subject->width; i++)
        bytes[i] = (unsigned char)(i * 2654435761u >> 11);
    vae__format(options, sizeof options, "dtype=uint8 drop_last=1 batch=%zu", subject->rows);
    subject->status = vae_dataset_from_memory(subject->context, bytes, DATASET_ROWS, subject->width,
                                              options, &subject->dataset);
    free(bytes);
    return !subject->status;
}

/* ---- contenders ---- */

static void keep(bench_subject *subject, vae_status status) {
    if (status && !subject->status) subject->status = status;
}

void bench_run_step(void *user) {
    bench_subject *s = user;
    keep(s, vae_step_rows(s->model, s->optimizer, s->x, s->rows, s->width, NULL));
}

void bench_run_dataset_step(void *user) {
    bench_subject *s = user;
    keep(s, vae_step(s->model, s->optimizer, s->dataset, NULL));
}

void bench_run_encode(void *user) {
    bench_subject *s = user;
    keep(s, vae_encode(s->model, s->x, s->rows, s->width, s->mean, s->logvar));
}

/* Over x, which is [rows, width] and holds values in (0, 1) before and after. */
void bench_run_decode(void *user) {
    bench_subject *s = user;
    keep(s, vae_decode(s->model, s->z, s->rows, s->latent, s->x));
}

void bench_run_elbo(void *user) {
    bench_subject *s = user;
    keep(s, vae_elbo(s->model, s->x, s->rows, s->width, 1, s->elbo, NULL, NULL));
}

void bench_run_log_likelihood(void *user) {
    bench_subject *s = user;
    char options[32];
    vae__format(options, sizeof options, "samples=%zu", s->samples);
    keep(s, vae_log_likelihood(s->model, s->x, s->rows, s->width, options, s->elbo, NULL, NULL));
}

void bench_run_score(void *user) {
    bench_subject *s = user;
    keep(s, vae_score(s->model, s->x, s->rows, s->width, NULL, s->elbo, NULL));
}

const vae__plan *bench_inference_plan(const bench_subject *subject, const char *name) {
    vae__program *program;
    return vae__model_program(subject->model, name, &program) ? NULL : &program->plan;
}

uint64_t bench_allocations(const bench_subject *subject) {
    uint64_t allocations = 0;
    vae_context_memory(subject->context, NULL, NULL, &allocations);
    return allocations;
}
