#include <string.h>

#include "base/memory.h"
#include "base/options.h"
#include "support/checks.h"
#include "support/cmocka.h"

/* ---- a table with every kind ---- */

typedef struct settings {
    uint64_t steps, seed, bytes;
    double rate;
    int flag, mode;
    char list[100], word[100];
    size_t word_index;
} settings;

static const char *const modes[] = {"constant", "cosine", "exponential", NULL};

static vae_status copy_value(const vae__slice *value, void *field, void *user) {
    (void)user;
    assert_true(value->length < 100);
    memcpy(field, value->text, value->length);
    ((char *)field)[value->length] = 0;
    return VAE_OK;
}

static void print_value(vae__buffer *out, const void *field) {
    vae__append(out, "%s", (const char *)field);
}

static const vae__option entries[] = {
    {"steps", VAE__OPTION_UNSIGNED, offsetof(settings, steps), .minimum = 1, .maximum = 100},
    {"seed", VAE__OPTION_UNSIGNED, offsetof(settings, seed), .minimum = 0},
    {"rate", VAE__OPTION_REAL, offsetof(settings, rate), .minimum = 0, .maximum = 10},
    {"flag", VAE__OPTION_FLAG, offsetof(settings, flag), .minimum = 0},
    {"mode", VAE__OPTION_CHOICE, offsetof(settings, mode), .choices = modes},
    {"bytes", VAE__OPTION_BYTES, offsetof(settings, bytes), .minimum = 0},
    {"list", VAE__OPTION_CUSTOM, offsetof(settings, list), .parse = copy_value,
     .print = print_value},
    {.name = NULL},
};

static vae_status take_word(const vae__slice *word, size_t index, void *into, void *user) {
    settings *s = into;
    s->word_index = index;
    if (user) return vae__fail_at(word, "told to");
    return copy_value(word, s->word, NULL);
}

static const vae__alias aliases[] = {{"n_steps", "steps", NULL},
                                     {"device", NULL, "there is one device"},
                                     {"mode=annealed", "cosine", NULL},
                                     {NULL, NULL, NULL}};

static const vae__option_table table = {
    .label = "options", .what = "option", .options = entries, .aliases = aliases};
static const vae__option_table bare_table = {
    .label = "options", .what = "option", .options = entries, .bare = take_word};

static settings parse(const char *text) {
    settings s = {0};
    assert_ok(vae__options_parse(&table, text, &s, NULL, NULL));
    return s;
}

/* ---- what is accepted ---- */

static void reads_every_kind(void **state) {
    (void)state;
    settings s = parse("steps=100 seed=18446744073709551615 rate=1e-3 flag=1 mode=exponential "
                       "bytes=3K list=[a, b]");
    assert_int_equal(s.steps, 100);
    assert_true(s.seed == UINT64_MAX);
    assert_true(s.rate > 0.00099 && s.rate < 0.00101);
    assert_int_equal(s.flag, 1);
    assert_int_equal(s.mode, 2);
    assert_int_equal(s.bytes, 3072);
    assert_string_equal(s.list, "[a, b]");
    assert_int_equal(parse("bytes=0").bytes, 0);
    assert_int_equal(parse("bytes=2M").bytes, 2 << 20);
    assert_true(parse("bytes=3G").bytes == (uint64_t)3 << 30);
    assert_int_equal(parse("flag=0").flag, 0);
    assert_int_equal(parse(NULL).steps, 0);
    assert_int_equal(parse("").steps, 0);
}

static void skips_space_and_comments(void **state) {
    static const char *const texts[] = {
        "steps=5 seed=6",
        "  steps=5\t\n\r\n seed=6  ",
        "# first\nsteps=5 # steps=7 seed=8\nseed=6# last",
        "steps=5#seed=7\nseed=6",
        "#\n#\nsteps=5\vseed=6\f#",
        "\v\f steps=5\fseed=6\v",
        "steps=5 seed=\"6\"",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        settings s = parse(texts[i]);
        if (s.steps != 5 || s.seed != 6) fail_msg("'%s'", texts[i]);
    }
}

