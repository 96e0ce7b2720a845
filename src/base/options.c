/* Option tables. A text that is refused gets the message of the first mistake in it; mistakes that come
 * from the habits of other programs ("threads = 2", "--threads 2", "lr=1e-3, beta=4") are named as what
 * they are, with what to write instead. */
#include "base/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A pair under way, for messages about it. */
typedef struct pair {
    const vae__option_table *table;
    vae__slice key, value; /* value.text is NULL for a bare word */
    vae__slice rest;       /* of the text behind it */
} pair;

/* Where an entry of a table is: in the table itself, or in one of its parts. */
typedef struct position {
    const vae__option *option; /* NULL: behind the last one */
    size_t part;               /* 0: the table itself; else one more than its place in `parts` */
    size_t index;              /* counted over all of them */
} position;

static const vae__option *first_of(const vae__option_table *table, size_t part) {
    return part ? table->parts[part - 1]->options : table->options;
}

/* Goes past the ends of parts to the next entry. */
static void skip_ends(const vae__option_table *table, position *at) {
    while ((!at->option || !at->option->name) && at->part <= table->part_count) {
        at->part++;
        at->option = at->part <= table->part_count ? first_of(table, at->part) : NULL;
    }
}

static position first_position(const vae__option_table *table) {
    position at = {.option = table->options};
    skip_ends(table, &at);
    return at;
}

static void step(const vae__option_table *table, position *at) {
    at->option++;
    at->index++;
    skip_ends(table, at);
}

static position find(const vae__option_table *table, const vae__slice *key) {
    position at = first_position(table);
    while (at.option && !vae__slice_is(key, at.option->name)) step(table, &at);
    return at;
}

const vae__option *vae__option_at(const vae__option_table *table, size_t index) {
    position at = first_position(table);
    while (at.option && at.index < index) step(table, &at);
    return at.option;
}

const vae__option *vae__option_find(const vae__option_table *table, const vae__slice *key) {
    return find(table, key).option;
}

/* The struct that entries of a part are parsed into. */
static void *struct_of(const vae__option_table *table, size_t part, void *into) {
    if (!part || table->parts_offset == VAE__PARTS_SHARE) return into;
    return ((void **)(void *)((char *)into + table->parts_offset))[part - 1];
}

/* ---- values ---- */

static vae_status fail_whole(const vae__option *option, const vae__slice *value) {
    char high[VAE__NUMBER_SIZE] = "2^64 - 1";
    double number;
    /* The text goes on behind the value and ends in 0. */
    int decorated = strcspn(value->text, "+-.eE") < value->length &&
                    vae__parse_real(value->text, value->length, &number);
    if (option->maximum > 0 && option->maximum < 0x1p64)
        vae__format(high, sizeof high, "%llu", (unsigned long long)option->maximum);
    return vae__fail_at(value, "%s=%.*s: expected a whole number from %llu to %s%s", option->name,
                        vae__shown(value), value->text, (unsigned long long)option->minimum, high,
                        decorated ? ", in digits: no sign, point or exponent" : "");
}

static vae_status parse_unsigned(const vae__option *option, const vae__slice *value,
                                 uint64_t *field) {
    uint64_t number;
    if (!vae__parse_unsigned(value->text, value->length, &number) ||
        (double)number < option->minimum ||
        (option->maximum > 0 && (double)number > option->maximum)) {
        return fail_whole(option, value);
    }
    *field = number;
    return VAE_OK;
}

static vae_status parse_real(const vae__option *option, const vae__slice *value, double *field) {
    double number;
    if (!vae__parse_real(value->text, value->length, &number) ||
        !(number >= option->minimum && number <= option->maximum)) {
        char low[VAE__NUMBER_SIZE], high[VAE__NUMBER_SIZE];
        return vae__fail_at(
            value, "%s=%.*s: expected a number from %s to %s%s", option->name, vae__shown(value),
            value->text, vae__number(low, option->minimum), vae__number(high, option->maximum),
            memchr(value->text, ',', value->length) ? ", with a decimal point" : "");
    }
    *field = number;
    return VAE_OK;
}

