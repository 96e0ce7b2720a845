/* The three products of a convolution at every level against loops over every value, for windows that overlap, that
 * leave gaps, that are larger than the image, and that lie in the padding alone; and that a product of many tiles
 * has the bits of one of few. */
#include <math.h>
#include <stdlib.h>

#include "support/cmocka.h"
#include "support/numbers.h"
#include "tensor/convolution.h"
#include "unit/tensor/levels.h"

typedef struct shape {
    size_t images, channels, height, width, maps, kernel, stride, pad;
} shape;

/* Channels and maps below, at and above the lanes of vectors. */
static const shape shapes[] = {
    {2, 3, 7, 5, 4, 3, 1, 1},   {3, 1, 9, 8, 5, 4, 2, 1},   {1, 17, 5, 5, 3, 3, 2, 1},
    {2, 16, 4, 6, 7, 1, 1, 0},  {2, 5, 6, 6, 3, 1, 2, 0},   {2, 2, 9, 7, 3, 2, 3, 0},
    {3, 33, 1, 1, 2, 3, 1, 1},  {2, 4, 1, 1, 1, 1, 1, 0},   {1, 3, 2, 3, 4, 5, 2, 4},
    {2, 2, 3, 2, 3, 2, 4, 3},   {2, 6, 4, 4, 2, 2, 2, 0},   {1, 7, 12, 3, 19, 4, 2, 1},
    {2, 1, 28, 28, 9, 5, 1, 2}, {5, 8, 8, 8, 3, 3, 1, 1},   {1, 4, 6, 1, 2, 3, 3, 1},
    {2, 40, 40, 9, 2, 3, 1, 1}, {4, 24, 23, 23, 3, 4, 1, 1}};

static vae__geometry geometry_of(const shape *s) {
    vae__geometry g = {{s->kernel, s->stride, s->pad}, s->channels, s->height, s->width, 0, 0};
    g.out_height = vae__window_positions(&g.window, s->height);
    g.out_width = vae__window_positions(&g.window, s->width);
    return g;
}

/* Random values, and room for the results: [0] large, [1] small, [2] weight. */
typedef struct operands {
    size_t count[3];
    vae__real *given[3], *found[3];
    double *expected[3], *size[3];
    vae__real *tile;
    vae__convolution c;
} operands;

static void begin(operands *o, const shape *s, const vae__kernels *kernels) {
    const vae__geometry g = geometry_of(s);
    o->count[0] = s->images * s->channels * s->height * s->width;
    o->count[1] = s->images * vae__geometry_positions(&g) * s->maps;
    o->count[2] = s->maps * vae__geometry_patch(&g);
    for (size_t i = 0; i < 3; i++) {
        o->given[i] = malloc(o->count[i] * sizeof *o->given[i]);
        o->found[i] = malloc(o->count[i] * sizeof *o->found[i]);
        o->expected[i] = calloc(o->count[i], sizeof *o->expected[i]);
        o->size[i] = calloc(o->count[i], sizeof *o->size[i]);
        for (size_t j = 0; j < o->count[i]; j++) {
            o->given[i][j] = (vae__real)test_uniform(3 + i, j, -1, 1);
            o->found[i][j] = (vae__real)NAN;
        }
    }
    o->tile = malloc(vae__convolution_scratch(&g) + 1);
    o->c = (vae__convolution){kernels, g, s->maps, s->images, o->given[2], o->tile};
}

static void end(operands *o) {
    for (size_t i = 0; i < 3; i++) {
        free(o->given[i]);
        free(o->found[i]);
        free(o->expected[i]);
        free(o->size[i]);
    }
    free(o->tile);
}

static void add_term(operands *o, size_t to, size_t at, double term) {
    o->expected[to][at] += term;
    o->size[to][at] += fabs(term);
}

/* One value of the kernel at one position: a term of each of the three products. */
static void add_terms(operands *o, size_t large, size_t small, size_t weight) {
    double x = (double)o->given[0][large], y = (double)o->given[1][small],
           w = (double)o->given[2][weight];
    add_term(o, 0, large, y * w);
    add_term(o, 1, small, x * w);
    add_term(o, 2, weight, x * y);
}

/* The tap (ky, kx) at position (oy, ox) of an image, if it lies within the image. */
static void visit_tap(operands *o, const shape *s, size_t image, size_t position, size_t y,
                      size_t x, size_t tap) {
    const vae__geometry *g = &o->c.geometry;
    if (y < s->pad || x < s->pad || y - s->pad >= s->height || x - s->pad >= s->width) return;
    size_t place = (image * s->height + y - s->pad) * s->width + x - s->pad;
    size_t row = image * vae__geometry_positions(g) + position, taps = s->kernel * s->kernel;
    for (size_t m = 0; m < s->maps; m++)
        for (size_t k = 0; k < s->channels; k++)
            add_terms(o, place * s->channels + k, row * s->maps + m,
                      (m * taps + tap) * s->channels + k);
}

static void compute_expected(operands *o, const shape *s) {
    const vae__geometry *g = &o->c.geometry;
    size_t taps = s->kernel * s->kernel;
    for (size_t image = 0; image < s->images; image++) {
        for (size_t p = 0; p < vae__geometry_positions(g); p++) {
            size_t top = p / g->out_width * s->stride, left = p % g->out_width * s->stride;
            for (size_t tap = 0; tap < taps; tap++)
                visit_tap(o, s, image, p, top + tap / s->kernel, left + tap % s->kernel, tap);
        }
    }
}

