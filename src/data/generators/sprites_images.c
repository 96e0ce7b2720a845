/* Built-in images of any size, grey or in colour, with soft edges: a pixel on the edge of a shape has the part of the
 * colour that the shape covers of it. An image is made from its row's number alone, so it does not matter whether all
 * are made at once or each when it is read. */
#include <math.h>
#include <string.h>

#include "data/generators/sprites.h"

#define AT_ONCE ((size_t)64 << 20) /* bytes of images that are kept in memory */
#define SAMPLES 4                  /* of a pixel on an edge, each way */
#define ALL_SAMPLES (SAMPLES * SAMPLES)
#define DARKEST 0.25 /* level of a grey shape */

/* A shape with its place in the image. */
typedef struct outline {
    vae__sprite_shape *holds;
    double c, s, row, column; /* of the rotation, over the size; the centre */
} outline;

static int is_inside(const outline *o, double row, double column) {
    double right = column - o->column, up = o->row - row;
    return o->holds(o->c * right + o->s * up, o->c * up - o->s * right);
}

/* How many samples of the pixel below and right of (row, column) the shape covers. */
static int sample_pixel(const outline *o, double row, double column) {
    int inside = 0;
    for (int i = 0; i < SAMPLES; i++) {
        for (int j = 0; j < SAMPLES; j++)
            inside += is_inside(o, row + (i + 0.5) / SAMPLES, column + (j + 0.5) / SAMPLES);
    }
    return inside;
}

static double limited(double value) {
    return value < 0 ? 0 : value > 1 ? 1 : value;
}

/* A hue from red (0) over green (1/3) and blue (2/3) back to red; a single channel's level. */
static void find_colour(double colour, size_t channels, double levels[3]) {
    levels[0] = DARKEST + (1 - DARKEST) * colour;
    if (channels == 1) return;
    levels[0] = limited(fabs(6 * colour - 3) - 1);
    levels[1] = limited(2 - fabs(6 * colour - 2));
    levels[2] = limited(2 - fabs(6 * colour - 4));
}

/* Pixels from `*first` up to `*end` of `count` that the disc may touch. */
static void find_span(double centre, double size, size_t count, size_t *first, size_t *end) {
    double low = floor(centre - size), high = ceil(centre + size);
    *first = low > 0 ? (size_t)low : 0;
    *end = high < (double)count ? (size_t)high : count;
}

/* One row of pixels. A pixel whose corners are all inside, or all outside, is not on the edge. */
static void paint_row(const outline *o, size_t i, size_t first, size_t end,
                      unsigned char *covered) {
    double row = (double)i;
    int left = is_inside(o, row, (double)first) + is_inside(o, row + 1, (double)first);
    for (size_t j = first; j < end; j++) {
        double column = (double)j;
        int right = is_inside(o, row, column + 1) + is_inside(o, row + 1, column + 1);
        int corners = left + right;
        covered[j] = (unsigned char)(corners == 0   ? 0
                                     : corners == 4 ? ALL_SAMPLES
                                                    : sample_pixel(o, row, column));
        left = right;
    }
}

static void paint(const vae__sprite *sprite, const vae__shape *shape, unsigned char *pixels) {
    size_t channels = shape->extents[0], height = shape->extents[1], width = shape->extents[2];
    const outline o = {vae__sprite_shapes[sprite->shape], cos(sprite->rotation) / sprite->size,
                       sin(sprite->rotation) / sprite->size, sprite->row, sprite->column};
    size_t top, bottom, left, right;
    double levels[3];
    unsigned char covered[VAE__SPRITE_LARGEST];
    find_colour(sprite->colour, channels, levels);
    find_span(sprite->row, sprite->size, height, &top, &bottom);
    find_span(sprite->column, sprite->size, width, &left, &right);
    memset(pixels, 0, shape->size);
    for (size_t i = top; i < bottom; i++) {
        paint_row(&o, i, left, right, covered);
        for (size_t k = 0; k < channels; k++) {
            unsigned char *line = pixels + (k * height + i) * width;
            for (size_t j = left; j < right; j++)
                line[j] = (unsigned char)(255 * levels[k] * covered[j] / ALL_SAMPLES + 0.5);
        }
    }
}

/* ---- all at once, or each when it is read ---- */

static vae__sprite draw(uint64_t seed, uint64_t row, const vae__shape *shape) {
    return vae__sprite_draw(seed, row, VAE__SPRITE_SHAPES, shape->extents[1], shape->extents[2]);
}

static vae_status read_images(const vae__row_source *source, const uint64_t *rows, size_t n,
                              void *into, size_t *done) {
    const uint64_t *seed = source->state;
    for (size_t i = 0; i < n; i++) {
        vae__sprite sprite = draw(*seed, rows[i], &source->shape);
        paint(&sprite, &source->shape, (unsigned char *)into + i * source->shape.size);
    }
    *done = n;
    return VAE_OK;
}

static void close_images(vae__row_source *source) {
    vae__release(source->context, source->state);
}

static vae_status open_source(vae_context *context, uint64_t seed, const vae__table *table,
                              vae__row_source *rows) {
    uint64_t *state = vae__allocate(context, 1, sizeof *state);
    if (!state) return vae__fail_in("sprites");
    *state = seed;
    *rows = (vae__row_source){.context = context,
                              .element = table->element,
                              .count = table->rows,
                              .shape = table->shape,
                              .read = read_images,
                              .close = close_images,
                              .state = state};
    return VAE_OK;
}

vae_status vae__sprite_images(vae_context *context, uint64_t seed, vae__table *table,
                              vae__row_source *rows) {
    size_t size = table->shape.size, left = vae__memory_left(context) / 2;
    int at_once = table->rows <= (left < AT_ONCE ? left : AT_ONCE) / size;
    table->label_width = VAE__SPRITE_FACTORS;
    vae_status status = vae__generator_allocate(context, "sprites", at_once, table);
    if (!status && !at_once) status = open_source(context, seed, table, rows);
    if (status) return status;
    for (size_t i = 0; i < table->rows; i++) {
        vae__sprite sprite = draw(seed, i, &table->shape);
        vae__sprite_labels(&sprite, table->label_width, table->labels + i * table->label_width);
        if (at_once) paint(&sprite, &table->shape, (unsigned char *)table->values + i * size);
    }
    return VAE_OK;
}
