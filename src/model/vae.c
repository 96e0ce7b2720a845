/* model=vae: an encoder q(z|x), a prior p(z) and a decoder p(x|z), each a part of a graph; and the programs
 * made of these parts. Relies on the prior for z and its KL, on the likelihood for log p(x|z) and on the
 * objective for what training maximises. */
#include "autodiff/ops/ops.h"
#include "model/kind.h"
#include "model/posterior.h"
#include "model/prior.h"
#include "model/standardize.h"

/* ---- parts ---- */

static vae_status add_input(const vae__build *b, const char *name, size_t width, vae__domain domain,
                            vae__id *value) {
    const vae__shape shape = vae__shape_vector(width);
    return vae__graph_input(b->graph, name, &shape, domain, value);
}

static vae_status add_layers(const vae__build *b, const vae__layers *layers, const size_t *first,
                             vae__id *h) {
    return vae__layers_add(layers->items, layers->count, first, b->graph, h);
}

/* The dense layer at the end of the encoder. */
static vae_status add_posterior_head(const vae__build *b, vae__id *h) {
    size_t first = b->network->posterior;
    vae_status status = vae__layout_node(b->graph, *h, VAE__CHANNELS_FIRST, h);
    if (status) return status;
    return vae__dense(b->graph, *h, (vae__id)first, (vae__id)first + 1, 2 * (size_t)b->spec->latent,
                      h);
}

/* The layer at the end of the decoder, with `outputs` numbers for each value of x: the first ones that it has
 * parameters for. A transposed convolution computes all of them. */
static vae_status add_output_head(const vae__build *b, size_t outputs, vae__id *h) {
    vae__layer head = b->network->head;
    size_t all = vae__likelihood_heads(b->spec), first = b->network->likelihood.weight;
    if (!b->network->likelihood.is_transposed) head.numbers[0] = head.numbers[0] / all * outputs;
    vae_status status = head.kind->add(&head, &first, b->graph, h);
    if (status || vae__network_head_is_dense(b->network)) return status;
    status = vae__layout_node(b->graph, *h, VAE__CHANNELS_FIRST, h);
    if (status) return status;
    return vae__first_values(b->graph, *h, outputs * b->spec->input.size, h);
}

/* x, a result since messages about refused rows read it after the run; and the data as the encoder's and the
 * likelihood's side see it. */
static vae_status add_data(const vae__build *b, vae__id *y) {
    vae_status status = vae__graph_input(b->graph, "x", &b->spec->input, VAE__PER_ROW, y);
    if (!status) status = vae__graph_result(b->graph, "x", *y);
    if (status || !b->spec->standardize) return status;
    return vae__standardize(b->graph, *y, (vae__id)b->network->shift, (vae__id)b->network->scale,
                            y);
}

vae_status vae__encode_seen(const vae__build *b, vae__id seen, vae__id *head) {
    *head = seen;
    vae_status status = add_layers(b, &b->spec->encoder, b->network->encoder, head);
    if (status) return status;
    return add_posterior_head(b, head);
}

/* The data -> the posterior's head [n, 2 latent]: means, raw log variances. */
static vae_status add_encoder(const vae__build *b, vae__id y, vae__id *head) {
    vae_status status = VAE_OK;
    if (b->spec->likelihood->log1p_input) status = vae__log1p(b->graph, y, &y);
    if (!status) status = vae__encode_seen(b, y, head);
    return status;
}

/* z -> the output layer, with `outputs` numbers for each value of x. */
static vae_status add_decoder(const vae__build *b, vae__id z, size_t outputs, vae__id *head) {
    const vae__network *network = b->network;
    *head = z;
    vae_status status = add_layers(b, &b->spec->decoder, network->decoder, head);
    if (status) return status;
    return add_output_head(b, outputs, head);
}

static vae__likelihood_build likelihood_of(const vae__build *b, int training) {
    return (vae__likelihood_build){b->spec, &b->network->likelihood, b->graph, VAE__NONE, VAE__NONE,
                                   training};
}

