/* vae reconstruct: rows to E[x|z] at the mean of q(z|x). */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "output.h"
#include "subject.h"
#include "text.h"

static const tool_option options[] = {
    TOOL_OUTPUT("rows: .csv, .npy, .png, or - for CSV on stdout (-)"),
    TOOL_DATA,
    TOOL_COLUMNS,
    TOOL_THREADS,
    TOOL_QUIET,
    TOOL_END,
};

static int reconstruct(const subject *s, table *to) {
    size_t rows = vae_dataset_size(s->data), chunk = subject_chunk(s);
    float *x = text_allocate(2 * chunk * s->width, sizeof *x), *mean = x + chunk * s->width;
    int problem = TOOL_DONE;
    for (size_t first = 0; !problem && first < rows; first += chunk) {
        size_t n = rows - first < chunk ? rows - first : chunk;
        vae_status status = vae_dataset_read(s->data, first, n, x, s->width);
        if (!status) status = vae_reconstruct(s->model, x, n, s->width, mean);
        problem = status ? subject_refused_rows(s->call, status, s->data, first, s->data_path)
                         : TOOL_DONE;
        if (!problem) problem = table_write(to, mean, n);
    }
    free(x);
    return problem;
}

static int run(const tool_call *call) {
    subject s = {0};
    table to;
    const char *path = command_value(call, "output", "-");
    int status = output_check(call, path, call->operand, 2);
    if (!status) status = subject_open(call, &s);
    if (!status) status = subject_open_data(&s, call->operand[1]);
    if (!status) {
        status = subject_open_table(&s, &to, path, vae_dataset_size(s.data));
        if (!status) status = table_close(&to, reconstruct(&s, &to));
    }
    subject_close(&s);
    return status;
}

const tool_command tool_reconstruct = {
    "reconstruct",
    "Writes what the model makes of rows: E[x|z] at the mean of q(z|x)",
    "MODEL DATA",
    2,
    2,
    options,
    NULL,
    run};
