/* The model handle: created from a spec, its parameters, cloned and counted. Relies on the kind of the spec for the
 * programs that run; a const model may be used by several threads at once. */
#include "model/model.h"

#include <math.h>
#include <string.h>

#include "model/prior.h"
#include "model/programs.h"
#include "model/shift.h"
#include "model/standardize.h"

static vae_status build_model(vae_model *model) {
    vae__buffer text = {.context = model->context};
    vae__spec_print(&model->spec, &text);
    if (text.failed) {
        vae__buffer_free(&text);
        return vae__last_status();
    }
    model->spec_text = text.text;
    vae_status status = (model->kind->declare ? model->kind->declare : vae__network_declare)(
        model->context, &model->spec, &model->parameters, &model->network);
    if (status || !vae__spec_has_diffusion(&model->spec)) return status;
    const vae__shape shape = vae__diffusion_shape(&model->spec);
    return vae__diffusion_make(model->context, &model->spec.diffusion, &shape, &model->parameters,
                               &model->network.diffusion, &model->diffusion);
}

vae_status vae__model_new(vae_context *context, const vae__spec *spec, vae_model **out) {
    vae_model *model = vae__allocate(context, 1, sizeof *model);
    if (!model) return vae__last_status();
    atomic_init(&model->references, 1);
    model->context = vae__context_retain(context);
    model->spec = *spec;
    model->kind = vae__model_kinds[spec->kind];
    model->spec.likelihood = vae__likelihood_for(context->kernels, spec->likelihood_index);
    vae_status status = build_model(model);
    if (status) {
        vae__model_release(model);
        return status;
    }
    *out = model;
    return VAE_OK;
}

vae_status vae__model_clone(const vae_model *model, vae_model **out) {
    vae_status status = vae__model_new(model->context, &model->spec, out);
    if (status) return status;
    memcpy((*out)->parameters.block, model->parameters.block,
           model->parameters.block_count * sizeof(vae__real));
    (*out)->initialized = model->initialized;
    (*out)->trained = model->trained;
    (*out)->set_by_hand = model->set_by_hand;
    (*out)->has_scaling = model->has_scaling;
    status = vae__metadata_copy((*out)->context, model->metadata.entries, model->metadata.count,
                                &(*out)->metadata);
    if (!status) status = vae__shift_load(*out, "clone");
    if (!status) return VAE_OK;
    vae__model_release(*out);
    *out = NULL;
    return status;
}

vae__build vae__model_build(const vae_model *model, vae__graph *graph,
                            const vae__objective_settings *settings) {
    return (vae__build){&model->spec, &model->network, graph, settings, model->diffusion};
}

vae_model *vae__model_retain(vae_model *model) {
    if (model) atomic_fetch_add_explicit(&model->references, 1, memory_order_relaxed);
    return model;
}

void vae__model_release(vae_model *model) {
    if (!model || atomic_fetch_sub_explicit(&model->references, 1, memory_order_acq_rel) != 1)
        return;
    vae_context *context = model->context;
    vae__model_drop_programs(model);
    vae__parameters_free(context, &model->parameters);
    vae__metadata_free(context, &model->metadata);
    vae__diffusion_free(context, model->diffusion);
    vae__release(context, model->shift);
    vae__release(context, model->spec_text);
    vae__model_release(model->earlier);
    vae__release(context, model);
    vae__context_release(context);
}

vae__real *vae__model_extra(const vae_model *model) {
    size_t extra = model->network.likelihood.extra;
    return extra == VAE__NONE ? NULL : model->parameters.items[extra].values;
}

const vae__real *vae__model_floor(const vae_model *model) {
    if (model->network.likelihood.floor == VAE__NONE) return NULL;
    const vae__parameter *floor = &model->parameters.items[model->network.likelihood.floor];
    return vae__parameter_counts(floor) ? floor->values : NULL;
}

size_t vae__model_visible(const vae_model *model) {
    size_t count = model->parameters.count;
    return count - !vae__parameter_counts(&model->parameters.items[count - 1]);
}

static void standardize_in_place(const vae_model *model, vae__real *row) {
    enum { PIECE = 256 };
    const vae__real *shift = model->parameters.items[model->network.shift].values;
    const vae__real *scale = model->parameters.items[model->network.scale].values;
    size_t width = model->spec.input.size;
    vae__real x[PIECE];
    for (size_t first = 0; first < width; first += PIECE) {
        size_t count = width - first < PIECE ? width - first : PIECE;
        memcpy(x, row + first, count * sizeof *x);
        vae__standardize_row(model->context->kernels, x, shift + first, scale + first, count,
                             row + first);
    }
}

