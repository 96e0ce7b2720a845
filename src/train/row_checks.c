/* A pass checks the rows that it has read with these functions. They look for the first bad value only after
 * it is known that there is one, so that good rows cost one comparison of each value. */
#include "train/row_checks.h"

#include <math.h>

vae_status vae__check_rows(const vae_model *model, const vae_dataset *dataset,
                           const vae__real *rows, size_t first, size_t count) {
    size_t r = vae__model_refused_row(model, rows, count);
    if (r == count) return VAE_OK;
    return vae__model_refuse_row(model, rows + r * model->spec.input.size,
                                 vae__dataset_source_row(dataset, first + r));
}

vae_status vae__refuse_elbo(uint64_t row, double reconstruction, double kl, const vae__real *x,
                            size_t width) {
    char a[VAE__NUMBER_SIZE], b[VAE__NUMBER_SIZE], value[VAE__NUMBER_SIZE];
    size_t largest = 0;
    for (size_t i = 1; i < width; i++) {
        if (fabs((double)x[i]) > fabs((double)x[largest])) largest = i;
    }
    return vae__fail(VAE_ERROR_DIVERGED,
                     "row %llu: its ELBO is not finite (reconstruction %s, KL %s), since values of "
                     "the network for it are too large to be computed; the row's own largest is %s "
                     "in column %zu",
                     (unsigned long long)row, vae__number_short(a, reconstruction),
                     vae__number_short(b, kl), vae__number_short(value, (double)x[largest]),
                     largest);
}

vae_status vae__check_finite(const vae_dataset *dataset, size_t row, double value,
                             const char *what) {
    char found[VAE__NUMBER_SIZE];
    if (isfinite(value)) return VAE_OK;
    return vae__fail(
        VAE_ERROR_DIVERGED,
        "row %llu: the %s is not finite (%s): values of the row are too large for this "
        "model, or a parameter is NaN or infinite. Columns of large numbers are for "
        "standardize=1 in the spec",
        (unsigned long long)vae__dataset_source_row(dataset, row), what,
        vae__number_short(found, value));
}
