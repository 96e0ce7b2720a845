#include <math.h>
#include <string.h>

#include "support/cmocka.h"
#include "unit/train/fixture.h"

static vae_step_report empty_report(void) {
    return (vae_step_report){.struct_size = sizeof(vae_step_report)};
}

static vae_status step(fixture *f, vae_step_report *report) {
    *report = empty_report();
    return vae_step(f->model, f->optimizer, f->dataset, report);
}

/* ---- epochs, batches and the report ---- */

static void counts_epochs(void **state) {
    static const struct {
        const char *options;
        size_t batch, steps, last; /* rows of the epoch's last batch */
    } cases[] = {{"batch=3", 3, 4, 1},          {"batch=3 drop_last=1", 3, 3, 3},
                 {"batch=5", 5, 2, 5},          {"batch=1", 1, 10, 1},
                 {"batch=10", 10, 1, 10},       {"batch=100", 10, 1, 10},
                 {"batch=4 shuffle=0", 4, 3, 2}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        fixture f;
        vae_step_report report;
        fixture_begin(&f, "bernoulli", "adam", cases[i].options);
        for (size_t k = 0; k < 3 * cases[i].steps; k++) {
            size_t epoch = k / cases[i].steps, within = k % cases[i].steps + 1;
            int ends = within == cases[i].steps;
            assert_ok(step(&f, &report));
            assert_int_equal(report.struct_size, sizeof report);
            assert_int_equal(report.step, k + 1);
            assert_int_equal(report.epoch, epoch + (size_t)ends);
            assert_int_equal(report.position, ends ? 0 : within * cases[i].batch);
            assert_int_equal(report.rows, ends ? cases[i].last : cases[i].batch);
            assert_int_equal(report.flags, ends ? VAE_STEP_EPOCH_END : 0);
            assert_int_equal(report.epoch, vae_dataset_epoch(f.dataset));
            assert_int_equal(report.position, vae_dataset_position(f.dataset));
            assert_int_equal(vae_optimizer_steps(f.optimizer), k + 1);
        }
        fixture_end(&f);
    }
}

/* Each epoch has every row once; the sum of a linear statistic shows it. */
static void visits_every_row(void **state) {
    fixture f;
    vae_step_report report;
    double once = 0;
    (void)state;
    fixture_begin(&f, "bernoulli", "sgd lr=0 seed=3", "batch=3");
    for (int epoch = 0; epoch < 3; epoch++) {
        double kl = 0;
        for (size_t k = 0; k < 4; k++) {
            assert_ok(step(&f, &report));
            kl += report.kl * (double)report.rows;
        }
        if (epoch == 0) once = kl;
        test_near(kl, once, 1e-6, "sum of the rows' KL in an epoch");
    }
    fixture_end(&f);
}

static void reports_what_it_did(void **state) {
    fixture f;
    vae_step_report report;
    (void)state;
    fixture_begin(&f, "gaussian", "adam lr=0.01 warmup=4 beta=2 beta_warmup=2 free_bits=0.2",
                  "batch=5");
    for (int k = 1; k <= 6; k++) {
        assert_ok(step(&f, &report));
        test_near(report.learning_rate, k < 4 ? 0.01 * k / 4 : 0.01, 1e-12, "learning rate");
        test_near(report.beta, k == 1 ? 0 : k == 2 ? 1 : 2, 1e-12, "beta");
        test_near(report.elbo, report.reconstruction - report.kl, 1e-12, "elbo");
        assert_true(report.objective <= report.reconstruction + 1e-12);
        assert_true(report.gradient_norm > 0 && isfinite(report.gradient_norm));
    }
    fixture_end(&f);
}

/* The report is at the parameters before the update; with sgd the step is their change. */
static void updates_by_the_gradient(void **state) {
    fixture f;
    vae_step_report first, second;
    (void)state;
    fixture_begin(&f, "gaussian", "sgd lr=0.125", "batch=10");
    size_t count = f.model->parameters.block_count;
    vae__real *gradient = calloc(count, sizeof *gradient);
    vae__step_rows rows = {.rows = f.x, .n = FIXTURE_ROWS};
    assert_ok(vae__step_gradient(f.optimizer, &rows, &first, gradient));
    frozen before = freeze(f.optimizer);
    second = empty_report();
    assert_ok(vae_step_rows(f.model, f.optimizer, f.x, FIXTURE_ROWS, FIXTURE_WIDTH, &second));
    double squares = 0;
    for (size_t i = 0; i < count; i++) {
        test_near((double)f.model->parameters.block[i],
                  (double)before.parameters[i] - 0.125 * (double)gradient[i],
                  test_tolerance(1e-6, 1e-13), "parameter");
        squares += (double)gradient[i] * (double)gradient[i];
    }
    test_near(second.elbo, first.elbo, 1e-9, "elbo");
    test_near(second.gradient_norm, sqrt(squares), test_tolerance(1e-5, 1e-12), "norm");
    assert_int_equal(second.epoch + second.position, 0);
    assert_int_equal(second.rows, FIXTURE_ROWS);
    assert_false(thaw(&before, f.optimizer));
    free(gradient);
    fixture_end(&f);
}

