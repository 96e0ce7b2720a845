#include <locale.h>

#include "data/formats/csv_options.h"
#include "support/locale.h"
#include "unit/data/scratch.h"

#define LIST(text) \
    { "options", text, text, sizeof(text) - 1 }

static vae_status read_text(void **state, const char *text, const vae__csv_options *options,
                            vae__table *table) {
    scratch *s = *state;
    vae__csv_options own = *options;
    void *formats[VAE__FORMAT_COUNT] = {[VAE__FORMAT_csv] = &own};
    const vae__format_request request = {
        .as_labels = options->as_labels, .label_column = options->label_column, .options = formats};
    write_file(s, text, strlen(text));
    return vae__format_read(s->context, s->path, &request, table);
}

static void assert_rows(void **state, const char *text, const vae__csv_options *options,
                        size_t rows, size_t width, const double *expected) {
    vae__table table;
    if (read_text(state, text, options, &table)) fail_msg("%s: %s", text, vae__last_message());
    assert_int_equal(table.element, VAE__ELEMENT_FLOAT64);
    assert_int_equal(table.rows, rows);
    assert_int_equal(table.shape.size, width);
    assert_true(table.shape.rank == 1 && table.shape.extents[0] == width);
    for (size_t i = 0; i < rows * width; i++)
        assert_true(((double *)table.values)[i] == expected[i]);
    vae__table_free(((scratch *)*state)->context, &table);
}

static void assert_fails(void **state, const char *text, const vae__csv_options *options,
                         vae_status status, const char *message) {
    vae__table table;
    assert_int_equal(read_text(state, text, options, &table), status);
    assert_message(((scratch *)*state)->path);
    assert_message(message);
}

static const vae__csv_options none;

static void reads_with_and_without_header(void **state) {
    const double values[] = {1, 2.5, -3e2, 4};
    const vae__csv_options yes = {.header = 1}, no = {.header = 2};
    assert_rows(state, "1,2.5\n-3e2,4\n", &none, 2, 2, values);
    assert_rows(state, "a,b\n1,2.5\n-3e2,4", &none, 2, 2, values);
    assert_rows(state, "1,b\n1,2.5\n-3e2,4\n\n\n", &yes, 2, 2, values);
    assert_rows(state, "7,8\n1,2.5\n-3e2,4", &yes, 2, 2, values);
    assert_rows(state, "1,2.5\n-3e2,4", &no, 2, 2, values);
    assert_fails(state, "a,b\n1,2", &no, VAE_ERROR_FORMAT,
                 "line 1, column 0 (from 0): expected a finite number, found 'a'");
}

/* header=auto: a line of which only some cells are numbers may be either. */
static void asks_whether_a_mixed_line_is_a_header(void **state) {
    const vae__csv_options two = {.columns = LIST("[0, 1]")}, label = {.label_column = "1"},
                           yes = {.header = 1}, no = {.header = 2, .columns = LIST("[0, 1]")};
    const double rows[] = {5.1, 3.5, 4.9, 3}, last[] = {4.9, 3};
    const char *iris = "5.1,3.5,Iris-setosa\n4.9,3.0,Iris-setosa\n";
    const char *asked = "say header=yes if the line holds names, header=no if it is a row (and "
                        "columns=[..] if only some columns are numbers)";
    assert_fails(state, iris, &none, VAE_ERROR_FORMAT,
                 "line 1: expected names only or numbers only, found the number '5.1' in column 0 "
                 "(from 0) and 'Iris-setosa' in column 2; say header=yes");
    assert_fails(state, iris, &none, VAE_ERROR_FORMAT, asked);
    assert_fails(state, iris, &two, VAE_ERROR_FORMAT, "and 'Iris-setosa' in column 2");
    assert_rows(state, iris, &no, 2, 2, rows);
    assert_fails(state, "NA,2\n3,4\n", &none, VAE_ERROR_FORMAT,
                 "found the number '2' in column 1 (from 0) and 'NA' in column 0");
    assert_fails(state, "50%,3\n4,5\n", &none, VAE_ERROR_FORMAT, "and '50%' in column 0");
    assert_fails(state, "1,\n2,3\n", &none, VAE_ERROR_FORMAT, "and an empty cell in column 1");
    assert_fails(state, "x,7\n2,3\n", &label, VAE_ERROR_FORMAT, "the number '7' in column 1");
    assert_fails(state, "a,\"2019\"\n2,3\n", &none, VAE_ERROR_FORMAT, "the number '2019'");
    assert_rows(state, "NA,2\n4.9,3\n", &yes, 1, 2, last);
    assert_fails(state, "NA,2\n4.9,3\n", &(vae__csv_options){.header = 2}, VAE_ERROR_FORMAT,
                 "line 1, column 0 (from 0): expected a finite number, found 'NA'; missing=skip "
                 "leaves out the rows with a missing value");
}

