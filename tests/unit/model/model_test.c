#include <math.h>
#include <string.h>

#include "support/checks.h"
#include "support/cmocka.h"
#include "support/numbers.h"

#define LAYERS "encoder=[dense 6, relu, dense 4, tanh] decoder=[tanh, dense 3, relu] "

static vae_model *create(const char *spec) {
    vae_model *model;
    if (vae_model_create(NULL, spec, &model)) fail_msg("'%s': %s", spec, vae_last_error());
    return model;
}

/* ---- names and shapes ---- */

#define BODY                                                                                     \
    "encoder.0.weight [6, 5]\nencoder.0.bias [6]\nencoder.2.weight [4, 6]\nencoder.2.bias [4]\n" \
    "posterior.weight [4, 4]\nposterior.bias [4]\n"                                              \
    "decoder.1.weight [3, 2]\ndecoder.1.bias [3]\n"
#define HEAD "likelihood.weight [5, 3]\nlikelihood.bias [5]\n"

static void names_its_parameters(void **state) {
    static const struct {
        const char *likelihood, *list;
        size_t total;
    } cases[] = {
        {"bernoulli", BODY HEAD, 113},
        {"gaussian sigma=0.5", BODY HEAD, 113},
        {"gaussian", BODY HEAD "likelihood.log_sigma [1]\n", 114},
        {"gaussian sigma=per_dim", BODY HEAD "likelihood.log_sigma [5]\n", 118},
        {"gaussian sigma=optimal", BODY HEAD "likelihood.sigma2 [1]\n", 114},
        {"gaussian sigma=decoder", BODY "likelihood.weight [10, 3]\nlikelihood.bias [10]\n", 133},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char spec[200], list[1000] = "";
        snprintf(spec, sizeof spec, "input=5 latent=2 " LAYERS "likelihood=%s",
                 cases[i].likelihood);
        vae_model *model = create(spec);
        size_t total = 0;
        for (size_t p = 0; p < vae_model_parameter_count(model); p++) {
            size_t shape[2] = {0, 1}, rank, used = strlen(list);
            assert_ok(vae_model_parameter_shape(model, p, shape, 2, &rank));
            snprintf(list + used, sizeof list - used, rank == 1 ? "%s [%zu]\n" : "%s [%zu, %zu]\n",
                     vae_model_parameter_name(model, p), shape[0], shape[1]);
            total += shape[0] * (rank == 1 ? 1 : shape[1]);
        }
        assert_string_equal(list, cases[i].list);
        assert_int_equal(total, cases[i].total);
        assert_int_equal(vae_model_parameter_total(model), total);
        assert_null(vae_model_parameter_name(model, vae_model_parameter_count(model)));
        vae_model_destroy(model);
    }
}

/* ---- starting values ---- */

/* Weights fill U(-limit, limit), biases are 0. */
static void check_weight(const vae_model *model, const char *name, double limit) {
    const vae__parameter *weight = vae__parameters_find(&model->parameters, name);
    double most = 0, sum = 0;
    size_t count = vae__parameter_size(weight);
    for (size_t i = 0; i < count; i++) {
        double value = (double)weight->values[i];
        most = fmax(most, fabs(value));
        sum += value;
    }
    if (most > limit * (1 + 1e-6) || most < 0.97 * limit)
        fail_msg("%s: largest %g, limit %g", name, most, limit);
    assert_true(fabs(sum / (double)count) < 0.1 * limit);
}

