/* Stochastic gradient descent with momentum, plain or Nesterov's. */
#include <math.h>

#include "optim/optimizer.h"

/* One even at momentum=0: it may be raised while training, and a step then allocates nothing. */
static size_t moments(const vae__optimizer_settings *settings) {
    (void)settings;
    return 1;
}

static void begin(const vae__optimizer_settings *s, uint64_t step, double gradient_scale,
                  vae__rule_step *out) {
    out->sgd = (vae__sgd_step){
        .learning_rate = (vae__real)vae__learning_rate(s, step),
        .momentum = (vae__real)s->momentum,
        .l2 = (vae__real)s->weight_decay,
        .gradient_scale = (vae__real)gradient_scale,
        .nesterov = s->nesterov,
        .first = step == 1,
    };
}

static double apply(const vae__kernels *kernels, const vae__rule_step *step, vae__real *parameter,
                    vae__real *const *moment, const vae__real *gradient, size_t n) {
    return kernels->sgd(&step->sgd, parameter, moment[0], gradient, n);
}

static vae__magnitude grow(const vae__optimizer_settings *s, uint64_t step, vae__magnitude before,
                           double gradient) {
    double with_decay = gradient + s->weight_decay * before.parameter;
    double moment = s->momentum * before.moment + with_decay;
    return (vae__magnitude){before.parameter + vae__learning_rate(s, step) * (with_decay + moment),
                            moment};
}

const vae__rule vae__rule_sgd = {"sgd", 0, moments, begin, apply, grow, {-HUGE_VAL}};
