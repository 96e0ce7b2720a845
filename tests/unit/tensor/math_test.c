/* The elementary functions of every level, through the kernels that apply them: units in the last
 * place against long double, over a logarithmic sweep of both signs, and what is not a number. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/cmocka.h"
#include "support/numbers.h"
#include "unit/tensor/levels.h"

typedef long double wide;

#ifdef VAE_REAL_DOUBLE
#define DIGITS DBL_MANT_DIG
#define LEAST_EXPONENT (DBL_MIN_EXP - DBL_MANT_DIG) /* of the smallest denormal */
#define MOST_EXPONENT DBL_MAX_EXP
#define MOST_REAL DBL_MAX
#else
#define DIGITS FLT_MANT_DIG
#define LEAST_EXPONENT (FLT_MIN_EXP - FLT_MANT_DIG)
#define MOST_EXPONENT FLT_MAX_EXP
#define MOST_REAL FLT_MAX
#endif

static wide sigmoid_of(wide x) {
    return x < 0 ? expl(x) / (1 + expl(x)) : 1 / (1 + expl(-x));
}
static wide softplus_of(wide x) {
    return (x < 0 ? 0 : x) + log1pl(expl(-fabsl(x)));
}
static wide elu_of(wide x) {
    return x < 0 ? expm1l(x) : x;
}
static wide silu_of(wide x) {
    return x == 0 ? x : x * sigmoid_of(x);
}
static wide gelu_of(wide x) {
    return x * 0.5L * erfcl(-x * 0.70710678118654752440084436210485L);
}
static wide relu_of(wide x) {
    return x < 0 ? 0 : x;
}
static wide leaky_relu_of(wide x) {
    return x < 0 ? (wide)(vae__real)0.01 * x : x;
}

/* What an error is measured in, besides the value's own last place. */
enum scale {
    OF_VALUE,
    OF_HALF_INPUT, /* 1 + erf cancels: an error relative to x/2 */
    TIMES_INPUT    /* a denormal factor times x */
};

static const struct function {
    const char *name;
    int activation; /* or -1: the kernel `exponential` */
    wide (*value)(wide);
    enum scale scale;
    int limit_at_minus_infinity;
    double ulps_float, ulps_double; /* measured over the sweep at every level, rounded up */
} functions[] = {
    {"exponential", -1, expl, OF_VALUE, 1, 1.2, 1},
    {"tanh", VAE__ACTIVATION_tanh, tanhl, OF_VALUE, 1, 1.5, 2.2},
    {"sigmoid", VAE__ACTIVATION_sigmoid, sigmoid_of, OF_VALUE, 1, 2.2, 2.2},
    {"softplus", VAE__ACTIVATION_softplus, softplus_of, OF_VALUE, 1, 2.5, 2},
    {"elu", VAE__ACTIVATION_elu, elu_of, OF_VALUE, 1, 1.2, 1.2},
    {"silu", VAE__ACTIVATION_silu, silu_of, TIMES_INPUT, 0, 3, 3},
    {"gelu", VAE__ACTIVATION_gelu, gelu_of, OF_HALF_INPUT, 0, 2, 2},
    {"relu", VAE__ACTIVATION_relu, relu_of, OF_VALUE, 1, 0, 0},
    {"leaky_relu", VAE__ACTIVATION_leaky_relu, leaky_relu_of, OF_VALUE, 1, 0.5, 0.5},
};
enum { FUNCTIONS = sizeof functions / sizeof functions[0] };

static double bound_of(const struct function *f) {
    return test_tolerance(f->ulps_float, f->ulps_double);
}

/* y [n] = f(y), as one row. */
static void apply(const vae__kernels *kernels, const struct function *f, vae__real *y, size_t n) {
    if (f->activation < 0) {
        kernels->exponential(y, n);
        return;
    }
    const vae__activation_kernels *activation = &kernels->activation[f->activation];
    assert_string_equal(activation->name, f->name);
    vae__real *input = malloc((n + 1) * sizeof *input);
    assert_non_null(input);
    activation->forward(y, NULL, activation->needs_input ? input : NULL, 1, n);
    free(input);
}

static wide last_place(wide value) {
    int exponent = 0;
    if (value == 0) return ldexpl(1, LEAST_EXPONENT);
    frexpl(value, &exponent);
    return ldexpl(1, exponent - DIGITS < LEAST_EXPONENT ? LEAST_EXPONENT : exponent - DIGITS);
}

static double ulps(const struct function *f, vae__real x, vae__real found) {
    wide expected = f->value((wide)x), unit = last_place(expected);
    if (isnan(found)) return INFINITY;
    /* Half a unit above the largest finite number rounding goes to infinity. */
    if (isinf(found))
        return isinf(expected) || fabsl(expected) > (wide)MOST_REAL * (1 - ldexpl(1, 3 - DIGITS))
                   ? 0
                   : INFINITY;
    if (f->scale == OF_HALF_INPUT) unit = fmaxl(unit, last_place((wide)x / 2));
    if (f->scale == TIMES_INPUT) unit = fmaxl(unit, fabsl((wide)x) * ldexpl(1, LEAST_EXPONENT));
    if (expected > (wide)MOST_REAL) expected = ldexpl(1, MOST_EXPONENT);
    return (double)(fabsl((wide)found - expected) / unit);
}

