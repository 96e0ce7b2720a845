/* CSV: one row a line, every cell a finite number, with or without a line of names. Values are kept
 * as float64, which holds each decimal as it was read; conversion to float happens once, per batch.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/words.h"
#include "data/csv_fields.h"
#include "data/csv_first.h"
#include "data/source.h"

#define FIRST_ROWS 64
#define FIRST_BYTES 65536 /* wider rows begin with fewer */
#define SKIP SIZE_MAX     /* targets of columns that are no part of a row */
#define LABEL (SIZE_MAX - 1)

typedef struct csv_sheet {
    vae_context *context;
    const vae__source_options *options;
    const char *path;
    vae__csv csv;
    vae__csv_first first;
    size_t *targets; /* [first.fields] where a column goes in a row, or LABEL, or SKIP */
    size_t width, rows, capacity;
    int has_label;
    double *values, *labels; /* [capacity, width], [capacity] */
    uint64_t blank_line;     /* first blank line seen; it may only be followed by others */
} csv_sheet;

/* Text: no control characters among the first bytes except blanks and line ends. */
static int recognises(const unsigned char *head, size_t size) {
    for (size_t i = 0; i < size; i++) {
        int blank = head[i] == '\t' || head[i] == '\n' || head[i] == '\r';
        if ((head[i] < ' ' && !blank) || head[i] == 127) return 0;
    }
    return size > 0;
}

/* ---- which column goes where ---- */

/* The names of the header as columns= takes them: in quotes where they hold what lists are made of. */
static void list_names(const csv_sheet *sheet, char *names, size_t size) {
    char name[VAE__EXCERPT_SIZE];
    size_t used = 0, i = 0;
    for (; i < sheet->first.fields && used + VAE__EXCERPT_SIZE + 2 < size; i++) {
        const char *text = vae__excerpt(name, sheet->first.cells[i], strlen(sheet->first.cells[i]));
        const char *quote = !*text || strpbrk(text, ",[]#") ? "\"" : "";
        used +=
            vae__format(names + used, size - used, "%s%s%s%s", i ? ", " : "", quote, text, quote);
    }
    if (i < sheet->first.fields) vae__format(names + used, size - used, ", ...");
}

static vae_status fail_no_column(const csv_sheet *sheet, const char *option, const char *wanted) {
    char names[400] = "", suggestion[VAE__SUGGESTION_SIZE];
    if (!sheet->first.is_header) {
        return vae__fail(
            VAE_ERROR_TEXT,
            "options: %s: %s has no column '%s' (it has no header; columns are 0 to %zu)", option,
            sheet->path, wanted, sheet->first.fields - 1);
    }
    const char *nearest = vae__nearest_name(wanted, strlen(wanted), sheet->first.cells);
    list_names(sheet, names, sizeof names);
    return vae__fail(VAE_ERROR_TEXT, "options: %s: %s has no column '%s'%s (its columns: %s)",
                     option, sheet->path, wanted, vae__suggestion(suggestion, nearest), names);
}

/* A name of the header, else a number from 0, which a text in quotes never is. */
static vae_status find_column(const csv_sheet *sheet, const char *option, const char *text,
                              size_t length, int quoted, size_t *column) {
    char wanted[VAE__EXCERPT_SIZE];
    uint64_t number;
    size_t matches = 0;
    for (size_t i = 0; sheet->first.is_header && i < sheet->first.fields; i++) {
        if (strlen(sheet->first.cells[i]) != length || memcmp(sheet->first.cells[i], text, length))
            continue;
        if (!matches++) *column = i;
    }
    vae__excerpt(wanted, text, length);
    if (matches > 1) {
        return vae__fail(VAE_ERROR_TEXT,
                         "options: %s: %s has %zu columns '%s'; name it by its number from 0",
                         option, sheet->path, matches, wanted);
    }
    if (matches) return VAE_OK;
    if (quoted || !vae__parse_unsigned(text, length, &number) || number >= sheet->first.fields) {
        return fail_no_column(sheet, option, wanted);
    }
    *column = (size_t)number;
    return VAE_OK;
}

