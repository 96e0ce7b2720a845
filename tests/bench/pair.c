#include "pair.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "vae.h"

enum { WIDTH = 30 };

static const char spec[] = "input=30 latent=8 likelihood=gaussian "
                           "encoder=[dense 256, relu] decoder=[dense 256, relu]";

typedef struct training {
    vae_model *model;
    vae_optimizer *optimizer;
    vae_dataset *data;
    pthread_barrier_t *start;
    pthread_t thread;
    double begun, ended;
    int failed;
} training;

/* Without a context: as a host begins. */
static int make(const float *rows, training *t) {
    return vae_model_create(NULL, spec, &t->model) ||
           vae_dataset_from_memory(NULL, rows, BENCH_PAIR_ROWS, WIDTH, NULL, &t->data) ||
           vae_optimizer_create(t->model, NULL, &t->optimizer);
}

static void *train(void *argument) {
    training *t = argument;
    char options[32];
    snprintf(options, sizeof options, "epochs=%d", BENCH_PAIR_EPOCHS);
    pthread_barrier_wait(t->start);
    t->begun = bench_now();
    if (!t->failed)
        t->failed = vae_train(t->model, t->optimizer, t->data, NULL, options, NULL, NULL) != VAE_OK;
    t->ended = bench_now();
    return NULL;
}

/* Seconds from the first beginning to the last end of `count` trainings at once; 0: one failed. */
static double time_trainings(const float *rows, size_t count) {
    training all[2] = {{0}};
    pthread_barrier_t start;
    double begun = 0, ended = 0;
    int failed = 0;
    if (pthread_barrier_init(&start, NULL, (unsigned)count)) return 0;
    for (size_t i = 0; i < count; i++) {
        all[i].start = &start;
        all[i].failed = make(rows, &all[i]);
        if (!pthread_create(&all[i].thread, NULL, train, &all[i])) continue;
        fputs("bench: cannot start a thread\n", stderr);
        exit(1); /* one that started would wait for this one */
    }
    for (size_t i = 0; i < count; i++) {
        pthread_join(all[i].thread, NULL);
        if (i == 0 || all[i].begun < begun) begun = all[i].begun;
        if (all[i].ended > ended) ended = all[i].ended;
        failed |= all[i].failed;
        vae_optimizer_destroy(all[i].optimizer);
        vae_dataset_destroy(all[i].data);
        vae_model_destroy(all[i].model);
    }
    pthread_barrier_destroy(&start);
    return failed ? 0 : ended - begun;
}

void bench_pair_train(size_t rounds, bench_pair *out) {
    double alone[BENCH_MOST_REPETITIONS], together[BENCH_MOST_REPETITIONS],
        ratio[BENCH_MOST_REPETITIONS];
    float *rows = malloc(sizeof *rows * BENCH_PAIR_ROWS * WIDTH);
    unsigned state = 1;
    out->known = rows != NULL;
    for (size_t i = 0; rows && i < (size_t)BENCH_PAIR_ROWS * WIDTH; i++) {
        state = state * 1664525U + 1013904223U;
        rows[i] = (float)(state >> 8) / 8388608.0F - 1;
    }
    for (size_t r = 0; out->known && r < rounds; r++) {
        alone[r] = time_trainings(rows, 1);
        together[r] = time_trainings(rows, 2);
        out->known = alone[r] > 0 && together[r] > 0;
        ratio[r] = together[r] / alone[r];
    }
    free(rows);
    if (!out->known) return;
    out->alone = bench_summarize(alone, rounds);
    out->together = bench_summarize(together, rounds);
    out->ratio = bench_summarize(ratio, rounds);
}
