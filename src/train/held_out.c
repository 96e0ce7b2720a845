/* Reads the rows in chunks and sums their ELBOs in double, in stored order, so that the result does not depend on
 * the number of threads. Values that the likelihood does not take, and ELBOs that are not finite, end it. */
#include "train/held_out.h"

#include <math.h>

#include "data/gather.h"
#include "model/inference.h"
#include "train/row_checks.h"

#define CHUNK 256 /* rows read at a time */

/* Adds a row's ELBO to what is known of the lowest. */
static void take_lowest(vae__lowest_row *lowest, uint64_t row, double elbo) {
    if (elbo < lowest->elbo) {
        lowest->others += isfinite(lowest->elbo) ? fabs(lowest->elbo) : 0;
        lowest->elbo = elbo;
        lowest->row = row;
    } else {
        lowest->others += fabs(elbo);
    }
}

vae_status vae__held_out_elbo(const vae_model *model, const vae_dataset *dataset, uint64_t seed,
                              vae_step_report *report, vae__lowest_row *lowest) {
    size_t n = vae__dataset_size(dataset), width = vae__dataset_width(dataset);
    double reconstruction[CHUNK], kl[CHUNK], reconstruction_sum = 0, kl_sum = 0;
    vae__lowest_row found = {.elbo = (double)INFINITY};
    vae__real *rows = vae__allocate(model->context, CHUNK * width, sizeof *rows);
    vae_status status = rows ? VAE_OK : vae__last_status();
    const vae__bound bound = {.reconstruction = reconstruction, .kl = kl};
    for (size_t first = 0; first < n && !status; first += CHUNK) {
        size_t count = n - first < CHUNK ? n - first : CHUNK;
        status = vae__dataset_read(dataset, first, count, rows);
        if (status) break;
        status = vae__model_bound(model, rows, count, seed, first, &bound);
        if (status == VAE_ERROR_DATA) status = vae__check_rows(model, dataset, rows, first, count);
        for (size_t i = 0; i < count && !status; i++) {
            uint64_t row = vae__dataset_source_row(dataset, first + i);
            double elbo = reconstruction[i] - kl[i];
            if (!isfinite(elbo)) {
                status = vae__refuse_elbo(row, reconstruction[i], kl[i], rows + i * width, width);
            }
            take_lowest(&found, row, elbo);
            reconstruction_sum += reconstruction[i];
            kl_sum += kl[i];
        }
    }
    if (lowest) *lowest = found;
    vae__release(model->context, rows);
    *report = (vae_step_report){.rows = n,
                                .beta = 1,
                                .reconstruction = reconstruction_sum / (double)n,
                                .kl = kl_sum / (double)n};
    report->elbo = report->objective = report->reconstruction - report->kl;
    return status;
}
