/* The one-layer network of Burda, Grosse & Salakhutdinov, "Importance Weighted Autoencoders" (2016), as a
 * VAE or an IWAE with k samples, on their schedule: stage i = 0 .. 7 is 3^i epochs at
 * lr = 1e-3 x 10^(-i/7). After each stage: ELBO and negative log-likelihood of the test rows.
 *
 *   benchmark_mnist [key=value ...]
 *     objective=elbo|iwae  k=1     1, 5 and 50 in the paper
 *     stages=8                     the first so many; all are 3280 epochs
 *     train=PATH test=PATH         28x28 images, IDX or NPY, of 0 and 1 or of grey levels
 *                                  (without them: Debian's Fashion-MNIST)
 *     binarize=threshold|sample    at half of the file's range, or drawn anew each epoch
 *     data=OPTIONS                 further options of both data sets (docs/text.md)
 *     samples=5000                 of the estimate of log p(x) per row
 *     rows=0                       test rows to evaluate, from the first on; 0: all
 *     threads=N (all processors)  seed=1  out=DIR (demo-out)
 *
 * MNIST as Larochelle & Murray fixed its binary pixels (2011), the images of many published likelihoods, is text
 * without a header: 784 values 0 or 1 a line, with blanks between them. Whoever has these files runs
 *
 *   benchmark_mnist data=delimiter=space train=binarized_mnist_train.amat test=binarized_mnist_test.amat
 *
 * The model is saved after each stage, in a file named after what determines it (data by path and options), and
 * a stage whose file is there is not trained again. A stage starts with fresh Adam moments, its own noise and its
 * own shuffle, whether or not the program was stopped before it; so a resumed run ends with the same numbers as
 * one that was not.
 *
 * As in the paper: Glorot's initial weights, biases 0 but for the output's, which come from the training
 * mean, batches of 20, Adam with eps 1e-4. Unlike it: vae_model_initialize also scales the first layer
 * so that it sees inputs of mean 0 and variance 1.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arguments.h"
#include "tool/progress.h"
#include "vae.h"

#define FASHION_MNIST "/usr/share/datasets/fashion-mnist/"
#define MOST_STAGES 8
#define NETWORK                                                 \
    "input=1x28x28 latent=50 likelihood=bernoulli init=glorot " \
    "encoder=[dense 200, tanh, dense 200, tanh] "               \
    "decoder=[dense 200, tanh, dense 200, tanh]"

typedef struct options {
    const char *objective, *k, *stages, *train, *test, *binarize, *data, *samples, *rows, *threads,
        *seed, *out;
} options;

typedef struct benchmark {
    options options;
    unsigned long k, stages, samples, rows, seed;
    vae_context *context;
    vae_dataset *test;
    float *test_rows; /* NULL: the whole file */
    vae_model *model;
    progress progress;
    double seconds; /* of training in all stages so far that this run trained */
} benchmark;

static int failed(const char *where, const char *problem) {
    if (problem) fprintf(stderr, "benchmark_mnist: %s: %s\n", where, problem);
    return problem != NULL;
}

static const char *problem_of(vae_status status) {
    return status < 0 ? vae_last_error() : NULL;
}

/* ---- Data ---- */

/* scale=unit takes a file of bytes 0 and 1 as well as one of bytes 0 to 255. */
static const char *open_rows(const benchmark *b, const char *path, const char *more,
                             vae_dataset **out) {
    char text[512];
    const options *o = &b->options;
    int length =
        snprintf(text, sizeof text, "scale=unit binarize=%s %s %s", o->binarize, more, o->data);
    if (length < 0 || (size_t)length >= sizeof text) return "data: the options are too long";
    return problem_of(vae_dataset_open(b->context, path, text, out));
}

/* The rows of one stage, in an order of its own. */
static const char *open_train(const benchmark *b, unsigned long stage, vae_dataset **out) {
    char text[64];
    snprintf(text, sizeof text, "batch=20 seed=%lu", b->seed * 1000 + stage);
    return open_rows(b, b->options.train, text, out);
}

