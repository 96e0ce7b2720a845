#include "ppca.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eigen.h"

#define CHUNK \
    256        /* rows read at a time: their products are summed in float, the chunks in double */
#define TILE 8 /* columns packed side by side */

static size_t chunk_rows(size_t first, size_t n) {
    return n - first < CHUNK ? n - first : CHUNK;
}

/* rows [CHUNK, width] is scratch. */
static const char *column_means(const vae_dataset *data, float *rows, double *mean, size_t width) {
    size_t n = vae_dataset_size(data);
    for (size_t j = 0; j < width; j++) {
        mean[j] = 0;
    }
    for (size_t first = 0; first < n; first += CHUNK) {
        size_t count = chunk_rows(first, n);
        if (vae_dataset_read(data, first, count, rows, width) != VAE_OK) {
            return vae_last_error();
        }
        for (size_t r = 0; r < count; r++) {
            for (size_t j = 0; j < width; j++) {
                mean[j] += rows[r * width + j];
            }
        }
    }
    for (size_t j = 0; j < width; j++) {
        mean[j] /= (double)n;
    }
    return NULL;
}

/* rows [count, width] -> packed [ceil(width / TILE), CHUNK, TILE], centred; what lies outside is 0.
 * */
static void pack(const float *rows, size_t count, size_t width, const double *mean, float *packed) {
    size_t tiles = (width + TILE - 1) / TILE;
    memset(packed, 0, tiles * CHUNK * TILE * sizeof *packed);
    for (size_t r = 0; r < count; r++) {
        for (size_t j = 0; j < width; j++) {
            double centred = rows[r * width + j] - mean[j];
            packed[(j / TILE * CHUNK + r) * TILE + j % TILE] = (float)centred;
        }
    }
}

/* sum [TILE / 2, TILE] = a^T b for half the columns of a: small enough to stay in registers. */
static void tile_products(const float *restrict a, const float *restrict b, float *restrict sum) {
    float s[TILE / 2 * TILE] = {0};
    for (size_t r = 0; r < CHUNK; r++, a += TILE, b += TILE) {
        for (size_t j = 0; j < TILE; j++) {
            s[0 * TILE + j] += a[0] * b[j];
            s[1 * TILE + j] += a[1] * b[j];
            s[2 * TILE + j] += a[2] * b[j];
            s[3 * TILE + j] += a[3] * b[j];
        }
    }
    memcpy(sum, s, sizeof s);
}

/* Adds the chunk's products to the upper triangle of covariance [width, width]. */
static void add_products(const float *packed, size_t width, double *covariance) {
    for (size_t i0 = 0; i0 < width; i0 += TILE / 2) {
        size_t rows = width - i0 < TILE / 2 ? width - i0 : TILE / 2;
        const float *a = packed + i0 / TILE * CHUNK * TILE + i0 % TILE;
        for (size_t j0 = i0 / TILE * TILE; j0 < width; j0 += TILE) {
            size_t columns = width - j0 < TILE ? width - j0 : TILE;
            float sum[TILE / 2 * TILE];
            tile_products(a, packed + j0 * CHUNK, sum);
            for (size_t i = 0; i < rows; i++) {
                for (size_t j = 0; j < columns; j++) {
                    covariance[(i0 + i) * width + j0 + j] += sum[i * TILE + j];
                }
            }
        }
    }
}

/* covariance [width, width], biased (divided by n) as maximum likelihood asks. */
static const char *covariance_of(const vae_dataset *data, const double *mean, float *rows,
                                 float *packed, double *covariance, size_t width) {
    size_t n = vae_dataset_size(data);
    memset(covariance, 0, width * width * sizeof *covariance);
    for (size_t first = 0; first < n; first += CHUNK) {
        size_t count = chunk_rows(first, n);
        if (vae_dataset_read(data, first, count, rows, width) != VAE_OK) {
            return vae_last_error();
        }
        pack(rows, count, width, mean, packed);
        add_products(packed, width, covariance);
    }
    for (size_t i = 0; i < width; i++) {
        for (size_t j = i; j < width; j++) {
            covariance[i * width + j] /= (double)n;
            covariance[j * width + i] = covariance[i * width + j];
        }
    }
    return NULL;
}

