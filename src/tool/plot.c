/* The pictures: axes, lines, points, bars and grids of images, drawn with cairo into PNG files. Every
 * drawing function returns NULL or what went wrong. */
#include "plot.h"

#include <cairo.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define DENSITY 2.0 /* pixels per point, so that text is sharp on dense screens */
#define MARGIN 14.0
#define TITLE_HEIGHT 26.0
#define FONT 11.0
#define GREY 0.45

/* Ten colours that stay apart with colour-vision deficiencies: M. Petroff, "Accessible Color
 * Sequences for Data Visualization", arXiv:2107.02270. */
static const unsigned palette[PLOT_COLORS] = {0x3f90da, 0xffa90e, 0xbd1f01, 0x94a4a2, 0x832db6,
                                              0xa96b59, 0xe76300, 0xb9ac70, 0x717581, 0x92dadd};

int plot_available(void) {
    return 1;
}

static void set_color(cairo_t *cr, int color, double alpha) {
    unsigned rgb = color < 0 ? 0x222222 : palette[color % PLOT_COLORS];
    cairo_set_source_rgba(cr, (rgb >> 16) / 255.0, (rgb >> 8 & 255) / 255.0, (rgb & 255) / 255.0,
                          alpha);
}

static void set_font(cairo_t *cr, double size, int bold) {
    cairo_select_font_face(cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                           bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(cr, size);
}

static double text_width(cairo_t *cr, const char *text) {
    cairo_text_extents_t extents;
    cairo_text_extents(cr, text, &extents);
    return extents.x_advance;
}

/* align: 0 the text starts at x, 0.5 is centred on it, 1 ends there. */
static void draw_text(cairo_t *cr, const char *text, double x, double baseline, double align) {
    if (text) {
        cairo_move_to(cr, x - align * text_width(cr, text), baseline);
        cairo_show_text(cr, text);
    }
}

static void draw_title(cairo_t *cr, const char *title, double x, double baseline) {
    set_font(cr, 13, 1);
    set_color(cr, PLOT_BLACK, 1);
    draw_text(cr, title, x, baseline, 0);
}

/* A white page of the given size in points. */
static cairo_t *open_page(double width, double height) {
    cairo_surface_t *surface = cairo_image_surface_create(
        CAIRO_FORMAT_RGB24, (int)ceil(width * DENSITY), (int)ceil(height * DENSITY));
    cairo_t *cr = cairo_create(surface);
    cairo_surface_destroy(surface);
    cairo_set_source_rgb(cr, 1, 1, 1);
    cairo_paint(cr);
    cairo_scale(cr, DENSITY, DENSITY);
    return cr;
}

static const char *write_page(cairo_t *cr, const char *path) {
    cairo_status_t status = cairo_status(cr);
    if (status == CAIRO_STATUS_SUCCESS) {
        status = cairo_surface_write_to_png(cairo_get_target(cr), path);
    }
    cairo_destroy(cr);
    return status == CAIRO_STATUS_SUCCESS ? NULL : cairo_status_to_string(status);
}

/* ---- Axes ---- */

/* Of a logarithmic axis low, high and step are those of log10 of the values. */
typedef struct axis {
    double low, high, step; /* of the values; ticks at multiples of step */
    double start, end;      /* where they lie on the page, in points */
    plot_scale scale;
} axis;

/* Not finite where a logarithmic axis has no place for the value. */
static double scaled(const axis *a, double value) {
    return a->scale == PLOT_LOG ? log10(value) : value;
}

static double place(const axis *a, double value) {
    double along = (scaled(a, value) - a->low) / (a->high - a->low);
    return a->start + along * (a->end - a->start);
}

static int has_place(const axis *x, const axis *y, double across, double up) {
    return isfinite(scaled(x, across)) && isfinite(scaled(y, up));
}

/* The 1, 2 or 5 times a power of ten that cuts `span` into about `parts`. */
static double round_step(double span, double parts) {
    double power = pow(10, floor(log10(span / parts)));
    double rest = span / parts / power;
    return power * (rest < 1.5 ? 1 : rest < 3.5 ? 2 : rest < 7.5 ? 5 : 10);
}

static void cover(axis *a, const double *values, size_t n) {
    for (size_t i = 0; i < n; i++) {
        double value = scaled(a, values[i]);
        if (isfinite(value)) {
            a->low = fmin(a->low, value);
            a->high = fmax(a->high, value);
        }
    }
}

/* Widens the covered range by a margin and chooses the ticks. */
static void finish_axis(axis *a, double parts) {
    int whole = a->scale != PLOT_LINEAR;
    if (!(a->low <= a->high)) {
        a->low = 0;
        a->high = 1;
    }
    double middle = (a->low + a->high) / 2, half = (a->high - a->low) / 2;
    half = fmax(half * 1.08, whole ? 0.6 : 1e-3 * fabs(middle));
    if (half == 0) half = 1;
    a->low = middle - half;
    a->high = middle + half;
    a->step = round_step(2 * half, parts);
    if (whole && a->step < 1) {
        a->step = 1;
    }
}

#define MINUS "\xe2\x88\x92" /* as wide as a digit, U+2212 */

static void tick_label(char *text, size_t size, double value, double step) {
    int decimals = (int)fmax(0, -floor(log10(step) + 1e-9));
    const char *sign = value <= -step / 2 ? MINUS : "";
    snprintf(text, size, "%s%.*f", sign, decimals, fabs(value));
}

/* The label of digit 10^exponent. */
static void log_tick_label(char *text, size_t size, int digit, double exponent) {
    double value = digit * pow(10, exponent);
    if (fabs(exponent) < 4) {
        tick_label(text, size, value, fmin(value, 1));
    } else {
        snprintf(text, size, "%de%s%.0f", digit, exponent < 0 ? MINUS : "", fabs(exponent));
    }
}

static void draw_grid_line(cairo_t *cr, double at, const axis *across, int vertical, double grey) {
    cairo_set_source_rgb(cr, grey, grey, grey);
    cairo_move_to(cr, vertical ? across->start : at, vertical ? at : across->start);
    cairo_line_to(cr, vertical ? across->end : at, vertical ? at : across->end);
    cairo_stroke(cr);
}

static void draw_label(cairo_t *cr, const char *label, double at, const axis *across,
                       int vertical) {
    cairo_set_source_rgb(cr, GREY, GREY, GREY);
    draw_text(cr, label, vertical ? across->start - 6 : at, vertical ? at + 4 : across->start + 16,
              vertical ? 1 : 0.5);
}

/* Of a logarithmic axis with a tick at each power of ten: lines at 2 .. 9 times it; where few powers are
 * in sight, labels at 2 and 5 times it too. */
static void draw_minor_lines(cairo_t *cr, const axis *along, const axis *across, int vertical) {
    char label[32];
    if (along->scale != PLOT_LOG || along->step > 1) return;
    int labelled = along->high - along->low < 1.7;
    for (double k = floor(along->low); k <= along->high; k++) {
        for (int digit = 2; digit <= 9; digit++) {
            double value = digit * pow(10, k), at = scaled(along, value);
            if (at < along->low || at > along->high) continue;
            draw_grid_line(cr, place(along, value), across, vertical, 0.95);
            if (!labelled || (digit != 2 && digit != 5)) continue;
            log_tick_label(label, sizeof label, digit, k);
            draw_label(cr, label, place(along, value), across, vertical);
        }
    }
}

static void draw_ticks(cairo_t *cr, const axis *along, const axis *across, int vertical) {
    set_font(cr, FONT, 0);
    cairo_set_line_width(cr, 0.6);
    draw_minor_lines(cr, along, across, vertical);
    for (double k = ceil(along->low / along->step); k * along->step <= along->high; k++) {
        char label[32];
        int is_log = along->scale == PLOT_LOG;
        double value = is_log ? pow(10, k * along->step) : k * along->step;
        if (is_log) {
            log_tick_label(label, sizeof label, 1, k * along->step);
        } else {
            tick_label(label, sizeof label, value, along->step);
        }
        draw_grid_line(cr, place(along, value), across, vertical, 0.88);
        draw_label(cr, label, place(along, value), across, vertical);
    }
}

static void draw_axes(cairo_t *cr, const plot_panel *panel, const axis *x, const axis *y) {
    draw_ticks(cr, x, y, 0);
    draw_ticks(cr, y, x, 1);
    cairo_set_source_rgb(cr, GREY, GREY, GREY);
    cairo_set_line_width(cr, 1);
    cairo_move_to(cr, x->start, y->end);
    cairo_line_to(cr, x->start, y->start);
    cairo_line_to(cr, x->end, y->start);
    cairo_stroke(cr);
    set_color(cr, PLOT_BLACK, 1);
    draw_text(cr, panel->x_label, (x->start + x->end) / 2, y->start + 34, 0.5);
    cairo_save(cr);
    cairo_translate(cr, x->start - 54, (y->start + y->end) / 2);
    cairo_rotate(cr, -acos(0));
    draw_text(cr, panel->y_label, 0, 0, 0.5);
    cairo_restore(cr);
    set_font(cr, 12, 1);
    draw_text(cr, panel->title, x->start, y->end - 9, 0);
}

/* ---- Series ---- */

static void dot(cairo_t *cr, double x, double y, double radius) {
    cairo_new_sub_path(cr);
    cairo_arc(cr, x, y, radius, 0, 4 * acos(0));
    cairo_fill(cr);
}

/* Strokes the current path with dashes. */
static void stroke_dashes(cairo_t *cr, int color) {
    const double dashes[] = {5, 4};
    set_color(cr, color, 1);
    cairo_set_line_width(cr, 1.2);
    cairo_set_dash(cr, dashes, 2, 0);
    cairo_stroke(cr);
    cairo_set_dash(cr, NULL, 0, 0);
}

static void draw_level(cairo_t *cr, const plot_series *series, const axis *x, const axis *y) {
    double at = place(y, series->y[0]);
    cairo_move_to(cr, x->start, at);
    cairo_line_to(cr, x->end, at);
    stroke_dashes(cr, series->color);
}

/* Appends to the current path. */
static void trace(cairo_t *cr, const plot_series *series, const axis *x, const axis *y) {
    cairo_new_path(cr);
    for (size_t i = 0; i < series->n; i++) {
        if (has_place(x, y, series->x[i], series->y[i]))
            cairo_line_to(cr, place(x, series->x[i]), place(y, series->y[i]));
    }
}

static void draw_dashes(cairo_t *cr, const plot_series *series, const axis *x, const axis *y) {
    trace(cr, series, x, y);
    stroke_dashes(cr, series->color);
}

static void draw_band(cairo_t *cr, const plot_series *series, const axis *x, const axis *y) {
    trace(cr, series, x, y);
    for (size_t i = series->n; i-- > 0;) {
        if (has_place(x, y, series->x[i], series->high[i]))
            cairo_line_to(cr, place(x, series->x[i]), place(y, series->high[i]));
    }
    cairo_close_path(cr);
    set_color(cr, series->color, 0.22);
    cairo_fill(cr);
}

static void draw_line(cairo_t *cr, const plot_series *series, const axis *x, const axis *y) {
    trace(cr, series, x, y);
    set_color(cr, series->color, 1);
    cairo_set_line_width(cr, 1.8);
    cairo_stroke(cr);
    for (size_t i = 0; i < series->n && series->n <= 40; i++) {
        if (has_place(x, y, series->x[i], series->y[i]))
            dot(cr, place(x, series->x[i]), place(y, series->y[i]), 2.4);
    }
}

/* All point series in turns, point by point, so that none hides the others. */
static void draw_points(cairo_t *cr, const plot_panel *panel, const axis *x, const axis *y) {
    int more = 1;
    for (size_t i = 0; more; i++) {
        more = 0;
        for (size_t s = 0; s < panel->count; s++) {
            const plot_series *series = panel->series + s;
            if (series->mark != PLOT_POINTS || i >= series->n) {
                continue;
            }
            more = 1;
            if (has_place(x, y, series->x[i], series->y[i])) {
                set_color(cr, series->color, 0.75);
                dot(cr, place(x, series->x[i]), place(y, series->y[i]), 1.4);
            }
        }
    }
}

static void draw_panel(cairo_t *cr, const plot_panel *panel, double left, double top) {
    axis x = {INFINITY, -INFINITY, 0, left, left + panel->width, panel->x_scale};
    axis y = {INFINITY, -INFINITY, 0, top + panel->height, top, panel->y_scale};
    for (size_t s = 0; s < panel->count; s++) {
        const plot_series *series = panel->series + s;
        if (series->mark != PLOT_LEVEL) cover(&x, series->x, series->n);
        cover(&y, series->y, series->n);
        if (series->mark == PLOT_BAND) cover(&y, series->high, series->n);
    }
    finish_axis(&x, panel->width / 60);
    finish_axis(&y, panel->height / 60);
    draw_axes(cr, panel, &x, &y);
    for (size_t s = 0; s < panel->count; s++) {
        if (panel->series[s].mark == PLOT_BAND) draw_band(cr, panel->series + s, &x, &y);
    }
    draw_points(cr, panel, &x, &y);
    for (size_t s = 0; s < panel->count; s++) {
        if (panel->series[s].mark == PLOT_LINE) draw_line(cr, panel->series + s, &x, &y);
        if (panel->series[s].mark == PLOT_DASHES) draw_dashes(cr, panel->series + s, &x, &y);
        if (panel->series[s].mark == PLOT_LEVEL) draw_level(cr, panel->series + s, &x, &y);
    }
}

/* ---- Figure ---- */

#define LEFT_OF_AXES 72.0
#define BELOW_AXES 44.0
#define BETWEEN_PANELS 12.0
#define LEGEND_LINE 19.0
#define LEGEND_SWATCH 26.0

static const plot_panel *legend_panel(const plot_panel *panels, size_t count) {
    const plot_panel *most = panels;
    for (size_t i = 1; i < count; i++) {
        most = panels[i].count > most->count ? panels + i : most;
    }
    return most;
}

/* Text is measured on a page of its own, before the figure's size is known. */
static double legend_width(const plot_panel *panel) {
    cairo_t *cr = open_page(1, 1);
    double widest = 0;
    set_font(cr, FONT, 0);
    for (size_t s = 0; s < panel->count; s++) {
        if (panel->series[s].name) {
            widest = fmax(widest, LEGEND_SWATCH + text_width(cr, panel->series[s].name));
        }
    }
    cairo_destroy(cr);
    return widest;
}

/* A short piece of the series, `right` - `left` wide. */
static void draw_swatch(cairo_t *cr, const plot_series *series, double left, double right,
                        double middle) {
    const double ends[] = {0, 1}, zero[] = {0, 0}, one[] = {1, 1};
    const axis across = {0, 1, 1, left, right, PLOT_LINEAR};
    const axis line = {0, 1, 1, middle, middle - 1, PLOT_LINEAR};
    const axis area = {0, 1, 1, middle + 5, middle - 5, PLOT_LINEAR};
    const plot_series sample = {NULL, ends, zero, one, 2, series->color, series->mark};
    switch (series->mark) {
    case PLOT_POINTS:
        set_color(cr, series->color, 1);
        dot(cr, (left + right) / 2, middle, 4);
        break;
    case PLOT_BAND: draw_band(cr, &sample, &across, &area); break;
    case PLOT_LINE: draw_line(cr, &sample, &across, &line); break;
    default: draw_dashes(cr, &sample, &across, &line); break;
    }
}

static void draw_legend(cairo_t *cr, const plot_panel *panel, double left, double top) {
    set_font(cr, FONT, 0);
    for (size_t s = 0; s < panel->count; s++) {
        const plot_series *series = panel->series + s;
        if (!series->name) {
            continue;
        }
        double middle = top + LEGEND_LINE / 2;
        draw_swatch(cr, series, left, left + LEGEND_SWATCH - 6, middle);
        set_color(cr, PLOT_BLACK, 1);
        draw_text(cr, series->name, left + LEGEND_SWATCH, middle + 4, 0);
        top += LEGEND_LINE;
    }
}

const char *plot_panels(const char *path, const char *title, const plot_panel *panels,
                        size_t count) {
    const plot_panel *legend = legend_panel(panels, count);
    double names = legend_width(legend), width = MARGIN + names + MARGIN, height = 0;
    double top = MARGIN + (title ? TITLE_HEIGHT : 0) + (panels[0].title ? 22 : 4);
    for (size_t i = 0; i < count; i++) {
        width += LEFT_OF_AXES + panels[i].width + BETWEEN_PANELS;
        height = fmax(height, top + panels[i].height + BELOW_AXES);
    }
    cairo_t *cr = open_page(width, height);
    double left = MARGIN / 2 + LEFT_OF_AXES;
    draw_title(cr, title, left, MARGIN + 12);
    for (size_t i = 0; i < count; i++) {
        draw_panel(cr, panels + i, left, top);
        left += panels[i].width + BETWEEN_PANELS + LEFT_OF_AXES;
    }
    draw_legend(cr, legend, left - LEFT_OF_AXES, top);
    return write_page(cr, path);
}

/* ---- Images ---- */

#define IMAGE_SCALE 1.5  /* points per image pixel, at most */
#define LARGEST_IMAGE 96 /* points; larger images are drawn smaller */
#define IMAGE_GAP 2.0
#define BAND_GAP 10.0

static size_t image_channels(const plot_grid *grid) {
    return grid->channels == 3 ? 3 : 1;
}

static double image_scale(const plot_grid *grid) {
    return fmin(IMAGE_SCALE, LARGEST_IMAGE / fmax((double)grid->height, (double)grid->width));
}

/* Red, green and blue of pixel i, 8 bits each; a grey image has one level for all three. */
static unsigned image_pixel(const float *image, const plot_grid *grid, size_t i) {
    size_t step = image_channels(grid) == 3 ? grid->height * grid->width : 0;
    unsigned pixel = 0;
    for (size_t c = 0; c < 3; c++) {
        float level = fminf(1, fmaxf(0, image[c * step + i]));
        pixel = pixel << 8 | (unsigned)(level * 255 + 0.5f);
    }
    return pixel;
}

static void draw_image(cairo_t *cr, const float *image, const plot_grid *grid, double left,
                       double top) {
    size_t height = grid->height, width = grid->width;
    double scale = image_scale(grid);
    cairo_surface_t *surface =
        cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)width, (int)height);
    if (cairo_surface_status(surface) == CAIRO_STATUS_SUCCESS) {
        unsigned char *bytes = cairo_image_surface_get_data(surface);
        int stride = cairo_image_surface_get_stride(surface);
        for (size_t i = 0; i < height * width; i++) {
            unsigned pixel = image_pixel(image, grid, i);
            memcpy(bytes + i / width * (size_t)stride + i % width * sizeof pixel, &pixel,
                   sizeof pixel);
        }
        cairo_surface_mark_dirty(surface);
    }
    cairo_save(cr);
    cairo_translate(cr, left, top);
    cairo_scale(cr, scale, scale);
    cairo_set_source_surface(cr, surface, 0, 0);
    cairo_pattern_set_filter(cairo_get_source(cr),
                             scale * DENSITY < 1 ? CAIRO_FILTER_GOOD : CAIRO_FILTER_NEAREST);
    cairo_pattern_set_extend(cairo_get_source(cr), CAIRO_EXTEND_PAD);
    cairo_rectangle(cr, 0, 0, (double)width, (double)height);
    cairo_fill(cr);
    cairo_restore(cr);
    cairo_surface_destroy(surface);
}

