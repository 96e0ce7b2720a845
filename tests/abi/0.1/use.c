/* A program of libvae 0.1: compiled with the header of that release, which stands beside it, and run by `make check-abi`
 * with the library of today. It calls every function of 0.1, gives every option, and checks what comes back. Exit status 0
 * if all of it is as 0.1 promised. This file does not change; C99, no other header of the tree.
 *
 *     use folder      a folder for its files
 *
 * With -DANY_HEADER it also compiles with the header of a later release. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vae.h"

#if !defined(ANY_HEADER) && (VAE_VERSION_MAJOR != 0 || VAE_VERSION_MINOR != 1)
#error "this is not the header of libvae 0.1"
#endif

enum { ROWS = 40, WIDTH = 6, LATENT = 2 };

static int failures;
static float rows[ROWS * WIDTH];
static const char *folder;

#define EXPECT(condition) expect((condition) != 0, #condition, __LINE__)
#define OK(call) ok((call), #call, __LINE__)

static void expect(int condition, const char *text, int line) {
    if (condition) return;
    failures++;
    fprintf(stderr, "use.c:%d: not so: %s\n", line, text);
}

static void ok(vae_status status, const char *text, int line) {
    if (status == VAE_OK) return;
    failures++;
    fprintf(stderr, "use.c:%d: %s: %s: %s\n", line, text, vae_status_name(status),
            vae_last_error());
}

static const char *in_folder(const char *name) {
    static char paths[4][300];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

/* ---- version, constants, errors ---- */

static void use_constants(void) {
    static const struct {
        const char *name;
        int64_t value;
    } all[] = {
#define CONSTANT(name) {#name, (int64_t)(name)}
        CONSTANT(VAE_OK),
        CONSTANT(VAE_STOPPED),
        CONSTANT(VAE_ERROR_ARGUMENT),
        CONSTANT(VAE_ERROR_WIDTH),
        CONSTANT(VAE_ERROR_DATA),
        CONSTANT(VAE_ERROR_MISMATCH),
        CONSTANT(VAE_ERROR_TEXT),
        CONSTANT(VAE_ERROR_FILE),
        CONSTANT(VAE_ERROR_FORMAT),
        CONSTANT(VAE_ERROR_LIMIT),
        CONSTANT(VAE_ERROR_MEMORY),
        CONSTANT(VAE_ERROR_DIVERGED),
        CONSTANT(VAE_ERROR_UNSUPPORTED),
        CONSTANT(VAE_ERROR_INTERNAL),
        CONSTANT(VAE_LOG_WARNING),
        CONSTANT(VAE_LOG_INFO),
        CONSTANT(VAE_STEP_CLIPPED),
        CONSTANT(VAE_STEP_REFUSED),
        CONSTANT(VAE_STEP_EPOCH_END),
        CONSTANT(VAE_EVENT_STEP),
        CONSTANT(VAE_EVENT_EPOCH),
    };
    size_t i;
    int64_t value;
    for (i = 0; i < sizeof all / sizeof all[0]; i++) {
        value = 99;
        OK(vae_constant(all[i].name, &value));
        if (value != all[i].value) fprintf(stderr, "%s is another number now\n", all[i].name);
        EXPECT(value == all[i].value);
    }
    EXPECT(!strcmp(vae_status_name(VAE_ERROR_TEXT), "VAE_ERROR_TEXT"));
    EXPECT(!strcmp(vae_status_name(77), "unknown status"));
    EXPECT(vae_version_number() >= (VAE_VERSION_MAJOR << 16 | VAE_VERSION_MINOR << 8));
    EXPECT(!strncmp(vae_build_info(), "libvae ", 7));
    EXPECT(vae_constant("VAE_NO_SUCH", &value) == VAE_ERROR_ARGUMENT);
    EXPECT(strstr(vae_last_error(), "VAE_NO_SUCH") != NULL);
}

/* ---- texts: what 0.1 accepted is accepted ---- */

