/* Why an encoder is needed to measure log p(x), too: estimates of it by naive Monte Carlo, z from the
 * prior, and by importance sampling, z from q(z|x), against the number of samples.
 *
 *   naive_vs_importance [key=value ...]
 *     model=PATH (trains one for 5 epochs; a Bernoulli model of these images)
 *     images=48  repeats=8: runs with other seeds, whose spread is the error band
 *     epochs=5  k=1 (more: objective=iwae samples=K)  latent=20  seed=1  threads=N (all processors)
 *     out=DIR (demo-out)  data=DIR (Debian's dataset-fashion-mnist) | sprites
 *
 * Pixels are cut at one half, so that the Bernoulli is a probability and log p(x) means something.
 * Writes naive_vs_importance.png and naive_vs_importance.csv.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arguments.h"
#include "common/images.h"
#include "tool/plot.h"
#include "tool/progress.h"
#include "vae.h"

static const unsigned sample_counts[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000};
#define COUNTS (sizeof sample_counts / sizeof *sample_counts)
#define TRUSTED_ESS 10.0 /* below it the library gives no standard error */

typedef struct options {
    const char *model, *images, *repeats, *epochs, *k, *latent, *seed, *threads, *out, *data;
} options;

/* One estimator: figures by number of samples, of the mean over the images. */
typedef struct curve {
    const char *estimator, *name;
    double log_p[COUNTS], spread[COUNTS]; /* mean and standard deviation over the repeats */
    double low[COUNTS], high[COUNTS];     /* log_p -+ 2 spread */
    double error[COUNTS];     /* Monte Carlo error as one run states it; infinite: not trusted */
    double ess[COUNTS];       /* geometric mean over the images and repeats */
    double untrusted[COUNTS]; /* share of the images without a standard error */
    int color;
} curve;

enum { PRIOR, IMPORTANCE, CURVES };

typedef struct program {
    options options;
    unsigned long images, repeats, epochs, seed;
    vae_context *context;
    images data;
    vae_model *model;
    double x[COUNTS], elbo;
    curve curves[CURVES];
} program;

static int failed(const char *where, const char *problem) {
    if (problem) fprintf(stderr, "naive_vs_importance: %s: %s\n", where, problem);
    return problem != NULL;
}

static const char *problem_of(vae_status status) {
    return status < 0 ? vae_last_error() : NULL;
}

/* ---- Model ---- */

static int train(program *p) {
    char spec[256], text[96];
    progress bar;
    vae_optimizer *optimizer = NULL;
    snprintf(spec, sizeof spec,
             "input=1x%zux%zu latent=%s likelihood=bernoulli seed=%s "
             "encoder=[dense 200, relu] decoder=[dense 200, relu]",
             p->data.height, p->data.width, p->options.latent, p->options.seed);
    const char *problem = problem_of(vae_model_create(p->context, spec, &p->model));
    if (!problem) problem = problem_of(vae_model_initialize(p->model, p->data.train));
    snprintf(text, sizeof text, "adam lr=2e-3 objective=%s samples=%s seed=%s",
             strcmp(p->options.k, "1") ? "iwae" : "elbo", p->options.k, p->options.seed);
    if (!problem) problem = problem_of(vae_optimizer_create(p->model, text, &optimizer));
    if (!problem) {
        printf("training  %s\n\n", vae_model_spec(p->model));
        snprintf(text, sizeof text, "epochs=%lu", p->epochs);
        progress_begin(&bar, p->epochs, p->data.train);
        problem = problem_of(vae_train(p->model, optimizer, p->data.train, p->data.test, text,
                                       progress_update, &bar));
        progress_end(&bar);
    }
    vae_optimizer_destroy(optimizer);
    return failed("training", problem);
}

static int get_model(program *p) {
    if (!p->options.model) return train(p);
    return failed("model", problem_of(vae_model_load(p->context, p->options.model, &p->model)));
}

/* ---- Estimates ---- */

static double mean_of(const double *values, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += values[i];
    }
    return sum / (double)n;
}

/* Scratch of one call: [images] each. */
typedef struct estimates {
    double *log_p, *error, *ess;
} estimates;

