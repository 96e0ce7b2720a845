/* The commands at work on a CSV file, an NPY file and images: what they write is what the library computes; names go
 * through; what cannot be done is said in one line, with nothing written. */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* usleep */
#endif

#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/checks.h"
#include "support/cmocka.h"
#include "support/folder.h"
#include "tool/program.h"

enum { ROWS = 300, COLUMNS = 4 };
static const char *const names[] = {"temp", "pressure", "flow rate", "rpm"};

/* Four columns made of two factors; row 17 breaks the rule that "flow rate" follows. */
static void fill_row(int i, double row[COLUMNS]) {
    double a = sin(i * 1.7), b = cos(i * 2.3 + 1), noise = sin(i * 91.7);
    row[0] = 20 + 3 * a + 0.1 * noise;
    row[1] = 1000 + 50 * b - noise;
    row[2] = 5 + a + b + (i == 17 ? 6 : 0);
    row[3] = 3000 + 100 * a - 50 * b + 2 * noise;
}

/* Columns in the order of `order`, and a text column between them if asked for. */
static void write_table(const char *name, const int order[COLUMNS], int with_text) {
    FILE *file = fopen(test_in_folder(name), "w");
    assert_non_null(file);
    for (int c = 0; c < COLUMNS; c++)
        fprintf(file, "%s%s%s", c ? "," : "", names[order[c]], with_text && c == 1 ? ",note" : "");
    fputc('\n', file);
    for (int i = 0; i < ROWS; i++) {
        double row[COLUMNS];
        fill_row(i, row);
        for (int c = 0; c < COLUMNS; c++)
            fprintf(file, "%s%.7g%s", c ? "," : "", row[order[c]],
                    with_text && c == 1 ? ",ok" : "");
        fputc('\n', file);
    }
    assert_int_equal(fclose(file), 0);
}

static const int in_order[] = {0, 1, 2, 3};

static run good(const char *line) {
    run r = program_run(line);
    if (r.status) fail_msg("vae %s: exit status %d: %s", line, r.status, r.errors);
    return r;
}

static void check_bad(const char *line, int status, const char *says) {
    size_t files = program_files();
    run r = program_run(line);
    if (r.status != status)
        fail_msg("vae %s: exit status %d, expected %d: %s", line, r.status, status, r.errors);
    if (!strstr(r.errors, says)) fail_msg("vae %s: no \"%s\" in \"%s\"", line, says, r.errors);
    const char *newline = strchr(r.errors, '\n');
    if (!newline || newline[1]) fail_msg("vae %s: expected one line: %s", line, r.errors);
    assert_string_equal(r.out, "");
    if (program_files() != files) fail_msg("vae %s wrote a file", line);
}

#define TRAIN_TABLE                                                                         \
    "train table.csv -o m.safetensors --epochs 60 --patience 0 --encoder 'dense 24, tanh' " \
    "--batch 32 --lr 1e-2 --threads 1"

static void make_model(void) {
    write_table("table.csv", in_order, 0);
    good(TRAIN_TABLE " -q");
}

static void open_both(vae_context **context, vae_model **model, vae_dataset **data,
                      const char *path, const char *options) {
    assert_ok(vae_context_create("threads=1", context));
    assert_ok(vae_model_load(*context, test_in_folder("m.safetensors"), model));
    assert_ok(vae_dataset_open(*context, path, options, data));
}

static void close_both(vae_context *context, vae_model *model, vae_dataset *data) {
    vae_model_destroy(model);
    vae_dataset_destroy(data);
    vae_context_destroy(context);
}

/* Splits lines and cells in place; returns the number of lines. Cells may be in quotes, without commas in them. */
static size_t next_line(char **at, char *cells[], size_t most) {
    size_t count = 0;
    if (!**at) return 0;
    char *line = *at, *end = line + strcspn(line, "\n");
    *at = *end ? end + 1 : end;
    *end = 0;
    while (line && count < most) {
        cells[count++] = line;
        line = strchr(line, ',');
        if (line) *line++ = 0;
    }
    return count;
}

static void check_close(double found, double expected) {
    if (!(fabs(found - expected) <= 2e-5 * (1 + fabs(expected))))
        fail_msg("found %.9g, expected %.9g", found, expected);
}

/* ---- train ---- */

static void train_says_what_it_chose(void **state) {
    static const char *const says[] = {
        "table.csv: 270 rows of 4 values; 30 held out of them",
        "likelihood  gaussian standardize=1 sigma=per_dim: all values are real numbers",
        "latent      2: half of the 4 columns",
        "encoder [dense 24, tanh], decoder [dense 24, tanh], its mirror",
        "up to 60 epochs",
        "m.safetensors: the model of epoch",
        "held-out ELBO",
    };
    (void)state;
    write_table("table.csv", in_order, 0);
    run r = good(TRAIN_TABLE);
    assert_string_equal(r.out, "");
    for (size_t i = 0; i < COUNT_OF(says); i++) {
        if (!strstr(r.errors, says[i])) fail_msg("no \"%s\" in %s", says[i], r.errors);
    }
    /* No terminal: no control characters. */
    for (const char *c = r.errors; *c; c++) assert_true(*c == '\n' || (unsigned char)*c >= ' ');
    r = good(TRAIN_TABLE " --quiet");
    assert_string_equal(r.errors, "");
    assert_string_equal(r.out, "");
}

