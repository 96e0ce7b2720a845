#include "train/ppca.h"

#include <math.h>
#include <string.h>

#include "model/standardize.h"
#include "tensor/eigen.h"
#include "tensor/gemm.h"

#define CHUNK \
    256 /* rows read at a time: their products are summed in vae__real, the chunks in double */

static size_t chunk_rows(size_t first, size_t n) {
    return n - first < CHUNK ? n - first : CHUNK;
}

/* ---- moments ---- */

typedef struct moments {
    vae_context *context;
    const vae_dataset *data;
    size_t n, width;
    vae__real *rows;      /* [CHUNK, width] */
    vae__real *products;  /* [width, width] of one chunk */
    double *mean, *scale; /* [width] */
    double *covariance;   /* [width, width] */
} moments;

static void find_mean(moments *m) {
    memset(m->mean, 0, m->width * sizeof *m->mean);
    for (size_t first = 0; first < m->n; first += CHUNK) {
        size_t count = chunk_rows(first, m->n);
        vae__dataset_read(m->data, first, count, m->rows);
        for (size_t i = 0; i < count * m->width; i++) m->mean[i % m->width] += (double)m->rows[i];
    }
    for (size_t j = 0; j < m->width; j++) m->mean[j] /= (double)m->n;
}

/* Standard deviations; 1 where a column does not vary. */
static void find_scale(moments *m) {
    memset(m->scale, 0, m->width * sizeof *m->scale);
    for (size_t first = 0; first < m->n; first += CHUNK) {
        size_t count = chunk_rows(first, m->n);
        vae__dataset_read(m->data, first, count, m->rows);
        for (size_t i = 0; i < count * m->width; i++) {
            double off = (double)m->rows[i] - m->mean[i % m->width];
            m->scale[i % m->width] += off * off;
        }
    }
    for (size_t j = 0; j < m->width; j++) {
        double deviation = sqrt(m->scale[j] / (double)m->n);
        m->scale[j] = vae__column_varies(m->mean[j], deviation) ? deviation : 1;
    }
}

/* Of the scaled columns, whose products a float holds. Biased (divided by n), as maximum likelihood
 * asks. */
static void find_covariance(moments *m) {
    size_t width = m->width;
    int before = vae__gemm_begin_share();
    for (size_t first = 0; first < m->n; first += CHUNK) {
        size_t count = chunk_rows(first, m->n);
        vae__dataset_read(m->data, first, count, m->rows);
        for (size_t i = 0; i < count * width; i++) {
            double off = (double)m->rows[i] - m->mean[i % width];
            m->rows[i] = (vae__real)(off / m->scale[i % width]);
        }
        vae__gemm_weights(m->context->kernels, count, width, width, m->rows, width, m->rows,
                          m->products, 0);
        for (size_t i = 0; i < width * width; i++) m->covariance[i] += (double)m->products[i];
    }
    vae__gemm_end_share(before);
    for (size_t i = 0; i < width * width; i++) m->covariance[i] /= (double)m->n;
}

/* Turns the covariance back to that of x. */
static void undo_scale(moments *m) {
    size_t width = m->width;
    for (size_t i = 0; i < width * width; i++)
        m->covariance[i] *= m->scale[i / width] * m->scale[i % width];
    for (size_t j = 0; j < width; j++) m->scale[j] = 1;
}

/* ---- fit ---- */

/* Moves the largest of values [width] and their vectors (rows) into `fit`; the rest makes the noise.
 * Along no direction is the variance below the noise. */
static void take_largest(vae__ppca *fit, double least, double *values, const double *vectors) {
    size_t n = fit->width;
    double rest = 0;
    for (size_t k = 0; k < fit->latent; k++) {
        size_t best = 0;
        for (size_t i = 1; i < n; i++) best = values[i] > values[best] ? i : best;
        fit->eigenvalues[k] = values[best];
        memcpy(fit->directions + k * n, vectors + best * n, n * sizeof *vectors);
        values[best] = -(double)INFINITY;
    }
    for (size_t i = 0; i < n; i++) rest += values[i] > 0 ? values[i] : 0;
    fit->noise_variance = fmax(rest / (double)(n - fit->latent), least);
    for (size_t k = 0; k < fit->latent; k++) {
        fit->eigenvalues[k] = fmax(fit->eigenvalues[k], fit->noise_variance);
    }
}