/* log p(x|z) from the output layer and the data. */
static vae_status add_density(const vae__build *b, const vae__likelihood_build *likelihood,
                              vae__bound_values *values) {
    vae_status status = vae__likelihood_density(likelihood, &values->log_p, &values->batch_state);
    if (!status && b->spec->standardize) {
        status = vae__standardized_density(b->graph, values->log_p, (vae__id)b->network->scale,
                                           &values->log_p);
    }
    if (!status) status = vae__graph_result(b->graph, "log_p", values->log_p);
    return status;
}

static vae_status add_mean(const vae__build *b, vae__id z) {
    vae__likelihood_build likelihood = likelihood_of(b, 0);
    vae__id x_mean;
    vae_status status = add_decoder(b, z, vae__likelihood_mean_heads(b->spec), &likelihood.head);
    if (!status) status = vae__likelihood_mean(&likelihood, &x_mean);
    if (!status && b->spec->standardize) {
        status = vae__unstandardize(b->graph, x_mean, (vae__id)b->network->shift,
                                    (vae__id)b->network->scale, &x_mean);
    }
    if (!status) status = vae__graph_result(b->graph, "x_mean", x_mean);
    return status;
}

static vae_status add_posterior(const vae__build *b, vae__id *mean) {
    vae__id y, head, logvar;
    vae_status status = add_data(b, &y);
    if (!status) status = add_encoder(b, y, &head);
    if (!status) status = vae__posterior_parameters(b->graph, head, mean, &logvar);
    if (!status) status = vae__graph_result(b->graph, "mean", *mean);
    if (!status) status = vae__graph_result(b->graph, "logvar", logvar);
    return status;
}

/* vae__prior_draw_posterior, or vae__prior_take_mean. */
typedef vae_status (*draw_fn)(const vae__build *build, vae__id head, vae__id noise, int wants_ratio,
                              vae__id *z, vae__bound_values *values);

/* x, noise -> the output layer at z ~ q(z|x); the KL and, if wanted, log p(z) - log q(z|x). */
static vae_status add_draw(const vae__build *b, draw_fn draw, int wants_ratio,
                           vae__likelihood_build *likelihood, vae__bound_values *values) {
    vae__id head, noise, z = VAE__NONE;
    vae_status status = add_data(b, &likelihood->x);
    if (!status) status = add_encoder(b, likelihood->x, &head);
    if (!status) status = add_input(b, "noise", (size_t)b->spec->latent, VAE__PER_SAMPLE, &noise);
    if (!status) status = draw(b, head, noise, wants_ratio, &z, values);
    if (!status) status = vae__graph_result(b->graph, "kl", values->kl);
    if (!status && wants_ratio)
        status = vae__graph_result(b->graph, "log_ratio", values->log_ratio);
    if (status) return status;
    return add_decoder(b, z, vae__likelihood_heads(b->spec), &likelihood->head);
}

/* ---- programs ---- */

static vae_status build_encode(const vae__build *b) {
    vae__id mean;
    return add_posterior(b, &mean);
}

static vae_status build_decode(const vae__build *b) {
    vae__id z;
    vae_status status = add_input(b, "z", (size_t)b->spec->latent, VAE__PER_ROW, &z);
    if (!status) status = add_mean(b, z);
    return status;
}

static vae_status build_reconstruct(const vae__build *b) {
    vae__id mean;
    vae_status status = add_posterior(b, &mean);
    if (!status) status = add_mean(b, mean);
    return status;
}

/* The output layer with its bias: draws and means are made from it row by row. */
static vae_status build_sample(const vae__build *b) {
    vae__id z, head;
    vae_status status = add_input(b, "z", (size_t)b->spec->latent, VAE__PER_ROW, &z);
    if (!status) status = vae__graph_result(b->graph, "z", z);
    if (!status) status = add_decoder(b, z, vae__likelihood_heads(b->spec), &head);
    if (!status) status = vae__activation(b->graph, head, VAE__ACTIVATION_identity, &head);
    if (!status) status = vae__graph_result(b->graph, "head", head);
    return status;
}

static vae_status build_elbo(const vae__build *b) {
    vae__likelihood_build likelihood = likelihood_of(b, 0);
    vae__bound_values values = vae__no_bound_values;
    vae_status status = add_draw(b, vae__prior_draw_posterior, 0, &likelihood, &values);
    if (!status) status = add_density(b, &likelihood, &values);
    if (status || values.kl_by_latent == VAE__NONE) return status;
    return vae__graph_result(b->graph, "kl_by_latent", values.kl_by_latent);
}

