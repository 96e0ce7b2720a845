/* A model as named tensors in a file, and back. */
#ifndef VAE_TRAIN_PERSIST_H
#define VAE_TRAIN_PERSIST_H

#include "model/model.h"
#include "store/safetensors.h"

vae_status vae__model_write_file(const vae_model *model, const char *path);
vae_status vae__model_write_memory(const vae_model *model, void *buffer, size_t size,
                                   size_t *length);

/* `label` names the bytes in messages: a path, or "memory". */
vae_status vae__model_read_memory(vae_context *context, const char *label, const void *bytes,
                                  size_t size, vae_model **out);
vae_status vae__model_read_file(vae_context *context, const char *path, vae_model **out);

#endif
