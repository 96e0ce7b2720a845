/* vae train: from a file to a model. Chooses what is not said and says so; training.c is the loop. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "choose.h"
#include "command.h"
#include "output.h"
#include "pictures.h"
#include "resume.h"
#include "settings.h"
#include "subject.h"
#include "text.h"
#include "train_data.h"
#include "train_prior.h"
#include "training.h"
#include "units.h"

enum { MOST_EPOCHS = 1000000 };

static const tool_option options[] = {
    TOOL_OUTPUT("where the best model goes (required)"),
    {"model", 0, TOOL_TEXT, "NAME", "vae, or diffusion, of images by a U-Net (vae)"},
    {"latent", 0, TOOL_WHOLE, "N", "width of z (16; less for narrow tables)"},
    {"encoder", 0, TOOL_TEXT, "LAYERS", "from x to z (\"dense 128, relu\")"},
    {"decoder", 0, TOOL_TEXT, "LAYERS", "from z to x (the encoder's mirror)"},
    {"likelihood", 0, TOOL_TEXT, "NAME", "p(x|z) (auto: by the values of DATA)"},
    {"spec", 0, TOOL_TEXT, "TEXT", "instead of these five: the whole model as text"},
    {"prior", 0, TOOL_TEXT, "TEXT", "put on the latents at the end, e.g. mixture:50"},
    {"epochs", 0, TOOL_WHOLE, "N", "at most (50)"},
    {"patience", 0, TOOL_WHOLE, "N", "epochs without a better held-out ELBO (5; 0: all)"},
    {"batch", 0, TOOL_WHOLE, "N", "rows a step (128)"},
    {"lr", 0, TOOL_REAL, "X", "learning rate (1e-3)"},
    {"optimizer", 0, TOOL_TEXT, "TEXT", "its options, e.g. \"adamw beta_warmup=500\" (adam)"},
    {"seed", 0, TOOL_WHOLE, "N", "of weights, order and noise (1)"},
    TOOL_DATA,
    TOOL_COLUMNS,
    {"where", 0, TOOL_TEXT, "A=X", "only rows whose column A is X, e.g. label=0"},
    {"resume", 0, TOOL_FLAG, NULL, "go on with an interrupted training"},
    {"plot", 0, TOOL_PATH, "FOLDER", "draw pictures and write history.csv into FOLDER"},
    TOOL_THREADS,
    TOOL_QUIET,
    TOOL_END,
};

typedef struct job {
    tool_call call; /* with the options of the checkpoint where training is resumed */
    const char *output, *folder;
    char *checkpoint; /* its path */
    int resume, quiet;
    char *kept[TOOL_MOST_OPTIONS]; /* texts of the checkpoint that `call` refers to */
    vae_context *context;
    training training;
    text reasons;
} job;

static vae_status keep_options(training *t) {
    const job *j = t->user;
    return resume_keep_options(&j->call, t->model);
}

/* ---- checks before anything is computed ---- */

static int check_folder(const job *j) {
    text history_path = {0};
    int problem = pictures_check(&j->call);
    if (!problem) problem = output_make_folder(&j->call, j->folder);
    text_append(&history_path, "%s/history.csv", j->folder);
    if (!problem) problem = output_check(&j->call, history_path.text, j->call.operand, 2);
    text_free(&history_path);
    return problem;
}

static int check_job(job *j) {
    const tool_call *call = &j->call;
    unsigned long long epochs = command_whole(call, "epochs", 50);
    if (!epochs || epochs > MOST_EPOCHS)
        return command_misused(call, "--epochs: expected 1 to %d, found %llu", MOST_EPOCHS, epochs);
    int problem = output_check(call, j->output, call->operand, 2);
    if (!problem) problem = output_check(call, j->checkpoint, call->operand, 2);
    if (!problem && !j->resume && access(j->checkpoint, F_OK) == 0)
        problem = command_failed(call,
                                 "%s holds a training that was interrupted: go on with "
                                 "--resume, or remove that file",
                                 j->checkpoint);
    if (!problem && j->folder) problem = check_folder(j);
    return problem;
}

/* ---- model ---- */

