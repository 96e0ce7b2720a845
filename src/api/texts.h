/* All texts that the library reads, side by side: a key that was given to the wrong one is sent where it
 * belongs. Only this floor knows all of their tables. */
#ifndef VAE_API_TEXTS_H
#define VAE_API_TEXTS_H

#include "base/options.h"

extern const vae__option_table vae__context_table;

/* Fails for a key that `table` does not know but another text's table does: "optimizer:1:6: unknown
 * option 'epochs': it belongs to vae_train". Everything else about the text is left to its parser.
 * text NULL is "". */
vae_status vae__check_keys(const vae__option_table *table, const char *text);

#endif