static void draws_starting_values(void **state) {
    static const struct {
        const char *init;
        double in_only, sum; /* limit = sqrt(in_only / in + sum / (in + out)) */
    } cases[] = {{"auto", 1, 0}, {"he", 6, 0}, {"glorot", 0, 6}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char spec[200];
        snprintf(spec, sizeof spec,
                 "input=50 latent=8 likelihood=bernoulli encoder=[dense 40, relu] "
                 "decoder=[dense 60] init=%s",
                 cases[i].init);
        vae_model *model = create(spec);
        static const struct {
            const char *name;
            double in, out;
        } weights[] = {{"encoder.0.weight", 50, 40},
                       {"posterior.weight", 40, 16},
                       {"decoder.0.weight", 8, 60},
                       {"likelihood.weight", 60, 50}};
        for (size_t w = 0; w < COUNT_OF(weights); w++) {
            check_weight(model, weights[w].name,
                         sqrt(cases[i].in_only / weights[w].in +
                              cases[i].sum / (weights[w].in + weights[w].out)));
        }
        for (size_t p = 0; p < model->parameters.count; p++) {
            const vae__parameter *parameter = &model->parameters.items[p];
            for (size_t j = 0; parameter->shape.rank == 1 && j < parameter->rows; j++)
                assert_true(fabs((double)parameter->values[j]) <= 0);
        }
        vae_model_destroy(model);
    }
}

static int same_values(const vae_model *a, const vae_model *b) {
    return a->parameters.block_count == b->parameters.block_count &&
           !memcmp(a->parameters.block, b->parameters.block,
                   a->parameters.block_count * sizeof(vae__real));
}

static void starts_from_its_seed(void **state) {
    (void)state;
    vae_model *a = create("input=5 latent=2 likelihood=bernoulli " LAYERS),
              *b = create("input=5 latent=2 likelihood=bernoulli seed=1 " LAYERS),
              *c = create("input=5 latent=2 likelihood=bernoulli seed=2 " LAYERS);
    assert_true(same_values(a, b));
    assert_false(same_values(a, c));
    vae_model_destroy(a);
    vae_model_destroy(b);
    vae_model_destroy(c);
}

static void clones(void **state) {
    host_allocator counts;
    (void)state;
    vae_context *context = counted_context(NULL, &counts);
    vae_model *model =
        test_model(context, "input=5 latent=2 likelihood=gaussian sigma=per_dim " LAYERS, 0.7);
    vae_model *clone = NULL;
    float x[15], a[15], b[15];
    test_values(x, 15, 3, -1, 1);
    assert_ok(vae_model_clone(model, &clone));
    assert_ptr_not_equal(clone, model);
    assert_true(same_values(model, clone));
    assert_string_equal(vae_model_spec(model), vae_model_spec(clone));
    assert_ok(vae_reconstruct(model, x, 3, 5, a));
    float bias[6] = {5, 5, 5, 5, 5, 5};
    assert_ok(vae_model_parameter_set(model, "encoder.0.bias", bias, 6));
    assert_false(same_values(model, clone));
    vae_model_destroy(model);
    assert_ok(vae_reconstruct(clone, x, 3, 5, b));
    assert_memory_equal(a, b, sizeof a);
    vae_model_destroy(clone);
    vae_context_destroy(context);
    assert_int_equal(atomic_load(&counts.blocks), 0);
}

/* ---- initialize ---- */

enum { ROWS = 40, WIDTH = 3 };

/* Columns with means 0.2, 0.5, 0.7 and different spreads, all in [0, 1]; column statistics. */
typedef struct columns {
    float x[ROWS * WIDTH];
    double mean[WIDTH], variance[WIDTH], all; /* all: mean of the variances */
} columns;

static columns make_columns(void) {
    static const double centre[] = {0.2, 0.5, 0.7}, spread[] = {0.1, 0.4, 0.02};
    columns c = {.all = 0};
    for (size_t i = 0; i < WIDTH; i++) {
        for (size_t r = 0; r < ROWS; r++) {
            c.x[r * WIDTH + i] =
                (float)test_uniform(i, r, centre[i] - spread[i], centre[i] + spread[i]);
            c.mean[i] += (double)c.x[r * WIDTH + i] / ROWS;
        }
        for (size_t r = 0; r < ROWS; r++) {
            double off = (double)c.x[r * WIDTH + i] - c.mean[i];
            c.variance[i] += off * off / ROWS;
        }
        c.all += c.variance[i] / WIDTH;
    }
    return c;
}

