/* A diffusion of points in the plane: how far its bound lies below the true log p, for each of several settings, and a picture
 * of its samples on their way from noise to data. docs/diffusion.md shows what this prints and draws.
 *
 *   diffusion_toy [key=value ...]
 *     data=ring|moons|checkerboard (ring)  rows=50000  epochs=100  seed=1  threads=N (all processors)
 *     out=DIR (demo-out): DATA.png
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/arguments.h"
#include "tool/plot.h"
#include "vae.h"

#define TEST 5000   /* rows that the bound is a mean over */
#define POINTS 3000 /* in each panel */

typedef struct options {
    const char *data, *rows, *epochs, *seed, *threads, *out;
} options;

/* A model, and how it is trained. */
typedef struct trial {
    const char *schedule, *predict, *variance, *objective;
} trial;

static const trial trials[] = {
    {"cosine", "v", "large", "simple"},     {"cosine", "v", "small", "simple"},
    {"cosine", "v", "optimal", "simple"},   {"cosine", "v", "learned", "hybrid"},
    {"cosine", "noise", "large", "simple"}, {"cosine", "data", "large", "simple"},
    {"linear", "v", "large", "simple"},     {"linear", "v", "optimal", "simple"},
    {"cosine", "v", "optimal", "vlb"},
};
enum { TRIALS = sizeof trials / sizeof trials[0], DRAWN = 2 /* the model of the picture */ };

/* Mean log p of the built-in data, where there is a closed form (docs/text.md); NaN: there is none. */
static double truth_of(const char *data) {
    if (!strcmp(data, "ring")) return -0.0244646;
    return strcmp(data, "checkerboard") ? NAN : -log(8);
}

