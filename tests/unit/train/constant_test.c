/* Columns that do not vary: named in the log, kept out of the network's way, and with a density that is
 * one, under which another value is strange but not absurd. */
#include <math.h>
#include <string.h>

#include "support/cmocka.h"
#include "unit/train/fixture.h"

enum { ROWS = 512, WIDTH = 4, COLUMN = 2 };

#define NETWORK "input=4 latent=2 encoder=[dense 32, tanh] decoder=[dense 32, tanh] "

static const char *const modes[] = {"standardize=1",
                                    "standardize=1 sigma=optimal",
                                    "standardize=1 sigma=per_dim",
                                    "standardize=1 sigma=decoder",
                                    "sigma=per_dim",
                                    "sigma=decoder"};

/* Those with a sigma of its own for the column, in which it has a floor. */
static int has_floor(const char *mode) {
    return strstr(mode, "per_dim") || strstr(mode, "decoder");
}

static double normal(size_t seed, size_t i) {
    double u = test_uniform(seed, 2 * i, 1e-12, 1), v = test_uniform(seed, 2 * i + 1, 0, 1);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* Three columns that hang together, and one of `value`. */
static void make_rows(float *x, double value) {
    for (size_t r = 0; r < ROWS; r++) {
        double z = normal(1, r);
        x[r * WIDTH] = (float)(z + 0.3 * normal(2, r));
        x[r * WIDTH + 1] = (float)(0.5 * z * z + 0.3 * normal(3, r));
        x[r * WIDTH + COLUMN] = (float)value;
        x[r * WIDTH + 3] = (float)(sin(2 * z) + 0.3 * normal(4, r));
    }
}

typedef struct subject {
    vae_context *context;
    vae_model *model;
    vae_dataset *data;
    fixture_log log;
    float x[ROWS * WIDTH];
} subject;

static subject *begin(const char *mode, double value) {
    subject *s = calloc(1, sizeof *s);
    char spec[300];
    snprintf(spec, sizeof spec, NETWORK "likelihood=gaussian %s", mode);
    make_rows(s->x, value);
    s->context = test_context(NULL);
    assert_ok(vae_context_set_log(s->context, fixture_hear, &s->log));
    assert_ok(vae_dataset_from_memory(s->context, s->x, ROWS, WIDTH, "batch=64", &s->data));
    assert_ok(vae_model_create(s->context, spec, &s->model));
    assert_ok(vae_model_initialize(s->model, s->data));
    return s;
}

static void end(subject *s) {
    vae_dataset_destroy(s->data);
    vae_model_destroy(s->model);
    vae_context_destroy(s->context);
    free(s);
}

static double elbo_of(const subject *s, size_t r, double moved) {
    float row[WIDTH];
    double elbo;
    memcpy(row, s->x + r * WIDTH, sizeof row);
    row[COLUMN] += (float)moved;
    assert_ok(vae_elbo(s->model, row, 1, WIDTH, 1, &elbo, NULL, NULL));
    return elbo;
}

static void train(const subject *s, int steps) {
    vae_optimizer *optimizer;
    assert_ok(vae_optimizer_create(s->model, "adam lr=1e-3", &optimizer));
    for (int i = 0; i < steps; i++) assert_ok(vae_step(s->model, optimizer, s->data, NULL));
    vae_optimizer_destroy(optimizer);
}

/* Once ELBO -105.9 and, with a value off by 1, -517822. */
static void scores_stay_sane(void **state) {
    static const double values[] = {5, 0, -700};
    (void)state;
    for (size_t m = 0; m < COUNT_OF(modes) * COUNT_OF(values); m++) {
        const char *mode = modes[m % COUNT_OF(modes)];
        subject *s = begin(mode, values[m / COUNT_OF(modes)]);
        vae_evaluation *evaluation;
        double elbo, baseline;
        train(s, 3000);
        assert_ok(vae_evaluate(s->model, s->data, NULL, NULL, NULL, NULL, &evaluation));
        assert_ok(vae_evaluation_value(evaluation, "elbo", &elbo));
        assert_ok(vae_evaluation_value(evaluation, "baseline_marginals", &baseline));
        if (!(elbo > baseline && elbo < baseline + 5))
            fail_msg("%s: ELBO %g, baseline %g", mode, elbo, baseline);
        for (size_t r = 0; r < 20; r++) {
            double cost = elbo_of(s, r, 0) - elbo_of(s, r, 1);
            double less = has_floor(mode) ? 49 : 2, more = has_floor(mode) ? 51 : 60;
            if (!(cost > less && cost < more)) fail_msg("%s: off by 1 costs %g nats", mode, cost);
        }
        vae_evaluation_destroy(evaluation);
        end(s);
    }
}

/* Of the others it costs nothing: they train as without it. */
static void disturbs_no_other_column(void **state) {
    (void)state;
    for (size_t m = 0; m < COUNT_OF(modes); m++) {
        if (!has_floor(modes[m])) continue; /* one sigma for all is lowered by it */
        subject *s = begin(modes[m], 5);
        double with = 0, without = 0;
        char spec[300];
        float x[ROWS * 3];
        vae_model *model;
        vae_dataset *data;
        vae_optimizer *optimizer;
        double elbo[ROWS];
        train(s, 1500);
        assert_ok(vae_elbo(s->model, s->x, ROWS, WIDTH, 1, elbo, NULL, NULL));
        for (size_t r = 0; r < ROWS; r++) with += elbo[r] / ROWS;
        for (size_t i = 0; i < ROWS * 3; i++) x[i] = s->x[i / 3 * WIDTH + (i % 3 == 2 ? 3 : i % 3)];
        snprintf(spec, sizeof spec, NETWORK "likelihood=gaussian %s", modes[m]);
        *strchr(spec, '4') = '3';
        assert_ok(vae_dataset_from_memory(NULL, x, ROWS, 3, "batch=64", &data));
        assert_ok(vae_model_create(NULL, spec, &model));
        assert_ok(vae_model_initialize(model, data));
        assert_ok(vae_optimizer_create(model, "adam lr=1e-3", &optimizer));
        for (int i = 0; i < 1500; i++) assert_ok(vae_step(model, optimizer, data, NULL));
        assert_ok(vae_elbo(model, x, ROWS, 3, 1, elbo, NULL, NULL));
        for (size_t r = 0; r < ROWS; r++) without += elbo[r] / ROWS;
        /* the column's own: N(0 | 0, 0.1^2); the rest is another draw of weights */
        test_near(with - (-log(0.1) - 0.9189385332), without, 0.25, modes[m]);
        vae_optimizer_destroy(optimizer);
        vae_dataset_destroy(data);
        vae_model_destroy(model);
        end(s);
    }
}

/* Its own sigma and scale: a tenth of 1, or of a thousandth of the value. */
static void has_its_floor(void **state) {
    static const double values[] = {0, 5, -999, 3e4, -1e9, 1e20, 3e38};
    (void)state;
    for (size_t m = 0; m < COUNT_OF(modes) * COUNT_OF(values); m++) {
        const char *mode = modes[m % COUNT_OF(modes)];
        double value = values[m / COUNT_OF(modes)], unit = fmax(1, fabs(value) / 1000);
        subject *s = begin(mode, value);
        vae__parameter *floor =
            vae__parameters_find(&s->model->parameters, "likelihood.sigma_floor");
        vae__parameter *scale = vae__parameters_find(&s->model->parameters, "input.scale");
        assert_int_equal(floor != NULL, has_floor(mode) != 0);
        for (size_t i = 0; floor && i < WIDTH; i++) {
            double expected = i == COLUMN ? 0.1 * (scale ? 1 : unit) : 0;
            test_near((double)floor->values[i] / unit, expected / unit, 1e-6, "floor");
        }
        if (scale) test_near((double)scale->values[COLUMN] / unit, 1, 1e-6, "scale");
        double sigma[WIDTH];
        if (!strstr(mode, "decoder") && floor) {
            assert_ok(vae_model_sigma(s->model, sigma, WIDTH));
            test_near(sigma[COLUMN] / unit, 0.1 * sqrt(1.01), 1e-6, "sigma");
        }
        assert_true(isfinite(elbo_of(s, 0, 0)));
        end(s);
    }
}

/* With sigma_min above it, that. */
static void a_larger_sigma_min_is_kept(void **state) {
    (void)state;
    subject *s = begin("sigma=per_dim sigma_min=0.7", 5);
    double sigma[WIDTH];
    assert_ok(vae_model_sigma(s->model, sigma, WIDTH));
    test_near(sigma[COLUMN], 0.7 * sqrt(1.01), 1e-6, "sigma");
    end(s);
}

/* p(x) of the column, whatever the others are, integrates to 1: with the Jacobian of its scale. */
static void is_a_density(void **state) {
    static const double values[] = {5, 40000};
    (void)state;
    for (size_t m = 0; m < COUNT_OF(modes) * COUNT_OF(values); m++) {
        double value = values[m / COUNT_OF(modes)], unit = fmax(1, value / 1000), sum = 0, most = 0;
        subject *s = begin(modes[m % COUNT_OF(modes)], value);
        enum { POINTS = 2001 };
        double *log_p = malloc(POINTS * sizeof *log_p),
               far = has_floor(modes[m % COUNT_OF(modes)]) ? 1 : 12;
        float *rows = malloc(POINTS * WIDTH * sizeof *rows);
        for (size_t i = 0; i < POINTS; i++) {
            memcpy(rows + i * WIDTH, s->x, WIDTH * sizeof *rows);
            rows[i * WIDTH + COLUMN] =
                (float)(value + far * unit * (2 * (double)i / (POINTS - 1) - 1));
        }
        /* the prior's draws are the same for all rows, and the encoder plays no part */
        assert_ok(vae_log_likelihood(s->model, rows, POINTS, WIDTH, "estimator=prior samples=50",
                                     log_p, NULL, NULL));
        for (size_t i = 0; i < POINTS; i++) most = fmax(most, exp(log_p[i] - log_p[POINTS / 2]));
        for (size_t i = 0; i + 1 < POINTS; i++) {
            double width = (double)(rows[(i + 1) * WIDTH + COLUMN] - rows[i * WIDTH + COLUMN]);
            sum += width *
                   (exp(log_p[i] - log_p[POINTS / 2]) + exp(log_p[i + 1] - log_p[POINTS / 2])) / 2;
        }
        assert_true(most <= 1 + 1e-6);
        /* p(x) / p(x at the value) has the area sigma sqrt(2 pi): the value's own density */
        double sigma[WIDTH], own = 0.1 * unit;
        if (vae_model_sigma(s->model, sigma, WIDTH) == VAE_OK) own = sigma[COLUMN];
        test_near(sum / own, sqrt(2 * 3.14159265358979), 1e-2, modes[m % COUNT_OF(modes)]);
        free(log_p);
        free(rows);
        end(s);
    }
}

static void is_named_in_the_log(void **state) {
    (void)state;
    subject *s = begin("sigma=per_dim", 5);
    assert_int_equal(s->log.warnings, 1);
    assert_non_null(
        strstr(s->log.warning, "vae_model_initialize: 1 of 4 columns do not vary: 2. "));
    /* not again by what initialises a copy */
    vae_evaluation *evaluation;
    train(s, 300);
    s->log = (fixture_log){0};
    assert_ok(vae_evaluate(s->model, s->data, NULL, NULL, NULL, NULL, &evaluation));
    assert_null(strstr(s->log.warning, "vary")); /* of collapse, perhaps */
    vae_evaluation_destroy(evaluation);
    end(s);

    /* one sigma for all on columns as they are: nothing is done, and nothing said */
    s = begin("sigma=shared", 5);
    assert_int_equal(s->log.warnings, 0);
    end(s);

    /* very many: the list ends */
    enum { MANY = 500 };
    static float zeros[3 * MANY];
    fixture_log log = {0};
    vae_context *context = test_context(NULL);
    vae_model *model;
    vae_dataset *data;
    assert_ok(vae_context_set_log(context, fixture_hear, &log));
    zeros[0] = 1;
    assert_ok(vae_dataset_from_memory(context, zeros, 3, MANY, NULL, &data));
    assert_ok(
        vae_model_create(context, "input=500 latent=1 likelihood=gaussian sigma=per_dim", &model));
    assert_ok(vae_model_initialize(model, data));
    assert_non_null(strstr(log.warning, "499 of 500 columns do not vary: 1 2 3 4 "));
    assert_non_null(strstr(log.warning, " and more. They say"));
    vae_dataset_destroy(data);
    vae_model_destroy(model);
    vae_context_destroy(context);
}

/* A column that varies after all, in other data, is learned like any other. */
static void learns_a_column_that_begins_to_vary(void **state) {
    (void)state;
    for (size_t m = 0; m < COUNT_OF(modes); m++) {
        subject *s = begin(modes[m], 5);
        vae_optimizer *optimizer;
        vae_step_report first = {.struct_size = sizeof first}, last = first;
        for (size_t r = 0; r < ROWS; r++) s->x[r * WIDTH + COLUMN] += s->x[r * WIDTH];
        assert_ok(vae_optimizer_create(s->model, "adam lr=3e-3", &optimizer));
        for (int i = 0; i < 1500; i++) {
            assert_ok(vae_step_rows(s->model, optimizer, s->x, ROWS, WIDTH, &last));
            if (!i) first = last;
        }
        const vae__parameter *out = test_parameter(s->model, "likelihood.weight");
        assert_true(out->values[COLUMN * out->columns] != 0);
        if (!(last.elbo > first.elbo + 1))
            fail_msg("%s: ELBO %g, then %g", modes[m], first.elbo, last.elbo);
        vae_optimizer_destroy(optimizer);
        end(s);
    }
}

/* The floor is a parameter once it holds something: seen, saved, loaded, cloned; else it is not there,
 * and files are what they were. */
static void the_floor_is_kept(void **state) {
    static const char name[] = "likelihood.sigma_floor";
    float floor[WIDTH], negative[WIDTH] = {0, 0, -1, 0};
    (void)state;
    for (int constant = 0; constant < 2; constant++) {
        subject *s = begin("sigma=per_dim", 5);
        unsigned char bytes[20000];
        size_t length, count = vae_model_parameter_count(s->model);
        vae_model *loaded, *clone;
        if (!constant) {
            for (size_t r = 0; r < ROWS; r++) s->x[r * WIDTH + COLUMN] = (float)r / ROWS;
            vae_dataset_destroy(s->data);
            assert_ok(vae_dataset_from_memory(s->context, s->x, ROWS, WIDTH, NULL, &s->data));
            assert_string_equal(vae_model_parameter_name(s->model, count - 1), name);
            assert_ok(vae_model_initialize(s->model, s->data));
            assert_int_equal(vae_model_parameter_count(s->model), count - 1);
            assert_null(vae_model_parameter_name(s->model, count - 1));
            assert_fails(vae_model_parameter_shape(s->model, count - 1, NULL, 0, NULL),
                         VAE_ERROR_ARGUMENT, "the model has");
        }
        uint64_t total = 0;
        for (size_t p = 0; p < vae_model_parameter_count(s->model); p++)
            total += vae__parameter_size(&s->model->parameters.items[p]);
        assert_int_equal(vae_model_parameter_total(s->model), total);
        assert_ok(vae_model_parameter_get(s->model, name, floor, WIDTH));
        test_near((double)floor[COLUMN], constant ? 0.1 : 0, 1e-6, "floor");
        assert_ok(vae_model_save_memory(s->model, bytes, sizeof bytes, &length));
        int stands = 0;
        for (size_t i = 0; i + sizeof name - 1 < length; i++)
            stands |= !memcmp(bytes + i, name, sizeof name - 1);
        assert_int_equal(stands, constant);
        assert_ok(vae_model_load_memory(NULL, bytes, length, &loaded));
        assert_ok(vae_model_clone(loaded, &clone));
        assert_true(same_parameters(loaded, s->model));
        assert_true(same_parameters(clone, s->model));
        double a, b;
        assert_ok(vae_elbo(loaded, s->x, 1, WIDTH, 1, &a, NULL, NULL));
        assert_ok(vae_elbo(s->model, s->x, 1, WIDTH, 1, &b, NULL, NULL));
        assert_true(a == b);
        assert_fails(vae_model_parameter_set(loaded, name, negative, WIDTH), VAE_ERROR_DATA,
                     "value 2 for 'likelihood.sigma_floor' is not at least 0");
        floor[0] = 3; /* by hand */
        assert_ok(vae_model_parameter_set(loaded, name, floor, WIDTH));
        double sigma[WIDTH];
        assert_ok(vae_model_sigma(loaded, sigma, WIDTH));
        assert_true(sigma[0] > 3);
        vae_model_destroy(clone);
        vae_model_destroy(loaded);
        end(s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_stay_sane),
        cmocka_unit_test(disturbs_no_other_column),
        cmocka_unit_test(has_its_floor),
        cmocka_unit_test(a_larger_sigma_min_is_kept),
        cmocka_unit_test(is_a_density),
        cmocka_unit_test(is_named_in_the_log),
        cmocka_unit_test(learns_a_column_that_begins_to_vary),
        cmocka_unit_test(the_floor_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
