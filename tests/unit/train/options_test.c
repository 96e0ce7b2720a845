#include <string.h>

#include "base/memory.h"
#include "support/checks.h"
#include "support/cmocka.h"
#include "support/numbers.h"
#include "train/options.h"

static vae__training_options parse(const char *text) {
    vae__training_options options = {0};
    if (vae__training_options_parse(text, 1, 0, &options))
        fail_msg("'%s': %s", text, vae__last_message());
    return options;
}

static void check(double found, double expected) {
    test_near(found, expected, 1e-15, "option");
}

static void starts_from_defaults(void **state) {
    static const char *const texts[] = {NULL, "", "adam", "# nothing"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        vae__training_options o = parse(texts[i]);
        assert_string_equal(o.rule->name, "adam");
        check(o.optimizer.learning_rate, 1e-3);
        check(o.optimizer.beta1, 0.9);
        check(o.optimizer.beta2, 0.999);
        check(o.optimizer.eps, 1e-8);
        check(o.optimizer.weight_decay, 0);
        check(o.optimizer.gamma, 0.1);
        check(o.optimizer.clip_norm, 0);
        check(o.beta, 1);
        check(o.free_bits, 0);
        assert_int_equal(o.samples, 1);
        assert_int_equal(o.seed, 1);
        assert_int_equal(o.beta_warmup + o.optimizer.warmup + o.optimizer.schedule_steps, 0);
        assert_int_equal(o.optimizer.schedule, VAE__SCHEDULE_CONSTANT);
    }
    check(parse("adamw").optimizer.weight_decay, 0.01);
    check(parse("adamw weight_decay=0").optimizer.weight_decay, 0);
    check(parse("sgd").optimizer.weight_decay, 0);
    check(parse("sgd").optimizer.momentum, 0);
}

static void reads_every_key(void **state) {
    (void)state;
    vae__training_options o = parse(
        "adamw lr=0.5 beta1=0.25 beta2=0.125 eps=1e-4 weight_decay=2 warmup=7 schedule=cosine "
        "steps=90 gamma=0.75 clip_norm=3 objective=elbo samples=4 beta=0.5 beta_warmup=11 "
        "free_bits=0.0625 seed=18446744073709551615");
    assert_string_equal(o.rule->name, "adamw");
    check(o.optimizer.learning_rate, 0.5);
    check(o.optimizer.beta1, 0.25);
    check(o.optimizer.beta2, 0.125);
    check(o.optimizer.eps, 1e-4);
    check(o.optimizer.weight_decay, 2);
    assert_int_equal(o.optimizer.warmup, 7);
    assert_int_equal(o.optimizer.schedule, VAE__SCHEDULE_COSINE);
    assert_int_equal(o.optimizer.schedule_steps, 90);
    check(o.optimizer.gamma, 0.75);
    check(o.optimizer.clip_norm, 3);
    assert_int_equal(o.samples, 4);
    check(o.beta, 0.5);
    assert_int_equal(o.beta_warmup, 11);
    check(o.free_bits, 0.0625);
    assert_true(o.seed == UINT64_MAX);
    o = parse("sgd momentum=0.5 nesterov=1 schedule=steps milestones=[10, 20, 1000000000000]");
    assert_string_equal(o.rule->name, "sgd");
    check(o.optimizer.momentum, 0.5);
    assert_int_equal(o.optimizer.nesterov, 1);
    assert_int_equal(o.optimizer.milestones.count, 3);
    assert_true(o.optimizer.milestones.steps[2] == 1000000000000u);
}

