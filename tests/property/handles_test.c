/* Handles destroyed in every order and from other threads, callbacks that call the library, and callbacks
 * that stop it at every point. */
#include <pthread.h>
#include <unistd.h>

#include "support/checks.h"
#include "support/cmocka.h"

#define SPEC "input=6 latent=2 likelihood=bernoulli encoder=[dense 5, tanh] decoder=[dense 4, relu]"

enum { ROWS = 22, WIDTH = 6, HANDLES = 6, ORDERS = 720, EPOCHS = 3, EVENTS = EPOCHS * 4 };

static float rows[ROWS * WIDTH];

static int fill_rows(void **state) {
    (void)state;
    for (size_t i = 0; i < ROWS * WIDTH; i++) rows[i] = (float)(i * 7 % 5 < 2);
    return 0;
}

/* ---- every order ---- */

typedef enum kind { CONTEXT, MODEL, CLONE, OPTIMIZER, DATA, EVALUATION } kind;

typedef struct handles {
    host_allocator counts;
    vae_context *context;
    vae_model *model, *clone;
    vae_optimizer *optimizer;
    vae_dataset *data;
    vae_evaluation *evaluation;
    kind next; /* to be destroyed by a thread */
} handles;

static void make_handles(handles *h) {
    h->context = counted_context("threads=2", &h->counts);
    assert_ok(vae_model_create(h->context, SPEC, &h->model));
    assert_ok(vae_dataset_from_memory(h->context, rows, ROWS, WIDTH, "batch=8", &h->data));
    assert_ok(vae_optimizer_create(h->model, NULL, &h->optimizer));
    assert_ok(vae_step(h->model, h->optimizer, h->data, NULL));
    assert_ok(vae_model_clone(h->model, &h->clone));
    assert_ok(vae_evaluate(h->clone, h->data, NULL, NULL, NULL, NULL, &h->evaluation));
}

static void destroy(handles *h, kind which) {
    switch (which) {
    case CONTEXT: vae_context_destroy(h->context), h->context = NULL; break;
    case MODEL: vae_model_destroy(h->model), h->model = NULL; break;
    case CLONE: vae_model_destroy(h->clone), h->clone = NULL; break;
    case OPTIMIZER: vae_optimizer_destroy(h->optimizer), h->optimizer = NULL; break;
    case DATA: vae_dataset_destroy(h->data), h->data = NULL; break;
    case EVALUATION: vae_evaluation_destroy(h->evaluation), h->evaluation = NULL; break;
    }
}

static void *destroy_next(void *argument) {
    handles *h = argument;
    destroy(h, h->next);
    return NULL;
}

/* Everything that is left still works. */
static void use_the_rest(handles *h) {
    float values[WIDTH];
    double elbo;
    if (h->model) assert_ok(vae_elbo(h->model, rows, 1, WIDTH, 1, &elbo, NULL, NULL));
    if (h->clone) assert_ok(vae_reconstruct(h->clone, rows, 1, WIDTH, values));
    if (h->optimizer) assert_int_not_equal(vae_optimizer_steps(h->optimizer), 0);
    if (h->data) assert_ok(vae_dataset_read(h->data, 1, 1, values, WIDTH));
    if (h->evaluation) assert_ok(vae_evaluation_value(h->evaluation, "elbo", &elbo));
    if (h->context) assert_ok(vae_context_memory(h->context, NULL, NULL, NULL));
    if (h->model && h->optimizer && h->data)
        assert_ok(vae_step(h->model, h->optimizer, h->data, NULL));
}

/* Permutation `number` of 0 .. HANDLES - 1, by its factorial digits. */
static void permutation(size_t number, kind order[HANDLES]) {
    kind left[HANDLES] = {CONTEXT, MODEL, CLONE, OPTIMIZER, DATA, EVALUATION};
    for (size_t i = 0; i < HANDLES; i++) {
        size_t at = number % (HANDLES - i);
        number /= HANDLES - i;
        order[i] = left[at];
        memmove(&left[at], &left[at + 1], (HANDLES - i - at - 1) * sizeof *left);
    }
}

