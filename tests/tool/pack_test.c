/* vae pack: folders of PNG and JPEG files that are written here, of every kind that users have, and what becomes of
 * their pixels; damaged files; labels from sub-folders. */
#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jpeglib.h>
#include <png.h>

#include "support/checks.h"
#include "support/cmocka.h"
#include "support/folder.h"
#include "tool/program.h"

/* ---- files ---- */

static void make_folder(const char *name) {
    assert_int_equal(mkdir(test_in_folder(name), 0777), 0);
}

static FILE *open_file(const char *name) {
    FILE *file = fopen(test_in_folder(name), "wb");
    assert_non_null(file);
    return file;
}

typedef struct png_kind {
    int type, depth, interlaced;
    const png_color *palette;
    int colours;
    const png_byte *alphas; /* of the palette's colours */
} png_kind;

/* `pixels` as the file holds them, rows of whole bytes. */
static void write_png(const char *name, unsigned width, unsigned height, const png_kind *kind,
                      const void *pixels) {
    FILE *file = open_file(name);
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_bytep rows[64];
    png_init_io(png, file);
    png_set_IHDR(png, info, width, height, kind->depth, kind->type,
                 kind->interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (kind->palette) png_set_PLTE(png, info, kind->palette, kind->colours);
    if (kind->alphas) png_set_tRNS(png, info, kind->alphas, kind->colours, NULL);
    size_t bytes = png_get_rowbytes(png, info);
    for (unsigned i = 0; i < height; i++) rows[i] = (png_bytep)pixels + i * bytes;
    png_set_rows(png, info, rows);
    png_write_png(png, info, PNG_TRANSFORM_IDENTITY, NULL);
    png_destroy_write_struct(&png, &info);
    assert_int_equal(fclose(file), 0);
}

static const png_kind rgb = {.type = PNG_COLOR_TYPE_RGB, .depth = 8};
static const png_kind grey = {.type = PNG_COLOR_TYPE_GRAY, .depth = 8};

/* components: 1 grey, 3 RGB, 4 CMYK. orientation 0: no EXIF data. */
static void write_jpeg(const char *name, unsigned width, unsigned height, int components,
                       int orientation, const unsigned char *pixels) {
    static const J_COLOR_SPACE spaces[] = {JCS_UNKNOWN, JCS_GRAYSCALE, JCS_UNKNOWN, JCS_RGB,
                                           JCS_CMYK};
    unsigned char exif[] =
        "Exif\0\0MM\0*\0\0\0\x08\0\x02\x01\x0f\0\x02\0\0\0\x01zz\0\0\x01\x12\0\x03"
        "\0\0\0\x01\0\0\0\0\0\0\0\0";
    struct jpeg_compress_struct jpeg = {0};
    struct jpeg_error_mgr errors;
    FILE *file = open_file(name);
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_stdio_dest(&jpeg, file);
    jpeg.image_width = width;
    jpeg.image_height = height;
    jpeg.input_components = components;
    jpeg.in_color_space = spaces[components];
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 100, TRUE);
    for (int i = 0; i < jpeg.num_components; i++)
        jpeg.comp_info[i].h_samp_factor = jpeg.comp_info[i].v_samp_factor = 1;
    jpeg_start_compress(&jpeg, TRUE);
    exif[37] = (unsigned char)orientation;
    if (orientation) jpeg_write_marker(&jpeg, JPEG_APP0 + 1, exif, sizeof exif - 1);
    while (jpeg.next_scanline < height) {
        JSAMPROW row = (JSAMPROW)pixels + jpeg.next_scanline * width * (unsigned)components;
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    assert_int_equal(fclose(file), 0);
}

/* Leaves the first bytes. */
static void cut(const char *name, size_t left) {
    struct stat status;
    assert_int_equal(stat(test_in_folder(name), &status), 0);
    assert_true(left < (size_t)status.st_size);
    assert_int_equal(truncate(test_in_folder(name), (off_t)left), 0);
}

/* ---- running ---- */

static run good(const char *line) {
    run r = program_run(line);
    if (r.status) fail_msg("vae %s: exit status %d: %s", line, r.status, r.errors);
    assert_string_equal(r.out, "");
    return r;
}

static void check_bad(const char *line, const char *says) {
    size_t files = program_files();
    run r = program_run(line);
    if (r.status != 1) fail_msg("vae %s: exit status %d, expected 1: %s", line, r.status, r.errors);
    if (!strstr(r.errors, says)) fail_msg("vae %s: no \"%s\" in \"%s\"", line, says, r.errors);
    if (program_files() != files) fail_msg("vae %s wrote a file", line);
}

static void check_says(const char *found, const char *part) {
    if (!strstr(found, part)) fail_msg("no \"%s\" in \"%s\"", part, found);
}

/* The pixels of x.npy, whose rows have this shape; to be freed. */
static unsigned char *read_pack(size_t n, size_t channels, size_t height, size_t width) {
    vae_dataset *data = NULL;
    size_t shape[3], rank, size = channels * height * width;
    assert_ok(vae_dataset_open(NULL, test_in_folder("x.npy"), "scale=none", &data));
    assert_ok(vae_dataset_shape(data, shape, 3, &rank));
    assert_int_equal(vae_dataset_size(data), n);
    assert_true(rank == 3 && shape[0] == channels && shape[1] == height && shape[2] == width);
    float *x = malloc(n * size * sizeof *x);
    unsigned char *pixels = malloc(n * size);
    assert_ok(vae_dataset_read(data, 0, n, x, size));
    for (size_t i = 0; i < n * size; i++) pixels[i] = (unsigned char)x[i];
    vae_dataset_destroy(data);
    free(x);
    return pixels;
}

/* Packs the folder "d", which has one image, and compares it with the expected [channels, height, width]. */
static void expect_pack(size_t channels, size_t height, size_t width, const int *expected,
                        int tolerance) {
    char line[100];
    snprintf(line, sizeof line, "pack d -o x.npy --size %zux%zux%zu", channels, height, width);
    good(line);
    unsigned char *pixels = read_pack(1, channels, height, width);
    for (size_t i = 0; i < channels * height * width; i++) {
        if (abs(pixels[i] - expected[i]) > tolerance)
            fail_msg("pixel %zu of %zux%zux%zu is %d, expected %d +- %d", i, channels, height,
                     width, pixels[i], expected[i], tolerance);
    }
    free(pixels);
}

static void expect_colour(int red, int green, int blue, int tolerance) {
    const int expected[] = {red, green, blue};
    expect_pack(3, 1, 1, expected, tolerance);
}

/* ---- pixels ---- */

static void pixels_go_through(void **state) {
    unsigned char pixels[6 * 5 * 3];
    int planes[3 * 6 * 5], luma[6 * 5];
    (void)state;
    make_folder("d");
    for (int i = 0; i < 6 * 5 * 3; i++) pixels[i] = (unsigned char)(i * 37 + i / 7);
    for (int i = 0; i < 30; i++) {
        const unsigned char *p = pixels + 3 * i;
        for (int c = 0; c < 3; c++) planes[c * 30 + i] = p[c];
        luma[i] = (int)floor(0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2] + 0.5);
    }
    write_png("d/a.png", 5, 6, &rgb, pixels);
    expect_pack(3, 6, 5, planes, 0);
    expect_pack(1, 6, 5, luma, 1);
    png_kind interlaced = rgb;
    interlaced.interlaced = 1;
    write_png("d/a.png", 5, 6, &interlaced, pixels);
    expect_pack(3, 6, 5, planes, 0);
    for (int i = 0; i < 90; i++) planes[i] = pixels[i % 30];
    write_png("d/a.png", 5, 6, &grey, pixels);
    expect_pack(1, 6, 5, planes, 0);
    expect_pack(3, 6, 5, planes, 0); /* grey in each channel */
}

