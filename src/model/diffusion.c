/* Parameters and graphs of a diffusion. The ops here are row by row calls of src/diffusion/terms.c. */
#include "model/diffusion.h"

#include <math.h>
#include <string.h>

#include "autodiff/ops/ops.h"
#include "model/kind.h"
#include "model/model.h"

/* ---- what it is made of ---- */

/* Learned well on twenty latents in the time that a VAE's training takes. */
#define USUAL_NETWORK "[dense 256, silu, res[dense 256, silu, dense 256], silu]"

vae__denoiser_spec vae__diffusion_network(const vae__diffusion_spec *spec, const vae__shape *shape,
                                          const vae__model_diffusion *diffusion) {
    size_t outputs = spec->variance == VAE__VARIANCE_LEARNED ? 2 * shape->size : shape->size;
    return (vae__denoiser_spec){.network = &spec->network,
                                .in = *shape,
                                .outputs = outputs,
                                .time_scale = diffusion ? &diffusion->time_scale : NULL};
}

vae__shape vae__diffusion_shape(const vae__spec *spec) {
    int of_data = spec->kind == VAE__MODEL_diffusion;
    if (of_data && spec->diffusion.network.kind != VAE__DENOISER_layers) return spec->input;
    return vae__shape_vector(of_data ? spec->input.size : (size_t)spec->latent);
}

const vae__diffusion_spec vae__diffusion_unsaid = {
    .schedule = VAE__NOT_SAID, .predict = VAE__NOT_SAID, .variance = VAE__NOT_SAID};

static int said_or(int choice, int usual) {
    return choice == VAE__NOT_SAID ? usual : choice;
}

static vae_status complete_network(vae__network_spec *network) {
    if (network->kind != VAE__DENOISER_layers || network->layers.count) return VAE_OK;
    const vae__slice text = {"spec", USUAL_NETWORK, USUAL_NETWORK, sizeof USUAL_NETWORK - 1};
    return vae__layers_parse(&text, &network->layers, NULL);
}

vae_status vae__diffusion_complete(vae__diffusion_spec *spec, const vae__diffusion_spec *usual,
                                   const vae__shape *shape, const char *prefix) {
    if (!spec->steps) spec->steps = usual->steps;
    spec->schedule = said_or(spec->schedule, usual->schedule);
    spec->predict = said_or(spec->predict, usual->predict);
    spec->variance = said_or(spec->variance, usual->variance);
    vae_status status = vae__noise_schedule_check(spec->schedule, spec->steps);
    if (status) return vae__fail_in("%ssteps", prefix);
    status = complete_network(&spec->network);
    const vae__denoiser_spec network = vae__diffusion_network(spec, shape, NULL);
    return status ? status : vae__denoiser_check(&network, prefix);
}

double vae__diffusion_count(const vae__diffusion_spec *spec, const vae__shape *shape) {
    const vae__denoiser_spec network = vae__diffusion_network(spec, shape, NULL);
    double missed = spec->variance == VAE__VARIANCE_OPTIMAL ? 2 * (double)spec->steps : 0;
    return vae__denoiser_count(&network) + missed;
}

/* A parameter that training does not change. */
static vae_status declare_state(const vae__declaration *d, const char *name, const char *part,
                                size_t count, size_t *place) {
    char text[VAE__PARAMETER_NAME];
    vae__format(text, sizeof text, "%s.%s", name, part);
    return vae__parameters_add(d->context, d->list, text, 1, count, 1, 0, place);
}

vae_status vae__diffusion_declare(const vae__diffusion_spec *spec, const vae__shape *shape,
                                  int standardizes, const vae__declaration *d, const char *name,
                                  vae__diffusion_places *places) {
    const vae__denoiser_spec network = vae__diffusion_network(spec, shape, NULL);
    char text[VAE__PARAMETER_NAME];
    places->shift = places->scale = places->missed = places->visits = VAE__NONE;
    size_t width = shape->size;
    vae__format(text, sizeof text, "%s%snetwork", name, *name ? "." : "");
    vae_status status = vae__denoiser_declare(&network, d, text, &places->denoiser);
    if (!status && standardizes) status = declare_state(d, name, "shift", width, &places->shift);
    if (!status && standardizes) status = declare_state(d, name, "scale", width, &places->scale);
    if (!status && standardizes) d->list->items[places->scale].positive = 1;
    if (status || spec->variance != VAE__VARIANCE_OPTIMAL) return status;
    status = declare_state(d, text, "missed", (size_t)spec->steps, &places->missed);
    if (!status) status = declare_state(d, text, "visits", (size_t)spec->steps, &places->visits);
    if (status) return status;
    d->list->items[places->missed].positive = d->list->items[places->visits].positive = 1;
    return VAE_OK;
}

