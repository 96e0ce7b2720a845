/* Options that the user gave come first, so that places in messages are right. */
#include "train_data.h"

#include <stdlib.h>
#include <string.h>

#include "subject.h"
#include "text.h"
#include "units.h"

#define SPLIT "0.9" /* of the rows of DATA, where there is no TEST */

/* The fraction of rows to train on: the user's or the default; NULL for anything but split=train:F. */
static char *split_fraction(const char *given) {
    char *split = NULL, *fraction = NULL;
    text own = {0};
    if (!text_has_key(given, "split", &split)) {
        text_append(&own, SPLIT);
        return own.text;
    }
    if (!strncmp(split, "train:", 6)) {
        text_append(&own, "%s", split + 6);
        fraction = own.text;
    }
    free(split);
    return fraction;
}

/* Options for a part, "train" or "test", of DATA. */
static void part_options(const tool_call *call, const char *part, const char *fraction, text *to) {
    static const char *const split[] = {"split", NULL}, *const same[] = {"batch", "seed"};
    const char *given = command_value(call, "data", "");
    const char *columns = command_value(call, "columns", NULL);
    const char *where = command_value(call, "where", NULL);
    text_append_without(to, given, split);
    if (columns) text_append(to, " columns=[%s]", columns);
    if (where) text_append(to, " where=[%s]", where);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        if (command_given(call, same[i]) && !text_has_key(given, same[i], NULL))
            text_append(to, " %s=%s", same[i], command_value(call, same[i], NULL));
    }
    if (!call->operand[1] || text_has_key(given, "split", NULL))
        text_append(to, " split=%s:%s", part, fraction);
}

/* TEST is read as DATA was: the same columns by name, the same scaling, the same rows chosen. */
static vae_status open_test(const tool_call *call, vae_context *context, const vae_dataset *data,
                            char *const *names, vae_dataset **test) {
    const char *where = command_value(call, "where", NULL);
    const char *columns = command_value(call, "columns", NULL);
    char *reading = units_options(data, command_value(call, "data", NULL));
    text options = {0};
    text_append(&options, "%s", reading);
    if (columns && !names) text_append(&options, " columns=[%s]", columns);
    if (where) text_append(&options, " where=[%s]", where);
    vae_status status = subject_open_columns(context, call->operand[1], options.text, names, test);
    text_free(&options);
    free(reading);
    return status;
}

static vae_status open_part(const tool_call *call, vae_context *context, const char *part,
                            const char *fraction, vae_dataset **out) {
    text options = {0};
    part_options(call, part, fraction, &options);
    vae_status status = vae_dataset_open(context, call->operand[0], options.text, out);
    text_free(&options);
    return status;
}

static int open_heldout(const tool_call *call, vae_context *context, const char *fraction,
                        const vae_dataset *data, vae_dataset **heldout) {
    const char *path = call->operand[1];
    char *line = path ? subject_names_line(data) : NULL;
    char **names = line ? subject_split_names(line) : NULL;
    command_muted += !path; /* what is to be said of this file was said when it was first read */
    vae_status status = path ? open_test(call, context, data, names, heldout)
                             : open_part(call, context, "test", fraction, heldout);
    command_muted -= !path;
    int problem = TOOL_DONE;
    if (subject_lacks_columns(call, status, names)) {
        problem = command_failed(call, "%s does not fit %s, whose columns are taken by name: %s",
                                 path, call->operand[0], vae_last_error());
    } else if (status == VAE_ERROR_TEXT && !path &&
               !text_has_key(command_value(call, "data", NULL), "split", NULL)) {
        problem = command_failed(call,
                                 "%s has too few rows to hold a tenth of them out: give rows in a "
                                 "file TEST, or say --data split=train:0.5",
                                 call->operand[0]);
    } else if (status) {
        problem = command_refused(call, status, path ? NULL : "held-out rows");
    } else if (vae_dataset_width(*heldout) != vae_dataset_width(data)) {
        problem =
            command_failed(call, "%s has rows of %zu values; expected %zu, as %s has", path,
                           vae_dataset_width(*heldout), vae_dataset_width(data), call->operand[0]);
    }
    subject_free_names(names);
    free(line);
    return problem;
}

int train_data_open(const tool_call *call, vae_context *context, vae_dataset **data,
                    vae_dataset **heldout) {
    char *fraction = split_fraction(command_value(call, "data", NULL));
    if (!fraction)
        return command_misused(call,
                               "--data: expected split=train:F, of which the other rows are held "
                               "out");
    vae_status status = open_part(call, context, "train", fraction, data);
    int problem = status ? command_refused(call, status, NULL)
                         : open_heldout(call, context, fraction, *data, heldout);
    free(fraction);
    return problem;
}
