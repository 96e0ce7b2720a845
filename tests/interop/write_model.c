/* Writes model files, rows, and what libvae makes of them, for check_model.py to compare with torch.
 *
 *     write_model folder          folder/NAME.safetensors, and float32 arrays NAME.x, .mean, .logvar, .z, .decoded
 *     write_model resave in out   loads a model file and saves it again, with the metadata of others */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vae.h"

#define ROWS 37
#define METADATA_NOTE "a \"quoted\" \\ text,\n\ton two lines\x01" /* as in check_model.py */

typedef struct example {
    const char *name, *spec;
} example;

static const example examples[] = {
    {"bernoulli",
     "input=1x6x5 latent=4 likelihood=bernoulli encoder=[dense 16, relu, dense 12, tanh] "
     "decoder=[dense 14, silu]"},
    {"linear", "input=9 latent=3 likelihood=gaussian sigma=0.1"},
    {"shared",
     "input=11 latent=3 likelihood=gaussian sigma=shared encoder=[dense 8, leaky_relu, dense 7, elu] "
     "decoder=[dense 8, gelu, dense 9, sigmoid]"},
    {"per_dim", "input=11 latent=1 likelihood=gaussian sigma=per_dim encoder=[dense 8, softplus] "
                "decoder=[dense 8, identity, dense 6, elu]"},
    {"decoder",
     "input=7 latent=5 likelihood=gaussian sigma=decoder encoder=[dense 8, gelu] decoder=[dense 8, softplus]"},
    {"optimal",
     "input=7 latent=2 likelihood=gaussian sigma=optimal encoder=[silu, dense 8, sigmoid] "
     "decoder=[leaky_relu, dense 8, relu]"},
    {"layers",
     "input=7 latent=3 likelihood=gaussian encoder=[dense 8, layernorm, res[tanh, res[dense 6], relu]] "
     "decoder=[layernorm, res[dense 9, silu, dense 3], dense 5]"},
    {"images",
     "input=2x8x8 latent=3 likelihood=bernoulli encoder=[conv 5 4 stride 2 pad 1, relu, res[groupnorm 5, "
     "silu, conv 6 3 pad 1], attention 3, avgpool 2, dense 9, tanh] decoder=[dense 24, relu, reshape 6x2x2, deconv 4 4 "
     "stride 2 pad 1, relu]"},
    {"images3",
     "input=2x4x4 latent=2 likelihood=gaussian sigma=decoder encoder=[conv 3 3] decoder=[dense 8, reshape "
     "2x2x2, tanh]"},
    {"images2",
     "input=3x4x6 latent=3 likelihood=gaussian encoder=[layernorm, conv 5 3, flatten, tanh] decoder=[dense "
     "12, reshape 2x2x3, upsample 2, res[conv 4 3 pad 1, layernorm]]"},
};

/* Numbers in [-1, 1): not random, but no pattern that a layer could hide. */
static float next_value(uint32_t *state) {
    *state = *state * 1664525U + 1013904223U;
    return (float)(*state >> 8) / 8388608.0F - 1.0F;
}

static float *new_values(size_t count, uint32_t seed, float scale) {
    float *values = malloc((count ? count : 1) * sizeof *values);
    size_t i;
    if (values == NULL) exit(1);
    for (i = 0; i < count; i++) values[i] = scale * next_value(&seed);
    return values;
}

static void check(const char *call, const char *name, vae_status status) {
    if (status == VAE_OK) return;
    fprintf(stderr, "%s: %s: %s: %s\n", name, call, vae_status_name(status), vae_last_error());
    exit(1);
}

static void write_values(const char *folder, const char *name, const char *what,
                         const float *values, size_t count) {
    char path[1024];
    FILE *file;
    snprintf(path, sizeof path, "%s/%s.%s", folder, name, what);
    file = fopen(path, "wb");
    if (file == NULL || fwrite(values, sizeof *values, count, file) != count || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

/* A fresh model's biases are 0, which would hide a bias that is read wrongly: every weight and bias is moved a little. */
static void disturb(vae_model *model, const char *name) {
    size_t i, j;
    for (i = 0; i < vae_model_parameter_count(model); i++) {
        const char *parameter = vae_model_parameter_name(model, i);
        const char *end = strrchr(parameter, '.');
        size_t shape[8], rank = 0, count = 1;
        float *values, *noise;
        if (end == NULL || (strstr(end, "weight") == NULL && strstr(end, "bias") == NULL)) continue;
        check("vae_model_parameter_shape", name,
              vae_model_parameter_shape(model, i, shape, 8, &rank));
        for (j = 0; j < rank; j++) count *= shape[j];
        values = new_values(count, 0, 0.0F);
        noise = new_values(count, (uint32_t)i + 1, 0.3F);
        check("vae_model_parameter_get", name,
              vae_model_parameter_get(model, parameter, values, count));
        for (j = 0; j < count; j++) values[j] += noise[j];
        check("vae_model_parameter_set", name,
              vae_model_parameter_set(model, parameter, values, count));
        free(values);
        free(noise);
    }
}

static void write_example(const char *folder, const example *e) {
    vae_model *model = NULL;
    char path[1024];
    size_t width, latent, i;
    float *x, *z, *mean, *logvar, *decoded;
    check("vae_model_create", e->name, vae_model_create(NULL, e->spec, &model));
    disturb(model, e->name);
    width = vae_model_width(model);
    latent = vae_model_latent(model);
    x = new_values(ROWS * width, 7, 1.0F);
    if (strstr(e->spec, "bernoulli") != NULL)
        for (i = 0; i < ROWS * width; i++) x[i] = fabsf(x[i]);
    z = new_values(ROWS * latent, 8, 2.0F);
    mean = new_values(ROWS * latent, 0, 0.0F);
    logvar = new_values(ROWS * latent, 0, 0.0F);
    decoded = new_values(ROWS * width, 0, 0.0F);
    check("vae_encode", e->name, vae_encode(model, x, ROWS, width, mean, logvar));
    check("vae_decode", e->name, vae_decode(model, z, ROWS, latent, decoded));
    check("vae_model_set_metadata", e->name, vae_model_set_metadata(model, "name", e->name));
    check("vae_model_set_metadata", e->name,
          vae_model_set_metadata(model, "note \xe2\x82\xac", METADATA_NOTE));
    snprintf(path, sizeof path, "%s/%s.safetensors", folder, e->name);
    check("vae_model_save", e->name, vae_model_save(model, path));
    write_values(folder, e->name, "x", x, ROWS * width);
    write_values(folder, e->name, "z", z, ROWS * latent);
    write_values(folder, e->name, "mean", mean, ROWS * latent);
    write_values(folder, e->name, "logvar", logvar, ROWS * latent);
    write_values(folder, e->name, "decoded", decoded, ROWS * width);
    vae_model_destroy(model);
    free(x);
    free(z);
    free(mean);
    free(logvar);
    free(decoded);
}

static int resave(const char *in, const char *out) {
    vae_model *model = NULL;
    check("vae_model_load", in, vae_model_load(NULL, in, &model));
    check("vae_model_save", out, vae_model_save(model, out));
    vae_model_destroy(model);
    return 0;
}

int main(int count, char **arguments) {
    size_t i;
    if (count == 4 && strcmp(arguments[1], "resave") == 0)
        return resave(arguments[2], arguments[3]);
    if (count != 2) {
        fprintf(stderr, "usage: write_model folder | resave in out\n");
        return 2;
    }
    for (i = 0; i < sizeof examples / sizeof *examples; i++)
        write_example(arguments[1], &examples[i]);
    return 0;
}