static void likelihood_follows_the_values(void **state) {
    static const struct {
        const char *rows, *says;
    } cases[] = {
        {"0,1\n1,0\n0,0\n1,1\n0,1\n1,0\n0,0\n1,1\n0,1\n1,0\n", "likelihood  bernoulli:"},
        {"0,7\n1,0\n0,0\n3,1\n0,1\n1,0\n2,0\n1,1\n0,1\n1,0\n", "likelihood  negative_binomial:"},
        {"0,7\n1,0\n0,0\n3,1\n0,1\n1,-1.5\n2,0\n1,1\n0,1\n1,0\n", "likelihood  gaussian"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        program_file("small.csv", cases[i].rows);
        run r = good("train small.csv -o m --epochs 1 --data header=no");
        if (!strstr(r.errors, cases[i].says)) fail_msg("no \"%s\" in %s", cases[i].says, r.errors);
    }
    /* Values that decide may be among the held-out rows alone. */
    program_file("train.csv", "0,7\n1,0\n0,2\n");
    program_file("levels.csv", "0,0.2\n1,0\n");
    program_file("test.csv", "0,7\n1,0.75\n0,2\n");
    run r = good("train train.csv test.csv -o m --epochs 1");
    assert_non_null(strstr(r.errors, "likelihood  gaussian"));
    r = good("train test.csv train.csv -o m --epochs 1");
    assert_non_null(strstr(r.errors, "likelihood  gaussian"));
    r = good("train train.csv levels.csv -o m --epochs 1");
    assert_non_null(strstr(r.errors, "are of two kinds"));
    r = good("train small.csv -o m --epochs 1 --data header=no --likelihood gaussian --seed 3");
    assert_non_null(strstr(r.errors, "gaussian, as asked for, with standardize=1 sigma=per_dim"));
    assert_non_null(strstr(r.errors, "seed=3"));
    r = good(
        "train small.csv -o m --epochs 1 --data header=no --spec 'latent=1 likelihood=gaussian'");
    assert_non_null(strstr(r.errors, "input=2 latent=1 likelihood=gaussian encoder=[] decoder=[]"));
}

static void decoder_is_the_mirror(void **state) {
    static const struct {
        const char *encoder, *decoder;
    } cases[] = {
        {"dense 32, relu, dense 16, tanh", "decoder=[dense 16, tanh, dense 32, relu]"},
        {"dense 32", "decoder=[dense 32]"},
        {"tanh, dense 8, relu", "decoder=[dense 8, relu, tanh]"},
    };
    char line[200];
    (void)state;
    write_table("table.csv", in_order, 0);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        snprintf(line, sizeof line, "train table.csv -o m --epochs 1 --encoder '%s'",
                 cases[i].encoder);
        run r = good(line);
        if (!strstr(r.errors, cases[i].decoder))
            fail_msg("no %s in %s", cases[i].decoder, r.errors);
    }
}

static void convolutions_are_mirrored(void **state) {
    static const struct {
        const char *encoder, *decoder;
    } cases[] = {
        {"conv 4 4 stride 2 pad 1, relu, conv 6 4 stride 2 pad 1, relu",
         "decoder=[dense 96, reshape 6x4x4, relu, deconv 4 4 stride 2 pad 1, relu]"},
        {"conv 3 3 pad 1, tanh, conv 5 4 stride 4, groupnorm 5, relu, dense 20, relu",
         "decoder=[dense 20, relu, dense 80, reshape 5x4x4, groupnorm 5, relu, deconv 3 4 stride 4, "
         "tanh]"},
        {"conv 3 4 stride 4, relu",
         "decoder=[dense 48, reshape 3x4x4, relu, deconv 3 4 stride 4, relu]"},
    };
    char line[300];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        snprintf(line, sizeof line, "train sprites:60:1x16x16 -o m --epochs 1 --encoder '%s'",
                 cases[i].encoder);
        run r = good(line);
        if (!strstr(r.errors, cases[i].decoder))
            fail_msg("no %s in %s", cases[i].decoder, r.errors);
    }
    run r = program_run("train sprites:60:1x16x16 -o m --epochs 1 --encoder 'conv 3 4 stride 5'");
    assert_non_null(strstr(r.errors, "give --decoder too")); /* 16 does not come back from 3 */
    r = good("train sprites:60:1x16x16 -o m --epochs 1");
    assert_non_null(strstr(r.errors, "slower and often better: --encoder \"conv 32 4 stride 2"));
}

/* The same file as TEST, columns in another order: found by name. */
static void test_rows_are_read_by_name(void **state) {
    static const int other[] = {2, 0, 3, 1};
    (void)state;
    write_table("table.csv", in_order, 0);
    write_table("test.csv", other, 1);
    run r = good("train table.csv table.csv -o same --epochs 2 --threads 1");
    char *line = strdup(strstr(r.errors, "held-out ELBO -"));
    r = good("train table.csv test.csv -o other --epochs 2 --threads 1");
    assert_string_equal(line, strstr(r.errors, "held-out ELBO -"));
    assert_non_null(strstr(r.errors, "300 rows of 4 values; 300 held out: test.csv"));
    free(line);
}

static void columns_are_chosen(void **state) {
    (void)state;
    write_table("table.csv", in_order, 1);
    good("train table.csv -o m --epochs 1 --columns rpm,temp -q");
    run r = good("sample m -n 1");
    assert_memory_equal(r.out, "rpm,temp\n", 9);
    r = good("reconstruct m table.csv");
    assert_memory_equal(r.out, "rpm,temp\n", 9);
    check_bad("train table.csv -o m2 --columns rpm,zebra", 2, "has no column 'zebra'");
}

/* Whatever names a header has, later files are read by them. */
static void names_may_be_strange(void **state) {
    (void)state;
    program_file("strange.csv",
                 "\"p, abs\",#id,7,\"5\"\" pipe\",a b\n1,2,3,4,5\n3.5,4,2,2,1\n2,1,1,3,7\n");
    program_file("other.csv", "a b,\"5\"\" pipe\",7,#id,\"p, abs\"\n5,4,3,2,1\n");
    good("train strange.csv -o m --epochs 2 -q --data 'split=train:0.7 header=yes'");
    run r = good("score m strange.csv");
    double first = strtod(strstr(r.out, "\n0,") + 3, NULL);
    r = good("score m other.csv");
    check_close(strtod(strstr(r.out, "\n0,") + 3, NULL), first);
    r = good("sample m -n 1");
    const char *header = "\"p, abs\",#id,7,\"5\"\" pipe\",\"a b\"\n";
    assert_memory_equal(r.out, header, strlen(header));
}

static void names_need_not_be_utf8(void **state) {
    (void)state;
    program_file("latin.csv", "temp\xe9rature,b\n1,2\n3.5,4\n2,1\n5,3\n4,4\n1,3\n");
    run r = good("train latin.csv -o m --epochs 1");
    assert_non_null(strstr(r.errors, "the names of the columns are not UTF-8"));
    good("score m latin.csv");
}

static void train_puts_a_prior_on_the_latents(void **state) {
    (void)state;
    make_model();
    run r = good("train table.csv -o p.safetensors --epochs 2 --prior mixture:3");
    assert_non_null(strstr(r.errors, "prior       mixture:3 prior_covariance=full, fitted"));
    assert_non_null(strstr(r.errors, "held-out ELBO -"));
    int better = !strstr(r.errors, "no better, so the model keeps");
    r = good("info p.safetensors");
    assert_non_null(
        strstr(r.out, better ? "prior=mixture:3 prior_covariance=full" : "prior=normal"));
    r = program_run("train table.csv -o p.safetensors --epochs 1 --prior mixtures:2");
    assert_int_equal(r.status, 2);
    assert_non_null(strstr(r.errors, "did you mean 'mixture'?"));
    assert_null(strstr(r.errors, "epoch")); /* before the training, not after it */
}

