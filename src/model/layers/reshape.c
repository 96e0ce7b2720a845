/* reshape CxHxW: the values of a row, in their order, as an image. Relies on the op of autodiff/ops/layout.c; it
 * has no parameters. */
#include <string.h>

#include "autodiff/ops/ops.h"
#include "model/layer.h"

/* Reads one extent and cuts it off; `last`: nothing may follow it. */
static int next_extent(vae__slice *rest, int last, size_t *extent) {
    const char *cross = memchr(rest->text, 'x', rest->length);
    size_t length = cross ? (size_t)(cross - rest->text) : rest->length;
    uint64_t number;
    if (last != !cross || !vae__parse_unsigned(rest->text, length, &number) || number < 1 ||
        number > VAE__MAX_WIDTH)
        return 0;
    *extent = (size_t)number;
    length += cross != NULL;
    *rest = vae__slice_between(rest, rest->text + length, rest->text + rest->length);
    return 1;
}

static vae_status parse(const vae__slice *item, vae__slice *rest, vae__layer *layer) {
    vae__slice word;
    if (!vae__word_next(rest, &word))
        return vae__fail_at(item, "'reshape' needs the extents of an image, e.g. reshape 64x8x8");
    vae__slice left = word;
    for (int i = 0; i < 3; i++) {
        if (next_extent(&left, i == 2, &layer->numbers[i])) continue;
        return vae__fail_at(&word, "reshape %.*s: expected channels, height and width, e.g. 64x8x8",
                            vae__shown(&word), word.text);
    }
    return VAE_OK;
}

static void print(vae__buffer *out, const vae__layer *layer) {
    vae__append(out, " %zux%zux%zu", layer->numbers[0], layer->numbers[1], layer->numbers[2]);
}

static vae_status infer(const vae__layer *layer, const char *text, vae__shape *shape) {
    const size_t *n = layer->numbers;
    double size = (double)n[0] * (double)n[1] * (double)n[2];
    if (size != (double)shape->size) {
        char number[VAE__NUMBER_SIZE];
        return vae__layer_refuse(layer, text, shape, "%zux%zux%zu are %s values, not %zu", n[0],
                                 n[1], n[2], vae__number(number, size), shape->size);
    }
    return vae__layer_image(layer, text, n[0], n[1], n[2], shape);
}

static vae_status add(const vae__layer *layer, const size_t *first, vae__graph *graph, vae__id *h) {
    const size_t *n = layer->numbers;
    const vae__shape shape = {3, {n[0], n[1], n[2]}, n[0] * n[1] * n[2]};
    (void)first;
    return vae__image(graph, *h, &shape, h);
}

static const char *const names[] = {"reshape", NULL};

const vae__layer_kind vae__layer_reshape = {.names = names,
                                            .example = "reshape 64x8x8",
                                            .parse = parse,
                                            .print = print,
                                            .infer = infer,
                                            .add = add};
