#include "model/network.h"

#include <math.h>
#include <string.h>

#include "autodiff/ops/ops.h"
#include "model/posterior.h"
#include "model/standardize.h"

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
    size_t width = spec->input.width;
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
    declaration d = {context, list, spec->input.width};
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
        status = declare_dense(&d, "likelihood", spec->input.width * vae__likelihood_heads(spec),
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
    double in = (double)spec->input.width, out = in * (double)vae__likelihood_heads(spec);
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
    for (size_t i = 0; spec->standardize && i < spec->input.width; i++) {
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
    for (size_t r = column; r < out->rows; r += spec->input.width)
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

/* ---- graphs ---- */

typedef struct build {
    const vae__spec *spec;
    const vae__network *network;
    vae__graph *graph;
    vae__ends *ends;
} build;

static vae_status add_layers(const build *b, const vae__layers *layers, const size_t *weights,
                             const size_t *biases, vae__id *h) {
    for (size_t i = 0; i < layers->count; i++) {
        const vae__layer *layer = &layers->items[i];
        vae_status status = layer->width ? vae__dense(b->graph, *h, (vae__id)weights[i],
                                                      (vae__id)biases[i], layer->width, h)
                                         : vae__activation(b->graph, *h, layer->activation, h);
        if (status) return status;
    }
    return VAE_OK;
}

/* x, and what of it the encoder and the likelihood see. */
static vae_status add_data(const build *b, vae__id *y) {
    const vae__network *network = b->network;
    vae_status status =
        vae__graph_input(b->graph, "x", b->spec->input.width, VAE__PER_ROW, &b->ends->x);
    *y = b->ends->x;
    if (status) return status;
    vae__graph_result(b->graph, b->ends->x); /* messages about refused rows read it after the run */
    if (!b->spec->standardize) return VAE_OK;
    return vae__standardize(b->graph, *y, (vae__id)network->shift, (vae__id)network->scale, y);
}

/* log p(x|z) from the output layer and the data as the likelihood sees it. */
static vae_status add_density(const build *b, const vae__likelihood_build *likelihood) {
    vae__ends *ends = b->ends;
    vae_status status = vae__likelihood_density(likelihood, &ends->log_p, &ends->batch_state);
    if (!status && b->spec->standardize) {
        status = vae__standardized_density(b->graph, ends->log_p, (vae__id)b->network->scale,
                                           &ends->log_p);
    }
    if (!status) vae__graph_result(b->graph, ends->log_p);
    return status;
}

/* The data as the likelihood sees it -> posterior head [n, 2 latent] */
static vae_status add_encoder(const build *b, vae__id y, vae__id *head) {
    const vae__network *network = b->network;
    vae_status status = VAE_OK;
    *head = y;
    if (b->spec->likelihood->log1p_input) status = vae__log1p(b->graph, *head, head);
    if (!status)
        status =
            add_layers(b, &b->spec->encoder, network->encoder_weight, network->encoder_bias, head);
    if (status) return status;
    return vae__dense(b->graph, *head, (vae__id)network->posterior_weight,
                      (vae__id)network->posterior_bias, 2 * (size_t)b->spec->latent, head);
}

/* z -> output layer with `outputs` values per value of x */
static vae_status add_decoder(const build *b, vae__id z, size_t outputs, vae__id *head) {
    const vae__network *network = b->network;
    *head = z;
    vae_status status =
        add_layers(b, &b->spec->decoder, network->decoder_weight, network->decoder_bias, head);
    if (status) return status;
    return vae__dense(b->graph, *head, (vae__id)network->likelihood.weight,
                      (vae__id)network->likelihood.bias, outputs * b->spec->input.width, head);
}

static vae_status add_mean(const build *b, vae__id z) {
    vae__likelihood_build likelihood = {
        b->spec, &b->network->likelihood, b->graph, VAE__NONE, VAE__NONE, 0};
    vae_status status = add_decoder(b, z, vae__likelihood_mean_heads(b->spec), &likelihood.head);
    if (!status) status = vae__likelihood_mean(&likelihood, &b->ends->x_mean);
    if (!status && b->spec->standardize) {
        status = vae__unstandardize(b->graph, b->ends->x_mean, (vae__id)b->network->shift,
                                    (vae__id)b->network->scale, &b->ends->x_mean);
    }
    if (!status) vae__graph_result(b->graph, b->ends->x_mean);
    return status;
}

static vae_status build_encode(const build *b) {
    vae__id y, head;
    vae_status status = add_data(b, &y);
    if (!status) status = add_encoder(b, y, &head);
    if (!status)
        status = vae__posterior_parameters(b->graph, head, &b->ends->mean, &b->ends->logvar);
    if (status) return status;
    vae__graph_result(b->graph, b->ends->mean);
    vae__graph_result(b->graph, b->ends->logvar);
    return VAE_OK;
}

static vae_status add_latent_input(const build *b) {
    return vae__graph_input(b->graph, "z", (size_t)b->spec->latent, VAE__PER_ROW, &b->ends->z);
}

static vae_status build_decode(const build *b) {
    vae_status status = add_latent_input(b);
    return status ? status : add_mean(b, b->ends->z);
}

static vae_status build_reconstruct(const build *b) {
    vae_status status = build_encode(b);
    return status ? status : add_mean(b, b->ends->mean);
}

/* The output layer with its bias: draws and means are made from it row by row. */
static vae_status build_sample(const build *b) {
    vae__id head;
    vae_status status = add_latent_input(b);
    if (!status) vae__graph_result(b->graph, b->ends->z);
    if (!status) status = add_decoder(b, b->ends->z, vae__likelihood_heads(b->spec), &head);
    if (!status) status = vae__activation(b->graph, head, VAE__ACTIVATION_identity, &b->ends->head);
    if (!status) vae__graph_result(b->graph, b->ends->head);
    return status;
}

/* x, noise -> log p(x|z), KL and, if wanted, the ratio: what training and evaluation share. */
static vae_status add_bound(const build *b, int training, int wants_ratio) {
    const vae__spec *spec = b->spec;
    vae__ends *ends = b->ends;
    vae__likelihood_build likelihood = {
        spec, &b->network->likelihood, b->graph, VAE__NONE, VAE__NONE, training};
    vae__posterior_ends drawn;
    vae__id y, head;
    vae_status status = add_data(b, &y);
    if (!status) status = add_encoder(b, y, &head);
    if (!status) {
        status = vae__graph_input(b->graph, "noise", (size_t)spec->latent, VAE__PER_SAMPLE,
                                  &ends->noise);
    }
    if (!status) status = vae__posterior_draw(b->graph, head, ends->noise, wants_ratio, &drawn);
    if (!status) status = add_decoder(b, drawn.z, vae__likelihood_heads(spec), &likelihood.head);
    likelihood.x = y;
    if (!status) status = add_density(b, &likelihood);
    if (status) return status;
    ends->kl = drawn.kl;
    ends->kl_by_latent = drawn.kl_by_latent;
    ends->log_ratio = drawn.log_ratio;
    vae__graph_result(b->graph, ends->kl);
    if (wants_ratio) vae__graph_result(b->graph, ends->log_ratio);
    if (ends->batch_state != VAE__NONE) vae__graph_result(b->graph, ends->batch_state);
    return VAE_OK;
}

static vae_status build_elbo(const build *b) {
    vae_status status = add_bound(b, 0, 0);
    if (!status) vae__graph_result(b->graph, b->ends->kl_by_latent);
    return status;
}

/* x, z -> log p(x|z): the samples of an estimate of log p(x), drawn outside. */
static vae_status build_density(const build *b) {
    const vae__spec *spec = b->spec;
    vae__likelihood_build likelihood = {
        spec, &b->network->likelihood, b->graph, VAE__NONE, VAE__NONE, 0};
    vae__id y;
    vae_status status = add_data(b, &y);
    if (!status) {
        status =
            vae__graph_input(b->graph, "z", (size_t)spec->latent, VAE__PER_SAMPLE, &b->ends->z);
    }
    if (!status) status = add_decoder(b, b->ends->z, vae__likelihood_heads(spec), &likelihood.head);
    likelihood.x = y;
    return status ? status : add_density(b, &likelihood);
}

static const struct kind {
    const char *name;
    vae_status (*build)(const build *b);
} kinds[VAE__GRAPH_KINDS] = {
    [VAE__GRAPH_ENCODE] = {"encode", build_encode},
    [VAE__GRAPH_DECODE] = {"decode", build_decode},
    [VAE__GRAPH_RECONSTRUCT] = {"reconstruct", build_reconstruct},
    [VAE__GRAPH_SAMPLE] = {"sample", build_sample},
    [VAE__GRAPH_ELBO] = {"elbo", build_elbo},
    [VAE__GRAPH_DENSITY] = {"density", build_density},
};

const char *vae__graph_kind_name(vae__graph_kind kind) {
    return kinds[kind].name;
}

static const vae__ends no_ends = {.x = VAE__NONE,
                                  .noise = VAE__NONE,
                                  .z = VAE__NONE,
                                  .mean = VAE__NONE,
                                  .logvar = VAE__NONE,
                                  .x_mean = VAE__NONE,
                                  .head = VAE__NONE,
                                  .log_p = VAE__NONE,
                                  .kl = VAE__NONE,
                                  .kl_by_latent = VAE__NONE,
                                  .kl_mean = VAE__NONE,
                                  .log_ratio = VAE__NONE,
                                  .batch_state = VAE__NONE};

vae_status vae__network_graph(const vae__spec *spec, const vae__network *network, vae__graph *graph,
                              vae__graph_kind kind, vae__ends *ends) {
    build b = {spec, network, graph, ends};
    *ends = no_ends;
    return kinds[kind].build(&b);
}

vae_status vae__network_training_graph(const vae__spec *spec, const vae__network *network,
                                       vae__graph *graph, const vae__objective_settings *settings,
                                       vae__ends *ends) {
    build b = {spec, network, graph, ends};
    *ends = no_ends;
    int iwae = settings->kind == VAE__OBJECTIVE_IWAE;
    vae_status status = add_bound(&b, 1, iwae);
    if (status) return status;
    if (iwae) return vae__objective_iwae(graph, ends->log_p, ends->log_ratio);
    if (settings->free_bits > 0) {
        status = vae__batch_mean(graph, ends->kl_by_latent, &ends->kl_mean);
        if (status) return status;
        vae__graph_result(graph, ends->kl_mean);
    }
    return vae__objective_elbo(graph, settings, ends->log_p, ends->kl_by_latent, ends->kl_mean);
}
