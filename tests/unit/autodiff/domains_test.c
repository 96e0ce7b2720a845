/* Ops between row domains (means over the batch and over samples, broadcast) and between layouts: values, and
 * gradients against finite differences of a loss; the same
 * on one thread and on three. */
#include <math.h>
#include <string.h>

#include "support/cmocka.h"
#include "unit/autodiff/toys.h"

enum { ROWS = 7, SAMPLES = 3, IN = 3, WIDE = 4 };

/* ---- loss = sum over rows of a^2 / 2: the gradient is a ---- */

static void square_backward(const vae__call *call) {
    const vae__value *a = vae__call_input(call, 0);
    size_t count = vae__call_rows(call, a) * a->width;
    for (size_t i = 0; call->input_gradient[0] && i < count; i++)
        call->input_gradient[0][i] = a->is_double ? (vae__real)((const double *)call->input[0])[i]
                                                  : ((const vae__real *)call->input[0])[i];
}

static const vae__op square_op = {.name = "square",
                                  .traits = VAE__OP_KEEPS_INPUT,
                                  .infer = toy_loss_infer,
                                  .backward = square_backward};

static void square_loss(toys *t, vae__id a) {
    vae__id none;
    vae__node_spec spec = {.op = &square_op, .input_count = 1, .inputs = {a}};
    assert_ok(vae__graph_add(&t->graph, &spec, &none));
    assert_ok(vae__graph_result(&t->graph, "a", a));
}

/* ---- graphs: x -> dense -> what is tested -> square ---- */

typedef vae__id (*build_fn)(toys *t, vae__id h, size_t samples);

static vae__id through_batch_mean(toys *t, vae__id h, size_t samples) {
    vae__id mean;
    (void)samples;
    assert_ok(vae__batch_mean(&t->graph, h, &mean));
    return mean;
}

/* mean over the batch, back to every row, times each row */
static vae__id through_broadcast(toys *t, vae__id h, size_t samples) {
    vae__id mean, all, one;
    (void)samples;
    assert_ok(vae__batch_mean(&t->graph, h, &mean));
    assert_ok(vae__broadcast(&t->graph, mean, VAE__PER_ROW, &all));
    one = toy_dense(t, toy_activation(t, all, VAE__ACTIVATION_tanh), 2);
    return one;
}

static vae__id through_layouts(toys *t, vae__id h, size_t samples) {
    vae__id last, first;
    (void)samples;
    t->graph.values[h].shape = (vae__shape){3, {2, 2, 1}, 4};
    assert_ok(vae__layout_node(&t->graph, h, VAE__CHANNELS_LAST, &last));
    assert_int_not_equal(last, h);
    assert_int_equal(t->graph.values[last].layout, VAE__CHANNELS_LAST);
    last = toy_activation(t, last, VAE__ACTIVATION_tanh);
    assert_int_equal(t->graph.values[last].layout, VAE__CHANNELS_LAST);
    assert_ok(vae__layout_node(&t->graph, last, VAE__CHANNELS_FIRST, &first));
    return first;
}

static vae__id through_sample_mean(toys *t, vae__id h, size_t samples) {
    vae__id mean;
    (void)samples;
    assert_ok(vae__sample_mean(&t->graph, h, &mean));
    return mean;
}

typedef struct outcome {
    double loss;
    vae__real gradient[64], value[ROWS * SAMPLES * WIDE];
} outcome;

static void compute(toys *t, const vae__plan *plan, const vae__real *x, outcome *out) {
    vae__workspace *workspace;
    vae__feed feed = {.rows = x};
    assert_ok(vae__workspace_make(plan, &workspace));
    vae__run run = {.workspace = workspace, .feeds = &feed, .rows = ROWS};
    vae__run_rows(&run);
    vae__id a = vae__graph_find_result(&t->graph, "a");
    const vae__value *value = &t->graph.values[a];
    size_t count = vae__domain_rows(value->domain, ROWS, plan->samples) * value->width;
    out->loss = 0;
    for (size_t i = 0; i < count; i++) {
        double v =
            value->is_double ? vae__run_double(&run, a)[i] : (double)vae__run_value(&run, a)[i];
        out->loss += 0.5 * v * v;
        out->value[i] = (vae__real)v;
    }
    vae__sink sink = {.gradient = out->gradient};
    vae__run_weights(&run, &sink);
    double bound = vae__run_gradient_bound(&run);
    for (size_t i = 0; i < t->parameters.block_count; i++)
        assert_true(fabs((double)out->gradient[i]) <= bound * (1 + 1e-6));
    vae__workspace_free(workspace);
}

