/* vae decode: rows of z to E[x|z]. */
#include <stdlib.h>

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

/* Columns z0, z1 .. of a CSV file, as vae encode writes them; a file with further columns may have them too. */
static int open_latents(subject *s, vae_dataset **latents) {
    const char *path = s->call->operand[1], *columns = command_value(s->call, "columns", NULL);
    text options_text = {0}, line = {0};
    for (size_t i = 0; i < s->latent; i++) text_append(&line, "%sz%zu", i ? "," : "", i);
    text_append(&options_text, "%s", command_value(s->call, "data", ""));
    if (columns) text_append(&options_text, " columns=[%s]", columns);
    char **names = subject_split_names(line.text);
    vae_status status = subject_open_columns(s->context, path, options_text.text, names, latents);
    subject_free_names(names);
    if (status && !columns && vae_dataset_open(s->context, path, options_text.text, latents) == 0)
        status = VAE_OK; /* other names, or none: the width decides */
    text_free(&options_text);
    text_free(&line);
    if (status) return command_refused(s->call, status, NULL);
    if (vae_dataset_width(*latents) == s->latent) return TOOL_DONE;
    return command_failed(s->call, "%s has rows of %zu values; expected %zu, the latents of %s",
                          path, vae_dataset_width(*latents), s->latent, s->model_path);
}

static int decode(const subject *s, const vae_dataset *latents, table *to) {
    size_t rows = vae_dataset_size(latents), chunk = subject_chunk(s);
    float *z = text_allocate(chunk * (s->width + s->latent), sizeof *z);
    float *x = z + chunk * s->latent;
    int problem = TOOL_DONE;
    for (size_t first = 0; !problem && first < rows; first += chunk) {
        size_t n = rows - first < chunk ? rows - first : chunk;
        vae_status status = vae_dataset_read(latents, first, n, z, s->latent);
        if (!status) status = vae_decode(s->model, z, n, s->latent, x);
        problem = status
                      ? subject_refused_rows(s->call, status, latents, first, s->call->operand[1])
                      : TOOL_DONE;
        if (!problem) problem = table_write(to, x, n);
    }
    free(z);
    return problem;
}

static int run(const tool_call *call) {
    subject s = {0};
    vae_dataset *latents = NULL;
    table to;
    const char *path = command_value(call, "output", "-");
    int status = output_check(call, path, call->operand, 2);
    if (!status) status = subject_open(call, &s);
    if (!status) status = open_latents(&s, &latents);
    if (!status) {
        status = subject_open_table(&s, &to, path, vae_dataset_size(latents));
        if (!status) status = table_close(&to, decode(&s, latents, &to));
    }
    vae_dataset_destroy(latents);
    subject_close(&s);
    return status;
}

const tool_command tool_decode = {"decode",
                                  "Writes the data that latents stand for: E[x|z] of each row",
                                  "MODEL LATENTS",
                                  2,
                                  2,
                                  options,
                                  "LATENTS is a CSV file with columns z0, z1 .., or any file of "
                                  "rows that wide.\n",
                                  run};
