/* What the tool says of itself: help that fits a screen, a manual page and a completion that know every option, and
 * messages for wrong use. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/checks.h"
#include "support/cmocka.h"
#include "support/folder.h"
#include "tool/program.h"

static const char *const commands[] = {"train",       "evaluate", "score", "encode", "decode",
                                       "reconstruct", "sample",   "info",  "plot",   "pack"};

static void check_screen(const char *what, const char *text) {
    size_t lines = 0, column = 0;
    for (; *text; text++) {
        column = *text == '\n' ? 0 : column + 1;
        lines += *text == '\n';
        if (column > 80) fail_msg("%s: line %zu is wider than 80 columns", what, lines + 1);
    }
    if (lines > 24) fail_msg("%s: %zu lines; a screen has 24", what, lines);
    if (lines < 5) fail_msg("%s: only %zu lines", what, lines);
}

static void help_fits_a_screen(void **state) {
    char line[64];
    (void)state;
    run r = program_run("--help");
    assert_int_equal(r.status, 0);
    check_screen("vae --help", r.out);
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        assert_non_null(strstr(r.out, commands[i]));
        snprintf(line, sizeof line, "%s --help", commands[i]);
        r = program_run(line);
        assert_int_equal(r.status, 0);
        assert_string_equal(r.errors, "");
        check_screen(line, r.out);
        char *first = strdup(r.out);
        snprintf(line, sizeof line, "help %s", commands[i]);
        r = program_run(line);
        assert_string_equal(r.out, first);
        free(first);
        r = program_run("--help");
    }
}

static void says_its_version(void **state) {
    (void)state;
    run r = program_run("--version");
    assert_int_equal(r.status, 0);
    assert_non_null(strstr(r.out, vae_build_info()));
    assert_string_equal(r.errors, "");
}

/* The text of a command's section of the manual page. */
static char *man_section(const char *man, const char *command) {
    char heading[32] = ".SH ";
    size_t used = 4;
    for (const char *c = command; *c; c++) heading[used++] = (char)(*c - 'a' + 'A');
    heading[used++] = '\n';
    const char *begin = strstr(man, heading);
    if (!begin) {
        fail_msg("vae.1 has no section for %s", command);
        return NULL; /* not reached; the compiler does not know */
    }
    const char *end = strstr(begin + 1, ".SH ");
    return strndup(begin, end ? (size_t)(end - begin) : strlen(begin));
}

static char *tree_file(const char *path) {
    size_t length;
    char *text = (char *)test_content(path, &length);
    text[length] = 0;
    return text;
}

/* "--threshold-quantile" as the manual page has it: \fB\-\-threshold\-quantile\fR */
static void as_in_man(const char *option, char *to) {
    to += sprintf(to, "\\fB");
    for (; *option; option++) to += sprintf(to, *option == '-' ? "\\-" : "%c", *option);
    sprintf(to, "\\fR");
}

static size_t count(const char *text, const char *part) {
    size_t times = 0;
    for (; (text = strstr(text, part)); text += strlen(part)) times++;
    return times;
}

/* The line of a command in the completion. */
static char *completion_line(const char *completion, const char *command) {
    char begin[32];
    snprintf(begin, sizeof begin, "    %s) options=\"", command);
    const char *at = strstr(completion, begin);
    if (!at) fail_msg("vae.bash does not know %s", command);
    at += strlen(begin);
    char *line = malloc(strcspn(at, "\"") + 3);
    sprintf(line, " %.*s ", (int)strcspn(at, "\""), at);
    return line;
}

/* The manual page and the completion have the options of the table, all and no others. */
static void manual_and_completion_know_every_option(void **state) {
    char *man = tree_file("src/tool/vae.1"), *completion = tree_file("src/tool/vae.bash");
    (void)state;
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        char *section = man_section(man, commands[i]),
             *line = completion_line(completion, commands[i]);
        size_t options = 1; /* --help */
        run r = program_run("--list-options");
        for (char *at = strtok(r.out, "\n"); at; at = strtok(NULL, "\n")) {
            char command[32], option[48], in_man[128], in_line[80];
            if (sscanf(at, "%31s --%47s", command, option) != 2 || strcmp(command, commands[i]))
                continue;
            char full[64];
            snprintf(full, sizeof full, "--%s", option);
            as_in_man(full, in_man);
            snprintf(in_line, sizeof in_line, " %s ", full);
            if (!strstr(section, in_man)) fail_msg("vae.1 lacks %s %s", commands[i], full);
            if (!strstr(line, in_line)) fail_msg("vae.bash lacks %s %s", commands[i], full);
            options++;
        }
        assert_int_equal(count(section, "\\fB\\-\\-"), options);
        assert_int_equal(count(line, " --"), options);
        free(section);
        free(line);
    }
    free(man);
    free(completion);
}

