/* The scalar functions of simd.h in units in the last place, those that no kernel shows alone
 * included, over a dense sample of all floats: denormals, infinities and NaN too. Compiled with
 * this file's own flags; math_test.c has the kernels of every level. The reference is libm in the
 * next wider type. The bounds of the float build are what was measured over every 61st float, with
 * and without fused multiply-add, rounded up; in the double build the functions are libm's own. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/cmocka.h"
#include "support/numbers.h"
#include "tensor/simd/simd.h"
#include "unit/tensor/levels.h"

#ifdef VAE_REAL_DOUBLE
typedef long double wide;
#define WIDE(function) function##l
enum { DIGITS = DBL_MANT_DIG, LEAST = DBL_MIN_EXP, STRIDE = 65537 };
#else
typedef double wide;
#define WIDE(function) function
enum { DIGITS = FLT_MANT_DIG, LEAST = FLT_MIN_EXP, STRIDE = 4099 };
#endif

/* Spacing of the reals around x. */
static wide spacing(wide x) {
    int exponent = LEAST;
    if (x != 0) WIDE(frexp)(x, &exponent);
    return WIDE(ldexp)(1, (exponent < LEAST ? LEAST : exponent) - DIGITS);
}

/* In units in the last place. Where the exact value overflows only infinity is right; NaN for NaN.
 */
static double distance(real found, wide exact) {
    if (isnan(exact)) return isnan(found) ? 0 : HUGE_VAL;
    if (isinf((real)exact)) return found == (real)exact ? 0 : HUGE_VAL;
    if (!isfinite(found)) return HUGE_VAL;
    return (double)(WIDE(fabs)((wide)found - exact) / spacing(exact));
}

static wide sigmoid(wide x) {
    return 1 / (1 + WIDE(exp)(-x));
}

static wide softplus(wide x) {
    return x > 0 ? x + WIDE(log1p)(WIDE(exp)(-x)) : WIDE(log1p)(WIDE(exp)(x));
}

typedef struct probe {
    const char *name;
    wide (*exact)(wide);
    real (*found)(real);
    double bound, bound_in_double;
} probe;

static const probe probes[] = {
    {"exp", WIDE(exp), real_exp, 1.1, 1},       {"expm1", WIDE(expm1), real_expm1, 1.5, 1},
    {"log", WIDE(log), real_log, 0.9, 1},       {"log1p", WIDE(log1p), real_log1p, 1.5, 1},
    {"tanh", WIDE(tanh), real_tanh, 1.4, 2},    {"erf", WIDE(erf), real_erf, 1.5, 1},
    {"sigmoid", sigmoid, real_sigmoid, 2.5, 2}, {"softplus", softplus, real_softplus, 3, 2},
};
enum { PROBES = sizeof probes / sizeof probes[0] };

static void check_probe(const probe *p, real x) {
    double bound = test_tolerance(p->bound, p->bound_in_double);
    real y = p->found(x);
    double off = distance(y, p->exact((wide)x));
    if (!(off <= bound))
        fail_msg("%s(%.17g) is %.17g, off by %.3f units in the last place; the bound is %g",
                 p->name, (double)x, (double)y, off, bound);
}

/* Every STRIDE-th bit pattern of a float. */
static void functions_are_accurate(void **state) {
    (void)state;
    for (uint64_t i = 0; i < (uint64_t)1 << 32; i += STRIDE) {
        uint32_t bits = (uint32_t)i;
        float x;
        memcpy(&x, &bits, sizeof x);
        for (size_t k = 0; k < PROBES; k++) check_probe(&probes[k], (real)x);
    }
}

/* Ends of the ranges: where exp over- and underflows, where 1 + x loses x, where 1 + x is 0. */
static void ends_come_out_right(void **state) {
    (void)state;
    static const double ends[] = {0,          -0.0,        1,           -1,         INFINITY,
                                  -INFINITY,  NAN,         0x1p-149,    -0x1p-149,  FLT_MIN,
                                  -FLT_MIN,   FLT_EPSILON, FLT_MAX,     -FLT_MAX,   88.7228391,
                                  88.7228394, -103.972076, -103.972084, -87.336548, -1.00000012,
                                  0.99999994, -0.99999994, 0x1p-24,     -0x1p-24,   0x1p-25,
                                  0x1p24,     16777215.0,  89,          -104,       -0x1p-25};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        for (size_t k = 0; k < PROBES; k++) check_probe(&probes[k], (real)ends[i]);
    }
}

/* Odd at 0, so that a zero keeps its sign. */
static void zeros_keep_their_sign(void **state) {
    (void)state;
    real (*const odd[])(real) = {real_expm1, real_log1p, real_tanh, real_erf};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        assert_true(odd[i](0) == 0 && !signbit(odd[i](0)));
        assert_true(odd[i]((real)-0.0) == 0 && signbit(odd[i]((real)-0.0)));
    }
}

/* The noise's sine and cosine of turns in [0, 1): absolute error. */
static void turns_are_accurate(void **state) {
    (void)state;
    for (int32_t i = 0; i < 1 << 24; i += 101) {
        real turn = (real)i * (real)0x1p-24, sine, cosine;
        double angle = 6.283185307179586476925 * (double)turn;
        real_sincos_turns(turn, &sine, &cosine);
        test_near((double)sine, sin(angle), test_tolerance(1e-7, 1e-15), "sine");
        test_near((double)cosine, cos(angle), test_tolerance(1e-7, 1e-15), "cosine");
    }
}

/* expm1 for both signs at every level: softplus' slope from its output y is -expm1(-y). */
static void check_expm1(const vae__kernels *kernels) {
    const probe *expm1 = &probes[1];
    enum { N = 1024 };
    for (uint64_t i = 0; i < (uint64_t)1 << 32; i += (uint64_t)N * STRIDE) {
        real x[N], y[N], saved[N];
        for (size_t j = 0; j < N; j++) {
            uint32_t bits = (uint32_t)(i + j * STRIDE);
            float value;
            memcpy(&value, &bits, sizeof value);
            x[j] = (real)value, saved[j] = -x[j], y[j] = -1;
        }
        kernels->activation[VAE__ACTIVATION_softplus].backward(y, saved, N);
        for (size_t j = 0; j < N; j++) {
            double off = distance(y[j], expm1->exact((wide)x[j]));
            if (!(off <= test_tolerance(expm1->bound, expm1->bound_in_double)))
                fail_msg("%s: expm1(%.9g) off by %g", kernels->name, (double)x[j], off);
        }
    }
}

static void expm1_is_accurate_at_every_level(void **state) {
    (void)state;
    test_each_level(check_expm1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_are_accurate),
        cmocka_unit_test(ends_come_out_right),
        cmocka_unit_test(zeros_keep_their_sign),
        cmocka_unit_test(turns_are_accurate),
        cmocka_unit_test(expm1_is_accurate_at_every_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
