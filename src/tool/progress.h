/* Shows how training goes: a table with one line per epoch and, on a terminal, a bar below it that
 * moves. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdint.h>
#include <stdio.h>

#include "vae.h"

typedef struct progress {
    uint64_t epochs, rows_per_epoch, steps_per_epoch;
    uint64_t rows, steps;    /* done so far */
    uint64_t rows_before;    /* of these, done before a training was resumed */
    FILE *to;                /* where all is printed */
    double begun;            /* seconds of a clock that never goes back */
    double resumed;          /* when the library last got the thread back */
    double drawn;            /* when the bar was last drawn */
    double training_seconds; /* without validation and callbacks */
    double rows_begun;       /* when progress_rows was first called for this call; 0: not yet */
    uint64_t rows_first;     /* and the rows done by then */
    const char *work;        /* what progress_rows says is done; NULL: "evaluation" */
    int terminal, table;
} progress;

/* Call right before vae_train. */
void progress_begin(progress *state, uint64_t epochs, const vae_dataset *train);

/* The same without the table: only the bar. `train` may be NULL where progress_rows alone is used. */
void progress_begin_bar(progress *state, uint64_t epochs, const vae_dataset *train);

/* The same as a table on `to`, for a training of which so many rows and steps were done before. */
void progress_resume(progress *state, FILE *to, uint64_t epochs, const vae_dataset *train,
                     uint64_t rows, uint64_t steps);

/* Prints the bar to `to` from here on. */
void progress_use(progress *state, FILE *to);

/* A vae_train_fn whose user is a progress; or to be called from one. */
int32_t progress_update(void *state, int32_t event, const vae_step_report *train,
                        const vae_step_report *validation);

/* A vae_progress_fn whose user is a progress: draws the bar for a call over `total` rows. */
int32_t progress_rows(void *state, uint64_t done, uint64_t total);

/* Takes the bar off the screen, also after an error. */
void progress_end(const progress *state);

double progress_seconds(const progress *state); /* since progress_begin */
double progress_rows_per_second(
    const progress *state); /* while training; 0 before the first step */

#endif
