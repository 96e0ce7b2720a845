/* What a prior is worth: the network 784-200-200-50 on Fashion-MNIST, its pixels cut at one half, under each prior,
 * trained with the network and put on its latents afterwards.
 *
 *   benchmark_priors [key=value ...]
 *     prior=all  or one, e.g. prior=flow:4 or "mixture:20 prior_covariance=full"
 *     epochs=50  prior_epochs=10 (of a flow or pseudo-inputs that are fitted afterwards)  seed=1
 *     optimizer="adam lr=1e-3": of what is trained from the start
 *     samples=500  rows=1000: of the estimate of log p(x), over the first so many test rows
 *     threads=N (all processors)
 *
 * Prints one line of a table for each: ELBO and KL over all test rows, NLL over the first, active units, seconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/arguments.h"
#include "common/images.h"
#include "vae.h"

#define NETWORK                                                                  \
    "likelihood=bernoulli latent=50 encoder=[dense 200, tanh, dense 200, tanh] " \
    "decoder=[dense 200, tanh, dense 200, tanh]"

typedef struct options {
    const char *prior, *epochs, *prior_epochs, *seed, *optimizer, *samples, *rows, *threads;
} options;

typedef struct benchmark {
    options options;
    vae_context *context;
    images images;
    vae_dataset *first; /* the first test rows */
} benchmark;

static const char *const priors[] = {"mixture:50 prior_covariance=full", "mixture:500", "vamp:500",
                                     "flow:8"};
enum { PRIORS = 4 };

static int failed(const char *where, vae_status status) {
    if (status < 0) fprintf(stderr, "benchmark_priors: %s: %s\n", where, vae_last_error());
    return status < 0;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int report(const benchmark *b, const vae_model *model, const char *prior, const char *how,
                  double seconds) {
    char text[64];
    vae_evaluation *all = NULL, *estimate = NULL;
    double elbo = 0, kl = 0, active = 0, log_p = 0;
    snprintf(text, sizeof text, "baselines=0 samples=%s", b->options.samples);
    int problem =
        failed("evaluation",
               vae_evaluate(model, b->images.test, NULL, "baselines=0", NULL, NULL, &all)) ||
        failed("estimate", vae_evaluate(model, b->first, NULL, text, NULL, NULL, &estimate));
    if (!problem) {
        vae_evaluation_value(all, "elbo", &elbo);
        vae_evaluation_value(all, "kl", &kl);
        vae_evaluation_value(all, "active_units", &active);
        vae_evaluation_value(estimate, "log_p", &log_p);
        printf("| `%s` | %s | %.2f | %.2f | %.2f | %.0f | %.0f |\n", prior, how, elbo, kl, -log_p,
               active, seconds);
        fflush(stdout);
    }
    vae_evaluation_destroy(all);
    vae_evaluation_destroy(estimate);
    return problem;
}

static int train(const benchmark *b, vae_model *model, const char *optimizer, const char *epochs) {
    char text[256];
    vae_optimizer *made = NULL;
    snprintf(text, sizeof text, "%s seed=%s", optimizer, b->options.seed);
    int problem = failed("optimizer", vae_optimizer_create(model, text, &made));
    snprintf(text, sizeof text, "epochs=%s", epochs);
    if (!problem)
        problem =
            failed("training", vae_train(model, made, b->images.train, NULL, text, NULL, NULL));
    vae_optimizer_destroy(made);
    return problem;
}

/* A new model, trained under this prior from the start. */
static int train_new(const benchmark *b, const char *prior, const char *how, vae_model **out) {
    char spec[400];
    double begin = now();
    snprintf(spec, sizeof spec, "input=1x%zux%zu seed=%s %s prior=%s", b->images.height,
             b->images.width, b->options.seed, NETWORK, prior);
    return failed("model", vae_model_create(b->context, spec, out)) ||
           failed("model", vae_model_initialize(*out, b->images.train)) ||
           train(b, *out, b->options.optimizer, b->options.epochs) ||
           report(b, *out, prior, how, now() - begin);
}

/* The same for a copy of a trained model: EM for a mixture, steps for the others. */
static int fit_afterwards(const benchmark *b, const vae_model *model, const char *prior) {
    char text[64] = "";
    vae_model *copy = NULL;
    double begin = now();
    if (strncmp(prior, "mixture", 7) != 0)
        snprintf(text, sizeof text, "iterations=%s", b->options.prior_epochs);
    int problem = failed("model", vae_model_clone(model, &copy)) ||
                  failed("prior", vae_model_set_prior(copy, prior)) ||
                  failed("fit", vae_model_fit_prior(copy, b->images.train, text, NULL, NULL)) ||
                  report(b, copy, prior, "after", now() - begin);
    vae_model_destroy(copy);
    return problem;
}

/* A prior on the plain model's latents, then trained from the start. */
static int both_ways(const benchmark *b, const vae_model *plain, const char *prior) {
    vae_model *joint = NULL;
    int status = fit_afterwards(b, plain, prior) || train_new(b, prior, "jointly", &joint);
    vae_model_destroy(joint);
    return status;
}

static int run(benchmark *b) {
    char text[64];
    vae_model *plain = NULL;
    snprintf(text, sizeof text, "threads=%s", b->options.threads);
    if (failed("context", vae_context_create(text, &b->context))) return 1;
    snprintf(text, sizeof text, "batch=100 seed=%s", b->options.seed);
    const char *problem = images_open(&b->images, b->context, NULL, "binarize=threshold", text);
    if (problem) return fprintf(stderr, "benchmark_priors: %s\n", problem), 1;
    size_t rows = strtoul(b->options.rows, NULL, 10);
    if (rows < 1 || rows > b->images.n) rows = b->images.n;
    if (failed("rows", vae_dataset_from_memory(b->context, b->images.x, rows, b->images.pixels,
                                               NULL, &b->first)))
        return 1;
    printf("| prior | fitted | ELBO | KL | NLL | active | seconds |\n");
    printf("| --- | --- | --- | --- | --- | --- | --- |\n");
    int status = train_new(b, "normal", "", &plain);
    if (strcmp(b->options.prior, "all")) {
        if (!status) status = both_ways(b, plain, b->options.prior);
    } else {
        for (int i = 0; i < PRIORS && !status; i++) status = both_ways(b, plain, priors[i]);
    }
    vae_model_destroy(plain);
    return status;
}

int main(int count, char **arguments) {
    benchmark b = {.options = {"all", "50", "10", "1", "adam lr=1e-3", "500", "1000",
                               arguments_all_processors()}};
    const argument known[] = {{"prior", &b.options.prior},
                              {"epochs", &b.options.epochs},
                              {"prior_epochs", &b.options.prior_epochs},
                              {"seed", &b.options.seed},
                              {"optimizer", &b.options.optimizer},
                              {"samples", &b.options.samples},
                              {"rows", &b.options.rows},
                              {"threads", &b.options.threads},
                              {NULL, NULL}};
    const char *at = "", *problem = arguments_parse(known, count, arguments, &at);
    if (problem) {
        fprintf(stderr, "benchmark_priors: %s: %s\n", at, problem);
        return 2;
    }
    int status = run(&b);
    vae_dataset_destroy(b.first);
    images_close(&b.images);
    vae_context_destroy(b.context);
    return status ? EXIT_FAILURE : EXIT_SUCCESS;
}
