/* What the likelihood's sigma and the weight of the KL do to a VAE, and to latents that die:
 * docs/sigma.md shows what this prints. Each part prints a table, with the warnings of vae_evaluate, and
 * draws the latents of its models, PART.png.
 *
 *   sigma [key=value ...]
 *     part=sigma       a Gaussian VAE with sigma=1, sigma=shared and sigma=optimal; samples.png too
 *     part=collapse    the Gaussian one where latents die, and with remedies
 *     part=deep        a Bernoulli VAE of three sigmoid layers and 50 latents, pixels cut at one half
 *     epochs=10  samples=200 (of the estimate of log p(x) per test image)  rows=1000 (test images for it)
 *     seed=1  threads=N (all processors)  out=DIR (demo-out)
 *     data=DIR (Debian's dataset-fashion-mnist) | sprites
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arguments.h"
#include "common/images.h"
#include "tool/plot.h"
#include "tool/progress.h"
#include "vae.h"

#define GRID_PAIRS 3 /* rows of samples: the mean E[x|z] above a draw x ~ p(x|z) */
#define GRID_COLUMNS 6
#define GRID ((size_t)GRID_PAIRS * GRID_COLUMNS)
#define MOST_TRIALS 8
#define MOST_LATENTS 50
#define ACTIVE_VARIANCE 0.01 /* as vae_evaluate counts */

typedef struct options {
    const char *part, *epochs, *samples, *rows, *seed, *threads, *out, *data;
} options;

/* The name of its row, what its model has, and how it is trained. */
typedef struct trial {
    const char *name, *model, *training;
    int warm_up; /* raises beta over the first half of the steps */
} trial;

static const trial sigma_trials[] = {{"sigma=1", "sigma=1", "", 0},
                                     {"sigma=shared", "sigma=shared", "", 0},
                                     {"sigma=optimal", "sigma=optimal", "", 0}};

static const trial collapse_trials[] = {{"sigma=1", "sigma=1", "", 0},
                                        {"sigma=1 beta_warmup", "sigma=1", "", 1},
                                        {"sigma=1 free_bits=0.2", "sigma=1", "free_bits=0.2", 0},
                                        {"sigma=0.3", "sigma=0.3", "", 0},
                                        {"sigma=shared", "sigma=shared", "", 0},
                                        {"sigma=shared beta=20", "sigma=shared", "beta=20", 0}};

static const trial deep_trials[] = {{"plain", "", "", 0},
                                    {"beta_warmup", "", "", 1},
                                    {"free_bits=0.1", "", "free_bits=0.1", 0},
                                    {"init=glorot", "init=glorot", "", 0}};

typedef struct part {
    const char *name, *pixels, *model; /* pixels: options of the data set */
    const trial *trials;
    size_t count;
    int with_samples;
} part;

#define TRIALS(array) (array), sizeof(array) / sizeof *(array)
#define GAUSSIAN "latent=20 likelihood=gaussian encoder=[dense 400, relu] decoder=[dense 400, relu]"
#define DEEP_LAYERS "dense 200, sigmoid, dense 200, sigmoid, dense 200, sigmoid"
#define DEEP_BERNOULLI \
    "latent=50 likelihood=bernoulli encoder=[" DEEP_LAYERS "] decoder=[" DEEP_LAYERS "]"

static const int colors[MOST_TRIALS] = {0, 6, 4, 1, 2, 5, 7, 8}; /* of the trials, in plots */

static const part parts[] = {
    {"sigma", "", GAUSSIAN, TRIALS(sigma_trials), 1},
    {"collapse", "", GAUSSIAN, TRIALS(collapse_trials), 0},
    {"deep", "binarize=threshold", DEEP_BERNOULLI, TRIALS(deep_trials), 0}};
#define PARTS (sizeof parts / sizeof *parts)

/* Figures of each latent over the test images, each sorted by itself, largest first. */
typedef struct latents {
    size_t count;
    double kl[MOST_LATENTS], mean_variance[MOST_LATENTS], aggregated_variance[MOST_LATENTS];
} latents;

typedef struct program {
    options options;
    const part *part;
    unsigned long epochs, rows;
    vae_context *context;
    images data;
    vae_dataset *few; /* the first `rows` test images, from data.x */
    float *pictures;  /* [trials, means and draws, GRID, pixels] */
    latents latents[MOST_TRIALS];
    char warning[1024]; /* the last one of the library */
} program;