/* All repeats at one number of samples. */
static const char *estimate(program *p, curve *c, size_t at, const estimates *e) {
    size_t n = p->images;
    double average = 0, squares = 0, log_ess = 0, variance = 0, untrusted = 0;
    for (unsigned long repeat = 0; repeat < p->repeats; repeat++) {
        char text[96];
        snprintf(text, sizeof text, "estimator=%s samples=%u seed=%lu", c->estimator,
                 sample_counts[at], p->seed + repeat);
        if (vae_log_likelihood(p->model, p->data.x, n, p->data.pixels, text, e->log_p, e->error,
                               e->ess) < 0)
            return vae_last_error();
        double mean = mean_of(e->log_p, n), off = mean - average;
        average += off / (double)(repeat + 1); /* Welford: no difference of large squares */
        squares += off * (mean - average);
        for (size_t i = 0; i < n; i++) {
            log_ess += log(e->ess[i]);
            variance += e->error[i] * e->error[i];
            untrusted += isinf(e->error[i]) ? 1 : 0;
        }
    }
    double repeats = (double)p->repeats, calls = repeats * (double)n;
    c->log_p[at] = average;
    c->spread[at] = sqrt(squares / fmax(1, repeats - 1));
    c->low[at] = c->log_p[at] - 2 * c->spread[at];
    c->high[at] = c->log_p[at] + 2 * c->spread[at];
    c->error[at] = sqrt(variance / repeats) / (double)n;
    c->ess[at] = exp(log_ess / calls);
    c->untrusted[at] = untrusted / calls;
    return NULL;
}

static int estimate_all(program *p) {
    size_t n = p->images;
    double *block = malloc(3 * n * sizeof *block);
    const char *problem = block ? NULL : "no memory";
    const estimates e = {block, block + n, block + 2 * n};
    if (!problem) {
        problem = problem_of(
            vae_elbo(p->model, p->data.x, n, p->data.pixels, p->seed, e.log_p, NULL, NULL));
        if (!problem) p->elbo = mean_of(e.log_p, n);
    }
    for (size_t k = 0; !problem && k < COUNTS; k++) {
        p->x[k] = sample_counts[k];
        for (int c = 0; !problem && c < CURVES; c++) {
            problem = estimate(p, &p->curves[c], k, &e);
        }
    }
    free(block);
    return failed("estimates", problem);
}

/* ---- Results ---- */

static void print_table(const program *p) {
    printf("\nmean of log p(x) over %lu test images, in nats; +- the spread of %lu runs\n"
           "ELBO %.2f\n\n                     naive                        importance\n"
           " samples      log p(x)  spread      ESS     log p(x)  spread      ESS\n",
           p->images, p->repeats, p->elbo);
    for (size_t k = 0; k < COUNTS; k++) {
        printf("%8u", sample_counts[k]);
        for (int c = 0; c < CURVES; c++) {
            const curve *of = &p->curves[c];
            printf("    %10.2f %7.2f %8.1f", of->log_p[k], of->spread[k], of->ess[k]);
        }
        printf("\n");
    }
    size_t last = COUNTS - 1;
    printf(
        "\nat %u samples naive Monte Carlo is %.1f nats below importance sampling; without a standard\n"
        "error, having fewer than 10 effective samples: %.0f %% of its estimates, and %.0f %% of the "
        "others\n",
        sample_counts[last], p->curves[IMPORTANCE].log_p[last] - p->curves[PRIOR].log_p[last],
        100 * p->curves[PRIOR].untrusted[last], 100 * p->curves[IMPORTANCE].untrusted[last]);
}

static const char *write_csv(const program *p, const char *path) {
    FILE *file = fopen(path, "w");
    if (!file) return strerror(errno);
    fputs("estimator,samples,log_p,spread,stated_error,ess,untrusted_share\n", file);
    for (int c = 0; c < CURVES; c++) {
        for (size_t k = 0; k < COUNTS; k++) {
            const curve *of = &p->curves[c];
            fprintf(file, "%s,%u,%.6f,%.6f,%.6g,%.6g,%.4f\n", of->estimator, sample_counts[k],
                    of->log_p[k], of->spread[k], of->error[k], of->ess[k], of->untrusted[k]);
        }
    }
    int broken = ferror(file);
    broken = fclose(file) != 0 || broken;
    return broken ? strerror(errno) : NULL;
}

static plot_series line(const curve *c, const double *x, const double *y) {
    return (plot_series){.name = c->name, .x = x, .y = y, .n = COUNTS, .color = c->color};
}

static plot_series band(const curve *c, const double *x) {
    return (plot_series){.name = "\xc2\xb1 2 sd of repeated runs",
                         .x = x,
                         .y = c->low,
                         .high = c->high,
                         .n = COUNTS,
                         .color = c->color,
                         .mark = PLOT_BAND};
}