static void clips(void **state) {
    (void)state;
    for (int large = 0; large < 2; large++) {
        fixture f, free_one;
        vae_step_report report, unclipped;
        double change = 0, others = 0;
        fixture_begin(&f, "gaussian", large ? "sgd lr=1 clip_norm=1e6" : "sgd lr=1 clip_norm=0.01",
                      "batch=10 shuffle=0");
        fixture_begin(&free_one, "gaussian", "sgd lr=1", "batch=10 shuffle=0");
        frozen before = freeze(f.optimizer);
        assert_ok(step(&f, &report));
        assert_ok(step(&free_one, &unclipped));
        for (size_t i = 0; i < f.model->parameters.block_count; i++) {
            double d = (double)f.model->parameters.block[i] - (double)before.parameters[i];
            double u = (double)free_one.model->parameters.block[i] - (double)before.parameters[i];
            change += d * d, others += u * u;
        }
        test_near(report.gradient_norm, unclipped.gradient_norm, 1e-5, "norm before clipping");
        assert_int_equal(report.flags, VAE_STEP_EPOCH_END | (large ? 0 : VAE_STEP_CLIPPED));
        test_near(sqrt(change), large ? sqrt(others) : 0.01, test_tolerance(1e-5, 1e-12), "change");
        thaw(&before, f.optimizer);
        fixture_end(&f);
        fixture_end(&free_one);
    }
}

/* ---- struct_size ---- */

static void writes_what_the_report_holds(void **state) {
    fixture f;
    (void)state;
    fixture_begin(&f, "gaussian", "adam", "batch=10");
    for (uint32_t size = 8; size <= 200; size++) {
        union {
            vae_step_report report;
            unsigned char bytes[256];
        } u;
        memset(&u, 0x5a, sizeof u);
        u.report.struct_size = size;
        assert_ok(vae_step(f.model, f.optimizer, f.dataset, &u.report));
        assert_int_equal(u.report.struct_size, size);
        assert_int_equal(u.report.flags, VAE_STEP_EPOCH_END);
        size_t written = size < sizeof u.report ? size : sizeof u.report;
        for (size_t i = written; i < sizeof u; i++) assert_int_equal(u.bytes[i], 0x5a);
        if (size >= offsetof(vae_step_report, epoch))
            assert_int_equal(u.report.step, vae_optimizer_steps(f.optimizer));
        if (size >= sizeof u.report) assert_true(u.report.gradient_norm > 0);
    }
    for (uint32_t size = 0; size < 8; size++) {
        vae_step_report report = {.struct_size = size, .flags = 77};
        uint64_t steps = vae_optimizer_steps(f.optimizer), epoch = vae_dataset_epoch(f.dataset);
        char message[100];
        snprintf(message, sizeof message, "struct_size is %u; set it to sizeof(vae_step_report)",
                 size);
        assert_fails(vae_step(f.model, f.optimizer, f.dataset, &report), VAE_ERROR_ARGUMENT,
                     message);
        assert_fails(vae_step_rows(f.model, f.optimizer, f.x, 1, FIXTURE_WIDTH, &report),
                     VAE_ERROR_ARGUMENT, message);
        assert_int_equal(report.flags, 77);
        assert_int_equal(vae_optimizer_steps(f.optimizer), steps);
        assert_int_equal(vae_dataset_epoch(f.dataset), epoch);
    }
    assert_ok(vae_step(f.model, f.optimizer, f.dataset, NULL));
    fixture_end(&f);
}

/* ---- refused rows ---- */

static const struct {
    const char *likelihood;
    float value;
    const char *message;
} bad_values[] = {
    {"bernoulli", NAN, "row 7, column 2 is nan: expected finite values"},
    {"bernoulli", INFINITY, "row 7, column 2 is inf: expected finite values"},
    {"bernoulli", -0.25f,
     "row 7, column 2 is -0.25: likelihood=bernoulli takes values from 0 to 1"},
    {"bernoulli", 1.5f, "row 7, column 2 is 1.5: likelihood=bernoulli takes values from 0 to 1"},
    {"gaussian", NAN, "row 7, column 2 is nan: expected finite values"},
    {"gaussian", -INFINITY, "row 7, column 2 is -inf: expected finite values"},
    {"gaussian sigma=optimal", NAN, "row 7, column 2 is nan: expected finite values"},
};

