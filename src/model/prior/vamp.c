/* prior=vamp:K (Tomczak & Welling 2018, "VAE with a VampPrior"): p(z) = 1/K sum_k q(z|u_k), the encoder's own posteriors
 * at K learned pseudo-inputs u_k. They are what the encoder sees of a row, kept within the range of the likelihood:
 * sigmoid(raw) for values from 0 to 1, softplus(raw) for the log(1 + x) of counts, raw itself for real numbers. The
 * encoder's parameters get gradients from both places. Draws need the posteriors, which a program of their own makes. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "autodiff/ops/ops.h"
#include "model/likelihood.h"
#include "model/prior.h"

#define LOG_2_PI 1.83787706640934548356

enum { MAX_INPUTS = 1 << 16, MAX_MEANS = 1 << 28 /* of all components together */ };

extern const vae__option vae__prior_vamp_options[];
const vae__option vae__prior_vamp_options[] = {{.name = NULL}};

static vae_status check(vae__spec *spec) {
    unsigned long long count = spec->prior.count, latent = spec->latent;
    if (count > MAX_INPUTS)
        return vae__fail(VAE_ERROR_TEXT, "prior=vamp:%llu: expected at most %d pseudo-inputs",
                         count, MAX_INPUTS);
    if (latent <= MAX_MEANS / count) return VAE_OK;
    return vae__fail(VAE_ERROR_TEXT,
                     "prior=vamp:%llu with latent=%llu: expected at most %d means of components, "
                     "pseudo-inputs times latent",
                     count, latent, MAX_MEANS);
}

/* ---- what the encoder sees ---- */

/* How a raw value is kept within the likelihood's range. */
typedef enum range { ANY, UNIT, POSITIVE } range;

static range range_of(const vae__spec *spec) {
    const vae__likelihood *likelihood = spec->likelihood;
    if (likelihood->log1p_input) return POSITIVE;
    return likelihood->low >= 0 && likelihood->high <= 1 ? UNIT : ANY;
}

static double sigmoid(double a) {
    return 1 / (1 + exp(-a));
}

static double softplus(double a) {
    return fmax(a, 0) + log1p(exp(-fabs(a)));
}

/* The value, and its derivative. */
static double seen_of(range kind, double raw, double *slope) {
    double s = sigmoid(raw);
    *slope = kind == UNIT ? s * (1 - s) : kind == POSITIVE ? s : 1;
    return kind == UNIT ? s : kind == POSITIVE ? softplus(raw) : raw;
}

static double raw_of(range kind, double seen) {
    double x = kind == UNIT ? fmin(fmax(seen, 0.01), 0.99) : fmax(seen, 1e-2);
    if (kind == UNIT) return log(x / (1 - x));
    return kind == POSITIVE ? x + log(-expm1(-x)) : seen;
}

/* ---- parameters ---- */

static double parameter_total(const vae__spec *spec) {
    return (double)spec->prior.count * (double)spec->input.size;
}

static vae_status declare(vae_context *context, const vae__spec *spec, vae__parameters *list,
                          vae__network *network) {
    (void)network;
    size_t index;
    return vae__parameters_add(context, list, "prior.inputs", 2, (size_t)spec->prior.count,
                               spec->input.size, 1, &index);
}

static void initialize(const vae__prior_call *call) {
    vae__parameter *inputs = &call->parameters->items[call->network->prior];
    const vae__stream stream = {call->spec->seed, 0, VAE__PURPOSE_INITIALIZE,
                                (uint32_t)call->network->prior};
    call->kernels->normals(&stream, 0, inputs->rows, 1, inputs->columns, inputs->values);
}

/* ---- pseudo-inputs as a value of K rows ---- */

static const vae__parameter *inputs_of(const vae__graph *graph, const vae__node *node) {
    return &graph->parameters->items[node->parameters[0]];
}

static vae_status infer_inputs(vae__graph *graph, vae__node *node) {
    return vae__graph_output(graph, node, "pseudo-inputs", node->attributes,
                             inputs_of(graph, node)->rows, 0);
}

static void forward_inputs(const vae__call *call) {
    size_t count = vae__parameter_size(inputs_of(call->graph, call->node));
    const vae__real *raw = call->parameter[0];
    vae__real *y = call->output[0];
    double slope;
    for (size_t i = 0; i < count; i++)
        y[i] = (vae__real)seen_of((range)call->node->size, (double)raw[i], &slope);
}

/* No input wants a gradient. */
static void backward_inputs(const vae__call *call) {
    (void)call;
}

