/* Draws what a model has learned: samples, reconstructions, the latent plane. */
#include "pictures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "plot.h"
#include "text.h"

int pictures_check(const tool_call *call) {
    plot_grid none = {0};
    if (plot_available()) return TOOL_DONE;
    return command_failed(call, "%s", plot_images("", NULL, NULL, &none));
}

int pictures_file(const tool_call *call, const char *folder, const char *name, pictures_fn draw,
                  const void *what, text *written) {
    text path = {0};
    output out;
    text_append(&path, "%s/%s", folder, name);
    int status = output_open(call, &out, path.text);
    if (!status) {
        const char *problem = draw(what, out.temporary ? out.temporary : path.text);
        if (problem) status = command_failed(call, "%s: %s", path.text, problem);
        if (!status) {
            status = output_commit(&out);
        } else {
            output_abandon(&out);
        }
    }
    if (!status && written) text_append(written, " %s", name);
    text_free(&path);
    return status;
}

static const char *problem_of(vae_status status) {
    return status ? vae_last_error() : NULL;
}

/* ---- images ---- */

static const char *draw_samples(const void *what, const char *path) {
    const subject *s = what;
    const plot_grid grid = {.rows = 10,
                            .columns = 10,
                            .channels = s->channels,
                            .height = s->height,
                            .width = s->breadth};
    float *x = text_allocate(grid.rows * grid.columns * s->width, sizeof *x);
    int is_diffusion = subject_is_diffusion(s);
    const char *problem =
        problem_of(vae_generate(s->model, 100, 1, is_diffusion ? "sampler=ddim steps=50" : NULL,
                                NULL, NULL, NULL, x, NULL));
    if (!problem)
        problem = plot_images(
            path, is_diffusion ? "Samples, 50 steps of ddim" : "Samples: E[x|z], z ~ p(z)", x,
            &grid);
    free(x);
    return problem;
}

enum { BANDS = 3, BAND_COLUMNS = 12 };

/* The first rows of the data, each above its reconstruction. */
static const char *draw_reconstructions(const void *what, const char *path) {
    static const char *const names[] = {"input", "output"};
    const subject *s = what;
    const plot_grid grid = {.rows = 2 * BANDS,
                            .columns = BAND_COLUMNS,
                            .channels = s->channels,
                            .height = s->height,
                            .width = s->breadth,
                            .band = 2,
                            .row_names = names};
    size_t row = BAND_COLUMNS * s->width, n = vae_dataset_size(s->data), count;
    float *x = text_allocate(2 * BANDS * row, sizeof *x), *to = x;
    const char *problem = NULL;
    for (size_t first = 0; !problem && first < n && first < BANDS * BAND_COLUMNS; first += count) {
        count = n - first < BAND_COLUMNS ? n - first : BAND_COLUMNS;
        problem = problem_of(vae_dataset_read(s->data, first, count, to, s->width));
        if (!problem)
            problem = problem_of(vae_reconstruct(s->model, to, count, s->width, to + row));
        to += 2 * row;
    }
    if (!problem) problem = plot_images(path, "Rows and their reconstructions", x, &grid);
    free(x);
    return problem;
}

/* ---- the latent plane ---- */

enum { MOST_POINTS = 2500, MOST_CLASSES = PLOT_COLORS }; /* more points hide each other */

typedef struct plane {
    size_t n, latent, across, up; /* up == latent: the row's number is drawn upwards */
    float *mean;                  /* [n, latent] */
    double *variance;             /* [latent], of the means */
    double *label;                /* [n]; NULL without labels */
    double classes[MOST_CLASSES]; /* values that a label has */
    size_t class_count;           /* 0: no labels, or too many */
} plane;

static const char *encode_points(const subject *s, plane *to) {
    float *x = text_allocate(to->n * s->width, sizeof *x);
    const char *problem = problem_of(vae_dataset_read(s->data, 0, to->n, x, s->width));
    if (!problem) problem = problem_of(vae_encode(s->model, x, to->n, s->width, to->mean, NULL));
    free(x);
    return problem;
}

static void measure_latents(plane *to) {
    for (size_t j = 0; j < to->latent; j++) {
        double mean = 0, squares = 0;
        for (size_t i = 0; i < to->n; i++) {
            double before = to->mean[i * to->latent + j] - mean;
            mean += before / (double)(i + 1);
            squares += before * (to->mean[i * to->latent + j] - mean);
        }
        to->variance[j] = squares / (double)to->n;
    }
}

