/* Values, gradients and updates against PyTorch in float64. make_golden.py wrote tests/golden/data
 * and says what is in it; run the test from the root of the tree. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/cmocka.h"
#include "support/numbers.h"

enum { MOST_VALUES = 1024, WORD = 256 };

typedef struct reader {
    FILE *file;
    const char *path;
    char name[WORD]; /* of the case */
} reader;

/* The next word, or what stands between two quotes; 0 at the end of the file. */
static int next_word(reader *r, char word[WORD]) {
    char quote[2];
    if (fscanf(r->file, " %1[\"]", quote) == 1)
        return fscanf(r->file, "%255[^\"]", word) == 1 && fgetc(r->file) == '"';
    return fscanf(r->file, "%255s", word) == 1;
}

static const char *need_word(reader *r, char word[WORD]) {
    if (!next_word(r, word)) fail_msg("%s: case '%s' ends too soon", r->path, r->name);
    return word;
}

static double need_number(reader *r) {
    char word[WORD], *end;
    double value = strtod(need_word(r, word), &end);
    if (*end) fail_msg("%s: case '%s': '%s' is no number", r->path, r->name, word);
    return value;
}

/* A count and as many numbers. */
static size_t need_numbers(reader *r, double values[MOST_VALUES]) {
    size_t count = (size_t)need_number(r);
    if (count > MOST_VALUES) fail_msg("%s: case '%s': too many numbers", r->path, r->name);
    for (size_t i = 0; i < count; i++) values[i] = need_number(r);
    return count;
}

/* One case as it is read: each piece of the file is checked as soon as it is known. */
typedef struct fixture {
    reader reader;
    char only[WORD];
    vae_context *context;
    vae_model *model;
    vae_optimizer *optimizer;
    float x[MOST_VALUES];
    vae__real noise[MOST_VALUES], *start, *gradient;
    vae__step_rows rows;
    vae_step_report report; /* at the start */
    double rates[MOST_VALUES];
    size_t rate_count;
    double worst_value, worst_gradient, worst_update; /* of the file, as the tolerances count */
} fixture;

static void check(fixture *f, const char *what, double found, double expected, double tolerance) {
    char text[2 * WORD + 100];
    snprintf(text, sizeof text, "%s: %s: %s", f->reader.path, f->reader.name, what);
    test_near(found, expected, tolerance, text);
}

/* |found - expected| <= tolerance |expected - base| in the Euclidean norm, and with a base a few
 * roundings of the values themselves. Returns the error relative to that norm. */
static double check_norm(fixture *f, const char *what, const vae__real *found,
                         const double *expected, const vae__real *base, size_t count,
                         double tolerance) {
    double difference = 0, size = 0, values = 0, rounding = base ? test_tolerance(2e-7, 4e-16) : 0;
    for (size_t i = 0; i < count; i++) {
        double move = expected[i] - (base ? (double)base[i] : 0);
        difference += ((double)found[i] - expected[i]) * ((double)found[i] - expected[i]);
        size += move * move;
        values += expected[i] * expected[i];
    }
    if (sqrt(difference) <= tolerance * sqrt(size) + rounding * sqrt(values))
        return size > 0 ? sqrt(difference / size) : 0;
    fail_msg("%s: %s: %s: off by %.3g of its norm %.3g (tolerance %.3g)", f->reader.path,
             f->reader.name, what, sqrt(difference / size), sqrt(size), tolerance);
    return 0;
}

static void open_model(fixture *f) {
    char word[WORD];
    if (vae_model_create(f->context, need_word(&f->reader, word), &f->model))
        fail_msg("%s: %s", f->reader.name, vae_last_error());
    need_word(&f->reader, word);
    assert_string_equal(word, "options");
    if (vae_optimizer_create(f->model, need_word(&f->reader, word), &f->optimizer))
        fail_msg("%s: %s", f->reader.name, vae_last_error());
    f->model->has_scaling = 1; /* the file has it */
    size_t count = f->model->parameters.block_count;
    f->start = calloc(count, sizeof *f->start);
    f->gradient = calloc(count, sizeof *f->gradient);
}

