/* Offset and range of each column, from the options scale= and shift=. Relies on all rows of the source,
 * not on those of one part of a split, so that train and test agree. */
#include "data/scaling.h"

#include <math.h>
#include <string.h>

#include "data/median.h"
#include "data/precision.h"

const char *vae__column_text(const vae_dataset *dataset, size_t column,
                             char text[VAE__COLUMN_TEXT]) {
    const char *name = vae__dataset_column_name(dataset, column);
    vae__format(text, VAE__COLUMN_TEXT, "column %zu (from 0%s%.80s)", column,
                *name ? ", named " : "", name);
    return text;
}

/* Of value number `at` of the piece that was read last. */
static vae_status fail_value(const vae__row_reader *reader, const char *what, size_t at,
                             const char *expected) {
    char number[VAE__NUMBER_SIZE];
    const vae__row_source *rows = reader->source;
    size_t width = rows->shape.size;
    double value = vae__stored_value(rows->element, reader->values, at);
    if (rows->element == VAE__ELEMENT_FLOAT32) {
        vae__number_float(number, (float)value);
    } else {
        vae__number(number, value);
    }
    return vae__fail(VAE_ERROR_DATA,
                     "%s: row %llu, column %zu (both from 0): expected %s, found %s", what,
                     (unsigned long long)vae__row_number(rows, reader->first + at / width),
                     at % width, expected, number);
}

/* scale=unit: the range of all rows, so that the parts of a split agree. Equal values all become 0.
 */
static vae_status measure_range(vae_dataset *dataset, const char *path) {
    const vae__row_source *rows = &dataset->rows;
    double low = HUGE_VAL, high = -HUGE_VAL;
    size_t at;
    vae__row_reader reader;
    vae_status status = vae__row_reader_open(&reader, rows);
    while (!status && vae__row_reader_next(&reader, &status)) {
        if (!vae__stored_range(rows->element, reader.values, reader.count * rows->shape.size, &low,
                               &high, &at))
            status = fail_value(&reader, path, at, "finite values for scale=unit");
    }
    vae__row_reader_close(&reader);
    if (status) return status;
    if (!isfinite(high - low)) {
        return vae__fail(VAE_ERROR_DATA, "%s: the values' range is too large for scale=unit", path);
    }
    dataset->conversion.low = low;
    dataset->conversion.range = high > low ? high - low : 1;
    return VAE_OK;
}

/* The offsets that shift=[..] gives, into offsets [width]. */
static vae_status read_offsets(const vae__slice *list, size_t width, double *offsets) {
    vae__slice rest, item;
    size_t count = 0;
    vae_status status = vae__list_open(list, "[1700000000, 0]", &rest);
    for (; !status && vae__list_next(&rest, &item, NULL); count++) {
        if (count < width) vae__parse_real(item.text, item.length, &offsets[count]);
    }
    if (status || count == width) return status;
    return vae__fail_at(
        list, "shift: expected as many numbers as there are columns, %zu; found %zu", width, count);
}

/* Offsets of 0 are the same as none. */
static void drop_zeros(vae_dataset *dataset) {
    for (size_t i = 0; i < dataset->rows.shape.size; i++) {
        if (dataset->offsets[i] != 0) return;
    }
    vae__release(dataset->context, dataset->offsets);
    dataset->offsets = NULL;
}

static vae_status set_offsets(vae_dataset *dataset, const char *path,
                              const vae__shift_option *shift) {
    size_t width = dataset->rows.shape.size;
    vae_status status;
    if (shift->kind == VAE__SHIFT_NONE) return VAE_OK;
    dataset->offsets = vae__allocate(dataset->context, width, sizeof *dataset->offsets);
    if (!dataset->offsets) return vae__fail_in("%s", path);
    if (shift->kind == VAE__SHIFT_LIST) {
        status = read_offsets(&shift->list, width, dataset->offsets);
    } else {
        status = vae__column_medians(&dataset->rows, dataset->offsets);
        if (status) vae__fail_in("%s", path);
    }
    if (!status) drop_zeros(dataset);
    dataset->conversion.offsets = dataset->offsets;
    return status;
}

/* binarize=sample draws with probability x: refuses a data set with an x that is none. */
static vae_status check_probabilities(const vae_dataset *dataset, const char *path) {
    const vae__row_source *rows = &dataset->rows;
    double range = dataset->conversion.range, low = dataset->conversion.low;
    vae__row_reader reader;
    vae_status status = vae__row_reader_open(&reader, rows);
    while (!status && vae__row_reader_next(&reader, &status)) {
        size_t count = reader.count * rows->shape.size;
        for (size_t i = 0; !status && i < count; i++) {
            double x = (vae__stored_value(rows->element, reader.values, i) - low) / range;
            if (!(x >= 0 && x <= 1))
                status = fail_value(&reader, path, i,
                                    "values in [0, 1] after scaling for binarize=sample");
        }
    }
    vae__row_reader_close(&reader);
    return status;
}

vae_status vae__scaling_set(vae_dataset *dataset, const char *path,
                            const vae__dataset_options *options) {
    const vae__scale_option *scale = &options->scale;
    vae__element element = dataset->rows.element;
    vae_status status = VAE_OK;
    int bytes = scale->kind == VAE__SCALE_AUTO && element == VAE__ELEMENT_UINT8;
    dataset->conversion = (vae__conversion){element, 0, bytes ? 255 : 1, NULL};
    dataset->binarize = options->binarize;
    if (scale->kind == VAE__SCALE_RANGE) {
        dataset->conversion.low = scale->low;
        dataset->conversion.range = scale->high - scale->low;
    }
    if (scale->kind == VAE__SCALE_UNIT) status = measure_range(dataset, path);
    if (!status) status = set_offsets(dataset, path, &options->shift);
    if (!status) status = vae__check_precision(dataset, path, options);
    if (!status && options->binarize == VAE__BINARIZE_SAMPLE)
        status = check_probabilities(dataset, path);
    return status;
}
