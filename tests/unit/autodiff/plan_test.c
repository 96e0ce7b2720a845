#include <math.h>
#include <string.h>

#include "support/cmocka.h"
#include "unit/autodiff/toys.h"

static const double weights[2] = {1, -2};

static vae__plan make_plan(toys *t, size_t rows, int training) {
    vae__plan plan;
    assert_ok(vae__plan_make(&t->graph, rows, 1, training, &plan));
    return plan;
}

static void check_text(const vae__plan *plan, const char *part, int expected) {
    vae__buffer text = {.context = plan->graph->context};
    vae__plan_print(plan, &text);
    assert_false(text.failed);
    if (!!strstr(text.text, part) != expected)
        fail_msg("\"%s\" is %sin:\n%s", part, expected ? "not " : "", text.text);
    vae__buffer_free(&text);
}

/* ---- fusion ---- */

static void fuses_a_bias_into_its_reader(void **state) {
    toys t;
    (void)state;
    toy_begin(&t, 1);
    vae__id first = toy_layer(&t, "first", 4, 3), last = toy_layer(&t, "last", 3, 2);
    toy_graph(&t);
    vae__id h = toy_dense(&t, toy_input(&t, 4), first),
            r = toy_activation(&t, h, VAE__ACTIVATION_relu), y = toy_dense(&t, r, last);
    assert_ok(vae__graph_result(&t.graph, "y", y));
    vae__plan plan = make_plan(&t, 8, 0);
    assert_true(plan.skips_bias[0]);
    assert_int_equal(plan.bias_of[1], first + 1);
    assert_false(plan.skips_bias[2]); /* nobody reads it on */
    assert_int_equal(plan.bias_of[2], VAE__NONE);
    assert_int_equal(plan.values[r].offset, plan.values[h].offset); /* in place */
    check_text(&plan, "bias + relu:", 1);
    check_text(&plan, "rows n <= 8, samples K = 1", 1);
    check_text(&plan, "last.weight [n, 2]", 1);
    check_text(&plan, "weights", 0);
    vae__plan_free(&plan);
    toy_end(&t);
}

/* Two readers, or the caller: the dense layer adds its own bias and keeps its place. */
static void leaves_shared_values_alone(void **state) {
    (void)state;
    for (int by_caller = 0; by_caller < 2; by_caller++) {
        toys t;
        toy_begin(&t, 1);
        vae__id weight = toy_layer(&t, "w", 4, 3);
        toy_graph(&t);
        vae__id h = toy_dense(&t, toy_input(&t, 4), weight),
                r = toy_activation(&t, h, VAE__ACTIVATION_relu);
        assert_ok(vae__graph_result(&t.graph, "r", r));
        if (by_caller) {
            assert_ok(vae__graph_result(&t.graph, "h", h));
        } else {
            assert_ok(
                vae__graph_result(&t.graph, "other", toy_activation(&t, h, VAE__ACTIVATION_tanh)));
        }
        vae__plan plan = make_plan(&t, 8, 0);
        assert_false(plan.skips_bias[0]);
        assert_int_equal(plan.bias_of[1], VAE__NONE);
        assert_int_not_equal(plan.values[r].offset, plan.values[h].offset);
        check_text(&plan, "bias + ", 0);
        vae__plan_free(&plan);
        toy_end(&t);
    }
}

/* ---- segments ---- */

static void cuts_segments_at_reduce_nodes(void **state) {
    toys t;
    vae__id mean;
    (void)state;
    toy_begin(&t, 1);
    vae__id weight = toy_layer(&t, "w", 4, 3);
    toy_graph(&t);
    vae__id h = toy_dense(&t, toy_input(&t, 4), weight),
            r = toy_activation(&t, h, VAE__ACTIVATION_tanh);
    toy_loss(&t, weights, r, VAE__NONE);
    vae__plan plain = make_plan(&t, 8, 1);
    assert_int_equal(plain.segment_count, 1);
    check_text(&plain, "segment 1 (each range of rows)", 1);
    check_text(&plain, "segment 2", 0);
    vae__plan_free(&plain);

    assert_ok(vae__batch_mean(&t.graph, r, &mean));
    assert_ok(vae__graph_result(&t.graph, "mean", mean));
    vae__plan plan = make_plan(&t, 8, 1);
    assert_int_equal(plan.segment_count, 3);
    size_t next = 0;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(plan.segments[i].first, next);
        assert_int_equal(plan.segments[i].once, i == 1);
        next += plan.segments[i].count;
    }
    assert_int_equal(next, plan.step_count);
    assert_int_equal(plan.segments[1].count, 1);
    check_text(&plan, "segment 2 (all rows at once)\n    batch_mean:", 1);
    check_text(&plan, "tanh backward: d ", 1);
    check_text(&plan, "  weights\n    w.weight [3, 4] in 1 block of 3 rows", 1);
    vae__plan_free(&plan);
    toy_end(&t);
}

