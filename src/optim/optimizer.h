/* Update rules, their state, learning-rate schedules. A rule is one object in one file and one line
 * in optimizer.c. */
#ifndef VAE_OPTIM_OPTIMIZER_H
#define VAE_OPTIM_OPTIMIZER_H

#include "base/memory.h"
#include "base/text.h"
#include "tensor/kernels.h"

enum { VAE__MOST_MOMENTS = 2, VAE__MOST_MILESTONES = 32 };

typedef struct vae__milestones {
    uint64_t steps[VAE__MOST_MILESTONES];
    size_t count;
} vae__milestones;

typedef struct vae__optimizer_settings {
    double learning_rate, beta1, beta2, eps, weight_decay, momentum;
    int nesterov;
    int schedule; /* vae__schedule_names */
    uint64_t schedule_steps, warmup;
    uint64_t
        schedule_from; /* updates after which the schedule's time starts, if after the warm-up */
    double gamma;
    vae__milestones milestones;
    double clip_norm; /* 0: off */
} vae__optimizer_settings;

enum {
    VAE__SCHEDULE_CONSTANT,
    VAE__SCHEDULE_COSINE,
    VAE__SCHEDULE_EXPONENTIAL,
    VAE__SCHEDULE_STEPS
};
extern const char *const vae__schedule_names[];

/* Learning rate of update number `step` (from 1), and the schedule's factor in it. */
double vae__learning_rate(const vae__optimizer_settings *settings, uint64_t step);
double vae__schedule_factor(const vae__optimizer_settings *settings, uint64_t step);

/* Constants of one update, filled by a rule's begin. */
typedef union vae__rule_step {
    vae__adam_step adam;
    vae__sgd_step sgd;
} vae__rule_step;

/* What bounds every value that an update reads or writes, to prove it finite before the first is
 * written. */
typedef struct vae__magnitude {
    double parameter, moment;
} vae__magnitude;

typedef struct vae__rule {
    const char *name;
    double weight_decay; /* default */
    size_t (*moments)(const vae__optimizer_settings *settings);
    /* For update number `step`: every gradient is multiplied by gradient_scale first. */
    void (*begin)(const vae__optimizer_settings *settings, uint64_t step, double gradient_scale,
                  vae__rule_step *out);
    /* Updates n parameters and moments; returns the sum of squares of the unscaled gradient. */
    double (*apply)(const vae__kernels *kernels, const vae__rule_step *step, vae__real *parameter,
                    vae__real *const *moments, const vae__real *gradient, size_t n);
    /* Bounds after an update with gradients of at most `gradient`, from those before it. */
    vae__magnitude (*grow)(const vae__optimizer_settings *settings, uint64_t step,
                           vae__magnitude before, double gradient);
    double least[VAE__MOST_MOMENTS]; /* of each moment's values: a mean of squares is at least 0 */
} vae__rule;

extern const vae__rule vae__rule_adam, vae__rule_adamw, vae__rule_sgd;
extern const vae__rule *const vae__rules[]; /* ends in NULL; the first is the default */

/* Moments of every parameter, laid out as the parameters' block. */
typedef struct vae__optimizer_state {
    vae_context *context;
    const vae__rule *rule;
    vae__real *parameters; /* the model's block */
    vae__real *moments[VAE__MOST_MOMENTS];
    size_t count;   /* values in each block */
    uint64_t steps; /* updates made */
    vae__magnitude magnitude;
} vae__optimizer_state;

vae_status vae__optimizer_state_make(vae_context *context, const vae__rule *rule,
                                     const vae__optimizer_settings *settings, vae__real *parameters,
                                     size_t count, vae__optimizer_state *out);
void vae__optimizer_state_free(vae__optimizer_state *state);

/* Measures the parameters and moments anew: after they were set from outside, or when the bounds
 * have grown loose. */
void vae__optimizer_measure(vae__optimizer_state *state);

/* Whether an update with gradients of at most `gradient` surely writes finite values only; if so
 * the state's bounds grow with it. NaN and infinity are never safe. */
int vae__optimizer_is_safe(vae__optimizer_state *state, const vae__optimizer_settings *settings,
                           double gradient);

/* One update in the making. */
typedef struct vae__update {
    vae__optimizer_state *state;
    vae__rule_step step;
} vae__update;

/* Of update number state->steps + 1. The caller adds 1 to state->steps when all blocks are done. */
void vae__update_begin(vae__optimizer_state *state, const vae__optimizer_settings *settings,
                       double gradient_scale, vae__update *out);

/* Updates values first .. first + count - 1 of the block; returns the sum of squares of the
 * gradient. */
double vae__update_apply(const vae__update *update, size_t first, size_t count,
                         const vae__real *gradient);

/* Whether vae__update_apply would write finite values only; writes nothing. */
int vae__update_would_be_finite(const vae__update *update, size_t first, size_t count,
                                const vae__real *gradient);

#endif
