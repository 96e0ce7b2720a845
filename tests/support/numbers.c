#include "support/cmocka.h"
#include "support/numbers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

vae_context *test_context(const char *options) {
    vae_context *context;
    assert_int_equal(vae_context_create(options, &context), VAE_OK);
    return context;
}

double test_uniform(uint64_t seed, size_t index, double low, double high) {
    const vae__stream stream = {seed, 0, 200, 0};
    return low + (high - low) * vae__random_uniform(&stream, 0, (uint32_t)index);
}

vae_model *test_model(vae_context *context, const char *spec, double scale) {
    vae_model *model;
    if (vae_model_create(context, spec, &model)) fail_msg("%s", vae_last_error());
    for (size_t p = 0; p < model->parameters.count; p++) {
        vae__parameter *parameter = &model->parameters.items[p];
        for (size_t i = 0; i < vae__parameter_size(parameter); i++) {
            double value = test_uniform(1000 + p, i, -scale, scale);
            if (parameter->positive) value = exp(value);
            parameter->values[i] = (vae__real)(parameter->optional ? 0 : value);
        }
    }
    model->edits++;
    model->has_scaling = 1;
    return model;
}

void test_values(float *x, size_t n, uint64_t seed, double low, double high) {
    for (size_t i = 0; i < n; i++) x[i] = (float)test_uniform(seed, i, low, high);
}

vae__parameter *test_parameter(vae_model *model, const char *name) {
    vae__parameter *parameter = vae__parameters_find(&model->parameters, name);
    if (!parameter) fail_msg("no parameter '%s'", name);
    return parameter;
}

void test_near(double found, double expected, double tolerance, const char *what) {
    if (fabs(found - expected) <= tolerance * fmax(1, fabs(expected))) return;
    fail_msg("%s: found %.17g, expected %.17g, off by %.3g (tolerance %.3g)", what, found, expected,
             found - expected, tolerance);
}