/* What cannot be fitted is said before the training; other priors than a mixture are fitted too. */
static void train_knows_what_can_be_fitted(void **state) {
    static const struct {
        const char *prior, *message;
    } refused[] = {{"normal", "prior=normal has nothing to fit"},
                   {"mixture:5000", "begin at as many different rows"},
                   {"vamp:5000", "begin at as many different rows"},
                   {"flow", "the number of couplings"}};
    static const char *const fitted[] = {"flow:2", "vamp:3", "diffusion"};
    (void)state;
    make_model();
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        char arguments[200];
        snprintf(arguments, sizeof arguments,
                 "train table.csv -o q.safetensors --epochs 1 --prior %s", refused[i].prior);
        run r = program_run(arguments);
        assert_int_not_equal(r.status, 0);
        assert_non_null(strstr(r.errors, refused[i].message));
        assert_null(strstr(r.errors, "epoch 1"));
    }
    for (size_t i = 0; i < COUNT_OF(fitted); i++) {
        char arguments[200];
        snprintf(arguments, sizeof arguments,
                 "train table.csv -o q.safetensors --epochs 2 --prior %s", fitted[i]);
        run r = good(arguments);
        int better = !strstr(r.errors, "no better, so the model keeps");
        r = good("info q.safetensors");
        assert_int_equal(strstr(r.out, "prior=normal") == NULL, better);
    }
}

/* A model whose prior is a diffusion, by the library, is sampled by the tool with few steps. */
static void sample_takes_a_sampler(void **state) {
    vae_model *model;
    (void)state;
    make_model();
    assert_ok(vae_model_load(NULL, test_in_folder("m.safetensors"), &model));
    assert_ok(vae_model_set_prior(model, "diffusion prior_steps=30 prior_network=[dense 8, silu]"));
    assert_ok(vae_model_save(model, test_in_folder("d.safetensors")));
    vae_model_destroy(model);
    run r = good("sample d.safetensors -n 3 -q");
    char *all = strdup(r.out);
    r = good("sample d.safetensors -n 3 -q --sampler ddim --steps 5");
    assert_string_not_equal(r.out, all);
    r = good("sample d.safetensors -n 3 -q --sampler ddpm --steps 30");
    assert_string_equal(r.out, all);
    free(all);
    r = program_run("sample d.safetensors -n 3 --steps 31");
    assert_non_null(strstr(r.errors, "steps=31: the diffusion has 30 steps"));
    r = program_run("sample m.safetensors -n 3 --sampler ddim");
    assert_non_null(strstr(r.errors, "'sampler=' belongs to a diffusion"));
}

/* ---- evaluate, info ---- */

/* --model diffusion: of 8-bit images a U-Net, of a table layers on standardised columns; samples by few steps. */
static void train_makes_a_diffusion(void **state) {
    static const char *const of_vae[] = {"--latent 3", "--encoder 'dense 3'", "--decoder 'dense 3'",
                                         "--prior mixture:2"};
    char line[200];
    (void)state;
    run r = good("train sprites:60:1x16x16 -o m --epochs 1 --model diffusion --batch 30");
    assert_non_null(
        strstr(r.errors, "likelihood  discretized_gaussian: the values are 8-bit levels"));
    assert_non_null(strstr(r.errors, "network=unet channels=[32, 64, 64]"));
    assert_non_null(strstr(r.errors, "bits per dimension"));
    assert_null(strstr(r.errors, "collapse"));
    good("sample m --sampler ddim --steps 3 -n 2 -o s.csv");
    r = good("train toy:ring:200 -o t --epochs 1 --model diffusion");
    assert_non_null(strstr(r.errors, "model=diffusion input=2 likelihood=gaussian standardize=1"));
    for (size_t i = 0; i < COUNT_OF(of_vae); i++) {
        snprintf(line, sizeof line, "train sprites:60:1x16x16 -o n --model diffusion %s",
                 of_vae[i]);
        check_bad(line, 2, "belongs to --model vae: a diffusion has none");
    }
    check_bad("train sprites:60:1x16x16 -o n --model gan", 2,
              "expected vae or diffusion, found 'gan'");
}

static void evaluate_prints_the_library_s_text(void **state) {
    vae_context *context;
    vae_model *model;
    vae_dataset *data;
    vae_evaluation *evaluation;
    (void)state;
    make_model();
    run r = good("evaluate m.safetensors table.csv --samples 20 --threads 1");
    open_both(&context, &model, &data, test_in_folder("table.csv"), NULL);
    assert_ok(vae_evaluate(model, data, NULL, "samples=20", NULL, NULL, &evaluation));
    assert_string_equal(r.out, vae_evaluation_text(evaluation));
    vae_evaluation_destroy(evaluation);
    close_both(context, model, data);
    char *first = strdup(r.out);
    good("evaluate m.safetensors table.csv --samples 20 --threads 1 -q -o said.txt");
    char *said = program_text("said.txt");
    assert_string_equal(said, first);
    r = good("evaluate m.safetensors table.csv --fitted-on table.csv --samples 20 --threads 1");
    assert_string_equal(r.out, first);
    r = good("evaluate m.safetensors table.csv --samples 20 --threads 1 --frechet 200");
    assert_memory_equal(r.out, first, strlen(first));
    assert_non_null(strstr(r.out, "  200 samples x ~ p(x|z) against the rows\n"));
    free(first);
    free(said);
    run bad = program_run("evaluate m.safetensors table.csv --frechet 1");
    assert_int_equal(bad.status, 1);
    assert_non_null(strstr(bad.errors, "--frechet: a distance needs at least two rows"));
}

static void info_shows_spec_parameters_and_metadata(void **state) {
    (void)state;
    make_model();
    run r = good("info m.safetensors");
    assert_non_null(strstr(r.out, "spec        input=4 latent=2 likelihood=gaussian"));
    assert_non_null(strstr(r.out, "width       4\nlatent      2\n"));
    assert_non_null(strstr(r.out, "  encoder.0.weight         24 x 4\n"));
    assert_non_null(strstr(r.out, "  tool.columns=temp,pressure,\"flow rate\",rpm\n"));
    assert_non_null(strstr(r.out, "  tool.heldout_elbo=-"));
}

/* ---- score ---- */