static void refuses_bad_rows_of_a_data_set(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad_values); i++) {
        fixture f;
        vae_step_report report;
        int refused = 0;
        fixture_begin(&f, bad_values[i].likelihood, "adam", "batch=4");
        for (size_t k = 0; k < 3; k++) assert_ok(step(&f, &report)); /* moments that are not 0 */
        float before_value = f.x[7 * FIXTURE_WIDTH + 2];
        f.x[7 * FIXTURE_WIDTH + 2] = bad_values[i].value;
        for (size_t k = 0; k < 3; k++) {
            frozen before = freeze(f.optimizer);
            uint64_t consumed = vae_dataset_epoch(f.dataset) * 10 + vae_dataset_position(f.dataset);
            vae_status status = step(&f, &report);
            size_t rows = k == 2 ? 2 : 4;
            assert_int_equal(vae_dataset_epoch(f.dataset) * 10 + vae_dataset_position(f.dataset),
                             consumed + rows);
            assert_int_equal(report.rows, rows);
            assert_int_equal(report.position, vae_dataset_position(f.dataset));
            assert_int_equal(report.step, vae_optimizer_steps(f.optimizer));
            int same = thaw(&before, f.optimizer);
            assert_int_equal(same, status != VAE_OK);
            assert_int_equal(!!(report.flags & VAE_STEP_REFUSED), status != VAE_OK);
            assert_int_equal(!!(report.flags & VAE_STEP_EPOCH_END), k == 2);
            if (!status) continue;
            refused++;
            check_fails(status, VAE_ERROR_DATA, bad_values[i].message, "vae_step", __LINE__);
        }
        assert_int_equal(refused, 1);
        f.x[7 * FIXTURE_WIDTH + 2] = before_value;
        for (size_t k = 0; k < 3; k++) assert_ok(step(&f, &report));
        fixture_end(&f);
    }
}

static void refuses_bad_rows_given(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad_values); i++) {
        fixture f;
        vae_step_report report = empty_report();
        fixture_begin(&f, bad_values[i].likelihood, "adam", "batch=4");
        assert_ok(vae_step_rows(f.model, f.optimizer, f.x, 10, FIXTURE_WIDTH, NULL));
        f.x[7 * FIXTURE_WIDTH + 2] = bad_values[i].value;
        frozen before = freeze(f.optimizer);
        assert_fails(vae_step_rows(f.model, f.optimizer, f.x, 10, FIXTURE_WIDTH, &report),
                     VAE_ERROR_DATA, bad_values[i].message);
        assert_true(thaw(&before, f.optimizer));
        assert_int_equal(report.flags, VAE_STEP_REFUSED);
        assert_int_equal(report.rows, 10);
        fixture_end(&f);
    }
}

/* The row's number is that of the file, before the split. */
static void names_the_row_before_the_split(void **state) {
    fixture f;
    vae_dataset *part;
    char message[60];
    float row[FIXTURE_WIDTH];
    (void)state;
    fixture_begin(&f, "bernoulli", "adam", "batch=4");
    assert_ok(vae_dataset_from_memory(f.context, f.x, FIXTURE_ROWS, FIXTURE_WIDTH,
                                      "copy=0 split=test:0.5 batch=5", &part));
    assert_ok(vae_dataset_read(part, 3, 1, row, FIXTURE_WIDTH));
    size_t source = 0;
    while (memcmp(f.x + source * FIXTURE_WIDTH, row, sizeof row)) source++;
    assert_int_not_equal(source, 3);
    f.x[source * FIXTURE_WIDTH + 1] = NAN;
    snprintf(message, sizeof message, "row %zu, column 1 is nan", source);
    assert_fails(vae_step(f.model, f.optimizer, part, NULL), VAE_ERROR_DATA, message);
    vae_dataset_destroy(part);
    fixture_end(&f);
}

/* ---- diverged steps ---- */

