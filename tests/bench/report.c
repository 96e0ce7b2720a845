#include "report.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/real.h"
#include "tensor/gemm.h"
#include "vae.h"

#define OPTIONAL __attribute__((weak))
extern OPTIONAL char *openblas_get_config(void);
extern OPTIONAL char *openblas_get_corename(void);
extern OPTIONAL const char *bli_info_get_version_str(void);

/* ---- machine ---- */

static void find_processor(char *name, size_t size) {
    char line[512];
    FILE *file = fopen("/proc/cpuinfo", "r");
    snprintf(name, size, "unknown");
    while (file && fgets(line, sizeof line, file)) {
        char *value = strchr(line, ':');
        if (strncmp(line, "model name", 10) || !value) continue;
        value += 1 + (value[1] == ' ');
        value[strcspn(value, "\n")] = 0;
        snprintf(name, size, "%.*s", (int)size - 1, value);
        break;
    }
    if (file) fclose(file);
}

void bench_describe_machine(bench_machine *machine) {
    time_t now = time(NULL);
    const vae__kernels *kernels;
    strftime(machine->date, sizeof machine->date, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
    find_processor(machine->processor, sizeof machine->processor);
    machine->processors = sysconf(_SC_NPROCESSORS_ONLN);
    const char *config = openblas_get_config        ? openblas_get_config()
                         : bli_info_get_version_str ? bli_info_get_version_str()
                                                    : "";
    const char *core = openblas_get_corename ? openblas_get_corename() : "";
    snprintf(machine->blas, sizeof machine->blas, "%s%s%s%s%s", vae__gemm_name(),
             *config ? ": " : "", config, *core ? ", kernels " : "", core);
    snprintf(machine->simd, sizeof machine->simd, "%s",
             vae__kernels_select("auto", &kernels) ? "?" : kernels->name);
}

/* ---- table ---- */

void bench_print_machine(const bench_report *report) {
    const bench_machine *m = &report->machine;
    printf("%s\n%s, %ld processors, simd %s\nBLAS %s\n%s\n", m->date, m->processor, m->processors,
           m->simd, m->blas, vae_build_info());
    printf("Medians of %zu samples of about %.0f ms each, quartiles in brackets. Every matrix "
           "product runs on one thread;\nrows and weight blocks are split over ours. bound: a "
           "step's matrix products and one pass over parameters and moments.\nproducts: the "
           "forward matrix products. Ratios and speed-ups are taken sample by sample.\n",
           report->plan.repetitions, 1e3 * report->plan.sample_seconds);
}

void bench_print_head(void) {
    printf("\n%-13s %-14s %5s %3s %10s %-21s %9s  %-8s %10s %6s %-13s %-8s %-12s %s\n", "",
           "network", "batch", "thr", "us", "", "rows/s", "against", "us", "ratio", "", "asked",
           "2 thr / 1", "alloc");
}

static void print_asked(const bench_result *r, char *text, size_t size) {
    snprintf(text, size, " ");
    if (r->accepted_ratio > 0) snprintf(text, size, "<= %.2f", r->accepted_ratio);
    if (r->accepted_seconds > 0) snprintf(text, size, "<= %.3gus", 1e6 * r->accepted_seconds);
}

void bench_print_result(const bench_result *r) {
    char spread[48], ratio_spread[48], asked[32], speedup[48] = "";
    snprintf(spread, sizeof spread, "[%.4g .. %.4g]", 1e6 * r->time.lower, 1e6 * r->time.upper);
    snprintf(ratio_spread, sizeof ratio_spread, "[%.2f .. %.2f]", r->ratio.lower, r->ratio.upper);
    print_asked(r, asked, sizeof asked);
    if (r->speedup.median > 0) snprintf(speedup, sizeof speedup, "%.2fx", r->speedup.median);
    if (r->speedup.median > 0 && r->accepted_speedup > 0) {
        size_t used = strlen(speedup);
        snprintf(speedup + used, sizeof speedup - used, " (>= %.1f)", r->accepted_speedup);
    }
    printf("%-13s %-14s %5zu %3zu %10.2f %-21s %9.0f  %-8s %10.2f %6.2f %-13s %-8s %-12s %g\n",
           r->what, r->network, r->batch, r->threads, 1e6 * r->time.median, spread,
           (double)r->batch / r->time.median, r->against, 1e6 * r->reference.median,
           r->ratio.median, ratio_spread, asked, speedup, r->allocations);
    fflush(stdout);
}

void bench_print_hosts(const bench_report *report) {
    if (!report->host_count) return;
    printf("\nHost threads that encode 64 rows of 784-400-20 at a time on one model: rows/s\n");
    for (size_t i = 0; i < report->host_count; i++) {
        const bench_hosts *h = &report->hosts[i];
        printf("  %zu: %.0f, %.2fx\n", h->threads, h->rows_per_second,
               h->rows_per_second / report->hosts[0].rows_per_second);
    }
}

/* What is asked for on two processors or more. */
#define PAIR_ASKED 1.15

void bench_print_pair(const bench_report *report) {
    const bench_pair *p = &report->pair;
    if (!p->known) return;
    printf("\nTwo trainings of " BENCH_PAIR_NETWORK
           " in two threads of one host, default contexts, "
           "%d rows, %d epochs, against one alone\n  alone %.1f ms, both %.1f ms, ratio %.2f "
           "[%.2f .. %.2f], asked <= %.2f\n",
           BENCH_PAIR_ROWS, BENCH_PAIR_EPOCHS, 1e3 * p->alone.median, 1e3 * p->together.median,
           p->ratio.median, p->ratio.lower, p->ratio.upper, PAIR_ASKED);
}

static double kib(uint64_t bytes) {
    return (double)bytes / 1024;
}

void bench_print_memory(const bench_report *report) {
    printf("\nKiB held by the context while training P parameters; asked: peak <= 3 x %zu P + "
           "arena\n%-14s %5s %3s %9s %10s %10s %10s %10s %10s %7s\n",
           sizeof(vae__real), "network", "batch", "thr", "P", "3 P", "arena", "norms", "other",
           "peak", "ratio");
    for (size_t i = 0; i < report->memory_count; i++) {
        const bench_memory *m = &report->memory[i];
        printf("%-14s %5zu %3zu %9llu %10.1f %10.1f %10.1f %10.1f %10.1f %7.3f\n", m->network,
               m->batch, m->threads, (unsigned long long)m->parameters, kib(m->parameter_bytes),
               kib(m->arena), kib(m->workspace - m->arena),
               kib(m->peak) - kib(m->parameter_bytes + m->workspace), kib(m->peak),
               (double)m->peak / (double)(m->parameter_bytes + m->arena));
    }
    if (report->process.known) {
        printf("\nPeak resident memory of a process that only trains %s: %.1f MiB, of which %.1f "
               "MiB before the model was made\n",
               report->process_network, kib(report->process.after) / 1024,
               kib(report->process.before) / 1024);
    }
    printf("Peak resident memory of this program: %.1f MiB. All of it took %.0f s.\n",
           kib(report->peak_resident) / 1024, report->seconds);
}

/* ---- JSON ---- */

static void write_text(FILE *file, const char *key, const char *text) {
    fprintf(file, "\"%s\": \"", key);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') fputc('\\', file);
        fputc((unsigned char)*text < 32 ? ' ' : *text, file);
    }
    fputc('"', file);
}

