/* loss = -reconstruction + beta sum_j max(free_bits, KL_j), KL_j the batch mean (Kingma et al.
 * 2016, eq. 15). Its gradient is constant where there are no free bits, so it is known before
 * anything runs. */
#include <math.h>

#include "model/objective/objective.h"

static vae_status infer(vae__graph *graph, vae__node *node) {
    (void)graph, (void)node;
    return VAE_OK;
}

static void backward(const vae__call *call) {
    const vae__objective_settings *settings = call->node->attributes;
    size_t draws = vae__call_rows(call, vae__call_input(call, 0)),
           latent = vae__call_input(call, 1)->width;
    double rows = (double)call->batch_rows, samples = (double)call->samples;
    const double *kl_mean = call->node->input_count > 2 ? call->input[2] : NULL;
    vae__real *dlog_p = call->input_gradient[0], *dkl = call->input_gradient[1];
    for (size_t i = 0; dlog_p && i < draws; i++) dlog_p[i] = (vae__real)(-1 / (rows * samples));
    for (size_t r = 0; dkl && r < call->rows; r++) {
        for (size_t j = 0; j < latent; j++) {
            int floored = kl_mean && kl_mean[j] < settings->free_bits;
            dkl[r * latent + j] = (vae__real)(floored ? 0 : settings->beta / rows);
        }
    }
}

static const vae__op elbo_op = {
    .name = "elbo", .traits = VAE__OP_GRADIENT_FIRST, .infer = infer, .backward = backward};

static const vae__op free_bits_op = {
    .name = "elbo_free_bits", .traits = VAE__OP_KEEPS_INPUT, .infer = infer, .backward = backward};

vae_status vae__objective_elbo(vae__graph *graph, const vae__objective_settings *settings,
                               vae__id log_p, vae__id kl_by_latent, vae__id kl_mean) {
    int free_bits = kl_mean != VAE__NONE;
    vae__id none;
    vae__node_spec spec = {.op = free_bits ? &free_bits_op : &elbo_op,
                           .attributes = settings,
                           .input_count = free_bits ? 3 : 2,
                           .inputs = {log_p, kl_by_latent, kl_mean}};
    return vae__graph_add(graph, &spec, &none);
}

double vae__objective_elbo_value(const vae__objective_settings *settings, double reconstruction,
                                 double kl, const double *kl_by_latent, size_t latent) {
    double penalised = kl_by_latent ? 0 : kl;
    for (size_t j = 0; kl_by_latent && j < latent; j++) {
        penalised += kl_by_latent[j] > settings->free_bits ? kl_by_latent[j] : settings->free_bits;
    }
    if (!isfinite(penalised))
        penalised = kl; /* of a latent whose KL is no real: no floor matters */
    return reconstruction - settings->beta * penalised;
}
