/* The texts of optimizer and training loop as structs. Keys, ranges and aliases stand in tables, which
 * docs/text.md explains; printing gives a text that parses to the same options. */
#include "train/options.h"

#include <stddef.h>

#define SETTING(field) offsetof(vae__training_options, optimizer.field)

static vae_status parse_milestones(const vae__slice *value, void *field, void *user) {
    vae__milestones *milestones = field;
    vae__slice rest, item;
    (void)user;
    milestones->count = 0;
    vae_status status = vae__list_open(value, "[1000, 2000]", &rest);
    while (!status && vae__list_next(&rest, &item, NULL)) {
        uint64_t *step = &milestones->steps[milestones->count];
        if (milestones->count == VAE__MOST_MILESTONES)
            return vae__fail_at(&item, "more than %d milestones", VAE__MOST_MILESTONES);
        if (!vae__parse_unsigned(item.text, item.length, step) ||
            (milestones->count && *step <= step[-1])) {
            return vae__fail_at(&item,
                                "milestones: expected whole step numbers in rising order, e.g. "
                                "[1000, 2000]; found '%.*s'",
                                vae__shown(&item), item.text);
        }
        milestones->count++;
    }
    return status;
}

static void print_milestones(vae__buffer *out, const void *field) {
    const vae__milestones *milestones = field;
    vae__append(out, "[");
    for (size_t i = 0; i < milestones->count; i++) {
        vae__append(out, "%s%llu", i ? ", " : "", (unsigned long long)milestones->steps[i]);
    }
    vae__append(out, "]");
}

/* What parsing knows beside the text. */
typedef struct parsing {
    int fresh;        /* from defaults: the rule may be named */
    uint64_t updates; /* made so far */
} parsing;

#define LONGEST 1e15 /* steps */
#define MOST_UPDATES ((uint64_t)1 << 62)

/* A number of updates; "start" is 0, "now" those made. */
static vae_status parse_from(const vae__slice *value, void *field, void *user) {
    const parsing *p = user;
    uint64_t *from = field;
    if (vae__slice_is(value, "start")) {
        *from = 0;
    } else if (vae__slice_is(value, "now")) {
        *from = p->updates;
    } else if (!vae__parse_unsigned(value->text, value->length, from) || *from > MOST_UPDATES) {
        return vae__fail_at(value,
                            "from: expected start, now or a number of updates of at most 2^62, "
                            "found '%.*s'",
                            (int)(value->length > 40 ? 40 : value->length), value->text);
    }
    return VAE_OK;
}

static void print_from(vae__buffer *out, const void *field) {
    vae__append(out, "%llu", (unsigned long long)*(const uint64_t *)field);
}

enum {
    LR,
    BETA1,
    BETA2,
    EPS,
    WEIGHT_DECAY,
    MOMENTUM,
    NESTEROV,
    SCHEDULE,
    STEPS,
    GAMMA,
    MILESTONES,
    FROM,
    WARMUP,
    CLIP_NORM,
    OBJECTIVE,
    SAMPLES,
    BETA,
    BETA_WARMUP,
    FREE_BITS,
    SEED,
    TRAIN,
    EMA,
    KEYS
};

static const char *const train_names[] = {"all", "prior", "network", NULL};

