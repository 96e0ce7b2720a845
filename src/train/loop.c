/* Training by epochs: steps, validation, early stopping, the best parameters. Relies on the step for
 * updates and errors; what the steps before an error did stays. */
#include "train/loop.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "data/cursor.h"
#include "train/held_out.h"

vae_status vae__step_dataset(vae_optimizer *optimizer, vae_dataset *dataset,
                             vae_step_report *report) {
    vae__step_rows rows = {.dataset = dataset};
    vae__dataset_next(dataset, &rows.batch);
    rows.n = rows.batch.count;
    vae_status status = vae__step(optimizer, &rows, report);
    int refused = status == VAE_ERROR_DATA || status == VAE_ERROR_DIVERGED;
    if (status && !refused) {
        vae__dataset_give_back(dataset, &rows.batch);
        return status;
    }
    report->epoch = vae__dataset_epoch(dataset);
    report->position = vae__dataset_position(dataset);
    if (rows.batch.ends_epoch) report->flags |= VAE_STEP_EPOCH_END;
    return status;
}

/* ---- means over an epoch ---- */

typedef struct epoch_sums {
    vae_step_report last;
    double rows, objective, elbo, reconstruction, kl, gradient_norm;
} epoch_sums;

static void add_step(epoch_sums *sums, const vae_step_report *report) {
    double rows = (double)report->rows;
    sums->last = *report;
    sums->rows += rows;
    sums->objective += rows * report->objective;
    sums->elbo += rows * report->elbo;
    sums->reconstruction += rows * report->reconstruction;
    sums->kl += rows * report->kl;
    sums->gradient_norm += rows * report->gradient_norm;
}

static vae_step_report epoch_report(const epoch_sums *sums) {
    vae_step_report report = sums->last;
    report.struct_size = sizeof report;
    report.rows = (uint64_t)sums->rows;
    report.objective = sums->objective / sums->rows;
    report.elbo = sums->elbo / sums->rows;
    report.reconstruction = sums->reconstruction / sums->rows;
    report.kl = sums->kl / sums->rows;
    report.gradient_norm = sums->gradient_norm / sums->rows;
    return report;
}

/* ---- the loop ---- */

typedef struct loop {
    vae_optimizer *optimizer;
    vae_dataset *dataset;
    const vae_dataset *validation;
    vae__loop_options options;
    vae_train_fn callback;
    void *user;
    double best;                /* validation ELBO */
    uint64_t since_best;        /* epochs */
    vae__real *best_parameters; /* restore_best */
    int have_best;
    int warned; /* of a row that decides the validation ELBO */
} loop;

static vae_status tell(const loop *l, int32_t event, const vae_step_report *train,
                       const vae_step_report *validation) {
    int left_out = event == VAE_EVENT_STEP && l->options.events == VAE__EVENTS_EPOCH;
    if (!l->callback || left_out) return VAE_OK;
    return l->callback(l->user, event, train, validation) ? VAE_STOPPED : VAE_OK;
}

static vae_status run_epoch(loop *l, epoch_sums *sums) {
    vae_step_report report = {0};
    do {
        vae_status status = vae__step_dataset(l->optimizer, l->dataset, &report);
        if (status) return status;
        report.struct_size = sizeof report;
        add_step(sums, &report);
        status = tell(l, VAE_EVENT_STEP, &report, NULL);
        if (status) return status;
    } while (!(report.flags & VAE_STEP_EPOCH_END));
    return VAE_OK;
}

/* Updates that both warm-ups take. */
static uint64_t warm_up_length(const vae__training_options *options) {
    uint64_t rate = options->optimizer.warmup, beta = options->beta_warmup;
    return rate > beta ? rate : beta;
}

static int warm_ups_are_over(const loop *l) {
    return l->optimizer->state.steps >= warm_up_length(&l->optimizer->options);
}

static int compares_epochs(const loop *l) {
    return l->options.patience || l->options.restore_best;
}

/* Epochs that end within a warm-up are not counted: says so if those are all. Counted in double, where
 * no number of epochs overflows. */
static void warn_of_warm_up(const loop *l) {
    const vae__training_options *options = &l->optimizer->options;
    double steps_before = (double)l->optimizer->state.steps,
           warm_up = (double)warm_up_length(options), epochs = (double)l->options.epochs;
    double left = (double)vae__dataset_batches(l->dataset, vae__dataset_position(l->dataset));
    double each = (double)vae__dataset_batches(l->dataset, 0);
    double end = steps_before + left + (epochs - 1) * each;
    char warm_up_text[VAE__NUMBER_SIZE], end_text[VAE__NUMBER_SIZE];
    if (!compares_epochs(l) || epochs < 1 || end >= warm_up) return;
    vae__log(
        l->optimizer->context, VAE_LOG_WARNING,
        "train: patience and restore_best will do nothing: the warm-up lasts until update %s, "
        "and the last of %llu epochs ends at update %s, so no epoch is counted. Train for more "
        "epochs, or shorten warmup and beta_warmup",
        vae__number(warm_up_text, warm_up), (unsigned long long)l->options.epochs,
        vae__number(end_text, end));
}

/* Rounding of the mean, in nats, from which on a tie says nothing. */
#define COARSE 1e-3

/* One row whose ELBO is a million times those of all others together is most likely a mistake in the
 * data, and it alone decides which epoch is the best. */
#define DECISIVE 1e6

