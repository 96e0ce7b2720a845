#include <math.h>

#include "unit/data/scratch.h"

#include "base/hash.h"
#include "data/generator.h"

#define COUNT 600
#define PIXELS 1024

static vae_status generate(vae_context *context, size_t count, uint64_t seed, vae__table *table) {
    const char *text;
    char path[64];
    vae__row_source rows = {0};
    snprintf(path, sizeof path, "sprites:%zu", count);
    vae_status status =
        vae__generator_for(path, &text)->generate(context, path, text, seed, table, &rows);
    assert_int_equal(rows.count, 0);
    return status;
}

/* The rows of version 0.1, of which users have models and checkpoints. */
static void rows_stay_as_they_were(void **state) {
    vae_context *context = ((scratch *)*state)->context;
    vae__table table;
    assert_int_equal(generate(context, 300, 3, &table), VAE_OK);
    assert_true(vae__hash(VAE__HASH_START, table.values, 300 * PIXELS) == 0x2421a09e1c775a28u);
    assert_true(table.labels[0] == 1 && table.labels[1] == 9.2202647873411099 &&
                table.labels[2] == 2.1487161627455982 && table.labels[3] == 10.913598705738488 &&
                table.labels[4] == 21.146344420859361);
    vae__table_free(context, &table);
}

static void is_deterministic(void **state) {
    vae_context *context = ((scratch *)*state)->context;
    vae__table a, b, c;
    assert_int_equal(generate(context, COUNT, 5, &a), VAE_OK);
    assert_int_equal(generate(context, COUNT / 2, 5, &b), VAE_OK);
    assert_int_equal(generate(context, COUNT / 2, 6, &c), VAE_OK);
    assert_memory_equal(a.values, b.values, COUNT / 2 * PIXELS);
    assert_memory_equal(a.labels, b.labels, COUNT / 2 * 5 * sizeof(double));
    assert_memory_not_equal(b.values, c.values, COUNT / 2 * PIXELS);
    vae__table_free(context, &a);
    vae__table_free(context, &b);
    vae__table_free(context, &c);
}

/* Area and place of each image: a square fills 2 size^2, an ellipse pi size^2 / 2. */
static void images_follow_their_labels(void **state) {
    vae_context *context = ((scratch *)*state)->context;
    vae__table table;
    int seen[3] = {0};
    double turned = 0;
    assert_int_equal(generate(context, COUNT, 1, &table), VAE_OK);
    assert_true(table.rows == COUNT && table.shape.size == PIXELS && table.shape.rank == 3 &&
                table.label_width == 5);
    assert_true(table.shape.extents[0] == 1 && table.shape.extents[1] == 32 &&
                table.shape.extents[2] == 32);
    for (size_t n = 0; n < COUNT; n++) {
        const unsigned char *pixels = (unsigned char *)table.values + n * PIXELS;
        const double *label = table.labels + 5 * n;
        double area = 0, row = 0, column = 0;
        for (int i = 0; i < PIXELS; i++) {
            assert_true(pixels[i] == 0 || pixels[i] == 255);
            if (!pixels[i]) continue;
            area++;
            row += i / 32 + 0.5;
            column += i % 32 + 0.5;
            assert_true(hypot(i / 32 + 0.5 - label[3], i % 32 + 0.5 - label[4]) <= label[1]);
        }
        int shape = (int)label[0];
        assert_true(shape >= 0 && shape < 3 && label[2] >= 0 && label[2] < 6.2832);
        seen[shape]++;
        turned += label[2] / COUNT;
        if (shape == 2) continue; /* a heart's centre is not its centroid */
        double expected = (shape ? 1.5708 : 2) * label[1] * label[1];
        assert_true(fabs(area - expected) < 0.15 * expected + 3);
        assert_true(fabs(row / area - label[3]) < 0.5 && fabs(column / area - label[4]) < 0.5);
    }
    assert_true(fabs(turned - 3.1416) < 0.3); /* 4 standard errors */
    for (int i = 0; i < 3; i++) assert_true(seen[i] > COUNT / 3 - 60 && seen[i] < COUNT / 3 + 60);
    vae__table_free(context, &table);
}

/* The covariance of an ellipse with half axes a and a / 2, turned by t, is 3/32 a^2 sin 2t. */
static void ellipses_are_turned(void **state) {
    vae_context *context = ((scratch *)*state)->context;
    vae__table table;
    assert_int_equal(generate(context, COUNT, 1, &table), VAE_OK);
    for (size_t n = 0; n < COUNT; n++) {
        const unsigned char *pixels = (unsigned char *)table.values + n * PIXELS;
        const double *label = table.labels + 5 * n;
        double area = 0, product = 0;
        if (label[0] != 1) continue;
        for (int i = 0; i < PIXELS; i++) {
            if (!pixels[i]) continue;
            area++;
            product += (i % 32 + 0.5 - label[4]) * (label[3] - i / 32 - 0.5);
        }
        double square = label[1] * label[1], expected = 3.0 / 32 * square * sin(2 * label[2]);
        assert_true(fabs(product / area - expected) < 0.03 * square);
    }
    vae__table_free(context, &table);
}

static void refuses_too_many(void **state) {
    scratch *s = *state;
    vae__table table;
    s->context->memory_limit = 1 << 20;
    assert_int_equal(generate(s->context, 10000, 1, &table), VAE_ERROR_LIMIT);
    assert_message("sprites: needs 10.15 MiB (10640000 bytes), but memory_limit=1M leaves");
    assert_int_equal(generate(s->context, SIZE_MAX, 1, &table), VAE_ERROR_TEXT);
    assert_message("sprites: 18446744073709551615 images are more bytes than can be addressed");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(rows_stay_as_they_were),     SCRATCH_TEST(is_deterministic),
        SCRATCH_TEST(images_follow_their_labels), SCRATCH_TEST(ellipses_are_turned),
        SCRATCH_TEST(refuses_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