static void scores_are_the_library_s(void **state) {
    vae_context *context;
    vae_model *model;
    vae_dataset *data;
    static float x[ROWS * COLUMNS];
    static double score[ROWS], by_value[ROWS * COLUMNS];
    (void)state;
    make_model();
    run r = good("score m.safetensors table.csv --explain 4 --threads 1");
    open_both(&context, &model, &data, test_in_folder("table.csv"), NULL);
    assert_ok(vae_dataset_read(data, 0, ROWS, x, COLUMNS));
    assert_ok(vae_score(model, x, ROWS, COLUMNS, NULL, score, by_value));
    close_both(context, model, data);
    char *at = r.out;
    const char *header =
        "row,score,column_1,nats_1,column_2,nats_2,column_3,nats_3,column_4,nats_4\n";
    assert_memory_equal(at, header, strlen(header));
    at += strlen(header);
    char *row[10];
    for (int i = 0; i < ROWS; i++) {
        assert_int_equal(next_line(&at, row, 10), 10);
        assert_int_equal(atoi(row[0]), i);
        check_close(strtod(row[1], NULL), score[i]);
        double before = INFINITY;
        for (int k = 0; k < COLUMNS; k++) {
            double nats = strtod(row[3 + 2 * k], NULL);
            int c = 0;
            char *name = row[2 + 2 * k];
            name += *name == '"';
            while (strncmp(names[c], name, strlen(names[c]))) c++;
            check_close(nats, by_value[i * COLUMNS + c]);
            assert_true(nats <= before);
            before = nats;
        }
    }
    assert_string_equal(at, "");
}

/* Also where the rows are a part of the file's. */
static void rows_have_the_numbers_of_the_file(void **state) {
    char *cells[4];
    double score[ROWS];
    (void)state;
    make_model();
    run r = good("score m.safetensors table.csv");
    char *at = r.out;
    next_line(&at, cells, 4);
    for (int i = 0; i < ROWS; i++) {
        next_line(&at, cells, 4);
        assert_int_equal(atoi(cells[0]), i);
        score[i] = strtod(cells[1], NULL);
    }
    r = good("score m.safetensors table.csv --data split=test:0.9");
    at = r.out;
    next_line(&at, cells, 4);
    int count = 0, row, before = -1;
    for (; next_line(&at, cells, 4); count++) {
        row = atoi(cells[0]);
        assert_true(row > before && row < ROWS);
        check_close(strtod(cells[1], NULL), score[row]);
        before = row;
    }
    assert_int_equal(count, 30);
    assert_true(before > 30);
}

static void strange_row_is_named(void **state) {
    char *cells[8];
    (void)state;
    make_model();
    good("score m.safetensors table.csv --explain 1 --threshold-quantile 0.995 -o scores.csv");
    char *text = program_text("scores.csv"), *at = text;
    assert_int_equal(next_line(&at, cells, 8), 5);
    assert_string_equal(cells[2], "alarm");
    int alarms = 0;
    while (next_line(&at, cells, 8)) {
        alarms += cells[2][0] == '1';
        if (atoi(cells[0]) != 17) continue;
        assert_string_equal(cells[2], "1");
        assert_string_equal(cells[3], "\"flow rate\"");
    }
    assert_int_equal(alarms, 2); /* of 300 rows: 0.5 % above the quantile */
    free(text);
}

/* NumPy: np.quantile([..], q) of the scores. */
static void threshold_is_kept_and_used(void **state) {
    char *cells[8];
    double score[ROWS];
    (void)state;
    make_model();
    good("score m.safetensors table.csv --threshold-quantile 0.9 -o first.csv");
    run r = good("info m.safetensors");
    const char *kept = strstr(r.out, "score.threshold=");
    assert_non_null(kept);
    double threshold = strtod(kept + strlen("score.threshold="), NULL);
    assert_non_null(strstr(r.out, "score.options=at=mean\n"));
    assert_non_null(strstr(r.out, "tool.columns=")); /* the rest of the metadata stays */
    r = good("score m.safetensors table.csv");
    assert_non_null(strstr(r.errors, "threshold "));
    char *first = program_text("first.csv"), *at = r.out;
    assert_string_equal(first, r.out);
    free(first);
    next_line(&at, cells, 8);
    for (int i = 0; i < ROWS; i++) {
        next_line(&at, cells, 8);
        score[i] = strtod(cells[1], NULL);
        assert_int_equal(atoi(cells[2]), score[i] > threshold);
    }
    int below = 0;
    for (int i = 0; i < ROWS; i++) below += score[i] <= threshold;
    assert_int_equal(below, 270); /* 0.9 * 299 = 269.1: between the 270th and the 271st */
    /* Another kind of score is not held against it. */
    check_bad("score m.safetensors table.csv --samples 3", 2, "is one for scores with at=mean");
    r = good("score m.safetensors table.csv --samples 3 --threshold 1e9");
    assert_null(strstr(r.out, ",1\n"));
    /* And one made of draws brings its draws along. */
    good("score m.safetensors table.csv --samples 5 --threshold-quantile 0.5 -o first.csv");
    r = good("score m.safetensors table.csv");
    first = program_text("first.csv");
    assert_string_equal(first, r.out);
    free(first);
}

static void scores_as_npy(void **state) {
    vae_dataset *data;
    float score[ROWS];
    char *cells[4];
    (void)state;
    make_model();
    good("score m.safetensors table.csv -o scores.npy");
    assert_ok(vae_dataset_open(NULL, test_in_folder("scores.npy"), NULL, &data));
    assert_int_equal(vae_dataset_size(data), ROWS);
    assert_int_equal(vae_dataset_width(data), 1);
    assert_ok(vae_dataset_read(data, 0, ROWS, score, 1));
    vae_dataset_destroy(data);
    run r = good("score m.safetensors table.csv");
    char *at = r.out;
    next_line(&at, cells, 4);
    for (int i = 0; i < ROWS; i++) {
        next_line(&at, cells, 4);
        check_close((double)score[i], strtod(cells[1], NULL));
    }
}

/* ---- encode, decode, reconstruct, sample ---- */

/* Tables of the same numbers, up to the rounding of floats. */
static void check_same_table(const char *a, const char *b) {
    char *left = strdup(a), *right = strdup(b), *at_left = left, *at_right = right;
    char *cells[2][8];
    size_t count, lines = 0;
    for (; (count = next_line(&at_left, cells[0], 8)); lines++) {
        assert_int_equal(next_line(&at_right, cells[1], 8), count);
        for (size_t i = 0; i < count; i++) {
            if (!lines) assert_string_equal(cells[0][i], cells[1][i]);
            if (lines) check_close(strtod(cells[0][i], NULL), strtod(cells[1][i], NULL));
        }
    }
    assert_int_equal(lines, ROWS + 1);
    assert_string_equal(at_right, "");
    free(left);
    free(right);
}