static vae_model *initialized(const char *spec, const columns *c) {
    vae_dataset *dataset;
    vae_model *model = create(spec);
    assert_ok(vae_dataset_from_memory(NULL, c->x, ROWS, WIDTH, "batch=7", &dataset));
    assert_ok(vae_model_initialize(model, dataset));
    assert_int_equal(vae_dataset_position(dataset) + vae_dataset_epoch(dataset), 0);
    vae_dataset_destroy(dataset);
    return model;
}

static double tolerance(void) {
    return test_tolerance(2e-5, 1e-7);
}

/* Rows reach the first layer with mean 0 and variance 1 over all columns. */
static void scales_the_first_layer(void **state) {
    static const char *const specs[] = {
        "input=3 latent=2 likelihood=gaussian encoder=[dense 4, relu] decoder=[dense 4]",
        "input=3 latent=2 likelihood=bernoulli"};
    static const char *const names[][2] = {{"encoder.0.weight", "encoder.0.bias"},
                                           {"posterior.weight", "posterior.bias"}};
    columns c = make_columns();
    (void)state;
    for (size_t i = 0; i < COUNT_OF(specs); i++) {
        vae_model *plain = create(specs[i]), *model = initialized(specs[i], &c);
        const vae__parameter *before = test_parameter(plain, names[i][0]),
                             *weight = test_parameter(model, names[i][0]),
                             *bias = test_parameter(model, names[i][1]);
        for (size_t r = 0; r < weight->rows; r++) {
            double shift = 0;
            for (size_t j = 0; j < WIDTH; j++) {
                double scaled = (double)before->values[r * WIDTH + j] / sqrt(c.all);
                test_near((double)weight->values[r * WIDTH + j], scaled, tolerance(), "weight");
                shift += scaled * c.mean[j];
            }
            test_near((double)bias->values[r], -shift, tolerance(), "bias");
        }
        vae_model_destroy(plain);
        vae_model_destroy(model);
    }
}

static void leaves_a_leading_activation(void **state) {
    columns c = make_columns();
    const char *spec = "input=3 latent=2 likelihood=gaussian encoder=[tanh, dense 4]";
    (void)state;
    vae_model *plain = create(spec), *model = initialized(spec, &c);
    const vae__parameter *a = test_parameter(plain, "encoder.1.weight"),
                         *b = test_parameter(model, "encoder.1.weight");
    assert_memory_equal(a->values, b->values, 12 * sizeof(vae__real));
    vae_model_destroy(plain);
    vae_model_destroy(model);
}

static void starts_outputs_from_the_data(void **state) {
    columns c = make_columns();
    double sigma[WIDTH];
    (void)state;
    vae_model *model = initialized("input=3 latent=2 likelihood=bernoulli", &c);
    for (size_t i = 0; i < WIDTH; i++)
        test_near((double)test_parameter(model, "likelihood.bias")->values[i],
                  log(c.mean[i] / (1 - c.mean[i])), tolerance(), "logit");
    vae_model_destroy(model);

    static const char *const modes[] = {"shared", "optimal", "per_dim", "0.5"};
    for (size_t m = 0; m < COUNT_OF(modes); m++) {
        char spec[100];
        snprintf(spec, sizeof spec, "input=3 latent=2 likelihood=gaussian sigma=%s", modes[m]);
        model = initialized(spec, &c);
        assert_ok(vae_model_sigma(model, sigma, WIDTH));
        for (size_t i = 0; i < WIDTH; i++) {
            test_near((double)test_parameter(model, "likelihood.bias")->values[i], c.mean[i],
                      tolerance(), "bias");
            double expected = m == 3 ? 0.5 : sqrt(m == 2 ? c.variance[i] : c.all);
            test_near(sigma[i], expected, tolerance(), modes[m]);
        }
        vae_model_destroy(model);
    }

    model = initialized("input=3 latent=2 likelihood=gaussian sigma=decoder", &c);
    const vae__parameter *bias = test_parameter(model, "likelihood.bias");
    for (size_t i = 0; i < WIDTH; i++) {
        test_near((double)bias->values[i], c.mean[i], tolerance(), "mean");
        test_near((double)bias->values[WIDTH + i], log(c.variance[i] - 1e-6), 1e-4, "log variance");
    }
    vae_model_destroy(model);
}