static vae_status place_listed(csv_sheet *sheet) {
    const char *text = sheet->options->columns;
    vae__slice value = {"options: columns", text, text, strlen(text)}, rest, item;
    int quoted;
    vae_status status = vae__list_open(&value, "[temperature, pressure]", &rest);
    while (!status && vae__list_next(&rest, &item, &quoted)) {
        size_t column = 0;
        status = find_column(sheet, "columns", item.text, item.length, quoted, &column);
        if (status) return status;
        if (sheet->targets[column] != SKIP) {
            char shown[VAE__EXCERPT_SIZE];
            return vae__fail(VAE_ERROR_TEXT, "options: columns: '%s' %s",
                             vae__excerpt(shown, item.text, item.length),
                             sheet->targets[column] == LABEL ? "is the label column"
                                                             : "is given twice");
        }
        sheet->targets[column] = sheet->width++;
    }
    return status;
}

/* columns=[..] of the columns that have a name, as far as there is room for them. */
static void suggest_columns(const csv_sheet *sheet, char *list, size_t size) {
    size_t used = vae__format(list, size, "columns=[");
    const char *comma = "";
    for (size_t i = 0; i < sheet->first.fields; i++) {
        const char *name = sheet->first.cells[i];
        if (sheet->targets[i] == LABEL || !*name) continue;
        if (used + strlen(name) + sizeof ", \"\", ..]" > size) {
            used += vae__format(list + used, size - used, "%s..", comma);
            break;
        }
        const char *quote = strpbrk(name, ",[]#\"") ? "\"" : "";
        used += vae__format(list + used, size - used, "%s%s%s%s", comma, quote, name, quote);
        comma = ", ";
    }
    vae__format(list + used, size - used, "]");
}

/* Without columns= every column is a value of a row, also one without a name, which most often is an
 * index. With header=yes that is what was asked for. */
static vae_status check_names(const csv_sheet *sheet) {
    char list[300];
    size_t i = 0;
    if (!sheet->first.is_header || sheet->options->header || sheet->options->columns) return VAE_OK;
    while (i < sheet->first.fields && (*sheet->first.cells[i] || sheet->targets[i] == LABEL)) i++;
    if (i == sheet->first.fields) return VAE_OK;
    suggest_columns(sheet, list, sizeof list);
    return vae__fail(VAE_ERROR_FORMAT,
                     "%s: line %llu: column %zu (from 0) has no name, as the index of a table that "
                     "pandas writes; %s%s",
                     sheet->path, (unsigned long long)sheet->first.line, i,
                     sheet->options->as_labels
                         ? "save the labels without it (index=False)"
                         : "name the columns that make a row, or use all with header=yes: ",
                     sheet->options->as_labels ? "" : list);
}

static vae_status place_columns(csv_sheet *sheet) {
    const char *label = sheet->options->label_column;
    vae_status status = VAE_OK;
    sheet->targets = vae__allocate(sheet->context, sheet->first.fields, sizeof *sheet->targets);
    if (!sheet->targets) return vae__fail_in("%s", sheet->path);
    for (size_t i = 0; i < sheet->first.fields; i++) sheet->targets[i] = SKIP;
    if (label) {
        size_t column = 0;
        status = find_column(sheet, "labels", label, strlen(label), 0, &column);
        if (status) return status;
        sheet->targets[column] = LABEL;
        sheet->has_label = 1;
    }
    if (sheet->options->columns) {
        status = place_listed(sheet);
    } else {
        for (size_t i = 0; i < sheet->first.fields; i++) {
            if (sheet->targets[i] == SKIP) sheet->targets[i] = sheet->width++;
        }
    }
    if (status) return status;
    if (sheet->width) return check_names(sheet);
    return vae__fail(VAE_ERROR_TEXT, "options: no column of %s is left for the rows", sheet->path);
}

/* ---- cells ---- */

static size_t larger_capacity(const csv_sheet *sheet, size_t row) {
    if (sheet->capacity) return 2 * sheet->capacity;
    return row > FIRST_BYTES ? 1 : row > FIRST_BYTES / FIRST_ROWS ? FIRST_BYTES / row : FIRST_ROWS;
}