static void latents_go_there_and_back(void **state) {
    (void)state;
    make_model();
    run r = good("encode m.safetensors table.csv");
    assert_memory_equal(r.out, "z0,z1\n", 6);
    r = good("encode m.safetensors table.csv --logvar -o z.csv");
    char *text = program_text("z.csv");
    assert_memory_equal(text, "z0,z1,logvar0,logvar1\n", 22);
    free(text);
    good("encode m.safetensors table.csv -o z.npy");
    r = good("reconstruct m.safetensors table.csv");
    char *expected = strdup(r.out);
    r = good("decode m.safetensors z.csv"); /* z0 and z1 by name */
    check_same_table(r.out, expected);
    good("decode m.safetensors z.npy -o x.csv");
    text = program_text("x.csv");
    check_same_table(text, expected);
    free(text);
    free(expected);
    check_bad("decode m.safetensors table.csv", 1, "table.csv has rows of 4 values; expected 2");
}

static void samples_are_the_library_s(void **state) {
    vae_context *context;
    vae_model *model;
    vae_dataset *data;
    float x[5 * COLUMNS], drawn[5 * COLUMNS];
    char *cells[8];
    (void)state;
    make_model();
    open_both(&context, &model, &data, test_in_folder("table.csv"), NULL);
    assert_ok(vae_sample(model, 5, 9, NULL, x, drawn));
    close_both(context, model, data);
    for (int draw = 0; draw < 2; draw++) {
        run r = good(draw ? "sample m.safetensors -n 5 --seed 9 --draw"
                          : "sample m.safetensors -n 5 --seed 9");
        char *at = r.out;
        assert_int_equal(next_line(&at, cells, 8), 4);
        assert_string_equal(cells[2], "\"flow rate\"");
        for (int i = 0; i < 5; i++) {
            assert_int_equal(next_line(&at, cells, 8), 4);
            for (int c = 0; c < COLUMNS; c++)
                check_close(strtod(cells[c], NULL), (double)(draw ? drawn : x)[i * COLUMNS + c]);
        }
        assert_string_equal(at, "");
    }
}

/* A model of a nameless file, and a file of rows for a model with names. */
static void npy_in_and_out(void **state) {
    (void)state;
    make_model();
    good("reconstruct m.safetensors table.csv -o rows.npy");
    run r = good("score m.safetensors rows.npy"); /* it has no names: taken in order */
    assert_memory_equal(r.out, "row,score\n0,", 12);
    good("train rows.npy -o n --epochs 2 -q");
    r = good("score n rows.npy --explain 1 --threshold 0");
    assert_memory_equal(r.out, "row,score,alarm,column_1,nats_1\n0,", 34);
    r = good("sample n -n 2");
    assert_memory_equal(r.out, "x0,x1,x2,x3\n", 12);
}

/* Scaling that was found in the training file is that of later files, and what the model makes is in the units of
 * the file. */
static void scaling_goes_along(void **state) {
    char *cells[8], *at;
    (void)state;
    make_model();
    program_file("few.csv", "temp,pressure,flow rate,rpm\n21,1010,5.5,3050\n");
    good(
        "train table.csv -o m.safetensors --epochs 400 --patience 0 --lr 1e-2 --data scale=unit -q");
    run r = good("info m.safetensors");
    at = strstr(r.out, "tool.data=scale=range:");
    assert_non_null(at);
    double low = strtod(at + 22, &at), high = strtod(at + 1, NULL);
    assert_true(low < 4 && high > 3100);
    r = good("reconstruct m.safetensors few.csv"); /* alone it would be scaled otherwise */
    at = r.out;
    next_line(&at, cells, 8);
    next_line(&at, cells, 8);
    assert_true(fabs(strtod(cells[0], NULL) - 21) < 1.5);
    assert_true(fabs(strtod(cells[3], NULL) - 3050) < 50);
    /* TEST is scaled as DATA is, not by its own values. */
    char line[200];
    snprintf(line, sizeof line,
             "train table.csv few.csv -o a --epochs 1 --threads 1 --data scale=range:%.17g:%.17g",
             low, high);
    r = good(line);
    char *expected = strdup(strstr(r.errors, "held-out ELBO "));
    r = good("train table.csv few.csv -o a --epochs 1 --threads 1 --data scale=unit");
    assert_string_equal(strstr(r.errors, "held-out ELBO "), expected);
    free(expected);
}

/* Large numbers that lie close together: shifted in training, in scores and back. */
static void shift_goes_along(void **state) {
    char *cells[4], *at;
    (void)state;
    FILE *file = fopen(test_in_folder("times.csv"), "w");
    fputs("time,a\n", file);
    for (int i = 0; i < 200; i++) fprintf(file, "%d.25,%.4g\n", 1700000000 + i, sin(i * 0.03));
    fclose(file);
    program_file("later.csv", "time,a\n1700000060.5,0.97\n1700000061,0.97\n");
    good(
        "train times.csv -o m.safetensors --epochs 300 --lr 1e-2 --patience 0 --data shift=columns -q");
    run r = good("reconstruct m.safetensors later.csv");
    at = r.out;
    next_line(&at, cells, 4);
    next_line(&at, cells, 4);
    assert_true(fabs(strtod(cells[0], NULL) - 1700000060.5) < 20);
    assert_true(fabs(strtod(cells[0], NULL) - 1700000060.5) > 0);
    r = good("sample m.safetensors -n 3");
    at = r.out;
    next_line(&at, cells, 4);
    for (int i = 0; i < 3; i++) {
        next_line(&at, cells, 4);
        assert_true(fabs(strtod(cells[0], NULL) - 1700000100) < 500);
    }
    good("score m.safetensors later.csv");
    good("reconstruct m.safetensors later.csv -o x.npy");
    vae_dataset *data;
    float x[4];
    assert_ok(vae_dataset_open(NULL, test_in_folder("x.npy"), "shift=[1700000060, 0]", &data));
    assert_ok(vae_dataset_read(data, 0, 2, x, 2));
    assert_true(fabs((double)x[0] - 0.5) < 20);
    vae_dataset_destroy(data);
}

/* ---- options of CSV files ---- */

