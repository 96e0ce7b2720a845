/* make bench-growth: how the time of a training step grows with batch, width, depth and latent, on one
 * thread and on two, against its floating-point operations; and memory with the parameters.
 *
 *     growth [out=build/growth]
 *
 * Around 784-400-20 with batch 128 one of them is varied at a time. Writes growth.png, memory.png, growth.csv and the
 * tables of docs/performance.md on standard output. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "measure.h"
#include "subject.h"
#include "tensor/gemm.h"
#include "tool/plot.h"

enum { MOST_POINTS = 10, SIDES = 2, REPETITIONS = 9 };
#define SAMPLE_SECONDS 0.012

typedef struct shape {
    size_t batch, width, hidden, depth, latent;
} shape;

typedef struct point {
    double x, microseconds[SIDES], bound, flops, parameters, peak;
} point;

typedef struct sweep {
    const char *name, *title;
    size_t values[MOST_POINTS]; /* ends with 0 */
    size_t offset;              /* of what is varied, in shape */
    point points[MOST_POINTS];
    size_t count;
} sweep;

static sweep sweeps[] = {
    {.name = "batch",
     .title = "rows in the batch",
     .values = {1, 4, 16, 64, 256, 1024},
     .offset = offsetof(shape, batch)},
    {.name = "width",
     .title = "values per row",
     .values = {32, 128, 512, 1024, 3072},
     .offset = offsetof(shape, width)},
    {.name = "hidden",
     .title = "hidden units",
     .values = {32, 64, 128, 256, 512, 1024},
     .offset = offsetof(shape, hidden)},
    {.name = "depth",
     .title = "hidden layers, each side",
     .values = {1, 2, 3, 4, 6, 8},
     .offset = offsetof(shape, depth)},
    {.name = "latent",
     .title = "latents",
     .values = {2, 8, 32, 128, 512},
     .offset = offsetof(shape, latent)},
};
enum { SWEEPS = sizeof sweeps / sizeof sweeps[0] };

static void fail(const char *what) {
    fprintf(stderr, "growth: %s\n", what);
    exit(1);
}

static void append_layers(char *text, size_t size, const char *key, const shape *s) {
    size_t used = strlen(text);
    used += (size_t)snprintf(text + used, size - used, " %s=[", key);
    for (size_t i = 0; i < s->depth; i++) {
        used += (size_t)snprintf(text + used, size - used, "%sdense %zu, relu", i ? ", " : "",
                                 s->hidden);
    }
    snprintf(text + used, size - used, "]");
}

static void measure_point(const shape *s, point *p) {
    char spec[1024];
    const bench_plan plan = {.repetitions = REPETITIONS, .sample_seconds = SAMPLE_SECONDS};
    bench_subject subjects[SIDES];
    bench_contender contenders[SIDES + 1], *list[SIDES + 1];
    bench_bound bound;
    snprintf(spec, sizeof spec, "input=%zu latent=%zu likelihood=bernoulli", s->width, s->latent);
    append_layers(spec, sizeof spec, "encoder", s);
    append_layers(spec, sizeof spec, "decoder", s);
    const bench_network network = {"", spec};
    for (size_t i = 0; i < SIDES; i++) {
        if (!bench_subject_make(&network, i + 1, s->batch, &subjects[i])) fail(vae_last_error());
        contenders[i] = (bench_contender){.run = bench_run_step, .user = &subjects[i]};
        list[i] = &contenders[i];
    }
    const vae_optimizer *optimizer = subjects[SIDES - 1].optimizer;
    if (!bench_bound_make(&optimizer->plan, &optimizer->state, s->batch, &bound)) fail("bound");
    contenders[SIDES] = (bench_contender){.run = bench_run_bound, .user = &bound};
    list[SIDES] = &contenders[SIDES];
    bench_measure(&plan, list, SIDES + 1);
    for (size_t i = 0; i < SIDES; i++)
        p->microseconds[i] = 1e6 * bench_summarize(contenders[i].seconds, REPETITIONS).median;
    p->bound = 1e6 * bench_summarize(contenders[SIDES].seconds, REPETITIONS).median;
    p->flops = bound.flops;
    p->parameters = (double)vae_model_parameter_total(subjects[0].model);
    p->peak = (double)subjects[0].training_peak;
    bench_bound_free(&bound);
    for (size_t i = 0; i < SIDES; i++) bench_subject_free(&subjects[i]);
}

static void measure_sweep(sweep *w) {
    printf(
        "\n| %s | 1 thread, us | 2 threads, us | bound, us | MFLOP | GFLOP/s | MiB | / 3 x 4P |\n"
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
        w->title);
    for (size_t i = 0; i < MOST_POINTS && w->values[i]; i++) {
        shape s = {.batch = 128, .width = 784, .hidden = 400, .depth = 1, .latent = 20};
        point *p = &w->points[w->count++];
        memcpy((char *)&s + w->offset, &w->values[i], sizeof w->values[i]);
        p->x = (double)w->values[i];
        measure_point(&s, p);
        printf("| %zu | %.0f | %.0f | %.0f | %.1f | %.0f | %.1f | %.2f |\n", w->values[i],
               p->microseconds[0], p->microseconds[1], p->bound, p->flops / 1e6,
               p->flops / p->microseconds[1] / 1e3, p->peak / 1048576,
               p->peak / (12 * p->parameters));
        fflush(stdout);
    }
}

