/* The public functions of the optimizer handle: steps, training, checkpoints. Each checks its arguments and calls
 * src/train/. */
#include <string.h>

#include "api/arguments.h"
#include "api/texts.h"
#include "train/checkpoint.h"
#include "train/loop.h"

vae_status vae_optimizer_create(vae_model *model, const char *options, vae_optimizer **out) {
    vae_status status = vae__need(out, "vae_optimizer_create", "out");
    if (status) return status;
    *out = NULL;
    status = vae__need(model, "vae_optimizer_create", "model");
    if (!status) status = vae__check_keys(&vae__training_table, options);
    if (!status) status = vae__optimizer_new(model, options, out);
    return vae__memory_in(status, "vae_optimizer_create");
}

vae_status vae_optimizer_set(vae_optimizer *optimizer, const char *options) {
    vae_status status = vae__need(optimizer, "vae_optimizer_set", "optimizer");
    if (!status) status = vae__check_keys(&vae__training_table, options);
    if (!status) status = vae__optimizer_change(optimizer, options);
    return vae__memory_in(status, "vae_optimizer_set");
}

void vae_optimizer_destroy(vae_optimizer *optimizer) {
    vae__optimizer_free(optimizer);
}

uint64_t vae_optimizer_steps(const vae_optimizer *optimizer) {
    return optimizer ? optimizer->state.steps : 0;
}

const char *vae_optimizer_options(const vae_optimizer *optimizer) {
    return optimizer ? optimizer->options_text : "";
}

vae_status vae_optimizer_memory(const vae_optimizer *optimizer, uint64_t *state_bytes,
                                uint64_t *workspace_bytes) {
    uint64_t state, workspace;
    vae_status status = vae__need(optimizer, "vae_optimizer_memory", "optimizer");
    if (status) return status;
    vae__optimizer_bytes(optimizer, &state, &workspace);
    if (state_bytes) *state_bytes = state;
    if (workspace_bytes) *workspace_bytes = workspace;
    return VAE_OK;
}

vae_status vae_optimizer_plan(const vae_optimizer *optimizer, char *buffer, size_t size,
                              size_t *length) {
    vae_status status = vae__need(optimizer, "vae_optimizer_plan", "optimizer");
    if (!status) status = vae__optimizer_check(optimizer);
    if (status) return status;
    vae__buffer text = {.context = optimizer->context};
    vae__append(&text, "%s", optimizer->program.plan.graph ? "train: " : "");
    if (optimizer->program.plan.graph) vae__plan_print(&optimizer->program.plan, &text);
    if (!text.failed) vae__give_text(text.text, buffer, size, length);
    status = text.failed ? vae__last_status() : VAE_OK;
    vae__buffer_free(&text);
    return vae__memory_in(status, "vae_optimizer_plan");
}

/* ---- steps ---- */

static vae_status need_pair(const vae_model *model, const vae_optimizer *optimizer,
                            const char *function) {
    vae_status status = vae__need(model, function, "model");
    if (!status) status = vae__need(optimizer, function, "optimizer");
    if (!status && optimizer->model != model) {
        status = vae__fail(VAE_ERROR_MISMATCH, "%s: the optimizer was created for another model",
                           function);
    } else if (!status && vae__optimizer_check(optimizer)) {
        status = vae__fail_in("%s", function);
    }
    return status;
}

static vae_status need_report(const vae_step_report *report, const char *function) {
    if (!report || report->struct_size >= 8) return VAE_OK;
    return vae__fail(
        VAE_ERROR_ARGUMENT,
        "%s: report->struct_size is %u; set it to sizeof(vae_step_report) before the call",
        function, (unsigned)report->struct_size);
}

/* Writes what the caller's struct has room for, past struct_size itself. */
static void give_report(const vae_step_report *made, vae_step_report *report) {
    if (!report) return;
    size_t size = report->struct_size < sizeof *made ? report->struct_size : sizeof *made;
    const size_t kept = sizeof report->struct_size;
    memcpy((char *)report + kept, (const char *)made + kept, size - kept);
}

