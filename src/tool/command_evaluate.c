/* vae evaluate: the bound and what goes with it, over all rows of a data set. */
#include <stdlib.h>

#include "command.h"
#include "frechet.h"
#include "output.h"
#include "progress.h"
#include "subject.h"
#include "text.h"

static const tool_option options[] = {
    TOOL_OUTPUT("where the text goes (standard output)"),
    {"samples", 0, TOOL_WHOLE, "N", "also estimate log p(x) from N draws a row (0: not)"},
    {"fitted-on", 0, TOOL_PATH, "FILE", "fit the baselines to this data (DATA itself)"},
    {"frechet", 0, TOOL_WHOLE, "N", "also compare N samples with the rows (0: not)"},
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

/* The distances of N samples x ~ p(x|z) and of their means E[x|z], z from the prior, to all rows of the data: two
 * lines below the library's text. */
static int add_frechet(const subject *s, text *said) {
    size_t n = (size_t)command_whole(s->call, "frechet", 0), rows = vae_dataset_size(s->data);
    double drawn = 0, mean = 0;
    frechet f = {0};
    if (n == 0) return TOOL_DONE;
    float *samples = text_allocate(2 * n * s->width, sizeof *samples);
    float *x = text_allocate(rows * s->width, sizeof *x);
    vae_status status = vae_dataset_read(s->data, 0, rows, x, s->width);
    if (!status)
        status = vae_sample(s->model, n, command_whole(s->call, "seed", 1), NULL, samples,
                            samples + n * s->width);
    int problem = status ? command_refused(s->call, status, NULL) : TOOL_DONE;
    const char *why = problem ? NULL : frechet_fit(&f, x, rows, s->width);
    if (!problem && !why) why = frechet_distance(&f, samples, n, &mean);
    if (!problem && !why) why = frechet_distance(&f, samples + n * s->width, n, &drawn);
    if (why) problem = command_failed(s->call, "--frechet: %s", why);
    text_append(said, "\n%-24s%12.3f  %-12s  %zu samples x ~ p(x|z) against the rows\n", "frechet",
                drawn, "", n);
    text_append(said, "%-24s%12.3f  %-12s  their means E[x|z]; %zu principal components\n",
                "frechet_of_means", mean, "", f.components);
    frechet_release(&f);
    free(x);
    free(samples);
    return problem;
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
    text said = {0};
    text_append(&said, "%s", vae_evaluation_text(evaluation));
    vae_evaluation_destroy(evaluation);
    int problem = add_frechet(s, &said);
    if (!problem)
        problem =
            output_text(s->call, command_value(s->call, "output", "-"), said.text, said.length);
    text_free(&said);
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
    "Values are means over the rows in nats; docs/theory.md says what they are. The\n"
    "Frechet distance is 0 for samples with the rows' mean and covariance.\n",
    run};
