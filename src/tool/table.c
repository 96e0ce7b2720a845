/* CSV and NPY files are written chunk by chunk; pictures are collected and drawn at the end. */
#include "table.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plot.h"

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
    const unsigned char length[] = {header.length & 255, (unsigned char)(header.length >> 8)};
    text_append_bytes(to, "\x93NUMPY\x01\x00", 8);
    text_append_bytes(to, length, 2);
    text_append_bytes(to, header.text, header.length);
    text_free(&header);
}

static void append_bits(text *to, uint64_t bits, size_t count) {
    unsigned char bytes[8];
    for (size_t k = 0; k < count; k++) bytes[k] = (unsigned char)(bits >> 8 * k);
    text_append_bytes(to, bytes, count);
}

void table_npy_float(text *to, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    append_bits(to, bits, 4);
}

void table_npy_double(text *to, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    append_bits(to, bits, 8);
}

static void append_names(const table *of, text *line) {
    for (size_t i = 0; i < of->columns; i++) {
        if (i) text_append(line, ",");
        if (of->names) {
            text_append_cell(line, of->names[i]);
        } else {
            text_append(line, "%s%zu", of->prefix, i);
        }
    }
    text_append(line, "\n");
}

static int check_pictures(const table *to, const tool_call *call, const char *path) {
    if (!plot_available()) {
        plot_grid none = {0};
        return command_failed(call, "%s: %s", path, plot_images(path, NULL, NULL, &none));
    }
    if (to->channels * to->height * to->width == to->columns && to->columns) return TOOL_DONE;
    return command_failed(
        call,
        "%s: pictures are of grey or colour images, and these rows are none: choose a name "
        "that ends in .csv or .npy",
        path);
}

int table_open(const tool_call *call, table *to, const char *path) {
    text first = {0};
    to->format = table_format_of(path);
    if (to->format == TABLE_UNKNOWN)
        return command_misused(call,
                               "--output: expected a name that ends in .csv, .npy or .png, "
                               "or - for standard output; found '%s'",
                               path);
    int status = to->format == TABLE_PNG ? check_pictures(to, call, path) : TOOL_DONE;
    if (!status) status = output_open(call, &to->out, path);
    if (status) return status;
    if (to->format == TABLE_CSV) append_names(to, &first);
    if (to->format == TABLE_NPY) table_npy_header(&first, to->units != NULL, to->rows, to->columns);
    if (to->format == TABLE_PNG) {
        size_t kept = to->rows < MOST_PICTURES ? to->rows : MOST_PICTURES;
        to->pictures = text_allocate(kept * to->columns, sizeof *to->pictures);
    }
    if (first.length) status = output_write(&to->out, first.text, first.length);
    text_free(&first);
    if (status) output_abandon(&to->out);
    return status;
}

static void append_cell(const table *of, size_t column, float value, text *to) {
    double resolution, stored = (double)value;
    if (of->units) stored = units_stored(of->units, column, value, &resolution);
    if (of->format == TABLE_NPY) {
        if (of->units) {
            table_npy_double(to, stored);
        } else {
            table_npy_float(to, value);
        }
        return;
    }
    if (of->units) {
        text_append_rounded(to, stored, resolution);
    } else {
        text_append_float(to, value);
    }
    text_append(to, column + 1 < of->columns ? "," : "\n");
}

static void keep_pictures(table *to, const float *values, size_t rows) {
    size_t kept = to->rows < MOST_PICTURES ? to->rows : MOST_PICTURES;
    size_t more = kept - to->pictures_kept < rows ? kept - to->pictures_kept : rows;
    memcpy(to->pictures + to->pictures_kept * to->columns, values,
           more * to->columns * sizeof *values);
    to->pictures_kept += more;
}

int table_write(table *to, const float *values, size_t rows) {
    text cells = {0};
    if (!rows) return TOOL_DONE;
    if (to->format == TABLE_PNG) {
        keep_pictures(to, values, rows);
        return TOOL_DONE;
    }
    for (size_t i = 0; i < rows * to->columns; i++)
        append_cell(to, i % to->columns, values[i], &cells);
    int status = output_write(&to->out, cells.text, cells.length);
    text_free(&cells);
    return status;
}

/* As square as can be, with as few empty places. */
static int draw(table *to) {
    plot_grid grid = {
        .columns = 1, .channels = to->channels, .height = to->height, .width = to->width};
    while (grid.columns * grid.columns < to->pictures_kept) grid.columns++;
    grid.rows = (to->pictures_kept + grid.columns - 1) / grid.columns;
    if (!grid.rows) return command_failed(to->out.call, "there is no row to draw");
    size_t all = grid.rows * grid.columns * to->columns;
    float *padded = text_allocate(all, sizeof *padded);
    for (size_t i = 0; i < all; i++) padded[i] = 1; /* empty places are white */
    memcpy(padded, to->pictures, to->pictures_kept * to->columns * sizeof *padded);
    const char *at = to->out.temporary ? to->out.temporary : to->out.path;
    const char *problem = plot_images(at, NULL, padded, &grid);
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
