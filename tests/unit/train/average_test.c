/* ema=: the average follows from the trajectory of the same training without it, a resumed training goes on bit for
 * bit, and the model's two blocks never part where they should not. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/checks.h"
#include "support/cmocka.h"
#include "support/folder.h"
#include "support/numbers.h"

#define SPEC "input=6 latent=2 likelihood=gaussian sigma=optimal encoder=[dense 5, tanh] seed=3"

enum { ROWS = 90, WIDTH = 6, STEPS = 12, COUNT = 30 };

static float rows[ROWS * WIDTH];

typedef struct training {
    vae_model *model;
    vae_dataset *data;
    vae_optimizer *optimizer;
} training;

static training begin(const char *options) {
    training t;
    test_values(rows, COUNT_OF(rows), 5, -1, 2);
    assert_ok(vae_model_create(NULL, SPEC, &t.model));
    assert_ok(vae_dataset_from_memory(NULL, rows, ROWS, WIDTH, "batch=20", &t.data));
    assert_ok(vae_optimizer_create(t.model, options, &t.optimizer));
    return t;
}

static void end(training *t) {
    vae_optimizer_destroy(t->optimizer);
    vae_dataset_destroy(t->data);
    vae_model_destroy(t->model);
}

static void step(training *t, size_t times) {
    for (size_t i = 0; i < times; i++) assert_ok(vae_step(t->model, t->optimizer, t->data, NULL));
}

static void get(const vae_model *model, float *values) {
    assert_ok(vae_model_parameter_get(model, "encoder.0.weight", values, COUNT));
}

/* The plain training is the averaged one's inside: its steps are the same, and the average is their sum with weights
 * (1 - d) d^(t - i) / (1 - d^t). */
static void is_the_weighted_mean_of_the_steps(void **state) {
    static const double decays[] = {0.5, 0.9, 0.999};
    (void)state;
    for (size_t c = 0; c < COUNT_OF(decays); c++) {
        char options[80];
        double sums[COUNT] = {0}, total = 0;
        float plain[COUNT], averaged[COUNT];
        snprintf(options, sizeof options, "adam lr=0.02 ema=%g", decays[c]);
        training a = begin("adam lr=0.02"), b = begin(options);
        for (size_t s = 0; s < STEPS; s++) {
            step(&a, 1);
            step(&b, 1);
            get(a.model, plain);
            get(b.model, averaged);
            total = decays[c] * total + 1;
            for (size_t i = 0; i < COUNT; i++) {
                sums[i] = decays[c] * sums[i] + (double)plain[i];
                test_near((double)averaged[i], sums[i] / total, test_tolerance(2e-6, 1e-6),
                          options);
            }
        }
        float sigma[2];
        assert_ok(vae_model_parameter_get(a.model, "likelihood.sigma2", &sigma[0], 1));
        assert_ok(vae_model_parameter_get(b.model, "likelihood.sigma2", &sigma[1], 1));
        assert_memory_equal(&sigma[0], &sigma[1],
                            sizeof *sigma); /* is no parameter that is trained */
        end(&a);
        end(&b);
    }
}

static void *saved(const vae_model *model, size_t *length) {
    assert_ok(vae_model_save_memory(model, NULL, 0, length));
    void *bytes = malloc(*length);
    assert_ok(vae_model_save_memory(model, bytes, *length, length));
    return bytes;
}

static void assert_same_model(const vae_model *a, const vae_model *b) {
    size_t length[2];
    void *bytes[2] = {saved(a, &length[0]), saved(b, &length[1])};
    assert_int_equal(length[0], length[1]);
    assert_memory_equal(bytes[0], bytes[1], length[0]);
    free(bytes[0]);
    free(bytes[1]);
}

