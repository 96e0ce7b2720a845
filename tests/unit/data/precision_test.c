/* Columns that would lose their values in float are refused or said. In the double build, where none
 * of them does, they open in silence. */
#include "data/precision.h"

#include <float.h>
#include <math.h>

#include "unit/data/scratch.h"

enum { IN_DOUBLE = sizeof(vae__real) == sizeof(double) };

/* ---- the log ---- */

static char said[600];
static int times_said;

static void hear(void *user, int32_t level, const char *message) {
    (void)user;
    assert_int_equal(level, VAE_LOG_WARNING);
    snprintf(said, sizeof said, "%s", message);
    times_said++;
}

static vae_status take(void **state, const void *rows, size_t n, size_t width,
                       const char *options) {
    vae_context *context = ((scratch *)*state)->context;
    vae_dataset *dataset;
    context->log = hear;
    times_said = 0;
    said[0] = 0;
    vae_status status = vae__dataset_from_memory(context, rows, n, width, options, &dataset);
    assert_true(!status == !!dataset);
    vae__dataset_free(dataset);
    return status;
}

static void assert_quiet(void **state, const void *rows, size_t n, size_t width,
                         const char *options) {
    if (take(state, rows, n, width, options)) fail_msg("%s: %s", options, vae__last_message());
    if (times_said) fail_msg("%s: %s", options, said);
}

/* Refused with a message that holds `part`, where vae__real is float. */
static void assert_collapses(void **state, const void *rows, size_t n, size_t width,
                             const char *options, const char *part) {
    vae_status status = take(state, rows, n, width, options);
    if (status != (IN_DOUBLE ? VAE_OK : VAE_ERROR_DATA))
        fail_msg("%s: %s: %s", options, part, status ? vae__last_message() : "no error");
    if (status) assert_message(part);
}

static void assert_said(void **state, const void *rows, size_t n, size_t width, const char *options,
                        const char *part) {
    if (take(state, rows, n, width, options)) fail_msg("%s: %s", options, vae__last_message());
    assert_int_equal(times_said, IN_DOUBLE ? 0 : 1);
    if (times_said && !strstr(said, part)) fail_msg("no \"%s\" in \"%s\"", part, said);
}

/* ---- columns that become one number ---- */

static const double billions[] = {1e9 - 1, 1e9, 1e9 + 1, 1e9 + 2};

static void refuses_a_column_that_collapses(void **state) {
    const double times[] = {1, 1.7e12, 2460310.5, 2, 1.7e12 + 1000, 2460310.625};
    assert_collapses(state, billions, 4, 1, "dtype=float64",
                     "rows: column 0 (from 0) loses its values: 999999999 and 1000000002 both "
                     "become 1e+09 as float; open it with shift=columns, which subtracts");
    assert_collapses(state, times, 2, 3, "dtype=float64", "column 1 (from 0) loses its values");
    assert_quiet(state, times, 2, 3, "dtype=float64 shift=columns");
    assert_quiet(state, billions, 4, 1, "dtype=float64 shift=columns");
    assert_quiet(state, billions, 4, 1, "dtype=float64 shift=[1e9]");
    assert_quiet(state, billions, 4, 1, "dtype=float64 copy=0 shift=[999999999.5]");
    assert_collapses(state, billions, 4, 1, "dtype=float64 shift=[5]",
                     "open it with shift=columns");
}

/* Also one that only part of the rows would use, and where rows that are refused later lie between. */
static void looks_at_all_rows(void **state) {
    static double rows[2001];
    for (int i = 0; i < 2001; i++) rows[i] = i % 3 ? 1.7e9 : NAN;
    rows[1001] = 1.7e9 + 1;
    assert_collapses(state, rows, 2001, 1, "dtype=float64 split=train:0.01",
                     "1.7e+09 and 1700000001 both become 1.7e+09");
    rows[1001] = 1.7e9;
    assert_quiet(state, rows, 2001, 1, "dtype=float64");
}