/* Conditions and missing values choose rows; their numbers stay those of the file. */
static void rows_are_chosen(void **state) {
    char *cells[4], *at;
    (void)state;
    FILE *file = fopen(test_in_folder("kinds.csv"), "w");
    fputs("a;b;kind\n", file);
    for (int i = 0; i < 120; i++) {
        if (i % 10 == 3) fputs("NA", file);
        if (i % 10 != 3) fprintf(file, "%d,25", i % 11);
        fprintf(file, ";%d,5;%d\n", i % 7, i % 2);
    }
    fclose(file);
    run r = good(
        "train kinds.csv -o m --epochs 2 --where kind=0 --columns a,b --data 'decimal=, missing=skip'");
    assert_non_null(strstr(r.errors, "kinds.csv: 54 rows of 2 values; 6 held out")); /* even rows */
    r = good("info m");
    assert_non_null(
        strstr(r.out, "tool.data=decimal=, missing=skip\n")); /* rows are not chosen later */
    r = good("score m kinds.csv");
    at = r.out;
    next_line(&at, cells, 4);
    int count = 0, last = 0;
    for (; next_line(&at, cells, 4); count++) {
        last = atoi(cells[0]);
        assert_int_equal(last,
                         count + (count + 6) / 9); /* every tenth row is skipped, from row 3 on */
    }
    assert_int_equal(count, 108);
    assert_int_equal(last, 119);
    check_bad("train kinds.csv -o x --where zebra=0 --data 'decimal=, missing=skip'", 2, "zebra");
    check_bad("train kinds.csv -o x --where kind=7 --data 'decimal=, missing=skip'", 1, "kind");
}

/* ---- images ---- */

static void check_png(const char *name) {
    char *text = program_text(name);
    if (memcmp(text, "\x89PNG", 4)) fail_msg("%s is no PNG file", name);
    free(text);
}

static int has_pictures(void) {
    return strstr(program_run("--version").out, "pictures yes") != NULL;
}

static void images_are_drawn(void **state) {
    (void)state;
    if (!has_pictures()) skip();
    run r = good("train sprites:80 -o m --epochs 2 --encoder 'dense 16, relu' --plot .");
    assert_non_null(strstr(r.errors, "bits per dimension"));
    assert_non_null(strstr(r.errors, "written to .: history.csv training.png samples.png "
                                     "reconstructions.png latent.png"));
    check_png("training.png");
    check_png("samples.png");
    check_png("reconstructions.png");
    check_png("latent.png");
    char *history = program_text("history.csv");
    assert_memory_equal(history, "epoch,train_elbo", 16);
    assert_non_null(strstr(history, "\n1,-"));
    assert_non_null(strstr(history, "\n2,-"));
    free(history);
    good("sample m -n 7 -o s.png");
    check_png("s.png");
    good("reconstruct m sprites:30 -o r.png");
    check_png("r.png");
    good("encode m sprites:30 -o z.csv");
    good("decode m z.csv -o d.png");
    check_png("d.png");
    good("plot m sprites:30 -o .");
    good("plot m -o .");
    good("reconstruct m sprites:3 -o x.npy");
    good("train x.npy -o n --epochs 1 -q --encoder 'dense 4' --data split=train:0.7");
    make_model();
    check_bad("sample m.safetensors -o table.png", 1, "these rows are none");
    check_bad("plot m.safetensors -o .", 2, "the rows of m.safetensors are no images");
    good("plot m.safetensors table.csv -o .");
}

/* A picture of colour images has three different channels; it is read by packing it. */
static void images_in_colour_are_drawn_in_colour(void **state) {
    enum { HEADER = 128, CHANNEL = 64 * 64 };
    (void)state;
    if (!has_pictures() || !strstr(program_run("--version").out, "JPEG yes")) skip();
    good("train sprites:80:3x16x16 -o m --epochs 1 --encoder 'dense 16, relu' -q");
    good("plot m -o colours");
    good("pack colours -o colours.npy --size 3x64x64");
    char *packed = program_text("colours.npy");
    assert_memory_equal(packed, "\x93NUMPY", 6);
    const char *red = packed + HEADER, *green = red + CHANNEL, *blue = green + CHANNEL;
    assert_memory_not_equal(red, green, CHANNEL);
    assert_memory_not_equal(green, blue, CHANNEL);
    free(packed);
    good("reconstruct m sprites:9:3x16x16 -o r.png");
    check_png("r.png");
}

static void without_cairo_all_but_pictures_works(void **state) {
    (void)state;
    run r = program_run_without_pictures("train sprites:80 -o m --epochs 1 -q");
    assert_int_equal(r.status, 0);
    static const char *const lines[] = {"sample m -o s.png", "plot m -o p",
                                        "train sprites:80 -o n --plot p"};
    size_t files = program_files();
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        r = program_run_without_pictures(lines[i]);
        assert_int_equal(r.status, 1);
        assert_non_null(strstr(r.errors, "pictures need cairo"));
    }
    assert_int_equal(program_files(), files);
    r = program_run_without_pictures("sample m -n 2");
    assert_int_equal(r.status, 0);
}

/* ---- bad input ---- */

static void what_cannot_be_read(void **state) {
    (void)state;
    make_model();
    program_file("empty.csv", "");
    program_file("header.csv", "a,b,c,d\n");
    program_file("text.csv", "temp,pressure,flow rate,rpm\n1,2,x,4\n");
    check_bad("score m.safetensors missing.csv", 1, "missing.csv");
    check_bad("score missing.safetensors table.csv", 1, "missing.safetensors");
    check_bad("score m.safetensors empty.csv", 1, "empty.csv: the file is empty");
    check_bad("score m.safetensors header.csv", 1, "header.csv");
    check_bad("score m.safetensors text.csv", 1, "expected a finite number, found 'x'");
    check_bad("score table.csv table.csv", 1, "is no safetensors file");
    check_bad("train empty.csv -o x", 1, "empty.csv: the file is empty");
    check_bad("train missing.csv -o x", 1, "missing.csv");
    program_file("few.csv", "a,b\n1,2\n3,4\n5,1\n");
    check_bad("train few.csv -o x", 1, "few.csv has too few rows to hold a tenth of them out");
    check_bad("score m.safetensors table.csv --threshold 1e999", 2,
              "--threshold: expected a finite number, found '1e999'");
    check_bad("train table.csv missing.csv -o x", 1, "missing.csv");
    check_bad("train table.csv header.csv -o x", 1, "header.csv does not fit table.csv");
}

