/* What the doors share: argument checks whose messages name the function and the argument. */
#ifndef VAE_API_DOORS_H
#define VAE_API_DOORS_H

#include "base/context.h"

/* Retains the given context, or makes a default one (malloc, one thread, silent) for NULL. */
vae_status vae__context_resolve(vae_context *given, vae_context **out);

/* Fails unless `pointer` is set: "vae_encode: x is NULL". */
vae_status vae__need(const void *pointer, const char *function, const char *argument);

/* Fails unless found == expected: "vae_encode: width is 10; expected 784, the model's input". */
vae_status vae__need_width(size_t found, size_t expected, const char *function,
                           const char *argument, const char *owner);

/* Copies text with its final 0 as far as it fits; *length is what the whole of it needs. */
void vae__give_text(const char *text, char *buffer, size_t size, size_t *length);

#endif
