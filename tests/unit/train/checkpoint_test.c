/* A run that is cut and resumed in another process equals the one that was not, bit for bit; what
 * is no checkpoint, or not this data set's, is refused.
 *
 *   checkpoint_test                                     the tests
 *   checkpoint_test resume CASE STEPS from to trace     the other process */
#include <math.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/safetensors.h"
#include "support/cmocka.h"
#include "support/folder.h"
#include "train/checkpoint.h"
#include "unit/train/fixture.h"

/* ---- runs ---- */

enum { STEPS = 13, MOST_ROWS = 250, MOST_WIDTH = 64 };

#define CONSTANT "# column 2 does not vary"

static const struct run_case {
    const char *spec, *optimizer, *dataset;
    size_t rows, width;
} cases[] = {
#define SMALL "input=4 latent=2 encoder=[dense 6, tanh] decoder=[dense 6, tanh] likelihood="
    {SMALL "bernoulli", "adam lr=0.01", "batch=4 binarize=sample seed=5", 10, 4},
    {SMALL "bernoulli", "adam clip_norm=0.5 free_bits=0.3", "batch=3 drop_last=1", 10, 4},
    {SMALL "gaussian sigma=optimal", "adam lr=0.01 beta_warmup=7 warmup=5 weight_decay=0.1",
     "batch=4", 10, 4},
    {SMALL "gaussian sigma=per_dim standardize=1",
     "adamw schedule=cosine steps=9 warmup=2 samples=2", "batch=7 scale=unit", 10, 4},
    {SMALL "gaussian sigma=decoder", "adamw objective=iwae samples=3 schedule=exponential steps=4",
     "batch=4 shuffle=0", 10, 4},
    {SMALL "gaussian", "sgd lr=1e-3", "batch=4 split=train:0.7", 10, 4},
    {SMALL "gaussian sigma=optimal",
     "sgd lr=1e-3 momentum=0.9 schedule=steps milestones=[2, 3, 8] gamma=0.3", "batch=4", 10, 4},
    {SMALL "continuous_bernoulli", "sgd lr=1e-3 momentum=0.8 nesterov=1 clip_norm=1 beta=0.5",
     "batch=6 binarize=none", 10, 4},
    {SMALL "gaussian sigma=optimal", "sgd lr=1e-3 momentum=0.9 free_bits=0.2 beta_warmup=20",
     "batch=1000", 10, 4},
    {SMALL "gaussian sigma=decoder", "adam lr=0.01 schedule=cosine steps=6 from=5",
     "batch=4 " CONSTANT, 10, 4},
    {SMALL "gaussian sigma=per_dim standardize=1", "adamw lr=0.01", "batch=4 " CONSTANT, 10, 4},
    /* Large enough for two threads and several blocks of a weight. */
    {"input=64 latent=8 likelihood=bernoulli encoder=[dense 600, relu, dense 120, relu] "
     "decoder=[dense 120, relu]",
     "adam lr=1e-3 free_bits=0.1", "batch=100 binarize=sample", 250, 64},
    {"input=64 latent=8 likelihood=gaussian sigma=optimal encoder=[dense 200, silu]",
     "adamw clip_norm=3 beta_warmup=6", "batch=100", 250, 64},
    {"input=1x2x2 latent=2 likelihood=bernoulli encoder=[conv 3 2 pad 1, tanh] decoder=[dense 4, tanh, "
     "reshape 1x2x2]",
     "adam lr=0.01", "batch=4", 10, 4},
    {"input=1x8x8 latent=3 likelihood=gaussian encoder=[conv 16 4 stride 2 pad 1, relu, groupnorm 4, conv "
     "32 3 pad 1] decoder=[dense 64, reshape 4x4x4, relu, res[conv 16 3 pad 1, relu]]",
     "adam lr=1e-3 ema=0.9", "batch=100", 250, 64},
    {"input=1x8x8 latent=3 likelihood=bernoulli encoder=[conv 16 4 stride 2 pad 1, relu] decoder=[dense 64, "
     "reshape 4x4x4, relu, deconv 8 4 stride 2 pad 1, relu]",
     "sgd lr=1e-3 momentum=0.9 clip_norm=1", "batch=70", 250, 64},
    {"model=diffusion input=1x8x8 steps=20 variance=optimal network=unet channels=[8, 16] attention=[4]",
     "adamw lr=1e-3 ema=0.9", "batch=70", 250, 64},
};

