#include "support/cmocka.h"
#include "support/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/densities.h"
#include "support/numbers.h"

#define LOG_2PI 1.83787706640934548356

/* ---- the model ---- */

static double softplus(double a) {
    return fmax(a, 0) + log1p(exp(-fabs(a)));
}

/* y [out] = w x + b */
static void dense(const vae_model *model, size_t weight, size_t bias, const double *x, double *y) {
    const vae__parameter *w = &model->parameters.items[weight];
    const vae__real *b = model->parameters.items[bias].values;
    for (size_t o = 0; o < w->rows; o++) {
        y[o] = (double)b[o];
        for (size_t i = 0; i < w->columns; i++) {
            y[o] += (double)w->values[o * w->columns + i] * x[i];
        }
    }
}

/* y = weight (x - mean) / sqrt(variance + 1e-5) + bias */
static void layernorm(const vae_model *model, size_t weight, size_t width, double *h) {
    const vae__parameter *w = &model->parameters.items[weight];
    double mean = 0, variance = 0;
    for (size_t i = 0; i < width; i++) mean += h[i] / (double)width;
    for (size_t i = 0; i < width; i++) variance += (h[i] - mean) * (h[i] - mean) / (double)width;
    for (size_t i = 0; i < width; i++) {
        h[i] = (h[i] - mean) / sqrt(variance + 1e-5) * (double)w[0].values[i];
        h[i] += (double)w[1].values[i];
    }
}

/* h holds the input, then the output. `first` is the network's: each layer's first parameter. Returns the
 * width of the output. */
static size_t layers(const vae_model *model, const vae__layer *list, size_t count,
                     const size_t *first, size_t width, double *h) {
    double y[REFERENCE_MOST];
    for (size_t l = 0; l < count; l += 1 + list[l].inside) {
        const vae__layer_kind *kind = list[l].kind;
        if (kind == &vae__layer_dense) {
            dense(model, first[l], first[l] + 1, h, y);
            width = list[l].numbers[0];
            memcpy(h, y, width * sizeof *h);
        } else if (kind == &vae__layer_layernorm) {
            layernorm(model, first[l], width, h);
        } else if (kind == &vae__layer_res) {
            double skip[REFERENCE_MOST];
            memcpy(y, h, width * sizeof *h);
            width = layers(model, list + l + 1, list[l].inside, first + l + 1, width, y);
            memcpy(skip, h, width * sizeof *h);
            if (first[l] != VAE__NONE) dense(model, first[l], first[l] + 1, h, skip);
            for (size_t i = 0; i < width; i++) h[i] = y[i] + skip[i];
        } else {
            assert_true(kind == &vae__layer_activation);
            assert_int_equal(list[l].which, VAE__ACTIVATION_tanh);
            for (size_t i = 0; i < width; i++) h[i] = tanh(h[i]);
        }
    }
    return width;
}

void reference_seen(const vae_model *model, const double *x, double *seen) {
    const vae__network *network = &model->network;
    for (size_t i = 0; i < model->spec.input.size; i++) {
        seen[i] = model->spec.likelihood->log1p_input ? log1p(x[i]) : x[i];
        if (!model->spec.standardize) continue;
        seen[i] -= (double)model->parameters.items[network->shift].values[i];
        seen[i] /= (double)model->parameters.items[network->scale].values[i];
    }
}

void reference_encode(const vae_model *model, const double *x, double *mean, double *logvar) {
    const vae__network *network = &model->network;
    size_t latent = (size_t)model->spec.latent;
    double h[REFERENCE_MOST], head[2 * REFERENCE_MOST];
    reference_seen(model, x, h);
    layers(model, model->spec.encoder.items, model->spec.encoder.count, network->encoder,
           model->spec.input.size, h);
    dense(model, network->posterior, network->posterior + 1, h, head);
    for (size_t j = 0; j < latent; j++) {
        mean[j] = head[j];
        logvar[j] = 16 - softplus(32 - softplus(head[latent + j] + 16));
    }
}

double reference_raw_logvar(double logvar) {
    double above = 32 - log(expm1(16 - logvar)); /* t - lo */
    return log(expm1(above)) - 16;
}

void reference_decode(const vae_model *model, const double *z, double *head) {
    const vae__network *network = &model->network;
    double h[REFERENCE_MOST];
    memcpy(h, z, (size_t)model->spec.latent * sizeof *h);
    layers(model, model->spec.decoder.items, model->spec.decoder.count, network->decoder,
           (size_t)model->spec.latent, h);
    dense(model, network->likelihood.weight, network->likelihood.bias, h, head);
}

