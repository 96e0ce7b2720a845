/* A network's parameters: which there are, their starting values, and what follows from the data before training.
 * Relies on the kinds of its layers; the two heads are dense layers as any other. */
#include "model/network.h"

#include <math.h>
#include <string.h>

#include "model/prior.h"

/* ---- parameters ---- */

vae_status vae__network_declare_standardization(vae_context *context, const vae__spec *spec,
                                                vae__parameters *list, vae__network *network) {
    size_t width = spec->input.size;
    network->shift = network->scale = VAE__NONE;
    if (!spec->standardize) return VAE_OK;
    vae_status status =
        vae__parameters_add(context, list, "input.shift", 1, width, 1, 0, &network->shift);
    if (!status)
        status = vae__parameters_add(context, list, "input.scale", 1, width, 1, 0, &network->scale);
    if (!status) list->items[network->scale].positive = 1;
    return status;
}

static vae_status declare_head(const vae__declaration *d, const char *name, size_t outputs,
                               const vae__shape *in, size_t *first) {
    const vae__layer head = vae__dense_layer(outputs);
    return head.kind->declare(&head, d, name, in, first);
}

static vae_status declare_prior(vae_context *context, const vae__spec *spec, vae__parameters *list,
                                vae__network *network) {
    const vae__prior *prior = vae__prior_of(spec);
    network->prior = list->count;
    if (!prior->declare) return VAE_OK;
    vae_status status = prior->declare(context, spec, list, network);
    for (size_t i = network->prior; i < list->count; i++) list->items[i].group = VAE__GROUP_PRIOR;
    return status;
}

vae_status vae__network_declare(vae_context *context, const vae__spec *spec, vae__parameters *list,
                                vae__network *network) {
    const vae__declaration d = {context, list};
    const vae__likelihood *likelihood = spec->likelihood;
    vae__likelihood_parameters *own = &network->likelihood;
    vae__shape x = spec->input, z = vae__shape_vector((size_t)spec->latent);
    own->extra = own->floor = VAE__NONE;
    vae_status status = vae__layers_declare(spec->encoder.items, spec->encoder.count, &d, "encoder",
                                            &x, network->encoder);
    if (!status)
        status = declare_head(&d, "posterior", 2 * (size_t)spec->latent, &x, &network->posterior);
    if (!status)
        status = vae__layers_declare(spec->decoder.items, spec->decoder.count, &d, "decoder", &z,
                                     network->decoder);
    if (!status)
        status = declare_head(&d, "likelihood", spec->input.size * vae__likelihood_heads(spec), &z,
                              &own->weight);
    own->bias = own->weight + 1;
    if (!status && likelihood->parameters)
        status = likelihood->parameters(context, spec, list, &own->extra);
    if (!status) status = vae__network_declare_standardization(context, spec, list, network);
    if (!status) status = declare_prior(context, spec, list, network);
    if (!status && likelihood->floor) status = likelihood->floor(context, spec, list, &own->floor);
    if (!status) status = vae__parameters_allocate(context, list);
    return status;
}

double vae__network_parameter_total(const vae__spec *spec) {
    vae__shape x = spec->input, z = vae__shape_vector((size_t)spec->latent);
    double out = (double)spec->input.size * (double)vae__likelihood_heads(spec);
    double total = vae__layers_count(spec->encoder.items, spec->encoder.count, &x);
    total += ((double)x.size + 1) * 2 * (double)spec->latent;
    total += vae__layers_count(spec->decoder.items, spec->decoder.count, &z);
    const vae__prior *prior = vae__prior_of(spec);
    if (prior->parameter_total) total += prior->parameter_total(spec);
    return total + ((double)z.size + 1) * out;
}

/* ---- starting values ---- */

static void initialize_head(const vae__spec *spec, const vae__parameters *list, size_t first) {
    vae__layer_dense.initialize(NULL, spec, list, &first);
}

void vae__network_initialize(const vae__spec *spec, const vae__network *network,
                             const vae__parameters *list) {
    memset(list->block, 0, list->block_count * sizeof *list->block);
    vae__layers_initialize(spec->encoder.items, spec->encoder.count, spec, list, network->encoder);
    initialize_head(spec, list, network->posterior);
    vae__layers_initialize(spec->decoder.items, spec->decoder.count, spec, list, network->decoder);
    initialize_head(spec, list, network->likelihood.weight);
    if (!spec->standardize) return;
    for (size_t i = 0; i < spec->input.size; i++) list->items[network->scale].values[i] = 1;
}

/* The place of the weight that x meets first, VAE__NONE where the first layer has none for each column. */
static size_t first_weight(const vae__spec *spec, const vae__network *network) {
    if (!spec->encoder.count) return network->posterior;
    return spec->encoder.items[0].kind->has_columns ? network->encoder[0] : VAE__NONE;
}

void vae__network_hold_column(const vae__spec *spec, const vae__network *network,
                              const vae__parameters *list, size_t column) {
    size_t first = first_weight(spec, network);
    const vae__parameter *out = &list->items[network->likelihood.weight];
    if (first != VAE__NONE) {
        const vae__parameter *in = &list->items[first];
        for (size_t r = 0; r < in->rows; r++) in->values[r * in->columns + column] = 0;
    }
    for (size_t r = column; r < out->rows; r += spec->input.size)
        memset(out->values + r * out->columns, 0, out->columns * sizeof *out->values);
}

/* w (x - mean) / s + b = (w / s) x + (b - (w / s) mean), with one s for all columns so that none
 * that hardly varies is blown up. */
void vae__network_scale_input(const vae__spec *spec, const vae__network *network,
                              const vae__parameters *list, const vae__statistics *statistics) {
    size_t first = first_weight(spec, network);
    if (first == VAE__NONE) return;
    const vae__parameter *weight = &list->items[first], *bias = weight + 1;
    double variance = 0;
    for (size_t i = 0; i < statistics->width; i++)
        variance += statistics->input_variance[i] / (double)statistics->width;
    double deviation = sqrt(variance);
    double scale = deviation > 1e-12 ? 1 / deviation : 1;
    for (size_t r = 0; r < weight->rows; r++) {
        vae__real *row = weight->values + r * weight->columns;
        double shift = 0;
        for (size_t c = 0; c < weight->columns; c++) {
            row[c] = vae__finite_real((double)row[c] * scale);
            shift += (double)row[c] * statistics->input_mean[c];
        }
        /* Far from zero and hardly varying, columns may ask for more than a number holds. */
        bias->values[r] = vae__finite_real((double)bias->values[r] - shift);
    }
}
