/* prior=flow:L: p(z) by L affine couplings (Dinh, Sohl-Dickstein & Bengio 2017, "Density estimation using Real NVP"),
 * u = f(z), log p(z) = log N(u; 0, I) + log |det du/dz|. Coupling l leaves one half of z alone; from it a network with one
 * hidden layer makes a log scale s, bounded to +-LIMIT, and a shift t for each value of the other half, which becomes
 * exp(s) z + t. The halves take turns. The networks begin with s = t = 0, so that p(z) begins as N(0, I). */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "autodiff/ops/ops.h"
#include "model/layer.h"
#include "model/prior.h"

#define LIMIT 3.0
#define LOG_2_PI 1.83787706640934548356

enum { MAX_COUPLINGS = 64, MAX_HIDDEN = 4096, DEFAULT_HIDDEN = 64, HIDDEN = 0 /* in numbers */ };

/* The parameters of a coupling, in their order. */
enum { HIDDEN_WEIGHT, HIDDEN_BIAS, OUTPUT_WEIGHT, OUTPUT_BIAS, OF_A_COUPLING };

/* ---- keys ---- */

extern const vae__option vae__prior_flow_options[];
const vae__option vae__prior_flow_options[] = {{"prior_hidden", VAE__OPTION_UNSIGNED,
                                                offsetof(vae__spec, prior.numbers[HIDDEN]),
                                                .minimum = 1, .maximum = MAX_HIDDEN},
                                               {.name = NULL}};

static vae_status check(vae__spec *spec) {
    if (!spec->prior.numbers[HIDDEN]) spec->prior.numbers[HIDDEN] = DEFAULT_HIDDEN;
    if (spec->prior.count > MAX_COUPLINGS)
        return vae__fail(VAE_ERROR_TEXT, "prior=flow:%llu: expected at most %d couplings",
                         (unsigned long long)spec->prior.count, MAX_COUPLINGS);
    if (spec->latent > 1) return VAE_OK;
    return vae__fail(VAE_ERROR_TEXT,
                     "prior=flow: a coupling changes one half of z by the other one, and latent=1 "
                     "has no halves; take prior=mixture:10");
}

/* ---- halves ---- */

/* The half of z that a coupling changes: even couplings the second, odd ones the first. */
typedef struct half {
    size_t first, count;
} half;

static half changed(size_t latent, size_t coupling) {
    size_t middle = latent / 2;
    return coupling % 2 ? (half){0, middle} : (half){middle, latent - middle};
}

static half kept(size_t latent, size_t coupling) {
    return changed(latent, coupling + 1);
}

/* ---- parameters ---- */

static double parameter_total(const vae__spec *spec) {
    size_t latent = (size_t)spec->latent;
    double hidden = (double)spec->prior.numbers[HIDDEN], total = 0;
    for (size_t l = 0; l < spec->prior.count; l++) {
        total += hidden * ((double)kept(latent, l).count + 1);
        total += 2 * (double)changed(latent, l).count * (hidden + 1);
    }
    return total;
}

static vae_status declare(vae_context *context, const vae__spec *spec, vae__parameters *list,
                          vae__network *network) {
    (void)network;
    const vae__declaration d = {context, list};
    size_t latent = (size_t)spec->latent, hidden = (size_t)spec->prior.numbers[HIDDEN], first;
    vae_status status = VAE_OK;
    for (size_t l = 0; l < spec->prior.count && !status; l++) {
        char name[VAE__PARAMETER_NAME];
        const vae__layer in = vae__dense_layer(hidden);
        const vae__layer out = vae__dense_layer(2 * changed(latent, l).count);
        const vae__shape from = vae__shape_vector(kept(latent, l).count);
        const vae__shape made = vae__shape_vector(hidden);
        vae__format(name, sizeof name, "prior.%zu.hidden", l);
        status = in.kind->declare(&in, &d, name, &from, &first);
        vae__format(name, sizeof name, "prior.%zu.output", l);
        if (!status) status = out.kind->declare(&out, &d, name, &made, &first);
    }
    return status;
}

static void initialize(const vae__prior_call *call) {
    for (size_t l = 0; l < call->spec->prior.count; l++) {
        size_t first = call->network->prior + l * OF_A_COUPLING;
        vae__layer_dense.initialize(NULL, call->spec, call->parameters, &first);
    }
}

/* ---- ops ---- */

static size_t rows_of(const vae__call *call) {
    return vae__call_rows(call, vae__call_input(call, 0));
}

/* y: the half that coupling node->size keeps. */
static vae_status infer_select(vae__graph *graph, vae__node *node) {
    const vae__value z = graph->values[node->inputs[0]];
    return vae__graph_output_vector(graph, node, "half of z", kept(z.width, node->size).count,
                                    z.domain, 0);
}

static void forward_select(const vae__call *call) {
    size_t rows = rows_of(call), width = vae__call_input(call, 0)->width;
    half from = kept(width, call->node->size);
    const vae__real *z = call->input[0];
    vae__real *y = call->output[0];
    for (size_t r = 0; r < rows; r++)
        memcpy(y + r * from.count, z + r * width + from.first, from.count * sizeof *y);
}

