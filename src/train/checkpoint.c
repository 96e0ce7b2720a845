/* A checkpoint: a model file that also has the optimizer's moments and the cursor of the data set. Relies
 * on persist.c for the model; a checkpoint that was loaded goes on bit for bit as if it had never stopped. */
#include "train/checkpoint.h"

#include <math.h>
#include <string.h>

#include "data/cursor.h"
#include "data/describe.h"
#include "model/shift.h"
#include "train/persist.h"

/* The version of what the keys beside the model's mean (persist.h). */
#define VERSION "1"

enum { OWN_METADATA = 9, NAME_SIZE = VAE__PARAMETER_NAME + 32 };
#define MOST_STEPS ((uint64_t)1 << 62) /* room to go on counting */

/* "optimizer.moment1.encoder.0.weight" */
static const char *moment_name(char name[NAME_SIZE], size_t moment, const vae__parameter *p) {
    vae__format(name, NAME_SIZE, VAE__OPTIMIZER_KEYS "moment%zu.%s", moment + 1, p->name);
    return name;
}

/* A parameter's place in a moment's block. */
static vae__real *moment_values(const vae_optimizer *optimizer, size_t moment,
                                const vae__parameter *p) {
    return optimizer->state.moments[moment] + (p->values - optimizer->model->parameters.block);
}

/* "optimizer.weights.encoder.0.weight": with ema= what is trained; the parameter itself is the average. */
static const char *weights_name(char name[NAME_SIZE], const vae__parameter *p) {
    vae__format(name, NAME_SIZE, VAE__OPTIMIZER_KEYS "weights.%s", p->name);
    return name;
}

static vae__real *weights_of(const vae_optimizer *optimizer, const vae__parameter *p) {
    return optimizer->average.weights + (p->values - optimizer->model->parameters.block);
}

static size_t moments_of(const vae__optimizer_state *state) {
    size_t count = 0;
    while (count < VAE__MOST_MOMENTS && state->moments[count]) count++;
    return count;
}

/* ---- writing ---- */

typedef struct contents {
    vae__tensor *tensors;
    char (*names)[NAME_SIZE]; /* of the moments */
    size_t count;
    vae__real *kernels;      /* in the order of files */
    vae__metadata *metadata; /* OWN_METADATA at most, and what the model carries */
    size_t metadata_count;
    char steps[24], averaged[24], epoch[24], position[24];
    vae__buffer dataset;
} contents;

/* The parameters, then the moments of those that are trained. */
static vae_status list_tensors(const vae_optimizer *optimizer, contents *c) {
    const vae__parameters *parameters = &optimizer->model->parameters;
    size_t moments = moments_of(&optimizer->state), named = 0;
    size_t own = moments + (optimizer->average.weights != NULL);
    c->tensors =
        vae__allocate(optimizer->context, parameters->count * (1 + own), sizeof *c->tensors);
    c->names = vae__allocate(optimizer->context, parameters->count * own, sizeof *c->names);
    c->kernels = vae__allocate(optimizer->context, vae__kernel_total(parameters) * (1 + own),
                               sizeof *c->kernels);
    if (!c->tensors || !c->names || !c->kernels) return vae__last_status();
    vae__real *kernels = c->kernels;
    for (size_t i = 0; i < parameters->count; i++) {
        const vae__parameter *p = &parameters->items[i];
        if (vae__parameter_counts(p))
            c->tensors[c->count++] = vae__tensor_of(p->name, p, p->values, &kernels);
    }
    for (size_t m = 0; m < moments; m++) {
        for (size_t i = 0; i < parameters->count; i++) {
            const vae__parameter *p = &parameters->items[i];
            if (!p->trainable) continue;
            c->tensors[c->count++] = vae__tensor_of(moment_name(c->names[named++], m, p), p,
                                                    moment_values(optimizer, m, p), &kernels);
        }
    }
    for (size_t i = 0; i < parameters->count && optimizer->average.weights; i++) {
        const vae__parameter *p = &parameters->items[i];
        if (!p->trainable) continue;
        c->tensors[c->count++] = vae__tensor_of(weights_name(c->names[named++], p), p,
                                                weights_of(optimizer, p), &kernels);
    }
    return VAE_OK;
}

static void add(contents *c, const char *key, const char *value) {
    c->metadata[c->metadata_count++] = (vae__metadata){key, value};
}

static void add_number(contents *c, const char *key, char text[24], uint64_t value) {
    vae__format(text, 24, "%llu", (unsigned long long)value);
    add(c, key, text);
}