static void reads_brackets_and_quotes(void **state) {
    static const struct {
        const char *text, *value;
    } cases[] = {
        {"list=[]", "[]"},
        {"list=[[a, b], [c]] seed=1", "[[a, b], [c]]"},
        {"list=[a # ] not yet\n, b]", "[a # ] not yet\n, b]"},
        {"list=\"a b # c\"", "a b # c"},
        {"list=\"\" seed=1", ""},
        {"list=\"[\"", "["},
        {"list=plain=value", "plain=value"},
        {"list= seed=1", ""},
        {"list=[]# comment", "[]"},
        {"list=a\"b", "a\"b"},
        {"list=a[b", "a[b"},
        {"list=[\"p, abs\"]", "[\"p, abs\"]"},
        {"list=[\"#id\", a]", "[\"#id\", a]"},
        {"list=[\"a ] b\"] seed=1", "[\"a ] b\"]"},
        {"list=[ # \"\n\"]\"]", "[ # \"\n\"]\"]"},
        {"list=[[\"[\"], \"[\"]", "[[\"[\"], \"[\"]"},
        {"list=[5\" pipe, b]", "[5\" pipe, b]"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        settings s = parse(cases[i].text);
        assert_string_equal(s.list, cases[i].value);
    }
}

static void takes_bare_words(void **state) {
    settings s = {0};
    (void)state;
    assert_ok(vae__options_parse(&bare_table, "seed=1 adam steps=2", &s, NULL, NULL));
    assert_string_equal(s.word, "adam");
    assert_int_equal(s.word_index, 1);
    assert_fails(vae__options_parse(&bare_table, "seed=1\n  adam", &s, NULL, &s), VAE_ERROR_TEXT,
                 "options:2:3: told to");
}

static void says_what_was_given(void **state) {
    settings s = {0};
    unsigned char seen[COUNT_OF(entries)] = {0};
    (void)state;
    assert_ok(vae__options_parse(&table, "rate=1 list=[]", &s, seen, NULL));
    for (size_t i = 0; i < COUNT_OF(seen); i++) assert_int_equal(seen[i], i == 2 || i == 6);
}

/* ---- what is refused ---- */

static void refuses(void **state) {
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"stepz=5", "options:1:1: unknown option 'stepz'; did you mean 'steps'? (known: steps seed "
                    "rate flag mode bytes list)"},
        {"seed=1\n\n  step=5", "options:3:3: unknown option 'step'; did you mean 'steps'?"},
        {"zzzzzzzzz=5", "options:1:1: unknown option 'zzzzzzzzz' (known: "},
        {"=5", "options:1:1: unknown option '' (known: "},
        {"STEPS=5", "unknown option 'STEPS'"},
        {"this_is_a_word_of_more_than_thirty_one_characters=1",
         "unknown option 'this_is_a_word_of_more_than_thirty_one_characters' (known: "},
        {"what", "options:1:1: unknown option 'what'"},
        {"what#", "options:1:1: unknown option 'what'"},
        {"seed=1 steps", "options:1:8: expected '=' after 'steps', e.g. steps=VALUE"},
        {"steps seed=1", "options:1:1: expected '=' after 'steps', e.g. steps=VALUE"},
        {"steps seed", "options:1:1: expected '=' after 'steps', e.g. steps=VALUE"},
        {"seed=1 seed=1", "options:1:8: 'seed' is given twice"},
        {"steps=", "options:1:7: steps=: expected a whole number from 1 to 100"},
        {"steps=0", "options:1:7: steps=0: expected a whole number from 1 to 100"},
        {"steps=101", "steps=101: expected a whole number from 1 to 100"},
        {"steps=-1", "steps=-1: expected a whole number"},
        {"steps=1.5", "steps=1.5: expected a whole number"},
        {"seed=18446744073709551616", "expected a whole number from 0 to 2^64 - 1"},
        {"# c\nrate=x", "options:2:6: rate=x: expected a number from 0 to 10"},
        {"rate=-0.1", "rate=-0.1: expected a number from 0 to 10"},
        {"rate=10.1", "rate=10.1: expected a number from 0 to 10"},
        {"rate=nan", "rate=nan: expected a number from 0 to 10"},
        {"rate=inf", "rate=inf: expected a number from 0 to 10"},
        {"rate=0,5", "rate=0,5: expected a number from 0 to 10, with a decimal point"},
        {"steps=1e1", "steps=1e1: expected a whole number from 1 to 100, in digits: no sign, "
                      "point or exponent"},
        {"steps=ten", "steps=ten: expected a whole number from 1 to 100"},
        {"n_steps=5", "options:1:1: unknown option 'n_steps'; did you mean 'steps'? (known: "},
        {"device=gpu", "unknown option 'device': there is one device (known: steps"},
        {"mode=annealed", "options:1:6: unknown mode 'annealed'; did you mean 'cosine'? (known: c"},
        {"mode=Cosine", "unknown mode 'Cosine'; did you mean 'cosine'?"},
        {"mode=exp", "unknown mode 'exp'; did you mean 'exponential'?"},
        {"list=[#id]",
         "options:1:6: '[' is never closed: the '#' in it begins a comment, up to the "
         "end of the line; a name with '#' goes into double quotes, e.g. [\"#id\"]"},
        {"list=[a, \"b]", "options:1:10: '\"' is never closed"},
        {"flag=1\nlist=[a, [\"b]]", "options:2:11: '\"' is never closed"},
        {"flag=2", "options:1:6: flag=2: expected 0 or 1"},
        {"flag=", "flag=: expected 0 or 1"},
        {"flag=true", "flag=true: expected 0 or 1"},
        {"mode=cosin", "options:1:6: unknown mode 'cosin'; did you mean 'cosine'? (known: constant "
                       "cosine exponential)"},
        {"mode=", "unknown mode ''"},
        {"bytes=1T", "options:1:7: bytes=1T: expected bytes, e.g. 1000000, 64M or 2G"},
        {"bytes=K", "bytes=K: expected bytes"},
        {"bytes=", "bytes=: expected bytes"},
        {"bytes=1KK", "bytes=1KK: expected bytes"},
        {"bytes=17179869184G", "bytes=17179869184G: expected bytes"},
        {"seed=1 list=[a, [b]", "options:1:13: '[' is never closed"},
        {"list=[a # ]", "options:1:6: '[' is never closed"},
        {"seed=1\nlist=\"a b", "options:2:6: '\"' is never closed"},
        {"list=\"", "'\"' is never closed"},
        {"list=[a]b", "options:1:9: expected a space after the value of 'list', found 'b'"},
        {"list=[a]]", "options:1:9: expected a space after the value of 'list', found ']'"},
        {"list=\"a\"seed=1", "options:1:9: expected a space after the value of 'list'"},
        {"list=[a]; seed=1", "options:1:9: expected a space after the value of 'list', found ';'; "
                             "keys are separated by spaces"},
        {"list=[a], seed=1", "options:1:9: expected a space after the value of 'list', found ','; "
                             "keys are separated by spaces"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        settings s = {0};
        vae_status status = vae__options_parse(&table, cases[i].text, &s, NULL, NULL);
        if (status != VAE_ERROR_TEXT || !strstr(vae__last_message(), cases[i].message))
            fail_msg("'%s': %d \"%s\", expected \"%s\"", cases[i].text, status, vae__last_message(),
                     cases[i].message);
    }
}

