#include "support/densities.h"

#include <math.h>

static long double softplus(long double x) {
    return x > 0 ? x + log1pl(expl(-x)) : log1pl(expl(x));
}

long double bounded(long double a, long double low, long double high) {
    return high - softplus(high - low - softplus(a - low));
}

long double exact_continuous_bernoulli(heads h, double x) {
    long double a = h.first;
    if (a == 0) return 0;
    long double y = a > 0 ? 1 - (long double)x : (long double)x, size = fabsl(a);
    return logl(size) - logl(-expm1l(-size)) - size * y;
}

long double exact_discretized_logistic(heads h, double x) {
    long double s = expl(bounded(h.second, -8, 2)), level = rintl(255 * x) / 255;
    long double u = (level + 0.5L / 255 - h.first) / s, v = u - 1 / (255 * s);
    if (level == 0) return -softplus(-u);
    if (level == 1) return -softplus(v);
    if (v < 0) { /* mirrored: the difference is then of upper tails */
        long double swapped = -v;
        v = -u;
        u = swapped;
    }
    if (v > 0) return logl(expl(-v) / (1 + expl(-v)) - expl(-u) / (1 + expl(-u)));
    return logl(1 / (1 + expl(-u)) - 1 / (1 + expl(-v)));
}

long double log_poisson(long double log_mean, double x) {
    return x * log_mean - expl(log_mean) - lgammal((long double)x + 1);
}

long double log_negative_binomial(long double log_mean, long double log_dispersion, double x) {
    long double r = expl(log_dispersion), a = log_mean - log_dispersion;
    return lgammal(x + r) - lgammal(r) - lgammal((long double)x + 1) - r * softplus(a) -
           x * softplus(-a);
}

long double exact_poisson(heads h, double x) {
    return log_poisson(bounded(h.first, -20, 24), x);
}

long double exact_negative_binomial(heads h, double x) {
    return log_negative_binomial(bounded(h.first, -20, 24), bounded(h.second, -16, 30), x);
}
