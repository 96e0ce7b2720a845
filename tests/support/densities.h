/* Densities of one value in long double, from their definitions: what the library computes fast and in
 * float is held against these. */
#ifndef TESTS_SUPPORT_DENSITIES_H
#define TESTS_SUPPORT_DENSITIES_H

/* Of one value: head 0; head 1 or the extra parameter. */
typedef struct heads {
    double first, second;
} heads;

/* high - softplus(high - low - softplus(a - low)): what keeps heads within limits. */
long double bounded(long double a, long double low, long double high);

/* From the logarithms of mean and dispersion themselves. */
long double log_poisson(long double log_mean, double x);
long double log_negative_binomial(long double log_mean, long double log_dispersion, double x);

long double exact_continuous_bernoulli(heads h, double x);
long double exact_discretized_logistic(heads h, double x);
long double exact_poisson(heads h, double x);
long double exact_negative_binomial(heads h, double x);

#endif
