/* A static graph: values, and nodes that compute values from values. It is built once, planned (plan.h) and
 * run many times (run.h). It relies on the list of parameters and on the kernel table, knows shapes and
 * derivatives, and knows no model. */
#ifndef VAE_AUTODIFF_GRAPH_H
#define VAE_AUTODIFF_GRAPH_H

#include "autodiff/parameter.h"
#include "base/shape.h"
#include "tensor/kernels.h"

typedef uint32_t vae__id; /* of a value, a node or a parameter, in its list */
#define VAE__NONE UINT32_MAX

/* How many rows a value has when the graph runs on n rows with K samples each: n, n K, or a fixed number
 * that no batch changes. The fixed number is 1 for what is computed from the whole batch (a batch mean), or
 * more for rows that are parameters themselves (the pseudo-inputs of a prior). The samples of a row are
 * neighbours: sample k of row r is row r K + k. */
typedef size_t vae__domain;
#define VAE__PER_ROW SIZE_MAX
#define VAE__PER_SAMPLE (SIZE_MAX - 1)
#define VAE__PER_BATCH ((vae__domain)1)

static inline int vae__domain_is_fixed(vae__domain domain) {
    return domain < VAE__PER_SAMPLE;
}

static inline size_t vae__domain_rows(vae__domain domain, size_t rows, size_t samples) {
    if (domain == VAE__PER_ROW) return rows;
    return domain == VAE__PER_SAMPLE ? rows * samples : domain;
}

/* Order of the numbers of one row of shape [channels, height, width]. x, x_mean, likelihoods, parameters of
 * columns and dense layers see channels first, the public order. See ops/layout.c. */
typedef enum vae__layout { VAE__CHANNELS_FIRST, VAE__CHANNELS_LAST } vae__layout;

typedef struct vae__value {
    const char *name; /* for the printed plan and for finding it; outlives the graph */
    vae__shape shape; /* of one row, in the public order whatever the layout */
    size_t width;     /* numbers of one row: the product of the shape's extents */
    vae__domain domain;
    vae__layout layout;
    int is_double;      /* sums of a row are kept in double; all else is vae__real */
    int needs_gradient; /* a parameter that is trained stands before it */
    vae__id producer;   /* VAE__NONE: an input */
    size_t consumers;   /* nodes that read it */
    int is_result;      /* read by the caller after the run */
} vae__value;

enum { VAE__MAX_INPUTS = 4, VAE__MAX_OUTPUTS = 8, VAE__MAX_PARAMETERS = 4, VAE__MAX_RESULTS = 12 };

struct vae__op;

typedef struct vae__node {
    const struct vae__op *op;
    const void *attributes; /* the op's own constants; outlive the graph */
    size_t size;            /* one number for ops that need no more, such as dense's width */
    vae__window window;     /* of ops that move one over images */
    vae__id inputs[VAE__MAX_INPUTS], outputs[VAE__MAX_OUTPUTS], parameters[VAE__MAX_PARAMETERS];
    size_t input_count, output_count, parameter_count;
} vae__node;

/* A result of a graph under the name that its reader knows. */
typedef struct vae__result {
    const char *name; /* outlives the graph */
    vae__id value;
} vae__result;

typedef struct vae__graph {
    vae_context *context;
    const vae__parameters *parameters;
    unsigned trained; /* bits of the parameters' groups that training changes; all, to begin with */
    vae__value *values;
    vae__node *nodes;
    size_t value_count, value_capacity, node_count, node_capacity;
    vae__id
        inputs[VAE__MAX_INPUTS]; /* values that the caller feeds, in the order they were added */
    size_t input_count;
    vae__result results[VAE__MAX_RESULTS];
    size_t result_count;
} vae__graph;

/* What an op sees of one run: a range of rows. Pointers are at the range's first row. A value with a fixed
 * number of rows is seen whole. */
typedef struct vae__call {
    const vae__kernels *kernels;
    const vae__graph *graph;
    const vae__node *node;
    size_t rows, samples, batch_rows; /* rows of this range, K, rows of the whole batch */
    const void *input[VAE__MAX_INPUTS];
    void *output[VAE__MAX_OUTPUTS];
    vae__real *input_gradient[VAE__MAX_INPUTS];   /* to be written; NULL: not wanted */
    vae__real *output_gradient[VAE__MAX_OUTPUTS]; /* NULL: zero */
    const vae__real *parameter[VAE__MAX_PARAMETERS];
    const vae__real
        *bias;          /* of the layer in front, left to this node (VAE__OP_TAKES_BIAS); or NULL */
    void *scratch;      /* of vae__op.scratch bytes, this thread's own; NULL: none was asked for */
    int skip_bias;      /* dense: the next node adds it */
    int wants_gradient; /* a training run, in which a gradient comes through this node */
    int gradient_known; /* forward: output_gradient already holds its value */
} vae__call;

static inline const vae__value *vae__call_input(const vae__call *call, size_t i) {
    return &call->graph->values[call->node->inputs[i]];
}

static inline const vae__value *vae__call_output(const vae__call *call, size_t i) {
    return &call->graph->values[call->node->outputs[i]];
}

/* Rows that a value has in this call. */
static inline size_t vae__call_rows(const vae__call *call, const vae__value *value) {
    return vae__domain_rows(value->domain, call->rows, call->samples);
}

/* Part of a parameter's gradient: rows of the parameter seen as a matrix [rows, columns]. */
typedef struct vae__parameter_rows {
    size_t first, count;
} vae__parameter_rows;

enum { VAE__MEASURES = 2 }; /* sums that vae__op.measure takes */

/* Rows of a batch in one chunk of a gradient by rows. Fixed, so that neither the batch's capacity nor the
 * number of threads changes a sum. */
enum { VAE__CHUNK_ROWS = 64 };

