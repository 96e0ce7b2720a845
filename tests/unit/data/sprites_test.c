/* The built-in images: those of version 0.1, whose rows must stay, and those of any size, grey or in colour. */
#include <math.h>

#include "unit/data/scratch.h"

#include "base/hash.h"
#include "data/gather.h"
#include "data/generator.h"
#include "data/state.h"

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

/* ---- any size, grey or in colour ---- */

#define SPRITES 400
enum { SQUARE, ELLIPSE, HEART, TRIANGLE, STAR, SHAPES };

static vae_dataset *open_sprites(void **state, const char *path) {
    scratch *s = *state;
    vae_dataset *dataset;
    if (vae__dataset_open(s->context, path, "seed=5", &dataset))
        fail_msg("%s: %s", path, vae__last_message());
    assert_int_equal(vae__dataset_label_width(dataset), 6);
    return dataset;
}

/* The sum of a channel's pixels, in pixels of its full level. */
static double area_of(const unsigned char *channel, size_t pixels, double level) {
    double sum = 0;
    for (size_t i = 0; i < pixels; i++) sum += channel[i];
    return sum / (255 * level);
}

/* Areas over size^2; of the heart (x^2 + y^2 - 1)^3 = x^2 y^3 by quadrature, 3.661972723. */
static const double areas[SHAPES] = {2, 1.5707963, 3.661972723 / (1.43 * 1.43), 1.2990381,
                                     1.1225699};

static void grey_images_have_soft_edges(void **state) {
    vae_dataset *dataset = open_sprites(state, "sprites:400:1x64x48");
    const unsigned char *images = dataset->rows.memory;
    size_t shape[3], soft = 0, hard = 0, seen[SHAPES] = {0};
    assert_int_equal(vae__dataset_shape(dataset, shape, 3), 3);
    assert_true(shape[0] == 1 && shape[1] == 64 && shape[2] == 48);
    for (size_t n = 0; n < SPRITES; n++) {
        const unsigned char *pixels = images + n * 64 * 48;
        double label[6], row = 0, column = 0;
        vae__dataset_read_labels(dataset, n, 1, label);
        double level = 0.25 + 0.75 * label[5], area = area_of(pixels, 64 * 48, level);
        int kind = (int)label[0], top = (int)(255 * level + 0.5);
        assert_true(kind >= 0 && kind < SHAPES && label[1] >= 7.5 && label[1] < 15);
        seen[kind]++;
        if (fabs(area - areas[kind] * label[1] * label[1]) > 0.01 * area + 1.5)
            fail_msg("shape %d: area %.1f, expected %.1f", kind, area,
                     areas[kind] * label[1] * label[1]);
        for (int i = 0; i < 64 * 48; i++) {
            assert_true(pixels[i] <= top);
            soft += pixels[i] && pixels[i] < top;
            hard += pixels[i] == top;
            row += pixels[i] * (i / 48 + 0.5) / (255 * level * area);
            column += pixels[i] * (i % 48 + 0.5) / (255 * level * area);
            if (pixels[i])
                assert_true(hypot(i / 48 + 0.5 - label[3], i % 48 + 0.5 - label[4]) <=
                            label[1] + 0.71);
        }
        if (kind != HEART)
            assert_true(fabs(row - label[3]) < 0.15 && fabs(column - label[4]) < 0.15);
    }
    assert_true(soft > hard / 20 && soft < hard);
    for (int i = 0; i < SHAPES; i++)
        assert_true(seen[i] > SPRITES / SHAPES - 40 && seen[i] < SPRITES / SHAPES + 40);
    vae__dataset_free(dataset);
}

/* The hue of the label, as the HSV colour of full saturation and value. */
static void expect_hue(double hue, const int rgb[3]) {
    double expected = 0, high = fmax(rgb[0], fmax(rgb[1], rgb[2])),
           low = fmin(rgb[0], fmin(rgb[1], rgb[2])), range = high - low;
    if (high == rgb[0])
        expected = fmod((rgb[1] - rgb[2]) / range + 6, 6);
    else
        expected = high == rgb[1] ? (rgb[2] - rgb[0]) / range + 2 : (rgb[0] - rgb[1]) / range + 4;
    assert_true(high == 255 && low == 0);
    assert_true(fabs(expected / 6 - hue) < 0.002 || fabs(expected / 6 - hue) > 0.998);
}

static void colour_is_a_factor(void **state) {
    vae_dataset *dataset = open_sprites(state, "sprites:100:3x64x64");
    const unsigned char *images = dataset->rows.memory;
    double spread = 0;
    for (size_t n = 0; n < 100; n++) {
        const unsigned char *pixels = images + n * 3 * 4096;
        double label[6];
        vae__dataset_read_labels(dataset, n, 1, label);
        size_t at =
            (size_t)label[3] * 64 + (size_t)label[4]; /* the centre is inside of every shape */
        expect_hue(label[5], (const int[]){pixels[at], pixels[4096 + at], pixels[2 * 4096 + at]});
        spread += (label[5] - 0.5) * (label[5] - 0.5) / 100;
    }
    assert_true(fabs(spread - 1 / 12.0) < 0.03);
    vae__dataset_free(dataset);
}

