/* Several models trained at the same time, one in each thread of the host: here the same network from four
 * seeds, of which the best on held-out rows is kept. Each thread has a context, and with it handles, of its
 * own; nothing is shared, so nothing is locked.
 *
 *     several_models */
#include <pthread.h>
#include <stdio.h>

#include <vae.h>

enum { MODELS = 4 };

typedef struct candidate {
    int seed;
    double elbo; /* of the held-out rows, nats */
    vae_model *model;
    vae_status status;
    char error[200];
} candidate;

static vae_status train(candidate *c) {
    char spec[200];
    vae_context *context = NULL;
    vae_dataset *data = NULL, *held_out = NULL;
    vae_optimizer *optimizer = NULL;
    vae_evaluation *evaluation = NULL;
    snprintf(spec, sizeof spec,
             "input=1x32x32 latent=6 likelihood=bernoulli seed=%d "
             "encoder=[dense 64, relu] decoder=[dense 64, relu]",
             c->seed);
    vae_status status = vae_context_create("threads=1", &context);
    if (!status) status = vae_dataset_open(context, "sprites:2000", "split=train:0.8", &data);
    if (!status) status = vae_dataset_open(context, "sprites:2000", "split=test:0.8", &held_out);
    if (!status) status = vae_model_create(context, spec, &c->model);
    if (!status) status = vae_model_initialize(c->model, data);
    if (!status) status = vae_optimizer_create(c->model, "adam lr=2e-3", &optimizer);
    if (!status) status = vae_train(c->model, optimizer, data, NULL, "epochs=8", NULL, NULL);
    if (!status)
        status = vae_evaluate(c->model, held_out, NULL, "baselines=0", NULL, NULL, &evaluation);
    if (!status) status = vae_evaluation_value(evaluation, "elbo", &c->elbo);
    vae_evaluation_destroy(evaluation);
    vae_optimizer_destroy(optimizer);
    vae_dataset_destroy(data);
    vae_dataset_destroy(held_out);
    vae_context_destroy(context); /* the model keeps it alive */
    return status;
}

/* The text of an error belongs to the thread that had it: it is copied here, before the thread ends. */
static void *run(void *argument) {
    candidate *c = argument;
    c->status = train(c);
    if (c->status) snprintf(c->error, sizeof c->error, "%s", vae_last_error());
    return NULL;
}

int main(void) {
    candidate all[MODELS] = {{0}};
    pthread_t thread[MODELS];
    int best = 0, failed = 0, started = 0;
    for (int i = 0; i < MODELS; i++) all[i].seed = i + 1;
    while (started < MODELS && !pthread_create(&thread[started], NULL, run, &all[started]))
        started++;
    /* Join before main returns: a BLAS must not be at work while the process ends. */
    for (int i = 0; i < started; i++) pthread_join(thread[i], NULL);
    failed = started < MODELS;
    for (int i = 0; i < started; i++) {
        if (all[i].status) {
            fprintf(stderr, "several_models: seed %d: %s\n", all[i].seed, all[i].error);
            failed = 1;
        } else {
            printf("seed %d: held-out ELBO %.2f\n", all[i].seed, all[i].elbo);
            if (all[i].elbo > all[best].elbo) best = i;
        }
    }
    if (!failed && vae_model_save(all[best].model, "best.safetensors")) {
        fprintf(stderr, "several_models: %s\n", vae_last_error());
        failed = 1;
    }
    if (!failed) printf("best.safetensors holds the one of seed %d\n", all[best].seed);
    for (int i = 0; i < MODELS; i++) vae_model_destroy(all[i].model);
    return failed;
}
