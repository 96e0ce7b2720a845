#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/cmocka.h"
#include "support/folder.h"
#include "train/persist.h"
#include "unit/train/fixture.h"

static const char *const specs[] = {
    "input=4 latent=2 likelihood=bernoulli",
    "input=2x2 latent=1 likelihood=gaussian sigma=0.3 seed=9 init=he",
    "input=4 latent=3 likelihood=gaussian encoder=[dense 5, gelu] decoder=[tanh]",
    "input=4 latent=2 likelihood=gaussian sigma=per_dim decoder=[dense 17, relu, dense 3]",
    "input=4 latent=2 likelihood=gaussian sigma=decoder sigma_min=0.01",
    "input=4 latent=2 likelihood=gaussian sigma=optimal",
};

static char path[128];

static int make_folder(void **state) {
    if (test_folder_make(state)) return -1;
    strcpy(path, test_in_folder("model.safetensors"));
    return 0;
}

static unsigned char *saved(const vae_model *model, size_t *length) {
    assert_ok(vae_model_save_memory(model, NULL, 0, length));
    unsigned char *bytes = malloc(*length);
    assert_ok(vae_model_save_memory(model, bytes, *length, length));
    return bytes;
}

/* ---- the same bits ---- */

static void comes_back_as_it_was(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(specs); i++) {
        size_t length, file_length;
        float x[12], a[12], b[12];
        vae_model *from_path = NULL, *from_memory = NULL;
        vae_model *model = test_model(NULL, specs[i], 0.7);
        model->parameters.items[0].values[0] = (vae__real)1e-42; /* subnormal in float */
        model->parameters.items[0].values[1] = (vae__real)-0.0;
        test_values(x, 12, 4, 0, 1);
        assert_ok(vae_model_save(model, path));
        unsigned char *bytes = saved(model, &length), *file = test_content(path, &file_length);
        assert_int_equal(length, file_length);
        assert_memory_equal(bytes, file, length);
        assert_ok(vae_model_load(NULL, path, &from_path));
        assert_ok(vae_model_load_memory(NULL, bytes, length, &from_memory));
        memset(bytes, 0, length); /* not kept */
        assert_string_equal(vae_model_spec(from_path), vae_model_spec(model));
        assert_string_equal(vae_model_spec(from_memory), vae_model_spec(model));
        assert_true(same_parameters(from_path, model));
        assert_true(same_parameters(from_memory, model));
        assert_ok(vae_reconstruct(model, x, 3, 4, a));
        assert_ok(vae_reconstruct(from_path, x, 3, 4, b));
        assert_memory_equal(a, b, sizeof a);
        free(bytes);
        free(file);
        vae_model_destroy(model);
        vae_model_destroy(from_path);
        vae_model_destroy(from_memory);
    }
}

static void saves_after_training(void **state) {
    fixture f;
    vae_model *loaded;
    double sigma[4], again[4];
    (void)state;
    fixture_begin(&f, "gaussian sigma=optimal", "adam lr=0.01", "batch=4");
    assert_ok(vae_train(f.model, f.optimizer, f.dataset, NULL, "epochs=3", NULL, NULL));
    assert_ok(vae_model_save(f.model, path));
    assert_ok(vae_model_load(f.context, path, &loaded));
    assert_true(same_parameters(f.model, loaded));
    assert_ok(vae_model_sigma(f.model, sigma, 4));
    assert_ok(vae_model_sigma(loaded, again, 4));
    assert_memory_equal(sigma, again, sizeof sigma);
    vae_model_destroy(loaded);
    fixture_end(&f);
}

static void measures_before_it_writes(void **state) {
    size_t length = 0, again = 0;
    unsigned char bytes[20000];
    (void)state;
    vae_model *model = test_model(NULL, specs[2], 0.7);
    assert_ok(vae_model_save_memory(model, NULL, 12345, &length));
    assert_true(length > 100 && length < sizeof bytes);
    memset(bytes, 0x5a, sizeof bytes);
    char message[100];
    snprintf(message, sizeof message, "size is %zu; the model needs %zu", length - 1, length);
    assert_fails(vae_model_save_memory(model, bytes, length - 1, &again), VAE_ERROR_ARGUMENT,
                 message);
    assert_int_equal(again, length);
    for (size_t i = 0; i < sizeof bytes; i++) assert_int_equal(bytes[i], 0x5a);
    assert_ok(vae_model_save_memory(model, bytes, sizeof bytes, &again));
    assert_int_equal(again, length);
    assert_int_equal(bytes[length], 0x5a);
    assert_fails(vae_model_save_memory(model, bytes, sizeof bytes, NULL), VAE_ERROR_ARGUMENT,
                 "vae_model_save_memory: length is NULL");
    vae_model_destroy(model);
}

