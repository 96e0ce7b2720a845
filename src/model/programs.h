/* The programs of a model: each is made by the first call that asks for it and kept with the model. They and
 * their workspaces are all that a const call changes; both are published by atomic pointers. */
#ifndef VAE_MODEL_PROGRAMS_H
#define VAE_MODEL_PROGRAMS_H

#include "model/model.h"

/* The program of that name. VAE_ERROR_UNSUPPORTED: this kind of model has none; else lack of memory. */
vae_status vae__model_program(const vae_model *model, const char *name, vae__program **out);

/* Frees all of them, for a model that nobody uses. */
void vae__model_drop_programs(vae_model *model);

/* A workspace of the program for one call, with a message that says what the memory was for. */
vae_status vae__model_take(vae__program *program, vae__workspace **out);

#endif
