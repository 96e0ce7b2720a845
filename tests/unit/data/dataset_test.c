#include <math.h>

#include "base/rng.h"
#include "data/cursor.h"
#include "data/gather.h"
#include "unit/data/scratch.h"

static vae_dataset *from_memory(void **state, const void *rows, size_t n, size_t width,
                                const char *options) {
    vae_dataset *dataset;
    if (vae__dataset_from_memory(((scratch *)*state)->context, rows, n, width, options, &dataset)) {
        fail_msg("%s: %s", options, vae__last_message());
    }
    return dataset;
}

static void assert_memory_refused(void **state, const void *rows, size_t n, size_t width,
                                  const char *options, vae_status status, const char *message) {
    vae_dataset *dataset = (vae_dataset *)*state;
    assert_int_equal(
        vae__dataset_from_memory(((scratch *)*state)->context, rows, n, width, options, &dataset),
        status);
    assert_message(message);
    assert_null(dataset);
}

static void assert_open_refused(void **state, const char *path, const char *options,
                                vae_status status, const char *message) {
    vae_dataset *dataset = (vae_dataset *)*state;
    assert_int_equal(vae__dataset_open(((scratch *)*state)->context, path, options, &dataset),
                     status);
    assert_message(message);
    assert_null(dataset);
}

static void assert_reads(void **state, const void *rows, size_t n, const char *options,
                         const vae__real *expected) {
    vae__real x[16];
    vae_dataset *dataset = from_memory(state, rows, n, 1, options);
    vae__dataset_read(dataset, 0, n, x);
    for (size_t i = 0; i < n; i++) {
        if (x[i] != expected[i])
            fail_msg("%s: value %zu is %.9g, not %.9g", options, i, (double)x[i],
                     (double)expected[i]);
    }
    vae__dataset_free(dataset);
}

/* ---- conversion ---- */

static void scales_bytes_as_a_division_does(void **state) {
    unsigned char bytes[256];
    vae__real x[256];
    for (int i = 0; i < 256; i++) bytes[i] = (unsigned char)i;
    vae_dataset *dataset = from_memory(state, bytes, 2, 128, "dtype=uint8");
    vae__dataset_read(dataset, 0, 2, x);
    for (int i = 0; i < 256; i++) assert_true(x[i] == (vae__real)i / (vae__real)255);
    vae__dataset_free(dataset);
}

static void scales_every_type(void **state) {
    const unsigned char bytes[] = {10, 20, 60};
    const float singles[] = {-1, 0, 3};
    const double doubles[] = {0.1, 0.1, 0.3};
    const vae__real raw_bytes[] = {10, 20, 60}, unit_bytes[] = {0, (vae__real)0.2, 1};
    const vae__real raw_singles[] = {-1, 0, 3}, unit_singles[] = {0, (vae__real)0.25, 1};
    const vae__real raw_doubles[] = {(vae__real)0.1, (vae__real)0.1, (vae__real)0.3},
                    unit_doubles[] = {0, 0, 1};
    const vae__real zeros[] = {0, 0};
    assert_reads(state, bytes, 3, "dtype=uint8 scale=none", raw_bytes);
    assert_reads(state, bytes, 3, "dtype=uint8 scale=unit", unit_bytes);
    assert_reads(state, singles, 3, "", raw_singles);
    assert_reads(state, singles, 3, "scale=none", raw_singles);
    assert_reads(state, singles, 3, "scale=unit", unit_singles);
    assert_reads(state, doubles, 3, "dtype=float64", raw_doubles);
    assert_reads(state, doubles, 3, "dtype=float64 scale=unit", unit_doubles);
    assert_reads(state, doubles, 2, "dtype=float64 scale=unit", zeros);
}

static void unit_needs_a_range(void **state) {
    const float bad[] = {1, 2, 3, NAN};
    const double wide[] = {-1e308, 1e308};
    assert_memory_refused(
        state, bad, 2, 2, "scale=unit", VAE_ERROR_DATA,
        "rows: row 1, column 1 (both from 0): expected finite values for scale=unit, found nan");
    assert_memory_refused(state, wide, 2, 1, "dtype=float64 scale=unit", VAE_ERROR_DATA,
                          "rows: the values' range is too large for scale=unit");
}

