/* CSV: one row a line, every cell a finite number, with or without a line of names. Values are kept
 * as float64, which holds each decimal as it was read; conversion to float happens once, per batch.
 *
 * A row is read into the place behind the last one that was kept. If it turns out that it is not to be
 * kept (where=, missing=skip), the next one overwrites it.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/words.h"
#include "data/formats/csv_columns.h"
#include "data/formats/csv_fields.h"
#include "data/formats/csv_first.h"
#include "data/formats/csv_where.h"

#define FIRST_ROWS 64
#define FIRST_BYTES 65536 /* wider rows begin with fewer */

/* A cell that is no finite number, in a row that where= may yet leave out. */
typedef struct bad_cell {
    uint64_t line; /* 0: there is none */
    size_t column, length;
    char text[80]; /* its beginning */
} bad_cell;

typedef struct csv_sheet {
    vae_context *context;
    const vae__csv_options *options;
    const char *path;
    vae__csv csv;
    vae__csv_first first;
    vae__csv_where where;
    vae__csv_columns columns;
    size_t rows, capacity;   /* kept */
    double *values, *labels; /* [capacity, columns.width], [capacity] */
    uint64_t *sources;       /* [capacity] where rows may be left out: their numbers in the file */
    uint64_t rows_read, matched; /* rows of the file; those of them that where= keeps */
    uint64_t gap_line;           /* of the first missing value, with missing=skip; 0: none yet */
    size_t gap_column;
    int has_gap; /* in the row being read */
    bad_cell bad;
    uint64_t blank_line; /* first blank line seen; it may only be followed by others */
} csv_sheet;

/* Text: no control characters among the first bytes except blanks and line ends. */
static int recognises(const unsigned char *head, size_t size, const void *own) {
    (void)own;
    for (size_t i = 0; i < size; i++) {
        int blank = head[i] == '\t' || head[i] == '\n' || head[i] == '\r';
        if ((head[i] < ' ' && !blank) || head[i] == 127) return 0;
    }
    return size > 0;
}

/* ---- memory ---- */

static size_t larger_capacity(const csv_sheet *sheet, size_t row) {
    if (sheet->capacity) return 2 * sheet->capacity;
    return row > FIRST_BYTES ? 1 : row > FIRST_BYTES / FIRST_ROWS ? FIRST_BYTES / row : FIRST_ROWS;
}

static int may_leave_out(const csv_sheet *sheet) {
    return sheet->where.count || sheet->options->missing;
}

/* The larger block for one with `size` bytes a row; NULL if there is none, and the old one stays. */
static void *grow(const csv_sheet *sheet, void *block, size_t size, size_t capacity) {
    return vae__reallocate(sheet->context, block, sheet->rows * size, capacity, size);
}

static vae_status make_room(csv_sheet *sheet) {
    if (sheet->rows < sheet->capacity) return VAE_OK;
    size_t row = sheet->columns.width * sizeof(double), capacity = larger_capacity(sheet, row);
    size_t label = sheet->columns.has_label ? sizeof(double) : 0;
    size_t source = may_leave_out(sheet) ? sizeof(uint64_t) : 0;
    vae_status status =
        vae__memory_check(sheet->context, capacity, row + label + source, sheet->path);
    if (status) return status;
    double *values = grow(sheet, sheet->values, row, capacity);
    if (!values) return vae__fail_in("%s", sheet->path);
    sheet->values = values;
    if (label) {
        double *labels = grow(sheet, sheet->labels, label, capacity);
        if (!labels) return vae__fail_in("%s", sheet->path);
        sheet->labels = labels;
    }
    if (source) {
        uint64_t *sources = grow(sheet, sheet->sources, source, capacity);
        if (!sources) return vae__fail_in("%s", sheet->path);
        sheet->sources = sources;
    }
    sheet->capacity = capacity;
    return VAE_OK;
}

/* ---- cells ---- */

