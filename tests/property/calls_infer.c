/* Inference and evaluation, with right and wrong widths, rows and options. */
#include "property/world.h"

/* ---- inference ---- */

/* What a const call of n rows may give. */
static unsigned row_statuses(world *w, const model_slot *m, size_t n, size_t width,
                             rows_kind kind) {
    if (!m->handle) return ONE(VAE_ERROR_ARGUMENT);
    if (width != m->width) return ONE(VAE_ERROR_WIDTH);
    int doubtful = n > 0 && (kind != GOOD || w->wild);
    return OK | BECAUSE(doubtful, VAE_ERROR_DATA);
}

static void estimate(world *w, const model_slot *m, size_t n, size_t width, rows_kind kind) {
    static const char *const right[] = {"samples=5", "samples=9 seed=3",
                                        "estimator=prior samples=12"};
    static const char *const wrong[] = {"samples=0", "estimator=best", "seed"};
    int mistaken = one_in(w, 8);
    unsigned expected = row_statuses(w, m, n, width, kind);
    if (mistaken) expected = (expected & ~OK) | ONE(VAE_ERROR_TEXT);
    CALL(w, expected, vae_log_likelihood, m->handle, rows_of(kind, width), n, width,
         mistaken ? PICK(w, wrong) : PICK(w, right), doubles(w, n), doubles(w, n), doubles(w, n));
}

static void score(world *w, const model_slot *m, size_t n, size_t width, rows_kind kind) {
    static const char *const right[] = {"", "at=mean", "samples=3", "samples=2 seed=9"};
    static const char *const wrong[] = {"at=mode", "seed=1", "at=mean samples=2", "samples=0"};
    int mistaken = one_in(w, 8);
    unsigned expected = row_statuses(w, m, n, width, kind);
    if (mistaken) expected = (expected & ~OK) | ONE(VAE_ERROR_TEXT);
    CALL(w, expected, vae_score, m->handle, rows_of(kind, width), n, width,
         mistaken ? PICK(w, wrong) : PICK(w, right), doubles(w, n), doubles(w, n * width));
}

static void decode(world *w, const model_slot *m, size_t n) {
    size_t latent = one_in(w, 10) ? m->latent + 1 : m->latent;
    unsigned expected = !m->handle            ? ONE(VAE_ERROR_ARGUMENT)
                        : latent != m->latent ? ONE(VAE_ERROR_WIDTH)
                                              : OK;
    CALL(w, expected, vae_decode, m->handle, rows_of(GOOD, NARROW), n, latent,
         floats(w, n * m->width));
    expected = m->handle ? OK : ONE(VAE_ERROR_ARGUMENT);
    CALL(w, expected, vae_sample, m->handle, n, draw(w), floats(w, n * m->latent),
         floats(w, n * m->width), floats(w, n * m->width));
    CALL(w, expected, vae_generate, m->handle, n, draw(w), one_in(w, 2) ? NULL : "temperature=0.7",
         NULL, NULL, floats(w, n * m->latent), floats(w, n * m->width), floats(w, n * m->width));
}

void call_inference(world *w) {
    model_slot *m = a_model(w);
    size_t n = draw_rows(w), width = one_in(w, 12) || !m->width ? NARROW : m->width;
    rows_kind kind = draw_kind(w);
    const float *x = rows_of(kind, width);
    unsigned expected = row_statuses(w, m, n, width, kind);
    switch (below(w, 6)) {
    case 0:
        CALL(w, expected, vae_encode, m->handle, x, n, width, floats(w, n * m->latent),
             floats(w, n * m->latent));
        break;
    case 1: decode(w, m, n); break;
    case 2: CALL(w, expected, vae_reconstruct, m->handle, x, n, width, floats(w, n * width)); break;
    case 3:
        CALL(w, expected, vae_elbo, m->handle, x, n, width, 7, doubles(w, n), doubles(w, n),
             doubles(w, n));
        break;
    case 4: score(w, m, n > 40 ? 40 : n, width, kind); break;
    default: estimate(w, m, n > 40 ? 40 : n, width, kind); break;
    }
    if (m->handle && one_in(w, 4)) settle_model(w, m, 0);
}

/* ---- evaluation ---- */

typedef struct patience {
    world *w;
    size_t left;
} patience;

static int32_t on_progress(void *user, uint64_t done, uint64_t total) {
    patience *p = user;
    must(p->w, done <= total, "more rows done than there are");
    digest_number(p->w, done);
    return p->left-- == 0;
}

void call_evaluate(world *w) {
    static const char *const right[] = {"baselines=0", "samples=3 baselines=0",
                                        "estimator=prior samples=4 baselines=0"};
    evaluation_slot *e = &w->evaluations[below(w, SLOTS)];
    model_slot *m = a_model(w);
    dataset_slot *d = a_dataset(w), *f = a_dataset(w);
    patience user = {w, below(w, 12)};
    int mistaken = one_in(w, 8), narrow = d->width == NARROW;
    const char *text = mistaken                 ? "sample=3"
                       : one_in(w, 2) && narrow ? "samples=2"
                                                : PICK(w, right);
    NOTE(w, vae_evaluation_destroy)(e->handle);
    *e = (evaluation_slot){NULL, m->latent};
    unsigned expected = BECAUSE(!m->handle || !d->handle, VAE_ERROR_ARGUMENT);
    if (!expected) {
        expected = BECAUSE(mistaken, VAE_ERROR_TEXT) |
                   BECAUSE(d->width != m->width, VAE_ERROR_WIDTH) |
                   BECAUSE(f->handle && f->width != m->width, VAE_ERROR_WIDTH);
        if (!expected) expected = OK | ONE(VAE_STOPPED);
        if (d->kind != GOOD || (f->handle && f->kind != GOOD) || w->wild)
            expected |= ONE(VAE_ERROR_DATA);
        expected |= BECAUSE(may_record(w, m), VAE_ERROR_MISMATCH);
        expected |= BECAUSE(w->wild, VAE_ERROR_DIVERGED);
    }
    CALL(w, expected, vae_evaluate, m->handle, d->handle, f->handle, text, on_progress, &user,
         &e->handle);
}

void call_evaluation_tell(world *w) {
    static const char *const figures[] = {
        "elbo",          "kl",  "rows", "log_p", "gap", "bits_per_dim", "baseline_marginals",
        "baseline_ppca", "none"};
    static const char *const latents[] = {"kl", "mean", "mean_variance", "aggregated_variance"};
    evaluation_slot *e = an_evaluation(w);
    double value = 0;
    unsigned expected = e->handle ? OK : ONE(VAE_ERROR_ARGUMENT);
    if (!CALL(w, expected | BECAUSE(e->handle, VAE_ERROR_UNSUPPORTED), vae_evaluation_value,
              e->handle, PICK(w, figures), &value))
        digest_bytes(w, &value, sizeof value);
    /* "kl" is refused with a mixture as prior */
    CALL(w, expected | BECAUSE(e->handle, VAE_ERROR_UNSUPPORTED), vae_evaluation_latents, e->handle,
         PICK(w, latents), doubles(w, e->latent), e->latent);
    digest_text(w, NOTE(w, vae_evaluation_text)(e->handle));
}
