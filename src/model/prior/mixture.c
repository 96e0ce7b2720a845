/* prior=mixture:K: p(z) = sum_k pi_k N(z; m_k, C_k), with diagonal or full covariances: its keys, its parameters and
 * its draws. Relies on mixture_density.c for log p(z) in a graph and on mixture_fit.c for fitting. */
#include "model/prior/mixture.h"

#include <math.h>
#include <stddef.h>

/* ---- keys ---- */

static const char *const covariance_names[] = {"diagonal", "full", NULL};

extern const vae__option vae__prior_mixture_options[];
const vae__option vae__prior_mixture_options[] = {
    {"prior_covariance", VAE__OPTION_CHOICE, offsetof(vae__spec, prior.choices[MIXTURE_COVARIANCE]),
     .choices = covariance_names},
    {.name = NULL}};

/* ---- parameters ---- */

static size_t whitening_columns(const vae__spec *spec) {
    size_t latent = (size_t)spec->latent;
    return mixture_is_full(spec) ? latent * latent : latent;
}

static double parameter_total(const vae__spec *spec) {
    double latent = (double)spec->latent,
           whitening = mixture_is_full(spec) ? latent * latent : latent;
    return (double)spec->prior.count * (1 + latent + whitening);
}

static vae_status declare(vae_context *context, const vae__spec *spec, vae__parameters *list,
                          vae__network *network) {
    (void)network;
    size_t count = (size_t)spec->prior.count, latent = (size_t)spec->latent, index;
    vae_status status =
        vae__parameters_add(context, list, "prior.weight_logits", 1, count, 1, 1, &index);
    if (!status)
        status = vae__parameters_add(context, list, "prior.mean", 2, count, latent, 1, &index);
    if (!status)
        status = vae__parameters_add(context, list, "prior.whitening", 2, count,
                                     whitening_columns(spec), 1, &index);
    if (!status && mixture_is_full(spec))
        list->items[index].shape =
            (vae__shape){3, {count, latent, latent}, count * latent * latent};
    return status;
}

/* Means apart from each other, since equal components would get equal gradients for ever. The mixture as a whole
 * has, in expectation, mean 0 and covariance I, half of it between the components where they are many; one
 * component is N(0, I). */
static void initialize(const vae__prior_call *call) {
    const vae__spec *spec = call->spec;
    size_t count = (size_t)spec->prior.count, latent = (size_t)spec->latent;
    size_t columns = whitening_columns(spec), step = mixture_is_full(spec) ? latent + 1 : 1;
    double between = 0.5 * (1 - 1 / (double)count);
    vae__real *mean = mixture_values(call, MIXTURE_MEAN);
    vae__real *whitening = mixture_values(call, MIXTURE_WHITENING);
    const vae__stream stream = {spec->seed, 0, VAE__PURPOSE_INITIALIZE,
                                (uint32_t)(call->network->prior + MIXTURE_MEAN)};
    call->kernels->normals(&stream, 0, count, 1, latent, mean);
    call->kernels->scale(mean, (vae__real)sqrt(between), count * latent);
    for (size_t k = 0; k < count; k++)
        for (size_t j = 0; j < latent; j++)
            whitening[k * columns + j * step] = (vae__real)(-0.5 * log(1 - between));
}

double vae__mixture_log_total(const vae__real *logits, size_t count) {
    double largest = (double)logits[0], total = 0;
    for (size_t k = 1; k < count; k++) largest = fmax(largest, (double)logits[k]);
    for (size_t k = 0; k < count; k++) total += exp((double)logits[k] - largest);
    return largest + log(total);
}

/* ---- draws ---- */

/* The component that u in [0, 1) falls to. */
static size_t choose(const vae__real *logits, size_t count, double u) {
    double log_total = vae__mixture_log_total(logits, count), below = 0;
    for (size_t k = 0; k + 1 < count; k++) {
        below += exp((double)logits[k] - log_total);
        if (u < below) return k;
    }
    return count - 1;
}

/* W x = z in place, then x + m: row i of W is needed after x_0 .. x_(i-1) are there. */
static void place_draw(const vae__prior_call *call, size_t k, vae__real *z) {
    size_t latent = (size_t)call->spec->latent;
    int full = mixture_is_full(call->spec);
    const vae__real *mean = mixture_values(call, MIXTURE_MEAN) + k * latent;
    const vae__real *whitening =
        mixture_values(call, MIXTURE_WHITENING) + k * whitening_columns(call->spec);
    for (size_t i = 0; i < latent; i++) {
        const vae__real *row = full ? whitening + i * latent : whitening;
        double left = (double)z[i];
        size_t before = full ? i : 0;
        for (size_t j = 0; j < before; j++) left -= (double)row[j] * (double)z[j];
        z[i] = (vae__real)(left * exp(-(double)row[i]));
    }
    for (size_t i = 0; i < latent; i++) z[i] += mean[i];
}

static void draw(const vae__prior_call *call, const vae__stream *stream, size_t first_row,
                 size_t rows, double temperature, vae__real *z) {
    size_t latent = (size_t)call->spec->latent, count = (size_t)call->spec->prior.count;
    vae__stream choices = *stream;
    choices.sample++;
    call->kernels->normals(stream, first_row, rows, 1, latent, z);
    if (temperature < 1 || temperature > 1)
        call->kernels->scale(z, (vae__real)temperature, rows * latent);
    for (size_t r = 0; r < rows; r++, z += latent) {
        double u = vae__random_uniform(&choices, (uint32_t)(first_row + r), 0);
        place_draw(call, choose(mixture_values(call, MIXTURE_LOGITS), count, u), z);
    }
}

extern const vae__prior vae__prior_mixture;
const vae__prior vae__prior_mixture = {
    .name = "mixture",
    .counts = "components",
    .options = vae__prior_mixture_options,
    .no_latents = "the KL to a mixture is no sum over latents",
    .parameter_total = parameter_total,
    .declare = declare,
    .initialize = initialize,
    .density = vae__mixture_density,
    .expected_density = vae__mixture_expected_density,
    .draw = draw,
    .fit = vae__mixture_fit,
};
