/* Every function of vae.h, called wrongly: each NULL, width, row and text that its manual refuses,
 * with the status and what the message must name. Handles stay usable, out pointers become NULL. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/checks.h"
#include "support/cmocka.h"

#define ARGUMENT VAE_ERROR_ARGUMENT
#define WRONG_WIDTH VAE_ERROR_WIDTH
#define REFUSED_TEXT VAE_ERROR_TEXT
#define SPEC "input=4 latent=2 likelihood=bernoulli"

enum { WIDTH = 4, LATENT = 2, ROWS = 10 };

/* A model with all that belongs to it, a second one, and data that does not fit. */
typedef struct stage {
    vae_context *context;
    vae_model *model, *other;
    vae_optimizer *optimizer, *others;
    vae_dataset *data, *narrow, *bad;
    vae_evaluation *evaluation;
    float x[ROWS * WIDTH], out[ROWS * WIDTH], z[ROWS * LATENT];
    double values[ROWS * WIDTH];
} stage;

static int set_up(void **state) {
    stage *s = calloc(1, sizeof *s);
    if (!s) return -1;
    for (size_t i = 0; i < ROWS * WIDTH; i++) s->x[i] = (float)(i % 3 == 0);
    assert_ok(vae_context_create(NULL, &s->context));
    assert_ok(vae_model_create(s->context, SPEC, &s->model));
    assert_ok(vae_model_clone(s->model, &s->other));
    assert_ok(vae_optimizer_create(s->model, NULL, &s->optimizer));
    assert_ok(vae_optimizer_create(s->other, NULL, &s->others));
    assert_ok(vae_dataset_from_memory(s->context, s->x, ROWS, WIDTH, "batch=4", &s->data));
    assert_ok(vae_dataset_from_memory(s->context, s->x, ROWS, 3, NULL, &s->narrow));
    s->x[3 * WIDTH + 1] = NAN;
    assert_ok(vae_dataset_from_memory(s->context, s->x, ROWS, WIDTH, NULL, &s->bad));
    assert_ok(vae_evaluate(s->model, s->data, NULL, NULL, NULL, NULL, &s->evaluation));
    *state = s;
    return 0;
}

/* After all the refusals everything still works. */
static int tear_down(void **state) {
    stage *s = *state;
    s->x[3 * WIDTH + 1] = 0;
    assert_ok(vae_step(s->model, s->optimizer, s->data, NULL));
    assert_ok(vae_elbo(s->model, s->x, ROWS, WIDTH, 1, s->values, NULL, NULL));
    vae_context_destroy(s->context);
    vae_evaluation_destroy(s->evaluation);
    vae_dataset_destroy(s->data);
    vae_dataset_destroy(s->narrow);
    vae_dataset_destroy(s->bad);
    vae_model_destroy(s->model);
    vae_model_destroy(s->other);
    vae_optimizer_destroy(s->optimizer);
    vae_optimizer_destroy(s->others);
    free(s);
    return 0;
}

/* A create that is refused: *out, which was rubbish, is NULL. */
#define assert_none(type, call, status, part)   \
    do {                                        \
        type *out = (type *)&out;               \
        assert_fails((call), (status), (part)); \
        assert_null(out);                       \
    } while (0)