static void prints_a_fixed_point(void **state) {
    static const struct {
        const char *text, *canonical;
    } cases[] = {
        {"", "adam lr=0.001 beta1=0.9 beta2=0.999 eps=1e-08 weight_decay=0 schedule=constant "
             "gamma=0.1 warmup=0 clip_norm=0 objective=elbo samples=1 beta=1 beta_warmup=0 "
             "free_bits=0 seed=1"},
        {"sgd nesterov=1 momentum=0.9 schedule=steps milestones=[3, 9]",
         "sgd lr=0.001 weight_decay=0 momentum=0.9 nesterov=1 schedule=steps gamma=0.1 "
         "milestones=[3, 9] warmup=0 clip_norm=0 objective=elbo samples=1 beta=1 beta_warmup=0 "
         "free_bits=0 seed=1"},
        {"adamw lr=0.30000000000000004 schedule=exponential steps=5", NULL},
        {"sgd schedule=cosine steps=1000000000000000", NULL},
        {"sgd schedule=cosine steps=5 from=start",
         "sgd lr=0.001 weight_decay=0 momentum=0 nesterov=0 schedule=cosine steps=5 gamma=0.1 warmup=0 "
         "clip_norm=0 objective=elbo samples=1 beta=1 beta_warmup=0 free_bits=0 seed=1"},
        {"sgd schedule=cosine steps=5 from=now", /* of no updates */
         "sgd lr=0.001 weight_decay=0 momentum=0 nesterov=0 schedule=cosine steps=5 gamma=0.1 warmup=0 "
         "clip_norm=0 objective=elbo samples=1 beta=1 beta_warmup=0 free_bits=0 seed=1"},
        {"sgd schedule=steps milestones=[3] from=100",
         "sgd lr=0.001 weight_decay=0 momentum=0 nesterov=0 schedule=steps gamma=0.1 milestones=[3] "
         "from=100 warmup=0 clip_norm=0 objective=elbo samples=1 beta=1 beta_warmup=0 free_bits=0 "
         "seed=1"},
        {"schedule=exponential steps=3 from=4611686018427387904", NULL},
    };
    vae_context *context = test_context(NULL);
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        vae__buffer first = {.context = context}, second = {.context = context};
        vae__training_options options = parse(cases[i].text);
        vae__training_options_print(&options, &first);
        if (cases[i].canonical) assert_string_equal(first.text, cases[i].canonical);
        options = parse(first.text);
        vae__training_options_print(&options, &second);
        assert_string_equal(first.text, second.text);
        vae__buffer_free(&first);
        vae__buffer_free(&second);
    }
    vae_context_destroy(context);
}

#define EIGHT(a) a "1," a "2," a "3," a "4," a "5," a "6," a "7," a "8"

