/* Matrices turned over: between images with channels first and with channels last. Few channels, as at the ends of
 * a network, are loops of a constant step, which compile to vector code; else blocks keep both sides in cache. */
#include "tensor/simd/table.h"

/* to [columns, rows], for a number of columns that the compiler knows */
static inline void few_columns(const real *restrict from, size_t rows, size_t columns,
                               real *restrict to) {
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) to[c * rows + r] = from[r * columns + c];
}

static inline void few_rows(const real *restrict from, size_t rows, size_t columns,
                            real *restrict to) {
    for (size_t c = 0; c < columns; c++)
        for (size_t r = 0; r < rows; r++) to[c * rows + r] = from[r * columns + c];
}

enum { BLOCK = 16 };

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

static void blocks(const real *restrict from, size_t rows, size_t columns, real *restrict to) {
    for (size_t first = 0; first < rows; first += BLOCK) {
        size_t end = smaller(first + BLOCK, rows);
        for (size_t c = 0; c < columns; c++)
            for (size_t r = first; r < end; r++) to[c * rows + r] = from[r * columns + c];
    }
}

/* to [columns, rows] = from [rows, columns]^T */
void KERNEL(transpose)(const real *restrict from, size_t rows, size_t columns, real *restrict to) {
    if (columns == 3) {
        few_columns(from, rows, 3, to);
    } else if (rows == 3) {
        few_rows(from, 3, columns, to);
    } else if (columns == 2) {
        few_columns(from, rows, 2, to);
    } else if (rows == 2) {
        few_rows(from, 2, columns, to);
    } else {
        blocks(from, rows, columns, to);
    }
}
