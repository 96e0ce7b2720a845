/* Training that is interrupted and gone on with equals training that was not; patience; what a terminal sees. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/checks.h"
#include "support/cmocka.h"
#include "support/folder.h"
#include "tool/program.h"

#define OPTIONS                                                                                   \
    "--encoder 'dense 12, relu' --batch 16 --threads 2 --optimizer 'adam beta_warmup=9' --seed 5" \
    " --patience 0"

static run good(const char *line) {
    run r = program_run(line);
    if (r.status) fail_msg("vae %s: exit status %d: %s", line, r.status, r.errors);
    return r;
}

/* Sends the signal when so many epochs have been reported; returns what it said, to be freed. */
static char *interrupt(const char *line, int number, int epochs, int *status) {
    char byte, begin[8] = "";
    int errors, in_table = 0, ends = 0;
    pid_t child = program_start(line, &errors);
    size_t column = 0;
    /* The line that names the columns begins with "  epoch"; one line an epoch follows. */
    while (ends <= epochs && read(errors, &byte, 1) == 1) {
        if (column < 7) begin[column] = byte;
        in_table |= column == 6 && !strcmp(begin, "  epoch");
        column = byte == '\n' ? 0 : column + 1;
        ends += in_table && byte == '\n';
    }
    kill(child, number);
    if (number == SIGTERM) kill(child, number); /* as timeout does, for the process and its group */
    char *said = program_read(errors);
    *status = program_wait(child);
    return said;
}

/* The epoch that it was interrupted in. */
static int epoch_of(const char *said) {
    const char *at = strstr(said, "interrupted in epoch ");
    if (!at) fail_msg("no \"interrupted in epoch\" in %s", said);
    return atoi(at + strlen("interrupted in epoch "));
}

static void assert_same_file(const char *a, const char *b) {
    size_t length_a, length_b;
    unsigned char *bytes_a = test_content(test_in_folder(a), &length_a);
    unsigned char *bytes_b = test_content(test_in_folder(b), &length_b);
    assert_int_equal(length_a, length_b);
    assert_memory_equal(bytes_a, bytes_b, length_a);
    free(bytes_a);
    free(bytes_b);
}

/* Without the seconds, the last column. */
static char *history_without_seconds(void) {
    char *text = program_text("history.csv"), *to = text;
    for (char *line = text; *line;) {
        char *end = line + strcspn(line, "\n"), *next = *end ? end + 1 : end, *last = end;
        while (last > line && *last != ',') last--;
        memmove(to, line, (size_t)(last - line));
        to += last - line;
        *to++ = '\n';
        line = next;
    }
    *to = 0;
    return text;
}

/* A first part that is interrupted by one signal, a second by the other, then the rest. */
static void resumed_equals_uninterrupted(void **state) {
    char line[400];
    int status;
    (void)state;
    char *said = interrupt("train sprites:200 -o a --epochs 1000000 " OPTIONS, SIGINT, 2, &status);
    assert_int_equal(status, 1);
    assert_non_null(strstr(said, "--optimizer 'adam beta_warmup=9'"));
    assert_non_null(strstr(said, " --resume\n"));
    int first = epoch_of(said);
    assert_true(first > 2);
    free(said);
    /* Options are those of the checkpoint; epochs may be given anew. */
    said = interrupt("train sprites:200 -o a --resume", SIGTERM, 2, &status);
    assert_int_equal(status, 1);
    int second = epoch_of(said);
    assert_true(second > first + 1);
    free(said);
    const char *plot = strstr(program_run("--version").out, "pictures yes") ? " --plot ." : "";
    snprintf(line, sizeof line, "train sprites:200 -o a --resume --epochs %d%s", second + 2, plot);
    good(line);
    assert_int_not_equal(access(test_in_folder("a.checkpoint"), F_OK), 0);
    char *resumed = *plot ? history_without_seconds() : strdup("");
    snprintf(line, sizeof line, "train sprites:200 -o b --epochs %d " OPTIONS "%s", second + 2,
             plot);
    good(line);
    assert_same_file("a", "b");
    char *whole = *plot ? history_without_seconds() : strdup("");
    assert_string_equal(resumed, whole);
    free(resumed);
    free(whole);
}

/* Which step it was interrupted in is of no matter: as early as can be, several times over. */
static void may_be_interrupted_at_any_step(void **state) {
    char line[400];
    int status, last = 0;
    (void)state;
    program_file("t.csv", "1,2\n3,4\n2,1\n5,3\n4,4\n1,3\n2,2\n3,1\n4,2\n5,5\n2,5\n3,3\n");
#define SMALL "train t.csv -o a --data header=no --batch 3 --latent 1 --patience 0 --threads 1"
    free(interrupt(SMALL " --epochs 1000000", SIGINT, 1, &status));
    for (int i = 0; i < 5; i++) {
        char *said =
            interrupt("train t.csv -o a --resume", i % 2 ? SIGINT : SIGTERM, i % 3, &status);
        assert_int_equal(status, 1);
        last = epoch_of(said);
        free(said);
    }
    snprintf(line, sizeof line, "train t.csv -o a --resume --epochs %d", last + 1);
    good(line);
    snprintf(
        line, sizeof line,
        "train t.csv -o b --data header=no --batch 3 --latent 1 --patience 0 --threads 1 --epochs %d",
        last + 1);
    good(line);
    assert_same_file("a", "b");
}

