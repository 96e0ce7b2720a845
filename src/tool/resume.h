/* The options of an interrupted training, which the one that goes on with it takes over. */
#ifndef TOOL_RESUME_H
#define TOOL_RESUME_H

#include "command.h"

/* Sets the options of the call in the settings of the model that a checkpoint is written of. */
vae_status resume_keep_options(const tool_call *call, vae_model *model);
void resume_forget_options(vae_model *model);

/* Reads them into the call. One that is given again must be the same where it decides what is computed; epochs,
 * patience and threads may change. kept [TOOL_MOST_OPTIONS], to be freed: the texts that the call then refers to.
 * Returns an exit status. */
int resume_take_options(tool_call *call, const char *checkpoint, char **kept);

#endif
