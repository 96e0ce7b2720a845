/* Relies on the start from data (initialize.h) for independent columns and on ppca.h for the closed form. A
 * closed form is found by the name that the likelihood gives: a further one is a row in `closed_forms`. */
#include "train/baseline.h"

#include <string.h>

#include "data/gather.h"
#include "train/initialize.h"
#include "train/ppca.h"
#include "train/row_checks.h"

#define CHUNK 256 /* rows read at a time */

/* ---- independent columns ---- */

/* A model whose output biases are those of independent columns once it is started from data: the same one; where positions
 * share biases one with a head that is dense; of another kind than a VAE, a VAE whose deviations are the columns'. */
static vae_status make_constant(const vae_model *model, vae_model **out) {
    vae__spec spec = model->spec;
    int is_vae = !model->kind->rows;
    if (is_vae && vae__network_head_is_dense(&model->network)) return vae__model_clone(model, out);
    spec.encoder.count = spec.decoder.count = 0;
    if (is_vae) return vae__model_new(model->context, &spec, out);
    spec.kind = VAE__MODEL_vae;
    spec.latent = 1;
    spec.sigma = (vae__sigma){VAE__SIGMA_PER_DIM, 0};
    return vae__model_new(model->context, &spec, out);
}

vae_status vae__baseline_marginals(const vae_model *model, const vae_dataset *dataset,
                                   const vae_dataset *fitted_on, double *log_p) {
    vae_context *context = model->context;
    const vae__likelihood *likelihood = model->spec.likelihood;
    size_t n = vae__dataset_size(dataset), width = model->spec.input.size;
    size_t heads = vae__likelihood_heads(&model->spec) * width;
    vae_model *constant = NULL;
    vae__real *rows = vae__allocate(context, CHUNK * width + heads, sizeof *rows);
    vae_status status = rows ? make_constant(model, &constant) : vae__last_status();
    if (!status) status = vae__initialize_from_data(constant, fitted_on);
    double total = 0;
    for (size_t first = 0; !status && first < n; first += CHUNK) {
        size_t count = n - first < CHUNK ? n - first : CHUNK;
        vae__likelihood_row row = {.kernels = context->kernels,
                                   .spec = &constant->spec,
                                   .weight = 1,
                                   .extra = vae__model_extra(constant),
                                   .floor = vae__model_floor(constant),
                                   .width = width,
                                   .a = rows + CHUNK * width};
        const vae__real *bias =
            constant->parameters.items[constant->network.likelihood.bias].values;
        status = vae__dataset_read(dataset, first, count, rows);
        if (status) break;
        total -= (double)count * vae__model_standardize(constant, rows, count);
        for (size_t r = 0; r < count && !status; r++) {
            memcpy(row.a, bias, heads * sizeof *bias);
            row.x = rows + r * width;
            double log_p_row = likelihood->row(&row);
            status =
                vae__check_finite(dataset, first + r, log_p_row, "log p of baseline_marginals");
            total += log_p_row;
        }
    }
    *log_p = total / (double)n;
    vae__model_release(constant);
    vae__release(context, rows);
    return status;
}

/* ---- closed forms ---- */

/* The directions take width^3 operations: about 4 seconds at this width, which cannot be cancelled. */
#define PPCA_MAX_COLUMNS 1024

/* Of the columns as the likelihood sees them: sigma_min is in their units. *fitted is 0 where the width rules
 * it out. */
static vae_status ppca(const vae_model *model, const vae_dataset *dataset,
                       const vae_dataset *fitted_on, int *fitted, double *log_p) {
    vae__ppca fit;
    size_t width = model->spec.input.size;
    double least = model->spec.sigma_min * model->spec.sigma_min;
    *fitted = model->spec.latent < width && width <= PPCA_MAX_COLUMNS;
    if (model->spec.latent < width && !*fitted) {
        vae__log(model->context, VAE_LOG_WARNING,
                 "evaluate: no PCA baseline of %zu columns; it is computed for up to %d", width,
                 PPCA_MAX_COLUMNS);
    }
    if (!*fitted) return VAE_OK;
    vae_status status = vae__ppca_fit(model->context, fitted_on, (size_t)model->spec.latent,
                                      model->spec.standardize, least, &fit);
    if (!status) status = vae__ppca_log_likelihood(&fit, dataset, log_p);
    vae__ppca_release(&fit);
    return status;
}

/* By the names in vae__likelihood.closed_form. */
static const struct closed_form {
    const char *name, *figure;
    vae_status (*compute)(const vae_model *model, const vae_dataset *dataset,
                          const vae_dataset *fitted_on, int *fitted, double *log_p);
} closed_forms[] = {{"ppca", "baseline_ppca", ppca}, {NULL, NULL, NULL}};

vae_status vae__baseline_closed_form(const vae_model *model, const vae_dataset *dataset,
                                     const vae_dataset *fitted_on, const char **figure,
                                     double *log_p) {
    const char *name = model->spec.likelihood->closed_form;
    const struct closed_form *form = closed_forms;
    int fitted;
    *figure = NULL;
    if (!name) return VAE_OK;
    while (form->name && strcmp(form->name, name) != 0) form++;
    if (!form->name) return vae__fail(VAE_ERROR_INTERNAL, "no closed form '%s'", name);
    vae_status status = form->compute(model, dataset, fitted_on, &fitted, log_p);
    if (!status && fitted) *figure = form->figure;
    return status;
}