static void use_specs(vae_context *context) {
    static const char *const specs[] = {
        "input=6 latent=2 likelihood=bernoulli",
        "input=1x2x3 latent=2 likelihood=continuous_bernoulli encoder=[] decoder=[] # a comment",
        "input=6 latent=2 likelihood=gaussian sigma=0.1 sigma_min=1e-4 seed=9",
        "input=6 latent=2 likelihood=gaussian sigma=shared standardize=1 init=auto",
        "input=6 latent=2 likelihood=gaussian sigma=optimal init=glorot",
        "input=6 latent=2 likelihood=gaussian sigma=per_dim init=he standardize=0",
        "input=6 latent=2 likelihood=gaussian sigma=decoder posterior=diagonal prior=normal",
        "input=6 latent=2 likelihood=discretized_logistic",
        "input=3x2 latent=2 likelihood=categorical",
        "input=6 latent=2 likelihood=poisson size=none",
        "input=6 latent=2 likelihood=negative_binomial size=total",
        "input=6 latent=2 likelihood=bernoulli encoder=[dense 5, identity, dense 5, relu, dense 5, leaky_relu, "
        "dense 5, elu, dense 5, silu] decoder=[dense 5, gelu, dense 5, tanh, dense 5, sigmoid, dense 5, softplus]",
    };
    size_t i;
    for (i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        vae_model *model = NULL, *again = NULL;
        OK(vae_model_create(context, specs[i], &model));
        OK(vae_model_create(context, vae_model_spec(model), &again));
        EXPECT(!strcmp(vae_model_spec(model), vae_model_spec(again)));
        EXPECT(vae_model_width(model) == WIDTH && vae_model_latent(model) == LATENT);
        vae_model_destroy(again);
        vae_model_destroy(model);
    }
}

static void use_optimizer_options(vae_model *model) {
    static const char *const options[] = {
        "",
        "adam lr=1e-3 beta1=0.9 beta2=0.99 eps=1e-7 weight_decay=0.1 seed=3",
        "adamw weight_decay=0.01 warmup=5 clip_norm=1 samples=2",
        "sgd momentum=0.9 nesterov=1 beta=2 beta_warmup=10 free_bits=0.1",
        "schedule=constant objective=elbo",
        "schedule=cosine steps=10 objective=iwae samples=3",
        "schedule=exponential steps=10 gamma=0.5",
        "schedule=steps milestones=[3, 7] gamma=0.5",
    };
    size_t i;
    for (i = 0; i < sizeof options / sizeof options[0]; i++) {
        vae_optimizer *optimizer = NULL, *again = NULL;
        OK(vae_optimizer_create(model, options[i], &optimizer));
        OK(vae_optimizer_create(model, vae_optimizer_options(optimizer), &again));
        EXPECT(!strcmp(vae_optimizer_options(optimizer), vae_optimizer_options(again)));
        vae_optimizer_destroy(again);
        vae_optimizer_destroy(optimizer);
    }
}

static void use_dataset_options(vae_context *context) {
    static const char *const options[] = {
        NULL,
        "batch=8 shuffle=1 seed=2 drop_last=1 scale=auto binarize=none dtype=float32 copy=0",
        "scale=unit binarize=threshold split=train:0.5 split_seed=3",
        "scale=none binarize=sample split=test:0.5 shuffle=0 drop_last=0 copy=1",
    };
    size_t i;
    vae_dataset *data;
    for (i = 0; i < sizeof options / sizeof options[0]; i++) {
        data = NULL;
        OK(vae_dataset_from_memory(context, rows, ROWS, WIDTH, options[i], &data));
        EXPECT(vae_dataset_width(data) == WIDTH);
        vae_dataset_destroy(data);
    }
    OK(vae_dataset_from_memory(context, rows, ROWS, sizeof(float), "dtype=uint8", &data));
    vae_dataset_destroy(data);
    OK(vae_dataset_from_memory(context, rows, ROWS, 1, "dtype=float64 scale=none", &data));
    vae_dataset_destroy(data);
}

/* ---- data sets ---- */