static void goes_in_every_order(void **state) {
    (void)state;
    for (size_t number = 0; number < ORDERS; number++) {
        handles h;
        kind order[HANDLES];
        permutation(number, order);
        make_handles(&h);
        for (size_t i = 0; i < HANDLES; i++) {
            pthread_t thread;
            h.next = order[i];
            if ((number + i) % 3 == 0) {
                assert_int_equal(pthread_create(&thread, NULL, destroy_next, &h), 0);
                pthread_join(thread, NULL);
            } else {
                destroy(&h, order[i]);
            }
            destroy(&h, order[i]); /* NULL by now */
            use_the_rest(&h);
        }
        if (h.counts.blocks) fail_msg("order %zu: %zu blocks left", number, h.counts.blocks);
        assert_int_equal(h.counts.bytes, 0);
    }
}

/* ---- callbacks that call the library ---- */

typedef struct caller {
    handles *h;
    vae_optimizer *others; /* of the clone */
    const char *path;
    size_t events, messages;
    vae_status status; /* the first failure */
} caller;

static void note(caller *c, vae_status status) {
    if (status && !c->status) c->status = status;
}

static void on_message(void *user, int32_t level, const char *message) {
    caller *c = user;
    double elbo[3];
    (void)level, (void)message;
    c->messages++;
    note(c, vae_elbo(c->h->clone, rows, 3, WIDTH, 1, elbo, NULL, NULL));
}

static int32_t on_progress(void *user, uint64_t done, uint64_t total) {
    caller *c = user;
    float values[WIDTH];
    (void)done, (void)total;
    note(c, vae_sample(c->h->model, 1, 3, NULL, values, NULL));
    return 0;
}

/* Const functions of the handles under way, training of others, and the end of what it can do without. */
static int32_t on_event(void *user, int32_t event, const vae_step_report *train,
                        const vae_step_report *validation) {
    caller *c = user;
    handles *h = c->h;
    vae_evaluation *evaluation = NULL;
    vae_model *copy = NULL;
    vae_dataset *data = NULL;
    (void)event, (void)train, (void)validation;
    c->events++;
    note(c, vae_checkpoint_save(h->model, h->optimizer, h->data, c->path));
    note(c, vae_evaluate(h->model, h->data, NULL, "baselines=0", on_progress, c, &evaluation));
    note(c, vae_model_clone(h->model, &copy));
    note(c, vae_dataset_from_memory(NULL, rows, ROWS, WIDTH, "batch=11", &data));
    note(c, vae_train(h->clone, c->others, data, data, "epochs=1 restore_best=1", NULL, NULL));
    if (c->events == 2) destroy(h, CONTEXT);
    if (c->events == 3) destroy(h, EVALUATION);
    vae_model_destroy(copy);
    vae_dataset_destroy(data);
    vae_evaluation_destroy(evaluation);
    return 0;
}

static uint64_t trained(vae_model *model) {
    unsigned char bytes[6000];
    size_t length;
    uint64_t digest = 1;
    assert_ok(vae_model_save_memory(model, bytes, sizeof bytes, &length));
    for (size_t i = 0; i < length; i++) digest = (digest ^ bytes[i]) * 0x100000001B3u;
    return digest;
}

