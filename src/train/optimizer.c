/* The optimizer handle: options, moments, and the training program, which is planned for the largest batch so
 * far. Relies on the model's kind for the training graph; guarantees that a change of options that is refused
 * changes nothing. */
#include "train/optimizer.h"

#include <string.h>

#include "model/prior.h"

static vae_status print_options(vae_optimizer *optimizer) {
    vae__buffer text = {.context = optimizer->context};
    vae__training_options_print(&optimizer->options, &text);
    if (text.failed) {
        vae__buffer_free(&text);
        return vae__last_status();
    }
    vae__release(optimizer->context, optimizer->options_text);
    optimizer->options_text = text.text;
    return VAE_OK;
}

/* Those of model=diffusion. */
static vae_status check_diffusion(const vae_model *model, const vae__training_options *options) {
    const vae__objective *objective = vae__objectives[options->objective];
    if (!objective->diffusion_loss)
        return vae__fail(VAE_ERROR_TEXT,
                         "optimizer: objective=%s does not go with model=%s: it is trained by "
                         "objective=simple, vlb or hybrid",
                         objective->name, model->kind->name);
    if (options->train == VAE__TRAIN_PRIOR)
        return vae__fail(VAE_ERROR_TEXT,
                         "optimizer: train=prior: a model of model=%s has no prior to train",
                         model->kind->name);
    if (options->samples == 1) return VAE_OK;
    return vae__fail(VAE_ERROR_TEXT, "optimizer: model=%s takes one draw a row: samples=1",
                     model->kind->name);
}

/* Options that the model does not go with. */
static vae_status check_model(const vae_model *model, const vae__training_options *options) {
    const vae__likelihood *likelihood = model->spec.likelihood;
    const vae__prior *prior = vae__prior_of(&model->spec);
    const char *no_latents = vae__no_kl_by_latent(&model->spec);
    if (no_latents && options->free_bits > 0)
        return vae__fail(VAE_ERROR_TEXT, "optimizer: free_bits does not go with prior=%s: %s",
                         prior->name, no_latents);
    if (model->kind->rows) return check_diffusion(model, options);
    if (prior->add_loss && options->train != VAE__TRAIN_PRIOR)
        return vae__fail(VAE_ERROR_TEXT,
                         "optimizer: prior=%s is trained alone, with train=prior: the gradient of "
                         "the encoder would need weights that its loss does not have. Train the "
                         "network under another prior, then vae_model_set_prior and "
                         "vae_model_fit_prior, or train=prior",
                         prior->name);
    if (!prior->add_loss != !vae__objectives[options->objective]->diffusion_loss)
        return vae__fail(VAE_ERROR_TEXT, "optimizer: objective=%s does not go with prior=%s: %s",
                         vae__objectives[options->objective]->name, prior->name,
                         prior->add_loss ? "it is trained by objective=simple, vlb or hybrid"
                                         : "that is the loss of a diffusion");
    if (options->samples > 1 && prior->add_loss)
        return vae__fail(VAE_ERROR_TEXT, "optimizer: prior=%s takes one draw a row: samples=1",
                         prior->name);
    if (!prior->declare && options->train == VAE__TRAIN_PRIOR)
        return vae__fail(VAE_ERROR_TEXT,
                         "optimizer: train=prior: prior=%s has no parameters to train",
                         prior->name);
    const char *pools = likelihood->pools_batch ? likelihood->pools_batch(&model->spec) : NULL;
    const vae__objective *objective = vae__objectives[options->objective];
    if (!pools || !objective->weighs_draws || options->samples == 1) return VAE_OK;
    return vae__fail(VAE_ERROR_TEXT, "optimizer: objective=%s does not go with %s", objective->name,
                     pools);
}

/* The objective where none is named. */
static int usual_objective(const vae_model *model) {
    if (!model->diffusion) return 0;
    int loss = model->spec.diffusion.variance == VAE__VARIANCE_LEARNED ? VAE__LOSS_HYBRID
                                                                       : VAE__LOSS_SIMPLE;
    int i = 0;
    while (vae__objectives[i]->diffusion_loss != loss + 1) i++;
    return i;
}