/* 2^low .. 2^high in steps of 1/per_octave octave, both signs; returns how many. */
static size_t sweep(vae__real *x, double low, double high, double per_octave) {
    size_t n = 0;
    for (double k = low * per_octave; k < high * per_octave; k++) {
        vae__real magnitude = (vae__real)exp2(k / per_octave);
        x[n++] = magnitude;
        x[n++] = -magnitude;
    }
    return n;
}

/* Everything at 16 values an octave, densely where the functions have their shape. */
static vae__real *sweep_points(size_t *n) {
    size_t room = 2 * (16 * (MOST_EXPONENT - LEAST_EXPONENT) + 2048 * 32 + 4096);
    vae__real *x = malloc(room * sizeof *x);
    assert_non_null(x);
    *n = sweep(x, LEAST_EXPONENT, MOST_EXPONENT, 16);
    *n += sweep(x + *n, -14, 11, 2048);
    for (int i = -2000; i <= 2000; i++) x[(*n)++] = (vae__real)i / 16; /* ties, whole numbers */
    assert_true(*n <= room);
    return x;
}

static void check_accuracy(const vae__kernels *kernels) {
    size_t n;
    vae__real *x = sweep_points(&n), *y = malloc(n * sizeof *y);
    assert_non_null(y);
    for (size_t f = 0; f < FUNCTIONS; f++) {
        double worst = 0, bound = bound_of(&functions[f]);
        vae__real where = 0, there = 0;
        memcpy(y, x, n * sizeof *y);
        apply(kernels, &functions[f], y, n);
        for (size_t i = 0; i < n; i++) {
            double off = ulps(&functions[f], x[i], y[i]);
            if (off > worst) worst = off, where = x[i], there = y[i];
        }
        if (!(worst <= bound))
            fail_msg("%s, %s: %.3f ulps at %.9g (%.9g), more than %g", kernels->name,
                     functions[f].name, worst, (double)where, (double)there, bound);
    }
    free(x);
    free(y);
}

static void functions_are_accurate(void **state) {
    (void)state;
    test_each_level(check_accuracy);
}

/* Alone and at every place of a vector, whatever is beside it. */
static vae__real apply_to(const vae__kernels *kernels, const struct function *f, vae__real x) {
    enum { N = 37 };
    vae__real alone = x;
    apply(kernels, f, &alone, 1);
    for (size_t i = 0; i < N; i++) {
        vae__real y[N];
        for (size_t j = 0; j < N; j++) y[j] = (vae__real)0.25;
        y[i] = x;
        apply(kernels, f, y, N);
        assert_true(isnan(y[i]) ? isnan(alone) : ulps(f, x, y[i]) <= bound_of(f));
        assert_true(ulps(f, (vae__real)0.25, y[(i + 1) % N]) <= bound_of(f));
    }
    return alone;
}

static void check_specials(const vae__kernels *kernels) {
    for (size_t k = 0; k < FUNCTIONS; k++) {
        const struct function *f = &functions[k];
        assert_true(isnan(apply_to(kernels, f, (vae__real)NAN)));
        assert_true(isnan(apply_to(kernels, f, -(vae__real)NAN)));
        for (int sign = -1; sign <= 1; sign += 2) {
            vae__real zero = sign < 0 ? -(vae__real)0 : (vae__real)0;
            vae__real at_zero = apply_to(kernels, f, zero);
            assert_true((wide)at_zero == (wide)(vae__real)f->value(0));
            if (at_zero == 0) assert_true(!signbit(at_zero) == !signbit(zero));
            vae__real least = (vae__real)sign * (vae__real)ldexp(1, LEAST_EXPONENT);
            assert_true(ulps(f, least, apply_to(kernels, f, least)) <= bound_of(f));
            if (sign < 0 && !f->limit_at_minus_infinity) continue; /* -inf times 0 */
            vae__real far = (vae__real)sign * (vae__real)INFINITY;
            assert_true((wide)apply_to(kernels, f, far) == f->value((wide)far));
        }
    }
}

static void zeros_denormals_infinities_and_nan_come_out_right(void **state) {
    (void)state;
    test_each_level(check_specials);
}

/* y + bias row by row, and the pre-activation kept where backward will want it. */
static void check_bias(const vae__kernels *kernels) {
    enum { ROWS = 3, WIDTH = 21 };
    for (int a = 0; a < VAE__ACTIVATION_COUNT; a++) {
        const vae__activation_kernels *activation = &kernels->activation[a];
        vae__real y[ROWS * WIDTH], expected[ROWS * WIDTH], bias[WIDTH], input[ROWS * WIDTH],
            ignored[ROWS * WIDTH];
        for (size_t i = 0; i < WIDTH; i++) bias[i] = (vae__real)test_uniform(2, i, -1, 1);
        for (size_t i = 0; i < ROWS * WIDTH; i++) {
            y[i] = (vae__real)test_uniform(1, i, -3, 3);
            expected[i] = y[i] + bias[i % WIDTH];
        }
        activation->forward(y, bias, activation->needs_input ? input : NULL, ROWS, WIDTH);
        if (activation->needs_input) assert_memory_equal(input, expected, sizeof input);
        activation->forward(expected, NULL, ignored, ROWS, WIDTH);
        assert_memory_equal(y, expected, sizeof y);
    }
}

static void bias_is_added_to_every_row(void **state) {
    (void)state;
    test_each_level(check_bias);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_are_accurate),
        cmocka_unit_test(zeros_denormals_infinities_and_nan_come_out_right),
        cmocka_unit_test(bias_is_added_to_every_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
