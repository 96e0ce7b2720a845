/* An epoch is its steps, then the validation. Both can be interrupted: steps between two of them, the validation at
 * any time, since it is made again from its beginning. The cursor of the data set says where an epoch stands:
 * it has passed one epoch end more than `epoch` where only the validation is missing. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include "training.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "settings.h"
#include "text.h"

/* ---- signals ---- */

static volatile sig_atomic_t asked_to_end;

static void ask_to_end(int number) {
    (void)number;
    asked_to_end = 1;
}

/* With the second SIGINT the default action is back, which ends the program. A second SIGTERM changes nothing: timeout
 * and others send it to the process and to its group. What is ignored from the start, as a shell's background jobs
 * ignore SIGINT, stays ignored. */
static void watch_signals(struct sigaction old[2]) {
    struct sigaction action = {.sa_handler = ask_to_end, .sa_flags = SA_RESETHAND | SA_RESTART};
    struct sigaction lasting = {.sa_handler = ask_to_end, .sa_flags = SA_RESTART};
    sigaction(SIGINT, NULL, old);
    sigaction(SIGTERM, NULL, old + 1);
    if (old[0].sa_handler != SIG_IGN) sigaction(SIGINT, &action, NULL);
    if (old[1].sa_handler != SIG_IGN) sigaction(SIGTERM, &lasting, NULL);
}

static void leave_signals(const struct sigaction old[2]) {
    sigaction(SIGINT, old, NULL);
    sigaction(SIGTERM, old + 1, NULL);
}

/* ---- what is kept ---- */

/* Of a very long training the last epochs only: metadata has a limit. */
enum { EPOCHS_KEPT = 20000 };

static vae_status keep_history(training *t) {
    const history *h = &t->history;
    text rows = {0};
    text_append(&rows, "%s", "");
    for (size_t row = h->count > EPOCHS_KEPT ? h->count - EPOCHS_KEPT : 0; row < h->count; row++) {
        for (size_t c = 0; c < HISTORY_COLUMNS; c++)
            text_append(&rows, "%a%c", h->column[c][row], c + 1 < HISTORY_COLUMNS ? ' ' : '\n');
    }
    vae_status status = vae_model_set_metadata(t->model, SETTINGS_HISTORY, rows.text);
    text_free(&rows);
    return status;
}

static vae_status keep_state(training *t) {
    text state = {0};
    text_append(&state, "1 %llu %llu %llu %d %a %a %a %a %a %a", (unsigned long long)t->epoch,
                (unsigned long long)t->best_epoch, (unsigned long long)t->since_best, t->counted,
                t->best, t->sums.rows, t->sums.elbo, t->sums.reconstruction, t->sums.kl,
                t->seconds + progress_seconds(&t->progress));
    vae_status status = vae_model_set_metadata(t->model, SETTINGS_STATE, state.text);
    text_free(&state);
    if (!status) status = keep_history(t);
    return status;
}

static int next_number(const char **at, double *value) {
    char *end;
    *value = strtod(*at, &end);
    if (end == *at) return 0;
    *at = end;
    return 1;
}

static int recall_history(training *t, const char *at) {
    double value;
    size_t count = 0;
    while (next_number(&at, &value)) {
        size_t row = count / HISTORY_COLUMNS;
        if (row < t->history.capacity) t->history.column[count % HISTORY_COLUMNS][row] = value;
        count++;
    }
    t->history.count = count / HISTORY_COLUMNS;
    return count % HISTORY_COLUMNS == 0 && t->history.count <= t->history.capacity;
}

int training_recall(training *t) {
    const char *state = vae_model_metadata(t->model, SETTINGS_STATE),
               *rows = vae_model_metadata(t->model, SETTINGS_HISTORY);
    double v[11];
    if (!state || !rows) return 0;
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        if (!next_number(&state, v + i)) return 0;
    }
    if (v[0] != 1) return 0;
    t->epoch = (uint64_t)v[1];
    t->best_epoch = (uint64_t)v[2];
    t->since_best = (uint64_t)v[3];
    t->counted = v[4] != 0;
    t->best = v[5];
    t->sums = (epoch_sums){v[6], v[7], v[8], v[9]};
    t->seconds = v[10];
    return recall_history(t, rows);
}

void training_forget(vae_model *model) {
    vae_model_set_metadata(model, SETTINGS_STATE, NULL);
    vae_model_set_metadata(model, SETTINGS_HISTORY, NULL);
}

uint64_t training_warm_up(const vae_optimizer *optimizer) {
    static const char *const keys[] = {"warmup", "beta_warmup"};
    uint64_t longest = 0;
    for (size_t i = 0; i < 2; i++) {
        char *value = NULL;
        if (!text_has_key(vae_optimizer_options(optimizer), keys[i], &value)) continue;
        uint64_t steps = strtoull(value, NULL, 10);
        longest = steps > longest ? steps : longest;
        free(value);
    }
    return longest;
}

/* ---- an epoch ---- */

