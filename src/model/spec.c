/* The table of the spec's keys, and the checks that need more than one of them. Relies on base/options.h for the
 * parsing and on layer_text.c for the lists of layers; a spec that was parsed is one that a model can have. */
#include "model/spec.h"

#include <stddef.h>
#include <string.h>

#include "model/kind.h"
#include "model/layer.h"
#include "model/likelihood.h"
#include "model/prior.h"

/* ---- input=1x28x28 ---- */

static vae_status parse_input(const vae__slice *value, void *field, void *user) {
    vae__shape *shape = field;
    vae__slice rest = *value;
    double width = 1;
    (void)user;
    *shape = (vae__shape){0};
    for (;;) {
        const char *cross = memchr(rest.text, 'x', rest.length);
        size_t length = cross ? (size_t)(cross - rest.text) : rest.length;
        uint64_t size;
        if (!vae__parse_unsigned(rest.text, length, &size) || size < 1 || size > VAE__MAX_WIDTH) {
            return vae__fail_at(
                &rest,
                "input=%.*s: expected a width such as 784 or a shape such as 1x28x28, of sizes from "
                "1 to %d",
                vae__shown(value), value->text, VAE__MAX_WIDTH);
        }
        if (shape->rank == VAE__MOST_DIMENSIONS)
            return vae__fail_at(&rest, "input has more than %d dimensions", VAE__MOST_DIMENSIONS);
        width *= (double)size;
        if (width > VAE__MAX_WIDTH)
            return vae__fail_at(value, "input has more than %d values", VAE__MAX_WIDTH);
        vae__shape_append(shape, (size_t)size);
        if (!cross) break;
        rest.text += length + 1;
        rest.length -= length + 1;
    }
    return VAE_OK;
}

static void print_input(vae__buffer *out, const void *field) {
    vae__shape_print(out, field);
}

/* ---- sigma= ---- */

static const char *const sigma_modes[] = {"shared", "optimal", "per_dim", "decoder", NULL};

static vae_status parse_sigma(const vae__slice *value, void *field, void *user) {
    vae__sigma *sigma = field;
    (void)user;
    for (int i = 0; sigma_modes[i]; i++) {
        if (!vae__slice_is(value, sigma_modes[i])) continue;
        *sigma = (vae__sigma){(vae__sigma_mode)i, 0};
        return VAE_OK;
    }
    double number;
    if (!vae__parse_real(value->text, value->length, &number) ||
        !(number >= 1e-15 && number <= 1e15)) {
        char suggestion[VAE__SUGGESTION_SIZE];
        vae__suggestion(suggestion, vae__nearest_name(value->text, value->length, sigma_modes));
        return vae__fail_at(value,
                            "sigma=%.*s: expected a number from 1e-15 to 1e15, or shared, optimal, "
                            "per_dim or decoder%s",
                            vae__shown(value), value->text, suggestion);
    }
    *sigma = (vae__sigma){VAE__SIGMA_VALUE, number};
    return VAE_OK;
}

static void print_sigma(vae__buffer *out, const void *field) {
    const vae__sigma *sigma = field;
    char number[VAE__NUMBER_SIZE];
    vae__append(out, "%s",
                sigma->mode == VAE__SIGMA_VALUE ? vae__number(number, sigma->value)
                                                : sigma_modes[sigma->mode]);
}

/* ---- the table ---- */

static const char *const init_names[] = {"auto", "glorot", "he", NULL};
static const char *const size_names[] = {"none", "total", NULL};
static const char *const posterior_names[] = {"diagonal", NULL};
static const char *const head_names[] = {"auto", "dense", NULL};

enum {
    INPUT,
    LATENT,
    LIKELIHOOD,
    ENCODER,
    DECODER,
    HEAD,
    SIGMA,
    SIGMA_MIN,
    SIZE,
    STANDARDIZE,
    INIT,
    SEED,
    POSTERIOR,
    PRIOR,
    MODEL,
    KEYS
};

