/* Metadata of a model: kept by files, memory, clones and checkpoints, whoever wrote it; and files as they were where there
 * is none. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/model.h"
#include "store/safetensors.h"
#include "support/checks.h"
#include "support/cmocka.h"
#include "support/folder.h"

#define SPEC "input=4 latent=2 likelihood=gaussian encoder=[dense 5, relu]"

enum { ROWS = 6, WIDTH = 4 };

static const float rows[ROWS * WIDTH] = {0, 1, 0.5f, 0.25f, 1, 0, 0, 1};

static vae_model *make(void) {
    vae_model *model = NULL;
    assert_ok(vae_model_create(NULL, SPEC, &model));
    return model;
}

static unsigned char *saved(const vae_model *model, size_t *length) {
    assert_ok(vae_model_save_memory(model, NULL, 0, length));
    unsigned char *bytes = malloc(*length);
    assert_ok(vae_model_save_memory(model, bytes, *length, length));
    return bytes;
}

static vae_model *reloaded(const vae_model *model) {
    size_t length;
    vae_model *again = NULL;
    unsigned char *bytes = saved(model, &length);
    assert_ok(vae_model_load_memory(NULL, bytes, length, &again));
    free(bytes);
    return again;
}

/* The keys with their values, in order: "a=1 b=2 ". */
static void assert_metadata(const vae_model *model, const char *expected) {
    char found[300] = "";
    const char *key;
    for (size_t i = 0; (key = vae_model_metadata_key(model, i)); i++)
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s=%s ", key,
                 vae_model_metadata(model, key));
    assert_string_equal(found, expected);
}

/* The same of a file's bytes, all of it. */
static void assert_in_file(const unsigned char *bytes, size_t length, const char *expected) {
    char found[600] = "";
    vae_context *context;
    vae__bundle bundle;
    assert_ok(vae_context_create(NULL, &context));
    assert_ok(vae__safetensors_parse(context, "bytes", bytes, length, &bundle));
    for (size_t i = 0; i < bundle.metadata_count; i++)
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s=%s ",
                 bundle.metadata[i].key, bundle.metadata[i].value);
    vae__bundle_free(&bundle);
    vae_context_destroy(context);
    assert_string_equal(found, expected);
}

/* ---- setting and asking ---- */

static void sets_and_tells(void **state) {
    vae_model *model = make();
    (void)state;
    assert_metadata(model, "");
    assert_null(vae_model_metadata(model, "licence"));
    assert_ok(vae_model_set_metadata(model, "licence", "CC0"));
    assert_ok(vae_model_set_metadata(model, "columns", "[\"a\", \"b\"]\n"));
    assert_ok(vae_model_set_metadata(model, "licence", "MIT"));
    assert_ok(vae_model_set_metadata(model, "empty", ""));
    assert_metadata(model, "licence=MIT columns=[\"a\", \"b\"]\n empty= ");
    assert_ok(vae_model_set_metadata(model, "columns", NULL));
    assert_ok(vae_model_set_metadata(model, "none", NULL));
    assert_metadata(model, "licence=MIT empty= ");
    while (vae_model_metadata_key(model, 0))
        assert_ok(vae_model_set_metadata(model, vae_model_metadata_key(model, 0), NULL));
    assert_metadata(model, "");
    vae_model_destroy(model);
}

static void tells_what_the_file_will_say(void **state) {
    vae_model *model = make();
    (void)state;
    assert_string_equal(vae_model_metadata(model, "format"), "libvae-1");
    assert_string_equal(vae_model_metadata(model, "spec"), vae_model_spec(model));
    assert_null(vae_model_metadata(model, "checkpoint"));
    assert_null(vae_model_metadata(model, "dataset"));
    vae_model_destroy(model);
}

/* What the library notes itself is read and kept like the rest, and not the host's to change. */
static void keeps_what_the_library_notes(void **state) {
    vae_model *model = make();
    (void)state;
    assert_ok(
        vae__metadata_put(model->context, &model->metadata, "dataset.shift", "[0.5, 1e9, 0, 0]"));
    vae_model *again = reloaded(model);
    assert_string_equal(vae_model_metadata(again, "dataset.shift"), "[0.5, 1e9, 0, 0]");
    assert_string_equal(vae_model_metadata_key(again, 0), "dataset.shift");
    assert_fails(vae_model_set_metadata(again, "dataset.shift", NULL), VAE_ERROR_ARGUMENT,
                 "the key 'dataset.shift' is reserved");
    assert_metadata(again, "dataset.shift=[0.5, 1e9, 0, 0] ");
    vae_model_destroy(model);
    vae_model_destroy(again);
}

