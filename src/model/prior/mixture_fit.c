/* EM for a mixture on the moments of posteriors (mixture_fit.h): where it starts, its M-step, when it ends. Each
 * iteration raises the bound, but for components that stood empty and start again at the row that fits worst. The
 * same for a seed whatever the number of threads, as far as the matrix products are. The model's parameters are
 * written last. */
#include <math.h>
#include <string.h>

#include "model/prior/mixture_fit.h"
#include "tensor/eigen.h"

/* ---- memory ---- */

static size_t square_of(const vae__em *fit) {
    return fit->full ? fit->d * fit->d : fit->d;
}

/* Gives out the one block; with `block` NULL it counts. */
typedef struct cutter {
    double *block;
    size_t used;
} cutter;

static double *cut(cutter *c, size_t count) {
    double *begin = c->block ? c->block + c->used : NULL;
    c->used += (count + 7) / 8 * 8;
    return begin;
}

static void cut_all(vae__em *fit, cutter *c) {
    size_t count = fit->count, d = fit->d;
    fit->shift = cut(c, d);
    fit->weight = cut(c, count);
    fit->mean = cut(c, count * d);
    fit->whitening = cut(c, count * square_of(fit));
    fit->constants = cut(c, count);
    fit->coefficients = cut(c, fit->features * count);
    for (size_t i = 0; i <= FIT_PARTS; i++) {
        vae__mixture_sums *sums = i < FIT_PARTS ? &fit->parts[i] : &fit->total;
        sums->weights = cut(c, count);
        sums->features = cut(c, count * fit->features);
    }
    fit->row_bound = cut(c, fit->n);
    fit->room = cut(c, fit->shares * fit->room_size);
}

static vae_status take_memory(vae__em *fit) {
    cutter c = {0};
    /* Each number is below 2^31, so that no sum of a few products of two of them overflows; of three, it may. */
    double largest = (double)fit->count * (double)fit->features * (FIT_PARTS + 4);
    if (largest > 0x1p55)
        return vae__fail(VAE_ERROR_MEMORY, "out of memory: sums of %zu components of %zu latents",
                         fit->count, fit->d);
    cut_all(fit, &c);
    fit->block = vae__allocate(fit->context, c.used, sizeof *fit->block);
    fit->assigned = vae__allocate(fit->context, fit->n, sizeof *fit->assigned);
    if (!fit->block || !fit->assigned) return vae__last_status();
    c = (cutter){fit->block, 0};
    cut_all(fit, &c);
    return VAE_OK;
}

/* ---- the M-step ---- */

/* a [d, d] = l l^T in place, lower triangle; 0 if a - least I is not positive definite. */
static int factorize(double *a, size_t d, double least) {
    for (size_t i = 0; i < d; i++) {
        for (size_t j = 0; j <= i; j++) {
            double sum = a[i * d + j] - (i == j ? least : 0);
            for (size_t k = 0; k < j; k++) sum -= a[i * d + k] * a[j * d + k];
            if (i == j && !(sum > 0)) return 0;
            a[i * d + j] = i == j ? sqrt(sum) : sum / a[j * d + j];
        }
    }
    return 1;
}

/* covariance [d, d] with eigenvalues below the floor raised to it. */
static vae_status raise_eigenvalues(vae_context *context, double *covariance, size_t d,
                                    double floor) {
    double *values = vae__allocate(context, d + d * d, sizeof *values), *vectors = values + d;
    if (!values) return vae__last_status();
    vae_status status = vae__eigen_semidefinite(context, covariance, d, values, vectors);
    if (!status) memset(covariance, 0, d * d * sizeof *covariance);
    for (size_t k = 0; !status && k < d; k++) {
        double value = fmax(values[k], floor);
        const double *vector = vectors + k * d;
        for (size_t i = 0; i < d; i++)
            for (size_t j = 0; j < d; j++) covariance[i * d + j] += value * vector[i] * vector[j];
    }
    vae__release(context, values);
    return status;
}

/* factor [d, d] becomes its inverse, lower triangular, with zeros above. */
static void invert(double *factor, size_t d) {
    for (size_t j = 0; j < d; j++) {
        factor[j * d + j] = 1 / factor[j * d + j];
        for (size_t i = j + 1; i < d; i++) {
            double sum = 0;
            for (size_t k = j; k < i; k++) sum -= factor[i * d + k] * factor[k * d + j];
            factor[i * d + j] = sum / factor[i * d + i];
        }
        memset(factor + j * d + j + 1, 0, (d - j - 1) * sizeof *factor);
    }
}