static void thresholds(void **state) {
    const float x[] = {0.49f, 0.5f, -7, 7};
    const unsigned char bytes[] = {127, 128};
    const vae__real expected[] = {0, 1, 0, 1};
    assert_reads(state, x, 4, "binarize=threshold", expected);
    assert_reads(state, bytes, 2, "dtype=uint8 binarize=threshold", expected);
    const float bad[] = {NAN, INFINITY, -INFINITY};
    vae__real y[3];
    vae_dataset *dataset = from_memory(state, bad, 3, 1, "binarize=threshold");
    vae__dataset_read(dataset, 0, 3, y);
    assert_true(isnan(y[0]) && isnan(y[1]) && isnan(y[2]));
    vae__dataset_free(dataset);
}

/* Every draw against its definition: word `column` of (seed, epoch, row) below x. */
static void samples_by_seed_epoch_row_and_column(void **state) {
    enum { ROWS = 20, WIDTH = 131 };
    float x[ROWS * WIDTH];
    vae__real y[ROWS * WIDTH], one[WIDTH];
    double mean = 0;
    for (int i = 0; i < ROWS * WIDTH; i++) x[i] = i % WIDTH == 0 ? 0 : i % WIDTH == 1 ? 1 : 0.3f;
    vae_dataset *dataset = from_memory(state, x, ROWS, WIDTH, "binarize=sample seed=77");
    for (uint64_t epoch = 0; epoch < 2; epoch++) {
        const vae__stream stream = {77, epoch, VAE__PURPOSE_BINARIZE, 0};
        for (uint64_t row = 0; row < ROWS; row++) {
            vae__dataset_gather(dataset, &row, 1, epoch, y + row * WIDTH);
            for (uint32_t j = 0; j < WIDTH; j++) {
                uint32_t words[4];
                vae__random_block(&stream, (uint32_t)row, j / 4, words);
                int drawn = (double)(words[j % 4] >> 8) / 16777216 < (double)x[row * WIDTH + j];
                assert_true(y[row * WIDTH + j] == (vae__real)drawn);
                if (j > 1) mean += drawn;
            }
        }
        if (epoch) continue;
        vae__dataset_read(dataset, 3, 1, one);
        assert_memory_equal(one, y + 3 * WIDTH, sizeof one);
    }
    mean /= 2 * ROWS * (WIDTH - 2);
    assert_true(fabs(mean - 0.3) < 0.03); /* 4.7 standard errors */
    vae__dataset_free(dataset);
}

static void sampling_needs_probabilities(void **state) {
    const float x[] = {0, 1, 0.5f, 1.25f, NAN, 0};
    const unsigned char bytes[] = {0, 1, 2};
    assert_memory_refused(
        state, x, 2, 2, "binarize=sample", VAE_ERROR_DATA,
        "row 1, column 1 (both from 0): expected values in [0, 1] after scaling for "
        "binarize=sample, found 1.25");
    assert_memory_refused(state, x + 4, 1, 2, "binarize=sample", VAE_ERROR_DATA, "found nan");
    assert_memory_refused(state, bytes, 3, 1, "dtype=uint8 scale=none binarize=sample",
                          VAE_ERROR_DATA, "found 2");
    vae__dataset_free(from_memory(state, bytes, 3, 1, "dtype=uint8 scale=unit binarize=sample"));
    float lent[] = {0, 1, 0.5f};
    vae__real y[3];
    vae_dataset *dataset = from_memory(state, lent, 3, 1, "copy=0 binarize=sample");
    lent[1] = NAN;
    lent[2] = INFINITY;
    vae__dataset_read(dataset, 0, 3, y);
    assert_true(y[0] == 0 && isnan(y[1]) && isnan(y[2]));
    vae__dataset_free(dataset);
}

/* ---- rows in memory ---- */

static void copies_or_borrows(void **state) {
    double rows[] = {1, 2};
    vae__real x;
    size_t before = ((scratch *)*state)->context->bytes;
    vae_dataset *copy = from_memory(state, rows, 2, 1, "dtype=float64");
    vae_dataset *borrowed = from_memory(state, rows, 2, 1, "dtype=float64 copy=0");
    rows[1] = 3;
    vae__dataset_read(copy, 1, 1, &x);
    assert_true(x == 2);
    vae__dataset_read(borrowed, 1, 1, &x);
    assert_true(x == 3);
    vae__dataset_free(copy);
    vae__dataset_free(borrowed);
    assert_int_equal(((scratch *)*state)->context->bytes, before);
}

