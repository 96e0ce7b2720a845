#include "data/formats/csv_options.h"
#include "data/options.h"

#include "unit/data/scratch.h"

static vae_status parse(void **state, const char *text, vae__origin origin,
                        vae__dataset_options *options) {
    vae_context *context = ((scratch *)*state)->context;
    vae_status status = vae__dataset_options_parse(context, text, origin, options);
    return status;
}

static const vae__csv_options *csv_of(const vae__dataset_options *options) {
    return options->formats[VAE__FORMAT_csv];
}

static void assert_list(const vae__slice *list, const char *text) {
    assert_int_equal(list->length, strlen(text));
    assert_memory_equal(list->text, text, strlen(text));
}

static void release(void **state, vae__dataset_options *options) {
    vae__dataset_options_free(((scratch *)*state)->context, options);
}

static void has_defaults(void **state) {
    vae__dataset_options o;
    assert_int_equal(parse(state, NULL, VAE__ORIGIN_PATH, &o), VAE_OK);
    assert_true(o.batch == 128 && o.seed == 1 && o.split_seed == 1);
    assert_true(o.shuffle == 1 && o.drop_last == 0 && o.copy == 1);
    assert_true(o.dtype == VAE__ELEMENT_FLOAT32 && o.scale.kind == VAE__SCALE_AUTO);
    assert_true(o.binarize == VAE__BINARIZE_NONE && csv_of(&o)->header == 0 &&
                o.split.part == VAE__PART_ALL);
    assert_true(!o.label_path && !o.label_column && !csv_of(&o)->columns.text &&
                !csv_of(&o)->where.text);
    assert_true(!csv_of(&o)->missing && !csv_of(&o)->delimiter && !csv_of(&o)->decimal &&
                !csv_of(&o)->comment);
    assert_int_equal(o.shift.kind, VAE__SHIFT_NONE);
    release(state, &o);
    assert_int_equal(parse(state, "labels=7_chars", VAE__ORIGIN_PATH, &o), VAE_OK);
    assert_string_equal(o.label_path, "7_chars");
    release(state, &o);
}

static void reads_every_key(void **state) {
    vae__dataset_options o;
    assert_int_equal(
        parse(state,
              "batch=7 shuffle=0 seed=18446744073709551615 drop_last=1 scale=unit # all\n"
              "binarize=sample split=test:0.75 split_seed=9 labels=column:a header=no "
              "columns=[b, c d, \"p, #1\", \"\"]",
              VAE__ORIGIN_PATH, &o),
        VAE_OK);
    assert_true(o.batch == 7 && o.seed == UINT64_MAX && o.split_seed == 9 && !o.shuffle &&
                o.drop_last);
    assert_true(o.scale.kind == VAE__SCALE_UNIT && o.binarize == VAE__BINARIZE_SAMPLE &&
                csv_of(&o)->header == 2);
    assert_true(o.split.part == VAE__PART_TEST && o.split.fraction == 0.75);
    assert_string_equal(o.label_column, "a");
    assert_list(&csv_of(&o)->columns, "[b, c d, \"p, #1\", \"\"]");
    release(state, &o);
    assert_int_equal(parse(state,
                           "where=[a b=0, 1 != x, c<= -2.5e3] missing=skip delimiter=tab decimal=, "
                           "comment=\"#\" batch=7",
                           VAE__ORIGIN_PATH, &o),
                     VAE_OK);
    assert_true(csv_of(&o)->missing == 1 && csv_of(&o)->delimiter == 3 &&
                csv_of(&o)->decimal == 1 && csv_of(&o)->comment == '#');
    assert_list(&csv_of(&o)->where, "[a b=0, 1 != x, c<= -2.5e3]");
    assert_int_equal(o.batch, 7);
    release(state, &o);
    assert_int_equal(parse(state, "comment=none decimal=. missing=refuse", VAE__ORIGIN_PATH, &o),
                     VAE_OK);
    assert_true(!csv_of(&o)->missing && !csv_of(&o)->decimal && !csv_of(&o)->comment);
    release(state, &o);
    assert_int_equal(parse(state, "delimiter=space decimal=comma", VAE__ORIGIN_PATH, &o), VAE_OK);
    assert_true(csv_of(&o)->delimiter == 4 && csv_of(&o)->decimal == 1);
    release(state, &o);
    assert_int_equal(
        parse(state, "dtype=uint8 copy=0 scale=none binarize=threshold labels=\"my labels.npy\"",
              VAE__ORIGIN_MEMORY, &o),
        VAE_OK);
    assert_true(o.dtype == VAE__ELEMENT_UINT8 && !o.copy && o.scale.kind == VAE__SCALE_NONE);
    assert_string_equal(o.label_path, "my labels.npy");
    release(state, &o);
}

