/* Models of images: which head they get, how they start, that parameters and files have PyTorch's order, that
 * threads change no bit, and that steps allocate nothing. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/layer.h"
#include "support/checks.h"
#include "support/cmocka.h"
#include "support/numbers.h"
#include "train/loop.h"

#define LARGE                                                                                     \
    "input=3x64x64 latent=128 likelihood=gaussian encoder=[conv 32 4 stride 2 pad 1, relu, conv " \
    "64 4 stride 2 pad 1, relu, conv 128 4 stride 2 pad 1, relu, conv 256 4 stride 2 pad 1, "     \
    "relu] decoder=[dense 4096, relu, reshape 256x4x4, deconv 128 4 stride 2 pad 1, relu, "       \
    "deconv 64 4 stride 2 pad 1, relu, deconv 32 4 stride 2 pad 1, relu]"

#define SMALL                                                                                 \
    "input=2x8x8 latent=3 encoder=[conv 5 3 stride 2 pad 1, silu, res[groupnorm 5, conv 5 3 " \
    "pad 1], avgpool 2] decoder=[dense 12, reshape 3x2x2, upsample 2, deconv 4 3 pad 1, tanh] "

static vae_model *create(const char *spec) {
    vae_model *model;
    assert_ok(vae_model_create(NULL, spec, &model));
    return model;
}

static void check_shape(const vae_model *model, const char *name, size_t rank,
                        const size_t *expected) {
    size_t shape[4], found, i = 0;
    while (vae_model_parameter_name(model, i) && strcmp(vae_model_parameter_name(model, i), name))
        i++;
    assert_non_null(vae_model_parameter_name(model, i));
    assert_ok(vae_model_parameter_shape(model, i, shape, 4, &found));
    assert_int_equal(found, rank);
    for (size_t k = 0; k < rank; k++) assert_int_equal(shape[k], expected[k]);
}

/* ---- the head ---- */

static void has_the_head_that_its_decoder_suggests(void **state) {
    static const struct {
        const char *rest;
        size_t rank, shape[4];
    } cases[] = {
        {"decoder=[dense 12, reshape 3x2x2]", 4, {3, 2, 4, 4}},
        {"decoder=[dense 48, reshape 3x4x4]", 4, {2, 3, 3, 3}},
        {"decoder=[dense 48, reshape 3x4x4] head=dense", 2, {32, 48}},
        {"decoder=[dense 12, reshape 3x4x1]", 2, {32, 12}},
        {"decoder=[dense 48, reshape 3x4x4, flatten]", 2, {32, 48}},
        {"decoder=[dense 48]", 2, {32, 48}},
        {"decoder=[dense 48, reshape 3x4x4] likelihood=gaussian sigma=decoder", 4, {4, 3, 3, 3}},
        {"decoder=[dense 12, reshape 3x2x2] likelihood=gaussian sigma=decoder", 4, {3, 4, 4, 4}},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char spec[200];
        snprintf(spec, sizeof spec, "input=2x4x4 latent=2 %s %s",
                 strstr(cases[i].rest, "likelihood") ? "" : "likelihood=bernoulli", cases[i].rest);
        vae_model *model = create(spec);
        check_shape(model, "likelihood.weight", cases[i].rank, cases[i].shape);
        vae_model_destroy(model);
    }
}

static void names_layers_as_pytorch_does(void **state) {
    static const struct {
        const char *name;
        size_t rank, shape[4];
    } cases[] = {{"encoder.0.weight", 4, {32, 3, 4, 4}},
                 {"encoder.6.weight", 4, {256, 128, 4, 4}},
                 {"encoder.6.bias", 1, {256}},
                 {"posterior.weight", 2, {256, 4096}},
                 {"decoder.3.weight", 4, {256, 128, 4, 4}},
                 {"decoder.3.bias", 1, {128}},
                 {"decoder.7.weight", 4, {64, 32, 4, 4}},
                 {"likelihood.weight", 4, {32, 3, 4, 4}},
                 {"likelihood.bias", 1, {3}}};
    vae_model *model = create(LARGE);
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_shape(model, cases[i].name, cases[i].rank, cases[i].shape);
    vae_model_destroy(model);
    model = create(
        "input=2x3x3 latent=2 likelihood=bernoulli encoder=[flatten, dense 4, tanh, res[dense "
        "9, reshape 1x3x3, res[conv 2 1]]]");
    const size_t skip[] = {2, 1, 1, 1}, map[] = {18, 4};
    check_shape(model, "encoder.3.2.skip.weight", 4, skip);
    check_shape(model, "encoder.3.skip.weight", 2, map);
    check_shape(model, "encoder.1.weight", 2, (const size_t[]){4, 18});
    vae_model_destroy(model);
}

/* ---- one order for hosts and files ---- */

