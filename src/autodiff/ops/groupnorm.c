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

/* ---- scratch: for each channel of an image ---- */

typedef struct scratch {
    double *centre, *sums, *products; /* [channels] each */
    vae__real *middle, *first, *second, *third;
} scratch;

enum { DOUBLES = 3, REALS = 4 };

static size_t scratch_of(const vae__graph *graph, const vae__node *node) {
    size_t channels = graph->values[node->inputs[0]].shape.extents[0];
    return channels * (DOUBLES * sizeof(double) + REALS * sizeof(vae__real));
}

static scratch scratch_at(const vae__call *call, size_t channels) {
    scratch s = {.centre = call->scratch};
    s.sums = s.centre + channels;
    s.products = s.sums + channels;
    s.middle = (vae__real *)(s.products + channels);
    s.first = s.middle + channels;
    s.second = s.first + channels;
    s.third = s.second + channels;
    return s;
}

/* ---- one image ---- */

static vae__channels all_channels(const vae__call *call) {
    const vae__shape *shape = &vae__call_input(call, 0)->shape;
    size_t channels = shape->extents[0];
    return (vae__channels){shape->size / channels, channels, channels};
}

/* The sum of sums[first .. first + count), in order. */
static double total(const double *sums, size_t first, size_t count) {
    double sum = 0;
    for (size_t c = first; c < first + count; c++) sum += sums[c];
    return sum;
}

static void measure_image(const vae__call *call, const vae__channels *g, const vae__real *x,
                          const scratch *s, vae__real *moments) {
    size_t groups = call->node->size, count = g->count / groups;
    double size = (double)g->positions * (double)count;
    call->kernels->channel_sums(g, x, s->sums);
    for (size_t i = 0; i < groups; i++) {
        double mean = total(s->sums, i * count, count) / size;
        for (size_t c = i * count; c < (i + 1) * count; c++) s->centre[c] = mean;
    }
    call->kernels->channel_squares(g, x, s->centre, s->sums);
    for (size_t i = 0; i < groups; i++) {
        double squares = total(s->sums, i * count, count);
        moments[i * MOMENTS + MEAN] = (vae__real)s->centre[i * count];
        moments[i * MOMENTS + INVERSE] = (vae__real)(1 / sqrt(squares / size + EPSILON));
    }
}

static void forward(const vae__call *call) {
    const vae__value *value = vae__call_input(call, 0);
    const vae__real *x = call->input[0], *weight = call->parameter[0];
    vae__real *y = call->output[0], *moments = call->output[1];
    size_t rows = vae__call_rows(call, value), groups = call->node->size;
    const vae__channels g = all_channels(call);
    const scratch s = scratch_at(call, g.count);
    for (size_t r = 0; r < rows; r++, x += value->width, y += value->width) {
        measure_image(call, &g, x, &s, moments);
        for (size_t c = 0; c < g.count; c++) {
            const vae__real *own = moments + c / (g.count / groups) * MOMENTS;
            s.middle[c] = own[MEAN];
            s.first[c] = own[INVERSE] * weight[c];
        }
        call->kernels->channel_scale(&g, x, s.middle, s.first, call->parameter[1], y);
        moments += groups * MOMENTS;
    }
}

/* With g = weight dy and n the normalised values: dx = (g - mean(g) - n mean(g n)) / sqrt(variance + epsilon),
 * means over the group. */
