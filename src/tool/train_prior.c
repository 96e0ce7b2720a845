/* Puts a prior on the latents of a trained model, with a bar. The library does the rest. */
#include "train_prior.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "progress.h"
#include "text.h"

/* Latents up to which a covariance is cheap beside the rows that it is learned from. */
enum { FULL_UP_TO = 32 };

char *train_prior_text(const tool_call *call, const vae_model *model) {
    const char *given = command_value(call, "prior", NULL);
    text made = {0};
    if (!given) return NULL;
    int chooses = !strncmp(given, "mixture", 7) && !strstr(given, "prior_covariance") &&
                  vae_model_latent(model) <= FULL_UP_TO;
    text_append(&made, "%s%s", given, chooses ? " prior_covariance=full" : "");
    return made.text;
}

static int32_t stop(void *user, uint64_t done, uint64_t total) {
    (void)user, (void)done, (void)total;
    return 1;
}

int train_prior_check(const tool_call *call, const vae_model *model, const vae_dataset *data) {
    char *prior = train_prior_text(call, model);
    vae_model *trial = NULL;
    if (!prior) return TOOL_DONE;
    vae_status status = vae_model_clone(model, &trial);
    if (!status) status = vae_model_set_prior(trial, prior);
    if (!status) status = vae_model_fit_prior(trial, data, NULL, stop, NULL);
    vae_model_destroy(trial);
    free(prior);
    return status < 0 ? command_refused(call, status, "--prior") : TOOL_DONE;
}

static int32_t show(void *user, uint64_t done, uint64_t total) {
    return user ? progress_rows(user, done, total) : 0;
}

int train_prior_fit(const tool_call *call, vae_model *model, const vae_dataset *data, int quiet) {
    char *prior = train_prior_text(call, model);
    progress bar;
    if (!prior) return TOOL_DONE;
    progress_begin_bar(&bar, 1, data);
    progress_use(&bar, stderr);
    if (!quiet) fprintf(stderr, "\nprior       %s, fitted to the latents\n", prior);
    vae_status status = vae_model_set_prior(model, prior);
    if (!status) status = vae_model_fit_prior(model, data, NULL, show, quiet ? NULL : &bar);
    if (!quiet) progress_end(&bar);
    free(prior);
    return status ? command_refused(call, status, "--prior") : TOOL_DONE;
}
