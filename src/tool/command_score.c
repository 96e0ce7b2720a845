/* vae score: how strange each row is, in nats, which columns make it so, and whether that is an alarm. The
 * threshold stays with the model, together with the options of the score that it was made of. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "output.h"
#include "settings.h"
#include "subject.h"
#include "text.h"

static const tool_option options[] = {
    TOOL_OUTPUT("scores: .csv, .npy, or - for CSV on stdout (-)"),
    {"explain", 0, TOOL_WHOLE, "K", "name the K columns that drove each score (0)"},
    {"threshold-quantile", 0, TOOL_REAL, "Q", "alarm above this quantile of the scores of DATA"},
    {"threshold", 0, TOOL_REAL, "X", "alarm above X nats, for this call only"},
    {"samples", 0, TOOL_WHOLE, "K", "-log p(x) from K draws (the score at the mean)"},
    {"seed", 0, TOOL_WHOLE, "N", "of the draws (1)"},
    TOOL_DATA,
    TOOL_COLUMNS,
    TOOL_THREADS,
    TOOL_QUIET,
    TOOL_END,
};

typedef struct driver {
    size_t column;
    double nats;
} driver;

typedef struct scores {
    subject s;
    const char *path;     /* of the output */
    char *options;        /* of vae_score */
    size_t rows, explain; /* columns to name a row */
    double *score;        /* [rows] */
    driver *drivers;      /* [rows, explain], the largest first */
    int has_threshold;
    double threshold;
} scores;

/* ---- options ---- */

static int check_options(const tool_call *call, scores *to) {
    double quantile = strtod(command_value(call, "threshold-quantile", "0.5"), NULL);
    to->path = command_value(call, "output", "-");
    to->explain = (size_t)command_whole(call, "explain", 0);
    table_format format = table_format_of(to->path);
    if (format != TABLE_CSV && format != TABLE_NPY)
        return command_misused(
            call, "--output: expected a name that ends in .csv or .npy, found '%s'", to->path);
    if (format == TABLE_NPY && to->explain)
        return command_misused(call,
                               "--explain: names of columns need an output that ends in .csv");
    if (!(quantile >= 0 && quantile <= 1))
        return command_misused(call, "--threshold-quantile: expected 0 to 1, found %s",
                               command_value(call, "threshold-quantile", ""));
    if (command_given(call, "threshold") && command_given(call, "threshold-quantile"))
        return command_misused(call, "--threshold and --threshold-quantile exclude each other");
    const char *const inputs[] = {call->operand[0], call->operand[1]};
    return output_check(call, to->path, inputs, 2);
}

/* The threshold is saved with a model, and a model alone would be left of a checkpoint, whatever its name. */
static int check_is_model(const scores *to) {
    const tool_call *call = to->s.call;
    vae_model *model = NULL;
    vae_optimizer *optimizer = NULL;
    if (!command_given(call, "threshold-quantile")) return TOOL_DONE;
    vae_status status =
        vae_checkpoint_load(to->s.context, to->s.model_path, NULL, &model, &optimizer);
    vae_optimizer_destroy(optimizer);
    vae_model_destroy(model);
    if (status == VAE_ERROR_FORMAT) return TOOL_DONE;
    if (status) return command_refused(call, status, NULL);
    return command_misused(call,
                           "--threshold-quantile: %s is a checkpoint, which stays as it is; give "
                           "the model instead",
                           to->s.model_path);
}

/* What was said, else what the threshold in the model was made with, else the score at the mean. */
static void choose_score(scores *to) {
    const tool_call *call = to->s.call;
    const char *kept = vae_model_metadata(to->s.model, SETTINGS_SCORE);
    text chosen = {0};
    if (command_given(call, "samples")) {
        text_append(&chosen, "samples=%s seed=%s", command_value(call, "samples", NULL),
                    command_value(call, "seed", "1"));
    } else {
        text_append(&chosen, "%s", kept ? kept : "at=mean");
    }
    to->options = chosen.text;
}

