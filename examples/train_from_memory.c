/* Rows that the program already holds in memory: train on them, look at the bound, encode one.
 *
 *     train_from_memory
 *
 * The rows lie near a circle in three dimensions, so that two latents are enough. */
#include <math.h>
#include <stdio.h>

#include <vae.h>

enum { ROWS = 2000, WIDTH = 3, LATENT = 2 };

/* A cheap noise for the example's data; the library has its own, which needs no state. */
static double noise(unsigned *state) {
    *state = *state * 1664525u + 1013904223u;
    return (double)(*state >> 8) / (1 << 24) - 0.5;
}

static void make_rows(float *x) {
    unsigned state = 1;
    for (int i = 0; i < ROWS; i++) {
        double angle = 6.283185307 * i / ROWS;
        x[i * WIDTH] = (float)(cos(angle) + 0.1 * noise(&state));
        x[i * WIDTH + 1] = (float)(sin(angle) + 0.1 * noise(&state));
        x[i * WIDTH + 2] = (float)(100 + 5 * cos(2 * angle) + noise(&state)); /* another scale */
    }
}

/* Called after each step and each epoch; a value other than 0 would stop the training. */
static int32_t report(void *user, int32_t event, const vae_step_report *train,
                      const vae_step_report *validation) {
    (void)user, (void)validation;
    if (event == VAE_EVENT_EPOCH && train->epoch % 20 == 0)
        printf("epoch %3d: ELBO %7.3f nats, KL %.2f\n", (int)train->epoch, train->elbo, train->kl);
    return 0;
}

int main(void) {
    static float x[ROWS * WIDTH];
    vae_context *context = NULL;
    vae_dataset *data = NULL;
    vae_model *model = NULL;
    vae_optimizer *optimizer = NULL;
    float mean[LATENT], logvar[LATENT], again[WIDTH];
    make_rows(x);
    /* standardize=1: each column gets mean 0 and variance 1 inside the model; outside all is of x. */
    const char *spec = "input=3 latent=2 likelihood=gaussian sigma=per_dim standardize=1 "
                       "encoder=[dense 32, tanh] decoder=[dense 32, tanh]";
    int failed = vae_context_create("threads=1", &context) ||
                 vae_dataset_from_memory(context, x, ROWS, WIDTH, "batch=64", &data) ||
                 vae_model_create(context, spec, &model) || vae_model_initialize(model, data) ||
                 vae_optimizer_create(model, "adam lr=3e-3", &optimizer) ||
                 vae_train(model, optimizer, data, NULL, "epochs=60", report, NULL) ||
                 vae_encode(model, x, 1, WIDTH, mean, logvar) ||
                 vae_reconstruct(model, x, 1, WIDTH, again);
    if (failed) {
        fprintf(stderr, "train_from_memory: %s\n", vae_last_error());
    } else {
        printf("row 0   %6.2f %6.2f %7.2f\n", (double)x[0], (double)x[1], (double)x[2]);
        printf("E[x|z]  %6.2f %6.2f %7.2f\n", (double)again[0], (double)again[1], (double)again[2]);
        printf("z       %6.2f +- %.2f, %.2f +- %.2f\n", (double)mean[0],
               exp(0.5 * (double)logvar[0]), (double)mean[1], exp(0.5 * (double)logvar[1]));
    }
    vae_optimizer_destroy(optimizer);
    vae_model_destroy(model);
    vae_dataset_destroy(data);
    vae_context_destroy(context);
    return failed;
}
