/* vae sample: new rows. */
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "output.h"
#include "progress.h"
#include "subject.h"
#include "text.h"

static const tool_option options[] = {
    TOOL_OUTPUT("rows: .csv, .npy, .png, or - for CSV on stdout (-)"),
    {"n", 'n', TOOL_WHOLE, "N", "rows (64)"},
    {"seed", 0, TOOL_WHOLE, "N", "another seed, other rows (1)"},
    {"temperature", 0, TOOL_REAL, "X", "below 1 more typical rows (1)"},
    {"sampler", 0, TOOL_TEXT, "NAME", "of a diffusion: ddpm or ddim (ddpm)"},
    {"steps", 0, TOOL_WHOLE, "N", "of a diffusion's sampler (all; ddim: 50)"},
    {"draw", 0, TOOL_FLAG, NULL, "draws x ~ p(x|z), with their noise, not E[x|z]"},
    TOOL_THREADS,
    TOOL_QUIET,
    TOOL_END,
};

/* The options that vae_generate takes, where they were given. */
static text sampling_options(const tool_call *call) {
    static const char *const names[] = {"temperature", "sampler", "steps"};
    text made = {0};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = command_value(call, names[i], NULL);
        if (value) text_append(&made, "%s%s=%s", made.text ? " " : "", names[i], value);
    }
    return made;
}

/* In one call of the library, since the noise is that of (seed, row of the call). */
static int sample(const subject *s, table *to, size_t n) {
    float *x = calloc(n * s->width, sizeof *x);
    int draw = command_given(s->call, "draw");
    if (!x) return command_failed(s->call, "%zu rows do not fit into memory: ask for fewer", n);
    text how = sampling_options(s->call);
    progress bar;
    progress_begin_bar(&bar, 1, NULL);
    progress_use(&bar, stderr);
    int quiet = command_given(s->call, "quiet");
    vae_status status =
        vae_generate(s->model, n, command_whole(s->call, "seed", 1), how.text,
                     quiet ? NULL : progress_rows, &bar, NULL, draw ? NULL : x, draw ? x : NULL);
    if (!quiet) progress_end(&bar);
    text_free(&how);
    int problem = status ? command_refused(s->call, status, NULL) : TOOL_DONE;
    if (!problem) problem = table_write(to, x, n);
    free(x);
    return problem;
}

static int run(const tool_call *call) {
    subject s = {0};
    table to;
    const char *path = command_value(call, "output", "-");
    unsigned long long n = command_whole(call, "n", 64);
    if (!n || n > 1000000000)
        return command_misused(call, "--n: expected 1 to 1000000000, found %llu", n);
    int status = output_check(call, path, call->operand, 2);
    if (!status) status = subject_open(call, &s);
    if (!status) {
        status = subject_open_table(&s, &to, path, (size_t)n);
        if (!status) status = table_close(&to, sample(&s, &to, (size_t)n));
    }
    subject_close(&s);
    return status;
}

const tool_command tool_sample = {
    "sample", "Writes new rows: E[x|z] of z drawn from the prior", "MODEL", 1, 1, options, NULL,
    run};
