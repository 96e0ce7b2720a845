/* Trains a variational autoencoder on Fashion-MNIST, evaluates it on the test images, puts a mixture and a diffusion on
 * its latents in the place of N(0, I), and draws what it has learned.
 *
 *   demo [key=value ...]
 *     likelihood=discretized_logistic|gaussian|bernoulli (discretized_logistic: 8-bit pixels; gaussian
 *         has one learned sigma)
 *     model=dense|conv (dense): 784-400-20, or convolutions of 32 and 64 channels, which take longer
 *     epochs=10  batch=128  lr=1e-3  seed=1  threads=N (all processors)
 *     samples=0: of the estimate of log p(x) per test image; 0: the bound only
 *     out=DIR (demo-out)  data=DIR (Debian's dataset-fashion-mnist) | sprites
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arguments.h"
#include "common/images.h"
#include "tool/frechet.h"
#include "tool/history.h"
#include "tool/plot.h"
#include "tool/progress.h"
#include "vae.h"

#define LATENT 20
#define SAMPLES 10000 /* of each prior, for the Frechet distance */
#define ROUND 10      /* rows and columns of a grid of samples */

typedef struct options {
    const char *likelihood, *model, *epochs, *batch, *lr, *seed, *threads, *samples, *out, *data;
} options;

/* What a prior is worth: of the test images, and of samples. */
typedef struct prior_figures {
    double elbo, kl, drawn, mean; /* drawn, mean: Frechet distances of x ~ p(x|z) and of E[x|z] */
} prior_figures;

enum { NORMAL, MIXTURE, DIFFUSION, PRIORS };

static const struct prior {
    const char *name, *text, *options; /* for vae_model_set_prior and vae_model_fit_prior */
    const char *figure;                /* what its KL is */
} priors[PRIORS] = {
    [NORMAL] = {"N(0, I)", NULL, NULL, "KL"},
    [MIXTURE] = {"mixture of 50", "mixture:50 prior_covariance=full", "iterations=60", "KL"},
    [DIFFUSION] = {"diffusion", "diffusion", NULL, "bound of KL"},
};

typedef struct demo {
    options options;
    unsigned long epochs;
    vae_context *context;
    images images;
    vae_model *models[PRIORS]; /* copies of one, each with its prior */
    vae_optimizer *optimizer;
    history history;
    progress progress;
    vae_evaluation *evaluation;
    double variance[LATENT]; /* of the posterior means over the test images */
    prior_figures prior[PRIORS];
    float *samples[PRIORS]; /* [ROUND * ROUND, pixels]: E[x|z] */
} demo;

/* Says what went wrong, if anything, and whether. */
static int failed(const char *where, const char *problem) {
    if (problem) fprintf(stderr, "demo: %s: %s\n", where, problem);
    return problem != NULL;
}

static const char *problem_of(vae_status status) {
    return status < 0 ? vae_last_error() : NULL;
}

static int has_likelihood(const demo *d, const char *name) {
    return strcmp(d->options.likelihood, name) == 0;
}

/* A figure of the evaluation; NaN where it has none. */
static double figure(const demo *d, const char *name) {
    double value;
    return vae_evaluation_value(d->evaluation, name, &value) < 0 ? NAN : value;
}

/* ---- Arguments ---- */

static int parse_arguments(options *o, int count, char **arguments) {
    const argument known[] = {{"likelihood", &o->likelihood},
                              {"model", &o->model},
                              {"epochs", &o->epochs},
                              {"batch", &o->batch},
                              {"lr", &o->lr},
                              {"seed", &o->seed},
                              {"threads", &o->threads},
                              {"samples", &o->samples},
                              {"out", &o->out},
                              {"data", &o->data},
                              {NULL, NULL}};
    const char *at = "", *problem = arguments_parse(known, count, arguments, &at);
    if (failed(at, problem)) {
        fprintf(stderr, "  likelihood=discretized_logistic|gaussian|bernoulli  model=dense|conv\n"
                        "  epochs=N  batch=N\n"
                        "  lr=X  seed=N  threads=N  samples=N  out=DIR  data=DIR|sprites\n");
    }
    return problem != NULL;
}

/* encoder= and decoder= of the spec, and what they are called. */
static const struct network {
    const char *option, *name, *spec;
} networks[] = {
    {"dense", "784-400-20", "encoder=[dense 400, relu] decoder=[dense 400, relu]"},
    {"conv", "conv 32, 64, dense 128, 20",
     "encoder=[conv 32 4 stride 2 pad 1, relu, conv 64 4 stride 2 pad 1, relu, dense 128, relu] "
     "decoder=[dense 128, relu, dense 3136, relu, reshape 64x7x7, deconv 32 4 stride 2 pad 1, relu]"},
};

