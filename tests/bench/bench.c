/* make bench: how long things take, against what they cannot do without. Asserts nothing.
 *
 *     bench [json=build/bench.json] [only=TEXT] [repetitions=15] [milliseconds=25] [threads=2]
 *
 * only: cases whose title ("step 784-400-20 128"; "layers 3x64x64", "hosts", "pair") contains the text. milliseconds: of a sample.
 * threads: most to use. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "layers.h"
#include "report.h"
#include "subject.h"
#include "tensor/gemm.h"

/* ---- cases ---- */

static const bench_network image = {"784-400-20",
                                    "input=784 latent=20 likelihood=bernoulli "
                                    "encoder=[dense 400, relu] decoder=[dense 400, relu]"};
static const bench_network deep = {"784-200-200-50", "input=784 latent=50 likelihood=bernoulli "
                                                     "encoder=[dense 200, relu, dense 200, relu] "
                                                     "decoder=[dense 200, relu, dense 200, relu]"};
static const bench_network sensor = {"32-64-8",
                                     "input=32 latent=8 likelihood=bernoulli "
                                     "encoder=[dense 64, relu] decoder=[dense 64, relu]"};

static const bench_network table = {"30-64-8",
                                    "input=30 latent=8 likelihood=gaussian sigma=per_dim "
                                    "encoder=[dense 64, relu] decoder=[dense 64, relu]"};

/* Mirrored networks of 4 x 4 windows that move by 2, with dense layers around z. */
#define CONV(n) "conv " #n " 4 stride 2 pad 1, relu"
#define DECONV(n) "deconv " #n " 4 stride 2 pad 1, relu"
#define FOUR_CONVOLUTIONS(width, shape)                                                           \
    " latent=128 likelihood=bernoulli encoder=[" CONV(32) ", " CONV(64) ", " CONV(128) ", " CONV( \
        256) "] decoder=[dense " #width ", relu, reshape 256x" #shape                             \
             ", " DECONV(128) ", " DECONV(64) ", " DECONV(32) "]"
static const bench_network small_images = {
    "1x28x28", "input=1x28x28 latent=16 likelihood=bernoulli encoder=[" CONV(32) ", " CONV(
                   64) "] decoder=[dense 3136, relu, reshape 64x7x7, " DECONV(32) "]"};
static const bench_network images = {"3x64x64", "input=3x64x64" FOUR_CONVOLUTIONS(4096, 4x4)};
static const bench_network large_images = {"3x256x256",
                                           "input=3x256x256" FOUR_CONVOLUTIONS(65536, 16x16)};

/* The usual diffusion of twenty latents. */
static const bench_network diffusion = {
    "diffusion 20",
    "model=diffusion input=20 steps=200 network=[dense 256, silu, res[dense 256, silu, "
    "dense 256], silu]"};

/* A denoising diffusion of small images. */
static const bench_network unet = {"unet 1x28x28",
                                   "model=diffusion input=1x28x28 likelihood=discretized_gaussian "
                                   "network=unet channels=[32, 64, 64]"};

/* One kind of call. */
typedef struct call {
    const char *name;
    void (*run)(void *user);
    int trains;          /* else `graph` is what it runs */
    const char *program; /* of inference */
} call;

static const call step = {.name = "step", .run = bench_run_step, .trains = 1};
static const call encode = {.name = "encode", .run = bench_run_encode, .program = "encode"};
static const call decode = {.name = "decode", .run = bench_run_decode, .program = "decode"};
/* Of a diffusion: 50 steps of its network. */
static const call generate = {.name = "50 steps", .run = bench_run_decode, .program = "denoise"};
static const call log_p = {
    .name = "log p(x)", .run = bench_run_log_likelihood, .program = "density"};
static const call score = {.name = "score", .run = bench_run_score, .program = "score"};
static const call elbo = {.name = "elbo", .run = bench_run_elbo, .program = "elbo"};

typedef struct bench_case {
    const call *call;
    const bench_network *network;
    size_t batch;
    double ratio, seconds; /* accepted; 0: nothing is asked for */
    size_t asked_threads;  /* on which these two are asked for */
    double speedup;        /* accepted */
    int reads_dataset;     /* also the step from a data set, against the step */
    size_t samples;        /* of log p(x), for each row; 0: not that */
} bench_case;

