/* Reading (file.c) and replacing (replace.c) files. System calls can be made to fail: the library
 * is linked statically, so it calls the open, read, write, fsync, close and rename defined here. */
#define _DEFAULT_SOURCE

#include <stdint.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef VAE_NO_ZLIB
#include <zlib.h>
#endif

#include "base/file.h"
#include "base/replace.h"
#include "support/cmocka.h"
#include "support/folder.h"

/* ---- system calls that fail ---- */

static struct {
    const char *call; /* NULL: none fails */
    int after;        /* calls that still work */
    int times;        /* calls that fail then */
    int error;        /* their errno; 0: the call does less than asked for */
} fault;

static void make_fail(const char *call, int after, int times, int error) {
    fault.call = call;
    fault.after = after;
    fault.times = times;
    fault.error = error;
}

static int fails(const char *call) {
    if (!fault.call || strcmp(fault.call, call) || fault.after-- > 0 || fault.times-- <= 0)
        return 0;
    if (fault.error) errno = fault.error;
    return 1;
}

int open(const char *path, int flags, ...) {
    mode_t mode = 0;
    if (flags & O_CREAT) {
        va_list arguments;
        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);
    }
    return fails("open") ? -1 : openat(AT_FDCWD, path, flags, mode);
}

ssize_t read(int file, void *into, size_t size) {
    return fails("read") ? -1 : (ssize_t)syscall(SYS_read, file, into, size);
}

ssize_t write(int file, const void *bytes, size_t size) {
    if (!fails("write")) return (ssize_t)syscall(SYS_write, file, bytes, size);
    if (fault.error) return -1;
    return size > 1 ? (ssize_t)syscall(SYS_write, file, bytes, size / 2) : 0;
}

int fsync(int file) {
    return fails("fsync") ? -1 : (int)syscall(SYS_fsync, file);
}

int close(int file) {
    int result = (int)syscall(SYS_close, file);
    return fails("close") ? -1 : result;
}

int rename(const char *from, const char *to) {
    return fails("rename") ? -1 : renameat(AT_FDCWD, from, AT_FDCWD, to);
}

/* ---- a folder and a context for each test ---- */

static char file_path[128];
static vae_context *context;
static long allocations_left; /* < 0: no end */

static void *counting_allocate(void *user, size_t size) {
    (void)user;
    if (allocations_left == 0) return NULL;
    if (allocations_left > 0) allocations_left--;
    return malloc(size);
}

static void counting_release(void *user, void *block) {
    (void)user;
    free(block);
}

static int set_up(void **state) {
    allocations_left = -1;
    fault.call = NULL;
    if (test_folder_make(state)) return -1;
    strcpy(file_path, test_in_folder("file"));
    return vae__context_new(counting_allocate, counting_release, NULL, &context);
}

static size_t count_entries(void) {
    size_t count = 0;
    DIR *entries = opendir(test_folder());
    while (readdir(entries)) count++;
    closedir(entries);
    return count - 2;
}

static int tear_down(void **state) {
    (void)state;
    fault.call = NULL;
    size_t held = context->bytes;
    vae__context_release(context);
    DIR *entries = opendir(test_folder());
    for (struct dirent *entry = readdir(entries); entry; entry = readdir(entries)) {
        if (*entry->d_name != '.' || entry->d_name[1] == 'v')
            unlinkat(dirfd(entries), entry->d_name, 0);
    }
    closedir(entries);
    return rmdir(test_folder()) || held != 0;
}

