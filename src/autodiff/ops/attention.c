/* Attention over the positions of an image (Vaswani et al. 2017): y = softmax(q k^T / sqrt(d)) v for each head, d
 * values of q, k and v at each position. x holds the q of all heads, then k, then v, channels last; the matrices of
 * an image are made again on the way back. Relies on the products of tensor/gemm.h. */
#include <math.h>
#include <string.h>

#include "autodiff/ops/ops.h"
#include "tensor/gemm.h"

/* node->size is the number of heads. */
static vae_status infer(vae__graph *graph, vae__node *node) {
    const vae__value x = graph->values[node->inputs[0]];
    vae__shape shape = x.shape;
    if (shape.rank != 3 || !vae__layout_fits(&x, VAE__CHANNELS_LAST) ||
        shape.extents[0] % (3 * node->size))
        return vae__fail(VAE_ERROR_INTERNAL, "attention takes q, k and v with channels last");
    shape.extents[0] /= 3;
    shape.size /= 3;
    vae_status status = vae__graph_output(graph, node, "attention", &shape, x.domain, 0);
    if (!status) graph->values[node->outputs[0]].layout = VAE__CHANNELS_LAST;
    return status;
}

enum { Q, K, V, PARTS };

/* One head of one image, its matrices in scratch. */
typedef struct head {
    const vae__kernels *kernels;
    size_t positions, channels, depth; /* channels of y; values of this head at a position */
    vae__real *part[PARTS];            /* [positions, depth] */
    vae__real *gradient[PARTS];        /* the same */
    vae__real *y;                      /* [positions, depth]: or its gradient */
    vae__real *weights, *slopes;       /* [positions, positions] */
} head;

static size_t scratch_values(size_t positions, size_t depth) {
    return 2 * positions * positions + (2 * PARTS + 1) * positions * depth;
}

static head head_of(const vae__call *call) {
    const vae__shape *shape = &vae__call_output(call, 0)->shape;
    size_t channels = shape->extents[0], positions = shape->size / channels;
    size_t depth = channels / call->node->size, each = positions * depth;
    head h = {call->kernels, positions, channels, depth, {NULL}, {NULL}, NULL, call->scratch, NULL};
    h.slopes = h.weights + positions * positions;
    h.y = h.slopes + positions * positions;
    for (size_t i = 0; i < PARTS; i++) {
        h.part[i] = h.y + (1 + i) * each;
        h.gradient[i] = h.y + (1 + PARTS + i) * each;
    }
    return h;
}

static size_t scratch(const vae__graph *graph, const vae__node *node) {
    const vae__shape *shape = &graph->values[node->outputs[0]].shape;
    size_t positions = shape->size / shape->extents[0];
    return scratch_values(positions, shape->extents[0] / node->size) * sizeof(vae__real);
}

/* A head's values of each position, `stride` apart in an image, side by side; and back. */
static void take(const head *h, const vae__real *from, size_t stride, vae__real *to) {
    for (size_t p = 0; p < h->positions; p++)
        memcpy(to + p * h->depth, from + p * stride, h->depth * sizeof *to);
}

static void give(const head *h, const vae__real *from, size_t stride, vae__real *to) {
    for (size_t p = 0; p < h->positions; p++)
        memcpy(to + p * stride, from + p * h->depth, h->depth * sizeof *to);
}

/* Rows to weights that sum to 1. */
static void softmax(const head *h) {
    size_t n = h->positions;
    for (size_t r = 0; r < n; r++) {
        vae__real *row = h->weights + r * n, most = row[0];
        for (size_t i = 1; i < n; i++) most = row[i] > most ? row[i] : most;
        for (size_t i = 0; i < n; i++) row[i] -= most;
        h->kernels->exponential(row, n);
        h->kernels->scale(row, (vae__real)(1 / h->kernels->sum(row, n)), n);
    }
}

