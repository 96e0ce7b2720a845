/* The doors of models: files and their faults, clones, parameters by name, and that handles go in
 * any order without leaving a byte. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "support/checks.h"
#include "support/cmocka.h"

#define SPEC "input=6 latent=2 likelihood=gaussian encoder=[dense 5, relu] decoder=[dense 4, tanh]"

enum { ROWS = 9, WIDTH = 6, LATENT = 2 };

static const char *const specs[] = {
    SPEC,
    "input=6 latent=2 likelihood=bernoulli",
    "input=2x3 latent=2 likelihood=bernoulli encoder=[] decoder=[] init=he seed=9",
    "input=1x2x3 latent=2 likelihood=gaussian sigma=0.25 encoder=[dense 3, softplus] # a comment",
    "input=6 latent=2 likelihood=gaussian sigma=per_dim sigma_min=0.01 encoder=[dense 3, identity]",
    "likelihood=gaussian\nsigma=decoder\n\tlatent=2 decoder=[ dense  4 , elu ] input=6",
    "input=6 latent=2 likelihood=gaussian sigma=optimal init=glorot",
};

static float rows[ROWS * WIDTH];

static int fill_rows(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) rows[i] = (float)(i * 37 % 41) / 41.0f;
    return 0;
}

static vae_model *make(const char *spec) {
    vae_model *model = NULL;
    assert_ok(vae_model_create(NULL, spec, &model));
    return model;
}

typedef struct image {
    size_t size;
    unsigned char *bytes;
} image;

static image take_image(const vae_model *model) {
    image taken = {0};
    assert_ok(vae_model_save_memory(model, NULL, 0, &taken.size));
    taken.bytes = malloc(taken.size);
    assert_ok(vae_model_save_memory(model, taken.bytes, taken.size, &taken.size));
    return taken;
}

static void check_equal(const vae_model *a, const vae_model *b) {
    image left = take_image(a), right = take_image(b);
    float codes[2][2 * ROWS * LATENT];
    assert_int_equal(left.size, right.size);
    assert_memory_equal(left.bytes, right.bytes, left.size);
    assert_ok(vae_encode(a, rows, ROWS, WIDTH, codes[0], codes[0] + ROWS * LATENT));
    assert_ok(vae_encode(b, rows, ROWS, WIDTH, codes[1], codes[1] + ROWS * LATENT));
    assert_memory_equal(codes[0], codes[1], sizeof codes[0]);
    assert_string_equal(vae_model_spec(a), vae_model_spec(b));
    free(left.bytes);
    free(right.bytes);
}

static void train_a_little(vae_model *model) {
    vae_optimizer *optimizer;
    assert_ok(vae_optimizer_create(model, "adam lr=0.05", &optimizer));
    for (int i = 0; i < 5; i++) assert_ok(vae_step_rows(model, optimizer, rows, ROWS, WIDTH, NULL));
    vae_optimizer_destroy(optimizer);
}

/* ---- files ---- */

typedef struct folder {
    char name[64], path[96];
} folder;

static folder make_folder(void) {
    folder f;
    strcpy(f.name, "/tmp/vae-model-XXXXXX");
    assert_non_null(mkdtemp(f.name));
    snprintf(f.path, sizeof f.path, "%s/model.safetensors", f.name);
    return f;
}

