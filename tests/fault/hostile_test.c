/* Files made to do harm: each is refused with its reason, and what the refusal may cost is bounded
 * in bytes and allocations, whatever the file claims. The small files are those of the fuzz
 * targets, tests/fuzz/corpus; the large ones are made here. */
#include <math.h>
#include <string.h>
#include <unistd.h>

#ifndef VAE_NO_ZLIB
#include <zlib.h>
#endif

#include "support/checks.h"
#include "support/cmocka.h"

#define CORPUS "tests/fuzz/corpus/"
enum {
    KB = 1 << 10,
    MB = 1 << 20,
    READING = 80 * KB,                /* a file's buffer of 64 KB, and what a header needs */
    INFLATING = READING + 48 * KB,    /* and zlib's window and tables */
    SPLITTING = INFLATING + 128 * KB, /* and a line of a CSV file */
    TREE = 100                        /* bytes of the text of a tensor in a header, at most */
};

/* ---- one file, one context ---- */

typedef struct attempt {
    host_allocator host;
    vae_context *context;
    vae_status status;
    uint64_t peak, allocations;
    vae_dataset *dataset;
    vae_model *model;
    vae_optimizer *optimizer;
} attempt;

static char path[] = "/tmp/vae-hostile-XXXXXX";

static int make_file(void **state) {
    int file = mkstemp(path);
    (void)state;
    if (file >= 0) close(file);
    return file < 0;
}

static int remove_file(void **state) {
    (void)state;
    return unlink(path);
}

