/* The options of a data set, those of the file formats among them, and the checks that need more than one of them. */
#include "data/options.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define MOST_BATCH 1e9
#define ANY_SEED 18446744073709551615.0

static vae_status parse_split(const vae__slice *value, void *field, void *user) {
    vae__split *split = field;
    const char *colon = memchr(value->text, ':', value->length);
    size_t word = colon ? (size_t)(colon - value->text) : value->length;
    const vae__slice name = {value->label, value->whole, value->text, word};
    (void)user;
    split->part = vae__slice_is(&name, "train")  ? VAE__PART_TRAIN
                  : vae__slice_is(&name, "test") ? VAE__PART_TEST
                                                 : VAE__PART_ALL;
    if (split->part == VAE__PART_ALL || !colon ||
        !vae__parse_real(colon + 1, value->length - word - 1, &split->fraction) ||
        !(split->fraction >= 0 && split->fraction <= 1)) {
        return vae__fail_at(
            value,
            "split=%.*s: expected train:F or test:F, F from 0 to 1 the part of the rows "
            "that is for training, e.g. train:0.9",
            vae__shown(value), value->text);
    }
    return VAE_OK;
}

static vae_status parse_labels(const vae__slice *value, void *field, void *user) {
    static const char prefix[] = "column:";
    const size_t length = sizeof prefix - 1;
    (void)user;
    if (!value->length || (value->length == length && !memcmp(value->text, prefix, length))) {
        return vae__fail_at(value, "labels: expected a path or column:NAME");
    }
    *(vae__slice *)field = *value;
    return VAE_OK;
}

static const char *const scales[] = {"auto", "unit", "none", "range:LOW:HIGH", NULL};

/* "range:LOW:HIGH". The colons are the text's; a number holds none. */
static vae_status parse_range(const vae__slice *value, vae__scale_option *scale) {
    const char *low = value->text + 6, *end = value->text + value->length;
    const char *colon = memchr(low, ':', (size_t)(end - low));
    if (!colon || !vae__parse_real(low, (size_t)(colon - low), &scale->low) ||
        !vae__parse_real(colon + 1, (size_t)(end - colon - 1), &scale->high) ||
        !(scale->low < scale->high) || !isfinite(scale->high - scale->low)) {
        return vae__fail_at(value,
                            "scale=%.*s: expected range:LOW:HIGH, two finite numbers with LOW "
                            "below HIGH, e.g. scale=range:0:65535",
                            value->length > 80 ? 80 : (int)value->length, value->text);
    }
    scale->kind = VAE__SCALE_RANGE;
    return VAE_OK;
}

static vae_status parse_scale(const vae__slice *value, void *field, void *user) {
    static const vae__alias others[] = {{"minmax", "unit", NULL},
                                        {"0", "none", NULL},
                                        {"standard", NULL, "give standardize=1 in the spec"},
                                        {NULL, NULL, NULL}};
    vae__scale_option *scale = field;
    (void)user;
    if (value->length >= 6 && !memcmp(value->text, "range:", 6)) return parse_range(value, scale);
    for (int i = 0; i < VAE__SCALE_RANGE; i++) {
        if (!vae__slice_is(value, scales[i])) continue;
        scale->kind = i;
        return VAE_OK;
    }
    return vae__fail_unknown_alias(value, "scale", scales, others);
}

static vae_status parse_shift(const vae__slice *value, void *field, void *user) {
    static const char *const names[] = {"none", "columns", "[NUMBER, ..]", NULL};
    vae__shift_option *shift = field;
    vae__slice rest, item;
    double number;
    (void)user;
    shift->list = *value;
    shift->kind = vae__slice_is(value, "none")      ? VAE__SHIFT_NONE
                  : vae__slice_is(value, "columns") ? VAE__SHIFT_COLUMNS
                                                    : VAE__SHIFT_LIST;
    if (shift->kind != VAE__SHIFT_LIST) return VAE_OK;
    if (!value->length || *value->text != '[') return vae__fail_unknown(value, "shift", names);
    vae_status status = vae__list_open(value, "[1700000000, 0]", &rest);
    while (!status && vae__list_next(&rest, &item, NULL)) {
        if (vae__parse_real(item.text, item.length, &number) && isfinite(number)) continue;
        status = vae__fail_at(&item, "shift: expected a finite number, found '%.*s'",
                              item.length > 60 ? 60 : (int)item.length, item.text);
    }
    return status;
}

const char *const vae__element_names[] = {"uint8", "float32", "float64", NULL};
const char *const vae__binarize_names[] = {"none", "threshold", "sample", NULL};