/* Leaves the first b->rows test rows. */
static const char *shorten_test(benchmark *b) {
    size_t width = vae_dataset_width(b->test);
    vae_dataset *first = NULL;
    b->test_rows = malloc(b->rows * width * sizeof *b->test_rows);
    if (!b->test_rows) return "no memory";
    const char *problem = problem_of(vae_dataset_read(b->test, 0, b->rows, b->test_rows, width));
    if (!problem)
        problem = problem_of(
            vae_dataset_from_memory(b->context, b->test_rows, b->rows, width, "copy=0", &first));
    vae_dataset_destroy(b->test);
    b->test = first;
    return problem;
}

static int open_test(benchmark *b) {
    const char *problem = open_rows(b, b->options.test, "", &b->test);
    if (!problem && b->rows && b->rows < vae_dataset_size(b->test)) problem = shorten_test(b);
    if (failed("test", problem)) return 1;
    printf("training rows  %s\ntest rows      %zu of %s\nbinarize=%s\n", b->options.train,
           vae_dataset_size(b->test), b->options.test, b->options.binarize);
    return 0;
}

/* ---- Stages ---- */

static unsigned long stage_epochs(unsigned long stage) {
    unsigned long epochs = 1;
    while (stage--) {
        epochs *= 3;
    }
    return epochs;
}

static double stage_rate(unsigned long stage) {
    return 1e-3 * pow(10, -(double)stage / 7);
}

/* FNV-1a, 32 bits, goes on from `hash`. */
static unsigned long hash_of(unsigned long hash, const char *text) {
    for (; *text; text++) {
        hash = ((hash ^ (unsigned char)*text) * 16777619UL) & 0xffffffffUL;
    }
    return hash;
}

/* Named after all that determines it; the training file by a hash of its path and its options. */
static int model_path(const benchmark *b, unsigned long stage, char *path, size_t size) {
    const options *o = &b->options;
    unsigned long rows = hash_of(hash_of(2166136261UL, o->train), o->data);
    int length = snprintf(path, size, "%s/benchmark-%s-k%lu-%08lx-%s-seed%lu-stage%lu.safetensors",
                          o->out, o->objective, b->k, rows, o->binarize, b->seed, stage);
    return length < 0 || (size_t)length >= size;
}

static const char *start(benchmark *b, vae_dataset *rows) {
    char spec[512];
    snprintf(spec, sizeof spec, NETWORK " seed=%lu", b->seed);
    const char *problem = problem_of(vae_model_create(b->context, spec, &b->model));
    return problem ? problem : problem_of(vae_model_initialize(b->model, rows));
}

static const char *train_stage(benchmark *b, unsigned long stage) {
    char text[200], epochs[40];
    vae_dataset *rows = NULL;
    vae_optimizer *optimizer = NULL;
    const char *problem = open_train(b, stage, &rows);
    snprintf(text, sizeof text, "adam lr=%.9g eps=1e-4 objective=%s samples=%lu seed=%lu",
             stage_rate(stage), b->options.objective, b->k, b->seed * 1000 + stage);
    snprintf(epochs, sizeof epochs, "epochs=%lu", stage_epochs(stage));
    if (!problem && !b->model) problem = start(b, rows);
    if (!problem) problem = problem_of(vae_optimizer_create(b->model, text, &optimizer));
    if (!problem) {
        progress_begin_bar(&b->progress, stage_epochs(stage), rows);
        problem = problem_of(
            vae_train(b->model, optimizer, rows, NULL, epochs, progress_update, &b->progress));
        progress_end(&b->progress);
        b->seconds += progress_seconds(&b->progress);
    }
    vae_optimizer_destroy(optimizer);
    vae_dataset_destroy(rows);
    return problem;
}

/* Loads the stage's model if it was saved, else trains and saves it. */
static const char *reach_stage(benchmark *b, unsigned long stage, int *loaded) {
    char path[4096];
    vae_model *saved = NULL;
    if (model_path(b, stage, path, sizeof path)) return "path too long";
    *loaded = vae_model_load(b->context, path, &saved) == VAE_OK;
    if (*loaded) {
        vae_model_destroy(b->model);
        b->model = saved;
        return NULL;
    }
    const char *problem = train_stage(b, stage);
    return problem ? problem : problem_of(vae_model_save(b->model, path));
}

/* ---- Report ---- */

