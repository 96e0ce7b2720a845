/* A static graph: values, and nodes that make values from values. Built once, planned (plan.h), run
 * many times (run.h). Knows shapes and derivatives; knows no model. */
#ifndef VAE_AUTODIFF_GRAPH_H
#define VAE_AUTODIFF_GRAPH_H

#include "autodiff/parameter.h"
#include "tensor/kernels.h"

typedef uint32_t vae__id; /* of a value, a node or a parameter, in its list */
#define VAE__NONE UINT32_MAX

/* How many rows a value has when the graph runs on n rows with K samples each. The samples of a row
 * are neighbours: sample k of row r is at r K + k. */
typedef enum vae__extent { VAE__PER_ROW, VAE__PER_SAMPLE, VAE__PER_BATCH } vae__extent;

typedef struct vae__value {
    const char *name; /* for the printed plan; outlives the graph */
    size_t width;
    vae__extent extent;
    int is_double;      /* per-row sums are kept in double; all else is vae__real */
    int needs_gradient; /* a parameter stands before it */
    vae__id producer;   /* VAE__NONE: an input */
    size_t consumers, differentiable_consumers; /* all; those that pass a gradient back */
    int is_result;                              /* read by the caller after the run */
} vae__value;

/* Whether the value's gradient is computed: it leads to a parameter and something that passes
 * gradients back reads it. */
static inline int vae__has_gradient(const vae__value *value) {
    return value->needs_gradient && value->differentiable_consumers > 0;
}

enum { VAE__MOST_INPUTS = 4, VAE__MOST_OUTPUTS = 8, VAE__MOST_PARAMETERS = 2 };

struct vae__op;

typedef struct vae__node {
    const struct vae__op *op;
    const void *attributes; /* the op's own constants; outlive the graph */
    size_t size;            /* one number for ops that need no more, e.g. dense's width */
    vae__id inputs[VAE__MOST_INPUTS], outputs[VAE__MOST_OUTPUTS], parameters[VAE__MOST_PARAMETERS];
    size_t input_count, output_count, parameter_count;
} vae__node;

typedef struct vae__graph {
    vae_context *context;
    const vae__parameters *parameters;
    vae__value *values;
    vae__node *nodes;
    size_t value_count, value_capacity, node_count, node_capacity;
    vae__id
        inputs[VAE__MOST_INPUTS]; /* values that the caller feeds, in the order they were added */
    size_t input_count;
} vae__graph;

/* What forward and backward see: their share of the rows. Pointers are at the share's first row; a
 * value of extent PER_SAMPLE has rows * samples of them. */
typedef struct vae__call {
    const vae__kernels *kernels;
    const vae__graph *graph;
    const vae__node *node;
    size_t rows, samples, batch_rows; /* rows of this share, of the whole batch */
    const void *input[VAE__MOST_INPUTS];
    void *output[VAE__MOST_OUTPUTS];
    vae__real *input_gradient[VAE__MOST_INPUTS];   /* to be written; NULL: not wanted */
    vae__real *output_gradient[VAE__MOST_OUTPUTS]; /* NULL: zero */
    const vae__real *parameter[VAE__MOST_PARAMETERS];
    const vae__real
        *bias; /* of the dense layer in front, left to this node (VAE__OP_TAKES_BIAS); or NULL */
    int skip_bias;      /* dense: the next node adds it */
    int wants_gradient; /* a training run */
    int gradient_known; /* forward: output_gradient already holds its value */
} vae__call;

static inline const vae__value *vae__call_input(const vae__call *call, size_t i) {
    return &call->graph->values[call->node->inputs[i]];
}

static inline const vae__value *vae__call_output(const vae__call *call, size_t i) {
    return &call->graph->values[call->node->outputs[i]];
}

/* Rows that a value has in this share. */
static inline size_t vae__call_rows(const vae__call *call, const vae__value *value) {
    return value->extent == VAE__PER_SAMPLE ? call->rows * call->samples : call->rows;
}

/* One term of a parameter's gradient: [rows, columns] += delta^T input, or the column sums of delta
 * without an input. */
typedef struct vae__contribution {
    vae__id delta; /* value whose gradient, or which itself, is delta */
    int delta_is_gradient;
    vae__id input; /* VAE__NONE: ones */
} vae__contribution;

enum {
    VAE__OP_IN_PLACE = 1, /* output 0 and its gradient may live in input 0's buffers */
    VAE__OP_TAKES_BIAS =
        2, /* adds the bias of a dense layer in front while it passes over the values */
    VAE__OP_REDUCE = 4,        /* reads all rows: ends a row segment, runs once */
    VAE__OP_KEEPS_INPUT = 8,   /* backward reads inputs */
    VAE__OP_KEEPS_OUTPUT = 16, /* backward reads outputs */
    VAE__OP_OVERWRITES_INPUT =
        32,                    /* input 0's gradient takes input 0's place, already in forward */
    VAE__OP_LEAVES_BIAS = 128, /* its last parameter is a bias that the next node may add instead */
    VAE__OP_GRADIENT_FIRST =
        64 /* its input gradients depend on no value: backward runs before everything */
};

typedef struct vae__op {
    const char *name;
    unsigned traits;
    /* Checks the inputs' widths and adds the outputs (vae__graph_output). */
    vae_status (*infer)(vae__graph *graph, vae__node *node);
    /* NULL: nothing to compute. */
    void (*forward)(const vae__call *call);
    /* Writes each wanted input_gradient whole. NULL: no gradient passes. */
    void (*backward)(const vae__call *call);
    /* What parameter number `which` of the node gets; only for ops with parameters. */
    vae__contribution (*contribution)(const vae__node *node, size_t which);
} vae__op;

/* `parameters` must outlive the graph. */
void vae__graph_begin(vae__graph *graph, vae_context *context, const vae__parameters *parameters);
void vae__graph_free(vae__graph *graph);

/* A value that the caller feeds at each run. */
vae_status vae__graph_input(vae__graph *graph, const char *name, size_t width, vae__extent extent,
                            vae__id *value);

/* Description of a node to add. The lists hold input_count and parameter_count entries. */
typedef struct vae__node_spec {
    const vae__op *op;
    const void *attributes;
    size_t size;
    size_t input_count, parameter_count;
    vae__id inputs[VAE__MOST_INPUTS], parameters[VAE__MOST_PARAMETERS];
} vae__node_spec;

/* Adds a node; *first_output is its output 0, further ones follow it; an op may have none. */
vae_status vae__graph_add(vae__graph *graph, const vae__node_spec *spec, vae__id *first_output);

/* For infer: adds the node's next output. */
vae_status vae__graph_output(vae__graph *graph, vae__node *node, const char *name, size_t width,
                             vae__extent extent, int is_double);

/* Keeps a value until the end of the run, for the caller to read. */
void vae__graph_result(vae__graph *graph, vae__id value);

#endif
