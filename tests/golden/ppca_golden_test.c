/* Probabilistic PCA against arithmetic with 150 digits, on data where double arithmetic needs care. make_ppca.py wrote
 * tests/golden/data/ppca.txt and says what is in it; run the test from the root of the tree. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/cmocka.h"
#include "support/numbers.h"
#include "train/ppca.h"

#define PATH "tests/golden/data/ppca.txt"

enum { MOST_VALUES = 1000, WORD = 100 };

/* Nats, relative to the answer where that is more than one. Double's own unit is 2e-16; the answers are sums of
 * logarithms and of distances, and the columns are up to 1e8 times as wide as what they leave unexplained. */
#define TOLERANCE 1e-9

typedef struct set {
    float values[MOST_VALUES];
    vae_dataset *rows; /* NULL: none */
} set;

typedef struct reader {
    FILE *file;
    char name[WORD];
    size_t width;
    double worst;
} reader;

static double need_number(reader *r) {
    double value;
    if (fscanf(r->file, "%lf", &value) != 1) fail_msg("%s: case '%s' is no number", PATH, r->name);
    return value;
}

static void need_word(reader *r, const char *expected) {
    char word[WORD] = "";
    if (fscanf(r->file, "%99s", word) != 1 || strcmp(word, expected))
        fail_msg("%s: case '%s': \"%s\" instead of \"%s\"", PATH, r->name, word, expected);
}

static void read_set(reader *r, vae_context *context, const char *name, set *s) {
    need_word(r, name);
    size_t n = (size_t)need_number(r);
    s->rows = NULL;
    assert_in_range(n * r->width, 0, MOST_VALUES);
    for (size_t i = 0; i < n * r->width; i++) s->values[i] = (float)need_number(r);
    if (n && vae_dataset_from_memory(context, s->values, n, r->width, NULL, &s->rows))
        fail_msg("%s", vae_last_error());
}

static void check(reader *r, const vae__ppca *fit, const set *s, const char *what,
                  double expected) {
    double found;
    char text[3 * WORD];
    if (!s->rows) return;
    assert_int_equal(vae__ppca_log_likelihood(fit, s->rows, &found), VAE_OK);
    snprintf(text, sizeof text, "%s, %zu of %zu, noise %.3g: %s", r->name, fit->latent, fit->width,
             fit->noise_variance, what);
    r->worst = fmax(r->worst, fabs(found - expected) / fmax(1, fabs(expected)));
    test_near(found, expected, TOLERANCE, text);
}

/* One line "fit ..."; 0 at "end". */
static int check_fit(reader *r, vae_context *context, const set *rows, const set *others) {
    char word[WORD] = "";
    vae__ppca fit;
    if (fscanf(r->file, "%99s", word) != 1 || !strcmp(word, "end")) return 0;
    assert_string_equal(word, "fit");
    size_t latent = (size_t)need_number(r);
    int standardize = need_number(r) > 0;
    double sigma_min = need_number(r);
    if (vae__ppca_fit(context, rows->rows, latent, standardize, sigma_min * sigma_min, &fit))
        fail_msg("%s: %s", r->name, vae_last_error());
    check(r, &fit, rows, standardize ? "standardised" : "raw", need_number(r));
    check(r, &fit, others, standardize ? "others, standardised" : "others, raw", need_number(r));
    vae__ppca_release(&fit);
    return 1;
}

static void against_high_precision(void **state) {
    (void)state;
    static set rows, others;
    reader r = {.file = fopen(PATH, "r")};
    size_t cases = 0, fits = 0;
    vae_context *context = test_context("threads=2");
    assert_non_null(r.file);
    for (; fscanf(r.file, " case \"%99[^\"]\"", r.name) == 1; cases++) {
        need_word(&r, "columns");
        r.width = (size_t)need_number(&r);
        read_set(&r, context, "rows", &rows);
        read_set(&r, context, "others", &others);
        while (check_fit(&r, context, &rows, &others)) fits++;
        vae_dataset_destroy(rows.rows);
        vae_dataset_destroy(others.rows);
    }
    assert_true(feof(r.file) && cases >= 19 && fits >= 100);
    print_message("%zu fits of %zu data sets, worst off by %.2g\n", fits, cases, r.worst);
    fclose(r.file);
    vae_context_destroy(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_high_precision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
