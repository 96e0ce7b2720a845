/* The doors of training: what they refuse, that a refused step changes nothing, what reports hold,
 * and how long training ends. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "support/checks.h"
#include "support/cmocka.h"

#define BERNOULLI "input=4 latent=2 likelihood=bernoulli encoder=[dense 5, relu] decoder=[dense 5]"
#define GAUSSIAN "input=4 latent=2 likelihood=gaussian encoder=[dense 5, relu] decoder=[dense 5]"

enum { ROWS = 10, WIDTH = 4 };

static const float rows[ROWS * WIDTH] = {
    0, 1, 0, 1, 1, 0, 0, 1, 0.5f, 0.25f, 1, 0, 0, 0, 1, 1, 1, 1, 0, 0,
    1, 1, 1, 0, 0, 1, 1, 1, 0,    0,     0, 1, 1, 0, 0, 0, 0, 1, 0, 0,
};

/* A model with all that trains it. */
typedef struct bench {
    vae_model *model;
    vae_optimizer *optimizer;
    vae_dataset *data;
} bench;

static bench set_up(const char *spec, const char *optimizer, const char *data) {
    bench b = {0};
    assert_ok(vae_model_create(NULL, spec, &b.model));
    assert_ok(vae_optimizer_create(b.model, optimizer, &b.optimizer));
    assert_ok(vae_dataset_from_memory(NULL, rows, ROWS, WIDTH, data, &b.data));
    return b;
}

static void tear_down(bench *b) {
    vae_dataset_destroy(b->data);
    vae_optimizer_destroy(b->optimizer);
    vae_model_destroy(b->model);
}

/* The bytes of the model's file: its parameters to the bit. */
typedef struct image {
    size_t size;
    unsigned char *bytes;
} image;

static image take_image(const vae_model *model) {
    image taken = {0};
    assert_ok(vae_model_save_memory(model, NULL, 0, &taken.size));
    taken.bytes = malloc(taken.size);
    assert_ok(vae_model_save_memory(model, taken.bytes, taken.size, &taken.size));
    return taken;
}

/* Frees both. */
static int images_are_equal(image a, image b) {
    int same = a.size == b.size && !memcmp(a.bytes, b.bytes, a.size);
    free(a.bytes);
    free(b.bytes);
    return same;
}

/* ---- arguments ---- */