static void write_file(const void *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void finish(attempt *a) {
    assert_ok(vae_context_memory(a->context, NULL, &a->peak, &a->allocations));
    vae_optimizer_destroy(a->optimizer);
    vae_model_destroy(a->model);
    vae_dataset_destroy(a->dataset);
    vae_context_destroy(a->context);
    assert_int_equal(a->host.bytes, 0);
}

/* Opens the file as what the options say it is. */
static void try_file(attempt *a, const char *limit, const char *kind, const char *file) {
    memset(a, 0, sizeof *a);
    a->context = counted_context(limit, &a->host);
    if (!strcmp(kind, "data"))
        a->status = vae_dataset_open(a->context, file, NULL, &a->dataset);
    else if (!strcmp(kind, "model"))
        a->status = vae_model_load(a->context, file, &a->model);
    else
        a->status = vae_checkpoint_load(a->context, file, NULL, &a->model, &a->optimizer);
    if (a->status) assert_true(!a->dataset && !a->model && !a->optimizer);
}

static void refuse(const char *limit, const char *kind, const char *file, vae_status status,
                   const char *message, size_t most, size_t most_allocations) {
    attempt a;
    try_file(&a, limit, kind, file);
    assert_fails(a.status, status, message);
    finish(&a);
    if (a.peak > most) fail_msg("%s: %zu bytes, more than %zu", file, (size_t)a.peak, most);
    if (a.allocations > most_allocations)
        fail_msg("%s: %zu allocations", file, (size_t)a.allocations);
}

/* ---- the files of the fuzz targets ---- */

typedef struct hostile_file {
    const char *kind, *name;
    vae_status status;
    const char *message;
    size_t most; /* bytes held at the worst time */
} hostile_file;

static void check_files(const hostile_file *files, size_t count, const char *limit) {
    for (size_t i = 0; i < count; i++) {
        char file[128];
        snprintf(file, sizeof file, CORPUS "%s", files[i].name);
        refuse(limit, files[i].kind, file, files[i].status, files[i].message, files[i].most, 32);
    }
}

static void refuses_claims_that_a_file_cannot_hold(void **state) {
    static const hostile_file files[] = {
        {"data", "idx/claims-2-to-60", VAE_ERROR_FORMAT, "expected 1152921504606846976 bytes",
         READING},
        {"data", "idx/claims-2-to-96", VAE_ERROR_FORMAT, "more bytes than can be addressed",
         READING},
        {"data", "idx/claims-one-more", VAE_ERROR_FORMAT, "expected 6 bytes of values", READING},
        {"data", "idx/claims-one-less", VAE_ERROR_FORMAT, "found 5", READING},
        {"data", "npy/claims-2-to-60", VAE_ERROR_FORMAT, "expected 1152921504606846976 bytes",
         READING},
        {"data", "npy/claims-2-to-64", VAE_ERROR_FORMAT, "more bytes than can be addressed",
         READING},
        {"data", "npy/claims-2-to-64-and-1", VAE_ERROR_FORMAT, "expected a dimension", READING},
        {"data", "npy/fortran-claims-2-to-60", VAE_ERROR_FORMAT,
         "expected 1152921504606846976 bytes", READING},
        {"data", "npy/small-claims-2-to-62", VAE_ERROR_FORMAT, "more bytes than can be addressed",
         READING},
        {"data", "npy/header-of-4-gigabytes", VAE_ERROR_FORMAT, "at most 65536 bytes", READING},
        {"data", "npy/header-longer-than-file", VAE_ERROR_FORMAT, "expected 65535 bytes",
         READING + 64 * KB},
        {"model", "safetensors/claims-2-to-60", VAE_ERROR_FORMAT,
         "expected 4611686018427387904 bytes", READING},
        {"model", "safetensors/claims-2-to-64", VAE_ERROR_FORMAT, "more than can be addressed",
         READING},
        {"model", "safetensors/header-longer-than-file", VAE_ERROR_FORMAT,
         "is cut off: the header lacks 72 bytes", READING},
        {"model", "safetensors/header-length-2-to-63", VAE_ERROR_FORMAT,
         "is no safetensors file; begins with bytes 00 00 00 00 00 00 00 80", READING},
        {"model", "safetensors/header-length-2-to-64-less-8", VAE_ERROR_FORMAT,
         "begins with bytes f8 ff ff ff ff ff ff ff", READING},
        {"model", "safetensors/offsets-2-to-64", VAE_ERROR_FORMAT, "found data_offsets of 3 bytes",
         READING},
        {"model", "model/too-few-values", VAE_ERROR_FORMAT, "the tensors hold 16", READING},
    };
    (void)state;
    check_files(files, COUNT_OF(files), NULL);
}

static void refuses_tensors_that_contradict(void **state) {
    static const hostile_file files[] = {
        {"model", "safetensors/overlapping-offsets", VAE_ERROR_FORMAT, "an overlap", READING},
        {"model", "safetensors/same-offsets", VAE_ERROR_FORMAT, "an overlap", READING},
        {"model", "safetensors/gap", VAE_ERROR_FORMAT, "a gap", READING},
        {"model", "safetensors/offsets-backwards", VAE_ERROR_FORMAT, "begin <= end", READING},
        {"model", "safetensors/offsets-past-end", VAE_ERROR_FORMAT,
         "is cut off: 4 bytes are missing", READING},
        {"model", "safetensors/trailing-bytes", VAE_ERROR_FORMAT, "1 more byte", READING},
        {"model", "safetensors/duplicate-names", VAE_ERROR_FORMAT, "'a': this name is given twice",
         READING},
        {"model", "safetensors/duplicate-names-escaped", VAE_ERROR_FORMAT,
         "'a': this name is given twice", READING},
        {"model", "safetensors/duplicate-metadata", VAE_ERROR_FORMAT, "'k' is given twice",
         READING},
        {"model", "safetensors/duplicate-metadata-objects", VAE_ERROR_FORMAT, "given twice",
         READING},
        {"model", "safetensors/duplicate-fields", VAE_ERROR_FORMAT, "duplicate field 'dtype'",
         READING},
        {"model", "safetensors/nested-arrays", VAE_ERROR_FORMAT, "expected a whole number",
         READING},
        {"model", "safetensors/nested-objects", VAE_ERROR_FORMAT, "unknown field 'a'", READING},
        {"model", "safetensors/nested-metadata", VAE_ERROR_FORMAT, "expected a string", READING},
    };
    (void)state;
    check_files(files, COUNT_OF(files), NULL);
}

static void refuses_weights_that_are_not_finite(void **state) {
    static const hostile_file files[] = {
        {"model", "model/nan-weight", VAE_ERROR_FORMAT, "'encoder.0.weight', value 1 is nan",
         READING},
        {"model", "model/infinite-weight", VAE_ERROR_FORMAT, "'encoder.0.weight', value 0 is inf",
         READING},
        {"model", "model/minus-infinite-weight", VAE_ERROR_FORMAT, "value 2 is -inf", READING},
        {"checkpoint", "checkpoint/nan-weight", VAE_ERROR_FORMAT, "value 0 is nan", READING},
        {"checkpoint", "checkpoint/moment-nan", VAE_ERROR_FORMAT,
         "'optimizer.moment1.encoder.0.weight', value 0 is nan", READING},
        {"checkpoint", "checkpoint/moment-negative", VAE_ERROR_FORMAT,
         "'optimizer.moment2.encoder.0.weight', value 0 is -1", READING},
        {"checkpoint", "checkpoint/steps-2-to-64", VAE_ERROR_FORMAT, "expected a whole number",
         READING},
        {"checkpoint", "checkpoint/options-refused", VAE_ERROR_FORMAT, "lr=nan", READING},
    };
    (void)state;
    check_files(files, COUNT_OF(files), NULL);
}

static size_t read_file(const char *file, unsigned char *bytes, size_t capacity) {
    FILE *stream = fopen(file, "rb");
    assert_non_null(stream);
    size_t size = fread(bytes, 1, capacity, stream);
    fclose(stream);
    return size;
}

/* Wherever in the file it stands. */
static void finds_every_value_that_is_not_finite(void **state) {
    static const float values[] = {NAN, INFINITY, -INFINITY};
    unsigned char good[4 * KB], bad[4 * KB];
    vae_model *model;
    size_t size = read_file(CORPUS "model/small", good, sizeof good);
    (void)state;
    size_t header = 8 + good[0] + ((size_t)good[1] << 8); /* shorter than 64 KB */
    assert_int_equal((size - header) % 4, 0);
    for (size_t at = header; at < size; at += 4) {
        for (size_t i = 0; i < COUNT_OF(values); i++) {
            memcpy(bad, good, size);
            memcpy(bad + at, &values[i], 4);
            assert_fails(vae_model_load_memory(NULL, bad, size, &model), VAE_ERROR_FORMAT,
                         "expected finite values");
            assert_null(model);
        }
    }
    assert_ok(vae_model_load_memory(NULL, good, size, &model));
    vae_model_destroy(model);
}

/* The least numbers there are, kept bit for bit. */
static void loads_denormal_weights(void **state) {
    static const float expected[4] = {1e-45f, -1e-45f, 1e-40f, -1e-39f};
    float weights[4], x[2] = {1, 0}, mean, logvar;
    vae_model *model;
    (void)state;
    assert_ok(vae_model_load(NULL, CORPUS "model/denormal-weights", &model));
    assert_ok(vae_model_parameter_get(model, "encoder.0.weight", weights, 4));
    assert_memory_equal(weights, expected, sizeof weights);
    assert_ok(vae_encode(model, x, 1, 2, &mean, &logvar));
    assert_true(isfinite(mean) && isfinite(logvar));
    vae_model_destroy(model);
}

/* ---- gzip ---- */

#ifndef VAE_NO_ZLIB

/* A gzip file: the head, then a piece of text again and again until there are `size` bytes. */
static void write_bomb(const void *head, size_t head_size, const char *piece, size_t piece_size,
                       size_t size) {
    static char block[64 * KB];
    gzFile file = gzopen(path, "wb1");
    assert_non_null(file);
    for (size_t i = 0; i < sizeof block; i++) block[i] = piece[i % piece_size];
    if (head_size) assert_int_equal(gzwrite(file, head, (unsigned)head_size), (int)head_size);
    for (size_t done = 0; done < size; done += sizeof block)
        assert_int_equal(gzwrite(file, block, sizeof block), sizeof block);
    assert_int_equal(gzclose(file), Z_OK);
}

static void defuses_small_bombs(void **state) {
    static const hostile_file files[] = {
        {"data", "idx/claims-2-to-60.gz", VAE_ERROR_FORMAT, "cannot hold", INFLATING},
        {"data", "idx/bomb-surplus.gz", VAE_ERROR_FORMAT, "found 5 or more", INFLATING},
        {"data", "idx/bomb-claimed.gz", VAE_ERROR_LIMIT, "needs 3 MiB, but memory_limit=1M leaves",
         INFLATING},
        {"data", "idx/cut.gz", VAE_ERROR_FORMAT, "found the end of the file", INFLATING},
        {"data", "npy/claims-2-to-60.gz", VAE_ERROR_FORMAT, "cannot hold", INFLATING},
        {"data", "npy/bomb-fortran.gz", VAE_ERROR_LIMIT,
         "needs 1.25 MiB, but memory_limit=1M leaves", INFLATING},
        {"data", "npy/bomb-claimed.gz", VAE_ERROR_LIMIT, "needs 3 MiB, but memory_limit=1M leaves",
         INFLATING},
        {"data", "csv/bomb-blank.gz", VAE_ERROR_FORMAT, "found a blank line", SPLITTING},
        {"data", "csv/bomb-cell.gz", VAE_ERROR_FORMAT, "found a longer one", SPLITTING},
        {"data", "csv/bomb-quotes.gz", VAE_ERROR_FORMAT, "found a longer one", SPLITTING},
        {"data", "csv/bomb-rows.gz", VAE_ERROR_LIMIT, "but memory_limit=", MB},
        {"data", "csv/bomb-columns.gz", VAE_ERROR_LIMIT, "memory_limit", MB},
        {"model", "safetensors/compressed.gz", VAE_ERROR_FORMAT, "compressed by gzip", INFLATING},
    };
    (void)state;
    check_files(files, COUNT_OF(files), "memory_limit=1M");
}

static void defuses_large_bombs(void **state) {
    static const unsigned char two_by_two[] = {0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 2};
    static const unsigned char all[] = {0, 0, 8, 2, 0, 0, 64, 0, 0, 0, 4, 0}; /* 16 MB */
    (void)state;
    write_bomb(two_by_two, sizeof two_by_two, "\0", 1, 16 * MB);
    refuse(NULL, "data", path, VAE_ERROR_FORMAT, "found 5 or more", INFLATING, 8);
    refuse(NULL, "model", path, VAE_ERROR_FORMAT, "compressed by gzip", INFLATING, 8);
    refuse(NULL, "checkpoint", path, VAE_ERROR_FORMAT, "compressed by gzip", INFLATING, 8);
    write_bomb(all, sizeof all, "\0", 1, 16 * MB);
    refuse("memory_limit=4M", "data", path, VAE_ERROR_LIMIT, "but memory_limit=", INFLATING, 8);
    write_bomb(NULL, 0, "7", 1, 16 * MB);
    refuse(NULL, "data", path, VAE_ERROR_FORMAT, "found a longer one", SPLITTING, 8);
    write_bomb(NULL, 0, "1\n", 2, 16 * MB);
    refuse("memory_limit=1M", "data", path, VAE_ERROR_LIMIT, "but memory_limit=", MB, 64);
}

#else

static void defuses_small_bombs(void **state) {
    static const hostile_file file = {"data", "idx/bomb-surplus.gz", VAE_ERROR_UNSUPPORTED,
                                      "without zlib", READING};
    (void)state;
    check_files(&file, 1, NULL);
}

static void defuses_large_bombs(void **state) {
    (void)state;
    skip();
}

#endif

/* ---- large headers ---- */

/* A safetensors file whose header is the piece again and again, of about 1 MB. Its size. */
static size_t write_header(const char *begin, const char *piece, const char *end) {
    static char text[MB + 8 + TREE * 3];
    size_t length = strlen(begin), piece_length = strlen(piece), end_length = strlen(end);
    memcpy(text + 8, begin, length);
    for (; length + piece_length < MB; length += piece_length)
        memcpy(text + 8 + length, piece, piece_length);
    memcpy(text + 8 + length, end, end_length);
    length += end_length;
    for (size_t i = 0; i < 8; i++) text[i] = (char)(length >> 8 * i);
    write_file(text, 8 + length);
    return 8 + length;
}

/* Memory is a small multiple of the file, and blocks grow by doubling. */
static void refuse_header(const char *begin, const char *piece, const char *end,
                          const char *message) {
    size_t size = write_header(begin, piece, end);
    refuse(NULL, "model", path, VAE_ERROR_FORMAT, message, READING + 10 * size, 48);
}

static void reads_large_headers_in_bounds(void **state) {
    static const char tensor[] = "\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},";
    (void)state;
    refuse_header("", "[", "", "expected '{'");
    refuse_header("", "{\"a\":", "", "unknown field 'a'");
    refuse_header("{\"a\":{\"shape\":", "[", "", "expected a whole number");
    refuse_header("{\"a\":{\"shape\":[", "0,", "0]}}", "at most 8 numbers");
    refuse_header("{\"__metadata__\":", "{\"a\":", "", "expected a string");
    refuse_header("{\"__metadata__\":{", "\"a\":\"\",", "\"b\":\"\"}}", "'a' is given twice");
    refuse_header("{", tensor, "\"__metadata__\":{}}", "'a': this name is given twice");
    refuse_header("{\"", "\\u0061", "", "found the end of the header");
}

/* A good model whose file is 60,000 entries of others, about 1 MB: memory is a small multiple of it, and
 * allocations do not grow with their number. */
static void carries_many_entries_in_bounds(void **state) {
    enum { ENTRIES = 60000, VALUES = 10 };
    static const char tensors[] =
        "\"posterior.weight\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]},"
        "\"posterior.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[16,24]},"
        "\"likelihood.weight\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[24,32]},"
        "\"likelihood.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[32,40]}}";
    static char text[2 * MB];
    size_t length = 8, written;
    attempt a;
    char key[16];
    (void)state;
    length += (size_t)sprintf(
        text + length, "{\"__metadata__\":{\"format\":\"libvae-1\",\"spec\":\"input=2 latent=1 "
                       "likelihood=bernoulli\"");
    for (int i = 0; i < ENTRIES; i++)
        length += (size_t)sprintf(text + length, ",\"key %d\":\"%d\"", i, i % 10);
    length += (size_t)sprintf(text + length, "},%s", tensors);
    for (size_t i = 0; i < 8; i++) text[i] = (char)((length - 8) >> 8 * i);
    memset(text + length, 0, VALUES * sizeof(float));
    length += VALUES * sizeof(float);
    write_file(text, length);
    try_file(&a, NULL, "model", path);
    assert_ok(a.status);
    snprintf(key, sizeof key, "key %d", ENTRIES - 1);
    assert_string_equal(vae_model_metadata_key(a.model, ENTRIES - 1), key);
    assert_string_equal(vae_model_metadata(a.model, key), "9");
    assert_null(vae_model_metadata_key(a.model, ENTRIES));
    assert_ok(vae_model_set_metadata(a.model, key, NULL));
    assert_null(vae_model_metadata_key(a.model, ENTRIES - 1));
    assert_ok(vae_model_save_memory(a.model, NULL, 0, &written));
    assert_in_range(written, length - 200, length + 200); /* its spec is written in full */
    finish(&a);
    assert_in_range(a.peak, MB, READING + 10 * length);
    assert_in_range(a.allocations, 10, 100);
}

static void reads_large_texts_in_bounds(void **state) {
    static char text[MB];
    vae_model *model;
    vae_optimizer *optimizer;
    (void)state;
    memset(text, '[', sizeof text - 1);
    memcpy(text, "encoder=", 8);
    assert_fails(vae_model_create(NULL, text, &model), VAE_ERROR_TEXT, "'[' is never closed");
    memcpy(text, "adam milestones=", 16);
    assert_ok(vae_model_create(NULL, "input=2 latent=1 likelihood=bernoulli", &model));
    assert_fails(vae_optimizer_create(model, text, &optimizer), VAE_ERROR_TEXT,
                 "'[' is never closed");
    vae_model_destroy(model);
}

/* ---- memory_limit ---- */

/* With any limit: refused within it, and once it suffices, always read. */
static void check_limits(const char *kind, const char *file, size_t step) {
    attempt a;
    size_t read = 0, refused = 0;
    for (size_t limit = step; read < 3; limit += step) {
        char options[64];
        snprintf(options, sizeof options, "memory_limit=%zu", limit);
        try_file(&a, options, kind, file);
        if (a.status) assert_fails(a.status, VAE_ERROR_LIMIT, "memory_limit");
        assert_true(!a.status || !read);
        a.status ? refused++ : read++;
        finish(&a);
        assert_true(a.peak <= limit);
        if (limit > MB) fail_msg("%s: %zu bytes are not enough", file, limit);
    }
    assert_true(refused > 0);
}

static void honours_every_limit(void **state) {
    (void)state;
    check_limits("data", CORPUS "idx/bytes", 1000);
    check_limits("data", CORPUS "npy/floats", 1000);
    check_limits("data", CORPUS "npy/fortran-ints", 1000);
    check_limits("data", CORPUS "csv/header", 1000);
    check_limits("model", CORPUS "model/small", 1000);
    check_limits("model", CORPUS "model/foreign-metadata", 1000);
    check_limits("checkpoint", CORPUS "checkpoint/adam", 1000);
    check_limits("checkpoint", CORPUS "checkpoint/foreign-metadata", 1000);
#ifndef VAE_NO_ZLIB
    check_limits("data", CORPUS "npy/floats.gz", 1000);
    check_limits("data", CORPUS "npy/fortran-ints.gz", 1000);
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_claims_that_a_file_cannot_hold),
        cmocka_unit_test(refuses_tensors_that_contradict),
        cmocka_unit_test(refuses_weights_that_are_not_finite),
        cmocka_unit_test(finds_every_value_that_is_not_finite),
        cmocka_unit_test(loads_denormal_weights),
        cmocka_unit_test(defuses_small_bombs),
        cmocka_unit_test(defuses_large_bombs),
        cmocka_unit_test(reads_large_headers_in_bounds),
        cmocka_unit_test(carries_many_entries_in_bounds),
        cmocka_unit_test(reads_large_texts_in_bounds),
        cmocka_unit_test(honours_every_limit),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