static vae_status make_room(csv_sheet *sheet) {
    if (sheet->rows < sheet->capacity) return VAE_OK;
    size_t row = sheet->width * sizeof(double), capacity = larger_capacity(sheet, row);
    vae_status status = vae__memory_check(sheet->context, capacity,
                                          row + sheet->has_label * sizeof(double), sheet->path);
    if (status) return status;
    double *values =
        vae__reallocate(sheet->context, sheet->values, sheet->rows * row, capacity, row);
    if (!values) return vae__fail_in("%s", sheet->path);
    sheet->values = values;
    if (sheet->has_label) {
        size_t used = sheet->rows * sizeof(double);
        double *labels =
            vae__reallocate(sheet->context, sheet->labels, used, capacity, sizeof(double));
        if (!labels) return vae__fail_in("%s", sheet->path);
        sheet->labels = labels;
    }
    sheet->capacity = capacity;
    return VAE_OK;
}

/* What to do about a cell that is no number, where that can be known. */
static const char *advise(const char *text, size_t length) {
    size_t plain = strspn(text, "0123456789.,+-eE' ");
    const char *comma = memchr(text, ',', length);
    if (vae__csv_is_missing(text, length))
        return "; rows with missing values have to be filled in or left out";
    if (memchr(text, ';', length)) return "; if ';' separates the fields, write it with commas";
    if (comma && plain == length)
        return "; numbers have a point, no decimal comma and no separator of thousands";
    return "";
}

static vae_status fail_cell(const csv_sheet *sheet, uint64_t line, size_t column, const char *text,
                            size_t length) {
    char name[VAE__EXCERPT_SIZE] = "", shown[VAE__EXCERPT_SIZE];
    int named = sheet->first.is_header;
    if (named) vae__excerpt(name, sheet->first.cells[column], strlen(sheet->first.cells[column]));
    vae__excerpt(shown, text, length);
    return vae__fail(
        VAE_ERROR_FORMAT,
        "%s: line %llu, column %zu (from 0%s%s): expected a finite number%s, found %s%s%s%s",
        sheet->path, (unsigned long long)line, column, named ? ", named " : "", name,
        sheet->targets[column] == LABEL ? " as label" : "", length ? "'" : "an empty cell", shown,
        length ? "'" : "", advise(text, length));
}

static vae_status store_cell(csv_sheet *sheet, uint64_t line, size_t column, const char *text,
                             size_t length) {
    size_t target = sheet->targets[column];
    double value;
    if (target == SKIP) return VAE_OK;
    if (!vae__parse_real(text, length, &value) || !isfinite(value)) {
        return fail_cell(sheet, line, column, text, length);
    }
    *(target == LABEL ? &sheet->labels[sheet->rows]
                      : &sheet->values[sheet->rows * sheet->width + target]) = value;
    return VAE_OK;
}

static vae_status store_first(csv_sheet *sheet) {
    vae_status status = make_room(sheet);
    for (size_t i = 0; !status && i < sheet->first.fields; i++) {
        status = store_cell(sheet, sheet->first.line, i, sheet->first.cells[i],
                            strlen(sheet->first.cells[i]));
    }
    if (!status) sheet->rows++;
    return status;
}

static vae_status fail_count(const csv_sheet *sheet, uint64_t line, size_t found,
                             const char *or_more) {
    return vae__fail(
        VAE_ERROR_FORMAT, "%s: line %llu: expected %zu field%s as in line %llu, found %zu%s",
        sheet->path, (unsigned long long)line, sheet->first.fields,
        vae__plural(sheet->first.fields), (unsigned long long)sheet->first.line, found, or_more);
}

static vae_status begin_record(csv_sheet *sheet) {
    return sheet->blank_line ? vae__csv_fail_blank(sheet->path, sheet->blank_line)
                             : make_room(sheet);
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
        if (!column && vae__csv_is_blank(csv, kind)) {
            if (!sheet->blank_line) sheet->blank_line = line;
            return VAE_OK;
        }
        if (!column) status = begin_record(sheet);
        if (!status && column == sheet->first.fields)
            status = fail_count(sheet, line, column + 1, " or more");
        if (!status) status = store_cell(sheet, csv->field_line, column, csv->field, csv->length);
        if (status) return status;
        column++;
    } while (kind == VAE__CSV_FIELD);
    if (column < sheet->first.fields) return fail_count(sheet, line, column, "");
    sheet->rows++;
    return VAE_OK;
}

