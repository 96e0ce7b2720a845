/* Passes over the rows of a fit, in parallel. Relies on the products in double of tensor/gemm.h. Sums are taken part
 * by part and the parts added in their order, so that they depend on no number of threads. */
#include <math.h>
#include <string.h>

#include "base/threads.h"
#include "model/prior/mixture_fit.h"
#include "tensor/gemm.h"

/* What a thread has for a block of rows. */
typedef struct room {
    double *x, *v;    /* [d, FIT_STRIDE]: means without the shift, variances; columns are rows */
    double *columns;  /* [F, FIT_STRIDE]: the features, transposed */
    double *features; /* [FIT_BLOCK, F] */
    double *share;    /* [FIT_BLOCK, K]: log joint densities, then responsibilities */
} room;

size_t vae__mixture_room(size_t features, size_t count) {
    /* d <= F / 2 for either kind of covariance */
    return features * FIT_STRIDE * 2 + features * FIT_BLOCK + count * FIT_BLOCK;
}

static room room_of(const vae__em *fit, size_t share) {
    room r = {.x = fit->room + share * fit->room_size};
    r.v = r.x + fit->d * FIT_STRIDE;
    r.columns = r.v + fit->d * FIT_STRIDE;
    r.features = r.columns + fit->features * FIT_STRIDE;
    r.share = r.features + fit->features * FIT_BLOCK;
    return r;
}

void vae__mixture_row(const vae__em *fit, size_t r, double *row) {
    const vae__real *mean = fit->moments->mean + r * fit->d;
    for (size_t j = 0; j < fit->d; j++) row[j] = (double)mean[j] - fit->shift[j];
}

/* ---- features ---- */

/* Rows of `columns`, each over the rows of the block: the squares and products, then the means. */
static void make_columns(const vae__em *fit, const room *r, size_t first, size_t rows) {
    const vae__real *mean = fit->moments->mean, *variance = fit->moments->variance;
    size_t d = fit->d;
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < d; j++) {
            size_t from = (first + i) * d + j;
            r->x[j * FIT_STRIDE + i] = (double)mean[from] - fit->shift[j];
            r->v[j * FIT_STRIDE + i] = (double)variance[from];
        }
    }
    double *to = r->columns;
    for (size_t a = 0; a < d; a++) {
        for (size_t b = fit->full ? 0 : a; b <= a; b++, to += FIT_STRIDE) {
            const double *x = r->x + a * FIT_STRIDE, *y = r->x + b * FIT_STRIDE;
            for (size_t i = 0; i < rows; i++) to[i] = x[i] * y[i];
        }
        const double *v = r->v + a * FIT_STRIDE;
        for (size_t i = 0; i < rows; i++) (to - FIT_STRIDE)[i] += v[i];
    }
    for (size_t j = 0; j < d; j++, to += FIT_STRIDE)
        memcpy(to, r->x + j * FIT_STRIDE, rows * sizeof *to);
}

/* features = the transpose of columns, in tiles that stay in the first-level cache. */
static void transpose(const vae__em *fit, const room *r, size_t rows) {
    enum { TILE = 16 };
    for (size_t f = 0; f < fit->features; f += TILE) {
        size_t end = f + TILE < fit->features ? f + TILE : fit->features;
        for (size_t i = 0; i < rows; i++)
            for (size_t g = f; g < end; g++)
                r->features[i * fit->features + g] = r->columns[g * FIT_STRIDE + i];
    }
}

/* ---- the two steps of a block ---- */

/* Below this a term is lost beside another one that is 1. */
#define NEGLIGIBLE (-40.0)

/* share [count] of log joint densities becomes responsibilities; returns the log of their sum. */
static double normalize(double *share, size_t count) {
    double largest = share[0], total = 0;
    for (size_t k = 1; k < count; k++)
        if (share[k] > largest) largest = share[k];
    for (size_t k = 0; k < count; k++) {
        share[k] = share[k] - largest > NEGLIGIBLE ? exp(share[k] - largest) : 0;
        total += share[k];
    }
    for (size_t k = 0; k < count; k++) share[k] /= total;
    return largest + log(total);
}

