/* Options of every function that takes some. The first line of the input says of which. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/subjects.h"

#define LIMIT ((size_t)2 << 20)
enum { ROWS = 12, WIDTH = 4 };

typedef struct subject {
    vae_context *context;
    vae_model *model;
    vae_dataset *dataset;
} subject;

static const float rows[ROWS * WIDTH] = {1, 0, 1, 1, 0, 0, 1};

/* Two optimizers print the same options if one was made from what the other prints: of a copy of the model, since one
 * with ema= is its model's only one. */
static void reprint(const subject *s, const vae_optimizer *optimizer) {
    vae_optimizer *again = NULL;
    vae_model *copy = NULL;
    const char *printed = vae_optimizer_options(optimizer);
    if (fuzz_succeeds(vae_model_clone(s->model, &copy)) &&
        fuzz_succeeds(vae_optimizer_create(copy, printed, &again))) {
        FUZZ_REQUIRE(!strcmp(printed, vae_optimizer_options(again)), "'%s' / '%s'", printed,
                     vae_optimizer_options(again));
    }
    vae_optimizer_destroy(again);
    vae_model_destroy(copy);
}

static void optimizer(const subject *s, const char *text) {
    vae_optimizer *made = NULL;
    vae_status status = fuzz_status(vae_optimizer_create(s->model, text, &made));
    FUZZ_REQUIRE(!status == (made != NULL), "a handle and %s", vae_status_name(status));
    if (!made) return;
    reprint(s, made);
    for (int i = 0; i < 2; i++) fuzz_status(vae_step(s->model, made, s->dataset, NULL));
    vae_optimizer_destroy(made);
}

/* A refused change changes nothing. */
static void change(const subject *s, const char *text) {
    vae_optimizer *made = NULL;
    if (!fuzz_succeeds(vae_optimizer_create(s->model, "sgd momentum=0.9", &made))) return;
    char *before = fuzz_text((const uint8_t *)vae_optimizer_options(made),
                             strlen(vae_optimizer_options(made)));
    if (fuzz_status(vae_optimizer_set(made, text)))
        FUZZ_REQUIRE(!strcmp(before, vae_optimizer_options(made)), "was '%s'", before);
    reprint(s, made);
    free(before);
    vae_optimizer_destroy(made);
}

static void dataset(const subject *s, const char *text) {
    vae_dataset *made = NULL;
    float x[ROWS * WIDTH];
    /* labels= may name any path, one that cannot be a path among them. */
    vae_status status = vae_dataset_from_memory(s->context, rows, ROWS / 2, WIDTH, text, &made);
    fuzz_message(status);
    FUZZ_REQUIRE(!status == (made != NULL), "a handle and %s", vae_status_name(status));
    if (made) fuzz_status(vae_dataset_read(made, 0, vae_dataset_size(made), x, WIDTH));
    if (made) fuzz_scaling(made);
    vae_dataset_destroy(made);
}

static void sprites(const subject *s, const char *text) {
    vae_dataset *made = NULL;
    vae_status status = vae_dataset_open(s->context, "sprites:3", text, &made);
    fuzz_message(status);
    FUZZ_REQUIRE(!status == (made != NULL), "a handle and %s", vae_status_name(status));
    vae_dataset_destroy(made);
}

/* The text is a path of a generator, not of a file. */
static void generator(const subject *s, const char *text) {
    vae_dataset *made = NULL;
    size_t shape[3], rank, values = 1;
    if (strncmp(text, "sprites:", 8) && strncmp(text, "toy:", 4)) return;
    vae_status status = vae_dataset_open(s->context, text, NULL, &made);
    fuzz_message(status);
    FUZZ_REQUIRE(!status == (made != NULL), "a handle and %s", vae_status_name(status));
    if (made) {
        fuzz_status(vae_dataset_shape(made, shape, 3, &rank));
        for (size_t i = 0; i < rank; i++) values *= shape[i];
        FUZZ_REQUIRE(values == vae_dataset_width(made), "a shape of another width");
    }
    vae_dataset_destroy(made);
}

/* Of a CSV file with a text column, a gap, a comment and semicolons. */
static void csv(const subject *s, const char *text) {
    static const char file[] = "# made\nk;x;y\na;1;2,5\nb;;3\na;-4;NA\n";
    vae_dataset *made = NULL;
    float x[ROWS];
    vae_status status = vae_dataset_open(s->context, fuzz_file(file, sizeof file - 1), text, &made);
    fuzz_message(status);
    FUZZ_REQUIRE(!status == (made != NULL), "a handle and %s", vae_status_name(status));
    if (made) {
        FUZZ_REQUIRE(vae_dataset_size(made) <= 5 && vae_dataset_width(made) <= 3, "a larger table");
        fuzz_status(vae_dataset_read(made, 0, 1, x, vae_dataset_width(made)));
    }
    vae_dataset_destroy(made);
}

