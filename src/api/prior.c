/* Public functions: the prior of a model. They check their arguments and call one function below. */
#include "api/arguments.h"
#include "api/texts.h"
#include "model/prior.h"
#include "model/set_prior.h"
#include "train/fit_prior.h"

vae_status vae_model_set_prior(vae_model *model, const char *prior) {
    vae_status status = vae__need(model, "vae_model_set_prior", "model");
    if (!status) status = vae__need(prior, "vae_model_set_prior", "prior");
    if (!status) status = vae__check_keys(&vae__prior_table, prior);
    if (!status) status = vae__model_set_prior(model, prior);
    return vae__memory_in(status, "vae_model_set_prior");
}

vae_status vae_model_fit_prior(vae_model *model, const vae_dataset *dataset, const char *options,
                               vae_progress_fn progress, void *user) {
    const char *function = "vae_model_fit_prior";
    vae_status status = vae__need(model, function, "model");
    if (!status) status = vae__need(dataset, function, "dataset");
    if (!status) {
        status = vae__need_width(vae__dataset_width(dataset), model->spec.input.size, function,
                                 "the data set's width", "the model's input");
    }
    if (!status) status = vae__check_keys(&vae__fit_prior_table, options);
    if (!status) status = vae__need_shift(model, dataset, function, "the data set");
    if (!status) vae__log_unknown_shift(model, dataset, function);
    if (!status) status = vae__fit_prior(model, dataset, options, progress, user);
    return vae__memory_in(status, "%s", function);
}
