/* Trains a variational autoencoder on Fashion-MNIST, evaluates it on the test images and draws what
 * it has learned.
 *
 *   demo [key=value ...]
 *     likelihood=gaussian|bernoulli (gaussian, with one learned sigma)
 *     epochs=10  batch=128  lr=1e-3  seed=1  threads=N (all processors)
 *     out=DIR (demo-out)  data=DIR (Debian's dataset-fashion-mnist) | sprites
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L /* mkdir, sysconf */
#endif

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/evaluation.h"
#include "common/history.h"
#include "common/images.h"
#include "common/plot.h"
#include "common/ppca.h"
#include "common/progress.h"
#include "vae.h"

#define LATENT 20
#define HIDDEN 400

typedef struct options {
    const char *likelihood, *epochs, *batch, *lr, *seed, *threads, *out, *data;
} options;

typedef struct demo {
    options options;
    unsigned long epochs;
    vae_context *context;
    images images;
    vae_model *model;
    vae_optimizer *optimizer;
    history history;
    progress progress;
    evaluation evaluation;
    double sigma;              /* gaussian */
    double ppca, ppca_seconds; /* gaussian: mean log p of the test images */
    double entropy;            /* bernoulli: what -ELBO cannot go below */
} demo;

/* Says what went wrong, if anything, and whether. */
static int failed(const char *where, const char *problem) {
    if (problem) fprintf(stderr, "demo: %s: %s\n", where, problem);
    return problem != NULL;
}

static const char *problem_of(vae_status status) {
    return status < 0 ? vae_last_error() : NULL;
}

static int is_gaussian(const demo *d) {
    return strcmp(d->options.likelihood, "gaussian") == 0;
}

/* ---- Arguments ---- */

static int parse_arguments(options *o, int count, char **arguments) {
    const struct {
        const char *key, **value;
    } known[] = {{"likelihood", &o->likelihood},
                 {"epochs", &o->epochs},
                 {"batch", &o->batch},
                 {"lr", &o->lr},
                 {"seed", &o->seed},
                 {"threads", &o->threads},
                 {"out", &o->out},
                 {"data", &o->data}};
    const size_t keys = sizeof known / sizeof *known;
    for (int i = 1; i < count; i++) {
        size_t k = 0, length = strcspn(arguments[i], "=");
        while (k < keys && (strlen(known[k].key) != length ||
                            strncmp(known[k].key, arguments[i], length) != 0)) {
            k++;
        }
        if (k == keys || strlen(arguments[i]) < length + 2)
            return failed(arguments[i],
                          "expected key=value, the keys being\n"
                          "  likelihood=gaussian|bernoulli  epochs=N  batch=N  lr=X  seed=N\n"
                          "  threads=N  out=DIR  data=DIR|sprites");
        *known[k].value = arguments[i] + length + 1;
    }
    return 0;
}

static int check_options(demo *d) {
    char *end;
    d->epochs = strtoul(d->options.epochs, &end, 10);
    if (*end || d->options.epochs[0] == '-' || d->epochs == 0 || d->epochs > 100000)
        return failed("epochs", "expected a whole number from 1 to 100000");
    if (!is_gaussian(d) && strcmp(d->options.likelihood, "bernoulli") != 0)
        return failed("likelihood", "expected gaussian or bernoulli");
    if (mkdir(d->options.out, 0777) != 0 && errno != EEXIST)
        return failed(d->options.out, strerror(errno));
    return failed("history", history_create(&d->history, d->epochs) ? "no memory" : NULL);
}

/* ---- Training ---- */

static int open_data(demo *d) {
    char text[256];
    snprintf(text, sizeof text, "batch=%s seed=%s", d->options.batch, d->options.seed);
    if (failed("data", images_open(&d->images, d->context, d->options.data, text))) return 1;
    printf("data      %s\n          %zu training and %zu test images, %zux%zu pixels in [0,1]\n",
           d->images.name, vae_dataset_size(d->images.train), d->images.n, d->images.height,
           d->images.width);
    return 0;
}