/* covariance [d, d], or [d] of its diagonal, becomes the whitening matrix. */
static vae_status whiten(const vae__em *fit, double *covariance, double *copy) {
    size_t d = fit->d;
    double floor = fit->options->floor;
    if (!fit->full) {
        for (size_t j = 0; j < d; j++) covariance[j] = 1 / sqrt(fmax(covariance[j], floor));
        return VAE_OK;
    }
    memcpy(copy, covariance, d * d * sizeof *copy);
    if (!factorize(copy, d, floor)) {
        vae_status status = raise_eigenvalues(fit->context, covariance, d, floor);
        if (status) return status;
    }
    if (!factorize(covariance, d, 0))
        return vae__fail(VAE_ERROR_DIVERGED,
                         "the covariance of a component is not positive definite");
    invert(covariance, d);
    return VAE_OK;
}

/* From the sums of component k: its mean and, in the place of the whitening matrix, its covariance. */
static void take_moments(vae__em *fit, size_t k) {
    size_t d = fit->d, square = square_of(fit);
    double rows = fit->total.weights[k], *mean = fit->mean + k * d;
    const double *second = fit->total.features + k * fit->features;
    const double *first = second + fit->features - d;
    double *covariance = fit->whitening + k * square;
    for (size_t j = 0; j < d; j++) mean[j] = first[j] / rows;
    for (size_t i = 0; i < d; i++) {
        for (size_t j = fit->full ? 0 : i; j <= i; j++, second++) {
            double value = *second / rows - mean[i] * mean[j];
            if (fit->full) {
                covariance[i * d + j] = covariance[j * d + i] = value;
            } else {
                covariance[i] = value;
            }
        }
    }
}

/* Fewer rows than this, and a component stands empty. */
#define EMPTY 0.5

/* The row with the lowest bound, which is not taken again. */
static size_t take_worst_row(vae__em *fit) {
    size_t worst = 0;
    for (size_t r = 1; r < fit->n; r++)
        if (fit->row_bound[r] < fit->row_bound[worst]) worst = r;
    fit->row_bound[worst] = (double)INFINITY;
    return worst;
}

/* Empty components begin again at rows that fit badly, with the mean covariance of the others and the weight of a
 * row. Returns how many. */
static size_t reseed(vae__em *fit) {
    size_t square = square_of(fit), d = fit->d, empty = 0;
    for (size_t k = 0; k < fit->count; k++) {
        double *covariance = fit->whitening + k * square;
        if (fit->total.weights[k] >= EMPTY) continue;
        empty++;
        vae__mixture_row(fit, take_worst_row(fit), fit->mean + k * d);
        memset(covariance, 0, square * sizeof *covariance);
        for (size_t other = 0; other < fit->count; other++) {
            double weight = fit->total.weights[other];
            const double *from = fit->whitening + other * square;
            if (weight < EMPTY) continue;
            for (size_t i = 0; i < square; i++) covariance[i] += weight / (double)fit->n * from[i];
        }
    }
    for (size_t k = 0; k < fit->count; k++)
        if (fit->total.weights[k] < EMPTY) fit->total.weights[k] = 1;
    return empty;
}

/* What the E-step multiplies with: E_q[log N_k] + log pi_k in the features. precision [d, d] is room. */
static void take_coefficients(vae__em *fit, size_t k, double *precision) {
    size_t d = fit->d, square = square_of(fit), count = fit->count;
    const double *w = fit->whitening + k * square, *mean = fit->mean + k * d;
    double *to = fit->coefficients + k, constant = log(fit->weight[k]) - 0.5 * (double)d * LOG_2_PI;
    memset(precision, 0, d * d * sizeof *precision);
    for (size_t i = 0; i < d; i++) {
        constant += log(fit->full ? w[i * d + i] : w[i]);
        if (!fit->full) precision[i * d + i] = w[i] * w[i];
        for (size_t a = 0; fit->full && a <= i; a++)
            for (size_t b = 0; b <= i; b++) precision[a * d + b] += w[i * d + a] * w[i * d + b];
    }
    for (size_t i = 0; i < d; i++) {
        for (size_t j = fit->full ? 0 : i; j <= i; j++, to += count)
            *to = i == j ? -0.5 * precision[i * d + i] : -precision[i * d + j];
    }
    for (size_t i = 0; i < d; i++, to += count) {
        *to = 0;
        for (size_t j = 0; j < d; j++) *to += precision[i * d + j] * mean[j];
        constant -= 0.5 * *to * mean[i];
    }
    fit->constants[k] = constant;
}

static vae_status maximize(vae__em *fit, double *room, size_t *reseeded) {
    double total = 0;
    vae_status status = VAE_OK;
    for (size_t k = 0; k < fit->count; k++)
        if (fit->total.weights[k] >= EMPTY) take_moments(fit, k);
    *reseeded = reseed(fit);
    for (size_t k = 0; k < fit->count; k++) total += fit->total.weights[k];
    for (size_t k = 0; k < fit->count && !status; k++) {
        fit->weight[k] = fit->total.weights[k] / total;
        status = whiten(fit, fit->whitening + k * square_of(fit), room);
        if (!status) take_coefficients(fit, k, room);
    }
    return status;
}

/* ---- the start ---- */

