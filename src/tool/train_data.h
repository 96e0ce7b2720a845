/* The rows of `vae train`: those to train on and those that are held out. */
#ifndef TOOL_TRAIN_DATA_H
#define TOOL_TRAIN_DATA_H

#include "command.h"

/* Of two files, or two parts of one. Returns an exit status; what was opened is the caller's in either case. */
int train_data_open(const tool_call *call, vae_context *context, vae_dataset **data,
                    vae_dataset **heldout);

#endif