static void write_bytes(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void keeps_every_bit(void **state) {
    folder f = make_folder();
    (void)state;
    for (size_t s = 0; s < COUNT_OF(specs); s++) {
        vae_model *model = make(specs[s]), *from_file, *from_memory;
        train_a_little(model);
        assert_ok(vae_model_save(model, f.path)); /* over the one before, from the second on */
        assert_ok(vae_model_load(NULL, f.path, &from_file));
        image bytes = take_image(model);
        assert_ok(vae_model_load_memory(NULL, bytes.bytes, bytes.size, &from_memory));
        memset(bytes.bytes, 0xEE, bytes.size); /* not kept */
        check_equal(model, from_file);
        check_equal(model, from_memory);
        free(bytes.bytes);
        vae_model_destroy(from_memory);
        vae_model_destroy(from_file);
        vae_model_destroy(model);
    }
    assert_int_equal(unlink(f.path), 0);
    assert_int_equal(rmdir(f.name), 0); /* no temporary file is left */
}

static void saves_into_a_buffer_that_is_large_enough(void **state) {
    vae_model *model = make(SPEC);
    size_t needed = 0, length = 0;
    (void)state;
    assert_ok(vae_model_save_memory(model, NULL, 77, &needed));
    unsigned char *buffer = malloc(needed + 8);
    memset(buffer, 0xEE, needed + 8);
    for (size_t size = 0; size < needed; size += size + 8 < needed ? 8 : 1) {
        length = 0;
        assert_fails(vae_model_save_memory(model, buffer, size, &length), VAE_ERROR_ARGUMENT,
                     "the model needs ");
        assert_int_equal(length, needed);
    }
    for (size_t i = 0; i < needed + 8; i++) assert_int_equal(buffer[i], 0xEE);
    assert_ok(vae_model_save_memory(model, buffer, needed + 8, &length));
    assert_int_equal(length, needed);
    for (size_t i = needed; i < needed + 8; i++) assert_int_equal(buffer[i], 0xEE);
    assert_fails(vae_model_save_memory(model, buffer, needed, NULL), VAE_ERROR_ARGUMENT,
                 "length is NULL");
    assert_fails(vae_model_save_memory(NULL, buffer, needed, &length), VAE_ERROR_ARGUMENT,
                 "model is NULL");
    free(buffer);
    vae_model_destroy(model);
}

static void refuses_to_save(void **state) {
    vae_model *model = make(SPEC);
    folder f = make_folder();
    char inside[128];
    (void)state;
    snprintf(inside, sizeof inside, "%s/none/model", f.name);
    assert_fails(vae_model_save(NULL, f.path), VAE_ERROR_ARGUMENT, "model is NULL");
    assert_fails(vae_model_save(model, NULL), VAE_ERROR_ARGUMENT, "path is NULL");
    assert_fails(vae_model_save(model, ""), VAE_ERROR_ARGUMENT, "path");
    assert_fails(vae_model_save(model, f.name), VAE_ERROR_FILE, "it is a directory");
    assert_fails(vae_model_save(model, inside), VAE_ERROR_FILE, "No such file or directory");
    assert_fails(vae_model_save(model, "/dev/full"), VAE_ERROR_FILE,
                 "cannot write '/dev/full': No space left on device");
    assert_int_equal(rmdir(f.name), 0);
    vae_model_destroy(model);
}

/* One block that is held afterwards would be counted; *out is NULL after every failure. */
static void refuses_to_load(void **state) {
    host_allocator counts;
    vae_context *context = counted_context(NULL, &counts);
    vae_model *model = make(SPEC), *none;
    image good = take_image(model);
    folder f = make_folder();
    unsigned char *bytes = malloc(good.size + 1);
    size_t before = counts.blocks;
    (void)state;
#define LOAD_FAILS(call, status, part)           \
    do {                                         \
        none = (vae_model *)&none;               \
        assert_fails((call), status, part);      \
        assert_null(none);                       \
        assert_int_equal(counts.blocks, before); \
    } while (0)
    assert_fails(vae_model_load(context, f.path, NULL), VAE_ERROR_ARGUMENT, "out is NULL");
    assert_fails(vae_model_load_memory(context, bytes, 1, NULL), VAE_ERROR_ARGUMENT, "out is NULL");
    LOAD_FAILS(vae_model_load(context, NULL, &none), VAE_ERROR_ARGUMENT, "path is NULL");
    LOAD_FAILS(vae_model_load_memory(context, NULL, 9, &none), VAE_ERROR_ARGUMENT, "bytes is NULL");
    LOAD_FAILS(vae_model_load(context, f.path, &none), VAE_ERROR_FILE, "No such file or directory");
    LOAD_FAILS(vae_model_load(context, f.name, &none), VAE_ERROR_FILE, "it is a directory");
    write_bytes(f.path, "hello", 5);
    LOAD_FAILS(
        vae_model_load(context, f.path, &none), VAE_ERROR_FORMAT,
        "is no safetensors file; begins with 'hello' (it is a text; vae_dataset_open reads CSV)");
    LOAD_FAILS(vae_model_load(context, f.path, &none), VAE_ERROR_FORMAT, f.path);
    write_bytes(f.path, good.bytes, good.size / 2);
    LOAD_FAILS(vae_model_load(context, f.path, &none), VAE_ERROR_FORMAT, f.path);
    for (size_t size = 0; size < good.size; size++)
        LOAD_FAILS(vae_model_load_memory(context, good.bytes, size, &none), VAE_ERROR_FORMAT,
                   "memory: ");
    memcpy(bytes, good.bytes, good.size);
    bytes[good.size] = 0; /* a byte too many */
    LOAD_FAILS(vae_model_load_memory(context, bytes, good.size + 1, &none), VAE_ERROR_FORMAT,
               "memory: ");
    for (size_t i = 0; i < good.size; i++) bytes[i] = (unsigned char)(i * 167 + 13);
    LOAD_FAILS(vae_model_load_memory(context, bytes, good.size, &none), VAE_ERROR_FORMAT,
               "memory: is no safetensors file; begins with bytes 0d b4 ");
    memset(bytes, 0, good.size);
    LOAD_FAILS(vae_model_load_memory(context, bytes, good.size, &none), VAE_ERROR_FORMAT,
               "memory: ");
    assert_int_equal(unlink(f.path), 0);
    assert_int_equal(rmdir(f.name), 0);
    free(bytes);
    free(good.bytes);
    vae_model_destroy(model);
    vae_context_destroy(context);
    assert_int_equal(counts.blocks, 0);
}

/* Replaces `from` by as long a `to` in a good file. */
static void refuses_edited_files(void **state) {
    static const struct {
        const char *from, *to, *part;
    } cases[] = {
        {"libvae-1", "libvae-9", "__metadata__ 'format' is 'libvae-9'; expected 'libvae-1'"},
        {"\"format\"", "\"farmat\"", "__metadata__ 'format' is missing"},
        {"\"spec\"", "\"spek\"", "__metadata__ 'spec' is missing"},
        {"latent=2", "latent=3", "parameters but the tensors hold"},
        {"latent=2", "latent=0", "__metadata__ 'spec': "},
        {"dense 5", "dense 3", "encoder.0.weight"},
        {"encoder.0.bias", "encoder.0.bios", "encoder.0.bi"},
        {"posterior.bias", "encoder.0.bias", "given twice"},
    };
    vae_model *model = make(SPEC);
    (void)state;
    for (size_t c = 0; c < COUNT_OF(cases); c++) {
        image file = take_image(model);
        size_t length = strlen(cases[c].from), at = 0;
        vae_model *none = (vae_model *)&none;
        while (at + length < file.size && memcmp(file.bytes + at, cases[c].from, length)) at++;
        assert_true(at + length < file.size);
        memcpy(file.bytes + at, cases[c].to, length);
        assert_fails(vae_model_load_memory(NULL, file.bytes, file.size, &none), VAE_ERROR_FORMAT,
                     cases[c].part);
        assert_null(none);
        free(file.bytes);
    }
    vae_model_destroy(model);
}

/* ---- specs and clones ---- */

static void a_spec_is_its_own_canonical_form(void **state) {
    (void)state;
    for (size_t s = 0; s < COUNT_OF(specs); s++) {
        vae_model *model = make(specs[s]), *again = make(vae_model_spec(model));
        check_equal(model, again); /* the seed is in it */
        vae_model_destroy(again);
        vae_model_destroy(model);
    }
    assert_string_equal(vae_model_spec(NULL), "");
}

static void refuses_specs(void **state) {
    static const struct {
        const char *spec, *part;
    } cases[] = {
        {"", "input"},
        {"input=4 latent=2", "likelihood"},
        {"input=4 latent=2 likelihood=gausian", "did you mean 'gaussian'?"},
        {"input=4 latent=0 likelihood=gaussian", "latent=0: expected"},
        {"input=4 latent=2 likelihood=gaussian latent=3", "'latent' is given twice"},
        {"input=4 latent=2 likelihood=bernoulli sigma=1", "sigma"},
        {"input=4 latent=2 likelihood=gaussian encoder=[dense 5, rellu]", "did you mean 'relu'?"},
        {"input=4 latent=2 likelihood=gaussian encoder=[dense 5", "is never closed"},
        {"input=4 latent=2 likelihood=gaussian colour=red", "spec:1:38: unknown"},
        {"input=2147483647 latent=1 likelihood=gaussian sigma=decoder",
         "spec: likelihood.weight would be [4294967294, 1]: no side may be over 2147483647"},
    };
    vae_model *model = (vae_model *)&model;
    (void)state;
    assert_fails(vae_model_create(NULL, SPEC, NULL), VAE_ERROR_ARGUMENT, "out is NULL");
    assert_fails(vae_model_create(NULL, NULL, &model), VAE_ERROR_ARGUMENT, "spec is NULL");
    assert_null(model);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        model = (vae_model *)&model;
        assert_fails(vae_model_create(NULL, cases[i].spec, &model), VAE_ERROR_TEXT, cases[i].part);
        assert_null(model);
    }
}

