#include "train/evaluate.h"

#include <float.h>
#include <math.h>

#include "model/shift.h"

/* Rows read at a time. */
#define CHUNK 256

/* Fails with the place in the file of the first value that the likelihood cannot take. */
static vae_status check_rows(const vae_model *model, const vae_dataset *dataset,
                             const vae__real *rows, size_t first, size_t count) {
    size_t width = model->spec.input.width;
    for (size_t r = 0; r < count; r++) {
        if (vae__model_takes_row(model, rows + r * width)) continue;
        return vae__model_refuse_rows(model, rows + r * width, 1,
                                      vae__dataset_source_row(dataset, first + r));
    }
    return VAE_OK;
}

vae_status vae__evaluate_elbo(const vae_model *model, const vae_dataset *dataset, uint64_t seed,
                              vae_step_report *report) {
    size_t n = vae__dataset_size(dataset), width = vae__dataset_width(dataset);
    double reconstruction[CHUNK], kl[CHUNK], reconstruction_sum = 0, kl_sum = 0;
    vae__real *rows = vae__allocate(model->context, CHUNK * width, sizeof *rows);
    vae_status status = rows ? VAE_OK : vae__last_status();
    const vae__bound bound = {.reconstruction = reconstruction, .kl = kl};
    for (size_t first = 0; first < n && !status; first += CHUNK) {
        size_t count = n - first < CHUNK ? n - first : CHUNK;
        vae__dataset_read(dataset, first, count, rows);
        status = vae__model_bound(model, rows, count, seed, first, &bound);
        if (status == VAE_ERROR_DATA) status = check_rows(model, dataset, rows, first, count);
        for (size_t i = 0; i < count && !status; i++) {
            reconstruction_sum += reconstruction[i];
            kl_sum += kl[i];
        }
    }
    vae__release(model->context, rows);
    *report = (vae_step_report){.rows = n,
                                .beta = 1,
                                .reconstruction = reconstruction_sum / (double)n,
                                .kl = kl_sum / (double)n};
    report->elbo = report->objective = report->reconstruction - report->kl;
    return status;
}

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
        vae__dataset_read(dataset, first, count, rows);
        vae_status status = check_rows(model, dataset, rows, first, count);
        if (status) return status;
        for (size_t r = 0; r < count; r++) {
            measure_row(rows + r * width, width, (double)(first + r + 1), to);
        }
    }
    for (size_t i = 0; i < width; i++) {
        to->variance[i] /= (double)n;
        if (to->input_mean) to->input_variance[i] /= (double)n;
    }
    return VAE_OK;
}

vae_status vae__initialize_from_data(vae_model *model, const vae_dataset *dataset) {
    size_t width = vae__dataset_width(dataset);
    vae_context *context = model->context;
    int log1p_input = model->spec.likelihood->log1p_input;
    vae__real *rows = vae__allocate(context, CHUNK * width, sizeof *rows);
    double *moments = vae__allocate(context, (log1p_input ? 4 : 2) * width, sizeof *moments);
    vae_status status = rows && moments ? VAE_OK : vae__last_status();
    if (!status) {
        columns c = {.mean = moments, .variance = moments + width};
        vae__statistics statistics = {width, c.mean, c.variance, c.mean, c.variance};
        if (log1p_input) {
            statistics.input_mean = c.input_mean = moments + 2 * width;
            statistics.input_variance = c.input_variance = moments + 3 * width;
        }
        status = measure_columns(model, dataset, rows, &c);
        if (!status && model->spec.standardize)
            status = vae__shift_record(model, vae__dataset_shift(dataset));
        if (!status) vae__model_initialize(model, &statistics);
    }
    vae__release(context, moments);
    vae__release(context, rows);
    return status;
}
