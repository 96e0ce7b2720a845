/* Rows of any values, through every likelihood: what a step refuses it leaves alone, and what it
 * writes is finite. The first byte chooses the model, the second the data set and the optimizer,
 * each further one a value. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/subjects.h"

#define LIMIT ((size_t)2 << 20)
enum { MOST_ROWS = 6, WIDTH = 6, STEPS = 3 };

#define SMALL "latent=2 encoder=[dense 3, relu] decoder=[] likelihood="
static const char *const specs[] = {
    "input=6 " SMALL "bernoulli",
    "input=6 " SMALL "continuous_bernoulli",
    "input=6 " SMALL "gaussian",
    "input=6 " SMALL "gaussian sigma=optimal",
    "input=6 " SMALL "gaussian sigma=decoder standardize=1",
    "input=6 " SMALL "gaussian sigma=per_dim standardize=1",
    "input=6 " SMALL "gaussian sigma=1e-15 sigma_min=1e-15",
    "input=6 " SMALL "discretized_logistic",
    "input=2x3 " SMALL "categorical",
    "input=6 " SMALL "poisson",
    "input=6 " SMALL "poisson size=total",
    "input=6 " SMALL "negative_binomial",
    "input=6 " SMALL "negative_binomial size=total",
};
static const char *const datasets[] = {"batch=2", "batch=3 scale=unit",
                                       "batch=3 binarize=threshold",
                                       "batch=4 drop_last=1 binarize=sample"};
static const char *const optimizers[] = {
    "adam lr=0.1", "sgd lr=1 momentum=0.9 clip_norm=3", "adamw objective=iwae samples=2",
    "adam free_bits=0.5 beta_warmup=2", "sgd lr=1e6 momentum=0.9"};

/* About the borders of each support, and of floats themselves. */
static const float values[] = {0,           1,       -0.0f,         0.5f,           1.0000001f,
                               0.99999994f, 2,       1e9f,          1e9f + 64,      -1,
                               1e-45f,      -1e-45f, 3.4028235e38f, -3.4028235e38f, 1e20f,
                               1e-20f,      255,     1 / 255.f,     254 / 255.f,    16777216,
                               7,           NAN,     INFINITY,      -INFINITY,      1e4f};
#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

typedef struct subject {
    vae_context *context;
    vae_model *model;
    vae_dataset *dataset;
    vae_optimizer *optimizer;
} subject;

/* 1 if there is one; the one pair that does not go together is refused. */
static int make_optimizer(subject *s, const char *spec, const char *options) {
    if (!strstr(spec, "sigma=optimal") || !strstr(options, "objective=iwae"))
        return fuzz_succeeds(vae_optimizer_create(s->model, options, &s->optimizer));
    vae_status status = fuzz_status(vae_optimizer_create(s->model, options, &s->optimizer));
    FUZZ_REQUIRE(status == VAE_ERROR_TEXT, "%s", vae_status_name(status));
    return 0;
}

/* 1 if all is there; rows that cannot be scaled or drawn are refused here. */
static int make(subject *s, const uint8_t *data, size_t size) {
    float x[MOST_ROWS * WIDTH];
    size_t rows = (size - 2 + WIDTH - 1) / WIDTH;
    for (size_t i = 0; i < COUNT_OF(x); i++)
        x[i] = i + 2 < size ? values[data[i + 2] % COUNT_OF(values)] : 0;
    if (rows > MOST_ROWS) rows = MOST_ROWS;
    if (!rows) rows = 1;
    const char *spec = specs[data[0] % COUNT_OF(specs)];
    return fuzz_succeeds(vae_model_create(s->context, spec, &s->model)) &&
           !fuzz_status(vae_dataset_from_memory(
               s->context, x, rows, WIDTH, datasets[data[1] % COUNT_OF(datasets)], &s->dataset)) &&
           make_optimizer(s, spec, optimizers[data[1] / 4 % COUNT_OF(optimizers)]);
}

