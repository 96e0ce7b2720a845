/* The public functions of the model handle, and inference. Each checks its arguments and calls one folder below. */
#include <math.h>
#include <string.h>

#include "api/arguments.h"
#include "api/texts.h"
#include "model/generate.h"
#include "model/score.h"
#include "train/initialize.h"
#include "train/persist.h"
#include "model/inference.h"
#include "model/programs.h"

/* ---- making and keeping ---- */

static vae_status create_model(vae_context *context, const char *text, vae_model **out) {
    vae__spec spec;
    vae_status status = vae__spec_parse(text, &spec);
    if (status) return status;
    status = vae__model_new(context, &spec, out);
    if (status == VAE_ERROR_TEXT) vae__fail_in("spec");
    if (!status) vae__model_draw(*out);
    return status;
}

vae_status vae_model_create(vae_context *context, const char *spec, vae_model **out) {
    vae_context *resolved;
    vae_status status = vae__need(out, "vae_model_create", "out");
    if (status) return status;
    *out = NULL;
    status = vae__need(spec, "vae_model_create", "spec");
    if (!status) status = vae__check_keys(&vae__spec_table, spec);
    if (!status) status = vae__context_resolve(context, &resolved);
    if (status) return status;
    status = create_model(resolved, spec, out);
    vae__context_release(resolved);
    return vae__memory_in(status, "vae_model_create");
}

vae_status vae_model_initialize(vae_model *model, const vae_dataset *dataset) {
    vae_status status = vae__need(model, "vae_model_initialize", "model");
    if (!status) status = vae__need(dataset, "vae_model_initialize", "dataset");
    if (!status) {
        status =
            vae__need_width(vae__dataset_width(dataset), vae_model_width(model),
                            "vae_model_initialize", "the data set's width", "the model's input");
    }
    if (!status) status = vae__start_from_data(model, dataset);
    return vae__memory_in(status, "vae_model_initialize");
}

vae_status vae_model_clone(const vae_model *model, vae_model **out) {
    vae_status status = vae__need(out, "vae_model_clone", "out");
    if (status) return status;
    *out = NULL;
    status = vae__need(model, "vae_model_clone", "model");
    if (!status) status = vae__model_clone(model, out);
    return vae__memory_in(status, "vae_model_clone");
}

vae_status vae_model_save(const vae_model *model, const char *path) {
    vae_status status = vae__need(model, "vae_model_save", "model");
    if (!status) status = vae__need(path, "vae_model_save", "path");
    if (!status) status = vae__model_write_file(model, path);
    return vae__memory_in(status, "vae_model_save");
}

vae_status vae_model_load(vae_context *context, const char *path, vae_model **out) {
    vae_context *resolved;
    vae_status status = vae__need(out, "vae_model_load", "out");
    if (status) return status;
    *out = NULL;
    status = vae__need(path, "vae_model_load", "path");
    if (!status) status = vae__context_resolve(context, &resolved);
    if (status) return status;
    status = vae__model_read_file(resolved, path, out);
    vae__context_release(resolved);
    return vae__memory_in(status, "vae_model_load");
}

vae_status vae_model_save_memory(const vae_model *model, void *buffer, size_t size,
                                 size_t *length) {
    size_t needed = 0;
    vae_status status = vae__need(model, "vae_model_save_memory", "model");
    if (!status) status = vae__need(length, "vae_model_save_memory", "length");
    if (!status) status = vae__model_write_memory(model, NULL, 0, &needed);
    if (status) return vae__memory_in(status, "vae_model_save_memory");
    *length = needed;
    if (!buffer) return VAE_OK;
    if (size < needed)
        return vae__fail(VAE_ERROR_ARGUMENT,
                         "vae_model_save_memory: size is %zu; the model needs %zu", size, needed);
    status = vae__model_write_memory(model, buffer, size, length);
    return vae__memory_in(status, "vae_model_save_memory");
}