static void add_step(training *t, const vae_step_report *report) {
    double rows = (double)report->rows;
    t->sums.rows += rows;
    t->sums.elbo += rows * report->elbo;
    t->sums.reconstruction += rows * report->reconstruction;
    t->sums.kl += rows * report->kl;
    if (!t->quiet) progress_update(&t->progress, VAE_EVENT_STEP, report, NULL);
}

static vae_status run_steps(training *t) {
    while (vae_dataset_epoch(t->data) == t->epoch) {
        vae_step_report report = {.struct_size = sizeof report};
        if (asked_to_end) return VAE_STOPPED;
        vae_status status = vae_step(t->model, t->optimizer, t->data, &report);
        if (status) return status;
        add_step(t, &report);
    }
    return VAE_OK;
}

static int32_t go_on(void *user, uint64_t done, uint64_t total) {
    training *t = user;
    if (!t->quiet && total > 10000) progress_rows(&t->progress, done, total);
    return asked_to_end;
}

static vae_status validate(training *t, vae_step_report *report) {
    vae_evaluation *evaluation = NULL;
    if (asked_to_end) return VAE_STOPPED;
    command_muted++; /* of latents that are not active yet */
    vae_status status =
        vae_evaluate(t->model, t->heldout, NULL, "baselines=0", go_on, t, &evaluation);
    command_muted--;
    *report = (vae_step_report){.struct_size = sizeof *report, .beta = 1};
    if (!status) status = vae_evaluation_value(evaluation, "elbo", &report->elbo);
    if (!status) status = vae_evaluation_value(evaluation, "kl", &report->kl);
    if (!status)
        status = vae_evaluation_value(evaluation, "reconstruction", &report->reconstruction);
    report->rows = vae_dataset_size(t->heldout);
    vae_evaluation_destroy(evaluation);
    return status;
}

static vae_status save_best(training *t, double elbo) {
    text number = {0};
    text_append_double(&number, elbo);
    vae_status status = vae_model_set_metadata(t->model, SETTINGS_ELBO, number.text);
    if (!status) status = vae_model_save(t->model, t->output);
    text_free(&number);
    return status;
}

/* As vae_train counts: an epoch that ends within a warm-up is no rival for those behind it. */
static vae_status judge(training *t, double elbo) {
    int warm = vae_optimizer_steps(t->optimizer) >= t->steps_of_warm_up;
    if (t->counted && !(elbo > t->best)) {
        t->since_best++;
        return VAE_OK;
    }
    vae_status status = save_best(t, elbo);
    if (status) return status;
    t->best = elbo;
    t->best_epoch = t->epoch + 1;
    t->since_best = 0;
    t->counted = warm;
    return VAE_OK;
}

static vae_status run_epoch(training *t) {
    vae_step_report validation;
    vae_status status = run_steps(t);
    if (!status) status = validate(t, &validation);
    if (!status) status = judge(t, validation.elbo);
    if (status) return status;
    const epoch_sums *sums = &t->sums;
    vae_step_report train = {.struct_size = sizeof train, .rows = (uint64_t)sums->rows};
    train.elbo = sums->elbo / sums->rows;
    train.reconstruction = sums->reconstruction / sums->rows;
    train.kl = sums->kl / sums->rows;
    t->epoch++;
    t->sums = (epoch_sums){0};
    history_add(&t->history, &train, &validation, t->seconds + progress_seconds(&t->progress));
    if (!t->quiet) progress_update(&t->progress, VAE_EVENT_EPOCH, &train, &validation);
    return VAE_OK;
}

/* ---- the whole ---- */

static training_end interrupted(training *t) {
    vae_status status = keep_state(t);
    if (!status && t->keep) status = t->keep(t);
    if (!status) status = vae_checkpoint_save(t->model, t->optimizer, t->data, t->checkpoint);
    if (!status) return TRAINING_INTERRUPTED;
    command_refused(t->call, status, "training was interrupted and cannot be kept");
    return TRAINING_FAILED;
}

training_end training_run(training *t) {
    struct sigaction old[2];
    vae_status status = VAE_OK;
    uint64_t rows = vae_dataset_size(t->data), batch = vae_dataset_batch(t->data);
    uint64_t begun = vae_dataset_epoch(t->data), position = vae_dataset_position(t->data);
    uint64_t steps = begun * ((rows + batch - 1) / batch) + position / batch;
    asked_to_end = 0;
    watch_signals(old);
    progress_begin_bar(&t->progress, t->epochs, t->data);
    if (!t->quiet)
        progress_resume(&t->progress, stderr, t->epochs, t->data, begun * rows + position, steps);
    while (!status && t->epoch < t->epochs && (!t->patience || t->since_best < t->patience))
        status = run_epoch(t);
    if (!t->quiet) progress_end(&t->progress);
    training_end end = TRAINING_COMPLETE;
    if (status == VAE_STOPPED) {
        end = interrupted(t);
    } else if (status) {
        command_refused(t->call, status, NULL);
        end = TRAINING_FAILED;
    }
    leave_signals(old);
    return end;
}
