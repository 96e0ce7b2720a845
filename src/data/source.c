#include "data/source.h"

#include <stdint.h>

#include "base/kind.h"
#include "data/foreign.h"
#include "data/input.h"

#define HEAD_SIZE 64

/* Asked in this order; CSV last, since any text may be one. */
static const vae__file_format *const formats[] = {&vae__format_idx, &vae__format_npy,
                                                  &vae__format_csv};
static const size_t format_count = sizeof formats / sizeof formats[0];

size_t vae__element_size(vae__element element) {
    static const size_t sizes[] = {1, 4, 8};
    return sizes[element];
}

void vae__table_free(vae_context *context, vae__table *table) {
    vae__release(context, table->values);
    vae__release(context, table->labels);
    vae__release(context, table->sources);
    vae__release(context, table->names);
    *table = (vae__table){0};
}

vae_status vae__table_set_extents(vae__table *table, const uint64_t *extents, size_t count,
                                  const char *path) {
    const size_t most = VAE__MAX_RANK;
    size_t values = vae__element_size(table->element), width = 1;
    if (count - 1 > most) {
        return vae__fail(VAE_ERROR_FORMAT, "%s: expected rank 1 to %zu, found %zu", path, most + 1,
                         count);
    }
    for (size_t i = 0; i < count; i++) {
        if (!extents[i])
            return vae__fail(VAE_ERROR_FORMAT, "%s: dimension %zu is 0: there are no values", path,
                             i);
        if (extents[i] > SIZE_MAX / 2 / values) {
            return vae__fail(VAE_ERROR_FORMAT,
                             "%s: the dimensions make more bytes than can be addressed", path);
        }
        values *= (size_t)extents[i];
        if (i) width *= (size_t)extents[i];
        if (i) table->shape.extents[i - 1] = (size_t)extents[i];
    }
    if (count == 1) table->shape.extents[0] = 1;
    table->shape.rank = count == 1 ? 1 : count - 1;
    table->rows = (size_t)extents[0];
    table->shape.size = width;
    return VAE_OK;
}

static vae_status fail_unrecognised(const char *path, const unsigned char *head, size_t size) {
    char beginning[VAE__BEGINNING_SIZE], names[64] = "";
    size_t used = 0;
    for (size_t i = 0; i < format_count; i++) {
        used +=
            vae__format(names + used, sizeof names - used, "%s%s", i ? ", " : "", formats[i]->name);
    }
    if (!size)
        return vae__fail(VAE_ERROR_FORMAT, "%s: the file is empty (known formats: %s)", path,
                         names);
    return vae__fail(VAE_ERROR_FORMAT, "%s: not a known format (known formats: %s); begins with %s",
                     path, names, vae__beginning(beginning, head, size));
}

const char *vae__source_csv_option(const vae__source_options *options) {
    if (options->label_column) return "labels=column:";
    if (options->columns) return "columns=";
    if (options->header) return "header=";
    if (options->where) return "where=";
    if (options->missing) return "missing=";
    if (options->delimiter) return "delimiter=";
    if (options->decimal) return "decimal=";
    return options->comment ? "comment=" : NULL;
}

/* Options that the recognised format has no use for are a mistake, not something to pass over. */
static vae_status check_options(const vae__file_format *format, const char *path,
                                const vae__source_options *options) {
    const char *given = vae__source_csv_option(options);
    if (format->is_csv || !given) return VAE_OK;
    return vae__fail(VAE_ERROR_TEXT, "options: %s is for CSV files; %s is an %s file", given, path,
                     format->name);
}

vae_status vae__source_read(vae_context *context, const char *path,
                            const vae__source_options *options, vae__table *out) {
    unsigned char head[HEAD_SIZE];
    const vae__file_format *format = NULL;
    vae__reader *reader = NULL;
    size_t size = 0;
    *out = (vae__table){0};
    vae_status status = vae__reader_open(context, path, &reader);
    if (status) return status;
    status = vae__reader_read(reader, head, sizeof head, &size);
    if (!status) status = vae__foreign_check(path, head, size);
    if (status) goto done;
    for (size_t i = 0; i < format_count && !format; i++) {
        if (formats[i]->recognises(head, size)) format = formats[i];
    }
    status = format ? check_options(format, path, options) : fail_unrecognised(path, head, size);
    if (!status) status = format->read(context, reader, head, size, options, out);
done:
    if (status) vae__table_free(context, out);
    vae__reader_close(reader);
    return status;
}
