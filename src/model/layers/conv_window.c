/* What conv and deconv share. Relies on the lists of layers for words and places; a layer that was parsed has a
 * window of at least one value that moves by at least one. */
#include "model/layers/conv_window.h"

/* Above any image that a model can have. */
enum { MOST_CHANNELS = 1 << 20, MOST_KERNEL = 4096, MOST_PAD = 4096 };

static vae_status parse_option(const vae__slice *word, vae__slice *rest, vae__layer *layer,
                               unsigned *seen) {
    static const struct option {
        const char *name;
        size_t place, least, most;
    } options[] = {{"stride", CONV_STRIDE, 1, MOST_KERNEL}, {"pad", CONV_PAD, 0, MOST_PAD}};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        const struct option *o = &options[i];
        if (!vae__slice_is(word, o->name)) continue;
        if (*seen & 1u << i) return vae__fail_at(word, "'%s' is given twice", o->name);
        *seen |= 1u << i;
        return vae__layer_number(word, rest, o->name, o->least, o->most, &layer->numbers[o->place]);
    }
    return vae__fail_at(word, "expected 'stride S', 'pad P', ',' or ']', found '%.*s'",
                        vae__shown(word), word->text);
}

vae_status vae__conv_parse(const vae__slice *item, vae__slice *rest, vae__layer *layer) {
    const char *name = layer->kind->names[0];
    char what[48];
    vae__slice word;
    unsigned seen = 0;
    layer->numbers[CONV_STRIDE] = 1;
    vae__format(what, sizeof what, "the channels of %s", name);
    vae_status status =
        vae__layer_number(item, rest, what, 1, MOST_CHANNELS, &layer->numbers[CONV_CHANNELS]);
    vae__format(what, sizeof what, "the kernel of %s", name);
    if (!status)
        status = vae__layer_number(item, rest, what, 1, MOST_KERNEL, &layer->numbers[CONV_KERNEL]);
    while (!status && vae__word_next(rest, &word)) status = parse_option(&word, rest, layer, &seen);
    return status;
}

void vae__conv_print(vae__buffer *out, const vae__layer *layer) {
    vae__append(out, " %zu %zu", layer->numbers[CONV_CHANNELS], layer->numbers[CONV_KERNEL]);
    if (layer->numbers[CONV_STRIDE] != 1)
        vae__append(out, " stride %zu", layer->numbers[CONV_STRIDE]);
    if (layer->numbers[CONV_PAD]) vae__append(out, " pad %zu", layer->numbers[CONV_PAD]);
}

vae__window vae__conv_window(const vae__layer *layer) {
    return (vae__window){.kernel = layer->numbers[CONV_KERNEL],
                         .stride = layer->numbers[CONV_STRIDE],
                         .pad = layer->numbers[CONV_PAD]};
}

vae_status vae__conv_make_image(const vae__layer *layer, const char *text, size_t height,
                                size_t width, vae__shape *shape) {
    return vae__layer_image(layer, text, layer->numbers[CONV_CHANNELS], height, width, shape);
}

vae_status vae__conv_declare(const vae__layer *layer, const vae__declaration *d, const char *name,
                             size_t rows, size_t columns, size_t *first) {
    char text[VAE__PARAMETER_NAME];
    size_t bias;
    vae__format(text, sizeof text, "%s.weight", name);
    vae_status status = vae__parameters_add_kernel(d->context, d->list, text, rows, columns,
                                                   layer->numbers[CONV_KERNEL], first);
    vae__format(text, sizeof text, "%s.bias", name);
    if (status) return status;
    return vae__parameters_add(d->context, d->list, text, 1, layer->numbers[CONV_CHANNELS], 1, 1,
                               &bias);
}

void vae__conv_draw(const vae__spec *spec, const vae__parameter *weight, size_t index, double in,
                    double out) {
    const vae__stream stream = {spec->seed, 0, VAE__PURPOSE_INITIALIZE, (uint32_t)index};
    double limit = vae__init_limit(spec->init, in, out);
    for (size_t i = 0; i < vae__parameter_size(weight); i++) {
        double u = vae__random_uniform(&stream, (uint32_t)(i / weight->columns),
                                       (uint32_t)(i % weight->columns));
        weight->values[vae__parameter_place(weight, i)] = (vae__real)(limit * (2 * u - 1));
    }
}
