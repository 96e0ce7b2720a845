/* Scores of sensor rows: train on usual rows, keep a threshold, find faults and the column that shows
 * them, and follow a slow change while rows come in.
 *
 *     anomaly_score
 *
 * Writes sensors.csv (3000 rows of a pump, some with gaps), faults.csv (1200 rows with three kinds of
 * faults in known places) and sensors.safetensors (model and threshold) into the current folder. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vae.h>

/* ---- The pump: eight sensors, driven by its load, a valve and the air around it ---- */

enum { COLUMNS = 8, TRAIN = 3000, TEST = 1200, SEASON = 4000 };
enum { RPM, FLOW, PRESSURE, CURRENT, MOTOR_TEMP, BEARING_TEMP, OIL_TEMP, VIBRATION };
static const char *const names[COLUMNS] = {"rpm",        "flow",         "pressure", "current",
                                           "motor_temp", "bearing_temp", "oil_temp", "vibration"};

typedef struct pump {
    unsigned state; /* of the noise */
    double load, valve, air;
} pump;

static double uniform(pump *p) {
    p->state = p->state * 1664525u + 1013904223u;
    return ((p->state >> 8) + 0.5) / (1 << 24);
}

static double normal(pump *p) {
    double radius = sqrt(-2 * log(uniform(p)));
    return radius * cos(6.283185307179586 * uniform(p));
}

/* The next row. `season` is how many degrees the air is warmer than when the pump was installed. */
static void next_row(pump *p, double season, float row[COLUMNS]) {
    p->load = 0.7 * p->load + 0.3 * uniform(p);
    p->valve = 0.7 * p->valve + 0.3 * uniform(p);
    p->air = 0.8 * p->air + 0.2 * (10 + 20 * uniform(p));
    double air = p->air + season, rpm = 1000 + 900 * p->load + 6 * normal(p);
    double flow = 0.03 * rpm * (0.4 + p->valve) + 0.3 * normal(p);
    double pressure = 1e-6 * rpm * rpm * (1.6 - p->valve) + 0.05 * normal(p);
    double current = 2 + 0.12 * flow * pressure + 0.2 * normal(p);
    row[RPM] = (float)rpm;
    row[FLOW] = (float)flow;
    row[PRESSURE] = (float)pressure;
    row[CURRENT] = (float)current;
    row[MOTOR_TEMP] = (float)(air + 2.5 * current + 0.4 * normal(p));
    row[BEARING_TEMP] = (float)(air + 0.02 * rpm + 0.4 * normal(p));
    row[OIL_TEMP] = (float)(air + 10 + 15 * p->load + 0.4 * normal(p));
    row[VIBRATION] = (float)(0.5 + 1e-6 * rpm * rpm + 0.05 * normal(p));
}

/* ---- The files ---- */

enum { USUAL, SPIKE, DRIFT, BROKEN, KINDS };
static const char *const kinds[KINDS] = {"none", "spike", "drift", "broken relation"};

static int fault_of(int row) {
    if (row % 60 == 30) return SPIKE;
    if (row >= 400 && row < 520) return DRIFT;
    return row >= 800 && row < 860 ? BROKEN : USUAL;
}

/* The sensor at fault. */
static int sensor_of(int row) {
    int fault = fault_of(row);
    return fault == DRIFT ? BEARING_TEMP : fault == BROKEN ? FLOW : row / 60 % COLUMNS;
}

/* One sensor jumps; the bearing warms by 0.1 degrees a row; the flow meter repeats a row of long ago,
 * which is within its range but does not fit the other sensors. */
static void spoil(int row, float x[COLUMNS], const float old[COLUMNS]) {
    static const float jumps[COLUMNS] = {90, 5, 0.6f, 3, 6, 6, 6, 0.6f};
    int fault = fault_of(row), sensor = sensor_of(row);
    if (fault == SPIKE) x[sensor] += row % 120 < 60 ? jumps[sensor] : -jumps[sensor];
    if (fault == DRIFT) x[BEARING_TEMP] += 0.1f * (float)(row - 400);
    if (fault == BROKEN) x[FLOW] = old[FLOW];
}

/* A gap in every 40th row or so; `faults` adds a column that says what is wrong with a row. */
static int write_csv(const char *path, pump *p, int rows, int faults) {
    static float x[TRAIN][COLUMNS];
    FILE *file = fopen(path, "w");
    if (!file) return -1;
    for (int j = 0; j < COLUMNS; j++) fprintf(file, "%s%s", j ? "," : "", names[j]);
    fprintf(file, "%s\n", faults ? ",fault" : "");
    for (int i = 0; i < rows; i++) {
        next_row(p, 0, x[i]);
        if (faults) spoil(i, x[i], x[i < 600 ? 0 : i - 600]);
        for (int j = 0; j < COLUMNS; j++) {
            if (j) fputc(',', file);
            if (faults || uniform(p) > 0.003) fprintf(file, "%.7g", (double)x[i][j]);
        }
        if (faults) fprintf(file, ",%d", fault_of(i));
        fputc('\n', file);
    }
    return fclose(file);
}

/* ---- Scores ---- */

typedef struct monitor {
    vae_context *context;
    vae_model *model;
    double threshold;
    double usual[COLUMNS]; /* mean nats of each column in held-out rows */
} monitor;

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The score that one held-out row in 200 exceeds goes into the model, as text. */
static int set_threshold(monitor *m, const vae_dataset *held_out) {
    static float x[TRAIN * COLUMNS];
    static double score[TRAIN], by_value[TRAIN * COLUMNS];
    char text[32];
    size_t n = vae_dataset_size(held_out);
    if (vae_dataset_read(held_out, 0, n, x, COLUMNS) ||
        vae_score(m->model, x, n, COLUMNS, NULL, score, by_value))
        return -1;
    for (size_t i = 0; i < n * COLUMNS; i++) m->usual[i % COLUMNS] += by_value[i] / (double)n;
    qsort(score, n, sizeof *score, compare);
    m->threshold = score[(size_t)(0.995 * (double)(n - 1))];
    snprintf(text, sizeof text, "%.17g", m->threshold);
    printf("threshold %.2f nats, of %d held-out rows\n", m->threshold, (int)n);
    return vae_model_set_metadata(m->model, "score.threshold", text);
}