static void refuses(void **state) {
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"learning_rate=1",
         "optimizer:1:1: unknown option 'learning_rate'; did you mean 'lr'? (known:"},
        {"kl_weight=1", "optimizer:1:1: unknown option 'kl_weight'; did you mean 'beta'?"},
        {"optimizer=adam",
         "optimizer:1:1: unknown option 'optimizer': the algorithm is the first word, "
         "without a key, as in 'adam lr=1e-3' (known: lr"},
        {"betas=0.9", "optimizer:1:1: unknown option 'betas': give beta1= and beta2="},
        {"schedule=multistep", "unknown schedule 'multistep'; did you mean 'steps'?"},
        {"Adam", "optimizer:1:1: unknown algorithm 'Adam'; did you mean 'adam'?"},
        {"lr 1e-3", "optimizer:1:1: expected '=' and no space: write 'lr=1e-3'"},
        {"adam, lr=1", "optimizer:1:5: found ',': separate the options by spaces"},
        {"milestones=1000",
         "optimizer:1:12: expected a list in brackets, e.g. [1000, 2000]; found"},
        {"milestones=[1e3]",
         "optimizer:1:13: milestones: expected whole step numbers in rising order, "
         "e.g. [1000, 2000]; found '1e3'"},
        {"adom", "optimizer:1:1: unknown algorithm 'adom'; did you mean 'adam'? (known: adam adamw "
                 "sgd)"},
        {"lr=1 sgd", "optimizer:1:6: the algorithm comes first: 'sgd lr=...'"},
        {"adam adam", "optimizer:1:6: the algorithm comes first"},
        {"adam lr=-1", "optimizer:1:9: lr=-1: expected a number from 0 to 1e+06"},
        {"adam lr=1e7", "lr=1e7: expected a number from 0 to 1e+06"},
        {"adam\n  leraning=1", "optimizer:2:3: unknown option 'leraning'"},
        {"beta1=1", "optimizer:1:7: beta1=1: expected a number from 0 to 0.9999999"},
        {"beta2=1", "beta2=1: expected"},
        {"eps=0", "eps=0: expected a number from 1e-30 to 1e+06"},
        {"weight_decay=-1", "weight_decay=-1: expected"},
        {"sgd momentum=1", "momentum=1: expected a number from 0 to 0.9999999"},
        {"sgd nesterov=yes", "nesterov=yes: expected 0 or 1"},
        {"schedule=linear", "optimizer:1:10: unknown schedule 'linear' (known: constant cosine "
                            "exponential steps)"},
        {"schedule=cosin", "unknown schedule 'cosin'; did you mean 'cosine'?"},
        {"steps=0", "steps=0: expected a whole number from 1 to 1000000000000000"},
        {"gamma=2", "gamma=2: expected a number from 0 to 1"},
        {"schedule=steps milestones=[]",
         "optimizer:1:16: schedule=steps needs milestones, e.g. milestones=[1000, 2000]"},
        {"schedule=steps",
         "optimizer:1:1: schedule=steps needs milestones, e.g. milestones=[1000, 2000]"},
        {"milestones=[5]", "optimizer:1:1: milestones belong to schedule=steps"},
        {"schedule=steps milestones=5", "optimizer:1:27: expected a list in brackets"},
        {"schedule=steps milestones=[5, 5]",
         "optimizer:1:31: milestones: expected whole step numbers in rising order, "
         "e.g. [1000, 2000]; found '5'"},
        {"schedule=steps milestones=[5, 4]",
         "optimizer:1:31: milestones: expected whole step numbers"},
        {"schedule=steps milestones=[a]",
         "optimizer:1:28: milestones: expected whole step numbers"},
        {"schedule=steps milestones=[" EIGHT("1") "," EIGHT("2") "," EIGHT("3") "," EIGHT(
             "4") ",99]",
         "more than 32 milestones"},
        {"schedule=cosine", "optimizer:1:1: schedule=cosine and schedule=exponential need steps=N"},
        {"adam schedule=exponential",
         "optimizer:1:6: schedule=cosine and schedule=exponential need"},
        {"adam steps=5", "optimizer:1:6: steps=N belongs to schedule=cosine or "
                         "schedule=exponential"},
        {"sgd beta1=0.5",
         "optimizer:1:5: beta1, beta2 and eps belong to adam and adamw, not to sgd"},
        {"sgd lr=1 eps=0.5", "optimizer:1:10: beta1, beta2 and eps belong"},
        {"adamw momentum=0.5",
         "optimizer:1:7: momentum and nesterov belong to sgd; adam has beta1"},
        {"nesterov=0", "optimizer:1:1: momentum and nesterov belong to sgd"},
        {"sgd lr=1\nnesterov=1", "optimizer:2:1: nesterov=1 needs momentum above 0"},
        {"clip_norm=-1", "clip_norm=-1: expected"},
        {"objective=elbow",
         "unknown objective 'elbow'; did you mean 'elbo'? (known: elbo iwae simple vlb hybrid)"},
        {"from=5", "optimizer:1:1: from belongs to schedule=cosine, exponential or steps"},
        {"adam lr=1 from=start", "optimizer:1:11: from belongs to schedule=cosine"},
        {"schedule=cosine steps=5 from=-1",
         "optimizer:1:30: from: expected start, now or a number of updates of at most 2^62, found "
         "'-1'"},
        {"schedule=cosine steps=5 from=later", "found 'later'"},
        {"schedule=cosine steps=5 from=4611686018427387905", "at most 2^62"},
        {"schedule=cosine steps=5 from=99999999999999999999", "at most 2^62"},
        {"schedule=cosine steps=5 from=1e3", "found '1e3'"},
        {"samples=0", "samples=0: expected a whole number from 1 to 1048576"},
        {"beta=-1", "beta=-1: expected"},
        {"beta_warmup=-1", "beta_warmup=-1: expected a whole number"},
        {"free_bits=-1", "free_bits=-1: expected"},
        {"seed=1 seed=1", "optimizer:1:8: 'seed' is given twice"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        vae__training_options options = parse("sgd lr=0.5"), before = options;
        vae_status status = vae__training_options_parse(cases[i].text, 1, 0, &options);
        if (status != VAE_ERROR_TEXT || !strstr(vae__last_message(), cases[i].message))
            fail_msg("'%s': %d \"%s\", expected \"%s\"", cases[i].text, status, vae__last_message(),
                     cases[i].message);
        assert_memory_equal(&options, &before, sizeof options);
    }
}