static void gradient_inputs(const vae__call *call, size_t which, vae__parameter_rows rows,
                            vae__real *into, int add) {
    size_t columns = inputs_of(call->graph, call->node)->columns;
    const vae__real *raw = call->parameter[0] + rows.first * columns;
    const vae__real *dy = call->output_gradient[0] + rows.first * columns;
    (void)which;
    for (size_t i = 0; i < rows.count * columns; i++) {
        double slope, before = add ? (double)into[i] : 0;
        seen_of((range)call->node->size, (double)raw[i], &slope);
        into[i] = (vae__real)(before + slope * (double)dy[i]);
    }
}

static void measure_inputs(const vae__call *call, double *sums) {
    size_t count = vae__parameter_size(inputs_of(call->graph, call->node));
    sums[0] = call->kernels->sum_squares(call->output_gradient[0], count);
}

/* No slope is above 1. */
static double bound_inputs(const vae__call *call, size_t which, const double *sums) {
    (void)call, (void)which;
    return sqrt(sums[0]);
}

static const vae__op inputs_op = {.name = "vamp_inputs",
                                  .traits = VAE__OP_GRADIENT_READS_DELTA,
                                  .infer = infer_inputs,
                                  .forward = forward_inputs,
                                  .backward = backward_inputs,
                                  .gradient = gradient_inputs,
                                  .measure = measure_inputs,
                                  .bound = bound_inputs};

static vae_status add_components(const vae__build *build, vae__id *head) {
    vae__id seen;
    vae__node_spec spec = {.op = &inputs_op,
                           .attributes = &build->spec->input,
                           .size = (size_t)range_of(build->spec),
                           .parameter_count = 1,
                           .parameters = {(vae__id)build->network->prior}};
    vae_status status = vae__graph_add(build->graph, &spec, &seen);
    if (!status) status = vae__encode_seen(build, seen, head);
    return status;
}

/* ---- the density ---- */

/* A log variance from the head, as kernels bound it, and its slope. */
static double bounded(double raw, double *slope) {
    double t = -16 + softplus(raw + 16);
    *slope = sigmoid(16 - t) * sigmoid(raw + 16);
    return 16 - softplus(16 - t);
}

/* The components of a node, in this thread's scratch: means are in the head. */
typedef struct components {
    const vae__real *head; /* [count, 2 latent] */
    double *precision, *slope,
        *log_volume; /* [count, latent] twice, [count]: sum of log variances */
    double *joint;   /* [count] of one row */
    size_t count, latent;
} components;

static size_t scratch(const vae__graph *graph, const vae__node *node) {
    const vae__value *head = &graph->values[node->inputs[1]];
    return (head->domain * head->width + 2 * head->domain) * sizeof(double);
}

static components components_of(const vae__call *call) {
    const vae__value *head = vae__call_input(call, 1);
    components c = {.head = call->input[1], .count = head->domain, .latent = head->width / 2};
    c.precision = call->scratch;
    c.slope = c.precision + c.count * c.latent;
    c.log_volume = c.slope + c.count * c.latent;
    c.joint = c.log_volume + c.count;
    for (size_t k = 0; k < c.count; k++) {
        c.log_volume[k] = 0;
        for (size_t j = 0; j < c.latent; j++) {
            size_t at = k * c.latent + j;
            double logvar = bounded((double)c.head[2 * k * c.latent + c.latent + j], &c.slope[at]);
            c.precision[at] = exp(-logvar);
            c.log_volume[k] += logvar;
        }
    }
    return c;
}

/* log p(z) of a row; joint becomes the responsibilities. sd: of q, whose mean z is; NULL: z itself. */
static double row_density(const components *c, const vae__real *z, const vae__real *sd) {
    double largest = -(double)INFINITY, total = 0;
    for (size_t k = 0; k < c->count; k++) {
        const vae__real *mean = c->head + 2 * k * c->latent;
        const double *precision = c->precision + k * c->latent;
        double square = 0;
        for (size_t j = 0; j < c->latent; j++) {
            double from = (double)z[j] - (double)mean[j], spread = sd ? (double)sd[j] : 0;
            square += (from * from + spread * spread) * precision[j];
        }
        c->joint[k] = -0.5 * (square + c->log_volume[k]);
        largest = fmax(largest, c->joint[k]);
    }
    for (size_t k = 0; k < c->count; k++) {
        c->joint[k] = exp(c->joint[k] - largest);
        total += c->joint[k];
    }
    for (size_t k = 0; k < c->count; k++) c->joint[k] /= total;
    return largest + log(total) - log((double)c->count) - 0.5 * (double)c->latent * LOG_2_PI;
}

static vae_status infer_density(vae__graph *graph, vae__node *node) {
    return vae__graph_output_vector(graph, node, "log p(z)", 1,
                                    graph->values[node->inputs[0]].domain, 1);
}

static void forward_density(const vae__call *call) {
    const components c = components_of(call);
    size_t rows = vae__call_rows(call, vae__call_input(call, 0));
    const vae__real *z = call->input[0];
    const vae__real *sd = call->node->input_count > 2 ? call->input[2] : NULL;
    double *log_p = call->output[0];
    for (size_t r = 0; r < rows; r++)
        log_p[r] = row_density(&c, z + r * c.latent, sd ? sd + r * c.latent : NULL);
}