static void refuses_arguments(void **state) {
    bench b = set_up(BERNOULLI, NULL, NULL), other = set_up(BERNOULLI, NULL, NULL);
    vae_optimizer *none = (vae_optimizer *)&none;
    vae_dataset *narrow;
    image before = take_image(b.model);
    (void)state;
    assert_ok(vae_dataset_from_memory(NULL, rows, 5, 3, NULL, &narrow));
    assert_fails(vae_optimizer_create(b.model, NULL, NULL), VAE_ERROR_ARGUMENT, "out is NULL");
    assert_fails(vae_optimizer_create(NULL, NULL, &none), VAE_ERROR_ARGUMENT, "model is NULL");
    assert_null(none);
    none = (vae_optimizer *)&none;
    assert_fails(vae_optimizer_create(b.model, "adm", &none), VAE_ERROR_TEXT, "adm");
    assert_null(none);
    assert_fails(vae_step(NULL, b.optimizer, b.data, NULL), VAE_ERROR_ARGUMENT,
                 "vae_step: model is NULL");
    assert_fails(vae_step(b.model, NULL, b.data, NULL), VAE_ERROR_ARGUMENT,
                 "vae_step: optimizer is NULL");
    assert_fails(vae_step(b.model, b.optimizer, NULL, NULL), VAE_ERROR_ARGUMENT,
                 "vae_step: dataset is NULL");
    assert_fails(vae_step(b.model, other.optimizer, b.data, NULL), VAE_ERROR_MISMATCH,
                 "vae_step: the optimizer was created for another model");
    assert_fails(vae_step(b.model, b.optimizer, narrow, NULL), VAE_ERROR_WIDTH,
                 "vae_step: the data set's width is 3; expected 4, the model's input");
    assert_fails(vae_step_rows(NULL, b.optimizer, rows, 1, WIDTH, NULL), VAE_ERROR_ARGUMENT,
                 "vae_step_rows: model is NULL");
    assert_fails(vae_step_rows(b.model, b.optimizer, NULL, 1, WIDTH, NULL), VAE_ERROR_ARGUMENT,
                 "vae_step_rows: x is NULL");
    assert_fails(vae_step_rows(b.model, b.optimizer, rows, 0, WIDTH, NULL), VAE_ERROR_ARGUMENT,
                 "n is 0");
    assert_fails(vae_step_rows(b.model, b.optimizer, rows, 1, 5, NULL), VAE_ERROR_WIDTH,
                 "width is 5");
    assert_fails(vae_step_rows(b.model, other.optimizer, rows, 1, WIDTH, NULL), VAE_ERROR_MISMATCH,
                 "vae_step_rows: the optimizer");
    assert_fails(vae_train(b.model, other.optimizer, b.data, NULL, NULL, NULL, NULL),
                 VAE_ERROR_MISMATCH, "vae_train: the optimizer");
    assert_fails(vae_train(b.model, b.optimizer, NULL, NULL, NULL, NULL, NULL), VAE_ERROR_ARGUMENT,
                 "vae_train: dataset is NULL");
    assert_fails(vae_train(b.model, b.optimizer, narrow, NULL, NULL, NULL, NULL), VAE_ERROR_WIDTH,
                 "the data set's width is 3");
    assert_fails(vae_train(b.model, b.optimizer, b.data, narrow, NULL, NULL, NULL), VAE_ERROR_WIDTH,
                 "the validation set's width is 3");
    assert_fails(vae_optimizer_set(NULL, "lr=1"), VAE_ERROR_ARGUMENT, "optimizer is NULL");
    assert_fails(vae_optimizer_memory(NULL, NULL, NULL), VAE_ERROR_ARGUMENT, "optimizer is NULL");
    assert_fails(vae_optimizer_plan(NULL, NULL, 0, NULL), VAE_ERROR_ARGUMENT, "optimizer is NULL");
    assert_int_equal(vae_optimizer_steps(NULL), 0);
    assert_string_equal(vae_optimizer_options(NULL), "");
    vae_optimizer_destroy(NULL);
    assert_int_equal(vae_dataset_position(b.data), 0);
    assert_int_equal(vae_optimizer_steps(b.optimizer), 0);
    assert_true(images_are_equal(before, take_image(b.model)));
    vae_dataset_destroy(narrow);
    tear_down(&other);
    tear_down(&b);
}

/* ---- struct_size ---- */

static void writes_as_much_report_as_there_is_room_for(void **state) {
    union {
        vae_step_report report;
        unsigned char bytes[sizeof(vae_step_report) + 64];
    } room;
    static const uint32_t sizes[] = {8,
                                     9,
                                     15,
                                     16,
                                     24,
                                     47,
                                     48,
                                     sizeof(vae_step_report) - 1,
                                     sizeof(vae_step_report),
                                     sizeof(vae_step_report) + 8,
                                     sizeof(vae_step_report) + 64,
                                     UINT32_MAX};
    bench b = set_up(BERNOULLI, NULL, "batch=3");
    (void)state;
    for (size_t s = 0; s < 2 * COUNT_OF(sizes); s++) {
        uint32_t size = sizes[s / 2];
        size_t end = size < sizeof(vae_step_report) ? size : sizeof(vae_step_report);
        memset(&room, 0xEE, sizeof room);
        room.report.struct_size = size;
        if (s % 2) {
            assert_ok(vae_step(b.model, b.optimizer, b.data, &room.report));
        } else {
            assert_ok(vae_step_rows(b.model, b.optimizer, rows, 2, WIDTH, &room.report));
        }
        assert_int_equal(room.report.struct_size, size);
        assert_int_equal(room.report.flags & ~(uint32_t)VAE_STEP_EPOCH_END, 0);
        for (size_t i = end; i < sizeof room; i++) assert_int_equal(room.bytes[i], 0xEE);
        if (end >= 16) assert_int_equal(room.report.step, s + 1);
        if (end == sizeof room.report) assert_true(isfinite(room.report.gradient_norm));
    }
    for (uint32_t size = 0; size < 8; size++) {
        memset(&room, 0xEE, sizeof room);
        room.report.struct_size = size;
        assert_fails(vae_step(b.model, b.optimizer, b.data, &room.report), VAE_ERROR_ARGUMENT,
                     "sizeof(vae_step_report)");
        assert_fails(vae_step_rows(b.model, b.optimizer, rows, 2, WIDTH, &room.report),
                     VAE_ERROR_ARGUMENT, "struct_size is ");
        for (size_t i = 4; i < sizeof room; i++) assert_int_equal(room.bytes[i], 0xEE);
    }
    assert_int_equal(vae_optimizer_steps(b.optimizer), 2 * COUNT_OF(sizes));
    tear_down(&b);
}

