/* vae pack: a folder of PNG and JPEG files to one NPY file of images in one size. Images are read, fitted and written
 * one after the other, so that a folder of any size takes little memory. The number of rows is known at the end, when
 * the damaged files have been left out; so the header is written twice, in the same number of bytes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "image.h"
#include "output.h"
#include "pack_files.h"
#include "progress.h"
#include "text.h"

enum { MOST_SIDE = 4096, HEADER_BYTES = 128 };

static const tool_option options[] = {
    TOOL_OUTPUT("where the images go, e.g. photos.npy (required)"),
    {"size", 0, TOOL_TEXT, "CxHxW", "channels, height, width, e.g. 3x64x64 (required)"},
    {"strict", 0, TOOL_FLAG, NULL, "fail at the first damaged file (leave it out)"},
    TOOL_QUIET,
    TOOL_END,
};

/* A command under way. */
typedef struct pack {
    const tool_call *call;
    const char *folder, *path; /* that are read and written */
    size_t channels, height, width;
    pack_files files;
    output out;
    unsigned char *pixels; /* [channels, height, width] */
    text labels, list;     /* the files beside it */
    size_t rows, damaged;
} pack;

/* ---- what was asked for ---- */

/* Cuts a number and the 'x' behind it, or the end, off. 0: it is none from 1 to `most`. */
static int cut_number(const char **at, size_t most, size_t *number) {
    char *end;
    if (**at < '0' || **at > '9') return 0;
    unsigned long long value = strtoull(*at, &end, 10);
    *number = (size_t)value;
    *at = *end == 'x' && end[1] ? end + 1 : end;
    return value >= 1 && value <= most;
}

static int read_size(pack *p) {
    const char *size = command_value(p->call, "size", NULL), *at = size;
    if (!size) return command_misused(p->call, "expected --size CxHxW, e.g. --size 3x64x64");
    if (cut_number(&at, 3, &p->channels) && cut_number(&at, MOST_SIDE, &p->height) &&
        cut_number(&at, MOST_SIDE, &p->width) && !*at && p->channels != 2)
        return TOOL_DONE;
    return command_misused(p->call,
                           "--size: expected channels (1 grey, 3 colour), height and width (each 1 "
                           "to %d), e.g. 3x64x64; found '%s'",
                           MOST_SIDE, size);
}

static int ends_in_npy(const char *path) {
    size_t length = strlen(path);
    return length > 4 && !strcmp(path + length - 4, ".npy");
}

/* "images-labels.csv" beside "images.npy"; to be freed. */
static char *name_beside(const pack *p, const char *ending) {
    text path = {0};
    text_append(&path, "%.*s-%s", (int)strlen(p->path) - 4, p->path, ending);
    return path.text;
}

/* All files that will be written can be, as far as one can tell before an hour of work. */
static int check_outputs(const pack *p) {
    char *list = name_beside(p, "files.csv"), *labels = name_beside(p, "labels.csv");
    int status = output_check(p->call, p->path, NULL, 0);
    if (!status) status = output_check(p->call, list, NULL, 0);
    if (!status) status = output_check(p->call, labels, NULL, 0);
    free(list);
    free(labels);
    return status;
}

static int read_options(pack *p) {
    if (!p->path) return command_misused(p->call, "expected --output FILE");
    if (!ends_in_npy(p->path))
        return command_misused(p->call, "--output: expected a name that ends in .npy, found '%s'",
                               p->path);
    int status = read_size(p);
    if (!status && !image_has_png() && !image_has_jpeg())
        status = command_failed(p->call, "images need libpng and libjpeg, which this program was "
                                         "built without; install libpng-dev and libjpeg-dev and "
                                         "build it again");
    return status ? status : check_outputs(p);
}

/* ---- the NPY file ---- */

/* Always HEADER_BYTES long. */
static int write_header(pack *p) {
    unsigned char header[HEADER_BYTES] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, HEADER_BYTES - 10,
                                          0};
    char shape[HEADER_BYTES - 10];
    int length =
        snprintf(shape, sizeof shape,
                 "{'descr': '|u1', 'fortran_order': False, 'shape': (%zu, %zu, %zu, %zu), }",
                 p->rows, p->channels, p->height, p->width);
    memset(header + 10, ' ', sizeof shape);
    memcpy(header + 10, shape, (size_t)length);
    header[HEADER_BYTES - 1] = '\n';
    return output_write(&p->out, header, sizeof header);
}

static int rewrite_header(pack *p) {
    if (fseek(p->out.file, 0, SEEK_SET) == 0) return write_header(p);
    return command_failed(p->call, "%s: cannot be written: %s; expected a regular file", p->path,
                          strerror(errno));
}

/* ---- the images ---- */

