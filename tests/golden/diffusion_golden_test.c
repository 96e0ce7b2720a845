/* Samplers against the package diffusers, and losses and gradients of small networks against PyTorch, both in float64.
 * make_diffusion.py and make_unet.py wrote tests/golden/data/diffusion_*.txt; run the test from the root of the tree. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autodiff/program.h"
#include "diffusion/sampler.h"
#include "model/kind.h"
#include "model/model.h"
#include "support/checks.h"
#include "support/cmocka.h"
#include "support/numbers.h"

enum { ROWS = 2, WIDTH = 3, MAX_STEPS = 64, MAX_VALUES = 4100 };

static int index_of(const char *const *names, const char *name) {
    int i = 0;
    while (names[i] && strcmp(names[i], name)) i++;
    if (!names[i]) fail_msg("'%s' is unknown", name);
    return i;
}

static void expect(FILE *file, const char *word) {
    char found[64];
    assert_int_equal(fscanf(file, "%63s", found), 1);
    assert_string_equal(found, word);
}

static void read_values(FILE *file, double *values, size_t count) {
    for (size_t i = 0; i < count; i++) assert_int_equal(fscanf(file, "%lf", &values[i]), 1);
}

/* ---- samplers ---- */

typedef struct sampled {
    vae__diffusion diffusion;
    vae__kernels kernels; /* whose normals are the file's */
} sampled;

/* The noise of the step under way, for a function that has no user's pointer. */
static const double *given;

static void give_noise(const vae__stream *stream, size_t first_row, size_t rows, size_t samples,
                       size_t columns, vae__real *out) {
    (void)stream, (void)first_row;
    for (size_t i = 0; i < rows * samples * columns; i++) out[i] = (vae__real)given[i];
    given += ROWS * WIDTH;
}

/* As `network` of make_diffusion.py. */
static vae_status predict(void *user, const vae__real *x, size_t rows, const vae__real *t,
                          int one_step, vae__real *output) {
    const sampled *s = user;
    size_t outputs = vae__diffusion_outputs(&s->diffusion);
    double a = s->diffusion.schedule.retained[(size_t)t[0]];
    double scale = cos((double)t[0] / (double)s->diffusion.schedule.steps);
    assert_true(one_step);
    for (size_t r = 0; r < rows; r++) {
        for (size_t j = 0; j < WIDTH; j++) {
            double at = (double)x[r * WIDTH + j];
            double mixed = 0.6 * at + 0.3 * (double)x[r * WIDTH + (j + WIDTH - 1) % WIDTH] - 0.2;
            double made = tanh(mixed) * scale;
            /* Where v is predicted in place of the noise: the v that says the same. */
            if (vae__prediction_in_force(s->diffusion.predict, a) != s->diffusion.predict)
                made = (made - sqrt(1 - a) * at) / sqrt(a);
            output[r * outputs + j] = (vae__real)made;
            if (outputs > WIDTH) output[r * outputs + WIDTH + j] = (vae__real)sin(3 * mixed);
        }
    }
    return VAE_OK;
}

typedef struct trajectory {
    const double (*expected)[ROWS * WIDTH];
    const vae__real *x;
    const char *name;
} trajectory;

static int32_t compare(void *user, size_t done) {
    const trajectory *t = user;
    for (size_t i = 0; i < ROWS * WIDTH; i++)
        test_near((double)t->x[i], t->expected[done - 1][i], test_tolerance(2e-5, 1e-12), t->name);
    return 0;
}