static const struct network *network_of(const demo *d) {
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++)
        if (!strcmp(d->options.model, networks[i].option)) return &networks[i];
    return NULL;
}

static int check_options(demo *d) {
    if (arguments_whole(d->options.epochs, 1, 100000, &d->epochs))
        return failed("epochs", "expected a whole number from 1 to 100000");
    if (!has_likelihood(d, "discretized_logistic") && !has_likelihood(d, "gaussian") &&
        !has_likelihood(d, "bernoulli"))
        return failed("likelihood", "expected discretized_logistic, gaussian or bernoulli");
    if (!network_of(d)) return failed("model", "expected dense or conv");
    if (failed(d->options.out, arguments_make_folder(d->options.out))) return 1;
    return failed("history", history_create(&d->history, d->epochs) ? "no memory" : NULL);
}

/* ---- Training ---- */

static int open_data(demo *d) {
    char text[256];
    snprintf(text, sizeof text, "batch=%s seed=%s", d->options.batch, d->options.seed);
    if (failed("data", images_open(&d->images, d->context, d->options.data, "", text))) return 1;
    printf("data      %s\n          %zu training and %zu test images, %zux%zu pixels in [0,1]\n",
           d->images.name, vae_dataset_size(d->images.train), d->images.n, d->images.height,
           d->images.width);
    return 0;
}

static int create_model(demo *d) {
    char spec[400], optimizer[128];
    const struct network *network = network_of(d);
    const char *likelihood =
        has_likelihood(d, "gaussian") ? "gaussian sigma=shared" : d->options.likelihood;
    snprintf(spec, sizeof spec, "input=1x%zux%zu latent=%d likelihood=%s seed=%s %s",
             d->images.height, d->images.width, LATENT, likelihood, d->options.seed, network->spec);
    snprintf(optimizer, sizeof optimizer, "adam lr=%s seed=%s", d->options.lr, d->options.seed);
    if (failed("model", problem_of(vae_model_create(d->context, spec, &d->models[NORMAL]))) ||
        failed("model", problem_of(vae_model_initialize(d->models[NORMAL], d->images.train))) ||
        failed("optimizer",
               problem_of(vae_optimizer_create(d->models[NORMAL], optimizer, &d->optimizer))))
        return 1;
    printf("model     %s VAE, likelihood=%s, %llu parameters\n", network->name, likelihood,
           (unsigned long long)vae_model_parameter_total(d->models[NORMAL]));
    printf("training  adam lr=%s, batch=%s, threads=%s; nats per image\n\n", d->options.lr,
           d->options.batch, d->options.threads);
    return 0;
}

static int32_t on_event(void *user, int32_t event, const vae_step_report *train,
                        const vae_step_report *validation) {
    demo *d = user;
    if (event == VAE_EVENT_EPOCH)
        history_add(&d->history, train, validation, progress_seconds(&d->progress));
    return progress_update(&d->progress, event, train, validation);
}

static int train(demo *d) {
    char text[64];
    snprintf(text, sizeof text, "epochs=%lu", d->epochs);
    progress_begin(&d->progress, d->epochs, d->images.train);
    vae_status status = vae_train(d->models[NORMAL], d->optimizer, d->images.train, d->images.test,
                                  text, on_event, d);
    progress_end(&d->progress);
    return failed("training", problem_of(status));
}

/* ---- Evaluation ---- */

static int evaluate(demo *d) {
    char text[64];
    snprintf(text, sizeof text, "samples=%s", d->options.samples);
    const char *problem =
        problem_of(vae_evaluate(d->models[NORMAL], d->images.test, d->images.train, text,
                                progress_rows, &d->progress, &d->evaluation));
    progress_end(&d->progress);
    if (!problem)
        problem =
            problem_of(vae_evaluation_latents(d->evaluation, "mean_variance", d->variance, LATENT));
    return failed("evaluation", problem);
}

/* ---- The prior ---- */

static const char *measure_prior(demo *d, int prior) {
    vae_evaluation *evaluation = NULL;
    const char *problem = problem_of(vae_evaluate(d->models[prior], d->images.test, NULL,
                                                  "baselines=0", NULL, NULL, &evaluation));
    if (!problem) {
        vae_evaluation_value(evaluation, "elbo", &d->prior[prior].elbo);
        vae_evaluation_value(evaluation, "kl", &d->prior[prior].kl);
    }
    vae_evaluation_destroy(evaluation);
    return problem;
}

