/* A likelihood p(x|z): one file in likelihood/ with its density and gradient, its mean, its draw and
 * its start from data, and one name in VAE__LIKELIHOODS. The files are compiled once per instruction
 * set, like the kernels, so that a loop over a row becomes vector code; what every likelihood shares
 * (ops over rows, weights, sums) is in likelihood.c. */
#ifndef VAE_MODEL_LIKELIHOOD_H
#define VAE_MODEL_LIKELIHOOD_H

#include "autodiff/run.h"
#include "model/spec.h"

#define VAE__LIKELIHOODS(X) \
    X(bernoulli)            \
    X(gaussian)             \
    X(continuous_bernoulli) \
    X(discretized_logistic) \
    X(categorical)          \
    X(poisson)              \
    X(negative_binomial)    \
    X(discretized_gaussian)

/* Columns of the training rows. */
typedef struct vae__statistics {
    size_t width;
    double *mean, *variance; /* [width], biased */
    /* The same of what the encoder sees: of log(1 + x) where the likelihood says log1p_input. */
    const double *input_mean, *input_variance;
    unsigned char *constant; /* [width] 1 for a column that does not vary */
} vae__statistics;

/* The likelihood's own parameters. VAE__NONE where there is none. */
typedef struct vae__likelihood_parameters {
    size_t weight,
        bias; /* output layer [width * heads, in]; a convolution's has channels for width */
    int is_transposed; /* the weight is [in, .., outputs]: that of a transposed convolution */
    size_t extra;      /* log sigma, the running sigma^2, log dispersion ... */
    size_t floor;      /* [width], not trained: see vae__likelihood_row */
} vae__likelihood_parameters;

/* One row of the decoder's output layer, bias added. */
typedef struct vae__likelihood_row {
    const vae__kernels *kernels;
    const vae__spec *spec;
    const vae__real *extra; /* the extra parameter's values, or NULL */
    const vae__real
        *floor;         /* [width] smallest sigma of each value, where above sigma_min; or NULL */
    vae__real *a;       /* [heads * width]: all of head 0, then all of head 1 ... */
    const vae__real *x; /* [width] */
    vae__real *dextra;  /* [extra's values] or NULL: not wanted */
    size_t width;
    vae__real weight;
    int value_only; /* gradients are not wanted: `a` may be left in any state */
} vae__likelihood_row;

typedef struct vae__likelihood_build {
    const vae__spec *spec;
    const vae__likelihood_parameters *parameters;
    vae__graph *graph;
    vae__id head; /* output layer [rows, width * heads] */
    vae__id x;    /* [n, width]; density only */
    int training;
} vae__likelihood_build;

/* The data that a likelihood is the usual choice for, as vae_dataset_spec suggests it. */
typedef struct vae__usual_data {
    int order; /* the lowest order whose `holds` is 1 for every value is suggested */
    int (*holds)(double x);
    const char *name;    /* of such values, for messages: "0 or 1" */
    const char *options; /* what the spec has beside likelihood=: " standardize=1"; or "" */
} vae__usual_data;

/* The bit of a value of sigma= in vae__likelihood.sigma_modes. */
#define VAE__TAKES_SIGMA(mode) (1u << (mode))

