/* Training for whole epochs: validation, early stopping, best weights, progress. */
#ifndef VAE_TRAIN_LOOP_H
#define VAE_TRAIN_LOOP_H

#include "train/step.h"

/* The next mini-batch of the data set and one update, report complete. */
vae_status vae__step_dataset(vae_optimizer *optimizer, vae_dataset *dataset,
                             vae_step_report *report);

vae_status vae__train(vae_optimizer *optimizer, vae_dataset *dataset, const vae_dataset *validation,
                      const char *options, vae_train_fn callback, void *user);

#endif
