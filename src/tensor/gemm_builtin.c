/* A matrix product without a BLAS: panels are packed and multiplied by the tile kernel of the instruction
 * set. Blocks are chosen by the shape alone, so that a sum has one order whatever the number of threads. */
#include "tensor/gemm_builtin.h"

#include <string.h>

#define DEPTH 128   /* of a packed panel: with the largest tile both panels stay in L1 */
#define MOST_ROWS 8 /* largest tile of any level */
#define MOST_COLUMNS (128 / sizeof(vae__real))
#define PANELS 4 /* column panels packed at once, so that a packed A is used several times */

/* Panels are padded with zeros to whole tiles. */
typedef struct workspace {
    _Alignas(64) vae__real a[DEPTH * MOST_ROWS];
    _Alignas(64) vae__real b[PANELS][DEPTH * MOST_COLUMNS];
    _Alignas(64) vae__real edge[MOST_ROWS * MOST_COLUMNS];
} workspace;

/* to [depth, width] = matrix elements (p, j) for p < depth, j < used; column-like index j strides
 * `across`. */
static void pack(vae__real *restrict to, const vae__real *from, size_t along, size_t across,
                 size_t depth, size_t used, size_t width) {
    for (size_t p = 0; p < depth; p++, to += width) {
        const vae__real *row = from + p * along;
        if (across == 1) {
            memcpy(to, row, used * sizeof *to);
        } else {
            for (size_t j = 0; j < used; j++) to[j] = row[j * across];
        }
        for (size_t j = used; j < width; j++) to[j] = 0;
    }
}

/* One tile of C at the edge of the matrix goes through a full-sized copy. */
static void edge_tile(const vae__kernels *kernels, workspace *w, size_t depth, const vae__real *b,
                      vae__real *c, size_t c_stride, size_t rows, size_t columns) {
    size_t width = kernels->tile_columns;
    memset(w->edge, 0, sizeof w->edge);
    for (size_t i = 0; i < rows; i++)
        memcpy(w->edge + i * width, c + i * c_stride, columns * sizeof *c);
    kernels->tile(depth, w->a, b, w->edge, width);
    for (size_t i = 0; i < rows; i++)
        memcpy(c + i * c_stride, w->edge + i * width, columns * sizeof *c);
}

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

/* c [m, columns] += a [m, depth] times the packed panels. */
static void panel_rows(const vae__kernels *kernels, workspace *w, size_t m, size_t columns,
                       size_t depth, const vae__matrix *a, size_t first, vae__real *c,
                       size_t c_stride) {
    size_t tile_rows = kernels->tile_rows, tile_columns = kernels->tile_columns;
    for (size_t i = 0; i < m; i += tile_rows) {
        size_t rows = smaller(tile_rows, m - i);
        pack(w->a, a->data + i * a->row + first * a->column, a->column, a->row, depth, rows,
             tile_rows);
        for (size_t j = 0, panel = 0; j < columns; j += tile_columns, panel++) {
            size_t used = smaller(tile_columns, columns - j);
            vae__real *to = c + i * c_stride + j;
            if (rows == tile_rows && used == tile_columns) {
                kernels->tile(depth, w->a, w->b[panel], to, c_stride);
            } else {
                edge_tile(kernels, w, depth, w->b[panel], to, c_stride, rows, used);
            }
        }
    }
}

void vae__gemm_builtin(const vae__kernels *kernels, size_t m, size_t n, size_t k,
                       const vae__matrix *a, const vae__matrix *b, vae__real *c, size_t c_stride,
                       int add) {
    workspace w;
    size_t tile_columns = kernels->tile_columns;
    size_t cleared = add ? 0 : m;
    for (size_t i = 0; i < cleared; i++) memset(c + i * c_stride, 0, n * sizeof *c);
    for (size_t first = 0; first < k; first += DEPTH) {
        size_t depth = smaller(DEPTH, k - first);
        for (size_t j = 0; j < n; j += PANELS * tile_columns) {
            size_t columns = smaller(PANELS * tile_columns, n - j);
            for (size_t done = 0, panel = 0; done < columns; done += tile_columns, panel++) {
                pack(w.b[panel], b->data + first * b->row + (j + done) * b->column, b->row,
                     b->column, depth, smaller(tile_columns, columns - done), tile_columns);
            }
            panel_rows(kernels, &w, m, columns, depth, a, first, c + j, c_stride);
        }
    }
}