/* Variances of data whose deviation is a float but whose variance is none. */
static void stays_finite_on_huge_values(void **state) {
    static const char *const huge[] = {"sigma=shared", "sigma=optimal", "sigma=per_dim",
                                       "sigma=decoder", "sigma=optimal standardize=1"};
    static const float x[8] = {-3e38f, 3e38f, 1, 2, 3e38f, -3e38f, 2, 1};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(huge); i++) {
        char spec[100];
        unsigned char bytes[4000];
        size_t length;
        vae_model *model, *loaded;
        vae_dataset *dataset;
        vae_optimizer *optimizer;
        snprintf(spec, sizeof spec, "input=4 latent=2 likelihood=gaussian %s", huge[i]);
        assert_ok(vae_model_create(NULL, spec, &model));
        assert_ok(vae_dataset_from_memory(NULL, x, 2, 4, NULL, &dataset));
        assert_ok(vae_model_initialize(model, dataset));
        assert_ok(vae_optimizer_create(model, NULL, &optimizer));
        (void)vae_step(model, optimizer, dataset, NULL); /* may be refused */
        assert_ok(vae_model_save_memory(model, bytes, sizeof bytes, &length));
        assert_ok(vae_model_load_memory(NULL, bytes, length, &loaded)); /* all are finite */
        vae_model_destroy(loaded);
        vae_optimizer_destroy(optimizer);
        vae_dataset_destroy(dataset);
        vae_model_destroy(model);
    }
}