vae_status vae_model_load_memory(vae_context *context, const void *bytes, size_t size,
                                 vae_model **out) {
    vae_context *resolved;
    vae_status status = vae__need(out, "vae_model_load_memory", "out");
    if (status) return status;
    *out = NULL;
    status = vae__need(bytes, "vae_model_load_memory", "bytes");
    if (!status) status = vae__context_resolve(context, &resolved);
    if (status) return status;
    status = vae__model_read_memory(resolved, "memory", bytes, size, out);
    vae__context_release(resolved);
    return vae__memory_in(status, "vae_model_load_memory");
}

void vae_model_destroy(vae_model *model) {
    vae__model_release(model);
}

/* ---- queries ---- */

size_t vae_model_width(const vae_model *model) {
    return model ? model->spec.input.size : 0;
}

size_t vae_model_latent(const vae_model *model) {
    return model ? (size_t)model->spec.latent : 0;
}

const char *vae_model_spec(const vae_model *model) {
    return model ? model->spec_text : "";
}

/* ---- metadata ---- */

vae_status vae_model_set_metadata(vae_model *model, const char *key, const char *value) {
    vae_status status = vae__need(model, "vae_model_set_metadata", "model");
    if (!status) status = vae__need(key, "vae_model_set_metadata", "key");
    if (status) return status;
    if (vae__metadata_is_reserved(key)) {
        return vae__fail(
            VAE_ERROR_ARGUMENT,
            "vae_model_set_metadata: the key '%.60s' is reserved for the library: " VAE__FORMAT_KEY
            ", " VAE__SPEC_KEY ", " VAE__CHECKPOINT_KEY
            ", and what begins with " VAE__OPTIMIZER_KEYS " or " VAE__DATASET_KEYS
            "; choose another, e.g. one that begins with your program's name",
            key);
    }
    status = vae__metadata_put(model->context, &model->metadata, key, value);
    return status ? vae__fail_in("vae_model_set_metadata") : VAE_OK;
}

const char *vae_model_metadata(const vae_model *model, const char *key) {
    if (!model || !key) return NULL;
    if (!strcmp(key, VAE__FORMAT_KEY)) return VAE__MODEL_FORMAT;
    if (!strcmp(key, VAE__SPEC_KEY)) return model->spec_text;
    return vae__metadata_find(&model->metadata, key);
}

const char *vae_model_metadata_key(const vae_model *model, size_t index) {
    return model && index < model->metadata.count ? model->metadata.entries[index].key : NULL;
}

/* ---- parameters ---- */

vae_status vae_model_sigma(const vae_model *model, double *sigma, size_t width) {
    vae_status status = vae__need(model, "vae_model_sigma", "model");
    if (!status) status = vae__need(sigma, "vae_model_sigma", "sigma");
    if (!status)
        status = vae__need_width(width, vae_model_width(model), "vae_model_sigma", "width",
                                 "the model's input");
    if (!status) status = vae__model_sigma(model, sigma);
    return status;
}

size_t vae_model_parameter_count(const vae_model *model) {
    return model ? vae__model_visible(model) : 0;
}

uint64_t vae_model_parameter_total(const vae_model *model) {
    uint64_t total = 0;
    for (size_t i = 0; i < vae_model_parameter_count(model); i++)
        total += vae__parameter_size(&model->parameters.items[i]);
    return total;
}

const char *vae_model_parameter_name(const vae_model *model, size_t index) {
    return index < vae_model_parameter_count(model) ? model->parameters.items[index].name : NULL;
}

vae_status vae_model_parameter_shape(const vae_model *model, size_t index, size_t *shape,
                                     size_t capacity, size_t *rank) {
    vae_status status = vae__need(model, "vae_model_parameter_shape", "model");
    if (status) return status;
    size_t count = vae_model_parameter_count(model);
    if (index >= count) {
        return vae__fail(VAE_ERROR_ARGUMENT,
                         "vae_model_parameter_shape: index is %zu; the model has %zu parameter%s",
                         index, count, vae__plural(count));
    }
    const vae__parameter *parameter = &model->parameters.items[index];
    size_t extents = parameter->shape.rank < capacity ? parameter->shape.rank : capacity;
    if (shape) memcpy(shape, parameter->shape.extents, extents * sizeof *shape);
    if (rank) *rank = parameter->shape.rank;
    return VAE_OK;
}