/* A pandas table whose columns have no names, with and without its index. */
static void asks_whether_counting_is_a_header(void **state) {
    const vae__csv_options yes = {.header = 1}, no = {.header = 2};
    const double rows[] = {0, 1, 2, 5, 6, 7}, last[] = {5, 6, 7}, column[] = {0, 5}, five[] = {5};
    const char *pandas = "0,1,2\n5,6,7\n";
    assert_fails(state, pandas, &none, VAE_ERROR_FORMAT,
                 "line 1: 0 to 2 may be a row or names, which pandas gives to columns without any; "
                 "say header=yes if");
    assert_rows(state, pandas, &yes, 1, 3, last);
    assert_rows(state, pandas, &no, 2, 3, rows);
    assert_fails(state, "\"0\", \"1\"\n5,6\n", &none, VAE_ERROR_FORMAT,
                 "0 to 1 may be a row or names");
    assert_fails(state, ",0,1\n0,5,6\n", &none, VAE_ERROR_FORMAT, "and an empty cell in column 0");
    assert_message("an index, which pandas writes without a name, is left out by columns=[..]");
    const vae__csv_options without = {.header = 1, .columns = LIST("[0, 1]")};
    assert_rows(state, ",0,1\n9,5,6\n", &without, 1, 2, (const double[]){5, 6});
    assert_fails(state, "0\n5\n", &none, VAE_ERROR_FORMAT,
                 "line 1: 0 may be a row or a name, which pandas gives to a column without one");
    assert_rows(state, "0\n5\n", &no, 2, 1, column);
    assert_rows(state, "0\n5\n", &yes, 1, 1, five);
    assert_rows(state, "0.0,1,2\n5,6,7\n", &none, 2, 3, rows);
    const double one_two[] = {1, 2, 5, 6}, years[] = {2019, 2020, 5, 6}, back[] = {1, 0, 5, 6};
    assert_rows(state, "1,2\n5,6\n", &none, 2, 2, one_two);
    assert_rows(state, "1,0\n5,6\n", &none, 2, 2, back);
    assert_rows(state, "\"2019\",\"2020\"\n5,6\n", &none, 2, 2, years);
}

/* Labels are as many as rows, so a wrong guess is noticed, and nobody can say header= of their file. */
static void takes_labels_that_count_from_0(void **state) {
    const vae__csv_options labels = {.as_labels = 1};
    const double one[] = {0, 1, 0}, two[] = {0, 1, 5, 6}, named[] = {0, 1};
    assert_rows(state, "0\n1\n0\n", &labels, 3, 1, one);
    assert_rows(state, "0,1\n5,6\n", &labels, 2, 2, two);
    assert_rows(state, "class\n0\n1\n", &labels, 2, 1, named);
    assert_fails(state, "a,1\n0,1\n", &labels, VAE_ERROR_FORMAT,
                 "a file of labels begins with names only or with numbers only");
    assert_fails(
        state, ",class\n0,1\n", &labels, VAE_ERROR_FORMAT,
        "column 0 (from 0) has no name, as the index of a table that pandas writes; save the "
        "labels without it (index=False)");
}

