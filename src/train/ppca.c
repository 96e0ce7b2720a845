/* Everything here is in double, and no variance is a difference of two: rows are centred by more than one double's
 * worth of mean, directions come from a solver that keeps the digits of small columns, and the variances along them and
 * beside them are measured on the rows, whose residuals are projected. The rows are read several times, a chunk at a
 * time; nothing of their number is held. */
#include "train/ppca.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/threads.h"
#include "tensor/eigen.h"
#include "tensor/gemm.h"
#include "train/ppca_rows.h"

/* Columns, or rows, that a thread takes at a time. */
#define BLOCK 64

/* Rounding of a sum of terms, relative to their sizes: a generous one. */
#define ROUNDING (16 * DBL_EPSILON)

/* ---- covariance ---- */

/* What is less along a direction than this is rounding of the columns that it is made of. */
static double rounding_along(const vae__ppca *fit, const double *direction) {
    double size = 0;
    for (size_t j = 0; j < fit->width; j++) size += fabs(direction[j]) * fit->spread[j];
    return ROUNDING * size;
}

/* Directions to turn rows to. */
typedef struct basis {
    double *columns;  /* [width, width]: a direction a column */
    double *rounding; /* [width]: rounding_along each */
} basis;

/* Products of the columns of one chunk. What a thread computes does not depend on how many there are. */
typedef struct products {
    const vae__ppca_rows *rows;
    const basis *basis; /* NULL: the rows as they are */
    double *turned;     /* [VAE__PPCA_CHUNK, stride]: the rows in that basis */
    double *covariance; /* [width, width]: the blocks right of the diagonal, and on it */
} products;

static void turn_rows(void *argument, size_t part, size_t parts) {
    const products *p = argument;
    const vae__ppca_rows *r = p->rows;
    size_t width = r->fit->width;
    int before = vae__gemm_begin_share();
    for (size_t i = part * BLOCK; i < r->count; i += parts * BLOCK) {
        vae__products product = {
            .rows = width, .n = width, .b = p->basis->columns, .b_stride = width};
        product.m = r->count - i < BLOCK ? r->count - i : BLOCK;
        product.a = r->y + i;
        product.a_stride = VAE__PPCA_SPAN;
        product.c = p->turned + i * r->stride;
        product.c_stride = r->stride;
        memset(product.c, 0, product.m * r->stride * sizeof *product.c);
        vae__gemm_products(r->fit->context->kernels, &product);
        for (size_t k = 0; k < product.m * r->stride; k++) {
            size_t direction = k % r->stride;
            if (direction < width && fabs(product.c[k]) <= p->basis->rounding[direction])
                product.c[k] = 0;
        }
    }
    vae__gemm_end_share(before);
}

static void add_products(void *argument, size_t part, size_t parts) {
    const products *p = argument;
    const vae__ppca_rows *r = p->rows;
    size_t width = r->fit->width;
    int before = vae__gemm_begin_share();
    for (size_t i = part * BLOCK; i < width; i += parts * BLOCK) {
        vae__products product = {.rows = r->count, .n = width - i};
        product.m = width - i < BLOCK ? width - i : BLOCK;
        product.a = product.b = p->turned + i;
        product.a_stride = product.b_stride = r->stride;
        product.c = p->covariance + i * width + i;
        product.c_stride = width;
        vae__gemm_products(r->fit->context->kernels, &product);
    }
    vae__gemm_end_share(before);
}

/* Biased (divided by n), as maximum likelihood asks; of the rows turned to a
 * basis if there is one. */
static vae_status find_covariance(vae__ppca_rows *r, const basis *to, double *turned,
                                  double *covariance) {
    vae_context *context = r->fit->context;
    vae_status status = VAE_OK;
    size_t width = r->fit->width;
    products p = {r, to, to ? turned : r->y, covariance};
    memset(covariance, 0, width * width * sizeof *covariance);
    while (to ? vae__ppca_next_columns(r, &status) : vae__ppca_next_rows(r, &status)) {
        if (to) vae__parallel(context, turn_rows, &p, context->threads);
        vae__parallel(context, add_products, &p, context->threads);
    }
    for (size_t i = 0; i < width; i++) {
        for (size_t j = i; j < width; j++) {
            covariance[i * width + j] /= (double)r->n;
            covariance[j * width + i] = covariance[i * width + j];
        }
    }
    return status;
}

/* ---- directions ---- */

static void transpose(double *a, size_t n) {
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++) {
            double entry = a[i * n + j];
            a[i * n + j] = a[j * n + i];
            a[j * n + i] = entry;
        }
    }
}

/* Matrices of a fit, [width, width] each. */
typedef struct space {
    double *covariance, *vectors, *more;
    double *values; /* [width] */
    double *turned; /* [VAE__PPCA_CHUNK, stride] */
} space;

/* The covariance of columns that nearly determine each other has lost the small variances: products of columns hold
 * them to 1e-16 times the columns' own. In the basis of the directions found so far each of them is a column, and
 * keeps its digits. */