static void take_shift(vae__em *fit) {
    for (size_t r = 0; r < fit->n; r++)
        for (size_t j = 0; j < fit->d; j++)
            fit->shift[j] += (double)fit->moments->mean[r * fit->d + j] / (double)fit->n;
}

/* The row that u in [0, 1) falls to, each row as likely as its squared distance to the nearest centre is large; n: no
 * row is away from all centres. */
static size_t choose_row(const vae__em *fit, double u) {
    double total = 0, below = 0;
    size_t last = fit->n;
    for (size_t r = 0; r < fit->n; r++) total += fit->row_bound[r];
    for (size_t r = 0; r < fit->n; r++) {
        if (!(fit->row_bound[r] > 0)) continue;
        below += fit->row_bound[r];
        last = r;
        if (u * total < below) break;
    }
    return last;
}

/* k-means++ (Arthur & Vassilvitskii 2007): centres at rows far from those before. */
static vae_status choose_centres(vae__em *fit) {
    const vae__stream stream = {fit->options->seed, 0, VAE__PURPOSE_FIT, 0};
    for (size_t k = 0; k < fit->count; k++) {
        double u = vae__random_uniform(&stream, (uint32_t)k, 0), *centre = fit->mean + k * fit->d;
        size_t row = k ? choose_row(fit, u) : (size_t)(u * (double)fit->n);
        if (row == fit->n)
            return vae__fail(
                VAE_ERROR_DATA,
                "the posterior means of %zu rows have %zu different value%s, which is fewer "
                "than %zu components: the latents have collapsed, or rows are equal",
                fit->n, k, vae__plural(k), fit->count);
        vae__mixture_row(fit, row, centre);
        vae__mixture_measure_centre(fit, k, centre);
    }
    return VAE_OK;
}

/* ---- the whole ---- */

static vae_status iterate(vae__em *fit, double *room, const vae__fit_watch *watch) {
    double before = -(double)INFINITY;
    size_t reseeded;
    vae__mixture_pass(fit, 1);
    vae_status status = maximize(fit, room, &reseeded);
    for (uint64_t i = 1; !status; i++) {
        vae__mixture_pass(fit, 0);
        double bound = fit->total.bound / (double)fit->n;
        if (!isfinite(bound))
            return vae__fail(VAE_ERROR_DIVERGED,
                             "the density of the mixture is not finite in iteration %llu",
                             (unsigned long long)i);
        if (watch->after && watch->after(watch->user, i, bound)) return VAE_STOPPED;
        int is_better = reseeded || bound - before >= fit->options->tolerance;
        if (!is_better || i == fit->options->iterations) break;
        before = bound;
        status = maximize(fit, room, &reseeded);
    }
    return status;
}

static void write_parameters(const vae__em *fit, const vae__prior_call *call) {
    size_t d = fit->d, square = square_of(fit), step = fit->full ? d + 1 : 1;
    vae__real *logits = mixture_values(call, MIXTURE_LOGITS);
    vae__real *mean = mixture_values(call, MIXTURE_MEAN);
    vae__real *whitening = mixture_values(call, MIXTURE_WHITENING);
    for (size_t k = 0; k < fit->count; k++) {
        logits[k] = (vae__real)log(fit->weight[k]);
        for (size_t j = 0; j < d; j++)
            mean[k * d + j] = (vae__real)(fit->mean[k * d + j] + fit->shift[j]);
        for (size_t i = 0; i < square; i++)
            whitening[k * square + i] = (vae__real)fit->whitening[k * square + i];
        for (size_t j = 0; j < d; j++)
            whitening[k * square + j * step] =
                (vae__real)log(fit->whitening[k * square + j * step]);
    }
}

vae_status vae__mixture_fit(const vae__prior_call *call, vae_context *context,
                            const vae__moments *moments, const vae__fit_options *options,
                            const vae__fit_watch *watch) {
    size_t d = moments->latent, threads = context->threads;
    int full = mixture_is_full(call->spec);
    vae__em fit = {.context = context,
                   .kernels = call->kernels,
                   .moments = moments,
                   .options = options,
                   .n = moments->n,
                   .d = d,
                   .count = (size_t)call->spec->prior.count,
                   .features = full ? d * (d + 1) / 2 + d : 2 * d,
                   .full = full,
                   .shares = threads < FIT_PARTS ? threads : FIT_PARTS};
    fit.room_size = vae__mixture_room(fit.features, fit.count);
    vae_status status = take_memory(&fit);
    double *room = status ? NULL : vae__allocate(context, d * d, sizeof *room);
    if (!status && !room) status = vae__last_status();
    if (!status) take_shift(&fit);
    if (!status) status = choose_centres(&fit);
    if (!status) status = iterate(&fit, room, watch);
    if (!status) write_parameters(&fit, call);
    vae__release(context, room);
    vae__release(context, fit.assigned);
    vae__release(context, fit.block);
    return status;
}
