/* Replaces the prior of a model: a second model with the new spec is made, takes over what the two have in common, and
 * the two change their insides. What was there before stays with the model without its numbers, since callers may
 * hold the spec's text and the parameters' names. Programs are made anew by the next call that asks for one. */
#include "model/set_prior.h"

#include <string.h>

#include "model/prior.h"
#include "model/programs.h"

enum { NO_PRIOR = -1 };

static vae_status parse(const vae_model *model, const char *text, vae__spec *spec) {
    unsigned char seen[VAE__MAX_OPTIONS] = {0};
    *spec = model->spec;
    spec->prior = (vae__prior_spec){.index = NO_PRIOR};
    spec->diffusion = vae__diffusion_unsaid;
    vae_status status = vae__options_parse(&vae__prior_table, text, spec, seen, NULL);
    if (status) return status;
    if (spec->prior.index == NO_PRIOR) {
        return vae__fail(VAE_ERROR_TEXT,
                         "prior: expected a prior, e.g. 'mixture:50 prior_covariance=full'");
    }
    return vae__prior_check(&vae__prior_table, text, seen, spec);
}

/* Values of all parameters but the prior's. */
static void take_over(vae_model *to, const vae_model *from) {
    for (size_t i = 0; i < from->parameters.count; i++) {
        const vae__parameter *p = &from->parameters.items[i];
        if (p->group == VAE__GROUP_PRIOR) continue;
        memcpy(vae__parameters_find(&to->parameters, p->name)->values, p->values,
               vae__parameter_size(p) * sizeof *p->values);
    }
}

static void exchange(vae_model *a, vae_model *b) {
    const vae__spec spec = a->spec;
    const vae__parameters parameters = a->parameters;
    const vae__network network = a->network;
    vae__model_diffusion *diffusion = a->diffusion;
    char *text = a->spec_text;
    a->spec = b->spec, b->spec = spec;
    a->parameters = b->parameters, b->parameters = parameters;
    a->network = b->network, b->network = network;
    a->diffusion = b->diffusion, b->diffusion = diffusion;
    a->spec_text = b->spec_text, b->spec_text = text;
}

vae_status vae__model_set_prior(vae_model *model, const char *text) {
    vae__spec spec;
    vae_model *other;
    if (model->kind->rows)
        return vae__fail(VAE_ERROR_UNSUPPORTED,
                         "a model of model=%s has no other prior than N(0, I)", model->kind->name);
    vae_status status = parse(model, text, &spec);
    if (status) return status;
    status = vae__model_new(model->context, &spec, &other);
    if (status == VAE_ERROR_TEXT) vae__fail_in("prior");
    if (status) return status;
    vae__model_draw(other);
    take_over(other, model);
    vae__model_drop_programs(model);
    exchange(model, other);
    vae__release(model->context, other->parameters.block);
    other->parameters.block = NULL;
    other->earlier = model->earlier;
    model->earlier = other;
    model->training = NULL; /* of an optimizer that is now another model's */
    model->edits++;
    model->version++;
    return VAE_OK;
}
