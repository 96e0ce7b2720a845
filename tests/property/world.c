#include "property/world.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GUARD = 64, GUARD_BYTE = 0x5A };

/* ---- rows ---- */

static float wide_rows[3][MOST_ROWS * WIDE], narrow_rows[3][MOST_ROWS * NARROW];
static double exact_rows[MOST_ROWS * NARROW];
static unsigned char bytes_of_rows[MOST_ROWS * NARROW];

/* One-hot groups of four: within the support of every likelihood. */
static void fill_rows(float *x, size_t width, rows_kind kind) {
    uint64_t state = width;
    memset(x, 0, MOST_ROWS * width * sizeof *x);
    for (size_t group = 0; group < MOST_ROWS * width / 4; group++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        x[4 * group + (state >> 33) % 4] = 1;
    }
    for (size_t row = 0; row < MOST_ROWS; row += 5) {
        if (kind != GOOD) x[row * width + row % width] = 0.5f;
        if (kind == BAD) x[row * width + (row + 1) % width] = NAN;
    }
}

void make_rows(void) {
    for (int kind = GOOD; kind <= BAD; kind++) {
        fill_rows(wide_rows[kind], WIDE, (rows_kind)kind);
        fill_rows(narrow_rows[kind], NARROW, (rows_kind)kind);
    }
    for (size_t i = 0; i < MOST_ROWS * NARROW; i++) {
        exact_rows[i] = (double)narrow_rows[GOOD][i];
        bytes_of_rows[i] = (unsigned char)(255 * narrow_rows[GOOD][i]);
    }
}

const float *rows_of(rows_kind kind, size_t width) {
    return width == WIDE ? wide_rows[kind] : narrow_rows[kind];
}

const double *double_rows(void) {
    return exact_rows;
}

const unsigned char *byte_rows(void) {
    return bytes_of_rows;
}

/* ---- the generator: SplitMix64 ---- */