static void refuses_to_diverge(void **state) {
    static const struct {
        const char *optimizer, *set, *what;
        float x; /* a value of the batch */
    } cases[] = {
        {"sgd lr=1e-3", NULL, "the gradient", 1e36f}, /* / sigma^2: 1e40 */
        {"adam", NULL, "the update", 1e30f},          /* its square is no float */
        {"adamw", NULL, "the update", -1e30f},
        {"adam clip_norm=1", NULL, "the gradient", 1e36f},
    };
    (void)state;
    if (sizeof(vae__real) != sizeof(float)) skip(); /* 1e40 is a double */
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        fixture f;
        vae_step_report report;
        char message[100];
        fixture_begin(&f, "gaussian sigma=1e-2", cases[i].optimizer, "batch=10");
        assert_ok(step(&f, &report));
        if (cases[i].set) assert_ok(vae_optimizer_set(f.optimizer, cases[i].set));
        float kept = f.x[5];
        f.x[5] = cases[i].x;
        frozen before = freeze(f.optimizer);
        vae_status status = step(&f, &report);
        int same = thaw(&before, f.optimizer);
        snprintf(message, sizeof message, "step 2: %s is not finite", cases[i].what);
        check_fails(status, VAE_ERROR_DIVERGED, message, cases[i].optimizer, (int)i);
        /* the row that is to blame, beside the rate that may be */
        assert_non_null(strstr(vae_last_error(), "The lowest ELBO of the batch is row 1's, -"));
        assert_non_null(strstr(vae_last_error(), "learning rate 0.001"));
        assert_true(same);
        assert_int_equal(report.flags, VAE_STEP_REFUSED | VAE_STEP_EPOCH_END);
        assert_int_equal(report.rows, 10);
        assert_int_equal(report.epoch, 2);
        f.x[5] = kept;
        if (cases[i].set) assert_ok(vae_optimizer_set(f.optimizer, "lr=1e-3"));
        assert_ok(step(&f, &report));
        assert_int_equal(report.step, 2);
        fixture_end(&f);
    }
}

/* A row whose values leave the floats inside the network (a linear encoder or decoder that doubles
 * 3e38) is named by its number in the source, and the learning rate is not blamed. */
static void names_the_row_without_an_elbo(void **state) {
    static const char *const likelihoods[] = {"gaussian sigma=0.5",     "gaussian",
                                              "gaussian sigma=optimal", "gaussian sigma=per_dim",
                                              "gaussian sigma=decoder", "gaussian standardize=1"};
    static const char *const options[] = {"adam", "adam samples=3", "sgd clip_norm=1 free_bits=0.1",
                                          "adam objective=iwae samples=2"};
    (void)state;
    if (sizeof(vae__real) != sizeof(float)) skip(); /* 6e38 is a double */
    for (size_t i = 0; i < 2 * COUNT_OF(likelihoods) * COUNT_OF(options); i++) {
        char spec[100], message[200];
        float x[12 * FIXTURE_WIDTH], row[FIXTURE_WIDTH];
        vae_step_report report = empty_report();
        vae_optimizer *optimizer;
        vae_dataset *part;
        size_t source = 0;
        const char *option = options[i / 2 % COUNT_OF(options)];
        int in_decoder = i % 2;
        snprintf(spec, sizeof spec, "input=4 latent=2 likelihood=%s",
                 likelihoods[i / 2 / COUNT_OF(options)]);
        if (strstr(spec, "optimal") && strstr(option, "iwae")) continue;
        vae_model *model = test_model(NULL, spec, 0.1);
        for (size_t k = 0; k < 2; k++)
            test_parameter(model, "posterior.weight")->values[k * FIXTURE_WIDTH + 1] =
                in_decoder ? 1 : 2;
        for (size_t k = 0; in_decoder && k < 2 * FIXTURE_WIDTH; k++)
            test_parameter(model, "likelihood.weight")->values[k] = 2;
        vae__parameter *scale = vae__parameters_find(&model->parameters, "input.scale");
        for (size_t k = 0; scale && k < FIXTURE_WIDTH; k++) scale->values[k] = 1;
        test_values(x, COUNT_OF(x), 21, 0, 1);
        assert_ok(vae_optimizer_create(model, option, &optimizer));
        assert_ok(vae_dataset_from_memory(NULL, x, 12, FIXTURE_WIDTH,
                                          "copy=0 split=train:0.5 batch=6", &part));
        assert_ok(vae_dataset_read(part, 4, 1, row, FIXTURE_WIDTH));
        while (memcmp(x + source * FIXTURE_WIDTH, row, sizeof row)) source++;
        assert_int_not_equal(source, 4);
        assert_ok(vae_step(model, optimizer, part, &report));
        x[source * FIXTURE_WIDTH + 1] = -3e38f;
        for (int given = 0; given < 2; given++) {
            size_t rows = given ? 12 : 6;
            frozen before = freeze(optimizer);
            snprintf(message, sizeof message,
                     "step 2: nothing was updated, because of 1 of %zu rows: row %zu: its ELBO is "
                     "not finite (reconstruction ",
                     rows, source);
            assert_fails(given ? vae_step_rows(model, optimizer, x, 12, FIXTURE_WIDTH, &report)
                               : vae_step(model, optimizer, part, &report),
                         VAE_ERROR_DIVERGED, message);
            assert_non_null(strstr(vae_last_error(), "largest is -3e+38 in column 1"));
            assert_null(strstr(vae_last_error(), "learning rate"));
            assert_true(thaw(&before, optimizer));
            assert_true(report.flags & VAE_STEP_REFUSED);
        }
        x[source * FIXTURE_WIDTH + 1] = 0.5f;
        assert_ok(vae_step(model, optimizer, part, &report));
        vae_dataset_destroy(part);
        vae_optimizer_destroy(optimizer);
        vae_model_destroy(model);
    }
}

