/* Adam (Kingma & Ba 2015) and AdamW (Loshchilov & Hutter 2019). */
#include <math.h>

#include "optim/optimizer.h"

static size_t moments(const vae__optimizer_settings *settings) {
    (void)settings;
    return 2;
}

static void begin(const vae__optimizer_settings *s, uint64_t step, double gradient_scale,
                  vae__rule_step *out) {
    double correction1 = 1 - pow(s->beta1, (double)step),
           correction2 = 1 - pow(s->beta2, (double)step);
    out->adam = (vae__adam_step){
        .beta2 = (vae__real)s->beta2,
        .complement1 = (vae__real)(1 - s->beta1),
        .complement2 = (vae__real)(1 - s->beta2),
        .step_size = (vae__real)(vae__learning_rate(s, step) / correction1),
        .inverse_sqrt_correction2 = (vae__real)(1 / sqrt(correction2)),
        .eps = (vae__real)s->eps,
        .decay = 1,
        .l2 = (vae__real)s->weight_decay,
        .gradient_scale = (vae__real)gradient_scale,
    };
}

static void begin_decoupled(const vae__optimizer_settings *s, uint64_t step, double gradient_scale,
                            vae__rule_step *out) {
    begin(s, step, gradient_scale, out);
    out->adam.decay = (vae__real)(1 - vae__learning_rate(s, step) * s->weight_decay);
    out->adam.l2 = 0;
}

static double apply(const vae__kernels *kernels, const vae__rule_step *step, vae__real *parameter,
                    vae__real *const *moment, const vae__real *gradient, size_t n) {
    return kernels->adam(&step->adam, parameter, moment[0], moment[1], gradient, n);
}

/* |m| stays below the largest gradient; the step is at most lr |m| / ((1 - beta1^t) eps). */
static vae__magnitude grow(const vae__optimizer_settings *s, uint64_t step, vae__magnitude before,
                           double gradient) {
    double with_decay = gradient + s->weight_decay * before.parameter;
    double moment = fmax(before.moment, with_decay), rate = vae__learning_rate(s, step);
    double change = rate / (1 - pow(s->beta1, (double)step)) * moment / s->eps;
    return (vae__magnitude){before.parameter * (1 + rate * s->weight_decay) + change, moment};
}

const vae__rule vae__rule_adam = {"adam", 0, moments, begin, apply, grow, {-HUGE_VAL, 0}};
const vae__rule vae__rule_adamw = {"adamw", 0.01, moments,       begin_decoupled,
                                   apply,   grow, {-HUGE_VAL, 0}};
