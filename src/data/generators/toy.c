/* Built-in data sets of two columns, for models whose densities one can look at and whose bounds can be compared with
 * the truth. Each is a distribution that rows are drawn from independently; the label says which part of it a row
 * comes from. The densities are those of tests/support/toy_densities.c. */
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "base/words.h"
#include "data/generator.h"

#define COUNT 10000
#define PI 3.14159265358979323846

/* ---- the distributions ---- */

/* Numbers of one row: each index is drawn once. */
typedef struct draws {
    vae__stream stream;
    uint32_t row;
} draws;

static double uniform(const draws *from, uint32_t index) {
    return vae__random_uniform(&from->stream, from->row, index);
}

/* Takes `index` and the one behind it. */
static double normal(const draws *from, uint32_t index) {
    return vae__random_normal(uniform(from, index), uniform(from, index + 1));
}

/* Two half circles of radius 1 that reach into each other, with the noise of scikit-learn's make_moons: the upper one
 * around (0, 0), the lower one around (1, 1/2). */
static double draw_moons(const draws *from, double x[2]) {
    const double sd = 0.1;
    int lower = uniform(from, 0) >= 0.5;
    double angle = PI * uniform(from, 1);
    x[0] = (lower ? 1 - cos(angle) : cos(angle)) + sd * normal(from, 2);
    x[1] = (lower ? 0.5 - sin(angle) : sin(angle)) + sd * normal(from, 4);
    return lower;
}

/* Six normal distributions around the corners of a hexagon of radius 1. Neighbours are 10 standard deviations apart. */
static double draw_ring(const draws *from, double x[2]) {
    const double sd = 0.1;
    int component = (int)(6 * uniform(from, 0));
    x[0] = cos(PI / 3 * component) + sd * normal(from, 1);
    x[1] = sin(PI / 3 * component) + sd * normal(from, 3);
    return component;
}

/* In [0, 1), with 20 binary digits and then a half: added to a small whole number it stays below the next one when it
 * becomes float, so that no row lies on the edge of a square. */
static double within(double u) {
    return (floor(u * 0x1p20) + 0.5) * 0x1p-20;
}

/* The eight squares of a board of 4 x 4 whose column and row are both even or both odd; the board is [-2, 2]^2. */
static double draw_checkerboard(const draws *from, double x[2]) {
    int square = (int)(8 * uniform(from, 0)), column = square / 2,
        row = square % 2 * 2 + column % 2;
    x[0] = column - 2 + within(uniform(from, 1));
    x[1] = row - 2 + within(uniform(from, 2));
    return square;
}

typedef double draw_row(const draws *from, double x[2]); /* returns the label */

static const char *const names[] = {"moons", "ring", "checkerboard", NULL};
static draw_row *const distributions[] = {draw_moons, draw_ring, draw_checkerboard};

/* ---- the text "NAME" or "NAME:COUNT" ---- */

static vae_status fail_name(const char *path, const char *name, size_t length) {
    char suggestion[VAE__SUGGESTION_SIZE];
    vae__suggestion(suggestion, vae__nearest_name(name, length, names));
    return vae__fail(
        VAE_ERROR_TEXT,
        "%s: unknown toy data set '%.*s'%s (known: toy:moons, toy:ring, toy:checkerboard, each "
        "also with a count of rows, toy:ring:5000)",
        path, length > 60 ? 60 : (int)length, name, suggestion);
}

static vae_status read_text(const char *path, const char *text, size_t *which, uint64_t *count) {
    const char *colon = strchr(text, ':');
    size_t length = colon ? (size_t)(colon - text) : strlen(text), i = 0;
    while (names[i] && (strlen(names[i]) != length || memcmp(names[i], text, length))) i++;
    if (!names[i]) return fail_name(path, text, length);
    *which = i;
    if (colon && !vae__generator_count(colon + 1, strlen(colon + 1), count)) {
        return vae__fail(VAE_ERROR_TEXT,
                         "%s: expected \"toy:%s:COUNT\" with a count of at least 1, found '%.60s'",
                         path, names[i], colon + 1);
    }
    return VAE_OK;
}

/* ---- the rows ---- */

static vae_status allocate(vae_context *context, uint64_t count, vae__table *table) {
    const uint64_t extents[] = {count, 2};
    *table = (vae__table){.element = VAE__ELEMENT_FLOAT32, .label_width = 1};
    if (vae__table_set_extents(table, extents, 2, "toy")) {
        return vae__fail(VAE_ERROR_TEXT, "toy: %llu rows are more bytes than can be addressed",
                         (unsigned long long)count);
    }
    return vae__generator_allocate(context, "toy", 1, table);
}

static vae_status generate(vae_context *context, const char *path, const char *text, uint64_t seed,
                           vae__table *table, vae__row_source *rows) {
    uint64_t count = COUNT;
    size_t which = 0;
    (void)rows;
    vae_status status = read_text(path, text, &which, &count);
    if (!status) status = allocate(context, count, table);
    if (status) return status;
    float *values = table->values;
    for (size_t i = 0; i < table->rows; i++) {
        const draws from = {{seed, 0, VAE__PURPOSE_TOY, (uint32_t)((uint64_t)i >> 32)},
                            (uint32_t)i};
        double x[2];
        table->labels[i] = distributions[which](&from, x);
        values[2 * i] = (float)x[0];
        values[2 * i + 1] = (float)x[1];
    }
    return VAE_OK;
}

const vae__generator vae__generator_toy = {.name = "toy", .generate = generate};
