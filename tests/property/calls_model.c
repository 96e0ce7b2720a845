/* Models: specs, files, parameters, and what they tell. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "property/world.h"

static const char *const likelihoods[] = {
    "bernoulli",
    "continuous_bernoulli",
    "gaussian sigma=shared",
    "gaussian sigma=optimal",
    "gaussian sigma=per_dim standardize=1",
    "gaussian sigma=decoder",
    "gaussian sigma=0.3",
    "discretized_logistic",
    "categorical",
    "poisson",
    "poisson size=total",
    "negative_binomial",
};

/* ---- creating ---- */

static void create(world *w, model_slot *m, vae_context *context) {
    static const char *const layers[] = {"",
                                         "dense 6, relu",
                                         "dense 5, tanh, dense 4",
                                         "dense 7, gelu",
                                         "silu, dense 6, softplus",
                                         "dense 6, elu",
                                         "dense 5, layernorm, res[relu, dense 5]",
                                         "res[layernorm, res[dense 4], tanh]",
                                         "dense 160, silu, dense 64, leaky_relu"};
    /* For rows that are images. */
    static const char *const image_encoders[] = {"conv 5 3 stride 2 pad 1, relu, dense 5",
                                                 "conv 4 2, groupnorm 2, silu, res[conv 6 3 pad 1]",
                                                 "avgpool 2, conv 3 1, attention 3, tanh",
                                                 "res[conv 3 3 pad 1, tanh], layernorm, flatten"};
    static const char *const image_decoders[] = {
        "dense 12, tanh, reshape 1x3x4", "dense 6, reshape 3x1x2, relu, deconv 4 4 stride 2 pad 1",
        "dense 4, reshape 2x2x1, upsample 2, groupnorm 1"};
    static const char *const wrong[] = {
        "latents=2", "encoder=[dense]", "likelihood=bernouli", "latent=0",
        "init=best", "input=0",         "decoder=[dense 3",    "seed=-1"};
    char spec[400];
    size_t latent = 1 + below(w, 4), wide = one_in(w, 12), mistaken = one_in(w, 8);
    int images = wide || one_in(w, 3);
    const char *encoder = images && one_in(w, 2) ? PICK(w, image_encoders) : PICK(w, layers);
    const char *decoder = images && one_in(w, 2) ? PICK(w, image_decoders) : PICK(w, layers);
    const char *likelihood = wide ? "bernoulli" : PICK(w, likelihoods);
    int length =
        snprintf(spec, sizeof spec, "likelihood=%s input=%s latent=%zu encoder=[%s] decoder=[%s] ",
                 likelihood,
                 wide     ? "1x32x32"
                 : images ? "1x3x4"
                          : "3x4",
                 latent, encoder, decoder);
    static const char *const others[] = {"seed=5", "prior=mixture:3",
                                         "prior=mixture:2 prior_covariance=full"};
    snprintf(spec + length, sizeof spec - (size_t)length, "%s",
             mistaken ? PICK(w, wrong) : PICK(w, others));
    m->width = wide ? WIDE : NARROW;
    m->latent = latent;
    m->standardized = strstr(likelihood, "standardize=1") != NULL;
    unsigned expected = mistaken ? ONE(VAE_ERROR_TEXT) : OK;
    CALL(w, expected, vae_model_create, context, spec, &m->handle);
}

/* Of a model that was read: nobody knows what it has behind it. */
static void take_as_trained(model_slot *m) {
    m->initialized = m->trained = m->has_scaling = 1;
}

static void load(world *w, model_slot *m, vae_context *context) {
    size_t file = below(w, SLOTS);
    file_kind kind = w->files[file];
    unsigned expected = kind == NO_FILE        ? ONE(VAE_ERROR_FILE)
                        : kind == DAMAGED_FILE ? OK | ONE(VAE_ERROR_FORMAT)
                                               : OK;
    CALL(w, expected, vae_model_load, context, file_name(file), &m->handle);
    take_as_trained(m);
    if (m->handle && kind == DAMAGED_FILE) w->wild = 1;
}

