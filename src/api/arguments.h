/* What all public functions share: checks of arguments, whose messages name the function and the argument, and texts
 * that are handed out. */
#ifndef VAE_API_ARGUMENTS_H
#define VAE_API_ARGUMENTS_H

#include "data/dataset.h"
#include "model/model.h"

/* Retains the given context, or makes a default one (malloc, one thread, silent) for NULL. */
vae_status vae__context_resolve(vae_context *given, vae_context **out);

/* Fails unless `pointer` is set: "vae_encode: x is NULL". */
vae_status vae__need(const void *pointer, const char *function, const char *argument);

/* Fails unless found == expected: "vae_encode: width is 10; expected 784, the model's input". */
vae_status vae__need_width(size_t found, size_t expected, const char *function,
                           const char *argument, const char *owner);

/* Fails if the model was initialized with rows from which another shift was subtracted than from
 * those of the data set, which is as wide as the model: "vae_step: the data set subtracts 0 ...". */
vae_status vae__need_shift(const vae_model *model, const vae_dataset *dataset, const char *function,
                           const char *rows);

/* Says in the log that rows are shifted though the model, which standardizes, records no shift. */
void vae__log_unknown_shift(const vae_model *model, const vae_dataset *dataset,
                            const char *function);

/* Copies text with its final 0 as far as it fits; *length is what the whole of it needs. */
void vae__give_text(const char *text, char *buffer, size_t size, size_t *length);

#endif
