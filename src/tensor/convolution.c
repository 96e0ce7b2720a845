/* Convolutions by tiles: a number of positions is lowered into a tile that stays in the second-level cache, one
 * matrix product takes it, and the next tile overwrites it. No image is lowered as a whole. Tiles follow the
 * order of the positions and end with their lines, so that with the builtin product no number depends on which
 * images are computed together. */
#include "tensor/convolution.h"

#include <string.h>

#include "tensor/gemm.h"

/* Bytes of a tile, and the fewest positions of one, whatever bytes they take: with fewer a product would read the
 * weights too often. The gradient of the weights adds each tile to all of them; its sums are over positions. */
#define TILE_BYTES ((size_t)384 << 10)
enum { LEAST_POSITIONS = 256, LEAST_SUMMED = 128 };

/* A window of one value that moves by one: the image is its own lowered form. */
static int is_plain(const vae__geometry *g) {
    return g->window.kernel == 1 && g->window.stride == 1 && g->window.pad == 0;
}

static size_t tile_positions(const vae__geometry *g, size_t least) {
    size_t positions = TILE_BYTES / (vae__geometry_patch(g) * sizeof(vae__real));
    return positions < least ? least : positions;
}

size_t vae__convolution_scratch(const vae__geometry *g) {
    return is_plain(g)
               ? 0
               : tile_positions(g, LEAST_POSITIONS) * vae__geometry_patch(g) * sizeof(vae__real);
}

static size_t total_positions(const vae__convolution *c) {
    return c->images * vae__geometry_positions(&c->geometry);
}

/* Positions from `first` on that one product takes: whole lines of an image, or else a piece of one that begins
 * and ends at the same place in every image. */
static size_t next_count(const vae__convolution *c, size_t first, size_t least) {
    size_t left = total_positions(c) - first, most = tile_positions(&c->geometry, least);
    size_t line = c->geometry.out_width, rest = line - first % line;
    if (most >= line) return left < most / line * line ? left : most / line * line;
    return rest < most ? rest : most;
}

/* The lowered form of these positions: the tile, or the image itself. */
static const vae__real *lowered(const vae__convolution *c, const vae__real *large, size_t first,
                                size_t count) {
    if (is_plain(&c->geometry)) return large + first * c->geometry.channels;
    c->kernels->lower(&c->geometry, large, first, count, c->tile);
    return c->tile;
}

void vae__convolve(const vae__convolution *c, const vae__real *large, vae__real *small) {
    size_t patch = vae__geometry_patch(&c->geometry), total = total_positions(c);
    for (size_t first = 0, count; first < total; first += count) {
        count = next_count(c, first, LEAST_POSITIONS);
        vae__gemm_forward(c->kernels, count, patch, c->maps, lowered(c, large, first, count),
                          c->weight, small + first * c->maps);
    }
}

/* Clears the images that positions before `end` see, as far as it has not been done: just before values are added
 * to them, so that they are in the cache then. */
static void clear_images(const vae__convolution *c, size_t end, size_t *cleared, vae__real *large) {
    const vae__geometry *g = &c->geometry;
    size_t size = g->height * g->width * g->channels;
    size_t images = (end - 1) / vae__geometry_positions(g) + 1;
    memset(large + *cleared * size, 0, (images - *cleared) * size * sizeof *large);
    *cleared = images;
}

void vae__convolve_back(const vae__convolution *c, const vae__real *small, vae__real *large) {
    const vae__geometry *g = &c->geometry;
    size_t patch = vae__geometry_patch(g), total = total_positions(c), cleared = 0;
    int plain = is_plain(g);
    for (size_t first = 0, count; first < total; first += count) {
        count = next_count(c, first, LEAST_POSITIONS);
        vae__real *to = plain ? large + first * patch : c->tile;
        vae__gemm_backward(c->kernels, count, patch, c->maps, small + first * c->maps, c->weight,
                           to);
        if (plain) continue;
        clear_images(c, first + count, &cleared, large);
        c->kernels->raise(g, to, first, count, large);
    }
}

void vae__convolve_weights(const vae__convolution *c, const vae__real *large,
                           const vae__real *small, size_t first, size_t count, vae__real *into,
                           int add) {
    size_t patch = vae__geometry_patch(&c->geometry), total = total_positions(c);
    for (size_t at = 0, positions; at < total; at += positions) {
        positions = next_count(c, at, LEAST_SUMMED);
        vae__gemm_weights(c->kernels, positions, patch, count, small + at * c->maps + first,
                          c->maps, lowered(c, large, at, positions), into, add || at > 0);
    }
}
