#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "support/checks.h"
#include "support/numbers.h"

#define SPEC "input=4 latent=2 likelihood=bernoulli encoder=[dense 5, relu] decoder=[dense 5, relu]"

typedef struct fixture {
    vae_model *model, *other;
    vae_optimizer *optimizer;
    vae_dataset *dataset, *narrow;
    float x[40];
} fixture;

static fixture f;

static int set_up(void **state) {
    (void)state;
    test_values(f.x, 40, 1, 0, 1);
    return vae_model_create(NULL, SPEC, &f.model) || vae_model_create(NULL, SPEC, &f.other) ||
           vae_optimizer_create(f.model, "adam lr=0.01", &f.optimizer) ||
           vae_dataset_from_memory(NULL, f.x, 10, 4, "batch=4", &f.dataset) ||
           vae_dataset_from_memory(NULL, f.x, 20, 2, "batch=4", &f.narrow);
}

static int tear_down(void **state) {
    (void)state;
    vae_dataset_destroy(f.narrow);
    vae_dataset_destroy(f.dataset);
    vae_optimizer_destroy(f.optimizer);
    vae_model_destroy(f.other);
    vae_model_destroy(f.model);
    return 0;
}

#define REFUSED(call, part) assert_fails(call, VAE_ERROR_ARGUMENT, part)

static void refuses_null(void **state) {
    vae_optimizer *out = f.optimizer;
    size_t length;
    (void)state;
    REFUSED(vae_optimizer_create(NULL, NULL, &out), "vae_optimizer_create: model is NULL");
    assert_null(out);
    REFUSED(vae_optimizer_create(f.model, NULL, NULL), "vae_optimizer_create: out is NULL");
    out = f.optimizer;
    assert_fails(vae_optimizer_create(f.model, "adom", &out), VAE_ERROR_TEXT,
                 "optimizer:1:1: unknown algorithm 'adom'; did you mean 'adam'?");
    assert_null(out);
    REFUSED(vae_optimizer_set(NULL, "lr=1"), "vae_optimizer_set: optimizer is NULL");
    REFUSED(vae_optimizer_memory(NULL, NULL, NULL), "vae_optimizer_memory: optimizer is NULL");
    REFUSED(vae_optimizer_plan(NULL, NULL, 0, &length), "vae_optimizer_plan: optimizer is NULL");
    REFUSED(vae_step(NULL, f.optimizer, f.dataset, NULL), "vae_step: model is NULL");
    REFUSED(vae_step(f.model, NULL, f.dataset, NULL), "vae_step: optimizer is NULL");
    REFUSED(vae_step(f.model, f.optimizer, NULL, NULL), "vae_step: dataset is NULL");
    REFUSED(vae_step_rows(NULL, f.optimizer, f.x, 1, 4, NULL), "vae_step_rows: model is NULL");
    REFUSED(vae_step_rows(f.model, NULL, f.x, 1, 4, NULL), "vae_step_rows: optimizer is NULL");
    REFUSED(vae_step_rows(f.model, f.optimizer, NULL, 1, 4, NULL), "vae_step_rows: x is NULL");
    REFUSED(vae_step_rows(f.model, f.optimizer, f.x, 0, 4, NULL),
            "vae_step_rows: n is 0; a step needs at least one row");
    REFUSED(vae_step_rows(f.model, f.optimizer, f.x, SIZE_MAX, 4, NULL), "a batch of ");
    REFUSED(vae_train(NULL, f.optimizer, f.dataset, NULL, NULL, NULL, NULL),
            "vae_train: model is NULL");
    REFUSED(vae_train(f.model, NULL, f.dataset, NULL, NULL, NULL, NULL),
            "vae_train: optimizer is NULL");
    REFUSED(vae_train(f.model, f.optimizer, NULL, NULL, NULL, NULL, NULL),
            "vae_train: dataset is NULL");
    assert_int_equal(vae_optimizer_steps(NULL), 0);
    assert_string_equal(vae_optimizer_options(NULL), "");
    vae_optimizer_destroy(NULL);
    assert_int_equal(vae_optimizer_steps(f.optimizer), 0);
    assert_int_equal(vae_dataset_position(f.dataset), 0);
}