/* The header is as NumPy writes it: the values begin at a multiple of 64. */
static void the_file_is_plain(void **state) {
    const unsigned char pixels[4] = {1, 2, 3, 4};
    size_t length;
    (void)state;
    make_folder("d");
    write_png("d/a.png", 2, 2, &grey, pixels);
    good("pack d/ -o x.npy --size 1x2x2 -q");
    unsigned char *content = test_content(test_in_folder("x.npy"), &length);
    assert_int_equal(length, 132);
    assert_memory_equal(content,
                        "\x93NUMPY\x01\0\x76\0{'descr': '|u1', 'fortran_order': False, 'shape': "
                        "(1, 1, 2, 2), }   ",
                        74);
    assert_true(content[127] == '\n');
    assert_memory_equal(content + 128, pixels, 4);
    free(content);
}

static void areas_are_averaged(void **state) {
    unsigned char pixels[12 * 6], steps[9 * 9];
    int halves[9], thirds[16], larger[36];
    (void)state;
    make_folder("d");
    for (int i = 0; i < 72; i++) pixels[i] = (unsigned char)(i * 53 + i / 5);
    /* The middle 6 x 6 of 12 x 6, in blocks of 2 x 2. */
    for (int i = 0; i < 9; i++) {
        const unsigned char *p = pixels + i / 3 * 2 * 12 + 3 + i % 3 * 2;
        halves[i] = (p[0] + p[1] + p[12] + p[13] + 2) / 4;
    }
    write_png("d/a.png", 12, 6, &grey, pixels);
    expect_pack(1, 3, 3, halves, 0);
    /* 9 to 4, each 2.25 wide: on a slope the average over an area is the value at its centre. */
    for (int i = 0; i < 81; i++) steps[i] = (unsigned char)(20 * (i % 9) + 5 * (i / 9));
    for (int i = 0; i < 16; i++)
        thirds[i] =
            (int)floor(20 * (2.25 * (i % 4 + 0.5) - 0.5) + 5 * (2.25 * (i / 4 + 0.5) - 0.5) + 0.5);
    write_png("d/a.png", 9, 9, &grey, steps);
    expect_pack(1, 4, 4, thirds, 1);
    /* 3 to 6, between the centres of the nearest two; at the edge the last one. */
    const unsigned char small[9] = {0, 40, 80, 60, 100, 140, 120, 160, 200};
    for (int i = 0; i < 36; i++) {
        double row = fmin(fmax((i / 6 + 0.5) / 2 - 0.5, 0), 2),
               column = fmin(fmax((i % 6 + 0.5) / 2 - 0.5, 0), 2);
        larger[i] = (int)floor(60 * row + 40 * column + 0.5);
    }
    write_png("d/a.png", 3, 3, &grey, small);
    expect_pack(1, 6, 6, larger, 1);
}

