/* Small pictures with cairo: line and scatter plots side by side, and grids of images. PNG,
 * white background. Each drawing function returns NULL, or what went wrong. */
#ifndef PLOT_H
#define PLOT_H

#include <stddef.h>

#define PLOT_COLORS 10 /* the palette's size; colours are numbered from 0 */
#define PLOT_BLACK (-1)

/* 0 in a build without cairo: then every function that draws says so. */
int plot_available(void);

typedef enum plot_mark {
    PLOT_LINE,
    PLOT_DASHES, /* a dashed line without dots */
    PLOT_LEVEL,  /* a dashed line at y[0], all across; x may be NULL */
    PLOT_BAND,   /* the area from y up to high, below all else */
    PLOT_POINTS
} plot_mark;

typedef struct plot_series {
    const char *name; /* in the legend; NULL leaves it out */
    const double *x, *y, *high;
    size_t n;
    int color;
    plot_mark mark;
} plot_series;

typedef enum plot_scale {
    PLOT_LINEAR,
    PLOT_WHOLE, /* ticks at whole numbers only, for counts such as epochs */
    PLOT_LOG    /* ticks at powers of ten; values that are not positive are left out */
} plot_scale;

typedef struct plot_panel {
    const char *title, *x_label, *y_label; /* each may be NULL */
    double width, height;                  /* of the area inside the axes, in points */
    plot_scale x_scale, y_scale;
    const plot_series *series;
    size_t count;
} plot_panel;

/* Panels from left to right, and the legend of the panel with the most series. */
const char *plot_panels(const char *path, const char *title, const plot_panel *panels,
                        size_t count);

typedef struct plot_grid {
    size_t rows, columns; /* of images */
    size_t height, width; /* of one image, in pixels */
    size_t channels;      /* 3: red, green and blue; else grey */
    size_t band;          /* rows that belong together; a wider gap follows them; 0: no bands */
    const char *const *row_names;   /* [band], left of the rows, or NULL */
    size_t block;                   /* columns that belong together, as band; 0: no blocks */
    const char *const *block_names; /* [columns / block], above the blocks, or NULL */
} plot_grid;

/* images [rows * columns, channels, height, width], 0 dark to 1 bright; values outside are clamped here and
 * nowhere else. */
const char *plot_images(const char *path, const char *title, const float *images,
                        const plot_grid *grid);

#endif