/* What a later command needs to read a file as this one was read. */
static vae_status keep_reading(const job *j, vae_model *model) {
    const vae_dataset *data = j->training.data;
    char *reading = units_options(data, command_value(&j->call, "data", NULL));
    char *names = subject_names_line(data);
    vae_status status = *reading ? vae_model_set_metadata(model, SETTINGS_DATA, reading) : VAE_OK;
    if (!status && names) {
        status = vae_model_set_metadata(model, SETTINGS_COLUMNS, names);
        if (status == VAE_ERROR_TEXT) {
            command_failed(&j->call,
                           "the names of the columns are not UTF-8, so they are not kept with "
                           "the model: later files are read by the order of their columns");
            status = VAE_OK;
        }
    }
    free(names);
    free(reading);
    return status;
}

static int begin(job *j) {
    training *t = &j->training;
    text spec = {0}, optimizer = {0};
    int problem = choose_spec(&j->call, t->data, t->heldout, &spec, &j->reasons);
    if (!problem) {
        choose_optimizer(&j->call, &optimizer);
        vae_status status = vae_model_create(j->context, spec.text, &t->model);
        if (!status) status = vae_model_initialize(t->model, t->data);
        if (!status) status = vae_optimizer_create(t->model, optimizer.text, &t->optimizer);
        if (!status) status = keep_reading(j, t->model);
        if (status) problem = command_refused(&j->call, status, NULL);
        if (!problem) problem = train_prior_check(&j->call, t->model, t->data);
    }
    text_free(&spec);
    text_free(&optimizer);
    return problem;
}

/* The best model of the interrupted training must still be where it was saved. */
static int check_best(const job *j) {
    const training *t = &j->training;
    vae_model *best = NULL;
    if (!t->best_epoch) return TOOL_DONE;
    vae_status status = vae_model_load(j->context, j->output, &best);
    if (status)
        return command_refused(&j->call, status, "the best model so far, which --resume needs");
    const char *elbo = vae_model_metadata(best, SETTINGS_ELBO);
    int same = elbo && strtod(elbo, NULL) == t->best;
    vae_model_destroy(best);
    return same ? TOOL_DONE
                : command_failed(&j->call,
                                 "%s is not the best model of the training that %s goes on "
                                 "with: put it back, or train anew",
                                 j->output, j->checkpoint);
}

static int resume(job *j) {
    training *t = &j->training;
    vae_status status =
        vae_checkpoint_load(j->context, j->checkpoint, t->data, &t->model, &t->optimizer);
    if (status) return command_refused(&j->call, status, NULL);
    if (!training_recall(t))
        return command_failed(&j->call,
                              "%s is no checkpoint of vae train that --epochs %llu goes on "
                              "with",
                              j->checkpoint, (unsigned long long)t->epochs);
    training_forget(t->model);
    resume_forget_options(t->model);
    return check_best(j);
}

static void say_begin(const job *j) {
    const training *t = &j->training;
    const char *test = j->call.operand[1];
    if (j->quiet) return;
    fprintf(stderr, "data        %s: %zu rows of %zu values; %zu held out%s%s\n",
            j->call.operand[0], vae_dataset_size(t->data), vae_dataset_width(t->data),
            vae_dataset_size(t->heldout), test ? ": " : " of them, at random", test ? test : "");
    if (j->resume) {
        fprintf(stderr, "resumed     %s, epoch %llu\n", j->checkpoint,
                (unsigned long long)t->epoch + 1);
    } else {
        fprintf(stderr, "%s", j->reasons.text ? j->reasons.text : "");
    }
    fprintf(stderr, "model       %s\n            %llu parameters\n", vae_model_spec(t->model),
            (unsigned long long)vae_model_parameter_total(t->model));
    fprintf(stderr, "training    batch=%zu %s\n", vae_dataset_batch(t->data),
            vae_optimizer_options(t->optimizer));
    fprintf(stderr, "            up to %llu epochs", (unsigned long long)t->epochs);
    if (t->patience)
        fprintf(stderr, ", fewer when %llu bring no better held-out ELBO",
                (unsigned long long)t->patience);
    fprintf(stderr, "; %s threads; values in nats a row\n\n",
            command_value(&j->call, "threads", command_processors()));
}