static void warn_of_row(loop *l, const vae__lowest_row *lowest, double mean) {
    char row[VAE__NUMBER_SIZE], all[VAE__NUMBER_SIZE];
    if (l->warned || vae__dataset_size(l->validation) < 2) return;
    if (!(fabs(lowest->elbo) > DECISIVE * lowest->others)) return;
    l->warned = 1;
    vae__log(
        l->optimizer->context, VAE_LOG_WARNING,
        "train: validation set: the ELBO of row %llu, %s, decides the mean, %s: the other rows "
        "do not count beside it",
        (unsigned long long)lowest->row, vae__number_short(row, lowest->elbo),
        vae__number_short(all, mean));
}

static void keep_if_best(loop *l, double elbo) {
    const vae__parameters *parameters = &l->optimizer->model->parameters;
    if (l->have_best && !(elbo > l->best + l->options.min_delta)) {
        l->since_best++;
        return;
    }
    l->best = elbo;
    l->have_best = 1;
    l->since_best = 0;
    if (l->best_parameters)
        memcpy(l->best_parameters, parameters->block, parameters->block_count * sizeof(vae__real));
    if (l->best_parameters && l->optimizer->average.weights)
        memcpy(l->best_parameters + parameters->block_count, l->optimizer->average.weights,
               parameters->block_count * sizeof(vae__real));
}

/* A tie with the best epoch that is one of rounding only: the mean is so large that no change of the
 * other rows can show in it. */
static vae_status refuse_tie(const loop *l, const vae__lowest_row *lowest, double mean) {
    char row[VAE__NUMBER_SIZE], all[VAE__NUMBER_SIZE];
    double rounding = fabs(mean) * DBL_EPSILON;
    if (!compares_epochs(l) || !l->have_best || rounding < COARSE) return VAE_OK;
    if (fabs(mean - l->best) > 2 * rounding) return VAE_OK;
    return vae__fail(VAE_ERROR_DIVERGED,
                     "row %llu has an ELBO of %s: in the mean over %zu rows, %s, no difference "
                     "between epochs can be seen; leave the row out, or train without patience and "
                     "restore_best",
                     (unsigned long long)lowest->row, vae__number_short(row, lowest->elbo),
                     vae__dataset_size(l->validation), vae__number_short(all, mean));
}

/* 1 if training has stopped getting better. */
static int validate(loop *l, vae_step_report *report, vae_status *status) {
    vae__lowest_row lowest;
    *status = vae__held_out_elbo(l->optimizer->model, l->validation, l->options.validation_seed,
                                 report, &lowest);
    report->struct_size = sizeof *report;
    report->step = l->optimizer->state.steps;
    report->epoch = vae__dataset_epoch(l->dataset);
    if (!*status) warn_of_row(l, &lowest, report->elbo);
    if (!*status && warm_ups_are_over(l)) *status = refuse_tie(l, &lowest, report->elbo);
    if (*status) vae__fail_in("validation set");
    if (*status || !warm_ups_are_over(l)) return 0;
    keep_if_best(l, report->elbo);
    return l->options.patience && l->since_best >= l->options.patience;
}

static vae_status run_loop(loop *l) {
    for (uint64_t epoch = 0; epoch < l->options.epochs; epoch++) {
        epoch_sums sums = {.rows = 0};
        vae_step_report validation;
        vae_status status = run_epoch(l, &sums);
        if (status) return status;
        int done = l->validation ? validate(l, &validation, &status) : 0;
        if (status) return status;
        vae_step_report train = epoch_report(&sums);
        status = tell(l, VAE_EVENT_EPOCH, &train, l->validation ? &validation : NULL);
        if (done) {
            char best[VAE__NUMBER_SIZE];
            vae__log(l->optimizer->context, VAE_LOG_INFO,
                     "stopped early: no validation ELBO above %s in %llu epoch%s",
                     vae__number_short(best, l->best), (unsigned long long)l->options.patience,
                     vae__plural(l->options.patience));
        }
        if (status || done) return status;
    }
    return VAE_OK;
}

static vae_status prepare(loop *l, const char *options) {
    vae__parameters *parameters = &l->optimizer->model->parameters;
    vae_status status = vae__loop_options_parse(options, &l->options);
    if (status) return status;
    if (!l->validation && (l->options.patience || l->options.restore_best)) {
        return vae__fail(VAE_ERROR_TEXT,
                         "train: patience and restore_best need a validation data set");
    }
    if (!l->options.restore_best) return VAE_OK;
    size_t blocks = l->optimizer->average.weights ? 2 : 1; /* what is trained follows the average */
    l->best_parameters =
        vae__allocate(l->optimizer->context, blocks * parameters->block_count, sizeof(vae__real));
    if (l->best_parameters) return VAE_OK;
    return vae__memory_in(vae__last_status(), "copy of the parameters for restore_best=1");
}

vae_status vae__train(vae_optimizer *optimizer, vae_dataset *dataset, const vae_dataset *validation,
                      const char *options, vae_train_fn callback, void *user) {
    loop l = {.optimizer = optimizer,
              .dataset = dataset,
              .validation = validation,
              .callback = callback,
              .user = user};
    vae_status status = prepare(&l, options);
    if (!status) {
        warn_of_warm_up(&l);
        vae__optimizer_warn_if_spent(optimizer);
        status = run_loop(&l);
    }
    vae__parameters *parameters = &optimizer->model->parameters;
    if (l.best_parameters && l.have_best) {
        size_t bytes = parameters->block_count * sizeof(vae__real);
        memcpy(parameters->block, l.best_parameters, bytes);
        if (optimizer->average.weights)
            memcpy(optimizer->average.weights, l.best_parameters + parameters->block_count, bytes);
        optimizer->model->edits++;
    }
    vae__release(optimizer->context, l.best_parameters);
    return status;
}
