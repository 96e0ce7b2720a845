/* Handles live on: in every function that takes memory each allocation is refused in turn. The call
 * fails, model, optimizer and data set stay as they were to the last bit, and the call made again
 * gives what it gives where nothing was refused. */
#include <string.h>

#include "support/checks.h"
#include "support/cmocka.h"
#include "support/folder.h"

/* In place of the system's: thousands of files are written that need not outlive the machine. */
int __wrap_fsync(int file);
int __wrap_fsync(int file) {
    return (void)file, 0;
}

enum { ROWS = 9, WIDTH = 4, LATENT = 2 };

#define SPEC "input=4 latent=2 likelihood=gaussian encoder=[dense 5, relu] standardize=1"
#define FRESH "input=4 latent=2 likelihood=gaussian sigma=per_dim"

typedef struct handles {
    host_allocator counts;
    vae_context *context;
    vae_model *model, *fresh; /* fresh: not trained, so that it may be initialised again */
    vae_optimizer *optimizer;
    vae_dataset *dataset;
    float x[ROWS * WIDTH], out[ROWS * WIDTH]; /* out: what a function gave */
    double values[3 * ROWS];
} handles;

static void destroy(handles *h) {
    vae_model_destroy(h->model);
    vae_model_destroy(h->fresh);
    vae_optimizer_destroy(h->optimizer);
    vae_dataset_destroy(h->dataset);
    vae_context_destroy(h->context);
    assert_int_equal(atomic_load(&h->counts.blocks), 0);
}

/* Training has begun, with less memory than a mini-batch will take; the cursor is in the middle. */
static void make(handles *h) {
    vae_optimizer *first = NULL;
    memset(h, 0, sizeof *h);
    h->context = counted_context("threads=2", &h->counts);
    for (size_t i = 0; i < ROWS * WIDTH; i++) h->x[i] = (float)(i * 37 % 101) / 101;
    assert_ok(vae_model_create(h->context, SPEC, &h->model));
    assert_ok(vae_model_set_metadata(h->model, "author", "x"));
    assert_ok(vae_model_set_metadata(h->model, "licence", "CC0"));
    assert_ok(vae_dataset_from_memory(h->context, h->x, ROWS, WIDTH, "batch=3 shift=columns",
                                      &h->dataset));
    assert_ok(vae_model_initialize(h->model, h->dataset));
    assert_ok(vae_model_create(h->context, FRESH, &h->fresh));
    assert_ok(vae_model_set_prior(h->fresh, "mixture:2"));
    assert_ok(vae_model_initialize(h->fresh, h->dataset));
    assert_ok(vae_optimizer_create(h->model, "sgd", &first));
    assert_ok(vae_step(h->model, first, h->dataset, NULL));
    assert_ok(vae_checkpoint_save(h->model, first, h->dataset, test_in_folder("elsewhere")));
    assert_ok(vae_step(h->model, first, h->dataset, NULL));
    vae_optimizer_destroy(first);
    assert_ok(vae_optimizer_create(h->model, "adam lr=0.01 clip_norm=5", &h->optimizer));
    assert_ok(vae_step_rows(h->model, h->optimizer, h->x, 1, WIDTH, NULL));
}

/* ---- what is called ---- */

static vae_status step(handles *h) {
    return vae_step(h->model, h->optimizer, h->dataset, NULL);
}

static vae_status step_rows(handles *h) {
    return vae_step_rows(h->model, h->optimizer, h->x, ROWS, WIDTH, NULL);
}

static vae_status train(handles *h) {
    return vae_train(h->model, h->optimizer, h->dataset, h->dataset, "epochs=2 restore_best=1",
                     NULL, NULL);
}

static vae_status set_metadata(handles *h) {
    return vae_model_set_metadata(h->model, "licence", "MIT");
}

/* Of the fresh model: the other one's optimizer would not fit it any more. What it is then is seen by its bytes. */
static vae_status set_prior(handles *h) {
    return vae_model_set_prior(h->fresh, "mixture:3 prior_covariance=full");
}

static vae_status fit_prior(handles *h) {
    return vae_model_fit_prior(h->fresh, h->dataset, "iterations=4", NULL, NULL);
}

static vae_status remove_metadata(handles *h) {
    return vae_model_set_metadata(h->model, "author", NULL);
}

