/* Two trainings that know nothing of each other, in two threads of one host and without a context, against one of them
 * alone: what a host's own threads lose to each other, where each has a processor. */
#ifndef BENCH_PAIR_H
#define BENCH_PAIR_H

#include "measure.h"

typedef struct bench_pair {
    bench_summary alone;    /* seconds of a training by itself */
    bench_summary together; /* seconds until two at once have both ended */
    bench_summary ratio;    /* together / alone, taken round by round */
    int known;              /* 0: a call failed */
} bench_pair;

#define BENCH_PAIR_NETWORK "30-256-8"
enum { BENCH_PAIR_ROWS = 4000, BENCH_PAIR_EPOCHS = 10 };

/* `rounds` rounds, at least one. For a process in which nothing has set the BLAS's threads yet. */
void bench_pair_train(size_t rounds, bench_pair *out);

#endif
