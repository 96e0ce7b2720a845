/* The list of priors, their text, and what every prior without a closed-form KL does in a graph: z is drawn from
 * q(z|x), the KL is -H(q) - log p(z) with the entropy in closed form, which has a smaller variance than
 * log q(z|x) - log p(z) and may be negative. To add a prior: its file in prior/, its name in VAE__PRIORS. */
#include "model/prior.h"

#include <string.h>

#include "autodiff/ops/ops.h"
#include "model/posterior.h"
#include "model/programs.h"

#define NAME(name) #name,
const char *const vae__prior_names[] = {VAE__PRIORS(NAME) NULL};

#define DECLARE(name) extern const vae__prior vae__prior_##name;
VAE__PRIORS(DECLARE)

#define DECLARE_OPTIONS(name) extern const vae__option vae__prior_##name##_options[];
VAE__PRIORS(DECLARE_OPTIONS)

#define DEFINE_TABLE(name) \
    const vae__option_table vae__prior_##name##_table = {.options = vae__prior_##name##_options};
VAE__PRIORS(DEFINE_TABLE)

#define TABLE(name) &vae__prior_##name##_table,
const vae__option_table *const vae__prior_tables[VAE__PRIOR_COUNT] = {VAE__PRIORS(TABLE)};

#define ENTRY(name) &vae__prior_##name,
static const vae__prior *const priors[] = {VAE__PRIORS(ENTRY)};

const vae__prior *vae__prior_of(const vae__spec *spec) {
    return priors[spec->prior.index];
}

int vae__prior_has_score(const vae__spec *spec) {
    const vae__prior *prior = vae__prior_of(spec);
    return prior->draw_posterior || prior->density;
}

enum { SCORE_DRAWS = 64 };

size_t vae__prior_score_draws(const vae__spec *spec) {
    const vae__prior *prior = vae__prior_of(spec);
    return prior->draw_posterior || prior->expected_density ? 1 : SCORE_DRAWS;
}

int vae__prior_has_network(const vae__spec *spec) {
    return vae__prior_of(spec)->add_loss != NULL;
}

const char *vae__no_kl_by_latent(const vae__spec *spec) {
    const vae__prior *prior = vae__prior_of(spec);
    const char *of_kind = vae__model_kinds[spec->kind]->no_latents;
    if (of_kind || prior->draw_posterior) return of_kind;
    return prior->no_latents ? prior->no_latents : "its KL is no sum over latents";
}

int vae__spec_has_diffusion(const vae__spec *spec) {
    return spec->kind == VAE__MODEL_diffusion || vae__prior_has_network(spec);
}

int vae__prior_has_components(const vae__spec *spec) {
    return vae__prior_of(spec)->components != NULL;
}

vae__prior_call vae__model_prior_call(const vae_model *model) {
    return (vae__prior_call){model->context->kernels, &model->spec, &model->parameters,
                             &model->network, NULL};
}

/* ---- draws ---- */

vae_status vae__prior_draw_rows(const vae_model *model, const vae__prior_call *call,
                                const vae__stream *stream, size_t first_row, size_t rows,
                                const vae__sampling *how, uint64_t total, vae__real *z) {
    const vae__prior *prior = vae__prior_of(&model->spec);
    if (prior->sample) return prior->sample(model, stream, first_row, rows, how, total, z);
    prior->draw(call, stream, first_row, rows, how->temperature, z);
    return VAE_OK;
}

vae_status vae__prior_open(const vae_model *model, vae__prior_call *call) {
    vae__program *program;
    vae__workspace *workspace;
    *call = vae__model_prior_call(model);
    if (!vae__prior_has_components(&model->spec)) return VAE_OK;
    vae_status status = vae__model_program(model, "components", &program);
    if (!status) status = vae__program_take(program, &workspace);
    if (status) return status;
    vae__feed feeds[VAE__MAX_INPUTS] = {{0}};
    vae__run run = {.workspace = workspace, .feeds = feeds, .rows = 1};
    status = vae__run_rows(&run);
    vae__id value = vae__graph_find_result(&program->graph, "components");
    const vae__value *made = &program->graph.values[value];
    size_t count = made->domain * made->width;
    vae__real *kept = status ? NULL : vae__allocate(model->context, count, sizeof *kept);
    if (!status && !kept) status = vae__last_status();
    if (kept) memcpy(kept, vae__run_value(&run, value), count * sizeof *kept);
    call->components = kept;
    vae__program_return(program, workspace);
    return status;
}

