/* A host that forks while a context has threads, and one that does nothing for a while. */
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "support/checks.h"
#include "support/child.h"
#include "support/cmocka.h"
#include "support/sanitizers.h"

enum { ROWS = 200, WIDTH = 12, STEPS = 12, FILE_SIZE = 400000 };

/* Large enough that its work goes to the threads. */
#define SPEC                                            \
    "input=12 latent=3 likelihood=gaussian sigma=0.25 " \
    "encoder=[dense 300, silu, dense 100] decoder=[dense 300, tanh]"

static float rows[ROWS * WIDTH];
static vae_context *context;
static vae_model *model;
static vae_optimizer *optimizer;
static vae_dataset *data;

/* May run in a child: reports, does not assert. */
static int train_on(void) {
    vae_status status = VAE_OK;
    for (int i = 0; i < STEPS && !status; i++) status = vae_step(model, optimizer, data, NULL);
    return status == VAE_OK;
}

/* 0 where it could not be had. */
static uint64_t digest_of_model(void) {
    static unsigned char bytes[FILE_SIZE];
    size_t length;
    uint64_t digest = 1;
    if (vae_model_save_memory(model, bytes, sizeof bytes, &length)) return 0;
    for (size_t i = 0; i < length; i++) digest = (digest ^ bytes[i]) * 0x100000001B3u;
    return digest;
}

static void make_handles(void) {
    for (size_t i = 0; i < ROWS * WIDTH; i++) rows[i] = (float)(i * 37 % 101) / 101;
    assert_ok(vae_context_create("threads=3", &context));
    assert_ok(vae_model_create(context, SPEC, &model));
    assert_ok(vae_dataset_from_memory(context, rows, ROWS, WIDTH, "batch=64", &data));
    assert_ok(vae_optimizer_create(model, NULL, &optimizer));
    assert_true(train_on());
}

static void destroy_handles(void) {
    vae_model_destroy(model);
    vae_optimizer_destroy(optimizer);
    vae_dataset_destroy(data);
    vae_context_destroy(context);
}

/* ---- fork ---- */

static uint64_t expected; /* after two times STEPS */

static int train_in_a_child(void) {
    int good = train_on() && digest_of_model() == expected;
    destroy_handles();
    return good;
}

/* A child that has not used its threads forks again. */
static int train_in_a_grandchild(void) {
    return test_in_child(train_in_a_child) == 0 && train_in_a_child();
}

static void trains_on_both_sides_of_a_fork(void **state) {
    (void)state;
#if TEST_THREAD_SANITIZER
    skip(); /* it knows no threads after a fork */
#endif
    make_handles();
    assert_true(train_on());
    expected = digest_of_model();
    destroy_handles();
    make_handles();
    assert_int_equal(test_in_child(train_in_a_child), 0);
    assert_int_equal(test_in_child(train_in_a_grandchild), 0);
    assert_true(train_on());
    assert_true(expected != 0 && digest_of_model() == expected);
    destroy_handles();
}

/* ---- idle ---- */

static double processor_seconds(void) {
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)use.ru_utime.tv_sec + (double)use.ru_stime.tv_sec +
           1e-6 * (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

static void uses_no_processor_when_idle(void **state) {
    struct timespec tenth = {0, 100000000}, half = {0, 500000000};
    (void)state;
    make_handles();
    assert_ok(vae_reconstruct(model, rows, ROWS, WIDTH, (float[ROWS * WIDTH]){0}));
    nanosleep(&tenth, NULL); /* the threads spin for half a millisecond */
    double before = processor_seconds();
    nanosleep(&half, NULL);
    double used = processor_seconds() - before;
    destroy_handles();
    if (used > 0.05) fail_msg("an idle context used %g s of processor time in 0.5 s", used);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trains_on_both_sides_of_a_fork),
        cmocka_unit_test(uses_no_processor_when_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