static void the_wrong_model_is_refused(void **state) {
    static const int other[] = {3, 1, 0, 2};
    (void)state;
    make_model();
    program_file("wide.csv", "1,2,3,4,5\n5,4,3,2,1\n");
    program_file("names.csv", "temp,pressure,flow,rpm\n1,2,3,4\n");
    check_bad("score m.safetensors wide.csv", 1, "does not fit the model m.safetensors");
    check_bad("score m.safetensors names.csv", 1, "has no column 'flow rate'");
    check_bad("score m.safetensors sprites:9", 1, "sprites:9 has rows of 1024 values");
    check_bad("evaluate m.safetensors names.csv", 1, "names.csv does not fit the model");
    check_bad("encode m.safetensors names.csv", 1, "names.csv does not fit the model");
    check_bad("reconstruct m.safetensors names.csv", 1, "names.csv does not fit the model");
    good("score m.safetensors names.csv --columns 0,1,2,3"); /* the user knows better */
    /* The same columns in another order, beside one of text, are the same rows. */
    run r = good("score m.safetensors table.csv");
    char *expected = strdup(r.out);
    write_table("other.csv", other, 1);
    r = good("score m.safetensors other.csv");
    assert_string_equal(r.out, expected);
    free(expected);
}

static void a_newer_model_is_refused(void **state) {
    size_t length;
    (void)state;
    make_model();
    unsigned char *bytes = test_content(test_in_folder("m.safetensors"), &length);
    char *format = NULL;
    for (size_t i = 0; !format && i + 8 < length; i++)
        if (!memcmp(bytes + i, "libvae-1", 8)) format = (char *)bytes + i;
    assert_non_null(format);
    format[7] = '9';
    FILE *file = fopen(test_in_folder("new.safetensors"), "wb");
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    fclose(file);
    free(bytes);
    check_bad("info new.safetensors", 1, "libvae-9");
}

static void what_cannot_be_written(void **state) {
    (void)state;
    make_model();
    assert_int_equal(mkdir(test_in_folder("folder"), 0755), 0);
    check_bad("score m.safetensors table.csv -o none/x.csv", 1, "folder none: No such file");
    check_bad("score m.safetensors table.csv -o table.csv/x.csv", 1, "Not a directory");
    check_bad("train table.csv -o folder", 1, "it is a folder; expected a file");
    check_bad("train table.csv -o none/m", 1, "folder none: No such file");
    if (has_pictures()) {
        check_bad("train table.csv -o x --plot table.csv", 1, "a file of that name is there");
        check_bad("plot m.safetensors table.csv -o table.csv", 1, "a file of that name is there");
    }
    check_bad("score m.safetensors table.csv -o /dev/full", 2, "expected a name that ends in");
    check_bad("evaluate m.safetensors table.csv -q -o /dev/full", 1, "No space left on device");
    if (geteuid() != 0) {
        assert_int_equal(chmod(test_in_folder("folder"), 0555), 0);
        check_bad("score m.safetensors table.csv -o folder/x.csv", 1, "Permission denied");
        check_bad("train table.csv -o folder/m", 1, "Permission denied");
    }
    assert_int_equal(rmdir(test_in_folder("folder")), 0);
}

/* By its name, another name, a symbolic link: the same file. */
static void data_is_never_written_over(void **state) {
    (void)state;
    make_model();
    write_table("history.csv", in_order, 0);
    char *before = program_text("table.csv"), *model = program_text("m.safetensors");
    assert_int_equal(link(test_in_folder("table.csv"), test_in_folder("hard.csv")), 0);
    assert_int_equal(symlink("table.csv", test_in_folder("soft.csv")), 0);
    check_bad("train table.csv -o table.csv", 1,
              "the output table.csv is the same file as table.csv");
    check_bad("train table.csv -o hard.csv", 1,
              "the output hard.csv is the same file as table.csv");
    check_bad("train soft.csv -o ./table.csv", 1, "is the same file as soft.csv, which is read");
    check_bad("train table.csv history.csv -o history.csv", 1,
              "is the same file as history.csv, which is read");
    if (has_pictures())
        check_bad("train history.csv -o x --plot .", 1,
                  "./history.csv is the same file as history.csv");
    check_bad("score m.safetensors table.csv -o hard.csv", 1,
              "is the same file as table.csv, which is read");
    check_bad("encode m.safetensors table.csv -o soft.csv", 1,
              "is the same file as table.csv, which is read");
    check_bad("reconstruct m.safetensors table.csv -o table.csv", 1,
              "is the same file as table.csv, which is read");
    check_bad("evaluate m.safetensors table.csv -o m.safetensors", 1,
              "is the same file as m.safetensors, which is read");
    check_bad("info m.safetensors -o m.safetensors", 1,
              "is the same file as m.safetensors, which is read");
    check_bad("train table.csv -o history.csv --data labels=history.csv", 1,
              "is the same file as history.csv, which is read");
    check_bad("score m.safetensors table.csv -o history.csv --data labels=history.csv", 1,
              "is the same file as history.csv, which is read");
    check_bad("encode m.safetensors table.csv -o history.csv --data 'labels=\"history.csv\"'", 1,
              "is the same file as history.csv, which is read");
    char *after = program_text("table.csv"), *model_after = program_text("m.safetensors");
    assert_string_equal(before, after);
    assert_string_equal(model, model_after);
    free(before);
    free(after);
    free(model);
    free(model_after);
}

