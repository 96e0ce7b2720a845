/* Graph + row capacity -> an ordered list of kernel calls, with every buffer at a fixed offset of one arena.
 * A plan is made once and run by any number of workspaces; it does not change afterwards, so that any number
 * of threads may read it.
 *
 * The arena (plan_memory.c)
 *
 *     0             common_size                                                         arena_size
 *     | common       | local of thread 0 | local of thread 1 | ... | scratch of the threads |
 *
 *   common   values that more than one segment reads, that the caller reads after the run, or that the
 *            weight phase reads: all rows of the batch. After the rows are done the weight phase uses
 *            the bytes that nobody needs any more, for blocks of the gradient and for partial sums.
 *   local    values that live within one segment: one slice of at most slice_rows rows, overwritten by the
 *            next slice of the same thread. So what inference needs grows with the slice, not with the
 *            batch.
 *
 * Invariants: two buffers that are in use at the same time never share bytes. Threads go through a segment
 * at their own pace, so a common buffer that is used in a segment is in use from its first step to its last;
 * a local one only from its own first use to its last, since one thread runs these in order. */
#ifndef VAE_AUTODIFF_PLAN_H
#define VAE_AUTODIFF_PLAN_H

#include "autodiff/graph.h"
#include "base/text.h"

#define VAE__NOWHERE SIZE_MAX

/* One kernel call. */
typedef struct vae__plan_step {
    vae__id node;
    int backward;
    int gradient_known; /* the gradient of output 0 was written by a step before this one */
} vae__plan_step;

/* A stretch of steps that each thread runs on its rows without waiting for others; or, with `once`, a single
 * step that sees all rows and runs on one thread. */
typedef struct vae__segment {
    size_t first, count;
    int once;
} vae__segment;

/* Where a value, a gradient or an extra gradient lies. */
typedef struct vae__place {
    size_t
        offset; /* bytes into the arena, or into the thread's local part; VAE__NOWHERE: not used */
    int is_local;
} vae__place;

/* The gradient of one parameter from one node. */
typedef struct vae__term {
    vae__id parameter, node;
    size_t which;    /* number of the parameter in the node's list */
    size_t measured; /* place of the node in `measured` */
} vae__term;

/* A block of whole rows of one parameter: the unit of the weight phase. */
typedef struct vae__weight_block {
    vae__id parameter;
    size_t first_row, rows;
    size_t first_term, term_count; /* in `terms`, which are sorted by parameter */
    size_t partial; /* the parameter's place in `partials`; VAE__NOWHERE: it has none there */
} vae__weight_block;

/* A parameter whose gradient is summed over chunks of rows first. */
typedef struct vae__partial {
    vae__id parameter;
    size_t first_term, term_count;
    size_t chunk_rows; /* rows of the batch in a chunk */
    size_t offset;     /* of the sums, [chunks, parameter] */
} vae__partial;

typedef struct vae__plan {
    const vae__graph *graph;
    size_t capacity, samples; /* rows of the largest batch; K */
    size_t threads, slice_rows;
    int training;
    vae__place *values, *gradients; /* by value */
    /* [node, VAE__MAX_INPUTS]: where a node puts an input gradient that is then added to what another node
     * has written, for values with several readers; VAE__NOWHERE: straight to its place. */
    vae__place *extras;
    int feeds_fixed; /* some input has a fixed number of rows */
    size_t *feeds; /* by value: its place among the graph's inputs; VAE__NOWHERE: a node makes it */
    vae__id *bias_of; /* by node: the parameter that it adds for the dense layer in front */
    unsigned char *skips_bias; /* by node: dense layers whose bias the next node adds */
    unsigned char *runs_backward, *has_gradient; /* by node; by value */
    vae__plan_step *steps;
    size_t step_count;
    vae__segment *segments;
    size_t segment_count;
    vae__term *terms;
    size_t term_count;
    vae__id *measured; /* nodes whose sums bound the gradient */
    size_t measured_count;
    vae__weight_block *blocks;
    size_t block_count, largest_block; /* values of the largest block */
    vae__partial *partials;
    size_t partial_count;
    size_t block_offset; /* [threads, largest_block] in the arena */
    size_t common_size, local_size, scratch_size,
        arena_size; /* bytes; of one thread: local, scratch */
    double work;    /* multiply-adds of a row, to decide how many threads to use */
} vae__plan;

/* samples: K of the values of samples. training: with backward and weight phases. `graph` must outlive the
 * plan. Fails for sizes that cannot be addressed or that no matrix product takes, and for lack of memory;
 * the plan is then empty. */
vae_status vae__plan_make(const vae__graph *graph, size_t capacity, size_t samples, int training,
                          vae__plan *plan);
void vae__plan_free(vae__plan *plan);

/* Appends the plan as text, one step a line. (plan_print.c) */
void vae__plan_print(const vae__plan *plan, vae__buffer *out);

/* The largest K of a run on `rows` rows, where that may be another than the plan's. */
size_t vae__plan_max_samples(const vae__plan *plan, size_t rows);

/* Threads for a run on `rows` rows of K = samples: as many as its work is worth. */
size_t vae__plan_workers(const vae__plan *plan, size_t rows, size_t samples);

/* Bytes of one row of a value. */
static inline size_t vae__value_row_bytes(const vae__value *value) {
    return value->width * (value->is_double ? sizeof(double) : sizeof(vae__real));
}

/* ---- for plan.c only ---- */

/* Terms, blocks, partial sums and measures of the parameters that are trained. (plan_weights.c) */
vae_status vae__plan_weights(vae__plan *plan);

/* Gives every buffer its place. (plan_memory.c) */
vae_status vae__plan_memory(vae__plan *plan);

#endif