static void read_rows(fixture *f) {
    double values[MOST_VALUES];
    size_t count = need_numbers(&f->reader, values);
    for (size_t i = 0; i < count; i++) f->x[i] = (float)values[i];
    f->rows =
        (vae__step_rows){.rows = f->x, .n = count / vae_model_width(f->model), .noise = f->noise};
}

static void read_noise(fixture *f) {
    double values[MOST_VALUES];
    size_t count = need_numbers(&f->reader, values);
    for (size_t i = 0; i < count; i++) f->noise[i] = (vae__real)(float)values[i];
}

/* Reads a parameter's name and values; the count must be the parameter's. The values of a kernel, which stand in
 * PyTorch's order, are put where the parameter's lie. */
static vae__parameter *read_parameter(fixture *f, double values[MOST_VALUES]) {
    char name[WORD];
    double read[MOST_VALUES];
    vae__parameter *parameter = test_parameter(f->model, need_word(&f->reader, name));
    if (need_numbers(&f->reader, read) != vae__parameter_size(parameter))
        fail_msg("%s: %s has another size", f->reader.name, name);
    for (size_t i = 0; i < vae__parameter_size(parameter); i++)
        values[vae__parameter_place(parameter, i)] = read[i];
    return parameter;
}

static size_t place(const fixture *f, const vae__parameter *parameter) {
    return (size_t)(parameter->values - f->model->parameters.block);
}

static void read_start(fixture *f) {
    double values[MOST_VALUES];
    vae__parameter *parameter = read_parameter(f, values);
    for (size_t i = 0; i < vae__parameter_size(parameter); i++)
        f->start[place(f, parameter) + i] = parameter->values[i] = (vae__real)(float)values[i];
    f->model->edits++;
}

static void check_value(fixture *f) {
    char name[WORD];
    need_word(&f->reader, name);
    double expected = need_number(&f->reader), found;
    if (!f->report.rows &&
        vae__step_gradient(f->optimizer, &f->rows, &f->report, f->gradient) != VAE_OK)
        fail_msg("%s: %s", f->reader.name, vae_last_error());
    if (!strcmp(name, "objective")) {
        found = f->report.objective;
    } else if (!strcmp(name, "elbo")) {
        found = f->report.elbo;
    } else if (!strcmp(name, "reconstruction")) {
        found = f->report.reconstruction;
    } else if (!strcmp(name, "kl")) {
        found = f->report.kl;
    } else {
        assert_string_equal(name, "gradient_norm");
        found = f->report.gradient_norm;
    }
    check(f, name, found, expected, test_tolerance(2e-6, 1e-12));
    f->worst_value = fmax(f->worst_value, fabs(found - expected) / fmax(1, fabs(expected)));
}

static void check_gradient(fixture *f) {
    double values[MOST_VALUES];
    vae__parameter *parameter = read_parameter(f, values);
    assert_true(f->report.rows > 0);
    double error = check_norm(f, parameter->name, f->gradient + place(f, parameter), values, NULL,
                              vae__parameter_size(parameter), test_tolerance(1e-5, 1e-10));
    f->worst_gradient = fmax(f->worst_gradient, error);
}

/* One update; its report at the learning rate of the file. */
static void make_step(fixture *f) {
    vae_step_report report;
    uint64_t step = vae_optimizer_steps(f->optimizer);
    assert_true(step < f->rate_count);
    assert_int_equal(vae__step(f->optimizer, &f->rows, &report), VAE_OK);
    assert_int_equal(report.step, step + 1);
    check(f, "learning rate", report.learning_rate, f->rates[step], 1e-13);
}

static void check_after(fixture *f) {
    double values[MOST_VALUES];
    uint64_t steps = (uint64_t)need_number(&f->reader);
    while (vae_optimizer_steps(f->optimizer) < steps) make_step(f);
    assert_int_equal(vae_optimizer_steps(f->optimizer), steps);
    vae__parameter *parameter = read_parameter(f, values);
    double error =
        check_norm(f, parameter->name, parameter->values, values, f->start + place(f, parameter),
                   vae__parameter_size(parameter), test_tolerance(1e-5, 1e-10));
    f->worst_update = fmax(f->worst_update, error);
}