static void resumes_bit_for_bit(void **state) {
    static const char *const options[] = {"adam ema=0.9",
                                          "sgd momentum=0.9 lr=1e-3 ema=0.99 clip_norm=1"};
    (void)state;
    for (size_t c = 0; c < COUNT_OF(options); c++) {
        training whole = begin(options[c]), half = begin(options[c]);
        const char *path = test_in_folder("average.checkpoint");
        step(&whole, STEPS);
        step(&half, STEPS / 2);
        assert_ok(vae_checkpoint_save(half.model, half.optimizer, half.data, path));
        end(&half);
        assert_ok(vae_dataset_from_memory(NULL, rows, ROWS, WIDTH, "batch=20", &half.data));
        assert_ok(vae_checkpoint_load(NULL, path, half.data, &half.model, &half.optimizer));
        step(&half, STEPS - STEPS / 2);
        assert_same_model(whole.model, half.model);
        end(&whole);
        end(&half);
    }
}

static void other_optimizers_are_refused(void **state) {
    vae_optimizer *other;
    (void)state;
    training t = begin("adam");
    assert_ok(vae_optimizer_create(t.model, "adam ema=0.9", &other));
    assert_fails(vae_step(t.model, t.optimizer, t.data, NULL), VAE_ERROR_MISMATCH,
                 "another optimizer, with ema=");
    vae_optimizer *third = NULL;
    assert_fails(vae_optimizer_create(t.model, "adam ema=0.5", &third), VAE_ERROR_ARGUMENT,
                 "has an optimizer with ema= already");
    assert_null(third);
    assert_fails(vae_optimizer_set(other, "ema=0"), VAE_ERROR_TEXT,
                 "begins with an average or has none");
    assert_ok(vae_optimizer_set(other, "ema=0.5"));
    vae_optimizer_destroy(other);
    assert_fails(vae_optimizer_set(t.optimizer, "ema=0.5"), VAE_ERROR_TEXT, "create another one");
    step(&t, 1);
    end(&t);
}

/* What is set from outside reaches what is trained: updates of rate 0 leave it. */
static void changes_from_outside_reach_both(void **state) {
    float set[COUNT], found[COUNT];
    (void)state;
    training t = begin("adam ema=0.9");
    step(&t, 3);
    test_values(set, COUNT, 9, -1, 1);
    assert_ok(vae_model_parameter_set(t.model, "encoder.0.weight", set, COUNT));
    assert_ok(vae_optimizer_set(t.optimizer, "lr=0"));
    step(&t, 3);
    get(t.model, found);
    assert_memory_equal(found, set, sizeof set);
    assert_ok(vae_model_set_prior(t.model, "mixture:2"));
    assert_fails(vae_step(t.model, t.optimizer, t.data, NULL), VAE_ERROR_MISMATCH,
                 "vae_model_set_prior");
    vae_optimizer *next;
    assert_ok(vae_optimizer_create(t.model, "adam ema=0.9 train=prior", &next));
    assert_ok(vae_step(t.model, next, t.data, NULL));
    get(t.model, found);
    assert_memory_equal(found, set, sizeof set);
    vae_optimizer_destroy(next);
    end(&t);
}

/* The model that restore_best=1 brings back is the average of its epoch, and training goes on from that epoch. */
static void restores_the_best_average(void **state) {
    vae_dataset *held_out;
    (void)state;
    training t = begin("adam lr=0.05 ema=0.9"), same = begin("adam lr=0.05 ema=0.9");
    assert_ok(vae_dataset_from_memory(NULL, rows, 30, WIDTH, "batch=30", &held_out));
    assert_ok(
        vae_train(t.model, t.optimizer, t.data, held_out, "epochs=1 restore_best=1", NULL, NULL));
    assert_ok(vae_train(same.model, same.optimizer, same.data, NULL, "epochs=1", NULL, NULL));
    assert_same_model(t.model, same.model);
    step(&t, 4);
    step(&same, 4);
    assert_same_model(t.model, same.model);
    vae_dataset_destroy(held_out);
    end(&t);
    end(&same);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_the_weighted_mean_of_the_steps),
        cmocka_unit_test(resumes_bit_for_bit),
        cmocka_unit_test(other_optimizers_are_refused),
        cmocka_unit_test(changes_from_outside_reach_both),
        cmocka_unit_test(restores_the_best_average),
    };
    return cmocka_run_group_tests(tests, test_folder_make, test_folder_remove);
}