static const vae__option options[KEYS + 1] = {
    [INPUT] = {"input", VAE__OPTION_CUSTOM, offsetof(vae__spec, input), .parse = parse_input,
               .print = print_input},
    [LATENT] = {"latent", VAE__OPTION_UNSIGNED, offsetof(vae__spec, latent), .minimum = 1,
                .maximum = 1 << 24},
    [LIKELIHOOD] = {"likelihood", VAE__OPTION_CHOICE, offsetof(vae__spec, likelihood_index),
                    .choices = vae__likelihood_names},
    [ENCODER] = {"encoder", VAE__OPTION_CUSTOM, offsetof(vae__spec, encoder),
                 .parse = vae__layers_parse, .print = vae__layers_print},
    [DECODER] = {"decoder", VAE__OPTION_CUSTOM, offsetof(vae__spec, decoder),
                 .parse = vae__layers_parse, .print = vae__layers_print},
    [HEAD] = {"head", VAE__OPTION_CHOICE, offsetof(vae__spec, head), .choices = head_names},
    [SIGMA] = {"sigma", VAE__OPTION_CUSTOM, offsetof(vae__spec, sigma), .parse = parse_sigma,
               .print = print_sigma},
    [SIGMA_MIN] = {"sigma_min", VAE__OPTION_REAL, offsetof(vae__spec, sigma_min), .minimum = 1e-15,
                   .maximum = 1e15},
    [STANDARDIZE] = {"standardize", VAE__OPTION_FLAG, offsetof(vae__spec, standardize),
                     .minimum = 0},
    [SIZE] = {"size", VAE__OPTION_CHOICE, offsetof(vae__spec, size), .choices = size_names},
    [INIT] = {"init", VAE__OPTION_CHOICE, offsetof(vae__spec, init), .choices = init_names},
    [SEED] = {"seed", VAE__OPTION_UNSIGNED, offsetof(vae__spec, seed), .minimum = 0},
    [POSTERIOR] = {"posterior", VAE__OPTION_CHOICE, offsetof(vae__spec, posterior),
                   .choices = posterior_names},
    [PRIOR] = {"prior", VAE__OPTION_CUSTOM, offsetof(vae__spec, prior), .parse = vae__prior_parse,
               .print = vae__prior_print},
    [MODEL] = {"model", VAE__OPTION_CHOICE, offsetof(vae__spec, kind), .choices = vae__model_names},
    [KEYS] = {.name = NULL},
};

#define LAYERS_GO "the layers go into encoder=[dense 400, relu] and decoder=[dense 400, relu]"

static const vae__alias aliases[] = {{"input_dim", "input", NULL},
                                     {"input_size", "input", NULL},
                                     {"input_shape", "input", NULL},
                                     {"latent_dim", "latent", NULL},
                                     {"latent_size", "latent", NULL},
                                     {"z_dim", "latent", NULL},
                                     {"z_size", "latent", NULL},
                                     {"n_latent", "latent", NULL},
                                     {"loss", "likelihood", NULL},
                                     {"recon_loss", "likelihood", NULL},
                                     {"distribution", "likelihood", NULL},
                                     {"likelihood=normal", "gaussian", NULL},
                                     {"likelihood=mse", "gaussian", NULL},
                                     {"likelihood=bce", "bernoulli", NULL},
                                     {"likelihood=binary", "bernoulli", NULL},
                                     {"likelihood=multinomial", "categorical", NULL},
                                     {"likelihood=nb", "negative_binomial", NULL},
                                     {"init=xavier", "glorot", NULL},
                                     {"init=kaiming", "he", NULL},
                                     {"x", NULL, "a shape is written without spaces: 1x28x28"},
                                     {"std", "sigma", NULL},
                                     {"random_state", "seed", NULL},
                                     {"covariance", "prior_covariance", NULL},
                                     {"covariance_type", "prior_covariance", NULL},
                                     {"hidden", NULL, LAYERS_GO},
                                     {"hidden_dim", NULL, LAYERS_GO},
                                     {"hidden_dims", NULL, LAYERS_GO},
                                     {"hidden_size", NULL, LAYERS_GO},
                                     {"layers", NULL, LAYERS_GO},
                                     {"activation", NULL, LAYERS_GO},
                                     {NULL, NULL, NULL}};

