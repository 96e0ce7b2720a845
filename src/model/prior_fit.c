/* z -> log p(z) -> the loss -mean log p(z). Minimised over draws z ~ q(z|x) of all rows it is the cross entropy of the
 * aggregated posterior and the prior, which is what the prior adds to minus the ELBO. A prior that has a bound alone adds its
 * own loss. */
#include "model/prior_fit.h"

#include "model/prior.h"

static vae_status infer(vae__graph *graph, vae__node *node) {
    (void)graph, (void)node;
    return VAE_OK;
}

static void backward(const vae__call *call) {
    vae__real *dlog_p = call->input_gradient[0];
    if (!dlog_p) return;
    for (size_t r = 0; r < call->rows; r++) dlog_p[r] = (vae__real)(-1 / (double)call->batch_rows);
}

static const vae__op loss_op = {.name = "prior_cross_entropy",
                                .traits = VAE__OP_GRADIENT_FIRST,
                                .infer = infer,
                                .backward = backward};

vae_status vae__prior_build_fit(const vae__build *build) {
    const vae__shape latents = vae__shape_vector((size_t)build->spec->latent);
    vae__id z, log_p, none;
    vae_status status = vae__graph_input(build->graph, "z", &latents, VAE__PER_ROW, &z);
    const vae__prior *prior = vae__prior_of(build->spec);
    if (!status)
        status =
            prior->add_loss ? prior->add_loss(build, z, &log_p) : prior->density(build, z, &log_p);
    if (!status) status = vae__graph_result(build->graph, "log_p", log_p);
    if (status || prior->add_loss) return status;
    const vae__node_spec loss = {.op = &loss_op, .input_count = 1, .inputs = {log_p}};
    return vae__graph_add(build->graph, &loss, &none);
}
