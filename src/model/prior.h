/* A prior p(z): one file in prior/ with its keys in the spec, its parameters, its density and its draws, and one name
 * in VAE__PRIORS. Relies on the posterior's ops for q(z|x). */
#ifndef VAE_MODEL_PRIOR_H
#define VAE_MODEL_PRIOR_H

#include "model/model.h"
#include "model/sampling.h"

#define VAE__PRIORS(X) X(normal) X(mixture) X(vamp) X(flow) X(diffusion)

/* What a prior's functions outside a graph see. */
typedef struct vae__prior_call {
    const vae__kernels *kernels;
    const vae__spec *spec;
    const vae__parameters *parameters;
    const vae__network *network;
    const vae__real *components; /* what vae__prior.components makes; NULL: it makes nothing */
} vae__prior_call;

/* Posteriors q(z|x) of rows: means and variances [n, latent]. */
typedef struct vae__moments {
    const vae__real *mean, *variance;
    size_t n, latent;
} vae__moments;

/* How a prior is fitted to them. */
typedef struct vae__fit_options {
    uint64_t iterations, seed;
    double tolerance;     /* EM: nats a row by which an iteration must be better */
    double floor;         /* EM: of the eigenvalues of a covariance */
    double learning_rate; /* steps, and the rows of one */
    uint64_t batch;
} vae__fit_options;

/* Called after each iteration with the mean bound of E_q[log p(z)]; anything else than 0 stops. */
typedef struct vae__fit_watch {
    int32_t (*after)(void *user, uint64_t iteration, double bound);
    void *user;
} vae__fit_watch;

/* A fit by steps, where the caller does not say. */
typedef struct vae__usual_steps {
    uint64_t iterations;
    double learning_rate;
} vae__usual_steps;

typedef struct vae__prior {
    const char *name;
    const char *counts; /* what N of prior=name:N counts, "components"; NULL: it takes no N */
    const vae__option *options;   /* its own keys, of fields of vae__spec.prior */
    const char *no_latents;       /* without draw_posterior: why it has no KL of each latent */
    vae__usual_steps usual_steps; /* of a prior that is fitted by steps */

    /* Refuses what does not fit the model, and completes what the text leaves out. NULL: nothing to do. */
    vae_status (*check)(vae__spec *spec);

    /* ---- parameters: NULL where it has none ---- */

    /* Values of them all, in double, since a hostile spec can ask for more than size_t holds. */
    double (*parameter_total)(const vae__spec *spec);
    /* Appends them; the first one's place is network->prior. */
    vae_status (*declare)(vae_context *context, const vae__spec *spec, vae__parameters *list,
                          vae__network *network);
    /* Starting values, of parameters that are all 0. */
    void (*initialize)(const vae__prior_call *call);

    /* ---- in a graph ---- */

    /* Where the KL has a closed form: adds the draw z [n K, latent] from head [n, 2 latent] and noise
     * [n K, latent], and sets kl [n], kl_by_latent [n, latent] and, if wanted, log_ratio [n K] of the values.
     * NULL: made from `density`. */
    vae_status (*draw_posterior)(const vae__build *build, vae__id head, vae__id noise,
                                 int wants_ratio, vae__id *z, vae__bound_values *values);

    /* Without a closed form: log p(z) [n K], in double; and E_q[log p(z)] [n K], or a bound of it, of q with
     * mean z and deviations sd [n, latent], for scores, in programs of one sample (K = 1); NULL: it
     * is the mean over fixed draws. */
    vae_status (*density)(const vae__build *build, vae__id z, vae__id *log_p);
    vae_status (*expected_density)(const vae__build *build, vae__id z, vae__id sd, vae__id *log_p);

    /* In place of all of these, a prior that has a bound of log p(z) alone: adds the loss of a training graph, which
     * trains nothing in front of z [n, latent], and log_p [n], in double, the bound of this batch's draw. */
    vae_status (*add_loss)(const vae__build *build, vae__id z, vae__id *log_p);

    /* What draws need of the network: adds a value with a fixed number of rows. NULL: nothing. */
    vae_status (*components)(const vae__build *build, vae__id *value);

    /* ---- outside ---- */

    /* z [rows, latent] ~ p(z), row i from row first_row + i of the stream. A temperature other than 1 multiplies
     * the standard deviations of Gaussians, those of components for a mixture; 0 leaves their means. */
    void (*draw)(const vae__prior_call *call, const vae__stream *stream, size_t first_row,
                 size_t rows, double temperature, vae__real *z);

    /* With add_loss, in place of `draw`: all rows at once, on the context's threads. Fails with VAE_STOPPED if
     * how->progress stopped it, and for lack of memory. `total` rows in all, for progress. */
    vae_status (*sample)(const vae_model *model, const vae__stream *stream, size_t first_row,
                         size_t rows, const vae__sampling *how, uint64_t total, vae__real *z);

    /* With add_loss: log_p [rows], an unbiased estimate of the bound of log p(z), row r keyed by (stream, first_row +
     * r). Fails for lack of memory. */
    vae_status (*bound)(const vae_model *model, const vae__stream *stream, size_t first_row,
                        const vae__real *z, size_t rows, double *log_p);

    /* A fit by steps begins: mean and variance [latent] of the aggregated posterior. NULL: of no use. */
    void (*take_moments)(const vae__prior_call *call, const double *mean, const double *variance);

    /* ratio [draws] = log p(z) - log q(z|x) of draws z = mean + sd noise [draws, latent] from one posterior,
     * whose log variances are logvar [latent]. NULL: the density program has log p(z). */
    void (*log_ratio)(const vae__prior_call *call, const vae__real *logvar, const vae__real *noise,
                      const vae__real *z, size_t draws, double *ratio);

    /* Fits its parameters to the posteriors; on any other result than VAE_OK they are as they were. NULL:
     * it has none. */
    vae_status (*fit)(const vae__prior_call *call, vae_context *context,
                      const vae__moments *moments, const vae__fit_options *options,
                      const vae__fit_watch *watch);

    /* Parameter row k becomes a row as the encoder sees it [width]. vae_model_initialize and vae_model_fit_prior begin
     * a prior that has this at as many random rows. NULL: it does not begin at rows. */
    void (*take_row)(const vae__prior_call *call, size_t k, const vae__real *seen);
} vae__prior;

