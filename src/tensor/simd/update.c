/* One optimizer step over a stretch of parameters. Each returns the sum of squares of the gradient,
 * which is in cache. */
#include "tensor/simd/table.h"

/* Adam (Kingma & Ba 2015, algorithm 1) in the order PyTorch computes it; `decay` = 1 - lr
 * weight_decay is AdamW's (Loshchilov & Hutter 2019), `l2` is added to the gradient. */
double KERNEL(adam)(const vae__adam_step *step, real *restrict parameter, real *restrict mean,
                    real *restrict square, const real *restrict gradient, size_t n) {
    const vae__adam_step c = *step;
    for (size_t i = 0; i < n; i++) {
        real p = parameter[i] * c.decay;
        real g = gradient[i] * c.gradient_scale + c.l2 * parameter[i];
        real m = mean[i] + c.complement1 * (g - mean[i]);
        real v = c.beta2 * square[i] + c.complement2 * g * g;
        mean[i] = m;
        square[i] = v;
        parameter[i] = p - c.step_size * m / (real_sqrt(v) * c.inverse_sqrt_correction2 + c.eps);
    }
    return KERNEL(sum_squares)(gradient, n);
}

/* SGD with momentum as PyTorch defines it: v = momentum v + g; p -= lr v, or lr (g + momentum v)
 * with Nesterov's. */
double KERNEL(sgd)(const vae__sgd_step *step, real *restrict parameter, real *restrict velocity,
                   const real *restrict gradient, size_t n) {
    const vae__sgd_step c = *step;
    real momentum = c.first ? 0 : c.momentum, look_ahead = c.nesterov ? c.momentum : 0;
    real direct = c.nesterov ? 1 : 0, along = c.nesterov ? look_ahead : 1;
    for (size_t i = 0; i < n; i++) {
        real g = gradient[i] * c.gradient_scale + c.l2 * parameter[i];
        real v = velocity ? momentum * velocity[i] + g : g;
        if (velocity) velocity[i] = v;
        parameter[i] -= c.learning_rate * (direct * g + along * v);
    }
    return KERNEL(sum_squares)(gradient, n);
}
