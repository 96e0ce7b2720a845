/* The history of a training: columns that grow by an epoch, a CSV file, a picture. Uses vae.h, plot.h and
 * the C library only. */
#include "history.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plot.h"

int history_create(history *out, size_t epochs) {
    *out = (history){.capacity = epochs};
    for (size_t c = 0; c < HISTORY_COLUMNS; c++) {
        out->column[c] = malloc((epochs + !epochs) * sizeof(double));
        if (!out->column[c]) {
            return -1;
        }
    }
    return 0;
}

void history_release(history *record) {
    for (size_t c = 0; c < HISTORY_COLUMNS; c++) {
        free(record->column[c]);
    }
    *record = (history){0};
}

void history_add(history *record, const vae_step_report *train, const vae_step_report *validation,
                 double seconds) {
    if (record->count == record->capacity) {
        return;
    }
    size_t row = record->count++;
    double *epoch = record->column[HISTORY_EPOCH];
    epoch[row] = row ? epoch[row - 1] + 1 : 1;
    record->column[HISTORY_TRAIN_ELBO][row] = train->elbo;
    record->column[HISTORY_TRAIN_RECONSTRUCTION][row] = train->reconstruction;
    record->column[HISTORY_TRAIN_KL][row] = train->kl;
    record->column[HISTORY_HELDOUT_ELBO][row] = validation ? validation->elbo : NAN;
    record->column[HISTORY_HELDOUT_RECONSTRUCTION][row] =
        validation ? validation->reconstruction : NAN;
    record->column[HISTORY_HELDOUT_KL][row] = validation ? validation->kl : NAN;
    record->column[HISTORY_SECONDS][row] = seconds;
}

const char *history_write_csv(const history *record, const char *path) {
    FILE *file = fopen(path, "w");
    if (!file) {
        return strerror(errno);
    }
    fputs("epoch,train_elbo,train_reconstruction,train_kl,"
          "heldout_elbo,heldout_reconstruction,heldout_kl,seconds\n",
          file);
    for (size_t row = 0; row < record->count; row++) {
        fprintf(file, "%.0f", record->column[HISTORY_EPOCH][row]);
        for (size_t c = HISTORY_EPOCH + 1; c < HISTORY_COLUMNS; c++) {
            fprintf(file, c == HISTORY_SECONDS ? ",%.3f" : ",%.6f", record->column[c][row]);
        }
        fputc('\n', file);
    }
    int failed = ferror(file);
    failed = fclose(file) != 0 || failed;
    return failed ? strerror(errno) : NULL;
}

const char *history_plot(const history *record, const char *path, const char *title, double level,
                         const char *level_name) {
    static const char *const titles[] = {"ELBO", "Reconstruction", "KL"};
    const double *epoch = record->column[HISTORY_EPOCH];
    double *middle = malloc((record->count + !record->count) * sizeof *middle);
    plot_series series[3][3];
    plot_panel panels[3];
    if (!middle) return "no memory";
    for (size_t row = 0; row < record->count; row++) middle[row] = epoch[row] - 0.5;
    for (int k = 0; k < 3; k++) {
        const double *train = record->column[HISTORY_TRAIN_ELBO + k];
        const double *heldout = record->column[HISTORY_HELDOUT_ELBO + k];
        series[k][0] = (plot_series){.name = "train, mean of an epoch",
                                     .x = middle,
                                     .y = train,
                                     .n = record->count,
                                     .color = 0};
        series[k][1] = (plot_series){
            .name = "held out, after it", .x = epoch, .y = heldout, .n = record->count, .color = 6};
        series[k][2] = (plot_series){
            .name = level_name, .y = &level, .n = 1, .color = PLOT_BLACK, .mark = PLOT_LEVEL};
        panels[k] = (plot_panel){titles[k],  "epoch",     "nats per row", 230, 230,
                                 PLOT_WHOLE, PLOT_LINEAR, series[k],      2};
    }
    panels[0].count = level_name ? 3 : 2;
    const char *problem = plot_panels(path, title, panels, 3);
    free(middle);
    return problem;
}