/* Columns that are always 0 or 1 or do not vary leave everything finite. */
static void survives_constant_columns(void **state) {
    static const char *const specs[] = {"input=3 latent=2 likelihood=bernoulli",
                                        "input=3 latent=2 likelihood=gaussian",
                                        "input=3 latent=2 likelihood=gaussian sigma=optimal",
                                        "input=3 latent=2 likelihood=gaussian sigma=per_dim",
                                        "input=3 latent=2 likelihood=gaussian sigma=decoder"};
    columns c = {.all = 0};
    (void)state;
    for (size_t r = 0; r < ROWS; r++) c.x[r * WIDTH] = 1;
    for (size_t i = 0; i < COUNT_OF(specs); i++) {
        double elbo[ROWS];
        vae_model *model = initialized(specs[i], &c);
        for (size_t j = 0; j < model->parameters.block_count; j++)
            assert_true(isfinite(model->parameters.block[j]));
        assert_ok(vae_elbo(model, c.x, ROWS, WIDTH, 1, elbo, NULL, NULL));
        for (size_t r = 0; r < ROWS; r++) assert_true(isfinite(elbo[r]));
        vae_model_destroy(model);
    }
}

static vae_dataset *open_columns(const columns *c) {
    vae_dataset *dataset;
    assert_ok(vae_dataset_from_memory(NULL, c->x, ROWS, WIDTH, "batch=7", &dataset));
    return dataset;
}

#define GAUSSIAN \
    "input=3 latent=2 encoder=[dense 4, relu] decoder=[dense 4, tanh] likelihood=gaussian "

static const char *const startable[] = {
    GAUSSIAN,
    GAUSSIAN "sigma=per_dim",
    GAUSSIAN "sigma=decoder",
    GAUSSIAN "sigma=optimal standardize=1",
    GAUSSIAN "sigma=per_dim standardize=1",
    "input=3 latent=2 likelihood=bernoulli",
    "input=3 latent=2 likelihood=negative_binomial",
};

/* A second call, on the same or on other data, does what the first of a new model does. */
static void starts_again(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(startable); i++) {
        columns c = make_columns(), other = make_columns();
        for (size_t r = 0; r < ROWS; r++) {
            other.x[r * WIDTH] = c.x[r * WIDTH] / 3;
            other.x[r * WIDTH + 2] = 1; /* does not vary */
        }
        for (size_t j = 0; strstr(startable[i], "binomial") && j < ROWS * WIDTH; j++) {
            c.x[j] = (float)(int)(20 * c.x[j]);
            other.x[j] = (float)(int)(20 * other.x[j]);
        }
        vae_model *model = initialized(startable[i], &c), *once = initialized(startable[i], &c);
        vae_model *on_other = initialized(startable[i], &other), *clone;
        vae_dataset *data = open_columns(&c), *other_data = open_columns(&other);
        assert_ok(vae_model_initialize(model, data));
        assert_true(same_values(model, once));
        assert_ok(vae_model_initialize(model, other_data));
        assert_true(same_values(model, on_other));
        assert_ok(vae_model_clone(model, &clone));
        assert_ok(vae_model_initialize(clone, data));
        assert_true(same_values(clone, once));
        assert_true(same_values(model, on_other));
        for (int times = 0; times < 3; times++) assert_ok(vae_model_initialize(model, data));
        assert_true(same_values(model, once));
        vae_dataset_destroy(data);
        vae_dataset_destroy(other_data);
        vae_model_destroy(model);
        vae_model_destroy(once);
        vae_model_destroy(on_other);
        vae_model_destroy(clone);
    }
}