static vae_status refine(vae__ppca_rows *r, space *s) {
    vae_context *context = r->fit->context;
    size_t width = r->fit->width, cells = width * width;
    const basis found = {s->vectors, s->values};
    for (size_t k = 0; k < width; k++)
        found.rounding[k] = rounding_along(r->fit, s->vectors + k * width);
    transpose(s->vectors, width);
    vae_status status = find_covariance(r, &found, s->turned, s->covariance);
    transpose(s->vectors, width);
    if (!status)
        status = vae__eigen_semidefinite(context, s->covariance, width, s->values, s->more);
    if (status) return status;
    /* vectors <- more vectors */
    vae__products product = {width,         width, width, s->more, s->vectors,
                             s->covariance, width, width, width};
    transpose(s->more, width);
    memset(s->covariance, 0, cells * sizeof *s->covariance);
    int before = vae__gemm_begin_share();
    vae__gemm_products(context->kernels, &product);
    vae__gemm_end_share(before);
    memcpy(s->vectors, s->covariance, cells * sizeof *s->vectors);
    return VAE_OK;
}

/* Moves the directions of the largest values into `fit`; returns the smallest of these values. */
static double take_largest(vae__ppca *fit, const space *s) {
    size_t n = fit->width;
    for (size_t k = 0; k < fit->latent; k++) {
        size_t best = 0;
        for (size_t i = 1; i < n; i++) best = s->values[i] > s->values[best] ? i : best;
        fit->eigenvalues[k] = s->values[best];
        memcpy(fit->directions + k * n, s->vectors + best * n, n * sizeof *s->vectors);
        s->values[best] = -1;
    }
    return fit->eigenvalues[fit->latent - 1];
}

/* Below this part of the largest variance a covariance in double says little of a direction. */
#define HIDDEN 1e-8

static vae_status find_directions(vae__ppca *fit, vae__ppca_rows *r, space *s, double least) {
    vae_status status = find_covariance(r, NULL, NULL, s->covariance);
    if (status) return status;
    status =
        vae__eigen_semidefinite(fit->context, s->covariance, fit->width, s->values, s->vectors);
    if (status) return status;
    double smallest = take_largest(fit, s);
    if (fmax(smallest, least) >= HIDDEN * fit->eigenvalues[0]) return VAE_OK;
    status = refine(r, s);
    if (!status) take_largest(fit, s);
    return status;
}

/* ---- projection ---- */

/* What a row has along the directions, and beside them. */
typedef struct projection {
    vae__ppca_rows rows;
    double *across;   /* [width, latent]: minus the directions, as columns */
    double *rounding; /* [latent]: rounding_along each */
    double *along;    /* [latent, VAE__PPCA_SPAN] */
} projection;

static vae_status projection_open(projection *p, const vae__ppca *fit, const vae_dataset *data) {
    size_t width = fit->width, latent = fit->latent;
    *p = (projection){.rows = {.fit = fit}};
    vae_status status = vae__ppca_rows_open(&p->rows, fit, data);
    p->across = vae__allocate(fit->context, (width + 1) * latent, sizeof *p->across);
    p->along = vae__allocate(fit->context, latent * VAE__PPCA_SPAN, sizeof *p->along);
    if (status || !p->across || !p->along) return vae__last_status();
    p->rounding = p->across + width * latent;
    for (size_t k = 0; k < latent; k++) {
        const double *direction = fit->directions + k * width;
        p->rounding[k] = rounding_along(fit, direction);
        for (size_t j = 0; j < width; j++) p->across[j * latent + k] = -direction[j];
    }
    return VAE_OK;
}

static void projection_close(projection *p) {
    vae__release(p->rows.fit->context, p->along);
    vae__release(p->rows.fit->context, p->across);
    vae__ppca_rows_close(&p->rows);
}

/* What is rounding of a column, or along a direction, is nothing: beside columns that determine
 * each other there is no variance, however large they are. */
static void clear_rounding(projection *p) {
    vae__ppca_rows *r = &p->rows;
    const vae__ppca *fit = r->fit;
    for (size_t i = 0; i < r->count; i++) {
        const vae__real *x = r->x + i * fit->width;
        for (size_t j = 0; j < fit->width; j++) {
            double size = fabs(vae__ppca_centre(fit, j, x[j])) + fit->spread[j],
                   *rest = r->y + j * VAE__PPCA_SPAN + i;
            if (fabs(*rest) <= ROUNDING * size) *rest = 0;
        }
        for (size_t k = 0; k < fit->latent; k++) {
            double *along = p->along + k * VAE__PPCA_SPAN + i;
            if (fabs(*along) <= p->rounding[k]) *along = 0;
        }
    }
}

/* The next chunk: rows.y [width, VAE__PPCA_SPAN] becomes the residuals, along [latent, VAE__PPCA_SPAN] minus the
 * coordinates. Returns as vae__ppca_next_columns does. */