/* "line 3, column 1 (from 0, named b)" */
#define PLACE_SIZE (VAE__EXCERPT_SIZE + 80)
static const char *place_text(const csv_sheet *sheet, uint64_t line, size_t column,
                              char text[PLACE_SIZE]) {
    char name[VAE__EXCERPT_SIZE] = "";
    int named = sheet->first.is_header;
    if (named) vae__excerpt(name, sheet->first.cells[column], strlen(sheet->first.cells[column]));
    vae__format(text, PLACE_SIZE, "line %llu, column %zu (from 0%s%s)", (unsigned long long)line,
                column, named ? ", named " : "", name);
    return text;
}

static vae_status fail_cell(const csv_sheet *sheet, uint64_t line, size_t column, const char *text,
                            size_t length) {
    char place[PLACE_SIZE], shown[VAE__EXCERPT_SIZE];
    vae__excerpt(shown, text, length);
    return vae__fail(VAE_ERROR_FORMAT, "%s: %s: expected a finite number%s, found %s%s%s%s",
                     sheet->path, place_text(sheet, line, column, place),
                     sheet->columns.targets[column] == VAE__CSV_LABEL ? " as label" : "",
                     length ? "'" : "an empty cell", shown, length ? "'" : "",
                     vae__csv_advise(&sheet->csv.format, text, length));
}

/* With where= the row's other cells decide whether it matters. */
static vae_status refuse_cell(csv_sheet *sheet, uint64_t line, size_t column, const char *text,
                              size_t length) {
    bad_cell *bad = &sheet->bad;
    if (!sheet->where.count) return fail_cell(sheet, line, column, text, length);
    if (bad->line) return VAE_OK;
    *bad = (bad_cell){.line = line, .column = column, .length = length};
    if (bad->length > sizeof bad->text) bad->length = sizeof bad->text;
    memcpy(bad->text, text, bad->length);
    return VAE_OK;
}

static void note_gap(csv_sheet *sheet, uint64_t line, size_t column) {
    sheet->has_gap = 1;
    if (sheet->gap_line) return;
    sheet->gap_line = line;
    sheet->gap_column = column;
}

static vae_status store_cell(csv_sheet *sheet, uint64_t line, size_t column, const char *text,
                             size_t length) {
    size_t target = sheet->columns.targets[column];
    double value;
    if (sheet->where.count) vae__csv_where_look(&sheet->where, column, text, length);
    if (target == VAE__CSV_SKIP) return VAE_OK;
    if (!vae__csv_number(&sheet->csv.format, text, length, &value) || !isfinite(value)) {
        if (!sheet->options->missing || !vae__csv_is_missing(text, length))
            return refuse_cell(sheet, line, column, text, length);
        note_gap(sheet, line, column);
        return VAE_OK;
    }
    *(target == VAE__CSV_LABEL ? &sheet->labels[sheet->rows]
                               : &sheet->values[sheet->rows * sheet->columns.width + target]) =
        value;
    return VAE_OK;
}

/* ---- rows ---- */

static vae_status begin_row(csv_sheet *sheet) {
    sheet->where.holds = 1;
    sheet->has_gap = 0;
    sheet->bad.line = 0;
    return make_room(sheet);
}

/* Keeps the row that was read, or leaves it out. */
static vae_status end_row(csv_sheet *sheet) {
    const bad_cell *bad = &sheet->bad;
    uint64_t number = sheet->rows_read++;
    if (!sheet->where.holds) return VAE_OK;
    sheet->matched++;
    if (bad->line) return fail_cell(sheet, bad->line, bad->column, bad->text, bad->length);
    if (sheet->has_gap) return VAE_OK;
    if (sheet->sources) sheet->sources[sheet->rows] = number;
    sheet->rows++;
    return VAE_OK;
}

static vae_status store_first(csv_sheet *sheet) {
    const vae__csv_first *first = &sheet->first;
    vae_status status = begin_row(sheet);
    for (size_t i = 0; !status && i < first->fields; i++)
        status = store_cell(sheet, first->line, i, first->cells[i], strlen(first->cells[i]));
    if (!status) status = end_row(sheet);
    return status;
}