/* A tall image, and one that is cropped by half a pixel on each side. */
static void the_middle_is_kept(void **state) {
    unsigned char pixels[3 * 8];
    const int tall[] = {90, 90, 90, 120, 120, 120, 150, 150, 150}, odd[] = {15, 25};
    (void)state;
    make_folder("d");
    for (int i = 0; i < 24; i++) pixels[i] = (unsigned char)(30 * (i / 3) + 15);
    write_png("d/a.png", 3, 8, &grey, pixels);
    expect_pack(1, 3, 3, tall, 0); /* rows 2.5 .. 5.5 */
    const unsigned char three[] = {10, 20, 30};
    write_png("d/a.png", 3, 1, &grey, three);
    expect_pack(1, 1, 2, odd, 0); /* columns 0.5 .. 2.5 */
}

static void every_kind_of_png_is_read(void **state) {
    const unsigned char alpha[] = {0, 255, 0, 0, 0, 128};
    const png_color colours[] = {{255, 0, 0}, {10, 20, 30}};
    const png_byte alphas[] = {0, 255};
    const unsigned char deep[] = {0x80, 0x10, 0x40, 0xff, 0xc0, 0x00}, one = 1 << 7, bits = 0x40;
    png_kind kind = {.type = PNG_COLOR_TYPE_GRAY_ALPHA, .depth = 8};
    (void)state;
    make_folder("d");
    write_png("d/a.png", 1, 1, &kind, alpha); /* opaque black */
    expect_colour(0, 0, 0, 0);
    write_png("d/a.png", 1, 1, &kind, alpha + 2); /* nothing but the white behind it */
    expect_colour(255, 255, 255, 0);
    write_png("d/a.png", 1, 1, &kind, alpha + 4); /* half, in linear light */
    expect_colour(187, 187, 187, 3);
    kind = (png_kind){.type = PNG_COLOR_TYPE_RGB_ALPHA, .depth = 8};
    write_png("d/a.png", 1, 1, &kind, (const unsigned char[]){1, 2, 3, 0});
    expect_colour(255, 255, 255, 0);
    kind = (png_kind){.type = PNG_COLOR_TYPE_PALETTE, .depth = 1, .palette = colours, .colours = 2};
    write_png("d/a.png", 1, 1, &kind, &one);
    expect_colour(10, 20, 30, 0);
    kind.alphas = alphas;
    write_png("d/a.png", 2, 1, &kind, &bits);
    const int both[] = {255, 10, 255, 20, 255, 30};
    expect_pack(3, 1, 2, both, 0);
    kind = (png_kind){.type = PNG_COLOR_TYPE_RGB, .depth = 16};
    write_png("d/a.png", 1, 1, &kind, deep);
    expect_colour(128, 65, 191, 1);
    kind = (png_kind){.type = PNG_COLOR_TYPE_GRAY, .depth = 16};
    write_png("d/a.png", 1, 1, &kind, deep);
    expect_colour(128, 128, 128, 1);
    kind.depth = 1;
    write_png("d/a.png", 2, 1, &kind, &bits);
    const int black_and_white[] = {0, 255};
    expect_pack(1, 1, 2, black_and_white, 0);
}