static double row_name_width(const plot_grid *grid) {
    cairo_t *cr = open_page(1, 1);
    double widest = 0;
    set_font(cr, FONT, 0);
    size_t names = grid->row_names ? grid->band : 0;
    for (size_t i = 0; i < names; i++)
        widest = fmax(widest, text_width(cr, grid->row_names[i]) + 8);
    cairo_destroy(cr);
    return widest;
}

#define BLOCK_GAP 16.0
#define BLOCK_NAME_HEIGHT 18.0

/* Where image `index` of a row or column begins: pitch apart, and a gap after each `together`. */
static double image_at(size_t index, double pitch, size_t together, double gap) {
    return (double)index * pitch + (together ? (double)(index / together) * gap : 0);
}

static void draw_grid_names(cairo_t *cr, const plot_grid *grid, double left, double top,
                            double across, double down) {
    set_font(cr, FONT, 0);
    set_color(cr, PLOT_BLACK, 1);
    size_t named_rows = grid->band && grid->row_names ? grid->rows : 0;
    for (size_t r = 0; r < named_rows; r++) {
        double y = top + image_at(r, down, grid->band, BAND_GAP);
        draw_text(cr, grid->row_names[r % grid->band], left - 8, y + down / 2 + 3, 1);
    }
    size_t named_columns = grid->block && grid->block_names ? grid->columns : 0;
    for (size_t c = 0; c < named_columns; c += grid->block) {
        draw_text(cr, grid->block_names[c / grid->block],
                  left + image_at(c, across, grid->block, BLOCK_GAP), top - 6, 0);
    }
}

