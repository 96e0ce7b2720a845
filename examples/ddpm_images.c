/* A denoising diffusion of images (Ho, Jain & Abbeel 2020): trains a U-Net on Fashion-MNIST, measures the bound of log p(x) in
 * bits per dimension, draws samples by 1000, 50 and 10 steps, and shows an image that becomes noise and noise that becomes
 * one. docs/diffusion.md shows what this prints and draws.
 *
 *   ddpm_images [key=value ...]
 *     network="channels=[16, 32, 32] variance=learned": the rest of the spec, as docs/text.md has it
 *     objective=simple|vlb|hybrid (vlb)
 *     epochs=2  batch=64  lr=2e-3  ema=0.999  seed=1  threads=N (all processors)
 *     rows=500  samples=100: test images of the bound, and draws of its steps for each
 *     images=2000: of the Frechet distance; 0: it is left out
 *     steps="1000 50 10": of the grids of samples, at most three numbers; more than 100 are ddpm's, else ddim's
 *     data=DIR (Debian's dataset-fashion-mnist) | sprites  out=DIR (demo-out)
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arguments.h"
#include "common/images.h"
#include "tool/frechet.h"
#include "tool/plot.h"
#include "tool/progress.h"
#include "vae.h"

#define STEPS 1000 /* of the diffusion */
#define SIDE 10    /* rows and columns of a grid of samples */
enum { MOST_GRIDS = 3, MOMENTS = 11 };

typedef struct options {
    const char *network, *objective, *epochs, *batch, *lr, *ema, *seed, *threads, *rows, *samples,
        *images, *steps, *data, *out;
} options;

typedef struct ddpm {
    options options;
    unsigned long epochs, rows, count; /* count: images of the Frechet distance */
    unsigned long steps[MOST_GRIDS];
    size_t grids;
    vae_context *context;
    images images;
    vae_model *model;
    progress progress;
} ddpm;

/* Says what went wrong, if anything, and whether. */
static int failed(const char *where, const char *problem) {
    if (problem) fprintf(stderr, "ddpm_images: %s: %s\n", where, problem);
    return problem != NULL;
}

static const char *problem_of(vae_status status) {
    return status < 0 ? vae_last_error() : NULL;
}

/* ---- Arguments ---- */

static int parse_arguments(options *o, int count, char **arguments) {
    const argument known[] = {{"network", &o->network},
                              {"objective", &o->objective},
                              {"epochs", &o->epochs},
                              {"batch", &o->batch},
                              {"lr", &o->lr},
                              {"ema", &o->ema},
                              {"seed", &o->seed},
                              {"threads", &o->threads},
                              {"rows", &o->rows},
                              {"samples", &o->samples},
                              {"images", &o->images},
                              {"steps", &o->steps},
                              {"data", &o->data},
                              {"out", &o->out},
                              {NULL, NULL}};
    const char *at = "", *problem = arguments_parse(known, count, arguments, &at);
    return failed(at, problem);
}

static int check_options(ddpm *d) {
    const options *o = &d->options;
    char *rest;
    if (arguments_whole(o->epochs, 1, 100000, &d->epochs))
        return failed("epochs", "expected a whole number from 1 to 100000");
    if (arguments_whole(o->rows, 1, 10000, &d->rows))
        return failed("rows", "expected a whole number from 1 to 10000");
    if (arguments_whole(o->images, 0, 100000, &d->count))
        return failed("images", "expected a whole number from 0 to 100000");
    for (const char *at = o->steps; *at; at = rest) {
        unsigned long steps = strtoul(at, &rest, 10);
        if (rest == at || steps < 1 || steps > STEPS || d->grids == MOST_GRIDS)
            return failed("steps", "expected at most three numbers from 1 to 1000");
        d->steps[d->grids++] = steps;
    }
    return failed(o->out, arguments_make_folder(o->out));
}

/* ---- Training ---- */

static int open_data(ddpm *d) {
    char text[256];
    snprintf(text, sizeof text, "batch=%s seed=%s", d->options.batch, d->options.seed);
    if (failed("data", images_open(&d->images, d->context, d->options.data, "", text))) return 1;
    printf("data      %s\n          %zu training and %zu test images, %zux%zu pixels in [0,1]\n",
           d->images.name, vae_dataset_size(d->images.train), d->images.n, d->images.height,
           d->images.width);
    return 0;
}

