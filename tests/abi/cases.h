/* The trainings whose files libvae 0.1 wrote into tests/data/0.1, and how they are measured. write.c, built against the
 * library of that release, and files_test.c, built against this one, include this file, so that both do the same. Only
 * functions that 0.1 has are used, and the rows are made by integer arithmetic, so that they are the same everywhere. */
#ifndef TESTS_ABI_CASES_H
#define TESTS_ABI_CASES_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vae.h"

#define DATA_FOLDER "tests/data/0.1/"

/* PROBE rows are measured; of wide rows the first COLUMNS columns. All cases have LATENT latents. */
enum { LATENT = 2, PROBE = 3, COLUMNS = 4, CUTS = 2 };
enum { VALUES = PROBE * (2 * LATENT + 2 * COLUMNS + 4), REPORT = 10 };

typedef enum old_rows { ROWS_REAL, ROWS_UNIT, ROWS_COUNTS, ROWS_ONE_HOT, ROWS_BYTES } old_rows;

typedef struct old_case {
    const char *name, *spec, *optimizer;
    const char *path; /* of the data set; NULL: `count` rows in memory, made by old_value */
    const char *options;
    old_rows kind;
    size_t count, width;
    int before, after; /* steps up to the checkpoint, and from there to the end */
} old_case;

/* Each is cut inside an epoch. Together they have every likelihood, way of sigma, activation, algorithm, schedule and
 * format of data of 0.1. */
static const old_case old_cases[] = {
    {"bernoulli",
     "input=1x3x4 latent=2 likelihood=bernoulli encoder=[dense 8, relu] decoder=[dense 8, tanh]",
     "adam lr=1e-2 beta=2 beta_warmup=20 free_bits=0.1 seed=3", NULL,
     "batch=16 binarize=sample seed=5", ROWS_UNIT, 50, 12, 6, 9},
    {"per_dim",
     "input=6 latent=2 likelihood=gaussian standardize=1 sigma=per_dim encoder=[dense 7, elu] "
     "decoder=[dense 7, silu]",
     "adam lr=1e-2 clip_norm=1 warmup=5", NULL, "batch=16", ROWS_REAL, 60, 6, 6, 9},
    {"iwae",
     "input=5 latent=2 likelihood=continuous_bernoulli encoder=[dense 6, gelu, dense 5, sigmoid] "
     "decoder=[dense 6, softplus]",
     "adamw lr=1e-2 objective=iwae samples=3 schedule=cosine steps=40 weight_decay=0.05", NULL,
     "batch=20", ROWS_UNIT, 50, 5, 7, 9},
    {"optimal",
     "input=6 latent=2 likelihood=gaussian sigma=optimal encoder=[dense 6, leaky_relu] decoder=[dense 6, identity]",
     "sgd lr=1e-3 momentum=0.9 nesterov=1 schedule=exponential steps=30 gamma=0.5", NULL,
     "batch=16 dtype=float64 scale=unit split=train:0.8", ROWS_REAL, 60, 6, 4, 9},
    {"decoder",
     "input=6 latent=2 likelihood=gaussian sigma=decoder init=he encoder=[dense 6, tanh] decoder=[dense 6, relu]",
     "adam lr=5e-3 schedule=steps milestones=[4, 9] gamma=0.5 samples=2", "table.csv",
     "batch=16 columns=[a, b, c, d, e, f]", ROWS_REAL, 60, 6, 6, 9},
    {"shared",
     "input=6 latent=2 likelihood=gaussian encoder=[dense 6, tanh] decoder=[dense 6, tanh]",
     "sgd lr=1e-3 momentum=0.5 weight_decay=0.01", "table.npy",
     "batch=16 split=test:0.4 split_seed=7", ROWS_REAL, 60, 6, 7, 9},
    {"negative_binomial",
     "input=7 latent=2 likelihood=negative_binomial size=total encoder=[dense 6, relu] decoder=[dense 6, relu]",
     "adam lr=1e-2 beta1=0.8 beta2=0.99", NULL, "batch=16 drop_last=1", ROWS_COUNTS, 60, 7, 5, 9},
    {"poisson",
     "input=7 latent=2 likelihood=poisson init=glorot encoder=[dense 6, silu] decoder=[dense 6, gelu]",
     "adamw lr=1e-2", NULL, "batch=16 shuffle=0", ROWS_COUNTS, 60, 7, 5, 9},
    {"discretized_logistic",
     "input=8 latent=2 likelihood=discretized_logistic encoder=[dense 6, relu] decoder=[dense 6, relu]",
     "adam lr=1e-2", NULL, "batch=16 dtype=uint8", ROWS_BYTES, 60, 8, 6, 9},
    {"categorical",
     "input=3x4 latent=2 likelihood=categorical encoder=[dense 6, relu] decoder=[dense 6, relu]",
     "adam lr=1e-2 samples=2", NULL, "batch=16", ROWS_ONE_HOT, 60, 12, 6, 9},
    {"sprites", "input=1x32x32 latent=2 likelihood=bernoulli", "sgd lr=1e-3", "sprites:60",
     "batch=16 seed=4", ROWS_UNIT, 60, 32 * 32, 6, 9},
};
enum { OLD_CASES = sizeof old_cases / sizeof old_cases[0] };