/* The keys of the priors, and of model=diffusion. */
#define PRIOR_TABLE(name) &vae__prior_##name##_table,
static const vae__option_table *const parts[] = {VAE__PRIORS(PRIOR_TABLE) & vae__diffusion_table};

const vae__option_table vae__spec_table = {.label = "spec",
                                           .what = "key",
                                           .options = options,
                                           .aliases = aliases,
                                           .parts = parts,
                                           .part_count = sizeof parts / sizeof parts[0],
                                           .parts_offset = VAE__PARTS_SHARE};

/* Whether each layer takes what the one in front of it makes. */
static vae_status check_layers(const char *text, const vae__spec *spec) {
    vae__shape x = spec->input, z = vae__shape_vector((size_t)spec->latent);
    vae_status status = vae__layers_infer(spec->encoder.items, spec->encoder.count, text, &x);
    if (status) return status;
    return vae__layers_infer(spec->decoder.items, spec->decoder.count, text, &z);
}

static int takes_sigma(const vae__likelihood *likelihood, vae__sigma_mode mode) {
    return (likelihood->sigma_modes & VAE__TAKES_SIGMA(mode)) != 0;
}

/* sigma= has a value that another likelihood takes, but not this one. */
static vae_status fail_sigma_mode(const char *text, const vae__spec *spec) {
    const vae__likelihood *likelihood = spec->likelihood;
    vae__sigma_mode given = spec->sigma.mode;
    char taken[VAE__LIKELIHOODS_SIZE];
    size_t used = 0;
    for (int i = 0; sigma_modes[i]; i++) {
        if (!takes_sigma(likelihood, (vae__sigma_mode)i)) continue;
        used += vae__format(taken + used, sizeof taken - used, "%s%s", used ? ", " : "",
                            sigma_modes[i]);
    }
    if (takes_sigma(likelihood, VAE__SIGMA_VALUE))
        vae__format(taken + used, sizeof taken - used, ", a number");
    return vae__fail_at_key(&vae__spec_table, text, "sigma",
                            "likelihood=%s does not take sigma=%s (it takes: %s)", likelihood->name,
                            given == VAE__SIGMA_VALUE ? "a number" : sigma_modes[given], taken);
}

static int is_of_diffusion(const vae__option *option) {
    const vae__option *own = vae__diffusion_table.options;
    while (own->name && own != option) own++;
    return own->name != NULL;
}

static int likelihood_named(const char *name) {
    int i = 0;
    while (strcmp(vae__likelihood_names[i], name)) i++;
    return i;
}

/* model=diffusion: which keys it takes, and that those of its own belong to it. */
static vae_status check_kind(const char *text, const vae__spec *spec, const unsigned char *seen) {
    static const int of_both[] = {INPUT, LIKELIHOOD, STANDARDIZE, INIT, SEED, MODEL};
    const vae__option *option;
    int is_diffusion = spec->kind == VAE__MODEL_diffusion;
    for (size_t i = 0; (option = vae__option_at(&vae__spec_table, i)); i++) {
        int own = is_of_diffusion(option), both = 0;
        for (size_t k = 0; k < sizeof of_both / sizeof of_both[0]; k++)
            both |= option == &options[of_both[k]];
        if (!seen[i] || both || own == is_diffusion) continue;
        return vae__fail_at_key(&vae__spec_table, text, option->name,
                                "'%s=' belongs to model=%s, but the model is %s", option->name,
                                own ? "diffusion" : "vae", vae__model_names[spec->kind]);
    }
    return VAE_OK;
}

/* Keys that another likelihood takes. */
static vae_status check_likelihood_keys(const char *text, const vae__spec *spec,
                                        const unsigned char *seen) {
    for (int key = 0; key < KEYS; key++) {
        if (!seen[key] || vae__likelihood_takes(spec->likelihood, options[key].name)) continue;
        char names[VAE__LIKELIHOODS_SIZE];
        vae__likelihoods_that_take(options[key].name, names);
        return vae__fail_at_key(&vae__spec_table, text, options[key].name,
                                "'%s=' belongs to likelihood=%s, but the likelihood is %s",
                                options[key].name, names, spec->likelihood->name);
    }
    return VAE_OK;
}

