/* The loop of `vae train`: epochs with validation, the best model so far in its file, an end that can be gone on
 * from. All that it counts is in one struct, which a checkpoint keeps. */
#ifndef TOOL_TRAINING_H
#define TOOL_TRAINING_H

#include "command.h"
#include "history.h"
#include "progress.h"

/* Means over the rows of an epoch that has begun. */
typedef struct epoch_sums {
    double rows, elbo, reconstruction, kl;
} epoch_sums;

typedef struct training {
    const tool_call *call;
    vae_model *model;
    vae_optimizer *optimizer;
    vae_dataset *data, *heldout;
    const char *output; /* the model's file */
    char *checkpoint;   /* the file to go on from */
    uint64_t epochs, patience, steps_of_warm_up;
    int quiet;
    /* Called before a checkpoint is written, to set what is kept beside. */
    vae_status (*keep)(struct training *);
    void *user;

    uint64_t epoch;      /* done, with their validation */
    uint64_t best_epoch; /* from 1; 0: none yet */
    uint64_t since_best;
    int counted; /* the best is of an epoch behind the warm-ups */
    double best; /* held-out ELBO */
    epoch_sums sums;
    double seconds; /* of the runs before */
    history history;
    progress progress;
} training;

/* How training ended. */
typedef enum training_end { TRAINING_COMPLETE, TRAINING_INTERRUPTED, TRAINING_FAILED } training_end;

/* Trains until `epochs` are done, patience ends it, or SIGINT or SIGTERM asks for an end; the step or the
 * validation that runs is then ended and the checkpoint written. A second SIGINT ends the program at once. */
training_end training_run(training *t);

/* Reads what a checkpoint keeps of what is counted; 0 where the model is none of a training like this one. Then
 * takes it out of the model. */
int training_recall(training *t);
void training_forget(vae_model *model);

/* The warm-ups of the optimizer, in steps: validation counts behind them. */
uint64_t training_warm_up(const vae_optimizer *optimizer);

#endif
