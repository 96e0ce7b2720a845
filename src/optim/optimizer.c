/* What all update rules share: the list of rules, schedules of the learning rate, moments, and the proof
 * that an update stays finite. Relies on a rule for the update of a range of values; holds no pointer into
 * a model but the block of parameters. */
#include "optim/optimizer.h"

#include <math.h>
#include <string.h>

const vae__rule *const vae__rules[] = {&vae__rule_adam, &vae__rule_adamw, &vae__rule_sgd, NULL};

/* ---- schedules ---- */

const char *const vae__schedule_names[] = {"constant", "cosine", "exponential", "steps", NULL};

static double factor_at(const vae__optimizer_settings *s, double t) {
    double progress = s->schedule_steps ? t / (double)s->schedule_steps : 0, factor = 1;
    switch (s->schedule) {
    case VAE__SCHEDULE_COSINE:
        return progress < 1 ? 0.5 * (1 + cos(3.14159265358979323846 * progress)) : 0;
    case VAE__SCHEDULE_EXPONENTIAL: return pow(s->gamma, progress);
    case VAE__SCHEDULE_STEPS:
        for (size_t i = 0; i < s->milestones.count; i++) {
            if (t >= (double)s->milestones.steps[i]) factor *= s->gamma;
        }
        return factor;
    default: return 1;
    }
}

double vae__schedule_factor(const vae__optimizer_settings *s, uint64_t step) {
    uint64_t start = s->schedule_from > s->warmup ? s->schedule_from : s->warmup;
    return factor_at(s, step > start ? (double)(step - start - 1) : 0);
}

double vae__learning_rate(const vae__optimizer_settings *s, uint64_t step) {
    if (step <= s->warmup) return s->learning_rate * (double)step / (double)s->warmup;
    return s->learning_rate * vae__schedule_factor(s, step);
}

/* ---- state ---- */

vae_status vae__optimizer_state_make(vae_context *context, const vae__rule *rule,
                                     const vae__optimizer_settings *settings, vae__real *parameters,
                                     size_t count, vae__optimizer_state *out) {
    *out = (vae__optimizer_state){
        .context = context, .rule = rule, .parameters = parameters, .count = count};
    for (size_t i = 0; i < rule->moments(settings); i++) {
        out->moments[i] = vae__allocate(context, count, sizeof *out->moments[i]);
        if (out->moments[i]) continue;
        vae__optimizer_state_free(out);
        return vae__last_status();
    }
    vae__optimizer_measure(out);
    return VAE_OK;
}

void vae__optimizer_state_free(vae__optimizer_state *state) {
    for (size_t i = 0; i < VAE__MOST_MOMENTS; i++) {
        vae__release(state->context, state->moments[i]);
        state->moments[i] = NULL;
    }
}

/* ---- finite or not at all ---- */

/* Squares of gradients and moments below this are finite in float, with room for the factors around
 * them. */
#define SAFE_GRADIENT (sizeof(vae__real) == sizeof(float) ? 1e17 : 1e150)
#define SAFE_PARAMETER (sizeof(vae__real) == sizeof(float) ? 1e30 : 1e200)

static double largest(const vae__real *values, size_t count) {
    double most = 0;
    for (size_t i = 0; i < count; i++) {
        double size = fabs((double)values[i]);
        if (!(size <= most)) most = size;
    }
    return most;
}

void vae__optimizer_measure(vae__optimizer_state *state) {
    state->magnitude.parameter = largest(state->parameters, state->count);
    state->magnitude.moment = state->moments[0] ? largest(state->moments[0], state->count) : 0;
}

static int is_within(vae__magnitude magnitude) {
    return magnitude.parameter < SAFE_PARAMETER && magnitude.moment < SAFE_GRADIENT;
}

int vae__optimizer_is_safe(vae__optimizer_state *state, const vae__optimizer_settings *settings,
                           double gradient) {
    if (!(gradient < SAFE_GRADIENT)) return 0;
    vae__magnitude after =
        state->rule->grow(settings, state->steps + 1, state->magnitude, gradient);
    if (!is_within(after)) {
        vae__optimizer_measure(state);
        after = state->rule->grow(settings, state->steps + 1, state->magnitude, gradient);
    }
    if (!is_within(after)) return 0;
    state->magnitude = after;
    return 1;
}

/* ---- updates ---- */

void vae__update_begin(vae__optimizer_state *state, const vae__optimizer_settings *settings,
                       double gradient_scale, vae__update *out) {
    out->state = state;
    state->rule->begin(settings, state->steps + 1, gradient_scale, &out->step);
}

static void moments_from(const vae__optimizer_state *state, size_t first,
                         vae__real *moments[VAE__MOST_MOMENTS]) {
    for (size_t i = 0; i < VAE__MOST_MOMENTS; i++)
        moments[i] = state->moments[i] ? state->moments[i] + first : NULL;
}

double vae__update_apply(const vae__update *update, size_t first, size_t count,
                         const vae__real *gradient) {
    vae__optimizer_state *state = update->state;
    vae__real *moments[VAE__MOST_MOMENTS];
    moments_from(state, first, moments);
    return state->rule->apply(state->context->kernels, &update->step, state->parameters + first,
                              moments, gradient, count);
}

enum { TRIAL = 256 };

/* The update on copies of a few values. */
static int trial_is_finite(const vae__update *update, size_t first, size_t count,
                           const vae__real *gradient) {
    const vae__optimizer_state *state = update->state;
    const vae__kernels *kernels = state->context->kernels;
    vae__real copies[1 + VAE__MOST_MOMENTS][TRIAL], *moments[VAE__MOST_MOMENTS] = {NULL};
    const vae__real most =
        (vae__real)(sizeof(vae__real) == sizeof(float) ? 3.40282347e38 : 1.79769313486231571e308);
    memcpy(copies[0], state->parameters + first, count * sizeof(vae__real));
    for (size_t i = 0; i < VAE__MOST_MOMENTS && state->moments[i]; i++) {
        moments[i] = copies[1 + i];
        memcpy(moments[i], state->moments[i] + first, count * sizeof(vae__real));
    }
    state->rule->apply(kernels, &update->step, copies[0], moments, gradient, count);
    int finite = kernels->within(copies[0], count, -most, most);
    for (size_t i = 0; i < VAE__MOST_MOMENTS && moments[i]; i++)
        finite &= kernels->within(moments[i], count, -most, most);
    return finite;
}

int vae__update_would_be_finite(const vae__update *update, size_t first, size_t count,
                                const vae__real *gradient) {
    for (size_t done = 0; done < count; done += TRIAL) {
        size_t some = count - done < TRIAL ? count - done : TRIAL;
        if (!trial_is_finite(update, first + done, some, gradient + done)) return 0;
    }
    return 1;
}