/* ---- refused and diverged steps ---- */

/* Two optimizers see the same good batches; only one of them sees bad ones in between: afterwards
 * the models are equal to the bit, so neither parameters, moments nor the step count had moved. */
static void leaves_everything_as_it_was(void **state) {
    static const struct {
        const char *spec, *optimizer, *bad_options, *good_options; /* of the optimizer */
        float bad;
        vae_status status;
        const char *part;
    } cases[] = {
        {BERNOULLI, "adam", NULL, NULL, NAN, VAE_ERROR_DATA, "row 1, column 2 is nan"},
        {BERNOULLI, "adam", NULL, NULL, 1.25f, VAE_ERROR_DATA,
         "row 1, column 2 is 1.25: likelihood=bernoulli takes values from 0 to 1"},
        {BERNOULLI, "sgd momentum=0.9 clip_norm=1", NULL, NULL, -1, VAE_ERROR_DATA,
         "row 1, column 2 is -1"},
        {GAUSSIAN, "adam", NULL, NULL, INFINITY, VAE_ERROR_DATA, "row 1, column 2 is inf"},
        {GAUSSIAN, "adam", NULL, NULL, 3e38f, VAE_ERROR_DIVERGED, "is not finite"},
        {GAUSSIAN " sigma=optimal", "adam", NULL, NULL, 3e38f, VAE_ERROR_DIVERGED, "is not finite"},
        {GAUSSIAN, "adamw clip_norm=1", NULL, NULL, 3e38f, VAE_ERROR_DIVERGED, "is not finite"},
        {GAUSSIAN " sigma=1e-3", "sgd momentum=0.9 lr=1e-9", "lr=1e6", "lr=1e-9", 1e16f,
         VAE_ERROR_DIVERGED, "is not finite"},
    };
    (void)state;
    for (size_t c = 0; c < COUNT_OF(cases); c++) {
        bench plain = set_up(cases[c].spec, cases[c].optimizer, NULL);
        bench hit = set_up(cases[c].spec, cases[c].optimizer, NULL);
        float bad[3 * WIDTH];
        memcpy(bad, rows, sizeof bad);
        /* A model in double takes what overflows one in float. */
        if (cases[c].status == VAE_ERROR_DIVERGED && strstr(vae_build_info(), "double")) {
            tear_down(&plain);
            tear_down(&hit);
            continue;
        }
        bad[1 * WIDTH + 2] = cases[c].bad;
        for (uint64_t i = 0; i < 4; i++) {
            vae_step_report report = {.struct_size = sizeof report};
            image before = take_image(hit.model);
            if (cases[c].bad_options)
                assert_ok(vae_optimizer_set(hit.optimizer, cases[c].bad_options));
            assert_fails(vae_step_rows(hit.model, hit.optimizer, bad, 3, WIDTH, &report),
                         cases[c].status, cases[c].part);
            if (cases[c].good_options)
                assert_ok(vae_optimizer_set(hit.optimizer, cases[c].good_options));
            assert_true(report.flags & VAE_STEP_REFUSED);
            assert_int_equal(report.step, i);
            assert_int_equal(vae_optimizer_steps(hit.optimizer), i);
            assert_true(images_are_equal(before, take_image(hit.model)));
            assert_ok(vae_step_rows(hit.model, hit.optimizer, rows, ROWS, WIDTH, &report));
            assert_ok(vae_step_rows(plain.model, plain.optimizer, rows, ROWS, WIDTH, NULL));
            assert_int_equal(report.flags & VAE_STEP_REFUSED, 0);
        }
        if (!images_are_equal(take_image(plain.model), take_image(hit.model)))
            fail_msg("case %zu: a refused step left a trace", c);
        tear_down(&hit);
        tear_down(&plain);
    }
}