static void every_kind_of_jpeg_is_read(void **state) {
    unsigned char pixels[16 * 16 * 4];
    (void)state;
    make_folder("d");
    for (int i = 0; i < 256; i++) memcpy(pixels + 3 * i, (const unsigned char[]){200, 100, 50}, 3);
    write_jpeg("d/a.JPG", 16, 16, 3, 0, pixels);
    expect_colour(200, 100, 50, 3);
    memset(pixels, 77, 256);
    write_jpeg("d/a.JPG", 16, 16, 1, 0, pixels);
    expect_colour(77, 77, 77, 1);
    /* Ink as Adobe has it, 255 for none: all of magenta is green taken away, and half black halves the rest. */
    for (int i = 0; i < 256; i++)
        memcpy(pixels + 4 * i, (const unsigned char[]){255, 0, 255, 128}, 4);
    write_jpeg("d/a.JPG", 16, 16, 4, 0, pixels);
    expect_colour(128, 0, 128, 3);
}

/* A large JPEG file is reduced while it is decoded: the same average. */
static void large_jpegs_are_reduced(void **state) {
    enum { SIDE = 512 };
    unsigned char *pixels = malloc(SIDE * SIDE);
    int expected[16];
    (void)state;
    make_folder("d");
    for (int i = 0; i < SIDE * SIDE; i++)
        pixels[i] = (unsigned char)(i % SIDE / 4 + i / SIDE / 8 + (i % SIDE / 32 % 2) * 20);
    for (int i = 0; i < 16; i++) {
        double sum = 0;
        for (int k = 0; k < 128 * 128; k++)
            sum += pixels[(i / 4 * 128 + k / 128) * SIDE + i % 4 * 128 + k % 128];
        expected[i] = (int)(sum / (128 * 128) + 0.5);
    }
    write_jpeg("d/a.jpeg", SIDE, SIDE, 1, 0, pixels);
    expect_pack(1, 4, 4, expected, 1);
    free(pixels);
}

/* The corners of the upright image are 30, 90, 150, 210; each orientation stores them elsewhere. */
static void photographs_are_turned(void **state) {
    static const int upright[] = {30, 90, 150, 210};
    static const unsigned char stored[9][4] = {
        {30, 90, 150, 210}, {30, 90, 150, 210}, {90, 30, 210, 150},
        {210, 150, 90, 30}, {150, 210, 30, 90}, {30, 150, 90, 210},
        {90, 210, 30, 150}, {210, 90, 150, 30}, {150, 30, 210, 90}};
    unsigned char pixels[32 * 32];
    (void)state;
    make_folder("d");
    for (int orientation = 0; orientation <= 8; orientation++) {
        for (int i = 0; i < 32 * 32; i++)
            pixels[i] = stored[orientation][i / 32 / 16 * 2 + i % 32 / 16];
        write_jpeg("d/a.jpg", 32, 32, 1, orientation, pixels);
        expect_pack(1, 2, 2, upright, 2);
    }
    /* Not square: the stored image is 16 high and 32 wide, the upright one 32 high. */
    for (int i = 0; i < 32 * 16; i++) pixels[i] = (unsigned char)(i % 32 < 16 ? 40 : 200);
    write_jpeg("d/a.jpg", 32, 16, 1, 6, pixels);
    expect_pack(1, 2, 1, (const int[]){40, 200}, 2);
}