typedef struct training {
    vae_context *context;
    vae_model *model;
    vae_optimizer *optimizer;
    vae_dataset *dataset;
    size_t own; /* bytes of the context itself */
} training;

static char program[4096];

static vae_dataset *open_rows(vae_context *context, const struct run_case *c) {
    static float x[MOST_ROWS * MOST_WIDTH];
    vae_dataset *dataset;
    test_values(x, c->rows * c->width, 17, 0, 1);
    for (size_t r = 0; strstr(c->dataset, CONSTANT) && r < c->rows; r++)
        x[r * c->width + 2] = 0.25f;
    assert_ok(vae_dataset_from_memory(context, x, c->rows, c->width, c->dataset, &dataset));
    return dataset;
}

static training start(const struct run_case *c) {
    training t = {.context = test_context("threads=2")};
    t.own = atomic_load(&t.context->bytes);
    t.dataset = open_rows(t.context, c);
    assert_ok(vae_model_create(t.context, c->spec, &t.model));
    assert_ok(vae_model_initialize(t.model, t.dataset));
    assert_ok(vae_optimizer_create(t.model, c->optimizer, &t.optimizer));
    return t;
}

static training resume(const struct run_case *c, const char *path) {
    training t = {.context = test_context("threads=2")};
    t.own = atomic_load(&t.context->bytes);
    t.dataset = open_rows(t.context, c);
    assert_ok(vae_checkpoint_load(t.context, path, t.dataset, &t.model, &t.optimizer));
    return t;
}

static void end(training *t) {
    vae_dataset_destroy(t->dataset);
    vae_optimizer_destroy(t->optimizer);
    vae_model_destroy(t->model);
    assert_int_equal(atomic_load(&t->context->bytes), t->own);
    vae_context_destroy(t->context);
}

static void save(const training *t, const char *path) {
    assert_ok(vae_checkpoint_save(t->model, t->optimizer, t->dataset, path));
}

/* Steps until `last`; the reports go to the file, if there is one. */
static void go_on(training *t, uint64_t last, FILE *trace) {
    while (vae_optimizer_steps(t->optimizer) < last) {
        vae_step_report report = {.struct_size = sizeof report};
        assert_ok(vae_step(t->model, t->optimizer, t->dataset, &report));
        if (trace) assert_int_equal(fwrite(&report, sizeof report, 1, trace), 1);
    }
}

static void go_on_to_file(training *t, const char *to, const char *trace_path) {
    FILE *trace = fopen(trace_path, "wb");
    assert_non_null(trace);
    go_on(t, STEPS, trace);
    assert_int_equal(fclose(trace), 0);
    save(t, to);
}

/* 1 if the file ends in the same bytes as `whole`; of the same length unless `tail`. */
static int same_files(const char *whole, const char *path, int tail) {
    size_t whole_length, length;
    unsigned char *a = test_content(whole, &whole_length), *b = test_content(path, &length);
    int same = (tail || whole_length == length) && length <= whole_length &&
               !memcmp(a + whole_length - length, b, length);
    free(a);
    free(b);
    return same;
}

/* ---- the same bits ---- */

static void resume_in_another_process(size_t index) {
    char number[24], from[128], to[128], trace[128];
    int status = -1;
    snprintf(number, sizeof number, "%zu", index);
    strcpy(from, test_in_folder("cut"));
    strcpy(to, test_in_folder("resumed"));
    strcpy(trace, test_in_folder("resumed trace"));
    char word[] = "resume";
    char *arguments[] = {program, word, number, from, to, trace, NULL};
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        execv(program, arguments);
        _exit(9);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (status) fail_msg("the other process gave status %#x", (unsigned)status);
}

