/* vae info: what a model file holds. */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "output.h"
#include "settings.h"
#include "subject.h"
#include "text.h"

static const tool_option options[] = {
    TOOL_OUTPUT("where the text goes (standard output)"),
    TOOL_QUIET,
    TOOL_END,
};

static void append_parameters(text *to, const vae_model *model) {
    for (size_t i = 0; i < vae_model_parameter_count(model); i++) {
        size_t shape[8], rank = 0;
        text_append(to, "  %-24s ", vae_model_parameter_name(model, i));
        if (vae_model_parameter_shape(model, i, shape, 8, &rank)) continue;
        for (size_t k = 0; k < rank && k < 8; k++)
            text_append(to, "%s%zu", k ? " x " : "", shape[k]);
        text_append(to, "\n");
    }
}

/* In one line, whatever a file brings with it. */
static void append_plain(text *to, const char *said) {
    for (; *said; said++)
        text_append(to, (unsigned char)*said < ' ' || *said == 127 ? " " : "%c", *said);
}

static void append_settings(text *to, const vae_model *model) {
    const char *key;
    for (size_t i = 0; (key = vae_model_metadata_key(model, i)); i++) {
        text_append(to, i ? "  " : "metadata\n  ");
        append_plain(to, key);
        text_append(to, "=");
        append_plain(to, vae_model_metadata(model, key));
        text_append(to, "\n");
    }
}

static int run(const tool_call *call) {
    subject s = {0};
    text lines = {0};
    uint64_t bytes = 0;
    const char *path = command_value(call, "output", "-");
    int status = output_check(call, path, call->operand, 1);
    if (!status) status = subject_open(call, &s);
    if (!status) {
        vae_model_memory(s.model, &bytes, NULL);
        text_append(&lines, "spec        %s\n", vae_model_spec(s.model));
        text_append(&lines, "width       %zu\nlatent      %zu\n", s.width, s.latent);
        text_append(&lines, "parameters  %llu, %llu bytes\n",
                    (unsigned long long)vae_model_parameter_total(s.model),
                    (unsigned long long)bytes);
        append_parameters(&lines, s.model);
        append_settings(&lines, s.model);
        status = output_text(call, path, lines.text, lines.length);
        text_free(&lines);
    }
    subject_close(&s);
    return status;
}

const tool_command tool_info = {
    "info", "Says what a model is: spec, sizes, parameters, metadata", "MODEL", 1, 1, options, NULL,
    run};