static void a_clone_is_a_model_of_its_own(void **state) {
    vae_model *none = (vae_model *)&none;
    (void)state;
    for (size_t s = 0; s < COUNT_OF(specs); s++) {
        vae_model *model = make(specs[s]), *clone, *second;
        train_a_little(model);
        assert_ok(vae_model_clone(model, &clone));
        assert_ok(vae_model_clone(model, &second));
        check_equal(model, clone);
        train_a_little(clone);
        check_equal(model, second); /* untouched by the clone's training */
        train_a_little(second);
        vae_model_destroy(model);
        check_equal(clone, second);
        vae_model_destroy(second);
        vae_model_destroy(clone);
    }
    vae_model *model = make(SPEC);
    assert_fails(vae_model_clone(NULL, &none), VAE_ERROR_ARGUMENT, "model is NULL");
    assert_null(none);
    assert_fails(vae_model_clone(model, NULL), VAE_ERROR_ARGUMENT, "out is NULL");
    vae_model_destroy(model);
}

/* ---- parameters ---- */

static void gets_and_sets_parameters(void **state) {
    vae_model *model = make(SPEC);
    uint64_t total = 0;
    (void)state;
    for (size_t p = 0; p < vae_model_parameter_count(model); p++) {
        const char *name = vae_model_parameter_name(model, p);
        size_t shape[3] = {7, 1, 77}, rank = 0, count = 1;
        assert_ok(vae_model_parameter_shape(model, p, shape, 2, &rank));
        assert_in_range(rank, 1, 2);
        for (size_t i = 0; i < rank; i++) count *= shape[i];
        assert_int_equal(shape[2], 77);
        total += count;
        float values[64], found[65];
        assert_true(count <= COUNT_OF(values));
        for (size_t i = 0; i < count; i++) values[i] = (float)(i + 1) / 3;
        found[count] = 99;
        assert_ok(vae_model_parameter_set(model, name, values, count));
        assert_ok(vae_model_parameter_get(model, name, found, count));
        assert_memory_equal(values, found, count * sizeof *values);
        assert_float_equal(found[count], 99, 0);
        values[0] = -5; /* and a bad one last: none is set */
        values[count - 1] = NAN;
        assert_fails(vae_model_parameter_set(model, name, values, count), VAE_ERROR_DATA,
                     "is not finite");
        values[count - 1] = -INFINITY;
        assert_fails(vae_model_parameter_set(model, name, values, count), VAE_ERROR_DATA, name);
        assert_fails(vae_model_parameter_set(model, name, found, count + 1), VAE_ERROR_WIDTH, name);
        assert_fails(vae_model_parameter_get(model, name, found, count - 1), VAE_ERROR_WIDTH, name);
        assert_ok(vae_model_parameter_get(model, name, found, count));
        assert_float_equal(found[0], 1.0f / 3, 1e-7);
    }
    assert_int_equal(vae_model_parameter_total(model), total);
    vae_model_destroy(model);
}