typedef struct vae__likelihood {
    const char *name;
    double low, high; /* support of x, inclusive */
    int discrete;     /* log p is of a probability, not a density: bits/dim are defined */
    int log1p_input;  /* counts: the encoder sees log(1 + x) */

    /* 1 + what p(x|x_1) is of in model=diffusion (VAE__DATA_GAUSSIAN .., diffusion/terms.h), which then computes its
     * density. 0: it is not for a diffusion. One for a diffusion alone has no `row`. */
    int of_diffusion;

    /* Keys of the spec that it takes and some other likelihood does not, ending in NULL; NULL: none. A key
     * that no likelihood lists here is for all of them. */
    const char *const *options;

    /* The values of sigma= that it takes, each by VAE__TAKES_SIGMA. VAE__SIGMA_SHARED, the default, is one
     * of them where `options` has "sigma". */
    unsigned sigma_modes;

    /* The data that it is suggested for; NULL: none. */
    const vae__usual_data *usual_data;

    /* The closed form, by its name in train/baseline.c, of the best linear model with this likelihood and
     * one sigma: a baseline of evaluations. NULL: none. */
    const char *closed_form;

    /* Further limits on a row that is within [low, high]: 1 if it holds, else 0 and the column that does
     * not. NULL: none. `expects` says what a value should be, for messages: "a whole number". */
    int (*valid)(const vae__spec *spec, const vae__real *x, size_t *column);
    const char *expects;

    /* Not NULL if log p of a row in training depends on the batch's other rows and draws, which then all
     * weigh alike: the part of the spec that makes it so and what to use instead, for messages. A hook that
     * is NULL: it never does. */
    const char *(*pools_batch)(const vae__spec *spec);

    /* Outputs of the decoder per value of x; NULL: 1. And how many of them the mean reads. */
    size_t (*heads)(const vae__spec *spec);
    size_t (*mean_heads)(const vae__spec *spec);

    /* How many values a row's log p is of, for bits per dimension. NULL: one for each column. */
    size_t (*value_count)(const vae__spec *spec);

    /* Adds the extra parameter to the list. NULL: none. */
    vae_status (*parameters)(vae_context *context, const vae__spec *spec, vae__parameters *list,
                             size_t *extra);

    /* Adds the floor, which comes last of all parameters: no place of another depends on it. NULL or
     * nothing added: none. */
    vae_status (*floor)(vae_context *context, const vae__spec *spec, vae__parameters *list,
                        size_t *floor);

    /* log p(x|z) of one row, all constants included; a <- weight d log p / d a, and dextra likewise. */
    double (*row)(const vae__likelihood_row *row);

    /* log p(x_i|z) of each value of a row, all constants included, [width]; their sum is the row's log p(x|z).
     * A group of columns that is one value (a one-hot category) has it in its first column and 0 in the
     * others. `a` may be left in any state. */
    void (*by_value)(const vae__likelihood_row *row, double *log_p);

    /* Instead of an op over `row`, where a density needs more: log_p is a double value [rows, 1];
     * batch_state a per-batch result for finish_step, or VAE__NONE. NULL: the op. */
    vae_status (*density)(const vae__likelihood_build *build, vae__id *log_p, vae__id *batch_state);

    /* E[x|z] of one row into the first `width` values of a [mean_heads * width]; x, extra's gradient and
     * weight are not set. NULL: a is the mean. */
    void (*mean)(const vae__likelihood_row *row);

    /* x ~ p(x|z) for one row; a is kept, row->x and weight are not set. */
    void (*draw)(const vae__likelihood_row *row, const vae__stream *stream, uint32_t number,
                 float *x);

    /* Whether a column that does not vary is held: its output is its value whatever z is, and the
     * encoder does not see it, until an update changes that. NULL: no. */
    int (*holds_constant)(const vae__spec *spec);

    /* Output bias and scale from the data. `list` is the model's. */
    void (*initialize)(const vae__spec *spec, const vae__statistics *statistics,
                       const vae__parameters *list, const vae__likelihood_parameters *parameters);

    /* Standard deviations that hold for every z, [width]; NULL or VAE_ERROR_UNSUPPORTED: none. */
    vae_status (*sigma)(const vae__spec *spec, const vae__real *extra, const vae__real *floor,
                        double *sigma);

    /* After an update: takes the batch's state into the extra parameter. NULL: nothing to do. */
    void (*finish_step)(vae__real *extra, const double *batch_state);
} vae__likelihood;

/* The names in VAE__LIKELIHOODS, ending in NULL. */
extern const char *const vae__likelihood_names[];

/* Number `index` of VAE__LIKELIHOODS, compiled for these kernels; NULL: for any machine. */
const vae__likelihood *vae__likelihood_for(const vae__kernels *kernels, int index);

/* Whether the key of a spec is for this likelihood. */
int vae__likelihood_takes(const vae__likelihood *likelihood, const char *key);

/* The likelihoods that list the key as theirs, into `names`: "poisson and negative_binomial". */
#define VAE__LIKELIHOODS_SIZE 256
void vae__likelihoods_that_take(const char *key, char names[VAE__LIKELIHOODS_SIZE]);

size_t vae__likelihood_heads(const vae__spec *spec);
size_t vae__likelihood_mean_heads(const vae__spec *spec);
size_t vae__likelihood_value_count(const vae__spec *spec);

/* log p(x|z) per row, through the likelihood's own density or the op over its rows. */
vae_status vae__likelihood_density(const vae__likelihood_build *build, vae__id *log_p,
                                   vae__id *batch_state);

/* log p(x_i|z) of each value of each row, a double value [rows, width]. */
vae_status vae__likelihood_by_value(const vae__likelihood_build *build, vae__id *log_p);

/* E[x|z] [rows, width] from a head of mean_heads outputs. */
vae_status vae__likelihood_mean(const vae__likelihood_build *build, vae__id *x_mean);

/* For a likelihood's own ops: the backward of one whose forward left unweighted gradients in its
 * input. Weights row i by the gradient of log p; does nothing if forward knew the weights. */
void vae__likelihood_weigh(const vae__call *call);

/* What forward weighs row i by. */
static inline vae__real vae__likelihood_weight(const vae__call *call, size_t i) {
    return call->gradient_known ? call->output_gradient[0][i] : 1;
}

#endif