static void backward(const vae__call *call) {
    const vae__value *value = vae__call_input(call, 0);
    const vae__real *x = call->input[0], *moments = call->output[1], *dy = call->output_gradient[0];
    const vae__real *weight = call->parameter[0];
    vae__real *dx = call->input_gradient[0];
    size_t rows = vae__call_rows(call, value), groups = call->node->size;
    const vae__channels g = all_channels(call);
    const scratch s = scratch_at(call, g.count);
    const vae__channel_correction terms = {s.first, s.second, s.third};
    size_t count = g.count / groups;
    double size = (double)g.positions * (double)count;
    if (!dx) return;
    for (size_t r = 0; r < rows; r++, x += value->width, dy += value->width, dx += value->width) {
        for (size_t c = 0; c < g.count; c++) {
            s.middle[c] = moments[c / count * MOMENTS + MEAN];
            s.centre[c] = (double)s.middle[c];
        }
        call->kernels->channel_products(&g, x, s.centre, dy, s.sums, s.products);
        for (size_t c = 0; c < g.count; c++) {
            s.sums[c] *= (double)weight[c];
            s.products[c] *= (double)weight[c];
        }
        for (size_t i = 0; i < groups; i++) {
            double inverse = (double)moments[i * MOMENTS + INVERSE];
            double mean = total(s.sums, i * count, count) / size;
            double along = total(s.products, i * count, count) * inverse / size;
            for (size_t c = i * count; c < (i + 1) * count; c++) {
                s.first[c] = (vae__real)(inverse * (double)weight[c]);
                s.second[c] = (vae__real)(along * inverse * inverse);
                s.third[c] = (vae__real)(mean * inverse);
            }
        }
        call->kernels->channel_correct(&g, x, s.middle, dy, &terms, dx);
        moments += groups * MOMENTS;
    }
}

/* ---- the gradient of weight and bias ---- */

enum { PIECE = 64 }; /* channels whose sums are made together */

/* into [count] of the channels from `first` on: the sum over rows and positions of n dy for the weight, of dy for the
 * bias; in double, row after row. */
static void sum_piece(const vae__call *call, size_t which, size_t first, size_t count,
                      vae__real *into, int add) {
    const vae__value *value = vae__call_input(call, 0);
    size_t rows = vae__call_rows(call, value), groups = call->node->size;
    vae__channels g = all_channels(call);
    const vae__real *x = (const vae__real *)call->input[0] + first, *moments = call->output[1];
    const vae__real *dy = call->output_gradient[0] + first;
    double totals[PIECE] = {0}, centre[PIECE], sums[PIECE], products[PIECE];
    size_t in_group = g.count / groups;
    g.count = count;
    for (size_t r = 0; r < rows; r++, x += value->width, dy += value->width) {
        for (size_t c = 0; c < count; c++)
            centre[c] = (double)moments[(first + c) / in_group * MOMENTS + MEAN];
        if (which) {
            call->kernels->channel_sums(&g, dy, sums);
        } else {
            call->kernels->channel_products(&g, x, centre, dy, sums, products);
        }
        for (size_t c = 0; c < count; c++) {
            double inverse = (double)moments[(first + c) / in_group * MOMENTS + INVERSE];
            totals[c] += which ? sums[c] : inverse * products[c];
        }
        moments += groups * MOMENTS;
    }
    for (size_t c = 0; c < count; c++)
        into[c] = (vae__real)(totals[c] + (add ? (double)into[c] : 0));
}

static void gradient(const vae__call *call, size_t which, vae__parameter_rows part, vae__real *into,
                     int add) {
    for (size_t i = 0; i < part.count; i += PIECE) {
        size_t left = part.count - i;
        sum_piece(call, which, part.first + i, left < PIECE ? left : PIECE, into + i, add);
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
    .traits = VAE__OP_KEEPS_INPUT | VAE__OP_KEEPS_OUTPUT | VAE__OP_NEVER_FIRST |
              VAE__OP_GRADIENT_BY_ROWS | VAE__OP_GRADIENT_READS_INPUT |
              VAE__OP_GRADIENT_READS_OUTPUT | VAE__OP_GRADIENT_READS_DELTA,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .gradient = gradient,
    .measure = measure,
    .bound = bound,
    .scratch = scratch_of};

vae_status vae__groupnorm(vae__graph *graph, vae__id x, vae__id weight, size_t groups, vae__id *y) {
    vae__node_spec spec = {.op = &groupnorm_op,
                           .size = groups,
                           .input_count = 1,
                           .inputs = {x},
                           .parameter_count = 2,
                           .parameters = {weight, weight + 1}};
    return vae__graph_add(graph, &spec, y);
}
