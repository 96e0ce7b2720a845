/* The importance-weighted bound (Burda, Grosse & Salakhutdinov 2016, eq. 8): log (1/K) sum_k w_k with
 * log w = log p(x|z) + log p(z) - log q(z|x). The loss is its negative, a mean over rows. Its gradient weighs the
 * total derivative of each log w_k, log q included, by the normalised weight w_k / sum w (eq. 13-14). */
#include <math.h>

#include "model/objective/objective.h"

/* log sum exp of log_p + log_ratio over the samples of a row. *rounded: how much of it was lost, for
 * log weights so large that log sum is little beside them. */
static double log_sum_weights(const double *log_p, const double *log_ratio, size_t samples,
                              double *rounded) {
    double most = -(double)INFINITY, sum = 0;
    for (size_t k = 0; k < samples; k++) {
        double log_w = log_p[k] + log_ratio[k];
        if (!(log_w <= most)) most = log_w;
    }
    for (size_t k = 0; k < samples; k++) sum += exp(log_p[k] + log_ratio[k] - most);
    double total = most + log(sum);
    *rounded = log(sum) - (total - most);
    return total;
}

/* Rounding of a log weight that the weights of a gradient in float do not show. */
#define ROUNDED 1e-9

static vae_status infer(vae__graph *graph, vae__node *node) {
    (void)graph, (void)node;
    return VAE_OK;
}

static void backward(const vae__call *call) {
    const double *log_p = call->input[0], *log_ratio = call->input[1];
    vae__real *dlog_p = call->input_gradient[0], *dratio = call->input_gradient[1];
    for (size_t r = 0; r < call->rows; r++) {
        size_t first = r * call->samples;
        double rounded;
        double total = log_sum_weights(log_p + first, log_ratio + first, call->samples, &rounded);
        if (fabs(rounded) < ROUNDED) rounded = 0;
        for (size_t k = first; k < first + call->samples; k++) {
            double weight =
                exp(log_p[k] + log_ratio[k] - total - rounded) / (double)call->batch_rows;
            if (dlog_p) dlog_p[k] = (vae__real)-weight;
            if (dratio) dratio[k] = (vae__real)-weight;
        }
    }
}

static const vae__op iwae_op = {
    .name = "iwae", .traits = VAE__OP_KEEPS_INPUT, .infer = infer, .backward = backward};

static vae_status build(vae__graph *graph, const vae__objective_settings *settings,
                        const vae__bound_values *values) {
    vae__id none;
    vae__node_spec spec = {
        .op = &iwae_op, .input_count = 2, .inputs = {values->log_p, values->log_ratio}};
    (void)settings;
    return vae__graph_add(graph, &spec, &none);
}

double vae__iwae_value(const double *log_p, const double *log_ratio, size_t n, size_t samples) {
    double total = 0, rounded;
    for (size_t r = 0; r < n; r++)
        total += log_sum_weights(log_p + r * samples, log_ratio + r * samples, samples, &rounded);
    return total / (double)n - log((double)samples);
}

static double value(const vae__objective_settings *settings, const vae__run *run,
                    const vae__bound_means *means) {
    const vae__graph *graph = run->workspace->plan->graph;
    const double *log_p = vae__run_double(run, vae__graph_find_result(graph, "log_p"));
    const double *log_ratio = vae__run_double(run, vae__graph_find_result(graph, "log_ratio"));
    (void)settings, (void)means;
    return vae__iwae_value(log_p, log_ratio, run->rows, run->samples);
}

extern const vae__objective vae__objective_iwae;
const vae__objective vae__objective_iwae = {
    .name = "iwae",
    .wants_ratio = 1,
    .weighs_draws = 1,
    .no_beta = "the importance-weighted bound has no separate KL",
    .build = build,
    .value = value,
};