static void cuts_weights_into_blocks(void **state) {
    toys t;
    (void)state;
    toy_begin(&t, 1);
    vae__id weight = toy_layer(&t, "w", 1000, 500);
    toy_graph(&t);
    toy_loss(&t, weights, toy_dense(&t, toy_input(&t, 1000), weight), VAE__NONE);
    vae__plan plan = make_plan(&t, 2, 1);
    size_t rows = 0;
    assert_true(plan.block_count > 5);
    for (size_t i = 0; i < plan.block_count && plan.blocks[i].parameter == weight; i++) {
        assert_int_equal(plan.blocks[i].first_row, rows);
        assert_true(plan.blocks[i].rows * 1000 <= plan.largest_block);
        rows += plan.blocks[i].rows;
    }
    assert_int_equal(rows, 500);
    assert_true(plan.largest_block <= 65536);
    vae__plan_free(&plan);
    toy_end(&t);
}

static void refuses_too_many_rows(void **state) {
    toys t;
    vae__plan plan;
    (void)state;
    toy_begin(&t, 1);
    toy_graph(&t);
    assert_ok(vae__graph_result(&t.graph, "other",
                                toy_activation(&t, toy_input(&t, 4), VAE__ACTIVATION_tanh)));
    assert_fails(vae__plan_make(&t.graph, (size_t)1 << 40, 1, 0, &plan), VAE_ERROR_ARGUMENT,
                 "a batch of 1099511627776 rows with 1 sample each is more than");
    assert_fails(vae__plan_make(&t.graph, (size_t)1 << 30, 1 << 10, 0, &plan), VAE_ERROR_ARGUMENT,
                 "with 1024 samples each");
    vae__plan_free(&plan); /* a failed plan is empty */
    t.context->memory_limit = atomic_load(&t.context->bytes) + 100;
    assert_int_equal(vae__plan_make(&t.graph, 4, 1, 1, &plan), VAE_ERROR_LIMIT);
    t.context->memory_limit = SIZE_MAX;
    toy_end(&t);
}

/* ---- runs ---- */

typedef struct result {
    vae__real *gradient;
    double squares;
} result;

static result run(toys *t, const vae__plan *plan, const vae__real *x, size_t rows) {
    vae__workspace *workspace;
    vae__feed feed = {.rows = x};
    result made = {calloc(t->parameters.block_count, sizeof(vae__real)), 0};
    assert_ok(vae__workspace_make(plan, &workspace));
    vae__run running = {.workspace = workspace, .feeds = &feed, .rows = rows};
    vae__run_rows(&running);
    vae__sink sink = {.gradient = made.gradient};
    made.squares = vae__run_weights(&running, &sink);
    double bound = vae__run_gradient_bound(&running);
    for (size_t i = 0; i < t->parameters.block_count; i++)
        assert_true(fabs((double)made.gradient[i]) <= bound * (1 + 1e-6));
    vae__workspace_free(workspace);
    return made;
}

static const vae__real *find(const toys *t, const vae__real *block, const char *name) {
    const vae__parameter *parameter = vae__parameters_find(&t->parameters, name);
    return block + (parameter->values - t->parameters.block);
}

enum { ROWS = 7, IN = 3, WIDE = 4 };

/* h = w x + b feeds two branches, u = p h + q and v = r h + s (with the activation in between where
 * the gradient of h is added in several ways); loss = sum u - 2 sum v. Linear, so by hand:
 * dh = p^T 1 - 2 r^T 1. */
