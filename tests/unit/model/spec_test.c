#include <string.h>

#include "autodiff/ops/ops.h"
#include "model/layer.h"
#include "model/likelihood.h"
#include "support/checks.h"
#include "support/cmocka.h"

#define BERNOULLI "input=4 latent=2 likelihood=bernoulli"
#define IMAGE "input=2x4x6 latent=2 likelihood=bernoulli "
#define GAUSSIAN "input=4 latent=2 likelihood=gaussian"

static vae_context *context;

static int set_up(void **state) {
    (void)state;
    return vae__context_new(NULL, NULL, NULL, &context) ? -1 : 0;
}

static int tear_down(void **state) {
    (void)state;
    int held = atomic_load(&context->bytes) != 0;
    vae__context_release(context);
    return held ? -1 : 0;
}

static vae__spec parse(const char *text) {
    vae__spec spec;
    if (vae__spec_parse(text, &spec)) fail_msg("'%s': %s", text, vae__last_message());
    return spec;
}

static void starts_from_defaults(void **state) {
    (void)state;
    vae__spec spec = parse(GAUSSIAN);
    assert_int_equal(spec.input.size, 4);
    assert_int_equal(spec.input.rank, 1);
    assert_int_equal(spec.latent, 2);
    assert_string_equal(spec.likelihood->name, "gaussian");
    assert_int_equal(spec.encoder.count + spec.decoder.count, 0);
    assert_int_equal(spec.sigma.mode, VAE__SIGMA_SHARED);
    assert_true(spec.sigma_min > 0.00099 && spec.sigma_min < 0.00101);
    assert_int_equal(spec.init, VAE__INIT_AUTO);
    assert_int_equal(spec.seed, 1);
}

static void reads_every_key(void **state) {
    (void)state;
    vae__spec spec = parse("input=3x5x7 # colour\nlatent=16777216 likelihood=gaussian\n"
                           "encoder=[dense 400, relu, dense 2, tanh] decoder=[ ]\n"
                           "sigma=0.25 sigma_min=0.125 init=he seed=18446744073709551615 "
                           "posterior=diagonal prior=normal");
    assert_int_equal(spec.input.rank, 3);
    assert_int_equal(spec.input.extents[0], 3);
    assert_int_equal(spec.input.extents[1], 5);
    assert_int_equal(spec.input.extents[2], 7);
    assert_int_equal(spec.input.size, 105);
    assert_int_equal(spec.latent, 1 << 24);
    assert_int_equal(spec.encoder.count, 4);
    assert_ptr_equal(spec.encoder.items[0].kind, &vae__layer_dense);
    assert_int_equal(spec.encoder.items[0].numbers[0], 400);
    assert_ptr_equal(spec.encoder.items[1].kind, &vae__layer_activation);
    assert_int_equal(spec.encoder.items[1].which, VAE__ACTIVATION_relu);
    assert_int_equal(spec.encoder.items[3].which, VAE__ACTIVATION_tanh);
    assert_int_equal(spec.decoder.count, 0);
    assert_int_equal(spec.sigma.mode, VAE__SIGMA_VALUE);
    assert_true(spec.sigma.value >= 0.25 && spec.sigma.value <= 0.25);
    assert_int_equal(spec.init, VAE__INIT_HE);
    assert_true(spec.seed == UINT64_MAX);
}

static void knows_every_word(void **state) {
    static const struct {
        const char *word;
        vae__sigma_mode mode;
    } sigmas[] = {{"shared", VAE__SIGMA_SHARED},
                  {"optimal", VAE__SIGMA_OPTIMAL},
                  {"per_dim", VAE__SIGMA_PER_DIM},
                  {"decoder", VAE__SIGMA_DECODER},
                  {"1e-3", VAE__SIGMA_VALUE}};
    static const char *const inits[] = {"auto", "glorot", "he"};
    static const char *const activations[] = {"identity", "relu", "leaky_relu", "elu",     "silu",
                                              "gelu",     "tanh", "sigmoid",    "softplus"};
    char text[200];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(sigmas); i++) {
        snprintf(text, sizeof text, GAUSSIAN " sigma=%s", sigmas[i].word);
        assert_int_equal(parse(text).sigma.mode, sigmas[i].mode);
    }
    for (size_t i = 0; i < COUNT_OF(inits); i++) {
        snprintf(text, sizeof text, GAUSSIAN " init=%s", inits[i]);
        assert_int_equal(parse(text).init, i);
    }
    assert_int_equal(COUNT_OF(activations), VAE__ACTIVATION_COUNT);
    for (size_t i = 0; i < COUNT_OF(activations); i++) {
        snprintf(text, sizeof text, GAUSSIAN " decoder=[%s]", activations[i]);
        vae__spec spec = parse(text);
        assert_int_equal(spec.decoder.count, 1);
        assert_string_equal(vae__activation_names[spec.decoder.items[0].which], activations[i]);
    }
}