/* ---- kept ---- */

static void no_metadata_no_other_bytes(void **state) {
    size_t length, length_again;
    vae_model *model = make();
    (void)state;
    unsigned char *bytes = saved(model, &length);
    assert_ok(vae_model_set_metadata(model, "a", "1"));
    assert_ok(vae_model_set_metadata(model, "a", NULL));
    unsigned char *again = saved(model, &length_again);
    assert_int_equal(length, length_again);
    assert_memory_equal(bytes, again, length);
    const char expected[] =
        "{\"__metadata__\":{\"format\":\"libvae-1\",\"spec\":\"input=4 latent=2 ";
    assert_memory_equal(bytes + 8, expected, sizeof expected - 1);
    free(bytes);
    free(again);
    vae_model_destroy(model);
}

#define TEXTS "a=1 b=\xc3\xa9\"\\\n\x01 c= "

static void set_texts(vae_model *model) {
    assert_ok(vae_model_set_metadata(model, "a", "1"));
    assert_ok(vae_model_set_metadata(model, "b", "\xc3\xa9\"\\\n\x01"));
    assert_ok(vae_model_set_metadata(model, "c", ""));
}

static void kept_by_files_memory_and_clones(void **state) {
    vae_model *model = make(), *clone = NULL, *loaded = NULL;
    (void)state;
    set_texts(model);
    vae_model *again = reloaded(model);
    assert_metadata(again, TEXTS);
    assert_ok(vae_model_clone(model, &clone));
    assert_ok(vae_model_set_metadata(model, "a", "of the first alone"));
    assert_metadata(clone, TEXTS);
    assert_ok(vae_model_save(clone, test_in_folder("model")));
    assert_ok(vae_model_load(NULL, test_in_folder("model"), &loaded));
    assert_metadata(loaded, TEXTS);
    assert_ok(vae_model_set_metadata(loaded, "d", "4"));
    assert_metadata(loaded, TEXTS "d=4 ");
    vae_model_destroy(model);
    vae_model_destroy(again);
    vae_model_destroy(clone);
    vae_model_destroy(loaded);
}

/* A model in training, with its data. */
typedef struct training {
    vae_model *model;
    vae_optimizer *optimizer;
    vae_dataset *data;
} training;

static training train(vae_model *model) {
    training t = {.model = model};
    assert_ok(vae_dataset_from_memory(NULL, rows, ROWS, WIDTH, "batch=2", &t.data));
    assert_ok(vae_optimizer_create(model, NULL, &t.optimizer));
    assert_ok(vae_step(model, t.optimizer, t.data, NULL));
    return t;
}

static void end(training *t) {
    vae_model_destroy(t->model);
    vae_optimizer_destroy(t->optimizer);
    vae_dataset_destroy(t->data);
}

static void kept_by_checkpoints(void **state) {
    const char *path = test_in_folder("checkpoint");
    vae_model *plain = NULL;
    size_t length, length_again;
    (void)state;
    training t = train(make()), again = {0};
    set_texts(t.model);
    assert_ok(vae_checkpoint_save(t.model, t.optimizer, t.data, path));
    assert_ok(vae_checkpoint_load(NULL, path, t.data, &again.model, &again.optimizer));
    assert_metadata(again.model, TEXTS);
    unsigned char *bytes = test_content(path, &length);
    assert_ok(vae_checkpoint_save(again.model, again.optimizer, t.data, path));
    unsigned char *bytes_again = test_content(path, &length_again);
    assert_int_equal(length, length_again);
    assert_memory_equal(bytes, bytes_again, length);
    free(bytes_again);
    assert_ok(vae_model_load(NULL, path, &plain)); /* as a model: without what is the training's */
    assert_metadata(plain, TEXTS);
    free(bytes);
    bytes = saved(plain, &length);
    char expected[500];
    snprintf(expected, sizeof expected, "format=libvae-1 spec=%s " TEXTS, vae_model_spec(plain));
    assert_in_file(bytes, length, expected);
    free(bytes);
    vae_model_destroy(plain);
    end(&again);
    end(&t);
}

