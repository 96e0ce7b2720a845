#include "hosts.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "measure.h"

typedef struct host {
    const bench_subject *subject;
    pthread_barrier_t *start;
    double until; /* after the barrier, seconds of running */
    pthread_t thread;
    double seconds;
    size_t calls;
    int failed;
} host;

static void *encode(void *argument) {
    host *h = argument;
    const bench_subject *s = h->subject;
    float *mean = malloc(s->rows * s->latent * sizeof *mean);
    h->failed = !mean || vae_encode(s->model, s->x, s->rows, s->width, mean, NULL);
    pthread_barrier_wait(h->start);
    double start = bench_now();
    while (!h->failed && h->seconds < h->until) {
        h->failed = vae_encode(s->model, s->x, s->rows, s->width, mean, NULL) != VAE_OK;
        h->calls++;
        h->seconds = bench_now() - start;
    }
    free(mean);
    return NULL;
}

bench_hosts bench_hosts_encode(const bench_subject *subject, size_t hosts, double seconds) {
    host list[BENCH_MOST_HOSTS] = {{0}};
    pthread_barrier_t start;
    bench_hosts result = {.threads = hosts};
    size_t started = 0, failed = 0;
    if (pthread_barrier_init(&start, NULL, (unsigned)hosts)) return result;
    for (; started < hosts; started++) {
        list[started] = (host){.subject = subject, .start = &start, .until = seconds};
        if (pthread_create(&list[started].thread, NULL, encode, &list[started])) break;
    }
    if (started < hosts) { /* those that started wait for the others */
        fputs("bench: cannot start a thread\n", stderr);
        exit(1);
    }
    for (size_t i = 0; i < hosts; i++) {
        pthread_join(list[i].thread, NULL);
        failed += (size_t)list[i].failed;
        result.rows_per_second += (double)(list[i].calls * subject->rows) / list[i].seconds;
    }
    pthread_barrier_destroy(&start);
    if (failed) result.rows_per_second = 0;
    return result;
}