static vae_status fail_no_rows(const csv_sheet *sheet) {
    char name[VAE__EXCERPT_SIZE];
    size_t i = vae__csv_first_find_name(&sheet->first);
    if (i == sheet->first.fields)
        return vae__fail(VAE_ERROR_FORMAT, "%s: expected rows, found a header only", sheet->path);
    vae__excerpt(name, sheet->first.cells[i], strlen(sheet->first.cells[i]));
    return vae__fail(VAE_ERROR_FORMAT,
                     "%s: expected rows, found a header only (column %zu, from 0, is '%s')",
                     sheet->path, i, name);
}

static vae_status read_rows(csv_sheet *sheet) {
    int end = 0;
    vae_status status = sheet->first.is_header ? VAE_OK : store_first(sheet);
    while (!status && !end) status = read_record(sheet, &end);
    if (status || sheet->rows) return status;
    return fail_no_rows(sheet);
}

/* ---- the table ---- */

/* Gives back the room that growing left over. */
static vae_status trim(csv_sheet *sheet) {
    size_t row = sheet->width * sizeof(double);
    if (sheet->rows == sheet->capacity || vae__memory_left(sheet->context) / 2 / row < sheet->rows)
        return VAE_OK;
    double *values =
        vae__reallocate(sheet->context, sheet->values, sheet->rows * row, sheet->rows, row);
    if (!values) return vae__fail_in("%s", sheet->path);
    sheet->values = values;
    return VAE_OK;
}

/* The header's names in the order of a row's columns: pointers, then the texts, in one block. */
static vae_status keep_names(const csv_sheet *sheet, vae__table *out) {
    const vae__csv_first *first = &sheet->first;
    size_t bytes = sheet->width * sizeof *out->names, used = bytes;
    if (!first->is_header) return VAE_OK;
    for (size_t i = 0; i < first->fields; i++) bytes += strlen(first->cells[i]) + 1;
    char *block = vae__allocate(sheet->context, bytes, 1);
    if (!block) return vae__fail_in("%s", sheet->path);
    out->names = (char **)(void *)block;
    for (size_t i = 0; i < first->fields; i++) {
        size_t target = sheet->targets[i], size = strlen(first->cells[i]) + 1;
        if (target == SKIP || target == LABEL) continue;
        out->names[target] = memcpy(block + used, first->cells[i], size);
        used += size;
    }
    return VAE_OK;
}

static vae_status hand_over(csv_sheet *sheet, vae__table *out) {
    const uint64_t extents[] = {sheet->rows, sheet->width};
    vae_status status = trim(sheet);
    if (!status) status = keep_names(sheet, out);
    out->element = VAE__ELEMENT_FLOAT64;
    if (!status) status = vae__table_set_extents(out, extents, 2, sheet->path);
    if (status) return status;
    out->values = sheet->values;
    out->labels = sheet->labels;
    out->label_width = sheet->has_label ? 1 : 0;
    sheet->values = sheet->labels = NULL;
    return VAE_OK;
}

static vae_status read_csv(vae_context *context, vae__reader *reader, const unsigned char *head,
                           size_t head_size, const vae__source_options *options, vae__table *out) {
    const vae__input input = {reader, head, head_size};
    csv_sheet sheet = {.context = context,
                       .options = options,
                       .path = vae__reader_path(reader),
                       .first.context = context};
    vae_status status = vae__csv_open(context, &input, &sheet.csv);
    if (!status) status = vae__csv_first_read(context, &sheet.csv, options, &sheet.first);
    if (!status) status = place_columns(&sheet);
    if (!status) status = read_rows(&sheet);
    if (!status) status = hand_over(&sheet, out);
    vae__release(context, sheet.values);
    vae__release(context, sheet.labels);
    vae__release(context, sheet.targets);
    vae__csv_first_free(&sheet.first);
    vae__csv_close(&sheet.csv);
    return status;
}

const vae__file_format vae__format_csv = {"CSV", 1, recognises, read_csv};
