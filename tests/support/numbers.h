/* Functions that the numeric tests share. */
#ifndef TESTS_SUPPORT_NUMBERS_H
#define TESTS_SUPPORT_NUMBERS_H

#include "train/step.h"

/* A context with the given options; fails the test if it cannot be made. */
vae_context *test_context(const char *options);

/* Uniform in [low, high), a pure function of (seed, index). */
double test_uniform(uint64_t seed, size_t index, double low, double high);

/* A model whose every parameter, biases included, is drawn from U(-scale, scale). */
vae_model *test_model(vae_context *context, const char *spec, double scale);

/* n values in [low, high). */
void test_values(float *x, size_t n, uint64_t seed, double low, double high);

/* Parameter by name; fails the test if there is none. */
vae__parameter *test_parameter(vae_model *model, const char *name);

/* The tolerance for this build's real type. */
static inline double test_tolerance(double in_float, double in_double) {
    return sizeof(vae__real) == sizeof(float) ? in_float : in_double;
}

/* Fails unless |found - expected| <= tolerance max(1, |expected|), and prints both. */
void test_near(double found, double expected, double tolerance, const char *what);

#endif
