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

static vae_status declare_posterior(const vae__declaration *d, const vae__spec *spec,
                                    const vae__shape *in, size_t *first) {
    const vae__layer head = vae__dense_layer(2 * (size_t)spec->latent);
    return head.kind->declare(&head, d, "posterior", in, first);
}

vae__layer vae__network_head(const vae__spec *spec, vae__shape *front) {
    const size_t *in = spec->input.extents, *from = front->extents;
    size_t heads = vae__likelihood_heads(spec);
    *front = vae__shape_vector((size_t)spec->latent);
    vae_status status = vae__layers_infer(spec->decoder.items, spec->decoder.count, NULL, front);
    if (!status && spec->head == VAE__HEAD_AUTO && spec->input.rank == 3 && front->rank == 3) {
        if (from[1] == in[1] && from[2] == in[2]) return vae__conv_layer(heads * in[0], 3, 1);
        if (2 * from[1] == in[1] && 2 * from[2] == in[2])
            return vae__deconv_layer(heads * in[0], 4, 2, 1);
    }
    return vae__dense_layer(heads * spec->input.size);
}

int vae__network_head_is_dense(const vae__network *network) {
    return network->head.kind == &vae__layer_dense;
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
    if (!status) status = declare_posterior(&d, spec, &x, &network->posterior);
    if (!status)
        status = vae__layers_declare(spec->decoder.items, spec->decoder.count, &d, "decoder", &z,
                                     network->decoder);
    network->head = vae__network_head(spec, &z);
    if (!status)
        status = network->head.kind->declare(&network->head, &d, "likelihood", &z, &own->weight);
    own->bias = own->weight + 1;
    own->is_transposed = network->head.kind == &vae__layer_deconv;
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
    double total = vae__layers_count(spec->encoder.items, spec->encoder.count, &x);
    total += ((double)x.size + 1) * 2 * (double)spec->latent;
    total += vae__layers_count(spec->decoder.items, spec->decoder.count, &z);
    const vae__prior *prior = vae__prior_of(spec);
    if (prior->parameter_total) total += prior->parameter_total(spec);
    const vae__layer head = vae__network_head(spec, &z);
    return total + head.kind->count(&head, &z);
}

/* ---- starting values ---- */

void vae__network_initialize(const vae__spec *spec, const vae__network *network,
                             const vae__parameters *list) {
    memset(list->block, 0, list->block_count * sizeof *list->block);
    vae__layers_initialize(spec->encoder.items, spec->encoder.count, spec, list, network->encoder);
    vae__layer_dense.initialize(NULL, spec, list, &network->posterior);
    vae__layers_initialize(spec->decoder.items, spec->decoder.count, spec, list, network->decoder);
    network->head.kind->initialize(&network->head, spec, list, &network->likelihood.weight);
    if (!spec->standardize) return;
    for (size_t i = 0; i < spec->input.size; i++) list->items[network->scale].values[i] = 1;
}

/* The place of the weight that x meets first, VAE__NONE where its columns are not of this kind. */
static size_t first_weight(const vae__spec *spec, const vae__network *network, vae__columns kind) {
    if (!spec->encoder.count)
        return kind == VAE__COLUMNS_OF_VALUES ? network->posterior : VAE__NONE;
    return spec->encoder.items[0].kind->columns == kind ? network->encoder[0] : VAE__NONE;
}

void vae__network_hold_column(const vae__spec *spec, const vae__network *network,
                              const vae__parameters *list, size_t column) {
    size_t first = first_weight(spec, network, VAE__COLUMNS_OF_VALUES);
    const vae__parameter *out = &list->items[network->likelihood.weight];
    if (first != VAE__NONE) {
        const vae__parameter *in = &list->items[first];
        for (size_t r = 0; r < in->rows; r++) in->values[r * in->columns + column] = 0;
    }
    for (size_t r = column; r < out->rows; r += spec->input.size)
        memset(out->values + r * out->columns, 0, out->columns * sizeof *out->values);
}

/* Mean and variance of the columns that lie in one channel. */
static void pool(const double *means, const double *variances, size_t positions, double *mean,
                 double *variance) {
    double total = 0, spread = 0;
    for (size_t i = 0; i < positions; i++) total += means[i] / (double)positions;
    for (size_t i = 0; i < positions; i++) {
        double from = means[i] - total;
        spread += (variances[i] + from * from) / (double)positions;
    }
    *mean = total;
    *variance = spread;
}

void vae__network_pool_channels(const vae__spec *spec, vae__statistics *statistics) {
    size_t channels = spec->input.extents[0], positions = spec->input.size / channels;
    for (size_t c = 0; c < channels; c++) {
        size_t first = c * positions; /* at least c: nothing is overwritten that is still read */
        pool(statistics->mean + first, statistics->variance + first, positions,
             &statistics->mean[c], &statistics->variance[c]);
        statistics->constant[c] = 0;
    }
    statistics->width = channels;
}

/* w (x - mean) / s + b for a convolution, whose weight has a column for each channel of each tap. Beyond the
 * image it sees 0, not the mean: at the borders what comes out is not quite of mean 0. */
static void scale_channels(const vae__spec *spec, const vae__parameter *weight,
                           const vae__statistics *statistics) {
    const vae__parameter *bias = weight + 1;
    size_t channels = spec->input.extents[0], positions = spec->input.size / channels;
    double mean, own, variance = 0;
    for (size_t c = 0; c < channels; c++) {
        pool(statistics->input_mean + c * positions, statistics->input_variance + c * positions,
             positions, &mean, &own);
        variance += own / (double)channels;
    }
    double deviation = sqrt(variance), scale = deviation > 1e-12 ? 1 / deviation : 1;
    for (size_t c = 0; c < channels; c++) {
        pool(statistics->input_mean + c * positions, statistics->input_variance + c * positions,
             positions, &mean, &own);
        for (size_t r = 0; r < weight->rows; r++) {
            vae__real *row = weight->values + r * weight->columns;
            double shift = 0;
            for (size_t i = c; i < weight->columns; i += channels) {
                row[i] = vae__finite_real((double)row[i] * scale);
                shift += (double)row[i] * mean;
            }
            bias->values[r] = vae__finite_real((double)bias->values[r] - shift);
        }
    }
}

/* w (x - mean) / s + b = (w / s) x + (b - (w / s) mean), with one s for all columns so that none
 * that hardly varies is blown up. */
void vae__network_scale_input(const vae__spec *spec, const vae__network *network,
                              const vae__parameters *list, const vae__statistics *statistics) {
    size_t first = first_weight(spec, network, VAE__COLUMNS_OF_VALUES);
    size_t kernel = first_weight(spec, network, VAE__COLUMNS_OF_CHANNELS);
    if (kernel != VAE__NONE) scale_channels(spec, &list->items[kernel], statistics);
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
