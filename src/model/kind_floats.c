/* Rows of the public API's floats for a kind with row functions of its own, which take vae__real: in pieces. */
#include "model/kind_floats.h"

enum { PIECE = 64 }; /* rows turned to vae__real at a time */

/* Rows of a piece, and two results of the same size. */
typedef struct pieces {
    vae__real *x, *a, *b;
} pieces;

static vae_status take_pieces(const vae_model *model, size_t n, pieces *p) {
    size_t count = (n < PIECE ? n : PIECE) * model->spec.input.size;
    p->x = vae__allocate(model->context, 3, count * sizeof *p->x);
    if (!p->x) return vae__last_status();
    p->a = p->x + count;
    p->b = p->a + count;
    return VAE_OK;
}

static void widen_rows(vae__real *to, const float *from, size_t count) {
    for (size_t i = 0; i < count; i++) to[i] = (vae__real)from[i];
}

static void narrow_rows(float *to, const vae__real *from, size_t count) {
    for (size_t i = 0; i < count; i++) to[i] = (float)from[i];
}

vae_status vae__kind_encode_floats(const vae_model *model, const float *x, size_t n, float *mean,
                                   float *logvar) {
    size_t width = model->spec.input.size;
    pieces p = {NULL, NULL, NULL};
    vae_status status = n ? take_pieces(model, n, &p) : VAE_OK;
    for (size_t first = 0; first < n && !status; first += PIECE) {
        size_t count = (n - first < PIECE ? n - first : PIECE) * width;
        widen_rows(p.x, x + first * width, count);
        status = model->kind->rows->encode(model, p.x, count / width, first, p.a, p.b);
        if (!status && mean) narrow_rows(mean + first * width, p.a, count);
        if (!status && logvar) narrow_rows(logvar + first * width, p.b, count);
    }
    vae__release(model->context, p.x);
    return status;
}

vae_status vae__kind_bound_floats(const vae_model *model, const float *x, size_t n, uint64_t seed,
                                  const vae__bound *out) {
    size_t width = model->spec.input.size;
    pieces p = {NULL, NULL, NULL};
    vae_status status = n ? take_pieces(model, n, &p) : VAE_OK;
    for (size_t first = 0; first < n && !status; first += PIECE) {
        size_t rows = n - first < PIECE ? n - first : PIECE;
        const vae__bound some = {out->elbo ? out->elbo + first : NULL,
                                 out->reconstruction ? out->reconstruction + first : NULL,
                                 out->kl ? out->kl + first : NULL, NULL};
        widen_rows(p.x, x + first * width, rows * width);
        status = model->kind->rows->bound(model, p.x, rows, seed, first, &some);
    }
    vae__release(model->context, p.x);
    return status;
}
