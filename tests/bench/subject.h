/* A model under test on a number of threads, and what can be called on it. */
#ifndef BENCH_SUBJECT_H
#define BENCH_SUBJECT_H

#include "bound.h"
#include "model/programs.h"
#include "train/step.h"

typedef struct bench_network {
    const char *name, *spec;
} bench_network;

typedef struct bench_subject {
    const bench_network *network;
    vae_context *context;
    vae_model *model;
    vae_optimizer *optimizer;
    vae_dataset *dataset; /* NULL: none asked for */
    size_t threads, rows, width, latent;
    float *x, *z, *mean, *logvar; /* x and z in (0, 1], 8-bit levels */
    double *elbo;
    size_t samples;                         /* of log p(x) */
    vae_status status;                      /* of the first call that failed */
    uint64_t training_bytes, training_peak; /* held, and most held, after the first step */
} bench_subject;

/* A model of the network, trained for one step. 1, or 0 with vae_last_error() set. */
int bench_subject_make(const bench_network *network, size_t threads, size_t rows,
                       bench_subject *subject);
void bench_subject_free(bench_subject *subject);

/* Adds a shuffled data set of 8-bit rows, to be cut into batches of subject->rows. 1 or 0. */
int bench_subject_add_dataset(bench_subject *subject);

/* Contenders; `user` is the subject. */
void bench_run_step(void *user);
void bench_run_dataset_step(void *user);
void bench_run_encode(void *user);
void bench_run_decode(void *user);
void bench_run_elbo(void *user);
void bench_run_log_likelihood(void *user);
void bench_run_score(void *user); /* at the mean */

/* The plan that an inference runs. */
const vae__plan *bench_inference_plan(const bench_subject *subject, const char *name);

uint64_t bench_allocations(const bench_subject *subject);

#endif
