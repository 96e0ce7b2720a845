/* A host program, C99 and C++11 at once: trains a small model for some steps and encodes a row. Prints the version of the
 * library it runs with; anything but that and 0 is a failure. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "vae.h"

#define ROWS 32
#define WIDTH 6
#define LATENT 2

static int failed(const char *call, vae_status status) {
    fprintf(stderr, "%s: %s: %s\n", call, vae_status_name(status), vae_last_error());
    return 1;
}

static int train_and_encode(vae_context *context, vae_model *model, vae_optimizer *optimizer,
                            vae_dataset *data, const float *x) {
    float mean[LATENT], logvar[LATENT];
    vae_step_report report;
    vae_status status;
    int i;
    (void)context;
    memset(&report, 0, sizeof report);
    report.struct_size = sizeof report;
    for (i = 0; i < 20; i++) {
        status = vae_step(model, optimizer, data, &report);
        if (status != VAE_OK) return failed("vae_step", status);
    }
    if (report.step != 20 || !isfinite(report.elbo)) {
        fprintf(stderr, "unexpected report: step %d, elbo %f\n", (int)report.step, report.elbo);
        return 1;
    }
    status = vae_encode(model, x, 1, WIDTH, mean, logvar);
    if (status != VAE_OK) return failed("vae_encode", status);
    for (i = 0; i < LATENT; i++)
        if (!isfinite(mean[i]) || !isfinite(logvar[i])) return 1;
    return 0;
}

int main(void) {
    vae_context *context = NULL;
    vae_model *model = NULL;
    vae_optimizer *optimizer = NULL;
    vae_dataset *data = NULL;
    float x[ROWS * WIDTH];
    vae_status status;
    uint32_t version = vae_version_number();
    int i, result = 1;

    for (i = 0; i < ROWS * WIDTH; i++) x[i] = (float)((i * 7) % 5 < 2);
    status = vae_context_create("threads=2", &context);
    if (status == VAE_OK) {
        status = vae_model_create(
            context,
            "input=6 latent=2 likelihood=bernoulli encoder=[dense 5, tanh] decoder=[dense 5, tanh]",
            &model);
    }
    if (status == VAE_OK)
        status = vae_dataset_from_memory(context, x, ROWS, WIDTH, "batch=8", &data);
    if (status == VAE_OK) status = vae_optimizer_create(model, "adam lr=1e-2", &optimizer);
    if (status == VAE_OK)
        result = train_and_encode(context, model, optimizer, data, x);
    else
        failed("create", status);
    vae_optimizer_destroy(optimizer);
    vae_dataset_destroy(data);
    vae_model_destroy(model);
    vae_context_destroy(context);
    if (result == 0) printf("%u.%u.%u\n", version >> 16, version >> 8 & 255, version & 255);
    return result;
}