static void refuses_widths(void **state) {
    (void)state;
    assert_fails(vae_step(f.model, f.optimizer, f.narrow, NULL), VAE_ERROR_WIDTH,
                 "vae_step: the data set's width is 2; expected 4, the model's input");
    assert_fails(vae_step_rows(f.model, f.optimizer, f.x, 1, 3, NULL), VAE_ERROR_WIDTH,
                 "vae_step_rows: width is 3; expected 4, the model's input");
    assert_fails(vae_train(f.model, f.optimizer, f.narrow, NULL, NULL, NULL, NULL), VAE_ERROR_WIDTH,
                 "vae_train: the data set's width is 2; expected 4");
    assert_fails(vae_train(f.model, f.optimizer, f.dataset, f.narrow, NULL, NULL, NULL),
                 VAE_ERROR_WIDTH, "vae_train: the validation set's width is 2; expected 4");
    assert_int_equal(vae_dataset_position(f.narrow), 0);
}

/* Also of a clone, whose parameters would fit. */
static void refuses_another_models_optimizer(void **state) {
    vae_model *clone;
    (void)state;
    assert_ok(vae_model_clone(f.model, &clone));
    vae_model *others[] = {f.other, clone};
    for (size_t i = 0; i < 2; i++) {
        assert_fails(vae_step(others[i], f.optimizer, f.dataset, NULL), VAE_ERROR_MISMATCH,
                     "vae_step: the optimizer was created for another model");
        assert_fails(vae_step_rows(others[i], f.optimizer, f.x, 1, 4, NULL), VAE_ERROR_MISMATCH,
                     "vae_step_rows: the optimizer was created for another model");
        assert_fails(vae_train(others[i], f.optimizer, f.dataset, NULL, NULL, NULL, NULL),
                     VAE_ERROR_MISMATCH, "vae_train: the optimizer was created for another model");
    }
    assert_int_equal(vae_dataset_position(f.dataset), 0);
    vae_model_destroy(clone);
}

static void tells_its_memory(void **state) {
    uint64_t bytes, workspace, parameters, larger;
    vae_optimizer *sgd;
    (void)state;
    assert_ok(vae_model_memory(f.model, &parameters, NULL));
    assert_ok(vae_optimizer_memory(f.optimizer, &bytes, &workspace));
    assert_int_equal(bytes, 2 * parameters);
    assert_int_equal(workspace, 0);
    assert_ok(vae_step_rows(f.model, f.optimizer, f.x, 2, 4, NULL));
    assert_ok(vae_optimizer_memory(f.optimizer, NULL, &workspace));
    assert_ok(vae_step_rows(f.model, f.optimizer, f.x, 10, 4, NULL));
    assert_ok(vae_optimizer_memory(f.optimizer, NULL, &larger));
    assert_true(larger > workspace && workspace > 0);
    assert_ok(vae_step_rows(f.model, f.optimizer, f.x, 2, 4, NULL));
    assert_ok(vae_optimizer_memory(f.optimizer, NULL, &workspace));
    assert_int_equal(workspace, larger);
    assert_ok(vae_optimizer_set(f.optimizer, "clip_norm=1"));
    assert_ok(vae_step_rows(f.model, f.optimizer, f.x, 2, 4, NULL));
    assert_ok(vae_optimizer_memory(f.optimizer, &bytes, NULL));
    assert_int_equal(bytes, 3 * parameters);
    assert_ok(vae_optimizer_memory(f.optimizer, NULL, NULL));
    assert_ok(vae_optimizer_create(f.model, "sgd momentum=0.9", &sgd));
    assert_ok(vae_optimizer_memory(sgd, &bytes, NULL));
    assert_int_equal(bytes, parameters);
    vae_optimizer_destroy(sgd);
}

