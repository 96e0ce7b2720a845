/* The fit of a mixture by EM on the moments of posteriors, shared by its two halves: passes over the rows
 * (mixture_rows.c), and what is made of their sums (mixture_fit.c).
 *
 * For a posterior q = N(mu, diag v) the bound E_q[log p(z)] >= log sum_k exp(log pi_k + E_q[log N_k(z)]) (Jensen) is
 * linear inside the exponential in the features E_q[z_i z_j] = mu_i mu_j + v_i [i = j] and E_q[z_j] = mu_j. So both
 * steps are matrix products of the features [rows, F]: with the coefficients [F, K] for the E-step, with the
 * responsibilities [rows, K] for the M-step. Means are taken from their own mean over the rows, for the digits of the
 * squares. All of it is in double. */
#ifndef VAE_MODEL_PRIOR_MIXTURE_FIT_H
#define VAE_MODEL_PRIOR_MIXTURE_FIT_H

#include "model/prior/mixture.h"

/* Rows are summed in so many parts, whatever the number of threads, so that sums have one order. */
enum { FIT_PARTS = 16, FIT_BLOCK = 128, FIT_STRIDE = FIT_BLOCK + 8 };

typedef struct vae__mixture_sums {
    double *weights;  /* [K]: sum of responsibilities */
    double *features; /* [K, F]: sum of responsibilities times features */
    double bound;     /* sum of the rows' bounds */
} vae__mixture_sums;

typedef struct vae__em {
    vae_context *context;
    const vae__kernels *kernels;
    const vae__moments *moments;
    const vae__fit_options *options;
    size_t n, d, count, features; /* rows, latents, K, F */
    int full;
    double *shift; /* [d] */

    /* ---- the mixture ---- */
    double *weight, *mean;            /* [K], [K, d], the mean without the shift */
    double *whitening;                /* [K, d, d] or [K, d]; its diagonal as it is */
    double *constants, *coefficients; /* [K], [F, K]: what the E-step multiplies with */

    /* ---- by row ---- */
    double *row_bound;  /* [n]; while centres are chosen, the squared distance to the nearest */
    uint32_t *assigned; /* [n] */

    /* ---- sums ---- */
    vae__mixture_sums parts[FIT_PARTS], total;
    double *room; /* [shares, room_size] */
    size_t shares, room_size;
    double *block; /* all doubles above */
} vae__em;

/* Numbers of room that a thread needs for a block of rows. */
size_t vae__mixture_room(size_t features, size_t count);

/* One pass over the rows: their responsibilities and bounds from constants and coefficients, or, `hard`, each row
 * wholly to the component it is assigned to; and the sums over them. */
void vae__mixture_pass(vae__em *fit, int hard);

/* row_bound becomes the squared distance to the nearest of centres 0 .. k, where those to 0 .. k - 1 are known, and
 * `assigned` the nearest. */
void vae__mixture_measure_centre(vae__em *fit, size_t k, const double *centre);

/* The mean of row r without the shift, [d]. */
void vae__mixture_row(const vae__em *fit, size_t r, double *row);

#endif