/* Parameters that are huge already: in every real type a step with a large rate overflows. */
static void does_not_write_what_is_not_finite(void **state) {
    bench b = set_up(GAUSSIAN " sigma=1", "sgd lr=1e6", NULL);
    float bias[WIDTH] = {3e38f, -3e38f, 3e38f, 1}, x[WIDTH] = {-3e38f, 3e38f, -3e38f, 0};
    int diverged = 0;
    (void)state;
    assert_ok(vae_model_parameter_set(b.model, "likelihood.bias", bias, WIDTH));
    for (int i = 0; i < 100 && !diverged; i++) {
        uint64_t steps = vae_optimizer_steps(b.optimizer);
        image before = take_image(b.model);
        vae_step_report report = {.struct_size = sizeof report};
        vae_status status = vae_step_rows(b.model, b.optimizer, x, 1, WIDTH, &report);
        image after = take_image(b.model);
        if (!status) {
            free(before.bytes);
            free(after.bytes);
            continue;
        }
        diverged = 1;
        assert_int_equal(status, VAE_ERROR_DIVERGED);
        assert_non_null(strstr(vae_last_error(), "nothing was updated"));
        assert_true(report.flags & VAE_STEP_REFUSED);
        assert_int_equal(vae_optimizer_steps(b.optimizer), steps);
        assert_true(images_are_equal(before, after));
    }
    assert_true(diverged);
    tear_down(&b);
}

static void a_refused_batch_is_consumed(void **state) {
    float bad[ROWS * WIDTH];
    bench b = set_up(BERNOULLI, NULL, NULL);
    vae_dataset *data;
    vae_step_report report = {.struct_size = sizeof report};
    (void)state;
    memcpy(bad, rows, sizeof bad);
    bad[5 * WIDTH + 1] = 7;
    assert_ok(vae_dataset_from_memory(NULL, bad, ROWS, WIDTH, "batch=4 shuffle=0", &data));
    assert_ok(vae_step(b.model, b.optimizer, data, &report));
    assert_fails(vae_step(b.model, b.optimizer, data, &report), VAE_ERROR_DATA,
                 "row 5, column 1 is 7");
    assert_int_equal(report.position, 8);
    assert_int_equal(report.step, 1);
    assert_int_equal(report.flags, VAE_STEP_REFUSED);
    assert_ok(vae_step(b.model, b.optimizer, data, &report));
    assert_int_equal(report.flags, VAE_STEP_EPOCH_END);
    assert_int_equal(report.epoch, 1);
    assert_fails(vae_train(b.model, b.optimizer, data, NULL, NULL, NULL, NULL), VAE_ERROR_DATA,
                 "row 5, column 1");
    vae_dataset_destroy(data);
    tear_down(&b);
}

/* ---- epochs ---- */

static void counts_steps_and_epochs(void **state) {
    static const struct {
        const char *options;
        uint64_t batch, steps, last; /* rows of a batch, steps of an epoch, rows of its last */
    } cases[] = {
        {"batch=1", 1, 10, 1},
        {"batch=3", 3, 4, 1},
        {"batch=5", 5, 2, 5},
        {"batch=10", 10, 1, 10},
        {NULL, 10, 1, 10},
        {"batch=4", 4, 3, 2},
        {"batch=4 drop_last=1", 4, 2, 4},
        {"batch=9", 9, 2, 1},
    };
    (void)state;
    for (size_t c = 0; c < COUNT_OF(cases); c++) {
        bench b = set_up(BERNOULLI, "adam lr=1e-2 beta=0.5", cases[c].options);
        uint64_t step = 0;
        for (uint64_t epoch = 0; epoch < 3; epoch++) {
            for (uint64_t i = 1; i <= cases[c].steps; i++) {
                vae_step_report r = {.struct_size = sizeof r};
                int last = i == cases[c].steps;
                assert_ok(vae_step(b.model, b.optimizer, b.data, &r));
                assert_int_equal(r.step, ++step);
                assert_int_equal(r.rows, last ? cases[c].last : cases[c].batch);
                assert_int_equal(r.flags, last ? VAE_STEP_EPOCH_END : 0);
                assert_int_equal(r.epoch, epoch + (uint64_t)last);
                assert_int_equal(r.position, last ? 0 : i * cases[c].batch);
                assert_float_equal(r.elbo, r.reconstruction - r.kl, 1e-9);
                assert_float_equal(r.objective, r.reconstruction - 0.5 * r.kl, 1e-9);
                assert_float_equal(r.beta, 0.5, 0);
                assert_float_equal(r.learning_rate, 1e-2, 0);
                assert_true(r.gradient_norm > 0);
            }
        }
        tear_down(&b);
    }
}