static void resumes_exactly(void **state) {
    static const uint64_t cuts[] = {0, 1, 2, 5, 8, 12};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        training whole = start(&cases[i]);
        go_on_to_file(&whole, test_in_folder("whole"), test_in_folder("whole trace"));
        end(&whole);
        for (size_t k = 0; k < COUNT_OF(cuts); k++) {
            training cut = start(&cases[i]);
            go_on(&cut, cuts[k], NULL);
            save(&cut, test_in_folder("cut"));
            end(&cut);
            resume_in_another_process(i);
            if (!same_files(test_in_folder("whole"), test_in_folder("resumed"), 0))
                fail_msg("case %zu, cut at %d: other parameters or moments", i, (int)cuts[k]);
            if (!same_files(test_in_folder("whole trace"), test_in_folder("resumed trace"), 1))
                fail_msg("case %zu, cut at %d: other reports", i, (int)cuts[k]);
        }
    }
}

static int resume_main(char **arguments) {
    const struct run_case *c = &cases[atoi(arguments[0])];
    training t = resume(c, arguments[1]);
    go_on_to_file(&t, arguments[2], arguments[3]);
    end(&t);
    return 0;
}

/* Bounds of magnitudes are measured anew after a load, so a step may update at once where the other
 * run stored the gradient first. A clip_norm that no gradient reaches forces the second way. */
static void both_ways_of_updating_agree(void **state) {
    static const char *const rules[] = {"adam lr=0.01", "adamw lr=0.01", "sgd lr=1e-3",
                                        "sgd lr=1e-3 momentum=0.9 nesterov=1"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        for (size_t k = 0; k < COUNT_OF(cases); k += COUNT_OF(cases) - 2) {
            char clipped[100];
            struct run_case c = cases[k];
            snprintf(clipped, sizeof clipped, "%s clip_norm=1e15", rules[i]);
            c.optimizer = rules[i];
            training at_once = start(&c);
            c.optimizer = clipped;
            training stored = start(&c);
            go_on_to_file(&at_once, test_in_folder("whole"), test_in_folder("whole trace"));
            go_on_to_file(&stored, test_in_folder("resumed"), test_in_folder("resumed trace"));
            frozen before = freeze(at_once.optimizer);
            assert_true(thaw(&before, stored.optimizer));
            assert_true(
                same_files(test_in_folder("whole trace"), test_in_folder("resumed trace"), 0));
            assert_null(at_once.optimizer->gradient);
            assert_non_null(stored.optimizer->gradient);
            end(&at_once);
            end(&stored);
        }
    }
}

/* What vae_optimizer_set changed is there again, and what no longer counts is gone in both. */
static void keeps_options_that_were_changed(void **state) {
    struct run_case c = cases[0];
    (void)state;
    c.optimizer = "adam lr=0.01 schedule=cosine steps=20";
    training t = start(&c);
    go_on(&t, 3, NULL);
    assert_ok(vae_optimizer_set(t.optimizer, "schedule=constant lr=0.123456789012345 samples=2"));
    go_on(&t, 5, NULL);
    save(&t, test_in_folder("cut"));
    training again = resume(&c, test_in_folder("cut"));
    assert_string_equal(vae_optimizer_options(again.optimizer), vae_optimizer_options(t.optimizer));
    go_on_to_file(&t, test_in_folder("whole"), test_in_folder("whole trace"));
    go_on_to_file(&again, test_in_folder("resumed"), test_in_folder("resumed trace"));
    assert_true(same_files(test_in_folder("whole"), test_in_folder("resumed"), 0));
    assert_fails(vae_optimizer_set(t.optimizer, "schedule=cosine"), VAE_ERROR_TEXT, "steps=N");
    assert_fails(vae_optimizer_set(again.optimizer, "schedule=cosine"), VAE_ERROR_TEXT, "steps=N");
    end(&t);
    end(&again);
}

/* ---- vae_train ---- */

typedef struct saver {
    const training *training;
    uint64_t stop; /* step; 0: never */
} saver;

static int32_t save_in_callback(void *user, int32_t event, const vae_step_report *train,
                                const vae_step_report *validation) {
    const saver *s = user;
    (void)validation;
    save(s->training, test_in_folder("cut"));
    return event == VAE_EVENT_STEP && train->step == s->stop;
}

/* epochs= counts the ends of epochs: what is left is the whole less those passed. Saving after each
 * step changes nothing. */