/* Through memory, whole or with one byte changed. */
static void load_bytes(world *w, model_slot *m, const model_slot *from, vae_context *context) {
    size_t length = 0;
    unsigned have = from->handle ? OK : ONE(VAE_ERROR_ARGUMENT);
    if (CALL(w, have, vae_model_save_memory, from->handle, NULL, 0, &length)) return;
    size_t size = length;
    unsigned char *bytes = malloc(size);
    must(w, bytes != NULL, "the test has no memory");
    vae_status status = CALL(w, OK, vae_model_save_memory, from->handle, bytes, size, &length);
    int damaged = one_in(w, 3);
    unsigned expected = OK | BECAUSE(damaged, VAE_ERROR_FORMAT);
    if (damaged) bytes[below(w, size)] ^= (unsigned char)(1u << below(w, 8));
    if (!status) {
        CALL(w, expected, vae_model_load_memory, context, bytes, size, &m->handle);
        take_as_trained(m);
        if (m->handle && damaged) w->wild = 1;
        CALL(w, ONE(VAE_ERROR_ARGUMENT), vae_model_save_memory, from->handle, bytes, size - 1,
             &length);
    }
    free(bytes);
}

/* Frees the slot, makes a model in it one way or another, and looks at it. */
void call_model(world *w) {
    model_slot *m = &w->models[below(w, SLOTS)], *from = a_model(w), kept = *from;
    vae_context *context = w->contexts[below(w, SLOTS)];
    size_t way = below(w, 8);
    NOTE(w, vae_model_destroy)(m->handle);
    *m = (model_slot){0};
    if (way < 5) {
        create(w, m, context);
    } else if (way == 5) {
        CALL(w, from->handle ? OK : ONE(VAE_ERROR_ARGUMENT), vae_model_clone, from->handle,
             &m->handle);
        if (m->handle) kept.handle = m->handle, *m = kept;
    } else if (way == 6) {
        load(w, m, context);
    } else {
        load_bytes(w, m, from, context);
    }
    if (!m->handle) return;
    m->identity = ++w->identities;
    m->width = NOTE(w, vae_model_width)(m->handle);
    m->latent = NOTE(w, vae_model_latent)(m->handle);
    m->digest = model_digest(w, m->handle);
    if (way == 5 && m->digest && from->digest)
        must(w, m->digest == from->digest, "a clone is not its model");
}

/* ---- files ---- */

static void damage(world *w, size_t file) {
    FILE *f = fopen(file_name(file), "r+b");
    if (!f) return;
    fseek(f, 0, SEEK_END);
    long length = ftell(f);
    fseek(f, (long)below(w, (size_t)length), SEEK_SET);
    fputc((int)below(w, 256), f);
    fclose(f);
    w->files[file] = DAMAGED_FILE;
}

void call_model_save(world *w) {
    model_slot *m = a_model(w);
    size_t file = below(w, SLOTS);
    if (one_in(w, 4)) {
        damage(w, file);
        return;
    }
    int nowhere = one_in(w, 5);
    const char *path = nowhere ? "no-such-folder/model" : file_name(file);
    unsigned expected = BECAUSE(!m->handle, VAE_ERROR_ARGUMENT) | BECAUSE(nowhere, VAE_ERROR_FILE);
    if (!CALL(w, expected ? expected : OK, vae_model_save, m->handle, path))
        w->files[file] = MODEL_FILE;
}

/* ---- what a model tells ---- */

static void tell_parameters(world *w, const vae_model *model) {
    size_t shape[4] = {0}, rank = 0, count = NOTE(w, vae_model_parameter_count)(model);
    unsigned expected = model ? OK : ONE(VAE_ERROR_ARGUMENT);
    digest_number(w, NOTE(w, vae_model_parameter_total)(model));
    for (size_t i = 0; i < count; i++) {
        digest_text(w, NOTE(w, vae_model_parameter_name)(model, i));
        CALL(w, expected, vae_model_parameter_shape, model, i, shape, 4, &rank);
        digest_bytes(w, shape, sizeof shape);
    }
    must(w, !vae_model_parameter_name(model, count), "a name past the end");
    CALL(w, ONE(VAE_ERROR_ARGUMENT), vae_model_parameter_shape, model, count, shape, 4, &rank);
}