static void adds_gradients_of_two_readers(void **state) {
    (void)state;
    for (size_t threads = 1; threads <= 3; threads += 2) {
        toys t;
        vae__real x[ROWS * IN];
        toy_begin(&t, threads);
        vae__id w = toy_layer(&t, "w", IN, WIDE), p = toy_layer(&t, "p", WIDE, 2),
                r = toy_layer(&t, "r", WIDE, 5);
        toy_graph(&t);
        vae__id h = toy_dense(&t, toy_input(&t, IN), w), u = toy_dense(&t, h, p),
                v = toy_dense(&t, h, r);
        toy_loss(&t, weights, u, v);
        for (size_t i = 0; i < ROWS * IN; i++) x[i] = (vae__real)test_uniform(5, i, -1, 1);
        vae__plan plan = make_plan(&t, ROWS, 1);
        result found = run(&t, &plan, x, ROWS);
        double squares = 0;
        for (size_t k = 0; k < WIDE; k++) {
            double dh = 0;
            for (size_t j = 0; j < 2; j++)
                dh += (double)find(&t, t.parameters.block, "p.weight")[j * WIDE + k];
            for (size_t j = 0; j < 5; j++)
                dh -= 2 * (double)find(&t, t.parameters.block, "r.weight")[j * WIDE + k];
            test_near((double)find(&t, found.gradient, "w.bias")[k], ROWS * dh,
                      test_tolerance(1e-5, 1e-13), "d bias");
            for (size_t i = 0; i < IN; i++) {
                double sum = 0;
                for (size_t n = 0; n < ROWS; n++) sum += dh * (double)x[n * IN + i];
                test_near((double)find(&t, found.gradient, "w.weight")[k * IN + i], sum,
                          test_tolerance(1e-5, 1e-13), "d weight");
            }
        }
        for (size_t j = 0; j < 2; j++)
            test_near((double)find(&t, found.gradient, "p.bias")[j], ROWS, 1e-6, "d p.bias");
        for (size_t j = 0; j < 5; j++)
            test_near((double)find(&t, found.gradient, "r.bias")[j], -2 * ROWS, 1e-6, "d r.bias");
        for (size_t i = 0; i < t.parameters.block_count; i++)
            squares += (double)found.gradient[i] * (double)found.gradient[i];
        test_near(found.squares, squares, test_tolerance(1e-5, 1e-12), "squares");
        free(found.gradient);
        vae__plan_free(&plan);
        toy_end(&t);
    }
}

/* The same layer twice in a row: its gradient is the sum of both uses. loss = sum w(w x + b) + b. */
static void adds_both_uses_of_a_parameter(void **state) {
    toys t;
    vae__real x[ROWS * IN];
    (void)state;
    toy_begin(&t, 1);
    vae__id w = toy_layer(&t, "w", IN, IN);
    toy_graph(&t);
    vae__id h = toy_dense(&t, toy_input(&t, IN), w);
    toy_loss(&t, weights, toy_dense(&t, h, w), VAE__NONE);
    for (size_t i = 0; i < ROWS * IN; i++) x[i] = (vae__real)test_uniform(6, i, -1, 1);
    vae__plan plan = make_plan(&t, ROWS, 1);
    result found = run(&t, &plan, x, ROWS);
    const vae__real *weight = find(&t, t.parameters.block, "w.weight"),
                    *bias = find(&t, t.parameters.block, "w.bias");
    for (size_t k = 0; k < IN; k++) {
        double dh = 0; /* column sum of w */
        for (size_t j = 0; j < IN; j++) dh += (double)weight[j * IN + k];
        test_near((double)find(&t, found.gradient, "w.bias")[k], ROWS * (1 + dh),
                  test_tolerance(1e-5, 1e-13), "d bias");
        for (size_t i = 0; i < IN; i++) {
            double sum = 0;
            for (size_t n = 0; n < ROWS; n++) {
                double hidden = (double)bias[i];
                for (size_t j = 0; j < IN; j++)
                    hidden += (double)weight[i * IN + j] * (double)x[n * IN + j];
                sum += dh * (double)x[n * IN + i] + hidden;
            }
            test_near((double)find(&t, found.gradient, "w.weight")[k * IN + i], sum,
                      test_tolerance(1e-5, 1e-13), "d weight");
        }
    }
    free(found.gradient);
    vae__plan_free(&plan);
    toy_end(&t);
}