static void changes_what_is_given(void **state) {
    vae__training_options o = parse("sgd momentum=0.9 lr=0.5 beta=2 schedule=cosine steps=100");
    (void)state;
    assert_ok(vae__training_options_parse("lr=0.25", 0, 0, &o));
    check(o.optimizer.learning_rate, 0.25);
    check(o.optimizer.momentum, 0.9);
    check(o.beta, 2);
    assert_ok(vae__training_options_parse("sgd steps=200", 0, 0, &o));
    assert_int_equal(o.optimizer.schedule_steps, 200);
    assert_ok(
        vae__training_options_parse("schedule=exponential", 0, 0, &o)); /* its steps are known */
    assert_ok(vae__training_options_parse("schedule=constant nesterov=1", 0, 0, &o));
    assert_fails(vae__training_options_parse("momentum=0", 0, 0, &o), VAE_ERROR_TEXT,
                 "optimizer:1:1: nesterov=1 needs momentum above 0");
    assert_fails(vae__training_options_parse("schedule=exponential", 0, 0, &o), VAE_ERROR_TEXT,
                 "need steps=N"); /* what the printed text does not say is not remembered */
    assert_fails(vae__training_options_parse("adam", 0, 0, &o), VAE_ERROR_TEXT,
                 "the algorithm cannot change from sgd to adam while training");
    assert_fails(vae__training_options_parse("beta2=0.5", 0, 0, &o), VAE_ERROR_TEXT, "not to sgd");
    o = parse("schedule=cosine steps=5");
    assert_ok(vae__training_options_parse("from=now", 0, 70, &o));
    assert_int_equal(o.optimizer.schedule_from, 70);
    assert_ok(vae__training_options_parse("lr=1 steps=9", 0, 80, &o)); /* it stays */
    assert_int_equal(o.optimizer.schedule_from, 70);
    assert_ok(vae__training_options_parse("schedule=exponential from=75", 0, 80, &o));
    assert_int_equal(o.optimizer.schedule_from, 75);
    assert_ok(vae__training_options_parse("from=start", 0, 80, &o));
    assert_int_equal(o.optimizer.schedule_from, 0);
    assert_ok(vae__training_options_parse("from=now", 0, 80, &o));
    assert_ok(vae__training_options_parse("schedule=constant", 0, 90, &o)); /* and is forgotten */
    assert_ok(vae__training_options_parse("schedule=cosine steps=5", 0, 90, &o));
    assert_int_equal(o.optimizer.schedule_from, 0);
    o = parse("adamw weight_decay=0.5");
    assert_ok(vae__training_options_parse("adamw lr=1", 0, 0, &o));
    check(o.optimizer.weight_decay, 0.5);
}

static void raises_beta(void **state) {
    vae__training_options o = parse("beta=3 beta_warmup=4");
    (void)state;
    for (uint64_t step = 1; step <= 4; step++)
        check(vae__beta_at(&o, step), 3 * (double)(step - 1) / 4);
    check(vae__beta_at(&o, 5), 3);
    check(vae__beta_at(&o, 500), 3);
    check(vae__beta_at(&(vae__training_options){.beta = 2}, 1), 2);
}

static void reads_loop_options(void **state) {
    vae__loop_options o;
    (void)state;
    assert_ok(vae__loop_options_parse(NULL, &o));
    assert_int_equal(o.epochs, 1);
    assert_int_equal(o.patience, 0);
    assert_int_equal(o.restore_best, 0);
    assert_int_equal(o.validation_seed, 1);
    assert_int_equal(o.events, VAE__EVENTS_ALL);
    check(o.min_delta, 0);
    assert_ok(vae__loop_options_parse("epochs=20 patience=3 min_delta=0.5 restore_best=1 "
                                      "validation_seed=7 events=epoch",
                                      &o));
    assert_int_equal(o.epochs, 20);
    assert_int_equal(o.patience, 3);
    assert_int_equal(o.restore_best, 1);
    assert_int_equal(o.validation_seed, 7);
    assert_int_equal(o.events, VAE__EVENTS_EPOCH);
    check(o.min_delta, 0.5);
    assert_fails(vae__loop_options_parse("epoch=2", &o), VAE_ERROR_TEXT,
                 "train:1:1: unknown option 'epoch'; did you mean 'epochs'?");
    assert_fails(vae__loop_options_parse("min_delta=-1", &o), VAE_ERROR_TEXT,
                 "train:1:11: min_delta=-1: expected a number");
    assert_fails(vae__loop_options_parse("epochs=1.5", &o), VAE_ERROR_TEXT,
                 "train:1:8: epochs=1.5");
    assert_fails(vae__loop_options_parse("ten", &o), VAE_ERROR_TEXT, "train:1:1: unknown option");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_from_defaults),  cmocka_unit_test(reads_every_key),
        cmocka_unit_test(prints_a_fixed_point),  cmocka_unit_test(refuses),
        cmocka_unit_test(changes_what_is_given), cmocka_unit_test(raises_beta),
        cmocka_unit_test(reads_loop_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