static const bench_case cases[] = {
    {.call = &step,
     .network = &image,
     .batch = 128,
     .ratio = 1.20,
     .asked_threads = 2,
     .speedup = 1.8,
     .reads_dataset = 1},
    {.call = &step, .network = &image, .batch = 16, .ratio = 1.40, .asked_threads = 2},
    {.call = &step, .network = &deep, .batch = 20, .ratio = 1.40, .asked_threads = 2},
    {.call = &step, .network = &deep, .batch = 1000, .ratio = 1.20, .asked_threads = 2},
    {.call = &step, .network = &sensor, .batch = 32, .seconds = 25e-6, .asked_threads = 1},
    {.call = &step, .network = &small_images, .batch = 128, .asked_threads = 2},
    {.call = &step, .network = &images, .batch = 32, .asked_threads = 2},
    {.call = &step, .network = &large_images, .batch = 8, .asked_threads = 2},
    {.call = &encode, .network = &image, .batch = 1, .ratio = 1.15, .asked_threads = 1},
    {.call = &encode, .network = &image, .batch = 64},
    {.call = &encode, .network = &sensor, .batch = 1, .seconds = 1e-6, .asked_threads = 1},
    {.call = &decode, .network = &image, .batch = 1},
    {.call = &decode, .network = &image, .batch = 64},
    {.call = &decode, .network = &sensor, .batch = 1},
    {.call = &score, .network = &table, .batch = 1, .seconds = 2e-6, .asked_threads = 1},
    {.call = &score, .network = &table, .batch = 1000},
    {.call = &elbo, .network = &image, .batch = 1000},
    {.call = &elbo, .network = &deep, .batch = 1000},
    {.call = &step, .network = &diffusion, .batch = 256, .ratio = 1.30, .asked_threads = 2},
    {.call = &generate,
     .network = &diffusion,
     .batch = 256,
     .ratio = 1.30,
     .asked_threads = 2,
     .samples = 50},
    {.call = &step, .network = &unet, .batch = 128, .asked_threads = 2},
    {.call = &generate, .network = &unet, .batch = 64, .asked_threads = 2, .samples = 50},
    {.call = &log_p,
     .network = &deep,
     .batch = 16,
     .ratio = 1.30,
     .asked_threads = 2,
     .samples = 1280},
};

/* ---- running one ---- */

enum { MOST_THREADS = 2 }; /* numbers of threads a case is run on */

/* A case on one number of threads: what is timed, against what. */
typedef struct side {
    bench_subject subject;
    bench_bound bound;
    bench_contender call, reference, products, dataset_step;
    uint64_t allocations;
} side;

typedef struct session {
    bench_report report;
    const char *only, *json;
    size_t most_threads;
} session;

static void fail(const bench_case *c, const char *why) {
    fprintf(stderr, "bench: %s %s %zu: %s\n", c->call->name, c->network->name, c->batch, why);
    exit(1);
}

/* Rows that the plan's graph goes through in one call: of its own number of samples each. */
static size_t graph_rows(const bench_case *c, const vae__plan *plan) {
    return c->samples ? c->batch * c->samples / plan->samples : c->batch;
}

static void prepare(const bench_case *c, size_t threads, side *s) {
    bench_subject *subject = &s->subject;
    if (!bench_subject_make(c->network, threads, c->batch, subject)) fail(c, vae_last_error());
    if (c->reads_dataset && !bench_subject_add_dataset(subject)) fail(c, vae_last_error());
    if (c->samples) subject->samples = c->samples;
    const vae__plan *plan = c->call->trains ? &subject->optimizer->program.plan
                                            : bench_inference_plan(subject, c->call->program);
    if (!plan) fail(c, vae_last_error());
    const vae__optimizer_state *state = c->call->trains ? &subject->optimizer->state : NULL;
    if (!bench_bound_make(plan, state, graph_rows(c, plan), &s->bound))
        fail(c, "more layers than the bound has room for");
    s->call = (bench_contender){.run = c->call->run, .user = subject};
    s->reference =
        (bench_contender){.run = state ? bench_run_bound : bench_run_products, .user = &s->bound};
    s->products = (bench_contender){.run = bench_run_products, .user = &s->bound};
    s->dataset_step = (bench_contender){.run = bench_run_dataset_step, .user = subject};
}

/* Calls until nothing new is allocated, then counts. */
static double count_allocations(const bench_contender *contender, const bench_subject *subject) {
    const int calls = 20;
    for (int i = 0; i < 3; i++) contender->run(contender->user);
    uint64_t before = bench_allocations(subject);
    for (int i = 0; i < calls; i++) contender->run(contender->user);
    return (double)(bench_allocations(subject) - before) / calls;
}

static bench_result *new_result(session *run, const bench_case *c, const side *s,
                                const bench_contender *time, const bench_contender *reference) {
    bench_report *report = &run->report;
    if (report->result_count == BENCH_MOST_RESULTS) fail(c, "more results than there is room for");
    bench_result *result = &report->results[report->result_count++];
    size_t samples = report->plan.repetitions;
    *result = (bench_result){.what = c->call->name,
                             .network = c->network->name,
                             .batch = c->samples ? c->batch * c->samples : c->batch,
                             .threads = s->subject.threads,
                             .time = bench_summarize(time->seconds, samples),
                             .against = c->call->trains ? "bound" : "products",
                             .reference = bench_summarize(reference->seconds, samples),
                             .ratio = bench_ratio(&report->plan, time, reference),
                             .flops = s->bound.flops,
                             .allocations = count_allocations(time, &s->subject)};
    return result;
}