static void train_goes_on(void **state) {
    (void)state;
    for (uint64_t stop = 1; stop < 12; stop++) {
        char options[30];
        training whole = start(&cases[0]), cut = start(&cases[0]);
        saver never = {&whole, 0}, once = {&cut, stop};
        assert_ok(vae_train(whole.model, whole.optimizer, whole.dataset, NULL, "epochs=4",
                            save_in_callback, &never));
        save(&whole, test_in_folder("whole"));
        assert_int_equal(vae_train(cut.model, cut.optimizer, cut.dataset, NULL, "epochs=4",
                                   save_in_callback, &once),
                         VAE_STOPPED);
        end(&cut);
        training again = resume(&cases[0], test_in_folder("cut"));
        assert_int_equal(vae_optimizer_steps(again.optimizer), stop);
        snprintf(options, sizeof options, "epochs=%d", 4 - (int)vae_dataset_epoch(again.dataset));
        assert_ok(
            vae_train(again.model, again.optimizer, again.dataset, NULL, options, NULL, NULL));
        save(&again, test_in_folder("resumed"));
        assert_true(same_files(test_in_folder("whole"), test_in_folder("resumed"), 0));
        end(&again);
        end(&whole);
    }
}

/* ---- with and without a data set; as a model ---- */

static void is_a_model_file_too(void **state) {
    vae_model *model, *none = (vae_model *)&none;
    vae_optimizer *optimizer = (vae_optimizer *)&optimizer;
    (void)state;
    training t = start(&cases[2]);
    go_on(&t, 5, NULL);
    save(&t, test_in_folder("cut"));
    assert_ok(vae_model_load(t.context, test_in_folder("cut"), &model));
    assert_string_equal(vae_model_spec(model), vae_model_spec(t.model));
    assert_true(same_parameters(model, t.model));
    assert_ok(vae_model_save(model, test_in_folder("whole")));
    assert_fails(vae_checkpoint_load(t.context, test_in_folder("whole"), NULL, &none, &optimizer),
                 VAE_ERROR_FORMAT, "holds a model and no training to go on with");
    assert_null(none);
    assert_null(optimizer);
    vae_model_destroy(model);
    end(&t);
}

static void needs_no_data_set(void **state) {
    vae_model *model;
    vae_optimizer *optimizer;
    float x[8];
    (void)state;
    training t = start(&cases[0]);
    test_values(x, 8, 3, 0, 1);
    assert_ok(vae_step_rows(t.model, t.optimizer, x, 2, 4, NULL));
    assert_ok(vae_checkpoint_save(t.model, t.optimizer, NULL, test_in_folder("cut")));
    assert_ok(vae_checkpoint_load(NULL, test_in_folder("cut"), NULL, &model, &optimizer));
    assert_ok(vae_step_rows(t.model, t.optimizer, x, 2, 4, NULL));
    assert_ok(vae_step_rows(model, optimizer, x, 2, 4, NULL));
    assert_true(same_parameters(model, t.model));
    vae_model_destroy(model); /* the optimizer keeps it */
    assert_ok(vae_step_rows(optimizer->model, optimizer, x, 2, 4, NULL));
    vae_optimizer_destroy(optimizer);
    assert_fails(vae_checkpoint_load(NULL, test_in_folder("cut"), t.dataset, &model, &optimizer),
                 VAE_ERROR_MISMATCH, "saved without a data set: expected NULL, found a data set");
    go_on(&t, 4, NULL);
    save(&t, test_in_folder("cut"));
    assert_ok(vae_checkpoint_load(NULL, test_in_folder("cut"), NULL, &model, &optimizer));
    assert_int_equal(vae_optimizer_steps(optimizer), 4);
    vae_optimizer_destroy(optimizer);
    vae_model_destroy(model);
    end(&t);
}

/* ---- refusals ---- */

static void check_refused(vae_context *context, vae_dataset *dataset, vae_status status,
                          const char *message) {
    vae_model *model = (vae_model *)&model;
    vae_optimizer *optimizer = (vae_optimizer *)&optimizer;
    uint64_t epoch = vae_dataset_epoch(dataset), position = vae_dataset_position(dataset);
    assert_fails(vae_checkpoint_load(context, test_in_folder("cut"), dataset, &model, &optimizer),
                 status, message);
    assert_null(model);
    assert_null(optimizer);
    assert_true(vae_dataset_epoch(dataset) == epoch && vae_dataset_position(dataset) == position);
}