static vae_status initialize(handles *h) {
    vae_status status = vae_model_initialize(h->fresh, h->dataset);
    return status ? status : vae_reconstruct(h->fresh, h->x, ROWS, WIDTH, h->out);
}

static vae_status change_options(handles *h) {
    return vae_optimizer_set(h->optimizer, "samples=3 objective=iwae lr=0.1");
}

static vae_status encode(handles *h) {
    return vae_encode(h->model, h->x, ROWS, WIDTH, h->out, h->out + ROWS * LATENT);
}

static vae_status decode(handles *h) {
    return vae_decode(h->model, h->x, ROWS, LATENT, h->out);
}

static vae_status reconstruct(handles *h) {
    return vae_reconstruct(h->model, h->x, ROWS, WIDTH, h->out);
}

static vae_status elbo(handles *h) {
    return vae_elbo(h->model, h->x, ROWS, WIDTH, 7, h->values, h->values + ROWS,
                    h->values + 2 * ROWS);
}

static vae_status sample(handles *h) {
    return vae_sample(h->model, ROWS, 3, NULL, h->out, NULL);
}

static vae_status generate(handles *h) {
    return vae_generate(h->model, ROWS, 3, "temperature=0.5", NULL, NULL, NULL, h->out, NULL);
}

static vae_status log_likelihood(handles *h) {
    return vae_log_likelihood(h->model, h->x, ROWS, WIDTH, "samples=20", h->values,
                              h->values + ROWS, NULL);
}

static vae_status score(handles *h) {
    vae_status status = vae_score(h->model, h->x, ROWS, WIDTH, "samples=5", h->values, NULL);
    return status ? status : vae_score(h->model, h->x, ROWS, WIDTH, NULL, h->values + ROWS, NULL);
}

static vae_status evaluate(handles *h) {
    vae_evaluation *evaluation = NULL;
    vae_status status =
        vae_evaluate(h->model, h->dataset, NULL, "samples=20", NULL, NULL, &evaluation);
    assert_true(!status == !!evaluation);
    if (!status) assert_ok(vae_evaluation_value(evaluation, "elbo", h->values));
    vae_evaluation_destroy(evaluation);
    return status;
}

/* A model that came of this one is as good as it. */
static vae_status replace(handles *h, vae_status status, vae_model *model) {
    assert_true(!status == !!model);
    if (!status) status = vae_reconstruct(model, h->x, ROWS, WIDTH, h->out);
    vae_model_destroy(model);
    return status;
}

static vae_status clone(handles *h) {
    vae_model *model = NULL;
    vae_status status = vae_model_clone(h->model, &model);
    return replace(h, status, model);
}

static vae_status save_and_load(handles *h) {
    vae_model *model = NULL;
    vae_status status = vae_model_save(h->model, test_in_folder("model"));
    if (!status) status = vae_model_load(h->context, test_in_folder("model"), &model);
    return replace(h, status, model);
}

static vae_status save_and_load_memory(handles *h) {
    unsigned char bytes[5000];
    size_t length;
    vae_model *model = NULL;
    vae_status status = vae_model_save_memory(h->model, bytes, sizeof bytes, &length);
    if (!status) status = vae_model_load_memory(h->context, bytes, length, &model);
    return replace(h, status, model);
}

static vae_status save_checkpoint(handles *h) {
    return vae_checkpoint_save(h->model, h->optimizer, h->dataset, test_in_folder("checkpoint"));
}

/* Moves the data set's cursor. */
static vae_status load_checkpoint(handles *h) {
    vae_model *model = NULL;
    vae_optimizer *optimizer = NULL;
    vae_status status = vae_checkpoint_load(h->context, test_in_folder("elsewhere"), h->dataset,
                                            &model, &optimizer);
    assert_true(!status == !!optimizer);
    vae_optimizer_destroy(optimizer);
    vae_model_destroy(model);
    return status;
}

static vae_status print_plans(handles *h) {
    size_t length;
    vae_status status = vae_model_plan(h->model, NULL, 0, &length);
    return status ? status : vae_optimizer_plan(h->optimizer, NULL, 0, &length);
}