static void callbacks_call_back(void **state) {
    char folder[] = "/tmp/vae-handles-XXXXXX", path[60];
    uint64_t digests[2];
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/checkpoint", folder);
    for (int called_back = 0; called_back < 2; called_back++) {
        handles h;
        make_handles(&h);
        caller c = {.h = &h, .path = path};
        assert_ok(vae_optimizer_create(h.clone, "adamw samples=2", &c.others));
        if (called_back) assert_ok(vae_context_set_log(h.context, on_message, &c));
        assert_ok(vae_train(h.model, h.optimizer, h.data, h.data, "epochs=2",
                            called_back ? on_event : NULL, &c));
        if (c.status) fail_msg("%s: %s", vae_status_name(c.status), vae_last_error());
        assert_int_equal(c.events, called_back ? 7 : 0); /* 2 left of 3 steps, 3 steps, 2 epochs */
        assert_int_equal(c.messages > 0, called_back);
        digests[called_back] = trained(h.model);
        vae_optimizer_destroy(c.others);
        for (kind k = CONTEXT; k <= EVALUATION; k++) destroy(&h, k);
        assert_int_equal(h.counts.blocks, 0);
    }
    assert_true(digests[0] == digests[1]); /* of no effect on the training */
    unlink(path);
    rmdir(folder);
}

/* ---- callbacks that stop ---- */

typedef struct stopper {
    size_t left, epochs;
} stopper;

static int32_t stop_at(void *user, int32_t event, const vae_step_report *train,
                       const vae_step_report *validation) {
    stopper *s = user;
    (void)train, (void)validation;
    s->epochs += event == VAE_EVENT_EPOCH;
    return s->left > 0 && --s->left == 0;
}

/* Stopped at event `at` (0: never) and then gone on with; the parameters at the end. */
static uint64_t train_with_stop(size_t at) {
    handles h;
    char options[40];
    make_handles(&h);
    stopper s = {.left = at};
    vae_status status = vae_train(h.model, h.optimizer, h.data, h.data, "epochs=3", stop_at, &s);
    assert_int_equal(status, at ? VAE_STOPPED : VAE_OK);
    uint64_t done = vae_dataset_epoch(h.data);
    snprintf(options, sizeof options, "epochs=%d", (int)(EPOCHS - done));
    if (done < EPOCHS)
        assert_ok(vae_train(h.model, h.optimizer, h.data, h.data, options, NULL, NULL));
    assert_int_equal(vae_optimizer_steps(h.optimizer), EPOCHS * 3);
    uint64_t digest = trained(h.model);
    for (kind k = CONTEXT; k <= EVALUATION; k++) destroy(&h, k);
    assert_int_equal(h.counts.blocks, 0);
    return digest;
}

/* make_handles made the first step: 8 more of three epochs of 3, and 3 ends of an epoch. */
static void training_stops_at_every_event(void **state) {
    uint64_t whole = train_with_stop(0);
    (void)state;
    for (size_t at = 1; at < EVENTS; at++)
        if (train_with_stop(at) != whole) fail_msg("stopped at event %zu: other parameters", at);
}

typedef struct counted_progress {
    size_t calls, stop_at;
} counted_progress;

static int32_t count_progress(void *user, uint64_t done, uint64_t total) {
    counted_progress *p = user;
    (void)done, (void)total;
    return ++p->calls == p->stop_at;
}

static void evaluation_stops_at_every_call(void **state) {
    handles h;
    counted_progress all = {0};
    vae_evaluation *evaluation;
    (void)state;
    make_handles(&h);
    assert_ok(
        vae_evaluate(h.model, h.data, h.data, "samples=3", count_progress, &all, &evaluation));
    vae_evaluation_destroy(evaluation);
    assert_true(all.calls > 0);
    size_t blocks = h.counts.blocks;
    for (size_t at = 1; at <= all.calls; at++) {
        counted_progress p = {0, at};
        assert_int_equal(
            vae_evaluate(h.model, h.data, h.data, "samples=3", count_progress, &p, &evaluation),
            VAE_STOPPED);
        assert_null(evaluation);
        assert_int_equal(p.calls, at);
        assert_int_equal(h.counts.blocks, blocks);
    }
    for (kind k = CONTEXT; k <= EVALUATION; k++) destroy(&h, k);
    assert_int_equal(h.counts.blocks, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_in_every_order),
        cmocka_unit_test(callbacks_call_back),
        cmocka_unit_test(training_stops_at_every_event),
        cmocka_unit_test(evaluation_stops_at_every_call),
    };
    return cmocka_run_group_tests(tests, fill_rows, NULL);
}