/* What a CSV file says with columns c and a for the row and b for the label. */
static void look_at_table(const vae_dataset *data) {
    double labels[3] = {0, 0, 0};
    float x[2] = {0, 0};
    size_t shape[8] = {0}, rank = 0;
    EXPECT(vae_dataset_size(data) == 3 && vae_dataset_width(data) == 2);
    EXPECT(vae_dataset_batch(data) == 2 && vae_dataset_label_width(data) == 1);
    EXPECT(vae_dataset_epoch(data) == 0 && vae_dataset_position(data) == 0);
    OK(vae_dataset_shape(data, shape, 8, &rank));
    EXPECT(rank == 1 && shape[0] == 2);
    OK(vae_dataset_read(data, 1, 1, x, 2));
    EXPECT(x[0] == 6 && x[1] == 4);
    OK(vae_dataset_read_labels(data, 0, 3, labels, 1));
    EXPECT(labels[0] == 2 && labels[2] == 8);
}

static void use_csv(vae_context *context) {
    const char *path = in_folder("table.csv");
    vae_dataset *data = NULL;
    FILE *file = fopen(path, "w");
    if (file == NULL || fputs("a,b,c\n1,2,3\n4,5,6\n7,8,9\n", file) < 0 || fclose(file) != 0)
        exit(1);
    OK(vae_dataset_open(context, path, "header=yes columns=[c, a] labels=column:b batch=2", &data));
    look_at_table(data);
    vae_dataset_destroy(data);
    OK(vae_dataset_open(context, path, "header=auto", &data));
    EXPECT(vae_dataset_size(data) == 3 && vae_dataset_width(data) == 3);
    vae_dataset_destroy(data);
    EXPECT(vae_dataset_open(context, in_folder("nothing"), NULL, &data) == VAE_ERROR_FILE);
    EXPECT(data == NULL);
}

static void use_sprites(vae_context *context) {
    size_t shape[8] = {0}, rank = 0;
    double labels[5];
    vae_dataset *data = NULL;
    OK(vae_dataset_open(context, "sprites:20", "batch=8", &data));
    OK(vae_dataset_shape(data, shape, 8, &rank));
    EXPECT(rank == 3 && shape[0] == 1 && shape[1] == 32 && shape[2] == 32);
    OK(vae_dataset_read_labels(data, 0, 1, labels, 5));
    EXPECT(labels[0] >= 0 && labels[0] <= 2);
    vae_dataset_destroy(data);
}

/* ---- the report: a host of 0.1 knows 96 bytes of it ---- */

static void use_reports(vae_model *model, vae_optimizer *optimizer, vae_dataset *data) {
    struct {
        vae_step_report report;
        unsigned char behind[64];
    } whole;
    uint64_t before = vae_optimizer_steps(optimizer);
    size_t i;
    EXPECT(sizeof(vae_step_report) == 96);
    memset(&whole, 0x5A, sizeof whole);
    whole.report.struct_size = sizeof whole.report;
    OK(vae_step(model, optimizer, data, &whole.report));
    EXPECT(whole.report.struct_size == 96 && whole.report.step == before + 1);
    EXPECT(whole.report.rows == 8 && whole.report.position == 8);
    EXPECT(fabs(whole.report.reconstruction - whole.report.kl - whole.report.elbo) < 1e-9);
    EXPECT(isfinite(whole.report.objective) && whole.report.gradient_norm > 0);
    EXPECT(whole.report.learning_rate == 1e-2 && whole.report.beta == 1);
    for (i = 0; i < sizeof whole.behind; i++) EXPECT(whole.behind[i] == 0x5A);
    memset(&whole, 0x5A, sizeof whole);
    whole.report.struct_size = 16; /* size, flags and step only */
    OK(vae_step_rows(model, optimizer, rows, 8, WIDTH, &whole.report));
    EXPECT(whole.report.step == before + 2);
    for (i = 16; i < sizeof whole; i++) EXPECT(((unsigned char *)&whole)[i] == 0x5A);
    whole.report.struct_size = 4;
    EXPECT(vae_step(model, optimizer, data, &whole.report) == VAE_ERROR_ARGUMENT);
}

/* ---- training ---- */

typedef struct counts {
    int steps, epochs, stop_at;
} counts;

static int32_t on_event(void *user, int32_t event, const vae_step_report *train,
                        const vae_step_report *validation) {
    counts *c = user;
    if (event == VAE_EVENT_STEP) c->steps++;
    if (event == VAE_EVENT_EPOCH) c->epochs++;
    EXPECT((event == VAE_EVENT_EPOCH) == (validation != NULL));
    EXPECT(train->struct_size >= sizeof *train && isfinite(train->elbo));
    return c->steps == c->stop_at;
}