/* What other programs take in place of key=value, and what to write. */
static void explains_other_forms(void **state) {
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"steps=2, rate=1", "options:1:8: found ',': separate the options by spaces"},
        {"steps=2,rate=1", "options:1:8: found ',': separate the options by spaces"},
        {"steps=2; rate=1", "options:1:8: found ';': separate the options by spaces"},
        {"steps=2 , rate=1", "options:1:9: found ',': separate the options by spaces"},
        {"steps=2 ; rate=1", "options:1:9: found ';': separate the options by spaces"},
        {"steps=2 ,rate=1", "options:1:9: found ',': separate the options by spaces"},
        {"mode=cosine,", "options:1:12: found ',': separate the options by spaces"},
        {"bytes=1M,seed=1", "options:1:9: found ',': separate the options by spaces"},
        {"flag=1;seed=1", "options:1:7: found ';': separate the options by spaces"},
        {"rate=1,other=1", "rate=1,other=1: expected a number from 0 to 10"},
        {"steps = 2", "options:1:1: no spaces around '=': write 'steps=2'"},
        {"steps =2", "options:1:1: no spaces around '=': write 'steps=2'"},
        {"steps= 2", "options:1:7: no spaces around '=': write 'steps=2'"},
        {"seed=1\nsteps\t=\n2 rate=1", "options:2:1: no spaces around '=': write 'steps=2'"},
        {"list = [a, b]", "options:1:1: no spaces around '=': write 'list=VALUE'"},
        {"steps =", "options:1:1: no spaces around '=': write 'steps=VALUE'"},
        {"steps= rate=1", "steps=: expected a whole number from 1 to 100"},
        {"steps:2", "options:1:1: expected '=' in place of ':': write 'steps=2'"},
        {"steps: 2", "options:1:1: expected '=' in place of ':': write 'steps=2'"},
        {"steps: 2, rate: 1", "options:1:1: expected '=' in place of ':': write 'steps=2'"},
        {"stops:2", "options:1:1: unknown option 'stops:2'"},
        {"--steps 2", "options:1:1: no dashes in front of a key: write 'steps=2'"},
        {"--steps=2", "options:1:1: no dashes in front of a key: write 'steps=2'"},
        {"-steps=2", "options:1:1: no dashes in front of a key: write 'steps=2'"},
        {"--steps", "options:1:1: no dashes in front of a key: write 'steps=VALUE'"},
        {"--steps rate=1", "options:1:1: no dashes in front of a key: write 'steps=VALUE'"},
        {"--stops=2", "options:1:1: unknown option '--stops'; did you mean 'steps'?"},
        {"steps 2", "options:1:1: expected '=' and no space: write 'steps=2'"},
        {"{\"steps\": 2}", "options:1:1: expected key=value, separated by spaces; found a '{'"},
        {"steps='2'", "options:1:7: steps='2': expected double quotes (\") around a value"},
        {"list='a b'", "options:1:9: unknown option 'b'': a value with spaces goes into double "
                       "quotes, e.g. key=\"my file\""},
        {"seed=2 b\"", "options:1:8: unknown option 'b\"': a value with spaces goes into double "
                       "quotes, e.g. key=\"my file\""},
        {"mode=#1", "options:1:6: mode=: the '#' behind it begins a comment; a value with '#' goes "
                    "into double quotes, e.g. mode=\"...\""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        settings s = {0};
        vae_status status = vae__options_parse(&table, cases[i].text, &s, NULL, NULL);
        if (status != VAE_ERROR_TEXT || !strstr(vae__last_message(), cases[i].message))
            fail_msg("'%s': %d \"%s\", expected \"%s\"", cases[i].text, status, vae__last_message(),
                     cases[i].message);
        memset(&s, 0, sizeof s);
        assert_int_equal(vae__options_parse(&bare_table, cases[i].text, &s, NULL, &s),
                         VAE_ERROR_TEXT);
    }
}