static void names_file_and_column(void **state) {
    const char csv[] = "id,time,x\n1,1700000000,2\n2,1700000001,3\n";
    char npy[128 + sizeof billions] = "\x93NUMPY\x01", expected[200];
    scratch *s = *state;
    vae_dataset *dataset;
    write_file(s, csv, sizeof csv - 1);
    vae_status status = vae__dataset_open(s->context, s->path, "columns=[x, time]", &dataset);
    snprintf(expected, sizeof expected,
             "%s: column 1 (from 0, named time) loses its values: ", s->path);
    assert_int_equal(status, IN_DOUBLE ? VAE_OK : VAE_ERROR_DATA);
    if (status) assert_message(expected);
    vae__dataset_free(dataset);
    npy[8] = 118;
    snprintf(npy + 10, 119, "%-117s\n",
             "{'descr': '<f8', 'fortran_order': False, 'shape': (4,), }");
    memcpy(npy + 128, billions, sizeof billions);
    write_file(s, npy, sizeof npy);
    status = vae__dataset_open(s->context, s->path, "", &dataset);
    snprintf(expected, sizeof expected, "%s: column 0 (from 0) loses its values: ", s->path);
    assert_int_equal(status, IN_DOUBLE ? VAE_OK : VAE_ERROR_DATA);
    if (status) assert_message(expected);
    vae__dataset_free(dataset);
}

/* What all columns are scaled by may be too much for one of them. */
static void scaling_may_cost_a_column(void **state) {
    const double table[] = {1, -1e12, 2, 0, 3, 1e12};
    const float singles[] = {1, -1e12f, 2, 0, 3, 1e12f};
    const char *expected = "column 0 (from 0) loses its values: 1 and 3 both become 0.5 as float; "
                           "open it with shift=columns and without scale=";
    assert_collapses(state, table, 3, 2, "dtype=float64 scale=unit", expected);
    assert_collapses(state, table, 3, 2, "dtype=float64 scale=range:-1e12:1e12", expected);
    assert_collapses(state, singles, 3, 2, "scale=range:-1e12:1e12", expected);
    assert_quiet(state, table, 3, 2, "dtype=float64 scale=range:0:1e12");
    /* 0.1 took them. */
    assert_said(state, singles, 3, 2, "scale=unit",
                "column 0 (from 0) loses its values: all of them");
}

/* In any build: 8-bit and float rows too, if the offset is far away. */
static void a_far_offset_costs_every_type(void **state) {
    const unsigned char bytes[] = {1, 2};
    const float singles[] = {1, 2};
    const double doubles[] = {1, 2};
    const void *rows[] = {bytes, singles, doubles};
    const char *types[] = {"uint8", "float32", "float64"};
    char options[80];
    for (int i = 0; i < 3; i++) {
        snprintf(options, sizeof options, "dtype=%s scale=none shift=[1e30]", types[i]);
        assert_int_equal(take(state, rows[i], 2, 1, options), VAE_ERROR_DATA);
        assert_message("column 0 (from 0) loses its values: 1 and 2 both become -1");
        assert_message("open it with shift=columns");
        snprintf(options, sizeof options, "dtype=%s shift=columns", types[i]);
        assert_quiet(state, rows[i], 2, 1, options);
    }
}

/* No offset helps where the difference itself is no float. */
static void advises_to_multiply(void **state) {
    const double tiny[] = {1e-60, 2e-60}, large[] = {1e39, 1.5e39};
    assert_collapses(state, tiny, 2, 1, "dtype=float64",
                     "1e-60 and 2e-60 both become 0 as float; multiply this column by a constant");
    assert_collapses(state, tiny, 2, 1, "dtype=float64 shift=columns", "multiply this column");
    assert_collapses(state, large, 2, 1, "dtype=float64", "both become inf as float; multiply");
}

/* ---- columns that do not ---- */

static void constant_columns_are_fine(void **state) {
    const double rows[] = {1e9, 0.1, 1e9, 0.1};
    assert_quiet(state, rows, 2, 2, "dtype=float64");
    assert_quiet(state, rows, 2, 2, "dtype=float64 shift=columns");
    assert_quiet(state, rows, 2, 2, "dtype=float64 scale=unit");
}

/* A value that was computed in several ways is a constant column, which a shift would make noise of. */
static void rounding_errors_are_no_values(void **state) {
    const double rows[] = {0.3, 0.1 + 0.2, nextafter(0.3, 0)};
    const double more[] = {0.3, 0.3 + 6 * DBL_EPSILON};
    const double whole[] = {1.7e15, 1.7e15 + 1}; /* four units in the last place, and exact */
    assert_quiet(state, rows, 3, 1, "dtype=float64");
    assert_collapses(state, more, 2, 1, "dtype=float64", "loses its values");
    assert_collapses(state, whole, 2, 1, "dtype=float64", "loses its values");
    assert_int_equal(take(state, rows, 3, 1, "dtype=float64 shift=columns"), VAE_OK);
    assert_int_equal(times_said, 1);
    assert_non_null(strstr(said, "column 0 (from 0) holds rounding errors only, "));
}

