/* Chooses from the rows: vae_dataset_spec says which likelihood suits them, the width of a row how wide z may be. */
#include "choose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mirror.h"

#define ENCODER "dense 128, relu"
enum { LATENT = 16 };

/* ---- likelihood and latent ---- */

/* What the library suggests for rows: "input=.. likelihood=..", and the reason. */
typedef struct suggestion {
    char *text;
    const char *reason, *likelihood; /* in `text` */
} suggestion;

static vae_status suggest_one(const vae_dataset *data, suggestion *to) {
    size_t length = 0;
    *to = (suggestion){.reason = "", .likelihood = ""};
    vae_status status = vae_dataset_spec(data, NULL, 0, &length);
    if (status) return status;
    to->text = text_allocate(length, 1);
    status = vae_dataset_spec(data, to->text, length, &length);
    if (status) return status;
    char *hash = strstr(to->text, " # "), *likelihood = strstr(to->text, "likelihood=");
    if (hash) to->reason = hash + 3;
    if (hash) *hash = 0;
    if (likelihood) to->likelihood = likelihood + strlen("likelihood=");
    return VAE_OK;
}

static int suggests(const suggestion *s, const char *name) {
    return !strncmp(s->likelihood, name, strlen(name));
}

/* One that holds the values of both: each holds 0 and 1, and a Gaussian all. */
static void widen(suggestion *s, suggestion *other) {
    suggestion both = *s;
    if (!strcmp(s->likelihood, other->likelihood) || suggests(other, "bernoulli") ||
        suggests(s, "gaussian"))
        return;
    if (suggests(s, "bernoulli") || suggests(other, "gaussian")) {
        *s = *other;
        *other = both;
        return;
    }
    text wide = {0}; /* 8-bit levels and counts */
    text_append(&wide, "%.*s likelihood=gaussian standardize=1 sigma=per_dim",
                (int)strcspn(s->text, " "), s->text);
    free(s->text);
    *s = (suggestion){wide.text, "rows to train on and held-out rows are of two kinds",
                      strstr(wide.text, "gaussian")};
}

static vae_status suggest(const vae_dataset *data, const vae_dataset *heldout, suggestion *to) {
    suggestion other = {0};
    vae_status status = suggest_one(data, to);
    if (!status) status = suggest_one(heldout, &other);
    if (!status) widen(to, &other);
    free(other.text);
    return status;
}

static void append_likelihood(const tool_call *call, const suggestion *found, text *spec,
                              text *reasons) {
    const char *asked = command_value(call, "likelihood", "auto");
    int input = (int)strcspn(found->text, " ");
    size_t first = strcspn(found->text, "x");
    int is_table = first >= (size_t)input; /* input=8, not 1x28x28 */
    if (!strcmp(asked, "auto")) {
        text_append(spec, "%s", found->text);
        text_append(reasons, "likelihood  %s: %s\n", found->likelihood, found->reason);
        return;
    }
    int standardize = is_table && !strcmp(asked, "gaussian");
    text_append(spec, "%.*s likelihood=%s%s", input, found->text, asked,
                standardize ? " standardize=1 sigma=per_dim" : "");
    text_append(reasons, "likelihood  %s, as asked for%s\n", asked,
                standardize
                    ? ", with standardize=1 sigma=per_dim, which suits the columns of a table"
                    : "");
}

static void append_latent(const tool_call *call, size_t width, text *spec, text *reasons) {
    const char *asked = command_value(call, "latent", NULL);
    size_t half = width > 1 ? width / 2 : 1, latent = half < LATENT ? half : LATENT;
    if (asked) {
        text_append(spec, " latent=%s", asked);
        return;
    }
    text_append(spec, " latent=%zu", latent);
    if (latent < LATENT) {
        text_append(reasons, "latent      %zu: half of the %zu columns (%d for wider rows)\n",
                    latent, width, LATENT);
    } else {
        text_append(reasons, "latent      %zu: the default; --latent chooses another\n", latent);
    }
}

/* What --encoder could be for images. */
#define CONVOLUTIONS "conv 32 4 stride 2 pad 1, relu, conv 64 4 stride 2 pad 1, relu"

