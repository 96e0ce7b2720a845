/* A host that calls the public functions at random: handles in slots, a generator, a host allocator that
 * now and then refuses, and a digest of everything that came back. One round makes everything anew and
 * destroys it, so a round is a function of its seed. */
#ifndef TESTS_PROPERTY_WORLD_H
#define TESTS_PROPERTY_WORLD_H

#include <stdint.h>

#include "support/cmocka.h"
#include "support/checks.h"

enum {
    SLOTS = 4,          /* of each kind of handle, and files */
    NARROW = 12,        /* width of most models and data sets: three groups of four */
    WIDE = 1024,        /* of sprites */
    MOST_ROWS = 300,    /* given to one call */
    MOST_OUTPUTS = 6,   /* buffers that one call writes */
    MOST_FUNCTIONS = 80 /* counted by name */
};

/* What a status may be, as a set. */
#define ONE(status) (1u << (16 + (status)))
#define OK ONE(VAE_OK)
#define BECAUSE(condition, status) ((condition) ? ONE(status) : 0u)

typedef enum rows_kind { GOOD, HALF, BAD } rows_kind; /* 0 and 1 one-hot; 0.5 somewhere; NaN too */

typedef struct model_slot {
    vae_model *handle;
    uint64_t identity, digest; /* digest of its file, 0: not known */
    size_t width, latent;
    /* What decides whether it may be initialised, and trained. */
    int initialized, trained, set_by_hand, standardized, has_scaling;
} model_slot;

typedef struct optimizer_slot {
    vae_optimizer *handle;
    uint64_t model; /* identity */
} optimizer_slot;

typedef struct dataset_slot {
    vae_dataset *handle;
    size_t width, labels;
    rows_kind kind;
} dataset_slot;

typedef struct evaluation_slot {
    vae_evaluation *handle;
    size_t latent;
} evaluation_slot;

typedef enum file_kind { NO_FILE, MODEL_FILE, CHECKPOINT_FILE, DAMAGED_FILE } file_kind;

typedef struct output {
    void *values;
    size_t bytes;
    int is_double;
} output;

typedef struct function_count {
    const char *name;
    uint64_t calls;
} function_count;

/* What outlives a round. */
typedef struct tally {
    function_count functions[MOST_FUNCTIONS];
    size_t function_count;
    uint64_t calls, failures, refusals; /* refusals: calls in which the allocator refused */
} tally;

typedef struct world {
    uint64_t seed, round, state, digest, identities, call;
    int limited; /* a context of this round had a memory_limit: VAE_ERROR_LIMIT may be the answer */
    int shifts;  /* a data set of this round had a shift: a model may record it and refuse others */
    int replaced; /* a prior of this round was replaced: an optimizer may not fit its model any more */
    int wild;     /* absurd parameters or rates were set: a step may be refused as diverging */
    host_allocator memory;
    vae_context *contexts[SLOTS];
    model_slot models[SLOTS];
    optimizer_slot optimizers[SLOTS];
    dataset_slot datasets[SLOTS];
    evaluation_slot evaluations[SLOTS];
    file_kind files[SLOTS];
    output outputs[MOST_OUTPUTS];
    size_t output_count;
    const char *function; /* the call under way */
    tally *tally;
} world;

/* Rows that models can be given, [MOST_ROWS, WIDE] at most, made once; constant afterwards. */
void make_rows(void);
const float *rows_of(rows_kind kind, size_t width);
const double *double_rows(void);      /* [MOST_ROWS, NARROW], GOOD */
const unsigned char *byte_rows(void); /* the same, 255 for 1 */

/* ---- the generator ---- */

uint64_t draw(world *w);
size_t below(world *w, size_t n); /* uniform in 0 .. n - 1 */
int one_in(world *w, size_t n);   /* true once in n times */
const char *pick(world *w, const char *const *list, size_t count);
#define PICK(w, list) pick((w), (list), sizeof(list) / sizeof(list)[0])
size_t draw_rows(world *w);    /* how many rows to give: mostly few */
rows_kind draw_kind(world *w); /* mostly GOOD */

/* A slot, filled rather than empty. */
model_slot *a_model(world *w);
optimizer_slot *an_optimizer(world *w);
dataset_slot *a_dataset(world *w);
evaluation_slot *an_evaluation(world *w);

/* Whether a model may have recorded a shift, so that VAE_ERROR_MISMATCH may be the answer. */
int may_record(const world *w, const model_slot *m);

/* ---- calls ---- */

/* CALL(w, expected, vae_encode, model, ...): the call, counted; its status must be in `expected`, or be
 * VAE_ERROR_MEMORY where the allocator refused, or VAE_ERROR_LIMIT where there is a limit. A failure must
 * have a message. Outputs are checked, digested if it succeeded, and freed. */
#define CALL(w, expected, function, ...) \
    (before_call((w), #function), after_call((w), function(__VA_ARGS__), (expected)))

/* NOTE(w, vae_model_width)(model): the same for functions without a status. */
#define NOTE(w, function) (note_call((w), #function), function)

void note_call(world *w, const char *function);
void before_call(world *w, const char *function);
vae_status after_call(world *w, vae_status status, unsigned expected);

/* Buffers for the call's outputs, with a guard behind them. */
float *floats(world *w, size_t count);
double *doubles(world *w, size_t count);

/* Ends the process, naming seed and call, unless `holds`. */
void must(world *w, int holds, const char *what);

void digest_bytes(world *w, const void *bytes, size_t size);
void digest_text(world *w, const char *text);
void digest_number(world *w, uint64_t number);

/* A digest of a model's file; 0 where it could not be had. */
uint64_t model_digest(world *w, const vae_model *model);

/* After a call that may change the model: on a refusal it must be as it was. */
void settle_model(world *w, model_slot *m, int changed);

/* ---- the life of a round ---- */

void destroy_all(world *w);

/* One of the functions below, drawn by weight; now and then on a thread of its own. */
void random_call(world *w);

typedef void call_fn(world *w);
call_fn call_context, call_context_tell, call_information;  /* calls_base.c */
call_fn call_dataset, call_dataset_read, call_dataset_tell; /* calls_data.c */
call_fn call_model, call_model_save, call_model_tell, call_parameter, call_metadata,
    call_initialize, call_prior;
call_fn call_optimizer, call_optimizer_tell, call_step, call_step_rows, call_train, call_checkpoint;
call_fn call_inference, call_evaluate, call_evaluation_tell;

/* The name of file `slot` of this round, in the current folder. */
const char *file_name(size_t slot);

#endif