enum {
    VAE__OP_IN_PLACE = 1, /* output 0 and its gradient may take the memory of input 0's */
    VAE__OP_TAKES_BIAS =
        2, /* adds the bias of a dense layer in front while it passes over the values */
    VAE__OP_REDUCE = 4,        /* forward reads all rows: it ends a segment and runs once */
    VAE__OP_KEEPS_INPUT = 8,   /* backward reads inputs */
    VAE__OP_KEEPS_OUTPUT = 16, /* backward reads outputs */
    VAE__OP_OVERWRITES_INPUT =
        32,                      /* input 0's gradient takes input 0's place, already in forward */
    VAE__OP_GRADIENT_FIRST = 64, /* its input gradients depend on no value: backward runs first */
    VAE__OP_LEAVES_BIAS = 128,   /* its last parameter is a bias that the next node may add */
    VAE__OP_GRADIENT_BY_ROWS = 256, /* parameter gradients are summed over chunks of batch rows */
    VAE__OP_GRADIENT_READS_INPUT = 512,   /* `gradient` and `measure` read inputs */
    VAE__OP_GRADIENT_READS_OUTPUT = 1024, /* they read outputs */
    VAE__OP_GRADIENT_READS_DELTA = 2048,  /* they read the gradients of outputs */
    VAE__OP_TAKES_CHANNEL_BIAS =
        4096, /* with VAE__OP_TAKES_BIAS: also a bias with one value for each channel */
    VAE__OP_NEVER_FIRST =
        8192 /* of the outputs that the traits above speak of, output 0 is not read */
};

/* An op is an object. What it does not need stays NULL. */
typedef struct vae__op {
    const char *name;
    unsigned traits;

    /* Checks the inputs' shapes and adds the outputs (vae__graph_output). Fails with a message; then no
     * node is added. */
    vae_status (*infer)(vae__graph *graph, vae__node *node);

    /* Computes every output of the range. NULL: nothing to compute. */
    void (*forward)(const vae__call *call);

    /* Writes each wanted input_gradient of the range, all of it. Gradients of inputs with a fixed number of
     * rows sum over all rows of the batch: an op that has one among other inputs is called with all rows
     * at once. NULL: no gradient passes. */
    void (*backward)(const vae__call *call);

    /* Writes into `into` (add: adds to it) the gradient of parameter number `which` of the node, for these
     * of its rows, summed over the rows of the call. The call has all rows of the batch; with
     * VAE__OP_GRADIENT_BY_ROWS it may have a chunk of them. */
    void (*gradient)(const vae__call *call, size_t which, vae__parameter_rows rows, vae__real *into,
                     int add);

    /* Batch rows of a chunk, with VAE__OP_GRADIENT_BY_ROWS: a constant of the node, at most VAE__CHUNK_ROWS.
     * NULL: VAE__CHUNK_ROWS. */
    size_t (*chunk)(const vae__graph *graph, const vae__node *node);

    /* What `bound` needs of the rows of the call: sums over rows, such as sums of squares. */
    void (*measure)(const vae__call *call, double *sums);

    /* An upper bound of the absolute value of each entry of the gradient of parameter `which`, from the
     * sums over all rows. NULL: unknown; every step then looks at the gradient before it is applied. */
    double (*bound)(const vae__call *call, size_t which, const double *sums);

    /* Bytes that a call needs beside its outputs, however many rows it has. */
    size_t (*scratch)(const vae__graph *graph, const vae__node *node);

    /* Multiply-adds of forward for one row of input 0. NULL: too few to count. */
    double (*work)(const vae__graph *graph, const vae__node *node);
} vae__op;

/* `parameters` must outlive the graph. */
void vae__graph_begin(vae__graph *graph, vae_context *context, const vae__parameters *parameters);
void vae__graph_free(vae__graph *graph);

/* A value that the caller feeds at each run. Fails with VAE_ERROR_INTERNAL beyond VAE__MAX_INPUTS, or for
 * lack of memory. */
vae_status vae__graph_input(vae__graph *graph, const char *name, const vae__shape *shape,
                            vae__domain domain, vae__id *value);

/* Description of a node to add. The lists hold input_count and parameter_count entries. */
typedef struct vae__node_spec {
    const vae__op *op;
    const void *attributes;
    size_t size;
    vae__window window;
    size_t input_count, parameter_count;
    vae__id inputs[VAE__MAX_INPUTS], parameters[VAE__MAX_PARAMETERS];
} vae__node_spec;

/* Whether training changes this parameter. */
int vae__graph_trains(const vae__graph *graph, vae__id parameter);

/* Adds a node. *first_output is its output 0, further ones follow it; an op may have none. Fails as the
 * op's infer does, or for lack of memory. */
vae_status vae__graph_add(vae__graph *graph, const vae__node_spec *spec, vae__id *first_output);

/* For infer: adds the node's next output. */
vae_status vae__graph_output(vae__graph *graph, vae__node *node, const char *name,
                             const vae__shape *shape, vae__domain domain, int is_double);

/* For infer: the next output is a vector of `width` numbers; or has the shape, domain, layout and type of
 * this value. */
vae_status vae__graph_output_vector(vae__graph *graph, vae__node *node, const char *name,
                                    size_t width, vae__domain domain, int is_double);
vae_status vae__graph_output_like(vae__graph *graph, vae__node *node, const char *name,
                                  vae__id like);

/* Keeps a value until the end of the run, for the caller to read under this name. */
vae_status vae__graph_result(vae__graph *graph, const char *name, vae__id value);

/* The value of that name among results or inputs; VAE__NONE: there is none. */
vae__id vae__graph_find_result(const vae__graph *graph, const char *name);
vae__id vae__graph_find_input(const vae__graph *graph, const char *name);

#endif