static int failed(const char *where, const char *problem) {
    if (problem) fprintf(stderr, "sigma: %s: %s\n", where, problem);
    return problem != NULL;
}

static const char *problem_of(vae_status status) {
    return status < 0 ? vae_last_error() : NULL;
}

static double figure(const vae_evaluation *e, const char *name) {
    double value;
    return vae_evaluation_value(e, name, &value) < 0 ? NAN : value;
}

/* "beta_warmup=N ", N half of all steps; "" without. */
static void warm_up_text(const program *p, const trial *t, char *text, size_t size) {
    size_t batch = vae_dataset_batch(p->data.train);
    size_t steps = (vae_dataset_size(p->data.train) + batch - 1) / batch * p->epochs;
    text[0] = 0;
    if (t->warm_up) snprintf(text, size, "beta_warmup=%zu ", steps / 2);
}

static const char *train(const program *p, const trial *t, vae_model **model) {
    char spec[400], text[200], warm_up[64];
    progress bar;
    vae_optimizer *optimizer = NULL;
    snprintf(spec, sizeof spec, "input=1x%zux%zu seed=%s %s %s", p->data.height, p->data.width,
             p->options.seed, p->part->model, t->model);
    warm_up_text(p, t, warm_up, sizeof warm_up);
    snprintf(text, sizeof text, "adam lr=1e-3 seed=%s %s%s", p->options.seed, warm_up, t->training);
    const char *problem = problem_of(vae_model_create(p->context, spec, model));
    if (!problem) problem = problem_of(vae_model_initialize(*model, p->data.train));
    if (!problem) problem = problem_of(vae_optimizer_create(*model, text, &optimizer));
    snprintf(text, sizeof text, "epochs=%lu", p->epochs);
    if (!problem) {
        progress_begin_bar(&bar, p->epochs, p->data.train);
        problem = problem_of(
            vae_train(*model, optimizer, p->data.train, NULL, text, progress_update, &bar));
        progress_end(&bar);
    }
    vae_optimizer_destroy(optimizer);
    return problem;
}

/* Mean squared error of E[x|z] at the posterior mean, per pixel. */
static const char *squared_error(const program *p, const vae_model *model, double *error) {
    size_t values = p->data.n * p->data.pixels;
    float *x = malloc(values * sizeof *x);
    if (!x) return "no memory";
    const char *problem =
        problem_of(vae_reconstruct(model, p->data.x, p->data.n, p->data.pixels, x));
    *error = 0;
    for (size_t i = 0; !problem && i < values; i++) {
        double off = x[i] - p->data.x[i];
        *error += off * off / (double)values;
    }
    free(x);
    return problem;
}

/* The sigma of all pixels, NaN where the likelihood has none. */
static double sigma_of(const program *p, const vae_model *model) {
    double *sigma = malloc(p->data.pixels * sizeof *sigma), first = NAN;
    if (sigma && vae_model_sigma(model, sigma, p->data.pixels) == VAE_OK) first = sigma[0];
    free(sigma);
    return first;
}

static void take_warning(void *user, int32_t level, const char *message) {
    program *p = user;
    if (level == VAE_LOG_WARNING) snprintf(p->warning, sizeof p->warning, "%s", message);
}

static int descending(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left < right) - (left > right);
}

static const char *take_latents(const vae_model *model, const vae_evaluation *e, latents *out) {
    const struct {
        const char *name;
        double *values;
    } wanted[] = {{"kl", out->kl},
                  {"mean_variance", out->mean_variance},
                  {"aggregated_variance", out->aggregated_variance}};
    out->count = vae_model_latent(model);
    if (out->count > MOST_LATENTS) return "too many latents";
    for (size_t k = 0; k < sizeof wanted / sizeof *wanted; k++) {
        if (vae_evaluation_latents(e, wanted[k].name, wanted[k].values, out->count) < 0)
            return vae_last_error();
        qsort(wanted[k].values, out->count, sizeof(double), descending);
    }
    return NULL;
}

static const char *print_row(const program *p, const trial *t, const vae_model *model,
                             const vae_evaluation *all, const vae_evaluation *few) {
    double error, sigma = sigma_of(p, model);
    char sigma_text[16] = "-";
    const char *problem = squared_error(p, model, &error);
    if (problem) return problem;
    if (isfinite(sigma)) snprintf(sigma_text, sizeof sigma_text, "%.3f", sigma);
    printf("%-22s %6s %9.2f %9.2f %7.2f %7.0f %9.4f %9.2f %6.2f %7.0f\n", t->name, sigma_text,
           figure(all, "elbo"), figure(all, "reconstruction"), figure(all, "kl"),
           figure(all, "active_units"), error, figure(few, "log_p"),
           figure(few, "log_p_sampling_error"), figure(few, "untrusted_rows"));
    if (p->warning[0]) printf("    %s\n", p->warning);
    fflush(stdout);
    return NULL;
}