/* ---- print -> parse -> print ---- */

static void print(const vae__spec *spec, vae__buffer *out) {
    *out = (vae__buffer){.context = context};
    vae__spec_print(spec, out);
    assert_false(out->failed);
}

static void prints_a_fixed_point(void **state) {
    static const struct {
        const char *text, *canonical; /* NULL: not looked at */
    } cases[] = {
        {BERNOULLI, "input=4 latent=2 likelihood=bernoulli encoder=[] decoder=[] init=auto seed=1 "
                    "posterior=diagonal prior=normal"},
        {"seed=9 likelihood=gaussian latent=20 input=1x28x28\nencoder=[ dense 400,relu ]\n"
         "decoder=[dense 8 , gelu,dense 9] # done",
         "input=1x28x28 latent=20 likelihood=gaussian encoder=[dense 400, relu] "
         "decoder=[dense 8, gelu, dense 9] sigma=shared sigma_min=0.001 standardize=0 init=auto seed=9 "
         "posterior=diagonal prior=normal"},
        {GAUSSIAN " sigma=optimal sigma_min=0.02 init=glorot", NULL},
        {GAUSSIAN " sigma=per_dim encoder=[tanh, tanh]", NULL},
        {GAUSSIAN " sigma=decoder sigma_min=1e-15", NULL},
        {GAUSSIAN " sigma=0.30000000000000004 sigma_min=0.1", NULL},
        {GAUSSIAN " sigma=1e15 seed=18446744073709551615", NULL},
        {GAUSSIAN " encoder=[layernorm,res [dense 7,res[ relu ],layernorm ] , tanh]"
                  " decoder=[res[dense 3, relu]]",
         "input=4 latent=2 likelihood=gaussian encoder=[layernorm, res[dense 7, res[relu], layernorm], "
         "tanh] decoder=[res[dense 3, relu]] sigma=shared sigma_min=0.001 standardize=0 init=auto "
         "seed=1 posterior=diagonal prior=normal"},
        {GAUSSIAN " sigma=\"0.5\" encoder=\"[dense 3, relu]\"", NULL},
        {"input=2147483647 latent=1 likelihood=bernoulli decoder=[dense 2147483647]", NULL},
        {"input=2x8x8 latent=2 likelihood=bernoulli encoder=[conv 3 4 pad 1 stride 2,deconv 2  3, "
         "avgpool 2, groupnorm 1, attention 1, flatten] decoder=[ reshape 2x1x1, upsample 3 ] head=dense",
         "input=2x8x8 latent=2 likelihood=bernoulli encoder=[conv 3 4 stride 2 pad 1, deconv 2 3, "
         "avgpool 2, groupnorm 1, attention 1, flatten] decoder=[reshape 2x1x1, upsample 3] head=dense init=auto "
         "seed=1 posterior=diagonal prior=normal"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        vae__buffer first, second;
        vae__spec spec = parse(cases[i].text), again;
        print(&spec, &first);
        if (cases[i].canonical) assert_string_equal(first.text, cases[i].canonical);
        again = parse(first.text);
        print(&again, &second);
        assert_string_equal(second.text, first.text);
        assert_int_equal(again.encoder.count, spec.encoder.count);
        assert_true(again.sigma.value >= spec.sigma.value && again.sigma.value <= spec.sigma.value);
        assert_int_equal(again.sigma.mode, spec.sigma.mode);
        assert_true(again.seed == spec.seed);
        vae__buffer_free(&first);
        vae__buffer_free(&second);
    }
}

/* ---- refusals ---- */

#define SIXTEEN "relu,relu,relu,relu,relu,relu,relu,relu,relu,relu,relu,relu,relu,relu,relu,relu"
#define SIXTY_FOUR SIXTEEN "," SIXTEEN "," SIXTEEN "," SIXTEEN

/* A nested list follows its layer in the one array; places are those of the text. */
static void keeps_nested_lists_in_one_array(void **state) {
    (void)state;
    vae__spec spec =
        parse(BERNOULLI " encoder=[dense 3, res[relu, res[dense 5], tanh], layernorm]");
    static const struct {
        const char *name;
        size_t inside;
    } expected[] = {{"dense", 0}, {"res", 4},  {"relu", 0},     {"res", 1},
                    {"dense", 0}, {"tanh", 0}, {"layernorm", 0}};
    assert_int_equal(spec.encoder.count, COUNT_OF(expected));
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        const vae__layer *layer = &spec.encoder.items[i];
        assert_string_equal(layer->kind->names[layer->which], expected[i].name);
        assert_int_equal(layer->inside, expected[i].inside);
    }
    assert_int_equal(spec.encoder.items[4].numbers[0], 5);
}