static vae_status check_diffusion(const char *text, vae__spec *spec, const unsigned char *seen) {
    if (!seen[INPUT])
        return vae__fail(VAE_ERROR_TEXT,
                         "spec: 'input=' is missing; expected at least model=diffusion and input=");
    if (!spec->likelihood->of_diffusion)
        return vae__fail_at_key(
            &vae__spec_table, text, "likelihood",
            "model=diffusion takes likelihood=gaussian, or discretized_gaussian for "
            "8-bit values, found %s",
            spec->likelihood->name);
    vae_status status = check_likelihood_keys(text, spec, seen);
    if (status) return status;
    return vae__model_kinds[spec->kind]->complete(spec);
}

static vae_status check_whole(const char *text, vae__spec *spec, const unsigned char *seen) {
    static const int required[] = {INPUT, LATENT, LIKELIHOOD};
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++) {
        if (seen[required[i]]) continue;
        return vae__fail(
            VAE_ERROR_TEXT,
            "spec: '%s=' is missing; expected at least input=, latent= and likelihood=",
            options[required[i]].name);
    }
    if (!spec->likelihood->row)
        return vae__fail_at_key(
            &vae__spec_table, text, "likelihood",
            "likelihood=%s belongs to model=diffusion; a VAE of 8-bit values takes "
            "likelihood=discretized_logistic",
            spec->likelihood->name);
    vae_status status = check_likelihood_keys(text, spec, seen);
    if (status) return status;
    if (seen[SIGMA] && !takes_sigma(spec->likelihood, spec->sigma.mode))
        return fail_sigma_mode(text, spec);
    if (spec->sigma.mode == VAE__SIGMA_VALUE && spec->sigma.value < spec->sigma_min) {
        char value[VAE__NUMBER_SIZE], lowest[VAE__NUMBER_SIZE];
        return vae__fail_at_key(&vae__spec_table, text, "sigma", "sigma=%s is below sigma_min=%s",
                                vae__number(value, spec->sigma.value),
                                vae__number(lowest, spec->sigma_min));
    }
    status = check_layers(text, spec);
    if (status) return status;
    return vae__prior_check(&vae__spec_table, text, seen, spec);
}

vae_status vae__spec_parse(const char *text, vae__spec *spec) {
    unsigned char seen[VAE__MAX_OPTIONS] = {0};
    *spec = (vae__spec){.sigma = {VAE__SIGMA_SHARED, 0},
                        .sigma_min = 1e-3,
                        .diffusion = vae__diffusion_unsaid,
                        .seed = 1};
    vae_status status = vae__options_parse(&vae__spec_table, text, spec, seen, NULL);
    if (spec->kind == VAE__MODEL_diffusion && !seen[LIKELIHOOD])
        spec->likelihood_index = likelihood_named("gaussian");
    spec->likelihood = vae__likelihood_for(NULL, spec->likelihood_index);
    if (!status) status = check_kind(text, spec, seen);
    if (status) return status;
    return spec->kind == VAE__MODEL_diffusion ? check_diffusion(text, spec, seen)
                                              : check_whole(text, spec, seen);
}

void vae__spec_print(const vae__spec *spec, vae__buffer *out) {
    const vae__model_kind *kind = vae__model_kinds[spec->kind];
    if (kind->print_options) {
        static const int printed[] = {MODEL, INPUT, LIKELIHOOD, STANDARDIZE, INIT, SEED};
        for (size_t i = 0; i < sizeof printed / sizeof printed[0]; i++) {
            if (vae__likelihood_takes(spec->likelihood, options[printed[i]].name))
                vae__option_print(out, &options[printed[i]], spec);
        }
        kind->print_options(spec, out);
        return;
    }
    for (int key = 0; key < MODEL; key++) { /* model=vae is what stands where nothing does */
        if (!vae__likelihood_takes(spec->likelihood, options[key].name)) continue;
        /* Earlier versions have no such key: texts without images are to stay theirs. */
        if (key == HEAD && spec->head == VAE__HEAD_AUTO) continue;
        vae__option_print(out, &options[key], spec);
    }
    vae__prior_print_options(spec, out);
}