static void contexts(void **state) {
    static const struct {
        const char *options, *part;
    } cases[] = {
        {"threads=0", "context:1:9: threads=0: expected a whole number from 1 to 256"},
        {"threads=257", "threads=257: expected a whole number from 1 to 256"},
        {"threads=2 threads=3", "context:1:11: 'threads' is given twice"},
        {"memory_limit=-1", "context:1:14: memory_limit=-1: expected bytes, e.g. 1000000"},
        {"memory_limit=99999999999G", "memory_limit=99999999999G: expected bytes"},
        {"simd=neon", "context:1:6: unknown simd 'neon'"},
        {"blas_threads=7", "unknown blas_threads '7'"},
        {"thread=2", "unknown option 'thread'; did you mean 'threads'?"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_none(vae_context, vae_context_create(cases[i].options, &out), REFUSED_TEXT,
                    cases[i].part);
    }
    assert_fails(vae_context_create(NULL, NULL), ARGUMENT, "vae_context_create: out is NULL");
    assert_none(vae_context, vae_context_create_with_allocator(NULL, host_alloc, NULL, NULL, &out),
                ARGUMENT, "give both alloc and release, or neither");
    assert_fails(vae_context_set_log(NULL, NULL, NULL), ARGUMENT,
                 "vae_context_set_log: context is NULL");
    assert_fails(vae_context_memory(NULL, NULL, NULL, NULL), ARGUMENT,
                 "vae_context_memory: context is NULL");
}

/* What the processor or the build lacks is no mistake in the text. */
static void instruction_sets(void **state) {
    static const char *const levels[] = {"sse2", "avx2", "avx512"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(levels); i++) {
        vae_context *context = (vae_context *)&context;
        char options[20];
        snprintf(options, sizeof options, "simd=%s", levels[i]);
        vae_status status = vae_context_create(options, &context);
        if (status) {
            assert_int_equal(status, VAE_ERROR_UNSUPPORTED);
            assert_non_null(strstr(vae_last_error(), levels[i]));
            assert_null(context);
        }
        vae_context_destroy(context);
    }
}

static void data_sets(void **state) {
    stage *s = *state;
    const double huge[2] = {-1e308, 1e308};
    assert_none(vae_dataset, vae_dataset_open(NULL, NULL, NULL, &out), ARGUMENT,
                "vae_dataset_open: path is NULL");
    assert_none(vae_dataset, vae_dataset_open(NULL, "", NULL, &out), ARGUMENT,
                "path: expected the name of a file, found \"\"");
    assert_none(vae_dataset, vae_dataset_open(NULL, "/", NULL, &out), VAE_ERROR_FILE,
                "cannot read '/': it is a directory");
    assert_none(vae_dataset, vae_dataset_open(NULL, "/dev/null/x", NULL, &out), VAE_ERROR_FILE,
                "cannot open '/dev/null/x': Not a directory");
    assert_none(vae_dataset, vae_dataset_from_memory(NULL, NULL, 2, 3, NULL, &out), ARGUMENT,
                "rows is NULL; expected [2, 3] values");
    assert_none(vae_dataset, vae_dataset_from_memory(NULL, s->x, 0, 3, NULL, &out), ARGUMENT,
                "expected n and width of at least 1, found n = 0, width = 3");
    assert_none(vae_dataset, vae_dataset_from_memory(NULL, s->x, 3, 0, NULL, &out), ARGUMENT,
                "found n = 3, width = 0");
    assert_none(vae_dataset, vae_dataset_from_memory(NULL, s->x, SIZE_MAX, 2, NULL, &out), ARGUMENT,
                "are more bytes than can be addressed");
    assert_none(vae_dataset, vae_dataset_from_memory(NULL, s->x, 3, 4, "dtype=int8", &out),
                REFUSED_TEXT, "options:1:7: unknown dtype 'int8'");
    assert_none(vae_dataset, vae_dataset_from_memory(NULL, s->x, ROWS, 4, "scale=unit", &out),
                VAE_ERROR_DATA, "row 3, column 1 (both from 0): expected finite values");
    assert_none(vae_dataset, vae_dataset_from_memory(NULL, s->x, ROWS, 4, "binarize=sample", &out),
                VAE_ERROR_DATA, "expected values in [0, 1] after scaling for binarize=sample");
    assert_none(vae_dataset,
                vae_dataset_from_memory(NULL, huge, 1, 2, "dtype=float64 scale=unit", &out),
                VAE_ERROR_DATA, "the values' range is too large for scale=unit");
    assert_none(vae_dataset,
                vae_dataset_from_memory(NULL, huge, 1, 2, "dtype=float64 shift=[1]", &out),
                REFUSED_TEXT, "shift: expected as many numbers as there are columns, 2; found 1");
    assert_none(vae_dataset,
                vae_dataset_from_memory(NULL, huge, 1, 2, "shift=columns scale=unit", &out),
                REFUSED_TEXT, "shift= goes with scale=auto and scale=none");
    assert_none(vae_dataset,
                vae_dataset_from_memory(NULL, huge, 1, 2, "shift=columns binarize=sample", &out),
                REFUSED_TEXT, "shift= does not go with binarize=sample");
    assert_none(vae_dataset, vae_dataset_from_memory(NULL, huge, 1, 2, "scale=range:2:1", &out),
                REFUSED_TEXT, "expected range:LOW:HIGH");
    assert_none(vae_dataset, vae_dataset_from_memory(NULL, s->x, 4, 2, "shift=[1e30, 0]", &out),
                VAE_ERROR_DATA, "rows: column 0 (from 0) loses its values");
    assert_fails(vae_dataset_scaling(NULL, 0, s->values, s->values), ARGUMENT, "dataset is NULL");
    assert_fails(vae_dataset_scaling(s->data, 4, s->values, s->values), ARGUMENT,
                 "vae_dataset_scaling: column is 4; the data set has 4, from 0");
    const double above[2] = {1.0000000000000002, 0};
    const float below[2] = {0, -1e-9f};
    assert_none(vae_dataset,
                vae_dataset_from_memory(NULL, above, 1, 2, "dtype=float64 binarize=sample", &out),
                VAE_ERROR_DATA, "for binarize=sample, found 1.0000000000000002");
    assert_none(vae_dataset, vae_dataset_from_memory(NULL, below, 1, 2, "binarize=sample", &out),
                VAE_ERROR_DATA, "for binarize=sample, found -1e-09");
    assert_fails(vae_dataset_shape(NULL, NULL, 0, NULL), ARGUMENT, "dataset is NULL");
    assert_fails(vae_dataset_read(NULL, 0, 1, s->out, 4), ARGUMENT, "dataset is NULL");
    assert_fails(vae_dataset_read(s->data, 0, 1, NULL, 4), ARGUMENT, "buffer for 1 row is NULL");
    assert_fails(vae_dataset_read(s->data, 0, 1, s->out, 3), WRONG_WIDTH,
                 "vae_dataset_read: expected width 4, found 3");
    assert_fails(vae_dataset_read(s->data, 1, SIZE_MAX, s->out, 4), ARGUMENT,
                 "expected rows of 0 .. 9, found 18446744073709551615 from row 1");
    assert_fails(vae_dataset_read(s->data, 10, 1, s->out, 4), ARGUMENT, "found 1 from row 10");
    assert_fails(vae_dataset_read_labels(NULL, 0, 1, s->values, 1), ARGUMENT, "dataset is NULL");
    assert_fails(vae_dataset_read_labels(s->data, 0, 1, s->values, 1), VAE_ERROR_UNSUPPORTED,
                 "vae_dataset_read_labels: the data set has no labels; open it with labels=");
}

static void models(void **state) {
    stage *s = *state;
    size_t length;
    assert_fails(vae_model_initialize(NULL, s->data), ARGUMENT, "model is NULL");
    assert_fails(vae_model_initialize(s->model, NULL), ARGUMENT, "dataset is NULL");
    assert_fails(vae_model_initialize(s->model, s->narrow), WRONG_WIDTH,
                 "vae_model_initialize: the data set's width is 3; expected 4, the model's input");
    assert_fails(vae_model_initialize(s->model, s->bad), VAE_ERROR_DATA,
                 "row 3, column 1 is nan: expected finite values");
    assert_fails(vae_model_save_memory(s->model, s->out, 8, &length), ARGUMENT,
                 "vae_model_save_memory: size is 8; the model needs");
    assert_none(vae_model, vae_model_load_memory(NULL, "", 0, &out), VAE_ERROR_FORMAT,
                "memory: is empty; expected a safetensors file");
    assert_fails(vae_model_set_metadata(NULL, "k", "v"), ARGUMENT,
                 "vae_model_set_metadata: model is NULL");
    assert_fails(vae_model_set_metadata(s->model, NULL, "v"), ARGUMENT, "key is NULL");
    assert_fails(vae_model_set_metadata(s->model, "", "v"), ARGUMENT,
                 "vae_model_set_metadata: key: expected at least one character, found \"\"");
    assert_fails(vae_model_set_metadata(s->model, "k\xff", "v"), REFUSED_TEXT,
                 "key: expected valid UTF-8, found byte 0xff at offset 1");
    assert_fails(
        vae_model_set_metadata(s->model, "k", "v\x80"), REFUSED_TEXT,
        "vae_model_set_metadata: value: expected valid UTF-8, found byte 0x80 at offset 1");
    static const char *const reserved[] = {
        "format",     "spec",    "checkpoint",    "optimizer.options",
        "optimizer.", "dataset", "dataset.shift", "datasets"};
    for (size_t i = 0; i < COUNT_OF(reserved); i++) {
        char named[40];
        snprintf(named, sizeof named, "the key '%s' is reserved", reserved[i]);
        assert_fails(vae_model_set_metadata(s->model, reserved[i], "v"), ARGUMENT, named);
        assert_fails(vae_model_set_metadata(s->model, reserved[i], NULL), ARGUMENT, named);
    }
    assert_null(vae_model_metadata_key(s->model, 0));
    assert_null(vae_model_metadata_key(NULL, 0));
    assert_null(vae_model_metadata(NULL, "k"));
    assert_null(vae_model_metadata(s->model, NULL));
    assert_fails(vae_model_sigma(NULL, s->values, 4), ARGUMENT, "model is NULL");
    assert_fails(vae_model_sigma(s->model, NULL, 4), ARGUMENT, "sigma is NULL");
    assert_fails(vae_model_sigma(s->model, s->values, 3), WRONG_WIDTH, "width is 3; expected 4");
    assert_fails(vae_model_sigma(s->model, s->values, 4), VAE_ERROR_UNSUPPORTED,
                 "likelihood=bernoulli has no sigma");
    assert_fails(vae_model_parameter_shape(NULL, 0, NULL, 0, NULL), ARGUMENT, "model is NULL");
    assert_fails(vae_model_parameter_shape(s->model, 9, NULL, 0, NULL), ARGUMENT,
                 "index is 9; the model has 4 parameters");
    assert_fails(vae_model_parameter_get(s->model, "none", s->out, 4), ARGUMENT,
                 "vae_model_parameter_get: the model has no parameter 'none'");
    assert_fails(vae_model_parameter_get(s->model, "posterior.biass", s->out, 4), ARGUMENT,
                 "the model has no parameter 'posterior.biass'; did you mean 'posterior.bias'? "
                 "(vae_model_parameter_name lists them)");
    assert_fails(vae_model_parameter_get(s->model, "posterior.bias", s->out, 5), WRONG_WIDTH,
                 "count is 5; 'posterior.bias' has 4 values");
    assert_fails(vae_model_parameter_set(NULL, "posterior.bias", s->x, 4), ARGUMENT, "model");
    assert_fails(vae_model_parameter_set(s->model, NULL, s->x, 4), ARGUMENT, "name is NULL");
    assert_fails(vae_model_parameter_set(s->model, "posterior.bias", NULL, 4), ARGUMENT, "values");
    assert_fails(vae_model_parameter_set(s->model, "posterior.bias", s->x, 3), WRONG_WIDTH,
                 "vae_model_parameter_set: count is 3; 'posterior.bias' has 4 values");
    assert_fails(vae_model_parameter_set(s->model, "posterior.bias", s->x + 12, 4), VAE_ERROR_DATA,
                 "value 1 for 'posterior.bias' is not finite");
    assert_fails(vae_model_memory(NULL, NULL, NULL), ARGUMENT, "model is NULL");
    assert_fails(vae_model_plan(NULL, NULL, 0, NULL), ARGUMENT, "model is NULL");
}

static void training(void **state) {
    stage *s = *state;
    vae_step_report report = {.struct_size = 7};
    vae_model *m = s->model;
    vae_optimizer *o = s->optimizer;
    assert_fails(vae_step(m, s->others, s->data, NULL), VAE_ERROR_MISMATCH,
                 "vae_step: the optimizer was created for another model");
    assert_fails(vae_step_rows(m, s->others, s->x, 1, 4, NULL), VAE_ERROR_MISMATCH,
                 "vae_step_rows: the optimizer was created for another model");
    assert_fails(vae_train(m, s->others, s->data, NULL, NULL, NULL, NULL), VAE_ERROR_MISMATCH,
                 "vae_train: the optimizer was created for another model");
    assert_fails(vae_step(m, o, s->narrow, NULL), WRONG_WIDTH, "the data set's width is 3");
    assert_fails(vae_step(m, o, s->data, &report), ARGUMENT,
                 "report->struct_size is 7; set it to sizeof(vae_step_report)");
    assert_fails(vae_step_rows(m, o, s->x, 1, 4, &report), ARGUMENT, "struct_size is 7");
    assert_fails(vae_step(m, o, s->bad, NULL), VAE_ERROR_DATA, "row 3, column 1 is nan");
    assert_fails(vae_step_rows(m, NULL, s->x, 1, 4, NULL), ARGUMENT, "optimizer is NULL");
    assert_fails(vae_step_rows(m, o, s->x, 0, 4, NULL), ARGUMENT, "n is 0");
    assert_fails(vae_step_rows(m, o, s->x, 1, 3, NULL), WRONG_WIDTH, "width is 3; expected 4");
    assert_fails(vae_step_rows(m, o, s->x, ROWS, 4, NULL), VAE_ERROR_DATA, "row 3, column 1");
    assert_fails(vae_step_rows(m, o, s->x, SIZE_MAX, 4, NULL), ARGUMENT,
                 "a batch of 18446744073709551615 rows");
    assert_fails(vae_train(NULL, o, s->data, NULL, NULL, NULL, NULL), ARGUMENT, "model is NULL");
    assert_fails(vae_train(m, NULL, s->data, NULL, NULL, NULL, NULL), ARGUMENT, "optimizer");
    assert_fails(vae_train(m, o, s->narrow, NULL, NULL, NULL, NULL), WRONG_WIDTH,
                 "vae_train: the data set's width is 3");
    assert_fails(vae_train(m, o, s->data, s->narrow, NULL, NULL, NULL), WRONG_WIDTH,
                 "vae_train: the validation set's width is 3");
    assert_fails(vae_train(m, o, s->data, s->bad, NULL, NULL, NULL), VAE_ERROR_DATA,
                 "validation set: row 3, column 1 is nan");
    assert_fails(vae_train(m, o, s->data, NULL, "patience=1", NULL, NULL), REFUSED_TEXT,
                 "train: patience and restore_best need a validation data set");
    assert_fails(vae_train(m, o, s->data, NULL, "epoch=1", NULL, NULL), REFUSED_TEXT,
                 "train:1:1: unknown option 'epoch'; did you mean 'epochs'?");
}

static void inference(void **state) {
    stage *s = *state;
    const vae_model *m = s->model;
    double *v = s->values;
    const char *place = "row 3, column 1 is nan: expected finite values";
    assert_fails(vae_encode(m, s->x, ROWS, 4, s->z, NULL), VAE_ERROR_DATA, place);
    assert_fails(vae_reconstruct(m, s->x, ROWS, 4, s->out), VAE_ERROR_DATA, place);
    assert_fails(vae_elbo(m, s->x, ROWS, 4, 1, v, NULL, NULL), VAE_ERROR_DATA, place);
    assert_fails(vae_log_likelihood(m, s->x, ROWS, 4, NULL, v, NULL, NULL), VAE_ERROR_DATA, place);
    s->x[0] = 2;
    assert_fails(vae_encode(m, s->x, 1, 4, s->z, NULL), VAE_ERROR_DATA,
                 "row 0, column 0 is 2: likelihood=bernoulli takes values from 0 to 1");
    s->x[0] = 1;
    s->x[0] = 1.0000001f; /* the nearest value that is not taken does not look like 1 */
    assert_fails(vae_encode(m, s->x, 1, 4, s->z, NULL), VAE_ERROR_DATA,
                 "row 0, column 0 is 1.0000001");
    assert_fails(vae_step_rows(s->model, s->optimizer, s->x, 1, 4, NULL), VAE_ERROR_DATA,
                 "row 0, column 0 is 1.0000001");
    s->x[0] = -0x1p-30f;
    assert_fails(vae_elbo(m, s->x, 1, 4, 1, v, NULL, NULL), VAE_ERROR_DATA, "column 0 is -9.31322");
    s->x[0] = 1;
    assert_fails(vae_decode(m, s->x + 12, 2, LATENT, s->out), VAE_ERROR_DATA,
                 "row 0, column 1 of z is nan: expected finite values");
    assert_fails(vae_decode(m, s->z, 1, 3, s->out), WRONG_WIDTH, "latent is 3; expected 2");
    assert_fails(vae_log_likelihood(NULL, s->x, 1, 4, NULL, v, NULL, NULL), ARGUMENT, "model");
    assert_fails(vae_log_likelihood(m, NULL, 1, 4, NULL, v, NULL, NULL), ARGUMENT, "x is NULL");
    assert_fails(vae_log_likelihood(m, s->x, 1, 3, NULL, v, NULL, NULL), WRONG_WIDTH, "width is 3");
    assert_fails(vae_log_likelihood(m, s->x, 1, 4, "samples=0", v, NULL, NULL), REFUSED_TEXT,
                 "log_likelihood:1:9: samples=0: expected a whole number from 1 to 16777216");
    assert_ok(vae_encode(m, NULL, 0, 4, NULL, NULL));
    assert_ok(vae_decode(m, NULL, 0, LATENT, NULL));
    assert_ok(vae_reconstruct(m, NULL, 0, 4, NULL));
    assert_ok(vae_elbo(m, NULL, 0, 4, 1, NULL, NULL, NULL));
    assert_ok(vae_sample(m, 0, 1, NULL, NULL, NULL));
    assert_ok(vae_log_likelihood(m, NULL, 0, 4, NULL, NULL, NULL, NULL));
}

static int32_t stop(void *user, uint64_t done, uint64_t total) {
    (void)user;
    return done <= total;
}

static void evaluations(void **state) {
    stage *s = *state;
    const vae_model *m = s->model;
    vae_evaluation *e = s->evaluation, *none = (vae_evaluation *)&none;
    double value;
    assert_none(vae_evaluation, vae_evaluate(NULL, s->data, NULL, NULL, NULL, NULL, &out), ARGUMENT,
                "vae_evaluate: model is NULL");
    assert_none(vae_evaluation, vae_evaluate(m, NULL, NULL, NULL, NULL, NULL, &out), ARGUMENT,
                "vae_evaluate: dataset is NULL");
    assert_fails(vae_evaluate(m, s->data, NULL, NULL, NULL, NULL, NULL), ARGUMENT, "out is NULL");
    assert_none(vae_evaluation, vae_evaluate(m, s->narrow, NULL, NULL, NULL, NULL, &out),
                WRONG_WIDTH, "vae_evaluate: the data set's width is 3");
    assert_none(vae_evaluation, vae_evaluate(m, s->bad, NULL, NULL, NULL, NULL, &out),
                VAE_ERROR_DATA, "row 3, column 1 is nan");
    assert_none(vae_evaluation, vae_evaluate(m, s->data, s->bad, NULL, NULL, NULL, &out),
                VAE_ERROR_DATA, "fitted_on: row 3, column 1 is nan");
    assert_none(vae_evaluation, vae_evaluate(m, s->data, NULL, "sample=1", NULL, NULL, &out),
                REFUSED_TEXT, "evaluate:1:1: unknown option 'sample'; did you mean 'samples'?");
    assert_int_equal(vae_evaluate(m, s->data, NULL, NULL, stop, NULL, &none), VAE_STOPPED);
    assert_null(none);
    assert_fails(vae_evaluation_value(NULL, "elbo", &value), ARGUMENT, "evaluation is NULL");
    assert_fails(vae_evaluation_value(e, NULL, &value), ARGUMENT, "name is NULL");
    assert_fails(vae_evaluation_value(e, "elbo", NULL), ARGUMENT, "value is NULL");
    assert_fails(vae_evaluation_value(e, "elbow", &value), VAE_ERROR_UNSUPPORTED,
                 "this evaluation has no 'elbow'; did you mean 'elbo'?");
    assert_fails(vae_evaluation_value(e, "log_p_sampling_error", &value), VAE_ERROR_UNSUPPORTED,
                 "no 'log_p_sampling_error'; log_p, gap and their errors need samples=N");
    assert_fails(vae_evaluation_value(e, "log_p", &value), VAE_ERROR_UNSUPPORTED,
                 "this evaluation has no 'log_p'; log_p, gap and their errors need samples=N");
    assert_fails(vae_evaluation_latents(NULL, "kl", s->values, 2), ARGUMENT, "evaluation is NULL");
    assert_fails(vae_evaluation_latents(e, NULL, s->values, 2), ARGUMENT, "name is NULL");
    assert_fails(vae_evaluation_latents(e, "kl", NULL, 2), ARGUMENT, "values is NULL");
    assert_fails(vae_evaluation_latents(e, "kl", s->values, 3), WRONG_WIDTH,
                 "latent is 3; expected 2, the model's latent");
    assert_fails(vae_evaluation_latents(e, "KL", s->values, 2), ARGUMENT,
                 "no 'KL'; did you mean 'kl'? (known: kl");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(contexts), TEST(instruction_sets), TEST(data_sets),   TEST(models),
        TEST(training), TEST(inference),        TEST(evaluations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
