/* prior=diffusion: a new one with variance=large is N(0, I) in all that it does; a fit raises the bound and its draws follow
 * the latents; the same with any number of threads, through files and checkpoints; and what is refused. Formulas:
 * tests/unit/diffusion; gradients: tests/unit/train/gradient_test.c. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/prior.h"
#include "support/checks.h"
#include "support/cmocka.h"
#include "support/folder.h"
#include "support/numbers.h"

enum { WIDTH = 4, LATENT = 2, ROWS = 300 };

#define SPEC "input=4 latent=2 likelihood=gaussian sigma=0.5 encoder=[dense 5, tanh] "
#define SMALL "prior_network=[dense 16, silu, dense 16, silu] prior_steps=20"
#define FIT "iterations=60 batch=50"

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

/* Mean of the KL over rows and seeds, and its standard error. */
static double mean_kl(const fixture *f, uint64_t seeds, double *error) {
    double kl[ROWS], total = 0, squares = 0, n = (double)(seeds * ROWS);
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        assert_ok(vae_elbo(f->model, f->x, ROWS, WIDTH, seed, NULL, NULL, kl));
        for (size_t r = 0; r < ROWS; r++) {
            total += kl[r] / n;
            squares += kl[r] * kl[r] / n;
        }
    }
    *error = sqrt((squares - total * total) / n);
    return total;
}

/* Its network predicts v = 0, which is right for N(0, I), whose true reverse chain has the large variance. */
static void begins_as_the_standard_normal(void **state) {
    enum { DRAWS = 20000 };
    static float z[DRAWS * LATENT];
    double error, by_bound, none;
    (void)state;
    fixture f = begin("threads=2", "normal");
    double exact = mean_kl(&f, 1, &none);
    assert_ok(vae_model_set_prior(f.model, "diffusion prior_variance=large"));
    assert_non_null(strstr(vae_model_spec(f.model),
                           "prior=diffusion prior_steps=200 prior_schedule=cosine prior_predict=v "
                           "prior_variance=large prior_network=[dense 256, silu, res[dense 256, "
                           "silu, dense 256], silu]"));
    assert_ok(vae_model_set_prior(f.model, "diffusion prior_variance=large " SMALL));
    by_bound = mean_kl(&f, 60, &error);
    print_message("KL %.4f, by the bound %.4f +- %.4f\n", exact, by_bound, error);
    test_near(by_bound, exact, 4.5 * error, "the bound of N(0, I) is its density");
    assert_ok(vae_sample(f.model, DRAWS, 3, z, NULL, NULL));
    for (size_t j = 0; j < LATENT; j++) {
        double mean = 0, square = 0;
        for (size_t r = 0; r < DRAWS; r++) {
            mean += (double)z[r * LATENT + j] / DRAWS;
            square += (double)z[r * LATENT + j] * (double)z[r * LATENT + j] / DRAWS;
        }
        test_near(mean, 0, 4.5 / sqrt(DRAWS), "mean");
        test_near(square, 1, 4.5 * sqrt(2.0 / DRAWS) + 1e-3, "variance");
    }
    end(&f);
}

/* Standardised outside: the bound has the Jacobian of shift and scale. */
static void shift_and_scale_are_in_the_bound(void **state) {
    double error, found, expected = 0;
    float m[ROWS * LATENT], logvar[ROWS * LATENT];
    (void)state;
    fixture f = begin(NULL, "diffusion prior_variance=large " SMALL);
    vae__real *shift = test_parameter(f.model, "prior.shift")->values;
    vae__real *scale = test_parameter(f.model, "prior.scale")->values;
    shift[0] = (vae__real)0.4, shift[1] = -1, scale[0] = (vae__real)0.5, scale[1] = 3;
    assert_ok(vae_encode(f.model, f.x, ROWS, WIDTH, m, logvar));
    for (size_t i = 0; i < ROWS * LATENT; i++) { /* KL of q to N(shift, scale^2) */
        double s = (double)scale[i % LATENT], from = (double)m[i] - (double)shift[i % LATENT];
        double variance = exp((double)logvar[i]);
        expected += 0.5 * ((variance + from * from) / (s * s) - 1 + 2 * log(s) - (double)logvar[i]);
    }
    found = mean_kl(&f, 60, &error);
    test_near(found, expected / ROWS, 4.5 * error, "KL to N(shift, scale^2)");
    end(&f);
}