static const vae__option options_table[KEYS + 1] = {
    [LR] = {"lr", VAE__OPTION_REAL, SETTING(learning_rate), .minimum = 0, .maximum = 1e6},
    [BETA1] = {"beta1", VAE__OPTION_REAL, SETTING(beta1), .minimum = 0, .maximum = 0.9999999},
    [BETA2] = {"beta2", VAE__OPTION_REAL, SETTING(beta2), .minimum = 0, .maximum = 0.9999999},
    [EPS] = {"eps", VAE__OPTION_REAL, SETTING(eps), .minimum = 1e-30, .maximum = 1e6},
    [WEIGHT_DECAY] = {"weight_decay", VAE__OPTION_REAL, SETTING(weight_decay), .minimum = 0,
                      .maximum = 1e3},
    [MOMENTUM] = {"momentum", VAE__OPTION_REAL, SETTING(momentum), .minimum = 0,
                  .maximum = 0.9999999},
    [NESTEROV] = {"nesterov", VAE__OPTION_FLAG, SETTING(nesterov), .minimum = 0},
    [SCHEDULE] = {"schedule", VAE__OPTION_CHOICE, SETTING(schedule),
                  .choices = vae__schedule_names},
    [STEPS] = {"steps", VAE__OPTION_UNSIGNED, SETTING(schedule_steps), .minimum = 1,
               .maximum = LONGEST},
    [GAMMA] = {"gamma", VAE__OPTION_REAL, SETTING(gamma), .minimum = 0, .maximum = 1},
    [MILESTONES] = {"milestones", VAE__OPTION_CUSTOM, SETTING(milestones),
                    .parse = parse_milestones, .print = print_milestones},
    [FROM] = {"from", VAE__OPTION_CUSTOM, SETTING(schedule_from), .parse = parse_from,
              .print = print_from},
    [WARMUP] = {"warmup", VAE__OPTION_UNSIGNED, SETTING(warmup), .maximum = LONGEST},
    [CLIP_NORM] = {"clip_norm", VAE__OPTION_REAL, SETTING(clip_norm), .minimum = 0,
                   .maximum = 1e15},
    [OBJECTIVE] = {"objective", VAE__OPTION_CHOICE, offsetof(vae__training_options, objective),
                   .choices = vae__objective_names},
    [SAMPLES] = {"samples", VAE__OPTION_UNSIGNED, offsetof(vae__training_options, samples),
                 .minimum = 1, .maximum = 1 << 20},
    [BETA] = {"beta", VAE__OPTION_REAL, offsetof(vae__training_options, beta), .minimum = 0,
              .maximum = 1e6},
    [BETA_WARMUP] = {"beta_warmup", VAE__OPTION_UNSIGNED,
                     offsetof(vae__training_options, beta_warmup), .maximum = LONGEST},
    [FREE_BITS] = {"free_bits", VAE__OPTION_REAL, offsetof(vae__training_options, free_bits),
                   .minimum = 0, .maximum = 1e6},
    [SEED] = {"seed", VAE__OPTION_UNSIGNED, offsetof(vae__training_options, seed), .minimum = 0},
    [TRAIN] = {"train", VAE__OPTION_CHOICE, offsetof(vae__training_options, train),
               .choices = train_names},
    [EMA] = {"ema", VAE__OPTION_REAL, offsetof(vae__training_options, ema), .minimum = 0,
             .maximum = 0.9999999},
    [KEYS] = {.name = NULL},
};

/* The algorithm's name, the first word. */
static vae_status parse_rule(const vae__slice *word, size_t index, void *into, void *user) {
    vae__training_options *options = into;
    const char *names[8];
    int fresh = ((const parsing *)user)->fresh;
    size_t i = 0;
    for (; vae__rules[i]; i++) {
        names[i] = vae__rules[i]->name;
        if (!vae__slice_is(word, names[i])) continue;
        if (index) return vae__fail_at(word, "the algorithm comes first: '%s lr=...'", names[i]);
        if (!fresh && vae__rules[i] != options->rule) {
            return vae__fail_at(word, "the algorithm cannot change from %s to %s while training",
                                options->rule->name, names[i]);
        }
        options->rule = vae__rules[i];
        return VAE_OK;
    }
    names[i] = NULL;
    return vae__fail_unknown(word, "algorithm", names);
}

#define FIRST_WORD "the algorithm is the first word, without a key, as in 'adam lr=1e-3'"

