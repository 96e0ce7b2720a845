/* The options for CSV files: delimiter=, decimal=, comment=, missing=, where=. */
#include "unit/data/scratch.h"

#include "data/gather.h"

/* What the log of the context was sent, one line each. */
static char logged[4000];

static void hear(void *user, int32_t level, const char *line) {
    (void)user;
    assert_int_equal(level, VAE_LOG_INFO);
    assert_true(strlen(logged) + strlen(line) + 2 < sizeof logged);
    strcat(strcat(logged, line), "\n");
}

static vae_status open_text(void **state, const char *text, const char *options,
                            vae_dataset **dataset) {
    scratch *s = *state;
    write_file(s, text, strlen(text));
    s->context->log = hear;
    *logged = 0;
    return vae__dataset_open(s->context, s->path, options, dataset);
}

static void assert_dataset(vae_dataset *d, const char *text, size_t rows, size_t width,
                           const double *expected) {
    vae__real row[1024];
    assert_int_equal(vae__dataset_size(d), rows);
    assert_int_equal(vae__dataset_width(d), width);
    for (size_t i = 0; i < rows; i++) {
        vae__dataset_read(d, i, 1, row);
        for (size_t j = 0; j < width; j++) {
            if (row[j] != (vae__real)expected[i * width + j])
                fail_msg("%s: row %zu, column %zu: %g", text, i, j, (double)row[j]);
        }
    }
}

static void assert_rows(void **state, const char *text, const char *options, size_t rows,
                        size_t width, const double *expected) {
    vae_dataset *d;
    if (open_text(state, text, options, &d)) fail_msg("%s: %s", text, vae__last_message());
    assert_dataset(d, text, rows, width, expected);
    vae__dataset_free(d);
}

static void assert_fails(void **state, const char *text, const char *options, vae_status status,
                         const char *message) {
    vae_dataset *d;
    vae_status found = open_text(state, text, options, &d);
    if (!found) fail_msg("%s: opened with '%s'", text, options);
    assert_null(d);
    assert_message(message);
    assert_int_equal(found, status);
}

static void assert_logged(const char *part) {
    if (!strstr(logged, part)) fail_msg("no \"%s\" in \"%s\"", part, logged);
}

static const double one_to_four[] = {1, 2, 3, 4};

/* ---- delimiter= ---- */

static void finds_semicolons_and_tabs(void **state) {
    static const char *const semicolons[] = {
        "a;b\n1;2\n3;4\n",
        "1;2\n3;4",
        "\"a\";\"b\"\n1;2\n3;4\n",
        "1 ; 2\r\n\t3;4\r\n",
        "\"a, x\";b\n1;2\n3;4\n",
        "a;\"b, x\"\n1;2\n3;4\n",
        "\357\273\277a;b\n1;2\n3;4\n",
        "a;\"b\n;;;c\"\n1;2\n\"3\";4\n\n\n",
        "sep=;\na;b\n1;2\n3;4\n",
        "sep=;\r\n1;2\r\n3;4\r\n",
    };
    static const char *const tabs[] = {"a\tb\n1\t2\n3\t4\n", "1\t 2\n 3\t4",
                                       "\"a\"\t\"b;c,\"\n1\t2\n3\t4\n", "a\tb, c\n1\t2\n3\t4\n"};
    for (size_t i = 0; i < sizeof semicolons / sizeof semicolons[0]; i++) {
        assert_rows(state, semicolons[i], "", 2, 2, one_to_four);
        assert_logged("fields are separated by ';' (delimiter=auto)");
    }
    for (size_t i = 0; i < sizeof tabs / sizeof tabs[0]; i++) {
        assert_rows(state, tabs[i], "", 2, 2, one_to_four);
        assert_logged("fields are separated by '\\t' (delimiter=auto)");
    }
    assert_rows(state, "a;b\n1;2\n3;4\n", "delimiter=auto", 2, 2, one_to_four);
    assert_fails(state, "a;b\n1;2\n3\n", "delimiter=semicolon", VAE_ERROR_FORMAT,
                 "line 3: expected 2 fields as in line 1, found 1");
    assert_fails(state, "sep=;\na;b\n1;x\n", "", VAE_ERROR_FORMAT, "line 3, column 1");
}