static void use_train(vae_model *model, vae_optimizer *optimizer, vae_dataset *data) {
    counts c = {0, 0, 0};
    OK(vae_train(model, optimizer, data, data,
                 "epochs=2 patience=5 min_delta=0.01 restore_best=1 validation_seed=3", on_event,
                 &c));
    EXPECT(c.epochs == 2 && c.steps > 5);
    c.stop_at = c.steps + 2;
    EXPECT(vae_train(model, optimizer, data, data, "epochs=1", on_event, &c) == VAE_STOPPED);
    OK(vae_optimizer_set(optimizer, "lr=2e-2"));
    EXPECT(strstr(vae_optimizer_options(optimizer), "lr=0.02") != NULL);
    OK(vae_optimizer_set(optimizer, "lr=1e-2"));
}

static int same_parameters(const vae_model *a, const vae_model *b) {
    static float left[4096], right[4096];
    size_t i, k, shape[8], rank = 0;
    if (vae_model_parameter_count(a) != vae_model_parameter_count(b)) return 0;
    for (i = 0; i < vae_model_parameter_count(a); i++) {
        const char *name = vae_model_parameter_name(a, i);
        size_t count = 1;
        OK(vae_model_parameter_shape(a, i, shape, 8, &rank));
        for (k = 0; k < rank; k++) count *= shape[k];
        OK(vae_model_parameter_get(a, name, left, count));
        OK(vae_model_parameter_get(b, name, right, count));
        if (memcmp(left, right, count * sizeof *left) != 0) return 0;
    }
    return 1;
}

static void use_model_files(vae_context *context, const vae_model *model) {
    static unsigned char bytes[1 << 16];
    size_t length = 0;
    vae_model *other = NULL;
    OK(vae_model_save(model, in_folder("model")));
    OK(vae_model_load(context, in_folder("model"), &other));
    EXPECT(same_parameters(model, other));
    vae_model_destroy(other);
    OK(vae_model_save_memory(model, bytes, sizeof bytes, &length));
    OK(vae_model_load_memory(context, bytes, length, &other));
    EXPECT(same_parameters(model, other));
    vae_model_destroy(other);
    EXPECT(vae_model_load_memory(context, bytes, length - 1, &other) == VAE_ERROR_FORMAT);
}

static void save_checkpoint(const vae_model *model, const vae_optimizer *optimizer,
                            const vae_dataset *data) {
    OK(vae_checkpoint_save(model, optimizer, data, in_folder("checkpoint")));
}

static void use_checkpoints(vae_context *context, vae_model *model, vae_optimizer *optimizer,
                            vae_dataset *data) {
    uint64_t position = vae_dataset_position(data);
    vae_model *other = NULL;
    vae_optimizer *resumed = NULL;
    save_checkpoint(model, optimizer, data);
    OK(vae_step(model, optimizer, data, NULL));
    OK(vae_checkpoint_load(context, in_folder("checkpoint"), data, &other, &resumed));
    EXPECT(vae_dataset_position(data) == position);
    EXPECT(vae_step(other, optimizer, data, NULL) == VAE_ERROR_MISMATCH);
    OK(vae_step(other, resumed, data, NULL));
    EXPECT(same_parameters(model, other));
    EXPECT(vae_optimizer_steps(resumed) == vae_optimizer_steps(optimizer));
    vae_optimizer_destroy(resumed);
    vae_model_destroy(other);
}

/* ---- model ---- */

