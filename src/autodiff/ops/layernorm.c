/* y = weight (x - mean) / sqrt(variance + epsilon) + bias, with mean and variance of each row (Ba, Kiros & Hinton
 * 2016). Sums of a row are in double and in column order, so that a row's numbers depend on that row alone. */
#include <math.h>

#include "autodiff/ops/ops.h"

#define EPSILON 1e-5 /* PyTorch's */

enum { MEAN, INVERSE, MOMENTS }; /* output 1: a row's mean, and 1 / sqrt(variance + epsilon) */

static vae_status infer(vae__graph *graph, vae__node *node) {
    const vae__value x = graph->values[node->inputs[0]];
    const vae__parameter *weight = &graph->parameters->items[node->parameters[0]];
    if (weight->rows != x.width) {
        return vae__fail(VAE_ERROR_INTERNAL, "%s has %zu values but its input is %zu wide",
                         weight->name, weight->rows, x.width);
    }
    vae_status status = vae__graph_output_like(graph, node, weight->name, node->inputs[0]);
    if (!status)
        status = vae__graph_output_vector(graph, node, "row moments", MOMENTS, x.domain, 0);
    return status;
}

static void forward(const vae__call *call) {
    const vae__value *x = vae__call_input(call, 0);
    const vae__real *row = call->input[0], *weight = call->parameter[0], *bias = call->parameter[1];
    size_t rows = vae__call_rows(call, x), width = x->width;
    vae__real *y = call->output[0], *moments = call->output[1];
    for (size_t r = 0; r < rows; r++, row += width, y += width, moments += MOMENTS) {
        double sum = 0, squares = 0;
        for (size_t i = 0; i < width; i++) sum += (double)row[i];
        double mean = sum / (double)width;
        for (size_t i = 0; i < width; i++) {
            double from = (double)row[i] - mean;
            squares += from * from;
        }
        double inverse = 1 / sqrt(squares / (double)width + EPSILON);
        for (size_t i = 0; i < width; i++)
            y[i] = (vae__real)(((double)row[i] - mean) * inverse) * weight[i] + bias[i];
        moments[MEAN] = (vae__real)mean;
        moments[INVERSE] = (vae__real)inverse;
    }
}

static double normalised(vae__real x, const vae__real *moments) {
    return ((double)x - (double)moments[MEAN]) * (double)moments[INVERSE];
}

/* With g = weight dy and n the normalised row: dx = (g - mean(g) - n mean(g n)) / sqrt(variance + epsilon). */
static void backward(const vae__call *call) {
    const vae__value *x = vae__call_input(call, 0);
    const vae__real *row = call->input[0], *weight = call->parameter[0];
    const vae__real *moments = call->output[1], *dy = call->output_gradient[0];
    size_t rows = vae__call_rows(call, x), width = x->width;
    vae__real *dx = call->input_gradient[0];
    if (!dx) return;
    for (size_t r = 0; r < rows; r++, row += width, dy += width, dx += width, moments += MOMENTS) {
        double mean = 0, along = 0;
        for (size_t i = 0; i < width; i++) {
            double g = (double)weight[i] * (double)dy[i];
            mean += g / (double)width;
            along += g * normalised(row[i], moments) / (double)width;
        }
        for (size_t i = 0; i < width; i++) {
            double g = (double)weight[i] * (double)dy[i];
            dx[i] = (vae__real)((g - mean - normalised(row[i], moments) * along) *
                                (double)moments[INVERSE]);
        }
    }
}

enum { COLUMNS = 64 }; /* whose sums are made together, so that rows are read in pieces */

/* weight: the sum over rows of n dy; bias: of dy. In double, and in the order of the rows. */
static void gradient(const vae__call *call, size_t which, vae__parameter_rows part, vae__real *into,
                     int add) {
    const vae__real *x = call->input[0], *moments = call->output[1], *dy = call->output_gradient[0];
    size_t rows = vae__call_rows(call, vae__call_input(call, 0));
    size_t width = vae__call_input(call, 0)->width;
    for (size_t i = 0; i < part.count; i += COLUMNS) {
        size_t count = part.count - i < COLUMNS ? part.count - i : COLUMNS;
        double totals[COLUMNS] = {0};
        for (size_t r = 0; r < rows; r++) {
            size_t at = r * width + part.first + i;
            for (size_t j = 0; j < count; j++) {
                double n = which ? 1 : normalised(x[at + j], moments + r * MOMENTS);
                totals[j] += n * (double)dy[at + j];
            }
        }
        for (size_t j = 0; j < count; j++)
            into[i + j] = (vae__real)(totals[j] + (add ? (double)into[i + j] : 0));
    }
}

enum { SQUARES_OF_DY };

static void measure(const vae__call *call, double *sums) {
    const vae__value *x = vae__call_input(call, 0);
    size_t count = vae__call_rows(call, x) * x->width;
    sums[SQUARES_OF_DY] = call->kernels->sum_squares(call->output_gradient[0], count);
}

/* Cauchy and Schwarz: the squares of a normalised row sum to at most its width; for the bias n is 1. */
static double bound(const vae__call *call, size_t which, const double *sums) {
    const vae__value *x = vae__call_input(call, 0);
    double rows = (double)vae__call_rows(call, x), width = (double)x->width;
    /* Values are rounded to vae__real before n is computed again: a little more than the width. */
    return sqrt(sums[SQUARES_OF_DY]) * sqrt(which == 0 ? 1.01 * rows * width : rows);
}

static const vae__op layernorm_op = {
    .name = "layernorm",
    .traits = VAE__OP_KEEPS_INPUT | VAE__OP_KEEPS_OUTPUT | VAE__OP_NEVER_FIRST |
              VAE__OP_GRADIENT_BY_ROWS | VAE__OP_GRADIENT_READS_INPUT |
              VAE__OP_GRADIENT_READS_OUTPUT | VAE__OP_GRADIENT_READS_DELTA,
    .infer = infer,
    .forward = forward,
    .backward = backward,
    .gradient = gradient,
    .measure = measure,
    .bound = bound};

vae_status vae__layernorm(vae__graph *graph, vae__id x, vae__id weight, vae__id bias, vae__id *y) {
    vae__node_spec spec = {.op = &layernorm_op,
                           .input_count = 1,
                           .inputs = {x},
                           .parameter_count = 2,
                           .parameters = {weight, bias}};
    return vae__graph_add(graph, &spec, y);
}