static void a_fit_raises_the_bound(void **state) {
    static const char *const priors[] = {
        "diffusion " SMALL, "diffusion prior_variance=learned " SMALL,
        "diffusion prior_variance=large prior_predict=noise " SMALL,
        "diffusion prior_variance=large prior_predict=data " SMALL};
    enum { DRAWS = 3000 };
    static float z[DRAWS * LATENT];
    double error, none, normal;
    (void)state;
    fixture g = begin(NULL, "normal");
    normal = mean_kl(&g, 1, &none);
    end(&g);
    for (size_t p = 0; p < COUNT_OF(priors); p++) {
        fixture f = begin(NULL, priors[p]);
        assert_ok(vae_model_fit_prior(f.model, f.data, FIT, NULL, NULL));
        double fitted = mean_kl(&f, 20, &error);
        print_message("%s: KL %.3f -> %.3f +- %.3f\n", priors[p], normal, fitted, error);
        assert_true(fitted < normal - 0.3);
        /* Draws have the mean and variance that the latents have. */
        assert_ok(vae_sample(f.model, DRAWS, 3, z, NULL, NULL));
        for (size_t j = 0; j < LATENT; j++) {
            double mean = 0, square = 0;
            double shift = (double)test_parameter(f.model, "prior.shift")->values[j];
            double scale = (double)test_parameter(f.model, "prior.scale")->values[j];
            for (size_t r = 0; r < DRAWS; r++) {
                double u = ((double)z[r * LATENT + j] - shift) / scale;
                mean += u / DRAWS;
                square += u * u / DRAWS;
            }
            assert_true(fabs(mean) < 0.25 && fabs(square - 1) < 0.35);
        }
        end(&f);
    }
}

/* A network so wide that few rows go through it at a time: room is made for those alone. */
static void few_rows_at_a_time(void **state) {
    double kl[ROWS], one;
    (void)state;
    fixture f = begin(NULL, "diffusion prior_variance=large prior_steps=3 "
                            "prior_network=[dense 3, dense 400000, silu, dense 3]");
    assert_ok(vae_elbo(f.model, f.x, ROWS, WIDTH, 1, NULL, NULL, kl));
    assert_ok(vae_elbo(f.model, f.x, 1, WIDTH, 1, NULL, NULL, &one));
    test_near(kl[0], one, 1e-4 * (1 + fabs(one)), "a row alone");
    end(&f);
}

/* ---- draws ---- */

static void draws_are_functions_of_seed_and_row(void **state) {
    static const char *const options[] = {NULL, "sampler=ddim steps=7",
                                          "sampler=ddim steps=5 eta=0.5 spacing=leading",
                                          "steps=9 spacing=linspace temperature=0.7"};
    float all[600 * LATENT], some[3 * LATENT], other[600 * LATENT];
    (void)state;
    fixture f = begin(NULL, "diffusion " SMALL), g = begin("threads=5", "diffusion " SMALL);
    assert_ok(vae_model_fit_prior(f.model, f.data, "iterations=2", NULL, NULL));
    memcpy(g.model->parameters.block, f.model->parameters.block,
           f.model->parameters.block_count * sizeof(vae__real));
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        assert_ok(vae_generate(f.model, 600, 5, options[i], NULL, NULL, all, NULL, NULL));
        assert_ok(vae_generate(f.model, 3, 5, options[i], NULL, NULL, some, NULL, NULL));
        assert_ok(vae_generate(g.model, 600, 5, options[i], NULL, NULL, other, NULL, NULL));
        for (size_t k = 0; k < COUNT_OF(some); k++)
            test_near((double)some[k], (double)all[k], test_tolerance(1e-4, 1e-6), "few rows");
        for (size_t k = 0; k < COUNT_OF(all); k++)
            test_near((double)other[k], (double)all[k], test_tolerance(1e-4, 1e-6), "threads");
    }
    end(&f);
    end(&g);
}

typedef struct stop {
    uint64_t calls, at, done;
} stop;

static int32_t count_calls(void *user, uint64_t done, uint64_t total) {
    stop *s = user;
    assert_true(done >= s->done && done <= total);
    s->done = done;
    return ++s->calls == s->at;
}

static void sampling_can_be_stopped(void **state) {
    float z[10 * LATENT];
    stop all = {0}, third = {.at = 3};
    (void)state;
    fixture f = begin(NULL, "diffusion " SMALL);
    assert_ok(vae_generate(f.model, 10, 1, NULL, count_calls, &all, z, NULL, NULL));
    assert_int_equal(all.done, 10);
    assert_true(all.calls > 20); /* once a step */
    assert_int_equal(vae_generate(f.model, 10, 1, NULL, count_calls, &third, z, NULL, NULL),
                     VAE_STOPPED);
    end(&f);
}

/* ---- training, files ---- */