static vae_status fail_count(const csv_sheet *sheet, uint64_t line, size_t found,
                             const char *or_more) {
    return vae__fail(
        VAE_ERROR_FORMAT, "%s: line %llu: expected %zu field%s as in line %llu, found %zu%s",
        sheet->path, (unsigned long long)line, sheet->first.fields,
        vae__plural(sheet->first.fields), (unsigned long long)sheet->first.line, found, or_more);
}

static vae_status read_record(csv_sheet *sheet, int *end) {
    vae__csv *csv = &sheet->csv;
    vae__csv_kind kind;
    uint64_t line = csv->line;
    size_t column = 0;
    do {
        vae_status status = vae__csv_next(csv, &kind);
        if (status) return status;
        *end = kind == VAE__CSV_END;
        if (*end) return VAE_OK;
        if (!column) line = csv->field_line;
        if (!column && vae__csv_is_blank(csv, kind)) {
            if (!sheet->blank_line) sheet->blank_line = line;
            return VAE_OK;
        }
        if (!column) {
            status = sheet->blank_line ? vae__csv_fail_blank(sheet->path, sheet->blank_line)
                                       : begin_row(sheet);
        }
        if (!status && column == sheet->first.fields)
            status = fail_count(sheet, line, column + 1, " or more");
        if (!status) status = store_cell(sheet, csv->field_line, column, csv->field, csv->length);
        if (status) return status;
        column++;
    } while (kind == VAE__CSV_FIELD);
    return column < sheet->first.fields ? fail_count(sheet, line, column, "") : end_row(sheet);
}

static vae_status fail_no_rows(const csv_sheet *sheet) {
    char name[VAE__EXCERPT_SIZE], place[PLACE_SIZE];
    size_t i = vae__csv_first_find_name(&sheet->first);
    if (sheet->rows_read && !sheet->matched)
        return vae__csv_where_fail(&sheet->where, &sheet->first, sheet->rows_read);
    if (sheet->rows_read) {
        return vae__fail(VAE_ERROR_DATA,
                         "%s: missing=skip leaves no row: each of %llu has a missing value, the "
                         "first in %s; leave columns out with columns=[..]",
                         sheet->path, (unsigned long long)sheet->matched,
                         place_text(sheet, sheet->gap_line, sheet->gap_column, place));
    }
    if (i == sheet->first.fields)
        return vae__fail(VAE_ERROR_FORMAT, "%s: expected rows, found a header only", sheet->path);
    vae__excerpt(name, sheet->first.cells[i], strlen(sheet->first.cells[i]));
    return vae__fail(VAE_ERROR_FORMAT,
                     "%s: expected rows, found a header only (column %zu, from 0, is '%s')",
                     sheet->path, i, name);
}

/* What was left out is said once. */
static void report_left_out(const csv_sheet *sheet) {
    char place[PLACE_SIZE];
    if (sheet->where.count) {
        vae__log(sheet->context, VAE_LOG_INFO, "%s: where= keeps %llu of %llu rows", sheet->path,
                 (unsigned long long)sheet->matched, (unsigned long long)sheet->rows_read);
    }
    if (sheet->matched == sheet->rows) return;
    vae__log(sheet->context, VAE_LOG_INFO,
             "%s: missing=skip leaves out %llu of %llu rows; the first missing value is in %s",
             sheet->path, (unsigned long long)(sheet->matched - sheet->rows),
             (unsigned long long)sheet->matched,
             place_text(sheet, sheet->gap_line, sheet->gap_column, place));
}

static vae_status read_rows(csv_sheet *sheet) {
    int end = 0;
    vae_status status = sheet->first.is_header ? VAE_OK : store_first(sheet);
    while (!status && !end) status = read_record(sheet, &end);
    if (status) return status;
    if (!sheet->rows) return fail_no_rows(sheet);
    report_left_out(sheet);
    return VAE_OK;
}