static void gives_its_plan(void **state) {
    size_t length = 7;
    char cut[8];
    (void)state;
    memset(cut, 'x', sizeof cut);
    assert_ok(vae_optimizer_plan(f.optimizer, cut, sizeof cut, &length));
    assert_int_equal(length, 1);
    assert_string_equal(cut, ""); /* none before the first step */
    assert_ok(vae_step(f.model, f.optimizer, f.dataset, NULL));
    assert_ok(vae_optimizer_plan(f.optimizer, cut, 6, &length));
    assert_memory_equal(cut, "train\0xx", 8);
    char *text = malloc(length);
    assert_ok(vae_optimizer_plan(f.optimizer, text, length, NULL));
    assert_int_equal(strlen(text) + 1, length);
    static const char *const parts[] = {"train: rows n <= 4, samples K = 1, arena ",
                                        "segment 1 (each share of rows)",
                                        "bias + relu:",
                                        "bias + bernoulli + its gradient:",
                                        "posterior_draw backward:",
                                        "encoder.0.weight [5, 4] in 1 block of 5 rows"};
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (!strstr(text, parts[i])) fail_msg("no \"%s\" in\n%s", parts[i], text);
    }
    free(text);
}

/* ---- a steady state allocates nothing ---- */

static uint64_t allocations_of(const vae_context *context) {
    uint64_t made;
    assert_ok(vae_context_memory(context, NULL, NULL, &made));
    return made;
}

static void steps_without_allocating(void **state) {
    static const char *const optimizers[] = {
        "adam", "adamw clip_norm=0.1", "sgd momentum=0.9 nesterov=1",
        "adam samples=3 free_bits=0.1", "adam warmup=10 beta_warmup=10 schedule=cosine steps=9"};
    static const char *const likelihoods[] = {"bernoulli", "gaussian", "gaussian sigma=optimal",
                                              "gaussian sigma=decoder"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(optimizers) * COUNT_OF(likelihoods); i++) {
        host_allocator counts;
        char spec[200];
        vae_model *model;
        vae_optimizer *optimizer;
        vae_dataset *dataset;
        vae_step_report report = {.struct_size = sizeof report};
        vae_context *context = counted_context(i % 2 ? "threads=2" : NULL, &counts);
        snprintf(spec, sizeof spec,
                 "input=4 latent=2 encoder=[dense 5, gelu] decoder=[dense 5, relu] likelihood=%s",
                 likelihoods[i % COUNT_OF(likelihoods)]);
        assert_ok(vae_model_create(context, spec, &model));
        assert_ok(vae_optimizer_create(model, optimizers[i / COUNT_OF(likelihoods)], &optimizer));
        assert_ok(vae_dataset_from_memory(context, f.x, 10, 4, "batch=4", &dataset));
        assert_ok(vae_step(model, optimizer, dataset, NULL));
        uint64_t before = allocations_of(context);
        size_t calls = atomic_load(&counts.calls);
        for (int k = 0; k < 12; k++) assert_ok(vae_step(model, optimizer, dataset, &report));
        assert_ok(vae_step_rows(model, optimizer, f.x, 3, 4, &report));
        assert_int_equal(allocations_of(context), before);
        assert_int_equal(atomic_load(&counts.calls), calls);
        vae_dataset_destroy(dataset);
        vae_optimizer_destroy(optimizer);
        vae_model_destroy(model);
        vae_context_destroy(context);
        assert_int_equal(atomic_load(&counts.blocks), 0);
    }
}

