#include "api/doors.h"

#include <string.h>

vae_status vae__need(const void *pointer, const char *function, const char *argument) {
    return pointer ? VAE_OK : vae__fail(VAE_ERROR_ARGUMENT, "%s: %s is NULL", function, argument);
}

vae_status vae__need_width(size_t found, size_t expected, const char *function,
                           const char *argument, const char *owner) {
    if (found == expected) return VAE_OK;
    return vae__fail(VAE_ERROR_WIDTH, "%s: %s is %zu; expected %zu, %s", function, argument, found,
                     expected, owner);
}

void vae__give_text(const char *text, char *buffer, size_t size, size_t *length) {
    size_t needed = strlen(text) + 1;
    if (length) *length = needed;
    if (!buffer || !size) return;
    size_t copied = needed <= size ? needed - 1 : size - 1;
    memcpy(buffer, text, copied);
    buffer[copied] = 0;
}
