/* JPEG files, by libjpeg (libjpeg-turbo). The library reports errors by a function that must not return; it jumps back
 * to `decode`, which is why that function changes no variable of its own that is read after a jump. Data that end too
 * early are only a warning to the library, which fills the rest with grey; here they are damage. */
#include "image.h"

#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#define EXIF_MARKER (JPEG_APP0 + 1)
#define MOST_EXIF 65533 /* bytes of a marker */

typedef struct errors {
    struct jpeg_error_mgr manager; /* first, since the library hands out its address */
    jmp_buf back;
    char text[JMSG_LENGTH_MAX];
    int damaged;
} errors;

int image_has_jpeg(void) {
    return 1;
}

static void end_with_error(j_common_ptr jpeg) {
    errors *e = (errors *)jpeg->err;
    e->manager.format_message(jpeg, e->text);
    longjmp(e->back, 1);
}

/* Warnings that say that pixels are lost; others, as of bytes between markers, are common in files that are whole. */
static int means_damage(int code) {
    static const int codes[] = {JWRN_JPEG_EOF, JWRN_HIT_MARKER, JWRN_HUFF_BAD_CODE,
                                JWRN_ARITH_BAD_CODE, JWRN_MUST_RESYNC};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (code == codes[i]) return 1;
    }
    return 0;
}

static void note_warning(j_common_ptr jpeg, int level) {
    errors *e = (errors *)jpeg->err;
    if (level >= 0 || e->damaged || !means_damage(e->manager.msg_code)) return;
    e->manager.format_message(jpeg, e->text);
    e->damaged = 1;
}

/* Ink as Adobe writes it, 255 for none, and as the others do, 0 for none. */
static void convert_cmyk(const unsigned char *line, size_t width, int is_inverted,
                         unsigned char *rgb) {
    for (size_t i = 0; i < width; i++, line += 4, rgb += 3) {
        int black = is_inverted ? line[3] : 255 - line[3];
        for (int k = 0; k < 3; k++) {
            int light = is_inverted ? line[k] : 255 - line[k];
            rgb[k] = (unsigned char)((light * black + 127) / 255);
        }
    }
}

static int find_orientation(const struct jpeg_decompress_struct *jpeg) {
    for (jpeg_saved_marker_ptr marker = jpeg->marker_list; marker; marker = marker->next) {
        int found = marker->marker == EXIF_MARKER
                        ? image_orientation(marker->data, marker->data_length)
                        : 1;
        if (found != 1) return found;
    }
    return 1;
}

/* Halves the size while it stays at twice `side`: an average over areas, and much faster. */
static void choose_scale(struct jpeg_decompress_struct *jpeg, size_t side) {
    size_t shorter =
        jpeg->image_width < jpeg->image_height ? jpeg->image_width : jpeg->image_height;
    jpeg->scale_num = jpeg->scale_denom = 1;
    while (jpeg->scale_denom < 8 && shorter / (2 * jpeg->scale_denom) >= 2 * side)
        jpeg->scale_denom *= 2;
}

static void choose_colours(struct jpeg_decompress_struct *jpeg, image *out) {
    J_COLOR_SPACE stored = jpeg->jpeg_color_space;
    int is_grey = stored == JCS_GRAYSCALE, has_ink = stored == JCS_CMYK || stored == JCS_YCCK;
    jpeg->out_color_space = is_grey ? JCS_GRAYSCALE : has_ink ? JCS_CMYK : JCS_RGB;
    out->channels = is_grey ? 1 : 3;
}

static void read_lines(struct jpeg_decompress_struct *jpeg, const image *out) {
    JSAMPARRAY line =
        jpeg->mem->alloc_sarray((j_common_ptr)jpeg, JPOOL_IMAGE, 4 * jpeg->output_width,
                                1); /* the library's; goes with it */
    size_t bytes = out->width * out->channels;
    while (jpeg->output_scanline < jpeg->output_height) {
        unsigned char *to = out->pixels + jpeg->output_scanline * bytes;
        jpeg_read_scanlines(jpeg, line, 1);
        if (jpeg->out_color_space == JCS_CMYK) {
            convert_cmyk(line[0], out->width, jpeg->saw_Adobe_marker, to);
        } else {
            memcpy(to, line[0], bytes);
        }
    }
}

static image_result decode(struct jpeg_decompress_struct *jpeg, errors *e, FILE *file, size_t side,
                           image *out, char *problem) {
    if (setjmp(e->back)) {
        snprintf(problem, IMAGE_PROBLEM, "the JPEG image is damaged: %s", e->text);
        return IMAGE_DAMAGED;
    }
    jpeg_create_decompress(jpeg);
    jpeg_stdio_src(jpeg, file);
    jpeg_save_markers(jpeg, EXIF_MARKER, MOST_EXIF);
    jpeg_read_header(jpeg, TRUE);
    if (image_check_size(jpeg->image_width, jpeg->image_height, problem)) return IMAGE_DAMAGED;
    choose_scale(jpeg, side);
    choose_colours(jpeg, out);
    jpeg_calc_output_dimensions(jpeg);
    out->width = jpeg->output_width;
    out->height = jpeg->output_height;
    image_result result = image_allocate(out, problem);
    if (result != IMAGE_READ) return result;
    jpeg_start_decompress(jpeg);
    read_lines(jpeg, out);
    image_turn(out, find_orientation(jpeg));
    jpeg_finish_decompress(jpeg);
    if (!e->damaged) return IMAGE_READ;
    snprintf(problem, IMAGE_PROBLEM, "the JPEG image is damaged: %s", e->text);
    return IMAGE_DAMAGED;
}

image_result image_read_jpeg(FILE *file, size_t side, image *out, char *problem) {
    struct jpeg_decompress_struct jpeg = {0};
    errors e = {0};
    jpeg.err = jpeg_std_error(&e.manager);
    e.manager.error_exit = end_with_error;
    e.manager.emit_message = note_warning;
    image_result result = decode(&jpeg, &e, file, side, out, problem);
    jpeg_destroy_decompress(&jpeg);
    return result;
}
