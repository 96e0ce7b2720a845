/* A model as named tensors and metadata, and back. Trusts nothing in a file: names, shapes and values are
 * held against what the spec declares before any of them is used. */
#include "train/persist.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "model/shift.h"
#include "store/bundle.h"

static const vae__dtype real_dtype =
    sizeof(vae__real) == sizeof(float) ? VAE__DTYPE_F32 : VAE__DTYPE_F64;

/* ---- writing ---- */

size_t vae__kernel_total(const vae__parameters *parameters) {
    size_t total = 0;
    for (size_t i = 0; i < parameters->count; i++)
        total += parameters->items[i].taps ? vae__parameter_size(&parameters->items[i]) : 0;
    return total;
}

vae__tensor vae__tensor_of(const char *name, const vae__parameter *parameter,
                           const vae__real *values, vae__real **kernels) {
    size_t size = vae__parameter_size(parameter);
    if (parameter->taps) {
        vae__real *copy = *kernels;
        for (size_t i = 0; i < size; i++) copy[i] = values[vae__parameter_place(parameter, i)];
        values = copy;
        *kernels += size;
    }
    return (vae__tensor){.name = name,
                         .dtype = real_dtype,
                         .shape = parameter->shape,
                         .data = values,
                         .bytes = size * sizeof(vae__real)};
}

size_t vae__list_model_keys(const vae_model *model, vae__metadata *entries) {
    entries[0] = (vae__metadata){VAE__FORMAT_KEY, VAE__MODEL_FORMAT};
    entries[1] = (vae__metadata){VAE__SPEC_KEY, model->spec_text};
    return 2;
}

/* In a checkpoint these are the training's, and are written anew with each: what an unknown key says of
 * an optimizer would be wrong after the next step. */
static int is_of_training(const char *key) {
    return !strncmp(key, VAE__OPTIMIZER_KEYS, sizeof VAE__OPTIMIZER_KEYS - 1) ||
           !strcmp(key, VAE__CHECKPOINT_KEY) || !strcmp(key, VAE__DATASET_KEY) ||
           !strcmp(key, VAE__EPOCH_KEY) || !strcmp(key, VAE__POSITION_KEY);
}

size_t vae__list_model_metadata(const vae_model *model, int checkpoint, vae__metadata *entries) {
    size_t count = 0;
    for (size_t i = 0; i < model->metadata.count; i++) {
        const vae__metadata_entry *entry = &model->metadata.entries[i];
        if (checkpoint && is_of_training(entry->key)) continue;
        entries[count++] = (vae__metadata){entry->key, entry->value};
    }
    return count;
}

/* What a model file holds. */
typedef struct contents {
    vae__tensor *tensors;
    size_t tensor_count;
    vae__real *kernels;
    vae__metadata *metadata;
    size_t metadata_count;
} contents;

static vae_status list_tensors(const vae_model *model, contents *c) {
    const vae__parameters *parameters = &model->parameters;
    c->tensors = vae__allocate(model->context, parameters->count, sizeof *c->tensors);
    c->kernels = vae__allocate(model->context, vae__kernel_total(parameters), sizeof *c->kernels);
    if (!c->tensors || !c->kernels) return vae__last_status();
    vae__real *kernels = c->kernels;
    for (size_t i = 0; i < parameters->count; i++) {
        const vae__parameter *p = &parameters->items[i];
        if (!vae__parameter_counts(p)) continue;
        c->tensors[c->tensor_count++] = vae__tensor_of(p->name, p, p->values, &kernels);
    }
    return VAE_OK;
}

static vae_status list_contents(const vae_model *model, contents *c) {
    vae_status status = list_tensors(model, c);
    if (status) return status;
    c->metadata = vae__allocate(model->context, 2 + model->metadata.count, sizeof *c->metadata);
    if (!c->metadata) return vae__last_status();
    c->metadata_count = vae__list_model_keys(model, c->metadata);
    c->metadata_count += vae__list_model_metadata(model, 0, c->metadata + c->metadata_count);
    return VAE_OK;
}

static void release_contents(const vae_model *model, contents *c) {
    vae__release(model->context, c->tensors);
    vae__release(model->context, c->kernels);
    vae__release(model->context, c->metadata);
}

vae_status vae__model_write_file(const vae_model *model, const char *path) {
    contents c = {0};
    vae_status status = list_contents(model, &c);
    if (!status)
        status = vae__safetensors_write_file(model->context, path, c.tensors, c.tensor_count,
                                             c.metadata, c.metadata_count);
    release_contents(model, &c);
    return status;
}

vae_status vae__model_write_memory(const vae_model *model, void *buffer, size_t size,
                                   size_t *length) {
    contents c = {0};
    vae_status status = list_contents(model, &c);
    if (!status)
        status = vae__safetensors_write_memory(model->context, c.tensors, c.tensor_count,
                                               c.metadata, c.metadata_count, buffer, size, length);
    release_contents(model, &c);
    return status;
}