enum {
    BATCH,
    SHUFFLE,
    SEED,
    DROP_LAST,
    DTYPE,
    SCALE,
    SHIFT,
    BINARIZE,
    SPLIT,
    SPLIT_SEED,
    COPY,
    LABELS,
    COUNT
};

#define FIELD(name) offsetof(vae__dataset_options, name)
static const vae__option entries[] = {
    [BATCH] = {"batch", VAE__OPTION_UNSIGNED, FIELD(batch), 1, MOST_BATCH, NULL, NULL, NULL},
    [SHUFFLE] = {"shuffle", VAE__OPTION_FLAG, FIELD(shuffle), 0, 1, NULL, NULL, NULL},
    [SEED] = {"seed", VAE__OPTION_UNSIGNED, FIELD(seed), 0, ANY_SEED, NULL, NULL, NULL},
    [DROP_LAST] = {"drop_last", VAE__OPTION_FLAG, FIELD(drop_last), 0, 1, NULL, NULL, NULL},
    [DTYPE] = {"dtype", VAE__OPTION_CHOICE, FIELD(dtype), 0, 0, vae__element_names, NULL, NULL},
    [SCALE] = {"scale", VAE__OPTION_CUSTOM, FIELD(scale), 0, 0, NULL, parse_scale, NULL},
    [SHIFT] = {"shift", VAE__OPTION_CUSTOM, FIELD(shift), 0, 0, NULL, parse_shift, NULL},
    [BINARIZE] = {"binarize", VAE__OPTION_CHOICE, FIELD(binarize), 0, 0, vae__binarize_names, NULL,
                  NULL},
    [SPLIT] = {"split", VAE__OPTION_CUSTOM, FIELD(split), 0, 0, NULL, parse_split, NULL},
    [SPLIT_SEED] = {"split_seed", VAE__OPTION_UNSIGNED, FIELD(split_seed), 0, ANY_SEED, NULL, NULL,
                    NULL},
    [COPY] = {"copy", VAE__OPTION_FLAG, FIELD(copy), 0, 1, NULL, NULL, NULL},
    [LABELS] = {"labels", VAE__OPTION_CUSTOM, FIELD(labels), 0, 0, NULL, parse_labels, NULL},
    [COUNT] = {NULL, VAE__OPTION_FLAG, 0, 0, 0, NULL, NULL, NULL},
};

#define SPLIT_IN_TWO "open the data set twice, with split=train:0.9 and with split=test:0.9"

static const vae__alias aliases[] = {{"batch_size", "batch", NULL},
                                     {"batchsize", "batch", NULL},
                                     {"normalize", "scale", NULL},
                                     {"rescale", "scale", NULL},
                                     {"usecols", "columns", NULL},
                                     {"features", "columns", NULL},
                                     {"target", "labels", NULL},
                                     {"sep", "delimiter", NULL},
                                     {"separator", "delimiter", NULL},
                                     {"filter", "where", NULL},
                                     {"query", "where", NULL},
                                     {"na_values", "missing", NULL},
                                     {"dropna", "missing", NULL},
                                     {"missing=drop", "skip", NULL},
                                     {"delimiter=,", "comma", NULL},
                                     {"delimiter=;", "semicolon", NULL},
                                     {"delimiter=\\t", "tab", NULL},
                                     {"delimiter=whitespace", "space", NULL},
                                     {"random_state", "seed", NULL},
                                     {"type", "dtype", NULL},
                                     {"dtype=double", "float64", NULL},
                                     {"dtype=byte", "uint8", NULL},
                                     {"binarize=1", "threshold", NULL},
                                     {"binarize=0", "none", NULL},
                                     {"header=1", "yes", NULL},
                                     {"header=0", "no", NULL},
                                     {"header=none", "no", NULL},
                                     {"test_size", NULL, SPLIT_IN_TWO},
                                     {"train_size", NULL, SPLIT_IN_TWO},
                                     {"val_split", NULL, SPLIT_IN_TWO},
                                     {"validation_split", NULL, SPLIT_IN_TWO},
                                     {NULL, NULL, NULL}};

const vae__option_table vae__dataset_table = {.label = "options",
                                              .what = "option",
                                              .options = entries,
                                              .aliases = aliases,
                                              .parts = vae__format_options,
                                              .part_count = VAE__FORMAT_COUNT,
                                              .parts_offset = FIELD(formats)};

static vae_status refuse(const unsigned char *seen, int option, const char *why) {
    return seen[option] ? vae__fail(VAE_ERROR_TEXT, "options: %s= %s", entries[option].name, why)
                        : VAE_OK;
}