static int train(ddpm *d) {
    char text[600];
    const options *o = &d->options;
    vae_optimizer *optimizer = NULL;
    size_t batches = vae_dataset_size(d->images.train) / strtoul(o->batch, NULL, 10);
    snprintf(text, sizeof text,
             "model=diffusion input=1x%zux%zu likelihood=discretized_gaussian steps=%d seed=%s %s",
             d->images.height, d->images.width, STEPS, o->seed, o->network);
    const char *problem = problem_of(vae_model_create(d->context, text, &d->model));
    if (!problem) problem = problem_of(vae_model_initialize(d->model, d->images.train));
    snprintf(text, sizeof text,
             "adam lr=%s schedule=cosine steps=%lu warmup=200 clip_norm=1000 ema=%s seed=%s "
             "objective=%s",
             o->lr, (unsigned long)batches * d->epochs, o->ema, o->seed, o->objective);
    if (!problem) problem = problem_of(vae_optimizer_create(d->model, text, &optimizer));
    if (!problem) {
        printf("model     %s\n          %llu parameters\ntraining  batch=%s %s\n\n",
               vae_model_spec(d->model), (unsigned long long)vae_model_parameter_total(d->model),
               o->batch, vae_optimizer_options(optimizer));
        snprintf(text, sizeof text, "epochs=%lu", d->epochs);
        progress_begin(&d->progress, d->epochs, d->images.train);
        problem = problem_of(vae_train(d->model, optimizer, d->images.train, NULL, text,
                                       progress_update, &d->progress));
        progress_end(&d->progress);
        printf("training took %.0f s\n", progress_seconds(&d->progress));
    }
    vae_optimizer_destroy(optimizer);
    return failed("training", problem);
}

/* ---- The bound ---- */

static int measure_bound(const ddpm *d) {
    char text[128];
    size_t n = d->rows < d->images.n ? d->rows : d->images.n;
    double *bound = malloc(n * sizeof *bound), sum = 0, squares = 0;
    snprintf(text, sizeof text, "estimator=bound samples=%s", d->options.samples);
    const char *problem = bound ? NULL : "no memory";
    if (!problem)
        problem = problem_of(vae_log_likelihood(d->model, d->images.x, n, d->images.pixels, text,
                                                bound, NULL, NULL));
    for (size_t i = 0; i < n && !problem; i++) {
        double bits = -bound[i] / log(2) / (double)d->images.pixels;
        sum += bits;
        squares += bits * bits;
    }
    double mean = sum / (double)n;
    if (!problem)
        printf("bound     %.4f bits/dim (standard error %.4f over %zu test images), %.1f nats\n",
               mean, sqrt((squares / (double)n - mean * mean) / (double)n), n,
               -mean * log(2) * (double)d->images.pixels);
    free(bound);
    return failed("bound", problem);
}

/* ---- Samples ---- */

/* n images by so many steps; how long one took, into *seconds. */
static const char *generate(ddpm *d, unsigned long steps, size_t n, float *x, double *seconds) {
    char text[64];
    snprintf(text, sizeof text, "sampler=%s steps=%lu", steps > 100 ? "ddpm" : "ddim", steps);
    progress_begin_bar(&d->progress, 1, NULL);
    const char *problem =
        problem_of(vae_generate(d->model, n, 1, text, progress_rows, &d->progress, NULL, NULL, x));
    progress_end(&d->progress);
    *seconds = progress_seconds(&d->progress) / (double)n;
    return problem;
}

static int measure_samples(ddpm *d) {
    frechet test;
    double distance = 0, seconds;
    if (!d->count) return 0;
    float *x = malloc(d->count * d->images.pixels * sizeof *x);
    const char *problem = x ? NULL : "no memory";
    if (!problem) problem = generate(d, 50, d->count, x, &seconds);
    if (!problem) problem = frechet_fit(&test, d->images.x, d->images.n, d->images.pixels);
    if (!problem) {
        problem = frechet_distance(&test, x, d->count, &distance);
        frechet_release(&test);
    }
    if (!problem)
        printf("samples   Frechet distance %.2f of %lu images by 50 steps of ddim, %.1f ms each\n",
               distance, d->count, 1e3 * seconds);
    free(x);
    return failed("samples", problem);
}