static void check_stays(vae_model *model, const vae_dataset *data, const char *why) {
    vae_model *before;
    assert_ok(vae_model_clone(model, &before));
    assert_fails(vae_model_initialize(model, data), VAE_ERROR_ARGUMENT, why);
    assert_non_null(strstr(vae_last_error(), "create a new model with the same spec"));
    assert_true(same_values(model, before));
    assert_fails(vae_model_initialize(before, data), VAE_ERROR_ARGUMENT, why); /* a clone as well */
    vae_model_destroy(before);
}

/* What training, a file or the caller gave a model is not drawn over. */
static void keeps_what_it_would_lose(void **state) {
    static const char *const trained = "the model was trained or loaded";
    columns c = make_columns();
    vae_dataset *data = open_columns(&c);
    (void)state;
    for (size_t i = 0; i < COUNT_OF(startable); i++) {
        unsigned char bytes[4000];
        size_t length;
        float bias[WIDTH * 2] = {0.5f};
        vae_optimizer *optimizer;
        vae_model *model, *loaded;
        if (strstr(startable[i], "binomial")) continue;
        model = initialized(startable[i], &c);
        assert_ok(vae_optimizer_create(model, "lr=1e-3", &optimizer));
        assert_ok(vae_model_initialize(model, data)); /* an optimizer alone is no training */
        assert_ok(vae_step(model, optimizer, data, NULL));
        check_stays(model, data, trained);
        vae_optimizer_destroy(optimizer);
        vae_model_destroy(model);

        model = create(startable[i]);
        assert_ok(vae_model_save_memory(model, bytes, sizeof bytes, &length));
        assert_ok(vae_model_load_memory(NULL, bytes, length, &loaded));
        check_stays(loaded, data, trained);
        vae_model_destroy(loaded);

        /* before the first call parameters may be set, and stay */
        size_t count = strstr(startable[i], "sigma=decoder") ? 2 * WIDTH : WIDTH;
        assert_ok(vae_model_parameter_set(model, "likelihood.bias", bias, count));
        assert_ok(vae_model_initialize(model, data));
        check_stays(model, data, "parameters of it were set by vae_model_parameter_set");
        vae_model_destroy(model);
    }
    vae_dataset_destroy(data);
}

/* A refused step is no training. */
static void a_refused_step_is_no_training(void **state) {
    columns c = make_columns();
    vae_dataset *data = open_columns(&c);
    const float bad[WIDTH] = {0, NAN, 0};
    vae_optimizer *optimizer;
    (void)state;
    vae_model *model = initialized(GAUSSIAN, &c), *once = initialized(GAUSSIAN, &c);
    assert_ok(vae_optimizer_create(model, NULL, &optimizer));
    assert_fails(vae_step_rows(model, optimizer, bad, 1, WIDTH, NULL), VAE_ERROR_DATA, "nan");
    assert_ok(vae_model_initialize(model, data));
    assert_true(same_values(model, once));
    assert_ok(vae_step(model, optimizer, data, NULL));
    vae_optimizer_destroy(optimizer);
    vae_model_destroy(model);
    vae_model_destroy(once);
    vae_dataset_destroy(data);
}

/* The largest numbers there are, whose spread is larger. */
static void survives_the_largest_numbers(void **state) {
    static const char *const sigmas[] = {"shared", "per_dim", "optimal", "decoder",
                                         "shared standardize=1"};
    const double most = (double)VAE__REAL_MAX, large[] = {most, most / 2, sqrt(most), 1e30};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(sigmas) * COUNT_OF(large); i++) {
        double x[ROWS * WIDTH];
        char spec[100];
        vae_dataset *dataset;
        for (size_t j = 0; j < ROWS * WIDTH; j++)
            x[j] = (j % 2 ? -1 : 1) * (j % WIDTH ? large[i % COUNT_OF(large)] : 1);
        snprintf(spec, sizeof spec, "input=3 latent=2 likelihood=gaussian sigma=%s",
                 sigmas[i / COUNT_OF(large)]);
        vae_model *model = create(spec);
        assert_ok(vae_dataset_from_memory(NULL, x, ROWS, WIDTH, "dtype=float64", &dataset));
        assert_ok(vae_model_initialize(model, dataset));
        for (size_t j = 0; j < model->parameters.block_count; j++)
            if (!isfinite(model->parameters.block[j])) fail_msg("%s, %g", spec, x[1]);
        vae_dataset_destroy(dataset);
        vae_model_destroy(model);
    }
}

