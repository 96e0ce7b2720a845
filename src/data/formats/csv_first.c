/* The first record of a CSV file: a header or already a row, and the names of the columns. Decides from
 * the cells alone, and refuses with advice where they fit neither. */
#include "data/formats/csv_first.h"

#include <stdint.h>
#include <string.h>

vae_status vae__csv_fail_blank(const char *path, uint64_t line) {
    return vae__fail(VAE_ERROR_FORMAT, "%s: line %llu: expected a row, found a blank line", path,
                     (unsigned long long)line);
}

/* ---- what a cell is ---- */

static int is_number(const vae__csv_first *first, size_t column) {
    double value;
    const char *cell = first->cells[column];
    return vae__csv_number(&first->format, cell, strlen(cell), &value);
}

/* A missing value rather than a name. Words in other cases than these may be names: na, none. */
static int is_missing(const char *cell) {
    static const char *const words[] = {"NA", "N/A", "n/a", "#N/A", "NULL", "null", "None"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (!strcmp(words[i], cell)) return 1;
    }
    return vae__csv_is_signs(cell, strlen(cell));
}

size_t vae__csv_first_find_name(const vae__csv_first *first) {
    size_t i = 0;
    while (i < first->fields && (!*first->cells[i] || is_number(first, i))) i++;
    return i;
}

/* ---- what the record is ---- */

/* 1,5;2,5 are two numbers with decimal commas: each cell is a number or holds ';'. */
static int holds_decimal_commas(const vae__csv_first *first) {
    size_t semicolons = 0;
    for (size_t i = 0; i < first->fields; i++) {
        int semicolon = strchr(first->cells[i], ';') != NULL;
        if (!semicolon && !is_number(first, i)) return 0;
        semicolons += (size_t)semicolon;
    }
    return semicolons > 0;
}

/* The separator that the record seems to have instead of commas, which nobody asked for, else 0.
 * Numbers with blanks between them are what numpy.savetxt writes. */
static char find_separator(const vae__csv_first *first) {
    const char *cell = first->cells[0], *at = strpbrk(cell, ";\t|");
    size_t words = 0;
    if (first->any_quoted || !first->format.guessed) return 0;
    if (first->format.point == ',')
        return first->fields == 1 && strchr(cell, ',') && !is_number(first, 0) ? ',' : 0;
    if (first->format.separator != ',') return 0;
    if (first->fields > 1) return holds_decimal_commas(first) ? ';' : 0;
    if (at) return *at;
    for (at = cell; *at; words++) {
        double value;
        size_t length = strcspn(at, " ");
        if (!vae__parse_real(at, length, &value)) return 0;
        at += length + strspn(at + length, " ");
    }
    return words > 1 ? ' ' : 0;
}

/* 0, 1, 2, ..: names that pandas gives to columns without any. */
static int counts_from_0(const vae__csv_first *first) {
    for (size_t i = 0; i < first->fields; i++) {
        uint64_t number;
        const char *cell = first->cells[i];
        if (!vae__parse_unsigned(cell, strlen(cell), &number) || number != i) return 0;
    }
    return 1;
}

/* `ask`: what the caller can say to decide. */
static vae_status fail_mixed(const vae__csv_first *first, const char *ask) {
    char number[VAE__EXCERPT_SIZE], other[VAE__EXCERPT_SIZE];
    size_t i = 0, j = 0;
    while (!is_number(first, i)) i++;
    while (is_number(first, j)) j++;
    vae__excerpt(number, first->cells[i], strlen(first->cells[i]));
    vae__excerpt(other, first->cells[j], strlen(first->cells[j]));
    return vae__fail(VAE_ERROR_FORMAT,
                     "%s: line %llu: expected names only or numbers only, found the number '%s' in "
                     "column %zu (from 0) and %s%s%s in column %zu; %s%s",
                     first->path, (unsigned long long)first->line, number, i,
                     *other ? "'" : "an empty cell", other, *other ? "'" : "", j, ask,
                     *first->cells[0] ? ""
                                      : "; an index, which pandas writes without a name, is left "
                                        "out by columns=[..] with the other names");
}