/* ---- files that are no models ---- */

/* Tensors of a file made by hand, filled with 0.5. */
typedef struct sketch {
    const char *format, *spec;
    struct {
        const char *name;
        size_t shape[3], rank;
        vae__dtype dtype;
    } tensors[8];
} sketch;

/* bad: index of a tensor whose value 2 is `value`; -1: none. */
static unsigned char *draw(const sketch *s, int bad, double value, size_t *length) {
    static unsigned char data[8][4000];
    vae__tensor tensors[8] = {{0}};
    vae__metadata metadata[2];
    size_t count = 0, keys = 0;
    vae_context *context = test_context(NULL);
    if (s->format) metadata[keys++] = (vae__metadata){"format", s->format};
    if (s->spec) metadata[keys++] = (vae__metadata){"spec", s->spec};
    for (; count < 8 && s->tensors[count].name; count++) {
        size_t values = 1, size = 4;
        for (size_t d = 0; d < s->tensors[count].rank; d++) values *= s->tensors[count].shape[d];
        if (s->tensors[count].dtype == VAE__DTYPE_F64) size = 8;
        if (s->tensors[count].dtype == VAE__DTYPE_U8) size = 1;
        for (size_t i = 0; i < values; i++) {
            double put = (int)count == bad && i == 2 ? value : 0.5;
            float narrow = (float)put;
            if (size == 8) memcpy(data[count] + i * 8, &put, 8);
            if (size == 4) memcpy(data[count] + i * 4, &narrow, 4);
        }
        tensors[count] = (vae__tensor){.name = s->tensors[count].name,
                                       .dtype = s->tensors[count].dtype,
                                       .shape = {.rank = s->tensors[count].rank},
                                       .data = data[count],
                                       .bytes = values * size};
        memcpy(tensors[count].shape.extents, s->tensors[count].shape,
               sizeof s->tensors[count].shape);
    }
    assert_ok(
        vae__safetensors_write_memory(context, tensors, count, metadata, keys, NULL, 0, length));
    unsigned char *bytes = malloc(*length);
    assert_ok(vae__safetensors_write_memory(context, tensors, count, metadata, keys, bytes, *length,
                                            length));
    vae_context_destroy(context);
    return bytes;
}

/* input=3 latent=2, both maps linear */
#define SPEC "input=3 latent=2 likelihood=bernoulli"
#define F32 VAE__DTYPE_F32
#define POSTERIOR                           \
    {"posterior.weight", {4, 3}, 2, F32}, { \
        "posterior.bias", {4}, 1, F32       \
    }
#define OUTPUT                               \
    {"likelihood.weight", {3, 2}, 2, F32}, { \
        "likelihood.bias", {3}, 1, F32       \
    }

static void check_refused(const unsigned char *bytes, size_t length, const char *message) {
    char from_memory[300], from_path[300];
    vae_model *model = (vae_model *)&model;
    host_allocator counts;
    vae_context *context = counted_context(NULL, &counts);
    snprintf(from_memory, sizeof from_memory, "memory: %s", message);
    snprintf(from_path, sizeof from_path, "%s: %s", path, message);
    assert_fails(vae_model_load_memory(context, bytes, length, &model), VAE_ERROR_FORMAT,
                 from_memory);
    assert_null(model);
    FILE *file = fopen(path, "wb");
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    fclose(file);
    model = (vae_model *)&model;
    assert_fails(vae_model_load(context, path, &model), VAE_ERROR_FORMAT, from_path);
    assert_null(model);
    vae_context_destroy(context);
    assert_int_equal(atomic_load(&counts.blocks), 0);
}

