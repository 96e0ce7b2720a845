/* y = weight n + bias, n being x at mean 0 and variance 1 within each group of channels of an image (Wu & He 2018);
 * weight and bias have a value for each channel. Images lie with channels last; sums are in double and in the order
 * of the positions, so that an image's numbers depend on that image alone. */
#include <math.h>

#include "autodiff/ops/ops.h"

#define EPSILON 1e-5 /* PyTorch's */

enum {
    MEAN,
    INVERSE,
    MOMENTS
}; /* output 1, for each group: mean, and 1 / sqrt(variance + epsilon) */

/* node->size is the number of groups. */
static vae_status infer(vae__graph *graph, vae__node *node) {
    const vae__value x = graph->values[node->inputs[0]];
    const vae__parameter *weight = &graph->parameters->items[node->parameters[0]];
    if (x.shape.rank != 3 || !vae__layout_fits(&x, VAE__CHANNELS_LAST) ||
        weight->rows != x.shape.extents[0] || x.shape.extents[0] % node->size) {
        return vae__fail(VAE_ERROR_INTERNAL,
                         "%s takes images with channels last, %zu groups of them", weight->name,
                         node->size);
    }
    vae_status status = vae__graph_output_like(graph, node, weight->name, node->inputs[0]);
    if (status) return status;
    graph->values[node->outputs[0]].layout = VAE__CHANNELS_LAST;
    return vae__graph_output_vector(graph, node, "group moments", MOMENTS * node->size, x.domain,
                                    0);
}

/* One group of one image: value (p, c) is at p * channels + c. */
typedef struct group {
    size_t channels, positions, first, count; /* count channels from `first` on */
} group;

static group group_of(const vae__call *call, size_t number) {
    const vae__shape *shape = &vae__call_input(call, 0)->shape;
    size_t channels = shape->extents[0], count = channels / call->node->size;
    return (group){channels, shape->size / channels, number * count, count};
}

static void measure_group(const group *g, const vae__real *x, double *mean, double *inverse) {
    double sum = 0, squares = 0, size = (double)g->positions * (double)g->count;
    for (size_t p = 0; p < g->positions; p++)
        for (size_t c = g->first; c < g->first + g->count; c++)
            sum += (double)x[p * g->channels + c];
    *mean = sum / size;
    for (size_t p = 0; p < g->positions; p++) {
        for (size_t c = g->first; c < g->first + g->count; c++) {
            double from = (double)x[p * g->channels + c] - *mean;
            squares += from * from;
        }
    }
    *inverse = 1 / sqrt(squares / size + EPSILON);
}

static void forward_group(const vae__call *call, const group *g, const vae__real *x, vae__real *y,
                          vae__real *moments) {
    const vae__real *weight = call->parameter[0], *bias = call->parameter[1];
    double mean, inverse;
    measure_group(g, x, &mean, &inverse);
    for (size_t p = 0; p < g->positions; p++) {
        for (size_t c = g->first; c < g->first + g->count; c++) {
            size_t i = p * g->channels + c;
            y[i] = (vae__real)(((double)x[i] - mean) * inverse) * weight[c] + bias[c];
        }
    }
    moments[MEAN] = (vae__real)mean;
    moments[INVERSE] = (vae__real)inverse;
}

static void forward(const vae__call *call) {
    const vae__value *x = vae__call_input(call, 0);
    size_t rows = vae__call_rows(call, x), groups = call->node->size;
    for (size_t i = 0; i < rows * groups; i++) {
        const group g = group_of(call, i % groups);
        size_t row = i / groups * x->width;
        forward_group(call, &g, (const vae__real *)call->input[0] + row,
                      (vae__real *)call->output[0] + row,
                      (vae__real *)call->output[1] + i * MOMENTS);
    }
}

static double normalised(vae__real x, const vae__real *moments) {
    return ((double)x - (double)moments[MEAN]) * (double)moments[INVERSE];
}

/* With g = weight dy and n the normalised values: dx = (g - mean(g) - n mean(g n)) / sqrt(variance + epsilon),
 * means over the group. */
