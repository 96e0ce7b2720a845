/* dense N: y = w x + b with N outputs, x of any shape as one vector. Relies on the op of autodiff/ops/dense.c. */
#include "autodiff/ops/ops.h"
#include "model/layer.h"

static vae_status parse(const vae__slice *item, vae__slice *rest, vae__layer *layer) {
    vae__slice word;
    uint64_t outputs;
    if (!vae__word_next(rest, &word))
        return vae__fail_at(item, "'dense' needs a width, e.g. dense 400");
    if (!vae__parse_unsigned(word.text, word.length, &outputs) || outputs < 1 ||
        outputs > VAE__MAX_WIDTH) {
        return vae__fail_at(&word, "dense %.*s: expected a whole number from 1 to %d",
                            vae__shown(&word), word.text, VAE__MAX_WIDTH);
    }
    layer->numbers[0] = (size_t)outputs;
    return VAE_OK;
}

static void print(vae__buffer *out, const vae__layer *layer) {
    vae__append(out, " %zu", layer->numbers[0]);
}

static vae_status infer(const vae__layer *layer, const char *text, vae__shape *shape) {
    (void)text;
    *shape = vae__shape_vector(layer->numbers[0]);
    return VAE_OK;
}

static double count(const vae__layer *layer, const vae__shape *in) {
    return ((double)in->size + 1) * (double)layer->numbers[0];
}

static vae_status declare(const vae__layer *layer, const vae__declaration *d, const char *name,
                          const vae__shape *in, size_t *first) {
    char text[VAE__PARAMETER_NAME];
    size_t bias;
    vae__format(text, sizeof text, "%s.weight", name);
    vae_status status =
        vae__parameters_add(d->context, d->list, text, 2, layer->numbers[0], in->size, 1, first);
    vae__format(text, sizeof text, "%s.bias", name);
    if (status) return status;
    return vae__parameters_add(d->context, d->list, text, 1, layer->numbers[0], 1, 1, &bias);
}

static void initialize(const vae__layer *layer, const vae__spec *spec, const vae__parameters *list,
                       const size_t *first) {
    const vae__parameter *weight = &list->items[first[0]];
    double limit = vae__init_limit(spec->init, (double)weight->columns, (double)weight->rows);
    vae__stream stream = {spec->seed, 0, VAE__PURPOSE_INITIALIZE, (uint32_t)first[0]};
    (void)layer;
    for (size_t r = 0; r < weight->rows; r++) {
        for (size_t c = 0; c < weight->columns; c++) {
            double u = vae__random_uniform(&stream, (uint32_t)r, (uint32_t)c);
            weight->values[r * weight->columns + c] = (vae__real)(limit * (2 * u - 1));
        }
    }
}

static vae_status add(const vae__layer *layer, const size_t *first, vae__graph *graph, vae__id *h) {
    vae_status status = vae__layout_node(graph, *h, VAE__CHANNELS_FIRST, h);
    if (status) return status;
    return vae__dense(graph, *h, (vae__id)first[0], (vae__id)first[0] + 1, layer->numbers[0], h);
}

static const char *const names[] = {"dense", NULL};

const vae__layer_kind vae__layer_dense = {.names = names,
                                          .example = "dense 400",
                                          .parse = parse,
                                          .print = print,
                                          .infer = infer,
                                          .count = count,
                                          .declare = declare,
                                          .initialize = initialize,
                                          .add = add,
                                          .columns = VAE__COLUMNS_OF_VALUES};

vae__layer vae__dense_layer(size_t outputs) {
    return (vae__layer){.kind = &vae__layer_dense, .numbers = {outputs}};
}
