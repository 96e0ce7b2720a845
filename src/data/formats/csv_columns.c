/* The header's names and the options columns=, labels= and where= decide; no cell is looked at. */
#include "data/formats/csv_columns.h"

#include <stdint.h>
#include <string.h>

#include "base/words.h"

/* ---- finding ---- */

/* The names of the header as columns= takes them: in quotes where they hold what lists are made of. */
static void list_names(const vae__csv_first *first, char *names, size_t size) {
    char name[VAE__EXCERPT_SIZE];
    size_t used = 0, i = 0;
    for (; i < first->fields && used + VAE__EXCERPT_SIZE + 2 < size; i++) {
        const char *text = vae__excerpt(name, first->cells[i], strlen(first->cells[i]));
        const char *quote = !*text || strpbrk(text, ",[]#") ? "\"" : "";
        used +=
            vae__format(names + used, size - used, "%s%s%s%s", i ? ", " : "", quote, text, quote);
    }
    if (i < first->fields) vae__format(names + used, size - used, ", ...");
}

static vae_status fail_no_column(const vae__csv_first *first, const char *option,
                                 const char *wanted) {
    char names[400] = "", suggestion[VAE__SUGGESTION_SIZE];
    if (!first->is_header) {
        return vae__fail(
            VAE_ERROR_TEXT,
            "options: %s: %s has no column '%s' (it has no header; columns are 0 to %zu)", option,
            first->path, wanted, first->fields - 1);
    }
    const char *nearest = vae__nearest_name(wanted, strlen(wanted), first->cells);
    list_names(first, names, sizeof names);
    return vae__fail(VAE_ERROR_TEXT, "options: %s: %s has no column '%s'%s (its columns: %s)",
                     option, first->path, wanted, vae__suggestion(suggestion, nearest), names);
}

vae_status vae__csv_find_column(const vae__csv_first *first, const char *option, const char *text,
                                size_t length, int quoted, size_t *column) {
    char wanted[VAE__EXCERPT_SIZE];
    uint64_t number;
    size_t matches = 0, names = first->is_header ? first->fields : 0;
    for (size_t i = 0; i < names; i++) {
        if (strlen(first->cells[i]) != length || memcmp(first->cells[i], text, length)) continue;
        if (!matches++) *column = i;
    }
    vae__excerpt(wanted, text, length);
    if (matches > 1) {
        return vae__fail(VAE_ERROR_TEXT,
                         "options: %s: %s has %zu columns '%s'; name it by its number from 0",
                         option, first->path, matches, wanted);
    }
    if (matches) return VAE_OK;
    if (quoted || !vae__parse_unsigned(text, length, &number) || number >= first->fields) {
        return fail_no_column(first, option, wanted);
    }
    *column = (size_t)number;
    return VAE_OK;
}

/* ---- placing ---- */

typedef struct placing {
    const vae__csv_first *first;
    const vae__csv_options *options;
    vae__csv_columns *columns;
} placing;

static vae_status place_listed(const placing *p) {
    const vae__slice *list = &p->options->columns;
    vae__slice value = {"options: columns", list->text, list->text, list->length}, rest, item;
    int quoted;
    vae_status status = vae__list_open(&value, "[temperature, pressure]", &rest);
    while (!status && vae__list_next(&rest, &item, &quoted)) {
        size_t column = 0;
        status = vae__csv_find_column(p->first, "columns", item.text, item.length, quoted, &column);
        if (status) return status;
        if (p->columns->targets[column] != VAE__CSV_SKIP) {
            char shown[VAE__EXCERPT_SIZE];
            return vae__fail(VAE_ERROR_TEXT, "options: columns: '%s' %s",
                             vae__excerpt(shown, item.text, item.length),
                             p->columns->targets[column] == VAE__CSV_LABEL ? "is the label column"
                                                                           : "is given twice");
        }
        p->columns->targets[column] = p->columns->width++;
    }
    return status;
}

static int is_in_row(const placing *p, size_t column) {
    return p->columns->targets[column] < VAE__CSV_LABEL;
}

/* columns=[..] of the columns that have a name, as far as there is room for them. */
static void suggest_columns(const placing *p, char *list, size_t size) {
    size_t used = vae__format(list, size, "columns=[");
    const char *comma = "";
    for (size_t i = 0; i < p->first->fields; i++) {
        const char *name = p->first->cells[i];
        if (!is_in_row(p, i) || !*name) continue;
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

/* Without columns= a column without a name is a value of a row too, which most often is an index. With
 * header=yes that is what was asked for. */
static vae_status check_names(const placing *p) {
    const vae__csv_first *first = p->first;
    char list[300];
    size_t i = 0;
    if (!first->is_header || p->options->header || p->options->columns.text) return VAE_OK;
    while (i < first->fields && (*first->cells[i] || !is_in_row(p, i))) i++;
    if (i == first->fields) return VAE_OK;
    suggest_columns(p, list, sizeof list);
    return vae__fail(VAE_ERROR_FORMAT,
                     "%s: line %llu: column %zu (from 0) has no name, as the index of a table that "
                     "pandas writes; %s%s",
                     first->path, (unsigned long long)first->line, i,
                     p->options->as_labels
                         ? "save the labels without it (index=False)"
                         : "name the columns that make a row, or use all with header=yes: ",
                     p->options->as_labels ? "" : list);
}

static int is_left_out(const vae__csv_where *where, size_t column) {
    for (size_t i = 0; i < where->count; i++) {
        if (where->conditions[i].column == column &&
            vae__csv_where_leaves_out(&where->conditions[i]))
            return 1;
    }
    return 0;
}

static void place_all(const placing *p, const vae__csv_where *where) {
    vae__csv_columns *columns = p->columns;
    for (size_t i = 0; i < p->first->fields; i++) {
        if (columns->targets[i] != VAE__CSV_SKIP) continue;
        if (!is_left_out(where, i)) {
            columns->targets[i] = columns->width++;
            continue;
        }
        vae__log(columns->context, VAE_LOG_INFO,
                 "%s: column %zu (from 0%s%s) is not part of the rows, since where= compares it; "
                 "columns=[..] can name it",
                 p->first->path, i, p->first->is_header ? ", named " : "",
                 p->first->is_header ? p->first->cells[i] : "");
    }
}

vae_status vae__csv_columns_place(vae_context *context, const vae__csv_first *first,
                                  const vae__csv_options *options, const vae__csv_where *where,
                                  vae__csv_columns *columns) {
    const placing p = {first, options, columns};
    const char *label = options->label_column;
    vae_status status = VAE_OK;
    *columns = (vae__csv_columns){.context = context};
    columns->targets = vae__allocate(context, first->fields, sizeof *columns->targets);
    if (!columns->targets) return vae__fail_in("%s", first->path);
    for (size_t i = 0; i < first->fields; i++) columns->targets[i] = VAE__CSV_SKIP;
    if (label) {
        size_t column = 0;
        status = vae__csv_find_column(first, "labels", label, strlen(label), 0, &column);
        if (status) return status;
        columns->targets[column] = VAE__CSV_LABEL;
        columns->has_label = 1;
    }
    if (options->columns.text) {
        status = place_listed(&p);
    } else {
        place_all(&p, where);
    }
    if (status) return status;
    if (columns->width) return check_names(&p);
    return vae__fail(VAE_ERROR_TEXT, "options: no column of %s is left for the rows", first->path);
}

void vae__csv_columns_free(vae__csv_columns *columns) {
    vae__release(columns->context, columns->targets);
    columns->targets = NULL;
}
