/* Lowering and raising of images; tensor/lowering.h says what they are. What a window sees of one line of an
 * image is contiguous, channels being last, so both are copies and sums of short stretches. */
#include "tensor/simd/table.h"

enum { WIDE = 16, HALF = 8, QUARTER = 4 };

/* Stretches are as short as four values: a call of memcpy would take longer than the copy. Vectors that
 * overlap write the same values twice. */
static inline void copy(real *to, const real *from, size_t count) {
    size_t i = 0;
    if (count >= WIDE) {
        for (; i + WIDE <= count; i += WIDE) memcpy(to + i, from + i, WIDE * sizeof *to);
        memcpy(to + count - WIDE, from + count - WIDE, WIDE * sizeof *to);
    } else if (count >= HALF) {
        memcpy(to, from, HALF * sizeof *to);
        memcpy(to + count - HALF, from + count - HALF, HALF * sizeof *to);
    } else if (count >= QUARTER) {
        memcpy(to, from, QUARTER * sizeof *to);
        memcpy(to + count - QUARTER, from + count - QUARTER, QUARTER * sizeof *to);
    } else {
        for (; i < count; i++) to[i] = from[i];
    }
}

static inline void add(real *to, const real *from, size_t count) {
    for (size_t i = 0; i < count; i++) to[i] += from[i];
}

/* A position of the window: its image, and its place in it in front of which `pad` zeros stand. */
typedef struct position {
    size_t image, line, column; /* line and column of the window's positions */
} position;

static position position_of(const vae__geometry *g, size_t number) {
    size_t each = vae__geometry_positions(g), within = number % each;
    return (position){number / each, within / g->out_width, within % g->out_width};
}

static void go_on(const vae__geometry *g, position *p) {
    if (++p->column < g->out_width) return;
    p->column = 0;
    if (++p->line < g->out_height) return;
    p->line = 0;
    p->image++;
}

/* The part [first, first + count) of the window's kernel that lies on an extent, for the position number
 * `at` along it; *start is where that part begins on the extent. */
static inline size_t visible(const vae__window *w, size_t at, size_t extent, size_t *first,
                             size_t *start) {
    size_t begin = at * w->stride; /* in the padded extent */
    size_t skipped = begin < w->pad ? w->pad - begin : 0;
    size_t end = begin + w->kernel < w->pad + extent ? w->kernel : w->pad + extent - begin;
    if (begin >= w->pad + extent || skipped >= end) {
        *first = *start = 0;
        return 0;
    }
    *first = skipped;
    *start = begin + skipped - w->pad;
    return end - skipped;
}

/* tile [count, patch] = what the windows number first .. first + count - 1 see, zeros where they are beyond
 * the image. */
void KERNEL(lower)(const vae__geometry *g, const real *restrict images, size_t first, size_t count,
                   real *restrict tile) {
    size_t kernel = g->window.kernel, channels = g->channels, line = kernel * channels;
    position p = position_of(g, first);
    for (size_t i = 0; i < count; i++, go_on(g, &p)) {
        size_t top, y, left, x;
        size_t rows = visible(&g->window, p.line, g->height, &top, &y);
        size_t columns = visible(&g->window, p.column, g->width, &left, &x);
        const real *from = images + ((p.image * g->height + y) * g->width + x) * channels;
        if (rows < kernel || columns < kernel) memset(tile, 0, kernel * line * sizeof *tile);
        real *to = tile + top * line + left * channels;
        for (size_t row = 0; row < rows; row++, from += g->width * channels, to += line)
            copy(to, from, columns * channels);
        tile += kernel * line;
    }
}

/* Adds the rows of the tile to what the windows see, in the order of the positions. */
void KERNEL(raise)(const vae__geometry *g, const real *restrict tile, size_t first, size_t count,
                   real *restrict images) {
    size_t kernel = g->window.kernel, channels = g->channels, line = kernel * channels;
    position p = position_of(g, first);
    for (size_t i = 0; i < count; i++, go_on(g, &p), tile += kernel * line) {
        size_t top, y, left, x;
        size_t rows = visible(&g->window, p.line, g->height, &top, &y);
        size_t columns = visible(&g->window, p.column, g->width, &left, &x);
        real *to = images + ((p.image * g->height + y) * g->width + x) * channels;
        const real *from = tile + top * line + left * channels;
        for (size_t row = 0; row < rows; row++, to += g->width * channels, from += line)
            add(to, from, columns * channels);
    }
}
