/* Samplers against the package diffusers, and losses and gradients of a small network against PyTorch, both in float64.
 * make_diffusion.py wrote tests/golden/data/diffusion_*.txt; run the test from the root of the tree. */
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

static int run_network(FILE *file, vae_context *context) {
    enum { N = 4 };
    char schedule[20], predicts[20], variance[20], loss[20];
    double data[N * WIDTH], noise[N * WIDTH], step[N], output[N * 2 * WIDTH], losses[N];
    vae__diffusion_spec spec = {0};
    size_t steps;
    if (fscanf(file, " network %19s %zu %19s %19s %19s", schedule, &steps, predicts, variance,
               loss) != 5)
        return 0;
    static const char network[] = "[dense 5, silu, res[dense 4, tanh, dense 5], silu]";
    const vae__slice text = {"spec", network, network, sizeof network - 1};
    assert_ok(vae__layers_parse(&text, &spec.network.layers, NULL));
    spec.steps = steps;
    spec.schedule = index_of(vae__noise_names, schedule);
    spec.predict = index_of(vae__predict_names, predicts);
    spec.variance = index_of(vae__variance_names, variance);
    size_t outputs = spec.variance == VAE__VARIANCE_LEARNED ? 2 * WIDTH : WIDTH;
    expect(file, "data"), read_values(file, data, N * WIDTH);
    expect(file, "noise"), read_values(file, noise, N * WIDTH);
    expect(file, "step"), read_values(file, step, N);
    expect(file, "output"), read_values(file, output, N * outputs);
    expect(file, "loss"), read_values(file, losses, N);

    const vae__shape shape = vae__shape_vector(WIDTH);
    vae__parameters list = {0};
    vae__network places;
    vae__model_diffusion *diffusion;
    const vae__declaration d = {context, &list};
    assert_ok(vae__diffusion_declare(&spec, &shape, 0, &d, "", &places.diffusion));
    assert_ok(vae__parameters_allocate(context, &list));
    set_parameters(&list);
    assert_ok(vae__diffusion_make(context, &spec, &shape, &list, &places.diffusion, &diffusion));
    vae__program program = {0};
    vae__spec whole = {.diffusion = spec};
    vae__objective_settings settings = {objective_of(loss), 1, 0};
    vae__graph_begin(&program.graph, context, &list);
    const vae__build build = {&whole, &places, &program.graph, &settings, diffusion};
    const vae__shape shape = vae__shape_vector(WIDTH);
    vae__id x0;
    vae__diffusion_values values;
    assert_ok(vae__graph_input(&program.graph, "x0", &shape, VAE__PER_ROW, &x0));
    assert_ok(vae__diffusion_build_training(&build, x0, &values));
    assert_ok(vae__program_plan(&program, N, 1, 1));
    vae__workspace *workspace;
    assert_ok(vae__program_take(&program, &workspace));
    vae__real fed[3][N * WIDTH];
    for (size_t i = 0; i < N * WIDTH; i++) {
        fed[0][i] = (vae__real)data[i];
        fed[1][i] = (vae__real)noise[i];
        if (i < N) fed[2][i] = (vae__real)step[i];
    }
    vae__feed feeds[VAE__MAX_INPUTS] = {{0}};
    *vae__program_feed(&program, feeds, "x0") = (vae__feed){.rows = fed[0]};
    *vae__program_feed(&program, feeds, VAE__DIFFUSION_NOISE) = (vae__feed){.rows = fed[1]};
    *vae__program_feed(&program, feeds, VAE__DIFFUSION_STEP) = (vae__feed){.rows = fed[2]};
    vae__run run = {.workspace = workspace, .feeds = feeds, .rows = N};
    assert_ok(vae__run_rows(&run));
    const double *found = vae__program_double(&program, &run, "loss");
    for (size_t r = 0; r < N; r++)
        test_near(found[r] / (1 + fabs(losses[r])), losses[r] / (1 + fabs(losses[r])),
                  test_tolerance(2e-4, 1e-11), loss);
    vae__real *gradient = calloc(list.block_count, sizeof *gradient);
    const vae__sink sink = {.gradient = gradient};
    vae__run_weights(&run, &sink);
    for (size_t p = 0; p < list.count; p++)
        if (list.items[p].trainable) check_gradient(file, &list, &list.items[p], gradient);
    expect(file, "end");
    free(gradient);
    vae__program_return(&program, workspace);
    vae__program_free(&program);
    vae__diffusion_free(context, diffusion);
    vae__parameters_free(context, &list);
    return 1;
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(samplers), cmocka_unit_test(networks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