static vae_status fail_no_parameter(const vae_model *model, const char *name,
                                    const char *function) {
    char suggestion[VAE__SUGGESTION_SIZE];
    vae__nearest nearest = {.text = name, .length = strlen(name)};
    for (size_t i = 0; i < model->parameters.count; i++)
        vae__nearest_offer(&nearest, model->parameters.items[i].name);
    return vae__fail(
        VAE_ERROR_ARGUMENT,
        "%s: the model has no parameter '%.60s'%s (vae_model_parameter_name lists them)", function,
        name, vae__suggestion(suggestion, nearest.name));
}

static vae_status find_parameter(const vae_model *model, const char *name, const void *values,
                                 size_t count, const char *function, vae__parameter **out) {
    vae_status status = vae__need(model, function, "model");
    if (!status) status = vae__need(name, function, "name");
    if (!status) status = vae__need(values, function, "values");
    if (status) return status;
    *out = vae__parameters_find(&model->parameters, name);
    if (!*out) return fail_no_parameter(model, name, function);
    size_t expected = vae__parameter_size(*out);
    if (count == expected) return VAE_OK;
    return vae__fail(VAE_ERROR_WIDTH, "%s: count is %zu; '%s' has %zu value%s", function, count,
                     name, expected, vae__plural(expected));
}

vae_status vae_model_parameter_get(const vae_model *model, const char *name, float *values,
                                   size_t count) {
    vae__parameter *parameter;
    vae_status status =
        find_parameter(model, name, values, count, "vae_model_parameter_get", &parameter);
    if (status) return status;
    for (size_t i = 0; i < count; i++)
        values[i] = (float)parameter->values[vae__parameter_place(parameter, i)];
    return VAE_OK;
}

vae_status vae_model_parameter_set(vae_model *model, const char *name, const float *values,
                                   size_t count) {
    vae__parameter *parameter;
    vae_status status =
        find_parameter(model, name, values, count, "vae_model_parameter_set", &parameter);
    if (status) return status;
    for (size_t i = 0; i < count; i++) {
        int refused = !isfinite(values[i]) || (parameter->positive && !(values[i] > 0)) ||
                      (parameter->optional && values[i] < 0);
        if (!refused) continue;
        const char *expected = parameter->optional ? "at least 0" : "above 0";
        return vae__fail(VAE_ERROR_DATA, "vae_model_parameter_set: value %zu for '%s' is not %s", i,
                         name, isfinite(values[i]) ? expected : "finite");
    }
    for (size_t i = 0; i < count; i++)
        parameter->values[vae__parameter_place(parameter, i)] = (vae__real)values[i];
    size_t index = (size_t)(parameter - model->parameters.items);
    if (index == model->network.shift || index == model->network.scale) model->has_scaling = 1;
    model->set_by_hand = 1;
    vae__model_changed(model, index, 1);
    return VAE_OK;
}

static vae_status largest_workspace(const vae_model *model, uint64_t *bytes) {
    uint64_t largest = 0;
    for (size_t i = 0; i < model->kind->program_count; i++) {
        const vae__program_kind *kind = &model->kind->programs[i];
        vae__program *program;
        if (kind->available && !kind->available(&model->spec)) continue;
        vae_status status = vae__model_program(model, kind->name, &program);
        if (status) return status;
        uint64_t needed = vae__workspace_bytes(&program->plan);
        if (needed > largest) largest = needed;
    }
    *bytes = largest;
    return VAE_OK;
}

vae_status vae_model_memory(const vae_model *model, uint64_t *parameter_bytes,
                            uint64_t *workspace_bytes) {
    vae_status status = vae__need(model, "vae_model_memory", "model");
    if (!status && workspace_bytes) status = largest_workspace(model, workspace_bytes);
    if (!status && parameter_bytes)
        *parameter_bytes = model->parameters.block_count * sizeof(vae__real);
    return vae__memory_in(status, "vae_model_memory");
}