static void expect(const vae__em *fit, const room *r, size_t first, size_t rows,
                   vae__mixture_sums *sums) {
    size_t count = fit->count;
    for (size_t i = 0; i < rows; i++)
        memcpy(r->share + i * count, fit->constants, count * sizeof *r->share);
    const vae__products products = {fit->features, rows,       count, r->columns, fit->coefficients,
                                    r->share,      FIT_STRIDE, count, count};
    vae__gemm_products(fit->kernels, &products);
    for (size_t i = 0; i < rows; i++) {
        fit->row_bound[first + i] = normalize(r->share + i * count, count);
        sums->bound += fit->row_bound[first + i];
    }
}

static void assign(const vae__em *fit, const room *r, size_t first, size_t rows) {
    memset(r->share, 0, rows * fit->count * sizeof *r->share);
    for (size_t i = 0; i < rows; i++) r->share[i * fit->count + fit->assigned[first + i]] = 1;
}

static void add_block(const vae__em *fit, const room *r, size_t rows, vae__mixture_sums *sums) {
    size_t count = fit->count, features = fit->features;
    const vae__products products = {rows,           count, features, r->share, r->features,
                                    sums->features, count, features, features};
    transpose(fit, r, rows);
    vae__gemm_products(fit->kernels, &products);
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < count; k++) sums->weights[k] += r->share[i * count + k];
}

/* ---- the pass ---- */

typedef struct pass {
    vae__em *fit;
    int hard;
} pass;

static void clear(const vae__em *fit, vae__mixture_sums *sums) {
    memset(sums->weights, 0, fit->count * sizeof *sums->weights);
    memset(sums->features, 0, fit->count * fit->features * sizeof *sums->features);
    sums->bound = 0;
}

static void run_parts(void *argument, size_t share, size_t shares) {
    const pass *p = argument;
    vae__em *fit = p->fit;
    const room r = room_of(fit, share);
    int before = vae__gemm_begin_share();
    for (size_t part = share; part < FIT_PARTS; part += shares) {
        size_t first = fit->n * part / FIT_PARTS, end = fit->n * (part + 1) / FIT_PARTS;
        clear(fit, &fit->parts[part]);
        for (; first < end; first += FIT_BLOCK) {
            size_t rows = end - first < FIT_BLOCK ? end - first : FIT_BLOCK;
            make_columns(fit, &r, first, rows);
            if (p->hard) {
                assign(fit, &r, first, rows);
            } else {
                expect(fit, &r, first, rows, &fit->parts[part]);
            }
            add_block(fit, &r, rows, &fit->parts[part]);
        }
    }
    vae__gemm_end_share(before);
}

void vae__mixture_pass(vae__em *fit, int hard) {
    pass p = {fit, hard};
    vae__parallel(fit->context, run_parts, &p, fit->shares);
    clear(fit, &fit->total);
    for (size_t part = 0; part < FIT_PARTS; part++) {
        const vae__mixture_sums *from = &fit->parts[part];
        for (size_t k = 0; k < fit->count; k++) fit->total.weights[k] += from->weights[k];
        for (size_t i = 0; i < fit->count * fit->features; i++)
            fit->total.features[i] += from->features[i];
        fit->total.bound += from->bound;
    }
}

/* ---- distances ---- */

typedef struct measuring {
    vae__em *fit;
    size_t k;
    const double *centre;
} measuring;

static void measure_rows(void *argument, size_t share, size_t shares) {
    const measuring *m = argument;
    vae__em *fit = m->fit;
    for (size_t r = fit->n * share / shares; r < fit->n * (share + 1) / shares; r++) {
        const vae__real *mean = fit->moments->mean + r * fit->d;
        double square = 0;
        for (size_t j = 0; j < fit->d; j++) {
            double along = (double)mean[j] - fit->shift[j] - m->centre[j];
            square += along * along;
        }
        if (m->k && square >= fit->row_bound[r]) continue;
        fit->row_bound[r] = square;
        fit->assigned[r] = (uint32_t)m->k;
    }
}

void vae__mixture_measure_centre(vae__em *fit, size_t k, const double *centre) {
    measuring m = {fit, k, centre};
    vae__parallel(fit->context, measure_rows, &m, fit->shares);
}
