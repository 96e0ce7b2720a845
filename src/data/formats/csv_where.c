/* Conditions are compared cell by cell while a row is read, so a row that is not kept never takes
 * memory of its own. */
#include "data/formats/csv_where.h"

#include <math.h>
#include <string.h>

#include "data/formats/csv_columns.h"

/* ---- the text ---- */

static vae__slice trimmed(const vae__slice *of, const char *begin, const char *end) {
    while (begin < end && (*begin == ' ' || *begin == '\t')) begin++;
    while (begin < end && (end[-1] == ' ' || end[-1] == '\t')) end--;
    return (vae__slice){of->label, of->whole, begin, (size_t)(end - begin)};
}

/* The length of the operator at `at`, 0 if there is none. */
static size_t find_operator(const char *at, const char *end, vae__comparison *comparison) {
    int with_equal = at + 1 < end && at[1] == '=';
    if (*at == '<') *comparison = with_equal ? VAE__LESS_EQUAL : VAE__LESS;
    if (*at == '>') *comparison = with_equal ? VAE__GREATER_EQUAL : VAE__GREATER;
    if (*at == '=') *comparison = VAE__EQUAL;
    if (*at == '!') *comparison = VAE__UNEQUAL;
    if (*at == '!' && !with_equal) return 0;
    return strchr("=!<>", *at) ? 1 + (size_t)with_equal : 0;
}

vae_status vae__condition_parse(const vae__slice *item, vae__condition *condition) {
    const char *at = item->text, *end = item->text + item->length;
    size_t length = 0;
    char shown[VAE__EXCERPT_SIZE];
    *condition = (vae__condition){.whole = *item};
    while (at < end && !(length = find_operator(at, end, &condition->comparison))) at++;
    condition->column = trimmed(item, item->text, at);
    condition->value = trimmed(item, at + length, end);
    vae__excerpt(shown, item->text, item->length);
    if (!length || !condition->column.length) {
        return vae__fail_at(item,
                            "where: expected COLUMN=VALUE, or !=, <, <=, > or >= in place of '=', "
                            "found '%s'",
                            shown);
    }
    condition->is_number =
        vae__parse_real(condition->value.text, condition->value.length, &condition->number) &&
        !isnan(condition->number);
    if (condition->comparison > VAE__UNEQUAL && !condition->is_number)
        return vae__fail_at(item, "where: '%s': expected a number after < or >", shown);
    return VAE_OK;
}

/* ---- the columns ---- */

static size_t count_items(vae__slice rest) {
    vae__slice item;
    size_t count = 0;
    int quoted;
    while (vae__list_next(&rest, &item, &quoted)) count++;
    return count;
}

vae_status vae__csv_where_open(vae_context *context, const vae__csv_first *first,
                               const vae__slice *list, vae__csv_where *where) {
    vae__slice rest, item;
    int quoted; /* a condition in quotes may hold a comma, a bracket or '#' */
    *where = (vae__csv_where){
        .context = context, .path = first->path, .format = first->format, .holds = 1};
    if (!list->text) return VAE_OK;
    vae__slice value = {"options: where", list->text, list->text, list->length};
    vae_status status = vae__list_open(&value, "[label=0]", &rest);
    if (status) return status;
    where->conditions = vae__allocate(context, count_items(rest), sizeof *where->conditions);
    if (!where->conditions) return vae__fail_in("%s", first->path);
    while (!status && vae__list_next(&rest, &item, &quoted)) {
        vae__csv_condition *next = &where->conditions[where->count++];
        status = vae__condition_parse(&item, &next->condition);
        if (status) return status;
        status = vae__csv_find_column(first, "where", next->condition.column.text,
                                      next->condition.column.length, 0, &next->column);
    }
    return status;
}

void vae__csv_where_free(vae__csv_where *where) {
    vae__release(where->context, where->conditions);
    where->conditions = NULL;
    where->count = 0;
}

int vae__csv_where_leaves_out(const vae__csv_condition *condition) {
    const vae__slice *value = &condition->condition.value;
    if (condition->condition.comparison == VAE__EQUAL) return 1;
    return !condition->condition.is_number && !vae__csv_is_missing(value->text, value->length);
}

/* ---- the rows ---- */

static int compare(const vae__csv_format *format, const vae__condition *condition, const char *text,
                   size_t length) {
    double number, other = condition->number;
    const vae__slice *value = &condition->value;
    int numbers =
        condition->is_number && vae__csv_number(format, text, length, &number) && !isnan(number);
    int equal =
        numbers ? number == other : length == value->length && !memcmp(text, value->text, length);
    switch (condition->comparison) {
    case VAE__EQUAL: return equal;
    case VAE__UNEQUAL: return !equal;
    case VAE__LESS: return numbers && number < other;
    case VAE__LESS_EQUAL: return numbers && number <= other;
    case VAE__GREATER: return numbers && number > other;
    case VAE__GREATER_EQUAL:
    default: return numbers && number >= other;
    }
}

static void note_value(vae__csv_condition *condition, const char *text, size_t length) {
    char shown[VAE__EXCERPT_SIZE];
    if (condition->matches || condition->seen == VAE__CSV_SEEN) return;
    vae__excerpt(shown, text, length);
    for (size_t i = 0; i < condition->seen; i++) {
        if (!strcmp(condition->values[i], shown)) return;
    }
    memcpy(condition->values[condition->seen++], shown, sizeof shown);
}

void vae__csv_where_look(vae__csv_where *where, size_t column, const char *text, size_t length) {
    for (size_t i = 0; i < where->count; i++) {
        vae__csv_condition *c = &where->conditions[i];
        if (c->column != column) continue;
        int holds = compare(&where->format, &c->condition, text, length);
        if (holds) c->matches++;
        note_value(c, text, length);
        where->holds &= holds;
    }
}

vae_status vae__csv_where_fail(const vae__csv_where *where, const vae__csv_first *first,
                               uint64_t rows) {
    char name[VAE__EXCERPT_SIZE], asked[VAE__EXCERPT_SIZE], values[VAE__CSV_SEEN * 50] = "";
    const vae__csv_condition *c = where->conditions;
    size_t used = 0, i = 0;
    while (i < where->count && c[i].matches) i++;
    if (i == where->count) {
        return vae__fail(VAE_ERROR_DATA,
                         "%s: where= keeps none of %llu rows: each condition holds for some of "
                         "them, but all of them for none",
                         where->path, (unsigned long long)rows);
    }
    c += i;
    for (i = 0; i < c->seen; i++)
        used +=
            vae__format(values + used, sizeof values - used, "%s'%s'", i ? ", " : "", c->values[i]);
    vae__excerpt(name, c->condition.column.text, c->condition.column.length);
    vae__excerpt(asked, c->condition.whole.text, c->condition.whole.length);
    return vae__fail(VAE_ERROR_DATA,
                     "%s: where=[%s] keeps none of %llu row%s: column %zu (from 0%s%s) holds %s%s",
                     where->path, asked, (unsigned long long)rows, rows == 1 ? "" : "s", c->column,
                     first->is_header ? ", named " : "",
                     first->is_header ? first->cells[c->column] : "", values,
                     c->seen == VAE__CSV_SEEN ? ", .." : "");
}