/* Numbers of a kernel as they were set come back, and lie with channels last. */
static void hosts_see_kernels_in_their_shape(void **state) {
    vae_model *model = create("input=3x4x4 latent=2 likelihood=bernoulli encoder=[conv 2 2]");
    float set[24], found[24];
    (void)state;
    for (size_t i = 0; i < 24; i++) set[i] = (float)i;
    assert_ok(vae_model_parameter_set(model, "encoder.0.weight", set, 24));
    assert_ok(vae_model_parameter_get(model, "encoder.0.weight", found, 24));
    assert_memory_equal(found, set, sizeof set);
    const vae__parameter *p = test_parameter(model, "encoder.0.weight");
    for (size_t out = 0; out < 2; out++)
        for (size_t tap = 0; tap < 4; tap++)
            for (size_t in = 0; in < 3; in++)
                assert_true((double)p->values[(out * 4 + tap) * 3 + in] ==
                            (double)set[(out * 3 + in) * 4 + tap]);
    vae_model_destroy(model);
}

static void files_hold_what_hosts_see(void **state) {
    vae_model *model = create(SMALL "likelihood=bernoulli"), *again;
    size_t length;
    (void)state;
    assert_ok(vae_model_save_memory(model, NULL, 0, &length));
    unsigned char *bytes = malloc(length);
    assert_ok(vae_model_save_memory(model, bytes, length, &length));
    assert_ok(vae_model_load_memory(NULL, bytes, length, &again));
    assert_memory_equal(again->parameters.block, model->parameters.block,
                        model->parameters.block_count * sizeof(vae__real));
    float kernel[5 * 2 * 9];
    assert_ok(vae_model_parameter_get(model, "encoder.0.weight", kernel, COUNT_OF(kernel)));
    vae__real first[COUNT_OF(kernel)];
    for (size_t i = 0; i < COUNT_OF(kernel); i++) first[i] = (vae__real)kernel[i];
    /* The first tensor's bytes follow the header, whose length stands in the first eight. */
    size_t header = bytes[0] + 256u * bytes[1];
    if (sizeof(vae__real) == sizeof(float))
        assert_memory_equal(bytes + 8 + header, first, sizeof first);
    free(bytes);
    vae_model_destroy(again);
    vae_model_destroy(model);
}

/* ---- the start from data ---- */

enum { ROWS = 50, WIDTH = 2 * 8 * 8 };

static vae_dataset *open_rows(vae_context *context, float *x) {
    vae_dataset *dataset;
    for (size_t i = 0; i < ROWS * WIDTH; i++) {
        int second = i % WIDTH >= WIDTH / 2;
        x[i] = (float)(second ? test_uniform(3, i, 0.6, 1.0) : test_uniform(3, i, 0.0, 0.2));
    }
    assert_ok(vae_dataset_from_memory(context, x, ROWS, WIDTH, "batch=10", &dataset));
    return dataset;
}

/* Mean and deviation of a channel over rows and positions. */
static void moments_of(const float *x, size_t channel, double *mean, double *deviation) {
    double sum = 0, squares = 0, count = ROWS * WIDTH / 2;
    for (size_t i = 0; i < ROWS * WIDTH; i++)
        if (i % WIDTH / (WIDTH / 2) == channel) sum += (double)x[i];
    *mean = sum / count;
    for (size_t i = 0; i < ROWS * WIDTH; i++) {
        if (i % WIDTH / (WIDTH / 2) == channel)
            squares += ((double)x[i] - *mean) * ((double)x[i] - *mean);
    }
    *deviation = sqrt(squares / count);
}

static void starts_from_each_channel(void **state) {
    static const char *const heads[] = {
        SMALL, "input=2x8x8 latent=3 encoder=[conv 5 3 pad 1] decoder=[dense 32, "
               "reshape 2x4x4] "};
    static float x[ROWS * WIDTH];
    vae_dataset *dataset = open_rows(NULL, x);
    (void)state;
    for (size_t h = 0; h < COUNT_OF(heads); h++) {
        char spec[400];
        double mean[2], deviation[2];
        for (size_t c = 0; c < 2; c++) moments_of(x, c, &mean[c], &deviation[c]);
        snprintf(spec, sizeof spec, "%slikelihood=bernoulli", heads[h]);
        vae_model *model = create(spec);
        assert_ok(vae_model_initialize(model, dataset));
        const vae__parameter *bias = test_parameter(model, "likelihood.bias");
        assert_int_equal(bias->rows, 2);
        for (size_t c = 0; c < 2; c++)
            test_near((double)bias->values[c], log(mean[c] / (1 - mean[c])), 1e-5, "output bias");
        vae_model_destroy(model);
        snprintf(spec, sizeof spec, "%slikelihood=gaussian sigma=per_dim sigma_min=1e-6", heads[h]);
        model = create(spec);
        assert_ok(vae_model_initialize(model, dataset));
        const vae__parameter *sigma = test_parameter(model, "likelihood.log_sigma");
        assert_int_equal(sigma->rows, WIDTH);
        for (size_t i = 0; i < WIDTH; i++)
            test_near(exp((double)sigma->values[i]), deviation[i / (WIDTH / 2)], 1e-4, "sigma");
        vae_model_destroy(model);
    }
    vae_dataset_destroy(dataset);
}