static int create_model(demo *d) {
    char spec[256], optimizer[128];
    const char *likelihood = is_gaussian(d) ? "gaussian sigma=shared" : "bernoulli";
    snprintf(spec, sizeof spec,
             "input=1x%zux%zu latent=%d likelihood=%s seed=%s "
             "encoder=[dense %d, relu] decoder=[dense %d, relu]",
             d->images.height, d->images.width, LATENT, likelihood, d->options.seed, HIDDEN,
             HIDDEN);
    snprintf(optimizer, sizeof optimizer, "adam lr=%s seed=%s", d->options.lr, d->options.seed);
    if (failed("model", problem_of(vae_model_create(d->context, spec, &d->model))) ||
        failed("model", problem_of(vae_model_initialize(d->model, d->images.train))) ||
        failed("optimizer", problem_of(vae_optimizer_create(d->model, optimizer, &d->optimizer))))
        return 1;
    printf("model     %zu-%d-%d VAE, likelihood=%s, %llu parameters\n", d->images.pixels, HIDDEN,
           LATENT, likelihood, (unsigned long long)vae_model_parameter_total(d->model));
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
    vae_status status =
        vae_train(d->model, d->optimizer, d->images.train, d->images.test, text, on_event, d);
    progress_end(&d->progress);
    return failed("training", problem_of(status));
}

/* ---- Evaluation ---- */

static int fit_ppca(demo *d) {
    ppca baseline;
    double begun = progress_seconds(&d->progress);
    const char *problem = ppca_fit(&baseline, d->images.train, LATENT);
    if (!problem) problem = ppca_log_likelihood(&baseline, d->images.test, &d->ppca);
    ppca_release(&baseline);
    d->ppca_seconds = progress_seconds(&d->progress) - begun;
    return failed("probabilistic PCA", problem);
}

static int read_sigma(demo *d) {
    double *sigma = malloc(d->images.pixels * sizeof *sigma);
    if (!sigma) return failed("sigma", "no memory");
    const char *problem = problem_of(vae_model_sigma(d->model, sigma, d->images.pixels));
    d->sigma = problem ? NAN : sigma[0];
    free(sigma);
    return failed("sigma", problem);
}

static int evaluate(demo *d) {
    const images *test = &d->images;
    if (failed("evaluation", evaluation_run(&d->evaluation, d->model, test->x, test->n))) return 1;
    if (is_gaussian(d)) return fit_ppca(d) || read_sigma(d);
    d->entropy = evaluation_entropy(test->x, test->n, test->pixels);
    return 0;
}

static void print_results(const demo *d) {
    const evaluation *e = &d->evaluation;
    printf("\nheld-out, %zu test images\n", e->n);
    if (is_gaussian(d)) {
        printf("  ELBO          %7.1f nats, density on [0,1], not dequantised\n", e->elbo);
        printf("                %7.1f reconstruction, %.1f KL\n", e->reconstruction, e->kl);
        printf("  PPCA          %7.1f nats, log-likelihood with %d components (%.1f s)\n", d->ppca,
               LATENT, d->ppca_seconds);
        printf("  sigma         %7.3f\n", d->sigma);
    } else {
        printf("  -ELBO         %7.2f nats (reconstruction %.2f, KL %.2f)\n", -e->elbo,
               e->reconstruction, e->kl);
        printf("  entropy floor %7.2f nats of the grey pixels; -ELBO exceeds it by %.2f\n",
               d->entropy, -e->elbo - d->entropy);
    }
    printf("  active units  %7zu of %d, variance of the posterior mean > %g\n", e->active, LATENT,
           EVALUATION_ACTIVE);
    printf(
        "\ntime            %7.1f s, epochs=%lu, validation included; training alone %.0f rows/s\n",
        d->history.column[HISTORY_SECONDS][d->history.count - 1], d->epochs,
        progress_rows_per_second(&d->progress));
}

/* ---- Files: each function returns NULL, or what went wrong ---- */

static const char *write_samples(const demo *d, const char *path) {
    const plot_grid grid = {10, 10, d->images.height, d->images.width, 0, NULL};
    float *x = malloc(grid.rows * grid.columns * d->images.pixels * sizeof *x);
    if (!x) return "no memory";
    const char *problem =
        problem_of(vae_sample(d->model, grid.rows * grid.columns, 1, NULL, x, NULL));
    if (!problem) problem = plot_images(path, "Samples: E[x|z], z ~ N(0, I)", x, &grid);
    free(x);
    return problem;
}

#define BANDS 3
#define BAND_COLUMNS 12

