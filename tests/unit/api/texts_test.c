/* A key that was given to the wrong text is sent where it belongs, for every key of every text: the
 * tables themselves say which there are. */
#include <string.h>

#include "api/texts.h"
#include "data/options.h"
#include "model/score.h"
#include "support/checks.h"
#include "support/cmocka.h"
#include "train/evaluation.h"
#include "train/options.h"

static const struct {
    const vae__option_table *table;
    const char *owner;
} texts[] = {
    {&vae__spec_table, "the spec (vae_model_create)"},
    {&vae__training_table, "the optimizer options (vae_optimizer_create)"},
    {&vae__dataset_table, "the data set options (vae_dataset_open)"},
    {&vae__loop_table, "vae_train"},
    {&vae__estimate_table, "vae_log_likelihood"},
    {&vae__score_table, "vae_score"},
    {&vae__evaluation_table, "vae_evaluate"},
    {&vae__context_table, "the context options (vae_context_create)"},
};

static int has(const vae__option_table *table, const char *name) {
    const vae__slice key = {table->label, name, name, strlen(name)};
    return vae__option_find(table, &key) != NULL;
}

static void check(const vae__option_table *given, const char *name, const char *owner) {
    char text[100];
    snprintf(text, sizeof text, "# a comment\n %s=1", name);
    vae_status status = vae__check_keys(given, text);
    if (has(given, name)) {
        assert_int_equal(status, VAE_OK);
        return;
    }
    snprintf(text, sizeof text, "%s:2:2: unknown %s '%s': it belongs to ", given->label,
             given->what, name);
    assert_int_equal(status, VAE_ERROR_TEXT);
    assert_ptr_equal(strstr(vae_last_error(), text), vae_last_error());
    assert_non_null(strstr(vae_last_error() + strlen(text), owner));
}

static void sends_every_key_to_its_text(void **state) {
    size_t keys = 0;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        for (const vae__option *option = texts[i].table->options; option->name; option++) {
            for (size_t j = 0; j < COUNT_OF(texts); j++)
                check(texts[j].table, option->name, texts[i].owner);
            keys++;
        }
    }
    assert_true(keys > 50);
}

/* An alias must lead to a key of its own text, and not hide one. */
static void has_sound_aliases(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        const vae__option_table *table = texts[i].table;
        for (const vae__alias *alias = table->aliases; alias && alias->text; alias++) {
            const char *equals = strchr(alias->text, '=');
            assert_true(!alias->name != !alias->advice);
            assert_false(has(table, alias->text));
            if (!equals) {
                assert_true(!alias->name || has(table, alias->name));
                continue;
            }
            const vae__slice key = {"", alias->text, alias->text, (size_t)(equals - alias->text)};
            const vae__option *option = vae__option_find(table, &key);
            assert_non_null(option);
            const char *const *choice = option->choices;
            while (alias->name && *choice && strcmp(*choice, alias->name)) choice++;
            assert_true(!alias->name || *choice);
        }
    }
}

static void knows_names_of_other_libraries(void **state) {
    (void)state;
    assert_fails(vae__check_keys(&vae__spec_table, "input=4 learning_rate=1"), VAE_ERROR_TEXT,
                 "spec:1:9: unknown key 'learning_rate': it belongs to the optimizer options "
                 "(vae_optimizer_create), where it is called 'lr'");
    assert_fails(vae__check_keys(&vae__training_table, "adam batch_size=1"), VAE_ERROR_TEXT,
                 "optimizer:1:6: unknown option 'batch_size': it belongs to the data set options "
                 "(vae_dataset_open), where it is called 'batch'");
    /* What the text knows itself comes first; the parser has the words. */
    assert_ok(vae__check_keys(&vae__training_table, "learning_rate=1 n_samples=2"));
}

/* All else is the parser's. */
static void leaves_the_rest_alone(void **state) {
    (void)state;
    assert_ok(vae__check_keys(&vae__training_table, NULL));
    assert_ok(vae__check_keys(&vae__training_table, ""));
    assert_ok(vae__check_keys(&vae__training_table, "adam lr=x lr=y nothing=3 beta"));
    assert_ok(vae__check_keys(&vae__spec_table, "encoder=[dense epochs=3"));
    assert_ok(vae__check_keys(&vae__spec_table, "encoder=\"epochs=3\" # epochs=3"));
    assert_fails(vae__check_keys(&vae__training_table, "adam epochs 3"), VAE_ERROR_TEXT,
                 "optimizer:1:6: unknown option 'epochs': it belongs to vae_train");
}

/* Every function that reads a text asks. */
static void every_function_asks(void **state) {
    const float x[4] = {0, 1, 0, 1};
    vae_context *context = NULL;
    vae_model *model = NULL, *none = NULL;
    vae_optimizer *optimizer = NULL, *no_optimizer = NULL;
    vae_dataset *data = NULL, *no_data = NULL;
    vae_evaluation *evaluation = NULL;
    (void)state;
    assert_ok(vae_model_create(NULL, "input=2 latent=1 likelihood=bernoulli", &model));
    assert_ok(vae_optimizer_create(model, NULL, &optimizer));
    assert_ok(vae_dataset_from_memory(NULL, x, 2, 2, NULL, &data));
    assert_fails(
        vae_context_create("seed=1", &context), VAE_ERROR_TEXT,
        "context:1:1: unknown option 'seed': it belongs to the spec (vae_model_create), the "
        "optimizer options (vae_optimizer_create), the data set options (vae_dataset_open), "
        "vae_model_fit_prior, vae_log_likelihood, vae_score or vae_evaluate");
    assert_fails(vae_model_create(NULL, "beta=4", &none), VAE_ERROR_TEXT,
                 "spec:1:1: unknown key 'beta': it belongs to the optimizer options");
    assert_fails(vae_optimizer_create(model, "epochs=3", &no_optimizer), VAE_ERROR_TEXT,
                 "optimizer:1:1: unknown option 'epochs': it belongs to vae_train");
    assert_fails(vae_optimizer_set(optimizer, "batch=3"), VAE_ERROR_TEXT,
                 "optimizer:1:1: unknown option 'batch': it belongs to the data set options");
    assert_fails(vae_dataset_open(NULL, "sprites", "lr=3", &no_data), VAE_ERROR_TEXT,
                 "options:1:1: unknown option 'lr': it belongs to the optimizer options");
    assert_fails(vae_dataset_from_memory(NULL, x, 2, 2, "threads=3", &no_data), VAE_ERROR_TEXT,
                 "options:1:1: unknown option 'threads': it belongs to the context options");
    assert_fails(vae_train(model, optimizer, data, NULL, "latent=3", NULL, NULL), VAE_ERROR_TEXT,
                 "train:1:1: unknown option 'latent': it belongs to the spec");
    assert_fails(vae_log_likelihood(model, x, 2, 2, "baselines=1", NULL, NULL, NULL),
                 VAE_ERROR_TEXT,
                 "log_likelihood:1:1: unknown option 'baselines': it belongs to vae_evaluate");
    assert_fails(vae_evaluate(model, data, NULL, "epochs=1", NULL, NULL, &evaluation),
                 VAE_ERROR_TEXT, "evaluate:1:1: unknown option 'epochs': it belongs to vae_train");
    vae_dataset_destroy(data);
    vae_optimizer_destroy(optimizer);
    vae_model_destroy(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_every_key_to_its_text),
        cmocka_unit_test(has_sound_aliases),
        cmocka_unit_test(knows_names_of_other_libraries),
        cmocka_unit_test(leaves_the_rest_alone),
        cmocka_unit_test(every_function_asks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