static void flags_a_clipped_gradient(void **state) {
    static const char *const options[] = {"sgd clip_norm=1e-6", "sgd clip_norm=1e6", "sgd"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        bench b = set_up(BERNOULLI, options[i], NULL);
        vae_step_report report = {.struct_size = sizeof report};
        assert_ok(vae_step_rows(b.model, b.optimizer, rows, ROWS, WIDTH, &report));
        assert_int_equal(report.flags, i == 0 ? VAE_STEP_CLIPPED : 0);
        assert_int_equal(report.epoch, 0);
        assert_int_equal(report.position, 0);
        assert_true(report.gradient_norm > 1e-6);
        tear_down(&b);
    }
}

/* ---- options ---- */

static void refused_options_change_nothing(void **state) {
    static const struct {
        const char *options, *part;
    } cases[] = {
        {"lr=0.5 betta=2", "unknown option 'betta'; did you mean 'beta'?"},
        {"lr=0.5 lr=0.25", "'lr' is given twice"},
        {"beta=3 lr=-1", "lr=-1: expected"},
        {"beta=3 lr=nan", "lr=nan"},
        {"sgd lr=0.5", "the algorithm cannot change from adam to sgd"},
        {"lr=0.5 momentum=0.9", "momentum and nesterov belong to sgd"},
        {"lr=0.5 schedule=cosine", "need steps=N"},
        {"lr=0.5 samples=0", "samples=0: expected"},
    };
    bench b = set_up(BERNOULLI, "adam lr=1e-2", NULL), plain = set_up(BERNOULLI, "lr=0.01", NULL);
    char *before = malloc(strlen(vae_optimizer_options(b.optimizer)) + 1);
    (void)state;
    strcpy(before, vae_optimizer_options(b.optimizer));
    assert_string_equal(before, vae_optimizer_options(plain.optimizer));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_ok(vae_step(b.model, b.optimizer, b.data, NULL));
        assert_ok(vae_step(plain.model, plain.optimizer, plain.data, NULL));
        assert_fails(vae_optimizer_set(b.optimizer, cases[i].options), VAE_ERROR_TEXT,
                     cases[i].part);
        assert_string_equal(vae_optimizer_options(b.optimizer), before);
        assert_int_equal(vae_optimizer_steps(b.optimizer), i + 1);
    }
    assert_ok(vae_step(b.model, b.optimizer, b.data, NULL));
    assert_ok(vae_step(plain.model, plain.optimizer, plain.data, NULL));
    assert_true(images_are_equal(take_image(b.model), take_image(plain.model)));
    assert_ok(vae_optimizer_set(b.optimizer, "beta=2"));
    assert_non_null(strstr(vae_optimizer_options(b.optimizer), "beta=2"));
    assert_non_null(strstr(vae_optimizer_options(b.optimizer), "lr=0.01"));
    free(before);
    tear_down(&plain);
    tear_down(&b);
}

/* ---- vae_train ---- */

typedef struct listener {
    uint64_t steps, epochs, stop_after_steps, stop_after_epochs;
    int validated;
    double best, elbo[64]; /* validation ELBO: the best, and per epoch */
} listener;

static int32_t listen(void *user, int32_t event, const vae_step_report *train,
                      const vae_step_report *validation) {
    listener *l = user;
    assert_int_equal(train->struct_size, sizeof *train);
    if (event == VAE_EVENT_STEP) {
        assert_null(validation);
        return ++l->steps == l->stop_after_steps;
    }
    assert_int_equal(event, VAE_EVENT_EPOCH);
    l->validated = validation != NULL;
    if (validation && l->epochs < COUNT_OF(l->elbo)) l->elbo[l->epochs] = validation->elbo;
    if (validation && (!l->epochs || validation->elbo > l->best)) l->best = validation->elbo;
    assert_int_equal(train->rows, ROWS);
    return ++l->epochs == l->stop_after_epochs;
}

