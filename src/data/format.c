/* Reading a file with the format that recognises it. Relies on the list of formats for all it knows of them;
 * options that the format does not know are refused, not passed over. */
#include "data/format.h"

#include <stdint.h>
#include <string.h>

#include "base/kind.h"
#include "data/foreign.h"

#define HEAD_SIZE 64

#define DECLARE(name) extern const vae__file_format vae__format_##name;
VAE__FILE_FORMATS(DECLARE)

#define ADDRESS(name) &vae__format_##name,
const vae__file_format *const vae__file_formats[] = {VAE__FILE_FORMATS(ADDRESS)};

#define OPTIONS(name) &vae__format_##name.options,
const vae__option_table *const vae__format_options[] = {VAE__FILE_FORMATS(OPTIONS)};

const char *vae__format_names(char names[VAE__FORMAT_NAMES_SIZE]) {
    size_t used = 0;
    for (size_t i = 0; i < VAE__FORMAT_COUNT && used < VAE__FORMAT_NAMES_SIZE; i++)
        used += vae__format(names + used, VAE__FORMAT_NAMES_SIZE - used, "%s%s", i ? ", " : "",
                            vae__file_formats[i]->name);
    return names;
}

static vae_status fail_unrecognised(const char *path, const unsigned char *head, size_t size) {
    char beginning[VAE__BEGINNING_SIZE], names[VAE__FORMAT_NAMES_SIZE];
    vae__format_names(names);
    if (!size)
        return vae__fail(VAE_ERROR_FORMAT, "%s: the file is empty (known formats: %s)", path,
                         names);
    return vae__fail(VAE_ERROR_FORMAT, "%s: not a known format (known formats: %s); begins with %s",
                     path, names, vae__beginning(beginning, head, size));
}

/* A format's own options. */
static const void *own_options(const vae__format_request *request, size_t format) {
    return request->options ? request->options[format] : NULL;
}

const char *vae__format_other_option(const vae__format_request *request,
                                     const vae__file_format *format,
                                     const vae__file_format **owner) {
    for (size_t i = 0; i < VAE__FORMAT_COUNT; i++) {
        const vae__file_format *other = *owner = vae__file_formats[i];
        const void *own = own_options(request, i);
        int labels = request->label_column && other->takes_label_column;
        if (labels && !(format && format->takes_label_column)) return "labels=column:";
        const char *given = own && other != format ? other->given(own) : NULL;
        if (given) return given;
    }
    return NULL;
}

static vae_status check_options(const vae__file_format *format, const char *path,
                                const vae__format_request *request) {
    const vae__file_format *owner;
    const char *given = vae__format_other_option(request, format, &owner);
    if (!given) return VAE_OK;
    const char *article = strchr("AEFHILMNORSX", *format->name) ? "an" : "a"; /* an IDX, a CSV */
    return vae__fail(VAE_ERROR_TEXT, "options: %s is for %s files; %s is %s %s file", given,
                     owner->name, path, article, format->name);
}

/* The file's first bytes were taken to recognise it. */
static vae_status read_as(size_t format, vae_context *context, vae__input *input,
                          const vae__format_request *request, vae__table *out) {
    const vae__file_format *kind = vae__file_formats[format];
    vae_status status = check_options(kind, vae__reader_path(input->reader), request);
    if (status) return status;
    return kind->read(context, input, request, own_options(request, format), out);
}

static vae_status read_file(vae_context *context, vae__reader *reader,
                            const vae__format_request *request, vae__table *out) {
    unsigned char head[HEAD_SIZE];
    const char *path = vae__reader_path(reader);
    size_t size = 0, format = 0;
    vae_status status = vae__reader_read(reader, head, sizeof head, &size);
    if (!status) status = vae__foreign_check(path, head, size);
    if (status) return status;
    while (format < VAE__FORMAT_COUNT &&
           !vae__file_formats[format]->recognises(head, size, own_options(request, format)))
        format++;
    if (format == VAE__FORMAT_COUNT) return fail_unrecognised(path, head, size);
    vae__input input = {reader, head, size};
    return read_as(format, context, &input, request, out);
}

vae_status vae__format_read(vae_context *context, const char *path,
                            const vae__format_request *request, vae__table *out) {
    vae__reader *reader = NULL;
    *out = (vae__table){0};
    vae_status status = vae__reader_open(context, path, &reader);
    if (status) return status;
    status = read_file(context, reader, request, out);
    if (status) vae__table_free(context, out);
    vae__reader_close(reader);
    return status;
}
