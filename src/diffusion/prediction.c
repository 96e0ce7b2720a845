/* The three kinds of prediction as linear maps. */
#include "diffusion/prediction.h"

#include <math.h>
#include <stddef.h>

const char *const vae__predict_names[] = {"v", "noise", "data", NULL};

/* A_t below which a prediction of the noise would be divided by nearly 0. */
#define LEAST_RETAINED 1e-4

static vae__prediction v(double a) {
    return (vae__prediction){sqrt(a), -sqrt(1 - a), -sqrt(1 - a), sqrt(a)};
}

static vae__prediction noise(double a) {
    return (vae__prediction){1 / sqrt(a), -sqrt(1 - a) / sqrt(a), 0, 1};
}

static vae__prediction data(double a) {
    (void)a;
    return (vae__prediction){0, 1, 1, 0};
}

static vae__prediction (*const kinds[])(double a) = {v, noise, data};

int vae__prediction_in_force(int predict, double retained) {
    return predict == VAE__PREDICT_NOISE && retained < LEAST_RETAINED ? VAE__PREDICT_V : predict;
}

vae__prediction vae__prediction_of(int predict, double retained) {
    return kinds[vae__prediction_in_force(predict, retained)](retained);
}
