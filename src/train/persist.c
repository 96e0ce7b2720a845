#include "train/persist.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

static const vae__dtype real_dtype =
    sizeof(vae__real) == sizeof(float) ? VAE__DTYPE_F32 : VAE__DTYPE_F64;

/* ---- writing ---- */

vae__tensor vae__tensor_of(const char *name, const vae__parameter *parameter,
                           const vae__real *values) {
    return (vae__tensor){.name = name,
                         .dtype = real_dtype,
                         .shape = {parameter->shape[0], parameter->shape[1]},
                         .rank = parameter->rank,
                         .data = values,
                         .bytes = vae__parameter_size(parameter) * sizeof(vae__real)};
}

static vae__tensor *list_tensors(const vae_model *model, size_t *count) {
    const vae__parameters *parameters = &model->parameters;
    vae__tensor *tensors = vae__allocate(model->context, parameters->count, sizeof *tensors);
    *count = 0;
    for (size_t i = 0; tensors && i < parameters->count; i++) {
        const vae__parameter *p = &parameters->items[i];
        if (vae__parameter_counts(p)) tensors[(*count)++] = vae__tensor_of(p->name, p, p->values);
    }
    return tensors;
}

vae_status vae__model_write_file(const vae_model *model, const char *path) {
    const vae__metadata metadata[] = {{"format", VAE__MODEL_FORMAT}, {"spec", model->spec_text}};
    size_t count;
    vae__tensor *tensors = list_tensors(model, &count);
    if (!tensors) return vae__last_status();
    vae_status status =
        vae__safetensors_write_file(model->context, path, tensors, count, metadata, 2);
    vae__release(model->context, tensors);
    return status;
}

vae_status vae__model_write_memory(const vae_model *model, void *buffer, size_t size,
                                   size_t *length) {
    const vae__metadata metadata[] = {{"format", VAE__MODEL_FORMAT}, {"spec", model->spec_text}};
    size_t count;
    vae__tensor *tensors = list_tensors(model, &count);
    if (!tensors) return vae__last_status();
    vae_status status = vae__safetensors_write_memory(model->context, tensors, count, metadata, 2,
                                                      buffer, size, length);
    vae__release(model->context, tensors);
    return status;
}

/* ---- reading ---- */

static void shape_text(char *text, size_t size, const size_t *shape, size_t rank) {
    size_t used = vae__format(text, size, "[");
    for (size_t i = 0; i < rank && used < size; i++)
        used += vae__format(text + used, size - used, "%s%zu", i ? ", " : "", shape[i]);
    if (used < size) vae__format(text + used, size - used, "]");
}

static vae_status check_tensor(const char *label, const char *name, const vae__parameter *p,
                               const vae__tensor *t) {
    if (!t) return vae__fail(VAE_ERROR_FORMAT, "%s: tensor '%s' is missing", label, name);
    int same = t->rank == p->rank;
    for (size_t i = 0; same && i < p->rank; i++) same = t->shape[i] == p->shape[i];
    if (!same) {
        char expected[64], found[128];
        shape_text(expected, sizeof expected, p->shape, p->rank);
        shape_text(found, sizeof found, t->shape, t->rank);
        return vae__fail(VAE_ERROR_FORMAT, "%s: tensor '%s' has shape %s; its spec asks for %s",
                         label, name, found, expected);
    }
    if (t->dtype != VAE__DTYPE_F32 && t->dtype != VAE__DTYPE_F64) {
        return vae__fail(VAE_ERROR_FORMAT, "%s: tensor '%s' is neither F32 nor F64", label, name);
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
static vae_status fail_value(const char *label, const char *name, size_t i, double value,
                             double least) {
    char found[VAE__NUMBER_SIZE];
    const char *expected = "values within the range of 32-bit floats";
    if (value < least) expected = least > 0 ? "values above 0" : "values of at least 0";
    if (!isfinite(value)) expected = "finite values";
    return vae__fail(VAE_ERROR_FORMAT, "%s: tensor '%s', value %zu is %s: expected %s", label, name,
                     i, vae__number(found, value), expected);
}

vae_status vae__tensor_read(const char *label, const vae__bundle *bundle, const char *name,
                            const vae__parameter *parameter, double least, vae__real *values) {
    const vae__tensor *t = vae__bundle_tensor(bundle, name);
    vae_status status = check_tensor(label, name, parameter, t);
    for (size_t i = 0; !status && i < vae__parameter_size(parameter); i++) {
        vae__real value = (vae__real)element(t, i);
        if (!(value - value == 0 && (double)value >= least))
            status = fail_value(label, name, i, element(t, i), least);
        values[i] = value;
    }
    return status;
}

/* What the file says it is, before a model is made from it. */
static vae_status read_spec(const char *label, const vae__bundle *bundle, const char **spec_text) {
    const char *format = vae__bundle_metadata(bundle, "format");
    *spec_text = vae__bundle_metadata(bundle, "spec");
    if (!format || strcmp(format, VAE__MODEL_FORMAT)) {
        return vae__fail(VAE_ERROR_FORMAT, "%s: __metadata__ 'format' is %s%s%s; expected '%s'",
                         label, format ? "'" : "", format ? format : "missing", format ? "'" : "",
                         VAE__MODEL_FORMAT);
    }
    if (!*spec_text)
        return vae__fail(VAE_ERROR_FORMAT, "%s: __metadata__ 'spec' is missing", label);
    return VAE_OK;
}

/* The spec alone may ask for far more memory than the file holds: hold its parameters against the
 * tensors' bytes first. */
static vae_status check_spec_fits(const char *label, const char *spec_text,
                                  const vae__bundle *bundle) {
    vae__spec spec;
    vae_status status = vae__spec_parse(spec_text, &spec);
    if (status) {
        return vae__fail_as(VAE_ERROR_FORMAT, "%s: __metadata__ 'spec'", label);
    }
    double needed = vae__network_parameter_total(&spec), held = 0;
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
        if (checkpoint && !strncmp(name, VAE__TRAINING, sizeof VAE__TRAINING - 1)) continue;
        if (vae__parameters_find(&model->parameters, name)) continue;
        return vae__fail(VAE_ERROR_FORMAT,
                         "%s: tensor '%.60s' does not belong to the model of its spec", label,
                         name);
    }
    return VAE_OK;
}

vae_status vae__model_from_bundle(vae_context *context, const char *label,
                                  const vae__bundle *bundle, vae_model **out) {
    const char *spec_text;
    vae_model *model = NULL;
    vae_status status = read_spec(label, bundle, &spec_text);
    if (!status) status = check_spec_fits(label, spec_text, bundle);
    if (!status) status = vae__model_new(context, spec_text, &model);
    if (!status) status = refuse_unknown_tensors(label, model, bundle);
    for (size_t i = 0; !status && i < model->parameters.count; i++) {
        const vae__parameter *p = &model->parameters.items[i];
        double least = p->positive ? DBL_TRUE_MIN : p->optional ? 0 : -HUGE_VAL;
        if (p->optional && !vae__bundle_tensor(bundle, p->name)) continue;
        status = vae__tensor_read(label, bundle, p->name, p, least, p->values);
    }
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
                           "%s: expected a safetensors file, found one compressed by gzip", path);
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
