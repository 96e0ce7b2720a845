/* Columns of a CSV file by names that need quotes in a list, and what is said of those that are not
 * there. */
#include <string.h>

#include "unit/data/scratch.h"

static const char text[] = "time,\"p, abs\",#id,\"a ] b\",h[cm],7,\"5\"\" pipe\",\n"
                           "1,2,3,4,5,6,7,8\n";

/* The first row of the columns that the options choose; -1 behind it. */
static void read_first(void **state, const char *options, float *x, size_t size) {
    scratch *s = *state;
    vae_dataset *data = NULL;
    write_file(s, text, sizeof text - 1);
    char whole[300];
    snprintf(whole, sizeof whole, "header=yes %s", options); /* one of the names is a number */
    if (vae_dataset_open(NULL, s->path, whole, &data))
        fail_msg("'%s': %s", whole, vae_last_error());
    size_t width = vae_dataset_width(data);
    assert_true(width < size);
    assert_int_equal(vae_dataset_read(data, 0, 1, x, width), VAE_OK);
    x[width] = -1;
    vae_dataset_destroy(data);
}

static void finds_names_in_quotes(void **state) {
    static const struct {
        const char *options;
        float row[4];
    } cases[] = {
        {"columns=[\"p, abs\"]", {2, -1}},
        {"columns=[\"#id\"]", {3, -1}},
        {"columns=[\"a ] b\", time]", {4, 1, -1}},
        {"columns=[\"h[cm]\"]", {5, -1}},
        {"columns=[7]", {6, -1}},
        {"columns=[\"7\", 6]", {6, 7, -1}},
        {"columns=[5\" pipe]", {7, -1}},
        {"columns=[\"\"]", {8, -1}},
        {"columns=[ # the first\n time # two\n, \"p, abs\" ]", {1, 2, -1}},
    };
    float x[9];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        read_first(state, cases[i].options, x, 9);
        for (size_t j = 0; j < 4; j++) {
            if (x[j] != cases[i].row[j]) fail_msg("'%s': %g", cases[i].options, (double)x[j]);
            if (x[j] < 0) break;
        }
    }
}

/* Every name without quotes of its own is found in quotes, whatever it is made of. */
static void finds_any_name(void **state) {
    static const char letters[] = ",[]# a;=:";
    unsigned random = 1;
    scratch *s = *state;
    for (int i = 0; i < 300; i++) {
        char name[8] = "x", csv[40], options[40];
        size_t length = 1 + (size_t)i % 6;
        for (size_t j = 1; j < length; j++) {
            random = random * 1103515245 + 12345;
            name[j] = letters[random / 65536 % (sizeof letters - 1)];
        }
        strcpy(name + length, "y"); /* blanks at the ends are not part of a name */
        int size = snprintf(csv, sizeof csv, "first,\"%s\"\n1,2\n", name);
        snprintf(options, sizeof options, "columns=[\"%s\", 0]", name);
        vae_dataset *data = NULL;
        float x[2];
        write_file(s, csv, (size_t)size);
        if (vae_dataset_open(NULL, s->path, options, &data))
            fail_msg("%s: %s", options, vae_last_error());
        assert_int_equal(vae_dataset_read(data, 0, 1, x, 2), VAE_OK);
        assert_true(x[0] == 2 && x[1] == 1);
        vae_dataset_destroy(data);
    }
}

static void names_what_is_near(void **state) {
    static const char all[] =
        "(its columns: time, \"p, abs\", \"#id\", \"a ] b\", \"h[cm]\", 7, 5\" pipe, \"\")";
    static const struct {
        const char *options, *message;
    } cases[] = {
        {"columns=[tine]", "has no column 'tine'; did you mean 'time'? "},
        {"columns=[TIME]", "has no column 'TIME'; did you mean 'time'? "},
        {"columns=[\"p abs\"]", "has no column 'p abs'; did you mean 'p, abs'? "},
        {"columns=[velocity]", "has no column 'velocity' "},
        {"columns=[\"0\"]", "has no column '0' "}, /* a name, as it is in quotes */
        {"columns=[8]", "has no column '8' "},
        {"labels=column:tim", "has no column 'tim'; did you mean 'time'? "},
    };
    scratch *s = *state;
    vae_dataset *data = NULL;
    write_file(s, text, sizeof text - 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char options[100];
        snprintf(options, sizeof options, "header=yes %s", cases[i].options);
        assert_int_equal(vae_dataset_open(NULL, s->path, options, &data), VAE_ERROR_TEXT);
        assert_message(cases[i].message);
        assert_message(all);
    }
    assert_int_equal(
        vae_dataset_open(NULL, s->path, "header=yes columns=[h[cm], \"h[cm]\"]", &data),
        VAE_ERROR_TEXT);
    assert_message("columns: 'h[cm]' is given twice");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(finds_names_in_quotes),
        SCRATCH_TEST(finds_any_name),
        SCRATCH_TEST(names_what_is_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
