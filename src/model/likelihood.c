/* The ops that run a likelihood's row functions over rows, and the registry. */
#include <math.h>
#include <string.h>

#include "model/likelihood.h"

/* ---- the registry ---- */

#define NAME(name) #name,
const char *const vae__likelihood_names[] = {VAE__LIKELIHOODS(NAME) NULL};

#define LIST(level)                   \
    VAE__LIKELIHOODS(DECLARE_##level) \
    static const vae__likelihood *const list_##level[] = {VAE__LIKELIHOODS(ENTRY_##level)};
#define DECLARE_sse2(n) extern const vae__likelihood vae__likelihood_##n##_sse2;
#define DECLARE_avx2(n) extern const vae__likelihood vae__likelihood_##n##_avx2;
#define DECLARE_avx512(n) extern const vae__likelihood vae__likelihood_##n##_avx512;
#define DECLARE_generic(n) extern const vae__likelihood vae__likelihood_##n##_generic;
#define ENTRY_sse2(n) &vae__likelihood_##n##_sse2,
#define ENTRY_avx2(n) &vae__likelihood_##n##_avx2,
#define ENTRY_avx512(n) &vae__likelihood_##n##_avx512,
#define ENTRY_generic(n) &vae__likelihood_##n##_generic,

VAE__SIMD_LEVELS(LIST)

static const struct level {
    const char *name;
    const vae__likelihood *const *list;
} levels[] = {
#define LEVEL(level) {#level, list_##level},
    VAE__SIMD_LEVELS(LEVEL)};

const vae__likelihood *vae__likelihood_for(const vae__kernels *kernels, int index) {
    size_t last = sizeof levels / sizeof levels[0] - 1, i = 0;
    while (i < last && !(kernels && !strcmp(levels[i].name, kernels->name))) i++;
    return levels[i].list[index];
}

static int lists(const vae__likelihood *likelihood, const char *key) {
    const char *const *option = likelihood->options;
    while (option && *option && strcmp(*option, key) != 0) option++;
    return option && *option;
}

int vae__likelihood_takes(const vae__likelihood *likelihood, const char *key) {
    if (lists(likelihood, key)) return 1;
    for (int i = 0; vae__likelihood_names[i]; i++)
        if (lists(vae__likelihood_for(NULL, i), key)) return 0;
    return 1;
}

void vae__likelihoods_that_take(const char *key, char names[VAE__LIKELIHOODS_SIZE]) {
    size_t used = 0;
    int last = 0;
    names[0] = 0;
    for (int i = 0; vae__likelihood_names[i]; i++)
        if (lists(vae__likelihood_for(NULL, i), key)) last = i;
    for (int i = 0; i <= last && used < VAE__LIKELIHOODS_SIZE; i++) {
        if (!lists(vae__likelihood_for(NULL, i), key)) continue;
        const char *between = !used ? "" : i < last ? ", " : " and ";
        used += vae__format(names + used, VAE__LIKELIHOODS_SIZE - used, "%s%s", between,
                            vae__likelihood_names[i]);
    }
}

size_t vae__likelihood_heads(const vae__spec *spec) {
    return spec->likelihood->heads ? spec->likelihood->heads(spec) : 1;
}

size_t vae__likelihood_mean_heads(const vae__spec *spec) {
    return spec->likelihood->mean_heads ? spec->likelihood->mean_heads(spec) : 1;
}

size_t vae__likelihood_value_count(const vae__spec *spec) {
    return spec->likelihood->value_count ? spec->likelihood->value_count(spec) : spec->input.size;
}

/* An op of the output layer and, where there is one, the likelihood's extra parameter. */
static vae_status add_op(const vae__likelihood_build *build, const vae__op *op, size_t inputs,
                         vae__id *out) {
    vae__node_spec spec = {.op = op,
                           .attributes = build->spec,
                           .input_count = inputs,
                           .inputs = {build->head, build->x}};
    if (build->parameters->extra != VAE__NONE) {
        spec.size = 1;
        spec.parameters[spec.parameter_count++] = (vae__id)build->parameters->extra;
    }
    if (build->parameters->floor != VAE__NONE)
        spec.parameters[spec.parameter_count++] = (vae__id)build->parameters->floor;
    return vae__graph_add(build->graph, &spec, out);
}

/* ---- density ---- */

static vae_status infer_density(vae__graph *graph, vae__node *node) {
    vae__domain domain = graph->values[node->inputs[0]].domain;
    vae_status status = vae__graph_output_vector(graph, node, "log p(x|z)", 1, domain, 1);
    if (status || !node->size) return status;
    size_t extra = vae__parameter_size(&graph->parameters->items[node->parameters[0]]);
    return vae__graph_output_vector(graph, node, "d log p / d extra", extra, domain, 0);
}

/* The node's parameters are the likelihood's extra one, if node->size is 1, and then its floor. */
static const vae__real *extra_of(const vae__call *call) {
    return call->node->size ? call->parameter[0] : NULL;
}

static const vae__real *floor_of(const vae__call *call) {
    size_t place = call->node->size;
    if (place >= call->node->parameter_count) return NULL;
    const vae__parameter *parameter =
        &call->graph->parameters->items[call->node->parameters[place]];
    return vae__parameter_counts(parameter) ? parameter->values : NULL;
}

/* head [rows, heads width], x [n, width] -> log p [rows]; head <- its gradient */
static void forward_density(const vae__call *call) {
    const vae__spec *spec = call->node->attributes;
    const vae__value *head = vae__call_input(call, 0);
    size_t rows = vae__call_rows(call, head), per_row = call->rows ? rows / call->rows : 1;
    size_t extra = call->output[1] ? vae__call_output(call, 1)->width : 0;
    double *log_p = call->output[0];
    vae__likelihood_row row = {.kernels = call->kernels,
                               .spec = spec,
                               .extra = extra_of(call),
                               .floor = floor_of(call),
                               .width = spec->input.size,
                               .value_only = !call->wants_gradient};
    for (size_t i = 0; i < rows; i++) {
        row.a = (vae__real *)call->input[0] + i * head->width;
        row.x = (const vae__real *)call->input[1] + i / per_row * row.width;
        row.dextra = extra ? (vae__real *)call->output[1] + i * extra : NULL;
        row.weight = vae__likelihood_weight(call, i);
        if (call->bias) call->kernels->add(row.a, call->bias, head->width);
        log_p[i] = spec->likelihood->row(&row);
    }
}

static void weigh_rows(const vae__call *call, vae__real *values, size_t width) {
    size_t rows = vae__call_rows(call, vae__call_input(call, 0));
    for (size_t i = 0; i < rows; i++) {
        call->kernels->scale(values + i * width, call->output_gradient[0][i], width);
    }
}

void vae__likelihood_weigh(const vae__call *call) {
    if (call->gradient_known) return;
    weigh_rows(call, call->input_gradient[0], vae__call_input(call, 0)->width);
}

static void backward_density(const vae__call *call) {
    vae__likelihood_weigh(call);
    if (call->gradient_known || call->node->output_count < 2) return;
    weigh_rows(call, call->output[1], vae__call_output(call, 1)->width);
}

/* d loss / d extra [extra]: the column sums of output 1, which backward has weighed. Only the extra parameter
 * is trained. */
static void extra_gradient(const vae__call *call, size_t which, vae__parameter_rows rows,
                           vae__real *into, int add) {
    const vae__value *extra = vae__call_output(call, 1);
    (void)which;
    call->kernels->column_sums((const vae__real *)call->output[1] + rows.first, extra->width,
                               vae__call_rows(call, extra), rows.count, into, add);
}

static void measure_extra(const vae__call *call, double *sums) {
    const vae__value *extra = vae__call_output(call, 1);
    sums[0] =
        call->kernels->sum_squares(call->output[1], vae__call_rows(call, extra) * extra->width);
}

/* Cauchy and Schwarz, as for the bias of a dense layer. */
static double bound_extra(const vae__call *call, size_t which, const double *sums) {
    (void)which;
    return sqrt(sums[0]) * sqrt((double)vae__call_rows(call, vae__call_output(call, 1)));
}

static const vae__op density_op = {.name = "log_likelihood",
                                   .traits = VAE__OP_TAKES_BIAS | VAE__OP_OVERWRITES_INPUT |
                                             VAE__OP_KEEPS_OUTPUT | VAE__OP_GRADIENT_READS_OUTPUT,
                                   .infer = infer_density,
                                   .forward = forward_density,
                                   .backward = backward_density,
                                   .gradient = extra_gradient,
                                   .measure = measure_extra,
                                   .bound = bound_extra};

vae_status vae__likelihood_density(const vae__likelihood_build *build, vae__id *log_p,
                                   vae__id *batch_state) {
    const vae__likelihood *likelihood = build->spec->likelihood;
    *batch_state = VAE__NONE;
    if (likelihood->density && build->training)
        return likelihood->density(build, log_p, batch_state);
    return add_op(build, &density_op, 2, log_p);
}

/* ---- the density of each value ---- */

static vae_status infer_values(vae__graph *graph, vae__node *node) {
    const vae__spec *spec = node->attributes;
    return vae__graph_output_vector(graph, node, "log p(x_i|z)", spec->input.size,
                                    graph->values[node->inputs[0]].domain, 1);
}

/* head [rows, heads width], x [n, width] -> log p(x_i|z) [rows, width] */
static void forward_values(const vae__call *call) {
    const vae__spec *spec = call->node->attributes;
    const vae__value *head = vae__call_input(call, 0);
    size_t rows = vae__call_rows(call, head), per_row = call->rows ? rows / call->rows : 1;
    double *log_p = call->output[0];
    vae__likelihood_row row = {.kernels = call->kernels,
                               .spec = spec,
                               .extra = extra_of(call),
                               .floor = floor_of(call),
                               .width = spec->input.size,
                               .value_only = 1};
    for (size_t i = 0; i < rows; i++) {
        row.a = (vae__real *)call->input[0] + i * head->width;
        row.x = (const vae__real *)call->input[1] + i / per_row * row.width;
        if (call->bias) call->kernels->add(row.a, call->bias, head->width);
        spec->likelihood->by_value(&row, log_p + i * row.width);
    }
}

/* Without a backward: it is for reading. */
static const vae__op values_op = {.name = "log_likelihood_by_value",
                                  .traits = VAE__OP_TAKES_BIAS,
                                  .infer = infer_values,
                                  .forward = forward_values};

vae_status vae__likelihood_by_value(const vae__likelihood_build *build, vae__id *log_p) {
    return add_op(build, &values_op, 2, log_p);
}

/* ---- mean ---- */

static vae_status infer_mean(vae__graph *graph, vae__node *node) {
    const vae__spec *spec = node->attributes;
    return vae__graph_output(graph, node, "E[x|z]", &spec->input,
                             graph->values[node->inputs[0]].domain, 0);
}

static void forward_mean(const vae__call *call) {
    const vae__spec *spec = call->node->attributes;
    const vae__value *head = vae__call_input(call, 0);
    size_t rows = vae__call_rows(call, head), width = spec->input.size;
    vae__real *x_mean = call->output[0];
    vae__likelihood_row row = {
        .kernels = call->kernels, .spec = spec, .extra = call->parameter[0], .width = width};
    for (size_t i = 0; i < rows; i++) {
        row.a = (vae__real *)call->input[0] + i * head->width;
        if (call->bias) call->kernels->add(row.a, call->bias, head->width);
        if (spec->likelihood->mean) spec->likelihood->mean(&row);
        if (x_mean + i * width != row.a) memcpy(x_mean + i * width, row.a, width * sizeof *x_mean);
    }
}

/* Without a backward: means are for reading. */
static const vae__op mean_op = {.name = "mean",
                                .traits = VAE__OP_IN_PLACE | VAE__OP_TAKES_BIAS,
                                .infer = infer_mean,
                                .forward = forward_mean};

vae_status vae__likelihood_mean(const vae__likelihood_build *build, vae__id *x_mean) {
    return add_op(build, &mean_op, 1, x_mean);
}
