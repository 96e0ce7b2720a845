/* The ELBO: E_q[log p(x|z)] - beta sum_j max(free_bits, KL_j), KL_j the batch mean (Kingma et al. 2016, eq. 15).
 * The loss is its negative. Without free bits the gradient is constant, so it is known before anything runs. */
#include <math.h>

#include "autodiff/ops/ops.h"
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
    /* Without a KL by latent beta stands in the graph already (vae__prior_draw_posterior). */
    double weight = vae__call_input(call, 1)->is_double ? 1 : settings->beta;
    const double *kl_mean = call->node->input_count > 2 ? call->input[2] : NULL;
    vae__real *dlog_p = call->input_gradient[0], *dkl = call->input_gradient[1];
    if (dlog_p) {
        for (size_t i = 0; i < draws; i++) dlog_p[i] = (vae__real)(-1 / (rows * samples));
    }
    if (!dkl) return;
    for (size_t r = 0; r < call->rows; r++) {
        for (size_t j = 0; j < latent; j++) {
            int floored = kl_mean && kl_mean[j] < settings->free_bits;
            dkl[r * latent + j] = (vae__real)(floored ? 0 : weight / rows);
        }
    }
}

static const vae__op elbo_op = {
    .name = "elbo", .traits = VAE__OP_GRADIENT_FIRST, .infer = infer, .backward = backward};

static const vae__op free_bits_op = {
    .name = "elbo_free_bits", .traits = VAE__OP_KEEPS_INPUT, .infer = infer, .backward = backward};

/* log_p is averaged over the samples. The KL is kl_by_latent where the prior makes that, else the row's kl. */
static vae_status build(vae__graph *graph, const vae__objective_settings *settings,
                        const vae__bound_values *values) {
    vae__id kl = values->kl_by_latent == VAE__NONE ? values->kl : values->kl_by_latent, mean, none;
    vae__node_spec spec = {
        .op = &elbo_op, .attributes = settings, .input_count = 2, .inputs = {values->log_p, kl}};
    if (settings->free_bits > 0) {
        vae_status status = vae__batch_mean_detached(graph, kl, &mean);
        if (!status) status = vae__graph_result(graph, "kl_mean", mean);
        if (status) return status;
        spec.op = &free_bits_op;
        spec.inputs[spec.input_count++] = mean;
    }
    return vae__graph_add(graph, &spec, &none);
}

static int changes_graph(const vae__objective_settings *before,
                         const vae__objective_settings *after) {
    return (before->free_bits > 0) != (after->free_bits > 0);
}

static double value(const vae__objective_settings *settings, const vae__run *run,
                    const vae__bound_means *means) {
    const vae__graph *graph = run->workspace->plan->graph;
    vae__id mean = vae__graph_find_result(graph, "kl_mean");
    double penalised = mean == VAE__NONE ? means->kl : 0;
    const double *kl = mean == VAE__NONE ? NULL : vae__run_double(run, mean);
    size_t latent = kl ? graph->values[mean].width : 0;
    for (size_t j = 0; j < latent; j++)
        penalised += kl[j] > settings->free_bits ? kl[j] : settings->free_bits;
    /* A latent whose KL is no real number: then no floor matters. */
    if (!isfinite(penalised)) penalised = means->kl;
    return means->reconstruction - settings->beta * penalised;
}

extern const vae__objective vae__objective_elbo;
const vae__objective vae__objective_elbo = {
    .name = "elbo", .changes_graph = changes_graph, .build = build, .value = value};