/* Averages of 4 x 4 pixels of a large image are the small one. */
static void every_size_shows_the_same(void **state) {
    vae_dataset *small = open_sprites(state, "sprites:20:1x64x64"),
                *large = open_sprites(state, "sprites:20:1x256x256");
    for (size_t n = 0; n < 20; n++) {
        const unsigned char *a = small->rows.memory + n * 4096, *b = large->rows.memory + n * 65536;
        double difference = 0;
        for (size_t i = 0; i < 4096; i++) {
            double sum = 0;
            for (size_t k = 0; k < 16; k++)
                sum += b[(i / 64 * 4 + k / 4) * 256 + i % 64 * 4 + k % 4];
            difference += fabs(sum / 16 - a[i]) / 4096;
        }
        assert_true(difference < 0.5);
    }
    vae__dataset_free(small);
    vae__dataset_free(large);
}

/* 400 images of 192 KiB are made when they are read; 5 are kept. */
static void large_images_are_made_on_demand(void **state) {
    scratch *s = *state;
    const size_t width = 3 * 256 * 256;
    vae_dataset *few = open_sprites(state, "sprites:5:3x256x256");
    vae_dataset *many = open_sprites(state, "sprites:400:3x256x256");
    vae__real *a = malloc(5 * width * sizeof *a), *b = malloc(5 * width * sizeof *b);
    double labels[2][30];
    assert_true(a && b && few->rows.memory && !many->rows.memory);
    assert_true(s->context->bytes < 5 * width + 400 * 64 + (1 << 20));
    assert_int_equal(vae__dataset_read(few, 0, 5, a), VAE_OK);
    assert_int_equal(vae__dataset_read(many, 0, 5, b), VAE_OK);
    assert_memory_equal(a, b, 5 * width * sizeof *a);
    vae__dataset_read_labels(few, 0, 5, labels[0]);
    vae__dataset_read_labels(many, 0, 5, labels[1]);
    assert_memory_equal(labels[0], labels[1], sizeof labels[0]);
    assert_int_equal(vae__dataset_read(many, 399, 1, b), VAE_OK);
    assert_memory_not_equal(a, b, width * sizeof *a);
    vae__dataset_free(few);
    vae__dataset_free(many);
    free(a);
    free(b);
    s->context->memory_limit = 2 << 20; /* less than the images would take */
    few = open_sprites(state, "sprites:400:3x64x64");
    assert_null(few->rows.memory);
    vae__dataset_free(few);
    assert_int_equal(vae__dataset_open(s->context, "sprites:100000:3x64x64", "", &few),
                     VAE_ERROR_LIMIT);
    assert_message("sprites: needs");
}

static void bad_texts_are_refused(void **state) {
    static const struct {
        const char *path, *says;
    } cases[] = {
        {"sprites:10:", "expected a shape behind the count, channels x height x width such as "
                        "3x64x64 or 1x28x28, found ''"},
        {"sprites:10:64x64", "found '64x64'"},
        {"sprites:10:3x64x64x2", "found '3x64x64x2'"},
        {"sprites:10:3x64x", "found '3x64x'"},
        {"sprites:10:3x64x64:1", "found '3x64x64:1'"},
        {"sprites:10:3 x64x64", "found '3 x64x64'"},
        {"sprites:0:3x64x64", "sprites:0:3x64x64: expected \"sprites:COUNT\" or "},
        {"sprites::3x64x64", "with a count of at least 1"},
        {"sprites:10:2x64x64", "expected 1 channel (grey) or 3 (red, green, blue), found 2"},
        {"sprites:10:3x7x64", "expected height and width from 8 to 4096, found 7 and 64"},
        {"sprites:10:3x64x4097", "found 64 and 4097"},
        {"sprites:9223372036854775807:3x64x64", "images are more bytes than can be addressed"},
    };
    scratch *s = *state;
    vae_dataset *dataset;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(vae__dataset_open(s->context, cases[i].path, "", &dataset),
                         VAE_ERROR_TEXT);
        assert_null(dataset);
        assert_message(cases[i].says);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(rows_stay_as_they_were),
        SCRATCH_TEST(is_deterministic),
        SCRATCH_TEST(images_follow_their_labels),
        SCRATCH_TEST(ellipses_are_turned),
        SCRATCH_TEST(refuses_too_many),
        SCRATCH_TEST(grey_images_have_soft_edges),
        SCRATCH_TEST(colour_is_a_factor),
        SCRATCH_TEST(every_size_shows_the_same),
        SCRATCH_TEST(large_images_are_made_on_demand),
        SCRATCH_TEST(bad_texts_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