/* ---- the end ---- */

static void say_how_to_go_on(const job *j) {
    text command = {0};
    for (int i = 0; i < j->call.count; i++) {
        if (i) text_append(&command, " ");
        text_append_shell(&command, j->call.arguments[i]);
    }
    if (!j->resume) text_append(&command, " --resume");
    command_failed(&j->call, "interrupted in epoch %llu; to go on: %s",
                   (unsigned long long)j->training.epoch + 1, command.text);
    text_free(&command);
}

static const char *draw_history(const void *what, const char *path) {
    return history_plot(what, path, "Training", 0, NULL);
}

static const char *write_history(const void *what, const char *path) {
    return history_write_csv(what, path);
}

static int draw(const job *j, subject *best) {
    const history *h = &j->training.history;
    text written = {0};
    int status = pictures_file(&j->call, j->folder, "history.csv", write_history, h, &written);
    if (!status)
        status = pictures_file(&j->call, j->folder, "training.png", draw_history, h, &written);
    if (!status) status = pictures_draw(best, j->folder, &written);
    if (!status && !j->quiet) fprintf(stderr, "written to %s:%s\n", j->folder, written.text);
    text_free(&written);
    return status;
}

/* Of the held-out rows. */
typedef struct result {
    double elbo, kl, distance, bits;
    int has_bits;
} result;

static int measure(const job *j, const vae_model *model, result *found) {
    vae_evaluation *evaluation = NULL;
    vae_status status =
        vae_evaluate(model, j->training.heldout, NULL, "baselines=0", NULL, NULL, &evaluation);
    if (status) return command_refused(&j->call, status, NULL);
    vae_evaluation_value(evaluation, "elbo", &found->elbo);
    vae_evaluation_value(evaluation, "kl", &found->kl);
    vae_evaluation_value(evaluation, "prior_distance", &found->distance);
    found->has_bits = vae_evaluation_value(evaluation, "bits_per_dim", &found->bits) == VAE_OK;
    vae_evaluation_destroy(evaluation);
    return TOOL_DONE;
}

static void say_result(const job *j, const result *found, const vae_model *model) {
    const training *t = &j->training;
    if (j->quiet) return;
    fprintf(stderr, "\n%s: the model of epoch %llu of %llu; held-out ELBO %.6g nats a row",
            j->output, (unsigned long long)t->best_epoch, (unsigned long long)t->epoch, t->best);
    if (found->has_bits) fprintf(stderr, ", %.4g bits per dimension", found->bits);
    fprintf(stderr, "\n");
    if (t->best_epoch == t->epochs)
        fprintf(stderr, "It was still getting better: more --epochs may be of use.\n");
    if (found->distance > TRAIN_PRIOR_MISSES && !command_given(&j->call, "prior") &&
        strstr(vae_model_spec(model), "prior=normal"))
        fprintf(stderr,
                "Its latents do not fill the prior N(0, I): --prior mixture:50 would make better "
                "samples and a higher ELBO.\n");
}

static vae_status save_with_prior(const job *j, vae_model *model, const result *after) {
    text elbo = {0};
    text_append_double(&elbo, after->elbo);
    vae_status status = vae_model_set_metadata(model, SETTINGS_ELBO, elbo.text);
    if (!status) status = vae_model_save(model, j->output);
    text_free(&elbo);
    return status;
}

/* The prior of --prior, and the model's file written anew if held-out rows are more probable with it. */
static int put_prior(const job *j, vae_model **model, const result *before) {
    result after;
    vae_status status = VAE_OK;
    if (!command_given(&j->call, "prior")) return TOOL_DONE;
    int problem = train_prior_fit(&j->call, *model, j->training.data, j->quiet);
    if (!problem) problem = measure(j, *model, &after);
    if (problem) return problem;
    int better = after.elbo > before->elbo;
    if (!j->quiet)
        fprintf(stderr, "            held-out ELBO %.6g -> %.6g, KL %.4g -> %.4g nats a row%s\n",
                before->elbo, after.elbo, before->kl, after.kl,
                better ? "" : ": no better, so the model keeps the prior that it had");
    if (better) {
        status = save_with_prior(j, *model, &after);
    } else {
        vae_model_destroy(*model);
        *model = NULL;
        status = vae_model_load(j->context, j->output, model);
    }
    return status ? command_refused(&j->call, status, j->output) : TOOL_DONE;
}

