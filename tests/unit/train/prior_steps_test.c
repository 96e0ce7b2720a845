/* vae_model_fit_prior by steps (flow, vamp): against EM, that it raises the bound, that it is the same whatever the number
 * of threads, that what comes to nothing changes nothing, and where pseudo-inputs begin. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/prior.h"
#include "support/checks.h"
#include "support/cmocka.h"
#include "support/numbers.h"
#include "train/prior_steps.h"

enum { WIDTH = 4, LATENT = 2, ROWS = 300 };

#define SPEC "input=4 latent=2 likelihood=gaussian sigma=0.5 encoder=[dense 5, tanh] "

static const char *const priors[] = {"flow:4 prior_hidden=16", "vamp:6"};

typedef struct fixture {
    vae_context *context;
    vae_model *model;
    vae_dataset *data;
    float x[ROWS * WIDTH];
} fixture;

/* Rows around three centres. */
static fixture begin(const char *context, const char *prior) {
    fixture f;
    f.context = test_context(context);
    f.model = test_model(f.context, SPEC, 0.9);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t i = 0; i < WIDTH; i++)
            f.x[r * WIDTH + i] = (float)(1.5 * test_uniform(9, r % 3 * WIDTH + i, -1, 1) +
                                         test_uniform(10, r * WIDTH + i, -0.4, 0.4));
    assert_ok(vae_dataset_from_memory(f.context, f.x, ROWS, WIDTH, "batch=32", &f.data));
    assert_ok(vae_model_set_prior(f.model, prior));
    return f;
}

static void end(fixture *f) {
    vae_dataset_destroy(f->data);
    vae_model_destroy(f->model);
    if (f->context->threads == 1)
        assert_int_equal(atomic_load(&f->context->bytes), sizeof *f->context);
    vae_context_destroy(f->context);
}

static double mean_kl(const fixture *f) {
    double kl[ROWS], total = 0;
    assert_ok(vae_elbo(f->model, f->x, ROWS, WIDTH, 1, NULL, NULL, kl));
    for (size_t r = 0; r < ROWS; r++) total += kl[r] / ROWS;
    return total;
}

static vae__real *copy_parameters(const vae_model *model) {
    size_t size = model->parameters.block_count * sizeof(vae__real);
    vae__real *copy = malloc(size);
    memcpy(copy, model->parameters.block, size);
    return copy;
}

static int has_parameters(const vae_model *model, const vae__real *copy) {
    return !memcmp(model->parameters.block, copy, model->parameters.block_count * sizeof *copy);
}

/* ---- against EM ---- */

static int32_t go_on(void *user, uint64_t iteration, double bound) {
    (void)user, (void)iteration, (void)bound;
    return 0;
}

/* One full component has one best place, which EM knows: steps come to the same density. */
static void steps_come_where_em_does(void **state) {
    enum { N = 2000 };
    static vae__real mean[N * 2], variance[N * 2];
    const vae__moments moments = {mean, variance, N, 2};
    const vae__fit_options options = {.iterations = 50, .seed = 1, .floor = 1e-6};
    const vae__fit_watch watch = {go_on, NULL};
    const vae__prior_steps how = {.epochs = 60, .batch = 100, .seed = 1, .learning_rate = 0.02};
    double by_em, by_steps;
    vae_model *model;
    (void)state;
    for (size_t i = 0; i < N * 2; i++) {
        mean[i] = (vae__real)(test_uniform(61, i / 2, -1, 1) * (i % 2 ? 2 : 1) + 0.5 +
                              test_uniform(62, i, -0.3, 0.3));
        variance[i] = (vae__real)test_uniform(63, i, 0.01, 0.2);
    }
    assert_ok(vae_model_create(
        NULL, "input=3 latent=2 likelihood=gaussian prior=mixture:1 prior_covariance=full",
        &model));
    const vae__prior_call call = vae__model_prior_call(model);
    vae__real *start = copy_parameters(model);
    assert_ok(vae__prior_of(&model->spec)->fit(&call, model->context, &moments, &options, &watch));
    assert_ok(vae__prior_mean_density(model, &moments, 3, &by_em));
    memcpy(model->parameters.block, start, model->parameters.block_count * sizeof *start);
    assert_ok(vae__prior_take_steps(model, &moments, &how));
    assert_ok(vae__prior_mean_density(model, &moments, 3, &by_steps));
    print_message("mean log p(z): EM %.5f, steps %.5f\n", by_em, by_steps);
    assert_true(fabs(by_steps - by_em) < 2e-3);
    free(start);
    vae_model_destroy(model);
}