static vae_status build_density(const vae__build *b) {
    vae__likelihood_build likelihood = likelihood_of(b, 0);
    vae__bound_values values = vae__no_bound_values;
    const vae__prior *prior = vae__prior_of(b->spec);
    vae__id z, log_prior;
    vae_status status = add_data(b, &likelihood.x);
    if (!status) status = add_input(b, "z", (size_t)b->spec->latent, VAE__PER_SAMPLE, &z);
    if (!status && prior->density) status = prior->density(b, z, &log_prior);
    if (!status && prior->density) status = vae__graph_result(b->graph, "log_prior", log_prior);
    if (!status) status = add_decoder(b, z, vae__likelihood_heads(b->spec), &likelihood.head);
    if (!status) status = add_density(b, &likelihood, &values);
    return status;
}

/* The noise is fed as 0, or as fixed draws where the prior needs them (vae__prior_take_mean). */
static vae_status build_score(const vae__build *b) {
    vae__likelihood_build likelihood = likelihood_of(b, 0);
    vae__bound_values values = vae__no_bound_values;
    vae__id by_value;
    vae_status status = add_draw(b, vae__prior_take_mean, 0, &likelihood, &values);
    if (!status) status = vae__likelihood_by_value(&likelihood, &by_value);
    if (!status && b->spec->standardize) {
        status =
            vae__standardized_values(b->graph, by_value, (vae__id)b->network->scale, &by_value);
    }
    if (!status) status = vae__graph_result(b->graph, "log_p_by_value", by_value);
    return status;
}

/* What draws from the prior need of the network. */
static vae_status build_components(const vae__build *b) {
    vae__id made;
    vae_status status = vae__prior_of(b->spec)->components(b, &made);
    if (!status) status = vae__activation(b->graph, made, VAE__ACTIVATION_identity, &made);
    if (!status) status = vae__graph_result(b->graph, "components", made);
    return status;
}

static vae_status build_training(const vae__build *build, const vae__objective_settings *settings) {
    const vae__build with = {build->spec, build->network, build->graph, settings, build->diffusion};
    vae__likelihood_build likelihood = likelihood_of(build, 1);
    vae__bound_values values = vae__no_bound_values;
    const vae__build *b = &with;
    vae_status status = add_draw(b, vae__prior_draw_posterior, settings->objective->wants_ratio,
                                 &likelihood, &values);
    if (!status) status = add_density(b, &likelihood, &values);
    if (!status && values.batch_state != VAE__NONE)
        status = vae__graph_result(b->graph, "batch_state", values.batch_state);
    if (status || settings->objective->diffusion_loss)
        return status; /* the prior has added its loss */
    return settings->objective->build(b->graph, settings, &values);
}

/* Samples of each row in a full chunk of the density program; fewer rows may have more (estimate.c). */
static size_t density_samples(const vae__spec *spec) {
    (void)spec;
    return 4;
}

static const vae__program_kind programs[] = {
    {"encode", build_encode, NULL, NULL},           /* x -> mean, logvar */
    {"decode", build_decode, NULL, NULL},           /* z -> x_mean */
    {"reconstruct", build_reconstruct, NULL, NULL}, /* x -> x_mean at z = mean */
    {"sample", build_sample, NULL, NULL},           /* z -> z, head: the output layer */
    {"elbo", build_elbo, NULL, NULL},               /* x, noise -> log_p, kl, kl_by_latent */
    /* x, z by sample -> log_p, log_prior */
    {"density", build_density, density_samples, NULL},
    /* x, noise by sample -> log_p_by_value, kl */
    {"score", build_score, vae__prior_score_draws, vae__prior_has_score},
    {"components", build_components, NULL, vae__prior_has_components}, /* -> components */
    /* x_t, one step for all rows, or one for each -> output */
    {"denoise", vae__diffusion_build_denoise, NULL, vae__prior_has_network},
    {"denoise_each", vae__diffusion_build_denoise_each, NULL, vae__prior_has_network},
};

extern const vae__model_kind vae__model_kind_vae;
const vae__model_kind vae__model_kind_vae = {
    .name = "vae",
    .programs = programs,
    .program_count = sizeof programs / sizeof programs[0],
    .build_training = build_training,
};