/* ---- columns that keep little ---- */

enum { MANY = 5000 };

/* value(i) for each of MANY rows, beside two columns that float holds. */
static const double *table_of(double (*value)(int i)) {
    static double table[3 * MANY];
    for (int i = 0; i < MANY; i++) {
        table[3 * i] = i;
        table[3 * i + 1] = value(i);
        table[3 * i + 2] = i * 0.37;
    }
    return table;
}

static double seconds(int i) {
    return 1.7e9 + i % 1000;
} /* 128 apart, spread 250 */
static double hours(int i) {
    return 1.7e9 + 3600.0 * i;
} /* spread 4.5e6 */
static double often_zero(int i) {
    return i % 3 ? seconds(i) : 0;
}
static double one_far(int i) {
    return i == 77 ? 1e9 : sin(i);
} /* its own digits only are lost */
static double even(int i) {
    return 16777216 + 2 * (i % 5);
} /* exact */
static double tenths(int i) {
    return 0.1 * (i % 7);
}
static double mostly_one(int i) {
    return i % 5 ? 1.7e9 : 1.7e9 + i;
}

static void says_what_keeps_little(void **state) {
    const double few[] = {1e9, 1e9 + 10, 1e9 + 70, 1e9 + 100};
    assert_said(state, table_of(seconds), MANY, 3, "dtype=float64",
                "column 1 (from 0) keeps little of its values: they lie about 250 from their "
                "median, where neighbouring floats are 128 apart; open it with shift=columns, ");
    assert_non_null(IN_DOUBLE ? said : strstr(said, "(rows)"));
    assert_said(state, table_of(often_zero), MANY, 3, "dtype=float64", "column 1 (from 0) keeps");
    assert_said(state, table_of(mostly_one), MANY, 3, "dtype=float64", "column 1 (from 0) keeps");
    assert_said(state, few, 4, 1, "dtype=float64", "column 0 (from 0) keeps little");
    assert_said(state, table_of(seconds), MANY / 2, 6, "dtype=float64",
                "(rows; 1 more column like it)");
    assert_said(state, table_of(seconds), MANY, 3, "dtype=float64 scale=range:-1e9:1e9",
                "open it with shift=columns and without scale=");
}

static void is_quiet_about_the_rest(void **state) {
    double (*const values[])(int) = {hours, one_far, even, tenths};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        assert_quiet(state, table_of(values[i]), MANY, 3, "dtype=float64");
    assert_quiet(state, table_of(seconds), MANY, 3, "dtype=float64 shift=columns");
    assert_quiet(state, table_of(often_zero), MANY, 3, "dtype=float64 shift=columns");
}

static void needs_no_log(void **state) {
    vae_dataset *dataset;
    scratch *s = *state;
    assert_int_equal(
        vae__dataset_from_memory(s->context, table_of(seconds), MANY, 3, "dtype=float64", &dataset),
        VAE_OK);
    vae__dataset_free(dataset);
}

static void respects_the_limit(void **state) {
    scratch *s = *state;
    s->context->memory_limit = s->context->bytes + 20000;
    assert_int_equal(take(state, table_of(hours), 30, 450, "dtype=float64 copy=0"),
                     VAE_ERROR_LIMIT);
    assert_message("rows: ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(refuses_a_column_that_collapses),
        SCRATCH_TEST(looks_at_all_rows),
        SCRATCH_TEST(names_file_and_column),
        SCRATCH_TEST(scaling_may_cost_a_column),
        SCRATCH_TEST(a_far_offset_costs_every_type),
        SCRATCH_TEST(advises_to_multiply),
        SCRATCH_TEST(constant_columns_are_fine),
        SCRATCH_TEST(rounding_errors_are_no_values),
        SCRATCH_TEST(says_what_keeps_little),
        SCRATCH_TEST(is_quiet_about_the_rest),
        SCRATCH_TEST(needs_no_log),
        SCRATCH_TEST(respects_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