static int train(monitor *m) {
    vae_dataset *rows = NULL, *held_out = NULL;
    vae_optimizer *optimizer = NULL;
    const char *spec = "input=8 latent=3 likelihood=gaussian sigma=per_dim standardize=1 "
                       "encoder=[dense 64, tanh] decoder=[dense 64, tanh]";
    int failed =
        vae_dataset_open(m->context, "sensors.csv", "batch=64 missing=skip split=train:0.7",
                         &rows) ||
        vae_dataset_open(m->context, "sensors.csv", "missing=skip split=test:0.7", &held_out) ||
        vae_model_create(m->context, spec, &m->model) || vae_model_initialize(m->model, rows) ||
        vae_optimizer_create(m->model, "adam lr=3e-3 schedule=cosine steps=6600", &optimizer) ||
        vae_train(m->model, optimizer, rows, NULL, "epochs=200", NULL, NULL) ||
        set_threshold(m, held_out) || vae_model_save(m->model, "sensors.safetensors");
    vae_optimizer_destroy(optimizer);
    vae_dataset_destroy(held_out);
    vae_dataset_destroy(rows);
    return failed;
}

/* The column with the most nats above what it usually has. A density depends on the column's unit, so
 * nats of two columns are compared by their rise, not as they are. */
static int driver(const monitor *m, const double by_value[COLUMNS]) {
    int most = 0;
    for (int j = 1; j < COLUMNS; j++) {
        if (by_value[j] - m->usual[j] > by_value[most] - m->usual[most]) most = j;
    }
    return most;
}

static int find_faults(const monitor *m) {
    static float x[TEST * COLUMNS];
    static double score[TEST], by_value[TEST * COLUMNS], fault[TEST];
    int rows[KINDS] = {0}, alarms[KINDS] = {0}, named[KINDS] = {0};
    vae_dataset *data = NULL;
    int failed = vae_dataset_open(m->context, "faults.csv", "labels=column:fault", &data) ||
                 vae_dataset_read(data, 0, TEST, x, COLUMNS) ||
                 vae_dataset_read_labels(data, 0, TEST, fault, 1) ||
                 vae_score(m->model, x, TEST, COLUMNS, NULL, score, by_value);
    for (int i = 0; !failed && i < TEST; i++) {
        const double *nats = by_value + i * COLUMNS;
        int kind = (int)fault[i], most = driver(m, nats);
        rows[kind]++;
        if (score[i] <= m->threshold) continue;
        named[kind] += most == sensor_of(i);
        if (alarms[kind]++ < 4) {
            printf("row %4d  score %6.1f  %-12s %+6.1f nats  (%s)\n", i, score[i],
                   vae_dataset_column_name(data, (size_t)most), nats[most] - m->usual[most],
                   kinds[kind]);
        }
    }
    printf("\nfault            rows  alarms  column named\n");
    for (int k = 0; !failed && k < KINDS; k++)
        printf("%-15s %5d  %6d  %12d\n", kinds[k], rows[k], alarms[k], k ? named[k] : 0);
    vae_dataset_destroy(data);
    return failed;
}

/* ---- While rows come in ---- */

/* Each row that raises no alarm joins the last 64 of them, and one small step is made on these. */
static int follow_season(const monitor *m, pump *p) {
    enum { RECENT = 64 };
    float recent[RECENT * COLUMNS], row[COLUMNS];
    int taken = 0, alarms = 0, alarms_frozen = 0;
    vae_model *follower = NULL;
    vae_optimizer *optimizer = NULL;
    int failed = vae_model_clone(m->model, &follower) ||
                 vae_optimizer_create(follower, "adam lr=5e-4", &optimizer);
    for (int i = 0; !failed && i < SEASON; i++) {
        double score, frozen;
        next_row(p, 12.0 * i / SEASON, row);
        failed = vae_score(m->model, row, 1, COLUMNS, NULL, &frozen, NULL) ||
                 vae_score(follower, row, 1, COLUMNS, NULL, &score, NULL);
        if (failed) break;
        alarms += score > m->threshold;
        alarms_frozen += frozen > m->threshold;
        if (score > m->threshold) continue;
        memcpy(&recent[taken % RECENT * COLUMNS], row, sizeof row);
        if (++taken >= RECENT)
            failed = vae_step_rows(follower, optimizer, recent, RECENT, COLUMNS, NULL);
    }
    printf("\nseason: %d usual rows, 12 degrees warmer in the end; false alarms %d, "
           "%d without learning\n",
           SEASON, alarms, alarms_frozen);
    vae_optimizer_destroy(optimizer);
    vae_model_destroy(follower);
    return failed;
}

int main(void) {
    monitor m = {0};
    pump p = {1, 0.5, 0.5, 20};
    int failed = write_csv("sensors.csv", &p, TRAIN, 0) || write_csv("faults.csv", &p, TEST, 1);
    if (failed) {
        perror("anomaly_score");
        return 1;
    }
    failed = vae_context_create("threads=1", &m.context) || train(&m) || find_faults(&m) ||
             follow_season(&m, &p);
    if (failed) fprintf(stderr, "anomaly_score: %s\n", vae_last_error());
    vae_model_destroy(m.model);
    vae_context_destroy(m.context);
    return failed;
}