static int failed(const char *where, vae_status status) {
    if (status < 0) fprintf(stderr, "diffusion_toy: %s: %s\n", where, vae_last_error());
    return status < 0;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

typedef struct run {
    options options;
    vae_context *context;
    vae_dataset *train, *test;
    double truth;
} run;

static int train(const run *r, const trial *t, vae_model **out) {
    char text[400];
    vae_optimizer *optimizer = NULL;
    unsigned long steps =
        strtoul(r->options.rows, NULL, 10) / 500 * strtoul(r->options.epochs, NULL, 10);
    snprintf(text, sizeof text,
             "model=diffusion input=2 steps=100 standardize=1 seed=%s schedule=%s predict=%s "
             "variance=%s network=[dense 128, silu, dense 128, silu, dense 128, silu]",
             r->options.seed, t->schedule, t->predict, t->variance);
    int problem = failed("model", vae_model_create(r->context, text, out)) ||
                  failed("model", vae_model_initialize(*out, r->train));
    snprintf(text, sizeof text, "adam lr=3e-3 schedule=cosine steps=%lu objective=%s seed=%s",
             steps, t->objective, r->options.seed);
    problem = problem || failed("optimizer", vae_optimizer_create(*out, text, &optimizer));
    snprintf(text, sizeof text, "epochs=%s", r->options.epochs);
    problem =
        problem || failed("training", vae_train(*out, optimizer, r->train, NULL, text, NULL, NULL));
    vae_optimizer_destroy(optimizer);
    return problem;
}

/* The whole bound over the test rows, and the mean distance of samples from the origin. */
static int report(const run *r, const trial *t, const vae_model *model, double seconds) {
    static float x[POINTS * 2];
    vae_evaluation *evaluation = NULL;
    double bound = 0, error = 0, radius = 0;
    int problem = failed("evaluation", vae_evaluate(model, r->test, NULL, "samples=100 baselines=0",
                                                    NULL, NULL, &evaluation)) ||
                  failed("samples", vae_generate(model, POINTS, 1, "sampler=ddim steps=50", NULL,
                                                 NULL, NULL, NULL, x));
    if (problem) return 1;
    vae_evaluation_value(evaluation, "log_p", &bound);
    vae_evaluation_value(evaluation, "log_p_monte_carlo_error", &error);
    vae_evaluation_destroy(evaluation);
    for (size_t i = 0; i < POINTS; i++) radius += hypot(x[2 * i], x[2 * i + 1]) / POINTS;
    printf("| %s | %s | %s | %s | %.3f | %.3f | %.3f | %.3f | %.0f |\n", t->schedule, t->predict,
           t->variance, t->objective, bound, r->truth - bound, error, radius, seconds);
    fflush(stdout);
    return 0;
}

/* Samples after some of the sampler's 50 steps, from x_T on. */
static int draw(const run *r, const vae_model *model) {
    static const int taken[] = {0, 20, 35, 43, 50};
    enum { PANELS = sizeof taken / sizeof taken[0] };
    static double x[PANELS][POINTS], y[PANELS][POINTS];
    static float z[POINTS * 2], at[POINTS * 2];
    char titles[PANELS][40], path[1000], text[80];
    plot_series series[PANELS];
    plot_panel panels[PANELS];
    for (size_t p = 0; p < PANELS; p++) {
        snprintf(text, sizeof text, "sampler=ddim steps=50 taken=%d", taken[p] ? taken[p] : 1);
        if (failed("samples", vae_generate(model, POINTS, 1, text, NULL, NULL, z, NULL, at)))
            return 1;
        const float *shown = taken[p] ? at : z;
        for (size_t i = 0; i < POINTS; i++) {
            x[p][i] = shown[2 * i];
            y[p][i] = shown[2 * i + 1];
        }
        snprintf(titles[p], sizeof titles[p], taken[p] ? "after %d of 50 steps" : "x_T ~ N(0, I)",
                 taken[p]);
        series[p] =
            (plot_series){.x = x[p], .y = y[p], .n = POINTS, .color = (int)p, .mark = PLOT_POINTS};
        panels[p] = (plot_panel){
            .title = titles[p], .width = 220, .height = 220, .series = &series[p], .count = 1};
    }
    int length = snprintf(path, sizeof path, "%s/%s.png", r->options.out, r->options.data);
    const char *problem =
        length < 0 || (size_t)length >= sizeof path
            ? "path too long"
            : plot_panels(path, "Samples of a diffusion on their way from noise", panels, PANELS);
    if (problem) fprintf(stderr, "diffusion_toy: %s: %s\n", path, problem);
    return problem != NULL;
}

static int run_all(run *r) {
    char text[100], source[64];
    snprintf(text, sizeof text, "threads=%s", r->options.threads);
    if (failed("context", vae_context_create(text, &r->context))) return 1;
    snprintf(source, sizeof source, "toy:%s:%s", r->options.data, r->options.rows);
    snprintf(text, sizeof text, "batch=500 seed=%s", r->options.seed);
    if (failed(source, vae_dataset_open(r->context, source, text, &r->train))) return 1;
    snprintf(source, sizeof source, "toy:%s:%d", r->options.data, TEST);
    if (failed(source, vae_dataset_open(r->context, source, "seed=1000", &r->test))) return 1;
    r->truth = truth_of(r->options.data);
    const char *problem = arguments_make_folder(r->options.out);
    if (problem) return fprintf(stderr, "diffusion_toy: %s: %s\n", r->options.out, problem), 1;
    printf(
        "| schedule | predict | variance | objective | bound | below log p | +- | radius | seconds |\n");
    printf("| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
    int status = 0;
    for (int i = 0; i < TRIALS && !status; i++) {
        vae_model *model = NULL;
        double begin = now();
        status = train(r, &trials[i], &model) || report(r, &trials[i], model, now() - begin);
        if (!status && i == DRAWN) status = draw(r, model);
        vae_model_destroy(model);
    }
    return status;
}

int main(int count, char **arguments) {
    run r = {.options = {"ring", "50000", "100", "1", arguments_all_processors(), "demo-out"}};
    const argument known[] = {{"data", &r.options.data},
                              {"rows", &r.options.rows},
                              {"epochs", &r.options.epochs},
                              {"seed", &r.options.seed},
                              {"threads", &r.options.threads},
                              {"out", &r.options.out},
                              {NULL, NULL}};
    const char *at = "", *problem = arguments_parse(known, count, arguments, &at);
    if (problem) {
        fprintf(stderr, "diffusion_toy: %s: %s\n", at, problem);
        return 2;
    }
    int status = run_all(&r);
    vae_dataset_destroy(r.train);
    vae_dataset_destroy(r.test);
    vae_context_destroy(r.context);
    return status ? EXIT_FAILURE : EXIT_SUCCESS;
}
