#include "model/posterior.h"

#include <string.h>

/* ---- parameters only ---- */

static vae_status infer_parameters(vae__graph *graph, vae__node *node) {
    const vae__value head = graph->values[node->inputs[0]];
    vae_status status = vae__graph_output(graph, node, "mean", head.width / 2, head.extent, 0);
    return status ? status
                  : vae__graph_output(graph, node, "logvar", head.width / 2, head.extent, 0);
}

static void forward_parameters(const vae__call *call) {
    const vae__value *head = vae__call_input(call, 0);
    size_t rows = vae__call_rows(call, head), latent = head->width / 2;
    const vae__real *from = call->input[0];
    vae__real *mean = call->output[0], *logvar = call->output[1];
    for (size_t r = 0; r < rows; r++, from += 2 * latent) {
        memcpy(mean + r * latent, from, latent * sizeof *mean);
        memcpy(logvar + r * latent, from + latent, latent * sizeof *logvar);
    }
    if (call->bias) {
        const vae__activation_kernels *identity =
            &call->kernels->activation[VAE__ACTIVATION_identity];
        identity->forward(mean, call->bias, NULL, rows, latent);
        identity->forward(logvar, call->bias + latent, NULL, rows, latent);
    }
    call->kernels->bound_logvar(logvar, NULL, rows * latent);
}

static const vae__op parameters_op = {.name = "posterior_parameters",
                                      .traits = VAE__OP_TAKES_BIAS,
                                      .infer = infer_parameters,
                                      .forward = forward_parameters};

vae_status vae__posterior_parameters(vae__graph *graph, vae__id head, vae__id *mean,
                                     vae__id *logvar) {
    vae__node_spec spec = {.op = &parameters_op, .input_count = 1, .inputs = {head}};
    vae_status status = vae__graph_add(graph, &spec, mean);
    *logvar = *mean + 1;
    return status;
}

/* ---- draw, KL, gradients ---- */

/* In the order of the outputs. PARAMETERS lives in the head's place: mean, then bounded logvar. */
enum { PARAMETERS, Z, KL, KL_BY_LATENT, SD, SLOPE, LOG_RATIO };

static vae_status infer_draw(vae__graph *graph, vae__node *node) {
    const vae__value head = graph->values[node->inputs[0]];
    size_t latent = head.width / 2;
    vae_status status = vae__graph_output(graph, node, "posterior", head.width, head.extent, 0);
    if (!status) status = vae__graph_output(graph, node, "z", latent, VAE__PER_SAMPLE, 0);
    if (!status) status = vae__graph_output(graph, node, "kl", 1, head.extent, 1);
    if (!status) status = vae__graph_output(graph, node, "kl by latent", latent, head.extent, 0);
    if (!status) status = vae__graph_output(graph, node, "sd", latent, head.extent, 0);
    if (!status)
        status = vae__graph_output(graph, node, "d logvar / d raw", latent, head.extent, 0);
    if (status || !node->size) return status; /* size: whether the ratio is wanted */
    return vae__graph_output(graph, node, "log p(z) / q(z|x)", 1, VAE__PER_SAMPLE, 1);
}

static vae__posterior_row row_of(const vae__call *call, size_t r) {
    size_t latent = vae__call_input(call, 0)->width / 2, samples = call->samples;
    vae__real *parameters = (vae__real *)call->output[PARAMETERS] + r * 2 * latent;
    return (vae__posterior_row){
        .mean = parameters,
        .logvar = parameters + latent,
        .bias = call->bias,
        .noise = (const vae__real *)call->input[1] + r * samples * latent,
        .z = (vae__real *)call->output[Z] + r * samples * latent,
        .sd = (vae__real *)call->output[SD] + r * latent,
        .slope = (vae__real *)call->output[SLOPE] + r * latent,
        .kl = (vae__real *)call->output[KL_BY_LATENT] + r * latent,
        .log_ratio = call->node->size ? (double *)call->output[LOG_RATIO] + r * samples : NULL,
        .latent = latent,
        .samples = samples,
    };
}

static void forward_draw(const vae__call *call) {
    size_t width = vae__call_input(call, 0)->width;
    if (call->output[PARAMETERS] != call->input[0]) {
        memcpy(call->output[PARAMETERS], call->input[0], call->rows * width * sizeof(vae__real));
    }
    double *kl = call->output[KL];
    for (size_t r = 0; r < call->rows; r++) {
        vae__posterior_row row = row_of(call, r);
        kl[r] = call->kernels->posterior(&row);
    }
}

static void backward_draw(const vae__call *call) {
    size_t latent = vae__call_input(call, 0)->width / 2, samples = call->samples;
    const vae__real *dz = call->output_gradient[Z], *dkl = call->output_gradient[KL_BY_LATENT];
    const vae__real *dratio = call->node->size ? call->output_gradient[LOG_RATIO] : NULL;
    for (size_t r = 0; r < call->rows; r++) {
        vae__posterior_row row = row_of(call, r);
        vae__posterior_gradient gradient = {dz + r * samples * latent,
                                            dkl ? dkl + r * latent : NULL,
                                            dratio ? dratio + r * samples : NULL};
        vae__real *dmean = call->input_gradient[0] + r * 2 * latent;
        call->kernels->posterior_backward(&row, &gradient, dmean, dmean + latent);
    }
}

static const vae__op draw_op = {.name = "posterior_draw",
                                .traits = VAE__OP_IN_PLACE | VAE__OP_TAKES_BIAS |
                                          VAE__OP_KEEPS_INPUT | VAE__OP_KEEPS_OUTPUT,
                                .infer = infer_draw,
                                .forward = forward_draw,
                                .backward = backward_draw};

vae_status vae__posterior_draw(vae__graph *graph, vae__id head, vae__id noise, int wants_ratio,
                               vae__posterior_ends *ends) {
    vae__id first;
    vae__node_spec spec = {
        .op = &draw_op, .size = (size_t)wants_ratio, .input_count = 2, .inputs = {head, noise}};
    vae_status status = vae__graph_add(graph, &spec, &first);
    *ends = (vae__posterior_ends){first + Z, first + KL, first + KL_BY_LATENT,
                                  wants_ratio ? first + LOG_RATIO : VAE__NONE};
    return status;
}