/* ---- the table ---- */

/* Releases the memory that growing left over. */
static vae_status trim(csv_sheet *sheet) {
    size_t row = sheet->columns.width * sizeof(double);
    if (sheet->rows == sheet->capacity || vae__memory_left(sheet->context) / 2 / row < sheet->rows)
        return VAE_OK;
    double *values = grow(sheet, sheet->values, row, sheet->rows);
    if (!values) return vae__fail_in("%s", sheet->path);
    sheet->values = values;
    return VAE_OK;
}

/* The header's names in the order of a row's columns: pointers, then the texts, in one block. */
static vae_status keep_names(const csv_sheet *sheet, vae__table *out) {
    const vae__csv_first *first = &sheet->first;
    size_t bytes = sheet->columns.width * sizeof *out->names, used = bytes;
    if (!first->is_header) return VAE_OK;
    for (size_t i = 0; i < first->fields; i++) bytes += strlen(first->cells[i]) + 1;
    char *block = vae__allocate(sheet->context, bytes, 1);
    if (!block) return vae__fail_in("%s", sheet->path);
    out->names = (char **)(void *)block;
    for (size_t i = 0; i < first->fields; i++) {
        size_t target = sheet->columns.targets[i], size = strlen(first->cells[i]) + 1;
        if (target >= VAE__CSV_LABEL) continue;
        out->names[target] = memcpy(block + used, first->cells[i], size);
        used += size;
    }
    return VAE_OK;
}

static vae_status hand_over(csv_sheet *sheet, vae__table *out) {
    const uint64_t extents[] = {sheet->rows, sheet->columns.width};
    vae_status status = trim(sheet);
    if (!status) status = keep_names(sheet, out);
    out->element = VAE__ELEMENT_FLOAT64;
    if (!status) status = vae__table_set_extents(out, extents, 2, sheet->path);
    if (status) return status;
    out->values = sheet->values;
    out->labels = sheet->labels;
    out->label_width = sheet->columns.has_label ? 1 : 0;
    sheet->values = sheet->labels = NULL;
    if (sheet->rows == sheet->rows_read) return VAE_OK;
    out->source_rows = sheet->rows_read;
    out->sources = sheet->sources;
    sheet->sources = NULL;
    return VAE_OK;
}

static vae_status read_csv(vae_context *context, vae__input *input,
                           const vae__format_request *request, const void *own, vae__table *out) {
    vae__csv_options options = own ? *(const vae__csv_options *)own : (vae__csv_options){0};
    options.as_labels = request->as_labels;
    options.label_column = request->label_column;
    csv_sheet sheet = {.context = context,
                       .options = &options,
                       .path = vae__reader_path(input->reader),
                       .first.context = context,
                       .where.context = context,
                       .columns.context = context};
    vae_status status = vae__csv_open(context, input, &options, &sheet.csv);
    if (!status) status = vae__csv_first_read(context, &sheet.csv, &options, &sheet.first);
    if (!status) status = vae__csv_where_open(context, &sheet.first, &options.where, &sheet.where);
    if (!status) {
        status =
            vae__csv_columns_place(context, &sheet.first, &options, &sheet.where, &sheet.columns);
    }
    if (!status) status = read_rows(&sheet);
    if (!status) status = hand_over(&sheet, out);
    vae__release(context, sheet.values);
    vae__release(context, sheet.labels);
    vae__release(context, sheet.sources);
    vae__csv_columns_free(&sheet.columns);
    vae__csv_where_free(&sheet.where);
    vae__csv_first_free(&sheet.first);
    vae__csv_close(&sheet.csv);
    return status;
}

const vae__file_format vae__format_csv = {
    .name = "CSV",
    .recognises = recognises,
    .read = read_csv,
    .takes_label_column = 1,
    .options = {.options = vae__csv_option_entries},
    .options_size = sizeof(vae__csv_options),
    .check_options = vae__csv_options_check,
    .given = vae__csv_options_given,
};
