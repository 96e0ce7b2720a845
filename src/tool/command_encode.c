/* vae encode: rows to the means of q(z|x). */
#include <stdlib.h>

#include "command.h"
#include "output.h"
#include "subject.h"
#include "text.h"

static const tool_option options[] = {
    TOOL_OUTPUT("latents: .csv, .npy, or - for CSV on stdout (-)"),
    {"logvar", 0, TOOL_FLAG, NULL, "add the log variances as further columns"},
    TOOL_DATA,
    TOOL_COLUMNS,
    TOOL_THREADS,
    TOOL_QUIET,
    TOOL_END,
};

static char **latent_names(size_t latent, int with_logvar) {
    size_t count = latent << with_logvar;
    char **names = text_allocate(count + 1, sizeof *names);
    for (size_t i = 0; i < count; i++) {
        text name = {0};
        text_append(&name, i < latent ? "z%zu" : "logvar%zu", i % latent);
        names[i] = name.text;
    }
    return names;
}

/* mean and logvar [n, latent] side by side. */
static void interleave(const float *mean, const float *logvar, size_t n, size_t latent, float *to) {
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < latent; j++) {
            to[2 * i * latent + j] = mean[i * latent + j];
            to[(2 * i + 1) * latent + j] = logvar[i * latent + j];
        }
    }
}

static int encode(const subject *s, table *to, int with_logvar) {
    size_t rows = vae_dataset_size(s->data), chunk = subject_chunk(s), d = s->latent;
    float *x = text_allocate(chunk * (s->width + 4 * d), sizeof *x);
    float *mean = x + chunk * s->width, *logvar = mean + chunk * d, *both = logvar + chunk * d;
    int problem = TOOL_DONE;
    for (size_t first = 0; !problem && first < rows; first += chunk) {
        size_t n = rows - first < chunk ? rows - first : chunk;
        vae_status status = vae_dataset_read(s->data, first, n, x, s->width);
        if (!status) status = vae_encode(s->model, x, n, s->width, mean, logvar);
        if (status) problem = subject_refused_rows(s->call, status, s->data, first, s->data_path);
        if (!problem && with_logvar) interleave(mean, logvar, n, d, both);
        if (!problem) problem = table_write(to, with_logvar ? both : mean, n);
    }
    free(x);
    return problem;
}

static int run(const tool_call *call) {
    subject s = {0};
    table to;
    const char *path = command_value(call, "output", "-");
    int with_logvar = command_given(call, "logvar");
    if (table_format_of(path) == TABLE_PNG)
        return command_misused(
            call, "--output: expected a name that ends in .csv or .npy, found '%s'", path);
    int status = output_check(call, path, call->operand, 2);
    if (!status) status = subject_open(call, &s);
    if (!status) status = subject_open_data(&s, call->operand[1]);
    if (!status) {
        char **names = latent_names(s.latent, with_logvar);
        to = (table){.columns = s.latent << with_logvar,
                     .rows = vae_dataset_size(s.data),
                     .names = (const char *const *)names};
        status = table_open(call, &to, path);
        subject_free_names(names);
        if (!status) status = table_close(&to, encode(&s, &to, with_logvar));
    }
    subject_close(&s);
    return status;
}

const tool_command tool_encode = {"encode",
                                  "Writes the latents of rows: the means of q(z|x), z0, z1 ..",
                                  "MODEL DATA",
                                  2,
                                  2,
                                  options,
                                  "vae decode turns such rows back into data.\n",
                                  run};