static void borrows_unaligned_rows(void **state) {
    const float singles[] = {1, 2, 3};
    const double doubles[] = {4, 5, 6};
    unsigned char room[40];
    vae__real x[3];
    memcpy(room + 1, singles, sizeof singles);
    vae_dataset *dataset = from_memory(state, room + 1, 3, 1, "copy=0 scale=unit");
    vae__dataset_read(dataset, 0, 3, x);
    assert_true(x[0] == 0 && x[1] == (vae__real)0.5 && x[2] == 1);
    vae__dataset_free(dataset);
    memcpy(room + 3, doubles, sizeof doubles);
    dataset = from_memory(state, room + 3, 3, 1, "copy=0 dtype=float64");
    vae__dataset_read(dataset, 0, 3, x);
    assert_true(x[0] == 4 && x[1] == 5 && x[2] == 6);
    vae__dataset_free(dataset);
}

static void refuses_rows_in_memory(void **state) {
    const float x[] = {1, 2};
    scratch *s = *state;
    assert_memory_refused(state, NULL, 2, 1, "", VAE_ERROR_ARGUMENT,
                          "rows is NULL; expected [2, 1] values");
    assert_memory_refused(state, x, 0, 1, "", VAE_ERROR_ARGUMENT, "found n = 0, width = 1");
    assert_memory_refused(state, x, 1, 0, "", VAE_ERROR_ARGUMENT, "found n = 1, width = 0");
    assert_memory_refused(state, x, SIZE_MAX / 2, 3, "", VAE_ERROR_ARGUMENT,
                          "are more bytes than can be addressed");
    assert_memory_refused(state, x, SIZE_MAX / 8, 1, "dtype=float64 copy=0", VAE_ERROR_ARGUMENT,
                          "more bytes than");
    s->context->memory_limit = 10000;
    assert_memory_refused(
        state, x, 5000, 1, "", VAE_ERROR_LIMIT,
        "copy of the rows: needs 19.53 KiB (20000 bytes), but memory_limit=10000 leaves");
}

/* ---- batches ---- */

static void visits_every_row_once_an_epoch(void **state) {
    unsigned char x[10] = {0};
    vae_dataset *dataset = from_memory(state, x, 10, 1, "dtype=uint8 batch=4 seed=3");
    for (uint64_t epoch = 0; epoch < 3; epoch++) {
        const vae__stream stream = {3, epoch, VAE__PURPOSE_SHUFFLE, 0};
        uint64_t order[10];
        vae__random_permutation(&stream, order, 10);
        for (size_t i = 0; i < 3; i++) {
            vae__batch batch;
            vae__dataset_next(dataset, &batch);
            assert_int_equal(batch.count, i < 2 ? 4 : 2);
            assert_int_equal(batch.epoch, epoch);
            assert_int_equal(batch.ends_epoch, i == 2);
            assert_memory_equal(batch.rows, order + 4 * i, batch.count * sizeof *order);
            assert_int_equal(vae__dataset_epoch(dataset), epoch + (i == 2));
            assert_int_equal(vae__dataset_position(dataset), i == 2 ? 0 : 4 * (i + 1));
        }
    }
    vae__dataset_free(dataset);
}

static void gathers_the_rows_asked_for(void **state) {
    float x[300 * 2];
    vae__real y[64 * 2];
    vae__batch batch;
    for (int i = 0; i < 600; i++) x[i] = (float)i;
    vae_dataset *dataset = from_memory(state, x, 300, 2, "batch=64 split=train:0.5");
    for (int step = 0; step < 3; step++) {
        vae__dataset_next(dataset, &batch);
        vae__dataset_gather(dataset, batch.rows, batch.count, batch.epoch, y);
        for (size_t i = 0; i < batch.count; i++) {
            uint64_t source = vae__dataset_source_row(dataset, batch.rows[i]);
            assert_true(y[2 * i] == (vae__real)(2 * source) && y[2 * i + 1] == y[2 * i] + 1);
        }
    }
    vae__dataset_free(dataset);
}

