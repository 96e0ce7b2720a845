/* Files that the tool writes: whole or not at all. What is written goes to a temporary file in the same folder,
 * which takes the place of the old one when it is complete; a signal that ends the program removes it. */
#ifndef TOOL_OUTPUT_H
#define TOOL_OUTPUT_H

#include <stdio.h>

#include "command.h"

typedef struct output {
    const tool_call *call;
    const char *path; /* as given; "-" is standard output */
    char *target;     /* the file behind symbolic links */
    char *temporary;  /* NULL: written to directly */
    FILE *file;
} output;

/* The reader of standard output has left. What is still to be written there goes nowhere. */
extern int output_reader_left;

/* Refuses, before anything is computed, a path that cannot be written or is one of the files that are read
 * (NULL entries are passed over). Says why; returns an exit status. */
int output_check(const tool_call *call, const char *path, const char *const *inputs, size_t count);

/* Each returns TOOL_DONE, or says why not and returns TOOL_FAILED. An output that was opened is to be
 * committed or abandoned. */
int output_open(const tool_call *call, output *out, const char *path);
int output_write(output *out, const void *bytes, size_t size);
int output_commit(output *out);
void output_abandon(output *out);

/* All three for a text. */
int output_text(const tool_call *call, const char *path, const char *said, size_t length);

/* Makes the folder unless it is there. */
int output_make_folder(const tool_call *call, const char *path);

#endif
