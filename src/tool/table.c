/* Rows of floats as CSV, NPY or pictures, written as they come. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "plot.h"
#include "text.h"

enum { MOST_PICTURES = 400 };

table_format table_format_of(const char *path) {
    static const char *const endings[] = {".csv", ".npy", ".png"};
    size_t length = strlen(path);
    if (!strcmp(path, "-")) return TABLE_CSV;
    for (int i = 0; i < TABLE_UNKNOWN; i++) {
        if (length > 4 && !strcmp(path + length - 4, endings[i])) return (table_format)i;
    }
    return TABLE_UNKNOWN;
}

void table_npy_header(text *to, int is_double, size_t rows, size_t columns) {
    text header = {0};
    text_append(&header, "{'descr': '<f%d', 'fortran_order': False, 'shape': (%zu,",
                is_double ? 8 : 4, rows);
    if (columns) text_append(&header, " %zu", columns);
    text_append(&header, "), }");
    /* The values begin at a multiple of 64 bytes, behind a newline. */
    while ((10 + header.length + 1) % 64) text_append(&header, " ");
    text_append(&header, "\n");
    text_append(to, "\x93NUMPY\x01");
    text_append(to, "%c%c%c", 0, (int)(header.length & 255), (int)(header.length >> 8));
    text_append(to, "%s", header.text);
    text_free(&header);
}

static int write_names(table *to, const char *const *names, const char *prefix) {
    text line = {0};
    for (size_t i = 0; i < to->columns; i++) {
        if (i) text_append(&line, ",");
        if (names) {
            text_append_cell(&line, names[i]);
        } else {
            text_append(&line, "%s%zu", prefix, i);
        }
    }
    text_append(&line, "\n");
    int status = output_write(&to->out, line.text, line.length);
    text_free(&line);
    return status;
}

static int check_pictures(const table *to, const tool_call *call, const char *path) {
    if (!plot_available()) {
        plot_grid none = {0};
        return command_failed(call, "%s: %s", path, plot_images(path, NULL, NULL, &none));
    }
    if (to->height * to->width == to->columns && to->columns) return TOOL_DONE;
    return command_failed(call,
                          "%s: pictures are of grey images, and these rows are none: choose a name "
                          "that ends in .csv or .npy",
                          path);
}

int table_open(const tool_call *call, table *to, const char *path, const char *const *names,
               const char *prefix, size_t columns, size_t rows, size_t height, size_t width) {
    *to = (table){.format = table_format_of(path),
                  .columns = columns,
                  .rows = rows,
                  .height = height,
                  .width = width};
    if (to->format == TABLE_UNKNOWN)
        return command_misused(call,
                               "--output: expected a name that ends in .csv, .npy or .png, "
                               "or - for standard output; found '%s'",
                               path);
    int status = to->format == TABLE_PNG ? check_pictures(to, call, path) : TOOL_DONE;
    if (!status) status = output_open(call, &to->out, path);
    if (status) return status;
    if (to->format == TABLE_CSV) status = write_names(to, names, prefix);
    if (to->format == TABLE_NPY) {
        text header = {0};
        table_npy_header(&header, 0, rows, columns);
        status = output_write(&to->out, header.text, header.length);
        text_free(&header);
    }
    if (to->format == TABLE_PNG) {
        size_t kept = rows < MOST_PICTURES ? rows : MOST_PICTURES;
        to->pictures = text_allocate(kept * columns, sizeof *to->pictures);
    }
    if (status) output_abandon(&to->out);
    return status;
}

static int write_lines(table *to, const float *values, size_t rows) {
    text lines = {0};
    for (size_t i = 0; i < rows * to->columns; i++) {
        text_append_float(&lines, values[i]);
        text_append(&lines, (i + 1) % to->columns ? "," : "\n");
    }
    int status = output_write(&to->out, lines.text, lines.length);
    text_free(&lines);
    return status;
}

/* Little-endian whatever the machine is. */
static int write_bytes(table *to, const float *values, size_t count) {
    unsigned char *bytes = text_allocate(count, 4);
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, values + i, 4);
        for (int k = 0; k < 4; k++) bytes[4 * i + (size_t)k] = (unsigned char)(bits >> 8 * k);
    }
    int status = output_write(&to->out, bytes, 4 * count);
    free(bytes);
    return status;
}

int table_write(table *to, const float *values, size_t rows) {
    if (!rows) return TOOL_DONE;
    if (to->format == TABLE_CSV) return write_lines(to, values, rows);
    if (to->format == TABLE_NPY) return write_bytes(to, values, rows * to->columns);
    size_t kept = to->rows < MOST_PICTURES ? to->rows : MOST_PICTURES;
    size_t more = kept - to->pictures_kept < rows ? kept - to->pictures_kept : rows;
    memcpy(to->pictures + to->pictures_kept * to->columns, values,
           more * to->columns * sizeof *values);
    to->pictures_kept += more;
    return TOOL_DONE;
}

/* As square as can be, with as few empty places. */
static int draw(table *to) {
    plot_grid grid = {.columns = 1, .height = to->height, .width = to->width};
    while (grid.columns * grid.columns < to->pictures_kept) grid.columns++;
    grid.rows = (to->pictures_kept + grid.columns - 1) / grid.columns;
    if (!grid.rows) return command_failed(to->out.call, "there is no row to draw");
    size_t all = grid.rows * grid.columns * to->columns;
    float *padded = text_allocate(all, sizeof *padded);
    for (size_t i = 0; i < all; i++) padded[i] = 1; /* empty places are white */
    memcpy(padded, to->pictures, to->pictures_kept * to->columns * sizeof *padded);
    const char *at = to->out.temporary ? to->out.temporary : to->out.path;
    const char *problem = plot_images(at, to->title, padded, &grid);
    free(padded);
    return problem ? command_failed(to->out.call, "%s: %s", to->out.path, problem) : TOOL_DONE;
}

int table_close(table *to, int status) {
    if (!status && to->format == TABLE_PNG) status = draw(to);
    free(to->pictures);
    if (!status) return output_commit(&to->out);
    output_abandon(&to->out);
    return status;
}