/* train=prior: stopped in the middle, saved and gone on with, it is bit for bit what it would have been. */
static void training_resumes_exactly(void **state) {
    static const char *const options[] = {"adam lr=0.01 train=prior",
                                          "adamw lr=0.01 train=prior ema=0.9 objective=vlb"};
    (void)state;
    for (size_t o = 0; o < COUNT_OF(options); o++) {
        fixture f = begin(NULL, "diffusion " SMALL), g = begin(NULL, "diffusion " SMALL);
        vae_optimizer *optimizer, *other, *resumed;
        vae_model *loaded;
        vae_step_report report = {.struct_size = sizeof report}, again = report;
        const char *path = test_in_folder("diffusion.checkpoint");
        assert_ok(vae_optimizer_create(f.model, options[o], &optimizer));
        assert_ok(vae_optimizer_create(g.model, options[o], &other));
        for (int i = 0; i < 25; i++) {
            assert_ok(vae_step(f.model, optimizer, f.data, &report));
            if (i < 11) assert_ok(vae_step(g.model, other, g.data, NULL));
        }
        assert_ok(vae_checkpoint_save(g.model, other, g.data, path));
        vae_optimizer_destroy(other);
        assert_ok(vae_checkpoint_load(g.context, path, g.data, &loaded, &resumed));
        for (int i = 11; i < 25; i++) assert_ok(vae_step(loaded, resumed, g.data, &again));
        assert_memory_equal(&report, &again, sizeof report);
        assert_memory_equal(f.model->parameters.block, loaded->parameters.block,
                            f.model->parameters.block_count * sizeof(vae__real));
        vae_optimizer_destroy(resumed);
        vae_model_destroy(loaded);
        vae_optimizer_destroy(optimizer);
        end(&f);
        end(&g);
    }
}

static void steps_lower_the_loss(void **state) {
    vae_optimizer *optimizer;
    double error, before, after;
    (void)state;
    fixture f = begin("threads=2", "diffusion " SMALL);
    vae__real encoder = f.model->parameters.block[0];
    before = mean_kl(&f, 20, &error);
    assert_ok(vae_optimizer_create(f.model, "adam lr=0.01 train=prior", &optimizer));
    assert_non_null(strstr(vae_optimizer_options(optimizer), "objective=simple"));
    assert_ok(vae_train(f.model, optimizer, f.data, NULL, "epochs=60", NULL, NULL));
    after = mean_kl(&f, 20, &error);
    print_message("KL %.3f -> %.3f\n", before, after);
    assert_true(after < before - 0.5);
    assert_true(f.model->parameters.block[0] == encoder);
    vae_optimizer_destroy(optimizer);
    end(&f);
}

static void files_keep_it(void **state) {
    vae_model *loaded, *clone;
    size_t length;
    double expected[ROWS], found[ROWS];
    (void)state;
    fixture f =
        begin(NULL, "diffusion prior_variance=learned prior_schedule=linear prior_steps=30");
    assert_ok(vae_model_fit_prior(f.model, f.data, "iterations=2", NULL, NULL));
    assert_ok(vae_elbo(f.model, f.x, ROWS, WIDTH, 7, expected, NULL, NULL));
    assert_ok(vae_model_save_memory(f.model, NULL, 0, &length));
    unsigned char *bytes = malloc(length);
    assert_ok(vae_model_save_memory(f.model, bytes, length, &length));
    assert_ok(vae_model_load_memory(f.context, bytes, length, &loaded));
    assert_ok(vae_elbo(loaded, f.x, ROWS, WIDTH, 7, found, NULL, NULL));
    assert_memory_equal(found, expected, sizeof found);
    assert_ok(vae_model_clone(loaded, &clone));
    assert_ok(vae_elbo(clone, f.x, ROWS, WIDTH, 7, found, NULL, NULL));
    assert_memory_equal(found, expected, sizeof found);
    assert_ok(vae_model_set_prior(clone, "normal"));
    assert_ok(vae_model_set_prior(clone, "diffusion " SMALL));
    free(bytes);
    vae_model_destroy(loaded);
    vae_model_destroy(clone);
    end(&f);
}

/* ---- the other functions ---- */