vae_status vae_model_plan(const vae_model *model, char *buffer, size_t size, size_t *length) {
    vae_status status = vae__need(model, "vae_model_plan", "model");
    if (status) return status;
    vae__buffer text = {.context = model->context};
    for (size_t i = 0; !status && i < model->kind->program_count; i++) {
        const vae__program_kind *kind = &model->kind->programs[i];
        vae__program *program;
        if (kind->available && !kind->available(&model->spec)) continue;
        status = vae__model_program(model, kind->name, &program);
        if (status) break;
        vae__append(&text, "%s: ", kind->name);
        vae__plan_print(&program->plan, &text);
        if (text.failed) status = vae__last_status();
    }
    if (!status) vae__give_text(text.text, buffer, size, length);
    vae__buffer_free(&text);
    return vae__memory_in(status, "vae_model_plan");
}

/* ---- inference ---- */

/* The checks that every call with rows makes. n = 0 needs no rows. */
static vae_status need_rows(const vae_model *model, const void *rows, size_t n, size_t width,
                            size_t expected, const char *function, const char *argument,
                            const char *owner) {
    vae_status status = vae__need(model, function, "model");
    if (!status)
        status = vae__need_width(width, expected, function, argument[0] == 'x' ? "width" : "latent",
                                 owner);
    if (!status && n) status = vae__need(rows, function, argument);
    return status;
}

static vae_status need_x(const vae_model *model, const float *x, size_t n, size_t width,
                         const char *function) {
    return need_rows(model, x, n, width, vae_model_width(model), function, "x",
                     "the model's input");
}

vae_status vae_encode(const vae_model *model, const float *x, size_t n, size_t width, float *mean,
                      float *logvar) {
    vae_status status = need_x(model, x, n, width, "vae_encode");
    if (!status) status = vae__model_encode(model, x, n, mean, logvar);
    return vae__memory_in(status, "vae_encode");
}

vae_status vae_decode(const vae_model *model, const float *z, size_t n, size_t latent,
                      float *x_mean) {
    vae_status status = need_rows(model, z, n, latent, vae_model_latent(model), "vae_decode", "z",
                                  "the model's latent");
    if (!status) status = vae__model_decode(model, z, n, x_mean);
    return vae__memory_in(status, "vae_decode");
}

vae_status vae_reconstruct(const vae_model *model, const float *x, size_t n, size_t width,
                           float *x_mean) {
    vae_status status = need_x(model, x, n, width, "vae_reconstruct");
    if (!status) status = vae__model_reconstruct(model, x, n, x_mean);
    return vae__memory_in(status, "vae_reconstruct");
}

vae_status vae_elbo(const vae_model *model, const float *x, size_t n, size_t width, uint64_t seed,
                    double *elbo, double *reconstruction, double *kl) {
    vae_status status = need_x(model, x, n, width, "vae_elbo");
    const vae__bound out = {.elbo = elbo, .reconstruction = reconstruction, .kl = kl};
    if (!status) status = vae__model_elbo(model, x, n, seed, &out);
    return vae__memory_in(status, "vae_elbo");
}

vae_status vae_sample(const vae_model *model, size_t n, uint64_t seed, float *z, float *x_mean,
                      float *x) {
    vae_status status = vae__need(model, "vae_sample", "model");
    if (!status) status = vae__model_generate(model, n, seed, NULL, NULL, NULL, z, x_mean, x);
    return vae__memory_in(status, "vae_sample");
}

vae_status vae_generate(const vae_model *model, size_t n, uint64_t seed, const char *options,
                        vae_progress_fn progress, void *user, float *z, float *x_mean, float *x) {
    vae_status status = vae__need(model, "vae_generate", "model");
    if (!status) status = vae__check_keys(&vae__generate_table, options);
    if (!status)
        status = vae__model_generate(model, n, seed, options, progress, user, z, x_mean, x);
    return vae__memory_in(status, "vae_generate");
}

vae_status vae_score(const vae_model *model, const float *x, size_t n, size_t width,
                     const char *options, double *score, double *by_value) {
    vae_status status = need_x(model, x, n, width, "vae_score");
    if (!status) status = vae__check_keys(&vae__score_table, options);
    if (!status) status = vae__model_score(model, x, n, options, score, by_value);
    return vae__memory_in(status, "vae_score");
}