static void report_side(session *run, const bench_case *c, const side *first, const side *s) {
    const bench_plan *plan = &run->report.plan;
    bench_result *result = new_result(run, c, s, &s->call, &s->reference);
    int asked = s->subject.threads == c->asked_threads;
    result->accepted_ratio = asked ? c->ratio : 0;
    result->accepted_seconds = asked ? c->seconds : 0;
    result->accepted_speedup = s == first ? 0 : c->speedup;
    if (c->call->trains) result->products = bench_summarize(s->products.seconds, plan->repetitions);
    if (s != first) result->speedup = bench_ratio(plan, &first->call, &s->call);
    bench_print_result(result);
    if (!c->reads_dataset) return;
    result = new_result(run, c, s, &s->dataset_step, &s->call);
    result->what = "step, 8 bit";
    result->against = "step";
    if (s != first) result->speedup = bench_ratio(plan, &first->dataset_step, &s->dataset_step);
    bench_print_result(result);
}

static void report_memory(session *run, const bench_case *c, const bench_subject *subject) {
    bench_memory *memory = &run->report.memory[run->report.memory_count++];
    *memory = (bench_memory){.network = c->network->name,
                             .batch = c->batch,
                             .threads = subject->threads,
                             .parameters = vae_model_parameter_total(subject->model),
                             .arena = subject->optimizer->program.plan.arena_size,
                             .peak = subject->training_peak};
    memory->parameter_bytes = 3 * sizeof(vae__real) * memory->parameters;
    vae_optimizer_memory(subject->optimizer, NULL, &memory->workspace);
}

static int is_wanted(const session *run, const bench_case *c) {
    char title[96];
    snprintf(title, sizeof title, "%s %s %zu", c->call->name, c->network->name, c->batch);
    return !run->only || strstr(title, run->only);
}

/* The threads of a case are measured in turns too, so that their speed-up is a fair one. A single
 * row cannot be split. */
static void run_case(session *run, const bench_case *c) {
    size_t sides = c->batch == 1 || run->most_threads == 1 ? 1 : MOST_THREADS, contenders = 0;
    side *side_of = calloc(sides, sizeof *side_of);
    bench_contender *list[4 * MOST_THREADS];
    if (!side_of) fail(c, "out of memory");
    for (size_t i = 0; i < sides; i++) {
        side *s = &side_of[i];
        prepare(c, i ? run->most_threads : 1, s);
        list[contenders++] = &s->call;
        list[contenders++] = &s->reference;
        if (c->call->trains) list[contenders++] = &s->products;
        if (c->reads_dataset) list[contenders++] = &s->dataset_step;
    }
    bench_measure(&run->report.plan, list, contenders);
    for (size_t i = 0; i < sides; i++) {
        side *s = &side_of[i];
        if (s->subject.status) fail(c, vae_last_error());
        report_side(run, c, &side_of[0], s);
        if (c->call->trains) report_memory(run, c, &s->subject);
    }
    for (size_t i = 0; i < sides; i++) {
        bench_bound_free(&side_of[i].bound);
        bench_subject_free(&side_of[i].subject);
    }
    free(side_of);
}

/* ---- layers ---- */

static void measure_layers(const session *run) {
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const bench_case *c = &cases[i];
        char title[64];
        int wanted =
            c->network == &small_images || c->network == &images || c->network == &large_images;
        snprintf(title, sizeof title, "layers %s", c->network->name);
        if (!wanted || (run->only && !strstr(title, run->only))) continue;
        if (!bench_print_layers(&run->report.plan, c->network, c->batch)) fail(c, vae_last_error());
    }
}

/* ---- host threads ---- */

static int compare_hosts(const void *a, const void *b) {
    double x = ((const bench_hosts *)a)->rows_per_second;
    double y = ((const bench_hosts *)b)->rows_per_second;
    return (x > y) - (x < y);
}

/* Medians of rounds in which each number of threads has its turn. */
static void measure_hosts(session *run) {
    static const size_t hosts[] = {1, 2, 8};
    enum { COUNTS = sizeof hosts / sizeof hosts[0], ROUNDS = 5 };
    bench_hosts all[COUNTS][ROUNDS];
    bench_subject subject;
    if (run->only && !strstr("hosts", run->only)) return;
    if (!bench_subject_make(&image, 1, 64, &subject)) {
        fprintf(stderr, "bench: host threads: %s\n", vae_last_error());
        exit(1);
    }
    for (size_t r = 0; r < ROUNDS; r++) {
        for (size_t i = 0; i < COUNTS; i++)
            all[i][r] = bench_hosts_encode(&subject, hosts[i], 8 * run->report.plan.sample_seconds);
    }
    for (size_t i = 0; i < COUNTS; i++) {
        qsort(all[i], ROUNDS, sizeof all[i][0], compare_hosts);
        run->report.hosts[run->report.host_count++] = all[i][ROUNDS / 2];
    }
    bench_subject_free(&subject);
}

