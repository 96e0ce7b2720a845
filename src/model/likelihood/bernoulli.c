/* Bernoulli with logits a: log p(x|z) = sum_i x_i a_i - softplus(a_i). Grey x in [0, 1] is allowed;
 * the value is then a cross-entropy, not a log density. */
#include <math.h>

#include "autodiff/ops/ops.h"
#include "model/likelihood/likelihood.h"

static size_t heads(const vae__spec *spec) {
    (void)spec;
    return 1;
}

/* ---- density ---- */

static vae_status infer(vae__graph *graph, vae__node *node) {
    return vae__graph_output(graph, node, "log p(x|z)", 1, graph->values[node->inputs[0]].extent,
                             1);
}

static void forward(const vae__call *call) {
    const vae__value *head = vae__call_input(call, 0);
    size_t rows = vae__call_rows(call, head), per_row = rows / call->rows, width = head->width;
    vae__real *a = (vae__real *)call->input[0];
    const vae__real *x = call->input[1];
    double *log_p = call->output[0];
    for (size_t i = 0; i < rows; i++) {
        log_p[i] = call->kernels->bernoulli_row(a + i * width, call->bias, x + i / per_row * width,
                                                width, vae__likelihood_weight(call, i));
    }
}

static void backward(const vae__call *call) {
    vae__likelihood_weigh(call, NULL, 0);
}

static const vae__op bernoulli_op = {.name = "bernoulli",
                                     .traits = VAE__OP_TAKES_BIAS | VAE__OP_OVERWRITES_INPUT,
                                     .infer = infer,
                                     .forward = forward,
                                     .backward = backward};

static vae_status density(const vae__likelihood_build *build, vae__id *log_p,
                          vae__id *batch_state) {
    vae__node_spec spec = {
        .op = &bernoulli_op, .input_count = 2, .inputs = {build->head, build->x}};
    *batch_state = VAE__NONE;
    return vae__graph_add(build->graph, &spec, log_p);
}

/* ---- mean, draw, start ---- */

static vae_status mean(const vae__likelihood_build *build, vae__id *x_mean) {
    return vae__activation(build->graph, build->head, VAE__ACTIVATION_sigmoid, x_mean);
}

static void draw(const vae__spec *spec, const vae__parameters *list,
                 const vae__likelihood_parameters *parameters, const vae__real *head,
                 const vae__stream *stream, uint32_t row, float *x) {
    (void)list, (void)parameters;
    for (size_t i = 0; i < spec->input.width; i++) {
        double probability = 1 / (1 + exp(-(double)head[i]));
        x[i] = vae__random_uniform(stream, row, (uint32_t)i) < probability ? 1.0f : 0.0f;
    }
}

/* The logit of each column's mean, kept away from 0 and 1 so that a pixel never seen lit can still
 * be learned. */
static void initialize(const vae__spec *spec, const vae__statistics *statistics,
                       const vae__parameters *list, const vae__likelihood_parameters *parameters) {
    const double least = 1e-3;
    (void)spec;
    for (size_t i = 0; i < statistics->width; i++) {
        double p = fmin(fmax(statistics->mean[i], least), 1 - least);
        list->items[parameters->bias].values[i] = (vae__real)log(p / (1 - p));
    }
}

const vae__likelihood vae__likelihood_bernoulli = {
    .name = "bernoulli",
    .low = 0,
    .high = 1,
    .heads = heads,
    .density = density,
    .mean = mean,
    .initialize = initialize,
    .draw = draw,
};