/* EXIF data that make no sense are passed over. */
static void broken_exif_is_passed_over(void **state) {
    unsigned char pixels[32 * 32];
    size_t length;
    (void)state;
    make_folder("d");
    for (int i = 0; i < 32 * 32; i++) pixels[i] = (unsigned char)(i % 32 < 16 ? 40 : 200);
    write_jpeg("d/a.jpg", 32, 32, 1, 6, pixels);
    unsigned char *content = test_content(test_in_folder("d/a.jpg"), &length);
    size_t at = 0;
    while (memcmp(content + at, "Exif", 4)) at++;
    for (size_t i = at + 6; i < at + 44; i++) {
        unsigned char byte = content[i];
        content[i] = 0xff;
        FILE *file = open_file("d/a.jpg");
        fwrite(content, 1, length, file);
        assert_int_equal(fclose(file), 0);
        good("pack d -o x.npy --size 1x2x2");
        content[i] = byte;
    }
    free(content);
}

/* ---- files ---- */

static void damaged_files_are_left_out(void **state) {
    static const char *const says[] = {
        "vae pack: d/empty.png: no PNG or JPEG image: the file is empty; the file is left out\n",
        "vae pack: d/folder.png", /* a folder of that name is walked, and has nothing */
        "vae pack: d/half.jpg: the JPEG image is damaged: Premature end of JPEG file; the file is left "
        "out\n",
        "vae pack: d/half.png: the PNG image is damaged: ",
        "vae pack: d/head.jpg: the JPEG image is damaged: ",
        "vae pack: d/nowhere.png: No such file or directory; the file is left out\n",
        "vae pack: d/pipe.png: no regular file; the file is left out\n",
        "vae pack: d/text.png: no PNG or JPEG image: it begins with not\\x20an\\x20i; the file is left "
        "out\n",
        "x.npy: 3 images of 3x4x4; damaged files left out: 7; other files passed over: 1\n"};
    unsigned char pixels[32 * 32 * 3];
    (void)state;
    make_folder("d");
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (unsigned char)(i * i % 251);
    write_png("d/good.png", 32, 32, &rgb, pixels);
    write_jpeg("d/other.png", 32, 32, 3, 0, pixels); /* the name does not matter */
    write_png("d/half.png", 32, 32, &rgb, pixels);
    cut("d/half.png", 700);
    write_jpeg("d/half.jpg", 32, 32, 3, 0, pixels);
    cut("d/half.jpg", 1500);
    write_jpeg("d/head.jpg", 32, 32, 3, 0, pixels);
    cut("d/head.jpg", 200);
    program_file("d/empty.png", "");
    program_file("d/text.png", "not an image\n");
    program_file("d/notes.txt", "passed over\n");
    program_file("d/.hidden.png", "passed over and not counted\n");
    make_folder("d/folder.png");
    write_png("d/folder.png/a.png", 32, 32, &rgb, pixels);
    assert_int_equal(symlink("nowhere", test_in_folder("d/nowhere.png")), 0);
    assert_int_equal(mkfifo(test_in_folder("d/pipe.png"), 0600), 0);
    run r = good("pack d -o x.npy --size 3x4x4");
    for (size_t i = 0; i < COUNT_OF(says); i++) {
        if (i == 1) {
            assert_null(strstr(r.errors, says[i]));
            continue;
        }
        check_says(r.errors, says[i]);
    }
    unsigned char *packed = read_pack(3, 3, 4, 4);
    free(packed);
    r = good("pack d -o x.npy --size 3x4x4 --quiet");
    check_says(r.errors, "d/half.png");
    assert_null(strstr(r.errors, "x.npy"));
    char *list = program_text("x-files.csv");
    assert_string_equal(list, "file,label,folder\ngood.png,0,.\nother.png,0,.\n"
                              "folder.png/a.png,1,folder.png\n");
    free(list);
    check_bad("pack d -o y.npy --size 3x4x4 --strict",
              "d/empty.png: no PNG or JPEG image: the file is "
              "empty; without --strict it would be left out");
    unlink(test_in_folder("d/good.png"));
    unlink(test_in_folder("d/other.png"));
    unlink(test_in_folder("d/folder.png/a.png"));
    check_bad("pack d -o y.npy --size 3x4x4", "d: none of its 7 image files can be read");
}