/* An old output stays until the new one is whole, a link stays a link, a mode stays. */
static void outputs_are_replaced(void **state) {
    struct stat status;
    (void)state;
    make_model();
    program_file("old.csv", "old\n");
    assert_int_equal(chmod(test_in_folder("old.csv"), 0600), 0);
    assert_int_equal(symlink("old.csv", test_in_folder("link.csv")), 0);
    check_bad("encode m.safetensors missing.csv -o old.csv", 1, "missing.csv");
    char *text = program_text("old.csv");
    assert_string_equal(text, "old\n");
    free(text);
    good("encode m.safetensors table.csv -o link.csv");
    text = program_text("old.csv");
    assert_memory_equal(text, "z0,z1\n", 6);
    free(text);
    assert_int_equal(lstat(test_in_folder("link.csv"), &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_int_equal(stat(test_in_folder("old.csv"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

/* Behind more rows than go through the model at a time, of a file of which rows are left out. */
static void a_bad_row_has_its_number(void **state) {
    (void)state;
    make_model();
    FILE *file = fopen(test_in_folder("long.csv"), "w");
    assert_non_null(file);
    fprintf(file, "temp,pressure,flow rate,rpm,kind\n");
    for (int i = 0; i < 12000; i++)
        fprintf(file, "20,1000,%s,3000,%d\n", i == 11000 ? "1e39" : "5", i % 2);
    assert_int_equal(fclose(file), 0);
#define SAYS "long.csv: row 11000, column 2 is inf: expected finite values"
#define REST "m.safetensors long.csv -q -o x.csv --data where=[kind=0]"
    check_bad("score " REST, 1, SAYS);
    check_bad("encode " REST, 1, SAYS);
    check_bad("reconstruct " REST, 1, SAYS);
}

static void set_metadata(const char *key, const char *value) {
    vae_model *model;
    assert_ok(vae_model_load(NULL, test_in_folder("m.safetensors"), &model));
    assert_ok(vae_model_set_metadata(model, key, value));
    assert_ok(vae_model_save(model, test_in_folder("m.safetensors")));
    vae_model_destroy(model);
}

/* No number is made of what is none. */
static void metadata_that_cannot_be_read(void **state) {
    static const char *const readings[] = {"shift=[1, 2",           "shift=[1, 2, 3]",
                                           "shift=[1, 2, 3, x]",    "shift=[1, 2, 3, 1e999]",
                                           "shift=[1, 2, 3, 4, 5]", "scale=range:1",
                                           "scale=range:1:1",       "scale=range:nan:1",
                                           "scale=range:0:1x",      "scale=range:-1e308:1e308"};
    (void)state;
    make_model();
    for (size_t i = 0; i < COUNT_OF(readings); i++) {
        set_metadata("tool.data", readings[i]);
        check_bad("sample m.safetensors -n 2", 1, "a scale or a shift that cannot be read");
    }
    set_metadata("tool.data", "labels=/no/such/file"); /* a stranger's model opens no file */
    good("score m.safetensors table.csv");
    set_metadata("tool.data", "shift=[ 1,2 ,\n3, 4e0 ]");
    good("sample m.safetensors -n 2");
    set_metadata("tool.data", NULL);
    set_metadata("score.threshold", "");
    check_bad("score m.safetensors table.csv", 1, "expected a number as score.threshold");
    set_metadata("score.threshold", NULL);
    set_metadata("a\nkey\x1b", "a\n\x7fvalue");
    assert_non_null(strstr(good("info m.safetensors").out, "\n  a key =a  value\n"));
}

/* As a full disk: one line, and nothing is left. */
static void a_limit_on_files_is_a_failure(void **state) {
    (void)state;
    make_model();
    program_limit_files(1024);
    check_bad("sample m.safetensors -n 1000 -o x.csv", 1, "File too large");
    check_bad("sample m.safetensors -n 1000 -o x.npy", 1, "File too large");
    check_bad("train table.csv -o x --epochs 1 -q", 1, "File too large");
    program_limit_files(0);
}

static int has_hidden_file(void) {
    DIR *list = opendir(test_folder());
    int found = 0;
    for (struct dirent *entry; (entry = readdir(list));)
        found |= entry->d_name[0] == '.' && strlen(entry->d_name) > 2;
    closedir(list);
    return found;
}

/* The temporary file goes, and what was there stays. */
static void a_signal_leaves_the_old_output(void **state) {
    int errors;
    (void)state;
    good("train sprites:60 -o m --epochs 1 -q");
    program_file("z.csv", "old\n");
    pid_t child = program_start("encode m sprites:20000 -o z.csv", &errors);
    for (int i = 0; i < 5000 && !has_hidden_file(); i++) usleep(1000);
    kill(child, SIGTERM);
    kill(child, SIGTERM); /* as timeout does, for the process and its group */
    free(program_read(errors));
    int status = program_wait(child);
    assert_false(has_hidden_file());
    char *text = program_text("z.csv");
    if (status == 1000 + SIGTERM) assert_string_equal(text, "old\n");
    if (status == 0) assert_memory_equal(text, "z0,", 3); /* it was quicker */
    assert_true(status == 0 || status == 1000 + SIGTERM);
    free(text);
}

/* More rows than a pipe holds, and nobody who reads them. */
static void a_closed_pipe_is_no_failure(void **state) {
    static const char *const lines[] = {"sample m.safetensors -n 20000",
                                        "score m.safetensors table.csv -q",
                                        "encode m.safetensors table.csv", "info m.safetensors",
                                        "evaluate m.safetensors table.csv -q"};
    (void)state;
    make_model();
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        run r = program_run_unread(lines[i]);
        if (r.status) fail_msg("vae %s: exit status %d", lines[i], r.status);
        assert_string_equal(r.errors, "");
    }
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, test_folder_make, test_folder_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(train_says_what_it_chose),
        IN_FOLDER(likelihood_follows_the_values),
        IN_FOLDER(decoder_is_the_mirror),
        IN_FOLDER(convolutions_are_mirrored),
        IN_FOLDER(test_rows_are_read_by_name),
        IN_FOLDER(columns_are_chosen),
        IN_FOLDER(names_may_be_strange),
        IN_FOLDER(names_need_not_be_utf8),
        IN_FOLDER(train_puts_a_prior_on_the_latents),
        IN_FOLDER(train_knows_what_can_be_fitted),
        IN_FOLDER(sample_takes_a_sampler),
        IN_FOLDER(train_makes_a_diffusion),
        IN_FOLDER(evaluate_prints_the_library_s_text),
        IN_FOLDER(info_shows_spec_parameters_and_metadata),
        IN_FOLDER(scores_are_the_library_s),
        IN_FOLDER(rows_have_the_numbers_of_the_file),
        IN_FOLDER(strange_row_is_named),
        IN_FOLDER(threshold_is_kept_and_used),
        IN_FOLDER(scores_as_npy),
        IN_FOLDER(latents_go_there_and_back),
        IN_FOLDER(samples_are_the_library_s),
        IN_FOLDER(npy_in_and_out),
        IN_FOLDER(scaling_goes_along),
        IN_FOLDER(shift_goes_along),
        IN_FOLDER(rows_are_chosen),
        IN_FOLDER(images_are_drawn),
        IN_FOLDER(images_in_colour_are_drawn_in_colour),
        IN_FOLDER(without_cairo_all_but_pictures_works),
        IN_FOLDER(what_cannot_be_read),
        IN_FOLDER(the_wrong_model_is_refused),
        IN_FOLDER(a_newer_model_is_refused),
        IN_FOLDER(what_cannot_be_written),
        IN_FOLDER(data_is_never_written_over),
        IN_FOLDER(outputs_are_replaced),
        IN_FOLDER(a_bad_row_has_its_number),
        IN_FOLDER(metadata_that_cannot_be_read),
        IN_FOLDER(a_limit_on_files_is_a_failure),
        IN_FOLDER(a_signal_leaves_the_old_output),
        IN_FOLDER(a_closed_pipe_is_no_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
