/* What is done with a model or a data set that came out of hostile input, and must hold for it. */
#ifndef TESTS_FUZZ_SUBJECTS_H
#define TESTS_FUZZ_SUBJECTS_H

#include "fuzz/support.h"

/* Whether a model's samples are made in a moment: not those of a diffusion of thousands of steps. */
int fuzz_runs_soon(const vae_model *model);

/* Canonical spec, use, and saving again, within the context's limit. A large model is not run. */
void fuzz_model(vae_context *context, const vae_model *model);

/* Keys and values go together, and may be changed or are refused. Changes the model. */
void fuzz_metadata(vae_model *model);

/* Two models carry the same metadata. */
void fuzz_same_metadata(const vae_model *a, const vae_model *b);

/* Every parameter is finite. */
void fuzz_finite(const vae_model *model);

/* The model's file, NULL if the limit leaves no room; free it. */
unsigned char *fuzz_saved(const vae_model *model, size_t *size);

/* Offsets and ranges of all columns are numbers that can be computed with. */
void fuzz_scaling(const vae_dataset *dataset);

/* Opens a file of data with these options and reads a few rows. 1 if it opened. */
int fuzz_table(vae_context *context, const char *path, const char *options);

/* A file that opens uncompressed has the same rows compressed. */
void fuzz_compressed(vae_context *context, const void *data, size_t size);

#endif
