/* Kernels over the channels of images with channels last, at every level, against plain loops in double: all channels, and a
 * stretch of them in the middle. */
#include <math.h>
#include <stdlib.h>

#include "support/cmocka.h"
#include "support/numbers.h"
#include "unit/tensor/levels.h"

enum { POSITIONS = 13, MOST = 70 };

typedef struct images {
    float values[POSITIONS * MOST];
    vae__real x[POSITIONS * MOST], dy[POSITIONS * MOST], out[POSITIONS * MOST];
    vae__real middle[MOST], first[MOST], second[MOST], third[MOST];
    double centre[MOST], sums[MOST], products[MOST];
} images;

static void fill(images *i, vae__real *to, size_t count, unsigned seed) {
    test_values(i->values, count, seed, -2, 3);
    for (size_t k = 0; k < count; k++) to[k] = (vae__real)i->values[k];
}

/* What the kernels make of `count` channels from `from` on, of `channels`. */
static void check_stretch(const vae__kernels *kernels, images *i, size_t channels, size_t from,
                          size_t count) {
    const vae__channels g = {POSITIONS, count, channels};
    const vae__channel_correction terms = {i->first, i->second, i->third};
    const double near = test_tolerance(1e-5, 1e-13);
    fill(i, i->x, POSITIONS * channels, 1);
    fill(i, i->dy, POSITIONS * channels, 2);
    fill(i, i->middle, count, 3), fill(i, i->first, count, 4);
    fill(i, i->second, count, 5), fill(i, i->third, count, 6);
    for (size_t c = 0; c < count; c++) i->centre[c] = (double)i->middle[c];
    for (size_t c = 0; c < count; c++) {
        double sum = 0, squares = 0, along = 0, sum_dy = 0;
        for (size_t p = 0; p < POSITIONS; p++) {
            double x = (double)i->x[p * channels + from + c],
                   y = (double)i->dy[p * channels + from + c];
            sum += x, sum_dy += y;
            squares += (x - i->centre[c]) * (x - i->centre[c]);
            along += (x - i->centre[c]) * y;
        }
        kernels->channel_sums(&g, i->x + from, i->sums);
        test_near(i->sums[c], sum, 1e-12, "sums");
        kernels->channel_squares(&g, i->x + from, i->centre, i->sums);
        test_near(i->sums[c], squares, 1e-11, "squares");
        kernels->channel_products(&g, i->x + from, i->centre, i->dy + from, i->sums, i->products);
        test_near(i->sums[c], sum_dy, 1e-12, "sums of dy");
        test_near(i->products[c], along, 1e-11, "products");
    }
    for (size_t k = 0; k < POSITIONS * channels; k++) i->out[k] = 77;
    kernels->channel_scale(&g, i->x + from, i->middle, i->first, i->second, i->out + from);
    for (size_t p = 0; p < POSITIONS; p++) {
        for (size_t c = 0; c < channels; c++) {
            size_t at = p * channels + c, own = c - from;
            double expected = c < from || own >= count
                                  ? 77
                                  : ((double)i->x[at] - i->centre[own]) * (double)i->first[own] +
                                        (double)i->second[own];
            test_near((double)i->out[at], expected, near, "scale");
        }
    }
    kernels->channel_correct(&g, i->x + from, i->middle, i->dy + from, &terms, i->out + from);
    for (size_t p = 0; p < POSITIONS; p++) {
        for (size_t c = from; c < from + count; c++) {
            size_t at = p * channels + c, own = c - from;
            double expected = (double)i->dy[at] * (double)i->first[own] -
                              ((double)i->x[at] - i->centre[own]) * (double)i->second[own] -
                              (double)i->third[own];
            test_near((double)i->out[at], expected, near, "correct");
        }
    }
}

static void check_level(const vae__kernels *kernels) {
    static const size_t channels[] = {1, 2, 7, 8, 16, 33, MOST};
    images *i = malloc(sizeof *i);
    for (size_t k = 0; k < sizeof channels / sizeof channels[0]; k++) {
        check_stretch(kernels, i, channels[k], 0, channels[k]);
        check_stretch(kernels, i, channels[k], channels[k] / 3, (channels[k] + 1) / 2);
    }
    free(i);
}

static void channels_are_those_of_plain_loops(void **state) {
    (void)state;
    test_each_level(check_level);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(channels_are_those_of_plain_loops)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