/* Loads what was saved, so that what is said and drawn is of the file. */
static int finish(job *j) {
    result found;
    subject best = {.call = &j->call, .context = j->context, .data = j->training.heldout};
    vae_status status = vae_model_load(j->context, j->output, &best.model);
    int problem = status ? command_refused(&j->call, status, NULL) : TOOL_DONE;
    if (!problem) problem = measure(j, best.model, &found);
    if (!problem) say_result(j, &found, best.model);
    if (!problem) problem = put_prior(j, &best.model, &found);
    if (!problem && j->folder) {
        best.width = vae_model_width(best.model);
        best.latent = vae_model_latent(best.model);
        subject_image_shape(vae_model_spec(best.model), &best.channels, &best.height,
                            &best.breadth);
        problem = draw(j, &best);
    }
    if (!problem && j->resume) unlink(j->checkpoint);
    vae_model_destroy(best.model);
    return problem;
}

static int train(job *j) {
    training *t = &j->training;
    t->steps_of_warm_up = training_warm_up(t->optimizer);
    say_begin(j);
    switch (training_run(t)) {
    case TRAINING_COMPLETE: return finish(j);
    case TRAINING_INTERRUPTED: say_how_to_go_on(j); return TOOL_FAILED;
    default:
        if (t->best_epoch)
            command_failed(&j->call, "the best model so far, of epoch %llu, is in %s",
                           (unsigned long long)t->best_epoch, j->output);
        return TOOL_FAILED;
    }
}

/* ---- the command ---- */

static void set_up(job *j, const tool_call *call) {
    text checkpoint = {0};
    j->call = *call;
    j->output = command_value(call, "output", NULL);
    j->folder = command_value(call, "plot", NULL);
    j->resume = command_given(call, "resume");
    j->quiet = command_given(call, "quiet");
    text_append(&checkpoint, "%s.checkpoint", j->output ? j->output : "");
    j->checkpoint = checkpoint.text;
}

static int prepare(job *j) {
    training *t = &j->training;
    int problem = j->resume ? resume_take_options(&j->call, j->checkpoint, j->kept) : TOOL_DONE;
    if (!problem) problem = check_job(j);
    if (!problem) problem = command_context(&j->call, NULL, &j->context);
    if (!problem) problem = train_data_open(&j->call, j->context, &t->data, &t->heldout);
    if (problem) return problem;
    t->call = &j->call;
    t->output = j->output;
    t->checkpoint = j->checkpoint;
    t->quiet = j->quiet;
    t->keep = keep_options;
    t->user = j;
    t->epochs = command_whole(&j->call, "epochs", 50);
    t->patience = command_whole(&j->call, "patience", 5);
    if (history_create(&t->history, (size_t)t->epochs))
        return command_failed(&j->call, "there is not enough memory");
    return j->resume ? resume(j) : begin(j);
}

static void release(job *j) {
    training *t = &j->training;
    history_release(&t->history);
    vae_optimizer_destroy(t->optimizer);
    vae_model_destroy(t->model);
    vae_dataset_destroy(t->data);
    vae_dataset_destroy(t->heldout);
    vae_context_destroy(j->context);
    for (size_t i = 0; i < TOOL_MOST_OPTIONS; i++) free(j->kept[i]);
    free(j->checkpoint);
    text_free(&j->reasons);
}

static int run(const tool_call *call) {
    static job j; /* large; of the one training that a program does */
    if (!command_given(call, "output"))
        return command_misused(call, "expected --output FILE for the model");
    if (!strcmp(command_value(call, "output", ""), "-"))
        return command_misused(call,
                               "--output: expected a file for the model, which does not go to "
                               "standard output; found '-'");
    set_up(&j, call);
    int status = prepare(&j);
    if (!status) status = train(&j);
    release(&j);
    return status;
}

const tool_command tool_train = {
    "train",
    "Trains a model on DATA, of which a tenth is held out without TEST",
    "DATA [TEST]",
    1,
    2,
    options,
    NULL,
    run};
