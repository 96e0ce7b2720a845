/* Whether the values of a data set keep their differences when they become vae__real. Looks at the spread
 * of each column against the distance of neighbouring numbers; warns or refuses, and changes nothing. */
#include "data/precision.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "data/median.h"
#include "data/scaling.h"

#define SAMPLED_ROWS 1024
#define COARSE 16         /* steps of vae__real within the spread of a column: fewer are too few */
#define ROUNDING_ERRORS 4 /* units in the last place of a double */

#ifdef VAE_REAL_DOUBLE
#define REAL_NAME "double"
#define REAL_DIGITS DBL_MANT_DIG
#define REAL_LEAST DBL_TRUE_MIN
#define REAL_NORMAL DBL_MIN
#else
#define REAL_NAME "float"
#define REAL_DIGITS FLT_MANT_DIG
#define REAL_LEAST FLT_TRUE_MIN
#define REAL_NORMAL FLT_MIN
#endif

/* A check under way. */
typedef struct check {
    const vae_dataset *dataset;
    const char *path;
    const vae__dataset_options *options;
    double *low, *high;           /* [width] of the stored values, in one block at low */
    double *sample, *overwritten; /* [SAMPLED_ROWS], in the same block */
    unsigned char *sampled;       /* the rows of the samples, where they are not in memory */
} check;

/* Bytes that are divided by something stay apart, and float32 rows as they are stay as they are. */
static int can_lose(const vae_dataset *dataset, const vae__dataset_options *options) {
    vae__element element = dataset->rows.element;
    int scale = options->scale.kind;
    return element == VAE__ELEMENT_FLOAT64 || dataset->offsets || scale == VAE__SCALE_RANGE ||
           (scale == VAE__SCALE_UNIT && element == VAE__ELEMENT_FLOAT32);
}

/* ---- columns that become one number ---- */

/* NaN is passed over: the comparisons fail. */
static void measure_float64(const unsigned char *rows, size_t n, size_t width, double *restrict low,
                            double *restrict high) {
    for (size_t row = 0; row < n; row++, rows += width * sizeof(double)) {
        for (size_t j = 0; j < width; j++) {
            double value;
            memcpy(&value, rows + j * sizeof value, sizeof value);
            low[j] = value < low[j] ? value : low[j];
            high[j] = value > high[j] ? value : high[j];
        }
    }
}

static void measure_piece(check *c, const vae__row_reader *piece) {
    vae__element element = piece->source->element;
    size_t width = piece->source->shape.size;
    if (element == VAE__ELEMENT_FLOAT64) {
        measure_float64(piece->values, piece->count, width, c->low, c->high);
        return;
    }
    for (size_t row = 0; row < piece->count; row++) {
        for (size_t j = 0; j < width; j++) {
            double value = vae__stored_value(element, piece->values, row * width + j);
            if (value < c->low[j]) c->low[j] = value;
            if (value > c->high[j]) c->high[j] = value;
        }
    }
}

static vae_status measure_columns(check *c) {
    const vae__row_source *rows = &c->dataset->rows;
    vae__row_reader reader;
    for (size_t j = 0; j < rows->shape.size; j++) c->low[j] = HUGE_VAL, c->high[j] = -HUGE_VAL;
    vae_status status = vae__row_reader_open(&reader, rows);
    while (!status && vae__row_reader_next(&reader, &status)) measure_piece(c, &reader);
    vae__row_reader_close(&reader);
    return status;
}

/* Whether a column's values may be one value with rounding errors. Small whole numbers have none. */
static int is_rounding(const check *c, size_t column) {
    double low = c->low[column], high = c->high[column], largest = fmax(fabs(low), fabs(high));
    int whole = low == floor(low) && high == floor(high) && largest < 1 / DBL_EPSILON;
    return low < high && !whole && high - low <= ROUNDING_ERRORS * DBL_EPSILON * largest;
}

/* The conversion reverses no order, so the ends of a column tell of all of it. */
static int collapses(const check *c, size_t column) {
    const vae__conversion *conversion = &c->dataset->conversion;
    double low = c->low[column], high = c->high[column];
    return low < high && (vae__real)vae__scaled(conversion, column, low) ==
                             (vae__real)vae__scaled(conversion, column, high);
}