static void evaluates_and_refuses(void **state) {
    vae_evaluation *evaluation;
    vae_optimizer *optimizer;
    double value[ROWS], error;
    float z[2 * LATENT];
    size_t length;
    (void)state;
    fixture f = begin(NULL, "diffusion " SMALL);
    assert_ok(vae_model_fit_prior(f.model, f.data, FIT, NULL, NULL));
    assert_ok(vae_evaluate(f.model, f.data, NULL, "baselines=0", NULL, NULL, &evaluation));
    assert_ok(vae_evaluation_value(evaluation, "kl_standard", value));
    assert_ok(vae_evaluation_value(evaluation, "prior_distance", &error));
    assert_true(error < 0.02);
    vae_evaluation_destroy(evaluation);
    assert_ok(vae_log_likelihood(f.model, f.x, 3, WIDTH, "estimator=prior samples=700", value, NULL,
                                 NULL));
    assert_ok(vae_model_plan(f.model, NULL, 0, &length));
    assert_ok(vae_model_memory(f.model, NULL, &(uint64_t){0}));
    assert_fails(vae_log_likelihood(f.model, f.x, 3, WIDTH, NULL, value, NULL, NULL),
                 VAE_ERROR_UNSUPPORTED, "importance weights need the density of p(z)");
    assert_fails(vae_evaluate(f.model, f.data, NULL, "samples=10", NULL, NULL, &evaluation),
                 VAE_ERROR_UNSUPPORTED, "importance weights");
    assert_fails(vae_score(f.model, f.x, 3, WIDTH, NULL, value, NULL), VAE_ERROR_UNSUPPORTED,
                 "prior=mixture:50");
    assert_fails(vae_score(f.model, f.x, 3, WIDTH, "samples=5", value, NULL), VAE_ERROR_UNSUPPORTED,
                 "noisy bound");
    assert_fails(vae_optimizer_create(f.model, "adam", &optimizer), VAE_ERROR_TEXT,
                 "prior=diffusion is trained alone, with train=prior");
    assert_fails(vae_optimizer_create(f.model, "adam train=network", &optimizer), VAE_ERROR_TEXT,
                 "is trained alone");
    assert_fails(
        vae_optimizer_create(f.model, "adam train=prior objective=iwae samples=3", &optimizer),
        VAE_ERROR_TEXT, "objective=iwae does not go with prior=diffusion");
    assert_fails(vae_optimizer_create(f.model, "adam train=prior beta=2", &optimizer),
                 VAE_ERROR_TEXT, "has no weight of a KL");
    assert_fails(vae_optimizer_create(f.model, "adam train=prior samples=2", &optimizer),
                 VAE_ERROR_TEXT, "samples=1");
    assert_fails(vae_generate(f.model, 2, 1, "steps=21", NULL, NULL, z, NULL, NULL), VAE_ERROR_TEXT,
                 "steps=21: the diffusion has 20 steps");
    assert_fails(vae_generate(f.model, 2, 1, "eta=0.5", NULL, NULL, z, NULL, NULL), VAE_ERROR_TEXT,
                 "eta= belongs to sampler=ddim");
    assert_fails(vae_generate(f.model, 2, 1, "sampler=ddim eta=-1", NULL, NULL, z, NULL, NULL),
                 VAE_ERROR_TEXT, "eta=-1");
    assert_fails(vae_generate(f.model, 2, 1, "spacing=even", NULL, NULL, z, NULL, NULL),
                 VAE_ERROR_TEXT, "spacing");
    assert_ok(vae_model_set_prior(f.model, "mixture:3"));
    assert_fails(vae_generate(f.model, 2, 1, "sampler=ddim", NULL, NULL, z, NULL, NULL),
                 VAE_ERROR_TEXT, "'sampler=' belongs to a diffusion");
    assert_fails(vae_optimizer_create(f.model, "adam objective=simple", &optimizer), VAE_ERROR_TEXT,
                 "that is the loss of a diffusion");
    assert_fails(vae_model_set_prior(f.model, "diffusion prior_schedule=linear prior_steps=20"),
                 VAE_ERROR_TEXT, "needs more than 20 steps, found 20");
    assert_fails(vae_model_set_prior(f.model, "diffusion prior_steps=0"), VAE_ERROR_TEXT,
                 "prior_steps=0");
    assert_fails(vae_model_set_prior(f.model, "diffusion:5"), VAE_ERROR_TEXT, "takes no number");
    assert_ok(vae_model_set_prior(f.model, "diffusion prior_steps=1"));
    assert_ok(vae_elbo(f.model, f.x, 3, WIDTH, 1, value, NULL, NULL));
    assert_ok(vae_sample(f.model, 2, 1, z, NULL, NULL));
    end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_as_the_standard_normal),
        cmocka_unit_test(shift_and_scale_are_in_the_bound),
        cmocka_unit_test(a_fit_raises_the_bound),
        cmocka_unit_test(few_rows_at_a_time),
        cmocka_unit_test(draws_are_functions_of_seed_and_row),
        cmocka_unit_test(sampling_can_be_stopped),
        cmocka_unit_test(training_resumes_exactly),
        cmocka_unit_test(steps_lower_the_loss),
        cmocka_unit_test(files_keep_it),
        cmocka_unit_test(evaluates_and_refuses),
    };
    return cmocka_run_group_tests(tests, test_folder_make, test_folder_remove);
}