static vae_status parse_flag(const vae__option *option, const vae__slice *value, int *field) {
    if (!vae__slice_is(value, "0") && !vae__slice_is(value, "1")) {
        return vae__fail_at(value, "%s=%.*s: expected 0 or 1", option->name, vae__shown(value),
                            value->text);
    }
    *field = *value->text == '1';
    return VAE_OK;
}

/* What other libraries call the choice stands among the keys' aliases, as "key=value". */
static vae_status fail_choice(const pair *p, const vae__option *option) {
    const char *first = p->key.text, *end = p->value.text + p->value.length;
    const vae__alias *found = vae__alias_find(p->table->aliases, first, (size_t)(end - first));
    vae__alias aliases[2] = {{NULL, NULL, NULL}, {NULL, NULL, NULL}};
    if (found) {
        aliases[0] = *found;
        aliases[0].text += p->value.text - first;
    }
    return vae__fail_unknown_alias(&p->value, option->name, option->choices, aliases);
}

static vae_status parse_choice(const pair *p, const vae__option *option, int *field) {
    for (int i = 0; option->choices[i]; i++) {
        if (!vae__slice_is(&p->value, option->choices[i])) continue;
        *field = i;
        return VAE_OK;
    }
    return fail_choice(p, option);
}

static vae_status parse_bytes(const vae__option *option, const vae__slice *value, uint64_t *field) {
    static const char suffixes[] = {'K', 'M', 'G'};
    size_t length = value->length;
    int shift = 0;
    const char *suffix = length ? memchr(suffixes, value->text[length - 1], sizeof suffixes) : NULL;
    if (suffix) shift = 10 * ((int)(suffix - suffixes) + 1), length--;
    uint64_t number;
    if (!vae__parse_unsigned(value->text, length, &number) || number > UINT64_MAX >> shift) {
        return vae__fail_at(value, "%s=%.*s: expected bytes, e.g. 1000000, 64M or 2G", option->name,
                            vae__shown(value), value->text);
    }
    *field = number << shift;
    return VAE_OK;
}

static vae_status parse_numbers(const vae__option *option, const vae__slice *value,
                                vae__number_list *list) {
    vae__slice rest, item;
    *list = (vae__number_list){{0}, 0};
    vae_status status = vae__list_open(value, "[32, 64]", &rest);
    while (!status && vae__list_next(&rest, &item, NULL)) {
        uint64_t number;
        if (list->count == VAE__MOST_LISTED)
            return vae__fail_at(&item, "%s: expected at most %d numbers", option->name,
                                VAE__MOST_LISTED);
        status = parse_unsigned(option, &item, &number);
        if (!status) list->items[list->count++] = (uint32_t)number;
    }
    return status;
}

static vae_status parse_option(const pair *p, const vae__option *option, void *into, void *user) {
    void *field = (char *)into + option->offset;
    switch (option->kind) {
    case VAE__OPTION_UNSIGNED: return parse_unsigned(option, &p->value, field);
    case VAE__OPTION_REAL: return parse_real(option, &p->value, field);
    case VAE__OPTION_FLAG: return parse_flag(option, &p->value, field);
    case VAE__OPTION_CHOICE: return parse_choice(p, option, field);
    case VAE__OPTION_BYTES: return parse_bytes(option, &p->value, field);
    case VAE__OPTION_NUMBERS: return parse_numbers(option, &p->value, field);
    case VAE__OPTION_CUSTOM:
    default: return option->parse(&p->value, field, user);
    }
}

/* ---- what is written in other ways elsewhere ---- */

static vae_status fail_separator(const pair *p, const char *at) {
    vae__slice place = vae__slice_between(&p->key, at, at + 1);
    return vae__fail_at(&place, "found '%c': separate the %ss by spaces", *at, p->table->what);
}