double vae__model_standardize(const vae_model *model, vae__real *rows, size_t n) {
    if (!model->spec.standardize) return 0;
    const vae__real *scale = model->parameters.items[model->network.scale].values;
    size_t width = model->spec.input.size;
    double log_scale = 0;
    for (size_t r = 0; r < n; r++) standardize_in_place(model, rows + r * width);
    for (size_t i = 0; i < width; i++) log_scale += log((double)scale[i]);
    return log_scale;
}

vae_status vae__model_sigma(const vae_model *model, double *sigma) {
    const vae__likelihood *likelihood = model->spec.likelihood;
    if (model->kind->rows)
        return vae__fail(VAE_ERROR_UNSUPPORTED, "a model of model=%s has no sigma for every z",
                         model->kind->name);
    if (!likelihood->sigma) {
        return vae__fail(VAE_ERROR_UNSUPPORTED, "likelihood=%s has no sigma", likelihood->name);
    }
    vae_status status =
        likelihood->sigma(&model->spec, vae__model_extra(model), vae__model_floor(model), sigma);
    if (status || !model->spec.standardize) return status;
    for (size_t i = 0; i < model->spec.input.size; i++)
        sigma[i] *= (double)model->parameters.items[model->network.scale].values[i];
    return VAE_OK;
}

/* Fits shift and scale; the statistics become those of y: mean 0, variance 1 where a column varies. */
static void fit_standardization(vae_model *model, vae__statistics *statistics) {
    vae__real *shift = model->parameters.items[model->network.shift].values;
    vae__real *scale = model->parameters.items[model->network.scale].values;
    for (size_t i = 0; i < statistics->width; i++) {
        double mean = statistics->mean[i], deviation = sqrt(statistics->variance[i]);
        int varies = !statistics->constant[i];
        shift[i] = vae__finite_real(mean);
        scale[i] = vae__finite_real(varies ? deviation : vae__constant_scale(mean));
        statistics->mean[i] = 0;
        statistics->variance[i] = varies ? 1 : 0;
    }
    model->has_scaling = 1;
}

void vae__model_changed(vae_model *model, size_t first, size_t count) {
    model->edits++;
    if (!model->training) return;
    for (size_t i = first; i < first + count; i++) {
        const vae__parameter *p = &model->parameters.items[i];
        memcpy(model->training + (p->values - model->parameters.block), p->values,
               vae__parameter_size(p) * sizeof *p->values);
    }
}

int vae__model_holds_constant(const vae_model *model) {
    const vae__likelihood *likelihood = model->spec.likelihood;
    return !model->kind->rows && likelihood->holds_constant &&
           likelihood->holds_constant(&model->spec) && vae__network_head_is_dense(&model->network);
}

/* A value for each channel becomes one for each column. */
static void spread_over_positions(const vae_model *model, size_t place) {
    size_t channels = model->spec.input.extents[0], width = model->spec.input.size;
    if (place == VAE__NONE || vae__parameter_size(&model->parameters.items[place]) != width) return;
    vae__real *values = model->parameters.items[place].values;
    for (size_t i = width; i-- > 0;) values[i] = values[i / (width / channels)];
}

/* All positions of a channel share the outputs of a convolution: they start from its statistics. */
static void initialize_by_channel(vae_model *model, vae__statistics *statistics) {
    const vae__likelihood *likelihood = model->spec.likelihood;
    vae__network_pool_channels(&model->spec, statistics);
    likelihood->initialize(&model->spec, statistics, &model->parameters,
                           &model->network.likelihood);
    spread_over_positions(model, model->network.likelihood.extra);
}

/* The ends of encoder and decoder. */
static void start_network(vae_model *model, vae__statistics *statistics) {
    const vae__likelihood *likelihood = model->spec.likelihood;
    int holds = vae__model_holds_constant(model);
    for (size_t i = 0; i < statistics->width; i++) {
        if (!holds || !statistics->constant[i]) continue;
        vae__network_hold_column(&model->spec, &model->network, &model->parameters, i);
    }
    vae__network_scale_input(&model->spec, &model->network, &model->parameters, statistics);
    if (vae__network_head_is_dense(&model->network)) {
        likelihood->initialize(&model->spec, statistics, &model->parameters,
                               &model->network.likelihood);
    } else {
        initialize_by_channel(model, statistics);
    }
}