static void write_summary(FILE *file, const char *key, const bench_summary *s) {
    if (s->median <= 0) return;
    fprintf(file,
            ",\n     \"%s\": {\"median\": %.6g, \"lower\": %.6g, \"upper\": %.6g, \"least\": %.6g, "
            "\"most\": %.6g}",
            key, s->median, s->lower, s->upper, s->least, s->most);
}

static void write_asked(FILE *file, const char *key, double value) {
    if (value > 0) fprintf(file, ", \"%s\": %g", key, value);
}

static void write_result(FILE *file, const bench_result *r) {
    fputs("    {", file);
    write_text(file, "what", r->what);
    fputs(", ", file);
    write_text(file, "network", r->network);
    fprintf(file, ", \"batch\": %zu, \"threads\": %zu, \"rows_per_second\": %.6g", r->batch,
            r->threads, (double)r->batch / r->time.median);
    fprintf(file, ", \"allocations_per_call\": %g, \"flops\": %.0f, ", r->allocations, r->flops);
    write_text(file, "against", r->against);
    write_asked(file, "accepted_ratio", r->accepted_ratio);
    write_asked(file, "accepted_seconds", r->accepted_seconds);
    write_asked(file, "accepted_speedup", r->accepted_speedup);
    write_summary(file, "seconds", &r->time);
    write_summary(file, "reference_seconds", &r->reference);
    write_summary(file, "ratio", &r->ratio);
    write_summary(file, "product_seconds", &r->products);
    write_summary(file, "speedup", &r->speedup);
    fputc('}', file);
}