static const char *run_trial(program *p, size_t at) {
    const trial *t = &p->part->trials[at];
    size_t pixels = p->data.pixels;
    float *means = p->pictures + 2 * at * GRID * pixels, *draws = means + GRID * pixels;
    char text[96];
    vae_model *model = NULL;
    vae_evaluation *all = NULL, *few = NULL;
    const char *problem = train(p, t, &model);
    snprintf(text, sizeof text, "samples=%s baselines=0", p->options.samples);
    if (!problem) problem = problem_of(vae_evaluate(model, p->few, NULL, text, NULL, NULL, &few));
    p->warning[0] = 0;
    if (!problem)
        problem =
            problem_of(vae_evaluate(model, p->data.test, NULL, "baselines=0", NULL, NULL, &all));
    if (!problem) problem = take_latents(model, all, &p->latents[at]);
    if (!problem) problem = print_row(p, t, model, all, few);
    if (!problem) problem = problem_of(vae_sample(model, GRID, 1, NULL, means, draws));
    vae_evaluation_destroy(few);
    vae_evaluation_destroy(all);
    vae_model_destroy(model);
    return problem;
}

/* ---- Pictures ---- */

static const char *path_of(const program *p, const char *name, char *path, size_t size) {
    int length = snprintf(path, size, "%s/%s.png", p->options.out, name);
    return length < 0 || (size_t)length >= size ? "path too long" : NULL;
}

/* pictures [trials, 2, GRID, pixels] -> side by side, each mean above its draw. */
static const char *write_samples(const program *p) {
    static const char *const rows[] = {"E[x|z]", "x ~ p(x|z)"};
    size_t across = p->part->count * GRID_COLUMNS, pixels = p->data.pixels;
    const char *names[MOST_TRIALS];
    const plot_grid grid = {.rows = (size_t)2 * GRID_PAIRS,
                            .columns = across,
                            .height = p->data.height,
                            .width = p->data.width,
                            .band = 2,
                            .row_names = rows,
                            .block = GRID_COLUMNS,
                            .block_names = names};
    char path[4096];
    float *x = malloc(grid.rows * across * pixels * sizeof *x);
    if (!x) return "no memory";
    for (size_t i = 0; i < grid.rows * across; i++) {
        size_t pair = i / across / 2, is_draw = i / across % 2, block = i % across / GRID_COLUMNS;
        size_t from = (2 * block + is_draw) * GRID + pair * GRID_COLUMNS + i % GRID_COLUMNS;
        memcpy(x + i * pixels, p->pictures + from * pixels, pixels * sizeof *x);
    }
    for (size_t t = 0; t < p->part->count; t++) {
        names[t] = p->part->trials[t].name;
    }
    const char *problem = path_of(p, "samples", path, sizeof path);
    if (!problem) problem = plot_images(path, "Samples, z ~ N(0, I)", x, &grid);
    if (!problem) printf("\nwritten: %s\n", path);
    free(x);
    return problem;
}

enum { KL, MEAN_VARIANCE, AGGREGATED_VARIANCE, LATENT_PANELS };

/* The two dashed lines. A panel has one of them; the other, without points, is in the legend only. */
static void add_levels(size_t panel, plot_series *series) {
    static const double active = ACTIVE_VARIANCE, prior = 1;
    series[0] = (plot_series){
        .name = "active above", .y = &active, .n = 1, .color = PLOT_BLACK, .mark = PLOT_LEVEL};
    series[1] =
        (plot_series){.name = "the prior's", .y = &prior, .n = 1, .color = 3, .mark = PLOT_LEVEL};
    if (panel != MEAN_VARIANCE) series[0].n = 0, series[0].mark = PLOT_DASHES;
    if (panel != AGGREGATED_VARIANCE) series[1].n = 0, series[1].mark = PLOT_DASHES;
}