/* Keys are looked at before words are: "lr 1e-3" is no algorithm called "lr". */
static void explains_keys_among_words(void **state) {
    settings s = {0};
    (void)state;
    assert_fails(vae__options_parse(&bare_table, "adam steps 2", &s, NULL, NULL), VAE_ERROR_TEXT,
                 "options:1:6: expected '=' and no space: write 'steps=2'");
    assert_fails(vae__options_parse(&bare_table, "adam, steps=2", &s, NULL, NULL), VAE_ERROR_TEXT,
                 "options:1:5: found ',': separate the options by spaces");
    assert_ok(vae__options_parse(&bare_table, "adam", &s, NULL, NULL));
}

/* A hostile text of any length gives a message that fits. */
static void cuts_long_words(void **state) {
    static char text[5000];
    settings s = {0};
    (void)state;
    memset(text, 'x', sizeof text - 1);
    assert_fails(vae__options_parse(&table, text, &s, NULL, NULL), VAE_ERROR_TEXT,
                 "unknown option 'xxx");
    assert_true(strlen(vae__last_message()) < 300);
    memcpy(text, "steps=", 6);
    assert_fails(vae__options_parse(&table, text, &s, NULL, NULL), VAE_ERROR_TEXT, "steps=xxx");
    assert_true(strlen(vae__last_message()) < 300);
}

static void points_at_a_key(void **state) {
    (void)state;
    assert_fails(
        vae__fail_at_key(&table, "seed=1 # rate=3\n list=[rate=2] rate=1", "rate", "no %d", 7),
        VAE_ERROR_TEXT, "options:2:16: no 7");
    vae__fail_at_key(&table, "seed=1", "rate", "no %s", "place");
    assert_string_equal(vae__last_message(), "options: no place");
    vae__fail_at_key(&table, NULL, "rate", "no text");
    assert_string_equal(vae__last_message(), "options: no text");
}

