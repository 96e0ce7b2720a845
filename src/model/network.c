#include "model/network.h"

#include <math.h>
#include <string.h>

/* ---- parameters ---- */

typedef struct declaration {
    vae_context *context;
    vae__parameters *list;
    size_t in; /* width so far */
} declaration;

static vae_status declare_dense(declaration *d, const char *name, size_t out, size_t *weight,
                                size_t *bias) {
    char text[VAE__PARAMETER_NAME];
    vae__format(text, sizeof text, "%s.weight", name);
    vae_status status = vae__parameters_add(d->context, d->list, text, 2, out, d->in, 1, weight);
    vae__format(text, sizeof text, "%s.bias", name);
    if (!status) status = vae__parameters_add(d->context, d->list, text, 1, out, 1, 1, bias);
    d->in = out;
    return status;
}

static vae_status declare_layers(declaration *d, const char *name, const vae__layers *layers,
                                 size_t *weights, size_t *biases) {
    for (size_t i = 0; i < layers->count; i++) {
        char text[VAE__PARAMETER_NAME];
        weights[i] = biases[i] = VAE__NONE;
        if (!layers->items[i].width) continue;
        vae__format(text, sizeof text, "%s.%zu", name, i);
        vae_status status = declare_dense(d, text, layers->items[i].width, &weights[i], &biases[i]);
        if (status) return status;
    }
    return VAE_OK;
}

static vae_status declare_standardization(vae_context *context, const vae__spec *spec,
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

vae_status vae__network_declare(vae_context *context, const vae__spec *spec, vae__parameters *list,
                                vae__network *network) {
    declaration d = {context, list, spec->input.size};
    const vae__likelihood *likelihood = spec->likelihood;
    vae__likelihood_parameters *own = &network->likelihood;
    own->extra = own->floor = VAE__NONE;
    vae_status status = declare_layers(&d, "encoder", &spec->encoder, network->encoder_weight,
                                       network->encoder_bias);
    if (!status) {
        status = declare_dense(&d, "posterior", 2 * (size_t)spec->latent,
                               &network->posterior_weight, &network->posterior_bias);
    }
    d.in = (size_t)spec->latent;
    if (!status)
        status = declare_layers(&d, "decoder", &spec->decoder, network->decoder_weight,
                                network->decoder_bias);
    if (!status)
        status = declare_dense(&d, "likelihood", spec->input.size * vae__likelihood_heads(spec),
                               &own->weight, &own->bias);
    if (!status && likelihood->parameters)
        status = likelihood->parameters(context, spec, list, &own->extra);
    if (!status) status = declare_standardization(context, spec, list, network);
    if (!status && likelihood->floor) status = likelihood->floor(context, spec, list, &own->floor);
    return status ? status : vae__parameters_allocate(context, list);
}

static double count_layers(const vae__layers *layers, double *in) {
    double total = 0;
    for (size_t i = 0; i < layers->count; i++) {
        double out = (double)layers->items[i].width;
        if (out <= 0) continue;
        total += (*in + 1) * out;
        *in = out;
    }
    return total;
}

double vae__network_parameter_total(const vae__spec *spec) {
    double in = (double)spec->input.size, out = in * (double)vae__likelihood_heads(spec);
    double total = count_layers(&spec->encoder, &in);
    total += (in + 1) * 2 * (double)spec->latent;
    in = (double)spec->latent;
    total += count_layers(&spec->decoder, &in);
    return total + (in + 1) * out;
}

/* ---- starting values ---- */

/* U(-limit, limit). auto: sqrt(1 / in), a third of LeCun's variance, which trained best where it
 * was measured (docs/training.md); Glorot & Bengio 2010: sqrt(6 / (in + out)); He et al. 2015:
 * sqrt(6 / in). */
static double initial_limit(int init, double in, double out) {
    switch (init) {
    case VAE__INIT_GLOROT: return sqrt(6 / (in + out));
    case VAE__INIT_HE: return sqrt(6 / in);
    default: return sqrt(1 / in);
    }
}

static void initialize_weight(const vae__spec *spec, const vae__parameters *list, size_t index) {
    const vae__parameter *weight = &list->items[index];
    double limit = initial_limit(spec->init, (double)weight->columns, (double)weight->rows);
    vae__stream stream = {spec->seed, 0, VAE__PURPOSE_INITIALIZE, (uint32_t)index};
    for (size_t r = 0; r < weight->rows; r++) {
        for (size_t c = 0; c < weight->columns; c++) {
            double u = vae__random_uniform(&stream, (uint32_t)r, (uint32_t)c);
            weight->values[r * weight->columns + c] = (vae__real)(limit * (2 * u - 1));
        }
    }
}

void vae__network_initialize(const vae__spec *spec, const vae__network *network,
                             const vae__parameters *list) {
    memset(list->block, 0, list->block_count * sizeof *list->block);
    for (size_t i = 0; i < spec->encoder.count; i++) {
        if (spec->encoder.items[i].width) initialize_weight(spec, list, network->encoder_weight[i]);
    }
    initialize_weight(spec, list, network->posterior_weight);
    for (size_t i = 0; i < spec->decoder.count; i++) {
        if (spec->decoder.items[i].width) initialize_weight(spec, list, network->decoder_weight[i]);
    }
    initialize_weight(spec, list, network->likelihood.weight);
    for (size_t i = 0; spec->standardize && i < spec->input.size; i++) {
        list->items[network->scale].values[i] = 1;
    }
}

/* The first layer that x meets, or NULL where that is an activation. */
static const vae__parameter *first_weight(const vae__spec *spec, const vae__network *network,
                                          const vae__parameters *list) {
    if (!spec->encoder.count) return &list->items[network->posterior_weight];
    return spec->encoder.items[0].width ? &list->items[network->encoder_weight[0]] : NULL;
}

void vae__network_hold_column(const vae__spec *spec, const vae__network *network,
                              const vae__parameters *list, size_t column) {
    const vae__parameter *in = first_weight(spec, network, list);
    const vae__parameter *out = &list->items[network->likelihood.weight];
    for (size_t r = 0; in && r < in->rows; r++) in->values[r * in->columns + column] = 0;
    for (size_t r = column; r < out->rows; r += spec->input.size)
        memset(out->values + r * out->columns, 0, out->columns * sizeof *out->values);
}

/* w (x - mean) / s + b = (w / s) x + (b - (w / s) mean), with one s for all columns so that none
 * that hardly varies is blown up. */
void vae__network_scale_input(const vae__spec *spec, const vae__network *network,
                              const vae__parameters *list, const vae__statistics *statistics) {
    const vae__parameter *weight = first_weight(spec, network, list);
    if (!weight) return;
    const vae__parameter *bias =
        &list->items[spec->encoder.count ? network->encoder_bias[0] : network->posterior_bias];
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