static void trains_and_stops(void **state) {
    static const struct {
        const char *options;
        uint64_t stop_steps, stop_epochs, steps, epochs; /* asked for; found */
        vae_status status;
    } cases[] = {
        {NULL, 0, 0, 3, 1, VAE_OK},
        {"epochs=4", 0, 0, 12, 4, VAE_OK},
        {"epochs=4", 5, 0, 5, 1, VAE_STOPPED},
        {"epochs=4", 0, 2, 6, 2, VAE_STOPPED},
        {"epochs=0", 0, 0, 0, 0, VAE_OK},
    };
    (void)state;
    for (size_t c = 0; c < 2 * COUNT_OF(cases); c++) {
        bench b = set_up(BERNOULLI, NULL, "batch=4");
        listener l = {.stop_after_steps = cases[c / 2].stop_steps,
                      .stop_after_epochs = cases[c / 2].stop_epochs};
        vae_status status = vae_train(b.model, b.optimizer, b.data, c % 2 ? b.data : NULL,
                                      cases[c / 2].options, listen, &l);
        assert_int_equal(status, cases[c / 2].status);
        assert_int_equal(l.steps, cases[c / 2].steps);
        assert_int_equal(l.epochs, cases[c / 2].epochs);
        assert_int_equal(vae_optimizer_steps(b.optimizer), l.steps); /* what was done stands */
        if (l.epochs) assert_int_equal(l.validated, c % 2);
        tear_down(&b);
    }
}

static void the_first_epoch_is_the_rest_of_one(void **state) {
    bench b = set_up(BERNOULLI, NULL, "batch=4");
    (void)state;
    assert_ok(vae_step(b.model, b.optimizer, b.data, NULL));
    assert_ok(vae_train(b.model, b.optimizer, b.data, NULL, "epochs=2", NULL, NULL));
    assert_int_equal(vae_dataset_epoch(b.data), 2);
    assert_int_equal(vae_dataset_position(b.data), 0);
    assert_int_equal(vae_optimizer_steps(b.optimizer), 6);
    tear_down(&b);
}

static void patience_needs_a_validation_set(void **state) {
    static const struct {
        const char *options, *part;
    } cases[] = {
        {"patience=2", "patience and restore_best need a validation data set"},
        {"restore_best=1", "patience and restore_best need a validation data set"},
        {"epoch=2", "unknown option 'epoch'; did you mean 'epochs'?"},
        {"restore_best=2", "restore_best=2: expected 0 or 1"},
        {"min_delta=-1", "min_delta=-1: expected"},
    };
    bench b = set_up(BERNOULLI, NULL, NULL);
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_fails(vae_train(b.model, b.optimizer, b.data, NULL, cases[i].options, NULL, NULL),
                     VAE_ERROR_TEXT, cases[i].part);
    }
    assert_int_equal(vae_optimizer_steps(b.optimizer), 0);
    tear_down(&b);
}

/* lr=0 makes no epoch better than the first. */
static void patience_ends_it(void **state) {
    static const struct {
        const char *optimizer;
        uint64_t epochs;
    } cases[] = {
        {"adam lr=0", 4}, {"adam lr=0 beta_warmup=9", 3 + 3}, {"adam lr=0 warmup=7", 3 + 3}};
    (void)state;
    for (size_t c = 0; c < COUNT_OF(cases); c++) {
        bench b = set_up(BERNOULLI, cases[c].optimizer, "batch=4");
        listener l = {0};
        assert_int_equal(
            vae_train(b.model, b.optimizer, b.data, b.data, "epochs=20 patience=3", listen, &l),
            VAE_OK);
        assert_int_equal(l.epochs, cases[c].epochs);
        tear_down(&b);
    }
}