const char *plot_images(const char *path, const char *title, const float *images,
                        const plot_grid *grid) {
    double across = (double)grid->width * image_scale(grid) + IMAGE_GAP;
    double down = (double)grid->height * image_scale(grid) + IMAGE_GAP;
    double left = MARGIN + row_name_width(grid), top = MARGIN + (title ? TITLE_HEIGHT : 0);
    if (grid->block && grid->block_names) top += BLOCK_NAME_HEIGHT;
    double right = left + image_at(grid->columns - 1, across, grid->block, BLOCK_GAP) + across;
    double bottom = top + image_at(grid->rows - 1, down, grid->band, BAND_GAP) + down;
    cairo_t *cr = open_page(right - IMAGE_GAP + MARGIN, bottom - IMAGE_GAP + MARGIN);
    draw_title(cr, title, left, MARGIN + 12);
    draw_grid_names(cr, grid, left, top, across, down);
    for (size_t i = 0; i < grid->rows * grid->columns; i++) {
        size_t r = i / grid->columns, c = i % grid->columns;
        draw_image(cr, images + i * image_channels(grid) * grid->height * grid->width, grid,
                   left + image_at(c, across, grid->block, BLOCK_GAP),
                   top + image_at(r, down, grid->band, BAND_GAP));
    }
    return write_page(cr, path);
}