static void reads_shift_and_range(void **state) {
    vae__dataset_options o;
    assert_int_equal(
        parse(state, "scale=range:-0.5:1e3 binarize=sample shift=none", VAE__ORIGIN_MEMORY, &o),
        VAE_OK);
    assert_true(o.scale.kind == VAE__SCALE_RANGE && o.scale.low == -0.5 && o.scale.high == 1000);
    assert_int_equal(o.shift.kind, VAE__SHIFT_NONE);
    release(state, &o);
    assert_int_equal(parse(state, "shift=columns scale=none", VAE__ORIGIN_PATH, &o), VAE_OK);
    assert_int_equal(o.shift.kind, VAE__SHIFT_COLUMNS);
    release(state, &o);
    const char *text = "scale=auto shift=[1e9, # time\n -2.5]";
    assert_int_equal(parse(state, text, VAE__ORIGIN_PATH, &o), VAE_OK);
    assert_int_equal(o.shift.kind, VAE__SHIFT_LIST);
    assert_ptr_equal(o.shift.list.text, strchr(text, '['));
    assert_int_equal(o.shift.list.length, strlen(strchr(text, '[')));
    release(state, &o);
}

static void refuses(void **state) {
    const struct {
        const char *text, *message;
        vae__origin origin;
    } cases[] = {
        {"columns=temperature",
         "options:1:9: expected a list in brackets, e.g. [temperature, "
         "pressure]; found 'temperature'",
         VAE__ORIGIN_PATH},
        {"columns=[#id]", "a name with '#' goes into double quotes, e.g. [\"#id\"]",
         VAE__ORIGIN_PATH},
        {"columns=[\"a\" b]",
         "options:1:14: expected ',' or ']' after the closing quote, found 'b'", VAE__ORIGIN_PATH},
        {"labels=column:#id", "options:1:8: labels=column:: the '#' behind it begins a comment",
         VAE__ORIGIN_PATH},
        {"seed=two", "options:1:6: seed=two: expected a whole number from 0 to 2^64 - 1",
         VAE__ORIGIN_PATH},
        {"batch_size=3", "unknown option 'batch_size'; did you mean 'batch'?", VAE__ORIGIN_PATH},
        {"test_size=0.1",
         "unknown option 'test_size': open the data set twice, with split=train:0.9",
         VAE__ORIGIN_PATH},
        {"dtype=double", "unknown dtype 'double'; did you mean 'float64'?", VAE__ORIGIN_MEMORY},
        {"header=1", "unknown header '1'; did you mean 'yes'?", VAE__ORIGIN_PATH},
        {"bach=3", "unknown option 'bach'; did you mean 'batch'?", VAE__ORIGIN_PATH},
        {"batch=0", "options:1:7: batch=0: expected a whole number from 1 to", VAE__ORIGIN_PATH},
        {"batch=3 batch=4", "'batch' is given twice", VAE__ORIGIN_PATH},
        {"seed=-1", "seed=-1: expected a whole number from 0", VAE__ORIGIN_PATH},
        {"shuffle=yes", "shuffle=yes: expected 0 or 1", VAE__ORIGIN_PATH},
        {"scale=255", "unknown scale '255' (known: auto unit none range:LOW:HIGH)",
         VAE__ORIGIN_PATH},
        {"scale=range", "unknown scale 'range'", VAE__ORIGIN_PATH},
        {"scale=range:", "options:1:7: scale=range:: expected range:LOW:HIGH, two finite numbers",
         VAE__ORIGIN_PATH},
        {"scale=range:1", "expected range:LOW:HIGH", VAE__ORIGIN_PATH},
        {"scale=range:2:1", "with LOW below HIGH", VAE__ORIGIN_PATH},
        {"scale=range:1:1", "with LOW below HIGH", VAE__ORIGIN_MEMORY},
        {"scale=range:1:2:3", "scale=range:1:2:3: expected", VAE__ORIGIN_MEMORY},
        {"scale=range:nan:3", "two finite numbers", VAE__ORIGIN_MEMORY},
        {"scale=range:0:inf", "two finite numbers", VAE__ORIGIN_MEMORY},
        {"scale=range:-1e308:1e308", "two finite numbers", VAE__ORIGIN_MEMORY},
        {"shift=", "unknown shift '' (known: none columns [NUMBER, ..])", VAE__ORIGIN_MEMORY},
        {"shift=5", "unknown shift '5'", VAE__ORIGIN_PATH},
        {"shift=column", "did you mean 'columns'?", VAE__ORIGIN_PATH},
        {"shift=[1, x]", "options:1:11: shift: expected a finite number, found 'x'",
         VAE__ORIGIN_PATH},
        {"shift=[1,,2]", "shift: expected a finite number, found ''", VAE__ORIGIN_PATH},
        {"shift=[inf]", "expected a finite number, found 'inf'", VAE__ORIGIN_PATH},
        {"shift=[1", "'[' is never closed", VAE__ORIGIN_PATH},
        {"shift=columns scale=unit",
         "options:1:1: shift= goes with scale=auto and scale=none; scale=unit subtracts",
         VAE__ORIGIN_PATH},
        {"scale=range:0:9 shift=[1]",
         "options:1:17: shift= goes with scale=auto and scale=none; "
         "scale=range subtracts",
         VAE__ORIGIN_MEMORY},
        {"shift=columns binarize=sample", "shift= does not go with binarize=sample",
         VAE__ORIGIN_MEMORY},
        {"binarize=threshold shift=[1]", "options:1:20: shift= does not go with binarize=threshold",
         VAE__ORIGIN_MEMORY},
        {"binarize=0.5", "(known: none threshold sample)", VAE__ORIGIN_PATH},
        {"header=maybe", "(known: auto yes no)", VAE__ORIGIN_PATH},
        {"dtype=int8", "unknown dtype 'int8'; did you mean 'uint8'?", VAE__ORIGIN_MEMORY},
        {"split=train", "options:1:7: split=train: expected train:F or test:F", VAE__ORIGIN_PATH},
        {"split=train:1.5", "F from 0 to 1", VAE__ORIGIN_PATH},
        {"split=train:nan", "split=train:nan: expected", VAE__ORIGIN_PATH},
        {"split=valid:0.5", "split=valid:0.5: expected", VAE__ORIGIN_PATH},
        {"split=train:0.1234567890123456789012345678x", "expected train:F", VAE__ORIGIN_PATH},
        {"split=", "expected train:F", VAE__ORIGIN_PATH},
        {"labels=", "labels: expected a path or column:NAME", VAE__ORIGIN_PATH},
        {"labels=column:", "labels: expected a path or column:NAME", VAE__ORIGIN_PATH},
        {"columns=a", "expected a list in brackets", VAE__ORIGIN_PATH},
        {"columns=[]", "columns: expected names or numbers from 0, found an empty list",
         VAE__ORIGIN_PATH},
        {"columns=[a,,b]", "columns: expected a name or number between commas", VAE__ORIGIN_PATH},
        {"dtype=uint8", "options: dtype= is for rows in memory", VAE__ORIGIN_PATH},
        {"copy=1", "options: copy= is for rows in memory", VAE__ORIGIN_PATH},
        {"header=yes", "options: header= is for CSV files, not for rows in memory",
         VAE__ORIGIN_MEMORY},
        {"columns=[1]", "options: columns= is for CSV files, not for rows in memory",
         VAE__ORIGIN_MEMORY},
        {"where=label", "expected a list in brackets, e.g. [label=0]", VAE__ORIGIN_PATH},
        {"where=[]", "where: expected [COLUMN=VALUE, ..], found an empty list", VAE__ORIGIN_PATH},
        {"where=[a]", "options:1:8: where: expected COLUMN=VALUE, or !=, <, <=, > or >= in place",
         VAE__ORIGIN_PATH},
        {"where=[a=1,,b=2]", "options:1:12: where: expected COLUMN=VALUE", VAE__ORIGIN_PATH},
        {"where=[=1]", "in place of '=', found '=1'", VAE__ORIGIN_PATH},
        {"where=[a!1]", "found 'a!1'", VAE__ORIGIN_PATH},
        {"where=[a<b]", "where: 'a<b': expected a number after < or >", VAE__ORIGIN_PATH},
        {"where=[a>=nan]", "expected a number after < or >", VAE__ORIGIN_PATH},
        {"where=[a>]", "expected a number after < or >", VAE__ORIGIN_PATH},
        {"missing=keep", "unknown missing 'keep' (known: refuse skip)", VAE__ORIGIN_PATH},
        {"delimiter=;", "unknown delimiter ';'; did you mean 'semicolon'? (known: auto comma ",
         VAE__ORIGIN_PATH},
        {"sep=tab", "unknown option 'sep'; did you mean 'delimiter'?", VAE__ORIGIN_PATH},
        {"where=[\"a, b\"=1]", "expected ',' or ']' after the closing quote", VAE__ORIGIN_PATH},
        {"decimal=coma", "unknown decimal 'coma'; did you mean 'comma'? (known: point comma)",
         VAE__ORIGIN_PATH},
        {"decimal=comma delimiter=comma",
         "options:1:1: decimal=comma needs fields that are separated by something else",
         VAE__ORIGIN_PATH},
        {"comment=#",
         "options:1:9: comment=: the '#' behind it begins a comment; a value with '#' goes into "
         "double quotes, e.g. comment=\"...\"",
         VAE__ORIGIN_PATH},
        {"comment=",
         "comment: expected none or one sign that begins no number, such as "
         "comment=\"#\" (in quotes,",
         VAE__ORIGIN_PATH},
        {"comment=//", "comment: expected none or one sign", VAE__ORIGIN_PATH},
        {"comment=-", "comment: expected none or one sign", VAE__ORIGIN_PATH},
        {"delimiter=semicolon comment=;",
         "options:1:21: comment: ';' separates the fields (delimiter=semicolon)", VAE__ORIGIN_PATH},
        {"where=[a=1]", "options: where= is for CSV files, not for rows in memory",
         VAE__ORIGIN_MEMORY},
        {"comment=none", "options: comment= is for CSV files", VAE__ORIGIN_MEMORY},
        {"labels=column:1", "labels=column:NAME is for CSV files, not for rows in memory",
         VAE__ORIGIN_MEMORY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vae__dataset_options o;
        assert_int_equal(parse(state, cases[i].text, cases[i].origin, &o), VAE_ERROR_TEXT);
        assert_message(cases[i].message);
        release(state, &o);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(has_defaults),
        SCRATCH_TEST(reads_every_key),
        SCRATCH_TEST(reads_shift_and_range),
        SCRATCH_TEST(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