static const vae__alias aliases[] = {{"learning_rate", "lr", NULL},
                                     {"lrate", "lr", NULL},
                                     {"step_size", "lr", NULL},
                                     {"lr_schedule", "schedule", NULL},
                                     {"lr_scheduler", "schedule", NULL},
                                     {"scheduler", "schedule", NULL},
                                     {"warmup_steps", "warmup", NULL},
                                     {"lr_warmup", "warmup", NULL},
                                     {"epsilon", "eps", NULL},
                                     {"betas", NULL, "give beta1= and beta2="},
                                     {"grad_clip", "clip_norm", NULL},
                                     {"clip", "clip_norm", NULL},
                                     {"max_norm", "clip_norm", NULL},
                                     {"max_grad_norm", "clip_norm", NULL},
                                     {"l2", "weight_decay", NULL},
                                     {"kl_weight", "beta", NULL},
                                     {"kl_beta", "beta", NULL},
                                     {"kl_warmup", "beta_warmup", NULL},
                                     {"kl_annealing", "beta_warmup", NULL},
                                     {"n_samples", "samples", NULL},
                                     {"num_samples", "samples", NULL},
                                     {"random_state", "seed", NULL},
                                     {"loss", "objective", NULL},
                                     {"schedule=multistep", "steps", NULL},
                                     {"optimizer", NULL, FIRST_WORD},
                                     {"algorithm", NULL, FIRST_WORD},
                                     {"method", NULL, FIRST_WORD},
                                     {NULL, NULL, NULL}};

const vae__option_table vae__training_table = {.label = "optimizer",
                                               .what = "option",
                                               .options = options_table,
                                               .bare = parse_rule,
                                               .aliases = aliases};

/* What contradicts what: `key` is where the message points. */
typedef struct contradiction {
    int key, holds;
    const char *why;
} contradiction;

static int first_seen(const unsigned char *seen, int a, int b, int c) {
    return seen[a] ? a : seen[b] ? b : c;
}

static vae_status check_whole(const char *text, const vae__training_options *o,
                              const unsigned char *seen) {
    const vae__optimizer_settings *s = &o->optimizer;
    int sgd = o->rule == &vae__rule_sgd, stepped = s->schedule == VAE__SCHEDULE_STEPS;
    int timed = s->schedule == VAE__SCHEDULE_COSINE || s->schedule == VAE__SCHEDULE_EXPONENTIAL;
    const char *no_beta = vae__objectives[o->objective]->no_beta;
    char beta[200] = "";
    if (no_beta)
        vae__format(beta, sizeof beta,
                    "beta, beta_warmup and free_bits belong to objective=elbo: %s", no_beta);
    const contradiction all[] = {
        {first_seen(seen, BETA1, BETA2, EPS), sgd && (seen[BETA1] || seen[BETA2] || seen[EPS]),
         "beta1, beta2 and eps belong to adam and adamw, not to sgd"},
        {first_seen(seen, MOMENTUM, MOMENTUM, NESTEROV), !sgd && (seen[MOMENTUM] || seen[NESTEROV]),
         "momentum and nesterov belong to sgd; adam has beta1"},
        {first_seen(seen, NESTEROV, NESTEROV, MOMENTUM), s->nesterov && s->momentum <= 0,
         "nesterov=1 needs momentum above 0"},
        {SCHEDULE, timed && !s->schedule_steps,
         "schedule=cosine and schedule=exponential need steps=N"},
        {STEPS, !timed && seen[STEPS],
         "steps=N belongs to schedule=cosine or schedule=exponential"},
        {first_seen(seen, MILESTONES, MILESTONES, SCHEDULE), stepped && !s->milestones.count,
         "schedule=steps needs milestones, e.g. milestones=[1000, 2000]"},
        {MILESTONES, !stepped && seen[MILESTONES], "milestones belong to schedule=steps"},
        {FROM, s->schedule == VAE__SCHEDULE_CONSTANT && seen[FROM],
         "from belongs to schedule=cosine, exponential or steps"},
        {first_seen(seen, BETA, BETA_WARMUP, FREE_BITS),
         no_beta && (o->beta != 1 || o->beta_warmup || o->free_bits > 0), beta},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (!all[i].holds) continue;
        return vae__fail_at_key(&vae__training_table, text, options_table[all[i].key].name, "%s",
                                all[i].why);
    }
    return VAE_OK;
}

static const vae__training_options defaults = {
    .optimizer = {.learning_rate = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .gamma = 0.1},
    .samples = 1,
    .beta = 1,
    .seed = 1,
};

