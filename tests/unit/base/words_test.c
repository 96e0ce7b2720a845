#include <string.h>

#include "base/words.h"
#include "support/checks.h"
#include "support/cmocka.h"

static vae__slice word_of(const char *text) {
    return (vae__slice){"spec", text, text, strlen(text)};
}

/* Known names that are too long to be compared, or too many for one message. */
static void names_what_is_known(void **state) {
    const char *names[101];
    const vae__slice word = word_of("option");
    (void)state;
    names[0] = "options_of_more_than_sixty_three_characters_are_not_compared_with_any";
    names[1] = NULL;
    assert_fails(vae__fail_unknown(&word, "key", names), VAE_ERROR_TEXT,
                 "unknown key 'option' (known: options_of_more_than_sixty_three_characters_are_not_"
                 "compared_with_any)");
    for (size_t i = 0; i < 100; i++) names[i] = "options";
    names[100] = NULL;
    assert_fails(vae__fail_unknown(&word, "key", names), VAE_ERROR_TEXT,
                 "did you mean 'options'? (known: options options ");
}

static void finds_the_nearest(void **state) {
    static const char *const names[] = {"relu", "leaky_relu", "gaussian", "steps", "p, abs", NULL};
    static const struct {
        const char *text, *nearest;
    } cases[] = {
        {"relu", "relu"},
        {"ReLU", "relu"},
        {"LeakyReLU", "leaky_relu"},
        {"rleu", "relu"},
        {"gauss", "gaussian"},
        {"GAU", "gaussian"},
        {"step", "steps"},
        {"ga", NULL},
        {"p abs", "p, abs"},
        {"", NULL},
        {"zzz", NULL},
        {"gaussians and more of them", NULL},
        {"a_word_of_more_than_sixty_three_characters_is_not_compared_with_any_name", NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *found = vae__nearest_name(cases[i].text, strlen(cases[i].text), names);
        if ((found && cases[i].nearest) ? strcmp(found, cases[i].nearest) != 0
                                        : found != cases[i].nearest)
            fail_msg("'%s': %s", cases[i].text, found ? found : "none");
    }
}

/* Of two equally near names the first one; of a nearer one that, wherever it stands. */
static void prefers_the_nearer(void **state) {
    vae__nearest nearest = {.text = "encoder.0.weigth", .length = 16};
    char text[VAE__SUGGESTION_SIZE];
    (void)state;
    vae__nearest_offer(&nearest, "prior");
    assert_null(nearest.name);
    assert_string_equal(vae__suggestion(text, nearest.name), "");
    vae__nearest_offer(&nearest, "encoder.1.weight");
    assert_string_equal(nearest.name, "encoder.1.weight");
    vae__nearest_offer(&nearest, "encoder.0.weight");
    vae__nearest_offer(&nearest, "encoder.2.weight");
    assert_string_equal(nearest.name, "encoder.0.weight");
    assert_string_equal(vae__suggestion(text, nearest.name), "; did you mean 'encoder.0.weight'?");
}

static void knows_other_names(void **state) {
    static const char *const names[] = {"lr", "steps", NULL};
    static const vae__alias aliases[] = {{"learning_rate", "lr", NULL},
                                         {"optimizer", NULL, "name it first"},
                                         {"step", "lr", NULL},
                                         {NULL, NULL, NULL}};
    (void)state;
    vae__slice word = word_of("Learning_Rate");
    assert_fails(vae__fail_unknown_alias(&word, "option", names, aliases), VAE_ERROR_TEXT,
                 "spec:1:1: unknown option 'Learning_Rate'; did you mean 'lr'? (known: lr steps)");
    word = word_of("optimizer");
    assert_fails(vae__fail_unknown_alias(&word, "option", names, aliases), VAE_ERROR_TEXT,
                 "spec:1:1: unknown option 'optimizer': name it first (known: lr steps)");
    word = word_of("step"); /* before what is nearest */
    assert_fails(vae__fail_unknown_alias(&word, "option", names, aliases), VAE_ERROR_TEXT,
                 "did you mean 'lr'?");
    assert_null(vae__alias_find(aliases, "learning", 8));
    assert_null(vae__alias_find(aliases, "learning_rates", 14));
    assert_null(vae__alias_find(NULL, "lr", 2));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_what_is_known),
        cmocka_unit_test(finds_the_nearest),
        cmocka_unit_test(prefers_the_nearer),
        cmocka_unit_test(knows_other_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
