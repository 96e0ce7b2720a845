/* Each option is an entry of the checkpoint's settings, as it was given; those not given are not there. */
#include "resume.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "settings.h"
#include "text.h"

static const struct {
    const char *name;
    int is_fixed; /* decides what is computed */
} kept_options[] = {{"latent", 1},    {"encoder", 1},  {"decoder", 1}, {"likelihood", 1},
                    {"spec", 1},      {"seed", 1},     {"batch", 1},   {"lr", 1},
                    {"optimizer", 1}, {"data", 1},     {"columns", 1}, {"where", 1},
                    {"epochs", 0},    {"patience", 0}, {"threads", 0}};
enum { KEPT_OPTIONS = sizeof kept_options / sizeof *kept_options };

static void key_of(const char *name, char key[64]) {
    snprintf(key, 64, SETTINGS_OPTION "%s", name);
}

vae_status resume_keep_options(const tool_call *call, vae_model *model) {
    char key[64];
    vae_status status = vae_model_set_metadata(model, SETTINGS_TEST, call->operand[1] ? "1" : "0");
    for (int i = 0; i < KEPT_OPTIONS && !status; i++) {
        const char *name = kept_options[i].name, *value = command_value(call, name, NULL);
        /* The sums are those of so many threads, also on a machine with more processors. */
        if (!strcmp(name, "threads") && !value) value = command_processors();
        key_of(name, key);
        status = vae_model_set_metadata(model, key, value);
    }
    return status;
}

void resume_forget_options(vae_model *model) {
    char key[64];
    for (int i = 0; i < KEPT_OPTIONS; i++) {
        key_of(kept_options[i].name, key);
        vae_model_set_metadata(model, key, NULL);
    }
    vae_model_set_metadata(model, SETTINGS_TEST, NULL);
}

static int option_place(const tool_call *call, const char *name) {
    int i = 0;
    while (strcmp(call->command->options[i].name, name)) i++;
    return i;
}

static int take_option(tool_call *call, const char *checkpoint, const vae_model *model, int option,
                       char **kept) {
    char key[64];
    const char *name = kept_options[option].name;
    int place = option_place(call, name);
    const char *given = call->value[place];
    key_of(name, key);
    const char *value = vae_model_metadata(model, key);
    if (given && kept_options[option].is_fixed && (!value || strcmp(given, value)))
        return command_misused(
            call,
            "--%s %s: the training that %s goes on with has %s%s; leave the option "
            "out",
            name, given, checkpoint, value ? "" : "the default", value ? value : "");
    if (given || !value) return TOOL_DONE;
    kept[place] = text_allocate(strlen(value) + 1, 1);
    call->value[place] = strcpy(kept[place], value);
    return TOOL_DONE;
}

int resume_take_options(tool_call *call, const char *checkpoint, char **kept) {
    vae_model *model = NULL;
    int problem = TOOL_DONE;
    if (access(checkpoint, F_OK) != 0)
        return command_failed(call,
                              "%s: no such file, so there is nothing to resume: leave --resume "
                              "out",
                              checkpoint);
    vae_status status = vae_model_load(NULL, checkpoint, &model);
    if (status) return command_refused(call, status, NULL);
    for (int i = 0; i < KEPT_OPTIONS && !problem; i++)
        problem = take_option(call, checkpoint, model, i, kept);
    const char *test = vae_model_metadata(model, SETTINGS_TEST);
    if (!problem && test && (*test == '1') != (call->operand[1] != NULL))
        problem = command_misused(call, "the training that %s goes on with had %s TEST", checkpoint,
                                  *test == '1' ? "a" : "no");
    vae_model_destroy(model);
    return problem;
}