/* ---- what is measured in a process of its own ---- */

/* In a child, made before this program has used any memory of its own or set anything of the BLAS. `fill`
 * writes `result` there, which then becomes ours; else it stays as it is. */
static void measure_in_child(const session *run, void (*fill)(const session *run, void *result),
                             void *result, size_t size) {
    int ends[2];
    if (pipe(ends)) return;
    pid_t child = fork();
    if (child == 0) {
        fill(run, result);
        ssize_t written = write(ends[1], result, size); /* at once: less than a pipe holds */
        _exit(written == (ssize_t)size ? 0 : 1);
    }
    close(ends[1]);
    unsigned char *bytes = malloc(size);
    if (child > 0 && bytes && read(ends[0], bytes, size) == (ssize_t)size)
        memcpy(result, bytes, size);
    free(bytes);
    close(ends[0]);
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR) continue;
}

static uint64_t peak_resident(void) {
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) ? 0 : (uint64_t)usage.ru_maxrss * 1024;
}

/* Peak memory of a process that only trains. */
static void fill_process(const session *run, void *result) {
    bench_process *seen = result;
    bench_subject subject;
    seen->before = peak_resident();
    seen->known = bench_subject_make(&image, run->most_threads, 128, &subject);
    for (int i = 0; i < 20 && seen->known; i++) bench_run_step(&subject);
    seen->after = peak_resident();
}

static void fill_pair(const session *run, void *result) {
    bench_pair_train(run->report.plan.repetitions, result);
}

static void measure_processes(session *run) {
    bench_report *report = &run->report;
    report->process_network = image.name;
    measure_in_child(run, fill_process, &report->process, sizeof report->process);
    if (run->only && !strstr("pair", run->only)) return;
    measure_in_child(run, fill_pair, &report->pair, sizeof report->pair);
}

/* ---- options ---- */

static const char *value_of(const char *argument, const char *key) {
    size_t length = strlen(key);
    return strncmp(argument, key, length) || argument[length] != '=' ? NULL : argument + length + 1;
}

static int read_number(const char *argument, const char *key, size_t most, size_t *number) {
    const char *value = value_of(argument, key);
    uint64_t parsed;
    if (!value || !vae__parse_unsigned(value, strlen(value), &parsed) || !parsed || parsed > most)
        return 0;
    *number = (size_t)parsed;
    return 1;
}

static void read_options(session *run, int count, char **arguments) {
    size_t milliseconds = 25;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    run->report.plan.repetitions = 15;
    run->most_threads = processors > 1 ? 2 : 1;
    run->json = "build/bench.json";
    for (int i = 1; i < count; i++) {
        const char *a = arguments[i];
        if (value_of(a, "json")) {
            run->json = value_of(a, "json");
        } else if (value_of(a, "only")) {
            run->only = value_of(a, "only");
        } else if (!read_number(a, "repetitions", BENCH_MOST_REPETITIONS,
                                &run->report.plan.repetitions) &&
                   !read_number(a, "milliseconds", 10000, &milliseconds) &&
                   !read_number(a, "threads", 256, &run->most_threads)) {
            fprintf(stderr,
                    "bench: unknown or wrong option '%s' (known: json=PATH only=TEXT "
                    "repetitions=1..%d milliseconds=1..10000 threads=1..256)\n",
                    a, BENCH_MOST_REPETITIONS);
            exit(2);
        }
    }
    run->report.plan.sample_seconds = 1e-3 * (double)milliseconds;
}

int main(int count, char **arguments) {
    static session run;
    double start = bench_now();
    read_options(&run, count, arguments);
    measure_processes(&run);
    /* One-thread figures are of one thread, also where BLAS would start its own. */
    vae__gemm_make_serial();
    bench_describe_machine(&run.report.machine);
    bench_print_machine(&run.report);
    bench_print_head();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (is_wanted(&run, &cases[i])) run_case(&run, &cases[i]);
    }
    measure_layers(&run);
    measure_hosts(&run);
    bench_print_hosts(&run.report);
    bench_print_pair(&run.report);
    run.report.peak_resident = peak_resident();
    run.report.seconds = bench_now() - start;
    bench_print_memory(&run.report);
    if (!bench_write_json(&run.report, run.json)) {
        fprintf(stderr, "bench: cannot write '%s': %s\n", run.json, strerror(errno));
        return 1;
    }
    printf("%s\n", run.json);
    return 0;
}