vae_status vae__optimizer_new(vae_model *model, const char *options, vae_optimizer **out) {
    vae__training_options parsed = {.objective = usual_objective(model)};
    vae_status status = vae__training_options_parse(options, 1, 0, &parsed);
    if (!status) status = check_model(model, &parsed);
    if (!status && model->training)
        status = vae__fail(VAE_ERROR_ARGUMENT,
                           "the model has an optimizer with ema= already, whose average it holds; "
                           "destroy that one first");
    if (status) return status;
    vae_optimizer *optimizer = vae__allocate(model->context, 1, sizeof *optimizer);
    if (!optimizer) return vae__last_status();
    optimizer->context = model->context;
    optimizer->model = vae__model_retain(model);
    optimizer->options = parsed;
    vae__real *block = model->parameters.block;
    size_t count = model->parameters.block_count;
    if (parsed.ema > 0) {
        status = vae__average_make(model->context, block, count, &optimizer->average);
        block = optimizer->average.weights;
    }
    if (!status)
        status = vae__optimizer_state_make(model->context, parsed.rule, &parsed.optimizer, block,
                                           count, &optimizer->state);
    optimizer->model_edits = model->edits;
    optimizer->model_version = model->version;
    status = vae__memory_in(status, "state of the optimizer");
    if (!status) status = print_options(optimizer);
    if (status) {
        vae__optimizer_free(optimizer);
        return status;
    }
    model->training = optimizer->average.weights;
    *out = optimizer;
    return VAE_OK;
}

vae_status vae__optimizer_check(const vae_optimizer *optimizer) {
    const vae_model *model = optimizer->model;
    if (optimizer->model_version == model->version && optimizer->average.weights != model->training)
        return vae__fail(VAE_ERROR_MISMATCH,
                         "the model has another optimizer, with ema=, whose average it holds");
    if (optimizer->model_version == model->version) return VAE_OK;
    return vae__fail(VAE_ERROR_MISMATCH,
                     "the optimizer was created before vae_model_set_prior gave the model another "
                     "prior; create a new one");
}

static void drop_plan(vae_optimizer *optimizer) {
    vae__workspace_free(optimizer->workspace);
    optimizer->workspace = NULL;
    vae__diffusion_feed_free(&optimizer->diffusion);
    vae__program_free(&optimizer->program);
}

void vae__optimizer_free(vae_optimizer *optimizer) {
    if (!optimizer) return;
    vae_model *model = optimizer->model;
    drop_plan(optimizer);
    if (optimizer->average.weights && model->training == optimizer->average.weights)
        model->training = NULL;
    vae__average_free(&optimizer->average);
    vae__optimizer_state_free(&optimizer->state);
    vae__release(optimizer->context, optimizer->gradient);
    vae__release(optimizer->context, optimizer->options_text);
    vae__release(optimizer->context, optimizer);
    vae__model_release(model);
}

/* Factors of a schedule at which nothing moves any more. */
#define SPENT 1e-6

void vae__optimizer_warn_if_spent(const vae_optimizer *optimizer) {
    const vae__optimizer_settings *s = &optimizer->options.optimizer;
    uint64_t made = optimizer->state.steps;
    char rate[VAE__NUMBER_SIZE], steps[40] = "";
    if (s->learning_rate <= 0 || vae__schedule_factor(s, made + 1) > SPENT) return;
    if (s->schedule_steps)
        vae__format(steps, sizeof steps, " steps=%llu", (unsigned long long)s->schedule_steps);
    vae__log(
        optimizer->context, VAE_LOG_WARNING,
        "optimizer: the learning rate is %s from here on: schedule=%s%s is counted from update "
        "%llu, and %llu updates were made. To start it here add from=now",
        vae__number_short(rate, vae__learning_rate(s, made + 1)), vae__schedule_names[s->schedule],
        steps, (unsigned long long)(s->schedule_from > s->warmup ? s->schedule_from : s->warmup),
        (unsigned long long)made);
}

void vae__optimizer_announce_end(const vae_optimizer *optimizer, double rate) {
    const vae__optimizer_settings *s = &optimizer->options.optimizer;
    if (s->schedule == VAE__SCHEDULE_CONSTANT || rate <= 0) return;
    if (vae__learning_rate(s, optimizer->state.steps + 1) > 0) return;
    vae__log(optimizer->context, VAE_LOG_INFO,
             "optimizer: schedule=%s has ended after update %llu: the learning rate is 0 from here "
             "on",
             vae__schedule_names[s->schedule], (unsigned long long)optimizer->state.steps);
}

static vae__objective_settings settings_of(const vae__training_options *options) {
    return (vae__objective_settings){.objective = vae__objectives[options->objective],
                                     .beta = options->beta,
                                     .free_bits = options->free_bits};
}

void vae__optimizer_begin_objective(vae_optimizer *optimizer, uint64_t step) {
    optimizer->objective = settings_of(&optimizer->options);
    optimizer->objective.beta = vae__beta_at(&optimizer->options, step);
}