static const char *fit_prior(demo *d, int prior) {
    const struct prior *p = &priors[prior];
    printf("prior     %s, fitted to the latents\n", p->text);
    const char *problem = problem_of(vae_model_clone(d->models[NORMAL], &d->models[prior]));
    if (!problem) problem = problem_of(vae_model_set_prior(d->models[prior], p->text));
    if (!problem)
        problem = problem_of(vae_model_fit_prior(d->models[prior], d->images.train, p->options,
                                                 progress_rows, &d->progress));
    progress_end(&d->progress);
    return problem ? problem : measure_prior(d, prior);
}

static int fit_priors(demo *d) {
    const char *problem = NULL;
    d->prior[NORMAL].elbo = figure(d, "elbo");
    d->prior[NORMAL].kl = figure(d, "kl");
    for (int prior = MIXTURE; prior < PRIORS && !problem; prior++) problem = fit_prior(d, prior);
    return failed("prior", problem);
}

/* SAMPLES of one prior, the first of them kept for the picture. */
static const char *compare_samples(demo *d, const frechet *test, int prior) {
    size_t pixels = d->images.pixels;
    float *mean = malloc(SAMPLES * pixels * sizeof *mean);
    float *drawn = malloc(SAMPLES * pixels * sizeof *drawn);
    d->samples[prior] = malloc(ROUND * ROUND * pixels * sizeof **d->samples);
    const char *problem = mean && drawn && d->samples[prior] ? NULL : "no memory";
    if (!problem)
        problem = problem_of(vae_generate(d->models[prior], SAMPLES, 1, NULL, progress_rows,
                                          &d->progress, NULL, mean, drawn));
    progress_end(&d->progress);
    if (!problem) {
        memcpy(d->samples[prior], mean, ROUND * ROUND * pixels * sizeof *mean);
        problem = frechet_distance(test, mean, SAMPLES, &d->prior[prior].mean);
    }
    if (!problem) problem = frechet_distance(test, drawn, SAMPLES, &d->prior[prior].drawn);
    free(drawn);
    free(mean);
    return problem;
}

static int compare_priors(demo *d) {
    frechet test;
    const char *problem = frechet_fit(&test, d->images.x, d->images.n, d->images.pixels);
    for (int prior = 0; prior < PRIORS && !problem; prior++)
        problem = compare_samples(d, &test, prior);
    frechet_release(&test);
    return failed("samples", problem);
}

static void print_priors(const demo *d) {
    printf("\nprior                 ELBO        KL    Frechet of %d draws   of their means\n",
           SAMPLES);
    for (int prior = 0; prior < PRIORS; prior++) {
        const prior_figures *f = &d->prior[prior];
        printf("  %-14s %9.2f %9.2f               %9.2f        %9.2f\n", priors[prior].name,
               f->elbo, f->kl, f->drawn, f->mean);
    }
    printf("  (of the diffusion a bound of either)\n");
}

/* Mean over the test images of the summed entropy of Bernoulli(x), in nats: grey pixels are no
 * Bernoulli's, and -ELBO cannot be less. */
static double entropy_of_grey(const images *test) {
    double sum = 0;
    for (size_t i = 0; i < test->n * test->pixels; i++) {
        double p = test->x[i];
        sum -= (p > 0 ? p * log(p) : 0) + (p < 1 ? (1 - p) * log1p(-p) : 0);
    }
    return sum / (double)test->n;
}

/* What all likelihoods have; `sign` -1 where costs are usual. */
static void print_bound(const demo *d, double sign, const char *unit) {
    printf("  %-13s %8.2f %s\n", sign < 0 ? "-ELBO" : "ELBO", sign * figure(d, "elbo"), unit);
    printf("                %8.2f reconstruction, %.2f KL\n", sign * figure(d, "reconstruction"),
           figure(d, "kl"));
    if (isfinite(figure(d, "log_p"))) {
        printf("  %-13s %8.2f nats, %s samples (Monte Carlo error %.2f, sampling error %.2f)\n",
               sign < 0 ? "-log p(x)" : "log p(x)", sign * figure(d, "log_p"), d->options.samples,
               figure(d, "log_p_monte_carlo_error"), figure(d, "log_p_sampling_error"));
    }
    printf("  %-13s %8.2f nats, each pixel by itself\n", "marginals",
           sign * figure(d, "baseline_marginals"));
}

static void print_gaussian(const demo *d) {
    double *sigma = malloc(d->images.pixels * sizeof *sigma);
    int known = sigma && vae_model_sigma(d->models[NORMAL], sigma, d->images.pixels) == VAE_OK;
    print_bound(d, 1, "nats, density on [0,1], not dequantised");
    printf("  PPCA          %8.2f nats, probabilistic PCA with %d components\n",
           figure(d, "baseline_ppca"), LATENT);
    if (known) printf("  sigma         %8.3f\n", sigma[0]);
    free(sigma);
}