static double figure(const vae_evaluation *e, const char *name) {
    double value;
    return vae_evaluation_value(e, name, &value) < 0 ? NAN : value;
}

static const char *report_stage(benchmark *b, unsigned long stage, int loaded) {
    char text[96], trained[32];
    vae_evaluation *e = NULL;
    snprintf(text, sizeof text, "samples=%lu seed=%lu baselines=0", b->samples, b->seed);
    snprintf(trained, sizeof trained, "%.1f", b->seconds);
    progress evaluating;
    progress_begin_bar(&evaluating, 0, b->test);
    const char *problem =
        problem_of(vae_evaluate(b->model, b->test, NULL, text, progress_rows, &evaluating, &e));
    progress_end(&evaluating);
    if (!problem) {
        printf("%5lu %6lu  %.3e  %8.2f %6.2f  %8.2f %6.3f %6.2f %9.0f %6.0f %8s %8.1f\n", stage,
               stage_epochs(stage), stage_rate(stage), figure(e, "elbo"), figure(e, "elbo_error"),
               -figure(e, "log_p"), figure(e, "log_p_monte_carlo_error"),
               figure(e, "log_p_sampling_error"), figure(e, "untrusted_rows"),
               figure(e, "active_units"), loaded ? "loaded" : trained,
               progress_seconds(&evaluating));
        fflush(stdout);
    }
    vae_evaluation_destroy(e);
    return problem;
}

static int run_stages(benchmark *b) {
    printf("\n                          ELBO             NLL, %lu samples    untrusted active   "
           "train seconds\n"
           "stage epochs  lr           nats +-sampl.      nats  +-MC +-sampl.     rows  units    "
           "so far     test\n",
           b->samples);
    for (unsigned long stage = 0; stage < b->stages; stage++) {
        int loaded = 0;
        const char *problem = reach_stage(b, stage, &loaded);
        if (!problem) problem = report_stage(b, stage, loaded);
        if (failed("stage", problem)) return 1;
    }
    return 0;
}

static int check_options(benchmark *b) {
    const options *o = &b->options;
    if (arguments_whole(o->k, 1, 1000, &b->k) ||
        arguments_whole(o->stages, 1, MOST_STAGES, &b->stages) ||
        arguments_whole(o->samples, 1, 1000000, &b->samples) ||
        arguments_whole(o->rows, 0, 1000000000, &b->rows) ||
        arguments_whole(o->seed, 0, 1000000, &b->seed))
        return failed("arguments",
                      "k, stages (at most 8), samples, rows and seed are whole numbers");
    return failed(o->out, arguments_make_folder(o->out));
}

static int run(benchmark *b) {
    char text[64];
    snprintf(text, sizeof text, "threads=%s", b->options.threads);
    if (check_options(b) || failed("context", problem_of(vae_context_create(text, &b->context))) ||
        open_test(b))
        return 1;
    printf("objective=%s k=%lu seed=%lu\n%s\n", b->options.objective, b->k, b->seed, NETWORK);
    return run_stages(b);
}

int main(int count, char **arguments) {
    benchmark b = {.options = {"elbo", "1", "8", FASHION_MNIST "train-images-idx3-ubyte.gz",
                               FASHION_MNIST "t10k-images-idx3-ubyte.gz", "threshold", "", "5000",
                               "0", arguments_all_processors(), "1", "demo-out"}};
    options *o = &b.options;
    const argument known[] = {{"objective", &o->objective},
                              {"k", &o->k},
                              {"stages", &o->stages},
                              {"train", &o->train},
                              {"test", &o->test},
                              {"binarize", &o->binarize},
                              {"data", &o->data},
                              {"samples", &o->samples},
                              {"rows", &o->rows},
                              {"threads", &o->threads},
                              {"seed", &o->seed},
                              {"out", &o->out},
                              {NULL, NULL}};
    const char *at = "";
    if (failed(at, arguments_parse(known, count, arguments, &at))) return 2;
    int problem = run(&b);
    vae_model_destroy(b.model);
    vae_dataset_destroy(b.test);
    free(b.test_rows);
    vae_context_destroy(b.context);
    return problem ? EXIT_FAILURE : EXIT_SUCCESS;
}