/* ---- files ---- */

static void write_csv(const char *path) {
    FILE *file = fopen(path, "w");
    if (!file) fail(strerror(errno));
    fputs("varied,value,us_1_thread,us_2_threads,us_bound,flops,parameters,peak_bytes\n", file);
    for (size_t i = 0; i < SWEEPS; i++) {
        for (size_t k = 0; k < sweeps[i].count; k++) {
            const point *p = &sweeps[i].points[k];
            fprintf(file, "%s,%.0f,%.2f,%.2f,%.2f,%.0f,%.0f,%.0f\n", sweeps[i].name, p->x,
                    p->microseconds[0], p->microseconds[1], p->bound, p->flops, p->parameters,
                    p->peak);
        }
    }
    if (fclose(file)) fail(strerror(errno));
}

typedef struct columns {
    double x[MOST_POINTS], y[3][MOST_POINTS];
    plot_series series[3];
} columns;

/* Times of one sweep: one thread, two, the bound. */
static plot_panel time_panel(const sweep *w, columns *c) {
    static const char *const names[] = {"1 thread", "2 threads", "bound on 2 threads"};
    static const int colors[] = {0, 6, 3};
    for (size_t k = 0; k < w->count; k++) {
        c->x[k] = w->points[k].x;
        for (size_t s = 0; s < SIDES; s++) c->y[s][k] = w->points[k].microseconds[s] / 1e3;
        c->y[2][k] = w->points[k].bound / 1e3;
    }
    for (size_t s = 0; s < 3; s++) {
        c->series[s] = (plot_series){.name = names[s],
                                     .x = c->x,
                                     .y = c->y[s],
                                     .n = w->count,
                                     .color = colors[s],
                                     .mark = s == 2 ? PLOT_DASHES : PLOT_LINE};
    }
    return (plot_panel){.title = w->name,
                        .x_label = w->title,
                        .width = 200,
                        .height = 220,
                        .x_scale = PLOT_LOG,
                        .y_scale = PLOT_LOG,
                        .series = c->series,
                        .count = 3};
}

/* Memory of every point against its parameters, and the least that Adam takes. */
typedef struct memory_columns {
    double parameters[SWEEPS * MOST_POINTS], peak[SWEEPS * MOST_POINTS];
    double ends[2], least[2];
    plot_series series[2];
} memory_columns;

static plot_panel memory_panel(memory_columns *c) {
    size_t n = 0;
    c->ends[0] = INFINITY;
    c->ends[1] = 0;
    for (size_t i = 0; i < SWEEPS; i++) {
        for (size_t k = 0; k < sweeps[i].count; k++, n++) {
            c->parameters[n] = sweeps[i].points[k].parameters;
            c->peak[n] = sweeps[i].points[k].peak / 1048576;
            c->ends[0] = fmin(c->ends[0], c->parameters[n]);
            c->ends[1] = fmax(c->ends[1], c->parameters[n]);
        }
    }
    for (size_t i = 0; i < 2; i++) c->least[i] = 12 * c->ends[i] / 1048576;
    c->series[0] = (plot_series){.name = "one thread",
                                 .x = c->parameters,
                                 .y = c->peak,
                                 .n = n,
                                 .color = 0,
                                 .mark = PLOT_POINTS};
    c->series[1] = (plot_series){.name = "12 bytes a parameter",
                                 .x = c->ends,
                                 .y = c->least,
                                 .n = 2,
                                 .color = 3,
                                 .mark = PLOT_DASHES};
    return (plot_panel){.title = "Every network of the sweeps",
                        .x_label = "parameters",
                        .y_label = "MiB held",
                        .width = 400,
                        .height = 260,
                        .x_scale = PLOT_LOG,
                        .y_scale = PLOT_LOG,
                        .series = c->series,
                        .count = 2};
}

static void write_plots(const char *folder) {
    char path[4096];
    columns data[SWEEPS];
    memory_columns memory;
    plot_panel panels[SWEEPS], held = memory_panel(&memory);
    for (size_t i = 0; i < SWEEPS; i++) panels[i] = time_panel(&sweeps[i], &data[i]);
    panels[0].y_label = "milliseconds a step";
    snprintf(path, sizeof path, "%s/growth.png", folder);
    const char *problem =
        plot_panels(path, "A training step around 784-400-20, batch 128", panels, SWEEPS);
    if (problem) fail(problem);
    snprintf(path, sizeof path, "%s/memory.png", folder);
    problem = plot_panels(path, "Memory while training with Adam", &held, 1);
    if (problem) fail(problem);
    printf("\n%s/growth.png, memory.png, growth.csv\n", folder);
}

int main(int count, char **arguments) {
    char path[4096];
    const char *out = "build/growth";
    if (count > 1 && !strncmp(arguments[1], "out=", 4)) out = arguments[1] + 4;
    if (mkdir(out, 0777) && errno != EEXIST) fail(strerror(errno));
    vae__gemm_make_serial(); /* a pthread BLAS stays on one, as in make bench */
    for (size_t i = 0; i < SWEEPS; i++) measure_sweep(&sweeps[i]);
    snprintf(path, sizeof path, "%s/growth.csv", out);
    write_csv(path);
    write_plots(out);
    return 0;
}
