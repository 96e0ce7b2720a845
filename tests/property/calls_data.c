/* Contexts and data sets of all kinds, rightly and wrongly described. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifndef VAE_NO_ZLIB
#include <zlib.h>
#endif

#include "property/world.h"

/* ---- contexts ---- */

static void hear(void *user, int32_t level, const char *message) {
    world *w = user;
    must(w, level == VAE_LOG_INFO || level == VAE_LOG_WARNING, "an unknown level of the log");
    digest_text(w, message);
}

void call_context(world *w) {
    static const char *const good[] = {NULL, "threads=2", "threads=3 simd=auto", "simd=sse2",
                                       "blas_threads=keep"};
    static const char *const bad[] = {"threads=0", "threads=300",         "memory_limit=-1",
                                      "simd=mmx",  "threads=2 threads=2", "thread=2",
                                      "threads"};
    vae_context **slot = &w->contexts[below(w, SLOTS)];
    NOTE(w, vae_context_destroy)(*slot);
    *slot = NULL;
    int wrong = one_in(w, 6), own = one_in(w, 5), tight = one_in(w, 12);
    const char *options = wrong ? PICK(w, bad) : tight ? "memory_limit=100K" : PICK(w, good);
    /* A build for a processor without SSE lacks simd=sse2. */
    unsigned expected =
        wrong ? ONE(VAE_ERROR_TEXT) | ONE(VAE_ERROR_ARGUMENT) : OK | ONE(VAE_ERROR_UNSUPPORTED);
    if (own) {
        CALL(w, expected, vae_context_create, options, slot);
    } else {
        CALL(w, expected, vae_context_create_with_allocator, options, host_alloc, host_free,
             &w->memory, slot);
    }
    w->limited |= tight && *slot;
    if (*slot && one_in(w, 2)) CALL(w, OK, vae_context_set_log, *slot, hear, w);
}

void call_context_tell(world *w) {
    vae_context *context = w->contexts[below(w, SLOTS)];
    uint64_t figures[3] = {0};
    unsigned expected = context ? OK : ONE(VAE_ERROR_ARGUMENT);
    if (CALL(w, expected, vae_context_memory, context, &figures[0], &figures[1], &figures[2]))
        return;
    must(w, figures[0] <= figures[1], "more bytes held than the peak");
    digest_bytes(w, figures, sizeof figures);
}

void call_information(world *w) {
    static const char *const names[] = {"VAE_ERROR_TEXT", "VAE_OK", "VAE_VERSION_MAJOR", "VAE_",
                                        ""};
    const char *name = PICK(w, names);
    int64_t value = 0;
    unsigned expected = strlen(name) > 4 ? OK : ONE(VAE_ERROR_ARGUMENT);
    CALL(w, expected, vae_constant, name, &value);
    CALL(w, ONE(VAE_ERROR_ARGUMENT), vae_constant, NULL, &value);
    digest_number(w, (uint64_t)value);
    digest_number(w, NOTE(w, vae_version_number)());
    digest_text(w, NOTE(w, vae_build_info)());
    digest_text(w, NOTE(w, vae_status_name)((vae_status)below(w, 20) - 14));
    digest_text(w, NOTE(w, vae_last_error)());
}

/* ---- data sets ---- */

static const char *const orders[] = {"batch=7",
                                     "batch=16 seed=3",
                                     "shuffle=0 batch=5",
                                     "batch=13 drop_last=1",
                                     "batch=1",
                                     "batch=1000000",
                                     "split=train:0.8 batch=9",
                                     "split=test:0.5 split_seed=4",
                                     "binarize=threshold batch=10",
                                     "binarize=sample batch=10",
                                     "scale=none batch=200",
                                     "scale=range:-1:1 batch=12",
                                     "shift=columns batch=11",
                                     "shift=[1, 0, 0.5, 0, 0, 0, 0, 0, 0, 0, 0, 1] split=test:0.4"};
static const char *const wrong_orders[] = {
    "batch=0",      "batches=3",     "seed=x",          "split=half",
    "dtype=int8",   "header=maybe",  "split=train:2",   "scale=unit scale=unit",
    "shift=[1, 2]", "shift=[x]",     "scale=range:1:0", "shift=columns scale=unit",
    "shift=median", "shift=[1, nan]"};

