/* vae plot: pictures of a model at work. */
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "output.h"
#include "pictures.h"
#include "subject.h"
#include "text.h"

static const tool_option options[] = {
    {"output", 'o', TOOL_PATH, "FOLDER", "where the pictures go; made if need be (required)"},
    TOOL_DATA,
    TOOL_COLUMNS,
    TOOL_THREADS,
    TOOL_QUIET,
    TOOL_END,
};

static int run(const tool_call *call) {
    subject s = {0};
    text written = {0};
    const char *folder = command_value(call, "output", NULL);
    if (!folder) return command_misused(call, "expected --output FOLDER");
    int status = pictures_check(call);
    if (!status) status = subject_open(call, &s);
    if (!status && call->operand[1]) status = subject_open_data(&s, call->operand[1]);
    if (!status && !s.data && !s.height)
        status = command_misused(call, "the rows of %s are no images: expected MODEL DATA",
                                 s.model_path);
    if (!status) status = output_make_folder(call, folder);
    if (!status) status = pictures_draw(&s, folder, &written);
    if (!status && !command_given(call, "quiet"))
        fprintf(stderr, "written to %s:%s\n", folder, written.text);
    text_free(&written);
    subject_close(&s);
    return status;
}

const tool_command tool_plot = {
    "plot",
    "Draws a model at work: samples, reconstructions, latents",
    "MODEL [DATA]",
    1,
    2,
    options,
    "Writes samples.png, reconstructions.png and latent.png as far as they apply.\n"
    "Points of latent.png have the colour of their label, as --data \"labels=..\" says.\n",
    run};
