/* Gamma functions of the count likelihoods, in double. libm's lgamma writes the global signgam, and
 * a difference of two of its values loses all digits where the dispersion is large. */
#ifndef VAE_MODEL_LIKELIHOOD_SPECIAL_H
#define VAE_MODEL_LIKELIHOOD_SPECIAL_H

#include <math.h>

#define HALF_LOG_2PI 0.91893853320467274178

/* From here on the series below are exact to double's last digits. */
#define STIRLING_FROM 10.0

/* ln Gamma(z) - [(z - 1/2) ln z - z + ln(2 pi)/2]: sum of B_2k / (2k (2k - 1) z^(2k - 1)). */
static inline double stirling_tail(double z) {
    double y = 1 / (z * z), p = -691.0 / 360360;
    p = p * y + 1.0 / 1188;
    p = p * y - 1.0 / 1680;
    p = p * y + 1.0 / 1260;
    p = p * y - 1.0 / 360;
    p = p * y + 1.0 / 12;
    return p / z;
}

/* ln z - 1/(2z) - psi(z): sum of B_2k / (2k z^2k). */
static inline double digamma_tail(double z) {
    double y = 1 / (z * z), p = -691.0 / 32760;
    p = p * y + 1.0 / 132;
    p = p * y - 1.0 / 240;
    p = p * y + 1.0 / 252;
    p = p * y - 1.0 / 120;
    p = p * y + 1.0 / 12;
    return p * y;
}

/* ln x! of a whole x >= 0. */
static inline double log_factorial(double x) {
    if (x < STIRLING_FROM) {
        double product = 1;
        for (double k = 2; k <= x; k++) product *= k;
        return log(product);
    }
    double z = x + 1;
    return (z - 0.5) * log(z) - z + HALF_LOG_2PI + stirling_tail(z);
}

/* ln r(r + 1)...(r + x - 1) = ln Gamma(r + x) - ln Gamma(r) for r > 0 and a whole x >= 0, and its
 * derivative by r, psi(r + x) - psi(r). Few factors are multiplied; else both arguments move up to
 * where Stirling's series holds, and its two values are subtracted term by term. */
static inline double log_rising(double r, double x, double *derivative) {
    double ratio = 1, slope = 0;
    if (x <= 2 * STIRLING_FROM) {
        for (double k = 0; k < x; k++) {
            ratio *= r + k;
            slope += 1 / (r + k);
        }
        *derivative = slope;
        return log(ratio);
    }
    for (; r < STIRLING_FROM; r++) {
        ratio *= (r + x) / r;
        slope += x / (r * (r + x));
    }
    double growth = log1p(x / r), top = r + x;
    *derivative = slope + growth + x / (2 * r * top) - (digamma_tail(top) - digamma_tail(r));
    return (r - 0.5) * growth + x * log(top) - x + (stirling_tail(top) - stirling_tail(r)) -
           log(ratio);
}

#endif
