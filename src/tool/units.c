/* The words are those of the library's options: scale=range:LOW:HIGH and shift=[a, b, ..]. */
#include "units.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

/* Options that say what is trained on, and in what order; labels= is for pictures only. */
static const char *const not_kept[] = {"batch",      "shuffle", "seed",  "drop_last", "split",
                                       "split_seed", "labels",  "where", "columns",   NULL};
static const char *const not_kept_or_found[] = {"batch",   "shuffle",    "seed",   "drop_last",
                                                "split",   "split_seed", "labels", "where",
                                                "columns", "scale",      "shift",  NULL};

static int has_value(const char *options, const char *key, const char *expected) {
    char *value = NULL;
    int same = text_has_key(options, key, &value) && !strcmp(value, expected);
    free(value);
    return same;
}

static void append_range(text *to, const vae_dataset *data) {
    double offset = 0, range = 1;
    if (vae_dataset_scaling(data, 0, &offset, &range)) return;
    text_append(to, to->length ? " scale=range:" : "scale=range:");
    text_append_double(to, offset);
    text_append(to, ":");
    text_append_double(to, offset + range);
}

static void append_shift(text *to, const vae_dataset *data) {
    double offset = 0;
    for (size_t i = 0; i < vae_dataset_width(data); i++) {
        if (vae_dataset_scaling(data, i, &offset, NULL)) return;
        text_append(to, i ? "," : to->length ? " shift=[" : "shift=[");
        text_append_double(to, offset);
    }
    text_append(to, "]");
}

char *units_options(const vae_dataset *data, const char *given) {
    text kept = {0};
    int unit = has_value(given, "scale", "unit"), columns = has_value(given, "shift", "columns");
    text_append_without(&kept, given, unit || columns ? not_kept_or_found : not_kept);
    if (unit) append_range(&kept, data);
    if (columns) append_shift(&kept, data);
    return kept.text;
}

/* LOW:HIGH */
static void read_range(units *to, const char *at, size_t width) {
    char *end;
    double low = strtod(at, &end), high = *end == ':' ? strtod(end + 1, &end) : low;
    to->is_broken |= *end || !isfinite(high - low) || !(high > low);
    to->range = high - low;
    for (size_t i = 0; i < width; i++) to->offset[i] = low;
}

/* Behind the bracket: a number for each column. */
static void read_shift(units *to, const char *at, size_t width) {
    for (size_t i = 0; i < width && !to->is_broken; i++) {
        char *end;
        to->offset[i] = strtod(at, &end);
        at = end + strspn(end, " \t\r\n");
        to->is_broken |= !isfinite(to->offset[i]) || *at != (i + 1 < width ? ',' : ']');
        at++;
    }
}

void units_read(units *to, const char *options, size_t width) {
    char *value = NULL;
    *to = (units){.range = 1};
    if (text_has_key(options, "scale", &value) && !strncmp(value, "range:", 6)) {
        to->offset = text_allocate(width, sizeof *to->offset);
        read_range(to, value + 6, width);
    }
    free(value);
    value = NULL;
    if (text_has_key(options, "shift", &value) && *value == '[') {
        if (!to->offset) to->offset = text_allocate(width, sizeof *to->offset);
        read_shift(to, value + 1, width);
    }
    free(value);
}

void units_free(units *of) {
    free(of->offset);
    *of = (units){0};
}

double units_stored(const units *of, size_t column, float x, double *resolution) {
    *resolution = fabs((double)nextafterf(x, INFINITY) - (double)x) * fabs(of->range);
    return (double)x * of->range + of->offset[column];
}
