#include "evaluation.h"

#include <math.h>
#include <stdlib.h>

static double mean_of(const double *values, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += values[i];
    }
    return sum / (double)n;
}

static const char *run_elbo(evaluation *out, const vae_model *model, const float *x) {
    size_t n = out->n;
    double *values = malloc(3 * n * sizeof *values);
    const char *problem = NULL;
    if (!values) return "no memory for the evaluation";
    if (vae_elbo(model, x, n, vae_model_width(model), 1, values, values + n, values + 2 * n) < 0) {
        problem = vae_last_error();
    } else {
        out->elbo = mean_of(values, n);
        out->reconstruction = mean_of(values + n, n);
        out->kl = mean_of(values + 2 * n, n);
    }
    free(values);
    return problem;
}

static double variance_of(const float *column, size_t n, size_t stride) {
    double mean = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        mean += column[i * stride] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        double centred = column[i * stride] - mean;
        squares += centred * centred;
    }
    return squares / (double)n;
}

const char *evaluation_run(evaluation *out, const vae_model *model, const float *x, size_t n) {
    size_t latent = vae_model_latent(model);
    *out = (evaluation){.n = n, .latent = latent};
    out->mean = malloc(n * latent * sizeof *out->mean);
    out->variance = malloc(latent * sizeof *out->variance);
    if (!out->mean || !out->variance) return "no memory for the evaluation";
    if (vae_encode(model, x, n, vae_model_width(model), out->mean, NULL) < 0)
        return vae_last_error();
    for (size_t j = 0; j < latent; j++) {
        out->variance[j] = variance_of(out->mean + j, n, latent);
        out->active += out->variance[j] > EVALUATION_ACTIVE;
    }
    return run_elbo(out, model, x);
}

void evaluation_release(evaluation *result) {
    free(result->mean);
    free(result->variance);
    *result = (evaluation){0};
}

size_t evaluation_most_active(const evaluation *result, size_t except) {
    size_t best = except == 0 ? 1 : 0;
    for (size_t j = 0; j < result->latent; j++) {
        best = j != except && result->variance[j] > result->variance[best] ? j : best;
    }
    return best;
}

double evaluation_entropy(const float *x, size_t n, size_t width) {
    double sum = 0;
    for (size_t i = 0; i < n * width; i++) {
        double p = x[i];
        sum -= (p > 0 ? p * log(p) : 0) + (p < 1 ? (1 - p) * log1p(-p) : 0);
    }
    return sum / (double)n;
}