static void compare(const operands *o, const shape *s, const char *what, size_t which) {
    double roundings = test_tolerance(1e-5, 1e-14);
    for (size_t i = 0; i < o->count[which]; i++) {
        double found = (double)o->found[which][i], expected = o->expected[which][i];
        if (fabs(found - expected) <= roundings * (o->size[which][i] + 1e-30)) continue;
        fail_msg("%s, %s of %zux%zux%zux%zu, %zu maps, window %zu stride %zu pad %zu: value %zu is "
                 "%.9g, not %.9g",
                 o->c.kernels->name, what, s->images, s->channels, s->height, s->width, s->maps,
                 s->kernel, s->stride, s->pad, i, found, expected);
    }
}

static void check_products(const vae__kernels *kernels) {
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        operands o;
        begin(&o, &shapes[i], kernels);
        compute_expected(&o, &shapes[i]);
        vae__convolve(&o.c, o.given[0], o.found[1]);
        vae__convolve_back(&o.c, o.given[1], o.found[0]);
        vae__convolve_weights(&o.c, o.given[0], o.given[1], 0, shapes[i].maps, o.found[2], 0);
        compare(&o, &shapes[i], "back", 0);
        compare(&o, &shapes[i], "forward", 1);
        compare(&o, &shapes[i], "weights", 2);
        end(&o);
    }
}

static void products_are_those_of_plain_loops(void **state) {
    (void)state;
    test_each_level(check_products);
}

/* Rows of the kernel one by one, and what was there before. */
static void weights_come_in_parts_and_are_added(void **state) {
    const vae__kernels *kernels;
    const shape *s = &shapes[0];
    operands o;
    (void)state;
    assert_int_equal(vae__kernels_select("auto", &kernels), VAE_OK);
    begin(&o, s, kernels);
    compute_expected(&o, s);
    size_t patch = vae__geometry_patch(&o.c.geometry);
    for (size_t i = 0; i < o.count[2]; i++) {
        o.found[2][i] = 1;
        o.expected[2][i] += 1;
    }
    for (size_t m = 0; m < s->maps; m++)
        vae__convolve_weights(&o.c, o.given[0], o.given[1], m, 1, o.found[2] + m * patch, 1);
    compare(&o, s, "weights", 2);
    end(&o);
}

/* An image alone gives the bits that it gives among others, wherever a tile ends. The builtin product promises
 * that, a BLAS does not. */
static void an_image_does_not_depend_on_others(void **state) {
    (void)state;
#ifdef VAE_BLAS_BUILTIN
    const vae__kernels *kernels;
    const shape *s = &shapes[sizeof shapes / sizeof shapes[0] - 1];
    operands all, one;
    assert_int_equal(vae__kernels_select("auto", &kernels), VAE_OK);
    begin(&all, s, kernels);
    begin(&one, s, kernels);
    vae__convolve(&all.c, all.given[0], all.found[1]);
    vae__convolve_back(&all.c, all.given[1], all.found[0]);
    one.c.images = 1;
    for (size_t i = 0; i < s->images; i++) {
        size_t large = i * one.count[0] / s->images, small = i * one.count[1] / s->images;
        vae__convolve(&one.c, one.given[0] + large, one.found[1] + small);
        vae__convolve_back(&one.c, one.given[1] + small, one.found[0] + large);
    }
    for (size_t k = 0; k < 2; k++)
        assert_memory_equal(one.found[k], all.found[k], all.count[k] * sizeof *all.found[k]);
    end(&all);
    end(&one);
#endif
}

static void check_transpose(const vae__kernels *kernels) {
    enum { MOST = 40 };
    vae__real from[MOST * MOST], to[MOST * MOST];
    for (size_t rows = 1; rows < MOST; rows += rows < 6 ? 1 : 5) {
        for (size_t columns = 1; columns < MOST; columns += columns < 6 ? 1 : 7) {
            for (size_t i = 0; i < rows * columns; i++) from[i] = (vae__real)i;
            kernels->transpose(from, rows, columns, to);
            for (size_t i = 0; i < rows * columns; i++)
                assert_true((size_t)to[i % columns * rows + i / columns] == i);
        }
    }
}

static void transposes(void **state) {
    (void)state;
    test_each_level(check_transpose);
}

static void extents_and_positions_are_inverse(void **state) {
    (void)state;
    for (size_t kernel = 1; kernel < 6; kernel++) {
        for (size_t stride = 1; stride < 5; stride++) {
            const vae__window window = {kernel, stride, kernel / 3};
            for (size_t n = 1; n < 9; n++) {
                size_t extent = vae__window_extent(&window, n);
                if (extent) assert_int_equal(vae__window_positions(&window, extent), n);
            }
        }
    }
    const vae__window large = {5, 1, 1}, padded = {2, 1, 1};
    assert_int_equal(vae__window_positions(&large, 2), 0);
    assert_int_equal(vae__window_positions(&large, 3), 1);
    assert_int_equal(vae__window_extent(&padded, 1), 0);
    assert_int_equal(vae__window_extent(&large, SIZE_MAX / 2), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_those_of_plain_loops),
        cmocka_unit_test(weights_come_in_parts_and_are_added),
        cmocka_unit_test(an_image_does_not_depend_on_others),
        cmocka_unit_test(transposes),
        cmocka_unit_test(extents_and_positions_are_inverse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