/* ---- reading ---- */

static void shape_text(char *text, size_t size, const vae__shape *shape) {
    size_t used = vae__format(text, size, "[");
    for (size_t i = 0; i < shape->rank && used < size; i++)
        used += vae__format(text + used, size - used, "%s%zu", i ? ", " : "", shape->extents[i]);
    if (used < size) vae__format(text + used, size - used, "]");
}

static vae_status check_tensor(const char *label, const char *name, const vae__parameter *p,
                               const vae__tensor *t) {
    if (!t) return vae__fail(VAE_ERROR_FORMAT, "%s: tensor '%s' is missing", label, name);
    if (!vae__shape_equal(&t->shape, &p->shape)) {
        char expected[64], found[128];
        shape_text(expected, sizeof expected, &p->shape);
        shape_text(found, sizeof found, &t->shape);
        return vae__fail(VAE_ERROR_FORMAT, "%s: tensor '%s' has shape %s; its spec asks for %s",
                         label, name, found, expected);
    }
    if (t->dtype != VAE__DTYPE_F32 && t->dtype != VAE__DTYPE_F64) {
        return vae__fail(VAE_ERROR_FORMAT, "%s: tensor '%s' is %s; expected F32 or F64", label,
                         name, vae__dtype_name(t->dtype));
    }
    return VAE_OK;
}

static double element(const vae__tensor *t, size_t i) {
    const unsigned char *bytes = t->data;
    if (t->dtype == VAE__DTYPE_F64) {
        double value;
        memcpy(&value, bytes + i * sizeof value, sizeof value);
        return value;
    }
    float value;
    memcpy(&value, bytes + i * sizeof value, sizeof value);
    return (double)value;
}

/* least > 0 stands for "above 0". */
static vae_status fail_value(const char *label, const vae__tensor *t, size_t i, double least) {
    char found[VAE__NUMBER_SIZE];
    double value = element(t, i);
    const char *expected = "values within the range of 32-bit floats";
    if (value < least) expected = least > 0 ? "values above 0" : "values of at least 0";
    if (!isfinite(value)) expected = "finite values";
    if (t->dtype == VAE__DTYPE_F32) {
        vae__number_float(found, (float)value);
    } else {
        vae__number(found, value);
    }
    return vae__fail(VAE_ERROR_FORMAT, "%s: tensor '%s', value %zu is %s: expected %s", label,
                     t->name, i, found, expected);
}

vae_status vae__tensor_read(const char *label, const vae__bundle *bundle, const char *name,
                            const vae__parameter *parameter, double least, vae__real *values) {
    const vae__tensor *t = vae__bundle_tensor(bundle, name);
    vae_status status = check_tensor(label, name, parameter, t);
    for (size_t i = 0; !status && i < vae__parameter_size(parameter); i++) {
        vae__real value = (vae__real)element(t, i);
        if (!(value - value == 0 && (double)value >= least))
            status = fail_value(label, t, i, least);
        values[vae__parameter_place(parameter, i)] = value;
    }
    return status;
}

/* What the file says it is, before a model is made from it. */
static vae_status read_spec(const char *label, const vae__bundle *bundle, vae__spec *spec) {
    const char *format = vae__bundle_metadata(bundle, VAE__FORMAT_KEY);
    const char *text = vae__bundle_metadata(bundle, VAE__SPEC_KEY);
    if (!format) {
        return vae__fail(
            VAE_ERROR_FORMAT,
            "%s: __metadata__ 'format' is missing; expected '%s': it is a safetensors file, "
            "but no model of this library",
            label, VAE__MODEL_FORMAT);
    }
    if (strcmp(format, VAE__MODEL_FORMAT)) {
        return vae__fail(
            VAE_ERROR_FORMAT,
            "%s: __metadata__ 'format' is '%.60s'; expected '%s': it is of another program "
            "or of a later version",
            label, format, VAE__MODEL_FORMAT);
    }
    if (!text) return vae__fail(VAE_ERROR_FORMAT, "%s: __metadata__ 'spec' is missing", label);
    if (vae__spec_parse(text, spec))
        return vae__fail_as(VAE_ERROR_FORMAT, "%s: __metadata__ 'spec'", label);
    return VAE_OK;
}

/* The spec alone may ask for far more memory than the file holds: hold its parameters against the
 * tensors' bytes first. */
static vae_status check_spec_fits(const char *label, const vae__spec *spec,
                                  const vae__bundle *bundle) {
    const vae__model_kind *kind = vae__model_kinds[spec->kind];
    double needed =
        kind->parameter_total ? kind->parameter_total(spec) : vae__network_parameter_total(spec);
    double held = 0;
    for (size_t i = 0; i < bundle->tensor_count; i++)
        held +=
            (double)bundle->tensors[i].bytes / (bundle->tensors[i].dtype == VAE__DTYPE_F64 ? 8 : 4);
    if (needed > held) {
        char expected[VAE__NUMBER_SIZE], found[VAE__NUMBER_SIZE];
        return vae__fail(VAE_ERROR_FORMAT,
                         "%s: the spec asks for %s parameters but the tensors hold %s", label,
                         vae__number(expected, needed), vae__number(found, held));
    }
    return VAE_OK;
}

