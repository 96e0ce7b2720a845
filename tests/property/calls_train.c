/* Optimizers, steps, training with callbacks that call back, checkpoints. */
#include "property/world.h"

/* ---- optimizers ---- */

static const char *const right_options[] = {
    "adam",
    "adam lr=1e-2",
    "adamw lr=3e-3 samples=2",
    "sgd lr=1e-3 momentum=0.9 nesterov=1 clip_norm=1",
    "adam clip_norm=0.5",
    "adam free_bits=0.1 beta=2",
    "adam objective=iwae samples=3",
    "sgd lr=1e-4 warmup=5 beta_warmup=10 clip_norm=3",
    "adam schedule=cosine steps=50",
    "adam schedule=steps milestones=[3, 9] seed=4",
    "adam schedule=exponential steps=40 from=6",
    "adam train=network",
    "sgd train=prior",
};

static const char *const wrong_options[] = {
    "adam lr=-1",           "adagrad",   "lr=1e-3 lr=1e-3", "sgd beta1=0.5", "adam samples=0",
    "adam schedule=cosine", "adam beta", "adam from=now"};

void call_optimizer(world *w) {
    optimizer_slot *o = &w->optimizers[below(w, SLOTS)];
    model_slot *m = a_model(w);
    NOTE(w, vae_optimizer_destroy)(o->handle);
    *o = (optimizer_slot){NULL, m->identity};
    int wrong = one_in(w, 7), wild = one_in(w, 60);
    const char *options = wild    ? "sgd lr=1e6"
                          : wrong ? PICK(w, wrong_options)
                                  : PICK(w, right_options);
    /* iwae does not go with the batch's sigma */
    int clash = strstr(options, "iwae") && strstr(vae_model_spec(m->handle), "sigma=optimal");
    clash |= strstr(options, "free_bits") && !strstr(vae_model_spec(m->handle), "prior=normal");
    clash |= strstr(options, "train=prior") && strstr(vae_model_spec(m->handle), "prior=normal");
    unsigned expected = BECAUSE(!m->handle, VAE_ERROR_ARGUMENT) |
                        BECAUSE((wrong && !wild) || clash, VAE_ERROR_TEXT);
    CALL(w, expected ? expected : OK, vae_optimizer_create, m->handle, options, &o->handle);
    w->wild |= wild && o->handle;
}

static void change_options(world *w, optimizer_slot *o) {
    static const char *const right[] = {"lr=2e-3", "beta=0.5 free_bits=0", NULL, "clip_norm=1",
                                        "schedule=cosine steps=30 from=now"};
    static const char *const wrong[] = {"lr=0.1 x=1", "lr=x", "beta=-1"};
    char before[400];
    int mistaken = one_in(w, 4);
    snprintf(before, sizeof before, "%s", vae_optimizer_options(o->handle));
    unsigned expected =
        BECAUSE(!o->handle, VAE_ERROR_ARGUMENT) | BECAUSE(mistaken && o->handle, VAE_ERROR_TEXT);
    /* iwae takes no beta and no free bits */
    if (!expected) expected = OK | BECAUSE(strstr(before, "iwae"), VAE_ERROR_TEXT);
    if (o->handle) expected |= BECAUSE(w->replaced, VAE_ERROR_MISMATCH);
    if (CALL(w, expected, vae_optimizer_set, o->handle, mistaken ? PICK(w, wrong) : PICK(w, right)))
        must(w, !strcmp(before, vae_optimizer_options(o->handle)), "refused options changed some");
}

void call_optimizer_tell(world *w) {
    optimizer_slot *o = an_optimizer(w);
    uint64_t figures[2] = {0};
    char plan[300];
    size_t length = 0, size = below(w, sizeof plan);
    unsigned expected = o->handle ? OK : ONE(VAE_ERROR_ARGUMENT);
    change_options(w, o);
    digest_number(w, NOTE(w, vae_optimizer_steps)(o->handle));
    digest_text(w, NOTE(w, vae_optimizer_options)(o->handle));
    CALL(w, expected, vae_optimizer_memory, o->handle, &figures[0], &figures[1]);
    digest_bytes(w, figures, sizeof figures);
    expected |= BECAUSE(o->handle && w->replaced, VAE_ERROR_MISMATCH);
    if (!CALL(w, expected, vae_optimizer_plan, o->handle, plan, size, &length) && size)
        digest_text(w, plan);
}

