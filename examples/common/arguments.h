/* key=value arguments, alike in all examples. */
#ifndef ARGUMENTS_H
#define ARGUMENTS_H

#include <stddef.h>

typedef struct argument {
    const char *key, **value;
} argument;

/* Sets the value of the key of each argument; `known` ends in {NULL, NULL}. Returns NULL, or what is
 * wrong with *at, which then names the argument. Prints nothing. */
const char *arguments_parse(const argument *known, int count, char **arguments, const char **at);

/* A whole number from low to high; returns 0, or -1 if the text is anything else. */
int arguments_whole(const char *text, unsigned long low, unsigned long high, unsigned long *value);

/* Number of this machine's processors that a context can use. */
const char *arguments_all_processors(void);

/* Creates the folder unless it is there. Returns NULL, or what went wrong. */
const char *arguments_make_folder(const char *path);

#endif
