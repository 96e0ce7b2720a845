/* Rows are read from the data set again for every pass, so that memory does not grow with their number. */
#include "train/ppca_rows.h"

#include <math.h>
#include <string.h>

#include "data/gather.h"
#include "model/standardize.h"

vae_status vae__ppca_rows_open(vae__ppca_rows *r, const vae__ppca *fit, const vae_dataset *data) {
    size_t width = fit->width, stride = ((width + 7) / 8 | 1) * 8;
    *r = (vae__ppca_rows){.fit = fit, .data = data, .n = vae__dataset_size(data), .stride = stride};
    r->x = vae__allocate(fit->context, VAE__PPCA_CHUNK * width, sizeof *r->x);
    r->y = vae__allocate(fit->context, VAE__PPCA_SPAN * stride, sizeof *r->y);
    return r->x && r->y ? VAE_OK : vae__last_status();
}

void vae__ppca_rows_close(vae__ppca_rows *r) {
    vae__release(r->fit->context, r->y);
    vae__release(r->fit->context, r->x);
}

/* Element (row, column) of y to row * down + column * across. */
static int next_chunk(vae__ppca_rows *r, size_t down, size_t across, vae_status *status) {
    const vae__ppca *fit = r->fit;
    r->first += r->count;
    r->count = r->n - r->first < VAE__PPCA_CHUNK ? r->n - r->first : VAE__PPCA_CHUNK;
    if (!r->count) {
        r->first = 0;
        return 0;
    }
    *status = vae__dataset_read(r->data, r->first, r->count, r->x);
    if (*status) return 0;
    for (size_t i = 0; i < r->count; i++) {
        const vae__real *x = r->x + i * fit->width;
        for (size_t j = 0; j < fit->width; j++)
            r->y[i * down + j * across] = vae__ppca_centre(fit, j, x[j]);
    }
    return 1;
}

int vae__ppca_next_rows(vae__ppca_rows *r, vae_status *status) {
    return next_chunk(r, r->stride, 1, status);
}

int vae__ppca_next_columns(vae__ppca_rows *r, vae_status *status) {
    return next_chunk(r, 1, VAE__PPCA_SPAN, status);
}

/* out [width] = mean over the rows of y, or of its squares. */
static vae_status find_means(vae__ppca_rows *r, int squared, double *out) {
    size_t width = r->fit->width;
    vae_status status = VAE_OK;
    memset(out, 0, width * sizeof *out);
    while (vae__ppca_next_rows(r, &status)) {
        for (size_t i = 0; i < r->count; i++) {
            const double *y = r->y + i * r->stride;
            for (size_t j = 0; j < width; j++)
                out[j] += (squared ? y[j] * y[j] : y[j]) / (double)r->n;
        }
    }
    return status;
}

vae_status vae__ppca_find_scale(vae__ppca *fit, vae__ppca_rows *r, int standardize) {
    size_t width = fit->width, bytes = width * sizeof *fit->mean;
    vae_status status = find_means(r, 0, fit->spread);
    if (status) return status;
    memcpy(fit->mean, fit->spread, bytes);
    status = find_means(r, 0, fit->spread); /* what rounding has left */
    if (status) return status;
    memcpy(fit->mean_rest, fit->spread, bytes);
    status = find_means(r, 1, fit->spread);
    if (status) return status;
    for (size_t j = 0; j < width; j++) {
        double mean = fit->mean[j], deviation = fit->spread[j] = sqrt(fit->spread[j]);
        if (!standardize) continue;
        int varies = vae__column_varies(mean, deviation);
        fit->scale[j] = varies ? deviation : vae__constant_scale(mean);
        fit->spread[j] /= fit->scale[j];
    }
    return VAE_OK;
}
