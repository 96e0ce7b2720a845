/* The noise schedule of a diffusion and what follows from it in closed form: q(x_t|x_0), q(x_{t-1}|x_t, x_0) and the
 * variances of p(x_{t-1}|x_t). Knows no network and no images. All tables are in double.
 *
 *   q(x_t|x_0) = N(sqrt(A_t) x_0, (1 - A_t) I),   A_t = prod (1 - b_s),   t = 1 .. T,   A_0 = 1
 *
 * (Ho, Jain & Abbeel 2020, "Denoising diffusion probabilistic models", equations 2 to 7.) */
#ifndef VAE_DIFFUSION_SCHEDULE_H
#define VAE_DIFFUSION_SCHEDULE_H

#include "base/memory.h"

enum { VAE__MAX_STEPS = 1 << 16 };

/* linear: b from 0.1 / T to 20 / T. cosine: Nichol & Dhariwal 2021, equation 17, with s = 0.008. */
enum { VAE__NOISE_LINEAR, VAE__NOISE_COSINE };
#define VAE__NOT_SAID (-1) /* of a choice, for defaults that differ */
extern const char *const vae__noise_names[];

/* The variance of p(x_{t-1}|x_t): the posterior's (small), b (large), the posterior's and the mean square of what the
 * prediction misses (optimal; Bao et al. 2022), or between small and large by the network (learned). */
enum { VAE__VARIANCE_LARGE, VAE__VARIANCE_SMALL, VAE__VARIANCE_OPTIMAL, VAE__VARIANCE_LEARNED };
extern const char *const vae__variance_names[];

typedef struct vae__noise_schedule {
    vae_context *context;
    size_t steps;     /* T */
    double *retained; /* [T + 1] A_t, the share of the data's variance that is left */
    int variance;
} vae__noise_schedule;

/* Whether there is such a schedule: linear needs more than 20 steps, since b may not reach 1. Fails with
 * VAE_ERROR_TEXT. */
vae_status vae__noise_schedule_check(int kind, uint64_t steps);

/* Makes the tables. Fails as vae__noise_schedule_check does, and for lack of memory. */
vae_status vae__noise_schedule_make(vae_context *context, int kind, size_t steps, int variance,
                                    vae__noise_schedule *out);
void vae__noise_schedule_free(vae__noise_schedule *schedule);

/* The step from t to `to` < t, which need not be t - 1: q(x_to|x_t, x_0) = N(of_data x_0 + of_noisy x_t, small). */
typedef struct vae__noise_step {
    size_t t;
    double retained, retained_to; /* A_t, A_to */
    double added;                 /* b' = 1 - A_t / A_to, never b_t where steps are skipped */
    double of_data, of_noisy;
    double
        small; /* the posterior's variance; where it is 0, at the last step, that of the step before it */
    int is_last; /* to = 0: no noise is added to a sample */
} vae__noise_step;

/* `before`: the step that a sampler took before this one came from `before` to t; the last step's small variance is that
 * of the step from it. For consecutive steps it is t + 1; 0 where there is none. */
vae__noise_step vae__noise_step_of(const vae__noise_schedule *schedule, size_t t, size_t to,
                                   size_t before);

/* The variance of p(x_to|x_t). miss: the mean square of x_0 minus its prediction at t, for optimal. v: the network's
 * output for this value, for learned: log variance = u log large + (1 - u) log small, u = (v + 1) / 2. */
double vae__noise_variance(const vae__noise_schedule *schedule, const vae__noise_step *step,
                           double miss, double v);

#endif