/* Grids beside each other: the same network by fewer and fewer steps. */
static int draw_samples(ddpm *d) {
    char titles[MOST_GRIDS][80], path[4096];
    const char *blocks[MOST_GRIDS], *problem = NULL;
    const plot_grid grid = {.rows = SIDE,
                            .columns = d->grids * SIDE,
                            .height = d->images.height,
                            .width = d->images.width,
                            .block = SIDE,
                            .block_names = blocks};
    size_t row = SIDE * d->images.pixels;
    if (!d->grids) return 0;
    float *x = malloc(d->grids * SIDE * row * sizeof *x), *own = malloc(SIDE * row * sizeof *own);
    if (!x || !own) problem = "no memory";
    for (size_t g = 0; g < d->grids && !problem; g++) {
        double seconds;
        problem = generate(d, d->steps[g], SIDE * SIDE, own, &seconds);
        snprintf(titles[g], sizeof titles[g], "%lu steps of %s, %.0f ms an image", d->steps[g],
                 d->steps[g] > 100 ? "ddpm" : "ddim", 1e3 * seconds);
        if (!problem) printf("          %s\n", titles[g]);
        blocks[g] = titles[g];
        for (size_t r = 0; r < SIDE && !problem; r++) /* a row of one grid after that of another */
            memcpy(x + (r * d->grids + g) * row, own + r * row, row * sizeof *x);
    }
    snprintf(path, sizeof path, "%s/ddpm_samples.png", d->options.out);
    if (!problem) problem = plot_images(path, "Samples of a denoising diffusion", x, &grid);
    free(own);
    free(x);
    return failed("ddpm_samples.png", problem);
}

/* ---- From an image to noise, and back ---- */

/* A_t of the cosine schedule, without the small shift of its ends (Nichol & Dhariwal 2021). */
static double retained(double share) {
    double c = cos(share * acos(-1) / 2);
    return c * c;
}

/* Row 0: the first test image with more and more noise; row 1: what the sampler makes of noise, step by step. */
static int draw_path(ddpm *d) {
    static const char *const names[] = {"q: to noise", "p: from noise"};
    const plot_grid grid = {.rows = 2,
                            .columns = MOMENTS,
                            .height = d->images.height,
                            .width = d->images.width,
                            .band = 2,
                            .row_names = names};
    size_t pixels = d->images.pixels;
    char text[64], path[4096];
    float *x = calloc(2 * MOMENTS * pixels, sizeof *x), *noise = malloc(pixels * sizeof *noise);
    const char *problem = x && noise ? NULL : "no memory";
    if (!problem)
        problem = problem_of(vae_generate(d->model, 1, 2, "taken=1", NULL, NULL, noise, NULL, x));
    for (size_t k = 0; k < MOMENTS && !problem; k++) {
        double a = retained((double)k / (MOMENTS - 1));
        for (size_t i = 0; i < pixels; i++) {
            double at = sqrt(a) * (2 * (double)d->images.x[i] - 1) + sqrt(1 - a) * (double)noise[i];
            x[k * pixels + i] = (float)((at + 1) / 2);
        }
        float *made = x + (MOMENTS + k) * pixels;
        snprintf(text, sizeof text, "steps=%d taken=%zu", STEPS, k * STEPS / (MOMENTS - 1));
        if (k)
            problem = problem_of(vae_generate(d->model, 1, 2, text, NULL, NULL, NULL, NULL, made));
        for (size_t i = 0; i < pixels && !k; i++) made[i] = (noise[i] + 1) / 2;
    }
    snprintf(path, sizeof path, "%s/ddpm_path.png", d->options.out);
    if (!problem)
        problem = plot_images(path, "An image becomes noise, and noise an image", x, &grid);
    free(noise);
    free(x);
    return failed("ddpm_path.png", problem);
}

/* ---- */

static int save(const ddpm *d) {
    char path[4096];
    snprintf(path, sizeof path, "%s/ddpm.safetensors", d->options.out);
    if (failed(path, problem_of(vae_model_save(d->model, path)))) return 1;
    printf("written to %s/: ddpm_samples.png  ddpm_path.png  ddpm.safetensors\n", d->options.out);
    return 0;
}

static int run(ddpm *d) {
    char text[64];
    snprintf(text, sizeof text, "threads=%s", d->options.threads);
    return check_options(d) ||
           failed("context", problem_of(vae_context_create(text, &d->context))) || open_data(d) ||
           train(d) || measure_bound(d) || measure_samples(d) || draw_samples(d) || draw_path(d) ||
           save(d);
}

int main(int count, char **arguments) {
    ddpm d = {.options = {.network = "channels=[16, 32, 32] variance=learned",
                          .objective = "vlb",
                          .epochs = "2",
                          .batch = "64",
                          .lr = "2e-3",
                          .ema = "0.999",
                          .seed = "1",
                          .threads = arguments_all_processors(),
                          .rows = "500",
                          .samples = "100",
                          .images = "2000",
                          .steps = "1000 50 10",
                          .out = "demo-out"}};
    if (parse_arguments(&d.options, count, arguments)) return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    int problem = run(&d);
    vae_model_destroy(d.model);
    images_close(&d.images);
    vae_context_destroy(d.context);
    return problem ? EXIT_FAILURE : EXIT_SUCCESS;
}