/* In a context of its own; the other one's memory is counted with it. */
static void context(const subject *s, const char *text) {
    vae_context *made = NULL;
    (void)s;
    vae_status status =
        fuzz_status(vae_context_create_with_allocator(text, fuzz_alloc, fuzz_free, NULL, &made));
    FUZZ_REQUIRE(!status == (made != NULL), "a handle and %s", vae_status_name(status));
    vae_context_destroy(made);
}

/* Any number of epochs may be asked for: the first step is enough. */
static int32_t stop(void *user, int32_t event, const vae_step_report *train,
                    const vae_step_report *validation) {
    (void)user, (void)event, (void)train, (void)validation;
    return 1;
}

static void train(const subject *s, const char *text) {
    vae_optimizer *made = NULL;
    if (!fuzz_succeeds(vae_optimizer_create(s->model, NULL, &made))) return;
    fuzz_status(vae_train(s->model, made, s->dataset, s->dataset, text, stop, NULL));
    vae_optimizer_destroy(made);
}

static int32_t stop_evaluating(void *user, uint64_t done, uint64_t total) {
    (void)user, (void)done, (void)total;
    return 1;
}

/* A prior that is set is printed, drawn from and trained; one that is refused changes nothing. */
static void prior(const subject *s, const char *text) {
    vae_optimizer *made = NULL;
    float z[2 * 3];
    double elbo[ROWS];
    if (fuzz_status(vae_model_set_prior(s->model, text))) {
        FUZZ_REQUIRE(strstr(vae_model_spec(s->model), "prior=normal"), "is %s",
                     vae_model_spec(s->model));
        return;
    }
    if (fuzz_runs_soon(s->model)) fuzz_status(vae_sample(s->model, 3, 1, z, NULL, NULL));
    fuzz_status(vae_elbo(s->model, rows, ROWS, WIDTH, 1, elbo, NULL, NULL));
    int alone = strstr(vae_model_spec(s->model), "prior=diffusion") != NULL;
    if (fuzz_status(vae_optimizer_create(s->model, alone ? "sgd train=prior" : "sgd", &made)))
        return;
    fuzz_status(vae_step(s->model, made, s->dataset, NULL));
    vae_optimizer_destroy(made);
}

static void fit_prior(const subject *s, const char *text) {
    if (!fuzz_succeeds(vae_model_set_prior(s->model, "mixture:2 prior_covariance=full"))) return;
    fuzz_status(vae_model_fit_prior(s->model, s->dataset, text, stop_evaluating, NULL));
}

static void generate(const subject *s, const char *text) {
    float z[2 * 3], x[WIDTH * 3];
    int of_diffusion = strstr(text, "steps") || strstr(text, "sampler") || strstr(text, "clip");
    if (of_diffusion && !fuzz_succeeds(vae_model_set_prior(
                            s->model, "diffusion prior_steps=30 prior_network=[dense 4, silu]")))
        return;
    fuzz_status(vae_generate(s->model, 3, 1, text, NULL, NULL, z, NULL, x));
}

/* Any number of samples may be asked for: of no row they take no time. */
static void log_likelihood(const subject *s, const char *text) {
    fuzz_status(vae_log_likelihood(s->model, NULL, 0, WIDTH, text, NULL, NULL, NULL));
}

/* Stops after its first rows; more than 99 samples of those are not waited for. */
static void evaluate(const subject *s, const char *text) {
    vae_evaluation *made = NULL;
    const char *samples = strstr(text, "samples");
    if (samples && strcspn(samples, " \t\n\r\f\v#") > strlen("samples=99")) return;
    fuzz_status(vae_evaluate(s->model, s->dataset, NULL, text, stop_evaluating, NULL, &made));
    vae_evaluation_destroy(made);
}

static void run(const subject *s, const char *text) {
    static const struct {
        const char *name;
        void (*run)(const subject *s, const char *text);
    } kinds[] = {{"optimizer\n", optimizer}, {"change\n", change},
                 {"dataset\n", dataset},     {"sprites\n", sprites},
                 {"generator\n", generator}, {"csv\n", csv},
                 {"context\n", context},     {"train\n", train},
                 {"evaluate\n", evaluate},   {"log_likelihood\n", log_likelihood},
                 {"prior\n", prior},         {"fit_prior\n", fit_prior},
                 {"generate\n", generate}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t length = strlen(kinds[i].name);
        if (!strncmp(text, kinds[i].name, length)) kinds[i].run(s, text + length);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    subject s = {.context = fuzz_context(LIMIT)};
    char *text = fuzz_text(data, size);
    fuzz_succeeds(vae_model_create(s.context, "input=4 latent=2 likelihood=bernoulli", &s.model));
    fuzz_succeeds(vae_dataset_from_memory(s.context, rows, ROWS, WIDTH, "batch=5", &s.dataset));
    run(&s, text);
    vae_dataset_destroy(s.dataset);
    vae_model_destroy(s.model);
    free(text);
    fuzz_context_end(s.context);
    return 0;
}