static vae_status list_metadata(const vae_optimizer *optimizer, const vae_dataset *dataset,
                                contents *c) {
    const vae_model *model = optimizer->model;
    c->metadata = vae__allocate(optimizer->context, OWN_METADATA + model->metadata.count,
                                sizeof *c->metadata);
    if (!c->metadata) return vae__last_status();
    c->metadata_count = vae__list_model_keys(model, c->metadata);
    add(c, VAE__CHECKPOINT_KEY, VERSION);
    add(c, VAE__OPTIONS_KEY, optimizer->options_text);
    add_number(c, VAE__STEPS_KEY, c->steps, optimizer->state.steps);
    if (optimizer->average.weights)
        add_number(c, VAE__AVERAGED_KEY, c->averaged, optimizer->average.updates);
    if (dataset) {
        vae_status status = vae__dataset_describe(dataset, &c->dataset);
        if (status) return status;
        add(c, VAE__DATASET_KEY, c->dataset.text);
        add_number(c, VAE__EPOCH_KEY, c->epoch, vae__dataset_epoch(dataset));
        add_number(c, VAE__POSITION_KEY, c->position, vae__dataset_position(dataset));
    }
    c->metadata_count += vae__list_model_metadata(model, 1, c->metadata + c->metadata_count);
    return VAE_OK;
}

vae_status vae__checkpoint_write(const vae_optimizer *optimizer, const vae_dataset *dataset,
                                 const char *path) {
    vae_context *context = optimizer->context;
    contents c = {.dataset = {.context = context}};
    vae_status status = list_tensors(optimizer, &c);
    if (!status) status = list_metadata(optimizer, dataset, &c);
    if (!status) {
        status = vae__safetensors_write_file(context, path, c.tensors, c.count, c.metadata,
                                             c.metadata_count);
    }
    vae__buffer_free(&c.dataset);
    vae__release(context, c.metadata);
    vae__release(context, c.names);
    vae__release(context, c.kernels);
    vae__release(context, c.tensors);
    return status;
}

/* ---- reading ---- */

/* A file under its name in messages, and what it holds. */
typedef struct source {
    const char *path;
    vae__bundle bundle;
} source;

static vae_status read_text(const source *from, const char *key, const char **text) {
    *text = vae__bundle_metadata(&from->bundle, key);
    if (*text) return VAE_OK;
    return vae__fail(VAE_ERROR_FORMAT, "%s: __metadata__ '%s' is missing", from->path, key);
}

static vae_status read_number(const source *from, const char *key, uint64_t *number) {
    const char *text;
    vae_status status = read_text(from, key, &text);
    if (status || vae__parse_unsigned(text, strlen(text), number)) return status;
    return vae__fail(VAE_ERROR_FORMAT, "%s: __metadata__ '%s' is '%.40s'; expected a whole number",
                     from->path, key, text);
}

static vae_status check_version(const source *from) {
    const char *version = vae__bundle_metadata(&from->bundle, VAE__CHECKPOINT_KEY);
    if (!version) {
        return vae__fail(VAE_ERROR_FORMAT,
                         "%s: holds a model and no training to go on with; expected a file of "
                         "vae_checkpoint_save (vae_model_load reads this one)",
                         from->path);
    }
    if (!strcmp(version, VERSION)) return VAE_OK;
    return vae__fail(VAE_ERROR_FORMAT, "%s: __metadata__ '%s' is '%.40s'; expected '%s'",
                     from->path, VAE__CHECKPOINT_KEY, version, VERSION);
}

static vae_status read_moments(const source *from, vae_optimizer *optimizer) {
    const vae__parameters *parameters = &optimizer->model->parameters;
    vae__optimizer_state *state = &optimizer->state;
    size_t expected = 0;
    char name[NAME_SIZE];
    for (size_t i = 0; i < parameters->count; i++) {
        const vae__parameter *p = &parameters->items[i];
        if (!p->optional || vae__bundle_tensor(&from->bundle, p->name)) expected++;
    }
    for (size_t m = 0; m < moments_of(state); m++) {
        for (size_t i = 0; i < parameters->count; i++) {
            const vae__parameter *p = &parameters->items[i];
            if (!p->trainable) continue;
            vae_status status =
                vae__tensor_read(from->path, &from->bundle, moment_name(name, m, p), p,
                                 state->rule->least[m], moment_values(optimizer, m, p));
            if (status) return status;
            expected++;
        }
    }
    for (size_t i = 0; i < parameters->count && optimizer->average.weights; i++) {
        const vae__parameter *p = &parameters->items[i];
        if (!p->trainable) continue;
        double least = -HUGE_VAL;
        vae_status status = vae__tensor_read(from->path, &from->bundle, weights_name(name, p), p,
                                             least, weights_of(optimizer, p));
        if (status) return status;
        expected++;
    }
    if (from->bundle.tensor_count == expected) return VAE_OK;
    return vae__fail(VAE_ERROR_FORMAT,
                     "%s: holds %zu tensor%s; the spec and the optimizer '%s' ask for %zu",
                     from->path, from->bundle.tensor_count, vae__plural(from->bundle.tensor_count),
                     state->rule->name, expected);
}

