/* A model as named tensors in a file, and back. */
#ifndef VAE_TRAIN_PERSIST_H
#define VAE_TRAIN_PERSIST_H

#include "model/model.h"
#include "store/safetensors.h"

vae_status vae__model_write_file(const vae_model *model, const char *path);
vae_status vae__model_write_memory(const vae_model *model, void *buffer, size_t size,
                                   size_t *length);

/* The entries of __metadata__ that make a file a model's are VAE__FORMAT_KEY, with this value, and
 * VAE__SPEC_KEY (model/metadata.h has the keys). Behind them stand those that the model carries. */
#define VAE__MODEL_FORMAT "libvae-1"

/* A file may also hold what training needs to go on (checkpoint.h): VAE__CHECKPOINT_KEY says so, these
 * entries are part of it, and its tensors' names begin with VAE__OPTIMIZER_KEYS. */
#define VAE__OPTIONS_KEY VAE__OPTIMIZER_KEYS "options"
#define VAE__STEPS_KEY VAE__OPTIMIZER_KEYS "steps"
#define VAE__AVERAGED_KEY VAE__OPTIMIZER_KEYS "averaged"
#define VAE__DATASET_KEY VAE__DATASET_KEYS
#define VAE__EPOCH_KEY VAE__DATASET_KEYS ".epoch"
#define VAE__POSITION_KEY VAE__DATASET_KEYS ".position"

/* `label` names the bytes in messages: a path, or "memory". */
vae_status vae__model_read_memory(vae_context *context, const char *label, const void *bytes,
                                  size_t size, vae_model **out);
vae_status vae__model_read_file(vae_context *context, const char *path, vae_model **out);

/* ---- parts, for checkpoints ---- */

/* The first entries of a file, "format" and "spec". Returns how many. */
size_t vae__list_model_keys(const vae_model *model, vae__metadata *entries);

/* The last entries of a file, what the model carries; in a checkpoint without keys that are the training's
 * there. entries [model->metadata.count]. Returns how many. */
size_t vae__list_model_metadata(const vae_model *model, int checkpoint, vae__metadata *entries);

/* Values of all kernels of convolutions, which lie in another order than in files. */
size_t vae__kernel_total(const vae__parameters *parameters);

/* values, laid out as the parameter's, under a name. Those of a kernel are copied in the order of files to
 * *kernels, which moves on behind them. */
vae__tensor vae__tensor_of(const char *name, const vae__parameter *parameter,
                           const vae__real *values, vae__real **kernels);

/* All bytes of a safetensors file, to be released with vae__release. */
vae_status vae__tensor_file(vae_context *context, const char *path, unsigned char **bytes,
                            size_t *size);

/* The tensor of that name into values laid out as the parameter's: finite and at least `least`. */
vae_status vae__tensor_read(const char *label, const vae__bundle *bundle, const char *name,
                            const vae__parameter *parameter, double least, vae__real *values);
vae_status vae__model_from_bundle(vae_context *context, const char *label,
                                  const vae__bundle *bundle, vae_model **out);

#endif
