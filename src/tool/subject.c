/* Holds the data of a command against its model: the same columns by name, the same width, the same scaling. */
#include "subject.h"

#include <stdlib.h>
#include <string.h>

#include "settings.h"
#include "text.h"

/* ---- names ---- */

static int is_nameless(const vae_dataset *data) {
    size_t width = vae_dataset_width(data);
    for (size_t i = 0; i < width; i++) {
        if (*vae_dataset_column_name(data, i)) return 0;
    }
    return 1;
}

char *subject_names_line(const vae_dataset *data) {
    text line = {0};
    if (is_nameless(data)) return NULL;
    for (size_t i = 0; i < vae_dataset_width(data); i++) {
        if (i) text_append(&line, ",");
        text_append_cell(&line, vae_dataset_column_name(data, i));
    }
    return line.text;
}

char **subject_split_names(const char *line) {
    size_t count = 1, used = 0;
    for (const char *c = line; *c; c++) count += *c == ',';
    char **names = text_allocate(count + 1, sizeof *names);
    for (const char *c = line; used < count; c++) {
        char *name = names[used++] = text_allocate(strlen(c) + 1, 1);
        int quoted = *c == '"';
        for (c += quoted; *c && (quoted || *c != ','); c++) {
            if (quoted && *c == '"' && *++c != '"') break;
            *name++ = *c;
        }
        if (*c != ',') break;
    }
    return names;
}

void subject_free_names(char **names) {
    for (size_t i = 0; names && names[i]; i++) free(names[i]);
    free(names);
}

const char *subject_column(const subject *s, size_t column, char *buffer) {
    text number = {0};
    if (s->names) return s->names[column];
    text_append(&number, "%zu", column);
    memcpy(buffer, number.text, number.length + 1);
    text_free(&number);
    return buffer;
}

/* ---- how a file is read ---- */

static const char *const of_csv[] = {"header",  "columns", "delimiter", "decimal",
                                     "comment", "missing", "where",     NULL};

/* In quotes a name may hold anything but a quote. */
static int needs_no_quotes(const char *name) {
    size_t length = strlen(name);
    return *name != '"' && *name != ' ' && name[length - !!length] != ' ' &&
           !strpbrk(name, ",[]#\n\r\t");
}

/* columns=[..] for the names; nothing where one of them cannot stand in a list. */
static void append_columns(text *to, char *const *names) {
    for (size_t i = 0; names[i]; i++) {
        if (strchr(names[i], '"') && !needs_no_quotes(names[i])) return;
    }
    for (size_t i = 0; names[i]; i++) {
        const char *quote = strchr(names[i], '"') ? "" : "\"";
        text_append(to, "%s%s%s%s", i ? "," : " columns=[", quote, names[i], quote);
    }
    text_append(to, "]");
}

vae_status subject_open_columns(vae_context *context, const char *path, const char *options,
                                char *const *names, vae_dataset **out) {
    text all = {0};
    text_append(&all, "%s", options ? options : "");
    if (names && !text_has_key(options, "columns", NULL)) append_columns(&all, names);
    vae_status status = vae_dataset_open(context, path, all.text, out);
    if (status == VAE_ERROR_TEXT && strstr(vae_last_error(), "is for CSV files")) {
        text_free(&all);
        text_append_without(&all, options, of_csv);
        status = vae_dataset_open(context, path, all.text, out);
    }
    text_free(&all);
    return status;
}

int subject_lacks_columns(const tool_call *call, vae_status status, char *const *names) {
    return status == VAE_ERROR_TEXT && names && !command_given(call, "columns") &&
           strstr(vae_last_error(), "options: columns: ");
}

/* ---- the model's shape ---- */

void subject_image_shape(const char *spec, size_t *channels, size_t *height, size_t *width) {
    char *input = NULL, *end;
    *channels = *height = *width = 0;
    if (!text_has_key(spec, "input", &input)) return;
    unsigned long long sizes[3] = {0};
    size_t rank = 0;
    for (const char *at = input; rank < 3; at = end + 1) {
        sizes[rank++] = strtoull(at, &end, 10);
        if (*end != 'x') break;
    }
    if (rank == 3 && (sizes[0] == 1 || sizes[0] == 3)) {
        *channels = (size_t)sizes[0];
        *height = (size_t)sizes[1];
        *width = (size_t)sizes[2];
    }
    free(input);
}

size_t subject_chunk(const subject *s) {
    size_t chunk = ((size_t)1 << 22) / (s->width + s->latent);
    return chunk < 1 ? 1 : chunk > 4096 ? 4096 : chunk;
}