static void refuses_files_of_other_things(void **state) {
    static const struct {
        sketch sketch;
        const char *message;
    } cases[] = {
        {{NULL, SPEC, {POSTERIOR, OUTPUT}},
         "__metadata__ 'format' is missing; expected 'libvae-1'"},
        {{"libvae-2", SPEC, {POSTERIOR, OUTPUT}},
         "__metadata__ 'format' is 'libvae-2'; expected 'libvae-1'"},
        {{"pt", NULL, {POSTERIOR, OUTPUT}}, "__metadata__ 'format' is 'pt'; expected 'libvae-1'"},
        {{"libvae-1", NULL, {POSTERIOR, OUTPUT}}, "__metadata__ 'spec' is missing"},
        {{"libvae-1", "input=3 latent=2", {POSTERIOR, OUTPUT}},
         "__metadata__ 'spec': spec: 'likelihood=' is missing"},
        {{"libvae-1", "input=3 latent=2 likelihod=bernoulli", {POSTERIOR, OUTPUT}},
         "__metadata__ 'spec': spec:1:18: unknown key 'likelihod'"},
        {{"libvae-1", "", {POSTERIOR, OUTPUT}}, "__metadata__ 'spec': spec: 'input=' is missing"},
        {{"libvae-1", SPEC, {POSTERIOR}},
         "the spec asks for 25 parameters but the tensors hold 16"},
        {{"libvae-1", SPEC, {{NULL, {0}, 0, F32}}},
         "the spec asks for 25 parameters but the tensors hold 0"},
        {{"libvae-1",
          "input=3 latent=2 likelihood=bernoulli encoder=[dense 2147483647]",
          {POSTERIOR, OUTPUT}},
         "the spec asks for 17179869189 parameters but the tensors hold 25"},
        {{"libvae-1",
          "input=2147483647 latent=16777216 likelihood=gaussian encoder=[dense 2147483647, dense "
          "2147483647, dense 2147483647]",
          {POSTERIOR, OUTPUT}},
         "the spec asks for "},
        {{"libvae-1", SPEC, {POSTERIOR, OUTPUT, {"extra", {2, 2}, 2, F32}}},
         "tensor 'extra' does not belong to the model of its spec"},
        {{"libvae-1",
          SPEC,
          {{"posterior.wait", {4, 3}, 2, F32}, {"posterior.bias", {4}, 1, F32}, OUTPUT}},
         "tensor 'posterior.wait' does not belong to the model of its spec"},
        {{"libvae-1", SPEC, {{"posterior.weight", {4, 6}, 2, F32}, OUTPUT}},
         "tensor 'posterior.weight' has shape [4, 6]; its spec asks for [4, 3]"},
        {{"libvae-1", SPEC, {POSTERIOR, {"likelihood.bias", {9}, 1, F32}}},
         "tensor 'likelihood.weight' is missing"},
        {{"libvae-1", "input=3 latent=2 likelihood=gaussian", {POSTERIOR, OUTPUT}},
         "tensor 'likelihood.log_sigma' is missing"},
        {{"libvae-1",
          SPEC,
          {{"posterior.weight", {3, 4}, 2, F32}, {"posterior.bias", {4}, 1, F32}, OUTPUT}},
         "tensor 'posterior.weight' has shape [3, 4]; its spec asks for [4, 3]"},
        {{"libvae-1",
          SPEC,
          {{"posterior.weight", {12}, 1, F32}, {"posterior.bias", {4}, 1, F32}, OUTPUT}},
         "tensor 'posterior.weight' has shape [12]; its spec asks for [4, 3]"},
        {{"libvae-1",
          SPEC,
          {{"posterior.weight", {4, 3}, 2, F32}, {"posterior.bias", {4, 1, 1}, 3, F32}, OUTPUT}},
         "tensor 'posterior.bias' has shape [4, 1, 1]; its spec asks for [4]"},
        {{"libvae-1",
          SPEC,
          {{"posterior.weight", {4, 12}, 2, VAE__DTYPE_U8},
           {"posterior.bias", {4}, 1, F32},
           OUTPUT}},
         "tensor 'posterior.weight' has shape [4, 12]"},
        {{"libvae-1",
          SPEC,
          {{"posterior.weight", {4, 3}, 2, F32},
           {"posterior.bias", {4}, 1, VAE__DTYPE_U8},
           {"likelihood.weight", {9, 2}, 2, F32},
           {"likelihood.bias", {3}, 1, F32}}},
         "tensor 'posterior.bias' is U8; expected F32 or F64"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        size_t length;
        unsigned char *bytes = draw(&cases[i].sketch, -1, 0, &length);
        check_refused(bytes, length, cases[i].message);
        free(bytes);
    }
}

static void refuses_values_that_are_not_finite(void **state) {
    static const double values[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
    static const char *const names[] = {"nan", "inf", "-inf"};
    const sketch good = {"libvae-1", SPEC, {POSTERIOR, OUTPUT}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        size_t length;
        char message[120];
        unsigned char *bytes = draw(&good, 3, values[i], &length);
        snprintf(message, sizeof message,
                 "tensor 'likelihood.bias', value 2 is %s: expected finite values", names[i]);
        check_refused(bytes, length, message);
        free(bytes);
    }
}

/* Rows are divided by the scale of standardize=1, and its logarithm is part of the density. */
static void refuses_a_scale_that_is_not_positive(void **state) {
    static const double values[] = {0, -1, 1e-30};
    static const char *const names[] = {"0", "-1", NULL};
    const sketch standard = {
        "libvae-1",
        "input=3 latent=2 likelihood=gaussian sigma=1 standardize=1",
        {POSTERIOR, OUTPUT, {"input.shift", {3}, 1, F32}, {"input.scale", {3}, 1, F32}}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        size_t length;
        char message[120];
        float scale[3] = {1, 1, (float)values[i]}, before[3];
        unsigned char *bytes = draw(&standard, 5, values[i], &length);
        vae_model *model = test_model(NULL, standard.spec, 0.5);
        if (names[i]) {
            snprintf(message, sizeof message,
                     "tensor 'input.scale', value 2 is %s: expected values above 0", names[i]);
            check_refused(bytes, length, message);
            assert_fails(vae_model_parameter_set(model, "input.scale", scale, 3), VAE_ERROR_DATA,
                         "value 2 for 'input.scale' is not above 0");
        } else {
            assert_ok(vae_model_parameter_set(model, "input.scale", scale, 3));
            assert_ok(vae_model_parameter_get(model, "input.scale", before, 3));
            assert_memory_equal(before, scale, sizeof scale);
        }
        vae_model_destroy(model);
        free(bytes);
    }
}

/* A few kilobytes would inflate to any size before the first count could be checked. */
static void refuses_compressed_files(void **state) {
    static const unsigned char gzip[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};
    vae_model *model = (vae_model *)&model;
    (void)state;
#ifdef VAE_NO_ZLIB
    skip();
#endif
    FILE *file = fopen(path, "wb");
    assert_int_equal(fwrite(gzip, 1, sizeof gzip, file), sizeof gzip);
    fclose(file);
    char message[200];
    snprintf(message, sizeof message,
             "%s: expected a safetensors file, found one compressed by gzip", path);
    assert_fails(vae_model_load(NULL, path, &model), VAE_ERROR_FORMAT, message);
    assert_null(model);
}

/* The other build's files load too: F64 into float, F32 into double. */
static void reads_both_precisions(void **state) {
    const sketch wide = {"libvae-1",
                         SPEC,
                         {{"posterior.weight", {4, 3}, 2, VAE__DTYPE_F64},
                          {"posterior.bias", {4}, 1, F32},
                          {"likelihood.weight", {3, 2}, 2, VAE__DTYPE_F64},
                          {"likelihood.bias", {3}, 1, F32}}};
    vae_model *model;
    size_t length;
    float weight[12];
    (void)state;
    unsigned char *bytes = draw(&wide, 0, 0.25, &length);
    assert_ok(vae_model_load_memory(NULL, bytes, length, &model));
    assert_ok(vae_model_parameter_get(model, "posterior.weight", weight, 12));
    for (size_t i = 0; i < 12; i++)
        test_near((double)weight[i], i == 2 ? 0.25 : 0.5, 0, "posterior.weight");
    vae_model_destroy(model);
    free(bytes);
    if (sizeof(vae__real) != sizeof(float)) return;
    bytes = draw(&wide, 0, 1e300, &length);
    check_refused(
        bytes, length,
        "tensor 'posterior.weight', value 2 is 1e+300: expected values within the range of 32-bit floats");
    free(bytes);
}

/* A good file cut anywhere, padded, or with one byte of its header changed: an error or, for bytes
 * that say nothing, the model; never a crash or a leak. */
static void refuses_damaged_files(void **state) {
    const sketch good = {"libvae-1", SPEC, {POSTERIOR, OUTPUT}};
    size_t length;
    host_allocator counts;
    vae_model *model;
    (void)state;
    unsigned char *bytes = draw(&good, -1, 0, &length), *padded = calloc(1, length + 1);
    vae_context *context = counted_context(NULL, &counts);
    for (size_t cut = 0; cut < length; cut++)
        assert_int_equal(vae_model_load_memory(context, bytes, cut, &model), VAE_ERROR_FORMAT);
    memcpy(padded, bytes, length);
    assert_int_equal(vae_model_load_memory(context, padded, length + 1, &model), VAE_ERROR_FORMAT);
    size_t header = length - 25 * 4, loaded = 0;
    for (size_t at = 0; at < header; at++) {
        for (int change = 1; change < 256; change *= 4) {
            padded[at] ^= (unsigned char)change;
            vae_status status = vae_model_load_memory(context, padded, length, &model);
            if (!status) {
                loaded++;
                vae_model_destroy(model);
            } else {
                assert_int_equal(status, VAE_ERROR_FORMAT);
            }
            padded[at] ^= (unsigned char)change;
        }
    }
    assert_true(loaded < header);
    vae_context_destroy(context);
    assert_int_equal(atomic_load(&counts.blocks), 0);
    free(bytes);
    free(padded);
}

/* ---- paths ---- */

static void names_the_path(void **state) {
    char missing[200];
    vae_model *model = test_model(NULL, specs[0], 0.5), *none = (vae_model *)&none;
    (void)state;
    snprintf(missing, sizeof missing, "%s/none/model.safetensors", test_folder());
    assert_fails(vae_model_save(model, missing), VAE_ERROR_FILE, missing);
    assert_fails(vae_model_load(NULL, missing, &none), VAE_ERROR_FILE, missing);
    assert_null(none);
    assert_fails(vae_model_save(model, test_folder()), VAE_ERROR_FILE, test_folder());
    assert_fails(vae_model_load(NULL, test_folder(), &none), VAE_ERROR_FILE, test_folder());
    assert_int_equal(vae_model_save(model, ""), VAE_ERROR_ARGUMENT);
    assert_int_equal(vae_model_load(NULL, "", &none), VAE_ERROR_ARGUMENT);
    vae_model_destroy(model);
}

/* Saving to a device that is always full: refused, and the device is still one. */
static void meets_a_full_disk(void **state) {
    struct stat about;
    vae_model *model;
    (void)state;
    if (stat("/dev/full", &about) || !S_ISCHR(about.st_mode)) skip();
    model = test_model(NULL, specs[0], 0.5);
    assert_fails(vae_model_save(model, "/dev/full"), VAE_ERROR_FILE, "/dev/full");
    assert_int_equal(stat("/dev/full", &about), 0);
    assert_true(S_ISCHR(about.st_mode));
    vae_model_destroy(model);
}

static void keeps_the_old_file(void **state) {
    size_t length, after;
    (void)state;
    vae_model *model = test_model(NULL, specs[0], 0.5);
    assert_ok(vae_model_save(model, path));
    unsigned char *before = test_content(path, &length);
    model->context->memory_limit = atomic_load(&model->context->bytes) + 200;
    assert_int_equal(vae_model_save(model, path), VAE_ERROR_LIMIT);
    model->context->memory_limit = SIZE_MAX;
    unsigned char *now = test_content(path, &after);
    assert_int_equal(length, after);
    assert_memory_equal(before, now, length);
    free(before);
    free(now);
    vae_model_destroy(model);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_folder, test_folder_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(comes_back_as_it_was),
        TEST(saves_after_training),
        TEST(measures_before_it_writes),
        TEST(refuses_files_of_other_things),
        TEST(refuses_values_that_are_not_finite),
        TEST(refuses_a_scale_that_is_not_positive),
        TEST(refuses_compressed_files),
        TEST(reads_both_precisions),
        TEST(refuses_damaged_files),
        TEST(names_the_path),
        TEST(meets_a_full_disk),
        TEST(keeps_the_old_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