static void refuses_parameters(void **state) {
    vae_model *model = make(SPEC);
    float value = 1;
    size_t rank;
    double sigma[WIDTH];
    (void)state;
    assert_string_equal(vae_model_parameter_name(model, 0), "encoder.0.weight");
    assert_null(vae_model_parameter_name(model, vae_model_parameter_count(model)));
    assert_null(vae_model_parameter_name(NULL, 0));
    assert_int_equal(vae_model_parameter_count(NULL), 0);
    assert_int_equal(vae_model_parameter_total(NULL), 0);
    assert_int_equal(vae_model_width(NULL), 0);
    assert_int_equal(vae_model_latent(NULL), 0);
    assert_int_equal(vae_model_width(model), WIDTH);
    assert_int_equal(vae_model_latent(model), LATENT);
    assert_ok(vae_model_parameter_shape(model, 0, NULL, 0, &rank));
    assert_int_equal(rank, 2);
    assert_ok(vae_model_parameter_shape(model, 0, NULL, 0, NULL));
    assert_fails(vae_model_parameter_shape(model, 99, NULL, 0, &rank), VAE_ERROR_ARGUMENT,
                 "index is 99");
    assert_fails(vae_model_parameter_shape(NULL, 0, NULL, 0, &rank), VAE_ERROR_ARGUMENT,
                 "model is NULL");
    assert_fails(vae_model_parameter_get(NULL, "x", &value, 1), VAE_ERROR_ARGUMENT,
                 "model is NULL");
    assert_fails(vae_model_parameter_get(model, NULL, &value, 1), VAE_ERROR_ARGUMENT,
                 "name is NULL");
    assert_fails(vae_model_parameter_get(model, "encoder.0.bias", NULL, 5), VAE_ERROR_ARGUMENT,
                 "values is NULL");
    assert_fails(vae_model_parameter_get(model, "encoder.7.bias", &value, 1), VAE_ERROR_ARGUMENT,
                 "no parameter 'encoder.7.bias'");
    assert_fails(vae_model_parameter_set(model, "", &value, 1), VAE_ERROR_ARGUMENT,
                 "vae_model_parameter_set: the model has no parameter ''");
    assert_fails(vae_model_sigma(model, sigma, 5), VAE_ERROR_WIDTH, "width is 5");
    assert_fails(vae_model_sigma(model, NULL, WIDTH), VAE_ERROR_ARGUMENT, "sigma is NULL");
    assert_fails(vae_model_memory(NULL, NULL, NULL), VAE_ERROR_ARGUMENT, "model is NULL");
    assert_fails(vae_model_plan(NULL, NULL, 0, NULL), VAE_ERROR_ARGUMENT, "model is NULL");
    vae_model_destroy(model);
}

