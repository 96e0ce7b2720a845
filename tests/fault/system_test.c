/* Lives while the system refuses: every call that may fail does so in turn, alone and with all after
 * it, and is interrupted in turn. The linker puts the functions here in the place of the library's
 * calls (WRAPPED in scripts/build.mk). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifndef VAE_NO_ZLIB
#include <zlib.h>
#endif

#include "base/status.h"
#include "fault/lives.h"
#include "support/checks.h"
#include "support/child.h"
#include "support/cmocka.h"
#include "support/folder.h"

/* ---- a system that refuses ---- */

enum {
    OPEN = 1,
    WRITE = 2, /* and close */
    LOOK = 4,
    CHANGE = 8,
    LOCALE = 16,
    LOCK = 32,
    THREAD = 64,
    MASK = 128,
    ZLIB = 256,
    SYNC = 512,
    READ = 1024,
    DUPLICATE = 2048,
    ANY = 4095
};

/* Refuses the calls of `kinds` from number `from` on, `once` only that one, with `code`. */
static struct {
    unsigned kinds;
    int code, once;
    size_t from, calls;
    unsigned met; /* kinds of which one was refused */
    int ring;     /* every name is a symbolic link to itself */
} faults;

static void refuse(unsigned kinds, size_t from, int once, int code) {
    memset(&faults, 0, sizeof faults);
    faults.kinds = kinds;
    faults.from = from;
    faults.once = once;
    faults.code = code;
}

static void relent(void) {
    refuse(0, 0, 0, 0);
}

static int refused(unsigned kind) {
    if (!(faults.kinds & kind)) return 0;
    faults.calls++;
    if (faults.calls < faults.from || (faults.once && faults.calls > faults.from)) return 0;
    faults.met |= kind;
    errno = faults.code;
    return 1;
}

#define STAND_IN(kind, result, failure, name, parameters, arguments) \
    result __real_##name parameters;                                 \
    result __wrap_##name parameters;                                 \
    result __wrap_##name parameters {                                \
        return refused(kind) ? (failure) : __real_##name arguments;  \
    }

STAND_IN(READ, ssize_t, -1, read, (int file, void *into, size_t size), (file, into, size))
STAND_IN(WRITE, ssize_t, -1, write, (int file, const void *from, size_t size), (file, from, size))
STAND_IN(SYNC, int, -1, fsync, (int file), (file))
STAND_IN(LOOK, int, -1, stat, (const char *path, struct stat *info), (path, info))
STAND_IN(LOOK, int, -1, fstat, (int file, struct stat *info), (file, info))
STAND_IN(LOOK, int, -1, faccessat, (int folder, const char *path, int mode, int flags),
         (folder, path, mode, flags))
STAND_IN(CHANGE, int, -1, rename, (const char *from, const char *to), (from, to))
STAND_IN(CHANGE, int, -1, fchmod, (int file, mode_t mode), (file, mode))
STAND_IN(LOCALE, locale_t, (locale_t)0, newlocale, (int mask, const char *name, locale_t base),
         (mask, name, base))
STAND_IN(LOCK, int, EAGAIN, pthread_mutex_init,
         (pthread_mutex_t * mutex, const pthread_mutexattr_t *attributes), (mutex, attributes))
STAND_IN(LOCK, int, EAGAIN, pthread_cond_init,
         (pthread_cond_t * condition, const pthread_condattr_t *attributes),
         (condition, attributes))
STAND_IN(THREAD, int, EAGAIN, pthread_create,
         (pthread_t * thread, const pthread_attr_t *attributes, void *(*body)(void *), void *user),
         (thread, attributes, body, user))
STAND_IN(MASK, int, EINVAL, pthread_sigmask, (int how, const sigset_t *set, sigset_t *old),
         (how, set, old))
#ifndef VAE_NO_ZLIB
STAND_IN(ZLIB, int, Z_VERSION_ERROR, inflateInit2_,
         (z_stream * stream, int bits, const char *version, int size),
         (stream, bits, version, size))
