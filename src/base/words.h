/* Words that are unknown: the nearest known one, the names that other libraries use, and the message
 * with both. */
#ifndef VAE_BASE_WORDS_H
#define VAE_BASE_WORDS_H

#include "base/text.h"

/* The best of the names it was offered. Start with {.text = ..., .length = ...}. */
typedef struct vae__nearest {
    const char *text; /* the unknown word, not 0-terminated */
    size_t length;
    const char *name; /* the nearest one so far; NULL if none is near enough to be meant */
    size_t distance;
} vae__nearest;

void vae__nearest_offer(vae__nearest *nearest, const char *name);

/* The nearest of `names`, which end in NULL, or NULL if none is near enough to be meant. Upper and
 * lower case count as the same. */
const char *vae__nearest_name(const char *text, size_t length, const char *const *names);

/* "; did you mean 'NAME'?", or "" for NULL. Returns buffer. */
#define VAE__SUGGESTION_SIZE 96
const char *vae__suggestion(char buffer[VAE__SUGGESTION_SIZE], const char *name);

/* What other libraries call it: the name here, or, with name NULL, what to do instead. */
typedef struct vae__alias {
    const char *text, *name, *advice;
} vae__alias;

/* The entry for a word, or NULL. Upper and lower case count as the same; the list ends in a NULL text
 * and may itself be NULL. */
const vae__alias *vae__alias_find(const vae__alias *aliases, const char *text, size_t length);

/* Unknown word at `where`: "unknown <what> 'bernouli'; did you mean 'bernoulli'? (known: ...)".
 * names ends in NULL. */
vae_status vae__fail_unknown(const vae__slice *where, const char *what, const char *const *names);

/* The same, with names of other libraries, which may be NULL. */
vae_status vae__fail_unknown_alias(const vae__slice *where, const char *what,
                                   const char *const *names, const vae__alias *aliases);

#endif