/* Where no row has an ELBO it is not the rows. */
static void names_the_parameters_where_no_row_has_an_elbo(void **state) {
    fixture f;
    vae_step_report report;
    (void)state;
    if (sizeof(vae__real) != sizeof(float)) skip();
    fixture_begin(&f, "gaussian sigma=1", "adam", "batch=10 shuffle=0");
    vae__parameter *bias = test_parameter(f.model, "likelihood.bias");
    vae__parameter *weight = test_parameter(f.model, "likelihood.weight");
    for (size_t i = 0; i < vae__parameter_size(weight); i++) weight->values[i] = (vae__real)3e38;
    for (size_t i = 0; i < bias->rows; i++) bias->values[i] = (vae__real)3e38;
    for (size_t i = 0; i < 6; i++) test_parameter(f.model, "decoder.0.bias")->values[i] = 9;
    assert_fails(step(&f, &report), VAE_ERROR_DIVERGED,
                 "step 1: nothing was updated, because of 10 of 10 rows: the parameters have grown "
                 "too large, lower lr or set clip_norm: row 0: its ELBO is not finite");
    fixture_end(&f);
}

/* ---- standardize=1 ---- */

#define TABLE "input=4 latent=2 likelihood=gaussian standardize=1"

/* Without shift and scale it would train on columns as they are, without a word. */
static void refuses_a_model_without_scaling(void **state) {
    static const float ones[FIXTURE_WIDTH] = {1, 1, 1, 1};
    static const char *const ways[] = {"input.shift", "input.scale", "initialize", "load", "clone"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        vae_model *model, *other = NULL;
        vae_optimizer *optimizer;
        vae_dataset *data;
        unsigned char bytes[4000];
        size_t length;
        float x[10 * FIXTURE_WIDTH];
        vae_step_report report = empty_report();
        test_values(x, COUNT_OF(x), 3, 0, 1);
        assert_ok(vae_model_create(NULL, TABLE, &model));
        assert_ok(vae_optimizer_create(model, NULL, &optimizer));
        assert_ok(vae_dataset_from_memory(NULL, x, 10, FIXTURE_WIDTH, "batch=4", &data));
        frozen before = freeze(optimizer);
        assert_fails(vae_step(model, optimizer, data, &report), VAE_ERROR_ARGUMENT,
                     "standardize=1 but no shift and scale of its columns yet: call "
                     "vae_model_initialize with the training set");
        assert_int_equal(vae_dataset_position(data), 0); /* no batch is lost */
        assert_fails(vae_step_rows(model, optimizer, x, 10, FIXTURE_WIDTH, &report),
                     VAE_ERROR_ARGUMENT, "vae_model_initialize");
        assert_fails(vae_train(model, optimizer, data, data, NULL, NULL, NULL), VAE_ERROR_ARGUMENT,
                     "vae_model_initialize");
        assert_true(thaw(&before, optimizer));
        if (i < 2) assert_ok(vae_model_parameter_set(model, ways[i], ones, FIXTURE_WIDTH));
        if (i == 2) assert_ok(vae_model_initialize(model, data));
        if (i == 3) {
            assert_ok(vae_model_save_memory(model, bytes, sizeof bytes, &length));
            assert_ok(vae_model_load_memory(NULL, bytes, length, &other));
        }
        if (i == 4) {
            assert_ok(vae_model_clone(model, &other));
            assert_fails(vae_model_initialize(other, NULL), VAE_ERROR_ARGUMENT, "dataset is NULL");
            assert_ok(vae_model_initialize(other, data));
        }
        if (other) {
            vae_optimizer_destroy(optimizer);
            vae_model_destroy(model);
            model = other;
            assert_ok(vae_optimizer_create(model, NULL, &optimizer));
        }
        assert_ok(vae_step(model, optimizer, data, &report));
        vae_dataset_destroy(data);
        vae_optimizer_destroy(optimizer);
        vae_model_destroy(model);
    }
}

/* ---- schedules that are over ---- */

static void begin_schedule(fixture *f, fixture_log *log, const char *options, int steps) {
    vae_step_report report;
    *log = (fixture_log){0};
    fixture_begin(f, "gaussian", options, "batch=5");
    for (int i = 0; i < steps; i++) assert_ok(step(f, &report));
    assert_ok(vae_context_set_log(f->context, fixture_hear, log));
}