/* Bytes while training P parameters with Adam: 3 x P values and the workspaces. */
static void takes_three_times_the_parameters(void **state) {
    host_allocator counts;
    vae_model *model;
    vae_optimizer *optimizer;
    uint64_t parameters, moments, workspace, held;
    static float x[4 * 300];
    (void)state;
    test_values(x, COUNT_OF(x), 1, 0, 1);
    vae_context *context = counted_context(NULL, &counts);
    assert_ok(vae_model_create(context,
                               "input=300 latent=20 likelihood=bernoulli encoder=[dense 400, relu] "
                               "decoder=[dense 400, relu]",
                               &model));
    assert_ok(vae_optimizer_create(model, NULL, &optimizer));
    assert_ok(vae_step_rows(model, optimizer, x, 4, 300, NULL));
    assert_ok(vae_model_memory(model, &parameters, NULL));
    assert_ok(vae_optimizer_memory(optimizer, &moments, &workspace));
    assert_ok(vae_context_memory(context, &held, NULL, NULL));
    uint64_t values = vae_model_parameter_total(model) * sizeof(vae__real);
    assert_int_equal(moments, 2 * parameters);
    assert_true(parameters < values + 20 * 64);
    assert_true(held < 3 * parameters + workspace + 150000); /* graphs, plans, texts */
    vae_optimizer_destroy(optimizer);
    vae_model_destroy(model);
    vae_context_destroy(context);
}

/* ---- threads ---- */

enum { STEPS = 30, ROWS = 150, WIDTH = 70 };

static int bits_must_agree(void) {
    return strstr(vae_build_info(), "BLAS builtin") != NULL;
}

/* Wide enough that every thread gets a share. */
static void gives_the_same_with_any_threads(void **state) {
    static const size_t threads[] = {1, 2, 3, 8};
    static const struct {
        const char *likelihood, *optimizer;
    } cases[] = {{"bernoulli", "adam lr=1e-3 seed=4"},
                 {"gaussian sigma=optimal", "adamw lr=1e-3 free_bits=0.05 clip_norm=5 samples=2"}};
    static float x[ROWS * WIDTH];
    (void)state;
    test_values(x, COUNT_OF(x), 8, 0, 1);
    for (size_t c = 0; c < COUNT_OF(cases); c++) {
        vae_model *models[COUNT_OF(threads)];
        double losses[COUNT_OF(threads)][STEPS];
        for (size_t t = 0; t < COUNT_OF(threads); t++) {
            char options[30], spec[200];
            vae_context *context;
            vae_optimizer *optimizer;
            vae_dataset *dataset;
            snprintf(options, sizeof options, "threads=%zu", threads[t]);
            snprintf(spec, sizeof spec,
                     "input=%d latent=6 encoder=[dense 90, relu] decoder=[dense 80, tanh] "
                     "likelihood=%s",
                     WIDTH, cases[c].likelihood);
            assert_ok(vae_context_create(options, &context));
            assert_ok(vae_model_create(context, spec, &models[t]));
            assert_ok(vae_dataset_from_memory(context, x, ROWS, WIDTH, "batch=64", &dataset));
            assert_ok(vae_model_initialize(models[t], dataset));
            assert_ok(vae_optimizer_create(models[t], cases[c].optimizer, &optimizer));
            for (size_t k = 0; k < STEPS; k++) {
                vae_step_report report = {.struct_size = sizeof report};
                assert_ok(vae_step(models[t], optimizer, dataset, &report));
                losses[t][k] = report.objective;
                test_near(losses[t][k], losses[0][k], 1e-5, options);
            }
            if (bits_must_agree()) {
                assert_memory_equal(models[0]->parameters.block, models[t]->parameters.block,
                                    models[0]->parameters.block_count * sizeof(vae__real));
                assert_memory_equal(losses[0], losses[t], sizeof losses[0]);
            }
            vae_optimizer_destroy(optimizer);
            vae_dataset_destroy(dataset);
            vae_context_destroy(context);
        }
        assert_true(losses[0][STEPS - 1] > losses[0][0]); /* it learns */
        for (size_t t = 0; t < COUNT_OF(threads); t++) vae_model_destroy(models[t]);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(refuses_null),
        TEST(refuses_widths),
        TEST(refuses_another_models_optimizer),
        TEST(tells_its_memory),
        TEST(gives_its_plan),
        TEST(steps_without_allocating),
        TEST(takes_three_times_the_parameters),
        TEST(gives_the_same_with_any_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