/* Values that are shifted or scaled to a range need not be what a likelihood takes. */
static void note_order(world *w, dataset_slot *d, const char *order) {
    int shifts = strstr(order, "shift=") != NULL;
    w->shifts |= shifts;
    if ((shifts || strstr(order, "range:")) && d->kind == GOOD) d->kind = HALF;
}

static void from_memory(world *w, dataset_slot *d, vae_context *context) {
    char options[120];
    size_t kind = below(w, 5), n = 40 + below(w, MOST_ROWS - 39);
    const char *const types[] = {"float32", "float32", "float64", "uint8", "float32"};
    const void *rows = kind == 2 ? (const void *)double_rows() : byte_rows();
    d->kind = kind < 2 || kind == 4 ? draw_kind(w) : GOOD;
    d->width = NARROW;
    if (kind < 2 || kind == 4) rows = rows_of(d->kind, NARROW);
    int wrong = one_in(w, 8), copy = kind != 4, none = one_in(w, 25);
    const char *order = wrong ? PICK(w, wrong_orders) : PICK(w, orders);
    /* uint8 is 0 and 255, which scale=auto makes 0 and 1 */
    if (kind == 3 && !wrong && strstr(order, "scale")) order = "batch=8";
    if (!wrong) note_order(w, d, order);
    snprintf(options, sizeof options, "%s dtype=%s copy=%d", order, types[kind], copy);
    unsigned refusals = BECAUSE(wrong, VAE_ERROR_TEXT) | BECAUSE(none, VAE_ERROR_ARGUMENT);
    unsigned expected = refusals ? refusals : OK | BECAUSE(d->kind != GOOD, VAE_ERROR_DATA);
    CALL(w, expected, vae_dataset_from_memory, context, none ? NULL : rows, n, NARROW, options,
         &d->handle);
}

static void write_file(world *w, const char *name, const void *bytes, size_t size) {
#ifndef VAE_NO_ZLIB
    if (strstr(name, ".gz")) {
        gzFile gzip = gzopen(name, "wb1");
        must(w, gzip && gzwrite(gzip, bytes, (unsigned)size) == (int)size && !gzclose(gzip),
             "the test cannot write its file");
        return;
    }
#endif
    FILE *file = fopen(name, "wb");
    must(w, file && fwrite(bytes, 1, size, file) == size && !fclose(file),
         "the test cannot write its file");
}

/* n rows of width NARROW: as IDX of three groups of four. Returns the length. */
static size_t make_idx(unsigned char *out, size_t n) {
    const unsigned char head[16] = {
        0, 0, 8, 3, 0, 0, (unsigned char)(n >> 8), (unsigned char)n, 0, 0, 0, 3, 0, 0, 0, 4};
    memcpy(out, head, sizeof head);
    memcpy(out + sizeof head, byte_rows(), n * NARROW);
    return sizeof head + n * NARROW;
}

/* The same rows as uint8, or as 16-bit integers of the other byte order, in C or Fortran order. */
static size_t make_npy(world *w, unsigned char *out, size_t n) {
    static const char *const types[] = {"|u1", ">i2"}, *const words[] = {"False", "True"};
    size_t size = 1 + below(w, 2), fortran = below(w, 2);
    char header[119];
    memset(header, ' ', sizeof header);
    int length = snprintf(header, sizeof header,
                          "{'descr': '%s', 'fortran_order': %s, 'shape': (%zu, %d), }",
                          types[size - 1], words[fortran], n, NARROW);
    header[length] = ' ';
    header[117] = '\n';
    memcpy(out, "\x93NUMPY\x01\x00\x76\x00", 10);
    memcpy(out + 10, header, 118);
    for (size_t i = 0; i < n * NARROW; i++) {
        size_t from = fortran ? i % n * NARROW + i / n : i;
        unsigned char byte = byte_rows()[from], *to = out + 128 + i * size;
        to[0] = size == 1 ? byte : 0;
        if (size == 2) to[1] = byte / 255; /* what scale=auto makes of bytes */
    }
    return 128 + n * NARROW * size;
}

/* A CSV file: its last column is a label; the first line holds names, or is a row, or may be either. */
enum { NAMES, ROW, DOUBTFUL, FIRST_LINES };
typedef struct csv_kind {
    size_t first;
    char separator;
    int comment, gap,
        where; /* a comment line before all; a missing value in row 1; rows are chosen */
} csv_kind;