static void refuses_another_data_set(void **state) {
    static const struct {
        const char *options, *message;
        size_t rows, width;
    } others[] = {
        {"batch=4", "expected rows=10, found rows=9", 9, 4},
        {"batch=4 split=train:0.5", "expected rows=10, found rows=5", 10, 4},
        {"batch=4", "expected width=4, found width=3", 10, 3},
        {"batch=5", "expected batch=4, found batch=5", 10, 4},
        {"batch=4 shuffle=0", "expected shuffle=1, found shuffle=0", 10, 4},
        {"batch=4 seed=2", "expected seed=1, found seed=2", 10, 4},
        {"batch=4 drop_last=1", "expected drop_last=0, found drop_last=1", 10, 4},
        {"batch=4 binarize=sample", "expected binarize=none, found binarize=sample", 10, 4},
        {"batch=4 dtype=uint8", "expected dtype=float32, found dtype=uint8", 10, 4},
        {"batch=4 scale=unit", "expected offset=0, found offset=", 10, 4},
        {"batch=2 shuffle=0", "expected batch=4, found batch=2", 10, 4},
    };
    static float x[80];
    vae_dataset *dataset;
    vae_model *model;
    vae_optimizer *optimizer;
    struct run_case c = cases[2];
    (void)state;
    training t = start(&c);
    go_on(&t, 4, NULL);
    save(&t, test_in_folder("cut"));
    test_values(x, 80, 17, 0, 1); /* as open_rows */
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        assert_ok(vae_dataset_from_memory(t.context, x, others[i].rows, others[i].width,
                                          others[i].options, &dataset));
        check_refused(t.context, dataset, VAE_ERROR_MISMATCH, others[i].message);
        vae_dataset_destroy(dataset);
    }
    x[17] += 1; /* other rows */
    assert_ok(vae_dataset_from_memory(t.context, x, 10, 4, c.dataset, &dataset));
    check_refused(t.context, dataset, VAE_ERROR_MISMATCH, ", found content=");
    vae_dataset_destroy(dataset);
    x[17] = 0;
    assert_int_equal(vae_dataset_position(t.dataset), 4);
    assert_ok(vae_checkpoint_load(t.context, test_in_folder("cut"), t.dataset, &model, &optimizer));
    assert_int_equal(vae_dataset_position(t.dataset), 4);
    vae_optimizer_destroy(optimizer);
    vae_model_destroy(model);
    end(&t);
}

/* Writes the file of `t` anew with the entry `key` of __metadata__ set to `value` (NULL: left out)
 * and, if `tensor` is named, its value 0 set, or the tensor left out where that is NaN. */
static void write_changed(const training *t, const char *key, const char *value, const char *tensor,
                          double to) {
    size_t length, tensors = 0, entries = 0;
    vae__bundle bundle;
    vae__tensor kept_tensors[64];
    vae__metadata kept[16];
    save(t, test_in_folder("cut"));
    unsigned char *bytes = test_content(test_in_folder("cut"), &length);
    assert_ok(vae__safetensors_parse(t->context, "cut", bytes, length, &bundle));
    for (size_t i = 0; i < bundle.metadata_count; i++) {
        if (strcmp(bundle.metadata[i].key, key)) kept[entries++] = bundle.metadata[i];
    }
    if (value) kept[entries++] = (vae__metadata){key, value};
    for (size_t i = 0; i < bundle.tensor_count; i++) {
        int named = tensor && !strcmp(bundle.tensors[i].name, tensor);
        vae__real real = (vae__real)to;
        if (named && isnan(to)) continue;
        if (named)
            memcpy(bytes + ((const unsigned char *)bundle.tensors[i].data - bytes), &real,
                   sizeof real);
        kept_tensors[tensors++] = bundle.tensors[i];
    }
    assert_ok(vae__safetensors_write_file(t->context, test_in_folder("cut"), kept_tensors, tensors,
                                          kept, entries));
    vae__bundle_free(&bundle);
    free(bytes);
}