static int project_chunk(projection *p, vae_status *status) {
    vae__ppca_rows *r = &p->rows;
    const vae__ppca *fit = r->fit;
    const vae__kernels *kernels = fit->context->kernels;
    size_t width = fit->width, latent = fit->latent;
    if (!vae__ppca_next_columns(r, status)) return 0;
    vae__products onto = {width,    latent, r->count,       p->across,     r->y,
                          p->along, latent, VAE__PPCA_SPAN, VAE__PPCA_SPAN};
    vae__products off = {latent, width, r->count,       fit->directions, p->along,
                         r->y,   width, VAE__PPCA_SPAN, VAE__PPCA_SPAN};
    memset(p->along, 0, latent * VAE__PPCA_SPAN * sizeof *p->along);
    int before = vae__gemm_begin_share();
    vae__gemm_products(kernels, &onto);
    vae__gemm_products(kernels, &off);
    vae__gemm_end_share(before);
    clear_rounding(p);
    return 1;
}

/* Over the chunk's rows and the lines of a [lines, VAE__PPCA_SPAN]. */
static double sum_squares(const double *a, size_t lines, size_t count) {
    double sum = 0;
    for (size_t k = 0; k < lines; k++) {
        for (size_t i = 0; i < count; i++)
            sum += a[k * VAE__PPCA_SPAN + i] * a[k * VAE__PPCA_SPAN + i];
    }
    return sum;
}

/* Variances along the directions and the mean of those beside them, none below `least`. An error of a direction makes
 * one of the second order here. */
static vae_status find_variances(vae__ppca *fit, const vae_dataset *data, double least) {
    projection p;
    double n = (double)vae__dataset_size(data), rest = 0;
    vae_status status = projection_open(&p, fit, data);
    memset(fit->eigenvalues, 0, fit->latent * sizeof *fit->eigenvalues);
    while (!status && project_chunk(&p, &status)) {
        rest += sum_squares(p.rows.y, fit->width, p.rows.count);
        for (size_t k = 0; k < fit->latent; k++)
            fit->eigenvalues[k] += sum_squares(p.along + k * VAE__PPCA_SPAN, 1, p.rows.count) / n;
    }
    fit->noise_variance = fmax(rest / n / (double)(fit->width - fit->latent), least);
    for (size_t k = 0; k < fit->latent; k++)
        fit->eigenvalues[k] = fmax(fit->eigenvalues[k], fit->noise_variance);
    projection_close(&p);
    return status;
}

/* ---- fit ---- */

static vae_status allocate_fit(vae__ppca *fit) {
    fit->mean = vae__allocate(fit->context, 4 * fit->width, sizeof(double));
    fit->directions = vae__allocate(fit->context, fit->latent * fit->width, sizeof(double));
    fit->eigenvalues = vae__allocate(fit->context, fit->latent, sizeof(double));
    if (!fit->mean || !fit->directions || !fit->eigenvalues) return vae__last_status();
    fit->mean_rest = fit->mean + fit->width;
    fit->scale = fit->mean_rest + fit->width;
    fit->spread = fit->scale + fit->width;
    for (size_t j = 0; j < fit->width; j++) fit->scale[j] = 1;
    return VAE_OK;
}

static vae_status allocate_space(space *s, const vae__ppca_rows *r) {
    vae_context *context = r->fit->context;
    size_t width = r->fit->width;
    s->covariance = vae__allocate(context, 3 * width * width, sizeof *s->covariance);
    s->values = vae__allocate(context, width, sizeof *s->values);
    s->turned = vae__allocate(context, VAE__PPCA_CHUNK * r->stride, sizeof *s->turned);
    if (!s->covariance || !s->values || !s->turned) return vae__last_status();
    s->vectors = s->covariance + width * width;
    s->more = s->vectors + width * width;
    return VAE_OK;
}

static void free_space(space *s, vae_context *context) {
    vae__release(context, s->covariance);
    vae__release(context, s->values);
    vae__release(context, s->turned);
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
    vae__ppca_rows r = {.fit = out};
    space s = {0};
    vae_status status = allocate_fit(out);
    if (!status) status = vae__ppca_rows_open(&r, out, data);
    if (!status) status = allocate_space(&s, &r);
    if (!status) {
        status = vae__ppca_find_scale(out, &r, standardize);
        if (!status) status = find_directions(out, &r, &s, least);
    }
    free_space(&s, context);
    vae__ppca_rows_close(&r);
    if (!status) status = find_variances(out, data, least);
    return status;
}

/* ---- density ---- */

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
    projection p;
    double distances = 0;
    vae_status status = projection_open(&p, fit, data);
    while (!status && project_chunk(&p, &status)) {
        distances += sum_squares(p.rows.y, fit->width, p.rows.count) / fit->noise_variance;
        for (size_t k = 0; k < fit->latent; k++)
            distances +=
                sum_squares(p.along + k * VAE__PPCA_SPAN, 1, p.rows.count) / fit->eigenvalues[k];
    }
    *mean_log_p = log_normalisation(fit) - distances / (double)p.rows.n / 2;
    projection_close(&p);
    return status;
}

void vae__ppca_release(vae__ppca *fit) {
    vae__release(fit->context, fit->mean);
    vae__release(fit->context, fit->directions);
    vae__release(fit->context, fit->eigenvalues);
    fit->mean = fit->mean_rest = fit->scale = fit->spread = fit->directions = fit->eigenvalues =
        NULL;
}
