/* vae train --prior: a prior that is put on the latents after the training. */
#ifndef TOOL_TRAIN_PRIOR_H
#define TOOL_TRAIN_PRIOR_H

#include "command.h"

/* The library's text for the value of --prior; NULL where it was not given. To be freed. A mixture of few latents gets
 * full covariances where the text does not say. */
char *train_prior_text(const tool_call *call, const vae_model *model);

/* Before the training: whether the text is a prior that can be fitted to rows of `data`. Says what is wrong; the model
 * stays as it is. */
int train_prior_check(const tool_call *call, const vae_model *model, const vae_dataset *data);

/* After it: gives the model the prior and fits it to the rows of `data`. */
int train_prior_fit(const tool_call *call, vae_model *model, const vae_dataset *data, int quiet);

/* The distance of the aggregated posterior to the prior from which another prior is suggested: far more than
 * what chance makes of 500 draws. */
#define TRAIN_PRIOR_MISSES 0.01

#endif