static void keeps_stored_order_without_shuffle(void **state) {
    unsigned char x[5] = {0};
    vae__batch batch;
    vae_dataset *dataset = from_memory(state, x, 5, 1, "dtype=uint8 batch=2 shuffle=0 drop_last=1");
    for (uint64_t i = 0; i < 6; i++) {
        vae__dataset_next(dataset, &batch);
        assert_int_equal(batch.count, 2);
        assert_int_equal(batch.rows[0], i % 2 * 2);
        assert_int_equal(batch.rows[1], i % 2 * 2 + 1);
        assert_int_equal(batch.ends_epoch, i % 2);
        assert_int_equal(batch.epoch, i / 2);
    }
    vae__dataset_free(dataset);
    dataset = from_memory(state, x, 5, 1, "dtype=uint8 batch=100");
    vae__dataset_next(dataset, &batch);
    assert_true(batch.count == 5 && batch.ends_epoch && vae__dataset_batch(dataset) == 100);
    vae__dataset_free(dataset);
}

/* More rows a batch than there are means all of them, which is no short batch to leave out. */
static void takes_a_small_set_as_one_batch(void **state) {
    static const char *const options[] = {"batch=6 drop_last=1", "batch=6", "batch=5 drop_last=1",
                                          "batch=1000000000 drop_last=1 split=test:0"};
    const float x[5] = {1, 2, 3, 4, 5};
    for (size_t kind = 0; kind < sizeof options / sizeof *options; kind++) {
        vae_dataset *dataset = from_memory(state, x, 5, 1, options[kind]);
        vae__batch batch;
        for (uint64_t i = 0; i < 3; i++) {
            vae__dataset_next(dataset, &batch);
            assert_int_equal(batch.count, 5);
            assert_int_equal(batch.ends_epoch, 1);
            assert_int_equal(batch.epoch, i);
            assert_int_equal(vae__dataset_position(dataset), 0);
        }
        vae__dataset_free(dataset);
    }
}

static void steady_state_allocates_nothing(void **state) {
    unsigned char x[10] = {0};
    vae__real y[40];
    vae__batch batch;
    vae_dataset *dataset =
        from_memory(state, x, 10, 1, "dtype=uint8 batch=4 binarize=sample split=train:0.9");
    size_t before = ((scratch *)*state)->context->allocations;
    for (int i = 0; i < 20; i++) {
        vae__dataset_next(dataset, &batch);
        vae__dataset_gather(dataset, batch.rows, batch.count, batch.epoch, y);
        vae__dataset_read(dataset, 0, 9, y);
    }
    assert_int_equal(((scratch *)*state)->context->allocations, before);
    vae__dataset_free(dataset);
}

static void reading_moves_no_cursor(void **state) {
    unsigned char x[10] = {0};
    vae__real y[10];
    vae__batch a, b;
    vae_dataset *one = from_memory(state, x, 10, 1, "dtype=uint8 batch=3");
    vae_dataset *other = from_memory(state, x, 10, 1, "dtype=uint8 batch=3");
    for (int i = 0; i < 9; i++) {
        vae__dataset_next(one, &a);
        vae__dataset_next(other, &b);
        vae__dataset_read(one, 0, 10, y);
        assert_int_equal(a.count, b.count);
        assert_memory_equal(a.rows, b.rows, a.count * sizeof *a.rows);
    }
    vae__dataset_free(one);
    vae__dataset_free(other);
}

/* ---- split ---- */

static void split_parts_are_disjoint_and_complete(void **state) {
    unsigned char x[101];
    int seen[101] = {0};
    for (int i = 0; i < 101; i++) x[i] = (unsigned char)i;
    const char *parts[] = {"dtype=uint8 scale=none shuffle=0 split=train:0.8 seed=1",
                           "dtype=uint8 scale=none split=test:0.8 seed=2"};
    size_t descents = 0;
    for (int part = 0; part < 2; part++) {
        vae_dataset *dataset = from_memory(state, x, 101, 1, parts[part]);
        assert_int_equal(vae__dataset_size(dataset), part ? 20 : 81);
        vae__real before = -1;
        for (size_t i = 0; i < vae__dataset_size(dataset); i++) {
            vae__real value;
            vae__dataset_read(dataset, i, 1, &value);
            assert_true(value > before);
            assert_true(vae__dataset_source_row(dataset, i) == (uint64_t)value);
            assert_true(vae_dataset_row_number(dataset, i) == (uint64_t)value);
            descents += value != before + 1;
            before = value;
            seen[(int)value]++;
        }
        assert_true(vae_dataset_row_number(dataset, part ? 20 : 81) == UINT64_MAX);
        vae__dataset_free(dataset);
    }
    for (int i = 0; i < 101; i++) assert_int_equal(seen[i], 1);
    assert_true(vae_dataset_row_number(NULL, 0) == UINT64_MAX);
    assert_true(descents > 10); /* a shuffle, not the first rows */
}

