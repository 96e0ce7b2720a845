/* The list of model kinds. To add one: a file that defines its vae__model_kind, its name in VAE__MODEL_KINDS. */
#include "model/kind.h"

#define DECLARE(name) extern const vae__model_kind vae__model_kind_##name;
VAE__MODEL_KINDS(DECLARE)

#define ENTRY(name) &vae__model_kind_##name,
const vae__model_kind *const vae__model_kinds[] = {VAE__MODEL_KINDS(ENTRY) NULL};

#define NAME(name) #name,
const char *const vae__model_names[] = {VAE__MODEL_KINDS(NAME) NULL};