/* The first test images, each above its reconstruction. */
static const char *write_reconstructions(const demo *d, const char *path) {
    static const char *const names[] = {"input", "output"};
    const images *test = &d->images;
    const plot_grid grid = {2 * BANDS, BAND_COLUMNS, test->height, test->width, 2, names};
    size_t row = BAND_COLUMNS * test->pixels;
    float *x = calloc(2 * BANDS * row, sizeof *x);
    const char *problem = x ? NULL : "no memory";
    for (size_t first = 0, at = 0; !problem && at < 2 * BANDS * row && first < test->n;
         at += 2 * row) {
        size_t count = test->n - first < BAND_COLUMNS ? test->n - first : BAND_COLUMNS;
        memcpy(x + at, test->x + first * test->pixels, count * test->pixels * sizeof *x);
        problem = problem_of(vae_reconstruct(d->model, x + at, count, test->pixels, x + at + row));
        first += count;
    }
    if (!problem) problem = plot_images(path, "Test images and their reconstructions", x, &grid);
    free(x);
    return problem;
}

/* Sorts the points by class into xs and ys [n]; each class that occurs is a series. Returns how
 * many. */
static size_t class_series(const demo *d, size_t across, size_t up, double *xs, double *ys,
                           plot_series *series) {
    const double *label = d->images.label;
    size_t used = 0, filled = 0;
    for (int kind = 0; kind < (label ? IMAGES_CLASSES : 1); kind++) {
        size_t begin = filled;
        for (size_t i = 0; i < d->images.n; i++) {
            if (label && label[i] != kind) continue;
            xs[filled] = d->evaluation.mean[i * LATENT + across];
            ys[filled++] = d->evaluation.mean[i * LATENT + up];
        }
        if (filled > begin)
            series[used++] = (plot_series){label ? d->images.class_names[kind] : NULL,
                                           xs + begin,
                                           ys + begin,
                                           filled - begin,
                                           kind,
                                           PLOT_POINTS};
    }
    return used;
}

static const char *write_latent(const demo *d, const char *path) {
    const evaluation *e = &d->evaluation;
    size_t across = evaluation_most_active(e, LATENT), up = evaluation_most_active(e, across);
    char title[80], x_label[48], y_label[48];
    plot_series series[IMAGES_CLASSES];
    plot_panel panel = {NULL, x_label, y_label, 480, 480, 0, series, 0};
    double *points = malloc(2 * e->n * sizeof *points);
    if (!points) return "no memory";
    snprintf(title, sizeof title, "Posterior means of %zu test images", e->n);
    snprintf(x_label, sizeof x_label, "mean of z[%zu], variance %.2f", across, e->variance[across]);
    snprintf(y_label, sizeof y_label, "mean of z[%zu], variance %.2f", up, e->variance[up]);
    panel.count = class_series(d, across, up, points, points + e->n, series);
    const char *problem = plot_panels(path, title, &panel, 1);
    free(points);
    return problem;
}

static const char *write_training(const demo *d, const char *path) {
    return history_plot(&d->history, path, "Training", d->ppca,
                        is_gaussian(d) ? "PPCA log p(x)" : NULL);
}

static const char *write_history(const demo *d, const char *path) {
    return history_write_csv(&d->history, path);
}

static const char *write_model(const demo *d, const char *path) {
    return problem_of(vae_model_save(d->model, path));
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
    vae_model_destroy(d->model);
    images_close(&d->images);
    vae_context_destroy(d->context);
    history_release(&d->history);
    evaluation_release(&d->evaluation);
}

static int run(demo *d) {
    char text[128];
    snprintf(text, sizeof text, "threads=%s", d->options.threads);
    if (check_options(d) || failed("context", problem_of(vae_context_create(text, &d->context))) ||
        open_data(d) || create_model(d) || train(d) || evaluate(d))
        return 1;
    print_results(d);
    return write_files(d);
}

int main(int count, char **arguments) {
    char threads[32];
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    snprintf(threads, sizeof threads, "%ld",
             processors < 1     ? 1
             : processors > 256 ? 256
                                : processors);
    demo d = {.options = {"gaussian", "10", "128", "1e-3", "1", threads, "demo-out", NULL}};
    if (parse_arguments(&d.options, count, arguments)) return 2;
    int problem = run(&d);
    release(&d);
    return problem ? EXIT_FAILURE : EXIT_SUCCESS;
}