static void takes_64_layers(void **state) {
    (void)state;
    assert_int_equal(parse(BERNOULLI " encoder=[" SIXTY_FOUR "]").encoder.count, 64);
}

static void refuses(void **state) {
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "spec: 'input=' is missing; expected at least input=, latent= and likelihood="},
        {"latent=2 likelihood=bernoulli", "spec: 'input=' is missing"},
        {"input=4 likelihood=bernoulli", "spec: 'latent=' is missing"},
        {"input=4 latent=2", "spec: 'likelihood=' is missing"},
        {"input=4 # latent=2\n likelihood=bernoulli", "spec: 'latent=' is missing"},
        {"input=0", "spec:1:7: input=0: expected a width such as 784 or a shape such as 1x28x28"},
        {"input=", "spec:1:7: input=: expected a width"},
        {"input=x", "spec:1:7: input=x: expected a width"},
        {"input=28x", "spec:1:10: input=28x: expected a width"},
        {"input=28x0", "spec:1:10: input=28x0: expected a width"},
        {"input=28xx28", "spec:1:10: input=28xx28: expected a width"},
        {"input=-4", "spec:1:7: input=-4: expected a width"},
        {"input=2147483648", "spec:1:7: input=2147483648: expected a width"},
        {"input=65536x65536", "spec:1:7: input has more than 2147483647 values"},
        {"input=1x2x3x4", "spec:1:13: input has more than 3 dimensions"},
        {"input=4\n  latent=0", "spec:2:10: latent=0: expected a whole number from 1 to 16777216"},
        {"latent=16777217",
         "spec:1:8: latent=16777217: expected a whole number from 1 to 16777216"},
        {"input=4 latent=2 likelihood=bernouli",
         "spec:1:29: unknown likelihood 'bernouli'; did you mean 'bernoulli'? (known: bernoulli gaussian "
         "continuous_bernoulli discretized_logistic categorical poisson negative_binomial "
         "discretized_gaussian)"},
        {"likelihood=", "spec:1:12: unknown likelihood ''"},
        {"likelyhood=gaussian",
         "spec:1:1: unknown key 'likelyhood'; did you mean 'likelihood'? "
         "(known: input latent likelihood encoder decoder head sigma sigma_min size "
         "standardize init seed posterior prior model prior_covariance prior_hidden prior_steps prior_schedule prior_predict prior_variance prior_network steps schedule predict variance network channels blocks attention groups)"},
        {"input=4\nlatent=2\n\tsed=1", "spec:3:2: unknown key 'sed'; did you mean 'seed'?"},
        {"encoder=dense", "spec:1:9: expected a list in brackets, e.g. [dense 400, relu]; found "
                          "'dense'"},
        {"encoder=64", "spec:1:9: expected a list in brackets, e.g. [dense 64, relu]; found '64'"},
        {"encoder=[64, 32]", "spec:1:10: expected a layer, found '64': write 'dense 64'"},
        {"encoder=[(64)]", "spec:1:10: expected a layer, found '(64)': write 'dense 64'"},
        {"encoder=[dense=32]", "expected a layer, found 'dense=32': write 'dense 32'"},
        {"encoder=[dense(32)]", "expected a layer, found 'dense(32)': write 'dense 32'"},
        {"encoder=[dense:32]", "expected a layer, found 'dense:32': write 'dense 32'"},
        {"encoder=[Dense32]", "expected a layer, found 'Dense32': write 'dense 32'"},
        {"encoder=[linear(32)]", "expected a layer, found 'linear(32)': write 'dense 32'"},
        {"encoder=[Linear(64, 32)]", "expected a layer, found 'Linear(64': write 'dense N', N the "
                                     "number of its outputs"},
        {"encoder=[dense=]", "found 'dense=': write 'dense N', N the number of its outputs"},
        {"encoder=[linear 32]",
         "spec:1:10: unknown layer 'linear'; did you mean 'dense'? (known: d"},
        {"encoder=[ReLU]", "spec:1:10: unknown layer 'ReLU'; did you mean 'relu'? (known: dense"},
        {"encoder=[ReLU()]", "spec:1:10: expected a layer, found 'ReLU()': write 'relu'"},
        {"encoder=[LeakyReLU(0.1)]", "found 'LeakyReLU(0.1)': write 'leaky_relu'"},
        {"encoder=[\"relu\"]", "spec:1:10: unknown layer '\"relu\"'; did you mean 'relu'?"},
        {"encoder=[Conv2d(1, 32)]", "spec:1:10: expected a layer, found 'Conv2d(1': write 'conv'"},
        {"encoder=[conv2d 3 3]", "spec:1:10: expected a layer, found 'conv2d': write 'conv'"},
        {"encoder=[ConvTranspose2d 3 3]", "'ConvTranspose2d': write 'deconv'"},
        {"encoder=[maxpool 2]",
         "unknown layer 'maxpool': there are avgpool and conv with a stride"},
        {"encoder=[conv]", "spec:1:10: the channels of conv: expected a whole number from 1"},
        {"encoder=[conv 32]", "spec:1:10: the kernel of conv: expected a whole number from 1"},
        {"encoder=[conv 0 3]", "spec:1:15: the channels of conv: expected a whole number from 1 to "
                               "1048576, found '0'"},
        {"encoder=[conv 3 5000]", "spec:1:17: the kernel of conv: expected a whole number"},
        {"encoder=[deconv 3 4 stride]", "stride: expected a whole number from 1 to 4096"},
        {"encoder=[conv 3 4 stride 0]",
         "spec:1:26: stride: expected a whole number from 1 to 4096"},
        {"encoder=[conv 3 4 pad 1 pad 1]", "spec:1:25: 'pad' is given twice"},
        {"encoder=[conv 3 4 padding 1]",
         "spec:1:19: expected 'stride S', 'pad P', ',' or ']', found 'padding'"},
        {"encoder=[reshape]", "spec:1:10: 'reshape' needs the extents of an image"},
        {"encoder=[reshape 2x3]", "spec:1:18: reshape 2x3: expected channels, height and width"},
        {"encoder=[reshape 2x3x4x5]", "spec:1:18: reshape 2x3x4x5: expected channels, height"},
        {"encoder=[reshape 2x0x4]", "spec:1:18: reshape 2x0x4: expected channels, height"},
        {"encoder=[groupnorm]", "the groups of groupnorm: expected a whole number"},
        {"encoder=[avgpool x]", "spec:1:18: the block of avgpool: expected a whole number"},
        {"encoder=[upsample 0]", "spec:1:19: the factor of upsample: expected a whole number"},
        {"head=conv", "unknown head 'conv' (known: auto dense)"},
        {BERNOULLI " encoder=[conv 3 3]",
         "spec:1:48: 'conv 3 3' does not take rows of 4: it takes images: begin with one "
         "(input=3x64x64) or put 'reshape CxHxW' in front of it"},
        {IMAGE "encoder=[conv 3 3 pad 1, conv 3 5]",
         "'conv 3 5' does not take rows of 3x4x6: its window of 5x5 is larger than 4x6, the image "
         "with its padding"},
        {IMAGE "encoder=[deconv 3 2 pad 3]",
         "'deconv 3 2 pad 3' does not take rows of 2x4x6: pad 3 takes all of the image away"},
        {IMAGE "encoder=[flatten, deconv 3 2]", "'deconv 3 2' does not take rows of 48: it takes"},
        {IMAGE "encoder=[groupnorm 3]",
         "'groupnorm 3' does not take rows of 2x4x6: 2 channels do not make 3 equal groups"},
        {IMAGE "encoder=[attention 3]",
         "'attention 3' does not take rows of 2x4x6: 2 channels do not make 3 equal heads"},
        {IMAGE "encoder=[upsample 20, attention 1]",
         "does not take rows of 2x80x120: more than 4096"},
        {"encoder=[attention]", "the heads of attention: expected a whole number from 1 to 4096"},
        {IMAGE "encoder=[avgpool 5]", "does not take rows of 2x4x6: a block of 5x5 is larger"},
        {IMAGE "encoder=[upsample 4096, upsample 4096]",
         "'upsample 4096' does not take rows of 2x16384x24576: 2x67108864x100663296 are more than "
         "2147483647 values"},
        {IMAGE "encoder=[conv 1048576 1 pad 4096]", "are more than 2147483647 values"},
        {IMAGE "decoder=[dense 12, reshape 3x2x3]",
         "'reshape 3x2x3' does not take rows of 12: 3x2x3 are 18 values, not 12"},
        {IMAGE "encoder=[relu, res[conv 3 3]]",
         "'res[conv 3 3]' does not take rows of 2x4x6: its layers make 3x2x4 of them"},
        {"input=4x6 latent=2 likelihood=bernoulli encoder=[conv 2 2]",
         "'conv 2 2' does not take rows of 4x6: an image has channels, height and width, such as "
         "1x4x6"},
        {"encoder=[dropout 0.1]", "unknown layer 'dropout': this version has no such layer"},
        {"encoder=[foo(3)]", "spec:1:10: unknown layer 'foo(3)' (known: dense"},
        {"encoder=[dense 4; relu]", "spec:1:17: found ';': separate the layers by commas"},
        {"encoder=[relu,]", "spec:1:15: expected a layer, found nothing between the commas"},
        {"input=28 x 28", "unknown key 'x': a shape is written without spaces: 1x28x28"},
        {"latent_dim=2",
         "spec:1:1: unknown key 'latent_dim'; did you mean 'latent'? (known: input"},
        {"hidden=[64]",
         "spec:1:1: unknown key 'hidden': the layers go into encoder=[dense 400, relu]"},
        {"likelihood=normal", "unknown likelihood 'normal'; did you mean 'gaussian'? (known: bern"},
        {"likelihood=gauss", "unknown likelihood 'gauss'; did you mean 'gaussian'?"},
        {"init=xavier", "spec:1:6: unknown init 'xavier'; did you mean 'glorot'? (known: auto"},
        {"input=4, latent=2", "spec:1:8: found ',': separate the keys by spaces"},
        {"encoder=[dense]", "spec:1:10: 'dense' needs a width, e.g. dense 400"},
        {"encoder=[dense 0]", "spec:1:16: dense 0: expected a whole number from 1 to 2147483647"},
        {"encoder=[dense 2147483648]", "spec:1:16: dense 2147483648: expected a whole number"},
        {"encoder=[dense -3]", "spec:1:16: dense -3: expected a whole number"},
        {"encoder=[dense 4 relu]", "spec:1:18: expected ',' or ']' after the layer, found 'relu'"},
        {"encoder=[relu 4]", "spec:1:15: expected ',' or ']' after the layer, found '4'"},
        {"encoder=[dense 4,,relu]",
         "spec:1:18: expected a layer, found nothing between the commas"},
        {"encoder=[dense 4,]", "spec:1:18: expected a layer, found nothing between the commas"},
        {"encoder=[\n dense 4,\n  rely\n]", "spec:3:3: unknown layer 'rely'; did you mean 'relu'? "
                                            "(known: dense identity relu leaky_relu"},
        {"decoder=[dense 4", "spec:1:9: '[' is never closed"},
        {"encoder=[" SIXTY_FOUR ",relu]", "more than 64 layers"},
        {"encoder=[res[" SIXTY_FOUR "]]", "more than 64 layers"},
        {"encoder=[res]",
         "spec:1:10: 'res' needs its layers in brackets, e.g. res[dense 400, relu]"},
        {"encoder=[res[]]", "spec:1:10: 'res' has no layers in its brackets, e.g. res[dense 400"},
        {"encoder=[dense 4, res[ ]]", "spec:1:19: 'res' has no layers in its brackets"},
        {"encoder=[res 3]", "spec:1:10: 'res' needs its layers in brackets"},
        {"encoder=[res relu]", "spec:1:10: 'res' needs its layers in brackets"},
        {"encoder=[res[relu] 3]", "expected ',' or ']' after the layer, found '3'"},
        {"encoder=[res[relu]relu]", "expected ',' or ']' after the layer, found 'relu'"},
        {"encoder=[relu[dense 4]]", "expected a layer, found 'relu[dense': write 'relu'"},
        {"encoder=[res[dense 4, rely]]", "spec:1:23: unknown layer 'rely'; did you mean 'relu'?"},
        {"encoder=[res[dense 4,]]", "spec:1:22: expected a layer, found nothing between the"},
        {"encoder=[res[dense 4; relu]]", "spec:1:21: found ';': separate the layers by commas"},
        {"encoder=[res[dense 4]", "spec:1:9: '[' is never closed"},
        {"encoder=[res(dense 4)]", "expected a layer, found 'res(dense': write 'res'"},
        {"encoder=[res[res[res[res[res[res[res[res[relu]]]]]]]]]",
         "lists are nested more than 6 deep"},
        {"encoder=[layernorm 3]", "spec:1:20: expected ',' or ']' after the layer, found '3'"},
        {"encoder=[LayerNorm(64)]", "expected a layer, found 'LayerNorm(64)': write 'layernorm'"},
        {"encoder=[layer_norm]", "unknown layer 'layer_norm'; did you mean 'layernorm'?"},
        {"sigma=sharde", "spec:1:7: sigma=sharde: expected a number from 1e-15 to 1e15, or shared, "
                         "optimal, per_dim or decoder; did you mean 'shared'?"},
        {"sigma=fixed", "sigma=fixed: expected a number from 1e-15 to 1e15, or shared, optimal, "
                        "per_dim or decoder"},
        {"sigma=0", "spec:1:7: sigma=0: expected a number from 1e-15 to 1e15, or shared"},
        {"sigma=-1", "spec:1:7: sigma=-1: expected a number"},
        {"sigma=nan", "spec:1:7: sigma=nan: expected a number"},
        {"sigma=inf", "spec:1:7: sigma=inf: expected a number"},
        {"sigma=0,1", "spec:1:7: sigma=0,1: expected a number from 1e-15 to 1e15, or shared"},
        {"sigma_min=0", "spec:1:11: sigma_min=0: expected a number from 1e-15 to 1e+15"},
        {"init=hee", "spec:1:6: unknown init 'hee'; did you mean 'he'? (known: auto glorot he)"},
        {"seed=-1", "spec:1:6: seed=-1: expected a whole number from 0 to 2^64 - 1"},
        {"posterior=full", "spec:1:11: unknown posterior 'full' (known: diagonal)"},
        {"prior=norml", "spec:1:7: unknown prior 'norml'; did you mean 'normal'?"},
        {BERNOULLI " latent=3", "spec:1:39: 'latent' is given twice"},
        {BERNOULLI " adam", "spec:1:39: unknown key 'adam'"},
        {BERNOULLI " sigma=0.1",
         "spec:1:39: 'sigma=' belongs to likelihood=gaussian, but the likelihood is bernoulli"},
        {BERNOULLI "\n sigma_min=0.1", "spec:2:2: 'sigma_min=' belongs to likelihood=gaussian"},
        {GAUSSIAN " sigma=1e-4", "spec:1:38: sigma=0.0001 is below sigma_min=0.001"},
        {GAUSSIAN "\nsigma_min=1\nsigma=0.5", "spec:3:1: sigma=0.5 is below sigma_min=1"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        vae__spec spec;
        vae_status status = vae__spec_parse(cases[i].text, &spec);
        if (status != VAE_ERROR_TEXT || !strstr(vae__last_message(), cases[i].message))
            fail_msg("'%s': %d \"%s\", expected \"%s\"", cases[i].text, status, vae__last_message(),
                     cases[i].message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_from_defaults),
        cmocka_unit_test(reads_every_key),
        cmocka_unit_test(knows_every_word),
        cmocka_unit_test_setup_teardown(prints_a_fixed_point, set_up, tear_down),
        cmocka_unit_test(takes_64_layers),
        cmocka_unit_test(keeps_nested_lists_in_one_array),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