static const char *write_latents(const program *p) {
    plot_series series[LATENT_PANELS][MOST_TRIALS + 2];
    plot_panel panels[LATENT_PANELS] = {
        {.title = "KL", .y_label = "nats", .y_scale = PLOT_LOG},
        {.title = "Variance of the posterior mean", .y_scale = PLOT_LOG},
        {.title = "Variance of the aggregated posterior"}};
    char path[4096];
    double rank[MOST_LATENTS];
    size_t count = p->part->count;
    for (size_t j = 0; j < MOST_LATENTS; j++) rank[j] = (double)j + 1;
    for (size_t k = 0; k < LATENT_PANELS; k++) {
        for (size_t t = 0; t < count; t++) {
            const latents *l = &p->latents[t];
            const double *y[] = {l->kl, l->mean_variance, l->aggregated_variance};
            series[k][t] = (plot_series){.name = p->part->trials[t].name,
                                         .x = rank,
                                         .y = y[k],
                                         .n = l->count,
                                         .color = colors[t]};
        }
        add_levels(k, series[k] + count);
        panels[k].x_label = "latents, largest first";
        panels[k].width = panels[k].height = 250;
        panels[k].x_scale = PLOT_WHOLE;
        panels[k].series = series[k];
        panels[k].count = count + 2;
    }
    const char *problem = path_of(p, p->part->name, path, sizeof path);
    if (!problem)
        problem = plot_panels(path, "Latents over the test images", panels, LATENT_PANELS);
    if (!problem) printf("\nwritten: %s\n", path);
    return problem;
}

static int run_part(program *p) {
    size_t count = p->part->count, pixels = p->data.pixels;
    p->pictures = malloc(count * 2 * GRID * pixels * sizeof *p->pictures);
    const char *problem = p->pictures ? NULL : "no memory";
    printf("input=1x%zux%zu %s\nadam lr=1e-3 batch=128 epochs=%lu seed=%s; nats per image\n\n",
           p->data.height, p->data.width, p->part->model, p->epochs, p->options.seed);
    printf("%72s%5lu of them, %s samples\n", "all test images              ", p->rows,
           p->options.samples);
    printf("                        sigma      ELBO  reconstr.     KL  active  sq.error  log p(x) "
           "+-sampl. untrusted\n");
    for (size_t t = 0; !problem && t < count; t++) {
        problem = run_trial(p, t);
    }
    if (!problem) problem = write_latents(p);
    if (!problem && p->part->with_samples) problem = write_samples(p);
    free(p->pictures);
    return failed("part", problem);
}

static int check_options(program *p) {
    const options *o = &p->options;
    if (arguments_whole(o->epochs, 1, 100000, &p->epochs) ||
        arguments_whole(o->rows, 1, 1000000, &p->rows))
        return failed("arguments", "epochs and rows are whole numbers");
    for (size_t k = 0; k < PARTS; k++) {
        if (strcmp(o->part, parts[k].name) == 0) p->part = &parts[k];
    }
    if (!p->part) return failed("part", "expected sigma, collapse or deep");
    return failed(o->out, arguments_make_folder(o->out));
}

static int open_data(program *p) {
    char text[64];
    snprintf(text, sizeof text, "batch=128 seed=%s", p->options.seed);
    const char *problem = images_open(&p->data, p->context, p->options.data, p->part->pixels, text);
    if (!problem && p->rows > p->data.n) p->rows = p->data.n;
    if (!problem)
        problem = problem_of(vae_dataset_from_memory(p->context, p->data.x, p->rows, p->data.pixels,
                                                     "copy=0", &p->few));
    return failed("data", problem);
}

static int run(program *p) {
    char text[64];
    snprintf(text, sizeof text, "threads=%s", p->options.threads);
    return check_options(p) ||
           failed("context", problem_of(vae_context_create(text, &p->context))) ||
           failed("log", problem_of(vae_context_set_log(p->context, take_warning, p))) ||
           open_data(p) || run_part(p);
}

int main(int count, char **arguments) {
    program p = {.options = {"sigma", "10", "200", "1000", "1", arguments_all_processors(),
                             "demo-out", NULL}};
    options *o = &p.options;
    const argument known[] = {{"part", &o->part}, {"epochs", &o->epochs}, {"samples", &o->samples},
                              {"rows", &o->rows}, {"seed", &o->seed},     {"threads", &o->threads},
                              {"out", &o->out},   {"data", &o->data},     {NULL, NULL}};
    const char *at = "";
    if (failed(at, arguments_parse(known, count, arguments, &at))) return 2;
    int problem = run(&p);
    vae_dataset_destroy(p.few);
    images_close(&p.data);
    vae_context_destroy(p.context);
    return problem ? EXIT_FAILURE : EXIT_SUCCESS;
}