static void fill_with_1(const vae__parameters *list, size_t place) {
    if (place == VAE__NONE) return;
    const vae__parameter *parameter = &list->items[place];
    for (size_t i = 0; i < vae__parameter_size(parameter); i++) parameter->values[i] = 1;
}

void vae__diffusion_initialize(const vae__diffusion_spec *spec, const vae__shape *shape,
                               const vae__spec *model, const vae__parameters *list,
                               const vae__diffusion_places *places) {
    const vae__denoiser_spec network = vae__diffusion_network(spec, shape, NULL);
    vae__denoiser_initialize(&network, model, list, &places->denoiser);
    /* A prediction of 0 misses data of variance 1 by 1. */
    fill_with_1(list, places->scale);
    fill_with_1(list, places->missed);
    fill_with_1(list, places->visits);
}

vae_status vae__diffusion_make(vae_context *context, const vae__diffusion_spec *spec,
                               const vae__shape *shape, const vae__parameters *list,
                               const vae__diffusion_places *places, vae__model_diffusion **out) {
    vae__model_diffusion *made = vae__allocate(context, 1, sizeof *made);
    if (!made) return vae__last_status();
    made->engine =
        (vae__diffusion){.predict = spec->predict, .data = spec->data, .width = shape->size};
    made->shape = *shape;
    made->time_scale = 1000 / (double)spec->steps;
    if (places->missed != VAE__NONE) made->engine.miss = list->items[places->missed].values;
    made->cumulative = vae__allocate(context, (size_t)spec->steps + 1, sizeof *made->cumulative);
    vae_status status = made->cumulative
                            ? vae__noise_schedule_make(context, spec->schedule, (size_t)spec->steps,
                                                       spec->variance, &made->engine.schedule)
                            : vae__last_status();
    if (status) {
        vae__diffusion_free(context, made);
        return status;
    }
    vae__diffusion_shares(&made->engine.schedule, made->cumulative);
    made->engine.cumulative = made->cumulative;
    *out = made;
    return VAE_OK;
}

void vae__diffusion_free(vae_context *context, vae__model_diffusion *diffusion) {
    if (!diffusion) return;
    vae__noise_schedule_free(&diffusion->engine.schedule);
    vae__release(context, diffusion->cumulative);
    vae__release(context, diffusion);
}

/* ---- ops: inputs data, noise, step and, but for the first, the network's output ---- */

enum { DATA, NOISE, STEP, OUTPUT };

static const vae__diffusion *engine_of(const vae__call *call) {
    return call->node->attributes;
}

/* Row r of input i. */
static const vae__real *input_row(const vae__call *call, size_t i, size_t r) {
    return (const vae__real *)call->input[i] + r * vae__call_input(call, i)->width;
}

static size_t step_of(const vae__call *call, size_t r) {
    return (size_t)*input_row(call, STEP, r);
}

/* The data may be draws of rows, of which there is one for each. */
static vae_status infer_noisy(vae__graph *graph, vae__node *node) {
    const vae__shape shape = graph->values[node->inputs[NOISE]].shape;
    return vae__graph_output(graph, node, "x_t", &shape, VAE__PER_ROW, 0);
}

static void forward_noisy(const vae__call *call) {
    const vae__diffusion *d = engine_of(call);
    vae__real *x_t = call->output[0];
    for (size_t r = 0; r < call->rows; r++)
        vae__diffusion_add_noise(d, step_of(call, r), input_row(call, DATA, r),
                                 input_row(call, NOISE, r), x_t + r * d->width);
}

static const vae__op noisy_op = {
    .name = "diffusion_noise", .infer = infer_noisy, .forward = forward_noisy};

/* node->size is the loss. */
static vae_status infer_measure(vae__graph *graph, vae__node *node) {
    static const char *const names[] = {"loss", "log p(x|x_1)", "L_T + KL", "missed"};
    vae_status status = VAE_OK;
    for (size_t i = 0; i < 4 && !status; i++)
        status = vae__graph_output_vector(graph, node, names[i], 1, VAE__PER_ROW, 1);
    return status;
}