static void wrong_use_is_2(void **state) {
    static const struct {
        const char *line, *says;
    } cases[] = {
        {"", "vae COMMAND"},
        {"trian x", "vae: unknown command 'trian'; did you mean 'train'?"},
        {"zebra", "vae: unknown command 'zebra'; see vae --help"},
        {"help zebra", "vae: unknown command 'zebra'"},
        {"train", "vae train: expected DATA [TEST]; see vae train --help"},
        {"train sprites", "vae train: expected --output FILE for the model"},
        {"train sprites -o m --epocs 3",
         "vae train: unknown option '--epocs'; did you mean '--epochs'?"},
        {"train sprites -o m --zebra", "vae train: unknown option '--zebra'; see"},
        {"train sprites -o m -z", "vae train: unknown option '-z'"},
        {"train sprites -o m --epochs", "vae train: --epochs: expected N, found nothing"},
        {"train sprites -o m --epochs=", "vae train: --epochs: expected N, found nothing"},
        {"train sprites -o m --epochs two",
         "--epochs: expected a whole number from 0 on, found 'two'"},
        {"train sprites -o m --epochs -1",
         "--epochs: expected a whole number from 0 on, found '-1'"},
        {"train sprites -o m --epochs 0", "--epochs: expected 1 to 1000000, found 0"},
        {"train sprites -o m --lr 1x", "--lr: expected a number, found '1x'"},
        {"train sprites -o m --epochs 1 --epochs 2", "--epochs is given twice"},
        {"train sprites -o m --resume=1", "--resume takes no value"},
        {"train sprites b c -o m", "vae train: expected DATA [TEST], found also 'c'"},
        {"train sprites:50 -o m --encoder 'zebra 3'",
         "--encoder 'zebra 3': expected layers such as \"dense 64, relu\""},
        {"train sprites:50 -o m --encoder relo", "did you mean 'relu'?"},
        {"train sprites:50 -o m --likelihood bernouli", "did you mean 'bernoulli'?"},
        {"train sprites:50 -o m --latent 3 --spec 'latent=3'",
         "--spec and --latent exclude each other"},
        {"train sprites:50 -o m --data bath=3",
         "options:1:1: unknown option 'bath'; did you mean 'batch'?"},
        {"train sprites:50 -o m --data split=test:0.5", "expected split=train:F"},
        {"train sprites:50 -o m --threads 0", "threads"},
        {"score m", "vae score: expected MODEL DATA"},
        {"score m d -o x.png", "expected a name that ends in .csv or .npy, found 'x.png'"},
        {"score m d -o x.npy --explain 2",
         "--explain: names of columns need an output that ends in .csv"},
        {"score m d --threshold 1 --threshold-quantile 0.5", "exclude each other"},
        {"score m d --threshold-quantile 2", "--threshold-quantile: expected 0 to 1, found 2"},
        {"train d -o -", "--output: expected a file for the model"},
        {"sample m -n 0", "--n: expected 1 to 1000000000, found 0"},
        {"plot m d", "vae plot: expected --output FOLDER"},
        {"pack", "vae pack: expected FOLDER"},
        {"pack d --size 3x4x4", "vae pack: expected --output FILE"},
        {"pack d -o x.png --size 3x4x4", "expected a name that ends in .npy, found 'x.png'"},
        {"pack d -o x.npy", "vae pack: expected --size CxHxW, e.g. --size 3x64x64"},
        {"pack d -o x.npy --size 2x64x64",
         "--size: expected channels (1 grey, 3 colour), height and width (each 1 to 4096), e.g. "
         "3x64x64; found '2x64x64'"},
        {"pack d -o x.npy --size 64x64", "found '64x64'"},
        {"pack d -o x.npy --size 3x64x", "found '3x64x'"},
        {"pack d -o x.npy --size 3x0x64", "found '3x0x64'"},
        {"pack d -o x.npy --size 3x64x4097", "found '3x64x4097'"},
        {"pack d -o x.npy --size 3x64x64x2", "found '3x64x64x2'"},
        {"pack d -o x.npy --size 3x99999999999999999999x4", "found '3x9"},
        {"encode m d -o z.png", "expected a name that ends in .csv or .npy"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        run r = program_run(cases[i].line);
        if (r.status != 2) fail_msg("vae %s: exit status %d, expected 2", cases[i].line, r.status);
        if (!strstr(r.errors, cases[i].says))
            fail_msg("vae %s: no \"%s\" in \"%s\"", cases[i].line, cases[i].says, r.errors);
        if (*cases[i].line && count(r.errors, "\n") != 1)
            fail_msg("vae %s: expected one line: %s", cases[i].line, r.errors);
        assert_string_equal(r.out, "");
    }
    assert_int_equal(program_files(), 2); /* nothing was written */
}

static void help_goes_to_a_pipe_that_was_closed(void **state) {
    (void)state;
    run r = program_run_unread("--help");
    assert_int_equal(r.status, 0);
    assert_string_equal(r.errors, "");
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, test_folder_make, test_folder_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(help_fits_a_screen),
        IN_FOLDER(says_its_version),
        IN_FOLDER(manual_and_completion_know_every_option),
        IN_FOLDER(wrong_use_is_2),
        IN_FOLDER(help_goes_to_a_pipe_that_was_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
