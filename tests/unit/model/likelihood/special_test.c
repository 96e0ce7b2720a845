/* The gamma functions of the counts against long double: libm's lgammal, and sums. */
#include <stdint.h>

#include "model/likelihood/special.h"
#include "support/cmocka.h"
#include "support/numbers.h"

#define TOLERANCE 1e-13 /* relative */

static void relative(double found, long double expected, double tolerance, const char *what) {
    double scale = expected == 0 ? 1 : fabs((double)expected);
    if (fabs(found - (double)expected) <= tolerance * scale) return;
    fail_msg("%s: found %.17g, expected %.17g", what, found, (double)expected);
}

static void factorials(void **state) {
    (void)state;
    long double sum = 0;
    for (int x = 0; x <= 2000; x++) {
        if (x > 1) sum += logl(x);
        relative(log_factorial(x), sum, TOLERANCE, "ln x!");
    }
    static const double large[] = {1e4, 123456, 1e6, 16777216, 1e9};
    for (size_t i = 0; i < sizeof large / sizeof large[0]; i++)
        relative(log_factorial(large[i]), lgammal((long double)large[i] + 1), TOLERANCE, "ln x!");
}

/* ln r(r + 1)... and its derivative are sums over the factors. */
static void rising_factorials(void **state) {
    (void)state;
    static const double dispersions[] = {1e-7, 1e-2, 0.5, 1, 2.25, 9.99, 10, 33.3, 1e4, 1e8, 1e13};
    for (size_t i = 0; i < sizeof dispersions / sizeof dispersions[0]; i++) {
        double r = dispersions[i], slope;
        long double sum = 0, sum_slope = 0;
        for (int x = 0; x <= 5000; x++) {
            if (x > 0) {
                sum += logl((long double)r + (x - 1));
                sum_slope += 1 / ((long double)r + (x - 1));
            }
            double found = log_rising(r, x, &slope);
            test_near(found, (double)sum, TOLERANCE, "ln rising factorial");
            relative(slope, sum_slope, TOLERANCE, "its derivative");
        }
    }
}

/* psi(1) - psi(1/2) and the like in closed form: psi(x + 1) - psi(1) is a harmonic number, and
 * psi(x + 1/2) - psi(1/2) twice the sum of 1/(2k - 1). H(1e9) = ln x + gamma + 1/2x. */
static void known_values(void **state) {
    (void)state;
    double slope;
    relative(log_rising(1, 1e9, &slope), lgammal(1e9L + 1), TOLERANCE, "ln 1e9!");
    relative(slope, logl(1e9L) + 0.57721566490153286061L + 0.5e-9L, TOLERANCE, "H(1e9)");
    log_rising(1, 100, &slope);
    relative(slope, 5.18737751763962026081L, TOLERANCE, "H(100)");
    log_rising(0.5, 50, &slope);
    relative(slope, 2 * 2.937774848474907732025L, TOLERANCE, "odd harmonic number");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(factorials),
        cmocka_unit_test(rising_factorials),
        cmocka_unit_test(known_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