static size_t scratch_of(const vae__graph *graph, const vae__node *node) {
    return graph->values[node->inputs[DATA]].width * sizeof(vae__real);
}

/* One step stands for all: its term counts as many times as there are steps. */
static void forward_measure(const vae__call *call) {
    const vae__diffusion *d = engine_of(call);
    double *loss = call->output[0], *data = call->output[1], *rest = call->output[2],
           *missed = call->output[3], steps = (double)d->schedule.steps;
    vae__real *x_t = call->scratch;
    for (size_t r = 0; r < call->rows; r++) {
        const vae__real *x0 = input_row(call, DATA, r), *noise = input_row(call, NOISE, r),
                        *output = input_row(call, OUTPUT, r);
        size_t t = step_of(call, r);
        vae__diffusion_add_noise(d, t, x0, noise, x_t);
        double weight = vae__diffusion_weight(d, (int)call->node->size, t);
        double term = weight * vae__diffusion_term(d, t, x0, x_t, output, &missed[r]);
        loss[r] = weight * vae__diffusion_loss(d, (int)call->node->size, t, x0, noise, x_t, output);
        data[r] = t == 1 ? -steps * term : 0;
        rest[r] = vae__diffusion_prior_term(d, x0) + (t == 1 ? 0 : steps * term);
    }
}

static const vae__op measure_op = {.name = "diffusion_terms",
                                   .infer = infer_measure,
                                   .forward = forward_measure,
                                   .scratch = scratch_of};

static vae_status infer_loss(vae__graph *graph, vae__node *node) {
    (void)graph, (void)node;
    return VAE_OK;
}

static void backward_loss(const vae__call *call) {
    const vae__diffusion *d = engine_of(call);
    size_t outputs = vae__diffusion_outputs(d);
    vae__real *into = call->input_gradient[OUTPUT], *x_t = call->scratch;
    if (!into) return;
    for (size_t r = 0; r < call->rows; r++) {
        const vae__real *x0 = input_row(call, DATA, r), *noise = input_row(call, NOISE, r);
        size_t t = step_of(call, r);
        double weight = vae__diffusion_weight(d, (int)call->node->size, t);
        vae__diffusion_add_noise(d, t, x0, noise, x_t);
        vae__diffusion_gradient(d, (int)call->node->size, t, x0, noise, x_t,
                                input_row(call, OUTPUT, r), weight / (double)call->batch_rows,
                                into + r * outputs);
    }
}

static const vae__op loss_op = {.name = "diffusion_loss",
                                .traits = VAE__OP_KEEPS_INPUT,
                                .infer = infer_loss,
                                .backward = backward_loss,
                                .scratch = scratch_of};

int vae__diffusion_loss_of(const vae__graph *graph) {
    size_t i = 0;
    while (i < graph->node_count && graph->nodes[i].op != &measure_op) i++;
    return i < graph->node_count ? (int)graph->nodes[i].size : VAE__LOSS_SIMPLE;
}

/* ---- levels ---- */

void vae__diffusion_scale_data(const vae__diffusion *engine, vae__real *values, size_t count) {
    if (engine->data != VAE__DATA_DISCRETIZED) return;
    for (size_t i = 0; i < count; i++) values[i] = 2 * values[i] - 1;
}

double vae__diffusion_unscaled(const vae__diffusion *engine, double value) {
    return engine->data == VAE__DATA_DISCRETIZED ? fmin(fmax((value + 1) / 2, 0), 1) : value;
}

static vae_status infer_scaled(vae__graph *graph, vae__node *node) {
    return vae__graph_output_like(graph, node, "y", node->inputs[0]);
}

static void forward_scaled(const vae__call *call) {
    const vae__value *x = vae__call_input(call, 0);
    size_t count = vae__call_rows(call, x) * x->width;
    memcpy(call->output[0], call->input[0], count * sizeof(vae__real));
    vae__diffusion_scale_data(engine_of(call), call->output[0], count);
}

static const vae__op scaled_op = {
    .name = "diffusion_scale", .infer = infer_scaled, .forward = forward_scaled};

vae_status vae__diffusion_scaled(const vae__build *build, vae__id x, vae__id *y) {
    vae__node_spec spec = {
        .op = &scaled_op, .attributes = &build->diffusion->engine, .input_count = 1, .inputs = {x}};
    *y = x;
    if (build->diffusion->engine.data != VAE__DATA_DISCRETIZED) return VAE_OK;
    return vae__graph_add(build->graph, &spec, y);
}

/* ---- graphs ---- */