/* What to do about it: a difference that is no vae__real itself no offset makes one. */
static const char *advice(const check *c, size_t column) {
    double range = c->high[column] - c->low[column];
    int scale = c->options->scale.kind;
    if (c->options->shift.kind == VAE__SHIFT_COLUMNS || range < REAL_NORMAL ||
        range > (double)VAE__REAL_MAX)
        return "multiply this column by a constant before, so that it fits";
    return scale == VAE__SCALE_UNIT || scale == VAE__SCALE_RANGE
               ? "open it with shift=columns and without scale=, which subtracts a value of the "
                 "column first"
               : "open it with shift=columns, which subtracts a value of the column first";
}

static vae_status fail_collapsed(const check *c, size_t column) {
    char name[VAE__COLUMN_TEXT];
    char low[VAE__NUMBER_SIZE], high[VAE__NUMBER_SIZE], both[VAE__NUMBER_SIZE];
    double x = vae__scaled(&c->dataset->conversion, column, c->low[column]);
    vae__number(low, c->low[column]);
    vae__number(high, c->high[column]);
    vae__number(both, (double)(vae__real)x);
    return vae__fail(VAE_ERROR_DATA, "%s: %s loses its values: %s and %s both become %s as %s; %s",
                     c->path, vae__column_text(c->dataset, column, name), low, high, both,
                     REAL_NAME, advice(c, column));
}

/* 0.1 took such rows, where no value is a double. */
static void log_collapsed(const check *c, size_t column) {
    char name[VAE__COLUMN_TEXT];
    vae__log(c->dataset->context, VAE_LOG_WARNING,
             "%s loses its values: all of them become one number with scale=unit; %s (%s)",
             vae__column_text(c->dataset, column, name), advice(c, column), c->path);
}

static vae_status find_collapsed(const check *c) {
    const vae_dataset *dataset = c->dataset;
    int only_said =
        dataset->rows.element == VAE__ELEMENT_FLOAT32 && c->options->scale.kind == VAE__SCALE_UNIT;
    for (size_t j = 0; j < dataset->rows.shape.size; j++) {
        if (!collapses(c, j) || is_rounding(c, j)) continue;
        if (!only_said) return fail_collapsed(c, j);
        log_collapsed(c, j);
        break;
    }
    return VAE_OK;
}

/* ---- columns that keep little ---- */

/* Between x and the next larger vae__real. */
static double spacing(double x) {
    int exponent;
    frexp(x, &exponent);
    return fmax(ldexp(1, exponent - REAL_DIGITS), REAL_LEAST);
}

static size_t sample_size(const check *c) {
    return c->dataset->rows.count < SAMPLED_ROWS ? c->dataset->rows.count : SAMPLED_ROWS;
}

/* The row that is number i of the sample. */
static size_t sampled_row(const check *c, size_t i) {
    size_t rows = c->dataset->rows.count, count = sample_size(c);
    return i * (rows / count) + i * (rows % count) / count;
}

/* Reads the rows of the sample once, not once a column. */
static vae_status read_sample(check *c) {
    const vae__row_source *rows = &c->dataset->rows;
    size_t size = vae__row_bytes(rows), count = sample_size(c);
    vae__row_reader reader;
    if (rows->memory) return VAE_OK;
    vae_status status = vae__row_reader_open(&reader, rows);
    c->sampled = vae__allocate(rows->context, count, size);
    if (!c->sampled) status = vae__last_status();
    for (size_t i = 0; !status && i < count; i++) {
        status = vae__row_reader_row(&reader, sampled_row(c, i));
        if (!status) memcpy(c->sampled + i * size, reader.values, size);
    }
    vae__row_reader_close(&reader);
    return status;
}

/* Takes up to SAMPLED_ROWS finite values of a column, spread over the rows, as they are before
 * rounding. *inexact: rounding changes one of them. */
static size_t take_sample(const check *c, size_t column, int *inexact) {
    const vae__row_source *rows = &c->dataset->rows;
    size_t count = sample_size(c), width = rows->shape.size, taken = 0;
    *inexact = 0;
    for (size_t i = 0; i < count; i++) {
        size_t row = c->sampled ? i : sampled_row(c, i);
        double stored = vae__stored_value(rows->element, c->sampled ? c->sampled : rows->memory,
                                          row * width + column);
        double x = vae__scaled(&c->dataset->conversion, column, stored);
        if (!isfinite(x)) continue;
        *inexact |= (double)(vae__real)x != x;
        c->sample[taken++] = x;
    }
    return taken;
}