static void asks_for_columns_where_one_has_no_name(void **state) {
    const vae__csv_options yes = {.header = 1}, named = {.columns = LIST("[a, b]")},
                           numbered = {.columns = LIST("[0, b]")}, label = {.label_column = "0"},
                           label_a = {.label_column = "a"};
    const char *text = ",a,b\n7,1,2\n8,3,4\n";
    const double all[] = {7, 1, 2, 8, 3, 4}, a_b[] = {1, 2, 3, 4}, index_b[] = {7, 2, 8, 4};
    assert_fails(
        state, text, &none, VAE_ERROR_FORMAT,
        "line 1: column 0 (from 0) has no name, as the index of a table that pandas writes; "
        "name the columns that make a row, or use all with header=yes: columns=[a, b]");
    assert_fails(state, text, &label_a, VAE_ERROR_FORMAT, "columns=[b]");
    assert_rows(state, text, &named, 2, 2, a_b);
    assert_rows(state, text, &numbered, 2, 2, index_b);
    assert_rows(state, text, &yes, 2, 3, all);
    assert_fails(state, "a,b,\n1,2,3\n", &none, VAE_ERROR_FORMAT, "column 2 (from 0) has no name");
    assert_fails(state, "\"\",\"p, abs\",c\n1,2,3\n", &none, VAE_ERROR_FORMAT,
                 "columns=[\"p, abs\", c]");
    vae__table table;
    assert_int_equal(read_text(state, text, &label, &table), VAE_OK);
    assert_true(table.shape.size == 2 && table.label_width == 1 && table.labels[1] == 8);
    vae__table_free(((scratch *)*state)->context, &table);
    char wide[2000] = "index,";
    for (int i = 0; i < 100; i++) sprintf(wide + strlen(wide), ",column %d", i);
    assert_fails(state, wide, &none, VAE_ERROR_FORMAT, "columns=[index, column 0, column 1, ");
    assert_message(", ..]");
}

/* A line of missing values is neither. Names may be among them: NA may be sodium or North America. */
static void refuses_a_line_of_missing_values(void **state) {
    static const char *const lines[] = {"NA", "NULL,?", "N/A,NA", ",", "\"\"", "-,--", "null,None"};
    const double values[] = {1, 2};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char text[50];
        snprintf(text, sizeof text, "%s\n1,2\n", lines[i]);
        assert_fails(state, text, &none, VAE_ERROR_FORMAT,
                     "line 1: expected names or numbers, found missing values only, '");
    }
    assert_rows(state, "NA,K\n1,2\n", &none, 1, 2, values);
    assert_rows(state, "x,%\n1,2\n", &none, 1, 2, values);
    assert_rows(state, "\xc3\xa9,\xce\xb1\n1,2\n", &none, 1, 2, values);
    assert_rows(state, "NA,NULL\n1,2\n", &(vae__csv_options){.header = 1}, 1, 2, values);
    assert_fails(state, "nan,nan\n1,2\n", &none, VAE_ERROR_FORMAT,
                 "line 1, column 0 (from 0): expected a finite number, found 'nan'; missing=skip");
}

static void reads_line_ends_quotes_and_marks(void **state) {
    const double values[] = {1, 2, 3, 4};
    assert_rows(state, "1,2\r\n3,4\r\n", &none, 2, 2, values);
    assert_rows(state, "1,2\r3,4\r", &none, 2, 2, values);
    assert_rows(state, "\xEF\xBB\xBF\"a \"\"x\"\", y\",\"b\nc\"\r\n 1 ,\"2\"\r\n\"3\" ,\t4\r\n",
                &none, 2, 2, values);
    assert_rows(state, "1\t,\"2\"\t\n3 \t,\"4\" \t", &none, 2, 2, values);
    assert_rows(state, "1, \"2\"\n \t \"3\" ,\t\"4\"\n  \n", &none, 2, 2, values);
    assert_rows(state, " \"a, \"\"b\", \"c\"\n1, 2\n 3,4", &none, 2, 2, values);
    assert_rows(state,
                "\xEF\xBB\xBF"
                "1,2\n3,4",
                &none, 2, 2, values);
    assert_rows(state, "1\n2\n3\n4", &none, 4, 1, values);
}

static void chooses_columns(void **state) {
    const char *text = "id,\"w, cm\",h,class\nx1,1,2,0\nx2,3,4,1\n";
    const double h_w[] = {2, 1, 4, 3}, h[] = {2, 4}, numbered[] = {2, 3, 5, 6};
    const vae__csv_options by_name = {.columns = LIST("[h, 1]")},
                           one = {.columns = LIST("[2]"), .label_column = "class"};
    const vae__csv_options from_0 = {.columns = LIST("[1, 2]")},
                           missing = {.columns = LIST("[h, width]")};
    const vae__csv_options twice = {.columns = LIST("[h, 2]")},
                           label = {.columns = LIST("[h]"), .label_column = "h"};
    assert_rows(state, text, &by_name, 2, 2, h_w);
    assert_rows(state, text, &one, 2, 1, h);
    assert_rows(state, "1,2,3\n4,5,6\n", &from_0, 2, 2, numbered);
    assert_fails(state, text, &missing, VAE_ERROR_TEXT,
                 "has no column 'width' (its columns: id, \"w, cm\", h, class)");
    assert_fails(state, "1,2,3\n", &missing, VAE_ERROR_TEXT,
                 "has no column 'h' (it has no header; columns are 0 to 2)");
    assert_fails(state, "1,2\n", &from_0, VAE_ERROR_TEXT, "has no column '2'");
    assert_fails(state, "h,h\n1,2\n", &missing, VAE_ERROR_TEXT,
                 "has 2 columns 'h'; name it by its number from 0");
    vae__table table;
    assert_int_equal(read_text(state, text, &twice, &table), VAE_ERROR_TEXT);
    assert_message("options: columns: '2' is given twice");
    assert_int_equal(read_text(state, text, &label, &table), VAE_ERROR_TEXT);
    assert_message("options: columns: 'h' is the label column");
}

