#include "support/toy_densities.h"

#include <math.h>

#define PI 3.14159265358979323846

double test_ring_log_density(const double x[2]) {
    const double sd = 0.1;
    double exponents[6], largest = -HUGE_VAL, sum = 0;
    for (int k = 0; k < 6; k++) {
        double right = x[0] - cos(PI / 3 * k), up = x[1] - sin(PI / 3 * k);
        exponents[k] = -(right * right + up * up) / (2 * sd * sd);
        largest = fmax(largest, exponents[k]);
    }
    for (int k = 0; k < 6; k++) sum += exp(exponents[k] - largest);
    return largest + log(sum / 6) - log(2 * PI * sd * sd);
}

double test_checkerboard_log_density(const double x[2]) {
    double column = floor(x[0]), row = floor(x[1]);
    int on_board = column >= -2 && column < 2 && row >= -2 && row < 2;
    return on_board && fmod(column + row + 4, 2) == 0 ? -log(8) : -HUGE_VAL;
}