static void check(build_fn build, size_t samples) {
    outcome found[2];
    for (size_t pass = 0; pass < 2; pass++) {
        toys t;
        vae__real x[ROWS * SAMPLES * IN];
        toy_begin(&t, pass ? 3 : 1);
        vae__id w = toy_layer(&t, "w", IN, WIDE);
        toy_layer(&t, "p", WIDE, 2);
        toy_graph(&t);
        vae__id in;
        const vae__shape shape = vae__shape_vector(IN);
        assert_ok(vae__graph_input(&t.graph, "x", &shape,
                                   samples > 1 ? VAE__PER_SAMPLE : VAE__PER_ROW, &in));
        square_loss(&t, build(&t, toy_dense(&t, in, w), samples));
        for (size_t i = 0; i < ROWS * samples * IN; i++)
            x[i] = (vae__real)test_uniform(5, i, -1, 1);
        vae__plan plan;
        assert_ok(vae__plan_make(&t.graph, ROWS, samples, 1, &plan));
        memset(&found[pass], 0, sizeof found[pass]);
        compute(&t, &plan, x, &found[pass]);
        for (size_t i = 0; i < t.parameters.block_count; i++) {
            double step = test_tolerance(1e-2, 1e-6), sides[2];
            vae__real before = t.parameters.block[i];
            for (int side = 0; side < 2; side++) {
                outcome moved = {0};
                t.parameters.block[i] = before + (vae__real)(side ? step : -step);
                compute(&t, &plan, x, &moved);
                sides[side] = moved.loss;
            }
            t.parameters.block[i] = before;
            test_near((double)found[pass].gradient[i], (sides[1] - sides[0]) / (2 * step),
                      test_tolerance(2e-2, 1e-8), "gradient");
        }
        vae__plan_free(&plan);
        toy_end(&t);
    }
    for (size_t i = 0; i < ROWS * SAMPLES * WIDE; i++)
        test_near((double)found[1].value[i], (double)found[0].value[i], test_tolerance(1e-5, 1e-13),
                  "value on three threads");
    for (size_t i = 0; i < 64; i++)
        test_near((double)found[1].gradient[i], (double)found[0].gradient[i],
                  test_tolerance(1e-5, 1e-13), "on three threads");
}

static void means_over_the_batch(void **state) {
    (void)state;
    check(through_batch_mean, 1);
}

static void broadcasts_one_row(void **state) {
    (void)state;
    check(through_broadcast, 1);
}

static void means_over_samples(void **state) {
    (void)state;
    check(through_sample_mean, SAMPLES);
}

static void goes_to_channels_last_and_back(void **state) {
    (void)state;
    check(through_layouts, 1);
}

/* ---- layouts ---- */

/* An op that wants channels last: the running sum over the channels of each position. */
static vae_status cumulate_infer(vae__graph *graph, vae__node *node) {
    if (!vae__layout_fits(&graph->values[node->inputs[0]], VAE__CHANNELS_LAST))
        return vae__fail(VAE_ERROR_INTERNAL, "cumulate takes channels last");
    return vae__graph_output_like(graph, node, "cumulate", node->inputs[0]);
}

static void cumulate_forward(const vae__call *call) {
    const vae__value *x = vae__call_input(call, 0);
    size_t channels = x->shape.extents[0], count = vae__call_rows(call, x) * x->width;
    const vae__real *from = call->input[0];
    vae__real *to = call->output[0];
    for (size_t i = 0; i < count; i++) to[i] = from[i] + (i % channels ? to[i - 1] : 0);
}