static void takes_the_label_column_out(void **state) {
    const vae__csv_options by_name = {.label_column = "y"}, by_number = {.label_column = "1"};
    vae__table table;
    assert_int_equal(read_text(state, "a,y,b\n1,7,2\n3,8,4\n", &by_name, &table), VAE_OK);
    assert_true(table.shape.size == 2 && table.label_width == 1);
    assert_true(table.labels[0] == 7 && table.labels[1] == 8);
    assert_true(((double *)table.values)[1] == 2 && ((double *)table.values)[2] == 3);
    vae__table_free(((scratch *)*state)->context, &table);
    assert_fails(
        state, "a,y\n1,cat\n", &by_name, VAE_ERROR_FORMAT,
        "line 2, column 1 (from 0, named y): expected a finite number as label, found 'cat'");
    assert_fails(state, "1\n2\n", &by_number, VAE_ERROR_TEXT, "has no column '1'");
    assert_fails(state, "y\n2\n", &by_name, VAE_ERROR_TEXT, "no column of");
}

static void names_the_bad_cell(void **state) {
    assert_fails(
        state, "a,b\n1,2\n3,\n", &none, VAE_ERROR_FORMAT,
        "line 3, column 1 (from 0, named b): expected a finite number, found an empty cell");
    assert_fails(state, "1,2\x7f", &none, VAE_ERROR_FORMAT, "not a known format");
    assert_fails(state, "1\n\"\"", &none, VAE_ERROR_FORMAT,
                 "line 2, column 0 (from 0): expected a finite number, found an empty cell");
    assert_fails(state, "1,2\n3,x\xE9y\n", &none, VAE_ERROR_FORMAT, "found 'x?y'");
    assert_fails(state, "1,2\n3,inf\n", &none, VAE_ERROR_FORMAT,
                 "line 2, column 1 (from 0): expected a finite number, found 'inf'");
    assert_fails(state, "1,nan\n", &none, VAE_ERROR_FORMAT,
                 "line 1, column 1 (from 0): expected a finite number, found 'nan'");
    assert_fails(state, "1,1e999\n", &none, VAE_ERROR_FORMAT, "found '1e999'");
    assert_fails(state, "\"a\r\nb\",c\n1,\"0x10\"\n", &none, VAE_ERROR_FORMAT, "line 3, column 1");
    assert_fails(state, "1,2\n3,1 2\n", &none, VAE_ERROR_FORMAT, "found '1 2'");
}

static void names_columns_in_any_script(void **state) {
    assert_fails(state, "\xc3\xa9t\xc3\xa9\n1\nx\n", &none, VAE_ERROR_FORMAT,
                 "line 3, column 0 (from 0, named \xc3\xa9t\xc3\xa9): expected a finite number");
}

static void refuses_uneven_and_blank_lines(void **state) {
    assert_fails(state, "1,2\n3\n", &none, VAE_ERROR_FORMAT,
                 "line 2: expected 2 fields as in line 1, found 1");
    assert_fails(state, "1,2\n3,4,5\n", &none, VAE_ERROR_FORMAT,
                 "line 2: expected 2 fields as in line 1, found 3 or more");
    assert_fails(state, "1,2\n3,4,", &none, VAE_ERROR_FORMAT, "found 3 or more");
    assert_fails(state, "1\n\n3\n", &none, VAE_ERROR_FORMAT,
                 "line 2: expected a row, found a blank line");
    assert_fails(state, "\n1\n", &none, VAE_ERROR_FORMAT,
                 "line 1: expected a row, found a blank line");
    const vae__csv_options yes = {.header = 1};
    assert_fails(state, "1,2\n", &yes, VAE_ERROR_FORMAT, "expected rows, found a header only");
    assert_fails(state, "x,\"0;5\"\n", &none, VAE_ERROR_FORMAT,
                 "expected rows, found a header only (column 0, from 0, is 'x')");
    assert_fails(state, "\xEF\xBB\xBF", &none, VAE_ERROR_FORMAT,
                 "expected rows, found an empty file");
}

