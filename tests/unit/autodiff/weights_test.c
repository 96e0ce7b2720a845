/* The weight phase: gradients summed by chunks of rows, nodes whose rows no batch changes, parameters bound at
 * run time, scratch. */
#include <math.h>
#include <string.h>

#include "support/cmocka.h"
#include "unit/autodiff/toys.h"

/* ---- y = x * w, w [width]: its gradient is summed by rows ---- */

static vae_status scale_infer(vae__graph *graph, vae__node *node) {
    return vae__graph_output_like(graph, node, "scale", node->inputs[0]);
}

static void scale_forward(const vae__call *call) {
    const vae__value *x = vae__call_input(call, 0);
    size_t count = vae__call_rows(call, x) * x->width;
    for (size_t i = 0; i < count; i++)
        ((vae__real *)call->output[0])[i] =
            ((const vae__real *)call->input[0])[i] * call->parameter[0][i % x->width];
}

static void scale_backward(const vae__call *call) {
    const vae__value *x = vae__call_input(call, 0);
    size_t count = vae__call_rows(call, x) * x->width;
    for (size_t i = 0; call->input_gradient[0] && i < count; i++)
        call->input_gradient[0][i] = call->output_gradient[0][i] * call->parameter[0][i % x->width];
}

static size_t largest_call; /* rows of the calls below */

static void scale_gradient(const vae__call *call, size_t which, vae__parameter_rows rows,
                           vae__real *into, int add) {
    const vae__value *x = vae__call_input(call, 0);
    size_t n = vae__call_rows(call, x);
    assert_int_equal(which, 0);
    if (n > largest_call) largest_call = n;
    if (call->scratch) memset(call->scratch, 0xff, 1000);
    for (size_t i = 0; i < rows.count; i++) {
        vae__real total = add ? into[i] : 0;
        for (size_t r = 0; r < n; r++) {
            size_t at = r * x->width + rows.first + i;
            total += call->output_gradient[0][at] * ((const vae__real *)call->input[0])[at];
        }
        into[i] = total;
    }
}

static size_t scale_scratch(const vae__graph *graph, const vae__node *node) {
    (void)graph, (void)node;
    return 1000;
}

#define SCALE_TRAITS VAE__OP_GRADIENT_READS_INPUT | VAE__OP_GRADIENT_READS_DELTA
static const vae__op by_rows_op = {.name = "scale",
                                   .traits = SCALE_TRAITS | VAE__OP_GRADIENT_BY_ROWS,
                                   .infer = scale_infer,
                                   .forward = scale_forward,
                                   .backward = scale_backward,
                                   .gradient = scale_gradient,
                                   .scratch = scale_scratch};
static const vae__op whole_op = {.name = "scale",
                                 .traits = SCALE_TRAITS,
                                 .infer = scale_infer,
                                 .forward = scale_forward,
                                 .backward = scale_backward,
                                 .gradient = scale_gradient};

static vae__id add_scale(toys *t, const vae__op *op, vae__id x, vae__id w) {
    vae__id y;
    vae__node_spec spec = {
        .op = op, .input_count = 1, .inputs = {x}, .parameter_count = 1, .parameters = {w}};
    assert_ok(vae__graph_add(&t->graph, &spec, &y));
    return y;
}

static vae__id weights_of(toys *t, const char *name, size_t width) {
    size_t index;
    assert_ok(vae__parameters_add(t->context, &t->parameters, name, 1, width, 1, 1, &index));
    return (vae__id)index;
}

static const double ones[2] = {1, 1};

/* The gradient of loss = sum y on `rows` rows of a plan for `capacity`. */
static void gradient_of(const vae__op *op, size_t width, size_t threads, size_t capacity,
                        size_t rows, vae__real *gradient, double *bound) {
    toys t;
    vae__workspace *workspace;
    vae__plan plan;
    toy_begin(&t, threads);
    vae__id w = weights_of(&t, "w", width);
    toy_graph(&t);
    toy_loss(&t, ones, add_scale(&t, op, add_scale(&t, op, toy_input(&t, width), w), w), VAE__NONE);
    vae__real *x = malloc(rows * width * sizeof *x);
    for (size_t i = 0; i < rows * width; i++) x[i] = (vae__real)test_uniform(5, i, -1, 1);
    assert_ok(vae__plan_make(&t.graph, capacity, 1, 1, &plan));
    assert_ok(vae__workspace_make(&plan, &workspace));
    vae__feed feed = {.rows = x};
    vae__run run = {.workspace = workspace, .feeds = &feed, .rows = rows};
    largest_call = 0;
    vae__run_rows(&run);
    vae__real *all = calloc(t.parameters.block_count, sizeof *all);
    vae__sink sink = {.gradient = all};
    double squares = vae__run_weights(&run, &sink), sum = 0;
    for (size_t i = 0; i < width; i++) sum += (double)all[i] * (double)all[i];
    test_near(squares, sum, 1e-4 * sum, "squares");
    memcpy(gradient, all, width * sizeof *gradient);
    *bound = vae__run_gradient_bound(&run);
    free(all);
    free(x);
    vae__workspace_free(workspace);
    vae__plan_free(&plan);
    toy_end(&t);
}

enum { WIDTH = 5, MANY = 333 };

