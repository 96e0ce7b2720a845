/* The table of epochs and the moving bar. The bar is drawn on terminals only, at most ten times a second;
 * the time it shows is without validation and callbacks. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L /* clock_gettime, isatty */
#endif

#include "progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define BAR_WIDTH 14
#define REDRAW_SECONDS 0.1

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

void progress_begin_bar(progress *state, uint64_t epochs, const vae_dataset *train) {
    uint64_t rows = vae_dataset_size(train), batch = vae_dataset_batch(train);
    *state = (progress){.epochs = epochs, .rows_per_epoch = rows, .to = stdout};
    state->terminal = isatty(STDOUT_FILENO);
    state->steps_per_epoch = batch ? (rows + batch - 1) / batch : 0;
    state->begun = state->resumed = now();
}

void progress_begin(progress *state, uint64_t epochs, const vae_dataset *train) {
    progress_resume(state, stdout, epochs, train, 0, 0);
}

void progress_resume(progress *state, FILE *to, uint64_t epochs, const vae_dataset *train,
                     uint64_t rows, uint64_t steps) {
    progress_begin_bar(state, epochs, train);
    progress_use(state, to);
    state->rows = state->rows_before = rows;
    state->steps = steps;
    state->table = 1;
    fprintf(to, "            train    held-out\n");
    fprintf(to, "  epoch      ELBO        ELBO   reconstruction      KL    rows/s     time\n");
    fflush(to);
}

void progress_use(progress *state, FILE *to) {
    state->to = to;
    state->terminal = isatty(fileno(to));
}

double progress_seconds(const progress *state) {
    return now() - state->begun;
}

double progress_rows_per_second(const progress *state) {
    return state->training_seconds > 0
               ? (double)(state->rows - state->rows_before) / state->training_seconds
               : 0;
}

void progress_end(const progress *state) {
    if (state->terminal) {
        fprintf(state->to, "\r\033[K");
        fflush(state->to);
    }
}

static void fill_bar(char bar[BAR_WIDTH + 1], double done) {
    for (int i = 0; i < BAR_WIDTH; i++) {
        bar[i] = i < (int)(done * BAR_WIDTH + 0.5) ? '=' : ' ';
    }
    bar[BAR_WIDTH] = 0;
}

/* Seconds to go if `done` of `total` took `seconds`. */
static int seconds_left(double done, double total, double seconds) {
    return done > 0 ? (int)(seconds * (total - done) / done) : 0;
}

static void draw_bar(const progress *state, const vae_step_report *train) {
    double total = (double)(state->epochs * state->rows_per_epoch);
    double done = total > 0 ? (double)state->rows / total : 0;
    uint64_t epoch = (state->steps - 1) / state->steps_per_epoch + 1;
    double before = total > 0 ? (double)state->rows_before / total : 0;
    int left = seconds_left(done - before, 1 - before, progress_seconds(state));
    char bar[BAR_WIDTH + 1];
    fill_bar(bar, done);
    fprintf(state->to,
            "\r\033[K  epoch %llu/%llu [%s] step %llu  ELBO %.1f  %.0f rows/s  %d:%02d left",
            (unsigned long long)epoch, (unsigned long long)state->epochs, bar,
            (unsigned long long)state->steps, train->elbo, progress_rows_per_second(state),
            left / 60, left % 60);
    fflush(state->to);
}

int32_t progress_rows(void *user, uint64_t done, uint64_t total) {
    progress *state = user;
    double time = now(), share = total ? (double)done / (double)total : 1;
    if (state->rows_begun == 0) {
        state->rows_begun = time;
        state->rows_first = done;
    }
    if (state->terminal && time - state->drawn >= REDRAW_SECONDS) {
        int left = seconds_left((double)(done - state->rows_first),
                                (double)(total - state->rows_first), time - state->rows_begun);
        char bar[BAR_WIDTH + 1];
        fill_bar(bar, share);
        fprintf(state->to, "\r\033[K  %s [%s] row %llu of %llu  %d:%02d left",
                state->work ? state->work : "evaluation", bar, (unsigned long long)done,
                (unsigned long long)total, left / 60, left % 60);
        fflush(state->to);
        state->drawn = time;
    }
    if (done >= total) state->rows_begun = 0;
    return 0;
}

static void print_epoch(const progress *state, const vae_step_report *train,
                        const vae_step_report *validation) {
    progress_end(state);
    fprintf(state->to, "%7llu %9.2f",
            (unsigned long long)((state->steps - 1) / state->steps_per_epoch + 1), train->elbo);
    if (validation) {
        fprintf(state->to, " %11.2f %16.2f %7.2f", validation->elbo, validation->reconstruction,
                validation->kl);
    } else {
        fprintf(state->to, " %11s %16s %7s", "-", "-", "-");
    }
    fprintf(state->to, " %9.0f %6.1f s\n", progress_rows_per_second(state),
            progress_seconds(state));
    fflush(state->to);
}

int32_t progress_update(void *user, int32_t event, const vae_step_report *train,
                        const vae_step_report *validation) {
    progress *state = user;
    double time = now();
    if (event == VAE_EVENT_STEP) {
        state->training_seconds += time - state->resumed;
        state->rows += train->rows;
        state->steps++;
        if (state->terminal && time - state->drawn >= REDRAW_SECONDS) {
            draw_bar(state, train);
            state->drawn = time;
        }
    } else if (event == VAE_EVENT_EPOCH && state->table) {
        print_epoch(state, train, validation);
    }
    state->resumed = now();
    return 0;
}