static void backward_select(const vae__call *call) {
    size_t rows = rows_of(call), width = vae__call_input(call, 0)->width;
    half from = kept(width, call->node->size);
    const vae__real *dy = call->output_gradient[0];
    vae__real *dz = call->input_gradient[0];
    if (!dz) return;
    memset(dz, 0, rows * width * sizeof *dz);
    for (size_t r = 0; r < rows; r++)
        memcpy(dz + r * width + from.first, dy + r * from.count, from.count * sizeof *dz);
}

static const vae__op select_op = {.name = "flow_half",
                                  .infer = infer_select,
                                  .forward = forward_select,
                                  .backward = backward_select};

/* u and log |det| from z, the network's output [2 count], and the log |det| of the couplings before, if any. */
static vae_status infer_couple(vae__graph *graph, vae__node *node) {
    vae__domain domain = graph->values[node->inputs[0]].domain;
    vae_status status = vae__graph_output_like(graph, node, "coupled", node->inputs[0]);
    if (status) return status;
    return vae__graph_output_vector(graph, node, "log |det|", 1, domain, 1);
}

static void forward_couple(const vae__call *call) {
    size_t rows = rows_of(call), width = vae__call_input(call, 0)->width;
    half to = changed(width, call->node->size);
    const vae__real *z = call->input[0], *made = call->input[1];
    const double *before = call->node->input_count > 2 ? call->input[2] : NULL;
    vae__real *u = call->output[0];
    double *log_determinant = call->output[1];
    for (size_t r = 0; r < rows; r++, z += width, u += width, made += 2 * to.count) {
        memcpy(u, z, width * sizeof *u);
        log_determinant[r] = before ? before[r] : 0;
        for (size_t j = 0; j < to.count; j++) {
            double s = LIMIT * tanh((double)made[j] / LIMIT), t = (double)made[to.count + j];
            u[to.first + j] = (vae__real)(exp(s) * (double)z[to.first + j] + t);
            log_determinant[r] += s;
        }
    }
}

/* One row: du and dlog come from behind; dz, dmade and, where wanted, what is before get theirs. */
static void backward_row(half to, size_t width, const vae__real *z, const vae__real *made,
                         const vae__real *du, double dlog, vae__real *dz, vae__real *dmade) {
    if (dz) memcpy(dz, du, width * sizeof *dz);
    for (size_t j = 0; j < to.count; j++) {
        double bounded = tanh((double)made[j] / LIMIT), scale = exp(LIMIT * bounded);
        double dvalue = (double)du[to.first + j];
        if (dz) dz[to.first + j] = (vae__real)(dvalue * scale);
        if (!dmade) continue;
        dmade[j] = (vae__real)((dvalue * scale * (double)z[to.first + j] + dlog) *
                               (1 - bounded * bounded));
        dmade[to.count + j] = (vae__real)dvalue;
    }
}

static void backward_couple(const vae__call *call) {
    size_t rows = rows_of(call), width = vae__call_input(call, 0)->width;
    half to = changed(width, call->node->size);
    const vae__real *z = call->input[0], *made = call->input[1];
    const vae__real *du = call->output_gradient[0], *dlog = call->output_gradient[1];
    vae__real *dz = call->input_gradient[0], *dmade = call->input_gradient[1];
    for (size_t r = 0; r < rows; r++)
        backward_row(to, width, z + r * width, made + r * 2 * to.count, du + r * width,
                     (double)dlog[r], dz ? dz + r * width : NULL,
                     dmade ? dmade + r * 2 * to.count : NULL);
    if (call->node->input_count > 2 && call->input_gradient[2])
        memcpy(call->input_gradient[2], dlog, rows * sizeof *dlog);
}

static const vae__op couple_op = {.name = "flow_couple",
                                  .traits = VAE__OP_KEEPS_INPUT,
                                  .infer = infer_couple,
                                  .forward = forward_couple,
                                  .backward = backward_couple};

/* log N(u; 0, I) + log |det|. */
static vae_status infer_density(vae__graph *graph, vae__node *node) {
    return vae__graph_output_vector(graph, node, "log p(z)", 1,
                                    graph->values[node->inputs[0]].domain, 1);
}

static void forward_density(const vae__call *call) {
    size_t rows = rows_of(call), width = vae__call_input(call, 0)->width;
    const vae__real *u = call->input[0];
    const double *log_determinant = call->input[1];
    double *log_p = call->output[0];
    for (size_t r = 0; r < rows; r++)
        log_p[r] = log_determinant[r] - 0.5 * (call->kernels->sum_squares(u + r * width, width) +
                                               (double)width * LOG_2_PI);
}