/* What 0.1 made of a case: at the checkpoint, at the end, and the report of the last step. */
typedef struct old_values {
    const char *name;
    double values[CUTS][VALUES], report[REPORT];
} old_values;

/* Exactly a float; ROWS_BYTES are whole numbers. */
static inline double old_value(old_rows kind, size_t i, size_t j) {
    switch (kind) {
    case ROWS_REAL:
        return ((double)((i * 37 + j * 101 + i * j * 7) % 97) - 48) / 16 * (double)(1 << j % 4);
    case ROWS_UNIT: return (double)((i * 29 + j * 53 + i * j) % 65) / 64;
    case ROWS_COUNTS: return (i + j) % 3 ? 0 : (double)((i * 13 + j * 7 + i * j * 3) % 12);
    case ROWS_ONE_HOT: return j % 4 == (i * 5 + j / 4 * 3 + i / 7) % 4;
    default: return (double)((i * 31 + j * 17 + i * j * 5) % 256);
    }
}

static inline void old_store(const old_case *c, double value, size_t at, unsigned char *rows) {
    float single = (float)value;
    if (strstr(c->options, "dtype=uint8"))
        rows[at] = (unsigned char)value;
    else if (strstr(c->options, "dtype=float64"))
        memcpy(rows + at * sizeof value, &value, sizeof value);
    else
        memcpy(rows + at * sizeof single, &single, sizeof single);
}

static inline vae_status old_dataset(vae_context *context, const old_case *c,
                                     vae_dataset **dataset) {
    if (c->path) {
        char path[100] = DATA_FOLDER;
        strcat(path, c->path);
        return vae_dataset_open(context, strchr(c->path, ':') ? c->path : path, c->options,
                                dataset);
    }
    unsigned char *rows = malloc(c->count * c->width * sizeof(double));
    if (!rows) exit(1);
    for (size_t i = 0; i < c->count; i++) {
        for (size_t j = 0; j < c->width; j++)
            old_store(c, old_value(c->kind, i, j), i * c->width + j, rows);
    }
    vae_status status =
        vae_dataset_from_memory(context, rows, c->count, c->width, c->options, dataset);
    free(rows);
    return status;
}

static inline double *append(double *to, const float *from, size_t rows, size_t width,
                             size_t columns) {
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < columns; j++) *to++ = from[i * width + j];
    }
    return to;
}

static inline double *append_sums(double *to, const double *from) {
    memcpy(to, from, PROBE * sizeof *from);
    return to + PROBE;
}

/* Every kind of inference on the first rows of the data set. */
static inline vae_status old_measure(const vae_model *model, const vae_dataset *dataset,
                                     double values[VALUES]) {
    static float x[PROBE * 32 * 32], x_mean[PROBE * 32 * 32], draw[PROBE * 32 * 32];
    float mean[PROBE * LATENT], logvar[PROBE * LATENT];
    double elbo[PROBE], reconstruction[PROBE], kl[PROBE], log_p[PROBE];
    size_t width = vae_model_width(model);
    vae_status status = vae_dataset_read(dataset, 0, PROBE, x, width);
    if (!status) status = vae_encode(model, x, PROBE, width, mean, logvar);
    if (!status) status = vae_decode(model, mean, PROBE, LATENT, x_mean);
    if (!status) status = vae_sample(model, PROBE, 11, NULL, NULL, draw);
    if (!status) status = vae_elbo(model, x, PROBE, width, 12, elbo, reconstruction, kl);
    if (!status) {
        status =
            vae_log_likelihood(model, x, PROBE, width, "samples=20 seed=13", log_p, NULL, NULL);
    }
    if (status) return status;
    values = append(values, mean, PROBE, LATENT, LATENT);
    values = append(values, logvar, PROBE, LATENT, LATENT);
    values = append(values, x_mean, PROBE, width, COLUMNS);
    values = append(values, draw, PROBE, width, COLUMNS);
    values = append_sums(append_sums(values, elbo), reconstruction);
    append_sums(append_sums(values, kl), log_p);
    return VAE_OK;
}

static inline vae_status old_steps(vae_model *model, vae_optimizer *optimizer, vae_dataset *dataset,
                                   int steps, double report[REPORT]) {
    vae_step_report r = {.struct_size = sizeof r};
    vae_status status = VAE_OK;
    for (int i = 0; i < steps && !status; i++) status = vae_step(model, optimizer, dataset, &r);
    const double all[REPORT] = {
        (double)r.step,  (double)r.epoch, (double)r.position, (double)r.rows,
        r.objective,     r.elbo,          r.reconstruction,   r.kl,
        r.learning_rate, r.gradient_norm};
    memcpy(report, all, sizeof all);
    return status;
}

/* FNV-1a over what the C library's functions that the library uses give: versions of a C library, and processors, differ in
 * the last bit now and then, and results in the same bits need the same from them. */
static inline uint64_t old_libm(void) {
    uint64_t hash = 0xCBF29CE484222325U;
    for (int i = 1; i < 4000; i++) {
        double x = i / 256.0;
        const double results[] = {exp(x),    exp(-x), log(x),     log1p(x),
                                  expm1(-x), cos(x),  pow(0.9, x)};
        unsigned char bytes[sizeof results];
        memcpy(bytes, results, sizeof results);
        for (size_t k = 0; k < sizeof bytes; k++) hash = (hash ^ bytes[k]) * 0x100000001B3U;
    }
    return hash;
}

#endif