/* A schedule that is set when its time is past leaves a rate of 0 for ever. */
static void warns_of_a_schedule_in_the_past(void **state) {
    static const struct {
        const char *before, *set, *part; /* part NULL: nothing is said */
        double rate;                     /* of the next update */
    } cases[] = {
        {"adam", "schedule=cosine steps=50",
         "the learning rate is 0 from here on: schedule=cosine steps=50 is counted from update 0, "
         "and 100 updates were made. To start it here add from=now",
         0},
        {"adam", "schedule=cosine steps=50 from=now", NULL, 1e-3},
        {"adam", "schedule=cosine steps=50 from=100", NULL, 1e-3},
        {"adam", "schedule=cosine steps=50 from=75", NULL, 5e-4},
        {"adam", "schedule=cosine steps=50 from=20", "from update 20, and 100 updates", 0},
        {"adam", "schedule=cosine steps=200", NULL, 5e-4},
        {"adam", "schedule=exponential steps=10",
         "the learning rate is 1e-13 from here on: schedule=exponential steps=10", 1e-13},
        {"adam", "schedule=exponential steps=100", NULL, 1e-4},
        {"adam", "schedule=steps milestones=[1, 2, 3]", NULL, 1e-6},
        {"adam", "schedule=steps milestones=[1] gamma=0", "schedule=steps is counted from", 0},
        {"adam warmup=70", "schedule=cosine steps=30", "from update 70, and 100 updates", 0},
        {"adam warmup=70", "schedule=cosine steps=60", NULL, 5e-4},
        {"adam warmup=200", "schedule=cosine steps=3", NULL, 1e-3 * 101 / 200},
        {"adam", "lr=0 schedule=cosine steps=50", NULL, 0}, /* as was asked */
        {"adam schedule=cosine steps=50", "beta=2", "the learning rate is 0", 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        fixture_log log;
        fixture f;
        vae_step_report report;
        begin_schedule(&f, &log, cases[i].before, 100);
        assert_ok(vae_optimizer_set(f.optimizer, cases[i].set));
        if (log.warnings != (cases[i].part ? 1 : 0)) fail_msg("%s: %s", cases[i].set, log.warning);
        if (cases[i].part && !strstr(log.warning, cases[i].part))
            fail_msg("%s: %s", cases[i].set, log.warning);
        assert_ok(step(&f, &report));
        test_near(report.learning_rate * 1e3, cases[i].rate * 1e3, 1e-12, cases[i].set);
        fixture_end(&f);
    }
}

/* Once, when it ends. */
static void says_that_a_schedule_has_ended(void **state) {
    fixture_log log;
    fixture f;
    vae_step_report report;
    (void)state;
    begin_schedule(&f, &log, "adam schedule=cosine steps=4", 3);
    for (int i = 0; i < 6; i++) {
        assert_ok(step(&f, &report));
        assert_int_equal(log.infos, 1);
        assert_non_null(strstr(log.info, "schedule=cosine has ended after update 4"));
        assert_int_equal(report.learning_rate > 0, i < 1);
    }
    fixture_end(&f);
}

/* from=now is a number from then on: printed, saved, and resumed to the bit. */
static void keeps_where_a_schedule_starts(void **state) {
    fixture f;
    vae_step_report report;
    (void)state;
    fixture_begin(&f, "gaussian", "adam", "batch=5");
    for (int i = 0; i < 7; i++) assert_ok(step(&f, &report));
    assert_null(strstr(vae_optimizer_options(f.optimizer), "from="));
    assert_ok(vae_optimizer_set(f.optimizer, "schedule=cosine steps=10 from=now"));
    assert_non_null(strstr(vae_optimizer_options(f.optimizer), "schedule=cosine steps=10"));
    assert_non_null(strstr(vae_optimizer_options(f.optimizer), " from=7 "));
    assert_ok(step(&f, &report));
    test_near(report.learning_rate, 1e-3, 1e-12, "rate");
    for (int i = 0; i < 5; i++) assert_ok(step(&f, &report));
    test_near(report.learning_rate, 5e-4, 1e-12, "rate");
    assert_ok(vae_optimizer_set(f.optimizer, "lr=2e-3"));
    assert_non_null(strstr(vae_optimizer_options(f.optimizer), " from=7 "));
    assert_ok(vae_optimizer_set(f.optimizer, "schedule=constant"));
    assert_null(strstr(vae_optimizer_options(f.optimizer), "from="));
    fixture_end(&f);
}

/* Training at an absurd rate: each step either works or leaves every bit; nothing ever turns NaN. */
static void stays_finite_at_absurd_rates(void **state) {
    static const char *const optimizers[] = {"sgd lr=1e6", "sgd lr=100 momentum=0.99",
                                             "adam lr=1e6 eps=1e-30", "adamw lr=1e5",
                                             "adam lr=1e6 clip_norm=1e15"};
    static const char *const likelihoods[] = {"bernoulli", "gaussian", "gaussian sigma=decoder",
                                              "gaussian sigma=optimal", "gaussian sigma=per_dim"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(optimizers) * COUNT_OF(likelihoods); i++) {
        fixture f;
        vae_step_report report;
        fixture_begin(&f, likelihoods[i / COUNT_OF(optimizers)],
                      optimizers[i % COUNT_OF(optimizers)], "batch=4");
        for (int k = 0; k < 40; k++) {
            frozen before = freeze(f.optimizer);
            vae_status status = step(&f, &report);
            int same = thaw(&before, f.optimizer);
            if (status) {
                check_fails(status, VAE_ERROR_DIVERGED, "nothing was updated", "step", __LINE__);
                assert_true(same);
            }
            for (size_t j = 0; j < f.model->parameters.block_count; j++) {
                if (!isfinite(f.model->parameters.block[j]))
                    fail_msg("%s, %s: step %d wrote a value that is not finite",
                             likelihoods[i / COUNT_OF(optimizers)],
                             optimizers[i % COUNT_OF(optimizers)], k);
            }
        }
        fixture_end(&f);
    }
}

/* ---- lack of memory is no refusal: the batch is still there ---- */

static void keeps_the_batch_without_memory(void **state) {
    fixture f;
    vae_step_report report;
    (void)state;
    fixture_begin(&f, "gaussian", "adam", "batch=4");
    f.context->memory_limit = atomic_load(&f.context->bytes) + 100;
    frozen before = freeze(f.optimizer);
    assert_fails(step(&f, &report), VAE_ERROR_LIMIT, "memory_limit");
    assert_true(thaw(&before, f.optimizer));
    assert_int_equal(report.flags, 0);
    assert_int_equal(vae_dataset_position(f.dataset), 0);
    f.context->memory_limit = SIZE_MAX;
    for (int k = 0; k < 3; k++) assert_ok(step(&f, &report));
    assert_int_equal(report.epoch, 1);
    f.context->memory_limit = atomic_load(&f.context->bytes);
    char text[300];
    snprintf(text, sizeof text, "%s", vae_optimizer_options(f.optimizer));
    assert_fails(vae_optimizer_set(f.optimizer, "lr=1e-4"), VAE_ERROR_LIMIT, "memory_limit");
    assert_string_equal(vae_optimizer_options(f.optimizer), text);
    assert_ok(step(&f, &report)); /* nothing is taken */
    test_near(report.learning_rate, 1e-3, 1e-12, "rate");
    fixture_end(&f);
}

/* ---- changes while training ---- */

static void changes_options(void **state) {
    fixture f;
    vae_step_report report;
    (void)state;
    fixture_begin(&f, "gaussian", "adam lr=1e-2 beta=1 seed=5", "batch=5");
    assert_ok(step(&f, &report));
    frozen before = freeze(f.optimizer);
    assert_ok(vae_optimizer_set(f.optimizer, "adam lr=1e-4 beta=3 samples=4"));
    assert_true(thaw(&before, f.optimizer));
    assert_non_null(strstr(vae_optimizer_options(f.optimizer), "lr=0.0001 "));
    assert_non_null(strstr(vae_optimizer_options(f.optimizer), "beta=3 "));
    assert_non_null(strstr(vae_optimizer_options(f.optimizer), "seed=5"));
    assert_ok(step(&f, &report));
    test_near(report.learning_rate, 1e-4, 1e-12, "rate");
    test_near(report.beta, 3, 1e-12, "beta");
    assert_int_equal(report.step, 2);
    assert_ok(vae_optimizer_set(f.optimizer, "free_bits=0.5 clip_norm=1 samples=1"));
    assert_ok(step(&f, &report));
    assert_ok(vae_optimizer_set(f.optimizer, "free_bits=0"));
    assert_ok(step(&f, &report));
    test_near(report.objective, report.reconstruction - 3 * report.kl, 1e-9, "objective");
    assert_ok(vae_optimizer_set(f.optimizer, NULL));
    assert_ok(vae_optimizer_set(f.optimizer, ""));
    fixture_end(&f);
}

static void refuses_options(void **state) {
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"lr=-1", "optimizer:1:4: lr=-1: expected a number from 0 to 1e+06"},
        {"beta=2 lrr=1", "optimizer:1:8: unknown option 'lrr'; did you mean 'lr'?"},
        {"sgd", "optimizer:1:1: the algorithm cannot change from adam to sgd while training"},
        {"lr=1 adam", "optimizer:1:6: the algorithm comes first: 'adam lr=...'"},
        {"beta=5 momentum=0.9", "optimizer:1:8: momentum and nesterov belong to sgd"},
        {"schedule=cosine", "optimizer:1:1: schedule=cosine and schedule=exponential need steps=N"},
        {"steps=5", "optimizer:1:1: steps=N belongs to schedule=cosine"},
    };
    fixture f;
    vae_step_report report;
    char text[300];
    (void)state;
    fixture_begin(&f, "gaussian", "adam lr=1e-2", "batch=5");
    assert_ok(step(&f, &report));
    snprintf(text, sizeof text, "%s", vae_optimizer_options(f.optimizer));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        vae__training_options before = f.optimizer->options;
        assert_fails(vae_optimizer_set(f.optimizer, cases[i].text), VAE_ERROR_TEXT,
                     cases[i].message);
        assert_string_equal(vae_optimizer_options(f.optimizer), text);
        assert_memory_equal(&before, &f.optimizer->options, sizeof before);
    }
    fixture_end(&f);
}