static int run_case(FILE *file, vae_context *context) {
    char name[80], schedule[20], predicts[20], variance[20], kind[20], spacing[20];
    size_t steps, n;
    double eta, start[ROWS * WIDTH], noise[MAX_STEPS][ROWS * WIDTH], x[MAX_STEPS][ROWS * WIDTH];
    int clip;
    if (fscanf(file, " case %79s %19s %zu %19s %19s %19s %zu %19s %lf %d", name, schedule, &steps,
               predicts, variance, kind, &n, spacing, &eta, &clip) != 10)
        return 0;
    assert_true(n <= MAX_STEPS);
    expect(file, "start");
    read_values(file, start, ROWS * WIDTH);
    for (size_t i = 0; i < n; i++) {
        expect(file, "noise");
        read_values(file, noise[i], ROWS * WIDTH);
        expect(file, "x");
        read_values(file, x[i], ROWS * WIDTH);
    }
    expect(file, "end");
    sampled s = {.diffusion = {.predict = index_of(vae__predict_names, predicts), .width = WIDTH},
                 .kernels = *context->kernels};
    assert_ok(vae__noise_schedule_make(context, index_of(vae__noise_names, schedule), steps,
                                       index_of(vae__variance_names, variance),
                                       &s.diffusion.schedule));
    vae__sampler sampler = {
        index_of(vae__sampler_names, kind), index_of(vae__spacing_names, spacing), n, 0, eta, clip};
    uint32_t list[MAX_STEPS];
    vae__real at[ROWS * WIDTH], room[4 * ROWS * WIDTH];
    assert_ok(vae__sampler_list(sampler.spacing, steps, n, list));
    for (size_t i = 0; i < ROWS * WIDTH; i++) at[i] = (vae__real)start[i];
    s.kernels.normals = give_noise;
    given = noise[0];
    const vae__denoise denoise = {&s.diffusion, predict, &s};
    trajectory t = {(const double(*)[ROWS * WIDTH]) x, at, name};
    const vae__sampling_run run = {.denoise = &denoise,
                                   .sampler = &sampler,
                                   .list = list,
                                   .kernels = &s.kernels,
                                   .rows = ROWS,
                                   .room = room,
                                   .after = compare,
                                   .user = &t};
    assert_ok(vae__sampler_run(&run, at));
    vae__noise_schedule_free(&s.diffusion.schedule);
    return 1;
}

static void samplers(void **state) {
    vae_context *context = test_context(NULL);
    FILE *file = fopen("tests/golden/data/diffusion_samplers.txt", "r");
    int cases = 0;
    (void)state;
    if (!file) fail_msg("tests/golden/data/diffusion_samplers.txt cannot be read");
    while (run_case(file, context)) cases++;
    assert_int_equal(cases, 11);
    fclose(file);
    vae_context_destroy(context);
}

/* ---- a network ---- */

static const vae__objective *objective_of(const char *loss) {
    return vae__objectives[index_of(vae__objective_names, loss)];
}

static void set_parameters(const vae__parameters *list) {
    size_t which = 0;
    for (size_t p = 0; p < list->count; p++) {
        if (!list->items[p].trainable) continue;
        for (size_t i = 0; i < vae__parameter_size(&list->items[p]); i++)
            list->items[p].values[i] =
                (vae__real)(0.3 * sin(1.7 * (double)i + 0.9 * (double)which));
        which++;
    }
}

static void check_gradient(FILE *file, const vae__parameters *list, const vae__parameter *p,
                           const vae__real *gradient) {
    size_t size = vae__parameter_size(p), first = size < 20 ? size : 20;
    double expected[21], squares = 0;
    char name[80];
    assert_int_equal(fscanf(file, " gradient %79s", name), 1);
    assert_string_equal(name, p->name);
    read_values(file, expected, 1 + first);
    const vae__real *own = gradient + (p->values - list->block);
    for (size_t i = 0; i < size; i++) squares += (double)own[i] * (double)own[i];
    double scale = 1 + expected[0];
    test_near(sqrt(squares) / scale, expected[0] / scale, test_tolerance(2e-4, 1e-11), name);
    for (size_t i = 0; i < first; i++)
        test_near((double)own[i] / scale, expected[1 + i] / scale, test_tolerance(2e-4, 1e-11),
                  name);
}

/* The training graph of a diffusion whose parameters are given by a formula. */
typedef struct graph {
    vae_context *context;
    vae__spec spec;
    vae__shape shape;
    vae__parameters list;
    vae__network places;
    vae__model_diffusion *diffusion;
    vae__objective_settings settings;
    vae__program program;
    vae__workspace *workspace;
    vae__run run;
    vae__feed feeds[VAE__MAX_INPUTS];
    vae__real *fed[3], *gradient; /* data, noise, step */
    size_t rows;
} graph;