uint64_t draw(world *w) {
    uint64_t z = w->state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

size_t below(world *w, size_t n) {
    return (size_t)(draw(w) % n);
}

int one_in(world *w, size_t n) {
    return below(w, n) == 0;
}

const char *pick(world *w, const char *const *list, size_t count) {
    return list[below(w, count)];
}

size_t draw_rows(world *w) {
    if (one_in(w, 20)) return 0;
    return one_in(w, 8) ? 1 + below(w, MOST_ROWS) : 1 + below(w, 20);
}

rows_kind draw_kind(world *w) {
    return one_in(w, 10) ? BAD : one_in(w, 10) ? HALF : GOOD;
}

/* From a slot drawn on, the first that is filled; now and then the drawn one all the same. */
#define A_SLOT(w, list)                                                        \
    size_t at = below((w), SLOTS), tries = one_in((w), 12) ? 0 : SLOTS;        \
    while (tries > 0 && !(w)->list[at].handle) at = (at + 1) % SLOTS, tries--; \
    return &(w)->list[at]

model_slot *a_model(world *w) {
    A_SLOT(w, models);
}

optimizer_slot *an_optimizer(world *w) {
    A_SLOT(w, optimizers);
}

dataset_slot *a_dataset(world *w) {
    A_SLOT(w, datasets);
}

evaluation_slot *an_evaluation(world *w) {
    A_SLOT(w, evaluations);
}

int may_record(const world *w, const model_slot *m) {
    return w->shifts && strstr(vae_model_spec(m->handle), "standardize=1");
}

/* ---- what came back ---- */

void must(world *w, int holds, const char *what) {
    if (holds) return;
    fprintf(stderr, "seed %llu, round %llu, call %llu, %s: %s; last error \"%s\"\n",
            (unsigned long long)w->seed, (unsigned long long)w->round, (unsigned long long)w->call,
            w->function ? w->function : "no call", what, vae_last_error());
    _exit(1);
}

static uint64_t fnv(uint64_t digest, const void *bytes, size_t size) {
    for (size_t i = 0; i < size; i++)
        digest = (digest ^ ((const unsigned char *)bytes)[i]) * 0x100000001B3u;
    return digest;
}

void digest_bytes(world *w, const void *bytes, size_t size) {
    w->digest = fnv(w->digest, bytes, size);
}

void digest_text(world *w, const char *text) {
    must(w, text != NULL, "a text is NULL");
    digest_bytes(w, text, strlen(text));
}

void digest_number(world *w, uint64_t number) {
    digest_bytes(w, &number, sizeof number);
}

uint64_t model_digest(world *w, const vae_model *model) {
    size_t length = 0;
    uint64_t digest = 0;
    if (vae_model_save_memory(model, NULL, 0, &length)) return 0;
    unsigned char *bytes = malloc(length);
    must(w, bytes != NULL, "the test has no memory");
    if (!vae_model_save_memory(model, bytes, length, &length))
        digest = fnv(0xCBF29CE484222325u, bytes, length);
    free(bytes);
    return digest;
}

void settle_model(world *w, model_slot *m, int changed) {
    uint64_t digest = model_digest(w, m->handle);
    if (!changed && digest && m->digest) must(w, digest == m->digest, "the model is not as it was");
    m->digest = digest;
}

/* ---- outputs ---- */

static void *give_output(world *w, size_t bytes, int is_double) {
    must(w, w->output_count < MOST_OUTPUTS, "the test has too many outputs");
    unsigned char *values = malloc(bytes + GUARD);
    must(w, values != NULL, "the test has no memory");
    memset(values, 0, bytes);
    memset(values + bytes, GUARD_BYTE, GUARD);
    w->outputs[w->output_count++] = (output){values, bytes, is_double};
    return values;
}

float *floats(world *w, size_t count) {
    return give_output(w, count * sizeof(float), 0);
}

double *doubles(world *w, size_t count) {
    return give_output(w, count * sizeof(double), 1);
}

/* +infinity is the standard error of an estimate that cannot be trusted. */
static int all_numbers(const output *o) {
    size_t size = o->is_double ? sizeof(double) : sizeof(float);
    for (size_t i = 0; i < o->bytes / size; i++) {
        if (o->is_double ? isnan(((double *)o->values)[i]) : !isfinite(((float *)o->values)[i]))
            return 0;
    }
    return 1;
}

static void take_outputs(world *w, int success) {
    for (size_t i = 0; i < w->output_count; i++) {
        output *o = &w->outputs[i];
        const unsigned char *guard = (unsigned char *)o->values + o->bytes;
        for (size_t j = 0; j < GUARD; j++)
            must(w, guard[j] == GUARD_BYTE, "written past the end of a buffer");
        if (success) {
            must(w, w->wild || all_numbers(o), "an output is not finite");
            digest_bytes(w, o->values, o->bytes);
        }
        free(o->values);
    }
    w->output_count = 0;
}

/* ---- calls ---- */

void note_call(world *w, const char *function) {
    tally *t = w->tally;
    size_t i = 0;
    while (i < t->function_count && strcmp(t->functions[i].name, function)) i++;
    must(w, i < MOST_FUNCTIONS, "the test has no room for so many functions");
    if (i == t->function_count) t->functions[t->function_count++].name = function;
    t->functions[i].calls++;
    t->calls++;
    w->call++;
    w->function = function;
}

void before_call(world *w, const char *function) {
    note_call(w, function);
    if (!one_in(w, 4)) return;
    w->memory.refuse_once = one_in(w, 2);
    w->memory.refuse_from = atomic_load(&w->memory.calls) + 1 + below(w, 12);
}

vae_status after_call(world *w, vae_status status, unsigned expected) {
    char problem[200];
    int refused = w->memory.refuse_from && w->memory.calls >= w->memory.refuse_from;
    w->memory.refuse_from = 0;
    expected |= BECAUSE(refused, VAE_ERROR_MEMORY) | BECAUSE(w->limited, VAE_ERROR_LIMIT);
    snprintf(problem, sizeof problem, "gave %s, expected the set %x", vae_status_name(status),
             expected);
    must(w, expected & ONE(status), problem);
    if (status < 0) {
        const char *message = vae_last_error();
        size_t length = strlen(message);
        must(w, length > 0 && length < 1024 && !strchr(message, '\n'), "no good message");
        digest_text(w, message);
    }
    w->tally->failures += status < 0;
    w->tally->refusals += (uint64_t)refused;
    digest_number(w, (uint64_t)(int64_t)status);
    take_outputs(w, status >= 0);
    return status;
}

/* ---- a round ---- */

const char *file_name(size_t slot) {
    static const char *const names[SLOTS] = {"a.safetensors", "b.safetensors", "c.safetensors",
                                             "d.safetensors"};
    return names[slot];
}

/* Kind by kind, from a kind drawn: every order is right. */
void destroy_all(world *w) {
    size_t first = below(w, 5);
    for (size_t k = first; k < first + 5; k++) {
        for (size_t i = 0; i < SLOTS; i++) {
            if (k % 5 == 0) NOTE(w, vae_context_destroy)(w->contexts[i]);
            if (k % 5 == 1) NOTE(w, vae_model_destroy)(w->models[i].handle);
            if (k % 5 == 2) NOTE(w, vae_optimizer_destroy)(w->optimizers[i].handle);
            if (k % 5 == 3) NOTE(w, vae_dataset_destroy)(w->datasets[i].handle);
            if (k % 5 == 4) NOTE(w, vae_evaluation_destroy)(w->evaluations[i].handle);
        }
    }
    for (size_t i = 0; i < SLOTS; i++) unlink(file_name(i));
    must(w, w->memory.blocks == 0 && w->memory.bytes == 0, "memory of the host was not given back");
}

static const struct {
    call_fn *call;
    unsigned weight;
} calls[] = {
    {call_context, 6},         {call_context_tell, 3}, {call_information, 2},
    {call_dataset, 12},        {call_dataset_read, 8}, {call_dataset_tell, 4},
    {call_model, 14},          {call_model_save, 2},   {call_model_tell, 6},
    {call_parameter, 6},       {call_metadata, 5},     {call_initialize, 6},
    {call_prior, 5},           {call_optimizer, 12},   {call_optimizer_tell, 3},
    {call_step, 24},           {call_step_rows, 12},   {call_train, 5},
    {call_checkpoint, 3},      {call_inference, 30},   {call_evaluate, 4},
    {call_evaluation_tell, 4},
};

typedef struct errand {
    world *w;
    call_fn *call;
} errand;

static void *run_errand(void *argument) {
    errand *e = argument;
    e->call(e->w);
    return NULL;
}

void random_call(world *w) {
    size_t total = 0, i = 0;
    for (size_t j = 0; j < sizeof calls / sizeof calls[0]; j++) total += calls[j].weight;
    size_t at = below(w, total);
    while (at >= calls[i].weight) at -= calls[i++].weight;
    errand e = {w, calls[i].call};
    pthread_t thread;
    if (one_in(w, 30) && !pthread_create(&thread, NULL, run_errand, &e)) {
        pthread_join(thread, NULL);
    } else {
        run_errand(&e);
    }
}
