#include "model/shift.h"

#include <math.h>
#include <string.h>

#define LONGEST_SHOWN 400 /* characters of a list in a message */

/* Offsets, of which the shift takes possession. */
static vae_status own(vae_context *context, double *offsets, size_t width, vae__shift *out) {
    vae__buffer text = {.context = context};
    char number[VAE__NUMBER_SIZE];
    for (size_t i = 0; i < width; i++)
        vae__append(&text, "%s%s", i ? ", " : "[", vae__number(number, offsets[i]));
    vae__append(&text, "]");
    *out = (vae__shift){offsets, text.text};
    if (!text.failed) return VAE_OK;
    vae__shift_free(context, out);
    return vae__last_status();
}

static int all_zero(const double *offsets, size_t width) {
    size_t i = 0;
    while (i < width && offsets[i] == 0) i++;
    return i == width;
}

vae_status vae__shift_make(vae_context *context, const double *offsets, size_t width,
                           vae__shift *out) {
    *out = (vae__shift){NULL, NULL};
    if (!offsets || all_zero(offsets, width)) return VAE_OK;
    double *copy = vae__allocate(context, width, sizeof *copy);
    if (!copy) return vae__last_status();
    memcpy(copy, offsets, width * sizeof *copy);
    return own(context, copy, width, out);
}

/* 1 if all of the text is a list of `width` finite numbers. */
static int parse_list(const char *text, size_t width, double *offsets) {
    const vae__slice value = {"", text, text, strlen(text)};
    vae__slice rest, item;
    size_t count = 0;
    if (vae__list_open(&value, &rest)) return 0;
    for (; vae__list_next(&rest, &item); count++) {
        if (count == width || !vae__parse_real(item.text, item.length, &offsets[count]) ||
            !isfinite(offsets[count]))
            return 0;
    }
    return count == width;
}

vae_status vae__shift_parse(vae_context *context, const char *label, const char *text, size_t width,
                            vae__shift *out) {
    *out = (vae__shift){NULL, NULL};
    if (!text) return VAE_OK;
    double *offsets = vae__allocate(context, width, sizeof *offsets);
    if (!offsets) return vae__last_status();
    if (!parse_list(text, width, offsets)) {
        vae__release(context, offsets);
        return vae__fail(VAE_ERROR_FORMAT,
                         "%s: __metadata__ '" VAE__SHIFT_KEY "' is '%.40s'; expected a list of %zu "
                         "finite numbers, one for each column",
                         label, text, width);
    }
    if (!all_zero(offsets, width)) return own(context, offsets, width, out);
    vae__release(context, offsets);
    return VAE_OK;
}

void vae__shift_free(vae_context *context, vae__shift *shift) {
    vae__release(context, shift->offsets);
    vae__release(context, shift->text);
    *shift = (vae__shift){NULL, NULL};
}

vae_status vae__shift_check(const vae__shift *recorded, const double *offsets, size_t width,
                            const char *rows) {
    char found[VAE__NUMBER_SIZE], expected[VAE__NUMBER_SIZE];
    size_t i = 0;
    if (!recorded->offsets) return VAE_OK;
    while (i < width && recorded->offsets[i] == (offsets ? offsets[i] : 0)) i++;
    if (i == width) return VAE_OK;
    int shown = strlen(recorded->text) <= LONGEST_SHOWN;
    return vae__fail(VAE_ERROR_MISMATCH,
                     "%s subtracts %s from column %zu (from 0); the model was initialized with "
                     "rows from which %s was subtracted: open it with shift=%s%s",
                     rows, vae__number(found, offsets ? offsets[i] : 0), i,
                     vae__number(expected, recorded->offsets[i]), shown ? recorded->text : "[..]",
                     shown ? "" : ", the list that the model's metadata holds as " VAE__SHIFT_KEY);
}