void vae__prior_close(const vae_model *model, vae__prior_call *call) {
    vae__release(model->context, (void *)call->components);
    call->components = NULL;
}

/* ---- text ---- */

#define MOST_COUNT (1 << 20)

static const vae__alias aliases[] = {{"gaussian", "normal", NULL},
                                     {"standard_normal", "normal", NULL},
                                     {"gmm", "mixture", NULL},
                                     {"mog", "mixture", NULL},
                                     {NULL, NULL, NULL}};

static vae_status parse_count(const vae__slice *value, const char *colon, const vae__prior *prior,
                              uint64_t *count) {
    const char *end = value->text + value->length;
    if (!prior->counts) {
        if (!colon) return VAE_OK;
        const vae__slice extra = vae__slice_between(value, colon, end);
        return vae__fail_at(&extra, "prior=%s takes no number", prior->name);
    }
    const char *digits = colon ? colon + 1 : end;
    if (vae__parse_unsigned(digits, (size_t)(end - digits), count) && *count >= 1 &&
        *count <= MOST_COUNT)
        return VAE_OK;
    return vae__fail_at(value, "prior=%.*s: expected the number of %s, from 1 to %d, e.g. %s:50",
                        vae__shown(value), value->text, prior->counts, MOST_COUNT, prior->name);
}

vae_status vae__prior_parse(const vae__slice *value, void *field, void *user) {
    vae__prior_spec *spec = field;
    const char *colon = memchr(value->text, ':', value->length);
    const vae__slice name =
        vae__slice_between(value, value->text, colon ? colon : value->text + value->length);
    int index = 0;
    (void)user;
    while (vae__prior_names[index] && !vae__slice_is(&name, vae__prior_names[index])) index++;
    if (!vae__prior_names[index])
        return vae__fail_unknown_alias(&name, "prior", vae__prior_names, aliases);
    spec->index = index;
    return parse_count(value, colon, priors[index], &spec->count);
}

void vae__prior_print(vae__buffer *out, const void *field) {
    const vae__prior_spec *spec = field;
    vae__append(out, "%s", priors[spec->index]->name);
    if (spec->count) vae__append(out, ":%llu", (unsigned long long)spec->count);
}

/* The prior that has this option; NULL: none, it is another key of the text. */
static const vae__prior *owner_of(const vae__option *option) {
    for (size_t i = 0; vae__prior_names[i]; i++) {
        for (const vae__option *own = priors[i]->options; own->name; own++)
            if (own == option) return priors[i];
    }
    return NULL;
}

vae_status vae__prior_check(const vae__option_table *table, const char *text,
                            const unsigned char *seen, vae__spec *spec) {
    const vae__prior *prior = vae__prior_of(spec);
    const vae__option *option;
    for (size_t i = 0; (option = vae__option_at(table, i)); i++) {
        const vae__prior *owner = seen[i] ? owner_of(option) : NULL;
        if (!owner || owner == prior) continue;
        return vae__fail_at_key(table, text, option->name,
                                "'%s=' belongs to prior=%s%s, but the prior is %s", option->name,
                                owner->name, owner->counts ? ":N" : "", prior->name);
    }
    return prior->check ? prior->check(spec) : VAE_OK;
}

void vae__prior_print_options(const vae__spec *spec, vae__buffer *out) {
    for (const vae__option *own = vae__prior_of(spec)->options; own->name; own++)
        vae__option_print(out, own, spec);
}

/* The first word is the prior, without a key. */
static vae_status parse_first(const vae__slice *word, size_t index, void *into, void *user) {
    if (index)
        return vae__fail_at(word, "the prior comes first: '%.*s ...'", vae__shown(word),
                            word->text);
    return vae__prior_parse(word, &((vae__spec *)into)->prior, user);
}

static const vae__option no_options[] = {{.name = NULL}};

static const vae__alias key_aliases[] = {
    {"prior", NULL, "the prior is the first word, without a key, as in 'mixture:50'"},
    {"covariance", "prior_covariance", NULL},
    {"covariance_type", "prior_covariance", NULL},
    {NULL, NULL, NULL}};