static void split_seed_chooses_the_rows(void **state) {
    unsigned char x[64];
    vae__real a[32], b[32];
    for (int i = 0; i < 64; i++) x[i] = (unsigned char)i;
    vae_dataset *one = from_memory(state, x, 64, 1, "dtype=uint8 split=train:0.5");
    vae_dataset *other = from_memory(state, x, 64, 1, "dtype=uint8 split=train:0.5 split_seed=2");
    vae__dataset_read(one, 0, 32, a);
    vae__dataset_read(other, 0, 32, b);
    assert_memory_not_equal(a, b, sizeof a);
    vae__dataset_free(one);
    vae__dataset_free(other);
}

/* scale=unit and the noise of binarize=sample belong to the stored row, whichever part it is in. */
static void split_keeps_scale_and_noise(void **state) {
    float x[40];
    vae__real all[40], kept;
    for (int i = 0; i < 40; i++) x[i] = (float)i;
    const char *kinds[] = {"scale=unit", "scale=unit binarize=sample"};
    for (int kind = 0; kind < 2; kind++) {
        char options[64];
        vae_dataset *whole = from_memory(state, x, 40, 1, kinds[kind]);
        snprintf(options, sizeof options, "%s split=test:0.5", kinds[kind]);
        vae_dataset *half = from_memory(state, x, 40, 1, options);
        vae__dataset_read(whole, 0, 40, all);
        for (size_t i = 0; i < 20; i++) {
            vae__dataset_read(half, i, 1, &kept);
            assert_true(kept == all[vae__dataset_source_row(half, i)]);
        }
        vae__dataset_free(whole);
        vae__dataset_free(half);
    }
}

static void refuses_empty_splits(void **state) {
    const float x[] = {1, 2, 3};
    assert_memory_refused(state, x, 1, 3, "split=test:0.9", VAE_ERROR_TEXT,
                          "split=test:0.9 of 1 row leaves none for test: round(0.9 x 1) = 1");
    assert_memory_refused(state, x, 3, 1, "split=train:0.1", VAE_ERROR_TEXT,
                          "options: rows: split=train:0.1 of 3 rows leaves none for train: "
                          "round(0.1 x 3) = 0 for train, the rest for test");
    assert_memory_refused(
        state, x, 3, 1, "split=test:1", VAE_ERROR_TEXT,
        "split=test:1 of 3 rows leaves none for test: round(1 x 3) = 3 for train");
}

/* ---- labels ---- */

static void reads_labels_of_another_file(void **state) {
    const unsigned char idx[] = {0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9};
    const float x[] = {1, 2, 3};
    scratch *s = *state;
    char options[200];
    double labels[6];
    write_file(s, idx, sizeof idx);
    snprintf(options, sizeof options, "labels=%s split=train:0.67", s->path);
    vae_dataset *dataset = from_memory(state, x, 3, 1, options);
    assert_int_equal(vae__dataset_label_width(dataset), 1);
    vae__dataset_read_labels(dataset, 0, 2, labels);
    for (uint64_t i = 0; i < 2; i++)
        assert_true(labels[i] == 7 + (double)vae__dataset_source_row(dataset, i));
    vae__dataset_free(dataset);
    assert_memory_refused(state, x, 2, 1, options, VAE_ERROR_FORMAT, "has 3 rows, but rows has 2");
    assert_message(s->path);
    write_file(s, "a,b\n1,2\n3,4\n5,6\n", 16);
    dataset = from_memory(state, x, 3, 1, options);
    assert_int_equal(vae__dataset_label_width(dataset), 2);
    vae__dataset_read_labels(dataset, 1, 1, labels);
    assert_true(labels[0] == 1 + 2 * (double)vae__dataset_source_row(dataset, 1) &&
                labels[1] == labels[0] + 1);
    vae__dataset_free(dataset);
    write_file(s, idx, sizeof idx - 1);
    assert_memory_refused(state, x, 3, 1, options, VAE_ERROR_FORMAT, "labels: ");
    assert_memory_refused(state, x, 3, 1, "labels=/no/such/file", VAE_ERROR_FILE, "/no/such/file");
}