/* The head's q, k and v of an image x, and its weights. */
static void make_weights(const head *h, const vae__real *x, size_t number) {
    vae__real scale = (vae__real)(1 / sqrt((double)h->depth));
    for (size_t i = 0; i < PARTS; i++)
        take(h, x + i * h->channels + number * h->depth, PARTS * h->channels, h->part[i]);
    h->kernels->scale(h->part[Q], scale, h->positions * h->depth);
    vae__gemm_forward(h->kernels, h->positions, h->depth, h->positions, h->part[Q], h->part[K],
                      h->weights);
    softmax(h);
}

static void forward(const vae__call *call) {
    const vae__value *x = vae__call_input(call, 0), *y = vae__call_output(call, 0);
    const head h = head_of(call);
    size_t rows = vae__call_rows(call, x), heads = call->node->size;
    for (size_t i = 0; i < rows * heads; i++) {
        size_t row = i / heads, number = i % heads;
        make_weights(&h, (const vae__real *)call->input[0] + row * x->width, number);
        vae__gemm_backward(h.kernels, h.positions, h.depth, h.positions, h.weights, h.part[V], h.y);
        give(&h, h.y, h.channels, (vae__real *)call->output[0] + row * y->width + number * h.depth);
    }
}

/* slopes, the gradient of the weights, becomes that of what softmax was taken of: w (s - sum of w s in the row). */
static void softmax_backward(const head *h) {
    size_t n = h->positions;
    for (size_t r = 0; r < n; r++) {
        const vae__real *w = h->weights + r * n;
        vae__real *s = h->slopes + r * n;
        double along = 0;
        for (size_t i = 0; i < n; i++) along += (double)w[i] * (double)s[i];
        for (size_t i = 0; i < n; i++) s[i] = w[i] * (s[i] - (vae__real)along);
    }
}

/* The gradients of q, k and v of one head, from that of its y. q was scaled before it was multiplied. */
static void backward_head(const head *h) {
    size_t n = h->positions, d = h->depth;
    vae__gemm_weights(h->kernels, n, d, n, h->weights, n, h->y, h->gradient[V], 0);
    vae__gemm_forward(h->kernels, n, d, n, h->y, h->part[V], h->slopes);
    softmax_backward(h);
    vae__gemm_backward(h->kernels, n, d, n, h->slopes, h->part[K], h->gradient[Q]);
    vae__gemm_weights(h->kernels, n, d, n, h->slopes, n, h->part[Q], h->gradient[K], 0);
    h->kernels->scale(h->gradient[Q], (vae__real)(1 / sqrt((double)d)), n * d);
}

static void backward(const vae__call *call) {
    const vae__value *x = vae__call_input(call, 0), *y = vae__call_output(call, 0);
    const head h = head_of(call);
    size_t rows = vae__call_rows(call, x), heads = call->node->size;
    if (!call->input_gradient[0]) return;
    for (size_t i = 0; i < rows * heads; i++) {
        size_t row = i / heads, number = i % heads;
        vae__real *dx = call->input_gradient[0] + row * x->width + number * h.depth;
        make_weights(&h, (const vae__real *)call->input[0] + row * x->width, number);
        take(&h, call->output_gradient[0] + row * y->width + number * h.depth, h.channels, h.y);
        backward_head(&h);
        for (size_t k = 0; k < PARTS; k++)
            give(&h, h.gradient[k], PARTS * h.channels, dx + k * h.channels);
    }
}

static double work(const vae__graph *graph, const vae__node *node) {
    const vae__shape *shape = &graph->values[node->outputs[0]].shape;
    return 2 * (double)shape->size * (double)(shape->size / shape->extents[0]);
}

static const vae__op attention_op = {.name = "attention",
                                     .traits = VAE__OP_KEEPS_INPUT,
                                     .infer = infer,
                                     .forward = forward,
                                     .backward = backward,
                                     .scratch = scratch,
                                     .work = work};

vae_status vae__attention(vae__graph *graph, vae__id x, size_t heads, vae__id *y) {
    vae__node_spec spec = {.op = &attention_op, .size = heads, .input_count = 1, .inputs = {x}};
    return vae__graph_add(graph, &spec, y);
}
