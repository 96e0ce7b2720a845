/* Pseudo-inputs that begin at random rows. Relies on the prior's take_row for how a row is stored. */
#include "train/prior_rows.h"

#include <math.h>

#include "data/gather.h"
#include "model/prior.h"
#include "train/row_checks.h"

vae_status vae__prior_check_count(const vae_model *model, const vae_dataset *dataset) {
    const vae__prior *prior = vae__prior_of(&model->spec);
    uint64_t count = model->spec.prior.count;
    size_t n = vae__dataset_size(dataset);
    if (!(prior->fit || prior->take_row) || count <= n) return VAE_OK;
    return vae__fail(VAE_ERROR_ARGUMENT,
                     "prior=%s:%llu: its %s begin at as many different rows, and the data set has "
                     "%zu; take a smaller number",
                     prior->name, (unsigned long long)count, prior->counts, n);
}

static vae_status read_row(const vae_model *model, const vae_dataset *dataset, size_t row,
                           vae__real *x) {
    vae_status status = vae__dataset_read(dataset, row, 1, x);
    return status ? status : vae__check_rows(model, dataset, x, row, 1);
}

vae_status vae__prior_rows_read(const vae_model *model, const vae_dataset *dataset, uint64_t seed,
                                vae__prior_rows *out) {
    const vae__stream stream = {seed, 0, VAE__PURPOSE_FIT, 0};
    vae_context *context = model->context;
    size_t count = (size_t)model->spec.prior.count, width = model->spec.input.size;
    size_t n = vae__dataset_size(dataset);
    *out = (vae__prior_rows){.context = context};
    if (!vae__prior_of(&model->spec)->take_row) return VAE_OK;
    vae_status status = vae__prior_check_count(model, dataset);
    if (status) return status;
    uint64_t *order = vae__allocate(context, n, sizeof *order);
    out->x = vae__allocate(context, count, width * sizeof *out->x);
    status = order && out->x ? VAE_OK : vae__last_status();
    if (!status) vae__random_permutation(&stream, order, n);
    for (size_t k = 0; k < count && !status; k++)
        status = read_row(model, dataset, (size_t)order[k], out->x + k * width);
    vae__release(context, order);
    if (status) vae__prior_rows_release(out);
    return status;
}

void vae__prior_rows_take(vae_model *model, const vae__prior_rows *rows) {
    const vae__prior *prior = vae__prior_of(&model->spec);
    const vae__prior_call call = vae__model_prior_call(model);
    size_t count = (size_t)model->spec.prior.count, width = model->spec.input.size;
    if (!rows->x) return;
    vae__model_standardize(model, rows->x, count);
    if (model->spec.likelihood->log1p_input) {
        for (size_t i = 0; i < count * width; i++)
            rows->x[i] = (vae__real)log1p((double)rows->x[i]);
    }
    for (size_t k = 0; k < count; k++) prior->take_row(&call, k, rows->x + k * width);
    vae__model_changed(model, model->network.prior, model->parameters.count - model->network.prior);
}

void vae__prior_rows_release(vae__prior_rows *rows) {
    vae__release(rows->context, rows->x);
    rows->x = NULL;
}