static const vae__op cumulate_op = {
    .name = "cumulate", .infer = cumulate_infer, .forward = cumulate_forward};

static vae__id input_image(toys *t, size_t channels, size_t height, size_t width) {
    const vae__shape shape = {3, {channels, height, width}, channels * height * width};
    vae__id x;
    assert_ok(vae__graph_input(&t->graph, "x", &shape, VAE__PER_ROW, &x));
    return x;
}

static void serves_an_op_that_wants_channels_last(void **state) {
    (void)state;
    for (size_t threads = 1; threads <= 2; threads++) {
        toys t;
        vae__id last, sums, first;
        vae__workspace *workspace;
        vae__plan plan;
        vae__real x[2 * 12];
        toy_begin(&t, threads);
        toy_graph(&t);
        vae__id in = input_image(&t, 3, 2, 2);
        vae__node_spec wrong = {.op = &cumulate_op, .input_count = 1, .inputs = {in}};
        assert_fails(vae__graph_add(&t.graph, &wrong, &sums), VAE_ERROR_INTERNAL, "channels last");
        assert_ok(vae__layout_node(&t.graph, in, VAE__CHANNELS_LAST, &last));
        vae__node_spec spec = {.op = &cumulate_op, .input_count = 1, .inputs = {last}};
        assert_ok(vae__graph_add(&t.graph, &spec, &sums));
        assert_ok(vae__layout_node(&t.graph, sums, VAE__CHANNELS_FIRST, &first));
        assert_ok(vae__graph_result(&t.graph, "y", first));
        assert_ok(vae__plan_make(&t.graph, 2, 1, 0, &plan));
        assert_ok(vae__workspace_make(&plan, &workspace));
        for (size_t i = 0; i < 24; i++) x[i] = (vae__real)(i * i);
        vae__feed feed = {.rows = x};
        vae__run run = {.workspace = workspace, .feeds = &feed, .rows = 2};
        vae__run_rows(&run);
        const vae__real *y = vae__run_value(&run, first);
        for (size_t i = 0; i < 24; i++) {
            double expected = 0;
            for (size_t c = 0; c <= i % 12 / 4; c++)
                expected += (double)x[i / 12 * 12 + c * 4 + i % 4];
            test_near((double)y[i], expected, 0, "running sum");
        }
        vae__workspace_free(workspace);
        vae__plan_free(&plan);
        toy_end(&t);
    }
}

/* One channel, or one position: both layouts are the same order, so there is no node. A dense layer refuses
 * channels last. */
static void is_free_where_nothing_moves(void **state) {
    toys t;
    vae__id y;
    (void)state;
    toy_begin(&t, 1);
    vae__id w = toy_layer(&t, "w", 12, 2);
    toy_graph(&t);
    vae__id one = input_image(&t, 1, 3, 4), point = input_image(&t, 12, 1, 1),
            image = input_image(&t, 3, 2, 2);
    assert_ok(vae__layout_node(&t.graph, one, VAE__CHANNELS_LAST, &y));
    assert_int_equal(y, one);
    assert_ok(vae__layout_node(&t.graph, point, VAE__CHANNELS_LAST, &y));
    assert_int_equal(y, point);
    assert_ok(vae__layout_node(&t.graph, image, VAE__CHANNELS_FIRST, &y));
    assert_int_equal(y, image);
    assert_int_equal(t.graph.node_count, 0);
    assert_ok(vae__layout_node(&t.graph, image, VAE__CHANNELS_LAST, &y));
    assert_fails(vae__dense(&t.graph, y, w, w + 1, 2, &y), VAE_ERROR_INTERNAL, "channels first");
    toy_end(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means_over_the_batch),
        cmocka_unit_test(broadcasts_one_row),
        cmocka_unit_test(means_over_samples),
        cmocka_unit_test(goes_to_channels_last_and_back),
        cmocka_unit_test(serves_an_op_that_wants_channels_last),
        cmocka_unit_test(is_free_where_nothing_moves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