static csv_kind draw_csv(world *w) {
    static const char separators[] = {',', ',', ';', '\t', ' '};
    csv_kind kind = {.first = below(w, FIRST_LINES)};
    kind.separator = separators[below(w, sizeof separators)];
    kind.comment = one_in(w, 3);
    kind.gap = one_in(w, 3);
    kind.where = one_in(w, 3);
    return kind;
}

static size_t make_csv(unsigned char *out, size_t n, const csv_kind *kind) {
    static const char *const lines[FIRST_LINES] = {"a,b,c,d,e,f,g,h,i,j,k,l,label\n", "",
                                                   "5,b,c,d,e,f,g,h,i,j,k,l,label\n"};
    char *text = (char *)out;
    size_t length = (size_t)sprintf(text, "%s", lines[kind->first]);
    for (size_t row = 0; row < n; row++) {
        for (size_t i = 0; i < NARROW; i++) {
            int value = byte_rows()[row * NARROW + i] / 255;
            length += (size_t)sprintf(text + length,
                                      kind->gap && row == 1 && i == 2 ? "NA," : "%d,", value);
        }
        length += (size_t)sprintf(text + length, "%zu\n", row % 10);
    }
    for (size_t i = 0; i < length; i++) {
        if (text[i] == ',') text[i] = kind->separator;
    }
    if (!kind->comment) return length;
    memmove(text + 4, text, length);
    memcpy(text, "%;\t\n", 4);
    return length + 4;
}

static void csv_options(const csv_kind *kind, char options[160], const char *order) {
    const char *label = kind->first == ROW ? "12" : "label";
    size_t length = (size_t)sprintf(options, "%s labels=column:%s", order, label);
    if (kind->separator == ' ') length += (size_t)sprintf(options + length, " delimiter=space");
    if (kind->comment) length += (size_t)sprintf(options + length, " comment=%%");
    if (kind->gap) length += (size_t)sprintf(options + length, " missing=skip");
    if (kind->where) sprintf(options + length, " where=[%s>=3, %s!=5]", label, label);
}

static void from_file(world *w, dataset_slot *d, vae_context *context) {
    static unsigned char bytes[20 + MOST_ROWS * 2 * (NARROW + 4)];
    static const char *const names[] = {"rows", "rows.gz"};
    size_t format = below(w, 3), n = 40 + below(w, MOST_ROWS - 39), length;
    const char *order = PICK(w, orders), *name = PICK(w, names);
    char options[160];
    csv_kind csv = {0};
    if (format < 2 && strstr(order, "scale")) order = "batch=8";
    note_order(w, d, order);
    sprintf(options, "%s", order);
    if (format == 2) {
        csv = draw_csv(w);
        csv_options(&csv, options, order);
    }
    length = format == 0   ? make_idx(bytes, n)
             : format == 1 ? make_npy(w, bytes, n)
                           : make_csv(bytes, n, &csv);
    size_t cut = one_in(w, 4) ? 1 + below(w, length - 1) : 0;
    write_file(w, name, bytes, length - cut);
    d->labels = format == 2;
    /* A CSV file may end anywhere, as long as its last row is whole. */
    unsigned expected = !cut ? csv.first == DOUBTFUL ? ONE(VAE_ERROR_FORMAT) : OK
                             : ONE(VAE_ERROR_FORMAT) | BECAUSE(format == 2, VAE_OK) |
                                   BECAUSE(format == 2, VAE_ERROR_TEXT) |
                                   BECAUSE(csv.where || csv.gap, VAE_ERROR_DATA);
    CALL(w, expected, vae_dataset_open, context, name, options, &d->handle);
    remove(name);
    if (cut && d->handle) d->kind = BAD;
}

static void from_elsewhere(world *w, dataset_slot *d, vae_context *context) {
    static const char *const paths[] = {"none", "", "sprites:0", "sprites:-1", "."};
    if (one_in(w, 2)) {
        d->width = WIDE;
        d->labels = 5;
        CALL(w, OK, vae_dataset_open, context, "sprites:40", "batch=16", &d->handle);
        return;
    }
    unsigned refused =
        ONE(VAE_ERROR_FILE) | ONE(VAE_ERROR_TEXT) | ONE(VAE_ERROR_FORMAT) | ONE(VAE_ERROR_ARGUMENT);
    if (one_in(w, 2)) {
        CALL(w, refused, vae_dataset_open, context, PICK(w, paths), NULL, &d->handle);
    } else { /* a model's file, damaged or not there */
        CALL(w, refused, vae_dataset_open, context, file_name(below(w, SLOTS)), NULL, &d->handle);
    }
    must(w, !d->handle, "a data set of nothing");
}

