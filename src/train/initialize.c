/* Reads every row once for the moments of the columns, hands them to the model, and warns in the log of
 * columns that do not vary and of scales at which training fails. A value that the likelihood does not take
 * ends it before the model has changed. */
#include "train/initialize.h"

#include <float.h>
#include <math.h>

#include "data/gather.h"
#include "model/shift.h"
#include "model/standardize.h"
#include "train/prior_rows.h"
#include "train/row_checks.h"

#define CHUNK 256 /* rows read at a time */

static double bounded(double value) {
    return fmin(fmax(value, -DBL_MAX), DBL_MAX);
}

/* Welford's update, one row at a time: exact enough for columns far from zero. Bounded, since the spread
 * of doubles, unlike that of floats, may be more than one holds. */
static void add_row(const vae__real *row, size_t width, double seen, double *mean,
                    double *squares) {
    for (size_t i = 0; i < width; i++) {
        double before = bounded((double)row[i] - mean[i]);
        mean[i] = bounded(mean[i] + before / seen);
        squares[i] = bounded(squares[i] + before * bounded((double)row[i] - mean[i]));
    }
}

/* Moments of the columns of x, and of log(1 + x) if the encoder sees that. */
typedef struct columns {
    double *mean, *variance, *input_mean, *input_variance; /* [width]; the last two may be NULL */
    unsigned char *constant;                               /* [width] */
} columns;

/* Takes in a row; row is overwritten. */
static void measure_row(vae__real *row, size_t width, double seen, const columns *to) {
    add_row(row, width, seen, to->mean, to->variance);
    if (!to->input_mean) return;
    for (size_t i = 0; i < width; i++) row[i] = (vae__real)log1p((double)row[i]);
    add_row(row, width, seen, to->input_mean, to->input_variance);
}

static vae_status measure_columns(const vae_model *model, const vae_dataset *dataset,
                                  vae__real *rows, const columns *to) {
    size_t n = vae__dataset_size(dataset), width = vae__dataset_width(dataset);
    for (size_t first = 0; first < n; first += CHUNK) {
        size_t count = n - first < CHUNK ? n - first : CHUNK;
        vae_status status = vae__dataset_read(dataset, first, count, rows);
        if (!status) status = vae__check_rows(model, dataset, rows, first, count);
        if (status) return status;
        for (size_t r = 0; r < count; r++) {
            measure_row(rows + r * width, width, (double)(first + r + 1), to);
        }
    }
    for (size_t i = 0; i < width; i++) {
        to->variance[i] /= (double)n;
        to->constant[i] = !vae__column_varies(to->mean[i], sqrt(to->variance[i]));
        if (to->input_mean) to->input_variance[i] /= (double)n;
    }
    return VAE_OK;
}

/* ---- warnings ---- */

/* Room for the numbers of columns in a message; behind it one more number and the end fit. */
#define LIST_USED 160

/* Columns that do not vary, by number. */
static void warn_of_constant(const vae_model *model, const unsigned char *constant) {
    char list[LIST_USED + 48] = "";
    size_t used = 0, count = 0, width = model->spec.input.size;
    if (!vae__model_holds_constant(model)) return;
    for (size_t i = 0; i < width; i++) {
        if (!constant[i]) continue;
        count++;
        if (used < LIST_USED) used += vae__format(list + used, sizeof list - used, " %zu", i);
    }
    if (!count) return;
    if (used >= LIST_USED) vae__format(list + used, sizeof list - used, " and more");
    vae__log(
        model->context, VAE_LOG_WARNING,
        "vae_model_initialize: %zu of %zu columns do not vary:%s. They say nothing about a row: "
        "the model holds each at its value, so that it disturbs no other. If you can, leave "
        "them out of the data",
        count, width, list);
}

/* Spreads, over all columns together, at which steps of a learning rate are far too large or small. */
#define SMALL_SPREAD 3e-3
#define LARGE_SPREAD 1e3

static void warn_of_spread(const vae_model *model, const vae__statistics *statistics) {
    char number[VAE__NUMBER_SIZE];
    double variance = 0;
    if (!vae__likelihood_takes(model->spec.likelihood, "standardize") || model->spec.standardize)
        return;
    for (size_t i = 0; i < statistics->width; i++)
        variance += statistics->variance[i] / (double)statistics->width;
    double spread = sqrt(variance);
    if (!(spread > 0) || (spread >= SMALL_SPREAD && spread <= LARGE_SPREAD)) return;
    vae__log(model->context, VAE_LOG_WARNING,
             "vae_model_initialize: the columns' standard deviation, over all of them together, is "
             "%s: training will be poor or fail unless the data are scaled; standardize=1 in the "
             "spec does that",
             vae__number_short(number, spread));
}

/* ---- initialisation ---- */

static vae_status initialize(vae_model *model, const vae_dataset *dataset, int starts) {
    size_t width = vae__dataset_width(dataset);
    vae_context *context = model->context;
    int log1p_input = model->spec.likelihood->log1p_input;
    vae__real *rows = vae__allocate(context, CHUNK * width, sizeof *rows);
    double *moments = vae__allocate(context, (log1p_input ? 4 : 2) * width, sizeof *moments);
    unsigned char *constant = vae__allocate(context, width, sizeof *constant);
    vae_status status = rows && moments && constant ? VAE_OK : vae__last_status();
    if (!status) {
        columns c = {.mean = moments, .variance = moments + width, .constant = constant};
        vae__statistics statistics = {width, c.mean, c.variance, c.mean, c.variance, constant};
        if (log1p_input) {
            statistics.input_mean = c.input_mean = moments + 2 * width;
            statistics.input_variance = c.input_variance = moments + 3 * width;
        }
        status = measure_columns(model, dataset, rows, &c);
        if (!status && model->spec.standardize)
            status = vae__shift_record(model, vae__dataset_shift(dataset));
        if (!status && starts) {
            warn_of_constant(model, constant);
            warn_of_spread(model, &statistics);
            if (model->initialized) vae__model_draw(model);
        }
        if (!status) vae__model_initialize(model, &statistics);
    }
    vae__release(context, constant);
    vae__release(context, moments);
    vae__release(context, rows);
    return status;
}

vae_status vae__initialize_from_data(vae_model *model, const vae_dataset *dataset) {
    return initialize(model, dataset, 0);
}

vae_status vae__start_from_data(vae_model *model, const vae_dataset *dataset) {
    vae_status status = vae__model_check_start(model);
    vae__prior_rows rows;
    if (!status) status = vae__prior_rows_read(model, dataset, model->spec.seed, &rows);
    if (status) return status;
    status = initialize(model, dataset, 1);
    if (!status) vae__prior_rows_take(model, &rows);
    vae__prior_rows_release(&rows);
    return status;
}
