/* Durable files: temporary, fsync, rename, fsync of the folder. Devices and pipes are written to directly, since a
 * rename would replace them. */
#ifndef _XOPEN_SOURCE
#define _XOPEN_SOURCE 700 /* realpath */
#endif

#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text.h"

int output_reader_left;

/* The temporary file that is being written, for the handler of signals: a program writes one at a time. */
static char pending[4200];

static void remove_pending(void) {
    if (*pending) unlink(pending);
}

/* Signals are held back meanwhile: one may come twice, once for the process and once for its group. */
static void end_by_signal(int number) {
    remove_pending();
    signal(number, SIG_DFL);
    raise(number); /* takes effect with the return */
}

static void watch_signals(void) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = end_by_signal};
    static int watching;
    struct sigaction old;
    sigfillset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (!sigaction(numbers[i], NULL, &old) && old.sa_handler == SIG_IGN) continue; /* nohup */
        sigaction(numbers[i], &action, NULL);
    }
    if (!watching) atexit(remove_pending);
    watching = 1;
}

static int is_stdout(const char *path) {
    return !strcmp(path, "-");
}

static int fail(const tool_call *call, const char *path, const char *problem) {
    return command_failed(call, "%s: cannot be written: %s", path, problem);
}

/* ---- checks ---- */

static char *copy(const char *from, size_t length) {
    return memcpy(text_allocate(length + 1, 1), from, length);
}

/* The folder that a file of this path is in. */
static char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) return copy(".", 1);
    return copy(path, slash == path ? 1 : (size_t)(slash - path));
}

static int check_is_not(const tool_call *call, const char *path, const struct stat *status,
                        const char *input) {
    struct stat other;
    if (!S_ISREG(status->st_mode) || !input || stat(input, &other)) return TOOL_DONE;
    if (status->st_dev != other.st_dev || status->st_ino != other.st_ino) return TOOL_DONE;
    return command_failed(
        call, "the output %s is the same file as %s, which is read: choose another output", path,
        input);
}

/* The file of labels= in the options of the data set is read too. */
static int check_is_not_labels(const tool_call *call, const char *path, const struct stat *status) {
    char *labels = NULL;
    if (!text_has_key(command_value(call, "data", NULL), "labels", &labels)) return TOOL_DONE;
    size_t length = strlen(labels);
    int quoted = length > 1 && *labels == '"';
    if (quoted) labels[length - 1] = 0;
    int problem = check_is_not(call, path, status, labels + quoted);
    free(labels);
    return problem;
}

int output_check(const tool_call *call, const char *path, const char *const *inputs, size_t count) {
    struct stat status;
    if (is_stdout(path)) return TOOL_DONE;
    if (stat(path, &status) == 0) {
        int read = check_is_not_labels(call, path, &status);
        for (size_t i = 0; !read && i < count; i++)
            read = check_is_not(call, path, &status, inputs[i]);
        if (read) return read;
        if (S_ISDIR(status.st_mode)) return fail(call, path, "it is a folder; expected a file");
        return access(path, W_OK) ? fail(call, path, strerror(errno)) : TOOL_DONE;
    }
    char *folder = folder_of(path);
    int problem = stat(folder, &status)             ? errno
                  : !S_ISDIR(status.st_mode)        ? ENOTDIR
                  : access(folder, W_OK | X_OK) < 0 ? errno
                                                    : 0;
    if (problem)
        command_failed(call, "%s: cannot be written: folder %s: %s", path, folder,
                       strerror(problem));
    free(folder);
    return problem ? TOOL_FAILED : TOOL_DONE;
}

int output_make_folder(const tool_call *call, const char *path) {
    struct stat status;
    if (mkdir(path, 0777) == 0) return TOOL_DONE;
    int problem = errno;
    if (problem == EEXIST && stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
        if (access(path, W_OK | X_OK) == 0) return TOOL_DONE;
        problem = errno;
    }
    return command_failed(call, "%s: the folder cannot be made: %s", path,
                          problem == EEXIST ? "a file of that name is there" : strerror(problem));
}

