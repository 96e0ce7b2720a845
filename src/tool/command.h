/* What a command of the tool is. Its options are rows of a table: the table parses, checks and suggests, and
 * the help is printed from it. The manual page and the completion of the shell are files, which
 * tests/tool/words_test.c compares with it. */
#ifndef TOOL_COMMAND_H
#define TOOL_COMMAND_H

#include <stddef.h>

#include "vae.h"

/* What the program ends with. */
enum { TOOL_DONE = 0, TOOL_FAILED = 1, TOOL_MISUSED = 2 };

typedef enum tool_kind { TOOL_FLAG, TOOL_TEXT, TOOL_WHOLE, TOOL_REAL, TOOL_PATH } tool_kind;

typedef struct tool_option {
    const char *name; /* without "--"; NULL ends a table */
    char letter;      /* "-o"; 0: none */
    tool_kind kind;
    const char *value;   /* what the help calls its value; NULL for a flag */
    const char *meaning; /* with the default */
} tool_option;

enum { TOOL_MOST_OPTIONS = 24 };

/* A command as it was given. */
typedef struct tool_call {
    const struct tool_command *command;
    const char *operand[2]; /* DATA, MODEL ..; NULL: not given */
    const char
        *value[TOOL_MOST_OPTIONS]; /* by the place of an option in the table; NULL: not given */
    int count;                     /* of the arguments below */
    char **arguments;              /* all of them, with the program's name */
} tool_call;

typedef struct tool_command {
    const char *name, *summary;
    const char *operands; /* "DATA [TEST]" */
    int fewest, most;     /* operands */
    const tool_option *options;
    const char *notes; /* below the options in the help; NULL: none */
    int (*run)(const tool_call *call);
} tool_command;

/* The commands in the order of the help; the last is NULL. */
extern const tool_command *const tool_commands[];

extern const tool_command tool_train, tool_evaluate, tool_score, tool_encode, tool_decode,
    tool_reconstruct, tool_sample, tool_info, tool_plot, tool_pack;

/* Options that several commands have, in one wording. */
#define TOOL_OUTPUT(what) \
    { "output", 'o', TOOL_PATH, "FILE", what }
#define TOOL_DATA \
    { "data", 0, TOOL_TEXT, "TEXT", "options of the data set, e.g. \"labels=column:y\"" }
#define TOOL_COLUMNS \
    { "columns", 0, TOOL_TEXT, "A,B,..", "the columns of a CSV file to use" }
#define TOOL_THREADS \
    { "threads", 0, TOOL_WHOLE, "N", "compute threads (all processors)" }
#define TOOL_QUIET \
    { "quiet", 'q', TOOL_FLAG, NULL, "say nothing but errors" }
#define TOOL_END \
    { NULL, 0, TOOL_FLAG, NULL, NULL }

/* Reads the arguments behind the command's name. Returns TOOL_DONE, or says what is wrong and returns
 * TOOL_MISUSED. */
int command_parse(tool_call *call);

/* The value of an option by its name, or `otherwise` where it was not given or the command has none of that
 * name. */
const char *command_value(const tool_call *call, const char *name, const char *otherwise);

/* Whether an option was given. */
int command_given(const tool_call *call, const char *name);

/* The value of a whole-numbered option, which was checked while parsing. */
unsigned long long command_whole(const tool_call *call, const char *name,
                                 unsigned long long otherwise);

void command_help(const tool_command *command);

/* For the tests, the manual page and the completion: one option a line. */
void command_list(void);

/* Each says "vae NAME: ..." on stderr, in one line. Returns TOOL_FAILED. */
int command_failed(const tool_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same for wrong use, with a hint at the help. Returns TOOL_MISUSED. */
int command_misused(const tool_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Says what the library said last, behind `where` and ": " unless that is NULL. TOOL_MISUSED for a text
 * that it could not read (VAE_ERROR_TEXT), else TOOL_FAILED. */
int command_refused(const tool_call *call, vae_status status, const char *where);

/* A context with so many threads (NULL: as --threads says); its messages go to stderr unless --quiet. */
int command_context(const tool_call *call, const char *threads, vae_context **context);

/* Processors of this machine that a context can use. */
const char *command_processors(void);

/* The library's messages to stderr are held back while this is above 0. */
extern int command_muted;

#endif
