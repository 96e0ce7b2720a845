/* Draws one z of a few hundred rows as they pass, then as many from the prior, and compares all pairs. In double and in one
 * order, whatever the number of threads. */
#include "train/prior_match.h"

#include <math.h>

#include "model/prior.h"

vae_status vae__prior_match_begin(vae__prior_match *match, const vae_model *model, size_t rows,
                                  uint64_t seed) {
    size_t latent = (size_t)model->spec.latent;
    *match = (vae__prior_match){.model = model, .seed = seed, .rows = rows};
    match->q = vae__allocate(model->context, latent, 2 * VAE__MATCH_DRAWS * sizeof *match->q);
    if (!match->q) return vae__last_status();
    match->prior = match->q + VAE__MATCH_DRAWS * latent;
    return VAE_OK;
}

void vae__prior_match_release(vae__prior_match *match) {
    if (match->model) vae__release(match->model->context, match->q);
}

/* The row that the draw with this number is of. */
static size_t row_of(const vae__prior_match *match, size_t draw) {
    if (match->rows <= VAE__MATCH_DRAWS) return draw;
    return (size_t)((double)draw / VAE__MATCH_DRAWS * (double)match->rows);
}

void vae__prior_match_add(vae__prior_match *match, size_t first, size_t count,
                          const vae__real *mean, const vae__real *logvar) {
    const vae__kernels *kernels = match->model->context->kernels;
    const vae__stream stream = {match->seed, 0, VAE__PURPOSE_POSTERIOR, 0};
    size_t latent = (size_t)match->model->spec.latent;
    while (match->taken < VAE__MATCH_DRAWS && match->taken < match->rows) {
        size_t row = row_of(match, match->taken);
        if (row >= first + count) return;
        vae__real *z = match->q + match->taken++ * latent;
        const vae__real *own_mean = mean + (row - first) * latent;
        const vae__real *own_logvar = logvar + (row - first) * latent;
        kernels->normals(&stream, row, 1, 1, latent, z);
        for (size_t j = 0; j < latent; j++)
            z[j] =
                (vae__real)((double)own_mean[j] + exp(0.5 * (double)own_logvar[j]) * (double)z[j]);
    }
}

/* Sum of the distances of the n rows of a to the n rows of b. */
static double sum_distances(const vae__real *a, const vae__real *b, size_t n, size_t latent) {
    double total = 0;
    for (size_t i = 0; i < n * n; i++) {
        const vae__real *x = a + i / n * latent, *y = b + i % n * latent;
        double square = 0;
        for (size_t j = 0; j < latent; j++) {
            double along = (double)x[j] - (double)y[j];
            square += along * along;
        }
        total += sqrt(square);
    }
    return total;
}

static vae_status check_draws(const vae__prior_match *match, const vae__real *z, const char *what) {
    size_t count = match->taken * (size_t)match->model->spec.latent;
    if (match->model->context->kernels->within(z, count, -VAE__REAL_MAX, VAE__REAL_MAX))
        return VAE_OK;
    return vae__fail(VAE_ERROR_DIVERGED,
                     "draws from %s are not finite: a parameter of the model is NaN, infinite or "
                     "too large",
                     what);
}

vae_status vae__prior_match_distance(vae__prior_match *match, double *distance) {
    vae__prior_call call;
    const vae__stream stream = {match->seed, 0, VAE__PURPOSE_PRIOR, 0};
    size_t n = match->taken, latent = (size_t)match->model->spec.latent;
    *distance = (double)NAN;
    if (n < 2) return VAE_OK;
    vae_status status = vae__prior_open(match->model, &call);
    if (!status)
        status = vae__prior_draw_rows(match->model, &call, &stream, 0, n, &vae__plain_sampling, n,
                                      match->prior);
    vae__prior_close(match->model, &call);
    if (!status) status = check_draws(match, match->q, "the posteriors");
    if (!status) status = check_draws(match, match->prior, "the prior");
    if (status) return status;
    /* No draw is a pair with itself: pairs within are n (n - 1), so that neither mean is too small. */
    double pairs = (double)n * (double)(n - 1);
    double between = 2 * sum_distances(match->q, match->prior, n, latent) / ((double)n * (double)n);
    double within = (sum_distances(match->q, match->q, n, latent) +
                     sum_distances(match->prior, match->prior, n, latent)) /
                    pairs;
    *distance = between > within ? (between - within) / between : 0;
    return VAE_OK;
}