STAND_IN(ZLIB, int, Z_STREAM_ERROR, inflate, (z_stream * stream, int flush), (stream, flush))
#endif

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, mode_t mode);
int __wrap_open(const char *path, int flags, mode_t mode) {
    return refused(OPEN) ? -1 : __real_open(path, flags, mode);
}

int __real_fcntl(int file, int command, ...);
int __wrap_fcntl(int file, int command, int argument);
int __wrap_fcntl(int file, int command, int argument) {
    return refused(DUPLICATE) ? -1 : __real_fcntl(file, command, argument);
}

/* A descriptor that close() says it could not close is gone all the same. */
int __real_close(int file);
int __wrap_close(int file);
int __wrap_close(int file) {
    int result = __real_close(file);
    return refused(WRITE) ? -1 : result;
}

ssize_t __real_readlink(const char *path, char *into, size_t size);
ssize_t __wrap_readlink(const char *path, char *into, size_t size);
ssize_t __wrap_readlink(const char *path, char *into, size_t size) {
    if (refused(LOOK)) return -1;
    if (!faults.ring) return __real_readlink(path, into, size);
    memcpy(into, "ring", 4);
    return 4;
}

/* ---- lives ---- */

/* Large enough that its work goes to the threads. */
#define WIDE "input=4 latent=2 likelihood=gaussian encoder=[dense 400, dense 200] seed=3"

static unsigned char trained[700000]; /* the model file of the last one that succeeded */
static size_t trained_size;

static vae_status train_on_threads(vae_context *context, const void *unused) {
    float rows[512];
    vae_model *model = NULL;
    vae_dataset *dataset = NULL;
    vae_optimizer *optimizer = NULL;
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(rows); i++) rows[i] = (float)(i * 37 % 101) / 101;
    vae_status status = vae_model_create(context, WIDE, &model);
    if (!status) status = vae_dataset_from_memory(context, rows, 128, 4, "batch=128", &dataset);
    if (!status) status = vae_optimizer_create(model, NULL, &optimizer);
    for (int i = 0; i < 3 && !status; i++) status = vae_step(model, optimizer, dataset, NULL);
    if (!status) status = vae_model_save_memory(model, trained, sizeof trained, &trained_size);
    vae_optimizer_destroy(optimizer);
    vae_dataset_destroy(dataset);
    vae_model_destroy(model);
    return status;
}

static const life training = {train_on_threads, NULL, 0};

static int open_files(void) {
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder)) count++;
    closedir(folder);
    return count;
}

/* A failure of this call says so, and why. */
static void check_message(vae_status status, unsigned kinds, size_t from, int code) {
    const char *message = vae_last_error();
    if (!strncmp(message, "marker", 6)) fail_msg("call %zu refused: no message", from);
    if (status == VAE_ERROR_FILE && code == EIO && !strstr(message, "Input/output error") &&
        !strstr(message, "error 5"))
        fail_msg("call %zu refused: no reason in \"%s\"", from, message);
    int of_zlib = kinds == ZLIB && (status == VAE_ERROR_FORMAT || status == VAE_ERROR_UNSUPPORTED);
    if (status != VAE_ERROR_FILE && status != VAE_ERROR_MEMORY && !of_zlib)
        fail_msg("call %zu refused: %s: %s", from, vae_status_name(status), message);
}

static unsigned met; /* kinds refused in the lives so far */