/* Keys that say nothing under the other settings are left out, so that the text parses again. */
static int is_relevant(const vae__training_options *o, int key) {
    int sgd = o->rule == &vae__rule_sgd, schedule = o->optimizer.schedule;
    switch (key) {
    case BETA1:
    case BETA2:
    case EPS: return !sgd;
    case MOMENTUM:
    case NESTEROV: return sgd;
    case STEPS: return schedule == VAE__SCHEDULE_COSINE || schedule == VAE__SCHEDULE_EXPONENTIAL;
    case MILESTONES: return schedule == VAE__SCHEDULE_STEPS;
    case TRAIN: return o->train != VAE__TRAIN_ALL;
    case EMA: return o->ema > 0;
    case FROM: return schedule != VAE__SCHEDULE_CONSTANT && o->optimizer.schedule_from;
    default: return 1;
    }
}

/* So that the printed text says all there is. */
static void forget_irrelevant(vae__training_options *o) {
    if (!is_relevant(o, STEPS)) o->optimizer.schedule_steps = 0;
    if (!is_relevant(o, MILESTONES)) o->optimizer.milestones.count = 0;
    if (!is_relevant(o, FROM)) o->optimizer.schedule_from = 0;
}

vae_status vae__training_options_parse(const char *text, int fresh, uint64_t updates,
                                       vae__training_options *options) {
    parsing p = {fresh, updates};
    unsigned char seen[KEYS] = {0};
    vae__training_options made = fresh ? defaults : *options;
    if (fresh) made.rule = vae__rules[0];
    made.objective = options->objective;
    vae_status status = vae__options_parse(&vae__training_table, text, &made, seen, &p);
    if (!status) status = check_whole(text, &made, seen);
    if (status) return status;
    if (fresh && !seen[WEIGHT_DECAY]) made.optimizer.weight_decay = made.rule->weight_decay;
    forget_irrelevant(&made);
    *options = made;
    return VAE_OK;
}

void vae__training_options_print(const vae__training_options *options, vae__buffer *out) {
    vae__append(out, "%s", options->rule->name);
    for (int key = 0; key < KEYS; key++) {
        if (is_relevant(options, key)) vae__option_print(out, &options_table[key], options);
    }
}

double vae__beta_at(const vae__training_options *options, uint64_t step) {
    if (step > options->beta_warmup) return options->beta;
    return options->beta * (double)(step - 1) / (double)options->beta_warmup;
}

/* ---- vae_train ---- */

static const char *const event_names[] = {"all", "epoch", NULL};

static const vae__option loop_options[] = {
    {"epochs", VAE__OPTION_UNSIGNED, offsetof(vae__loop_options, epochs), .maximum = LONGEST},
    {"patience", VAE__OPTION_UNSIGNED, offsetof(vae__loop_options, patience), .maximum = LONGEST},
    {"min_delta", VAE__OPTION_REAL, offsetof(vae__loop_options, min_delta), .minimum = 0,
     .maximum = 1e15},
    {"restore_best", VAE__OPTION_FLAG, offsetof(vae__loop_options, restore_best), .minimum = 0},
    {"validation_seed", VAE__OPTION_UNSIGNED, offsetof(vae__loop_options, validation_seed),
     .minimum = 0},
    {"events", VAE__OPTION_CHOICE, offsetof(vae__loop_options, events), .choices = event_names},
    {.name = NULL},
};

static const vae__alias loop_aliases[] = {{"n_epochs", "epochs", NULL},
                                          {"num_epochs", "epochs", NULL},
                                          {"max_epochs", "epochs", NULL},
                                          {"epoch", "epochs", NULL},
                                          {"early_stopping", "patience", NULL},
                                          {"early_stopping_patience", "patience", NULL},
                                          {"restore_best_weights", "restore_best", NULL},
                                          {NULL, NULL, NULL}};

const vae__option_table vae__loop_table = {
    .label = "train", .what = "option", .options = loop_options, .aliases = loop_aliases};

vae_status vae__loop_options_parse(const char *text, vae__loop_options *options) {
    *options = (vae__loop_options){.epochs = 1, .validation_seed = 1};
    return vae__options_parse(&vae__loop_table, text, options, NULL, NULL);
}
