/* What `vae train` chooses where nothing is said: likelihood, latent width, decoder. */
#ifndef TOOL_CHOOSE_H
#define TOOL_CHOOSE_H

#include "command.h"
#include "text.h"

/* Appends the spec of a model for the rows, those that are held out among them, and lines that say what was
 * chosen and why. Returns an exit status. */
int choose_spec(const tool_call *call, const vae_dataset *data, const vae_dataset *heldout,
                text *spec, text *reasons);

/* Appends the options of the optimizer. */
void choose_optimizer(const tool_call *call, text *options);

#endif