/* Named at once, also with --quiet: a file that is left out is no small matter. */
static int take_damaged(pack *p, const char *path, const char *problem, int is_missing) {
    p->damaged++;
    if (is_missing) return command_failed(p->call, "%s: %s", path, problem);
    if (command_given(p->call, "strict")) {
        return command_failed(p->call, "%s: %s; without --strict it would be left out", path,
                              problem);
    }
    command_failed(p->call, "%s: %s; the file is left out", path, problem);
    return TOOL_DONE;
}

static int write_image(pack *p, const pack_file *file, const image *from) {
    image_fit(from, p->channels, p->height, p->width, p->pixels);
    p->rows++;
    text_append(&p->labels, "%zu\n", file->label);
    text_append_cell(&p->list, file->path);
    text_append(&p->list, ",%zu,", file->label);
    text_append_cell(&p->list, p->files.folders[file->label]);
    text_append(&p->list, "\n");
    return output_write(&p->out, p->pixels, p->channels * p->height * p->width);
}

static int pack_image(pack *p, const pack_file *file, const progress *bar) {
    char problem[IMAGE_PROBLEM];
    size_t length = strlen(p->folder), side = p->height > p->width ? p->height : p->width;
    image from;
    text path = {0};
    text_append(&path, "%s%s%s", p->folder, p->folder[length - 1] == '/' ? "" : "/", file->path);
    image_result result = image_read(path.text, side, &from, problem);
    int status = TOOL_DONE;
    if (result == IMAGE_READ) {
        status = write_image(p, file, &from);
        image_free(&from);
    } else {
        progress_end(bar);
        status = take_damaged(p, path.text, problem, result == IMAGE_MISSING);
    }
    text_free(&path);
    return status;
}

static int pack_images(pack *p) {
    progress bar;
    progress_begin_bar(&bar, 0, NULL);
    progress_use(&bar, stderr);
    bar.work = "images";
    if (command_given(p->call, "quiet")) bar.terminal = 0;
    int status = write_header(p);
    for (size_t i = 0; !status && i < p->files.count; i++) {
        progress_rows(&bar, i, p->files.count);
        status = pack_image(p, &p->files.files[i], &bar);
    }
    progress_end(&bar);
    if (status) return status;
    if (p->rows) return rewrite_header(p);
    return command_failed(p->call, "%s: none of its %zu image files can be read", p->folder,
                          p->files.count);
}

/* ---- the files beside it ---- */

static int write_beside(const pack *p, const char *ending, const char *first, const text *lines) {
    char *path = name_beside(p, ending);
    text all = {0};
    text_append(&all, "%s\n%s", first, lines->text);
    int status = output_text(p->call, path, all.text, all.length);
    free(path);
    text_free(&all);
    return status;
}

static void report(const pack *p) {
    int length = (int)strlen(p->path) - 4;
    if (command_given(p->call, "quiet")) return;
    fprintf(stderr, "%s: %zu image%s of %zux%zux%zu", p->path, p->rows, p->rows == 1 ? "" : "s",
            p->channels, p->height, p->width);
    if (p->damaged) fprintf(stderr, "; damaged files left out: %zu", p->damaged);
    if (p->files.others) fprintf(stderr, "; other files passed over: %zu", p->files.others);
    fprintf(stderr, "\n%.*s-files.csv: the file of each row\n", length, p->path);
    if (p->files.folder_count < 2) return;
    fprintf(stderr, "%.*s-labels.csv: %zu labels, the sub-folders by name; for --data labels=..\n",
            length, p->path, p->files.folder_count);
}

static int write_all(pack *p) {
    int status = output_open(p->call, &p->out, p->path);
    if (status) return status;
    p->pixels = text_allocate(p->channels * p->height, p->width);
    status = pack_images(p);
    if (status) {
        output_abandon(&p->out);
        return status;
    }
    status = output_commit(&p->out);
    if (!status) status = write_beside(p, "files.csv", "file,label,folder", &p->list);
    if (!status && p->files.folder_count > 1)
        status = write_beside(p, "labels.csv", "label", &p->labels);
    if (!status) report(p);
    return status;
}

static int run(const tool_call *call) {
    pack p = {
        .call = call, .folder = call->operand[0], .path = command_value(call, "output", NULL)};
    int status = read_options(&p);
    if (!status) status = pack_files_find(call, p.folder, &p.files);
    if (!status) status = write_all(&p);
    pack_files_free(&p.files);
    text_free(&p.labels);
    text_free(&p.list);
    free(p.pixels);
    return status;
}

const tool_command tool_pack = {
    "pack",
    "Makes a data set of a folder of PNG and JPEG files",
    "FOLDER",
    1,
    1,
    options,
    "Each image is cropped around its centre to the proportions of --size and brought\n"
    "to it by averages over areas. Files are taken in the order of their names;\n"
    "damaged ones are named and left out. With -o x.npy, x-files.csv says which file\n"
    "each row is. Sub-folders are labels, in x-labels.csv, for --data labels=..\n",
    run};