static void use_model(const vae_model *model) {
    double sigma[WIDTH] = {0};
    float bias[WIDTH] = {0}, again[WIDTH] = {0};
    uint64_t parameter_bytes = 0, workspace_bytes = 0;
    static char plan[1 << 16];
    size_t length = 0;
    vae_model *clone = NULL;
    OK(vae_model_clone(model, &clone));
    EXPECT(same_parameters(model, clone));
    EXPECT(!strcmp(vae_model_spec(model), vae_model_spec(clone)));
    EXPECT(vae_model_parameter_total(model) > 50);
    EXPECT(vae_model_width(model) == WIDTH && vae_model_latent(model) == LATENT);
    EXPECT(vae_model_parameter_name(model, 1000) == NULL);
    EXPECT(!strcmp(vae_model_parameter_name(model, 0), "encoder.0.weight"));
    OK(vae_model_parameter_get(clone, "likelihood.bias", bias, WIDTH));
    bias[2] += 1;
    OK(vae_model_parameter_set(clone, "likelihood.bias", bias, WIDTH));
    OK(vae_model_parameter_get(clone, "likelihood.bias", again, WIDTH));
    EXPECT(!memcmp(bias, again, sizeof bias) && !same_parameters(model, clone));
    vae_model_destroy(clone);
    OK(vae_model_sigma(model, sigma, WIDTH));
    EXPECT(sigma[0] > 0 && sigma[WIDTH - 1] == sigma[0]);
    OK(vae_model_plan(model, plan, sizeof plan, &length));
    EXPECT(length == strlen(plan) + 1);
    OK(vae_model_memory(model, &parameter_bytes, &workspace_bytes));
    EXPECT(parameter_bytes >= 4 * vae_model_parameter_total(model) && workspace_bytes > 0);
}

static void use_optimizer(const vae_optimizer *optimizer) {
    static char plan[1 << 16];
    size_t length = 0;
    uint64_t state_bytes = 0, workspace_bytes = 0;
    OK(vae_optimizer_plan(optimizer, plan, sizeof plan, &length));
    EXPECT(length == strlen(plan) + 1 && length > 1);
    OK(vae_optimizer_memory(optimizer, &state_bytes, &workspace_bytes));
    EXPECT(state_bytes > 0 && workspace_bytes > 0);
    EXPECT(vae_optimizer_steps(optimizer) > 0 && *vae_optimizer_options(optimizer) != 0);
}

/* ---- inference ---- */

static void use_inference(const vae_model *model) {
    float mean[ROWS * LATENT], logvar[ROWS * LATENT], decoded[ROWS * WIDTH],
        reconstructed[ROWS * WIDTH];
    float z[3 * LATENT], x_mean[3 * WIDTH], x[3 * WIDTH];
    double elbo[ROWS], reconstruction[ROWS], kl[ROWS], log_p[ROWS], error[ROWS], ess[ROWS];
    int i;
    OK(vae_encode(model, rows, ROWS, WIDTH, mean, logvar));
    OK(vae_decode(model, mean, ROWS, LATENT, decoded));
    OK(vae_reconstruct(model, rows, ROWS, WIDTH, reconstructed));
    OK(vae_elbo(model, rows, ROWS, WIDTH, 5, elbo, reconstruction, kl));
    OK(vae_log_likelihood(model, rows, ROWS, WIDTH, "estimator=importance samples=50 seed=2", log_p,
                          error, ess));
    for (i = 0; i < ROWS * WIDTH; i++) EXPECT(fabs(decoded[i] - reconstructed[i]) < 1e-5);
    for (i = 0; i < ROWS; i++) {
        EXPECT(logvar[i] > -16 && logvar[i] < 16 && kl[i] >= 0);
        EXPECT(fabs(reconstruction[i] - kl[i] - elbo[i]) < 1e-9);
        EXPECT(isfinite(log_p[i]) && error[i] > 0 && ess[i] >= 1 && ess[i] <= 50);
    }
    OK(vae_log_likelihood(model, rows, 2, WIDTH, "estimator=prior", log_p, NULL, NULL));
    OK(vae_sample(model, 3, 7, z, x_mean, x));
    OK(vae_decode(model, z, 3, LATENT, decoded));
    for (i = 0; i < 3 * WIDTH; i++) EXPECT(fabs(x_mean[i] - decoded[i]) < 1e-5 && isfinite(x[i]));
    EXPECT(vae_encode(model, rows, 1, WIDTH + 1, mean, logvar) == VAE_ERROR_WIDTH);
    OK(vae_encode(model, NULL, 0, WIDTH, NULL, NULL));
}

/* ---- evaluation ---- */

static int32_t on_progress(void *user, uint64_t done, uint64_t total) {
    EXPECT(done <= total && total > 0);
    ++*(int *)user;
    return 0;
}