/* "why: write 'key=value'", with the next word of `after` as the value, if it is a plain one. */
static vae_status fail_write(const vae__slice *where, const char *why, const char *name,
                             vae__slice after) {
    vae__slice word;
    if (!vae__word_next(&after, &word) || strchr("[\"'", *word.text) ||
        memchr(word.text, '=', word.length)) {
        return vae__fail_at(where, "%s: write '%s=VALUE'", why, name);
    }
    int shown = vae__shown(&word);
    while (shown > 1 && strchr(",;", word.text[shown - 1])) shown--;
    return vae__fail_at(where, "%s: write '%s=%.*s'", why, name, shown, word.text);
}

/* ',' or ';' at the end of a plain value, or in front of another known key; else NULL. A value that begins
 * with one may mean it. */
static const char *find_separator(const pair *p) {
    const char *end = p->value.text + p->value.length;
    for (const char *at = p->value.text + 1; at < end; at++) {
        if (*at != ',' && *at != ';') continue;
        const char *equals = memchr(at, '=', (size_t)(end - at));
        vae__slice next = vae__slice_between(&p->value, at + 1, equals ? equals : end);
        if (at + 1 == end || (equals && vae__option_find(p->table, &next))) return at;
    }
    return NULL;
}

/* A value was refused, with the message set: a better one, if it is clear what was meant. */
static vae_status explain_value(const pair *p, const vae__option *option) {
    const vae__slice *value = &p->value;
    vae__slice rest = p->rest, next;
    int listed = value->length && *value->text == '[', quoted = value->text[-1] == '"';
    if (listed || quoted) return VAE_ERROR_TEXT;
    const char *separator = find_separator(p);
    if (separator) return fail_separator(p, separator);
    if (p->rest.length && *p->rest.text == '#') {
        return vae__fail_at(
            value,
            "%s=%.*s: the '#' behind it begins a comment; a value with '#' goes into "
            "double quotes, e.g. %s=\"...\"",
            option->name, vae__shown(value), value->text, option->name);
    }
    if (!value->length && vae__word_next(&rest, &next) && !memchr(next.text, '=', next.length))
        return fail_write(value, "no spaces around '='", option->name, p->rest);
    if (option->kind != VAE__OPTION_CUSTOM && value->length && *value->text == '\'') {
        return vae__fail_at(value, "%s=%.*s: expected double quotes (\") around a value",
                            option->name, vae__shown(value), value->text);
    }
    return VAE_ERROR_TEXT;
}

/* A word without '=' that is or holds a known key. */
static vae_status check_word(const pair *p) {
    const vae__slice *key = &p->key;
    const char *colon = memchr(key->text, ':', key->length), *end = key->text + key->length;
    const vae__slice name = vae__slice_between(key, key->text, colon ? colon : end);
    const vae__option *option = vae__option_find(p->table, &name);
    if (!option) return VAE_OK;
    if (colon) {
        vae__slice after = colon + 1 < end ? vae__slice_between(key, colon + 1, end) : p->rest;
        return fail_write(key, "expected '=' in place of ':'", option->name, after);
    }
    vae__slice rest = p->rest, next;
    int more = vae__word_next(&rest, &next);
    if (more && *next.text == '=') {
        vae__slice after = vae__slice_between(&p->rest, next.text + 1, rest.text + rest.length);
        return fail_write(key, "no spaces around '='", option->name, after);
    }
    if (more && !memchr(next.text, '=', next.length) && !vae__option_find(p->table, &next))
        return fail_write(key, "expected '=' and no space", option->name, p->rest);
    return vae__fail_at(key, "expected '=' after '%s', e.g. %s=VALUE", option->name, option->name);
}

/* What is no key=value at all. */
static vae_status check_form(const pair *p) {
    const char *at = p->key.text, *end = at + p->key.length;
    if (at < end && *at == '{') {
        return vae__fail_at(&p->key,
                            "expected key=value, separated by spaces; found a '{', as in JSON");
    }
    for (; at < end; at++) {
        if (*at == ',' || *at == ';') return fail_separator(p, at);
    }
    for (at = p->key.text; at < end && *at == '-';) at++;
    vae__slice name = vae__slice_between(&p->key, at, end);
    const vae__option *option = at > p->key.text ? vae__option_find(p->table, &name) : NULL;
    if (option) {
        return fail_write(&p->key, "no dashes in front of a key", option->name,
                          p->value.text ? p->value : p->rest);
    }
    if (p->value.text) return VAE_OK;
    if (p->key.length > 1 && (end[-1] == '\'' || end[-1] == '"')) {
        return vae__fail_at(&p->key,
                            "unknown %s '%.*s': a value with spaces goes into double quotes, "
                            "e.g. key=\"my file\"",
                            p->table->what, vae__shown(&p->key), p->key.text);
    }
    return check_word(p);
}

