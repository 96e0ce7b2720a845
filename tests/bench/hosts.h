/* Several host threads that encode on one const model at the same time. */
#ifndef BENCH_HOSTS_H
#define BENCH_HOSTS_H

#include "subject.h"

enum { BENCH_MOST_HOSTS = 8 };

typedef struct bench_hosts {
    size_t threads;
    double rows_per_second; /* of all of them together */
} bench_hosts;

/* `hosts` threads encode subject->rows rows over and over for about `seconds`; the subject's context
 * should have one thread. rows_per_second 0: a call failed. The program ends if a thread cannot be
 * started. */
bench_hosts bench_hosts_encode(const bench_subject *subject, size_t hosts, double seconds);

#endif