vae_status vae_step(vae_model *model, vae_optimizer *optimizer, vae_dataset *dataset,
                    vae_step_report *report) {
    vae_step_report made = {0};
    vae_status status = need_pair(model, optimizer, "vae_step");
    if (!status) status = vae__need(dataset, "vae_step", "dataset");
    if (!status) status = need_report(report, "vae_step");
    if (!status) {
        status = vae__need_width(vae__dataset_width(dataset), model->spec.input.size, "vae_step",
                                 "the data set's width", "the model's input");
    }
    if (!status) status = vae__need_shift(model, dataset, "vae_step", "the data set");
    if (status) return status;
    status = vae__step_dataset(optimizer, dataset, &made);
    give_report(&made, report);
    return vae__memory_in(status, "vae_step");
}

vae_status vae_step_rows(vae_model *model, vae_optimizer *optimizer, const float *x, size_t n,
                         size_t width, vae_step_report *report) {
    vae_step_report made = {0};
    vae_status status = need_pair(model, optimizer, "vae_step_rows");
    if (!status) status = vae__need(x, "vae_step_rows", "x");
    if (!status) status = need_report(report, "vae_step_rows");
    if (!status)
        status = vae__need_width(width, model->spec.input.size, "vae_step_rows", "width",
                                 "the model's input");
    if (!status && n == 0)
        status =
            vae__fail(VAE_ERROR_ARGUMENT, "vae_step_rows: n is 0; a step needs at least one row");
    if (status) return status;
    const vae__step_rows rows = {.rows = x, .n = n};
    status = vae__step(optimizer, &rows, &made);
    give_report(&made, report);
    return vae__memory_in(status, "vae_step_rows");
}

vae_status vae_train(vae_model *model, vae_optimizer *optimizer, vae_dataset *dataset,
                     const vae_dataset *validation, const char *options, vae_train_fn callback,
                     void *user) {
    vae_status status = need_pair(model, optimizer, "vae_train");
    if (!status) status = vae__need(dataset, "vae_train", "dataset");
    if (!status) {
        status = vae__need_width(vae__dataset_width(dataset), model->spec.input.size, "vae_train",
                                 "the data set's width", "the model's input");
    }
    if (!status && validation) {
        status = vae__need_width(vae__dataset_width(validation), model->spec.input.size,
                                 "vae_train", "the validation set's width", "the model's input");
    }
    if (!status) status = vae__check_keys(&vae__loop_table, options);
    if (!status) status = vae__need_shift(model, dataset, "vae_train", "the data set");
    if (!status && validation)
        status = vae__need_shift(model, validation, "vae_train", "the validation set");
    if (!status) vae__log_unknown_shift(model, dataset, "vae_train");
    if (!status) status = vae__train(optimizer, dataset, validation, options, callback, user);
    return vae__memory_in(status, "vae_train");
}

/* ---- checkpoints ---- */

vae_status vae_checkpoint_save(const vae_model *model, const vae_optimizer *optimizer,
                               const vae_dataset *dataset, const char *path) {
    const char *function = "vae_checkpoint_save";
    vae_status status = need_pair(model, optimizer, function);
    if (!status) status = vae__need(path, function, "path");
    if (!status && dataset) {
        status = vae__need_width(vae__dataset_width(dataset), model->spec.input.size, function,
                                 "the data set's width", "the model's input");
        if (!status) status = vae__need_shift(model, dataset, function, "the data set");
    }
    if (!status) status = vae__checkpoint_write(optimizer, dataset, path);
    return vae__memory_in(status, "%s", function);
}

vae_status vae_checkpoint_load(vae_context *context, const char *path, vae_dataset *dataset,
                               vae_model **model, vae_optimizer **optimizer) {
    const char *function = "vae_checkpoint_load";
    vae_context *resolved;
    if (model) *model = NULL;
    if (optimizer) *optimizer = NULL;
    vae_status status = vae__need(path, function, "path");
    if (!status) status = vae__need(model, function, "model");
    if (!status) status = vae__need(optimizer, function, "optimizer");
    if (!status) status = vae__context_resolve(context, &resolved);
    if (status) return status;
    status = vae__checkpoint_read(resolved, path, dataset, optimizer);
    if (!status) *model = (*optimizer)->model;
    vae__context_release(resolved);
    return vae__memory_in(status, "%s", function);
}
