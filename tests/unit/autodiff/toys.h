/* Parameters and two small ops for graphs built by hand. */
#ifndef TESTS_UNIT_AUTODIFF_TOYS_H
#define TESTS_UNIT_AUTODIFF_TOYS_H

#include "autodiff/ops/ops.h"
#include "autodiff/run.h"
#include "support/checks.h"
#include "support/numbers.h"

typedef struct toys {
    vae_context *context;
    size_t own; /* bytes of the context itself */
    vae__parameters parameters;
    vae__graph graph;
} toys;

/* Adds "<name>.weight" [out, in] and "<name>.bias" [out]; returns the weight's place, the bias
 * follows. */
static inline vae__id toy_layer(toys *t, const char *name, size_t in, size_t out) {
    char text[VAE__PARAMETER_NAME];
    size_t weight, bias;
    snprintf(text, sizeof text, "%s.weight", name);
    assert_ok(vae__parameters_add(t->context, &t->parameters, text, 2, out, in, 1, &weight));
    snprintf(text, sizeof text, "%s.bias", name);
    assert_ok(vae__parameters_add(t->context, &t->parameters, text, 1, out, 1, 1, &bias));
    assert_int_equal(bias, weight + 1);
    return (vae__id)weight;
}

static inline void toy_begin(toys *t, size_t threads) {
    char options[20];
    memset(t, 0, sizeof *t);
    snprintf(options, sizeof options, "threads=%zu", threads);
    t->context = test_context(options);
    t->own = atomic_load(&t->context->bytes);
}

/* Allocates and fills the parameters, begins the graph. */
static inline void toy_graph(toys *t) {
    assert_ok(vae__parameters_allocate(t->context, &t->parameters));
    for (size_t i = 0; i < t->parameters.block_count; i++)
        t->parameters.block[i] = (vae__real)test_uniform(9, i, -1, 1);
    vae__graph_begin(&t->graph, t->context, &t->parameters);
}

static inline void toy_end(toys *t) {
    vae__graph_free(&t->graph);
    vae__parameters_free(t->context, &t->parameters);
    assert_int_equal(atomic_load(&t->context->bytes), t->own);
    vae_context_destroy(t->context);
}

static inline vae__id toy_input(toys *t, size_t width) {
    const vae__shape shape = vae__shape_vector(width);
    vae__id x;
    assert_ok(vae__graph_input(&t->graph, "x", &shape, VAE__PER_ROW, &x));
    return x;
}

static inline vae__id toy_dense(toys *t, vae__id x, vae__id weight) {
    vae__id y;
    size_t out = t->parameters.items[weight].rows;
    assert_ok(vae__dense(&t->graph, x, weight, weight + 1, out, &y));
    return y;
}

static inline vae__id toy_activation(toys *t, vae__id x, int activation) {
    vae__id y;
    assert_ok(vae__activation(&t->graph, x, activation, &y));
    return y;
}

/* ---- loss = sum over rows of c0 sum a + c1 sum b: gradients are the constants ---- */

static inline vae_status toy_loss_infer(vae__graph *graph, vae__node *node) {
    (void)graph, (void)node;
    return VAE_OK;
}

static inline void toy_loss_backward(const vae__call *call) {
    const double *weights = call->node->attributes;
    for (size_t i = 0; i < call->node->input_count; i++) {
        const vae__value *value = vae__call_input(call, i);
        size_t count = vae__call_rows(call, value) * value->width;
        for (size_t j = 0; call->input_gradient[i] && j < count; j++)
            call->input_gradient[i][j] = (vae__real)weights[i];
    }
}

static const vae__op toy_loss_op = {
    .name = "toy loss", .infer = toy_loss_infer, .backward = toy_loss_backward};

/* inputs end at VAE__NONE; weights outlive the graph. */
static inline void toy_loss(toys *t, const double *weights, vae__id a, vae__id b) {
    vae__id none;
    vae__node_spec spec = {.op = &toy_loss_op,
                           .attributes = weights,
                           .input_count = b == VAE__NONE ? 1 : 2,
                           .inputs = {a, b}};
    assert_ok(vae__graph_add(&t->graph, &spec, &none));
}

#endif