/* ---- writing ---- */

static int open_temporary(output *out, mode_t mode) {
    text name = {0};
    char *folder = folder_of(out->target);
    const char *slash = strrchr(out->target, '/');
    /* The ending stays, since it says what is written. */
    text_append(&name, "%s/.%ld.tmp-%s", folder, (long)getpid(), slash ? slash + 1 : out->target);
    free(folder);
    if (name.length >= sizeof pending) {
        text_free(&name);
        return fail(out->call, out->path, strerror(ENAMETOOLONG));
    }
    watch_signals();
    memcpy(pending, name.text, name.length + 1);
    out->temporary = name.text;
    unlink(out->temporary); /* of a process that had this number; a link there is not followed */
    int descriptor = open(out->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor >= 0 && mode) fchmod(descriptor, mode & 07777);
    out->file = descriptor >= 0 ? fdopen(descriptor, "wb") : NULL;
    if (out->file) return TOOL_DONE;
    fail(out->call, out->path, strerror(errno));
    output_abandon(out);
    return TOOL_FAILED;
}

int output_open(const tool_call *call, output *out, const char *path) {
    struct stat status;
    *out = (output){.call = call, .path = path};
    if (is_stdout(path)) {
        out->file = stdout;
        return TOOL_DONE;
    }
    int there = stat(path, &status) == 0;
    if (there && S_ISDIR(status.st_mode)) return fail(call, path, "it is a folder");
    if (there && !S_ISREG(status.st_mode)) {
        out->file = fopen(path, "wb");
        return out->file ? TOOL_DONE : fail(call, path, strerror(errno));
    }
    out->target = realpath(path, NULL); /* NULL also where there is no file yet */
    if (!out->target) out->target = copy(path, strlen(path));
    return open_temporary(out, there ? status.st_mode : 0);
}

int output_write(output *out, const void *bytes, size_t size) {
    if (output_reader_left && out->file == stdout) return TOOL_DONE;
    if (fwrite(bytes, 1, size, out->file) == size) return TOOL_DONE;
    if (errno == EPIPE && out->file == stdout) {
        output_reader_left = 1;
        return TOOL_DONE;
    }
    return fail(out->call, out->path, strerror(errno));
}

static void forget(output *out) {
    if (out->temporary) *pending = 0;
    free(out->temporary);
    free(out->target);
    *out = (output){0};
}

void output_abandon(output *out) {
    if (out->file && out->file != stdout) fclose(out->file);
    if (out->temporary) unlink(out->temporary);
    forget(out);
}

static int sync_folder(const char *target) {
    char *folder = folder_of(target);
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    if (descriptor < 0) return 0; /* a folder that may not be read: the rename stands */
    int problem = fsync(descriptor) && errno != EINVAL;
    close(descriptor);
    return problem;
}

int output_commit(output *out) {
    int problem = 0;
    if (out->file == stdout) {
        if (fflush(stdout)) problem = errno;
        if (problem == EPIPE) output_reader_left = 1;
        problem = problem == EPIPE || output_reader_left ? 0 : problem;
    } else {
        if (fflush(out->file) || (out->temporary && fsync(fileno(out->file)))) problem = errno;
        if (fclose(out->file) && !problem) problem = errno;
        out->file = NULL;
        if (!problem && out->temporary && rename(out->temporary, out->target)) problem = errno;
        if (!problem && out->temporary && sync_folder(out->target)) problem = errno;
    }
    if (problem) {
        fail(out->call, out->path, strerror(problem));
        output_abandon(out);
        return TOOL_FAILED;
    }
    forget(out);
    return TOOL_DONE;
}

int output_text(const tool_call *call, const char *path, const char *said, size_t length) {
    output out;
    int status = output_open(call, &out, path);
    if (status) return status;
    if (!output_write(&out, said, length)) return output_commit(&out);
    output_abandon(&out);
    return TOOL_FAILED;
}