/* 1 if a call was refused. It may be one that can be done without. */
static int live_with_refusals(const life *l, unsigned kinds, size_t from, int once, int code) {
    host_allocator counts = {0};
    vae_context *context = NULL;
    sigset_t mask;
    int files = open_files();
    assert_fails(vae__fail(VAE_ERROR_TEXT, "marker"), VAE_ERROR_TEXT, "marker");
    assert_int_equal(__real_pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
    refuse(kinds, from, once, code);
    vae_status status =
        vae_context_create_with_allocator("threads=2", host_alloc, host_free, &counts, &context);
    if (!status) status = l->live(context, l->what);
    int happened = faults.calls >= from;
    met |= faults.met;
    relent();
    vae_context_destroy(context);
    __real_pthread_sigmask(SIG_SETMASK, &mask, NULL); /* setting it back may have been refused */
    if (status && code == EINTR) fail_msg("call %zu interrupted: %s", from, vae_last_error());
    if (status && !happened) fail_msg("without a refusal: %s", vae_last_error());
    if (status) check_message(status, kinds, from, code);
    assert_int_equal(atomic_load(&counts.blocks), 0);
    assert_int_equal(open_files(), files);
    return happened;
}

static void live_with_each_refused(const char *name, unsigned kinds, int once, int code) {
    size_t refusals = 0;
    for (size_t i = 0; i < life_count; i++) {
        size_t from = 1;
        while (live_with_refusals(&lives[i], kinds, from, once, code)) from++;
        refusals += from - 1;
    }
    for (size_t from = 1; live_with_refusals(&training, kinds, from, once, code); from++)
        refusals++;
    print_message("%zu calls %s\n", refusals, name);
}

static void survives_every_refusal(void **state) {
    const unsigned all = OPEN | READ | WRITE | SYNC | LOOK | CHANGE | LOCALE | LOCK | THREAD | MASK;
    (void)state;
    met = 0;
    live_with_each_refused("refused, each alone", ANY & ~(unsigned)ZLIB, 1, EIO);
    live_with_each_refused("refused, each with all after it", ANY & ~(unsigned)ZLIB, 0, EIO);
    assert_int_equal(met & all, all); /* no kind was left out */
}

static void goes_on_when_interrupted(void **state) {
    (void)state;
    live_with_each_refused("interrupted", OPEN | READ | WRITE | SYNC, 1, EINTR);
}

static void survives_a_zlib_that_refuses(void **state) {
    (void)state;
#ifdef VAE_NO_ZLIB
    skip();
#else
    live_with_each_refused("refused by zlib", ZLIB, 1, 0);
    vae_dataset *dataset = NULL;
    refuse(ZLIB, 1, 1, 0);
    assert_fails(vae_dataset_open(NULL, test_in_folder("idx.gz"), NULL, &dataset),
                 VAE_ERROR_UNSUPPORTED, "zlib cannot be used: incompatible version");
    refuse(ZLIB, 2, 1, 0);
    assert_fails(vae_dataset_open(NULL, test_in_folder("idx.gz"), NULL, &dataset), VAE_ERROR_FORMAT,
                 "damaged gzip stream: stream error");
    relent();
    assert_null(dataset);
#endif
}

/* ---- reading ---- */

static void write_large(const char *name, const void *begin, size_t size, const char *line,
                        size_t lines) {
    char zipped[40];
    FILE *file = fopen(test_in_folder(name), "wb");
    assert_non_null(file);
    fwrite(begin, 1, size, file);
    for (size_t i = 0; i < lines; i++) {
        if (line) fputs(line, file);
        if (!line) fputc((int)((i * 2654435761u) >> 16 & 255), file);
    }
    assert_int_equal(fclose(file), 0);
    snprintf(zipped, sizeof zipped, "%s.gz", name);
#ifndef VAE_NO_ZLIB
    size_t length;
    unsigned char *bytes = test_content(test_in_folder(name), &length);
    gzFile gzip = gzopen(test_in_folder(zipped), "wb1");
    assert_non_null(gzip);
    /* Cut into members, which compress badly: many reads. */
    for (size_t at = 0; at < length; at += 100) {
        size_t part = length - at < 100 ? length - at : 100;
        assert_int_equal(gzwrite(gzip, bytes + at, (unsigned)part), (int)part);
        assert_int_equal(gzflush(gzip, Z_FINISH), Z_OK);
    }
    assert_int_equal(gzclose(gzip), Z_OK);
    free(bytes);
#endif
}

/* A file that is read in pieces, one of which cannot be read. Pieces of a CSV begin at every place of
 * its line, since 9 and 11 have no common factor with 2^16. */
static void names_the_file_that_cannot_be_read(void **state) {
    static const unsigned char idx[] = {0, 0, 8, 2, 0, 0, 0x9C, 0x40, 0, 0, 0, 4}; /* 40000 x 4 */
    static const struct {
        const char *name;
        size_t rows, reads;
    } files[] = {
        {"large.idx", 40000, 3},    {"lf.csv", 80000, 10},   {"crlf.csv", 80000, 10},
#ifndef VAE_NO_ZLIB
        {"large.idx.gz", 40000, 3}, {"lf.csv.gz", 80000, 3}, {"crlf.csv.gz", 80000, 3},
#endif
    };
    (void)state;
    write_large("large.idx", idx, sizeof idx, NULL, 160000);
    write_large("lf.csv", "", 0, "1,\"2\"\t,3\n", 80000);
    write_large("crlf.csv", "", 0, "1,\"2\"\t,34\r\n", 80000);
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        size_t from = 1;
        for (int happened = 1; happened; from++) {
            vae_dataset *dataset = NULL;
            refuse(READ, from, 1, EIO);
            vae_status status =
                vae_dataset_open(NULL, test_in_folder(files[i].name), NULL, &dataset);
            happened = faults.calls >= from;
            relent();
            if (happened) {
                assert_fails(status, VAE_ERROR_FILE, files[i].name);
                assert_non_null(strstr(vae_last_error(), "Input/output error"));
                assert_null(dataset);
            } else {
                assert_ok(status);
                assert_int_equal(vae_dataset_size(dataset), files[i].rows);
                vae_dataset_destroy(dataset);
            }
        }
        if (from <= files[i].reads) fail_msg("%s: only %zu reads", files[i].name, from);
    }
}