/* Every prefix of a file is refused, or is the whole image. */
static void no_part_passes_for_the_whole(void **state) {
    unsigned char pixels[8 * 8 * 3];
    static const char *const names[] = {"d/a.png", "d/a.jpg"};
    (void)state;
    make_folder("d");
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (unsigned char)(i * i % 251);
    for (int k = 0; k < 2; k++) {
        size_t length;
        if (k) write_jpeg(names[k], 8, 8, 3, 0, pixels);
        if (!k) write_png(names[k], 8, 8, &rgb, pixels);
        unsigned char *content = test_content(test_in_folder(names[k]), &length);
        size_t pixel_end = k ? length - 2 : length - 12; /* the marks of the end hold no pixels */
        for (size_t left = 0; left < pixel_end - 4; left += left < 40 ? 13 : 31) {
            FILE *file = open_file(names[k]);
            fwrite(content, 1, left, file);
            assert_int_equal(fclose(file), 0);
            check_bad("pack d -o x.npy --size 3x4x4", "d: none of its 1 image files can be read");
        }
        free(content);
        unlink(test_in_folder(names[k]));
    }
}

static void folders_without_images_are_refused(void **state) {
    (void)state;
    check_bad("pack d -o x.npy --size 3x4x4",
              "d: the folder cannot be read: No such file or directory");
    program_file("f", "text");
    check_bad("pack f -o x.npy --size 3x4x4", "f: the folder cannot be read: Not a directory");
    make_folder("d");
    check_bad("pack d -o x.npy --size 3x4x4",
              "d: expected files whose names end in .png, .jpg or .jpeg, there or in sub-folders; "
              "found 0 files, none of them such");
    program_file("d/a.gif", "GIF89a");
    check_bad("pack d -o x.npy --size 3x4x4", "found 1 file, none of them such");
    check_bad("pack d -o nowhere/x.npy --size 3x4x4", "nowhere/x.npy: cannot be written");
}

static void what_cannot_be_written(void **state) {
    unsigned char pixels[16 * 16];
    (void)state;
    make_folder("d");
    memset(pixels, 9, sizeof pixels);
    write_png("d/a.png", 16, 16, &grey, pixels);
    program_file("x.npy", "old");
    program_limit_files(4096);
    check_bad("pack d -o x.npy --size 3x64x64", "x.npy: cannot be written: File too large");
    program_limit_files(0);
    char *old = program_text("x.npy");
    assert_string_equal(old, "old");
    free(old);
    make_folder("y-labels.csv");
    check_bad("pack d -o y.npy --size 3x64x64", "y-labels.csv: cannot be written: it is a folder");
}

/* A link that leads back into the folder is not followed. */
static void circles_are_not_walked(void **state) {
    const unsigned char pixel = 7;
    (void)state;
    make_folder("d");
    make_folder("d/a");
    write_png("d/a/1.png", 1, 1, &grey, &pixel);
    assert_int_equal(symlink("..", test_in_folder("d/a/up")), 0);
    assert_int_equal(symlink("1.png", test_in_folder("d/a/2.png")), 0); /* to a file: followed */
    good("pack d -o x.npy --size 1x1x1");
    free(read_pack(2, 1, 1, 1));
}