static void refuses_other_files(void **state) {
    static const struct {
        const char *key, *value, *message;
    } entries[] = {
        {"format", "libvae-2", "'format' is 'libvae-2'; expected 'libvae-1'"},
        {"spec", NULL, "'spec' is missing"},
        {"checkpoint", NULL, "tensor 'optimizer.moment1.encoder.0.weight' does not belong"},
        {"checkpoint", "2", "'checkpoint' is '2'; expected '1'"},
        {"optimizer.options", NULL, "'optimizer.options' is missing"},
        {"optimizer.options", "adam lr=x", "'optimizer.options': optimizer:1:9: "},
        {"optimizer.options", "sgd", "24 tensors; the spec and the optimizer 'sgd' ask for 16"},
        {"optimizer.steps", NULL, "'optimizer.steps' is missing"},
        {"optimizer.steps", "-1", "'optimizer.steps' is '-1'; expected a whole number"},
        {"optimizer.steps", "18446744073709551615", "expected at most 4611686018427387904"},
        {"dataset.epoch", NULL, "'dataset.epoch' is missing"},
        {"dataset.epoch", "1.5", "'dataset.epoch' is '1.5'; expected a whole number"},
        {"dataset.epoch", "18446744073709551615", "no batch begins at row 4"},
        {"dataset.position", NULL, "'dataset.position' is missing"},
        {"dataset.position", "3", "no batch begins at row 3 of epoch 1"},
        {"dataset.position", "12", "no batch begins at row 12 of epoch 1"},
    };
    (void)state;
    training t = start(&cases[0]);
    go_on(&t, 4, NULL);
    for (size_t i = 0; i < COUNT_OF(entries); i++) {
        write_changed(&t, entries[i].key, entries[i].value, NULL, 0);
        check_refused(t.context, t.dataset, VAE_ERROR_FORMAT, entries[i].message);
    }
    static const char *const words[] = {"", "rows=10", "rows=10  width=4",
#define TEN "0123456789"
                                        TEN TEN TEN TEN TEN TEN TEN TEN TEN};
#undef TEN
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        write_changed(&t, "dataset", words[i], NULL, 0);
        check_refused(t.context, t.dataset, VAE_ERROR_MISMATCH, "the one it was saved with");
    }
    write_changed(&t, "dataset", NULL, NULL, 0);
    check_refused(t.context, t.dataset, VAE_ERROR_MISMATCH, "saved without a data set");
    end(&t);
}

static void refuses_other_moments(void **state) {
    static const struct {
        const char *tensor;
        double value;
        const char *message;
    } changes[] = {
        {"optimizer.moment1.posterior.weight", (double)INFINITY, "value 0 is inf: expected finite"},
        {"optimizer.moment2.posterior.weight", -1, "value 0 is -1: expected values of at "},
        {"optimizer.moment2.likelihood.bias", (double)NAN, "likelihood.bias' is missing"},
    };
    vae_model *model;
    vae_optimizer *optimizer;
    (void)state;
    training t = start(&cases[0]);
    go_on(&t, 4, NULL);
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        write_changed(&t, "", NULL, changes[i].tensor, changes[i].value);
        check_refused(t.context, t.dataset, VAE_ERROR_FORMAT, changes[i].message);
    }
    write_changed(&t, "", NULL, "optimizer.moment1.posterior.weight", -1);
    assert_ok(vae_checkpoint_load(t.context, test_in_folder("cut"), NULL, &model, &optimizer));
    assert_true(optimizer->state.magnitude.moment == 1);
    vae_optimizer_destroy(optimizer);
    vae_model_destroy(model);
    end(&t);
}

/* With drop_last=1 an epoch ends before its last rows. */
static void refuses_a_place_after_the_last_batch(void **state) {
    (void)state;
    training t = start(&cases[1]);
    go_on(&t, 4, NULL);
    write_changed(&t, "dataset.position", "9", NULL, 0);
    check_refused(t.context, t.dataset, VAE_ERROR_FORMAT, "no batch begins at row 9 of epoch 1");
    end(&t);
}