static vae_status refuse_unknown_tensors(const char *label, const vae_model *model,
                                         const vae__bundle *bundle) {
    int checkpoint = vae__bundle_metadata(bundle, VAE__CHECKPOINT_KEY) != NULL;
    for (size_t i = 0; i < bundle->tensor_count; i++) {
        const char *name = bundle->tensors[i].name;
        if (checkpoint && !strncmp(name, VAE__OPTIMIZER_KEYS, sizeof VAE__OPTIMIZER_KEYS - 1))
            continue;
        if (vae__parameters_find(&model->parameters, name)) continue;
        return vae__fail(VAE_ERROR_FORMAT,
                         "%s: tensor '%.60s' does not belong to the model of its spec", label,
                         name);
    }
    return VAE_OK;
}

/* The model carries what the library does not write itself. */
static vae_status read_metadata(const vae__bundle *bundle, vae_model *model) {
    int checkpoint = vae__bundle_metadata(bundle, VAE__CHECKPOINT_KEY) != NULL;
    size_t count = 0;
    if (bundle->metadata_count == 2) return VAE_OK; /* "format" and "spec" are there */
    vae__metadata_entry *entries =
        vae__allocate(model->context, bundle->metadata_count, sizeof *entries);
    if (!entries) return vae__last_status();
    for (size_t i = 0; i < bundle->metadata_count; i++) {
        const vae__metadata *entry = &bundle->metadata[i];
        if (!strcmp(entry->key, VAE__FORMAT_KEY) || !strcmp(entry->key, VAE__SPEC_KEY)) continue;
        if (checkpoint && is_of_training(entry->key)) continue;
        entries[count++] = (vae__metadata_entry){entry->key, entry->value};
    }
    vae_status status = vae__metadata_copy(model->context, entries, count, &model->metadata);
    vae__release(model->context, entries);
    return status;
}

vae_status vae__model_from_bundle(vae_context *context, const char *label,
                                  const vae__bundle *bundle, vae_model **out) {
    vae__spec spec;
    vae_model *model = NULL;
    vae_status status = read_spec(label, bundle, &spec);
    if (!status) status = check_spec_fits(label, &spec, bundle);
    if (status) return status;
    status = vae__model_new(context, &spec, &model);
    if (status == VAE_ERROR_TEXT) vae__fail_in("%s: spec", label);
    if (!status) status = refuse_unknown_tensors(label, model, bundle);
    for (size_t i = 0; !status && i < model->parameters.count; i++) {
        const vae__parameter *p = &model->parameters.items[i];
        double least = p->positive ? DBL_TRUE_MIN : p->optional ? 0 : -HUGE_VAL;
        if (p->optional && !vae__bundle_tensor(bundle, p->name)) continue;
        status = vae__tensor_read(label, bundle, p->name, p, least, p->values);
    }
    if (!status) status = read_metadata(bundle, model);
    if (!status) status = vae__shift_load(model, label);
    if (status) {
        vae__model_release(model);
        return status;
    }
    model->initialized = model->trained = model->has_scaling = 1;
    *out = model;
    return VAE_OK;
}

vae_status vae__model_read_memory(vae_context *context, const char *label, const void *bytes,
                                  size_t size, vae_model **out) {
    vae__bundle bundle;
    vae_status status = vae__safetensors_parse(context, label, bytes, size, &bundle);
    if (status) return status;
    status = vae__model_from_bundle(context, label, &bundle, out);
    vae__bundle_free(&bundle);
    return status;
}

/* Compressed files are not read: what they inflate to has no bound that could be checked first. */
vae_status vae__tensor_file(vae_context *context, const char *path, unsigned char **bytes,
                            size_t *size) {
    vae__reader *reader;
    vae_status status = vae__reader_open(context, path, &reader);
    if (status) return status;
    if (vae__reader_compressed(reader)) {
        status = vae__fail(VAE_ERROR_FORMAT,
                           "%s: expected a safetensors file, found one compressed by gzip; "
                           "decompress it first",
                           path);
    } else {
        status = vae__reader_all(reader, SIZE_MAX, bytes, size);
    }
    vae__reader_close(reader);
    return status;
}

vae_status vae__model_read_file(vae_context *context, const char *path, vae_model **out) {
    unsigned char *bytes;
    size_t size;
    vae_status status = vae__tensor_file(context, path, &bytes, &size);
    if (status) return status;
    status = vae__model_read_memory(context, path, bytes, size, out);
    vae__release(context, bytes);
    return status;
}