static void backward_group(const vae__call *call, const group *g, const vae__real *x,
                           const vae__real *moments, const vae__real *dy, vae__real *dx) {
    const vae__real *weight = call->parameter[0];
    double mean = 0, along = 0, size = (double)g->positions * (double)g->count;
    for (size_t p = 0; p < g->positions; p++) {
        for (size_t c = g->first; c < g->first + g->count; c++) {
            size_t i = p * g->channels + c;
            double d = (double)weight[c] * (double)dy[i];
            mean += d;
            along += d * normalised(x[i], moments);
        }
    }
    mean /= size;
    along /= size;
    for (size_t p = 0; p < g->positions; p++) {
        for (size_t c = g->first; c < g->first + g->count; c++) {
            size_t i = p * g->channels + c;
            double d = (double)weight[c] * (double)dy[i];
            dx[i] = (vae__real)((d - mean - normalised(x[i], moments) * along) *
                                (double)moments[INVERSE]);
        }
    }
}

static void backward(const vae__call *call) {
    const vae__value *x = vae__call_input(call, 0);
    size_t rows = vae__call_rows(call, x), groups = call->node->size;
    if (!call->input_gradient[0]) return;
    for (size_t i = 0; i < rows * groups; i++) {
        const group g = group_of(call, i % groups);
        size_t row = i / groups * x->width;
        backward_group(call, &g, (const vae__real *)call->input[0] + row,
                       (const vae__real *)call->output[1] + i * MOMENTS,
                       call->output_gradient[0] + row, call->input_gradient[0] + row);
    }
}

/* The sum over rows and positions of n dy, for the weight of channel c; of dy for its bias. */
static double sum_channel(const vae__call *call, size_t which, size_t c) {
    const vae__value *x = vae__call_input(call, 0);
    size_t rows = vae__call_rows(call, x), groups = call->node->size;
    size_t channels = x->shape.extents[0], number = c / (channels / groups);
    const vae__real *from = call->input[0], *dy = call->output_gradient[0];
    double total = 0;
    for (size_t r = 0; r < rows; r++) {
        const vae__real *moments =
            (const vae__real *)call->output[1] + (r * groups + number) * MOMENTS;
        for (size_t i = r * x->width + c; i < (r + 1) * x->width; i += channels)
            total += (which ? 1 : normalised(from[i], moments)) * (double)dy[i];
    }
    return total;
}

static void gradient(const vae__call *call, size_t which, vae__parameter_rows part, vae__real *into,
                     int add) {
    for (size_t i = 0; i < part.count; i++) {
        double total = sum_channel(call, which, part.first + i);
        into[i] = (vae__real)(total + (add ? (double)into[i] : 0));
    }
}

enum { SQUARES_OF_DY };

static void measure(const vae__call *call, double *sums) {
    const vae__value *x = vae__call_input(call, 0);
    sums[SQUARES_OF_DY] =
        call->kernels->sum_squares(call->output_gradient[0], vae__call_rows(call, x) * x->width);
}

/* Cauchy and Schwarz: the squares of the normalised values of a group sum to at most their number; for the bias
 * n is 1. Values are rounded to vae__real before n is computed again: a little more than the number. */
static double bound(const vae__call *call, size_t which, const double *sums) {
    const vae__value *x = vae__call_input(call, 0);
    double rows = (double)vae__call_rows(call, x), width = (double)x->width;
    double number =
        which == 0 ? 1.01 * width / (double)call->node->size : width / (double)x->shape.extents[0];
    return sqrt(sums[SQUARES_OF_DY]) * sqrt(rows * number);
}

static const vae__op groupnorm_op = {
    .name = "groupnorm",
    .traits = VAE__OP_KEEPS_INPUT | VAE__OP_KEEPS_OUTPUT | VAE__OP_GRADIENT_BY_ROWS |
              VAE__OP_GRADIENT_READS_INPUT | VAE__OP_GRADIENT_READS_OUTPUT |
              VAE__OP_GRADIENT_READS_DELTA,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .gradient = gradient,
    .measure = measure,
    .bound = bound};

vae_status vae__groupnorm(vae__graph *graph, vae__id x, vae__id weight, size_t groups, vae__id *y) {
    vae__node_spec spec = {.op = &groupnorm_op,
                           .size = groups,
                           .input_count = 1,
                           .inputs = {x},
                           .parameter_count = 2,
                           .parameters = {weight, weight + 1}};
    return vae__graph_add(graph, &spec, y);
}
