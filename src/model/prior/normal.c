/* p(z) = N(0, I). Its KL from q(z|x) has a closed form for each latent (Kingma & Welling 2014, appendix B),
 * which the op that draws z computes in the same pass. */
#include "model/posterior.h"
#include "model/prior.h"

static vae_status draw_posterior(const vae__build *build, vae__id head, vae__id noise,
                                 int wants_ratio, vae__id *z, vae__bound_values *values) {
    return vae__posterior_draw(build->graph, head, noise, wants_ratio, z, values);
}

static void draw(const vae__prior_call *call, const vae__stream *stream, size_t first_row,
                 size_t rows, double temperature, vae__real *z) {
    size_t latent = (size_t)call->spec->latent;
    call->kernels->normals(stream, first_row, rows, 1, latent, z);
    if (temperature < 1 || temperature > 1)
        call->kernels->scale(z, (vae__real)temperature, rows * latent);
}

/* sum (logvar + noise^2 - z^2) / 2: the constants of both densities cancel. */
static void log_ratio(const vae__prior_call *call, const vae__real *logvar, const vae__real *noise,
                      const vae__real *z, size_t draws, double *ratio) {
    size_t latent = (size_t)call->spec->latent;
    for (size_t k = 0; k < draws; k++, noise += latent, z += latent) {
        double total = 0;
        for (size_t j = 0; j < latent; j++) {
            total += (double)logvar[j] +
                     ((double)noise[j] - (double)z[j]) * ((double)noise[j] + (double)z[j]);
        }
        ratio[k] = 0.5 * total;
    }
}

extern const vae__option vae__prior_normal_options[];
const vae__option vae__prior_normal_options[] = {{.name = NULL}};

extern const vae__prior vae__prior_normal;
const vae__prior vae__prior_normal = {.name = "normal",
                                      .options = vae__prior_normal_options,
                                      .draw_posterior = draw_posterior,
                                      .draw = draw,
                                      .log_ratio = log_ratio};
