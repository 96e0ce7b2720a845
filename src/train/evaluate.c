#include "train/evaluate.h"

/* Rows read at a time. */
#define CHUNK 256

static int fits(const vae_model *model, const vae__real *row) {
    const vae__likelihood *likelihood = model->spec.likelihood;
    for (size_t i = 0; i < model->spec.input.width; i++) {
        double value = (double)row[i];
        if (!(value - value == 0 && value >= likelihood->low && value <= likelihood->high))
            return 0;
    }
    return 1;
}

/* Fails with the place in the file of the first value that the likelihood cannot take. */
static vae_status check_rows(const vae_model *model, const vae_dataset *dataset,
                             const vae__real *rows, size_t first, size_t count) {
    size_t width = model->spec.input.width;
    for (size_t r = 0; r < count; r++) {
        if (fits(model, rows + r * width)) continue;
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

/* Welford's update, one row at a time: exact enough for columns far from zero. */
static void add_row(const vae__real *row, size_t width, double seen, double *mean,
                    double *squares) {
    for (size_t i = 0; i < width; i++) {
        double before = (double)row[i] - mean[i];
        mean[i] += before / seen;
        squares[i] += before * ((double)row[i] - mean[i]);
    }
}

static vae_status measure_columns(const vae_model *model, const vae_dataset *dataset,
                                  vae__real *rows, double *mean, double *variance) {
    size_t n = vae__dataset_size(dataset), width = vae__dataset_width(dataset);
    for (size_t first = 0; first < n; first += CHUNK) {
        size_t count = n - first < CHUNK ? n - first : CHUNK;
        vae__dataset_read(dataset, first, count, rows);
        vae_status status = check_rows(model, dataset, rows, first, count);
        if (status) return status;
        for (size_t r = 0; r < count; r++)
            add_row(rows + r * width, width, (double)(first + r + 1), mean, variance);
    }
    for (size_t i = 0; i < width; i++) variance[i] /= (double)n;
    return VAE_OK;
}

vae_status vae__initialize_from_data(vae_model *model, const vae_dataset *dataset) {
    size_t width = vae__dataset_width(dataset);
    vae_context *context = model->context;
    vae__real *rows = vae__allocate(context, CHUNK * width, sizeof *rows);
    double *mean = vae__allocate(context, width, sizeof *mean),
           *variance = vae__allocate(context, width, sizeof *variance);
    vae_status status = rows && mean && variance
                            ? measure_columns(model, dataset, rows, mean, variance)
                            : vae__last_status();
    if (!status) {
        vae__statistics statistics = {width, mean, variance};
        vae__model_initialize(model, &statistics);
    }
    vae__release(context, variance);
    vae__release(context, mean);
    vae__release(context, rows);
    return status;
}
