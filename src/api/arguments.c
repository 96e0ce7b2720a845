/* Checks that begin public functions, with messages that name the function and the argument. Relies on
 * nothing but what it is given; a check that fails has set this thread's message. */
#include "api/arguments.h"

#include <string.h>

#include "model/shift.h"

vae_status vae__need(const void *pointer, const char *function, const char *argument) {
    return pointer ? VAE_OK : vae__fail(VAE_ERROR_ARGUMENT, "%s: %s is NULL", function, argument);
}

vae_status vae__need_width(size_t found, size_t expected, const char *function,
                           const char *argument, const char *owner) {
    if (found == expected) return VAE_OK;
    return vae__fail(VAE_ERROR_WIDTH, "%s: %s is %zu; expected %zu, %s", function, argument, found,
                     expected, owner);
}

vae_status vae__need_shift(const vae_model *model, const vae_dataset *dataset, const char *function,
                           const char *rows) {
    vae_status status = vae__shift_check(model, vae__dataset_shift(dataset), rows);
    return status ? vae__fail_in("%s", function) : VAE_OK;
}

void vae__log_unknown_shift(const vae_model *model, const vae_dataset *dataset,
                            const char *function) {
    if (!model->spec.standardize || model->shift || !vae__dataset_shift(dataset)) return;
    vae__log(model->context, VAE_LOG_WARNING,
             "%s: the data set has a shift, but the model was not initialized with shifted rows; "
             "unless its input.shift was set for them, open the data set without shift=",
             function);
}

void vae__give_text(const char *text, char *buffer, size_t size, size_t *length) {
    size_t needed = strlen(text) + 1;
    if (length) *length = needed;
    if (!buffer || !size) return;
    size_t copied = needed <= size ? needed - 1 : size - 1;
    memcpy(buffer, text, copied);
    buffer[copied] = 0;
}
