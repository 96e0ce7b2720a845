/* One list of numbers in two forms: as text in the model's metadata, where files, checkpoints and the host find it,
 * and as doubles, for comparing. vae__number prints each double so that it reads back the same. */
#include "model/shift.h"

#include <math.h>
#include <string.h>

#define LONGEST_SHOWN 400 /* characters of a list in a message */

static int all_zero(const double *offsets, size_t width) {
    size_t i = 0;
    while (i < width && offsets[i] == 0) i++;
    return i == width;
}

static vae_status print_list(vae_model *model, const double *offsets, vae__buffer *text) {
    char number[VAE__NUMBER_SIZE];
    for (size_t i = 0; i < model->spec.input.size; i++)
        vae__append(text, "%s%s", i ? ", " : "[", vae__number(number, offsets[i]));
    vae__append(text, "]");
    return text->failed ? vae__last_status() : VAE_OK;
}

vae_status vae__shift_record(vae_model *model, const double *offsets) {
    vae_context *context = model->context;
    size_t width = model->spec.input.size;
    int none = !offsets || all_zero(offsets, width);
    if (none && !model->shift) return VAE_OK;
    vae__buffer text = {.context = context};
    double *copy = none ? NULL : vae__allocate(context, width, sizeof *copy);
    vae_status status = none || copy ? VAE_OK : vae__last_status();
    if (!status && !none) status = print_list(model, offsets, &text);
    if (!status) status = vae__metadata_put(context, &model->metadata, VAE__SHIFT_KEY, text.text);
    vae__buffer_free(&text);
    if (status) {
        vae__release(context, copy);
        return status;
    }
    if (!none) memcpy(copy, offsets, width * sizeof *copy);
    vae__release(context, model->shift);
    model->shift = copy;
    return VAE_OK;
}

/* 1 if all of the text is a list of `width` finite numbers. */
static int parse_list(const char *text, size_t width, double *offsets) {
    const vae__slice value = {"", text, text, strlen(text)};
    vae__slice rest, item;
    size_t count = 0;
    if (vae__list_open(&value, "[1700000000, 0]", &rest)) return 0;
    for (; vae__list_next(&rest, &item, NULL); count++) {
        if (count == width || !vae__parse_real(item.text, item.length, &offsets[count]) ||
            !isfinite(offsets[count]))
            return 0;
    }
    return count == width;
}

vae_status vae__shift_load(vae_model *model, const char *label) {
    vae_context *context = model->context;
    const char *text = vae__metadata_find(&model->metadata, VAE__SHIFT_KEY);
    size_t width = model->spec.input.size;
    if (!text) return VAE_OK;
    double *offsets = vae__allocate(context, width, sizeof *offsets);
    if (!offsets) return vae__last_status();
    vae_status status = VAE_OK;
    if (!parse_list(text, width, offsets)) {
        status =
            vae__fail(VAE_ERROR_FORMAT,
                      "%s: __metadata__ '" VAE__SHIFT_KEY "' is '%.40s'; expected a list of %zu "
                      "finite numbers, one for each column",
                      label, text, width);
    }
    if (status || all_zero(offsets, width)) {
        vae__release(context, offsets);
        return status;
    }
    model->shift = offsets;
    return VAE_OK;
}

vae_status vae__shift_check(const vae_model *model, const double *offsets, const char *rows) {
    const double *recorded = model->shift;
    char found[VAE__NUMBER_SIZE], expected[VAE__NUMBER_SIZE];
    size_t i = 0, width = model->spec.input.size;
    if (!recorded) return VAE_OK;
    while (i < width && recorded[i] == (offsets ? offsets[i] : 0)) i++;
    if (i == width) return VAE_OK;
    const char *text = vae__metadata_find(&model->metadata, VAE__SHIFT_KEY);
    int shown = strlen(text) <= LONGEST_SHOWN;
    return vae__fail(VAE_ERROR_MISMATCH,
                     "%s subtracts %s from column %zu (from 0); the model was initialized with "
                     "rows from which %s was subtracted: open it with shift=%s%s",
                     rows, vae__number(found, offsets ? offsets[i] : 0), i,
                     vae__number(expected, recorded[i]), shown ? text : "[..]",
                     shown ? "" : ", the list that the model's metadata holds as " VAE__SHIFT_KEY);
}
