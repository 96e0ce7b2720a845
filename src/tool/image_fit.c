/* Crops an image around its centre and brings it to a size: first along each row that is needed, then down the
 * columns. The weights of a target pixel are the parts of its area that lie in each source pixel, and sum to 1. */
#include "image.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

/* Which source pixels a target pixel is made of. */
typedef struct span {
    size_t first, count;
    float *weights;
} span;

/* A target that reaches from `low` to `high`, in source pixels, one or more wide: the average over it. */
static void find_overlap(double low, double high, size_t source, span *s) {
    double last = ceil(high - 1e-9);
    s->first = low > 0 ? (size_t)(low + 1e-9) : 0;
    s->count = (last < (double)source ? (size_t)last : source) - s->first;
    for (size_t k = 0; k < s->count; k++) {
        double left = (double)(s->first + k), right = left + 1;
        double part = fmin(right, high) - fmax(left, low);
        s->weights[k] = (float)(part / (high - low));
    }
}

/* A target that is narrower than a source pixel: between the two whose centres are nearest to its own. */
static void find_neighbours(double centre, size_t source, span *s) {
    double last = (double)source - 1, at = centre - 0.5;
    at = at < 0 ? 0 : at > last ? last : at;
    s->first = (size_t)at;
    s->weights[1] = (float)(at - floor(at));
    s->weights[0] = 1 - s->weights[1];
    s->count = s->weights[1] > 0 ? 2 : 1;
}

/* The spans of `targets` pixels along one side, the first of which begins at `offset`, each `scale` source pixels wide;
 * in one block with their weights. */
static span *find_spans(size_t source, double offset, double scale, size_t targets) {
    size_t most = (size_t)scale + 3;
    span *spans = text_allocate(targets, sizeof *spans + most * sizeof(float));
    float *weights = (float *)(void *)(spans + targets);
    for (size_t j = 0; j < targets; j++) {
        double low = offset + scale * (double)j;
        spans[j].weights = weights + j * most;
        if (scale >= 1) {
            find_overlap(low, low + scale, source, &spans[j]);
        } else {
            find_neighbours(low + scale / 2, source, &spans[j]);
        }
    }
    return spans;
}

/* Adds `weight` times a row of the source, resized, to line [width, channels]. */
static void add_row(const image *from, size_t row, const span *columns, size_t width, float weight,
                    float *line) {
    const unsigned char *pixels = from->pixels + row * from->width * from->channels;
    for (size_t j = 0; j < width; j++) {
        const unsigned char *at = pixels + columns[j].first * from->channels;
        for (size_t k = 0; k < columns[j].count; k++) {
            float part = weight * columns[j].weights[k];
            for (size_t c = 0; c < from->channels; c++) line[c] += part * at[c];
            at += from->channels;
        }
        line += from->channels;
    }
}

static unsigned char level(float value) {
    return (unsigned char)(value < 0 ? 0 : value > 255 ? 255 : value + 0.5f);
}

/* Grey is the luma of Rec. 601, which is also the Y of a JPEG file. */
static void store(const image *from, const float *line, size_t channels, size_t width, size_t area,
                  unsigned char *pixels) {
    for (size_t j = 0; j < width; j++, line += from->channels) {
        if (channels == 1 && from->channels == 3) {
            pixels[j] = level(0.299f * line[0] + 0.587f * line[1] + 0.114f * line[2]);
            continue;
        }
        for (size_t c = 0; c < channels; c++)
            pixels[c * area + j] = level(line[from->channels == 3 ? c : 0]);
    }
}

void image_fit(const image *from, size_t channels, size_t height, size_t width,
               unsigned char *pixels) {
    double down = (double)from->height / (double)height,
           across = (double)from->width / (double)width;
    double scale = fmin(down, across);
    double top = ((double)from->height - scale * (double)height) / 2;
    double left = ((double)from->width - scale * (double)width) / 2;
    span *rows = find_spans(from->height, top, scale, height);
    span *columns = find_spans(from->width, left, scale, width);
    float *line = text_allocate(width * from->channels, sizeof *line);
    for (size_t i = 0; i < height; i++) {
        memset(line, 0, width * from->channels * sizeof *line);
        for (size_t k = 0; k < rows[i].count; k++)
            add_row(from, rows[i].first + k, columns, width, rows[i].weights[k], line);
        store(from, line, channels, width, height * width, pixels + i * width);
    }
    free(line);
    free(columns);
    free(rows);
}