static void print_bernoulli(const demo *d) {
    double entropy = entropy_of_grey(&d->images);
    print_bound(d, -1, "nats");
    printf("  entropy floor %8.2f nats of the grey pixels; -ELBO exceeds it by %.2f\n", entropy,
           -figure(d, "elbo") - entropy);
}

static void print_results(const demo *d) {
    printf("\nheld-out, %zu test images\n", d->images.n);
    if (has_likelihood(d, "gaussian")) {
        print_gaussian(d);
    } else if (has_likelihood(d, "bernoulli")) {
        print_bernoulli(d);
    } else {
        printf("  bits/dim      %8.3f of the 8 that a pixel takes\n", figure(d, "bits_per_dim"));
        print_bound(d, -1, "nats");
    }
    printf("  active units  %8.0f of %d, variance of the posterior mean > 0.01\n",
           figure(d, "active_units"), LATENT);
    printf(
        "\ntime            %8.1f s, epochs=%lu, validation included; training alone %.0f rows/s\n",
        d->history.column[HISTORY_SECONDS][d->history.count - 1], d->epochs,
        progress_rows_per_second(&d->progress));
}

/* ---- Files: each function returns NULL, or what went wrong ---- */

/* Grids beside each other: the same decoder under each prior. */
static const char *write_samples(const demo *d, const char *path) {
    char titles[PRIORS][80];
    const char *blocks[PRIORS];
    const plot_grid grid = {.rows = ROUND,
                            .columns = PRIORS * ROUND,
                            .height = d->images.height,
                            .width = d->images.width,
                            .block = ROUND,
                            .block_names = blocks};
    size_t row = ROUND * d->images.pixels;
    float *x = malloc(PRIORS * ROUND * row * sizeof *x);
    if (!x) return "no memory";
    for (int prior = 0; prior < PRIORS; prior++) {
        const prior_figures *f = &d->prior[prior];
        snprintf(titles[prior], sizeof titles[prior], "%s: %s %.1f nats, Frechet distance %.2f",
                 priors[prior].name, priors[prior].figure, f->kl, f->drawn);
        blocks[prior] = titles[prior];
        for (size_t r = 0; r < ROUND; r++) /* image by image, a grid's row after the other */
            memcpy(x + (r * PRIORS + (size_t)prior) * row, d->samples[prior] + r * row,
                   row * sizeof *x);
    }
    const char *problem =
        plot_images(path, "Samples E[x|z], z ~ p(z), of one decoder under three priors", x, &grid);
    free(x);
    return problem;
}

#define BANDS 3
#define BAND_COLUMNS 12

/* The first test images, each above its reconstruction. */
static const char *write_reconstructions(const demo *d, const char *path) {
    static const char *const names[] = {"input", "output"};
    const images *test = &d->images;
    const plot_grid grid = {.rows = 2 * BANDS,
                            .columns = BAND_COLUMNS,
                            .height = test->height,
                            .width = test->width,
                            .band = 2,
                            .row_names = names};
    size_t row = BAND_COLUMNS * test->pixels;
    float *x = calloc(2 * BANDS * row, sizeof *x);
    const char *problem = x ? NULL : "no memory";
    for (size_t first = 0, at = 0; !problem && at < 2 * BANDS * row && first < test->n;
         at += 2 * row) {
        size_t count = test->n - first < BAND_COLUMNS ? test->n - first : BAND_COLUMNS;
        memcpy(x + at, test->x + first * test->pixels, count * test->pixels * sizeof *x);
        problem = problem_of(
            vae_reconstruct(d->models[NORMAL], x + at, count, test->pixels, x + at + row));
        first += count;
    }
    if (!problem) problem = plot_images(path, "Test images and their reconstructions", x, &grid);
    free(x);
    return problem;
}

/* The latent with the largest variance, `except` left aside (LATENT: none is). */
static size_t most_active(const demo *d, size_t except) {
    size_t best = except == 0 ? 1 : 0;
    for (size_t j = 0; j < LATENT; j++) {
        best = j != except && d->variance[j] > d->variance[best] ? j : best;
    }
    return best;
}

/* Sorts the posterior means [n, LATENT] by class into xs and ys [n]; each class that occurs is a
 * series. Returns how many. */