static void reads_labels_of_a_column(void **state) {
    scratch *s = *state;
    vae_dataset *dataset;
    double labels[3];
    write_file(s, "a,y\n1,10\n2,20\n3,30\n", 19);
    assert_int_equal(vae__dataset_open(s->context, s->path, "labels=column:y header=yes", &dataset),
                     VAE_OK);
    assert_true(vae__dataset_width(dataset) == 1 && vae__dataset_size(dataset) == 3);
    vae__dataset_read_labels(dataset, 0, 3, labels);
    assert_true(labels[0] == 10 && labels[1] == 20 && labels[2] == 30);
    vae__dataset_free(dataset);
}

/* ---- sources ---- */

static void opens_the_generator(void **state) {
    vae_context *context = ((scratch *)*state)->context;
    vae_dataset *dataset;
    vae__real x[1024];
    double labels[5];
    size_t shape[2], ones = 0;
    assert_int_equal(vae__dataset_open(context, "sprites:20", "split=test:0.5", &dataset), VAE_OK);
    assert_int_equal(vae__dataset_size(dataset), 10);
    assert_int_equal(vae__dataset_shape(dataset, shape, 2), 3);
    assert_true(shape[0] == 1 && shape[1] == 32 && vae__dataset_label_width(dataset) == 5);
    vae__dataset_read(dataset, 9, 1, x);
    vae__dataset_read_labels(dataset, 9, 1, labels);
    for (int i = 0; i < 1024; i++) {
        assert_true(x[i] == 0 || x[i] == 1);
        ones += x[i] == 1;
    }
    assert_true(ones > 20 && labels[1] >= 5);
    vae__dataset_free(dataset);
    assert_int_equal(vae__dataset_open(context, "sprites", "", &dataset), VAE_OK);
    assert_int_equal(vae__dataset_size(dataset), 10000);
    vae__dataset_free(dataset);
}

static void refuses_for_the_generator(void **state) {
    assert_open_refused(state, "sprites:", "", VAE_ERROR_TEXT,
                        "sprites:: expected \"sprites:COUNT\"");
    assert_open_refused(state, "sprites:1152921504606846976", "", VAE_ERROR_TEXT,
                        "sprites: 1152921504606846976 images are more bytes than can be addressed");
    assert_open_refused(state, "sprites:0", "", VAE_ERROR_TEXT, "with a count of at least 1");
    assert_open_refused(state, "sprites:-1", "", VAE_ERROR_TEXT, "sprites:-1: expected");
    assert_open_refused(state, "sprites", "labels=file", VAE_ERROR_TEXT,
                        "sprites has labels of its own");
    assert_open_refused(state, "sprites", "labels=column:1", VAE_ERROR_TEXT,
                        "labels=column: is for CSV files");
    assert_open_refused(state, "sprites", "columns=[1]", VAE_ERROR_TEXT,
                        "columns= is for CSV files, not for sprites");
    assert_open_refused(state, "sprites", "header=no", VAE_ERROR_TEXT,
                        "header= is for CSV files, not for sprites");
}

static void refuses_unknown_files(void **state) {
    scratch *s = *state;
    write_file(s, "\x89POG\r\n\x1A\n........", 16);
    assert_open_refused(
        state, s->path, "", VAE_ERROR_FORMAT,
        "not a known format (known formats: IDX, NPY, CSV); begins with bytes 89 50 4f 47 0d 0a 1a 0a");
    write_file(s, "\1\2\3\4\5\6\7\x88.", 9);
    assert_open_refused(
        state, s->path, "", VAE_ERROR_FORMAT,
        "not a known format (known formats: IDX, NPY, CSV); begins with bytes 01 02 "
        "03 04 05 06 07 88");
    write_file(s, "\x60\2\0\0\0\0\0\0{\"__metadata__\":{\"format\":\"libvae-1\"", 42);
    assert_open_refused(
        state, s->path, "", VAE_ERROR_FORMAT,
        "is a safetensors file; expected a file of rows (IDX, NPY, CSV): vae_model_load reads models");
    write_file(s, "", 0);
    assert_open_refused(state, s->path, "", VAE_ERROR_FORMAT,
                        "the file is empty (known formats: IDX, NPY, CSV)");
    write_file(s, "\0\0\7\1", 4);
    assert_open_refused(state, s->path, "", VAE_ERROR_FORMAT, "begins with bytes 00 00 07 01");
    assert_open_refused(state, s->folder, "", VAE_ERROR_FILE, s->folder);
    assert_open_refused(state, "/no/such/file", "", VAE_ERROR_FILE, "/no/such/file");
}

