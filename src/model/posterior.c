/* The posterior's ops. The draw, its KL and their gradients go over blocks of rows that stay in the first-level
 * cache. */
#include "model/posterior.h"

#include <string.h>

/* ---- parameters only ---- */

static vae_status infer_parameters(vae__graph *graph, vae__node *node) {
    const vae__value head = graph->values[node->inputs[0]];
    size_t latent = head.width / 2;
    vae_status status = vae__graph_output_vector(graph, node, "mean", latent, head.domain, 0);
    if (!status) status = vae__graph_output_vector(graph, node, "logvar", latent, head.domain, 0);
    return status;
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

/* In the order of the outputs. */
enum { MEAN, Z, KL, KL_BY_LATENT, SD, SLOPE, EXCESS, LOG_RATIO };

/* Values of a block of rows: what the kernel goes over several times stays in the first-level cache. */
#define BLOCK_VALUES 1024

static vae_status infer_draw(vae__graph *graph, vae__node *node) {
    const vae__value head = graph->values[node->inputs[0]];
    const struct output {
        const char *name;
        size_t width;
        vae__domain domain;
        int is_double;
    } outputs[] = {
        [MEAN] = {"mean", head.width / 2, head.domain, 0},
        [Z] = {"z", head.width / 2, VAE__PER_SAMPLE, 0},
        [KL] = {"kl", 1, head.domain, 1},
        [KL_BY_LATENT] = {"kl by latent", head.width / 2, head.domain, 0},
        [SD] = {"sd", head.width / 2, head.domain, 0},
        [SLOPE] = {"d logvar / d raw", head.width / 2, head.domain, 0},
        [EXCESS] = {"exp(logvar) - 1", head.width / 2, head.domain, 0},
        [LOG_RATIO] = {"log p(z) / q(z|x)", 1, VAE__PER_SAMPLE, 1},
    };
    size_t count = node->size ? LOG_RATIO + 1 : LOG_RATIO; /* size: whether the ratio is wanted */
    vae_status status = VAE_OK;
    for (size_t i = 0; i < count && !status; i++) {
        const struct output *o = &outputs[i];
        status = vae__graph_output_vector(graph, node, o->name, o->width, o->domain, o->is_double);
    }
    return status;
}

static size_t block_rows(const vae__call *call) {
    size_t latent = vae__call_input(call, 0)->width / 2;
    return latent < BLOCK_VALUES ? BLOCK_VALUES / latent : 1;
}

/* Rows first .. first + block_rows - 1 of the share, as far as it has them. */
static vae__posterior_rows rows_from(const vae__call *call, size_t first) {
    size_t latent = vae__call_input(call, 0)->width / 2, samples = call->samples;
    size_t left = call->rows - first, most = block_rows(call);
    return (vae__posterior_rows){
        .head = (const vae__real *)call->input[0] + first * 2 * latent,
        .bias = call->bias,
        .noise = (const vae__real *)call->input[1] + first * samples * latent,
        .mean = (vae__real *)call->output[MEAN] + first * latent,
        .sd = (vae__real *)call->output[SD] + first * latent,
        .slope = (vae__real *)call->output[SLOPE] + first * latent,
        .excess = (vae__real *)call->output[EXCESS] + first * latent,
        .kl = (vae__real *)call->output[KL_BY_LATENT] + first * latent,
        .row_kl = (double *)call->output[KL] + first,
        .z = (vae__real *)call->output[Z] + first * samples * latent,
        .log_ratio = call->node->size ? (double *)call->output[LOG_RATIO] + first * samples : NULL,
        .rows = left < most ? left : most,
        .latent = latent,
        .samples = samples,
    };
}

static void forward_draw(const vae__call *call) {
    for (size_t first = 0; first < call->rows; first += block_rows(call)) {
        vae__posterior_rows rows = rows_from(call, first);
        call->kernels->posterior(&rows);
    }
}

static const vae__real *from_row(const vae__real *gradient, size_t first, size_t width) {
    return gradient ? gradient + first * width : NULL;
}

static void backward_draw(const vae__call *call) {
    size_t latent = vae__call_input(call, 0)->width / 2, samples = call->samples;
    for (size_t first = 0; first < call->rows; first += block_rows(call)) {
        vae__posterior_rows rows = rows_from(call, first);
        vae__posterior_gradient gradient = {
            from_row(call->output_gradient[Z], first, samples * latent),
            from_row(call->output_gradient[KL_BY_LATENT], first, latent),
            call->node->size ? from_row(call->output_gradient[LOG_RATIO], first, samples) : NULL};
        call->kernels->posterior_backward(&rows, &gradient,
                                          call->input_gradient[0] + first * 2 * latent);
    }
}

static const vae__op draw_op = {.name = "posterior_draw",
                                .traits =
                                    VAE__OP_TAKES_BIAS | VAE__OP_KEEPS_INPUT | VAE__OP_KEEPS_OUTPUT,
                                .infer = infer_draw,
                                .forward = forward_draw,
                                .backward = backward_draw};

vae_status vae__posterior_draw(vae__graph *graph, vae__id head, vae__id noise, int wants_ratio,
                               vae__id *z, vae__bound_values *values) {
    vae__id first;
    vae__node_spec spec = {
        .op = &draw_op, .size = (size_t)wants_ratio, .input_count = 2, .inputs = {head, noise}};
    vae_status status = vae__graph_add(graph, &spec, &first);
    if (status) return status;
    *z = first + Z;
    values->kl = first + KL;
    values->kl_by_latent = first + KL_BY_LATENT;
    if (wants_ratio) values->log_ratio = first + LOG_RATIO;
    return VAE_OK;
}