void call_model_tell(world *w) {
    model_slot *m = a_model(w);
    uint64_t figures[2] = {0};
    char plan[400];
    size_t length = 0, size = below(w, sizeof plan);
    unsigned expected = m->handle ? OK : ONE(VAE_ERROR_ARGUMENT);
    must(w, NOTE(w, vae_model_width)(m->handle) == (m->handle ? m->width : 0), "another width");
    must(w, NOTE(w, vae_model_latent)(m->handle) == (m->handle ? m->latent : 0), "another latent");
    digest_text(w, NOTE(w, vae_model_spec)(m->handle));
    CALL(w, expected | BECAUSE(m->handle, VAE_ERROR_UNSUPPORTED), vae_model_sigma, m->handle,
         doubles(w, m->width), m->width);
    CALL(w, expected, vae_model_memory, m->handle, &figures[0], &figures[1]);
    digest_bytes(w, figures, sizeof figures);
    if (!CALL(w, expected, vae_model_plan, m->handle, plan, size, &length) && size)
        digest_text(w, plan);
    digest_number(w, length);
    tell_parameters(w, m->handle);
    if (m->handle) settle_model(w, m, 0);
}

/* ---- parameters ---- */

static void set_parameter(world *w, model_slot *m, const char *name, size_t count) {
    float *values = malloc(count * sizeof *values);
    must(w, values != NULL, "the test has no memory");
    int bad = one_in(w, 6), wild = one_in(w, 40);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(1 + below(w, 100)) / (wild ? 1e-30f : 400.0f);
    if (bad) values[below(w, count)] = one_in(w, 2) ? NAN : -INFINITY;
    vae_status status = CALL(w, bad ? ONE(VAE_ERROR_DATA) : OK, vae_model_parameter_set, m->handle,
                             name, values, count);
    free(values);
    w->wild |= wild && !status;
    m->set_by_hand |= !status;
    m->has_scaling |= !status && !strncmp(name, "input.", 6);
    settle_model(w, m, !status);
}

void call_parameter(world *w) {
    model_slot *m = a_model(w);
    size_t count = vae_model_parameter_count(m->handle), shape[4] = {0}, rank = 0, values = 1;
    if (!count || one_in(w, 8)) {
        float value = 0;
        unsigned refused = ONE(VAE_ERROR_ARGUMENT);
        CALL(w, refused, vae_model_parameter_get, m->handle, "none", &value, 1);
        CALL(w, refused, vae_model_parameter_set, m->handle, NULL, &value, 1);
        return;
    }
    size_t index = below(w, count);
    const char *name = vae_model_parameter_name(m->handle, index);
    CALL(w, OK, vae_model_parameter_shape, m->handle, index, shape, 4, &rank);
    for (size_t i = 0; i < rank; i++) values *= shape[i];
    CALL(w, OK, vae_model_parameter_get, m->handle, name, floats(w, values), values);
    CALL(w, ONE(VAE_ERROR_WIDTH), vae_model_parameter_get, m->handle, name, floats(w, values),
         values + 1);
    if (one_in(w, 4)) set_parameter(w, m, name, values);
}

/* ---- metadata ---- */

static void tell_metadata(world *w, const vae_model *model) {
    const char *key;
    for (size_t i = 0; (key = NOTE(w, vae_model_metadata_key)(model, i)); i++) {
        digest_text(w, key);
        digest_text(w, NOTE(w, vae_model_metadata)(model, key));
    }
}

