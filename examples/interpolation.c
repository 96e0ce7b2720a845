/* A walk between sprites: encodes two, and decodes points on the straight line between their latents. Each row of
 * the picture is one walk; its ends are the sprites themselves.
 *
 *     interpolation [picture=interpolation.png] */
#include <stdio.h>
#include <string.h>

#include <vae.h>

#include "tool/plot.h"

enum { WALKS = 6, POINTS = 9, SIDE = 32, WIDTH = SIDE * SIDE, LATENT = 10, ROWS = 2 * WALKS };

/* [WALKS, POINTS, LATENT]: the points of each walk, both ends included. */
static void make_line(const float *mean, float *z) {
    for (int walk = 0; walk < WALKS; walk++) {
        const float *from = mean + 2 * walk * LATENT, *to = from + LATENT;
        for (int point = 0; point < POINTS; point++) {
            float part = (float)point / (POINTS - 1);
            for (int j = 0; j < LATENT; j++)
                z[(walk * POINTS + point) * LATENT + j] = from[j] + part * (to[j] - from[j]);
        }
    }
}

/* [WALKS, POINTS + 2, WIDTH]: the decoded points between the sprites. */
static void put_ends(const float *x, const float *decoded, float *strip) {
    size_t image = WIDTH * sizeof *strip;
    for (int walk = 0; walk < WALKS; walk++, strip += (POINTS + 2) * WIDTH) {
        memcpy(strip, x + 2 * walk * WIDTH, image);
        memcpy(strip + WIDTH, decoded + walk * POINTS * WIDTH, POINTS * image);
        memcpy(strip + (POINTS + 1) * WIDTH, x + (2 * walk + 1) * WIDTH, image);
    }
}

int main(int count, char **arguments) {
    static float x[ROWS * WIDTH], mean[ROWS * LATENT], z[WALKS * POINTS * LATENT];
    static float decoded[WALKS * POINTS * WIDTH], strip[WALKS * (POINTS + 2) * WIDTH];
    const char *path = count > 1 ? arguments[1] : "interpolation.png";
    const plot_grid grid = {.rows = WALKS, .columns = POINTS + 2, .height = SIDE, .width = SIDE};
    vae_context *context = NULL;
    vae_dataset *data = NULL;
    vae_model *model = NULL;
    vae_optimizer *optimizer = NULL;
    const char *spec = "input=1x32x32 latent=10 likelihood=bernoulli "
                       "encoder=[dense 400, relu] decoder=[dense 400, relu]";
    int failed = vae_context_create("threads=2", &context) ||
                 vae_dataset_open(context, "sprites:4000", "batch=64", &data) ||
                 vae_model_create(context, spec, &model) || vae_model_initialize(model, data) ||
                 vae_optimizer_create(model, "adam lr=1e-3", &optimizer) ||
                 vae_train(model, optimizer, data, NULL, "epochs=15", NULL, NULL) ||
                 vae_dataset_read(data, 0, ROWS, x, WIDTH) ||
                 vae_encode(model, x, ROWS, WIDTH, mean, NULL);
    make_line(mean, z);
    failed = failed || vae_decode(model, z, WALKS * POINTS, LATENT, decoded);
    if (failed) fprintf(stderr, "interpolation: %s\n", vae_last_error());
    put_ends(x, decoded, strip);
    const char *wrong = failed ? NULL : plot_images(path, "between two sprites", strip, &grid);
    if (wrong) fprintf(stderr, "interpolation: %s: %s\n", path, wrong);
    if (!failed && !wrong) printf("%s\n", path);
    vae_optimizer_destroy(optimizer);
    vae_model_destroy(model);
    vae_dataset_destroy(data);
    vae_context_destroy(context);
    return failed || wrong;
}