static void tells_sigma_memory_and_plan(void **state) {
    static const vae_status has_sigma[] = {
        VAE_OK, VAE_ERROR_UNSUPPORTED, VAE_ERROR_UNSUPPORTED, VAE_OK, VAE_OK, VAE_ERROR_UNSUPPORTED,
        VAE_OK};
    (void)state;
    for (size_t s = 0; s < COUNT_OF(specs); s++) {
        vae_model *model = make(specs[s]);
        double sigma[WIDTH];
        uint64_t bytes, workspace;
        size_t length, again;
        char text[8192], start[5];
        assert_int_equal(vae_model_sigma(model, sigma, WIDTH), has_sigma[s]);
        if (!has_sigma[s]) assert_true(sigma[WIDTH - 1] > 0);
        if (s == 3) assert_float_equal(sigma[0], 0.25, 1e-7);
        assert_ok(vae_model_memory(model, &bytes, &workspace));
        assert_true(bytes >= 4 * vae_model_parameter_total(model));
        assert_true(workspace > 0);
        assert_ok(vae_model_plan(model, NULL, 0, &length));
        assert_ok(vae_model_plan(model, text, sizeof text, &again));
        assert_int_equal(length, again);
        assert_int_equal(length, strlen(text) + 1);
        assert_ok(vae_model_plan(model, start, sizeof start, NULL));
        assert_int_equal(strlen(start), 4);
        assert_memory_equal(start, text, 4);
        vae_model_destroy(model);
    }
}

/* ---- destruction ---- */

static void destroy(int which, vae_context *context, vae_model *model, vae_optimizer *optimizer,
                    vae_dataset *data) {
    if (which == 0) vae_context_destroy(context);
    if (which == 1) vae_model_destroy(model);
    if (which == 2) vae_optimizer_destroy(optimizer);
    if (which == 3) vae_dataset_destroy(data);
}

static void goes_in_any_order(void **state) {
    size_t orders = 0;
    (void)state;
    for (int code = 0; code < 4 * 4 * 4 * 4; code++) {
        const int order[4] = {code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6};
        if ((1 << order[0] | 1 << order[1] | 1 << order[2] | 1 << order[3]) != 15) continue;
        host_allocator counts;
        vae_context *context = counted_context("threads=2", &counts);
        vae_model *model;
        vae_optimizer *optimizer;
        vae_dataset *data;
        float mean[LATENT];
        orders++;
        assert_ok(vae_model_create(context, SPEC, &model));
        assert_ok(vae_dataset_from_memory(context, rows, ROWS, WIDTH, "batch=4", &data));
        assert_ok(vae_optimizer_create(model, NULL, &optimizer));
        assert_ok(vae_step(model, optimizer, data, NULL));
        assert_ok(vae_encode(model, rows, 1, WIDTH, mean, NULL));
        for (int i = 0, gone = 0; i < 4; i++) {
            destroy(order[i], context, model, optimizer, data);
            gone |= 1 << order[i];
            if (!(gone & 2)) assert_ok(vae_encode(model, rows, 1, WIDTH, mean, NULL));
            if (!(gone & 8)) assert_ok(vae_dataset_read(data, 0, 1, (float[WIDTH]){0}, WIDTH));
            if (!(gone & 14)) assert_ok(vae_step(model, optimizer, data, NULL));
        }
        assert_int_equal(counts.blocks, 0);
        assert_int_equal(counts.bytes, 0);
    }
    assert_int_equal(orders, 24);
}

static void destroys_null(void **state) {
    (void)state;
    vae_context_destroy(NULL);
    vae_model_destroy(NULL);
    vae_optimizer_destroy(NULL);
    vae_dataset_destroy(NULL);
    vae_evaluation_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_every_bit),
        cmocka_unit_test(saves_into_a_buffer_that_is_large_enough),
        cmocka_unit_test(refuses_to_save),
        cmocka_unit_test(refuses_to_load),
        cmocka_unit_test(refuses_edited_files),
        cmocka_unit_test(a_spec_is_its_own_canonical_form),
        cmocka_unit_test(refuses_specs),
        cmocka_unit_test(stays_finite_on_huge_values),
        cmocka_unit_test(a_clone_is_a_model_of_its_own),
        cmocka_unit_test(gets_and_sets_parameters),
        cmocka_unit_test(refuses_parameters),
        cmocka_unit_test(tells_sigma_memory_and_plan),
        cmocka_unit_test(goes_in_any_order),
        cmocka_unit_test(destroys_null),
    };
    return cmocka_run_group_tests(tests, fill_rows, NULL);
}
