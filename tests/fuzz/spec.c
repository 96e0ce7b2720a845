/* Specs: what is taken prints in a form that is taken again, makes a model that runs, and trains. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/subjects.h"

#define LIMIT ((size_t)4 << 20)

/* The canonical spec keeps every digit of a sigma. */
static void compare_sigma(vae_context *context, const vae_model *model) {
    enum { MOST = 64 };
    double sigma[MOST] = {0}, sigma_again[MOST] = {0};
    size_t width = vae_model_width(model);
    vae_model *again = NULL;
    if (width <= MOST && fuzz_succeeds(vae_model_create(context, vae_model_spec(model), &again))) {
        vae_status status = fuzz_status(vae_model_sigma(model, sigma, width));
        FUZZ_REQUIRE(status == vae_model_sigma(again, sigma_again, width) &&
                         !memcmp(sigma, sigma_again, sizeof sigma),
                     "%.17g / %.17g", sigma[0], sigma_again[0]);
    }
    vae_model_destroy(again);
}

static void train(vae_model *model) {
    static const float x[64]; /* of every support but the categorical's */
    size_t width = vae_model_width(model);
    vae_optimizer *optimizer = NULL;
    if (width > 32 || vae_model_parameter_total(model) > 20000) return;
    fuzz_status(vae_optimizer_create(model, NULL, &optimizer));
    if (optimizer && strstr(vae_model_spec(model), "standardize=1")) {
        vae_status status = vae_step_rows(model, optimizer, x, 2, width, NULL);
        FUZZ_REQUIRE(status == VAE_ERROR_ARGUMENT, "trained without a scale");
        fuzz_status(vae_model_parameter_set(model, "input.shift", x, width));
    }
    for (int i = 0; optimizer && i < 2; i++)
        fuzz_status(vae_step_rows(model, optimizer, x, 2, width, NULL));
    vae_optimizer_destroy(optimizer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    vae_context *context = fuzz_context(LIMIT);
    char *text = fuzz_text(data, size);
    vae_model *model = NULL;
    vae_status status = fuzz_status(vae_model_create(context, text, &model));
    FUZZ_REQUIRE(!status == (model != NULL), "a handle and %s", vae_status_name(status));
    if (model) {
        fuzz_model(context, model);
        compare_sigma(context, model);
        train(model);
    }
    vae_model_destroy(model);
    free(text);
    fuzz_context_end(context);
    return 0;
}
