/* How well scores tell unusual rows from usual ones: vae_score beside vae_log_likelihood, as the area
 * under the ROC curve (the probability that an unusual row has the higher score: 0.5 is chance).
 *
 *     anomaly_auc [folder of the data, tests/data] [repeats, 5]
 *
 * Trains on two thirds of the usual rows only; the others and the unusual rows are scored. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vae.h>

enum { SCORES = 3, MOST_ROWS = 1800, MOST_WIDTH = 64 };
static const char *const score_names[SCORES] = {"at=mean", "samples=64", "log p(x), 500"};

typedef struct subject {
    const char *name, *file, *labels, *options; /* labels: a column, or a file */
    int first, last;                            /* labels that are unusual in turn */
    const char *spec, *training, *optimizer;
} subject;

static const subject subjects[] = {
    {"breast_cancer, malignant", "breast_cancer.csv", "column:malignant", "", 1, 1,
     "input=30 latent=6 likelihood=gaussian sigma=per_dim sigma_min=0.1 standardize=1 "
     "encoder=[dense 64, tanh] decoder=[dense 64, tanh]",
     "epochs=200", "adam lr=1e-3"},
    {"digits, each digit in turn", "digits.npy", "digits_labels.npy", "scale=unit", 0, 9,
     "input=64 latent=8 likelihood=gaussian sigma=per_dim sigma_min=0.1 "
     "encoder=[dense 128, relu] decoder=[dense 128, relu]",
     "epochs=100", "adam lr=1e-3"},
};

/* The rows of a subject in memory, usual ones that are trained on apart from those that are scored. */
typedef struct parts {
    float train[MOST_ROWS * MOST_WIDTH], test[MOST_ROWS * MOST_WIDTH];
    int unusual[MOST_ROWS]; /* of the rows of test */
    size_t trained, tested, width;
} parts;

/* Every third usual row is held out. */
static int divide(const vae_dataset *data, int label, parts *to) {
    static float x[MOST_ROWS * MOST_WIDTH];
    static double labels[MOST_ROWS];
    size_t n = vae_dataset_size(data), width = vae_dataset_width(data), usual = 0;
    if (vae_dataset_read(data, 0, n, x, width) || vae_dataset_read_labels(data, 0, n, labels, 1))
        return -1;
    to->trained = to->tested = 0;
    to->width = width;
    for (size_t i = 0; i < n; i++) {
        int unusual = (int)labels[i] == label, held_out = unusual || usual++ % 3 == 2;
        float *row = held_out ? to->test + to->tested * width : to->train + to->trained * width;
        memcpy(row, x + i * width, width * sizeof *row);
        if (held_out) to->unusual[to->tested++] = unusual;
        if (!held_out) to->trained++;
    }
    return 0;
}

static double area(const double *score, const int *unusual, size_t n) {
    double above = 0, pairs = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; unusual[i] && j < n; j++) {
            if (unusual[j]) continue;
            above += score[i] > score[j] ? 1 : score[i] == score[j] ? 0.5 : 0;
            pairs++;
        }
    }
    return above / pairs;
}

static int evaluate(vae_context *context, const subject *s, const parts *p, int seed,
                    double areas[SCORES]) {
    static double score[MOST_ROWS];
    char spec[300], optimizer_options[100];
    vae_dataset *rows = NULL;
    vae_model *model = NULL;
    vae_optimizer *optimizer = NULL;
    snprintf(spec, sizeof spec, "%s seed=%d", s->spec, seed);
    snprintf(optimizer_options, sizeof optimizer_options, "%s seed=%d", s->optimizer, seed);
    int failed = vae_dataset_from_memory(context, p->train, p->trained, p->width, "batch=64 copy=0",
                                         &rows) ||
                 vae_model_create(context, spec, &model) || vae_model_initialize(model, rows) ||
                 vae_optimizer_create(model, optimizer_options, &optimizer) ||
                 vae_train(model, optimizer, rows, NULL, s->training, NULL, NULL);
    for (int k = 0; !failed && k < SCORES; k++) {
        failed = k < 2 ? vae_score(model, p->test, p->tested, p->width, score_names[k], score, NULL)
                       : vae_log_likelihood(model, p->test, p->tested, p->width, "samples=500",
                                            score, NULL, NULL);
        for (size_t i = 0; k == 2 && i < p->tested; i++) score[i] = -score[i];
        areas[k] = area(score, p->unusual, p->tested);
    }
    vae_optimizer_destroy(optimizer);
    vae_model_destroy(model);
    vae_dataset_destroy(rows);
    return failed;
}

static int run(vae_context *context, const subject *s, const char *folder, int repeats) {
    static parts p;
    char path[500], options[600];
    double areas[SCORES], sum[SCORES] = {0}, least[SCORES] = {1, 1, 1}, most[SCORES] = {0};
    vae_dataset *data = NULL;
    int runs = 0, column = !strncmp(s->labels, "column:", 7);
    snprintf(path, sizeof path, "%s/%s", folder, s->file);
    snprintf(options, sizeof options, "%s labels=\"%s%s%s\"", s->options, column ? "" : folder,
             column ? "" : "/", s->labels);
    int failed = vae_dataset_open(context, path, options, &data);
    for (int label = s->first; !failed && label <= s->last; label++) {
        failed = divide(data, label, &p);
        for (int seed = 1; !failed && seed <= repeats; seed++, runs++) {
            failed = evaluate(context, s, &p, seed, areas);
            for (int k = 0; k < SCORES; k++) {
                sum[k] += areas[k];
                if (areas[k] < least[k]) least[k] = areas[k];
                if (areas[k] > most[k]) most[k] = areas[k];
            }
        }
    }
    for (int k = 0; !failed && k < SCORES; k++)
        printf("%-28s %-15s %.3f  (%.3f .. %.3f, %d runs)\n", k ? "" : s->name, score_names[k],
               sum[k] / runs, least[k], most[k], runs);
    vae_dataset_destroy(data);
    return failed;
}

int main(int argc, char **argv) {
    vae_context *context = NULL;
    const char *folder = argc > 1 ? argv[1] : "tests/data";
    int repeats = argc > 2 ? atoi(argv[2]) : 5;
    int failed = vae_context_create("threads=1", &context);
    for (size_t i = 0; !failed && i < sizeof subjects / sizeof subjects[0]; i++)
        failed = run(context, &subjects[i], folder, repeats < 1 ? 1 : repeats);
    if (failed) fprintf(stderr, "anomaly_auc: %s\n", vae_last_error());
    vae_context_destroy(context);
    return failed;
}