/* `found`: "input=1x28x28 ...". */
static int append_network(const tool_call *call, const char *found, text *spec, text *reasons) {
    char input[64];
    const char *encoder = command_value(call, "encoder", ENCODER);
    const char *decoder = command_value(call, "decoder", NULL);
    text mirror = {0};
    text_append(&mirror, "%s", "");
    snprintf(input, sizeof input, "%.*s", (int)strcspn(found, " "), found);
    const char *shape = strchr(input, '=') ? strchr(input, '=') + 1 : input;
    if (!decoder && !mirror_of(encoder, shape, &mirror)) {
        text_free(&mirror);
        return command_misused(call,
                               "--encoder '%s': expected layers such as \"dense 64, relu\", or for "
                               "images \"" CONVOLUTIONS "\"; for layers of another kind give "
                               "--decoder too",
                               encoder);
    }
    text_append(spec, " encoder=[%s] decoder=[%s]", encoder, decoder ? decoder : mirror.text);
    text_append(reasons, "network     encoder [%s]%s, decoder [%s]%s\n", encoder,
                command_given(call, "encoder") ? "" : ", the default",
                decoder ? decoder : mirror.text, decoder ? "" : ", its mirror");
    if (!command_given(call, "encoder") && strchr(shape, 'x'))
        text_append(reasons,
                    "            slower and often better: --encoder \"" CONVOLUTIONS "\"\n");
    text_free(&mirror);
    return TOOL_DONE;
}

/* ---- a diffusion ---- */

/* Of 8-bit levels, or of numbers; a table's columns are standardised. */
static int append_diffusion(const tool_call *call, const suggestion *found, text *spec,
                            text *reasons) {
    static const char *const others[] = {"latent", "encoder", "decoder", "prior"};
    int input = (int)strcspn(found->text, " ");
    int is_image = memchr(found->text, 'x', (size_t)input) != NULL;
    int is_levels = suggests(found, "discretized_logistic");
    const char *likelihood = is_levels ? "discretized_gaussian" : "gaussian";
    const char *asked = command_value(call, "likelihood", "auto");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (command_given(call, others[i]))
            return command_misused(call, "--%s belongs to --model vae: a diffusion has none",
                                   others[i]);
    }
    if (strcmp(asked, "auto")) likelihood = asked;
    text_append(spec, "model=diffusion %.*s likelihood=%s%s", input, found->text, likelihood,
                is_image || is_levels ? "" : " standardize=1");
    text_append(reasons, "likelihood  %s%s\n", likelihood,
                strcmp(asked, "auto") ? ", as asked for"
                : is_levels           ? ": the values are 8-bit levels"
                                      : "");
    text_append(reasons, "network     %s\n",
                is_image ? "unet, the default for images" : "layers, the default for vectors");
    return TOOL_DONE;
}

static int is_diffusion(const tool_call *call) {
    return !strcmp(command_value(call, "model", "vae"), "diffusion");
}

/* --spec says it all; what is missing and can only be one thing is added. */
static int append_given(const tool_call *call, const char *given, const char *input, text *spec) {
    static const char *const others[] = {"model", "latent", "encoder", "decoder", "likelihood"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (command_given(call, others[i]))
            return command_misused(call,
                                   "--spec and --%s exclude each other: put %s= into the spec",
                                   others[i], others[i]);
    }
    text_append(spec, "%s", given);
    if (!text_has_key(given, "input", NULL))
        text_append(spec, " %.*s", (int)strcspn(input, " "), input);
    return TOOL_DONE;
}

int choose_spec(const tool_call *call, const vae_dataset *data, const vae_dataset *heldout,
                text *spec, text *reasons) {
    const char *given = command_value(call, "spec", NULL),
               *seed = command_value(call, "seed", NULL);
    const char *model = command_value(call, "model", "vae");
    suggestion found;
    int problem = TOOL_DONE;
    if (strcmp(model, "vae") && strcmp(model, "diffusion"))
        return command_misused(call, "--model: expected vae or diffusion, found '%s'", model);
    vae_status status = suggest(data, heldout, &found);
    if (status) {
        problem = command_refused(call, status, NULL);
    } else if (given) {
        problem = append_given(call, given, found.text, spec);
    } else if (is_diffusion(call)) {
        problem = append_diffusion(call, &found, spec, reasons);
    } else {
        append_likelihood(call, &found, spec, reasons);
        append_latent(call, vae_dataset_width(data), spec, reasons);
        problem = append_network(call, found.text, spec, reasons);
    }
    if (!problem && seed && !text_has_key(spec->text, "seed", NULL))
        text_append(spec, " seed=%s", seed);
    free(found.text);
    return problem;
}

void choose_optimizer(const tool_call *call, text *options) {
    const char *lr = command_value(call, "lr", NULL), *seed = command_value(call, "seed", NULL);
    /* An average of the parameters steadies what a diffusion samples. */
    text_append(options, "%s",
                command_value(call, "optimizer", is_diffusion(call) ? "adam ema=0.999" : "adam"));
    if (lr) text_append(options, " lr=%s", lr);
    if (seed && !text_has_key(options->text, "seed", NULL)) text_append(options, " seed=%s", seed);
}
