#include "measure.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

double bench_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double time_calls(const bench_contender *contender, size_t calls) {
    double start = bench_now();
    for (size_t i = 0; i < calls; i++) contender->run(contender->user);
    return bench_now() - start;
}

static void choose_calls(bench_contender *contender, double sample_seconds) {
    size_t calls = 1;
    contender->run(contender->user);
    double seconds = time_calls(contender, calls);
    while (seconds < sample_seconds / 4) {
        calls *= 2;
        seconds = time_calls(contender, calls);
    }
    double wanted = (double)calls * sample_seconds / seconds;
    contender->calls = wanted < 1 ? 1 : (size_t)wanted;
}

void bench_measure(const bench_plan *plan, bench_contender *const *contenders, size_t count) {
    for (size_t i = 0; i < count; i++) choose_calls(contenders[i], plan->sample_seconds);
    for (size_t r = 0; r < plan->repetitions; r++) {
        for (size_t i = 0; i < count; i++) {
            bench_contender *contender = contenders[r % 2 ? count - 1 - i : i];
            time_calls(contender, 1 + contender->calls / 8);
            contender->seconds[r] =
                time_calls(contender, contender->calls) / (double)contender->calls;
        }
    }
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Linear between the two nearest values. */
static double quantile(const double *sorted, size_t count, double part) {
    double at = part * (double)(count - 1);
    size_t below = (size_t)at, above = below + 1 < count ? below + 1 : below;
    return sorted[below] + (at - (double)below) * (sorted[above] - sorted[below]);
}

bench_summary bench_summarize(const double *values, size_t count) {
    double sorted[BENCH_MOST_REPETITIONS];
    memcpy(sorted, values, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare);
    return (bench_summary){quantile(sorted, count, 0.5), quantile(sorted, count, 0.25),
                           quantile(sorted, count, 0.75), sorted[0], sorted[count - 1]};
}

bench_summary bench_ratio(const bench_plan *plan, const bench_contender *a,
                          const bench_contender *b) {
    double ratios[BENCH_MOST_REPETITIONS];
    for (size_t r = 0; r < plan->repetitions; r++) ratios[r] = a->seconds[r] / b->seconds[r];
    return bench_summarize(ratios, plan->repetitions);
}