/* ---- fit_prior ---- */

static void raises_the_bound(void **state) {
    (void)state;
    for (size_t p = 0; p < COUNT_OF(priors); p++) {
        fixture f = begin(NULL, "normal");
        double normal = mean_kl(&f);
        assert_ok(vae_model_set_prior(f.model, priors[p]));
        vae__real *before = copy_parameters(f.model);
        size_t network = (size_t)(f.model->parameters.items[f.model->network.prior].values -
                                  f.model->parameters.block);
        assert_ok(
            vae_model_fit_prior(f.model, f.data, "iterations=60 batch=50 lr=0.01", NULL, NULL));
        double fitted = mean_kl(&f);
        print_message("%s: KL %.3f -> %.3f\n", priors[p], normal, fitted);
        assert_true(fitted < normal - 0.5);
        assert_memory_equal(before, f.model->parameters.block, network * sizeof *before);
        free(before);
        end(&f);
    }
}

/* Draws, order and sums do not depend on the threads; products that are our own do not either. */
static void threads_change_nothing(void **state) {
    static const char *const contexts[] = {"threads=1", "threads=2", "threads=7"};
    (void)state;
    for (size_t p = 0; p < COUNT_OF(priors); p++) {
        vae__real *first = NULL;
        for (size_t c = 0; c < COUNT_OF(contexts); c++) {
            fixture f = begin(contexts[c], priors[p]);
            assert_ok(vae_model_fit_prior(f.model, f.data, "iterations=3 batch=64", NULL, NULL));
            if (!first) first = copy_parameters(f.model);
            for (size_t i = 0; i < f.model->parameters.block_count; i++)
                test_near((double)f.model->parameters.block[i], (double)first[i],
                          test_tolerance(1e-4, 0), contexts[c]);
            end(&f);
        }
        free(first);
    }
}

typedef struct stop {
    uint64_t calls, at, done, total;
} stop;

static int32_t count_progress(void *user, uint64_t done, uint64_t total) {
    stop *s = user;
    assert_true(done >= s->done && done <= total);
    s->done = done;
    s->total = total;
    return ++s->calls == s->at;
}

static void progress_may_stop_it(void **state) {
    const char *options = "iterations=2 batch=128";
    (void)state;
    for (size_t p = 0; p < COUNT_OF(priors); p++) {
        fixture f = begin("threads=2", priors[p]);
        stop all = {0};
        vae__real *before = copy_parameters(f.model);
        for (uint64_t at = 1; at <= 6; at++) { /* two chunks of posteriors, then steps */
            stop s = {.at = at};
            assert_int_equal(vae_model_fit_prior(f.model, f.data, options, count_progress, &s),
                             VAE_STOPPED);
            assert_true(has_parameters(f.model, before));
        }
        assert_ok(vae_model_fit_prior(f.model, f.data, options, count_progress, &all));
        assert_int_equal(all.done, all.total);
        assert_int_equal(all.total, 3 * ROWS);
        free(before);
        end(&f);
    }
}

/* A rate of 0 leaves a flow where it is; one far too large makes it worse or breaks it. */
static void nothing_better_changes_nothing(void **state) {
    fixture f = begin(NULL, priors[0]);
    vae__real *before = copy_parameters(f.model);
    (void)state;
    assert_ok(vae_model_fit_prior(f.model, f.data, "lr=0 iterations=2", NULL, NULL));
    assert_true(has_parameters(f.model, before));
    vae_status status = vae_model_fit_prior(f.model, f.data, "lr=1000 iterations=2", NULL, NULL);
    assert_true(status == VAE_OK || status == VAE_ERROR_DIVERGED);
    assert_true(has_parameters(f.model, before));
    free(before);
    end(&f);
}

