/* An evaluation as text for people: aligned columns, few digits, a word on each figure. Programs take figures by name
 * (vae_evaluation_value), with all their digits. */
#include <math.h>

#include "train/evaluation.h"

enum { NAME_COLUMNS = 24, VALUE_COLUMNS = 12, ERROR_COLUMNS = 12 };

/* A figure, in the order of the text; those that an evaluation does not have are left out. */
typedef struct line {
    const char *name;
    const char *error; /* the figure that is its standard error, or NULL */
    const char *note;
} line;

static const line means[] = {
    {"elbo", "elbo_error", "lower bound of log p(x): reconstruction - kl"},
    {"reconstruction", NULL, "mean of log p(x|z)"},
    {"kl", NULL, "KL(q(z|x) || p(z))"},
    {"kl_standard", NULL, "KL(q(z|x) || N(0, I)), what that prior would cost"},
    {"log_p", "log_p_sampling_error", "estimate of log p(x); +- is for the choice of rows"},
    {"log_p_monte_carlo_error", NULL, "its standard error for the choice of z"},
    {"gap", NULL, "log_p - elbo, estimate of KL(q(z|x) || p(z|x))"},
    {"bits_per_dim", NULL, "bits, not nats, for each value of a row"},
    {"baseline_marginals", NULL, "log p(x) of columns that are independent of each other"},
    {"baseline_ppca", NULL, "log p(x) of probabilistic PCA with as many components"},
};

static const line match = {"prior_distance", NULL,
                           "of q(z) to p(z): 0 where the prior matches, at most 1"};

static void print_mean(const vae_evaluation *e, const line *l, vae__buffer *out) {
    char value[VAE__NUMBER_SIZE], error[VAE__NUMBER_SIZE] = "", text[VAE__NUMBER_SIZE + 4] = "";
    const double *mean = vae__evaluation_figure(e, l->name);
    if (!mean) return;
    if (l->error) {
        double size = *vae__evaluation_figure(e, l->error);
        if (isfinite(size)) vae__number_fixed(error, size, 3);
        vae__format(text, sizeof text, "+- %s", isfinite(size) ? error : "unknown");
    }
    /* The Monte Carlo error is infinite where that of a row is: see untrusted_rows. */
    if (isfinite(*mean)) {
        vae__number_fixed(value, *mean, 3);
    } else {
        vae__format(value, sizeof value, "unknown");
    }
    vae__append(out, "%-*s%*s  %-*s  %s\n", NAME_COLUMNS, l->name, VALUE_COLUMNS, value,
                ERROR_COLUMNS, text, l->note);
}

static void print_count(const vae_evaluation *e, const char *name, double total, const char *note,
                        vae__buffer *out) {
    char value[VAE__NUMBER_SIZE], of[VAE__NUMBER_SIZE], text[VAE__NUMBER_SIZE + 4];
    const double *count = vae__evaluation_figure(e, name);
    if (!count) return;
    vae__format(text, sizeof text, "of %s", vae__number_fixed(of, total, 0));
    vae__append(out, "%-*s%*s  %-*s  %s\n", NAME_COLUMNS, name, VALUE_COLUMNS,
                vae__number_fixed(value, *count, 0), ERROR_COLUMNS, text, note);
}

static void print_latents(const vae_evaluation *e, vae__buffer *out) {
    char kl[VAE__NUMBER_SIZE], mean[VAE__NUMBER_SIZE], varies[VAE__NUMBER_SIZE],
        aggregated[VAE__NUMBER_SIZE];
    vae__append(out, "\nlatent          kl        mean  mean_variance  aggregated_variance\n");
    for (size_t j = 0; j < e->latent; j++) {
        vae__append(out, "%6zu  %10s  %10s  %13s  %19s%s\n", j,
                    e->no_latents ? "-" : vae__number_fixed(kl, e->kl[j], 4),
                    vae__number_fixed(mean, e->mean[j], 4),
                    vae__number_fixed(varies, e->mean_variance[j], 4),
                    vae__number_fixed(aggregated, e->aggregated_variance[j], 4),
                    e->mean_variance[j] > VAE__ACTIVE_VARIANCE ? "" : "  not active");
    }
    if (e->no_latents) {
        vae__append(out,
                    "There is no kl of each latent: %s. How well the prior matches the posterior "
                    "averaged over the rows, prior_distance says.\n",
                    e->no_latents);
        return;
    }
    vae__append(
        out, "Averaged over the rows, the posterior matches the prior N(0, I) where mean is near "
             "0 and aggregated_variance near 1.\n");
}

vae_status vae__evaluation_print(const vae_evaluation *e, char **out) {
    vae__buffer text = {.context = e->context};
    char number[VAE__NUMBER_SIZE];
    double rows = *vae__evaluation_figure(e, "rows");
    vae__append(
        &text,
        "%s %s. Figures are means over the rows, in nats (natural logarithms); +- is one standard "
        "error.\n\n",
        vae__number_fixed(number, rows, 0), rows == 1 ? "row" : "rows");
    for (size_t i = 0; i < sizeof means / sizeof *means; i++) print_mean(e, &means[i], &text);
    print_count(e, "untrusted_rows", rows, "with too few effective samples for an error of log_p",
                &text);
    print_count(e, "active_units", (double)e->latent, "latents whose mean_variance is above 0.01",
                &text);
    print_mean(e, &match, &text);
    print_latents(e, &text);
    if (text.failed) {
        vae__buffer_free(&text);
        return vae__last_status();
    }
    *out = text.text;
    return VAE_OK;
}