int subject_refused_rows(const tool_call *call, vae_status status, const vae_dataset *data,
                         size_t first, const char *path) {
    const char *message = vae_last_error();
    char *rest = NULL;
    if (status != VAE_ERROR_DATA || strncmp(message, "row ", 4))
        return command_refused(call, status, path);
    unsigned long long row = strtoull(message + 4, &rest, 10);
    row = vae_dataset_row_number(data, first + (size_t)row);
    return command_failed(call, "%s: row %llu%s (both from 0)", path, row, rest);
}

/* ---- model and data ---- */

int subject_open(const tool_call *call, subject *out) {
    *out = (subject){.call = call, .model_path = call->operand[0]};
    int problem = command_context(call, NULL, &out->context);
    if (problem) return problem;
    vae_status status = vae_model_load(out->context, out->model_path, &out->model);
    if (status) return command_refused(call, status, NULL);
    out->width = vae_model_width(out->model);
    out->latent = vae_model_latent(out->model);
    subject_image_shape(vae_model_spec(out->model), &out->channels, &out->height, &out->breadth);
    units_read(&out->units, vae_model_metadata(out->model, SETTINGS_DATA), out->width);
    const char *line = vae_model_metadata(out->model, SETTINGS_COLUMNS);
    if (line) out->names = subject_split_names(line);
    size_t count = 0;
    while (out->names && out->names[count]) count++;
    if (out->names && count != out->width)
        return command_failed(call, "%s: %s in its metadata names %zu columns; expected %zu",
                              out->model_path, SETTINGS_COLUMNS, count, out->width);
    return TOOL_DONE;
}

/* A file of labels that a model names is not opened: the model may come from a stranger. */
static int names_a_file(const text_word *word, const char *key) {
    static const char column[] = "=column:";
    const char *value = word->begin + word->key_length;
    return !strcmp(key, "labels") && strncmp(value, column, sizeof column - 1) != 0;
}

/* What the user says comes first, so that places in messages are right, and wins. */
static char *data_options(const subject *s) {
    const char *given = command_value(s->call, "data", NULL);
    const char *columns = command_value(s->call, "columns", NULL);
    const char *kept = vae_model_metadata(s->model, SETTINGS_DATA);
    text options = {0};
    text_append(&options, "%s", given ? given : "");
    if (columns) text_append(&options, " columns=[%s]", columns);
    text_word word = {.begin = kept};
    while (kept && text_next_word(&word)) {
        char key[64] = "";
        if (word.key_length < sizeof key) memcpy(key, word.begin, word.key_length);
        if (!text_has_key(given, key, NULL) && !names_a_file(&word, key))
            text_append(&options, " %.*s", (int)word.length, word.begin);
    }
    return options.text;
}

/* Width first, since it says most; then names, where both have them. */
static int check_fit(const subject *s) {
    size_t width = vae_dataset_width(s->data);
    if (width != s->width)
        return command_failed(s->call,
                              "%s has rows of %zu values, the model %s takes %zu: it is the wrong "
                              "model for the data, or --columns has to choose",
                              s->data_path, width, s->model_path, s->width);
    if (!s->names || is_nameless(s->data) || command_given(s->call, "columns")) return TOOL_DONE;
    for (size_t i = 0; i < width; i++) {
        const char *name = vae_dataset_column_name(s->data, i);
        if (strcmp(name, s->names[i]))
            return command_failed(
                s->call,
                "column %zu of %s is '%s', that of the model %s is '%s': it is the "
                "wrong model for the data, or --columns has to choose",
                i, s->data_path, name, s->model_path, s->names[i]);
    }
    return TOOL_DONE;
}

int subject_open_data(subject *s, const char *path) {
    char *options = data_options(s);
    s->data_path = path;
    vae_status status = subject_open_columns(s->context, path, options, s->names, &s->data);
    free(options);
    if (subject_lacks_columns(s->call, status, s->names))
        return command_failed(s->call,
                              "%s does not fit the model %s, whose columns are taken by name: %s",
                              path, s->model_path, vae_last_error());
    if (status) return command_refused(s->call, status, NULL);
    return check_fit(s);
}

int subject_open_table(const subject *s, table *to, const char *path, size_t rows) {
    *to = (table){.columns = s->width,
                  .rows = rows,
                  .names = (const char *const *)s->names,
                  .prefix = "x",
                  .channels = s->channels,
                  .height = s->height,
                  .width = s->breadth,
                  .units = s->units.offset ? &s->units : NULL};
    if (s->units.is_broken)
        return command_failed(s->call,
                              "%s: %s in its metadata holds a scale or a shift that cannot "
                              "be read",
                              s->model_path, SETTINGS_DATA);
    return table_open(s->call, to, path);
}

void subject_close(subject *s) {
    vae_dataset_destroy(s->data);
    vae_model_destroy(s->model);
    vae_context_destroy(s->context);
    subject_free_names(s->names);
    units_free(&s->units);
    *s = (subject){0};
}

int subject_is_diffusion(const subject *s) {
    return strstr(vae_model_spec(s->model), "model=diffusion") != NULL;
}