/* ---- files ---- */

static int stands_in(const char *path, const vae_model *model) {
    unsigned char expected[5000];
    size_t length, found;
    assert_ok(vae_model_save_memory(model, expected, sizeof expected, &length));
    unsigned char *bytes = test_content(path, &found);
    int same = found == length && !memcmp(bytes, expected, length);
    free(bytes);
    return same;
}

static vae_model *old, *new;

static void make_two(void) {
    assert_ok(vae_model_create(NULL, "input=4 latent=2 likelihood=gaussian seed=1", &old));
    assert_ok(vae_model_create(NULL, "input=4 latent=2 likelihood=gaussian seed=2", &new));
}

static void destroy_two(void) {
    vae_model_destroy(old);
    vae_model_destroy(new);
}

/* The file is the old or the new one, whole; the new one unless an error is reported, and the old one
 * if it is, but for the last step. */
static void leaves_a_whole_file(void **state) {
    char file[200], link[200];
    int left_old = 0;
    (void)state;
    strcpy(file, test_in_folder("model"));
    strcpy(link, test_in_folder("link"));
    make_two();
    assert_int_equal(symlink("model", link), 0);
    for (int once = 0; once <= 1; once++) {
        for (size_t from = 1, happened = 1; happened; from++) {
            assert_ok(vae_model_save(old, file));
            refuse(ANY, from, once, ENOSPC);
            vae_status status = vae_model_save(new, link);
            happened = faults.calls >= from;
            relent();
            int is_new = stands_in(file, new);
            assert_true(is_new || stands_in(file, old));
            assert_true(is_new || status);
            if (status) assert_int_equal(status, VAE_ERROR_FILE);
            if (status && is_new) assert_non_null(strstr(vae_last_error(), "sync the folder of"));
            left_old += !is_new;
        }
    }
    assert_true(left_old > 10);
    destroy_two();
}

/* What is not on the disk is not saved; a file system that syncs no folders is none to blame. */
static void reports_what_was_not_synced(void **state) {
    char file[200];
    (void)state;
    strcpy(file, test_in_folder("synced"));
    make_two();
    assert_ok(vae_model_save(old, file));
    refuse(SYNC, 1, 1, EIO);
    assert_fails(vae_model_save(new, file), VAE_ERROR_FILE, "cannot write");
    assert_true(stands_in(file, old));
    refuse(SYNC, 2, 1, EIO);
    assert_fails(vae_model_save(new, file), VAE_ERROR_FILE, "cannot sync the folder of");
    refuse(SYNC, 2, 1, EINVAL);
    assert_ok(vae_model_save(new, file));
    relent();
    destroy_two();
}