static void open_graph(graph *g, const char *loss) {
    const vae__declaration d = {g->context, &g->list};
    const vae__build build = {&g->spec, &g->places, &g->program.graph, &g->settings, NULL};
    vae__build with;
    vae__id x0;
    vae__diffusion_values values;
    assert_ok(
        vae__diffusion_declare(&g->spec.diffusion, &g->shape, 0, &d, "", &g->places.diffusion));
    assert_ok(vae__parameters_allocate(g->context, &g->list));
    set_parameters(&g->list);
    assert_ok(vae__diffusion_make(g->context, &g->spec.diffusion, &g->shape, &g->list,
                                  &g->places.diffusion, &g->diffusion));
    g->diffusion->engine.cumulative = NULL; /* steps are given, not drawn by weight */
    g->settings = (vae__objective_settings){objective_of(loss), 1, 0};
    with = build;
    with.diffusion = g->diffusion;
    vae__graph_begin(&g->program.graph, g->context, &g->list);
    assert_ok(vae__graph_input(&g->program.graph, "x0", &g->shape, VAE__PER_ROW, &x0));
    assert_ok(vae__diffusion_build_training(&with, x0, &values));
    assert_ok(vae__program_plan(&g->program, g->rows, 1, 1));
    assert_ok(vae__program_take(&g->program, &g->workspace));
    g->gradient = calloc(g->list.block_count, sizeof *g->gradient);
}

/* Reads what the graph is fed. */
static void read_inputs(graph *g, FILE *file) {
    static const char *const names[] = {"data", "noise", "step"};
    static const char *const inputs[] = {"x0", VAE__DIFFUSION_NOISE, VAE__DIFFUSION_STEP};
    for (size_t i = 0; i < 3; i++) {
        size_t count = g->rows * (i < 2 ? g->shape.size : 1);
        double *read = malloc(count * sizeof *read);
        g->fed[i] = malloc(count * sizeof **g->fed);
        expect(file, names[i]), read_values(file, read, count);
        for (size_t k = 0; k < count; k++) g->fed[i][k] = (vae__real)read[k];
        *vae__program_feed(&g->program, g->feeds, inputs[i]) = (vae__feed){.rows = g->fed[i]};
        free(read);
    }
}

/* Runs the graph: its losses, and its gradient into g->gradient. */
static void run_graph(graph *g) {
    const vae__sink sink = {.gradient = g->gradient};
    g->run = (vae__run){.workspace = g->workspace, .feeds = g->feeds, .rows = g->rows};
    assert_ok(vae__run_rows(&g->run));
    vae__run_weights(&g->run, &sink);
}

static void check_losses(graph *g, FILE *file, const char *word) {
    const double *found = vae__program_double(&g->program, &g->run, "loss");
    double expected[4];
    expect(file, word), read_values(file, expected, g->rows);
    for (size_t r = 0; r < g->rows; r++)
        test_near(found[r] / (1 + fabs(expected[r])), expected[r] / (1 + fabs(expected[r])),
                  test_tolerance(2e-4, 1e-11), word);
}

static void close_graph(graph *g) {
    for (size_t i = 0; i < 3; i++) free(g->fed[i]);
    free(g->gradient);
    vae__program_return(&g->program, g->workspace);
    vae__program_free(&g->program);
    vae__diffusion_free(g->context, g->diffusion);
    vae__parameters_free(g->context, &g->list);
}

static int run_network(FILE *file, vae_context *context) {
    char schedule[20], predicts[20], variance[20], loss[20];
    graph g = {.context = context, .rows = 4, .shape = vae__shape_vector(WIDTH)};
    vae__diffusion_spec *spec = &g.spec.diffusion;
    size_t steps;
    if (fscanf(file, " network %19s %zu %19s %19s %19s", schedule, &steps, predicts, variance,
               loss) != 5)
        return 0;
    static const char network[] = "[dense 5, silu, res[dense 4, tanh, dense 5], silu]";
    const vae__slice text = {"spec", network, network, sizeof network - 1};
    assert_ok(vae__layers_parse(&text, &spec->network.layers, NULL));
    spec->steps = steps;
    spec->schedule = index_of(vae__noise_names, schedule);
    spec->predict = index_of(vae__predict_names, predicts);
    spec->variance = index_of(vae__variance_names, variance);
    open_graph(&g, loss);
    read_inputs(&g, file);
    double output[4 * 2 * WIDTH];
    size_t outputs = spec->variance == VAE__VARIANCE_LEARNED ? 2 * WIDTH : WIDTH;
    expect(file, "output"), read_values(file, output, g.rows * outputs);
    run_graph(&g);
    check_losses(&g, file, "loss");
    for (size_t p = 0; p < g.list.count; p++)
        if (g.list.items[p].trainable) check_gradient(file, &g.list, &g.list.items[p], g.gradient);
    expect(file, "end");
    close_graph(&g);
    return 1;
}