static const struct function {
    const char *name;
    vae_status (*call)(handles *h);
    int keeps_steps; /* what it has done before it fails stays, and training goes on from there */
} functions[] = {
    {"vae_step", step, 0},
    {"vae_step_rows", step_rows, 0},
    {"vae_train", train, 1},
    {"vae_model_set_metadata", set_metadata, 0},
    {"vae_model_set_prior", set_prior, 0},
    {"vae_model_fit_prior", fit_prior, 0},
    {"vae_model_set_metadata, NULL", remove_metadata, 0},
    {"vae_model_initialize", initialize, 0},
    {"vae_optimizer_set", change_options, 0},
    {"vae_encode", encode, 0},
    {"vae_decode", decode, 0},
    {"vae_reconstruct", reconstruct, 0},
    {"vae_elbo", elbo, 0},
    {"vae_sample", sample, 0},
    {"vae_generate", generate, 0},
    {"vae_log_likelihood", log_likelihood, 0},
    {"vae_score", score, 0},
    {"vae_evaluate", evaluate, 0},
    {"vae_model_clone", clone, 0},
    {"vae_model_save, _load", save_and_load, 0},
    {"vae_model_save_memory, _load_memory", save_and_load_memory, 0},
    {"vae_checkpoint_save", save_checkpoint, 0},
    {"vae_checkpoint_load", load_checkpoint, 0},
    {"vae_model_plan, vae_optimizer_plan", print_plans, 0},
};

/* ---- the sweep ---- */

/* A digest of all that a checkpoint holds, and of what the function gave. */
static uint64_t digest_of(const handles *h, int given) {
    uint64_t digest = 0xCBF29CE484222325u;
    const char *paths[] = {test_in_folder("state"), test_in_folder("fresh")};
    assert_ok(vae_checkpoint_save(h->model, h->optimizer, h->dataset, paths[0]));
    assert_ok(vae_model_save(h->fresh, paths[1]));
    for (size_t k = 0; k < 2; k++) {
        size_t length;
        unsigned char *bytes = test_content(paths[k], &length);
        for (size_t i = 0; i < length; i++) digest = (digest ^ bytes[i]) * 0x100000001B3u;
        free(bytes);
    }
    const unsigned char *outs[] = {(const unsigned char *)h->out, (const unsigned char *)h->values};
    const size_t sizes[] = {sizeof h->out, sizeof h->values};
    for (size_t k = 0; given && k < 2; k++)
        for (size_t i = 0; i < sizes[k]; i++) digest = (digest ^ outs[k][i]) * 0x100000001B3u;
    return digest;
}

static void refuse(handles *h, size_t number) {
    h->counts.refuse_once = 1;
    h->counts.refuse_from = number ? atomic_load(&h->counts.calls) + number : 0;
}

/* 0 once the function takes fewer than `number` allocations. */
static int fails_and_goes_on(const struct function *f, size_t number, uint64_t expected) {
    handles h;
    make(&h);
    uint64_t before = digest_of(&h, 0);
    refuse(&h, number);
    vae_status status = f->call(&h);
    int refused = atomic_load(&h.counts.calls) >= h.counts.refuse_from;
    refuse(&h, 0);
    if (refused) {
        if (status != VAE_ERROR_MEMORY)
            fail_msg("%s, allocation %zu: %s", f->name, number, vae_status_name(status));
        if (!f->keeps_steps && digest_of(&h, 0) != before)
            fail_msg("%s, allocation %zu: something has changed", f->name, number);
        status = f->call(&h);
    }
    if (status) fail_msg("%s after allocation %zu: %s", f->name, number, vae_last_error());
    if (!(refused && f->keeps_steps) && digest_of(&h, 1) != expected)
        fail_msg("%s after allocation %zu gives something else", f->name, number);
    destroy(&h);
    return refused;
}

static void handles_stay_as_they_were(void **state) {
    size_t refusals = 0;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(functions); i++) {
        handles h;
        make(&h);
        assert_ok(functions[i].call(&h));
        uint64_t expected = digest_of(&h, 1);
        destroy(&h);
        size_t number = 1;
        while (fails_and_goes_on(&functions[i], number, expected)) number++;
        if (number == 1) fail_msg("%s takes no memory", functions[i].name);
        refusals += number - 1;
    }
    assert_true(refusals > 100);
    print_message("%zu allocations refused in %zu functions\n", refusals, COUNT_OF(functions));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(handles_stay_as_they_were)};
    return cmocka_run_group_tests(tests, test_folder_make, test_folder_remove);
}