/* The threshold of this call, if there is one before the scores are known. */
static int choose_threshold(scores *to) {
    const tool_call *call = to->s.call;
    const char *kept = vae_model_metadata(to->s.model, SETTINGS_THRESHOLD);
    const char *made_with = vae_model_metadata(to->s.model, SETTINGS_SCORE);
    const char *given = command_value(call, "threshold", NULL);
    if (command_given(call, "threshold-quantile") || (!given && !kept)) return TOOL_DONE;
    if (!given && made_with && strcmp(made_with, to->options))
        return command_misused(call,
                               "the threshold in %s is one for scores with %s, these are with %s: "
                               "give --threshold or --threshold-quantile",
                               call->operand[0], made_with, to->options);
    const char *said = given ? given : kept;
    char *end;
    to->threshold = strtod(said, &end);
    to->has_threshold = 1;
    if (end != said && !*end && isfinite(to->threshold)) return TOOL_DONE;
    if (given)
        return command_misused(call, "--threshold: expected a finite number, found '%s'", said);
    return command_failed(call, "%s: expected a number as %s in its metadata, found '%s'",
                          call->operand[0], SETTINGS_THRESHOLD, kept);
}

/* ---- scores ---- */

/* The largest values of a row, largest first: an insertion into a short list. */
static void find_drivers(const double *by_value, size_t width, driver *to, size_t count) {
    size_t used = 0;
    for (size_t i = 0; i < width && count; i++) {
        if (used == count && by_value[i] <= to[used - 1].nats) continue;
        size_t at = used < count ? used++ : used - 1;
        for (; at > 0 && to[at - 1].nats < by_value[i]; at--) to[at] = to[at - 1];
        to[at] = (driver){i, by_value[i]};
    }
}

static int compute(scores *to) {
    subject *s = &to->s;
    size_t chunk = subject_chunk(s), width = s->width, rows = vae_dataset_size(s->data);
    float *x = text_allocate(chunk * width, sizeof *x);
    double *by_value = to->explain ? text_allocate(chunk * width, sizeof *by_value) : NULL;
    int problem = TOOL_DONE;
    to->rows = rows;
    if (to->explain > width) to->explain = width;
    to->score = text_allocate(rows, sizeof *to->score);
    to->drivers = text_allocate(rows * to->explain, sizeof *to->drivers);
    for (size_t first = 0; !problem && first < rows; first += chunk) {
        size_t n = rows - first < chunk ? rows - first : chunk;
        vae_status status = vae_dataset_read(s->data, first, n, x, width);
        if (!status)
            status = vae_score(s->model, x, n, width, to->options, to->score + first, by_value);
        if (status) problem = subject_refused_rows(s->call, status, s->data, first, s->data_path);
        if (problem || !to->explain) continue;
        for (size_t r = 0; r < n; r++)
            find_drivers(by_value + r * width, width, to->drivers + (first + r) * to->explain,
                         to->explain);
    }
    free(by_value);
    free(x);
    return problem;
}

