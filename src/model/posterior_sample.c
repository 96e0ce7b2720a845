/* A draw of q(z|x) with its entropy and log density, each with its gradient: what a prior is held against whose KL
 * has no closed form. Relies on the kernels for the bound of the log variance. The draw's mean and deviation are
 * those of vae__posterior_draw. */
#include "model/posterior.h"

#include <string.h>

/* In the order of the outputs. */
enum { MEAN, Z, NEGATIVE_ENTROPY, LOG_Q, SD, SLOPE };

#define LOG_2_PI 1.83787706640934548356

static vae_status infer(vae__graph *graph, vae__node *node) {
    const vae__value head = graph->values[node->inputs[0]];
    const struct output {
        const char *name;
        size_t width;
        vae__domain domain;
        int is_double;
    } outputs[] = {
        [MEAN] = {"mean", head.width / 2, head.domain, 0},
        [Z] = {"z", head.width / 2, VAE__PER_SAMPLE, 0},
        [NEGATIVE_ENTROPY] = {"-H(q)", 1, head.domain, 1},
        [LOG_Q] = {"log q(z|x)", 1, VAE__PER_SAMPLE, 1},
        [SD] = {"sd", head.width / 2, head.domain, 0},
        [SLOPE] = {"d logvar / d raw", head.width / 2, head.domain, 0},
    };
    vae_status status = VAE_OK;
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0] && !status; i++) {
        const struct output *o = &outputs[i];
        status = vae__graph_output_vector(graph, node, o->name, o->width, o->domain, o->is_double);
    }
    return status;
}

/* head + bias -> mean, and logvar in the place of sd */
static void split_head(const vae__call *call, size_t latent) {
    const vae__real *head = call->input[0], *bias = call->bias;
    vae__real *mean = call->output[MEAN], *logvar = call->output[SD];
    for (size_t r = 0; r < call->rows; r++, head += 2 * latent, mean += latent, logvar += latent) {
        for (size_t j = 0; j < latent; j++) {
            mean[j] = head[j] + (bias ? bias[j] : 0);
            logvar[j] = head[latent + j] + (bias ? bias[latent + j] : 0);
        }
    }
}

/* log q = -sum (log 2 pi + logvar + noise^2) / 2, where E[noise^2] = 1 gives -H(q). logvar becomes sd. */
static void densities(const vae__call *call, size_t latent) {
    const vae__real *noise = call->input[1];
    vae__real *sd = call->output[SD];
    double *negative_entropy = call->output[NEGATIVE_ENTROPY], *log_q = call->output[LOG_Q];
    for (size_t r = 0; r < call->rows; r++) {
        double sum = (double)latent * LOG_2_PI;
        for (size_t j = 0; j < latent; j++) sum += (double)sd[r * latent + j];
        negative_entropy[r] = -0.5 * (sum + (double)latent);
        for (size_t s = 0; s < call->samples; s++, noise += latent)
            *log_q++ = -0.5 * (sum + call->kernels->sum_squares(noise, latent));
    }
    for (size_t i = 0; i < call->rows * latent; i++) sd[i] *= (vae__real)0.5;
    call->kernels->exponential(sd, call->rows * latent);
}

static void forward(const vae__call *call) {
    size_t latent = vae__call_input(call, 0)->width / 2;
    const vae__real *noise = call->input[1], *mean = call->output[MEAN], *sd = call->output[SD];
    vae__real *z = call->output[Z];
    split_head(call, latent);
    call->kernels->bound_logvar(call->output[SD], call->output[SLOPE], call->rows * latent);
    densities(call, latent);
    for (size_t r = 0; r < call->rows; r++, mean += latent, sd += latent) {
        for (size_t s = 0; s < call->samples; s++, noise += latent, z += latent)
            for (size_t j = 0; j < latent; j++) z[j] = mean[j] + sd[j] * noise[j];
    }
}

/* d z / d mean = 1, d z / d logvar = sd noise / 2; d (-H) / d logvar = d log q / d logvar = -1/2, the draw moving
 * along. */
static void backward(const vae__call *call) {
    size_t latent = vae__call_input(call, 0)->width / 2, samples = call->samples;
    const vae__real *noise = call->input[1], *sd = call->output[SD], *slope = call->output[SLOPE];
    const vae__real *dz = call->output_gradient[Z], *dlog_q = call->output_gradient[LOG_Q];
    const vae__real *dentropy = call->output_gradient[NEGATIVE_ENTROPY];
    vae__real *dhead = call->input_gradient[0];
    if (!dhead) return;
    memset(dhead, 0, call->rows * 2 * latent * sizeof *dhead);
    for (size_t r = 0; r < call->rows; r++, dhead += 2 * latent, sd += latent, slope += latent) {
        vae__real density = dentropy ? dentropy[r] : 0;
        for (size_t s = r * samples; s < (r + 1) * samples; s++) {
            density += dlog_q ? dlog_q[s] : 0;
            if (!dz) continue;
            for (size_t j = 0; j < latent; j++) {
                dhead[j] += dz[s * latent + j];
                dhead[latent + j] += dz[s * latent + j] * noise[s * latent + j];
            }
        }
        for (size_t j = 0; j < latent; j++)
            dhead[latent + j] = (vae__real)0.5 * slope[j] * (sd[j] * dhead[latent + j] - density);
    }
}

static const vae__op sample_op = {.name = "posterior_sample",
                                  .traits = VAE__OP_TAKES_BIAS | VAE__OP_KEEPS_INPUT |
                                            VAE__OP_KEEPS_OUTPUT,
                                  .infer = infer,
                                  .forward = forward,
                                  .backward = backward};

vae_status vae__posterior_sample(vae__graph *graph, vae__id head, vae__id noise,
                                 vae__posterior_values *values) {
    vae__id first = 0;
    vae__node_spec spec = {.op = &sample_op, .input_count = 2, .inputs = {head, noise}};
    vae_status status = vae__graph_add(graph, &spec, &first);
    *values =
        (vae__posterior_values){first + Z, first + NEGATIVE_ENTROPY, first + LOG_Q, first + SD};
    return status;
}