static vae_status read_optimizer(const source *from, vae_model *model, vae_optimizer **out) {
    const char *options;
    uint64_t steps;
    vae_status status = read_text(from, VAE__OPTIONS_KEY, &options);
    if (!status) status = read_number(from, VAE__STEPS_KEY, &steps);
    if (status) return status;
    if (steps > MOST_STEPS) {
        return vae__fail(VAE_ERROR_FORMAT,
                         "%s: __metadata__ '" VAE__STEPS_KEY "' is %llu; expected at most "
                         "%llu",
                         from->path, (unsigned long long)steps, (unsigned long long)MOST_STEPS);
    }
    status = vae__optimizer_new(model, options, out);
    if (status == VAE_ERROR_TEXT)
        return vae__fail_as(VAE_ERROR_FORMAT, "%s: __metadata__ '" VAE__OPTIONS_KEY "'",
                            from->path);
    if (!status) status = read_moments(from, *out);
    if (!status && (*out)->average.weights)
        status = read_number(from, VAE__AVERAGED_KEY, &(*out)->average.updates);
    if (status) return status;
    if ((*out)->average.updates > MOST_STEPS)
        return vae__fail(VAE_ERROR_FORMAT, "%s: __metadata__ '" VAE__AVERAGED_KEY "' is %llu",
                         from->path, (unsigned long long)(*out)->average.updates);
    (*out)->state.steps = steps;
    vae__optimizer_measure(&(*out)->state);
    return VAE_OK;
}

/* The first word in which two descriptions differ. */
static vae_status compare(const char *path, const char *expected, const char *found) {
    for (;;) {
        size_t a = strcspn(expected, " "), b = strcspn(found, " ");
        if (a != b || memcmp(expected, found, a)) {
            return vae__fail(VAE_ERROR_MISMATCH,
                             "%s: the data set is not the one it was saved with: expected %.*s, "
                             "found %.*s",
                             path, a < 80 ? (int)a : 80, expected, (int)b, found);
        }
        if (!expected[a] && !found[b]) return VAE_OK;
        expected += a + (expected[a] != 0);
        found += b + (found[b] != 0);
    }
}

/* Sets the cursor of the data set that the file was saved with. */
static vae_status read_cursor(const source *from, const vae_model *model, vae_dataset *dataset) {
    vae__buffer found = {.context = vae__dataset_context(dataset)};
    const char *expected = vae__bundle_metadata(&from->bundle, VAE__DATASET_KEY);
    uint64_t epoch, position;
    if (!expected) {
        return vae__fail(VAE_ERROR_MISMATCH,
                         "%s: was saved without a data set: expected NULL, found a data set",
                         from->path);
    }
    size_t width = model->spec.input.size;
    vae_status status = VAE_OK;
    if (vae__dataset_width(dataset) == width) /* else the descriptions differ */
        status = vae__shift_check(model, vae__dataset_shift(dataset), "the data set");
    if (status) return vae__fail_in("%s", from->path);
    status = vae__dataset_describe(dataset, &found);
    if (!status) status = compare(from->path, expected, found.text);
    vae__buffer_free(&found);
    if (!status) status = read_number(from, VAE__EPOCH_KEY, &epoch);
    if (!status) status = read_number(from, VAE__POSITION_KEY, &position);
    if (status || !vae__dataset_seek(dataset, epoch, position)) return status;
    return vae__fail_as(VAE_ERROR_FORMAT, "%s: __metadata__ '" VAE__POSITION_KEY "'", from->path);
}

static vae_status read_all(const source *from, vae_context *context, vae_dataset *dataset,
                           vae_optimizer **out) {
    vae_model *model = NULL;
    vae_optimizer *optimizer = NULL;
    vae_status status = vae__model_from_bundle(context, from->path, &from->bundle, &model);
    if (!status) status = check_version(from);
    if (!status) status = read_optimizer(from, model, &optimizer);
    if (!status && dataset) status = read_cursor(from, model, dataset);
    if (status) {
        vae__optimizer_free(optimizer);
        vae__model_release(model);
        return status;
    }
    *out = optimizer;
    return VAE_OK;
}

vae_status vae__checkpoint_read(vae_context *context, const char *path, vae_dataset *dataset,
                                vae_optimizer **out) {
    source from = {.path = path};
    unsigned char *bytes;
    size_t size;
    vae_status status = vae__tensor_file(context, path, &bytes, &size);
    if (status) return status;
    status = vae__safetensors_parse(context, path, bytes, size, &from.bundle);
    if (!status) {
        status = read_all(&from, context, dataset, out);
        vae__bundle_free(&from.bundle);
    }
    vae__release(context, bytes);
    return status;
}
