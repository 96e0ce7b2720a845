/* vae_score. At the posterior's mean a score is exact and needs no noise. With samples it is minus the
 * importance estimate of log p(x), whose noise is keyed by the row's values instead of its number: rows that
 * come one by one and rows that come together get the same scores. */
#include "model/score.h"

#include <stddef.h>
#include <string.h>

#include "base/hash.h"
#include "model/estimate.h"
#include "model/inference.h"
#include "model/prior.h"

/* ---- options ---- */

typedef struct score_options {
    int at;
    uint64_t samples, seed; /* samples 0: at the mean */
} score_options;

enum { AT, SAMPLES, SEED, KEYS };

static const char *const at_names[] = {"mean", NULL};

static const vae__option options_list[KEYS + 1] = {
    [AT] = {"at", VAE__OPTION_CHOICE, offsetof(score_options, at), .choices = at_names},
    [SAMPLES] = {"samples", VAE__OPTION_UNSIGNED, offsetof(score_options, samples), .minimum = 1,
                 .maximum = 1 << 24},
    [SEED] = {"seed", VAE__OPTION_UNSIGNED, offsetof(score_options, seed), .minimum = 0},
    [KEYS] = {.name = NULL},
};

static const vae__alias aliases[] = {{"n_samples", "samples", NULL},
                                     {"num_samples", "samples", NULL},
                                     {"k", "samples", NULL},
                                     {"random_state", "seed", NULL},
                                     {NULL, NULL, NULL}};

const vae__option_table vae__score_table = {
    .label = "score", .what = "option", .options = options_list, .aliases = aliases};

static vae_status parse_options(const char *text, score_options *options) {
    unsigned char seen[KEYS] = {0};
    *options = (score_options){.seed = 1};
    vae_status status = vae__options_parse(&vae__score_table, text, options, seen, NULL);
    if (status) return status;
    if (seen[AT] && seen[SAMPLES]) {
        return vae__fail_at_key(&vae__score_table, text, "samples",
                                "at=mean takes no samples; give one of at= and samples=");
    }
    if (!seen[SEED] || seen[SAMPLES]) return VAE_OK;
    return vae__fail_at_key(&vae__score_table, text, "seed",
                            "seed= belongs to samples=N; at the mean there is no noise");
}

/* ---- keys ---- */

uint64_t vae__score_key(const float *row, size_t width) {
    uint64_t hash = VAE__HASH_START;
    for (size_t i = 0; i < width; i++) {
        float value = row[i] == 0 ? 0.0f : row[i];
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        unsigned char bytes[4];
        for (int b = 0; b < 4; b++) bytes[b] = (unsigned char)(bits >> 8 * b);
        hash = vae__hash(hash, bytes, sizeof bytes);
    }
    return hash;
}

/* ---- with samples ---- */

enum { CHUNK = 64 }; /* rows taken at a time */

static vae_status score_by_samples(const vae_model *model, const float *x, size_t n,
                                   const score_options *options, double *score) {
    const vae__estimate_options estimate = {vae__usual_estimator(model), options->samples,
                                            options->seed};
    vae__estimate estimates[CHUNK];
    uint64_t keys[CHUNK];
    vae_context *context = model->context;
    size_t width = model->spec.input.size;
    vae__real *rows = vae__allocate(context, (n < CHUNK ? n : CHUNK) * width, sizeof *rows);
    vae_status status = rows ? VAE_OK : vae__last_status();
    for (size_t first = 0; first < n && !status; first += CHUNK) {
        size_t count = n - first < CHUNK ? n - first : CHUNK;
        const float *from = x + first * width;
        for (size_t i = 0; i < count * width; i++) rows[i] = (vae__real)from[i];
        for (size_t r = 0; r < count; r++) keys[r] = vae__score_key(from + r * width, width);
        status =
            vae__model_log_likelihood_keyed(model, rows, count, first, keys, &estimate, estimates);
        for (size_t r = 0; r < count && !status; r++) score[first + r] = -estimates[r].log_p;
    }
    vae__release(context, rows);
    return status;
}

vae_status vae__model_score(const vae_model *model, const float *x, size_t n, const char *options,
                            double *score, double *by_value) {
    score_options parsed;
    vae_status status = parse_options(options, &parsed);
    if (status || !n) return status;
    if (model->kind->rows && (!parsed.samples || by_value))
        return vae__fail(
            VAE_ERROR_UNSUPPORTED,
            "vae_score: a model of model=%s has no z at which a row is explained value "
            "by value; take samples=100, without by_value",
            model->kind->name);
    if (!vae__prior_has_score(&model->spec))
        return vae__fail(
            VAE_ERROR_UNSUPPORTED,
            "vae_score: scores need the density of p(z), of which prior=%s has a noisy "
            "bound alone; score with the same model under prior=mixture:50",
            vae__prior_of(&model->spec)->name);
    if (!parsed.samples) return vae__model_score_at_mean(model, x, n, score, by_value);
    if (by_value) status = vae__model_score_at_mean(model, x, n, NULL, by_value);
    return status || !score ? status : score_by_samples(model, x, n, &parsed, score);
}
