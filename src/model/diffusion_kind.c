/* model=diffusion: a denoising diffusion of the data itself (Ho, Jain & Abbeel 2020). Its latents x_1 .. x_T are as wide as x
 * and its encoder adds noise, so that all parameters are those of one network. Relies on diffusion.h for the graphs and on
 * diffusion_rows.c for what is computed of rows. */
#include <stddef.h>
#include <string.h>

#include "model/diffusion_rows.h"
#include "model/prior.h"
#include "model/standardize.h"

#define FIELD(field) offsetof(vae__spec, diffusion.field)

enum { MOST_BLOCKS = 4 };

static const vae__option options[] = {
    {"steps", VAE__OPTION_UNSIGNED, FIELD(steps), .minimum = 1, .maximum = VAE__MAX_STEPS},
    {"schedule", VAE__OPTION_CHOICE, FIELD(schedule), .choices = vae__noise_names},
    {"predict", VAE__OPTION_CHOICE, FIELD(predict), .choices = vae__predict_names},
    {"variance", VAE__OPTION_CHOICE, FIELD(variance), .choices = vae__variance_names},
    {"network", VAE__OPTION_CUSTOM, FIELD(network), .parse = vae__denoiser_parse,
     .print = vae__denoiser_print},
    {"channels", VAE__OPTION_NUMBERS, FIELD(network.channels), .minimum = 1, .maximum = 1 << 16},
    {"blocks", VAE__OPTION_UNSIGNED, FIELD(network.blocks), .minimum = 1, .maximum = MOST_BLOCKS},
    {"attention", VAE__OPTION_NUMBERS, FIELD(network.attention), .minimum = 1, .maximum = 1 << 16},
    {"groups", VAE__OPTION_UNSIGNED, FIELD(network.groups), .minimum = 1, .maximum = 1 << 16},
    {.name = NULL}};

enum { FIRST_OF_UNET = 5 }; /* of `options`: what network=unet has of its own */

const vae__option_table vae__diffusion_table = {.options = options};

/* ---- spec ---- */

static const vae__diffusion_spec usual = {.steps = 1000,
                                          .schedule = VAE__NOISE_COSINE,
                                          .predict = VAE__PREDICT_V,
                                          .variance = VAE__VARIANCE_LARGE};

static const vae__number_list usual_channels = {{32, 64, 64}, 3};

static vae_status refuse_key(const char *key) {
    return vae__fail(VAE_ERROR_TEXT,
                     "'%s=' belongs to network=unet, and the network is a list of layers", key);
}

/* Images have a U-Net where nothing else is said. */
static vae_status complete_network(vae__network_spec *network, const vae__shape *input) {
    if (input->rank == 3 && network->kind == VAE__DENOISER_layers && !network->layers.count)
        network->kind = VAE__DENOISER_unet;
    if (network->kind != VAE__DENOISER_unet) {
        if (network->channels.count) return refuse_key("channels");
        if (network->attention.count) return refuse_key("attention");
        if (network->blocks) return refuse_key("blocks");
        return network->groups ? refuse_key("groups") : VAE_OK;
    }
    if (!network->channels.count) network->channels = usual_channels;
    if (!network->blocks) network->blocks = 1;
    if (!network->groups) network->groups = 8;
    return VAE_OK;
}

static vae_status complete(vae__spec *spec) {
    spec->latent = spec->input.size;
    spec->diffusion.data = spec->likelihood->of_diffusion - 1;
    vae_status status = complete_network(&spec->diffusion.network, &spec->input);
    const vae__shape shape = vae__diffusion_shape(spec);
    return status ? status : vae__diffusion_complete(&spec->diffusion, &usual, &shape, "");
}

static void print_options(const vae__spec *spec, vae__buffer *out) {
    int is_unet = spec->diffusion.network.kind == VAE__DENOISER_unet;
    for (size_t i = 0; options[i].name && (is_unet || i < FIRST_OF_UNET); i++)
        vae__option_print(out, &options[i], spec);
}

/* ---- parameters ---- */

static double parameter_total(const vae__spec *spec) {
    double scaling = spec->standardize ? 2 * (double)spec->input.size : 0;
    const vae__shape shape = vae__diffusion_shape(spec);
    return vae__diffusion_count(&spec->diffusion, &shape) + scaling;
}

static vae_status declare(vae_context *context, const vae__spec *spec, vae__parameters *list,
                          vae__network *network) {
    const vae__declaration d = {context, list};
    const vae__shape shape = vae__diffusion_shape(spec);
    network->likelihood = (vae__likelihood_parameters){
        .weight = VAE__NONE, .bias = VAE__NONE, .extra = VAE__NONE, .floor = VAE__NONE};
    network->head = vae__dense_layer(1); /* it has none, and nothing asks for it */
    vae_status status =
        vae__diffusion_declare(&spec->diffusion, &shape, 0, &d, "", &network->diffusion);
    if (!status) status = vae__network_declare_standardization(context, spec, list, network);
    network->prior = list->count;
    return status ? status : vae__parameters_allocate(context, list);
}

static void initialize(const vae__spec *spec, const vae__network *network,
                       const vae__parameters *list) {
    memset(list->block, 0, list->block_count * sizeof *list->block);
    const vae__shape shape = vae__diffusion_shape(spec);
    vae__diffusion_initialize(&spec->diffusion, &shape, spec, list, &network->diffusion);
    if (!spec->standardize) return;
    for (size_t i = 0; i < spec->input.size; i++) list->items[network->scale].values[i] = 1;
}

/* ---- graphs ---- */

static vae_status build_training(const vae__build *build, const vae__objective_settings *settings) {
    const vae__build with = {build->spec, build->network, build->graph, settings, build->diffusion};
    const vae__network *network = build->network;
    vae__diffusion_values values;
    vae__id x, log_p;
    vae_status status = vae__graph_input(build->graph, "x", &build->spec->input, VAE__PER_ROW, &x);
    if (!status) status = vae__graph_result(build->graph, "x", x);
    if (!status && build->spec->standardize)
        status =
            vae__standardize(build->graph, x, (vae__id)network->shift, (vae__id)network->scale, &x);
    if (!status) status = vae__diffusion_scaled(build, x, &x);
    if (!status) status = vae__diffusion_build_training(&with, x, &values);
    log_p = values.data;
    if (!status && build->spec->standardize)
        status = vae__standardized_density(build->graph, log_p, (vae__id)network->scale, &log_p);
    if (!status) status = vae__graph_result(build->graph, "log_p", log_p);
    return status ? status : vae__graph_result(build->graph, "kl", values.rest);
}

static const vae__program_kind programs[] = {
    {"denoise", vae__diffusion_build_denoise, NULL, NULL},
    {"denoise_each", vae__diffusion_build_denoise_each, NULL, NULL},
};

extern const vae__model_kind vae__model_kind_diffusion;
const vae__model_kind vae__model_kind_diffusion = {
    .name = "diffusion",
    .programs = programs,
    .program_count = sizeof programs / sizeof programs[0],
    .complete = complete,
    .print_options = print_options,
    .parameter_total = parameter_total,
    .declare = declare,
    .initialize = initialize,
    .build_training = build_training,
    .rows = &vae__diffusion_row_functions,
    .no_latents = "the bound of a diffusion is a sum over steps",
};