/* A first convolution sees values of mean 0 and, over both channels, variance 1. */
static void scales_what_a_first_convolution_sees(void **state) {
    static float x[ROWS * WIDTH];
    vae_dataset *dataset = open_rows(NULL, x);
    vae_model *before = create("input=2x8x8 latent=2 likelihood=bernoulli encoder=[conv 3 2]");
    vae_model *after = create("input=2x8x8 latent=2 likelihood=bernoulli encoder=[conv 3 2]");
    (void)state;
    assert_ok(vae_model_initialize(after, dataset));
    double mean[2], deviation[2];
    for (size_t c = 0; c < 2; c++) moments_of(x, c, &mean[c], &deviation[c]);
    double scale = sqrt((deviation[0] * deviation[0] + deviation[1] * deviation[1]) / 2);
    const vae__parameter *w = test_parameter(before, "encoder.0.weight");
    const vae__parameter *v = test_parameter(after, "encoder.0.weight");
    const vae__parameter *bias = test_parameter(after, "encoder.0.bias");
    for (size_t r = 0; r < w->rows; r++) {
        double shift = 0;
        for (size_t i = r * w->columns; i < (r + 1) * w->columns; i++) {
            test_near((double)v->values[i], (double)w->values[i] / scale, 1e-5, "weight");
            shift -= (double)w->values[i] / scale * mean[i % 2];
        }
        test_near((double)bias->values[r], shift, 1e-5, "bias");
    }
    vae_model_destroy(before);
    vae_model_destroy(after);
    vae_dataset_destroy(dataset);
}

/* ---- steps ---- */

/* Parameters after five steps of batches that no number of threads divides. */
static void train(const char *spec, const char *threads, size_t batch, vae__real **block,
                  size_t *count) {
    static float x[ROWS * WIDTH];
    vae_context *context = test_context(threads);
    vae_model *model;
    vae_optimizer *optimizer;
    uint64_t before = 0, after = 0;
    vae_dataset_destroy(open_rows(context, x));
    assert_ok(vae_model_create(context, spec, &model));
    assert_ok(vae_optimizer_create(model, "adam lr=1e-2", &optimizer));
    for (int i = 0; i < 5; i++) {
        assert_ok(vae_context_memory(context, NULL, NULL, &before));
        assert_ok(vae_step_rows(model, optimizer, x, batch, WIDTH, NULL));
        assert_ok(vae_context_memory(context, NULL, NULL, &after));
        if (i) assert_true(before == after);
    }
    *count = model->parameters.block_count;
    *block = malloc(*count * sizeof **block);
    memcpy(*block, model->parameters.block, *count * sizeof **block);
    vae_optimizer_destroy(optimizer);
    vae_model_destroy(model);
    vae_context_destroy(context);
}

static void compare_threads(const char *spec) {
    static const char *const threads[] = {"threads=1", "threads=2", "threads=5"};
    vae__real *block[3];
    size_t count = 0;
    for (size_t i = 0; i < 3; i++) train(spec, threads[i], 43, &block[i], &count);
    for (size_t i = 1; i < 3; i++) {
#ifdef VAE_BLAS_BUILTIN
        assert_memory_equal(block[i], block[0], count * sizeof *block[0]);
#else
        for (size_t j = 0; j < count; j++)
            test_near((double)block[i][j], (double)block[0][j], 1e-3, "parameter");
#endif
    }
    for (size_t i = 0; i < 3; i++) free(block[i]);
}

/* The second one's gradients are summed over several chunks of rows. */
static void threads_change_no_bit(void **state) {
    (void)state;
    compare_threads(SMALL "likelihood=bernoulli");
    compare_threads(
        "input=2x8x8 latent=3 likelihood=bernoulli encoder=[conv 40 3 pad 1, silu, conv 40 3 "
        "pad 1, tanh] decoder=[dense 160, reshape 40x2x2, deconv 20 4 stride 2 pad 1]");
}

/* A row's results do not depend on the rows beside it. */
static void rows_are_alone_in_inference(void **state) {
    enum { LATENT = 3, SOME = 7 };
    static float x[ROWS * WIDTH];
    vae_model *model = create(SMALL "likelihood=bernoulli");
    float mean[SOME * LATENT], logvar[SOME * LATENT], one[LATENT], other[LATENT];
    (void)state;
    vae_dataset_destroy(open_rows(NULL, x));
    assert_ok(vae_encode(model, x, SOME, WIDTH, mean, logvar));
    for (size_t r = 0; r < SOME; r++) {
        assert_ok(vae_encode(model, x + r * WIDTH, 1, WIDTH, one, other));
        for (size_t i = 0; i < LATENT; i++)
            test_near((double)one[i], (double)mean[r * LATENT + i], 1e-5, "mean");
    }
    vae_model_destroy(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_the_head_that_its_decoder_suggests),
        cmocka_unit_test(names_layers_as_pytorch_does),
        cmocka_unit_test(hosts_see_kernels_in_their_shape),
        cmocka_unit_test(files_hold_what_hosts_see),
        cmocka_unit_test(starts_from_each_channel),
        cmocka_unit_test(scales_what_a_first_convolution_sees),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(rows_are_alone_in_inference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