static void look_at_evaluation(const vae_evaluation *evaluation) {
    static const char *const figures[] = {
        "rows",
        "elbo",
        "elbo_error",
        "reconstruction",
        "kl",
        "active_units",
        "log_p",
        "log_p_monte_carlo_error",
        "log_p_sampling_error",
        "untrusted_rows",
        "gap",
        "baseline_marginals",
        "baseline_ppca",
    };
    static const char *const latents[] = {"kl", "mean", "mean_variance", "aggregated_variance"};
    size_t i;
    double value = 0, values[LATENT];
    for (i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        OK(vae_evaluation_value(evaluation, figures[i], &value));
        EXPECT(isfinite(value));
    }
    OK(vae_evaluation_value(evaluation, "rows", &value));
    EXPECT(value == ROWS);
    EXPECT(vae_evaluation_value(evaluation, "bits_per_dim", &value) == VAE_ERROR_UNSUPPORTED);
    for (i = 0; i < sizeof latents / sizeof latents[0]; i++)
        OK(vae_evaluation_latents(evaluation, latents[i], values, LATENT));
    EXPECT(strlen(vae_evaluation_text(evaluation)) > 20);
}

static void use_evaluation(const vae_model *model, const vae_dataset *data) {
    int calls = 0;
    vae_evaluation *evaluation = NULL;
    OK(vae_evaluate(model, data, NULL, "samples=300 estimator=importance seed=4 baselines=1",
                    on_progress, &calls, &evaluation));
    EXPECT(calls > 0);
    look_at_evaluation(evaluation);
    vae_evaluation_destroy(evaluation);
}

/* ---- contexts ---- */

static long blocks;

static void *take(void *user, size_t size) {
    void *block = malloc(size);
    (void)user;
    blocks += block != NULL;
    return block;
}

static void release(void *user, void *block) {
    (void)user;
    blocks -= block != NULL;
    free(block);
}

static void on_message(void *user, int32_t level, const char *message) {
    (void)user;
    EXPECT((level == VAE_LOG_WARNING || level == VAE_LOG_INFO) && message != NULL);
}

static void use_handles(vae_context *context) {
    vae_dataset *data = NULL;
    vae_model *model = NULL;
    vae_optimizer *optimizer = NULL;
    OK(vae_model_create(
        context,
        "input=6 latent=2 likelihood=gaussian encoder=[dense 8, tanh] decoder=[dense 8, tanh]",
        &model));
    OK(vae_dataset_from_memory(context, rows, ROWS, WIDTH, "batch=8", &data));
    OK(vae_model_initialize(model, data));
    OK(vae_optimizer_create(model, "adam lr=1e-2", &optimizer));
    use_reports(model, optimizer, data);
    use_train(model, optimizer, data);
    use_model_files(context, model);
    use_checkpoints(context, model, optimizer, data);
    use_model(model);
    use_optimizer(optimizer);
    use_inference(model);
    use_evaluation(model, data);
    use_optimizer_options(model);
    vae_model_destroy(model); /* before its optimizer, as 0.1 allows */
    vae_optimizer_destroy(optimizer);
    vae_dataset_destroy(data);
}

static void look_at_memory(const vae_context *context) {
    uint64_t bytes = 0, peak = 0, allocations = 0;
    OK(vae_context_memory(context, &bytes, &peak, &allocations));
    EXPECT(bytes > 0 && peak > bytes && allocations > 10);
}

int main(int count, char **arguments) {
    vae_context *context = NULL;
    int i;
    if (count != 2) return 2;
    folder = arguments[1];
    for (i = 0; i < ROWS * WIDTH; i++) rows[i] = (float)((i * 37 + i / WIDTH * 11) % 64) / 64;
    use_constants();
    OK(vae_context_create("threads=2 memory_limit=1G simd=auto blas_threads=keep", &context));
    use_handles(context);
    vae_context_destroy(context);
    OK(vae_context_create_with_allocator("blas_threads=set", take, release, NULL, &context));
    OK(vae_context_set_log(context, on_message, NULL));
    use_handles(context);
    use_specs(context);
    use_dataset_options(context);
    use_csv(context);
    use_sprites(context);
    look_at_memory(context);
    vae_context_destroy(context);
    EXPECT(blocks == 0);
    use_handles(NULL);
    if (failures > 0) fprintf(stderr, "%d failures\n", failures);
    return failures > 0;
}