static vae_status add_network(const vae__build *build, vae__id x, vae__id step, vae__id *output) {
    const vae__denoiser_spec network =
        vae__diffusion_network(&build->spec->diffusion, &build->diffusion->shape, build->diffusion);
    return vae__denoiser_add(&network, &build->network->diffusion.denoiser, build->graph, x, step,
                             output);
}

static vae_status add_step_input(const vae__build *build, vae__domain domain, vae__id *step) {
    const vae__shape shape = vae__shape_vector(1);
    return vae__graph_input(build->graph, VAE__DIFFUSION_STEP, &shape, domain, step);
}

/* The loss of the objective; without one that of the variance. */
static size_t loss_of(const vae__build *build) {
    if (build->settings) return (size_t)build->settings->objective->diffusion_loss - 1;
    return build->spec->diffusion.variance == VAE__VARIANCE_LEARNED ? VAE__LOSS_HYBRID
                                                                    : VAE__LOSS_SIMPLE;
}

static vae_status add_results(vae__graph *graph, const vae__diffusion_values *values) {
    vae_status status = vae__graph_result(graph, "loss", values->loss);
    return status ? status : vae__graph_result(graph, "missed", values->missed);
}

vae_status vae__diffusion_build_training(const vae__build *build, vae__id data,
                                         vae__diffusion_values *values) {
    const vae__diffusion *engine = &build->diffusion->engine;
    vae__node_spec spec = {.op = &noisy_op, .attributes = engine, .input_count = 3};
    vae__id noise, step, x_t, output, first, none;
    vae_status status = vae__graph_input(build->graph, VAE__DIFFUSION_NOISE,
                                         &build->diffusion->shape, VAE__PER_ROW, &noise);
    if (!status) status = add_step_input(build, VAE__PER_ROW, &step);
    if (status) return status;
    spec.inputs[DATA] = data, spec.inputs[NOISE] = noise, spec.inputs[STEP] = step;
    status = vae__graph_add(build->graph, &spec, &x_t);
    if (!status) status = add_network(build, x_t, step, &output);
    if (status) return status;
    spec.op = &measure_op;
    spec.size = loss_of(build);
    spec.inputs[spec.input_count++] = output;
    status = vae__graph_add(build->graph, &spec, &first);
    spec.op = &loss_op;
    if (!status) status = vae__graph_add(build->graph, &spec, &none);
    *values = (vae__diffusion_values){first, first + 1, first + 2, first + 3};
    return status ? status : add_results(build->graph, values);
}

static vae_status build_denoise(const vae__build *build, vae__domain domain) {
    vae__id x, step, output;
    vae_status status =
        vae__graph_input(build->graph, "x_t", &build->diffusion->shape, VAE__PER_ROW, &x);
    if (!status) status = add_step_input(build, domain, &step);
    if (!status) status = add_network(build, x, step, &output);
    if (!status) status = vae__activation(build->graph, output, VAE__ACTIVATION_identity, &output);
    return status ? status : vae__graph_result(build->graph, "output", output);
}

vae_status vae__diffusion_build_denoise(const vae__build *build) {
    return build_denoise(build, VAE__PER_BATCH);
}

vae_status vae__diffusion_build_denoise_each(const vae__build *build) {
    return build_denoise(build, VAE__PER_ROW);
}

/* ---- what the prediction misses ---- */

#define LEAST 1e-12     /* so that a prediction without fault leaves a variance */
#define LEAST_RATE 0.01 /* of a running mean */
#define FORGETS 3       /* how fast the mean forgets what an earlier network missed */

/* A mean in which row number n weighs about n^FORGETS (Shamir & Zhang 2013, polynomial decay): the first row sets it, whatever it
 * began with; later on it runs at LEAST_RATE. */
void vae__diffusion_take_missed(const vae__diffusion_places *places, const vae__parameters *list,
                                const vae__real *t, const double *missed, size_t n) {
    if (places->missed == VAE__NONE) return;
    vae__real *means = list->items[places->missed].values;
    vae__real *visits = list->items[places->visits].values;
    for (size_t r = 0; r < n; r++) {
        size_t i = (size_t)t[r] - 1;
        double rate = fmax((1 + FORGETS) / ((double)visits[i] + FORGETS), LEAST_RATE);
        means[i] = (vae__real)fmax((double)means[i] + rate * (missed[r] - (double)means[i]), LEAST);
        if (visits[i] < 1e6) visits[i]++;
    }
}