/* Cut anywhere, or with a byte of its header changed: an error or a training; no crash, no leak. */
static void refuses_damaged_files(void **state) {
    size_t length, loaded = 0;
    vae_model *model;
    vae_optimizer *optimizer;
    struct run_case c = cases[5];
    (void)state;
    c.spec = "input=4 latent=1 likelihood=bernoulli";
    training t = start(&c);
    save(&t, test_in_folder("cut"));
    unsigned char *bytes = test_content(test_in_folder("cut"), &length);
    size_t header = 8 + bytes[0] + 256u * bytes[1], held = atomic_load(&t.context->bytes);
    for (size_t at = 0; at < header + length; at++) {
        int changes = at < header;
        size_t size = changes ? length : at - header;
        FILE *file = fopen(test_in_folder("cut"), "wb");
        if (changes) bytes[at] ^= 4;
        assert_int_equal(fwrite(bytes, 1, size, file), size);
        assert_int_equal(fclose(file), 0);
        if (changes) bytes[at] ^= 4;
        vae_status status =
            vae_checkpoint_load(t.context, test_in_folder("cut"), t.dataset, &model, &optimizer);
        loaded += !status;
        if (status != VAE_OK && status != VAE_ERROR_MISMATCH)
            assert_int_equal(status, VAE_ERROR_FORMAT);
        vae_optimizer_destroy(optimizer);
        vae_model_destroy(model);
        assert_int_equal(atomic_load(&t.context->bytes), held);
    }
    assert_true(loaded < header);
    free(bytes);
    end(&t);
}

static void checks_its_arguments(void **state) {
    vae_model *model = (vae_model *)&model;
    vae_optimizer *optimizer = (vae_optimizer *)&optimizer;
    const char *path = test_in_folder("cut");
    (void)state;
    training t = start(&cases[0]), other = start(&cases[11]);
    assert_fails(vae_checkpoint_save(NULL, t.optimizer, t.dataset, path), VAE_ERROR_ARGUMENT,
                 "vae_checkpoint_save: model is NULL");
    assert_fails(vae_checkpoint_save(t.model, NULL, t.dataset, path), VAE_ERROR_ARGUMENT,
                 "optimizer is NULL");
    assert_fails(vae_checkpoint_save(t.model, t.optimizer, t.dataset, NULL), VAE_ERROR_ARGUMENT,
                 "path is NULL");
    assert_fails(vae_checkpoint_save(t.model, t.optimizer, t.dataset, ""), VAE_ERROR_ARGUMENT,
                 "path: ");
    assert_fails(vae_checkpoint_save(t.model, other.optimizer, t.dataset, path), VAE_ERROR_MISMATCH,
                 "another model");
    assert_fails(vae_checkpoint_save(t.model, t.optimizer, other.dataset, path), VAE_ERROR_WIDTH,
                 "the data set's width is 64; expected 4");
    assert_fails(vae_checkpoint_load(NULL, NULL, NULL, &model, &optimizer), VAE_ERROR_ARGUMENT,
                 "vae_checkpoint_load: path is NULL");
    assert_null(model);
    assert_null(optimizer);
    model = (vae_model *)&model;
    assert_fails(vae_checkpoint_load(NULL, path, NULL, &model, NULL), VAE_ERROR_ARGUMENT,
                 "optimizer is NULL");
    assert_null(model);
    optimizer = (vae_optimizer *)&optimizer;
    assert_fails(vae_checkpoint_load(NULL, path, NULL, NULL, &optimizer), VAE_ERROR_ARGUMENT,
                 "model is NULL");
    assert_null(optimizer);
    check_refused(NULL, t.dataset, VAE_ERROR_FILE, "/cut");
    end(&t);
    end(&other);
}

#define TEST(function) \
    cmocka_unit_test_setup_teardown(function, test_folder_make, test_folder_remove)

int main(int count, char **arguments) {
    if (count == 6 && !strcmp(arguments[1], "resume")) return resume_main(arguments + 2);
    snprintf(program, sizeof program, "%s", arguments[0]);
    const struct CMUnitTest tests[] = {
        TEST(resumes_exactly),
        TEST(both_ways_of_updating_agree),
        TEST(keeps_options_that_were_changed),
        TEST(train_goes_on),
        TEST(is_a_model_file_too),
        TEST(needs_no_data_set),
        TEST(refuses_another_data_set),
        TEST(refuses_other_files),
        TEST(refuses_other_moments),
        TEST(refuses_a_place_after_the_last_batch),
        TEST(refuses_damaged_files),
        TEST(checks_its_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