void call_metadata(world *w) {
    static const char *const keys[] = {"a", "b", "licence", "\xc3\xa9 \"\n"};
    static const char *const reserved[] = {"format", "spec", "checkpoint", "optimizer.steps",
                                           "dataset.x"};
    static const char *const values[] = {"", "1", "a longer text, with \\ and \t", "\xe2\x82\xac"};
    model_slot *m = a_model(w);
    int no_key = one_in(w, 12), owned = one_in(w, 12), bad = one_in(w, 12), remove = one_in(w, 4);
    const char *key = no_key ? "" : owned ? PICK(w, reserved) : PICK(w, keys);
    const char *value = remove ? NULL : bad ? "\xff" : PICK(w, values);
    const char *before = NOTE(w, vae_model_metadata)(m->handle, key);
    unsigned expected = BECAUSE(!m->handle || no_key || owned, VAE_ERROR_ARGUMENT);
    if (!expected) expected = value && bad ? ONE(VAE_ERROR_TEXT) : OK;
    vae_status status = CALL(w, expected, vae_model_set_metadata, m->handle, key, value);
    const char *after = NOTE(w, vae_model_metadata)(m->handle, key);
    if (status)
        must(w, after == before, "what was refused has moved a value");
    else
        must(w, remove ? !after : after && !strcmp(after, value), "another value");
    tell_metadata(w, m->handle);
    if (m->handle) settle_model(w, m, !status);
}

/* ---- priors ---- */

typedef struct waiting {
    world *w;
    size_t left; /* calls until it stops */
} waiting;

static int32_t on_fit(void *user, uint64_t done, uint64_t total) {
    waiting *p = user;
    must(p->w, done <= total, "more rows done than there are");
    return p->left-- == 0;
}

static void set_prior(world *w, model_slot *m) {
    static const char *const right[] = {"normal", "mixture:4", "mixture:2 prior_covariance=full"};
    static const char *const wrong[] = {"mixture", "gmm:3", "normal prior_covariance=full", ""};
    int mistaken = one_in(w, 5);
    unsigned expected = BECAUSE(!m->handle, VAE_ERROR_ARGUMENT);
    if (!expected) expected = mistaken ? ONE(VAE_ERROR_TEXT) : OK;
    vae_status status = CALL(w, expected, vae_model_set_prior, m->handle,
                             mistaken ? PICK(w, wrong) : PICK(w, right));
    if (!status) m->identity = ++w->identities, w->replaced = 1;
    if (m->handle) settle_model(w, m, !status);
}

/* Sets or fits one. */
void call_prior(world *w) {
    model_slot *m = a_model(w);
    dataset_slot *d = a_dataset(w);
    if (one_in(w, 2)) {
        set_prior(w, m);
        return;
    }
    waiting user = {w, below(w, 30)};
    int normal = strstr(vae_model_spec(m->handle), "prior=normal") != NULL;
    unsigned expected = BECAUSE(!m->handle || !d->handle, VAE_ERROR_ARGUMENT) |
                        BECAUSE(m->handle && d->handle && m->width != d->width, VAE_ERROR_WIDTH);
    if (!expected && may_record(w, m)) expected |= ONE(VAE_ERROR_MISMATCH);
    if (!(expected & ~ONE(VAE_ERROR_MISMATCH))) {
        if (normal) {
            expected |= ONE(VAE_ERROR_UNSUPPORTED);
        } else if (m->standardized && !m->has_scaling) {
            expected |= ONE(VAE_ERROR_ARGUMENT);
        } else { /* more components than rows; equal rows */
            expected |= OK | ONE(VAE_STOPPED) | ONE(VAE_ERROR_ARGUMENT) | ONE(VAE_ERROR_DATA) |
                        BECAUSE(w->wild, VAE_ERROR_DIVERGED);
        }
    }
    vae_status status =
        CALL(w, expected, vae_model_fit_prior, m->handle, d->handle, "iterations=5", on_fit, &user);
    m->trained |= !status;
    if (m->handle) settle_model(w, m, !status);
}

void call_initialize(world *w) {
    model_slot *m = a_model(w);
    dataset_slot *d = a_dataset(w);
    unsigned expected = BECAUSE(!m->handle || !d->handle, VAE_ERROR_ARGUMENT) |
                        BECAUSE(m->handle && d->handle && m->width != d->width, VAE_ERROR_WIDTH);
    if (!expected && (m->trained || (m->initialized && m->set_by_hand)))
        expected = ONE(VAE_ERROR_ARGUMENT);
    if (!expected) expected = OK | BECAUSE(d->kind != GOOD || w->wild, VAE_ERROR_DATA);
    vae_status status = CALL(w, expected, vae_model_initialize, m->handle, d->handle);
    if (!status) m->initialized = m->has_scaling = 1;
    if (m->handle) settle_model(w, m, !status);
}