void vae__model_initialize(vae_model *model, vae__statistics *statistics) {
    if (model->spec.standardize) fit_standardization(model, statistics);
    if (!model->kind->rows) start_network(model, statistics);
    model->initialized = 1;
    vae__model_changed(model, 0, model->parameters.count);
}

vae_status vae__model_check_start(const vae_model *model) {
    const char *why = NULL;
    if (model->trained) why = "the model was trained or loaded";
    if (!why && model->initialized && model->set_by_hand)
        why = "parameters of it were set by vae_model_parameter_set";
    if (!why) return VAE_OK;
    return vae__fail(VAE_ERROR_ARGUMENT,
                     "vae_model_initialize: %s, which this call would undo; to start again, create "
                     "a new model with the same spec",
                     why);
}

void vae__model_draw(vae_model *model) {
    const vae__prior_call call = vae__model_prior_call(model);
    const vae__prior *prior = vae__prior_of(&model->spec);
    (model->kind->initialize ? model->kind->initialize : vae__network_initialize)(
        &model->spec, &model->network, &model->parameters);
    if (prior->initialize) prior->initialize(&call);
    vae__model_changed(model, 0, model->parameters.count);
}

vae_status vae__model_check_scaling(const vae_model *model) {
    if (!model->spec.standardize || model->has_scaling) return VAE_OK;
    return vae__fail(VAE_ERROR_ARGUMENT,
                     "the model has standardize=1 but no shift and scale of its columns yet: call "
                     "vae_model_initialize with the training set before training, or set "
                     "'input.shift' and 'input.scale'");
}

static int row_is_valid(const void *user, const vae__real *row) {
    const vae__spec *spec = user;
    size_t column;
    return spec->likelihood->valid(spec, row, &column);
}

void vae__model_check_feed(const vae_model *model, vae__feed *feed) {
    const vae__likelihood *likelihood = model->spec.likelihood;
    feed->checked = 1;
    feed->low = vae__finite_real(likelihood->low);
    feed->high = vae__finite_real(likelihood->high);
    feed->valid = likelihood->valid ? row_is_valid : NULL;
    feed->valid_user = &model->spec;
}

size_t vae__model_refused_row(const vae_model *model, const vae__real *rows, size_t n) {
    vae__feed feed = {0};
    vae__model_check_feed(model, &feed);
    return vae__feed_refused(&feed, model->context->kernels, rows, n, model->spec.input.size);
}

static vae_status refuse_value(const vae__likelihood *likelihood, unsigned long long row,
                               size_t column, double value) {
    char found[VAE__NUMBER_SIZE], low[VAE__NUMBER_SIZE], high[VAE__NUMBER_SIZE];
    vae__number_real(found, (vae__real)value);
    if (!isfinite(value)) {
        return vae__fail(VAE_ERROR_DATA, "row %llu, column %zu is %s: expected finite values", row,
                         column, found);
    }
    if (value >= likelihood->low && value <= likelihood->high && likelihood->expects) {
        return vae__fail(VAE_ERROR_DATA, "row %llu, column %zu is %s: likelihood=%s takes %s", row,
                         column, found, likelihood->name, likelihood->expects);
    }
    return vae__fail(VAE_ERROR_DATA,
                     "row %llu, column %zu is %s: likelihood=%s takes values from %s to %s", row,
                     column, found, likelihood->name, vae__number(low, likelihood->low),
                     vae__number(high, likelihood->high));
}

vae_status vae__model_refuse_row(const vae_model *model, const vae__real *row, uint64_t number) {
    const vae__likelihood *likelihood = model->spec.likelihood;
    size_t column = 0;
    for (size_t i = 0; i < model->spec.input.size; i++) {
        double value = (double)row[i];
        if (isfinite(value) && value >= likelihood->low && value <= likelihood->high) continue;
        return refuse_value(likelihood, number, i, value);
    }
    if (likelihood->valid && !likelihood->valid(&model->spec, row, &column))
        return refuse_value(likelihood, number, column, (double)row[column]);
    return vae__fail(VAE_ERROR_INTERNAL, "a row was refused but none of its values is");
}

vae_status vae__model_check_rows(const vae_model *model, const vae__real *rows, size_t n,
                                 uint64_t first_row) {
    size_t r = vae__model_refused_row(model, rows, n);
    if (r == n) return VAE_OK;
    return vae__model_refuse_row(model, rows + r * model->spec.input.size, first_row + r);
}
