#include <stdio.h>
#include <vae.h>

int main(void) {
    vae_context *context = NULL;
    vae_dataset *data = NULL; /* "sprites" is built in; else the path of an IDX, NPY or CSV file */
    vae_model *model = NULL;
    vae_optimizer *optimizer = NULL;
    float image[32 * 32];
    const char *spec = "input=1x32x32 latent=10 likelihood=bernoulli "
                       "encoder=[dense 256, relu] decoder=[dense 256, relu]";
    int failed = vae_context_create("threads=2", &context) ||
                 vae_dataset_open(context, "sprites", "batch=128", &data) ||
                 vae_model_create(context, spec, &model) || vae_model_initialize(model, data) ||
                 vae_optimizer_create(model, "adam lr=1e-3", &optimizer) ||
                 vae_train(model, optimizer, data, NULL, "epochs=10", NULL, NULL) ||
                 vae_model_save(model, "sprites.safetensors") ||
                 vae_sample(model, 1, 7, NULL, image, NULL); /* E[x|z] of one z ~ N(0, I) */
    if (failed) fprintf(stderr, "quickstart: %s\n", vae_last_error());
    for (int i = 0; !failed && i < 32 * 32; i++)
        printf("%.2s%s", &"  ..--==++**%%##@@"[2 * (int)(image[i] * 8)], i % 32 == 31 ? "\n" : "");
    vae_optimizer_destroy(optimizer);
    vae_model_destroy(model);
    vae_dataset_destroy(data);
    vae_context_destroy(context);
    return failed;
}