void call_dataset(world *w) {
    dataset_slot *d = &w->datasets[below(w, SLOTS)];
    vae_context *context = w->contexts[below(w, SLOTS)];
    NOTE(w, vae_dataset_destroy)(d->handle);
    *d = (dataset_slot){.width = NARROW};
    size_t source = below(w, 10);
    if (source < 7) {
        from_memory(w, d, context);
    } else if (source < 9) {
        from_file(w, d, context);
    } else {
        from_elsewhere(w, d, context);
    }
    if (d->handle)
        must(w, NOTE(w, vae_dataset_width)(d->handle) == d->width || d->kind == BAD,
             "another width");
    if (d->handle) d->width = vae_dataset_width(d->handle);
}

void call_dataset_read(world *w) {
    dataset_slot *d = a_dataset(w);
    size_t size = NOTE(w, vae_dataset_size)(d->handle), n = below(w, 30), first = below(w, 300);
    size_t width = one_in(w, 10) ? d->width + 1 : d->width;
    unsigned refusals = BECAUSE(!d->handle, VAE_ERROR_ARGUMENT) |
                        BECAUSE(d->handle && first + n > size, VAE_ERROR_ARGUMENT);
    unsigned expected = refusals | BECAUSE(d->handle && width != d->width, VAE_ERROR_WIDTH);
    if (!expected) expected = OK | BECAUSE(d->kind != GOOD, VAE_ERROR_DATA);
    w->wild++; /* rows that are read may hold NaN */
    CALL(w, expected, vae_dataset_read, d->handle, first, n, floats(w, n * (width + 1)), width);
    w->wild--;
    size_t labels = d->labels ? d->labels : 1;
    expected = refusals ? refusals : d->labels ? OK : ONE(VAE_ERROR_UNSUPPORTED);
    CALL(w, expected | (refusals && !d->labels ? ONE(VAE_ERROR_UNSUPPORTED) : 0),
         vae_dataset_read_labels, d->handle, first, n, doubles(w, n * labels), labels);
}

void call_dataset_tell(world *w) {
    dataset_slot *d = a_dataset(w);
    size_t shape[8] = {0}, rank = 0;
    digest_number(w, NOTE(w, vae_dataset_size)(d->handle));
    digest_number(w, NOTE(w, vae_dataset_batch)(d->handle));
    digest_number(w, NOTE(w, vae_dataset_label_width)(d->handle));
    digest_number(w, NOTE(w, vae_dataset_epoch)(d->handle));
    uint64_t position = NOTE(w, vae_dataset_position)(d->handle);
    must(w, position <= vae_dataset_size(d->handle), "the cursor is past the rows");
    digest_number(w, position);
    unsigned expected = d->handle ? OK : ONE(VAE_ERROR_ARGUMENT);
    CALL(w, expected, vae_dataset_shape, d->handle, shape, below(w, 9), &rank);
    digest_bytes(w, shape, sizeof shape);
    digest_number(w, rank);
    char text[300] = "";
    size_t length = 0;
    if (!CALL(w, expected | BECAUSE(d->handle && d->kind != GOOD, VAE_ERROR_DATA), vae_dataset_spec,
              d->handle, text, below(w, 300), &length))
        digest_text(w, text);
    digest_text(w, NOTE(w, vae_dataset_column_name)(d->handle, below(w, 30)));
    digest_number(w, NOTE(w, vae_dataset_row_number)(d->handle, below(w, 30)));
    double scaling[2] = {0, 1};
    size_t column = below(w, d->width + 1);
    if (column == d->width) expected = ONE(VAE_ERROR_ARGUMENT);
    CALL(w, expected, vae_dataset_scaling, d->handle, column, &scaling[0], &scaling[1]);
    must(w, isfinite(scaling[0]) && scaling[1] > 0, "no scaling");
    digest_bytes(w, scaling, sizeof scaling);
}