static void write_pair(FILE *file, const bench_pair *p) {
    if (!p->known) return;
    fputs("  \"pair\": {", file);
    write_text(file, "network", BENCH_PAIR_NETWORK);
    fprintf(file, ", \"rows\": %d, \"epochs\": %d", BENCH_PAIR_ROWS, BENCH_PAIR_EPOCHS);
    write_asked(file, "accepted_ratio", PAIR_ASKED);
    write_summary(file, "alone_seconds", &p->alone);
    write_summary(file, "together_seconds", &p->together);
    write_summary(file, "ratio", &p->ratio);
    fputs("},\n", file);
}

static void write_memory(FILE *file, const bench_memory *m) {
    fputs("    {", file);
    write_text(file, "network", m->network);
    fprintf(file,
            ", \"batch\": %zu, \"threads\": %zu, \"parameters\": %llu, \"parameter_bytes\": %llu, "
            "\"arena_bytes\": %llu, \"workspace_bytes\": %llu, \"peak_bytes\": %llu}",
            m->batch, m->threads, (unsigned long long)m->parameters,
            (unsigned long long)m->parameter_bytes, (unsigned long long)m->arena,
            (unsigned long long)m->workspace, (unsigned long long)m->peak);
}

static void write_head(FILE *file, const bench_report *report) {
    const bench_machine *m = &report->machine;
    fputs("{\n  ", file);
    write_text(file, "date", m->date);
    fputs(",\n  ", file);
    write_text(file, "processor", m->processor);
    fprintf(file, ",\n  \"processors\": %ld,\n  ", m->processors);
    write_text(file, "simd", m->simd);
    fputs(",\n  ", file);
    write_text(file, "blas", m->blas);
    fputs(",\n  ", file);
    write_text(file, "library", vae_build_info());
    fputs(",\n  ", file);
    write_text(file, "compiler", __VERSION__);
    fprintf(file, ",\n  \"repetitions\": %zu,\n  \"sample_seconds\": %g,\n",
            report->plan.repetitions, report->plan.sample_seconds);
    fprintf(file, "  \"peak_resident_bytes\": %llu,\n  \"elapsed_seconds\": %.1f,\n",
            (unsigned long long)report->peak_resident, report->seconds);
    if (!report->process.known) return;
    fputs("  \"training_process\": {", file);
    write_text(file, "network", report->process_network);
    fprintf(file, ", \"peak_resident_before\": %llu, \"peak_resident\": %llu},\n",
            (unsigned long long)report->process.before, (unsigned long long)report->process.after);
}

int bench_write_json(const bench_report *report, const char *path) {
    FILE *file = fopen(path, "w");
    if (!file) return 0;
    write_head(file, report);
    fputs("  \"results\": [\n", file);
    for (size_t i = 0; i < report->result_count; i++) {
        write_result(file, &report->results[i]);
        fputs(i + 1 < report->result_count ? ",\n" : "\n", file);
    }
    fputs("  ],\n  \"hosts\": [", file);
    for (size_t i = 0; i < report->host_count; i++) {
        fprintf(file, "%s{\"threads\": %zu, \"rows_per_second\": %.6g}", i ? ", " : "",
                report->hosts[i].threads, report->hosts[i].rows_per_second);
    }
    fputs("],\n", file);
    write_pair(file, &report->pair);
    fputs("  \"memory\": [\n", file);
    for (size_t i = 0; i < report->memory_count; i++) {
        write_memory(file, &report->memory[i]);
        fputs(i + 1 < report->memory_count ? ",\n" : "\n", file);
    }
    fputs("  ]\n}\n", file);
    int written = !ferror(file);
    return !fclose(file) && written;
}
