/* The text options of training: how a model is trained, and for how long. */
#ifndef VAE_TRAIN_OPTIONS_H
#define VAE_TRAIN_OPTIONS_H

#include "base/options.h"
#include "model/objective/objective.h"
#include "optim/optimizer.h"

typedef struct vae__training_options {
    const vae__rule *rule;
    vae__optimizer_settings optimizer;
    int objective; /* in vae__objectives */
    uint64_t samples;
    double beta;
    uint64_t beta_warmup;
    double free_bits;
    uint64_t seed;
    int train;  /* what is trained */
    double ema; /* decay of the average of the parameters; 0: there is none */
} vae__training_options;

/* `train`: the whole model, or its prior or network alone. */
enum { VAE__TRAIN_ALL, VAE__TRAIN_PRIOR, VAE__TRAIN_NETWORK };

extern const vae__option_table vae__training_table;

/* Parses over `options`; fresh: from defaults, but for the objective, which is the one that stands there; the rule may be
 * named first. Else only the
 * keys given change, and the rule cannot. `updates` made so far is what from=now stands for. On
 * failure *options is unchanged. */
vae_status vae__training_options_parse(const char *text, int fresh, uint64_t updates,
                                       vae__training_options *options);
void vae__training_options_print(const vae__training_options *options, vae__buffer *out);

/* Weight of the KL in update number `step` (from 1). */
double vae__beta_at(const vae__training_options *options, uint64_t step);

typedef struct vae__loop_options {
    uint64_t epochs, patience, validation_seed;
    double min_delta;
    int restore_best, events;
} vae__loop_options;

/* `events` of the loop: which events the callback is called for. */
enum { VAE__EVENTS_ALL, VAE__EVENTS_EPOCH };

extern const vae__option_table vae__loop_table;

vae_status vae__loop_options_parse(const char *text, vae__loop_options *options);

#endif
