/* Lowering and raising of images; tensor/lowering.h says what they are. What a window sees of one line of an
 * image is contiguous, channels being last, so both are copies and sums of short stretches. */
#include "tensor/simd/table.h"

enum { WIDE = 16, HALF = 8, QUARTER = 4 };

/* ---- short stretches: a call of memcpy would take longer than they do ---- */

/* Two blocks of `size` values that overlap: `size` to twice as many. What both have is written twice. */
static inline void copy_two(real *to, const real *from, size_t count, size_t size) {
    memcpy(to, from, size * sizeof *to);
    memcpy(to + count - size, from + count - size, size * sizeof *to);
}

static inline void copy_few(real *to, const real *from, size_t count) {
    for (size_t i = 0; i < count; i++) to[i] = from[i];
}

static inline void copy_quarter(real *to, const real *from, size_t count) {
    copy_two(to, from, count, QUARTER);
}

static inline void copy_half(real *to, const real *from, size_t count) {
    copy_two(to, from, count, HALF);
}

static inline void copy_wide(real *to, const real *from, size_t count) {
    copy_two(to, from, count, WIDE);
}

static inline void copy_double(real *to, const real *from, size_t count) {
    copy_two(to, from, count, 2 * WIDE);
}

static inline void copy_many(real *to, const real *from, size_t count) {
    memcpy(to, from, count * sizeof *to);
}

typedef void (*copy_fn)(real *to, const real *from, size_t count);

static inline void copy(real *to, const real *from, size_t count) {
    if (count < QUARTER) {
        copy_few(to, from, count);
    } else if (count < HALF) {
        copy_quarter(to, from, count);
    } else if (count < WIDE) {
        copy_half(to, from, count);
    } else if (count < 2 * WIDE) {
        copy_wide(to, from, count);
    } else {
        copy_many(to, from, count);
    }
}

static inline void clear(real *to, size_t count) {
    if (count >= WIDE) {
        memset(to, 0, count * sizeof *to);
    } else {
        for (size_t i = 0; i < count; i++) to[i] = 0;
    }
}

static inline void add_block(real *to, const real *from, size_t size) {
    real sum[HALF], more[HALF];
    memcpy(sum, to, size * sizeof *to);
    memcpy(more, from, size * sizeof *to);
    for (size_t i = 0; i < size; i++) sum[i] += more[i];
    memcpy(to, sum, size * sizeof *to);
}

/* Fewer than WIDE values. */
static inline void add_few(real *to, const real *from, size_t count) {
    size_t i = count >= HALF ? HALF : 0;
    if (i) add_block(to, from, HALF);
    if (count - i >= QUARTER) {
        add_block(to + i, from + i, QUARTER);
        i += QUARTER;
    }
    for (; i < count; i++) to[i] += from[i];
}

static inline void add(real *restrict to, const real *restrict from, size_t count) {
    for (size_t i = 0; i < count; i++) to[i] += from[i];
}

/* ---- where windows are ---- */

/* The part [first, first + count) of a window that lies on an extent, and where that part begins there. */
typedef struct part {
    size_t first, count, start;
} part;

static part part_of(const vae__window *w, size_t position, size_t extent) {
    size_t begin = position * w->stride; /* in the padded extent */
    size_t skipped = begin < w->pad ? w->pad - begin : 0, left = w->pad + extent;
    if (begin >= left || skipped >= w->kernel) return (part){0, 0, 0};
    size_t end = begin + w->kernel < left ? w->kernel : left - begin;
    return (part){skipped, end - skipped, begin + skipped - w->pad};
}

/* Positions of one line of windows over one image, `count` from `column` on. */
typedef struct segment {
    const vae__geometry *geometry;
    size_t image, line, column, count;
    part rows;           /* of the window, on the image's height */
    size_t inner, outer; /* the positions [inner, outer) see nothing beyond the image's sides */
} segment;

static size_t between(size_t value, size_t low, size_t high) {
    return value < low ? low : value > high ? high : value;
}

/* The positions from number `first` on up to the end of their line, at most `count`. */
static segment segment_at(const vae__geometry *g, size_t first, size_t count) {
    const vae__window *w = &g->window;
    size_t each = vae__geometry_positions(g), within = first % each;
    segment s = {.geometry = g,
                 .image = first / each,
                 .line = within / g->out_width,
                 .column = within % g->out_width};
    s.count = g->out_width - s.column < count ? g->out_width - s.column : count;
    s.rows = part_of(w, s.line, g->height);
    size_t padded = w->pad + g->width, end = s.column + s.count;
    s.inner = between((w->pad + w->stride - 1) / w->stride, s.column, end);
    s.outer = padded < w->kernel ? 0 : (padded - w->kernel) / w->stride + 1;
    s.outer = between(s.outer, s.inner, end);
    return s;
}

/* The place of a column of the first visible line, counted in values of all images. */
static size_t place_of(const segment *s, size_t x) {
    const vae__geometry *g = s->geometry;
    return ((s->image * g->height + s->rows.start) * g->width + x) * g->channels;
}

/* ---- lowering ---- */