/* Parameters set from outside are seen by the next step's proof that it stays finite. Behind a tanh
 * the huge bias makes no huge gradient; weight decay alone would write -9 times it. */
static void notices_parameters_set_from_outside(void **state) {
    fixture f;
    vae_step_report report;
    float huge[6] = {3e38f, 3e38f, 3e38f, 3e38f, 3e38f, 3e38f};
    (void)state;
    if (sizeof(vae__real) != sizeof(float)) skip();
    fixture_begin(&f, "bernoulli", "sgd lr=10 weight_decay=1", "batch=5");
    assert_ok(vae_model_parameter_set(f.model, "encoder.0.bias", huge, 6));
    frozen before = freeze(f.optimizer);
    assert_fails(step(&f, &report), VAE_ERROR_DIVERGED, "step 1: the update is not finite");
    assert_true(thaw(&before, f.optimizer));
    assert_true(report.gradient_norm > 0 && isfinite(report.gradient_norm));
    fixture_end(&f);
}

/* So are those that another optimizer of the model has trained: here 1 to -1e9 to 1e18 by weight decay
 * alone, in weights that rows of zeros make nothing of. Adam would square 1000 times that. */
static void notices_another_optimizer(void **state) {
    fixture f;
    vae_optimizer *other;
    vae_step_report report = {.struct_size = sizeof report};
    const float zeros[FIXTURE_WIDTH] = {0};
    (void)state;
    if (sizeof(vae__real) != sizeof(float)) skip();
    fixture_begin(&f, "bernoulli", "adam weight_decay=1000", "batch=5");
    for (size_t i = 0; i < f.model->parameters.count; i++) {
        vae__parameter *p = &f.model->parameters.items[i];
        vae__real value = strcmp(p->name, "encoder.0.weight") ? 0 : 1;
        for (size_t j = 0; j < vae__parameter_size(p); j++) p->values[j] = value;
    }
    assert_ok(vae_optimizer_create(f.model, "sgd lr=1e6 weight_decay=1e3 clip_norm=1e-14", &other));
    for (int i = 0; i < 2; i++)
        assert_ok(vae_step_rows(f.model, other, zeros, 1, FIXTURE_WIDTH, &report));
    frozen before = freeze(f.optimizer);
    assert_fails(vae_step_rows(f.model, f.optimizer, zeros, 1, FIXTURE_WIDTH, &report),
                 VAE_ERROR_DIVERGED, "step 1: the update is not finite");
    assert_true(thaw(&before, f.optimizer));
    vae_optimizer_destroy(other);
    fixture_end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_epochs),
        cmocka_unit_test(visits_every_row),
        cmocka_unit_test(reports_what_it_did),
        cmocka_unit_test(updates_by_the_gradient),
        cmocka_unit_test(clips),
        cmocka_unit_test(writes_what_the_report_holds),
        cmocka_unit_test(refuses_bad_rows_of_a_data_set),
        cmocka_unit_test(refuses_bad_rows_given),
        cmocka_unit_test(names_the_row_before_the_split),
        cmocka_unit_test(refuses_to_diverge),
        cmocka_unit_test(names_the_row_without_an_elbo),
        cmocka_unit_test(names_the_parameters_where_no_row_has_an_elbo),
        cmocka_unit_test(refuses_a_model_without_scaling),
        cmocka_unit_test(warns_of_a_schedule_in_the_past),
        cmocka_unit_test(says_that_a_schedule_has_ended),
        cmocka_unit_test(keeps_where_a_schedule_starts),
        cmocka_unit_test(stays_finite_at_absurd_rates),
        cmocka_unit_test(keeps_the_batch_without_memory),
        cmocka_unit_test(changes_options),
        cmocka_unit_test(refuses_options),
        cmocka_unit_test(notices_parameters_set_from_outside),
        cmocka_unit_test(notices_another_optimizer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