/* Median absolute deviation of the sample, which few outliers and a code for "missing" do not move;
 * the mean one where more than half of the values are equal. */
static double spread_of(double *sample, size_t count, double median) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sample[i] = fabs(sample[i] - median);
        sum += sample[i];
    }
    double spread = vae__lower_median(sample, count);
    return spread > 0 ? spread : sum / (double)count;
}

/* `step` is the distance of neighbouring numbers where the column's values are. */
static int is_coarse(const check *c, size_t column, double *spread, double *step) {
    int inexact;
    size_t count = take_sample(c, column, &inexact);
    if (!count || !inexact || is_rounding(c, column)) return 0;
    memcpy(c->overwritten, c->sample, count * sizeof *c->sample);
    double median = vae__lower_median(c->overwritten, count);
    *spread = spread_of(c->sample, count, median);
    *step = spacing(fabs(median) + *spread);
    return *spread > 0 && *spread < COARSE * *step && !collapses(c, column);
}

/* "; 3 more columns like it", behind the first of `count` columns. */
static const char *more_text(char text[48], size_t count) {
    *text = 0;
    if (count > 1)
        vae__format(text, 48, "; %zu more column%s like it", count - 1, count > 2 ? "s" : "");
    return text;
}

static void log_coarse(const check *c) {
    char name[VAE__COLUMN_TEXT], more[48], far[VAE__NUMBER_SIZE], apart[VAE__NUMBER_SIZE];
    double spread, step;
    size_t first = 0, count = 0;
    for (size_t j = 0; j < c->dataset->rows.shape.size; j++) {
        if (!is_coarse(c, j, &spread, &step) || count++) continue;
        first = j;
        vae__number_short(far, spread);
        vae__number_short(apart, step);
    }
    if (!count) return;
    vae__log(c->dataset->context, VAE_LOG_WARNING,
             "%s keeps little of its values: they lie about %s from their median, where "
             "neighbouring %ss are %s apart; %s (%s%s)",
             vae__column_text(c->dataset, first, name), far, REAL_NAME, apart, advice(c, first),
             c->path, more_text(more, count));
}

/* A shift makes something of a column in which there is nothing but rounding errors. */
static void log_rounding(const check *c) {
    char name[VAE__COLUMN_TEXT], more[48], low[VAE__NUMBER_SIZE], high[VAE__NUMBER_SIZE];
    size_t first = 0, count = 0;
    for (size_t j = 0; j < c->dataset->rows.shape.size; j++) {
        if (is_rounding(c, j) && !collapses(c, j) && !count++) first = j;
    }
    if (!count) return;
    vae__number(low, c->low[first]);
    vae__number(high, c->high[first]);
    vae__log(
        c->dataset->context, VAE_LOG_WARNING,
        "%s holds rounding errors only, %s to %s, and the shift leaves nothing else of it; leave "
        "the column out, or shift it by 0 with shift=[..] (%s%s)",
        vae__column_text(c->dataset, first, name), low, high, c->path, more_text(more, count));
}

vae_status vae__check_precision(const vae_dataset *dataset, const char *path,
                                const vae__dataset_options *options) {
    check c = {.dataset = dataset, .path = path, .options = options};
    size_t width = dataset->rows.shape.size;
    if (!can_lose(dataset, options)) return VAE_OK;
    c.low = vae__allocate(dataset->context, 2 * (width + SAMPLED_ROWS), sizeof *c.low);
    if (!c.low) return vae__fail_in("%s", path);
    c.high = c.low + width;
    c.sample = c.high + width;
    c.overwritten = c.sample + SAMPLED_ROWS;
    vae_status status = measure_columns(&c);
    if (!status) status = find_collapsed(&c);
    if (!status && dataset->context->log) status = read_sample(&c);
    if (!status && dataset->context->log) log_coarse(&c);
    if (!status && dataset->offsets) log_rounding(&c);
    vae__release(dataset->context, c.sampled);
    vae__release(dataset->context, c.low);
    return status;
}