/* ---- whole texts ---- */

static vae_status fail_unknown_key(const pair *p) {
    const char *names[VAE__MAX_OPTIONS + 1];
    position at = first_position(p->table);
    for (; at.option; step(p->table, &at)) names[at.index] = at.option->name;
    names[at.index] = NULL;
    return vae__fail_unknown_alias(&p->key, p->table->what, names, p->table->aliases);
}

static vae_status parse_pair(const pair *p, void *into, unsigned char *seen, void *user) {
    const position at = find(p->table, &p->key);
    const vae__option *option = at.option;
    if (!option) return fail_unknown_key(p);
    if (seen[at.index]) return vae__fail_at(&p->key, "'%s' is given twice", option->name);
    seen[at.index] = 1;
    vae_status status = parse_option(p, option, struct_of(p->table, at.part, into), user);
    return status == VAE_ERROR_TEXT ? explain_value(p, option) : status;
}

vae_status vae__options_parse(const vae__option_table *table, const char *text, void *into,
                              unsigned char *seen, void *user) {
    unsigned char local[VAE__MAX_OPTIONS] = {0};
    if (!text) text = "";
    if (!seen) seen = local;
    pair p = {.table = table, .rest = {table->label, text, text, strlen(text)}};
    int found;
    for (size_t index = 0; (found = vae__pair_next(&p.rest, &p.key, &p.value)) > 0; index++) {
        vae_status status = check_form(&p);
        if (!status) {
            status = !p.value.text && table->bare ? table->bare(&p.key, index, into, user)
                                                  : parse_pair(&p, into, seen, user);
        }
        if (status) return status;
    }
    return found;
}

vae_status vae__fail_at_key(const vae__option_table *table, const char *text, const char *name,
                            const char *format, ...) {
    char why[700];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    if (!text) text = "";
    vae__slice rest = {table->label, text, text, strlen(text)}, key, value;
    while (vae__pair_next(&rest, &key, &value) > 0) {
        if (value.text && vae__slice_is(&key, name)) return vae__fail_at(&key, "%s", why);
    }
    return vae__fail(VAE_ERROR_TEXT, "%s: %s", table->label, why);
}

/* ---- printing ---- */

static void print_number(vae__buffer *out, double value) {
    char number[VAE__NUMBER_SIZE];
    vae__append(out, "%s", vae__number(number, value));
}

static void print_numbers(vae__buffer *out, const vae__number_list *list) {
    vae__append(out, "[");
    for (size_t i = 0; i < list->count; i++)
        vae__append(out, "%s%u", i ? ", " : "", (unsigned)list->items[i]);
    vae__append(out, "]");
}

void vae__option_print(vae__buffer *out, const vae__option *option, const void *from) {
    const void *field = (const char *)from + option->offset;
    vae__append(out, "%s%s=", out->length ? " " : "", option->name);
    switch (option->kind) {
    case VAE__OPTION_UNSIGNED:
    case VAE__OPTION_BYTES:
        vae__append(out, "%llu", (unsigned long long)*(const uint64_t *)field);
        break;
    case VAE__OPTION_REAL: print_number(out, *(const double *)field); break;
    case VAE__OPTION_FLAG: vae__append(out, "%d", *(const int *)field); break;
    case VAE__OPTION_CHOICE: vae__append(out, "%s", option->choices[*(const int *)field]); break;
    case VAE__OPTION_NUMBERS: print_numbers(out, field); break;
    case VAE__OPTION_CUSTOM:
    default: option->print(out, field); break;
    }
}