static size_t class_series(const images *test, size_t n, const float *across, const float *up,
                           double *xs, double *ys, plot_series *series) {
    size_t used = 0, filled = 0;
    for (int kind = 0; kind < (test->label ? IMAGES_CLASSES : 1); kind++) {
        size_t begin = filled;
        for (size_t i = 0; i < n; i++) {
            if (test->label && test->label[i] != kind) continue;
            xs[filled] = across[i * LATENT];
            ys[filled++] = up[i * LATENT];
        }
        if (filled == begin) continue;
        series[used++] = (plot_series){.name = test->label ? test->class_names[kind] : NULL,
                                       .x = xs + begin,
                                       .y = ys + begin,
                                       .n = filled - begin,
                                       .color = kind,
                                       .mark = PLOT_POINTS};
    }
    return used;
}

#define MOST_POINTS 2500 /* more hide each other */

static const char *write_latent(const demo *d, const char *path) {
    size_t n = d->images.n < MOST_POINTS ? d->images.n : MOST_POINTS;
    size_t across = most_active(d, LATENT), up = most_active(d, across);
    char title[80], x_label[48], y_label[48];
    plot_series series[IMAGES_CLASSES];
    plot_panel panel = {
        .x_label = x_label, .y_label = y_label, .width = 480, .height = 480, .series = series};
    float *mean = malloc(n * LATENT * sizeof *mean);
    double *points = malloc(2 * n * sizeof *points);
    const char *problem = mean && points ? NULL : "no memory";
    if (!problem)
        problem =
            problem_of(vae_encode(d->models[NORMAL], d->images.x, n, d->images.pixels, mean, NULL));
    if (!problem) {
        snprintf(title, sizeof title, "Posterior means of %zu test images, the two widest latents",
                 n);
        snprintf(x_label, sizeof x_label, "mean of z[%zu], variance %.2f", across,
                 d->variance[across]);
        snprintf(y_label, sizeof y_label, "mean of z[%zu], variance %.2f", up, d->variance[up]);
        panel.count =
            class_series(&d->images, n, mean + across, mean + up, points, points + n, series);
        problem = plot_panels(path, title, &panel, 1);
    }
    free(points);
    free(mean);
    return problem;
}

static const char *write_training(const demo *d, const char *path) {
    return history_plot(&d->history, path, "Training", figure(d, "baseline_ppca"),
                        has_likelihood(d, "gaussian") ? "PPCA log p(x)" : NULL);
}

static const char *write_history(const demo *d, const char *path) {
    return history_write_csv(&d->history, path);
}

static const char *write_model(const demo *d, const char *path) {
    return problem_of(vae_model_save(d->models[MIXTURE], path));
}

static int write_files(const demo *d) {
    static const struct {
        const char *name;
        const char *(*write)(const demo *d, const char *path);
    } files[] = {{"samples.png", write_samples}, {"reconstructions.png", write_reconstructions},
                 {"latent.png", write_latent},   {"training.png", write_training},
                 {"history.csv", write_history}, {"model.safetensors", write_model}};
    const size_t count = sizeof files / sizeof *files;
    char path[4096];
    for (size_t k = 0; k < count; k++) {
        int length = snprintf(path, sizeof path, "%s/%s", d->options.out, files[k].name);
        if (length < 0 || (size_t)length >= sizeof path)
            return failed(d->options.out, "path too long");
        if (failed(path, files[k].write(d, path))) return 1;
    }
    printf("\nwritten to %s/", d->options.out);
    for (size_t k = 0; k < count; k++) {
        printf("%s%s", k % 3 == 0 ? "\n  " : "  ", files[k].name);
    }
    printf("\n");
    return 0;
}

static void release(demo *d) {
    vae_optimizer_destroy(d->optimizer);
    for (int prior = 0; prior < PRIORS; prior++) {
        vae_model_destroy(d->models[prior]);
        free(d->samples[prior]);
    }
    images_close(&d->images);
    vae_context_destroy(d->context);
    history_release(&d->history);
    vae_evaluation_destroy(d->evaluation);
}

static int run(demo *d) {
    char text[128];
    snprintf(text, sizeof text, "threads=%s", d->options.threads);
    if (check_options(d) || failed("context", problem_of(vae_context_create(text, &d->context))) ||
        open_data(d) || create_model(d) || train(d) || evaluate(d) || fit_priors(d) ||
        compare_priors(d))
        return 1;
    print_results(d);
    print_priors(d);
    return write_files(d);
}

int main(int count, char **arguments) {
    demo d = {.options = {"discretized_logistic", "dense", "10", "128", "1e-3", "1",
                          arguments_all_processors(), "0", "demo-out", NULL}};
    if (parse_arguments(&d.options, count, arguments)) return 2;
    int problem = run(&d);
    release(&d);
    return problem ? EXIT_FAILURE : EXIT_SUCCESS;
}