/* ---- steps ---- */

/* An optimizer that mostly belongs to the model. */
static optimizer_slot *optimizer_for(world *w, const model_slot *m) {
    size_t first = below(w, SLOTS);
    for (size_t i = 0; i < SLOTS && !one_in(w, 12); i++) {
        optimizer_slot *o = &w->optimizers[(first + i) % SLOTS];
        if (o->handle && o->model == m->identity) return o;
    }
    return &w->optimizers[first];
}

/* What a step of these may give: of several mistakes any may be named. */
static unsigned step_statuses(world *w, const model_slot *m, const optimizer_slot *o, size_t width,
                              rows_kind kind, int missing) {
    unsigned mistakes =
        BECAUSE(!m->handle || !o->handle || missing, VAE_ERROR_ARGUMENT) |
        BECAUSE(m->handle && o->handle && o->model != m->identity, VAE_ERROR_MISMATCH) |
        BECAUSE(m->handle && width != m->width, VAE_ERROR_WIDTH);
    if (mistakes) return mistakes;
    if (m->standardized && !m->has_scaling) return ONE(VAE_ERROR_ARGUMENT);
    return OK | BECAUSE(kind != GOOD || w->wild, VAE_ERROR_DATA) |
           BECAUSE(may_record(w, m), VAE_ERROR_MISMATCH) | BECAUSE(w->wild, VAE_ERROR_DIVERGED);
}

static void digest_report(world *w, const vae_step_report *report, vae_status status) {
    if (status == VAE_OK) {
        must(w, !(report->flags & VAE_STEP_REFUSED), "a step is flagged as refused");
        digest_bytes(w, report, sizeof *report);
    }
}

void call_step(world *w) {
    model_slot *m = a_model(w);
    optimizer_slot *o = optimizer_for(w, m);
    dataset_slot *d = a_dataset(w);
    for (size_t times = 1 + below(w, 4); times > 0; times--) {
        vae_step_report report = {.struct_size = sizeof report};
        uint64_t steps = vae_optimizer_steps(o->handle);
        unsigned expected = step_statuses(w, m, o, d->width, d->kind, !d->handle);
        vae_status status = CALL(w, expected, vae_step, m->handle, o->handle, d->handle, &report);
        digest_report(w, &report, status);
        must(w, vae_optimizer_steps(o->handle) == steps + !status, "another number of steps");
        m->trained |= !status;
        if (m->handle) settle_model(w, m, !status);
    }
}

void call_step_rows(world *w) {
    model_slot *m = a_model(w);
    optimizer_slot *o = optimizer_for(w, m);
    vae_step_report report = {.struct_size = sizeof report};
    size_t n = draw_rows(w), width = one_in(w, 10) || !m->width ? NARROW : m->width;
    rows_kind kind = draw_kind(w);
    unsigned expected = step_statuses(w, m, o, width, kind, n == 0);
    vae_status status = CALL(w, expected, vae_step_rows, m->handle, o->handle, rows_of(kind, width),
                             n, width, &report);
    digest_report(w, &report, status);
    m->trained |= !status;
    if (m->handle) settle_model(w, m, !status);
}

/* ---- training ---- */

typedef struct visit {
    world *w;
    const model_slot *m;
    const optimizer_slot *o;
    const dataset_slot *d;
    size_t left; /* events until it stops */
} visit;

/* Calls back into the library with the handles under way, and into all that is const. */
static int32_t on_event(void *user, int32_t event, const vae_step_report *train,
                        const vae_step_report *validation) {
    visit *v = user;
    world *w = v->w;
    digest_number(w, (uint64_t)event);
    digest_report(w, train, VAE_OK);
    must(w, event == VAE_EVENT_EPOCH || !validation, "a validation after a step");
    digest_number(w, model_digest(w, v->m->handle));
    digest_number(w, vae_optimizer_steps(v->o->handle) + vae_dataset_position(v->d->handle));
    double elbo[3];
    if (vae_elbo(v->m->handle, rows_of(GOOD, v->m->width), 3, v->m->width, 2, elbo, NULL, NULL) ==
        0)
        digest_bytes(w, elbo, sizeof elbo);
    return v->left-- == 0;
}