/* ---- files of other programs ---- */

/* The model's file with these entries in front of its own, and `last` behind. */
static unsigned char *with_entries(const vae_model *model, const vae__metadata *more, size_t count,
                                   size_t *length) {
    vae__metadata entries[16];
    vae__bundle bundle;
    size_t size, total = 0;
    unsigned char *bytes = saved(model, &size);
    assert_ok(vae__safetensors_parse(model->context, "bytes", bytes, size, &bundle));
    for (size_t i = 0; i < count; i++) entries[total++] = more[i];
    for (size_t i = 0; i < bundle.metadata_count; i++) entries[total++] = bundle.metadata[i];
    assert_ok(vae__safetensors_write_memory(model->context, bundle.tensors, bundle.tensor_count,
                                            entries, total, NULL, 0, length));
    unsigned char *made = malloc(*length);
    assert_ok(vae__safetensors_write_memory(model->context, bundle.tensors, bundle.tensor_count,
                                            entries, total, made, *length, length));
    vae__bundle_free(&bundle);
    free(bytes);
    return made;
}

static void keeps_the_entries_of_others(void **state) {
    static const vae__metadata others[] = {{"author", "x"},
                                           {"", "no name"},
                                           {"dataset", "mnist"},
                                           {"dataset_url", "y"},
                                           {"optimizer.note", "z"}};
    vae_model *model = make(), *loaded = NULL;
    size_t length;
    (void)state;
    unsigned char *bytes = with_entries(model, others, COUNT_OF(others), &length);
    assert_ok(vae_model_load_memory(NULL, bytes, length, &loaded));
    free(bytes);
    assert_metadata(loaded, "author=x =no name dataset=mnist dataset_url=y optimizer.note=z ");
    vae_model *again = reloaded(loaded);
    assert_metadata(again, "author=x =no name dataset=mnist dataset_url=y optimizer.note=z ");
    vae_model_destroy(again);

    /* In a checkpoint some of these keys mean something: they are the training's there. */
    training t = train(loaded), resumed = {0};
    const char *path = test_in_folder("checkpoint");
    assert_ok(vae_checkpoint_save(t.model, t.optimizer, NULL, path));
    assert_fails(vae_checkpoint_load(NULL, path, t.data, &resumed.model, &resumed.optimizer),
                 VAE_ERROR_MISMATCH, "was saved without a data set");
    assert_ok(vae_checkpoint_save(t.model, t.optimizer, t.data, path));
    assert_ok(vae_checkpoint_load(NULL, path, t.data, &resumed.model, &resumed.optimizer));
    assert_metadata(resumed.model, "author=x =no name dataset_url=y ");
    assert_metadata(t.model, "author=x =no name dataset=mnist dataset_url=y optimizer.note=z ");
    end(&resumed);
    end(&t);
    vae_model_destroy(model);
}

/* At the limit, and of characters that take six bytes each in a file. */
static void stays_readable_at_the_limit(void **state) {
    size_t size = VAE__METADATA_LIMIT - 1;
    char *value = malloc(size + 1);
    vae_model *model = make();
    (void)state;
    assert_non_null(value);
    memset(value, 1, size);
    value[size] = 0;
    assert_ok(vae_model_set_metadata(model, "k", value));
    vae_model *again = reloaded(model);
    assert_string_equal(vae_model_metadata(again, "k"), value);
    free(value);
    vae_model_destroy(model);
    vae_model_destroy(again);
}

#define TEST(function) \
    cmocka_unit_test_setup_teardown(function, test_folder_make, test_folder_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(sets_and_tells),
        TEST(tells_what_the_file_will_say),
        TEST(keeps_what_the_library_notes),
        TEST(no_metadata_no_other_bytes),
        TEST(kept_by_files_memory_and_clones),
        TEST(kept_by_checkpoints),
        TEST(keeps_the_entries_of_others),
        TEST(stays_readable_at_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