#define VAE__PRIOR_PLACE(name) VAE__PRIOR_##name,
enum { VAE__PRIORS(VAE__PRIOR_PLACE) VAE__PRIOR_COUNT };

/* The names in VAE__PRIORS, ending in NULL, and tables of their options. */
extern const char *const vae__prior_names[];
extern const vae__option_table *const vae__prior_tables[VAE__PRIOR_COUNT];
#define VAE__PRIOR_TABLE(name) extern const vae__option_table vae__prior_##name##_table;
VAE__PRIORS(VAE__PRIOR_TABLE)

/* prior=NAME or NAME:N, into a vae__prior_spec. */
vae_status vae__prior_parse(const vae__slice *value, void *field, void *user);
void vae__prior_print(vae__buffer *out, const void *field);

/* Refuses keys of another prior than the spec's, and what its own check does. `table` is that of the text, and
 * `seen` which of its keys were given. */
vae_status vae__prior_check(const vae__option_table *table, const char *text,
                            const unsigned char *seen, vae__spec *spec);

/* Appends " key=value" for each key of the spec's prior. */
void vae__prior_print_options(const vae__spec *spec, vae__buffer *out);

/* The text of vae_model_set_prior: a prior, then its keys. */
extern const vae__option_table vae__prior_table;

const vae__prior *vae__prior_of(const vae__spec *spec);

/* Whether there is an E_q[log p(z)], which scores at the mean need; and the draws for each row that it is a mean over:
 * 1 where it has a closed form or a bound. */
int vae__prior_has_score(const vae__spec *spec);
size_t vae__prior_score_draws(const vae__spec *spec);
int vae__prior_has_components(const vae__spec *spec);
int vae__prior_has_network(const vae__spec *spec);  /* of a diffusion */
int vae__spec_has_diffusion(const vae__spec *spec); /* as its prior, or as the model itself */

/* Why a model of this spec has no KL of each latent; NULL: it has. */
const char *vae__no_kl_by_latent(const vae__spec *spec);

/* What the functions of the model's prior see, without `components`. */
vae__prior_call vae__model_prior_call(const vae_model *model);

/* The same for draws, with them. Release in either case. */
vae_status vae__prior_open(const vae_model *model, vae__prior_call *call);
void vae__prior_close(const vae_model *model, vae__prior_call *call);

/* z [rows, latent] ~ p(z) by the prior's `draw` or `sample`; fails as the latter does. */
vae_status vae__prior_draw_rows(const vae_model *model, const vae__prior_call *call,
                                const vae__stream *stream, size_t first_row, size_t rows,
                                const vae__sampling *how, uint64_t total, vae__real *z);

/* For graphs: as vae__prior.draw_posterior, for any prior. Under an objective its beta weighs what reaches the
 * posterior, and the prior's own parameters keep the weight 1. */
vae_status vae__prior_draw_posterior(const vae__build *build, vae__id head, vae__id noise,
                                     int wants_ratio, vae__id *z, vae__bound_values *values);

/* The same for scores: kl is that of the whole q, and z [n, latent] its mean. The noise is 0, or where there is no closed
 * form vae__prior_score_draws fixed draws for each row. */
vae_status vae__prior_take_mean(const vae__build *build, vae__id head, vae__id noise,
                                int wants_ratio, vae__id *z, vae__bound_values *values);

#endif