static void refuses_broken_quotes(void **state) {
    assert_fails(state, "1,2\n3,\"4\n5\n", &none, VAE_ERROR_FORMAT,
                 "line 2: a quote is opened and never closed");
    assert_fails(state, "1,2\n3,\"4\"5\n", &none, VAE_ERROR_FORMAT,
                 "line 2: expected ',' or the end of the line after a closing quote");
}

/* What delimiter=auto cannot decide, or no delimiter= reads. */
static void names_another_separator(void **state) {
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"1,5;2,5\n3,5;4,5\n", "';' (expected ','); say delimiter=semicolon, and decimal=comma"},
        {"a;b\n1;2;3\n", "line 1: looks separated by ';' (expected ',')"},
        {"a\tb\n1\t2\t3\n", "'\\t' (expected ','); say delimiter=tab"},
        {"a;b\tc\n1;2\t3\n", "';' (expected ',')"},
        {"1|2\n3|4\n", "'|' (expected ','); write it with commas between fields"},
        {"\"a\";\"b\"\n1;2;3\n", "line 1: looks separated by ';'"},
        {"\"a\"\t\"b\"\n1\n", "'\\t'"},
        {"1.0e+00 2.0e+00\n3 4\n", "' ' (expected ','); say delimiter=space"},
        {"1  2   3\n", "say delimiter=space"},
    };
    const double values[] = {1, 2};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_fails(state, cases[i].text, &none, VAE_ERROR_FORMAT, "looks separated by ");
        assert_message(cases[i].shown);
        assert_fails(state, cases[i].text, &(vae__csv_options){.header = 1}, VAE_ERROR_FORMAT,
                     cases[i].shown);
    }
    assert_fails(state, "a,b\n1,5;2,5\n", &none, VAE_ERROR_FORMAT,
                 "found '5;2'; if ';' separates the fields, say delimiter=semicolon");
    assert_rows(state, "\"a;b\"\n1\n2\n", &none, 2, 1, values);
    assert_rows(state, "my column\n1\n2\n", &none, 2, 1, values);
    assert_rows(state, "a;b,c\n1,2\n", &none, 1, 2, values);
}

static void says_what_a_number_is(void **state) {
    const char *commas = "numbers have a point, no decimal comma and no separator of thousands";
    assert_fails(state, "a,b\n\"1,5\",2\n", &none, VAE_ERROR_FORMAT, commas);
    assert_fails(state, "a,b\n\"1,234.5\",2\n", &none, VAE_ERROR_FORMAT, commas);
    assert_fails(state, "a,b\n2,?\n", &none, VAE_ERROR_FORMAT,
                 "found '?'; missing=skip leaves out the rows with a missing value");
    assert_fails(state, "a,b\n2,--\n", &none, VAE_ERROR_FORMAT,
                 "found '--'; if it stands for a missing value, leave the cell empty and say "
                 "missing=skip");
    assert_fails(state, "a,b\n2,1\t000\n", &none, VAE_ERROR_FORMAT,
                 "found '1\\t000'; if tabs separate the fields, say delimiter=tab");
    assert_fails(state, "a,b\n2,x\n", &none, VAE_ERROR_FORMAT, "found 'x'");
    assert_true(!strstr(vae__last_message(), ";"));
    assert_fails(state, "a,b\n2,\"1\n\r\t2345678901234567890123456789012345678\"\n", &none,
                 VAE_ERROR_FORMAT, "found '1\\n\\r\\t234567890123456789012345678901234...'");
}

static void refuses_what_is_no_text(void **state) {
    char file[100000];
    scratch *s = *state;
    memset(file, '1', sizeof file);
    write_file(s, file, sizeof file);
    assert_refused(s, VAE_ERROR_FORMAT,
                   "line 1: expected fields of less than 65536 characters, found a longer one");
    file[70] = 0;
    write_file(s, file, sizeof file);
    assert_refused(s, VAE_ERROR_FORMAT, "line 1: expected text, found a byte of value 0");
}

