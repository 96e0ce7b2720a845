/* Results as a table on standard output and as JSON. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdint.h>
#include <stdio.h>

#include "hosts.h"
#include "measure.h"
#include "pair.h"

enum { BENCH_MOST_RESULTS = 128 };

typedef struct bench_result {
    const char *what, *network;
    size_t batch, threads;
    bench_summary time;      /* seconds of one call */
    const char *against;     /* what `reference` is: "bound", "products", "step" */
    bench_summary reference; /* seconds */
    bench_summary ratio;     /* time / reference, taken in pairs */
    bench_summary products;  /* seconds of the matrix products alone; median 0: not measured */
    bench_summary speedup;   /* time on one thread / time; median 0: this is on one thread */
    double flops;            /* of the products of one call; 0: not known */
    double allocations;      /* per call, once warm */
    double accepted_ratio, accepted_seconds, accepted_speedup; /* what is asked for; 0: nothing */
} bench_result;

typedef struct bench_memory {
    const char *network;
    size_t batch, threads;
    uint64_t parameters;             /* values */
    uint64_t parameter_bytes;        /* parameters and both moments: 3 x 4 P in float */
    uint64_t arena, workspace, peak; /* workspace: arena and norms; peak: all the context held */
} bench_memory;

typedef struct bench_process {
    uint64_t before, after; /* peak resident bytes before a model was made, and after training */
    int known;
} bench_process;

typedef struct bench_machine {
    char date[32], processor[128], blas[256], simd[16];
    long processors;
} bench_machine;

typedef struct bench_report {
    bench_machine machine;
    bench_plan plan;
    bench_result results[BENCH_MOST_RESULTS];
    bench_memory memory[BENCH_MOST_RESULTS];
    size_t result_count, memory_count;
    bench_hosts hosts[BENCH_MOST_HOSTS];
    size_t host_count;
    bench_process process; /* a process that only trains */
    const char *process_network;
    bench_pair pair;        /* of a process of its own; not known: not measured */
    uint64_t peak_resident; /* of this program, bytes */
    double seconds;         /* that all of it took */
} bench_report;

/* The date, the processor, the BLAS that is loaded. */
void bench_describe_machine(bench_machine *machine);

void bench_print_machine(const bench_report *report);
void bench_print_head(void);
void bench_print_result(const bench_result *result);
void bench_print_hosts(const bench_report *report);
void bench_print_pair(const bench_report *report);
void bench_print_memory(const bench_report *report);

/* 1, or 0 if the file cannot be written. */
int bench_write_json(const bench_report *report, const char *path);

#endif