/* The visible lines of one window, where its sides may be beyond the image. */
static void lower_side(const segment *s, const real *images, size_t column, real *tile) {
    const vae__geometry *g = s->geometry;
    size_t line = g->window.kernel * g->channels;
    part p = part_of(&g->window, column, g->width);
    size_t before = p.first * g->channels, count = p.count * g->channels;
    const real *from = images + place_of(s, p.start);
    for (size_t i = 0; i < s->rows.count; i++, from += g->width * g->channels, tile += line) {
        clear(tile, before);
        copy(tile + before, from, count);
        clear(tile + before + count, line - before - count);
    }
}

/* The visible lines of n windows that lie within the sides, `step` values apart. Inlined with each way to copy, so
 * that nothing is chosen within the loops. */
static inline void lower_lines(const segment *s, const real *from, size_t n, size_t step,
                               real *tile, copy_fn copy_line) {
    const vae__geometry *g = s->geometry;
    size_t line = g->window.kernel * g->channels, patch = g->window.kernel * line;
    size_t width = g->width * g->channels;
    for (size_t p = 0; p < n; p++)
        for (size_t i = 0; i < s->rows.count; i++)
            copy_line(tile + p * patch + i * line, from + p * step + i * width, line);
}

static void lower_inner(const segment *s, const real *from, size_t n, size_t step, real *tile) {
    size_t line = s->geometry->window.kernel * s->geometry->channels;
    if (line < QUARTER) {
        lower_lines(s, from, n, step, tile, copy_few);
    } else if (line < HALF) {
        lower_lines(s, from, n, step, tile, copy_quarter);
    } else if (line < WIDE) {
        lower_lines(s, from, n, step, tile, copy_half);
    } else if (line < 2 * WIDE) {
        lower_lines(s, from, n, step, tile, copy_wide);
    } else if (line < 4 * WIDE) {
        lower_lines(s, from, n, step, tile, copy_double);
    } else {
        lower_lines(s, from, n, step, tile, copy_many);
    }
}

static void lower_segment(const segment *s, const real *images, real *tile) {
    const vae__geometry *g = s->geometry;
    size_t line = g->window.kernel * g->channels, patch = g->window.kernel * line;
    size_t above = s->rows.first * line, below = above + s->rows.count * line;
    for (size_t i = 0; i < s->count && below - above < patch; i++) {
        clear(tile + i * patch, above);
        clear(tile + i * patch + below, patch - below);
    }
    for (size_t c = s->column; c < s->inner; c++)
        lower_side(s, images, c, tile + (c - s->column) * patch + above);
    if (s->inner < s->outer) {
        size_t x = s->inner * g->window.stride - g->window.pad;
        lower_inner(s, images + place_of(s, x), s->outer - s->inner, g->window.stride * g->channels,
                    tile + (s->inner - s->column) * patch + above);
    }
    for (size_t c = s->outer; c < s->column + s->count; c++)
        lower_side(s, images, c, tile + (c - s->column) * patch + above);
}

/* tile [count, patch] = what the windows number first .. first + count - 1 see, zeros where they are beyond
 * the image. */
void KERNEL(lower)(const vae__geometry *g, const real *restrict images, size_t first, size_t count,
                   real *restrict tile) {
    size_t patch = vae__geometry_patch(g), done = 0;
    while (done < count) {
        const segment s = segment_at(g, first + done, count - done);
        lower_segment(&s, images, tile + done * patch);
        done += s.count;
    }
}

/* ---- raising ---- */

/* Adds one window, of which a part may be beyond the image. */
static inline void raise_window(const segment *s, size_t column, const real *tile, real *images) {
    const vae__geometry *g = s->geometry;
    size_t line = g->window.kernel * g->channels, width = g->width * g->channels;
    part p = part_of(&g->window, column, g->width);
    real *to = images + place_of(s, p.start);
    const real *from = tile + s->rows.first * line + p.first * g->channels;
    size_t count = p.count * g->channels;
    for (size_t i = 0; i < s->rows.count; i++, to += width, from += line) {
        if (count < WIDE) {
            add_few(to, from, count);
        } else {
            add(to, from, count);
        }
    }
}

/* Short stretches that overlap would each wait for the one before to be stored. So windows of a line are taken in
 * turns, each time those that do not overlap. */
static void raise_segment(const segment *s, const real *tile, real *images) {
    const vae__window *w = &s->geometry->window;
    size_t turns = w->kernel * s->geometry->channels < WIDE ? (w->kernel - 1) / w->stride + 1 : 1;
    size_t patch = vae__geometry_patch(s->geometry);
    for (size_t turn = 0; turn < turns; turn++)
        for (size_t c = turn; c < s->count; c += turns)
            raise_window(s, s->column + c, tile + c * patch, images);
}

/* Adds the rows of the tile to what the windows see, line by line of the positions, in an order that depends on
 * where the tile cuts a line. */
void KERNEL(raise)(const vae__geometry *g, const real *restrict tile, size_t first, size_t count,
                   real *restrict images) {
    size_t patch = vae__geometry_patch(g), done = 0;
    while (done < count) {
        const segment s = segment_at(g, first + done, count - done);
        raise_segment(&s, tile + done * patch, images);
        done += s.count;
    }
}
