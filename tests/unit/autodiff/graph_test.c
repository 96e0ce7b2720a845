#include <string.h>

#include "support/cmocka.h"
#include "unit/autodiff/toys.h"

static const double ones[2] = {1, 1};

static const vae__value *value(const toys *t, vae__id id) {
    return &t->graph.values[id];
}

static void knows_shapes_and_names(void **state) {
    toys t;
    (void)state;
    toy_begin(&t, 1);
    vae__id weight = toy_layer(&t, "encoder.0", 5, 3);
    toy_graph(&t);
    const vae__shape three = vae__shape_vector(3);
    vae__id x = toy_input(&t, 5), noise, h, gelu, mean;
    assert_ok(vae__graph_input(&t.graph, "noise", &three, VAE__PER_SAMPLE, &noise));
    h = toy_dense(&t, x, weight);
    gelu = toy_activation(&t, h, VAE__ACTIVATION_gelu);
    assert_ok(vae__batch_mean(&t.graph, gelu, &mean));
    assert_int_equal(value(&t, x)->width, 5);
    assert_int_equal(value(&t, x)->producer, VAE__NONE);
    assert_int_equal(value(&t, noise)->domain, VAE__PER_SAMPLE);
    assert_int_equal(value(&t, h)->width, 3);
    assert_int_equal(value(&t, h)->domain, VAE__PER_ROW);
    assert_string_equal(value(&t, h)->name, "encoder.0.weight");
    assert_string_equal(value(&t, gelu)->name, "gelu");
    assert_int_equal(value(&t, gelu + 1)->width, 3); /* the pre-activation */
    assert_int_equal(value(&t, mean)->domain, VAE__PER_BATCH);
    assert_true(value(&t, mean)->is_double);
    assert_int_equal(t.graph.node_count, 3);
    assert_int_equal(t.graph.input_count, 2);
    toy_end(&t);
}

/* A gradient is wanted behind a parameter. */
static void knows_who_needs_gradients(void **state) {
    toys t;
    (void)state;
    toy_begin(&t, 1);
    vae__id weight = toy_layer(&t, "w", 2, 2);
    toy_graph(&t);
    vae__id x = toy_input(&t, 2), before = toy_activation(&t, x, VAE__ACTIVATION_tanh),
            h = toy_dense(&t, before, weight), after = toy_activation(&t, h, VAE__ACTIVATION_relu),
            mean;
    assert_ok(vae__batch_mean(&t.graph, after, &mean));
    assert_false(value(&t, x)->needs_gradient);
    assert_false(value(&t, before)->needs_gradient);
    assert_true(value(&t, h)->needs_gradient);
    assert_true(value(&t, after)->needs_gradient);
    assert_true(value(&t, mean)->needs_gradient);
    assert_int_equal(value(&t, after)->consumers, 1);
    toy_loss(&t, ones, after, h);
    assert_int_equal(value(&t, after)->consumers, 2);
    assert_int_equal(value(&t, h)->consumers, 2);
    toy_end(&t);
}

static void refuses_a_wrong_width(void **state) {
    toys t;
    vae__id y;
    (void)state;
    toy_begin(&t, 1);
    vae__id weight = toy_layer(&t, "w", 5, 3);
    toy_graph(&t);
    vae__id x = toy_input(&t, 4);
    assert_fails(vae__dense(&t.graph, x, weight, weight + 1, 3, &y), VAE_ERROR_INTERNAL,
                 "w.weight is [3, 5] but its input is 4 wide");
    assert_int_equal(t.graph.node_count, 0);
    x = toy_input(&t, 5);
    assert_fails(vae__dense(&t.graph, x, weight, weight + 1, 4, &y), VAE_ERROR_INTERNAL,
                 "w.weight is [3, 5]");
    assert_int_equal(value(&t, x)->consumers, 0);
    assert_ok(vae__dense(&t.graph, x, weight, weight + 1, 2, &y)); /* the first two outputs */
    assert_int_equal(value(&t, y)->width, 2);
    toy_end(&t);
}

static void takes_four_inputs(void **state) {
    toys t;
    vae__id x;
    (void)state;
    toy_begin(&t, 1);
    toy_graph(&t);
    for (size_t i = 0; i < VAE__MAX_INPUTS; i++) assert_int_equal(toy_input(&t, 1 + i), i);
    const vae__shape one = vae__shape_vector(1);
    assert_fails(vae__graph_input(&t.graph, "x", &one, VAE__PER_ROW, &x), VAE_ERROR_INTERNAL,
                 "too many inputs");
    toy_end(&t);
}

static void grows(void **state) {
    toys t;
    (void)state;
    toy_begin(&t, 1);
    toy_graph(&t);
    vae__id x = toy_input(&t, 3), y = x;
    for (size_t i = 0; i < 300; i++) y = toy_activation(&t, y, VAE__ACTIVATION_tanh);
    assert_int_equal(t.graph.node_count, 300);
    assert_int_equal(t.graph.value_count, 301);
    for (vae__id i = 1; i <= 300; i++) {
        assert_int_equal(value(&t, i)->producer, i - 1);
        assert_int_equal(value(&t, i)->width, 3);
        assert_int_equal(t.graph.nodes[i - 1].inputs[0], i - 1);
    }
    toy_end(&t);
}

static void reports_lack_of_memory(void **state) {
    vae__graph graph;
    vae__parameters none = {0};
    const vae__shape one = vae__shape_vector(1);
    vae__id x, y;
    (void)state;
    vae_context *context = test_context(NULL);
    vae__graph_begin(&graph, context, &none);
    context->memory_limit = 0;
    assert_int_equal(vae__graph_input(&graph, "x", &one, VAE__PER_ROW, &x), VAE_ERROR_LIMIT);
    context->memory_limit = SIZE_MAX;
    assert_ok(vae__graph_input(&graph, "x", &one, VAE__PER_ROW, &x));
    context->memory_limit = 0;
    assert_int_equal(vae__activation(&graph, x, VAE__ACTIVATION_tanh, &y), VAE_ERROR_LIMIT);
    vae__graph_free(&graph);
    vae__graph_free(&graph); /* once more does nothing */
    assert_int_equal(atomic_load(&context->bytes), sizeof *context);
    vae_context_destroy(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_shapes_and_names),
        cmocka_unit_test(knows_who_needs_gradients),
        cmocka_unit_test(refuses_a_wrong_width),
        cmocka_unit_test(takes_four_inputs),
        cmocka_unit_test(grows),
        cmocka_unit_test(reports_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