static void refuses_csv_options_elsewhere(void **state) {
    const unsigned char idx[] = {0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 1, 9};
    scratch *s = *state;
    write_file(s, idx, sizeof idx);
    assert_open_refused(state, s->path, "header=yes", VAE_ERROR_TEXT,
                        "options: header= is for CSV files;");
    assert_open_refused(state, s->path, "columns=[0]", VAE_ERROR_TEXT,
                        "options: columns= is for CSV files;");
    assert_open_refused(state, s->path, "labels=column:0", VAE_ERROR_TEXT,
                        "options: labels=column: is for CSV files;");
    assert_message("is an IDX file");
}

/* ---- every allocation failed in turn ---- */

typedef struct failing {
    size_t until; /* allocations before one fails */
    size_t held;
} failing;

static void *failing_allocate(void *user, size_t size) {
    failing *f = user;
    if (!f->until) return NULL;
    f->until--;
    f->held++;
    return malloc(size);
}

static void failing_release(void *user, void *block) {
    ((failing *)user)->held--;
    free(block);
}

static void survives_every_failed_allocation(void **state) {
    const unsigned char idx[] = {0, 0, 8, 2, 0, 0, 0, 3, 0, 0, 0, 1, 9, 8, 7};
    const char *csv = "a,b,y\n1,2,3\n4,5,6\n7,8,9\n";
    const float x[] = {1, 2, 3};
    scratch *s = *state;
    char options[200];
    snprintf(options, sizeof options, "labels=%s split=train:0.67", s->path);
    for (int kind = 0; kind < 4; kind++) {
        vae_status status = VAE_ERROR_MEMORY;
        if (kind == 0) write_file(s, csv, strlen(csv));
        if (kind == 1) write_gzip(s, idx, sizeof idx);
        for (size_t n = 1; status; n++) {
            failing f = {n, 0};
            vae_context *context;
            vae_dataset *dataset;
            assert_int_equal(vae__context_new(failing_allocate, failing_release, &f, &context),
                             VAE_OK);
            if (kind == 0) {
                status = vae__dataset_open(
                    context, s->path, "labels=column:y columns=[b, 0] split=train:0.67", &dataset);
            } else if (kind == 1) {
                status = vae__dataset_open(context, s->path, "", &dataset);
            } else if (kind == 2) {
                status = vae__dataset_from_memory(context, x, 3, 1, options, &dataset);
            } else {
                status = vae__dataset_open(context, "sprites:3", "", &dataset);
            }
            assert_true(status == VAE_OK || (status == VAE_ERROR_MEMORY && !dataset));
            vae__dataset_free(dataset);
            vae__context_release(context);
            assert_int_equal(f.held, 0);
            assert_true(n < 100);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(scales_bytes_as_a_division_does),
        SCRATCH_TEST(scales_every_type),
        SCRATCH_TEST(unit_needs_a_range),
        SCRATCH_TEST(thresholds),
        SCRATCH_TEST(samples_by_seed_epoch_row_and_column),
        SCRATCH_TEST(sampling_needs_probabilities),
        SCRATCH_TEST(copies_or_borrows),
        SCRATCH_TEST(borrows_unaligned_rows),
        SCRATCH_TEST(refuses_rows_in_memory),
        SCRATCH_TEST(visits_every_row_once_an_epoch),
        SCRATCH_TEST(gathers_the_rows_asked_for),
        SCRATCH_TEST(keeps_stored_order_without_shuffle),
        SCRATCH_TEST(takes_a_small_set_as_one_batch),
        SCRATCH_TEST(steady_state_allocates_nothing),
        SCRATCH_TEST(reading_moves_no_cursor),
        SCRATCH_TEST(split_parts_are_disjoint_and_complete),
        SCRATCH_TEST(split_seed_chooses_the_rows),
        SCRATCH_TEST(split_keeps_scale_and_noise),
        SCRATCH_TEST(refuses_empty_splits),
        SCRATCH_TEST(reads_labels_of_another_file),
        SCRATCH_TEST(reads_labels_of_a_column),
        SCRATCH_TEST(opens_the_generator),
        SCRATCH_TEST(refuses_for_the_generator),
        SCRATCH_TEST(refuses_unknown_files),
        SCRATCH_TEST(refuses_csv_options_elsewhere),
        SCRATCH_TEST(survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