/* Standard deviations are those of x, so that the Jacobian of standardised columns is in them. */
static double gaussian(const vae_model *model, const double *x, const double *head) {
    size_t width = model->spec.input.size;
    double total = 0, seen[REFERENCE_MOST], sigma[REFERENCE_MOST];
    double least = model->spec.sigma_min, scale = 1;
    int made = model->spec.sigma.mode == VAE__SIGMA_DECODER;
    const vae__real *floor = vae__model_floor(model); /* smallest sigmas of single columns */
    if (!made) assert_int_equal(vae_model_sigma(model, sigma, width), VAE_OK);
    reference_seen(model, x, seen);
    for (size_t i = 0; i < width; i++) {
        if (model->spec.standardize)
            scale = (double)model->parameters.items[model->network.scale].values[i];
        if (made)
            sigma[i] =
                scale * sqrt(fmax(least * least, floor ? (double)floor[i] * (double)floor[i] : 0) +
                             exp((double)bounded(head[width + i], -16, 16)));
        double scaled = (seen[i] - head[i]) * scale / sigma[i];
        total -= (LOG_2PI + scaled * scaled) / 2 + log(sigma[i]);
    }
    return total;
}

/* sum over one-hot groups of a . x - logsumexp(a) */
static double categorical(const vae_model *model, const double *x, const double *head) {
    const vae__spec *spec = &model->spec;
    size_t group = spec->input.extents[spec->input.rank - 1];
    double total = 0;
    for (size_t first = 0; first < spec->input.size; first += group) {
        double sum = 0;
        for (size_t i = first; i < first + group; i++) {
            sum += exp(head[i]);
            total += x[i] * head[i];
        }
        total -= log(sum);
    }
    return total;
}

/* size=total: every rate is times the row's mean count. */
static double counts(const vae_model *model, const double *x, const double *head) {
    size_t width = model->spec.input.size;
    const vae__real *log_dispersion = vae__model_extra(model);
    double size = 0, total = 0;
    for (size_t i = 0; i < width; i++) size += x[i] / (double)width;
    if (model->spec.size == VAE__SIZE_NONE) size = 1;
    for (size_t i = 0; i < width && size > 0; i++) {
        double log_mean = (double)bounded(head[i], -20, 24) + log(size);
        total += (double)(log_dispersion ? log_negative_binomial(
                                               log_mean, bounded(log_dispersion[i], -16, 30), x[i])
                                         : log_poisson(log_mean, x[i]));
    }
    return total;
}

double reference_log_density(const vae_model *model, const double *x, const double *head) {
    const vae__likelihood *likelihood = model->spec.likelihood;
    size_t width = model->spec.input.size;
    double total = 0;
    if (likelihood->low < 0) return gaussian(model, x, head);
    if (likelihood->log1p_input) return counts(model, x, head);
    if (!strcmp(likelihood->name, "categorical")) return categorical(model, x, head);
    if (!strcmp(likelihood->name, "bernoulli")) { /* in double: on large grids it is called often */
        for (size_t i = 0; i < width; i++) total += x[i] * head[i] - softplus(head[i]);
        return total;
    }
    int two = vae__likelihood_heads(&model->spec) > 1;
    for (size_t i = 0; i < width; i++) {
        const heads h = {head[i], two ? head[width + i] : 0};
        total += (double)(two ? exact_discretized_logistic(h, x[i])
                              : exact_continuous_bernoulli(h, x[i]));
    }
    return total;
}

double reference_log_weight(const vae_model *model, const double *x, const double *mean,
                            const double *logvar, const double *z) {
    double head[2 * REFERENCE_MOST], ratio = 0;
    reference_decode(model, z, head);
    for (size_t j = 0; j < (size_t)model->spec.latent; j++) {
        double centred = z[j] - mean[j];
        ratio += (logvar[j] + centred * centred / exp(logvar[j]) - z[j] * z[j]) / 2;
    }
    return reference_log_density(model, x, head) + ratio;
}

/* ---- quadrature ---- */

void reference_grid_make(const vae_model *model, reference_grid *grid) {
    size_t latent = (size_t)model->spec.latent;
    size_t width = vae__likelihood_heads(&model->spec) * model->spec.input.size;
    size_t side = latent == 1 ? 801 : 101;
    double step = 16.0 / (double)(side - 1);
    assert_in_range(latent, 1, 2);
    *grid = (reference_grid){model, latent == 1 ? side : side * side, pow(step, (double)latent),
                             NULL, NULL};
    grid->z = malloc(grid->points * latent * sizeof *grid->z);
    grid->heads = malloc(grid->points * width * sizeof *grid->heads);
    for (size_t i = 0; i < grid->points; i++) {
        double *z = grid->z + i * latent;
        z[0] = -8 + step * (double)(i % side);
        if (latent == 2) z[1] = -8 + step * (double)(i / side);
        reference_decode(model, z, grid->heads + i * width);
    }
}

