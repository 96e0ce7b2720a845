/* What training reported, epoch by epoch: kept, written as CSV, drawn. */
#ifndef HISTORY_H
#define HISTORY_H

#include <stddef.h>

#include "vae.h"

enum {
    HISTORY_EPOCH,
    HISTORY_TRAIN_ELBO,
    HISTORY_TRAIN_RECONSTRUCTION,
    HISTORY_TRAIN_KL,
    HISTORY_HELDOUT_ELBO,
    HISTORY_HELDOUT_RECONSTRUCTION,
    HISTORY_HELDOUT_KL,
    HISTORY_SECONDS, /* since training began, validation included */
    HISTORY_COLUMNS
};

typedef struct history {
    size_t count, capacity;
    double *column[HISTORY_COLUMNS]; /* [capacity] each */
} history;

/* Room for `epochs`. Returns 0, or -1 without memory. */
int history_create(history *out, size_t epochs);
void history_release(history *record);

/* For VAE_EVENT_EPOCH. Without validation the held-out columns hold NaN. Epochs beyond the room are
 * dropped. */
void history_add(history *record, const vae_step_report *train, const vae_step_report *validation,
                 double seconds);

/* Each returns NULL, or what went wrong. */
const char *history_write_csv(const history *record, const char *path);

/* ELBO, reconstruction and KL by epoch; the training means of an epoch at its middle, since the
 * parameters change during it. `level` is drawn across the ELBO under its name, unless
 * level_name is NULL. */
const char *history_plot(const history *record, const char *path, const char *title, double level,
                         const char *level_name);

#endif