static vae_status judge(vae__csv_first *first, const vae__csv_options *options) {
    const unsigned long long line = first->line;
    size_t numbers = 0, missing = 0;
    for (size_t i = 0; i < first->fields; i++) {
        int number = is_number(first, i);
        numbers += (size_t)number;
        missing += (size_t)(!number && is_missing(first->cells[i]));
    }
    const char *ask = options->as_labels
                          ? "a file of labels begins with names only or with numbers only"
                          : "say header=yes if the line holds names, header=no if it is a row (and "
                            "columns=[..] if only some columns are numbers)";
    first->is_header = !numbers;
    if (numbers && numbers < first->fields) return fail_mixed(first, ask);
    if (missing == first->fields) {
        char found[VAE__EXCERPT_SIZE];
        return vae__fail(VAE_ERROR_FORMAT,
                         "%s: line %llu: expected names or numbers, found missing values only, "
                         "'%s' in column 0; %s",
                         first->path, line,
                         vae__excerpt(found, first->cells[0], strlen(first->cells[0])), ask);
    }
    /* A wrong guess about labels is noticed: there would be another number of them than of rows. */
    if (!numbers || options->as_labels || !counts_from_0(first)) return VAE_OK;
    if (first->fields == 1) {
        return vae__fail(VAE_ERROR_FORMAT,
                         "%s: line %llu: 0 may be a row or a name, which pandas gives to a column "
                         "without one; %s",
                         first->path, line, ask);
    }
    return vae__fail(VAE_ERROR_FORMAT,
                     "%s: line %llu: 0 to %zu may be a row or names, which pandas gives to columns "
                     "without any; %s",
                     first->path, line, first->fields - 1, ask);
}

/* ---- reading ---- */

static vae_status read_cells(vae__csv *csv, vae__csv_first *first) {
    vae__csv_kind kind;
    do {
        vae_status status = vae__csv_next(csv, &kind);
        if (status) return status;
        if (kind == VAE__CSV_END) {
            return vae__fail(VAE_ERROR_FORMAT, "%s: expected rows, found an empty file",
                             first->path);
        }
        if (!first->fields) first->line = csv->field_line;
        if (!first->fields && vae__csv_is_blank(csv, kind))
            return vae__csv_fail_blank(first->path, first->line);
        vae__append_bytes(&first->text, csv->field, csv->length + 1);
        if (first->text.failed) return vae__fail_in("%s", first->path);
        first->any_quoted |= csv->quoted;
        first->fields++;
    } while (kind == VAE__CSV_FIELD);
    return VAE_OK;
}

vae_status vae__csv_first_read(vae_context *context, vae__csv *csv, const vae__csv_options *options,
                               vae__csv_first *first) {
    *first = (vae__csv_first){
        .context = context, .path = vae__reader_path(csv->input.reader), .text.context = context};
    first->format = csv->format;
    vae_status status = read_cells(csv, first);
    if (status) return status;
    /* One more, which stays NULL: the end of the names that vae__nearest_name looks at. */
    first->cells = vae__allocate(context, first->fields + 1, sizeof *first->cells);
    if (!first->cells) return vae__fail_in("%s", first->path);
    const char *cell = first->text.text;
    for (size_t i = 0; i < first->fields; i++, cell += strlen(cell) + 1) first->cells[i] = cell;
    first->is_header = options->header == 1;
    char separator = find_separator(first);
    if (separator) return vae__csv_fail_separator(csv, first->line, separator);
    return options->header ? VAE_OK : judge(first, options);
}

void vae__csv_first_free(vae__csv_first *first) {
    vae__release(first->context, first->cells);
    vae__buffer_free(&first->text);
    first->cells = NULL;
}