void reference_grid_free(reference_grid *grid) {
    free(grid->z);
    free(grid->heads);
}

double reference_grid_log_p(const reference_grid *grid, const double *x, double *mean, double *sd) {
    size_t latent = (size_t)grid->model->spec.latent;
    size_t width = vae__likelihood_heads(&grid->model->spec) * grid->model->spec.input.size;
    double total = 0, first[2] = {0, 0}, second[2] = {0, 0}, most = -INFINITY;
    double *logs = malloc(grid->points * sizeof *logs);
    for (size_t i = 0; i < grid->points; i++) {
        logs[i] = reference_log_density(grid->model, x, grid->heads + i * width);
        for (size_t j = 0; j < latent; j++) {
            double z = grid->z[i * latent + j];
            logs[i] -= (z * z + LOG_2PI) / 2;
        }
        most = fmax(most, logs[i]);
    }
    for (size_t i = 0; i < grid->points; i++) {
        double weight = exp(logs[i] - most);
        total += weight;
        for (size_t j = 0; j < latent; j++) {
            double z = grid->z[i * latent + j];
            first[j] += weight * z;
            second[j] += weight * z * z;
        }
    }
    free(logs);
    for (size_t j = 0; mean && j < latent; j++) mean[j] = first[j] / total;
    for (size_t j = 0; sd && j < latent; j++) {
        sd[j] = sqrt(second[j] / total - first[j] / total * (first[j] / total));
    }
    return most + log(total * grid->cell);
}

/* ---- dense matrices ---- */

double reference_cholesky(double *a, size_t n) {
    double log_det = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            double sum = a[i * n + j];
            for (size_t k = 0; k < j; k++) sum -= a[i * n + k] * a[j * n + k];
            if (i == j && !(sum > 0)) fail_msg("not positive definite");
            a[i * n + j] = i == j ? sqrt(sum) : sum / a[j * n + j];
        }
        log_det += 2 * log(a[i * n + i]);
    }
    return log_det;
}

void reference_solve(const double *factor, size_t n, double *b) {
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++) b[i] -= factor[i * n + k] * b[k];
        b[i] /= factor[i * n + i];
    }
    for (size_t i = n; i-- > 0;) {
        for (size_t k = i + 1; k < n; k++) b[i] -= factor[k * n + i] * b[k];
        b[i] /= factor[i * n + i];
    }
}

double reference_log_normal(const double *x, const double *mean, const double *covariance,
                            size_t n) {
    double factor[REFERENCE_MOST * REFERENCE_MOST], solved[REFERENCE_MOST], distance = 0;
    memcpy(factor, covariance, n * n * sizeof *factor);
    double log_det = reference_cholesky(factor, n);
    for (size_t i = 0; i < n; i++) solved[i] = x[i] - mean[i];
    reference_solve(factor, n, solved);
    for (size_t i = 0; i < n; i++) distance += (x[i] - mean[i]) * solved[i];
    return -((double)n * LOG_2PI + log_det + distance) / 2;
}

void reference_orthonormal(uint64_t seed, size_t count, size_t n, double *rows) {
    for (size_t r = 0; r < count; r++) {
        double *row = rows + r * n, length = 0;
        for (size_t i = 0; i < n; i++) row[i] = test_uniform(seed, r * n + i, -1, 1);
        for (size_t twice = 0; twice < 2; twice++) {
            for (size_t k = 0; k < r; k++) {
                double along = 0;
                for (size_t i = 0; i < n; i++) along += row[i] * rows[k * n + i];
                for (size_t i = 0; i < n; i++) row[i] -= along * rows[k * n + i];
            }
        }
        for (size_t i = 0; i < n; i++) length += row[i] * row[i];
        for (size_t i = 0; i < n; i++) row[i] /= sqrt(length);
    }
}

void reference_rows_of_covariance(const double *mean, const double *eigenvalues,
                                  const double *vectors, size_t n, double *x) {
    for (size_t r = 0; r < 2 * n; r++) {
        double along = sqrt((double)n * eigenvalues[r / 2]) * (r % 2 ? -1 : 1);
        for (size_t i = 0; i < n; i++) x[r * n + i] = mean[i] + along * vectors[r / 2 * n + i];
    }
}