/* The latent with the largest variance but `except`; `latent` where there is no other. */
static size_t widest(const plane *p, size_t except) {
    size_t best = p->latent;
    for (size_t j = 0; j < p->latent; j++) {
        if (j != except && (best == p->latent || p->variance[j] > p->variance[best])) best = j;
    }
    return best;
}

/* The first label of each row, and the values that it has if they are few. */
static const char *read_classes(const subject *s, plane *to) {
    size_t width = vae_dataset_label_width(s->data);
    if (!width) return NULL;
    double *all = text_allocate(to->n * width, sizeof *all);
    const char *problem = problem_of(vae_dataset_read_labels(s->data, 0, to->n, all, width));
    to->label = text_allocate(to->n, sizeof *to->label);
    for (size_t i = 0; !problem && i < to->n && to->class_count <= MOST_CLASSES; i++) {
        size_t k = 0;
        to->label[i] = all[i * width];
        while (k < to->class_count && to->classes[k] != to->label[i]) k++;
        if (k < to->class_count) continue;
        if (k < MOST_CLASSES) to->classes[k] = to->label[i];
        to->class_count++;
    }
    if (to->class_count > MOST_CLASSES) to->class_count = 0;
    free(all);
    return problem;
}

static void label_axis(const plane *p, size_t j, text *label) {
    if (j == p->latent) {
        text_append(label, "row");
    } else {
        text_append(label, "mean of z%zu, variance %.2f", j, p->variance[j]);
    }
}

static int compare(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* One series a class, or one of all points. */
static size_t fill_series(plane *p, double *xs, double *ys, plot_series *series, text *names) {
    size_t filled = 0, count = p->class_count ? p->class_count : 1;
    qsort(p->classes, p->class_count, sizeof *p->classes, compare);
    for (size_t k = 0; k < count; k++) {
        size_t begin = filled;
        for (size_t i = 0; i < p->n; i++) {
            if (p->class_count && p->label[i] != p->classes[k]) continue;
            xs[filled] = p->mean[i * p->latent + p->across];
            ys[filled++] = p->up < p->latent ? (double)p->mean[i * p->latent + p->up] : (double)i;
        }
        if (p->class_count) text_append(names + k, "label %g", p->classes[k]);
        series[k] = (plot_series){.name = names[k].text,
                                  .x = xs + begin,
                                  .y = ys + begin,
                                  .n = filled - begin,
                                  .color = (int)k,
                                  .mark = PLOT_POINTS};
    }
    return count;
}

static const char *draw_plane(plane *p, const char *path) {
    plot_series series[MOST_CLASSES];
    text names[MOST_CLASSES] = {{0}}, title = {0}, x_label = {0}, y_label = {0};
    double *points = text_allocate(2 * p->n, sizeof *points);
    label_axis(p, p->across, &x_label);
    label_axis(p, p->up, &y_label);
    text_append(&title, "Posterior means of %zu rows, the widest latents", p->n);
    plot_panel panel = {.x_label = x_label.text,
                        .y_label = y_label.text,
                        .width = 480,
                        .height = 480,
                        .series = series};
    panel.count = fill_series(p, points, points + p->n, series, names);
    const char *problem = plot_panels(path, title.text, &panel, 1);
    for (size_t k = 0; k < MOST_CLASSES; k++) text_free(names + k);
    text_free(&title);
    text_free(&x_label);
    text_free(&y_label);
    free(points);
    return problem;
}

static const char *draw_latent(const void *what, const char *path) {
    const subject *s = what;
    size_t rows = vae_dataset_size(s->data);
    plane p = {.n = rows < MOST_POINTS ? rows : MOST_POINTS, .latent = s->latent};
    p.mean = text_allocate(p.n * p.latent, sizeof *p.mean);
    p.variance = text_allocate(p.latent, sizeof *p.variance);
    const char *problem = encode_points(s, &p);
    if (!problem) problem = read_classes(s, &p);
    if (!problem) {
        measure_latents(&p);
        p.across = widest(&p, p.latent);
        p.up = widest(&p, p.across);
        problem = draw_plane(&p, path);
    }
    free(p.label);
    free(p.variance);
    free(p.mean);
    return problem;
}

int pictures_draw(const subject *s, const char *folder, text *written) {
    int is_image = s->height > 0, status = TOOL_DONE;
    if (is_image) status = pictures_file(s->call, folder, "samples.png", draw_samples, s, written);
    if (!status && is_image && s->data)
        status =
            pictures_file(s->call, folder, "reconstructions.png", draw_reconstructions, s, written);
    if (!status && s->data && !subject_is_diffusion(s)) /* whose latents are noise */
        status = pictures_file(s->call, folder, "latent.png", draw_latent, s, written);
    return status;
}
