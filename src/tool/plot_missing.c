/* Stands for plot.c where cairo is not installed. */
#include "plot.h"

static const char *const missing =
    "pictures need cairo, which this program was built without; install libcairo2-dev and build it again";

int plot_available(void) {
    return 0;
}

const char *plot_panels(const char *path, const char *title, const plot_panel *panels,
                        size_t count) {
    (void)path, (void)title, (void)panels, (void)count;
    return missing;
}

const char *plot_images(const char *path, const char *title, const float *images,
                        const plot_grid *grid) {
    (void)path, (void)title, (void)images, (void)grid;
    return missing;
}