/* A rate this large makes the bound worse sooner or later; the parameters kept are the best's. */
static void restores_the_best(void **state) {
    static const char *const options[] = {"epochs=12 restore_best=0", "epochs=12 restore_best=1"};
    double best[2];
    (void)state;
    for (size_t c = 0; c < 2; c++) {
        bench b = set_up(BERNOULLI, "adam lr=0.5", "batch=4");
        listener l = {.stop_after_epochs = 11}, after = {0};
        assert_int_equal(vae_train(b.model, b.optimizer, b.data, b.data, options[c], listen, &l),
                         VAE_STOPPED);
        assert_true(l.elbo[10] < l.best);
        best[c] = l.best;
        /* An epoch at lr=0 tells the ELBO of the parameters that were left. */
        assert_ok(vae_optimizer_set(b.optimizer, "lr=0"));
        assert_ok(vae_train(b.model, b.optimizer, b.data, b.data, NULL, listen, &after));
        assert_float_equal(after.elbo[0], c ? l.best : l.elbo[10], 0);
        tear_down(&b);
    }
    assert_float_equal(best[0], best[1], 0);
}

/* ---- memory and plan ---- */

static void tells_memory_and_plan(void **state) {
    bench b = set_up(BERNOULLI, "adam", NULL), sgd = set_up(BERNOULLI, "sgd", NULL);
    uint64_t state_bytes, workspace, parameters;
    size_t length = 99, again;
    char text[4096] = "x";
    (void)state;
    assert_ok(vae_optimizer_plan(b.optimizer, text, sizeof text, &length));
    assert_string_equal(text, "");
    assert_int_equal(length, 1);
    assert_ok(vae_model_memory(b.model, &parameters, NULL));
    assert_ok(vae_optimizer_memory(b.optimizer, &state_bytes, &workspace));
    assert_in_range(state_bytes, 2 * vae_model_parameter_total(b.model) * 4, 2 * parameters);
    assert_int_equal(workspace, 0);
    assert_ok(vae_optimizer_memory(sgd.optimizer, &state_bytes, NULL));
    assert_int_equal(state_bytes, parameters); /* kept for a momentum that is set later */
    assert_ok(vae_step(b.model, b.optimizer, b.data, NULL));
    assert_ok(vae_optimizer_memory(b.optimizer, NULL, &workspace));
    assert_true(workspace > 0);
    assert_ok(vae_optimizer_plan(b.optimizer, NULL, 0, &length));
    assert_ok(vae_optimizer_plan(b.optimizer, text, sizeof text, &again));
    assert_int_equal(length, again);
    assert_int_equal(length, strlen(text) + 1);
    assert_ok(vae_optimizer_plan(b.optimizer, text, 7, NULL));
    assert_string_equal(text, "train:");
    tear_down(&sgd);
    tear_down(&b);
}

/* Its sigma weighs all draws alike, so that the gradient would not be the objective's. */
static void refuses_optimal_sigma_with_iwae(void **state) {
    bench b = set_up("input=5 latent=2 likelihood=gaussian sigma=optimal", "adam", NULL);
    vae_optimizer *other;
    (void)state;
    assert_fails(vae_optimizer_create(b.model, "adam objective=iwae samples=2", &other),
                 VAE_ERROR_TEXT, "objective=iwae does not go with sigma=optimal");
    assert_null(other);
    assert_fails(vae_optimizer_set(b.optimizer, "objective=iwae samples=2"), VAE_ERROR_TEXT,
                 "use a model with sigma=shared");
    assert_null(strstr(vae_optimizer_options(b.optimizer), "iwae"));
    assert_ok(vae_optimizer_create(b.model, "adam objective=iwae samples=1", &other));
    vae_optimizer_destroy(other);
    tear_down(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_optimal_sigma_with_iwae),
        cmocka_unit_test(refuses_arguments),
        cmocka_unit_test(writes_as_much_report_as_there_is_room_for),
        cmocka_unit_test(leaves_everything_as_it_was),
        cmocka_unit_test(does_not_write_what_is_not_finite),
        cmocka_unit_test(a_refused_batch_is_consumed),
        cmocka_unit_test(counts_steps_and_epochs),
        cmocka_unit_test(flags_a_clipped_gradient),
        cmocka_unit_test(refused_options_change_nothing),
        cmocka_unit_test(trains_and_stops),
        cmocka_unit_test(the_first_epoch_is_the_rest_of_one),
        cmocka_unit_test(patience_needs_a_validation_set),
        cmocka_unit_test(patience_ends_it),
        cmocka_unit_test(restores_the_best),
        cmocka_unit_test(tells_memory_and_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