/* Options of formats, whose entries are counted behind those of the table. */
static vae_status refuse_file_options(const unsigned char *seen) {
    size_t index = COUNT;
    for (size_t i = 0; i < VAE__FORMAT_COUNT; i++) {
        const vae__option *option = vae__format_options[i]->options;
        for (; option && option->name; option++, index++) {
            if (!seen[index]) continue;
            return vae__fail(VAE_ERROR_TEXT, "options: %s= is for %s files, not for rows in memory",
                             option->name, vae__file_formats[i]->name);
        }
    }
    return VAE_OK;
}

static vae_status check_origin(const unsigned char *seen, vae__origin origin) {
    static const char for_memory[] =
        "is for rows in memory; a file has a type of its own and is always read whole";
    if (origin == VAE__ORIGIN_MEMORY) return refuse_file_options(seen);
    vae_status status = refuse(seen, DTYPE, for_memory);
    if (!status) status = refuse(seen, COPY, for_memory);
    return status;
}

/* scale=unit and scale=range have one offset for all columns, and a shifted value is neither a
 * probability nor above or below a threshold that means anything. */
static vae_status check_shift(const char *text, const vae__dataset_options *options) {
    int scale = options->scale.kind;
    if (options->shift.kind == VAE__SHIFT_NONE) return VAE_OK;
    if (scale == VAE__SCALE_UNIT || scale == VAE__SCALE_RANGE) {
        return vae__fail_at_key(&vae__dataset_table, text, "shift",
                                "shift= goes with scale=auto and scale=none; scale=%s subtracts "
                                "an offset of its own from all columns",
                                scale == VAE__SCALE_UNIT ? "unit" : "range");
    }
    if (options->binarize == VAE__BINARIZE_NONE) return VAE_OK;
    return vae__fail_at_key(&vae__dataset_table, text, "shift",
                            "shift= does not go with binarize=%s, which needs values from 0 to 1; "
                            "leave one of them out",
                            vae__binarize_names[options->binarize]);
}

static vae_status copy_slice(vae_context *context, const vae__slice *slice, size_t skip,
                             char **copy) {
    *copy = vae__copy_text(context, slice->text + skip, slice->length - skip);
    return *copy ? VAE_OK : vae__last_status();
}

static vae_status copy_texts(vae_context *context, vae__origin origin,
                             vae__dataset_options *options) {
    const vae__slice *labels = &options->labels;
    vae_status status = VAE_OK;
    if (labels->text && labels->length > 7 && !memcmp(labels->text, "column:", 7)) {
        if (origin == VAE__ORIGIN_MEMORY) {
            return vae__fail_at(labels,
                                "labels=column:NAME is for CSV files, not for rows in memory");
        }
        status = copy_slice(context, labels, 7, &options->label_column);
    } else if (labels->text) {
        status = copy_slice(context, labels, 0, &options->label_path);
    }
    return status;
}

static vae_status make_room_for_formats(vae_context *context, vae__dataset_options *options) {
    for (size_t i = 0; i < VAE__FORMAT_COUNT; i++) {
        size_t size = vae__file_formats[i]->options_size;
        if (!size) continue;
        options->formats[i] = vae__allocate(context, 1, size);
        if (!options->formats[i]) return vae__last_status();
    }
    return VAE_OK;
}

static vae_status check_formats(const char *text, const vae__dataset_options *options) {
    vae_status status = VAE_OK;
    for (size_t i = 0; !status && i < VAE__FORMAT_COUNT; i++) {
        const vae__file_format *format = vae__file_formats[i];
        if (format->check_options)
            status = format->check_options(&vae__dataset_table, text, options->formats[i]);
    }
    return status;
}

vae_status vae__dataset_options_parse(vae_context *context, const char *text, vae__origin origin,
                                      vae__dataset_options *options) {
    unsigned char seen[VAE__MAX_OPTIONS] = {0};
    *options = (vae__dataset_options){.batch = 128,
                                      .shuffle = 1,
                                      .seed = 1,
                                      .split_seed = 1,
                                      .copy = 1,
                                      .dtype = VAE__ELEMENT_FLOAT32};
    vae_status status = make_room_for_formats(context, options);
    if (!status) status = vae__options_parse(&vae__dataset_table, text, options, seen, NULL);
    if (!status) status = check_origin(seen, origin);
    if (!status) status = check_formats(text, options);
    if (!status) status = check_shift(text, options);
    if (!status) status = copy_texts(context, origin, options);
    return status;
}

void vae__dataset_options_free(vae_context *context, vae__dataset_options *options) {
    vae__release(context, options->label_path);
    vae__release(context, options->label_column);
    for (size_t i = 0; i < VAE__FORMAT_COUNT; i++) vae__release(context, options->formats[i]);
}
