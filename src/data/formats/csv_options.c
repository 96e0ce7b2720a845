/* Options for CSV files. Relies on the table for which values there are; a list is checked item by item, so that
 * a mistake in it is found at its place in the text. */
#include "data/formats/csv_options.h"

#include <stddef.h>
#include <string.h>

#include "data/formats/csv_where.h"

static vae_status parse_columns(const vae__slice *value, void *field, void *user) {
    vae__slice rest, item;
    vae_status status = vae__list_open(value, "[temperature, pressure]", &rest);
    size_t count = 0;
    int quoted;
    (void)user;
    for (; !status && vae__list_next(&rest, &item, &quoted); count++) {
        if (!item.length && !quoted)
            status = vae__fail_at(&item, "columns: expected a name or number between commas");
    }
    if (!status && !count)
        status =
            vae__fail_at(value, "columns: expected names or numbers from 0, found an empty list");
    if (!status) *(vae__slice *)field = *value;
    return status;
}

static vae_status parse_where(const vae__slice *value, void *field, void *user) {
    vae__slice rest, item;
    vae__condition condition;
    vae_status status = vae__list_open(value, "[label=0]", &rest);
    size_t count = 0;
    int quoted;
    (void)user;
    for (; !status && vae__list_next(&rest, &item, &quoted); count++)
        status = vae__condition_parse(&item, &condition);
    if (!status && !count)
        status = vae__fail_at(value, "where: expected [COLUMN=VALUE, ..], found an empty list");
    if (!status) *(vae__slice *)field = *value;
    return status;
}

/* The sign itself may be given in place of its name. */
static vae_status parse_decimal(const vae__slice *value, void *field, void *user) {
    static const char *const names[] = {"point", "comma", NULL};
    (void)user;
    int comma = vae__slice_is(value, "comma") || vae__slice_is(value, ",");
    if (!comma && !vae__slice_is(value, "point") && !vae__slice_is(value, "."))
        return vae__fail_unknown(value, "decimal", names);
    *(int *)field = comma;
    return VAE_OK;
}

/* Any sign that cannot begin a number or a quoted field. */
static vae_status parse_comment(const vae__slice *value, void *field, void *user) {
    (void)user;
    if (vae__slice_is(value, "none")) {
        *(char *)field = 0;
        return VAE_OK;
    }
    if (value->length != 1 || !strchr("#!$%&*/:;<=>?@\\^_`|~'", *value->text)) {
        return vae__fail_at(value,
                            "comment: expected none or one sign that begins no number, such as "
                            "comment=\"#\" (in quotes, since # begins a comment here too)");
    }
    *(char *)field = *value->text;
    return VAE_OK;
}

static const char *const headers[] = {"auto", "yes", "no", NULL};
static const char *const missings[] = {"refuse", "skip", NULL};
static const char *const delimiters[] = {"auto", "comma", "semicolon", "tab", "space", NULL};

#define FIELD(name) offsetof(vae__csv_options, name)
const vae__option vae__csv_option_entries[] = {
    {"header", VAE__OPTION_CHOICE, FIELD(header), 0, 0, headers, NULL, NULL},
    {"columns", VAE__OPTION_CUSTOM, FIELD(columns), 0, 0, NULL, parse_columns, NULL},
    {"where", VAE__OPTION_CUSTOM, FIELD(where), 0, 0, NULL, parse_where, NULL},
    {"missing", VAE__OPTION_CHOICE, FIELD(missing), 0, 0, missings, NULL, NULL},
    {"delimiter", VAE__OPTION_CHOICE, FIELD(delimiter), 0, 0, delimiters, NULL, NULL},
    {"decimal", VAE__OPTION_CUSTOM, FIELD(decimal), 0, 0, NULL, parse_decimal, NULL},
    {"comment", VAE__OPTION_CUSTOM, FIELD(comment), 0, 0, NULL, parse_comment, NULL},
    {NULL, VAE__OPTION_FLAG, 0, 0, 0, NULL, NULL, NULL},
};

vae_status vae__csv_options_check(const vae__option_table *table, const char *text,
                                  const void *own) {
    static const char separators[] = {0, ',', ';', '\t', ' '};
    const vae__csv_options *options = own;
    if (options->decimal && options->delimiter == 1) {
        return vae__fail_at_key(table, text, "decimal",
                                "decimal=comma needs fields that are separated by something else; "
                                "say delimiter=semicolon, tab, space or auto");
    }
    if (options->comment && options->comment == separators[options->delimiter]) {
        return vae__fail_at_key(table, text, "comment",
                                "comment: '%c' separates the fields (delimiter=%s)",
                                options->comment, delimiters[options->delimiter]);
    }
    return VAE_OK;
}

const char *vae__csv_options_given(const void *own) {
    const vae__csv_options *options = own;
    if (options->columns.text) return "columns=";
    if (options->header) return "header=";
    if (options->where.text) return "where=";
    if (options->missing) return "missing=";
    if (options->delimiter) return "delimiter=";
    if (options->decimal) return "decimal=";
    return options->comment ? "comment=" : NULL;
}
