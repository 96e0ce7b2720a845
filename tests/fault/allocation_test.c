/* A whole life - model, data, training, inference, saving, loading - while the host's allocator
 * gives out, at every allocation in turn, and under every memory limit: an error with its message,
 * no leak, no crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "support/checks.h"

static vae_status live(vae_context *context) {
    static const float x[12] = {0, 1, 0.5f, 0.25f, 1, 0, 0, 1, 0.5f, 0.5f, 0, 0};
    vae_model *model = NULL, *clone = NULL, *loaded = NULL;
    vae_optimizer *optimizer = NULL;
    vae_dataset *dataset = NULL;
    unsigned char bytes[5000];
    size_t length;
    float out[12];
    double elbo[3];
    vae_status status = vae_model_create(
        context, "input=4 latent=2 likelihood=gaussian encoder=[dense 5, relu]", &model);
    if (!status) status = vae_dataset_from_memory(context, x, 3, 4, "batch=2", &dataset);
    if (!status) status = vae_model_initialize(model, dataset);
    if (!status) status = vae_optimizer_create(model, "adam clip_norm=1", &optimizer);
    if (!status) status = vae_step(model, optimizer, dataset, NULL);
    if (!status) status = vae_optimizer_set(optimizer, "samples=2 free_bits=0.1");
    if (!status)
        status =
            vae_train(model, optimizer, dataset, dataset, "epochs=2 restore_best=1", NULL, NULL);
    if (!status) status = vae_reconstruct(model, x, 3, 4, out);
    if (!status) status = vae_elbo(model, x, 3, 4, 1, elbo, NULL, NULL);
    if (!status) status = vae_sample(model, 3, 1, NULL, out, NULL);
    if (!status) status = vae_model_clone(model, &clone);
    if (!status) status = vae_model_save_memory(model, bytes, sizeof bytes, &length);
    if (!status) status = vae_model_load_memory(context, bytes, length, &loaded);
    if (!status) status = vae_model_plan(model, NULL, 0, &length);
    vae_dataset_destroy(dataset);
    vae_model_destroy(model);
    vae_model_destroy(clone);
    vae_model_destroy(loaded);
    vae_optimizer_destroy(optimizer);
    return status;
}

static void survives_every_refusal(void **state) {
    (void)state;
    for (size_t number = 1;; number++) {
        host_allocator counts = {.refuse_from = number};
        vae_context *context = NULL;
        vae_status status =
            vae_context_create_with_allocator(NULL, host_alloc, host_free, &counts, &context);
        if (!status) status = live(context);
        vae_context_destroy(context);
        assert_int_equal(atomic_load(&counts.blocks), 0);
        if (!status) {
            assert_true(number > 50);
            break;
        }
        assert_int_equal(status, VAE_ERROR_MEMORY);
        assert_non_null(strstr(vae_last_error(), "the allocator refused"));
    }
}

static void respects_the_limit(void **state) {
    host_allocator counts;
    uint64_t needed = 0, peak = 0;
    (void)state;
    vae_context *context = counted_context(NULL, &counts);
    assert_ok(live(context));
    assert_ok(vae_context_memory(context, NULL, &needed, NULL));
    vae_context_destroy(context);
    for (uint64_t limit = 1; limit <= needed + needed / 7; limit += needed / 7) {
        char options[60];
        snprintf(options, sizeof options, "memory_limit=%llu", (unsigned long long)limit);
        context = counted_context(options, &counts);
        size_t own = atomic_load(&counts.bytes);
        vae_status status = live(context);
        assert_int_equal(status, limit >= needed ? VAE_OK : VAE_ERROR_LIMIT);
        if (status) assert_non_null(strstr(vae_last_error(), "memory_limit"));
        assert_ok(vae_context_memory(context, NULL, &peak, NULL));
        assert_true(peak <= limit);
        assert_int_equal(atomic_load(&counts.bytes), own);
        vae_context_destroy(context);
    }
}

static void works_without_a_context(void **state) {
    (void)state;
    assert_ok(live(NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(survives_every_refusal),
        cmocka_unit_test(respects_the_limit),
        cmocka_unit_test(works_without_a_context),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