static int compare(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* Between the two nearest scores in order, as NumPy's quantile does by default. */
static void take_quantile(scores *to) {
    double quantile = strtod(command_value(to->s.call, "threshold-quantile", "0"), NULL);
    double *sorted = text_allocate(to->rows, sizeof *sorted);
    memcpy(sorted, to->score, to->rows * sizeof *sorted);
    qsort(sorted, to->rows, sizeof *sorted, compare);
    double place = quantile * (double)(to->rows - 1), below = floor(place);
    size_t i = (size_t)below, next = i + 1 < to->rows ? i + 1 : i;
    to->threshold = sorted[i] + (place - below) * (sorted[next] - sorted[i]);
    to->has_threshold = 1;
    free(sorted);
}

/* ---- results ---- */

static void append_row(const scores *to, size_t row, text *line) {
    char number[32];
    text_append(line, "%llu,", (unsigned long long)vae_dataset_row_number(to->s.data, row));
    text_append_double(line, to->score[row]);
    if (to->has_threshold) text_append(line, ",%d", to->score[row] > to->threshold);
    for (size_t k = 0; k < to->explain; k++) {
        const driver *d = to->drivers + row * to->explain + k;
        text_append(line, ",");
        text_append_cell(line, subject_column(&to->s, d->column, number));
        text_append(line, ",");
        text_append_double(line, d->nats);
    }
    text_append(line, "\n");
}

static int write_csv(const scores *to, output *out) {
    text lines = {0};
    int problem = TOOL_DONE;
    text_append(&lines, "row,score%s", to->has_threshold ? ",alarm" : "");
    for (size_t k = 1; k <= to->explain; k++) text_append(&lines, ",column_%zu,nats_%zu", k, k);
    text_append(&lines, "\n");
    for (size_t row = 0; !problem && row < to->rows; row++) {
        append_row(to, row, &lines);
        if (lines.length < 1 << 16 && row + 1 < to->rows) continue;
        problem = output_write(out, lines.text, lines.length);
        lines.length = 0;
    }
    text_free(&lines);
    return problem;
}

static int write_npy(const scores *to, output *out) {
    text bytes = {0};
    table_npy_header(&bytes, 1, to->rows, 0);
    for (size_t i = 0; i < to->rows; i++) table_npy_double(&bytes, to->score[i]);
    int problem = output_write(out, bytes.text, bytes.length);
    text_free(&bytes);
    return problem;
}

static int write_scores(const scores *to) {
    output out;
    int problem = output_open(to->s.call, &out, to->path);
    if (problem) return problem;
    problem = table_format_of(to->path) == TABLE_NPY ? write_npy(to, &out) : write_csv(to, &out);
    if (!problem) return output_commit(&out);
    output_abandon(&out);
    return problem;
}

/* Into the model's file, so that later calls raise the same alarms. */
static int keep_threshold(scores *to) {
    text number = {0};
    text_append_double(&number, to->threshold);
    vae_status status = vae_model_set_metadata(to->s.model, SETTINGS_THRESHOLD, number.text);
    if (!status) status = vae_model_set_metadata(to->s.model, SETTINGS_SCORE, to->options);
    if (!status) status = vae_model_save(to->s.model, to->s.model_path);
    text_free(&number);
    return status ? command_refused(to->s.call, status, "the threshold could not be kept")
                  : TOOL_DONE;
}

static void say_alarms(const scores *to) {
    size_t alarms = 0;
    for (size_t i = 0; i < to->rows; i++) alarms += to->score[i] > to->threshold;
    if (command_given(to->s.call, "quiet") || !to->has_threshold) return;
    fprintf(stderr, "threshold %.6g nats%s: %zu alarms in %zu rows\n", to->threshold,
            command_given(to->s.call, "threshold-quantile") ? ", kept in the model" : "", alarms,
            to->rows);
}

static int run(const tool_call *call) {
    scores to = {.rows = 0};
    int is_new = command_given(call, "threshold-quantile");
    int status = check_options(call, &to);
    if (!status) status = subject_open(call, &to.s);
    if (!status) status = check_is_model(&to);
    if (!status) choose_score(&to);
    if (!status) status = choose_threshold(&to);
    if (!status) status = subject_open_data(&to.s, call->operand[1]);
    if (!status) status = compute(&to);
    if (!status && is_new) take_quantile(&to);
    if (!status && is_new) status = keep_threshold(&to);
    if (!status) status = write_scores(&to);
    if (!status) say_alarms(&to);
    free(to.options);
    free(to.score);
    free(to.drivers);
    subject_close(&to.s);
    return status;
}

const tool_command tool_score = {
    "score",
    "Says how strange rows are, in nats, and which columns drive it",
    "MODEL DATA",
    2,
    2,
    options,
    "A --threshold-quantile is kept in the model, and alarms are raised from then on.\n"
    "Output: row (from 0), score, alarm (0 or 1), then column_1, nats_1, column_2 ..\n",
    run};
