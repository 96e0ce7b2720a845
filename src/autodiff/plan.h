/* Graph + row capacity -> an ordered list of kernel calls with every buffer at a fixed offset of
 * one arena. Made once, run many times by any number of workspaces. */
#ifndef VAE_AUTODIFF_PLAN_H
#define VAE_AUTODIFF_PLAN_H

#include "autodiff/graph.h"
#include "base/text.h"

#define VAE__NOWHERE SIZE_MAX

/* One kernel call. */
typedef struct vae__plan_step {
    vae__id node;
    int backward;
} vae__plan_step;

/* A stretch of steps that each share of rows runs through without waiting; a reduce step is a
 * segment of its own. */
typedef struct vae__segment {
    size_t first, count;
    int reduces;
} vae__segment;

/* Gradient of one parameter from one place. */
typedef struct vae__term {
    vae__id parameter;
    vae__contribution contribution;
    int measures_delta,
        measures_input; /* first term with this array: its norm is taken here (see run.h) */
} vae__term;

/* A block of whole output rows of one parameter: the unit of the weight phase. */
typedef struct vae__weight_block {
    vae__id parameter;
    size_t first_row, rows;
    size_t first_term, term_count; /* in `terms`, which are sorted by parameter */
} vae__weight_block;

typedef struct vae__plan {
    const vae__graph *graph;
    size_t capacity, samples; /* largest batch; K */
    int training;
    size_t *value_offset, *gradient_offset; /* bytes into the arena by value; VAE__NOWHERE */
    size_t *extra_offset; /* [node, VAE__MOST_INPUTS]: where a node puts an input gradient that is
                             then added to another node's, for values with several consumers;
                             VAE__NOWHERE: straight to its place */
    vae__id *bias_of;     /* by node: the parameter that it adds for the dense layer in front */
    unsigned char *skips_bias; /* by node: dense layers whose bias the next node adds */
    vae__plan_step *steps;
    size_t step_count;
    vae__segment *segments;
    size_t segment_count;
    vae__term *terms;
    size_t term_count;
    vae__weight_block *blocks;
    size_t block_count, largest_block; /* values of the largest block */
    size_t scratch_offset;             /* [threads, largest_block] in the arena */
    size_t arena_size;                 /* bytes */
    double work; /* multiply-adds per row, to decide on how many threads to use */
} vae__plan;

/* samples: K of the PER_SAMPLE values. training: with backward and weight phases. `graph` must
 * outlive the plan. */
vae_status vae__plan_make(const vae__graph *graph, size_t capacity, size_t samples, int training,
                          vae__plan *plan);
void vae__plan_free(vae__plan *plan);

/* Appends the plan as text, one step a line. */
void vae__plan_print(const vae__plan *plan, vae__buffer *out);

/* Rows of a value when the plan runs on `rows` rows. */
size_t vae__plan_rows(const vae__plan *plan, const vae__value *value, size_t rows);

/* Bytes of one row of a value. */
size_t vae__value_row_bytes(const vae__value *value);

#endif