static void close_case(fixture *f) {
    free(f->start);
    free(f->gradient);
    vae_optimizer_destroy(f->optimizer);
    vae_model_destroy(f->model);
    f->start = f->gradient = NULL;
    f->optimizer = NULL;
    f->model = NULL;
    f->report = (vae_step_report){0};
    f->rate_count = 0;
}

static int is_skipped(const fixture *f) {
    return !strcmp(f->only, "only=double") && sizeof(vae__real) == sizeof(float);
}

/* From behind "case" to "end". Returns 0 if the case is not for this build. */
static int run_case(fixture *f) {
    static const struct {
        const char *word;
        void (*read)(fixture *f);
    } pieces[] = {{"spec", open_model},         {"x", read_rows},
                  {"noise", read_noise},        {"start", read_start},
                  {"value", check_value},       {"after", check_after},
                  {"gradient", check_gradient}, {NULL, NULL}};
    char word[WORD];
    strcpy(f->reader.name, "?");
    strcpy(f->reader.name, need_word(&f->reader, word));
    need_word(&f->reader, f->only);
    while (strcmp(need_word(&f->reader, word), "end")) {
        size_t i = 0;
        if (is_skipped(f)) continue;
        if (!strcmp(word, "rates")) {
            f->rate_count = need_numbers(&f->reader, f->rates);
            continue;
        }
        while (pieces[i].word && strcmp(word, pieces[i].word)) i++;
        if (!pieces[i].word) fail_msg("%s: '%s' is unknown", f->reader.path, word);
        pieces[i].read(f);
    }
    int ran = !is_skipped(f);
    close_case(f);
    return ran;
}

static void run_file(const char *path, size_t cases) {
    fixture f = {.reader = {fopen(path, "r"), path, ""}};
    char word[WORD];
    size_t seen = 0;
    if (!f.reader.file) fail_msg("cannot open %s: run the test from the root of the tree", path);
    f.context = test_context("threads=1");
    while (next_word(&f.reader, word)) {
        assert_string_equal(word, "case");
        seen += (size_t)run_case(&f);
    }
    assert_int_equal(seen, cases);
    print_message("%s: largest errors: values %.2g, gradients %.2g, updates %.2g\n", path,
                  f.worst_value, f.worst_gradient, f.worst_update);
    fclose(f.reader.file);
    vae_context_destroy(f.context);
}

static void likelihoods(void **state) {
    (void)state;
    run_file("tests/golden/data/likelihoods.txt", 14);
}

static void shares(void **state) {
    (void)state;
    run_file("tests/golden/data/shares.txt", 11);
}

static void counts(void **state) {
    (void)state;
    run_file("tests/golden/data/counts.txt", 11);
}

static void standardize(void **state) {
    (void)state;
    run_file("tests/golden/data/standardize.txt", 5);
}

static void layers(void **state) {
    (void)state;
    run_file("tests/golden/data/layers.txt", 4);
}

static void images(void **state) {
    (void)state;
    run_file("tests/golden/data/images.txt", 16);
}

static void priors(void **state) {
    (void)state;
    run_file("tests/golden/data/priors.txt", 12);
}

static void importance(void **state) {
    (void)state;
    run_file("tests/golden/data/importance.txt", 10);
}

static void activations(void **state) {
    (void)state;
    run_file("tests/golden/data/activations.txt", 5);
}

static void objectives(void **state) {
    (void)state;
    run_file("tests/golden/data/objectives.txt", 9);
}

static void optimizers(void **state) {
    (void)state;
    run_file("tests/golden/data/optimizers.txt", sizeof(vae__real) == sizeof(float) ? 12 : 13);
}

static void schedules(void **state) {
    (void)state;
    run_file("tests/golden/data/schedules.txt", 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(likelihoods), cmocka_unit_test(shares),     cmocka_unit_test(counts),
        cmocka_unit_test(standardize), cmocka_unit_test(importance), cmocka_unit_test(activations),
        cmocka_unit_test(objectives),  cmocka_unit_test(optimizers), cmocka_unit_test(schedules),
        cmocka_unit_test(layers),      cmocka_unit_test(priors),     cmocka_unit_test(images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