static void refuses_bad_input(void **state) {
    fixture f = begin(NULL, "vamp:301");
    vae_model *model;
    (void)state;
    vae__real *before = copy_parameters(f.model);
    assert_fails(vae_model_fit_prior(f.model, f.data, NULL, NULL, NULL), VAE_ERROR_ARGUMENT,
                 "prior=vamp:301: its pseudo-inputs begin at as many different rows, and the data "
                 "set has 300");
    assert_true(has_parameters(f.model, before));
    assert_ok(vae_model_create(f.context, SPEC "prior=vamp:301", &model));
    assert_fails(vae_model_initialize(model, f.data), VAE_ERROR_ARGUMENT, "has 300");
    vae_model_destroy(model);
    assert_fails(vae_model_fit_prior(f.model, f.data, "tolerance=1", NULL, NULL), VAE_ERROR_TEXT,
                 "'tolerance=' belongs to EM, and prior=vamp is fitted by steps");
    assert_ok(vae_model_set_prior(f.model, "mixture:3"));
    assert_fails(vae_model_fit_prior(f.model, f.data, "batch=10", NULL, NULL), VAE_ERROR_TEXT,
                 "'batch=' belongs to a fit by steps, and prior=mixture is fitted by EM");
    f.x[7 * WIDTH + 2] = NAN;
    vae_dataset *bad;
    assert_ok(vae_dataset_from_memory(f.context, f.x, ROWS, WIDTH, NULL, &bad));
    assert_ok(vae_model_set_prior(f.model, "vamp:3"));
    assert_fails(vae_model_fit_prior(f.model, bad, NULL, NULL, NULL), VAE_ERROR_DATA,
                 "row 7, column 2 is nan");
    vae_dataset_destroy(bad);
    free(before);
    end(&f);
}

/* ---- where pseudo-inputs begin ---- */

static int is_a_row(const vae__real *u, const fixture *f, double scale, double shift) {
    for (size_t r = 0; r < ROWS; r++) {
        size_t i = 0;
        while (i < WIDTH && fabs(scale * (double)u[i] + shift - (double)f->x[r * WIDTH + i]) < 1e-4)
            i++;
        if (i == WIDTH) return 1;
    }
    return 0;
}

/* vae_model_initialize begins at rows, on the scale that the encoder sees, and again when it is called again. */
static void initialize_begins_at_rows(void **state) {
    fixture f = begin(NULL, "normal");
    vae_model *model;
    (void)state;
    assert_ok(vae_model_create(f.context, SPEC "prior=vamp:40", &model));
    for (int again = 0; again < 2; again++) {
        assert_ok(vae_model_initialize(model, f.data));
        const vae__parameter *inputs = test_parameter(model, "prior.inputs");
        for (size_t k = 0; k < 40; k++) assert_true(is_a_row(inputs->values + k * WIDTH, &f, 1, 0));
    }
    vae_model_destroy(model);
    end(&f);
}

/* What a fit made is not undone by a second start. */
static void a_fit_is_not_undone(void **state) {
    (void)state;
    for (size_t p = 0; p < COUNT_OF(priors); p++) {
        fixture f = begin(NULL, "normal");
        assert_ok(vae_model_set_prior(f.model, priors[p]));
        assert_ok(vae_model_initialize(f.model, f.data));
        assert_ok(vae_model_fit_prior(f.model, f.data, "iterations=1", NULL, NULL));
        assert_fails(vae_model_initialize(f.model, f.data), VAE_ERROR_ARGUMENT,
                     "which this call would undo");
        end(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_come_where_em_does),       cmocka_unit_test(raises_the_bound),
        cmocka_unit_test(threads_change_nothing),         cmocka_unit_test(progress_may_stop_it),
        cmocka_unit_test(nothing_better_changes_nothing), cmocka_unit_test(refuses_bad_input),
        cmocka_unit_test(initialize_begins_at_rows),      cmocka_unit_test(a_fit_is_not_undone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