static void refuses_bad_rows(void **state) {
    columns c = make_columns();
    vae_dataset *dataset;
    (void)state;
    vae_model *model = create("input=3 latent=2 likelihood=bernoulli"),
              *plain = create("input=3 latent=2 likelihood=bernoulli");
    c.x[17 * WIDTH + 2] = 1.5f;
    assert_ok(vae_dataset_from_memory(NULL, c.x, ROWS, WIDTH, NULL, &dataset));
    assert_fails(vae_model_initialize(model, dataset), VAE_ERROR_DATA,
                 "row 17, column 2 is 1.5: likelihood=bernoulli takes values from 0 to 1");
    assert_true(same_values(model, plain));
    vae_dataset_destroy(dataset);
    c.x[17 * WIDTH + 2] = NAN;
    assert_ok(vae_dataset_from_memory(NULL, c.x, ROWS, WIDTH, NULL, &dataset));
    assert_fails(vae_model_initialize(model, dataset), VAE_ERROR_DATA,
                 "row 17, column 2 is nan: expected finite values");
    assert_true(same_values(model, plain));
    vae_dataset_destroy(dataset);
    vae_model_destroy(model);
    vae_model_destroy(plain);
}

/* ---- small sizes ---- */

static void works_at_size_one(void **state) {
    static const char *const specs[] = {
        "input=1 latent=1 likelihood=bernoulli",
        "input=1 latent=1 likelihood=gaussian encoder=[dense 1, relu] decoder=[tanh]",
        "input=1 latent=3 likelihood=gaussian sigma=decoder encoder=[silu]",
        "input=5 latent=1 likelihood=gaussian sigma=optimal decoder=[dense 1]",
        "input=1x1x1 latent=1 likelihood=gaussian sigma=per_dim"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(specs); i++) {
        float x[25], mean[15], logvar[15], out[25], z[15];
        double elbo[5];
        vae_optimizer *optimizer;
        vae_model *model = test_model(NULL, specs[i], 0.5);
        size_t width = vae_model_width(model), latent = vae_model_latent(model);
        test_values(x, 5 * width, 3, 0, 1);
        assert_ok(vae_optimizer_create(model, NULL, &optimizer));
        for (size_t n = 1; n <= 5; n++)
            assert_ok(vae_step_rows(model, optimizer, x, n, width, NULL));
        assert_ok(vae_encode(model, x, 5, width, mean, logvar));
        assert_ok(vae_decode(model, mean, 5, latent, out));
        assert_ok(vae_elbo(model, x, 5, width, 1, elbo, NULL, NULL));
        for (size_t r = 0; r < 5; r++) assert_true(isfinite(elbo[r]));
        assert_ok(vae_sample(model, 5, 1, z, out, x));
        for (size_t j = 0; j < 5 * width; j++) assert_true(isfinite(out[j]) && isfinite(x[j]));
        vae_optimizer_destroy(optimizer);
        vae_model_destroy(model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_its_parameters),
        cmocka_unit_test(draws_starting_values),
        cmocka_unit_test(starts_from_its_seed),
        cmocka_unit_test(clones),
        cmocka_unit_test(scales_the_first_layer),
        cmocka_unit_test(leaves_a_leading_activation),
        cmocka_unit_test(starts_outputs_from_the_data),
        cmocka_unit_test(survives_constant_columns),
        cmocka_unit_test(starts_again),
        cmocka_unit_test(keeps_what_it_would_lose),
        cmocka_unit_test(a_refused_step_is_no_training),
        cmocka_unit_test(survives_the_largest_numbers),
        cmocka_unit_test(refuses_bad_rows),
        cmocka_unit_test(works_at_size_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