static void check_refused(const char *line, int status, const char *says) {
    run r = program_run(line);
    if (r.status != status || !strstr(r.errors, says))
        fail_msg("vae %s: exit status %d: %s", line, r.status, r.errors);
}

static void an_interrupted_training_is_protected(void **state) {
    int status;
    (void)state;
    check_refused("train sprites:100 -o a --resume", 1, "nothing to resume: leave --resume out");
    free(interrupt("train sprites:100 -o a --epochs 1000000 " OPTIONS, SIGINT, 1, &status));
    check_refused("train sprites:100 -o a", 1, "go on with --resume, or remove that file");
    check_refused("train sprites:100 -o a --resume --latent 3", 2, "--latent 3: the training that");
    check_refused("train sprites:100 -o a --resume --seed 4", 2, "has 5; leave the option out");
    check_refused("train sprites:100 sprites:10 -o a --resume", 2, "had no TEST");
    check_refused("train sprites:110 -o a --resume", 1, "the data set is not the one");
    /* Nor does a threshold take its place, whatever its name is. */
    assert_int_equal(link(test_in_folder("a.checkpoint"), test_in_folder("run.safetensors")), 0);
    check_refused("score a.checkpoint sprites:9 --threshold-quantile 0.5", 2, "is a checkpoint");
    check_refused("score run.safetensors sprites:9 --threshold-quantile 0.5", 2, "is a checkpoint");
    /* The model that was the best so far is part of it. */
    assert_int_equal(rename(test_in_folder("a"), test_in_folder("away")), 0);
    check_refused("train sprites:100 -o a --resume --epochs 9", 1, "the best model so far");
    good("train sprites:100 -o a2 --epochs 1");
    assert_int_equal(rename(test_in_folder("a2"), test_in_folder("a")), 0);
    check_refused("train sprites:100 -o a --resume --epochs 9", 1,
                  "is not the best model of the training");
    assert_int_equal(unlink(test_in_folder("a.checkpoint")), 0);
    check_refused("train sprites:100 -o a --resume", 1, "nothing to resume");
}

static void patience_ends_it(void **state) {
    (void)state;
    /* Two columns of noise: soon nothing gets better. */
    FILE *file = fopen(test_in_folder("noise.csv"), "w");
    for (int i = 0; i < 60; i++) fprintf(file, "%d.5,%d.25\n", i * 37 % 61, i * 23 % 59);
    fclose(file);
    run r = good("train noise.csv -o a --epochs 100000 --patience 3 --lr 0.05 --threads 1");
    const char *at = strstr(r.errors, "the model of epoch ");
    assert_non_null(at);
    int best = 0, last = 0;
    assert_int_equal(sscanf(at, "the model of epoch %d of %d", &best, &last), 2);
    assert_int_equal(last, best + 3);
    assert_true(last < 100000);
    /* The file is the model of the best epoch: training that ends there writes the same. */
    char line[200];
    snprintf(line, sizeof line,
             "train noise.csv -o b --epochs %d --patience 3 --lr 0.05 --threads 1", best);
    good(line);
    assert_same_file("a", "b");
}

/* With a learning rate of 0 nothing gets better. Three steps an epoch: the warm-up of beta ends with the fourth,
 * and what comes before it is neither the best nor a reason to end. */
static void warm_up_does_not_count(void **state) {
    (void)state;
    run r =
        good("train sprites:100 -o a --patience 1 --batch 30 --lr 0 --optimizer beta_warmup=12");
    assert_non_null(strstr(r.errors, "the model of epoch 4 of 5;"));
    r = good("train sprites:100 -o a --patience 1 --batch 30 --lr 0");
    assert_non_null(strstr(r.errors, "the model of epoch 1 of 2;"));
    r = good(
        "train sprites:100 -o a --patience 1 --batch 30 --lr 0 --epochs 3 --optimizer warmup=900");
    assert_non_null(strstr(r.errors, "the model of epoch 3 of 3;")); /* what there is is kept */
}

static void a_terminal_sees_a_bar(void **state) {
    int terminal = -1;
    (void)state;
    pid_t child =
        program_start_on_terminal("train sprites:400 -o a --epochs 3 --batch 8", &terminal);
    if (child < 0) skip();
    char *said = program_read(terminal);
    assert_int_equal(program_wait(child), 0);
    if (!strstr(said, "\r\033[K  epoch 1/3 [") || !strstr(said, " left"))
        fail_msg("no bar with the time left in %s", said);
    free(said);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, test_folder_make, test_folder_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(resumed_equals_uninterrupted),
        IN_FOLDER(may_be_interrupted_at_any_step),
        IN_FOLDER(an_interrupted_training_is_protected),
        IN_FOLDER(patience_ends_it),
        IN_FOLDER(warm_up_does_not_count),
        IN_FOLDER(a_terminal_sees_a_bar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
