#ifndef _XOPEN_SOURCE
#define _XOPEN_SOURCE 700 /* posix_openpt */
#endif

#include "support/cmocka.h"
#include "tool/program.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/folder.h"

enum { MOST_WORDS = 40, PATH_SIZE = 4096 };

/* The programs are two folders above this one's. */
static void find_program(const char *name, char path[PATH_SIZE]) {
    ssize_t length = readlink("/proc/self/exe", path, PATH_SIZE - 64);
    if (length < 0) fail_msg("/proc/self/exe cannot be read");
    path[length] = 0;
    for (int up = 0; up < 3; up++) *strrchr(path, '/') = 0;
    strcat(strcat(path, "/"), name);
}

static void split(char *line, char *words[MOST_WORDS]) {
    size_t count = 1;
    while (*line && count + 1 < MOST_WORDS) {
        char end = *line == '\'' ? '\'' : ' ';
        line += end == '\'';
        words[count++] = line;
        line += strcspn(line, end == '\'' ? "'" : " ");
        if (*line) *line++ = 0;
        line += strspn(line, " ");
    }
    words[count] = NULL;
}

/* For a build with AddressSanitizer. Tests run from the root of the tree. */
static void pass_over_leaks_of_others(void) {
    char folder[PATH_SIZE], options[PATH_SIZE + 64];
    if (!getcwd(folder, sizeof folder)) return;
    snprintf(options, sizeof options, "suppressions=%s/tests/tool/leaks.supp:print_suppressions=0",
             folder);
    setenv("LSAN_OPTIONS", options, 1);
}

static size_t largest_file;

void program_limit_files(size_t bytes) {
    largest_file = bytes;
}

static void limit_files(void) {
    struct rlimit limit;
    if (!largest_file || getrlimit(RLIMIT_FSIZE, &limit)) return;
    limit.rlim_cur = largest_file;
    setrlimit(RLIMIT_FSIZE, &limit);
    /* The files of a build for coverage meet the limit too; that is no message of the program. */
    setenv("GCOV_ERROR_FILE", "/dev/null", 1);
}

/* In the child: becomes the program. */
static void become(const char *name, const char *line) {
    char path[PATH_SIZE], *words[MOST_WORDS] = {path}, copy[PATH_SIZE];
    pass_over_leaks_of_others();
    find_program(name, path);
    strcpy(copy, line);
    split(copy, words);
    /* What a shell starts has the default actions. */
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
    limit_files();
    if (chdir(test_folder()) == 0) execv(path, words);
    _exit(127);
}

int program_wait(pid_t child) {
    int status;
    if (waitpid(child, &status, 0) != child) fail_msg("the program cannot be waited for");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

char *program_read(int descriptor) {
    size_t length = 0, capacity = 1 << 16;
    char *text = malloc(capacity);
    for (;;) {
        ssize_t more = read(descriptor, text + length, capacity - length - 1);
        if (more <= 0) break; /* a terminal ends with EIO */
        length += (size_t)more;
        if (capacity - length < 4096) text = realloc(text, capacity *= 2);
    }
    text[length] = 0;
    close(descriptor);
    return text;
}

static char *read_file(FILE *file) {
    rewind(file);
    char *text = program_read(dup(fileno(file)));
    fclose(file);
    return text;
}

/* Output goes to files, which never fill up. */
static run run_program(const char *name, const char *line, int unread) {
    static run last;
    FILE *out = tmpfile(), *errors = tmpfile();
    int ends[2];
    free(last.out);
    free(last.errors);
    if (!out || !errors || pipe(ends)) fail_msg("no temporary files");
    pid_t child = fork();
    if (child == 0) {
        dup2(unread ? ends[1] : fileno(out), STDOUT_FILENO);
        dup2(fileno(errors), STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        become(name, line);
    }
    close(ends[0]);
    close(ends[1]);
    last.status = program_wait(child);
    last.out = read_file(out);
    last.errors = read_file(errors);
    return last;
}

run program_run(const char *line) {
    return run_program("vae", line, 0);
}

run program_run_without_pictures(const char *line) {
    return run_program("vae-without-pictures", line, 0);
}

run program_run_unread(const char *line) {
    return run_program("vae", line, 1);
}

pid_t program_start(const char *line, int *errors) {
    int ends[2];
    if (pipe(ends)) fail_msg("no pipe");
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        become("vae", line);
    }
    close(ends[1]);
    *errors = ends[0];
    return child;
}

pid_t program_start_on_terminal(const char *line, int *terminal) {
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) || unlockpt(master)) return -1;
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    pid_t child = slave < 0 ? -1 : fork();
    if (child == 0) {
        dup2(slave, STDOUT_FILENO);
        dup2(slave, STDERR_FILENO);
        close(slave);
        close(master);
        become("vae", line);
    }
    if (slave >= 0) close(slave);
    *terminal = master;
    return child;
}

void program_file(const char *name, const char *text) {
    FILE *file = fopen(test_in_folder(name), "wb");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

char *program_text(const char *name) {
    int file = open(test_in_folder(name), O_RDONLY);
    if (file < 0) fail_msg("no file %s", name);
    return program_read(file);
}

size_t program_files(void) {
    DIR *list = opendir(test_folder());
    size_t count = 0;
    assert_non_null(list);
    while (readdir(list)) count++;
    closedir(list);
    return count;
}