/* A plan for many rows serves fewer. */
static void serves_fewer_rows(void **state) {
    toys t;
    vae__real x[ROWS * IN];
    (void)state;
    toy_begin(&t, 1);
    vae__id w = toy_layer(&t, "w", IN, WIDE), p = toy_layer(&t, "p", WIDE, 2);
    toy_graph(&t);
    vae__id h = toy_activation(&t, toy_dense(&t, toy_input(&t, IN), w), VAE__ACTIVATION_silu);
    toy_loss(&t, weights, toy_dense(&t, h, p), VAE__NONE);
    for (size_t i = 0; i < ROWS * IN; i++) x[i] = (vae__real)test_uniform(5, i, -1, 1);
    vae__plan large = make_plan(&t, 100, 1);
    for (size_t rows = 1; rows <= ROWS; rows++) {
        vae__plan exact = make_plan(&t, rows, 1);
        result a = run(&t, &large, x, rows), b = run(&t, &exact, x, rows);
        assert_memory_equal(a.gradient, b.gradient, t.parameters.block_count * sizeof(vae__real));
        free(a.gradient);
        free(b.gradient);
        vae__plan_free(&exact);
    }
    vae__plan_free(&large);
    toy_end(&t);
}

/* The node keeps the pre-activation where, and only where, the kernel's derivative reads it. */
static void activations_keep_what_their_slope_reads(void **state) {
    toys t;
    size_t keeping = 0;
    (void)state;
    toy_begin(&t, 1);
    toy_graph(&t);
    vae__id x = toy_input(&t, IN);
    for (int a = 0; a < VAE__ACTIVATION_COUNT; a++) {
        const vae__value *y = &t.graph.values[toy_activation(&t, x, a)];
        int needs_input = t.context->kernels->activation[a].needs_input;
        assert_int_equal(t.graph.nodes[y->producer].output_count, 1 + needs_input);
        keeping += (size_t)needs_input;
    }
    assert_in_range(keeping, 1, VAE__ACTIVATION_COUNT - 1);
    toy_end(&t);
}

/* ---- refused rows ---- */

static int calls; /* of the op below */

static void count_call(const vae__call *call) {
    (void)call;
    calls++;
}

static const vae__op counting_op = {
    .name = "count", .infer = toy_loss_infer, .forward = count_call, .backward = count_call};

/* Nothing is computed with a row that is refused. */
static void does_not_run_refused_rows(void **state) {
    static const struct {
        vae__real value;
        int refused, calls;
    } cases[] = {
        {1, 0, 2}, {(vae__real)1.5, 1, 0}, {(vae__real)INFINITY, 1, 0}, {(vae__real)NAN, 1, 0}};
    toys t;
    vae__id none;
    vae__workspace *workspace;
    vae__real x[ROWS * IN] = {0};
    (void)state;
    toy_begin(&t, 1);
    vae__id w = toy_layer(&t, "w", IN, WIDE);
    toy_graph(&t);
    vae__node_spec watch = {
        .op = &counting_op, .input_count = 1, .inputs = {toy_dense(&t, toy_input(&t, IN), w)}};
    assert_ok(vae__graph_add(&t.graph, &watch, &none));
    vae__plan plan = make_plan(&t, ROWS, 1);
    assert_ok(vae__workspace_make(&plan, &workspace));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        vae__feed feed = {.rows = x, .checked = 1, .low = 0, .high = 1};
        vae__run running = {.workspace = workspace, .feeds = &feed, .rows = ROWS};
        x[ROWS * IN - 1] = cases[i].value;
        calls = 0;
        vae__run_rows(&running);
        assert_int_equal(atomic_load(&running.refused), cases[i].refused);
        assert_int_equal(calls, cases[i].calls);
    }
    vae__workspace_free(workspace);
    vae__plan_free(&plan);
    toy_end(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fuses_a_bias_into_its_reader),
        cmocka_unit_test(leaves_shared_values_alone),
        cmocka_unit_test(cuts_segments_at_reduce_nodes),
        cmocka_unit_test(cuts_weights_into_blocks),
        cmocka_unit_test(refuses_too_many_rows),
        cmocka_unit_test(adds_gradients_of_two_readers),
        cmocka_unit_test(adds_both_uses_of_a_parameter),
        cmocka_unit_test(serves_fewer_rows),
        cmocka_unit_test(activations_keep_what_their_slope_reads),
        cmocka_unit_test(does_not_run_refused_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
