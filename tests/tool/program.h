/* Runs the program vae in the test's folder, and keeps what it said. */
#ifndef TESTS_TOOL_PROGRAM_H
#define TESTS_TOOL_PROGRAM_H

#include <stddef.h>
#include <sys/types.h>

typedef struct run {
    int status;         /* of its exit; 1000 + the signal that ended it */
    char *out, *errors; /* what it wrote to standard output and error; valid until the next run */
} run;

/* A command line, split at blanks; a word with blanks stands in 'single quotes'. */
run program_run(const char *line);

/* The same of the program that was built without cairo. */
run program_run_without_pictures(const char *line);

/* Starts it with its standard error in a pipe, *errors; to be waited for. */
pid_t program_start(const char *line, int *errors);

/* The same with standard output and error on a terminal, *terminal. */
pid_t program_start_on_terminal(const char *line, int *terminal);

/* Its standard output goes to a pipe that nobody reads. */
run program_run_unread(const char *line);

/* Reads a descriptor up to its end; to be freed. */
char *program_read(int descriptor);

/* From now on no file that it writes may have more bytes; 0: as the test itself. */
void program_limit_files(size_t bytes);

/* Waits; as run.status. */
int program_wait(pid_t child);

/* A file of the test's folder with that text. */
void program_file(const char *name, const char *text);

/* Its text, to be freed. */
char *program_text(const char *name);

/* Files in the test's folder, those that are hidden too. */
size_t program_files(void);

#endif