void call_train(world *w) {
    static const char *const options[] = {"epochs=1", "epochs=2", "epochs=2 validation_seed=3"};
    static const char *const careful[] = {"epochs=3 patience=1", "epochs=2 restore_best=1"};
    model_slot *m = a_model(w);
    optimizer_slot *o = optimizer_for(w, m);
    dataset_slot *d = a_dataset(w), *v = a_dataset(w);
    visit user = {w, m, o, d, below(w, 40)};
    int mistaken = one_in(w, 8);
    const char *text = mistaken ? "epochs=x" : v->handle ? PICK(w, careful) : PICK(w, options);
    if (vae_dataset_batch(d->handle) < 5) return; /* too many steps for one call */
    unsigned expected = step_statuses(w, m, o, d->width, d->kind, !d->handle);
    int more = v->handle && m->handle && v->width != m->width;
    if (mistaken && !(expected & OK)) expected |= ONE(VAE_ERROR_TEXT);
    if (mistaken && (expected & OK))
        expected = ONE(VAE_ERROR_TEXT) | (expected & ONE(VAE_ERROR_MISMATCH));
    if (more) expected = (expected & ~OK) | ONE(VAE_ERROR_WIDTH);
    if (v->handle && v->kind != GOOD) expected |= ONE(VAE_ERROR_DATA);
    if (expected & OK) expected |= ONE(VAE_STOPPED);
    uint64_t steps = vae_optimizer_steps(o->handle);
    CALL(w, expected, vae_train, m->handle, o->handle, d->handle, v->handle, text, on_event, &user);
    m->trained |= vae_optimizer_steps(o->handle) > steps;
    if (m->handle) settle_model(w, m, 1);
}

/* ---- checkpoints ---- */

static void save(world *w, size_t file) {
    model_slot *m = a_model(w);
    optimizer_slot *o = optimizer_for(w, m);
    dataset_slot *d = a_dataset(w);
    size_t width = d->handle ? d->width : m->width;
    model_slot any = *m;
    any.has_scaling = 1; /* it trains nothing */
    unsigned expected = step_statuses(w, &any, o, width, GOOD, 0);
    if (!CALL(w, expected, vae_checkpoint_save, m->handle, o->handle, d->handle, file_name(file)))
        w->files[file] = CHECKPOINT_FILE;
}

static void resume(world *w, size_t file) {
    model_slot *m = &w->models[below(w, SLOTS)];
    optimizer_slot *o = &w->optimizers[below(w, SLOTS)];
    dataset_slot *d = a_dataset(w);
    file_kind kind = w->files[file];
    NOTE(w, vae_model_destroy)(m->handle);
    NOTE(w, vae_optimizer_destroy)(o->handle);
    *m = (model_slot){0};
    *o = (optimizer_slot){0};
    unsigned expected = kind == NO_FILE      ? ONE(VAE_ERROR_FILE)
                        : kind == MODEL_FILE ? ONE(VAE_ERROR_FORMAT)
                                             : OK;
    if (kind == DAMAGED_FILE) expected |= ONE(VAE_ERROR_FORMAT);
    if (expected & OK) expected |= BECAUSE(d->handle, VAE_ERROR_MISMATCH);
    CALL(w, expected, vae_checkpoint_load, w->contexts[below(w, SLOTS)], file_name(file), d->handle,
         &m->handle, &o->handle);
    must(w, !m->handle == !o->handle, "a model without its optimizer");
    if (!m->handle) return;
    w->wild |= kind == DAMAGED_FILE;
    m->identity = o->model = ++w->identities;
    m->initialized = m->trained = m->has_scaling = 1;
    m->width = vae_model_width(m->handle);
    m->latent = vae_model_latent(m->handle);
    m->digest = model_digest(w, m->handle);
}

void call_checkpoint(world *w) {
    size_t file = below(w, SLOTS);
    if (one_in(w, 2)) {
        save(w, file);
    } else {
        resume(w, file);
    }
}
