/* From what a model computes with back to the numbers of the file: stored = x range + offset. */
#ifndef TOOL_UNITS_H
#define TOOL_UNITS_H

#include <stddef.h>

#include "vae.h"

typedef struct units {
    double *offset; /* [width]; NULL where x is what the file has */
    double range;
    int is_broken; /* the words cannot be read */
} units;

/* The words that read another file as this data set was read, for those of `given` (NULL: none) that say it: what
 * scale=unit and shift=columns found becomes numbers. To be freed. */
char *units_options(const vae_dataset *data, const char *given);

/* What such words mean for rows of so many columns. 8-bit data stays in [0, 1]: it has no such words. */
void units_read(units *to, const char *options, size_t width);
void units_free(units *of);

/* A value of column `column` as the file has it, and how close to it the next float of x is. */
double units_stored(const units *of, size_t column, float x, double *resolution);

#endif