static const char *write_plot(const program *p, const char *path) {
    const curve *naive = &p->curves[PRIOR], *importance = &p->curves[IMPORTANCE];
    const double least = TRUSTED_ESS;
    const plot_series elbo = {
        .name = "ELBO", .y = &p->elbo, .n = 1, .color = 4, .mark = PLOT_LEVEL};
    const plot_series ideal = {.name = "ESS = samples",
                               .x = p->x,
                               .y = p->x,
                               .n = COUNTS,
                               .color = 3,
                               .mark = PLOT_DASHES};
    const plot_series trusted = {.name = "ESS = 10: no error stated below",
                                 .y = &least,
                                 .n = 1,
                                 .color = PLOT_BLACK,
                                 .mark = PLOT_LEVEL};
    /* Without points a series is in the legend only, which is the first panel's. */
    plot_series both[] = {line(importance, p->x, importance->log_p),
                          band(importance, p->x),
                          line(naive, p->x, naive->log_p),
                          band(naive, p->x),
                          elbo,
                          {.name = ideal.name, .color = ideal.color, .mark = PLOT_DASHES},
                          {.name = trusted.name, .color = trusted.color, .mark = PLOT_DASHES}};
    const plot_series closer[] = {both[0], both[1], elbo};
    const plot_series ess[] = {line(importance, p->x, importance->ess),
                               line(naive, p->x, naive->ess), ideal, trusted};
    plot_panel panels[3];
    char title[96];
    for (int k = 0; k < 3; k++) {
        panels[k] =
            (plot_panel){.x_label = "samples", .width = 260, .height = 260, .x_scale = PLOT_LOG};
    }
    panels[0].title = "Estimate of log p(x)";
    panels[0].y_label = panels[1].y_label = "nats per image";
    panels[0].series = both;
    panels[0].count = sizeof both / sizeof *both;
    panels[1].title = "The same without naive";
    panels[1].series = closer;
    panels[1].count = sizeof closer / sizeof *closer;
    panels[2].title = "Effective sample size";
    panels[2].y_label = "ESS";
    panels[2].y_scale = PLOT_LOG;
    panels[2].series = ess;
    panels[2].count = sizeof ess / sizeof *ess;
    snprintf(title, sizeof title, "log p(x) of %lu test images by Monte Carlo", p->images);
    return plot_panels(path, title, panels, 3);
}

static int write_files(const program *p) {
    char path[4096];
    static const struct {
        const char *name;
        const char *(*write)(const program *p, const char *path);
    } files[] = {{"naive_vs_importance.png", write_plot}, {"naive_vs_importance.csv", write_csv}};
    for (size_t k = 0; k < sizeof files / sizeof *files; k++) {
        int length = snprintf(path, sizeof path, "%s/%s", p->options.out, files[k].name);
        if (length < 0 || (size_t)length >= sizeof path)
            return failed(p->options.out, "path too long");
        if (failed(path, files[k].write(p, path))) return 1;
        printf("%s%s", k ? ", " : "\nwritten: ", path);
    }
    printf("\n");
    return 0;
}

static int check_options(program *p) {
    const options *o = &p->options;
    if (arguments_whole(o->images, 1, 10000, &p->images) ||
        arguments_whole(o->repeats, 1, 1000, &p->repeats) ||
        arguments_whole(o->epochs, 1, 100000, &p->epochs) ||
        arguments_whole(o->seed, 0, 1000000000, &p->seed))
        return failed("arguments", "images, repeats, epochs and seed are whole numbers");
    return failed(o->out, arguments_make_folder(o->out));
}

static int run(program *p) {
    char text[64];
    snprintf(text, sizeof text, "threads=%s", p->options.threads);
    if (check_options(p) || failed("context", problem_of(vae_context_create(text, &p->context))))
        return 1;
    snprintf(text, sizeof text, "batch=128 seed=%s", p->options.seed);
    if (failed("data",
               images_open(&p->data, p->context, p->options.data, "binarize=threshold", text)))
        return 1;
    if (p->images > p->data.n) p->images = p->data.n;
    if (get_model(p) || estimate_all(p)) return 1;
    print_table(p);
    return write_files(p);
}

int main(int count, char **arguments) {
    program p = {
        .options = {NULL, "48", "8", "5", "1", "20", "1", arguments_all_processors(), "demo-out",
                    NULL},
        .curves = {{.estimator = "prior", .name = "naive: z ~ p(z)", .color = 6},
                   {.estimator = "importance", .name = "importance: z ~ q(z|x)", .color = 0}}};
    options *o = &p.options;
    const argument known[] = {{"model", &o->model},
                              {"images", &o->images},
                              {"repeats", &o->repeats},
                              {"epochs", &o->epochs},
                              {"k", &o->k},
                              {"latent", &o->latent},
                              {"seed", &o->seed},
                              {"threads", &o->threads},
                              {"out", &o->out},
                              {"data", &o->data},
                              {NULL, NULL}};
    const char *at = "";
    if (failed(at, arguments_parse(known, count, arguments, &at))) return 2;
    int problem = run(&p);
    vae_model_destroy(p.model);
    images_close(&p.data);
    vae_context_destroy(p.context);
    return problem ? EXIT_FAILURE : EXIT_SUCCESS;
}