/* A status that rows can cause. */
static vae_status rows_status(vae_status status) {
    fuzz_status(status);
    FUZZ_REQUIRE(!status || status == VAE_ERROR_DATA || status == VAE_ERROR_DIVERGED ||
                     status == VAE_ERROR_UNSUPPORTED,
                 "%s", vae_status_name(status));
    return status;
}

static void infer(const subject *s) {
    float x[MOST_ROWS * WIDTH], mean[MOST_ROWS * WIDTH], logvar[MOST_ROWS * WIDTH];
    double a[MOST_ROWS], b[MOST_ROWS], c[MOST_ROWS];
    size_t rows = vae_dataset_size(s->dataset);
    if (fuzz_status(vae_dataset_read(s->dataset, 0, rows, x, WIDTH))) return;
    vae_status status = rows_status(vae_encode(s->model, x, rows, WIDTH, mean, logvar));
    int finite = 1;
    for (size_t i = 0; i < rows * WIDTH; i++) finite = finite && isfinite(x[i]);
    FUZZ_REQUIRE(finite || status == VAE_ERROR_DATA, "%s", vae_status_name(status));
    vae_status again = rows_status(vae_elbo(s->model, x, rows, WIDTH, 1, a, b, c));
    FUZZ_REQUIRE(status == again, "encode %s, elbo %s", vae_status_name(status),
                 vae_status_name(again));
    rows_status(vae_log_likelihood(s->model, x, rows, WIDTH, "samples=5", a, b, c));
    rows_status(vae_reconstruct(s->model, x, rows, WIDTH, mean));
}

static void step(const subject *s) {
    size_t size, size_after;
    unsigned char *before = fuzz_saved(s->model, &size), *after;
    vae_status status = rows_status(vae_step(s->model, s->optimizer, s->dataset, NULL));
    after = fuzz_saved(s->model, &size_after);
    if (before && after && status)
        FUZZ_REQUIRE(!memcmp(before, after, size), "%s changed weights", vae_status_name(status));
    free(before);
    free(after);
}

/* Rows that cannot be measured leave a model that is to be scaled by hand. */
static void start(const subject *s) {
    static const float zeros[WIDTH];
    if (!rows_status(vae_model_initialize(s->model, s->dataset))) return;
    if (strstr(vae_model_spec(s->model), "standardize=1"))
        fuzz_status(vae_model_parameter_set(s->model, "input.shift", zeros, WIDTH));
}

/* A trained model refuses, and is as it was. */
static void start_again(const subject *s) {
    size_t size, size_after;
    if (!vae_optimizer_steps(s->optimizer)) return;
    unsigned char *before = fuzz_saved(s->model, &size), *after;
    vae_status status = vae_model_initialize(s->model, s->dataset);
    FUZZ_REQUIRE(status == VAE_ERROR_ARGUMENT, "%s", vae_status_name(status));
    after = fuzz_saved(s->model, &size_after);
    if (before && after) FUZZ_REQUIRE(!memcmp(before, after, size), "a refusal changed weights");
    free(before);
    free(after);
}

static void evaluate(const subject *s) {
    vae_evaluation *evaluation = NULL;
    rows_status(vae_evaluate(s->model, s->dataset, NULL, "samples=2", NULL, NULL, &evaluation));
    vae_evaluation_destroy(evaluation);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    subject s = {.context = fuzz_context(LIMIT)};
    if (size >= 2 && make(&s, data, size)) {
        start(&s);
        fuzz_finite(s.model);
        for (int i = 0; i < STEPS; i++) step(&s);
        fuzz_finite(s.model);
        start_again(&s);
        infer(&s);
        evaluate(&s);
        fuzz_model(s.context, s.model);
    }
    vae_optimizer_destroy(s.optimizer);
    vae_dataset_destroy(s.dataset);
    vae_model_destroy(s.model);
    fuzz_context_end(s.context);
    return 0;
}