/* Moves the largest of values [n] and their vectors (rows) into `fit`; the rest makes the noise. */
static void take_largest(ppca *fit, double *values, const double *vectors) {
    size_t n = fit->width;
    double rest = 0;
    for (size_t k = 0; k < fit->latent; k++) {
        size_t best = 0;
        for (size_t i = 1; i < n; i++) {
            best = values[i] > values[best] ? i : best;
        }
        fit->eigenvalues[k] = values[best];
        memcpy(fit->directions + k * n, vectors + best * n, n * sizeof *vectors);
        values[best] = -INFINITY;
    }
    for (size_t i = 0; i < n; i++) {
        rest += values[i] > 0 ? values[i] : 0;
    }
    fit->noise_variance = rest / (double)(n - fit->latent);
}

const char *ppca_fit(ppca *out, const vae_dataset *train, size_t latent) {
    size_t width = vae_dataset_width(train), tiles = (width + TILE - 1) / TILE;
    const char *problem = "no memory for probabilistic PCA";
    *out = (ppca){.width = width, .latent = latent};
    if (latent == 0 || latent >= width || vae_dataset_size(train) == 0) {
        return "probabilistic PCA needs rows and fewer components than columns";
    }
    out->mean = malloc(width * sizeof(double));
    out->directions = malloc(latent * width * sizeof(double));
    out->eigenvalues = malloc(latent * sizeof(double));
    float *rows = malloc(CHUNK * width * sizeof *rows);
    float *packed = malloc(tiles * CHUNK * TILE * sizeof *packed);
    double *covariance = malloc(width * width * sizeof *covariance);
    double *vectors = malloc(width * width * sizeof *vectors);
    double *values = malloc(width * sizeof *values);
    if (out->mean && out->directions && out->eigenvalues && rows && packed && covariance &&
        vectors && values) {
        problem = column_means(train, rows, out->mean, width);
        if (!problem) {
            problem = covariance_of(train, out->mean, rows, packed, covariance, width);
        }
        if (!problem && eigen_symmetric(covariance, width, values, vectors) != 0) {
            problem = "the eigenvalues of the covariance did not converge";
        }
        if (!problem) {
            take_largest(out, values, vectors);
        }
    }
    free(rows);
    free(packed);
    free(covariance);
    free(vectors);
    free(values);
    return problem;
}

/* (x - mean)^T C^-1 (x - mean) for C = W W^T + sigma^2 I; centred [width] is scratch. */
static double squared_distance(const ppca *fit, const float *x, double *centred) {
    double length = 0, distance = 0;
    for (size_t j = 0; j < fit->width; j++) {
        centred[j] = x[j] - fit->mean[j];
        length += centred[j] * centred[j];
    }
    for (size_t k = 0; k < fit->latent; k++) {
        const double *direction = fit->directions + k * fit->width;
        double along = 0;
        for (size_t j = 0; j < fit->width; j++) {
            along += direction[j] * centred[j];
        }
        length -= along * along;
        distance += along * along / fit->eigenvalues[k];
    }
    return distance + length / fit->noise_variance;
}

/* log N(mean | mean, C): what every row's log p has in common. */
static double log_normalisation(const ppca *fit) {
    const double log_2pi = 1.8378770664093453;
    double log_det = (double)(fit->width - fit->latent) * log(fit->noise_variance);
    for (size_t k = 0; k < fit->latent; k++) {
        log_det += log(fit->eigenvalues[k]);
    }
    return -((double)fit->width * log_2pi + log_det) / 2;
}

const char *ppca_log_likelihood(const ppca *fit, const vae_dataset *data, double *mean_log_p) {
    size_t n = vae_dataset_size(data);
    float *rows = malloc(CHUNK * fit->width * sizeof *rows);
    double *centred = malloc(fit->width * sizeof *centred);
    const char *problem = rows && centred ? NULL : "no memory for probabilistic PCA";
    double distances = 0;
    for (size_t first = 0; !problem && first < n; first += CHUNK) {
        size_t count = chunk_rows(first, n);
        if (vae_dataset_read(data, first, count, rows, fit->width) != VAE_OK) {
            problem = vae_last_error();
            break;
        }
        for (size_t r = 0; r < count; r++) {
            distances += squared_distance(fit, rows + r * fit->width, centred);
        }
    }
    *mean_log_p = log_normalisation(fit) - distances / (double)n / 2;
    free(rows);
    free(centred);
    return problem;
}

void ppca_release(ppca *fit) {
    free(fit->mean);
    free(fit->directions);
    free(fit->eigenvalues);
    *fit = (ppca){0};
}