static int asks_for_another_graph(const vae__training_options *a, const vae__training_options *b) {
    const vae__objective_settings before = settings_of(a), after = settings_of(b);
    if (a->samples != b->samples || a->train != b->train || before.objective != after.objective)
        return 1;
    return after.objective->changes_graph && after.objective->changes_graph(&before, &after);
}

vae_status vae__optimizer_change(vae_optimizer *optimizer, const char *options) {
    vae__training_options before = optimizer->options;
    vae_status status = vae__optimizer_check(optimizer);
    if (!status)
        status =
            vae__training_options_parse(options, 0, optimizer->state.steps, &optimizer->options);
    if (!status) status = check_model(optimizer->model, &optimizer->options);
    if (!status && (before.ema > 0) != (optimizer->options.ema > 0))
        status =
            vae__fail_at_key(&vae__training_table, options, "ema",
                             "an optimizer begins with an average or has none; create another one "
                             "with ema=0.999");
    if (!status) status = print_options(optimizer);
    if (status) {
        optimizer->options = before;
        return status;
    }
    if (asks_for_another_graph(&before, &optimizer->options)) drop_plan(optimizer);
    /* What is not trained any more has no gradient. */
    if (before.train != optimizer->options.train && optimizer->gradient)
        memset(optimizer->gradient, 0, optimizer->state.count * sizeof *optimizer->gradient);
    vae__optimizer_warn_if_spent(optimizer);
    return VAE_OK;
}

void vae__optimizer_bytes(const vae_optimizer *optimizer, uint64_t *state_bytes,
                          uint64_t *workspace_bytes) {
    const vae__optimizer_state *state = &optimizer->state;
    uint64_t block = state->count * sizeof(vae__real);
    *state_bytes = (optimizer->gradient ? block : 0) + (optimizer->average.weights ? block : 0);
    for (size_t i = 0; i < VAE__MOST_MOMENTS; i++) *state_bytes += state->moments[i] ? block : 0;
    *workspace_bytes = optimizer->workspace ? vae__workspace_bytes(&optimizer->program.plan) : 0;
}

/* ---- graph and plan ---- */

static unsigned trained_groups(const vae__training_options *options) {
    static const unsigned groups[] = {[VAE__TRAIN_ALL] = VAE__GROUP_NETWORK | VAE__GROUP_PRIOR,
                                      [VAE__TRAIN_PRIOR] = VAE__GROUP_PRIOR,
                                      [VAE__TRAIN_NETWORK] = VAE__GROUP_NETWORK};
    return groups[options->train];
}

int vae__optimizer_trains(const vae_optimizer *optimizer, unsigned group) {
    return (trained_groups(&optimizer->options) & group) != 0;
}

static vae_status make_plan(vae_optimizer *optimizer, size_t rows) {
    const vae_model *model = optimizer->model;
    drop_plan(optimizer);
    vae__program *program = &optimizer->program;
    const vae__build build = vae__model_build(model, &program->graph, NULL);
    size_t samples = (size_t)optimizer->options.samples;
    optimizer->objective = settings_of(&optimizer->options);
    vae__graph_begin(&program->graph, optimizer->context, &model->parameters);
    program->graph.trained = trained_groups(&optimizer->options);
    vae_status status = model->kind->build_training(&build, &optimizer->objective);
    if (!status) status = vae__program_plan(program, rows, samples, 1);
    if (!status) status = vae__program_take(program, &optimizer->workspace);
    if (!status) status = vae__diffusion_feed_make(optimizer->model, rows, &optimizer->diffusion);
    if (status) {
        drop_plan(optimizer);
        return vae__memory_in(status, "training plan for %zu row%s, %zu sample%s", rows,
                              vae__plural(rows), samples, vae__plural(samples));
    }
    vae__log(optimizer->context, VAE_LOG_INFO,
             "training plan for %zu row%s, %zu sample%s: workspace of %zu bytes", rows,
             vae__plural(rows), samples, vae__plural(samples),
             vae__workspace_bytes(&program->plan));
    return VAE_OK;
}

vae_status vae__optimizer_ensure_plan(vae_optimizer *optimizer, size_t rows) {
    const vae__plan *plan = &optimizer->program.plan;
    return plan->graph && rows <= plan->capacity ? VAE_OK : make_plan(optimizer, rows);
}

vae_status vae__optimizer_ensure_gradient(vae_optimizer *optimizer) {
    if (optimizer->gradient) return VAE_OK;
    optimizer->gradient =
        vae__allocate(optimizer->context, optimizer->state.count, sizeof(vae__real));
    if (optimizer->gradient) return VAE_OK;
    return vae__memory_in(vae__last_status(), "gradient of the parameters");
}