static void sub_folders_are_labels(void **state) {
    vae_dataset *data = NULL;
    double labels[5];
    char options[200];
    (void)state;
    make_folder("d");
    make_folder("d/cats");
    make_folder("d/cats/old");
    make_folder("d/a,b");
    make_folder("d/none");
    for (unsigned char i = 0; i < 4; i++) {
        static const char *const names[] = {"d/cats/2.png", "d/cats/10.png", "d/a,b/x.png",
                                            "d/cats/old/1.png"};
        write_png(names[i], 1, 1, &grey, &i);
    }
    run r = good("pack d -o x.npy --size 1x1x1");
    check_says(r.errors, "x-labels.csv: 2 labels, the sub-folders by name");
    unsigned char *pixels = read_pack(4, 1, 1, 1);
    assert_memory_equal(pixels, ((const unsigned char[]){2, 1, 0, 3}), 4);
    free(pixels);
    char *list = program_text("x-files.csv");
    assert_string_equal(list, "file,label,folder\n\"a,b/x.png\",0,\"a,b\"\ncats/10.png,1,cats\n"
                              "cats/2.png,1,cats\ncats/old/1.png,1,cats\n");
    free(list);
    snprintf(options, sizeof options, "labels=%s", test_in_folder("x-labels.csv"));
    char *path = strdup(test_in_folder("x.npy"));
    assert_ok(vae_dataset_open(NULL, path, options, &data));
    assert_ok(vae_dataset_read_labels(data, 0, 4, labels, 1));
    assert_true(labels[0] == 0 && labels[1] == 1 && labels[3] == 1);
    vae_dataset_destroy(data);
    free(path);
    /* Without sub-folders there are no labels. */
    good("pack d/a,b -o y.npy --size 1x1x1");
    assert_int_equal(access(test_in_folder("y-files.csv"), F_OK), 0);
    assert_int_not_equal(access(test_in_folder("y-labels.csv"), F_OK), 0);
}

static void a_model_is_trained_on_it(void **state) {
    unsigned char pixels[8 * 8 * 3];
    char name[32];
    (void)state;
    make_folder("d");
    for (int n = 0; n < 40; n++) {
        for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (unsigned char)(i * 3 + n * (i % 5));
        snprintf(name, sizeof name, "d/%02d.png", n);
        write_png(name, 8, 8, &rgb, pixels);
    }
    good("pack d -o x.npy --size 3x8x8 -q");
    run r = good("train x.npy -o m.safetensors --epochs 1");
    check_says(r.errors, "input=3x8x8");
}

static void progress_is_shown_on_a_terminal(void **state) {
    const unsigned char pixel = 7;
    int terminal;
    (void)state;
    make_folder("d");
    write_png("d/a.png", 1, 1, &grey, &pixel);
    pid_t child = program_start_on_terminal("pack d -o x.npy --size 1x1x1", &terminal);
    char *said = program_read(terminal);
    assert_int_equal(program_wait(child), 0);
    check_says(said, "images [              ] row 0 of 1");
    free(said);
}

/* The program that was built without the libraries says what to install. */
static void without_libraries_it_says_so(void **state) {
    const unsigned char pixel = 7;
    (void)state;
    make_folder("d");
    write_png("d/a.png", 1, 1, &grey, &pixel);
    run r = program_run_without_pictures("pack d -o x.npy --size 1x1x1");
    assert_int_equal(r.status, 1);
    assert_string_equal(r.errors,
                        "vae pack: images need libpng and libjpeg, which this program was built "
                        "without; install libpng-dev and libjpeg-dev and build it again\n");
    r = program_run_without_pictures("--version");
    check_says(r.out, "reads PNG no, JPEG no");
    r = program_run("--version");
    check_says(r.out, "reads PNG yes, JPEG yes");
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, test_folder_make, test_folder_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(pixels_go_through),
        IN_FOLDER(the_file_is_plain),
        IN_FOLDER(areas_are_averaged),
        IN_FOLDER(the_middle_is_kept),
        IN_FOLDER(every_kind_of_png_is_read),
        IN_FOLDER(every_kind_of_jpeg_is_read),
        IN_FOLDER(large_jpegs_are_reduced),
        IN_FOLDER(photographs_are_turned),
        IN_FOLDER(broken_exif_is_passed_over),
        IN_FOLDER(damaged_files_are_left_out),
        IN_FOLDER(no_part_passes_for_the_whole),
        IN_FOLDER(folders_without_images_are_refused),
        IN_FOLDER(what_cannot_be_written),
        IN_FOLDER(circles_are_not_walked),
        IN_FOLDER(sub_folders_are_labels),
        IN_FOLDER(a_model_is_trained_on_it),
        IN_FOLDER(progress_is_shown_on_a_terminal),
        IN_FOLDER(without_libraries_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
