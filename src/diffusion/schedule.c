/* Tables and coefficients of a noise schedule. Relies on A_t alone, from which every b of a step, consecutive or not, is
 * computed. */
#include "diffusion/schedule.h"

#include <math.h>

#define PI 3.14159265358979323846

const char *const vae__noise_names[] = {"linear", "cosine", NULL};
const char *const vae__variance_names[] = {"large", "small", "optimal", "learned", NULL};

/* ---- b_t ---- */

static double linear(size_t t, size_t steps) {
    double first = 0.1 / (double)steps, last = 20.0 / (double)steps;
    return first + (last - first) * (double)(t - 1) / (double)(steps - 1);
}

static double cosine_at(size_t t, size_t steps) {
    double angle = ((double)t / (double)steps + 0.008) / 1.008 * PI / 2;
    return cos(angle) * cos(angle);
}

static double cosine(size_t t, size_t steps) {
    return fmin(1 - cosine_at(t, steps) / cosine_at(t - 1, steps), 0.999);
}

static double (*const kinds[])(size_t t, size_t steps) = {linear, cosine};

vae_status vae__noise_schedule_check(int kind, uint64_t steps) {
    if (steps < 1 || steps > VAE__MAX_STEPS)
        return vae__fail(VAE_ERROR_TEXT, "%llu steps: expected 1 to %d", (unsigned long long)steps,
                         VAE__MAX_STEPS);
    if (kind != VAE__NOISE_LINEAR || steps > 20) return VAE_OK;
    return vae__fail(VAE_ERROR_TEXT,
                     "a linear schedule adds noise of variance 20 / steps in its last step, so it "
                     "needs more than 20 steps, found %llu; take schedule=cosine",
                     (unsigned long long)steps);
}

vae_status vae__noise_schedule_make(vae_context *context, int kind, size_t steps, int variance,
                                    vae__noise_schedule *out) {
    vae_status status = vae__noise_schedule_check(kind, steps);
    if (status) return status;
    *out = (vae__noise_schedule){.context = context, .steps = steps, .variance = variance};
    out->retained = vae__allocate(context, steps + 1, sizeof *out->retained);
    if (!out->retained) return vae__last_status();
    out->retained[0] = 1;
    for (size_t t = 1; t <= steps; t++)
        out->retained[t] = out->retained[t - 1] * (1 - kinds[kind](t, steps));
    return VAE_OK;
}

void vae__noise_schedule_free(vae__noise_schedule *schedule) {
    if (schedule->retained) vae__release(schedule->context, schedule->retained);
    schedule->retained = NULL;
}

/* ---- steps ---- */

/* The variance of q(x_to|x_t, x_0). */
static double posterior_variance(double retained, double retained_to) {
    return (1 - retained_to) / (1 - retained) * (1 - retained / retained_to);
}

vae__noise_step vae__noise_step_of(const vae__noise_schedule *schedule, size_t t, size_t to,
                                   size_t before) {
    double a = schedule->retained[t], a_to = schedule->retained[to], added = 1 - a / a_to;
    vae__noise_step step = {.t = t,
                            .retained = a,
                            .retained_to = a_to,
                            .added = added,
                            .of_data = sqrt(a_to) * added / (1 - a),
                            .of_noisy = sqrt(1 - added) * (1 - a_to) / (1 - a),
                            .small = posterior_variance(a, a_to),
                            .is_last = to == 0};
    if (step.is_last)
        step.small = before ? posterior_variance(schedule->retained[before], a) : added;
    return step;
}

/* ---- variances ---- */

static double large_variance(const vae__noise_step *step, double miss, double v) {
    (void)miss, (void)v;
    return step->added;
}

static double small_variance(const vae__noise_step *step, double miss, double v) {
    (void)miss, (void)v;
    return step->small;
}

/* In the last step the posterior has no variance, and what is missed is all of it; a prediction that misses nothing there
 * keeps a trace of the small one, whose logarithm is finite. */
static double optimal_variance(const vae__noise_step *step, double miss, double v) {
    double missed = step->of_data * step->of_data * miss;
    (void)v;
    return step->is_last ? fmax(missed, 1e-6 * step->small) : step->small + missed;
}

static double learned_variance(const vae__noise_step *step, double miss, double v) {
    double u = (v + 1) / 2;
    (void)miss;
    return exp(u * log(step->added) + (1 - u) * log(step->small));
}

static double (*const variances[])(const vae__noise_step *step, double miss, double v) = {
    large_variance, small_variance, optimal_variance, learned_variance};

double vae__noise_variance(const vae__noise_schedule *schedule, const vae__noise_step *step,
                           double miss, double v) {
    return variances[schedule->variance](step, miss, v);
}
