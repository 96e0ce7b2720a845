/* The table of commands, and what is read and printed from it. */
#include "command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

const tool_command *const tool_commands[] = {
    &tool_train,  &tool_evaluate, &tool_score, &tool_encode, &tool_decode, &tool_reconstruct,
    &tool_sample, &tool_info,     &tool_plot,  &tool_pack,   NULL};

int command_muted;

/* ---- messages ---- */

static void say(const tool_call *call, const char *format, va_list arguments) {
    fprintf(stderr, "vae %s: ", call->command->name);
    vfprintf(stderr, format, arguments);
}

int command_failed(const tool_call *call, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(call, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return TOOL_FAILED;
}

int command_misused(const tool_call *call, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(call, format, arguments);
    va_end(arguments);
    fprintf(stderr, "; see vae %s --help\n", call->command->name);
    return TOOL_MISUSED;
}

int command_refused(const tool_call *call, vae_status status, const char *where) {
    const char *message = vae_last_error();
    command_failed(call, "%s%s%s", where ? where : "", where ? ": " : "", message);
    return status == VAE_ERROR_TEXT ? TOOL_MISUSED : TOOL_FAILED;
}

static void log_message(void *user, int32_t level, const char *message) {
    const tool_call *call = user;
    if (!command_muted && level == VAE_LOG_WARNING) command_failed(call, "%s", message);
}

int command_context(const tool_call *call, const char *threads, vae_context **context) {
    text options = {0};
    if (!threads) threads = command_value(call, "threads", command_processors());
    text_append(&options, "threads=%s", threads);
    vae_status status = vae_context_create(options.text, context);
    text_free(&options);
    if (!status && !command_given(call, "quiet"))
        vae_context_set_log(*context, log_message, (void *)call);
    return status ? command_refused(call, status, NULL) : TOOL_DONE;
}

const char *command_processors(void) {
    static char digits[32];
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    processors = processors < 1 ? 1 : processors > 256 ? 256 : processors;
    snprintf(digits, sizeof digits, "%ld", processors);
    return digits;
}

/* ---- arguments ---- */

static int option_count(const tool_command *command) {
    int count = 0;
    while (command->options[count].name) count++;
    return count;
}

static int find_option(const tool_command *command, const char *name, size_t length) {
    for (int i = 0; command->options[i].name; i++) {
        const char *known = command->options[i].name;
        if (strlen(known) == length && !strncmp(known, name, length)) return i;
    }
    return -1;
}

static int find_letter(const tool_command *command, char letter) {
    for (int i = 0; command->options[i].name; i++) {
        if (command->options[i].letter == letter) return i;
    }
    return -1;
}

static int unknown_option(const tool_call *call, const char *typed) {
    const char *names[TOOL_MOST_OPTIONS + 2] = {"help"};
    char name[64];
    for (int i = 0; call->command->options[i].name; i++)
        names[i + 1] = call->command->options[i].name;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(typed + 2, "="), typed + 2);
    const char *nearest = typed[1] == '-' ? text_nearest(names, name) : NULL;
    if (nearest)
        return command_misused(call, "unknown option '%s'; did you mean '--%s'?", typed, nearest);
    return command_misused(call, "unknown option '%s'", typed);
}

static int is_whole(const char *value) {
    size_t digits = strspn(value, "0123456789");
    return digits && digits < 20 && !value[digits];
}

static int is_real(const char *value) {
    char *end;
    return value[strspn(value, "0123456789.eE+-")] == 0 && (strtod(value, &end), !*end && *value);
}

static int take_value(tool_call *call, int option, const char *value) {
    const tool_option *known = call->command->options + option;
    if (call->value[option] && known->kind != TOOL_FLAG)
        return command_misused(call, "--%s is given twice", known->name);
    if (known->kind != TOOL_FLAG && !*value)
        return command_misused(call, "--%s: expected %s, found nothing", known->name, known->value);
    if (known->kind == TOOL_WHOLE && !is_whole(value))
        return command_misused(call, "--%s: expected a whole number from 0 on, found '%s'",
                               known->name, value);
    if (known->kind == TOOL_REAL && !is_real(value))
        return command_misused(call, "--%s: expected a number, found '%s'", known->name, value);
    call->value[option] = value;
    return TOOL_DONE;
}

