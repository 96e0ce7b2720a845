/* loss = -mean_r log (1/K) sum_k w_rk. Its gradient weighs the total derivative of each log w_k, log q
 * included, by the normalised weight w_k / sum w (Burda et al. 2016, eq. 13-14). */
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
            dlog_p[k] = dratio[k] = (vae__real)-weight;
        }
    }
}

static const vae__op iwae_op = {
    .name = "iwae", .traits = VAE__OP_KEEPS_INPUT, .infer = infer, .backward = backward};

vae_status vae__objective_iwae(vae__graph *graph, vae__id log_p, vae__id log_ratio) {
    vae__id none;
    vae__node_spec spec = {.op = &iwae_op, .input_count = 2, .inputs = {log_p, log_ratio}};
    return vae__graph_add(graph, &spec, &none);
}

double vae__objective_iwae_value(const double *log_p, const double *log_ratio, size_t n,
                                 size_t samples) {
    double total = 0, rounded;
    for (size_t r = 0; r < n; r++) {
        total += log_sum_weights(log_p + r * samples, log_ratio + r * samples, samples, &rounded);
    }
    return total / (double)n - log((double)samples);
}
