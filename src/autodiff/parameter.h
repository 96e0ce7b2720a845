/* Named tensors that a graph reads and training changes. A model owns one list; all of its graphs
 * refer to it by index. */
#ifndef VAE_AUTODIFF_PARAMETER_H
#define VAE_AUTODIFF_PARAMETER_H

#include "base/memory.h"
#include "base/real.h"
#include "base/shape.h"

#define VAE__PARAMETER_NAME 64

typedef struct vae__parameter {
    char name[VAE__PARAMETER_NAME]; /* "encoder.0.weight" */
    vae__shape shape;               /* a weight is [out, in]; a bias [out] */
    size_t rows, columns;           /* as a matrix: the first extent, the product of the others */
    size_t taps;       /* of a kernel [a, b, k, k] that lies as [a, k, k, b]: k k; else 0 */
    vae__real *values; /* [rows, columns], 64-byte aligned, inside the list's block */
    int trainable;     /* 0: state that is saved but not optimised */
    unsigned group;    /* a bit: a graph trains some groups (vae__graph.trained) */
    int positive;      /* its values are above 0 */
    int optional;      /* its values are at least 0; all 0, what it starts as, stands in no file */
} vae__parameter;

typedef struct vae__parameters {
    vae__parameter *items;
    size_t count, capacity;
    vae__real *block;   /* all values */
    size_t block_count; /* values in it, alignment gaps included */
} vae__parameters;

/* Appends a parameter without values; *index is its place. rank 1: columns is 1. */
vae_status vae__parameters_add(vae_context *context, vae__parameters *list, const char *name,
                               size_t rank, size_t rows, size_t columns, int trainable,
                               size_t *index);

/* The kernel of a convolution: its shape, the public one, is [rows, channels, kernel, kernel]; its values lie
 * as [rows, kernel, kernel, channels]. */
vae_status vae__parameters_add_kernel(vae_context *context, vae__parameters *list, const char *name,
                                      size_t rows, size_t channels, size_t kernel, size_t *index);

/* Allocates the values of the whole list, zeroed. */
vae_status vae__parameters_allocate(vae_context *context, vae__parameters *list);
void vae__parameters_free(vae_context *context, vae__parameters *list);

/* NULL if there is none of that name. */
vae__parameter *vae__parameters_find(const vae__parameters *list, const char *name);

/* Whether it says anything: not where it is optional and all 0. Then no file has it, and the caller
 * does not see it. */
int vae__parameter_counts(const vae__parameter *parameter);

static inline size_t vae__parameter_size(const vae__parameter *parameter) {
    return parameter->shape.size;
}

/* Where value number i, counted in the order of the parameter's shape, lies among its values; and among
 * moments and gradients, which lie as the values do. Files and hosts see the order of the shape. */
static inline size_t vae__parameter_place(const vae__parameter *parameter, size_t i) {
    if (!parameter->taps) return i;
    size_t within = i % parameter->columns, channels = parameter->columns / parameter->taps;
    return i - within + within % parameter->taps * channels + within / parameter->taps;
}

#endif