/* ---- printing ---- */

static void prints_what_it_read(void **state) {
    const char *text =
        "steps=7 seed=18446744073709551615 rate=0.001 flag=1 mode=cosine bytes=1536 list=[a, b]";
    vae_context *context = NULL;
    (void)state;
    assert_ok(vae__context_new(NULL, NULL, NULL, &context));
    vae__buffer out = {.context = context};
    settings s = parse(text);
    for (size_t i = 0; entries[i].name; i++) vae__option_print(&out, &entries[i], &s);
    assert_string_equal(out.text, text);
    assert_int_equal(out.length, strlen(text));
    vae__buffer_free(&out);
    assert_null(out.text);
    vae__context_release(context);
}

/* ---- parts ---- */

typedef struct whole {
    uint64_t steps;
    void *parts[3];
} whole;

typedef struct part {
    char before[40];
    double width;
    int flag;
} part;

static const vae__option whole_entries[] = {
    {"steps", VAE__OPTION_UNSIGNED, offsetof(whole, steps), .minimum = 1, .maximum = 100},
    {.name = NULL},
};
static const vae__option first_entries[] = {
    {"width", VAE__OPTION_REAL, offsetof(part, width), .minimum = 0, .maximum = 10},
    {"flag", VAE__OPTION_FLAG, offsetof(part, flag), .minimum = 0},
    {.name = NULL},
};
static const vae__option last_entries[] = {
    {"depth", VAE__OPTION_REAL, offsetof(part, width), .minimum = 0, .maximum = 10},
    {.name = NULL},
};
static const vae__option_table first_part = {.options = first_entries}, empty_part = {.label = ""},
                               last_part = {.options = last_entries};
static const vae__option_table *const parts[] = {&first_part, &empty_part, &last_part};
static const vae__option_table whole_table = {.label = "options",
                                              .what = "option",
                                              .options = whole_entries,
                                              .parts = parts,
                                              .part_count = 3,
                                              .parts_offset = offsetof(whole, parts)};

static void parses_parts_into_structs_of_their_own(void **state) {
    part first = {.width = 1}, last = {.width = 2};
    whole w = {.parts = {&first, NULL, &last}};
    unsigned char seen[4] = {0};
    (void)state;
    assert_ok(vae__options_parse(&whole_table, "depth=4 steps=7 flag=1", &w, seen, NULL));
    assert_true(w.steps == 7 && first.width == 1 && first.flag == 1 && last.width == 4);
    assert_true(seen[0] == 1 && seen[1] == 0 && seen[2] == 1 && seen[3] == 1);
    assert_fails(vae__options_parse(&whole_table, "width=1 width=2", &w, NULL, NULL),
                 VAE_ERROR_TEXT, "options:1:9: 'width' is given twice");
    assert_fails(vae__options_parse(&whole_table, "depth=11", &w, NULL, NULL), VAE_ERROR_TEXT,
                 "options:1:7: depth=11: expected a number from 0 to 10");
    assert_fails(vae__options_parse(&whole_table, "wdth=1", &w, NULL, NULL), VAE_ERROR_TEXT,
                 "unknown option 'wdth'; did you mean 'width'? (known: steps width flag depth)");
    const vae__slice key = {"", "depth", "depth", 5}, other = {"", "dept", "dept", 4};
    assert_ptr_equal(vae__option_find(&whole_table, &key), last_entries);
    assert_null(vae__option_find(&whole_table, &other));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_parts_into_structs_of_their_own),
        cmocka_unit_test(reads_every_kind),
        cmocka_unit_test(skips_space_and_comments),
        cmocka_unit_test(reads_brackets_and_quotes),
        cmocka_unit_test(takes_bare_words),
        cmocka_unit_test(says_what_was_given),
        cmocka_unit_test(refuses),
        cmocka_unit_test(explains_other_forms),
        cmocka_unit_test(explains_keys_among_words),
        cmocka_unit_test(cuts_long_words),
        cmocka_unit_test(points_at_a_key),
        cmocka_unit_test(prints_what_it_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