/* Adds a row's part to the gradients of z and of the head, each of which may be NULL. */
static void add_row(const components *c, const vae__real *z, double weight, vae__real *dz,
                    vae__real *dhead) {
    for (size_t k = 0; k < c->count; k++) {
        double share = weight * c->joint[k];
        if (fabs(share) <= 0) continue;
        for (size_t j = 0; j < c->latent; j++) {
            size_t at = k * c->latent + j, place = 2 * k * c->latent + j;
            double from = (double)z[j] - (double)c->head[place], pull = from * c->precision[at];
            if (dz) dz[j] -= (vae__real)(share * pull);
            if (!dhead) continue;
            dhead[place] += (vae__real)(share * pull);
            dhead[place + c->latent] += (vae__real)(share * 0.5 * (from * pull - 1) * c->slope[at]);
        }
    }
}

static void backward_density(const vae__call *call) {
    const components c = components_of(call);
    size_t rows = vae__call_rows(call, vae__call_input(call, 0));
    const vae__real *z = call->input[0], *dlog_p = call->output_gradient[0];
    vae__real *dz = call->input_gradient[0], *dhead = call->input_gradient[1];
    if (dz) memset(dz, 0, rows * c.latent * sizeof *dz);
    if (dhead) memset(dhead, 0, 2 * c.count * c.latent * sizeof *dhead);
    for (size_t r = 0; r < rows; r++) {
        row_density(&c, z + r * c.latent, NULL);
        add_row(&c, z + r * c.latent, (double)dlog_p[r], dz ? dz + r * c.latent : NULL, dhead);
    }
}

static const vae__op density_op = {.name = "vamp_density",
                                   .traits = VAE__OP_KEEPS_INPUT,
                                   .infer = infer_density,
                                   .forward = forward_density,
                                   .backward = backward_density,
                                   .scratch = scratch};

/* Without a backward: scores are for reading. */
static const vae__op expected_op = {.name = "vamp_expected_density",
                                    .infer = infer_density,
                                    .forward = forward_density,
                                    .scratch = scratch};

static vae_status add_density(const vae__build *build, const vae__op *op, vae__id z, vae__id sd,
                              vae__id *log_p) {
    vae__id head;
    vae_status status = add_components(build, &head);
    if (status) return status;
    vae__node_spec spec = {
        .op = op, .input_count = sd == VAE__NONE ? 2 : 3, .inputs = {z, head, sd}};
    return vae__graph_add(build->graph, &spec, log_p);
}

static vae_status density(const vae__build *build, vae__id z, vae__id *log_p) {
    return add_density(build, &density_op, z, VAE__NONE, log_p);
}

static vae_status expected_density(const vae__build *build, vae__id z, vae__id sd, vae__id *log_p) {
    return add_density(build, &expected_op, z, sd, log_p);
}

/* ---- draws ---- */

static void draw(const vae__prior_call *call, const vae__stream *stream, size_t first_row,
                 size_t rows, double temperature, vae__real *z) {
    size_t latent = (size_t)call->spec->latent, count = (size_t)call->spec->prior.count;
    vae__stream choices = *stream;
    double slope;
    choices.sample++;
    call->kernels->normals(stream, first_row, rows, 1, latent, z);
    for (size_t r = 0; r < rows; r++, z += latent) {
        double u = vae__random_uniform(&choices, (uint32_t)(first_row + r), 0);
        const vae__real *head = call->components + (size_t)(u * (double)count) * 2 * latent;
        for (size_t j = 0; j < latent; j++) {
            double sd = exp(0.5 * bounded((double)head[latent + j], &slope));
            z[j] = (vae__real)((double)head[j] + temperature * sd * (double)z[j]);
        }
    }
}

/* Pseudo-input k becomes the row. */
static void take_row(const vae__prior_call *call, size_t k, const vae__real *seen) {
    vae__parameter *inputs = &call->parameters->items[call->network->prior];
    range kind = range_of(call->spec);
    for (size_t i = 0; i < inputs->columns; i++)
        inputs->values[k * inputs->columns + i] = (vae__real)raw_of(kind, (double)seen[i]);
}

extern const vae__prior vae__prior_vamp;
const vae__prior vae__prior_vamp = {
    .name = "vamp",
    .counts = "pseudo-inputs",
    .options = vae__prior_vamp_options,
    .usual_steps = {20, 2e-3},
    .no_latents = "the KL to a mixture is no sum over latents",
    .check = check,
    .parameter_total = parameter_total,
    .declare = declare,
    .initialize = initialize,
    .density = density,
    .expected_density = expected_density,
    .components = add_components,
    .draw = draw,
    .take_row = take_row,
};