static void put(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static void assert_content(const char *path, const char *expected) {
    char text[256];
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = 0;
    assert_string_equal(text, expected);
}

static void assert_message(const char *part) {
    if (!strstr(vae__last_message(), part))
        fail_msg("\"%s\" lacks \"%s\"", vae__last_message(), part);
}

/* A few hundred kilobytes that compress, but not to nothing. */
#define PATTERN_SIZE 300000
static unsigned char *new_pattern(void) {
    unsigned char *bytes = malloc(PATTERN_SIZE);
    uint32_t x = 1;
    assert_non_null(bytes);
    for (size_t i = 0; i < PATTERN_SIZE; i++) {
        x = x * 1664525u + 1013904223u;
        bytes[i] = (unsigned char)(x >> 28);
    }
    return bytes;
}

/* Reads all of file_path in pieces and compares. */
static void assert_reads(const unsigned char *expected, size_t size, size_t piece, int compressed) {
    vae__reader *reader;
    unsigned char *got = malloc(size + piece + 1);
    size_t total = 0, count;
    assert_non_null(got);
    assert_int_equal(vae__reader_open(context, file_path, &reader), VAE_OK);
    assert_int_equal(vae__reader_compressed(reader), compressed);
    assert_string_equal(vae__reader_path(reader), file_path);
    do {
        assert_int_equal(vae__reader_offset(reader), total);
        assert_int_equal(vae__reader_read(reader, got + total, piece, &count), VAE_OK);
        total += count;
    } while (count == piece);
    assert_int_equal(total, size);
    assert_int_equal(vae__reader_read(reader, got, 1, &count), VAE_OK);
    assert_int_equal(count, 0);
    assert_int_equal(vae__reader_offset(reader), size);
    assert_memory_equal(got, expected, size);
    vae__reader_close(reader);
    free(got);
}

/* ---- reading ---- */

/* What is in the file of this name. */
static vae_status read_file(const char *path, size_t limit, unsigned char **bytes, size_t *size) {
    vae__reader *reader;
    *bytes = NULL;
    vae_status status = vae__reader_open(context, path, &reader);
    if (status) return status;
    status = vae__reader_all(reader, limit, bytes, size);
    vae__reader_close(reader);
    return status;
}

static void reads_plain_files(void **state) {
    (void)state;
    unsigned char *pattern = new_pattern();
    vae__reader *reader;
    put(file_path, pattern, PATTERN_SIZE);
    assert_reads(pattern, PATTERN_SIZE, 1000, 0);
    assert_reads(pattern, PATTERN_SIZE, 65536, 0);
    assert_reads(pattern, PATTERN_SIZE, PATTERN_SIZE + 1, 0);
    assert_int_equal(vae__reader_open(context, file_path, &reader), VAE_OK);
    assert_int_equal(vae__reader_file_size(reader), PATTERN_SIZE);
    vae__reader_close(reader);
    put(file_path, "\x1f", 1);
    assert_reads((const unsigned char *)"\x1f", 1, 10, 0);
    put(file_path, "\x1f\x8a", 2); /* not quite gzip's */
    assert_reads((const unsigned char *)"\x1f\x8a", 2, 10, 0);
    put(file_path, "", 0);
    assert_reads(pattern, 0, 10, 0);
    vae__reader_close(NULL);
    free(pattern);
}

/* A host without standard input and output that prints all the same writes into no file of ours. */
static void leaves_standard_streams_alone(void **state) {
    (void)state;
    vae__reader *reader;
    int free_while_open[2];
    put(file_path, "text", 4);
    int in = fcntl(STDIN_FILENO, F_DUPFD, 10), out = fcntl(STDOUT_FILENO, F_DUPFD, 10);
    close(STDIN_FILENO);
    close(STDOUT_FILENO);
    vae_status status = vae__reader_open(context, file_path, &reader);
    free_while_open[0] = fcntl(STDIN_FILENO, F_GETFD);
    free_while_open[1] = fcntl(STDOUT_FILENO, F_GETFD);
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    close(in);
    close(out);
    assert_int_equal(status, VAE_OK);
    assert_int_equal(free_while_open[0], -1);
    assert_int_equal(free_while_open[1], -1);
    vae__reader_close(reader);
}

/* Nor where no other number is left. */
static void fails_rather_than_takes_a_stream(void **state) {
    (void)state;
    vae__reader *reader = NULL;
    struct rlimit before, few;
    put(file_path, "text", 4);
    int in = fcntl(STDIN_FILENO, F_DUPFD, 10);
    getrlimit(RLIMIT_NOFILE, &before);
    few = before;
    few.rlim_cur = STDERR_FILENO + 1;
    close(STDIN_FILENO);
    setrlimit(RLIMIT_NOFILE, &few);
    vae_status status = vae__reader_open(context, file_path, &reader);
    int taken = fcntl(STDIN_FILENO, F_GETFD);
    setrlimit(RLIMIT_NOFILE, &before);
    vae__reader_close(reader);
    dup2(in, STDIN_FILENO);
    close(in);
    assert_int_equal(taken, -1);
    assert_int_equal(status, VAE_ERROR_FILE);
    assert_non_null(strstr(vae__last_message(), "Too many open files"));
}

static void reads_on_after_a_signal(void **state) {
    (void)state;
    unsigned char *bytes;
    size_t size;
    put(file_path, "text", 4);
    make_fail("read", 1, 3, EINTR);
    assert_int_equal(read_file(file_path, 100, &bytes, &size), VAE_OK);
    assert_string_equal((char *)bytes, "text");
    vae__release(context, bytes);
    make_fail("open", 0, 3, EINTR);
    assert_int_equal(read_file(file_path, 100, &bytes, &size), VAE_OK);
    vae__release(context, bytes);
}

static void refuses_to_open(void **state) {
    (void)state;
    vae__reader *reader;
    const struct {
        const char *path;
        vae_status status;
        const char *message;
    } cases[] = {
        {NULL, VAE_ERROR_ARGUMENT, "path: expected the name of a file, found NULL"},
        {"", VAE_ERROR_ARGUMENT, "path: expected the name of a file, found \"\""},
        {"/no/such/file", VAE_ERROR_FILE, "cannot open '/no/such/file': No such file or directory"},
        {test_folder(), VAE_ERROR_FILE, "it is a directory"},
        {test_in_folder("fifo"), VAE_ERROR_FILE, "it is not a regular file"},
        {"/dev/null", VAE_ERROR_FILE, "cannot read '/dev/null': it is not a regular file"},
        {"/proc/self/mem", VAE_ERROR_FILE,
         "byte 0: cannot read '/proc/self/mem': Input/output error"},
    };
    assert_int_equal(mkfifo(test_in_folder("fifo"), 0600), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        reader = (vae__reader *)&reader;
        assert_int_equal(vae__reader_open(context, cases[i].path, &reader), cases[i].status);
        assert_null(reader);
        assert_message(cases[i].message);
    }
    put(file_path, "text", 4);
    make_fail("open", 0, 1, 12345); /* no errno of this system */
    assert_int_equal(vae__reader_open(context, file_path, &reader), VAE_ERROR_FILE);
    assert_message("12345");
}

/* Runs as a user without rights where the tests run as root. 0 if that cannot be. */
static int drop_rights(void) {
    if (geteuid() != 0) return 1;
    return chown(test_folder(), 65534, 65534) == 0 && seteuid(65534) == 0;
}

static void regain_rights(void) {
    if (getuid() == 0) assert_int_equal(seteuid(0), 0);
}

static void names_a_lack_of_rights(void **state) {
    (void)state;
    vae__reader *reader;
    const vae__piece piece = {"new", 3};
    put(file_path, "old", 3);
    chmod(file_path, 0);
    if (!drop_rights()) skip();
    vae_status opened = vae__reader_open(context, file_path, &reader);
    regain_rights();
    assert_int_equal(opened, VAE_ERROR_FILE);
    assert_message("file': Permission denied");

    chmod(file_path, 0444);
    drop_rights();
    vae_status replaced = vae__file_replace(context, file_path, &piece, 1);
    regain_rights();
    assert_int_equal(replaced, VAE_ERROR_FILE);
    assert_message("file': Permission denied");
    assert_content(file_path, "old");

    chmod(test_folder(), 0555);
    drop_rights();
    replaced = vae__file_replace(context, test_in_folder("other"), &piece, 1);
    regain_rights();
    chmod(test_folder(), 0755);
    assert_int_equal(replaced, VAE_ERROR_FILE);
    assert_message("cannot create a temporary file beside '");
    assert_message("other': Permission denied");
    assert_int_equal(count_entries(), 1);
}

static void tells_where_reading_failed(void **state) {
    (void)state;
    unsigned char *pattern = new_pattern(), *bytes;
    vae__reader *reader;
    size_t size, got;
    put(file_path, pattern, PATTERN_SIZE);
    make_fail("read", 2, 1, EIO);
    assert_int_equal(read_file(file_path, SIZE_MAX, &bytes, &size), VAE_ERROR_FILE);
    assert_message("byte 131072: cannot read '");
    assert_message("file': Input/output error");
    assert_null(bytes);
    assert_int_equal(size, 0);

    fault.call = NULL;
    assert_int_equal(vae__reader_open(context, file_path, &reader), VAE_OK);
    make_fail("read", 0, 1, EIO);
    assert_int_equal(vae__reader_read(reader, pattern, 100000, &got), VAE_ERROR_FILE);
    assert_int_equal(got, 65536);
    assert_int_equal(vae__reader_offset(reader), 65536);
    vae__reader_close(reader);
    free(pattern);
}

static void reads_whole_files_within_a_limit(void **state) {
    (void)state;
    unsigned char *bytes;
    size_t size;
    put(file_path, "four", 4);
    for (size_t limit = 4; limit < 7; limit++) {
        assert_int_equal(read_file(file_path, limit, &bytes, &size), VAE_OK);
        assert_int_equal(size, 4);
        assert_memory_equal(bytes, "four", 5); /* with its 0 */
        vae__release(context, bytes);
    }
    assert_int_equal(read_file(file_path, 3, &bytes, &size), VAE_ERROR_LIMIT);
    assert_message("file': expected at most 3 bytes, found more");
    assert_null(bytes);
    assert_int_equal(read_file(test_in_folder("none"), 3, &bytes, &size), VAE_ERROR_FILE);
    /* Files of /proc say that they are empty. */
    assert_int_equal(read_file("/proc/self/status", SIZE_MAX, &bytes, &size), VAE_OK);
    assert_int_equal(strlen((char *)bytes), size);
    assert_true(size > 100);
    vae__release(context, bytes);
    assert_int_equal(read_file("/proc/self/status", 50, &bytes, &size), VAE_ERROR_LIMIT);
}

static void reading_survives_a_lack_of_memory(void **state) {
    (void)state;
    unsigned char *bytes;
    size_t size;
    int failures = 0;
    vae_status status = VAE_ERROR_MEMORY;
    for (long n = 0; status; n++) {
        allocations_left = n;
        status = read_file("/proc/self/status", SIZE_MAX, &bytes, &size);
        if (status) {
            assert_int_equal(status, VAE_ERROR_MEMORY);
            assert_int_equal(context->bytes, 0);
            failures++;
        }
    }
    assert_true(failures >= 3);
    vae__release(context, bytes);
    allocations_left = -1;
    put(file_path, "text", 4);
    context->memory_limit = 1000;
    assert_int_equal(read_file(file_path, SIZE_MAX, &bytes, &size), VAE_ERROR_LIMIT);
}

/* ---- gzip ---- */

#ifdef VAE_NO_ZLIB

static void refuses_gzip_without_zlib(void **state) {
    (void)state;
    vae__reader *reader;
    put(file_path, "\x1f\x8b\x08", 3);
    assert_int_equal(vae__reader_open(context, file_path, &reader), VAE_ERROR_UNSUPPORTED);
    assert_message("file' is compressed with gzip, and this libvae was built without zlib");
}

#else

/* Appends one gzip member to `into`; returns its size. */
static size_t compress_member(const void *bytes, size_t size, unsigned char *into, size_t room) {
    z_stream stream = {.next_in = (unsigned char *)(uintptr_t)bytes, .avail_in = (uInt)size};
    stream.next_out = into;
    stream.avail_out = (uInt)room;
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(deflateEnd(&stream), Z_OK);
    return room - stream.avail_out;
}

static void reads_gzip_files(void **state) {
    (void)state;
    unsigned char *pattern = new_pattern(), *packed = malloc(2 * PATTERN_SIZE);
    size_t size = compress_member(pattern, PATTERN_SIZE, packed, PATTERN_SIZE);
    assert_true(size > 70000); /* more than a buffer */
    put(file_path, packed, size);
    assert_reads(pattern, PATTERN_SIZE, 1, 1);
    assert_reads(pattern, PATTERN_SIZE, 70000, 1);
    assert_reads(pattern, PATTERN_SIZE, PATTERN_SIZE, 1);
    make_fail("read", 1, 1, EIO);
    unsigned char *bytes;
    assert_int_equal(read_file(file_path, PATTERN_SIZE, &bytes, &size), VAE_ERROR_FILE);
    assert_message("byte 65536: cannot read '");
    size = compress_member("", 0, packed, PATTERN_SIZE);
    put(file_path, packed, size);
    assert_reads(pattern, 0, 10, 1);
    free(packed);
    free(pattern);
}

static void reads_gzip_files_of_several_members(void **state) {
    (void)state;
    unsigned char *pattern = new_pattern(), *packed = malloc(2 * PATTERN_SIZE);
    size_t parts[] = {100000, 0, 1, 199999}, begin = 0, size = 0;
    for (size_t i = 0; i < 4; i++) {
        size += compress_member(pattern + begin, parts[i], packed + size, PATTERN_SIZE);
        begin += parts[i];
    }
    put(file_path, packed, size);
    assert_reads(pattern, PATTERN_SIZE, 1000, 1);
    assert_reads(pattern, PATTERN_SIZE, PATTERN_SIZE + 7, 1);
    /* A member that ends exactly where the reader's buffer does, filled up by an extra field. */
    size = compress_member("one", 3, packed + 65536, 1000);
    size_t extra = 65536 - size - 2;
    memcpy(packed, packed + 65536, 10);
    packed[3] = 4; /* FEXTRA: length, then that many bytes */
    packed[10] = (unsigned char)extra;
    packed[11] = (unsigned char)(extra >> 8);
    memset(packed + 12, 0, extra);
    memmove(packed + 12 + extra, packed + 65536 + 10, size - 10);
    size = 65536 + compress_member("two", 3, packed + 65536, 1000);
    put(file_path, packed, size);
    assert_reads((const unsigned char *)"onetwo", 6, 100, 1);
    make_fail("read", 1, 1, EIO);
    unsigned char *bytes;
    assert_int_equal(read_file(file_path, 100, &bytes, &size), VAE_ERROR_FILE);
    assert_message("byte 65536: cannot read");
    free(packed);
    free(pattern);
}

static void bounds_what_gzip_inflates_to(void **state) {
    (void)state;
    unsigned char *zeros = calloc(1, 5000000), packed[8000], *bytes;
    size_t size = compress_member(zeros, 5000000, packed, sizeof packed);
    put(file_path, packed, size);
    assert_int_equal(read_file(file_path, 4999999, &bytes, &size), VAE_ERROR_LIMIT);
    assert_int_equal(read_file(file_path, 5000000, &bytes, &size), VAE_OK);
    assert_int_equal(size, 5000000);
    assert_memory_equal(bytes, zeros, size);
    vae__release(context, bytes);
    context->memory_limit = 1000000;
    assert_int_equal(read_file(file_path, SIZE_MAX, &bytes, &size), VAE_ERROR_LIMIT);
    assert_message("file'");
    assert_message("memory_limit");
    free(zeros);
}

static void refuses_truncated_gzip(void **state) {
    (void)state;
    unsigned char packed[200], *bytes;
    char place[80];
    size_t got, size = compress_member("some text, some text", 20, packed, sizeof packed);
    for (size_t kept = 2; kept < size; kept++) {
        put(file_path, packed, kept);
        assert_int_equal(read_file(file_path, 1000, &bytes, &got), VAE_ERROR_FORMAT);
        assert_message(file_path);
        snprintf(place, sizeof place, "byte %zu: expected more of the gzip", kept);
        assert_message(place);
    }
}

static void refuses_damaged_gzip(void **state) {
    (void)state;
    unsigned char packed[200], damaged[200], *bytes;
    size_t got, size = compress_member("some text, some text", 20, packed, sizeof packed);
    const struct {
        size_t offset;
        const char *message;
    } cases[] = {
        {2, "unknown compression method"},    {3, "unknown header flags set"},
        {10, "damaged gzip stream"},          {size - 5, "incorrect data check"},
        {size - 1, "incorrect length check"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        memcpy(damaged, packed, size);
        damaged[cases[i].offset] ^= 0xe7;
        put(file_path, damaged, size);
        assert_int_equal(read_file(file_path, 1000, &bytes, &got), VAE_ERROR_FORMAT);
        assert_message(file_path);
        assert_message(cases[i].message);
    }
    memcpy(packed + size, "\x1fjunk", 5);
    put(file_path, packed, size + 5);
    assert_int_equal(read_file(file_path, 1000, &bytes, &got), VAE_ERROR_FORMAT);
    assert_message("damaged gzip stream: incorrect header check");
}

/* What gzip -t accepts: zeros up to the end of the file, however many, behind the last member. */
static void passes_over_zeros_behind_gzip(void **state) {
    (void)state;
    static unsigned char packed[200000];
    const size_t padding[] = {1, 2, 511, 65536, 150000};
    size_t size = compress_member("one", 3, packed, 1000);
    size += compress_member("two", 3, packed + size, 1000);
    for (size_t i = 0; i < sizeof padding / sizeof *padding; i++) {
        memset(packed + size, 0, padding[i]);
        put(file_path, packed, size + padding[i]);
        assert_reads((const unsigned char *)"onetwo", 6, 1, 1);
        assert_reads((const unsigned char *)"onetwo", 6, 100, 1);
    }
    make_fail("read", 1, 1, EIO);
    unsigned char *bytes;
    size_t got;
    assert_int_equal(read_file(file_path, 100, &bytes, &got), VAE_ERROR_FILE);
    assert_message("byte 65536: cannot read");
}

/* gzip warns of "trailing garbage" and reads on; here data that may be cut off is refused. */
static void refuses_what_follows_gzip(void **state) {
    (void)state;
    unsigned char packed[300], *bytes;
    size_t got, size = compress_member("some text, some text", 20, packed, sizeof packed);
    size_t more = compress_member("more", 4, packed + size + 3, 100);
    char message[80];
    snprintf(message, sizeof message, "byte %zu: the gzip stream ends here", size);
    memset(packed + size, 0, 3);
    put(file_path, packed, size + 3 + more); /* a member behind zeros */
    assert_int_equal(read_file(file_path, 1000, &bytes, &got), VAE_ERROR_FORMAT);
    assert_message(message);
    packed[size + 2] = 'x';
    put(file_path, packed, size + 3);
    assert_int_equal(read_file(file_path, 1000, &bytes, &got), VAE_ERROR_FORMAT);
    assert_message(message);
    assert_message("trailing garbage); remove it");
    memcpy(packed + size, "junk", 4);
    put(file_path, packed, size + 4);
    assert_int_equal(read_file(file_path, 1000, &bytes, &got), VAE_ERROR_FORMAT);
    assert_message(message);
    packed[size] = 0x1f; /* the beginning of a member, and no more */
    put(file_path, packed, size + 1);
    assert_int_equal(read_file(file_path, 1000, &bytes, &got), VAE_ERROR_FORMAT);
    assert_message("expected more of the gzip stream, found the end of the file");
}

static void inflating_survives_a_lack_of_memory(void **state) {
    (void)state;
    unsigned char *pattern = new_pattern(), *packed = malloc(PATTERN_SIZE), *bytes;
    size_t size = compress_member(pattern, PATTERN_SIZE, packed, PATTERN_SIZE);
    vae_status status = VAE_ERROR_MEMORY;
    long n = 0;
    put(file_path, packed, size);
    for (; status; n++) {
        allocations_left = n;
        status = read_file(file_path, PATTERN_SIZE, &bytes, &size);
        if (status) {
            assert_int_equal(status, VAE_ERROR_MEMORY);
            assert_int_equal(context->bytes, 0);
        }
    }
    assert_true(n >= 5); /* reader, zlib's state and window, the block and its growth */
    assert_memory_equal(bytes, pattern, PATTERN_SIZE);
    vae__release(context, bytes);
    free(packed);
    free(pattern);
}

#endif

/* ---- writing ---- */

static vae_status save(const char *path, const char *text) {
    size_t half = strlen(text) / 2;
    const vae__piece pieces[] = {{text, half}, {NULL, 0}, {text + half, strlen(text) - half}};
    return vae__file_replace(context, path, pieces, 3);
}

static mode_t mode_of(const char *path) {
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 07777;
}

static void replaces_files(void **state) {
    (void)state;
    mode_t mask = umask(027);
    assert_int_equal(save(file_path, "first"), VAE_OK);
    umask(mask);
    assert_content(file_path, "first");
    assert_int_equal(mode_of(file_path), 0640);
    chmod(file_path, 0604);
    assert_int_equal(save(file_path, "second"), VAE_OK);
    assert_content(file_path, "second");
    assert_int_equal(mode_of(file_path), 0604);
    assert_int_equal(vae__file_replace(context, file_path, NULL, 0), VAE_OK);
    assert_content(file_path, "");
    assert_int_equal(count_entries(), 1);
}

static void replaces_files_in_the_current_folder(void **state) {
    (void)state;
    char before[1024];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(test_folder()), 0);
    vae_status status = save("file", "text");
    assert_int_equal(chdir(before), 0);
    assert_int_equal(status, VAE_OK);
    assert_content(file_path, "text");
    assert_int_equal(count_entries(), 1);
}

static void writes_through_symbolic_links(void **state) {
    (void)state;
    struct stat info;
    assert_int_equal(symlink("file", test_in_folder("relative")), 0);
    assert_int_equal(symlink(test_in_folder("relative"), test_in_folder("absolute")), 0);
    assert_int_equal(save(test_in_folder("absolute"), "dangling"), VAE_OK);
    assert_content(file_path, "dangling");
    assert_int_equal(save(test_in_folder("absolute"), "existing"), VAE_OK);
    assert_content(file_path, "existing");
    assert_int_equal(lstat(test_in_folder("absolute"), &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_int_equal(lstat(test_in_folder("relative"), &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_int_equal(symlink("loop", test_in_folder("loop")), 0);
    assert_int_equal(save(test_in_folder("loop"), "text"), VAE_ERROR_FILE);
    assert_message("loop': Too many levels of symbolic links");
    assert_int_equal(count_entries(), 4);
}

static void refuses_to_write(void **state) {
    (void)state;
    put(test_in_folder("plain"), "", 0);
    assert_int_equal(mkfifo(test_in_folder("fifo"), 0600), 0);
    const struct {
        const char *path;
        vae_status status;
        const char *message;
    } cases[] = {
        {NULL, VAE_ERROR_ARGUMENT, "path: expected the name of a file, found NULL"},
        {"", VAE_ERROR_ARGUMENT, "path: expected the name of a file, found \"\""},
        {"/no/such/file", VAE_ERROR_FILE, "beside '/no/such/file': No such file or directory"},
        {test_folder(), VAE_ERROR_FILE, "it is a directory"},
        {test_in_folder("fifo"), VAE_ERROR_FILE, "it is not a regular file"},
        {test_in_folder("plain/file"), VAE_ERROR_FILE, "plain/file': Not a directory"},
        {"/dev/full", VAE_ERROR_FILE, "cannot write '/dev/full': No space left on device"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(save(cases[i].path, "text"), cases[i].status);
        assert_message(cases[i].message);
    }
    assert_int_equal(save("/dev/null", "text"), VAE_OK);
    make_fail("open", 0, 1, EACCES);
    assert_int_equal(save("/dev/null", "text"), VAE_ERROR_FILE);
    assert_message("cannot write '/dev/null': Permission denied");
    make_fail("close", 0, 1, EIO);
    assert_int_equal(save("/dev/null", "text"), VAE_ERROR_FILE);
    assert_int_equal(count_entries(), 2);
}

/* Each of these leaves the old file whole and no other behind. */
static void keeps_the_old_file_when_a_call_fails(void **state) {
    (void)state;
    const struct {
        const char *call;
        int after, times, error;
        const char *message;
    } cases[] = {
        {"open", 0, 1, EMFILE, "cannot create a temporary file beside '"},
        {"open", 0, 2000, EEXIST, "file': File exists"},
        {"write", 0, 1, ENOSPC, "file': No space left on device"},
        {"write", 1, 1, EDQUOT, "file': Disk quota exceeded"},
        {"write", 0, 100, 0, "file': No space left on device"}, /* shorter and shorter, then none */
        {"fsync", 0, 1, EIO, "cannot write '"},
        {"close", 0, 1, EIO, "cannot write '"},
        {"rename", 0, 1, EBUSY, "cannot replace '"},
    };
    assert_int_equal(save(file_path, "old"), VAE_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        make_fail(cases[i].call, cases[i].after, cases[i].times, cases[i].error);
        assert_int_equal(save(file_path, "new and longer"), VAE_ERROR_FILE);
        fault.call = NULL;
        assert_message(cases[i].message);
        assert_message(file_path);
        assert_content(file_path, "old");
        assert_int_equal(count_entries(), 1);
    }
}

/* The new content is there although a call did not do at once what it should. */
static void writes_on_after_interruptions(void **state) {
    (void)state;
    const struct {
        const char *call;
        int after, times, error;
    } cases[] = {
        {"write", 0, 3, EINTR},  {"write", 0, 2, 0},     {"fsync", 0, 3, EINTR},
        {"close", 0, 1, EINTR},  {"open", 0, 3, EINTR},  {"open", 1, 1, EACCES},
        {"fsync", 1, 1, EINVAL}, {"fsync", 1, 1, EINTR},
    };
    char text[2] = "a";
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++, text[0]++) {
        char content[20];
        snprintf(content, sizeof content, "content %s", text);
        make_fail(cases[i].call, cases[i].after, cases[i].times, cases[i].error);
        assert_int_equal(save(file_path, content), VAE_OK);
        assert_true(fault.times <= 0);
        fault.call = NULL;
        assert_content(file_path, content);
        assert_int_equal(count_entries(), 1);
    }
}

static void reports_a_folder_that_cannot_be_synced(void **state) {
    (void)state;
    make_fail("fsync", 1, 1, EIO);
    assert_int_equal(save(file_path, "new"), VAE_ERROR_FILE);
    assert_message("cannot sync the folder of '");
    assert_content(file_path, "new");
    assert_int_equal(count_entries(), 1);
}

static void keeps_the_old_file_when_it_would_grow_too_large(void **state) {
    (void)state;
    struct rlimit before, small;
    unsigned char *pattern = new_pattern();
    const vae__piece piece = {pattern, PATTERN_SIZE};
    assert_int_equal(save(file_path, "old"), VAE_OK);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 100000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    vae_status status = vae__file_replace(context, file_path, &piece, 1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(status, VAE_ERROR_FILE);
    assert_message("file': File too large");
    assert_content(file_path, "old");
    assert_int_equal(count_entries(), 1);
    free(pattern);
}

static void leaves_other_temporary_files_alone(void **state) {
    (void)state;
    char name[40];
    snprintf(name, sizeof name, ".vae-%ld-0.tmp", (long)getpid());
    put(test_in_folder(name), "another's", 9);
    assert_int_equal(save(file_path, "text"), VAE_OK);
    assert_content(file_path, "text");
    assert_content(test_in_folder(name), "another's");
    assert_int_equal(count_entries(), 2);
}

static void writing_survives_a_lack_of_memory(void **state) {
    (void)state;
    long n = 0;
    vae_status status = VAE_ERROR_MEMORY;
    assert_int_equal(save(file_path, "old"), VAE_OK);
    for (; status; n++) {
        allocations_left = n;
        status = save(file_path, "new");
        allocations_left = -1;
        assert_content(file_path, status ? "old" : "new");
        assert_int_equal(count_entries(), 1);
        assert_int_equal(context->bytes, 0);
    }
    assert_true(n >= 3);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(reads_plain_files),
        TEST(leaves_standard_streams_alone),
        TEST(fails_rather_than_takes_a_stream),
        TEST(reads_on_after_a_signal),
        TEST(refuses_to_open),
        TEST(names_a_lack_of_rights),
        TEST(tells_where_reading_failed),
        TEST(reads_whole_files_within_a_limit),
        TEST(reading_survives_a_lack_of_memory),
#ifdef VAE_NO_ZLIB
        TEST(refuses_gzip_without_zlib),
#else
        TEST(reads_gzip_files),
        TEST(reads_gzip_files_of_several_members),
        TEST(bounds_what_gzip_inflates_to),
        TEST(refuses_truncated_gzip),
        TEST(refuses_damaged_gzip),
        TEST(passes_over_zeros_behind_gzip),
        TEST(refuses_what_follows_gzip),
        TEST(inflating_survives_a_lack_of_memory),
#endif
        TEST(replaces_files),
        TEST(replaces_files_in_the_current_folder),
        TEST(writes_through_symbolic_links),
        TEST(refuses_to_write),
        TEST(keeps_the_old_file_when_a_call_fails),
        TEST(writes_on_after_interruptions),
        TEST(reports_a_folder_that_cannot_be_synced),
        TEST(keeps_the_old_file_when_it_would_grow_too_large),
        TEST(leaves_other_temporary_files_alone),
        TEST(writing_survives_a_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
