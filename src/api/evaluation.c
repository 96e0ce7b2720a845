/* The public functions for log p(x) and whole evaluations. Each checks its arguments and calls one folder below. */
#include <string.h>

#include "api/arguments.h"
#include "api/texts.h"
#include "train/evaluation.h"

vae_status vae_log_likelihood(const vae_model *model, const float *x, size_t n, size_t width,
                              const char *options, double *log_p, double *std_error, double *ess) {
    vae__estimate_options parsed;
    vae_status status = vae__need(model, "vae_log_likelihood", "model");
    if (!status) {
        status = vae__need_width(width, model->spec.input.size, "vae_log_likelihood", "width",
                                 "the model's input");
    }
    if (!status && n) status = vae__need(x, "vae_log_likelihood", "x");
    if (!status) status = vae__check_keys(&vae__estimate_table, options);
    if (!status) status = vae__estimate_options_parse(model, options, &parsed);
    if (!status)
        status = vae__model_log_likelihood_floats(model, x, n, &parsed, log_p, std_error, ess);
    return vae__memory_in(status, "vae_log_likelihood");
}

vae_status vae_evaluate(const vae_model *model, const vae_dataset *dataset,
                        const vae_dataset *fitted_on, const char *options, vae_progress_fn progress,
                        void *user, vae_evaluation **out) {
    vae_status status = vae__need(out, "vae_evaluate", "out");
    if (status) return status;
    *out = NULL;
    status = vae__need(model, "vae_evaluate", "model");
    if (!status) status = vae__need(dataset, "vae_evaluate", "dataset");
    if (!status) {
        status = vae__need_width(vae__dataset_width(dataset), model->spec.input.size,
                                 "vae_evaluate", "the data set's width", "the model's input");
    }
    if (!status && fitted_on) {
        status = vae__need_width(vae__dataset_width(fitted_on), model->spec.input.size,
                                 "vae_evaluate", "the width of fitted_on", "the model's input");
    }
    if (!status) status = vae__check_keys(&vae__evaluation_table, options);
    if (!status) status = vae__need_shift(model, dataset, "vae_evaluate", "the data set");
    if (!status && fitted_on)
        status = vae__need_shift(model, fitted_on, "vae_evaluate", "fitted_on");
    if (!status) vae__log_unknown_shift(model, dataset, "vae_evaluate");
    if (!status) status = vae__evaluate(model, dataset, fitted_on, options, progress, user, out);
    return vae__memory_in(status, "vae_evaluate");
}

vae_status vae_evaluation_value(const vae_evaluation *evaluation, const char *name, double *value) {
    vae_status status = vae__need(evaluation, "vae_evaluation_value", "evaluation");
    if (!status) status = vae__need(name, "vae_evaluation_value", "name");
    if (!status) status = vae__need(value, "vae_evaluation_value", "value");
    if (status) return status;
    const double *found = vae__evaluation_figure(evaluation, name);
    if (!found) {
        vae__nearest nearest = {.text = name, .length = strlen(name)};
        for (size_t i = 0; i < evaluation->count; i++)
            vae__nearest_offer(&nearest, evaluation->figures[i].name);
        if (nearest.name && nearest.distance <= 2) { /* else one that this evaluation lacks */
            return vae__fail(
                VAE_ERROR_UNSUPPORTED,
                "vae_evaluation_value: this evaluation has no '%.60s'; did you mean '%s'?", name,
                nearest.name);
        }
        return vae__fail(
            VAE_ERROR_UNSUPPORTED,
            "vae_evaluation_value: this evaluation has no '%.60s'; log_p, gap and "
            "their errors need samples=N, bits_per_dim a discrete likelihood (a density on 8-bit data has "
            "none without dequantisation), baseline_ppca likelihood=gaussian",
            name);
    }
    *value = *found;
    return VAE_OK;
}

vae_status vae_evaluation_latents(const vae_evaluation *evaluation, const char *name,
                                  double *values, size_t latent) {
    vae_status status = vae__need(evaluation, "vae_evaluation_latents", "evaluation");
    if (!status) status = vae__need(name, "vae_evaluation_latents", "name");
    if (!status) status = vae__need(values, "vae_evaluation_latents", "values");
    if (!status) {
        status = vae__need_width(latent, evaluation->latent, "vae_evaluation_latents", "latent",
                                 "the model's latent");
    }
    if (status) return status;
    const double *found = vae__evaluation_latents(evaluation, name);
    if (!found) {
        static const char *const names[] = {"kl", "mean", "mean_variance", "aggregated_variance",
                                            NULL};
        char suggestion[VAE__SUGGESTION_SIZE];
        const char *nearest = vae__nearest_name(name, strlen(name), names);
        return vae__fail(VAE_ERROR_ARGUMENT,
                         "vae_evaluation_latents: no '%.60s'%s (known: kl mean mean_variance "
                         "aggregated_variance)",
                         name, vae__suggestion(suggestion, nearest));
    }
    if (evaluation->no_latents && !strcmp(name, "kl")) {
        return vae__fail(VAE_ERROR_UNSUPPORTED, "vae_evaluation_latents: there is no 'kl': %s",
                         evaluation->no_latents);
    }
    for (size_t i = 0; i < latent; i++) values[i] = found[i];
    return VAE_OK;
}

const char *vae_evaluation_text(const vae_evaluation *evaluation) {
    return evaluation ? evaluation->text : "";
}

void vae_evaluation_destroy(vae_evaluation *evaluation) {
    vae__evaluation_free(evaluation);
}