static vae_status allocate_fit(vae__ppca *fit) {
    fit->mean = vae__allocate(fit->context, fit->width, sizeof(double));
    fit->scale = vae__allocate(fit->context, fit->width, sizeof(double));
    fit->directions = vae__allocate(fit->context, fit->latent * fit->width, sizeof(double));
    fit->eigenvalues = vae__allocate(fit->context, fit->latent, sizeof(double));
    int complete = fit->mean && fit->scale && fit->directions && fit->eigenvalues;
    return complete ? VAE_OK : vae__last_status();
}

vae_status vae__ppca_fit(vae_context *context, const vae_dataset *data, size_t latent,
                         int standardize, double least, vae__ppca *out) {
    size_t width = vae__dataset_width(data);
    *out = (vae__ppca){.context = context, .width = width, .latent = latent};
    if (latent == 0 || latent >= width) {
        return vae__fail(VAE_ERROR_UNSUPPORTED,
                         "probabilistic PCA needs fewer components (%zu) than columns (%zu)",
                         latent, width);
    }
    moments m = {.context = context, .data = data, .n = vae__dataset_size(data), .width = width};
    vae_status status = allocate_fit(out);
    m.mean = out->mean;
    m.scale = out->scale;
    m.rows = vae__allocate(context, CHUNK * width, sizeof *m.rows);
    m.products = vae__allocate(context, width * width, sizeof *m.products);
    m.covariance = vae__allocate(context, width * width, sizeof *m.covariance);
    double *vectors = vae__allocate(context, width * width, sizeof *vectors);
    double *values = vae__allocate(context, width, sizeof *values);
    if (!status && !(m.rows && m.products && m.covariance && vectors && values))
        status = vae__last_status();
    if (!status) {
        find_mean(&m);
        find_scale(&m);
        find_covariance(&m);
        if (!standardize) undo_scale(&m);
        status = vae__eigen_symmetric(context, m.covariance, width, values, vectors);
    }
    if (!status) take_largest(out, least, values, vectors);
    vae__release(context, values);
    vae__release(context, vectors);
    vae__release(context, m.covariance);
    vae__release(context, m.products);
    vae__release(context, m.rows);
    return status;
}

/* ---- density ---- */

/* y^T C^-1 y for y = (x - mean) / scale, C = W W^T + sigma^2 I; y [width] is scratch. */
static double squared_distance(const vae__ppca *fit, const vae__real *x, double *y) {
    double length = 0, distance = 0;
    for (size_t j = 0; j < fit->width; j++) {
        y[j] = ((double)x[j] - fit->mean[j]) / fit->scale[j];
        length += y[j] * y[j];
    }
    for (size_t k = 0; k < fit->latent; k++) {
        const double *direction = fit->directions + k * fit->width;
        double along = 0;
        for (size_t j = 0; j < fit->width; j++) along += direction[j] * y[j];
        length -= along * along;
        distance += along * along / fit->eigenvalues[k];
    }
    return distance + length / fit->noise_variance;
}

/* log p(mean): what every row's log p has in common. */
static double log_normalisation(const vae__ppca *fit) {
    const double log_2pi = 1.83787706640934548356;
    double log_det = (double)(fit->width - fit->latent) * log(fit->noise_variance);
    for (size_t k = 0; k < fit->latent; k++) log_det += log(fit->eigenvalues[k]);
    for (size_t j = 0; j < fit->width; j++) log_det += 2 * log(fit->scale[j]);
    return -((double)fit->width * log_2pi + log_det) / 2;
}

vae_status vae__ppca_log_likelihood(const vae__ppca *fit, const vae_dataset *data,
                                    double *mean_log_p) {
    size_t n = vae__dataset_size(data);
    vae__real *rows = vae__allocate(fit->context, CHUNK * fit->width, sizeof *rows);
    double *y = vae__allocate(fit->context, fit->width, sizeof *y), distances = 0;
    vae_status status = rows && y ? VAE_OK : vae__last_status();
    for (size_t first = 0; !status && first < n; first += CHUNK) {
        size_t count = chunk_rows(first, n);
        vae__dataset_read(data, first, count, rows);
        for (size_t r = 0; r < count; r++)
            distances += squared_distance(fit, rows + r * fit->width, y);
    }
    *mean_log_p = log_normalisation(fit) - distances / (double)n / 2;
    vae__release(fit->context, y);
    vae__release(fit->context, rows);
    return status;
}

void vae__ppca_release(vae__ppca *fit) {
    vae__release(fit->context, fit->mean);
    vae__release(fit->context, fit->scale);
    vae__release(fit->context, fit->directions);
    vae__release(fit->context, fit->eigenvalues);
    fit->mean = fit->scale = fit->directions = fit->eigenvalues = NULL;
}