static void backward_density(const vae__call *call) {
    size_t rows = rows_of(call), width = vae__call_input(call, 0)->width;
    const vae__real *u = call->input[0], *dlog_p = call->output_gradient[0];
    vae__real *du = call->input_gradient[0], *dlog = call->input_gradient[1];
    if (dlog) memcpy(dlog, dlog_p, rows * sizeof *dlog);
    if (!du) return;
    for (size_t i = 0; i < rows * width; i++) du[i] = -u[i] * dlog_p[i / width];
}

static const vae__op density_op = {.name = "flow_density",
                                   .traits = VAE__OP_KEEPS_INPUT,
                                   .infer = infer_density,
                                   .forward = forward_density,
                                   .backward = backward_density};

/* ---- in a graph ---- */

static vae_status add_coupling(const vae__build *build, size_t coupling, vae__id *z,
                               vae__id *log_determinant) {
    vae__graph *graph = build->graph;
    vae__id first = (vae__id)(build->network->prior + coupling * OF_A_COUPLING), h, coupled;
    size_t count = changed((size_t)build->spec->latent, coupling).count;
    vae__node_spec select = {.op = &select_op, .size = coupling, .input_count = 1, .inputs = {*z}};
    vae_status status = vae__graph_add(graph, &select, &h);
    if (!status)
        status = vae__dense(graph, h, first + HIDDEN_WEIGHT, first + HIDDEN_BIAS,
                            (size_t)build->spec->prior.numbers[HIDDEN], &h);
    if (!status) status = vae__activation(graph, h, VAE__ACTIVATION_tanh, &h);
    if (!status)
        status = vae__dense(graph, h, first + OUTPUT_WEIGHT, first + OUTPUT_BIAS, 2 * count, &h);
    /* The bias is added by an op that takes one. */
    if (!status) status = vae__activation(graph, h, VAE__ACTIVATION_identity, &h);
    if (status) return status;
    vae__node_spec couple = {.op = &couple_op,
                             .size = coupling,
                             .input_count = *log_determinant == VAE__NONE ? 2 : 3,
                             .inputs = {*z, h, *log_determinant}};
    status = vae__graph_add(graph, &couple, &coupled);
    *z = coupled;
    *log_determinant = coupled + 1;
    return status;
}

static vae_status density(const vae__build *build, vae__id z, vae__id *log_p) {
    vae__id log_determinant = VAE__NONE;
    for (size_t l = 0; l < build->spec->prior.count; l++) {
        vae_status status = add_coupling(build, l, &z, &log_determinant);
        if (status) return status;
    }
    vae__node_spec spec = {.op = &density_op, .input_count = 2, .inputs = {z, log_determinant}};
    return vae__graph_add(build->graph, &spec, log_p);
}

/* ---- draws ---- */

static double dot(const vae__real *a, const double *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)a[i] * b[i];
    return sum;
}

/* z of one row, from u in its place: the coupling backwards. */
static void invert(const vae__prior_call *call, size_t coupling, vae__real *z) {
    const vae__parameter *of =
        &call->parameters->items[call->network->prior + coupling * OF_A_COUPLING];
    size_t latent = (size_t)call->spec->latent, hidden = (size_t)call->spec->prior.numbers[HIDDEN];
    half from = kept(latent, coupling), to = changed(latent, coupling);
    double h[MAX_HIDDEN];
    for (size_t i = 0; i < hidden; i++) {
        const vae__real *row = of[HIDDEN_WEIGHT].values + i * from.count;
        double sum = (double)of[HIDDEN_BIAS].values[i];
        for (size_t j = 0; j < from.count; j++) sum += (double)row[j] * (double)z[from.first + j];
        h[i] = tanh(sum);
    }
    for (size_t j = 0; j < to.count; j++) {
        const vae__real *weight = of[OUTPUT_WEIGHT].values, *bias = of[OUTPUT_BIAS].values;
        double raw = dot(weight + j * hidden, h, hidden) + (double)bias[j];
        double t = dot(weight + (to.count + j) * hidden, h, hidden) + (double)bias[to.count + j];
        double s = LIMIT * tanh(raw / LIMIT);
        z[to.first + j] = (vae__real)(((double)z[to.first + j] - t) * exp(-s));
    }
}

static void draw(const vae__prior_call *call, const vae__stream *stream, size_t first_row,
                 size_t rows, double temperature, vae__real *z) {
    size_t latent = (size_t)call->spec->latent;
    call->kernels->normals(stream, first_row, rows, 1, latent, z);
    if (temperature < 1 || temperature > 1)
        call->kernels->scale(z, (vae__real)temperature, rows * latent);
    for (size_t r = 0; r < rows; r++)
        for (size_t l = (size_t)call->spec->prior.count; l-- > 0;) invert(call, l, z + r * latent);
}

extern const vae__prior vae__prior_flow;
const vae__prior vae__prior_flow = {
    .name = "flow",
    .counts = "couplings",
    .options = vae__prior_flow_options,
    .usual_steps = {20, 2e-3},
    .no_latents = "the KL to a flow is no sum over latents",
    .check = check,
    .parameter_total = parameter_total,
    .declare = declare,
    .initialize = initialize,
    .density = density,
    .draw = draw,
};