/* What 0.1 read with commas is read with commas. */
static void commas_stay_commas(void **state) {
    static const struct {
        const char *text;
        size_t rows, width;
        double values[4];
    } cases[] = {
        {"\"a;b\"\n1\n2\n", 2, 1, {1, 2}},
        {"1\t\n2\t\n", 2, 1, {1, 2}},
        {"\"a\"\t\n1\t\n2\t\n", 2, 1, {1, 2}},
        {"\t1\n\t2\n", 2, 1, {1, 2}},
        {"a;b,c\n1,2\n3,4\n", 2, 2, {1, 2, 3, 4}},
        {"a\tb,c\td\n1,2\n3,4\n", 2, 2, {1, 2, 3, 4}},
        {"1,\t2\n3,\t4\n", 2, 2, {1, 2, 3, 4}},
        {"\"x;y\",\"z\tw\"\n1,2\n3,4\n", 2, 2, {1, 2, 3, 4}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_rows(state, cases[i].text, "", cases[i].rows, cases[i].width, cases[i].values);
        assert_string_equal(logged, "");
    }
    const double with_key[] = {2, 4};
    assert_rows(state, "k;\"a,v\n\"1;x\",2\n\"3;x\",4\n", "columns=[1]", 2, 1, with_key);
}

/* A header that is longer than what the delimiter is found in. */
static void finds_the_delimiter_of_wide_rows(void **state) {
    enum { COLUMNS = 20000 };
    char *text = malloc(COLUMNS * 20);
    size_t used = 0;
    vae_dataset *d;
    assert_non_null(text);
    for (int i = 0; i < COLUMNS; i++)
        used += (size_t)sprintf(text + used, "column %d%c", i, i < COLUMNS - 1 ? '\t' : '\n');
    for (int i = 0; i < COLUMNS; i++)
        used += (size_t)sprintf(text + used, "%d%c", i % 10, i < COLUMNS - 1 ? '\t' : '\n');
    assert_int_equal(open_text(state, text, "", &d), VAE_OK);
    assert_true(vae__dataset_size(d) == 1 && vae__dataset_width(d) == COLUMNS);
    vae__dataset_free(d);
    free(text);
}

static void reads_with_the_delimiter_given(void **state) {
    const double one[] = {1, 2}, three[] = {1, 2, 3, 4, 5, 6}, zero[] = {0, 1, 2};
    assert_rows(state, "a;b\n1;2\n3;4\n", "delimiter=semicolon", 2, 2, one_to_four);
    assert_rows(state, "a\tb\n1\t2\n3\t4\n", "delimiter=tab", 2, 2, one_to_four);
    assert_rows(state, "a b\n1 2\n3 4\n", "delimiter=space", 2, 2, one_to_four);
    assert_rows(state, "  1   2 \t 3 \r\n4\t5 6\n\n", "delimiter=space", 2, 3, three);
    assert_rows(state, "\"a b\" \"c\"  \"d\" \n1 \"2\" 3\n  4 5 6\n   \n", "delimiter=space", 2, 3,
                three);
    assert_rows(state, "my;column\n1\n2\n", "delimiter=comma", 2, 1, one);
    assert_rows(state, "0 1 2\n", "delimiter=space header=no", 1, 3, zero);
    assert_string_equal(logged, "");
    assert_fails(state, "1\t\t2\n", "delimiter=tab header=no", VAE_ERROR_FORMAT,
                 "line 1, column 1 (from 0): expected a finite number, found an empty cell");
    assert_fails(state, "\"a\";\"b\"\n1;2\n", "delimiter=comma", VAE_ERROR_FORMAT,
                 "line 1: expected ',' or the end of the line after a closing quote");
    assert_fails(state, "\"a\"\"b\"x\t\"b\"\n1;2\n", "delimiter=tab", VAE_ERROR_FORMAT,
                 "line 1: expected '\\t' or the end of the line after a closing quote");
    assert_fails(state, "a,b\n1,2\n", "delimiter=semicolon", VAE_ERROR_FORMAT,
                 "found '1,2'; say decimal=comma if 1,5 is one and a half here, delimiter=comma");
    assert_fails(state, "a;b\n1,5;2\n", "", VAE_ERROR_FORMAT, "found '1,5'; say decimal=comma");
    assert_fails(state, "a\n1;2\n", "delimiter=comma", VAE_ERROR_FORMAT,
                 "found '1;2'; if ';' separates the fields, say delimiter=semicolon");
}

/* The static binary MNIST of Larochelle & Murray: 0 or 1, a blank behind each value, the last one too, and no
 * header. */
static void reads_static_binary_images(void **state) {
    enum { ROWS = 5, PIXELS = 784 };
    char *text = malloc(ROWS * (2 * PIXELS + 2) + 1);
    double *expected = malloc(ROWS * PIXELS * sizeof *expected);
    size_t used = 0;
    vae_dataset *d;
    assert_true(text && expected);
    for (int row = 0; row < ROWS; row++) {
        for (int j = 0; j < PIXELS; j++) {
            int pixel = row > 0 && (j / 28 + j % 28) % (row + 1) == 0;
            expected[row * PIXELS + j] = pixel;
            used += (size_t)sprintf(text + used, "%d ", pixel);
        }
        used += (size_t)sprintf(text + used, "\n");
    }
    assert_rows(state, text, "delimiter=space", ROWS, PIXELS, expected);
    assert_fails(state, text, "", VAE_ERROR_FORMAT,
                 "line 1: looks separated by ' ' (expected ',')");
    assert_int_equal(open_text(state, text, "delimiter=space binarize=sample scale=unit", &d),
                     VAE_OK); /* every value is a probability */
    vae__dataset_free(d);
    text[used - 3] = 'x';
    assert_fails(state, text, "delimiter=space", VAE_ERROR_FORMAT,
                 "line 5, column 783 (from 0): expected a finite number, found 'x'");
    free(text);
    free(expected);
}

/* ---- decimal= ---- */

static void reads_decimal_commas(void **state) {
    const double halves[] = {1.5, -2.5e3, 3, 0.25}, column[] = {1.5, 2};
    const char *text = "x;y\n1,5;-2,5e3\n3;,25\n";
    assert_rows(state, text, "decimal=comma", 2, 2, halves);
    assert_rows(state, text, "decimal=, delimiter=semicolon", 2, 2, halves);
    assert_rows(state, "1,5;-2,5e3\n3;,25\n", "decimal=,", 2, 2, halves);
    assert_rows(state, "1,5\t-2,5e3\n3\t,25\n", "decimal=comma", 2, 2, halves);
    assert_rows(state, "1,5 -2,5e3\n3 ,25\n", "decimal=comma delimiter=space", 2, 2, halves);
    assert_rows(state, "x\n1,5\n2\n", "decimal=comma", 2, 1, column);
    assert_rows(state, "1,5\n2\n", "decimal=comma", 2, 1, column);
    assert_rows(state, "1.5,2\n", "decimal=point", 1, 2, column);
    assert_rows(state, "1.5,2\n", "decimal=.", 1, 2, column);
    assert_fails(
        state, "x;y\n1.500;2\n", "decimal=comma", VAE_ERROR_FORMAT,
        "found '1.500'; with decimal=comma numbers have a comma, no point and no separator");
    assert_fails(state, "x;y\n1,500,000;2\n", "decimal=comma", VAE_ERROR_FORMAT,
                 "found '1,500,000'");
    assert_fails(state, "a,b\n1,2\n", "decimal=comma", VAE_ERROR_FORMAT,
                 "line 1: looks separated by ',' (expected ';' or '\\t'); say delimiter=comma, "
                 "without decimal=comma");
    assert_fails(state, "a;b\tc\n1;2\t3\n", "decimal=comma", VAE_ERROR_FORMAT, "found '2\\t3'");
    char digits[600] = "x;y\n1,";
    memset(digits + strlen(digits), '1', 500);
    strcat(digits, ";2\n");
    assert_fails(state, digits, "decimal=comma", VAE_ERROR_FORMAT, "line 2, column 0");
}

/* ---- comment= ---- */

static void passes_over_comments(void **state) {
    const char *text = "# made by hand; with ; and ;\n  # again\na,b\n1,2\n#x,\"\n\t#\n3,4\n# end";
    assert_rows(state, text, "comment=\"#\"", 2, 2, one_to_four);
    assert_rows(state, "%1\n%2\n1;2\n%;\n3;4\n", "comment=%", 2, 2, one_to_four);
    assert_rows(state, "; ini\n1\t2\n;;\n3\t4\n", "comment=;", 2, 2, one_to_four);
    assert_rows(state, "#\r\n1 2\r\n #\r\n3 4\r\n#", "comment=\"#\" delimiter=space", 2, 2,
                one_to_four);
    assert_rows(state, "1,2\n3,4\n\n# end\n\n", "comment=\"#\"", 2, 2, one_to_four);
    assert_rows(state, "1,2\n3,\"4\"\n", "comment=none", 2, 2, one_to_four);
    assert_fails(state, "#\n1,2\n#\n3,x\n", "comment=\"#\"", VAE_ERROR_FORMAT, "line 4, column 1");
    assert_fails(state, "1,2\n#\n3\n", "comment=\"#\"", VAE_ERROR_FORMAT,
                 "line 3: expected 2 fields");
    assert_fails(state, "1,2\n3,4#5\n", "comment=\"#\"", VAE_ERROR_FORMAT, "found '4#5'");
    assert_fails(state, "\t#\t1\n", "comment=\"#\" delimiter=tab header=no", VAE_ERROR_FORMAT,
                 "line 1, column 0 (from 0): expected a finite number, found an empty cell");
    assert_fails(state, "# 1\n# 2\n", "comment=\"#\"", VAE_ERROR_FORMAT, "found an empty file");
    assert_fails(state, "# a\n1,2\n\n# b\n3,4\n", "comment=\"#\"", VAE_ERROR_FORMAT,
                 "line 3: expected a row, found a blank line");
    assert_fails(state, "#a,b\n1,2\n", "comment=#", VAE_ERROR_TEXT,
                 "a value with '#' goes into double quotes, e.g. comment=\"...\"");
}

/* ---- missing= ---- */

static void skips_rows_with_missing_values(void **state) {
    static const char *const words[] = {"",  "NA", "N/A",  "nan", "NaN",  "NULL",   "null", "None",
                                        "?", "-",  "#N/A", "na",  "\"\"", " NONE ", "-nan"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        char text[100];
        snprintf(text, sizeof text, "a,b,c\n1,2,x\n%s,7,x\n3,4,\n", words[i]);
        assert_rows(state, text, "missing=skip columns=[a, b]", 2, 2, one_to_four);
        assert_logged("missing=skip leaves out 1 of 3 rows; the first missing value is in line 3, "
                      "column 0 (from 0, named a)\n");
        assert_fails(state, text, "missing=refuse columns=[a, b]", VAE_ERROR_FORMAT,
                     "; missing=skip leaves out the rows with a missing value");
    }
    assert_rows(state, "1,2\n3,4\n", "missing=skip", 2, 2, one_to_four);
    assert_string_equal(logged, "");
    assert_fails(state, "1,2\ninf,4\n", "missing=skip", VAE_ERROR_FORMAT, "found 'inf'");
    assert_fails(state, "1,2\n3,--\n", "missing=skip", VAE_ERROR_FORMAT,
                 "found '--'; if it stands");
    assert_fails(state, "1,2\n3,x\n", "missing=skip", VAE_ERROR_FORMAT, "found 'x'");
    assert_fails(state, "1,2\nNA,x\n", "missing=skip", VAE_ERROR_FORMAT, "found 'x'");
    assert_fails(state, "1,2\nNA\n", "missing=skip", VAE_ERROR_FORMAT, "expected 2 fields");
    assert_fails(state, "a,b\n1,NA\n?,2\n", "missing=skip", VAE_ERROR_DATA,
                 "missing=skip leaves no row: each of 2 has a missing value, the first in line 2, "
                 "column 1 (from 0, named b); leave columns out with columns=[..]");
    assert_rows(state, "NA,5\n1,2\n3,4\n?,?\n", "missing=skip header=no", 2, 2, one_to_four);
    assert_logged(
        "leaves out 2 of 4 rows; the first missing value is in line 1, column 0 (from 0)\n");
}

/* ---- where= ---- */

static void keeps_rows_of_a_value(void **state) {
    const char *text = "x,label,y\n1,0,2\n5,1,6\n3,0.0,4\n7,2,8\n";
    const double named[] = {1, 0, 3, 0}, others[] = {5, 1, 6, 7, 2, 8};
    vae_dataset *d;
    assert_rows(state, text, "where=[label=0]", 2, 2, one_to_four);
    assert_logged(
        "column 1 (from 0, named label) is not part of the rows, since where= compares it; "
        "columns=[..] can name it\n");
    assert_logged("where= keeps 2 of 4 rows\n");
    assert_rows(state, text, "where=[1=0]", 2, 2, one_to_four);
    assert_rows(state, text, "where=[label==0]", 2, 2, one_to_four);
    assert_rows(state, text, "where=[ label = 0e0 , x<4 ]", 2, 2, one_to_four);
    assert_rows(state, text, "where=[label=0] columns=[x, label]", 2, 2, named);
    assert_rows(state, text, "where=[label!=0]", 2, 3, others);
    assert_rows(state, text, "where=[label>=1]", 2, 3, others);
    assert_rows(state, text, "where=[x>3]", 2, 3, others);
    assert_rows(state, text, "where=[x<=7, x>=5, y<9]", 2, 3, others);
    assert_rows(state, "1,0,2\n5,1,6\n3,0,4\n", "where=[1=0] header=no", 2, 2, one_to_four);
    assert_rows(state, "x;l\n1,5;0,5\n2;1\n", "where=[l=0.5] decimal=comma", 1, 1,
                (const double[]){1.5});
    assert_int_equal(open_text(state, text, "where=[label=0] labels=column:label", &d), VAE_OK);
    double labels[2];
    vae__dataset_read_labels(d, 0, 2, labels);
    assert_true(vae__dataset_width(d) == 2 && labels[0] == 0 && labels[1] == 0);
    vae__dataset_free(d);
}

static void compares_texts(void **state) {
    const char *text = "name,x,y\nrock a,1,2\nrock b,x,6\n\"rock a\",3,4\n,NA,9\n";
    assert_rows(state, text, "where=[name=rock a]", 2, 2, one_to_four);
    assert_rows(state, text, "where=[name!=rock b] missing=skip", 2, 2, one_to_four);
    assert_logged("where= keeps 3 of 4 rows\n");
    assert_logged("missing=skip leaves out 1 of 3 rows; the first missing value is in line 5");
    assert_fails(state, text, "where=[name=Rock a]", VAE_ERROR_DATA,
                 "where=[name=Rock a] keeps none of 4 rows: column 0 (from 0, named name) holds "
                 "'rock a', 'rock b', ''");
    assert_fails(state, text, "where=[name=rock b]", VAE_ERROR_FORMAT,
                 "line 3, column 1 (from 0, named x): expected a finite number, found 'x'");
    assert_rows(state, "\"p, abs\",#,x\n1,a,1\n1,\"b, ]\",2\n2,a,3\n",
                "where=[\"p, abs=1\", \"#=b, ]\"]", 1, 1, &one_to_four[1]);
    assert_fails(state, text, "where=[name<3]", VAE_ERROR_DATA, "keeps none of 4 rows");
    /* An empty value is an empty cell; the column stays, since it holds numbers. */
    assert_rows(state, "a,b\n1,2\n,7\n3,4\n", "where=[a!=]", 2, 2, one_to_four);
    assert_rows(state, "a,b\n1,2\nNA,7\n3,4\n", "where=[a!=NA]", 2, 2, one_to_four);
    assert_rows(state, "a,b,c\n,1,2\n5,7,7\n,3,4\n", "where=[a=]", 2, 2, one_to_four);
    assert_rows(state, "a,b\nnan,7\n1,2\n3,4\n", "where=[a<5]", 2, 2, one_to_four);
}

static void says_why_nothing_is_kept(void **state) {
    const char *text = "x,label\n1,0\n2,1\n3,2\n4,0\n5,3\n6,4\n7,5\n";
    assert_fails(state, text, "where=[label=9]", VAE_ERROR_DATA,
                 "where=[label=9] keeps none of 7 rows: column 1 (from 0, named label) holds '0', "
                 "'1', '2', '3', '4', ..");
    assert_fails(state, text, "where=[x>2, label=9]", VAE_ERROR_DATA, "where=[label=9] keeps none");
    assert_fails(state, text, "where=[x=1, label=1] columns=[x]", VAE_ERROR_DATA,
                 "where= keeps none of 7 rows: each condition holds for some of them, but all of "
                 "them for none");
    assert_fails(state, "5\n", "where=[0=1] columns=[0]", VAE_ERROR_DATA,
                 "keeps none of 1 row: column 0 (from 0) holds '5'");
    assert_fails(state, text, "where=[y=9]", VAE_ERROR_TEXT, "options: where: ");
    assert_message("has no column 'y' (its columns: x, label)");
    assert_fails(state, "x,label\n", "where=[label=9]", VAE_ERROR_FORMAT, "found a header only");
    assert_fails(state, "label\n9\n", "where=[label=9]", VAE_ERROR_TEXT, "no column of");
    assert_fails(state, ",a,b\n7,0,1\n", "where=[a=0]", VAE_ERROR_FORMAT,
                 "column 0 (from 0) has no name");
    assert_message("columns=[b]");
    assert_rows(state, ",a\n0,1\n", "where=[0=0]", 1, 1, one_to_four);
}

/* Rows that are not kept may hold anything, but as many fields as the others. */
static void passes_over_cells_of_other_rows(void **state) {
    const char *text = "x,y,use\n1,2,yes\nbad,inf,no\n,,\n3,4,yes\n";
    assert_rows(state, text, "where=[use=yes]", 2, 2, one_to_four);
    assert_fails(state, "x,y,use\n1,2\n", "where=[use=yes]", VAE_ERROR_FORMAT, "expected 3 fields");
    char cell[300] = "x,use\n";
    memset(cell + strlen(cell), 'q', 200);
    strcat(cell, ",yes\n");
    assert_fails(state, cell, "where=[use=yes]", VAE_ERROR_FORMAT, "found 'qqqq");
}

/* ---- what else knows of rows ---- */

static void numbers_rows_as_the_file_does(void **state) {
    const char *text = "x,label\n1,0\n2,1\n3,0\n4,1\n5,0\n-6,1\nNA,1\n8,1\n";
    vae_dataset *d;
    assert_int_equal(open_text(state, text, "where=[label=1] missing=skip shuffle=0", &d), VAE_OK);
    const uint64_t sources[] = {1, 3, 5, 7};
    assert_int_equal(vae__dataset_size(d), 4);
    for (uint64_t i = 0; i < 4; i++) assert_int_equal(vae__dataset_source_row(d, i), sources[i]);
    vae__dataset_free(d);
    assert_fails(state, text, "where=[label=1] missing=skip binarize=sample", VAE_ERROR_DATA,
                 "row 1, column 0 (both from 0): expected values in [0, 1]");
    /* The split is of the rows that are kept. */
    size_t parts = 0;
    for (int part = 0; part < 2; part++) {
        assert_int_equal(open_text(state, text,
                                   part ? "where=[label=1] missing=skip split=test:0.5"
                                        : "where=[label=1] missing=skip split=train:0.5",
                                   &d),
                         VAE_OK);
        assert_int_equal(vae__dataset_size(d), 2);
        for (uint64_t i = 0; i < 2; i++) {
            vae__real x;
            vae__dataset_read(d, (size_t)i, 1, &x);
            uint64_t source = vae__dataset_source_row(d, i);
            assert_true(source == 1 || source == 3 || source == 5 || source == 7);
            assert_true(x == (source == 5 ? -6 : (vae__real)(source + 1)));
            parts += (size_t)source;
        }
        vae__dataset_free(d);
    }
    assert_int_equal(parts, 1 + 3 + 5 + 7);
}

static void labels_of_a_file_follow(void **state) {
    scratch *s = *state;
    char path[120], options[200];
    double labels[8];
    vae_dataset *d;
    snprintf(path, sizeof path, "%s/labels", s->folder);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs("10,11\n20,21\n30,31\n40,41\n", file);
    fclose(file);
    snprintf(options, sizeof options, "where=[use=1] missing=skip labels=%s", path);
    assert_int_equal(open_text(state, "x,use\n1,1\n2,0\n,1\n4,1\n", options, &d), VAE_OK);
    assert_true(vae__dataset_size(d) == 2 && vae__dataset_label_width(d) == 2);
    vae__dataset_read_labels(d, 0, 2, labels);
    assert_true(labels[0] == 10 && labels[1] == 11 && labels[2] == 40 && labels[3] == 41);
    vae__dataset_free(d);
    assert_fails(state, "x,use\n1,1\n2,0\n3,0\n", options, VAE_ERROR_FORMAT, "labels: ");
    assert_message("has 4 rows, but ");
    assert_message(" has 3");
    remove(path);
}

/* Of many rows few are kept: the others take no memory for long. */
static void holds_no_dropped_rows(void **state) {
    enum { ROWS = 50000 };
    scratch *s = *state;
    char *text = malloc(ROWS * 24);
    size_t used = 0;
    vae_dataset *d;
    vae__real x;
    assert_non_null(text);
    for (int i = 0; i < ROWS; i++) used += (size_t)sprintf(text + used, "%d,%d\n", i, i % 1000);
    s->context->memory_limit = 1 << 18; /* the file's values are 400 kB */
    assert_int_equal(open_text(state, text, "where=[1=7] header=no", &d), VAE_OK);
    s->context->memory_limit = SIZE_MAX;
    assert_int_equal(vae__dataset_size(d), ROWS / 1000);
    vae__dataset_read(d, 49, 1, &x);
    assert_true(x == 49007 && vae__dataset_source_row(d, 49) == 49007);
    vae__dataset_free(d);
    free(text);
}

static void is_for_csv_only(void **state) {
    static const char idx[] = {0, 0, 8, 1 + 1, 0, 0, 0, 1, 0, 0, 0, 1, 7};
    static const char *const options[] = {"where=[0=1]", "missing=skip", "delimiter=tab",
                                          "decimal=comma", "comment=\"#\""};
    scratch *s = *state;
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        char name[40], message[100];
        vae_dataset *d;
        snprintf(name, sizeof name, "%.*s=", (int)strcspn(options[i], "="), options[i]);
        write_file(s, idx, sizeof idx);
        assert_int_equal(vae__dataset_open(s->context, s->path, options[i], &d), VAE_ERROR_TEXT);
        snprintf(message, sizeof message, "options: %s is for CSV files; ", name);
        assert_message(message);
        assert_message("is an IDX file");
        assert_int_equal(vae__dataset_open(s->context, "sprites:3", options[i], &d),
                         VAE_ERROR_TEXT);
        snprintf(message, sizeof message, "options: %s is for CSV files, not for sprites", name);
        assert_message(message);
        assert_int_equal(vae__dataset_from_memory(s->context, "", 1, 1, options[i], &d),
                         VAE_ERROR_TEXT);
        snprintf(message, sizeof message, "options: %s is for CSV files, not for rows in memory",
                 name);
        assert_message(message);
    }
    vae_dataset *d;
    write_file(s, idx, sizeof idx);
    assert_int_equal(vae__dataset_open(s->context, s->path, "missing=refuse delimiter=auto", &d),
                     VAE_OK);
    vae__dataset_free(d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(finds_semicolons_and_tabs),
        SCRATCH_TEST(commas_stay_commas),
        SCRATCH_TEST(finds_the_delimiter_of_wide_rows),
        SCRATCH_TEST(reads_with_the_delimiter_given),
        SCRATCH_TEST(reads_static_binary_images),
        SCRATCH_TEST(reads_decimal_commas),
        SCRATCH_TEST(passes_over_comments),
        SCRATCH_TEST(skips_rows_with_missing_values),
        SCRATCH_TEST(keeps_rows_of_a_value),
        SCRATCH_TEST(compares_texts),
        SCRATCH_TEST(says_why_nothing_is_kept),
        SCRATCH_TEST(passes_over_cells_of_other_rows),
        SCRATCH_TEST(numbers_rows_as_the_file_does),
        SCRATCH_TEST(labels_of_a_file_follow),
        SCRATCH_TEST(holds_no_dropped_rows),
        SCRATCH_TEST(is_for_csv_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