/* One argument that begins with '-'; *i moves on where its value is the next one. */
static int take_option(tool_call *call, int *i) {
    const char *typed = call->arguments[*i], *equals = strchr(typed, '='), *value = NULL;
    int option;
    if (typed[1] == '-') {
        size_t length = equals ? (size_t)(equals - typed) - 2 : strlen(typed) - 2;
        option = find_option(call->command, typed + 2, length);
        value = equals ? equals + 1 : NULL;
    } else {
        option = find_letter(call->command, typed[1]);
        value = typed[2] ? typed + 2 : NULL;
    }
    if (option < 0) return unknown_option(call, typed);
    const tool_option *known = call->command->options + option;
    if (known->kind == TOOL_FLAG) {
        if (value) return command_misused(call, "--%s takes no value", known->name);
        return take_value(call, option, "");
    }
    if (!value && *i + 1 == call->count)
        return command_misused(call, "--%s: expected %s, found nothing", known->name, known->value);
    return take_value(call, option, value ? value : call->arguments[++*i]);
}

int command_parse(tool_call *call) {
    int operands = 0, plain = 0;
    for (int i = 2; i < call->count; i++) {
        const char *typed = call->arguments[i];
        if (!plain && typed[0] == '-' && typed[1]) {
            plain = !strcmp(typed, "--");
            int problem = plain ? TOOL_DONE : take_option(call, &i);
            if (problem) return problem;
        } else if (operands == call->command->most) {
            return command_misused(call, "expected %s, found also '%s'", call->command->operands,
                                   typed);
        } else {
            call->operand[operands++] = typed;
        }
    }
    if (operands < call->command->fewest)
        return command_misused(call, "expected %s", call->command->operands);
    return TOOL_DONE;
}

const char *command_value(const tool_call *call, const char *name, const char *otherwise) {
    int option = find_option(call->command, name, strlen(name));
    return option >= 0 && call->value[option] ? call->value[option] : otherwise;
}

int command_given(const tool_call *call, const char *name) {
    return command_value(call, name, NULL) != NULL;
}

unsigned long long command_whole(const tool_call *call, const char *name,
                                 unsigned long long otherwise) {
    const char *value = command_value(call, name, NULL);
    return value ? strtoull(value, NULL, 10) : otherwise;
}

/* ---- help ---- */

static void print_option(const tool_option *option) {
    char left[64], letter[8] = "    ";
    if (option->letter) snprintf(letter, sizeof letter, "-%c, ", option->letter);
    snprintf(left, sizeof left, "  %s--%s %s", letter, option->name,
             option->value ? option->value : "");
    printf("%-25s %s\n", left, option->meaning);
}

enum { SCREEN_LINES = 24, ABOVE_AND_BELOW = 4 }; /* usage, summary, blank line, --help */

void command_help(const tool_command *command) {
    static const tool_option help = {"help", 'h', TOOL_FLAG, NULL, "show this"};
    int count = option_count(command);
    /* A blank line, unless it is what a screen has no room for. */
    printf("vae %s %s [options]\n%s\n%s", command->name, command->operands, command->summary,
           count + ABOVE_AND_BELOW <= SCREEN_LINES ? "\n" : "");
    for (int i = 0; i < option_count(command); i++) print_option(command->options + i);
    print_option(&help);
    if (command->notes) printf("\n%s", command->notes);
}

void command_list(void) {
    for (int i = 0; tool_commands[i]; i++) {
        const tool_command *command = tool_commands[i];
        printf("%s %s\n", command->name, command->operands);
        for (int k = 0; k < option_count(command); k++) {
            const tool_option *option = command->options + k;
            printf("%s --%s %c %s\n", command->name, option->name,
                   option->letter ? option->letter : '-', option->value ? option->value : "-");
        }
    }
}