/* The same bits whatever the capacity and the number of threads; the sum that is right; chunks of 64 rows. */
static void sums_chunks_of_rows(void **state) {
    vae__real first[WIDTH], other[WIDTH], whole[WIDTH];
    double bound;
    (void)state;
    for (size_t rows = 1; rows <= MANY; rows += 83) {
        gradient_of(&by_rows_op, WIDTH, 1, rows, rows, first, &bound);
        assert_int_equal(largest_call, rows < 64 ? rows : 64);
        assert_true(isinf(bound)); /* the op says none */
        gradient_of(&whole_op, WIDTH, 1, rows, rows, whole, &bound);
        assert_int_equal(largest_call, rows);
        for (size_t i = 0; i < WIDTH; i++)
            test_near((double)first[i], (double)whole[i], test_tolerance(1e-4, 1e-12), "sum");
        gradient_of(&by_rows_op, WIDTH, 3, 2 * MANY, rows, other, &bound);
        assert_memory_equal(first, other, sizeof first);
    }
}

/* Over 1 MiB the partial sums would take too much: by the parameter's own rows after all. */
static void cuts_large_parameters_by_their_rows(void **state) {
    size_t width = (1 << 20) / sizeof(vae__real) + 1;
    vae__real *gradient = malloc(width * sizeof *gradient);
    double bound;
    (void)state;
    gradient_of(&by_rows_op, width, 2, 70, 70, gradient, &bound);
    assert_int_equal(largest_call, 70);
    free(gradient);
}

/* ---- rows that no batch changes ---- */

static vae_status fill_fixed(void *user, size_t first, size_t count, vae__real *into) {
    size_t *calls = user;
    ++*calls;
    for (size_t i = 0; i < count * 2; i++) into[i] = (vae__real)(first * 2 + i + 1);
    return VAE_OK;
}

/* Three fixed rows through a dense layer are computed once, whatever the batch, and their gradients add to those
 * of the batch's rows through the same layer: loss = sum over both of y. */
static void computes_fixed_rows_once(void **state) {
    (void)state;
    for (size_t threads = 1; threads <= 3; threads += 2) {
        toys t;
        vae__workspace *workspace;
        vae__plan plan;
        vae__id fixed;
        size_t calls = 0;
        const vae__shape two = vae__shape_vector(2);
        toy_begin(&t, threads);
        vae__id w = toy_layer(&t, "w", 2, 1);
        toy_graph(&t);
        vae__id x = toy_input(&t, 2);
        assert_ok(vae__graph_input(&t.graph, "fixed", &two, 3, &fixed));
        toy_loss(&t, ones, toy_dense(&t, x, w), toy_dense(&t, fixed, w));
        assert_ok(vae__plan_make(&t.graph, 9, 1, 1, &plan));
        assert_ok(vae__workspace_make(&plan, &workspace));
        vae__real rows[18];
        for (size_t i = 0; i < 18; i++) rows[i] = 1;
        vae__feed feeds[] = {{.rows = rows}, {.fill = fill_fixed, .user = &calls}};
        vae__run run = {.workspace = workspace, .feeds = feeds, .rows = 9};
        vae__run_rows(&run);
        assert_int_equal(calls, 1);
        vae__real gradient[64] = {0};
        vae__sink sink = {.gradient = gradient};
        vae__run_weights(&run, &sink);
        const vae__real *values = t.parameters.items[w].values;
        (void)values;
        test_near((double)gradient[0], 9 + 1 + 3 + 5, 1e-6, "weight 0");
        test_near((double)gradient[1], 9 + 2 + 4 + 6, 1e-6, "weight 1");
        test_near((double)gradient[t.parameters.items[w + 1].values - t.parameters.block], 9 + 3,
                  1e-6, "bias");
        assert_true(vae__run_gradient_bound(&run) >= 21);
        vae__workspace_free(workspace);
        vae__plan_free(&plan);
        toy_end(&t);
    }
}

/* ---- parameters bound at run time ---- */

static void binds_parameters_at_run_time(void **state) {
    toys t;
    vae__workspace *workspace;
    vae__plan plan;
    (void)state;
    toy_begin(&t, 1);
    vae__id w = toy_layer(&t, "w", 2, 1);
    toy_graph(&t);
    assert_ok(vae__graph_result(&t.graph, "y", toy_dense(&t, toy_input(&t, 2), w)));
    assert_ok(vae__plan_make(&t.graph, 1, 1, 0, &plan));
    assert_ok(vae__workspace_make(&plan, &workspace));
    vae__real *average = calloc(t.parameters.block_count, sizeof *average), x[2] = {3, 5};
    average[0] = 10;
    average[1] = 100;
    average[t.parameters.items[w + 1].values - t.parameters.block] = 1000;
    vae__feed feed = {.rows = x};
    vae__run run = {.workspace = workspace, .feeds = &feed, .rows = 1, .parameters = average};
    vae__run_rows(&run);
    test_near((double)*vae__run_value(&run, vae__graph_find_result(&t.graph, "y")), 1530, 0, "y");
    free(average);
    vae__workspace_free(workspace);
    vae__plan_free(&plan);
    toy_end(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_chunks_of_rows),
        cmocka_unit_test(cuts_large_parameters_by_their_rows),
        cmocka_unit_test(computes_fixed_rows_once),
        cmocka_unit_test(binds_parameters_at_run_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
