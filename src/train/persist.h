/* A model as named tensors in a file, and back. */
#ifndef VAE_TRAIN_PERSIST_H
#define VAE_TRAIN_PERSIST_H

#include "model/model.h"
#include "store/safetensors.h"

vae_status vae__model_write_file(const vae_model *model, const char *path);
vae_status vae__model_write_memory(const vae_model *model, void *buffer, size_t size,
                                   size_t *length);

/* The entries of __metadata__ that make a file a model's: "format", and "spec". The shift of the rows
 * that it was initialized with stands beside them if there was one. */
#define VAE__MODEL_FORMAT "libvae-1"

/* The entries that a model has, into `list`. Returns how many. */
enum { VAE__MODEL_METADATA = 3 };
size_t vae__model_file_metadata(const vae_model *model, vae__metadata list[VAE__MODEL_METADATA]);

/* A file may also hold what training needs to go on (checkpoint.h): this entry says so, and its
 * tensors' names begin with VAE__TRAINING. */
#define VAE__CHECKPOINT_KEY "checkpoint"
#define VAE__TRAINING "optimizer."

/* `label` names the bytes in messages: a path, or "memory". */
vae_status vae__model_read_memory(vae_context *context, const char *label, const void *bytes,
                                  size_t size, vae_model **out);
vae_status vae__model_read_file(vae_context *context, const char *path, vae_model **out);

/* ---- parts, for checkpoints ---- */

/* values, laid out as the parameter's, under a name. */
vae__tensor vae__tensor_of(const char *name, const vae__parameter *parameter,
                           const vae__real *values);

/* All bytes of a safetensors file, to be released with vae__release. */
vae_status vae__tensor_file(vae_context *context, const char *path, unsigned char **bytes,
                            size_t *size);

/* The tensor of that name into values laid out as the parameter's: finite and at least `least`. */
vae_status vae__tensor_read(const char *label, const vae__bundle *bundle, const char *name,
                            const vae__parameter *parameter, double least, vae__real *values);
vae_status vae__model_from_bundle(vae_context *context, const char *label,
                                  const vae__bundle *bundle, vae_model **out);

#endif
