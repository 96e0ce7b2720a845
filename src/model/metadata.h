/* The texts that a model carries beside its spec, each under a key: what the host or another program noted, and
 * what the library itself notes about the model. In the order in which they came. A change makes the whole list
 * anew, so one that fails leaves the old list as it was. Knows no file. */
#ifndef VAE_MODEL_METADATA_H
#define VAE_MODEL_METADATA_H

#include "base/context.h"

typedef struct vae__metadata_entry {
    const char *key, *value;
} vae__metadata_entry;

typedef struct vae__model_metadata {
    vae__metadata_entry *entries; /* [count]; NULL if there are none */
    size_t count;
    char *text; /* what the entries point to */
} vae__model_metadata;

/* Keys that are the library's own: these, and all that begin with one of the last two. */
#define VAE__FORMAT_KEY "format"
#define VAE__SPEC_KEY "spec"
#define VAE__CHECKPOINT_KEY "checkpoint"
#define VAE__OPTIMIZER_KEYS "optimizer."
#define VAE__DATASET_KEYS "dataset"

int vae__metadata_is_reserved(const char *key);

/* Bytes of all keys and values together that may be set. Escaped in a file's header (six bytes for one, at
 * the worst, and six around each entry) they leave room for the tensors below the format's limit. */
#define VAE__METADATA_LIMIT ((size_t)10000000)

/* NULL if there is no such key. */
const char *vae__metadata_find(const vae__model_metadata *metadata, const char *key);

/* Sets the value of a key, reserved or not; NULL removes it. key and value may be texts of the list itself.
 * Refused: an empty key (VAE_ERROR_ARGUMENT), what is not UTF-8 (VAE_ERROR_TEXT), what would grow beyond
 * the limit (VAE_ERROR_ARGUMENT). */
vae_status vae__metadata_put(vae_context *context, vae__model_metadata *metadata, const char *key,
                             const char *value);

/* *out becomes a copy of entries [count], whose keys differ, whatever they hold. */
vae_status vae__metadata_copy(vae_context *context, const vae__metadata_entry *entries,
                              size_t count, vae__model_metadata *out);

void vae__metadata_free(vae_context *context, vae__model_metadata *metadata);

#endif
