/* The terms of a diffusion's bound for one row, and what training minimises, with its gradient. A network's output is seen
 * as [width] numbers, its prediction, followed for variance=learned by [width] numbers v.
 *
 *   -log p(x) <= L_T + sum_{t=2..T} KL_t + L_1
 *   L_T  = KL(q(x_T|x) || N(0, I))
 *   KL_t = KL(q(x_{t-1}|x_t, x) || p(x_{t-1}|x_t))
 *   L_1  = -log p(x|x_1)
 *
 * (Ho, Jain & Abbeel 2020, equation 5.) In nats, summed over the values of the row. */
#ifndef VAE_DIFFUSION_TERMS_H
#define VAE_DIFFUSION_TERMS_H

#include "base/real.h"
#include "base/rng.h"
#include "diffusion/prediction.h"
#include "diffusion/schedule.h"

/* What p(x|x_1) is of: real numbers, or 256 levels from -1 to 1, whose bins are open at both ends. */
enum { VAE__DATA_GAUSSIAN, VAE__DATA_DISCRETIZED };

/* What training minimises: the squared error of what is predicted; T times a term of the bound; or the squared error and
 * 0.001 T KL_t with the mean detached, for a learned variance (Nichol & Dhariwal 2021, section 3.1). */
enum { VAE__LOSS_SIMPLE, VAE__LOSS_VLB, VAE__LOSS_HYBRID };
extern const char *const vae__loss_names[];

typedef struct vae__diffusion {
    vae__noise_schedule schedule;
    int predict, data;
    size_t width;
    const vae__real *
        miss; /* [T], of step t at t - 1: the mean square of x_0 minus its prediction; for variance=optimal */
    /* [T + 1], from 0 to 1: how often training by the bound's terms takes a step up to t. NULL: all alike. */
    const double *cumulative;
} vae__diffusion;

/* Numbers of the network's output: width, or twice that. */
size_t vae__diffusion_outputs(const vae__diffusion *d);

/* x_t = sqrt(A_t) x_0 + sqrt(1 - A_t) noise. */
void vae__diffusion_add_noise(const vae__diffusion *d, size_t t, const vae__real *x0,
                              const vae__real *noise, vae__real *x_t);

/* L_T */
double vae__diffusion_prior_term(const vae__diffusion *d, const vae__real *x0);

/* KL_t, or L_1 for t = 1. *missed, which may be NULL: the mean square of x_0 minus its prediction. */
double vae__diffusion_term(const vae__diffusion *d, size_t t, const vae__real *x0,
                           const vae__real *x_t, const vae__real *output, double *missed);

/* The gradient of weight times the loss with respect to the output [outputs]. */
void vae__diffusion_gradient(const vae__diffusion *d, int loss, size_t t, const vae__real *x0,
                             const vae__real *noise, const vae__real *x_t, const vae__real *output,
                             double weight, vae__real *gradient);

/* The loss itself. */
double vae__diffusion_loss(const vae__diffusion *d, int loss, size_t t, const vae__real *x0,
                           const vae__real *noise, const vae__real *x_t, const vae__real *output);

/* log of N(x; mean, variance), or of its mass in the bin of x; slopes with respect to the mean and the log variance. */
typedef struct vae__log_density {
    double value, by_mean, by_log_variance;
} vae__log_density;
vae__log_density vae__data_density(int data, double x, double mean, double variance);

/* How training by `loss` draws steps: t [n] from 1 to T for the rows of a batch, one in each of n strata of equal probability,
 * which a permutation keyed by the stream gives to the rows. `order` [n] is room. All steps are alike but for VAE__LOSS_VLB, whose
 * terms differ by orders of magnitude: there step t has the probability p_t of `cumulative` (importance sampling, as Nichol &
 * Dhariwal 2021, section 3.3, but with a table that is known before training). */
void vae__diffusion_strata(const vae__diffusion *d, int loss, const vae__stream *stream, size_t n,
                           uint64_t *order, vae__real *t);

/* 1 / (T p_t): what a row at step t counts, so that means over drawn steps are without bias. */
double vae__diffusion_weight(const vae__diffusion *d, int loss, size_t t);

/* The table for a schedule, cumulative [T + 1]: half of the draws evenly over steps, half evenly over log(A_t / (1 - A_t)), since
 * the bound's terms are then about as large as each other where the network predicts well. */
void vae__diffusion_shares(const vae__noise_schedule *schedule, double *cumulative);

#endif