static int saves_without_descriptors(void) {
    static const char path[] = "saved";
    if (chdir(test_folder())) return 0;
    close(STDIN_FILENO);
    refuse(DUPLICATE, 1, 1, EMFILE);
    vae_status status = vae_model_save(new, path);
    int refused_one = faults.met == DUPLICATE;
    relent();
    /* What was begun is gone: with its name, the first, the next one succeeds. */
    return refused_one && status == VAE_ERROR_FILE && strstr(vae_last_error(), "open files") &&
           access(path, F_OK) && !vae_model_save(new, path);
}

/* Descriptor 0 is free, but a file must not take it, and no other is left. */
static void leaves_nothing_without_descriptors(void **state) {
    (void)state;
    make_two();
    assert_int_equal(test_in_child(saves_without_descriptors), 0);
    assert_true(stands_in(test_in_folder("saved"), new));
    destroy_two();
}

/* stat() has followed the links, so that they form a ring only if someone changes them meanwhile. */
static void leaves_a_ring_of_links(void **state) {
    const char *path = test_in_folder("ring");
    (void)state;
    make_two();
    faults.ring = 1;
    assert_fails(vae_model_save(new, path), VAE_ERROR_FILE, "Too many levels of symbolic links");
    relent();
    assert_int_equal(access(path, F_OK), -1);
    destroy_two();
}

static void names_the_error_without_a_locale(void **state) {
    vae_model *model = NULL;
    (void)state;
    refuse(LOCALE, 1, 0, ENOMEM);
    assert_fails(vae_model_load(NULL, "/nonexistent", &model), VAE_ERROR_FILE,
                 "cannot open '/nonexistent': error 2");
    relent();
}

/* ---- threads ---- */

/* What threads cannot do, the caller does: the same bits. */
static void trains_without_threads(void **state) {
    static const struct {
        unsigned kind;
        size_t from;
    } cases[] = {{THREAD, 1}, {THREAD, 2}, {MASK, 1}};
    static unsigned char usual[sizeof trained];
    (void)state;
    for (size_t i = 0; i <= COUNT_OF(cases); i++) {
        vae_context *context;
        if (i > 0) refuse(cases[i - 1].kind, cases[i - 1].from, 0, EAGAIN);
        assert_ok(vae_context_create("threads=3", &context));
        assert_ok(train_on_threads(context, NULL));
        vae_context_destroy(context);
        if (i == 0) {
            memcpy(usual, trained, trained_size);
            continue;
        }
        assert_true(faults.calls >= cases[i - 1].from);
        relent();
        assert_memory_equal(trained, usual, trained_size);
    }
}

static void has_no_room_for_a_lock(void **state) {
    (void)state;
    for (size_t number = 1; number <= 3; number++) {
        host_allocator counts = {0};
        vae_context *context = NULL;
        refuse(LOCK, number, 1, EAGAIN);
        assert_fails(vae_context_create_with_allocator("threads=2", host_alloc, host_free, &counts,
                                                       &context),
                     VAE_ERROR_MEMORY, "the system has no room for a lock");
        relent();
        assert_null(context);
        assert_int_equal(atomic_load(&counts.blocks), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(survives_every_refusal),
        cmocka_unit_test(goes_on_when_interrupted),
        cmocka_unit_test(survives_a_zlib_that_refuses),
        cmocka_unit_test(names_the_file_that_cannot_be_read),
        cmocka_unit_test(leaves_a_whole_file),
        cmocka_unit_test(reports_what_was_not_synced),
        cmocka_unit_test(leaves_nothing_without_descriptors),
        cmocka_unit_test(leaves_a_ring_of_links),
        cmocka_unit_test(names_the_error_without_a_locale),
        cmocka_unit_test(trains_without_threads),
        cmocka_unit_test(has_no_room_for_a_lock),
    };
    return cmocka_run_group_tests(tests, lives_begin, test_folder_remove);
}