/* ---- a U-Net, and ten steps of Adam ---- */

/* The norm and the first values of a parameter, or of its gradient. */
static void check_values(FILE *file, const char *word, const char *name, const vae__real *own,
                         size_t size) {
    enum { FIRST = 8 };
    double expected[1 + FIRST], squares = 0;
    size_t first = size < FIRST ? size : FIRST;
    char found[80];
    expect(file, word);
    assert_int_equal(fscanf(file, "%79s", found), 1);
    assert_string_equal(found, name);
    read_values(file, expected, 1 + first);
    for (size_t i = 0; i < size; i++) squares += (double)own[i] * (double)own[i];
    test_near(sqrt(squares), expected[0], test_tolerance(2e-3, 1e-10), name);
    for (size_t i = 0; i < first; i++)
        test_near((double)own[i], expected[1 + i], test_tolerance(2e-3, 1e-10), name);
}

static void check_all_values(graph *g, FILE *file, const char *word, const vae__real *block) {
    for (size_t p = 0; p < g->list.count; p++) {
        const vae__parameter *parameter = &g->list.items[p];
        check_values(file, word, parameter->name, block + (parameter->values - g->list.block),
                     vae__parameter_size(parameter));
    }
}

static void unet(void **state) {
    graph g = {.context = test_context(NULL), .rows = 3};
    FILE *file = fopen("tests/golden/data/diffusion_unet.txt", "r");
    (void)state;
    if (!file) fail_msg("tests/golden/data/diffusion_unet.txt cannot be read");
    assert_ok(vae__spec_parse("model=diffusion input=2x4x8 steps=12 network=unet channels=[4, 6] "
                              "groups=2 attention=[2]",
                              &g.spec));
    g.shape = g.spec.input;
    open_graph(&g, "simple");
    read_inputs(&g, file);
    run_graph(&g);
    check_losses(&g, file, "loss");
    check_all_values(&g, file, "gradient", g.gradient);
    vae__real *mean = calloc(g.list.block_count, sizeof *mean);
    vae__real *square = calloc(g.list.block_count, sizeof *square);
    for (int i = 1; i <= 10; i++) {
        if (i > 1) run_graph(&g);
        for (size_t k = 0; k < g.list.block_count; k++) {
            double d = (double)g.gradient[k];
            mean[k] = (vae__real)(0.9 * (double)mean[k] + 0.1 * d);
            square[k] = (vae__real)(0.999 * (double)square[k] + 0.001 * d * d);
            double m = (double)mean[k] / (1 - pow(0.9, i)),
                   v = (double)square[k] / (1 - pow(0.999, i));
            g.list.block[k] -= (vae__real)(1e-2 * m / (sqrt(v) + 1e-8));
        }
    }
    run_graph(&g);
    if (sizeof(vae__real) ==
        sizeof(double)) { /* Adam turns rounding of a gradient near 0 into steps */
        check_losses(&g, file, "trained_loss");
        check_all_values(&g, file, "trained", g.list.block);
    }
    free(square);
    free(mean);
    fclose(file);
    vae_context *context = g.context;
    close_graph(&g);
    vae_context_destroy(context);
}

static void networks(void **state) {
    vae_context *context = test_context(NULL);
    FILE *file = fopen("tests/golden/data/diffusion_network.txt", "r");
    int cases = 0;
    (void)state;
    if (!file) fail_msg("tests/golden/data/diffusion_network.txt cannot be read");
    while (run_network(file, context)) cases++;
    assert_int_equal(cases, 6);
    fclose(file);
    vae_context_destroy(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(samplers), cmocka_unit_test(networks),
                                       cmocka_unit_test(unet)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
