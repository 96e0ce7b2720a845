/* What the tool keeps with a model: text by key, in the metadata of the model's file. */
#ifndef TOOL_SETTINGS_H
#define TOOL_SETTINGS_H

#include "vae.h"

#define SETTINGS_DATA "tool.data"       /* options that read a file as the training file was read */
#define SETTINGS_COLUMNS "tool.columns" /* names of the columns, one line of CSV */
#define SETTINGS_ELBO "tool.heldout_elbo"    /* of this model, as vae train measured it */
#define SETTINGS_THRESHOLD "score.threshold" /* scores above it are alarms */
#define SETTINGS_SCORE "score.options"       /* of vae_score, with which the threshold was made */

/* value NULL removes. */
vae_status settings_set(vae_model *model, const char *key, const char *value);

/* NULL where there is none; valid until the next settings_set. */
const char *settings_get(const vae_model *model, const char *key);

/* Key number `index` from 0; NULL past the last. */
const char *settings_key(const vae_model *model, size_t index);

/* The library's functions of these names, with the settings. */
vae_status settings_model_save(const vae_model *model, const char *path);
vae_status settings_model_load(vae_context *context, const char *path, vae_model **out);
vae_status settings_checkpoint_save(const vae_model *model, const vae_optimizer *optimizer,
                                    const vae_dataset *dataset, const char *path);
vae_status settings_checkpoint_load(vae_context *context, const char *path, vae_dataset *dataset,
                                    vae_model **model, vae_optimizer **optimizer);
void settings_checkpoint_remove(const char *path);

#endif