const vae__option_table vae__prior_table = {.label = "prior",
                                            .what = "option",
                                            .options = no_options,
                                            .bare = parse_first,
                                            .aliases = key_aliases,
                                            .parts = vae__prior_tables,
                                            .part_count = VAE__PRIOR_COUNT,
                                            .parts_offset = VAE__PARTS_SHARE};

/* ---- in a graph ---- */

/* Where the KL gets its weight beta. A prior with parameters of its own alone: at z and at the entropy, so that these
 * parameters keep the weight 1. A prior that runs the network (VampPrior): at the KL itself, since the network's
 * parameters are reached through the prior's components, too. */
typedef struct weights {
    int at_z, at_kl;
} weights;

static weights weights_of(const vae__build *build) {
    int weighs = build->settings != NULL;
    int whole = vae__prior_of(build->spec)->components != NULL;
    return (weights){weighs && !whole, weighs && whole};
}

/* x, whose gradient is multiplied by beta if `weighs`. */
static vae_status weigh(const vae__build *build, int weighs, vae__id x, vae__id *weighed) {
    *weighed = x;
    if (!weighs) return VAE_OK;
    return vae__scale_gradient(build->graph, x, &build->settings->beta, weighed);
}

/* kl [n] = -H(q) - the mean of log p(z) over the draws */
static vae_status add_kl(const vae__build *build, vae__id negative_entropy, vae__id log_p,
                         vae__bound_values *values) {
    const weights at = weights_of(build);
    vae__id mean, entropy, kl;
    vae_status status = vae__sample_mean(build->graph, log_p, &mean);
    if (!status) status = weigh(build, at.at_z, negative_entropy, &entropy);
    if (!status) status = vae__difference(build->graph, entropy, mean, &kl);
    if (!status) status = weigh(build, at.at_kl, kl, &values->kl);
    return status;
}

/* A prior with a bound: in a training graph its loss; in another one kl is -H(q) alone, and the bound is taken from it after
 * the run, from the result "z" (inference.c). */
static vae_status add_bound(const vae__build *build, const vae__posterior_values *q,
                            vae__bound_values *values) {
    vae__id log_p;
    values->kl = q->negative_entropy;
    if (!build->settings) return vae__graph_result(build->graph, "z", q->z);
    vae_status status = vae__prior_of(build->spec)->add_loss(build, q->z, &log_p);
    return status ? status : vae__difference(build->graph, q->negative_entropy, log_p, &values->kl);
}

vae_status vae__prior_draw_posterior(const vae__build *build, vae__id head, vae__id noise,
                                     int wants_ratio, vae__id *z, vae__bound_values *values) {
    const vae__prior *prior = vae__prior_of(build->spec);
    if (prior->draw_posterior)
        return prior->draw_posterior(build, head, noise, wants_ratio, z, values);
    vae__posterior_values q;
    vae__id weighed, log_p;
    vae_status status = vae__posterior_sample(build->graph, head, noise, &q);
    *z = q.z;
    if (!status && prior->add_loss) return add_bound(build, &q, values);
    if (!status) status = weigh(build, weights_of(build).at_z, q.z, &weighed);
    if (!status) status = prior->density(build, weighed, &log_p);
    if (!status) status = add_kl(build, q.negative_entropy, log_p, values);
    if (!status && wants_ratio)
        status = vae__difference(build->graph, log_p, q.log_q, &values->log_ratio);
    return status;
}

vae_status vae__prior_take_mean(const vae__build *build, vae__id head, vae__id noise,
                                int wants_ratio, vae__id *z, vae__bound_values *values) {
    const vae__prior *prior = vae__prior_of(build->spec);
    if (prior->draw_posterior)
        return prior->draw_posterior(build, head, noise, wants_ratio, z, values);
    vae__posterior_values q;
    vae__id log_p, logvar;
    vae_status status = vae__posterior_sample(build->graph, head, noise, &q);
    if (!status)
        status = prior->expected_density ? prior->expected_density(build, q.z, q.sd, &log_p)
                                         : prior->density(build, q.z, &log_p);
    if (!status) status = add_kl(build, q.negative_entropy, log_p, values);
    *z = q.z;
    if (status || prior->expected_density) return status;
    return vae__posterior_parameters(build->graph, head, z, &logvar);
}
