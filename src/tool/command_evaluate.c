/* vae evaluate: the bound and what goes with it, over all rows of a data set. */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "output.h"
#include "progress.h"
#include "subject.h"
#include "text.h"

static const tool_option options[] = {
    TOOL_OUTPUT("where the text goes (standard output)"),
    {"samples", 0, TOOL_WHOLE, "N", "also estimate log p(x) from N draws a row (0: not)"},
    {"fitted-on", 0, TOOL_PATH, "FILE", "fit the baselines to this data (DATA itself)"},
    {"seed", 0, TOOL_WHOLE, "N", "of the noise (1)"},
    TOOL_DATA,
    TOOL_COLUMNS,
    TOOL_THREADS,
    TOOL_QUIET,
    TOOL_END,
};

static int32_t show(void *user, uint64_t done, uint64_t total) {
    return user ? progress_rows(user, done, total) : 0;
}

/* The data that the baselines are fitted to is opened as DATA is, and takes its place for that moment. */
static int open_fitted_on(subject *s, vae_dataset **fitted_on) {
    const char *path = command_value(s->call, "fitted-on", NULL);
    vae_dataset *data = s->data;
    if (!path) return TOOL_DONE;
    s->data = NULL;
    int status = subject_open_data(s, path);
    *fitted_on = s->data;
    s->data = data;
    return status;
}

static int evaluate(subject *s, const vae_dataset *fitted_on) {
    progress bar;
    vae_evaluation *evaluation = NULL;
    text arguments = {0};
    int quiet = command_given(s->call, "quiet");
    text_append(&arguments, "samples=%s seed=%s", command_value(s->call, "samples", "0"),
                command_value(s->call, "seed", "1"));
    progress_begin_bar(&bar, 1, s->data);
    progress_use(&bar, stderr);
    vae_status status = vae_evaluate(s->model, s->data, fitted_on, arguments.text, show,
                                     quiet ? NULL : &bar, &evaluation);
    if (!quiet) progress_end(&bar);
    text_free(&arguments);
    if (status) return command_refused(s->call, status, NULL);
    const char *said = vae_evaluation_text(evaluation);
    int problem = output_text(s->call, command_value(s->call, "output", "-"), said, strlen(said));
    vae_evaluation_destroy(evaluation);
    return problem;
}

static int run(const tool_call *call) {
    subject s = {0};
    vae_dataset *fitted_on = NULL;
    const char *const inputs[] = {call->operand[0], call->operand[1],
                                  command_value(call, "fitted-on", NULL)};
    int status = output_check(call, command_value(call, "output", "-"), inputs, 3);
    if (!status) status = subject_open(call, &s);
    if (!status) status = subject_open_data(&s, call->operand[1]);
    if (!status) status = open_fitted_on(&s, &fitted_on);
    if (!status) status = evaluate(&s, fitted_on);
    vae_dataset_destroy(fitted_on);
    subject_close(&s);
    return status;
}

const tool_command tool_evaluate = {
    "evaluate",
    "Says how well a model explains rows: bound, baselines, latents",
    "MODEL DATA",
    2,
    2,
    options,
    "Values are means over the rows in nats; docs/theory.md says what they are.\n",
    run};