/* More rows than the first room, over several buffers of the file; also compressed. */
static void reads_many_rows(void **state) {
    const size_t rows = 20000;
    char *text = malloc(rows * 16);
    size_t size = 0;
    scratch *s = *state;
    for (size_t i = 0; i < rows; i++) size += (size_t)sprintf(text + size, "%zu,%zu.5\n", i, i);
    for (int compressed = 0; compressed < 2; compressed++) {
        vae__table table;
        (compressed ? write_gzip : write_file)(s, text, size);
        assert_int_equal(read_table(s, &table), VAE_OK);
        assert_int_equal(table.rows, rows);
        const double *values = table.values;
        for (size_t i = 0; i < rows; i++) {
            assert_true(values[2 * i] == (double)i && values[2 * i + 1] == (double)i + 0.5);
        }
        vae__table_free(s->context, &table);
    }
    s->context->memory_limit = 1 << 19;
    assert_refused(s, VAE_ERROR_LIMIT, "but memory_limit=512K leaves");
    s->context->memory_limit = SIZE_MAX;
    free(text);
}

/* Three rows of 100000 columns take memory for about as many rows, not for dozens. */
static void reads_wide_rows(void **state) {
    enum { COLUMNS = 100000, ROWS = 3 };
    char *text = malloc(2 * COLUMNS * ROWS);
    scratch *s = *state;
    vae__table table;
    assert_non_null(text);
    for (size_t i = 0; i < COLUMNS * ROWS; i++) {
        text[2 * i] = (char)('0' + i % 7);
        text[2 * i + 1] = i % COLUMNS < COLUMNS - 1 ? ',' : '\n';
    }
    write_file(s, text, 2 * COLUMNS * ROWS);
    free(text);
    s->context->memory_limit = 8 << 20;
    assert_int_equal(read_table(s, &table), VAE_OK);
    s->context->memory_limit = SIZE_MAX;
    assert_true(table.rows == ROWS && table.shape.size == COLUMNS);
    for (size_t i = 0; i < COLUMNS * ROWS; i++)
        assert_true(((double *)table.values)[i] == (double)(i % 7));
    vae__table_free(s->context, &table);
}

/* The stream breaks off at a row, in a field, in quotes, behind them, and before the first byte. */
static void reports_a_damaged_stream(void **state) {
    const char *starts[] = {"1,2\n", "1,2\n3", "1,2\n\"3", "1,2\n\"3\"", ""};
    scratch *s = *state;
    for (size_t i = 0; i < 5; i++) {
        unsigned char file[200];
        write_gzip(s, starts[i], strlen(starts[i]));
        FILE *stream = fopen(s->path, "rb");
        assert_non_null(stream);
        size_t size = fread(file, 1, sizeof file, stream);
        fclose(stream);
        write_file(s, file, size - 8); /* without its checksum */
        assert_refused(s, VAE_ERROR_FORMAT, "gzip stream");
    }
}

static void does_not_read_the_locale(void **state) {
    const double values[] = {0.5};
    const vae__csv_options no = {.header = 2};
    if (!test_comma_locale()) skip();
    assert_rows(state, "0.5\n", &no, 1, 1, values);
    setlocale(LC_ALL, "C");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(reads_with_and_without_header),
        SCRATCH_TEST(asks_whether_a_mixed_line_is_a_header),
        SCRATCH_TEST(asks_whether_counting_is_a_header),
        SCRATCH_TEST(takes_labels_that_count_from_0),
        SCRATCH_TEST(asks_for_columns_where_one_has_no_name),
        SCRATCH_TEST(refuses_a_line_of_missing_values),
        SCRATCH_TEST(reads_line_ends_quotes_and_marks),
        SCRATCH_TEST(chooses_columns),
        SCRATCH_TEST(takes_the_label_column_out),
        SCRATCH_TEST(names_the_bad_cell),
        SCRATCH_TEST(names_columns_in_any_script),
        SCRATCH_TEST(refuses_uneven_and_blank_lines),
        SCRATCH_TEST(refuses_broken_quotes),
        SCRATCH_TEST(names_another_separator),
        SCRATCH_TEST(says_what_a_number_is),
        SCRATCH_TEST(refuses_what_is_no_text),
        SCRATCH_TEST(reads_many_rows),
        SCRATCH_TEST(reads_wide_rows),
        SCRATCH_TEST(reports_a_damaged_stream),
        SCRATCH_TEST(does_not_read_the_locale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
