/* Timing things that are compared: in turns, so that a machine that drifts slows all of them. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stddef.h>

enum { BENCH_MOST_REPETITIONS = 101 };

typedef struct bench_contender {
    void (*run)(void *user); /* one call of what is timed */
    void *user;
    size_t calls;                           /* per sample */
    double seconds[BENCH_MOST_REPETITIONS]; /* of one call, a sample each */
} bench_contender;

typedef struct bench_summary {
    double median, lower, upper, least, most; /* lower, upper: quartiles */
} bench_summary;

typedef struct bench_plan {
    size_t repetitions;
    double sample_seconds; /* a sample repeats its call for about this long */
} bench_plan;

double bench_now(void); /* seconds of a clock that only goes forward */

/* Takes plan->repetitions samples of each contender: one of each in a round, every other round in
 * reverse order, each after untimed calls that warm the caches and wake the threads. */
void bench_measure(const bench_plan *plan, bench_contender *const *contenders, size_t count);

/* Sorts a copy. */
bench_summary bench_summarize(const double *values, size_t count);

/* Of a's times divided by b's, round by round. */
bench_summary bench_ratio(const bench_plan *plan, const bench_contender *a,
                          const bench_contender *b);

#endif
