/* The program: finds the command, and says what there is. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "image.h"
#include "output.h"
#include "plot.h"
#include "text.h"

static void print_usage(FILE *to) {
    fputs("vae COMMAND ... : variational autoencoders from data files\n\n", to);
    for (int i = 0; tool_commands[i]; i++)
        fprintf(to, "  %-12s %s\n", tool_commands[i]->name, tool_commands[i]->summary);
    fputs("\n"
          "  vae train table.csv -o model.safetensors\n"
          "  vae score model.safetensors new.csv --explain 3 -o scores.csv\n\n"
          "DATA is an IDX, NPY or CSV file, also in gzip, or \"sprites\" or \"toy:ring\".\n"
          "vae COMMAND --help shows a command's options, vae --version the version.\n",
          to);
}

static const tool_command *find_command(const char *name) {
    for (int i = 0; tool_commands[i]; i++) {
        if (!strcmp(tool_commands[i]->name, name)) return tool_commands[i];
    }
    return NULL;
}

static int unknown_command(const char *typed) {
    const char *names[16] = {NULL};
    for (int i = 0; tool_commands[i]; i++) names[i] = tool_commands[i]->name;
    const char *nearest = text_nearest(names, typed);
    fprintf(stderr, "vae: unknown command '%s'%s%s%s; see vae --help\n", typed,
            nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    return TOOL_MISUSED;
}

/* Results may go to a full disk, or to a pipe whose reader has left, which is no failure. */
static int finish(int status) {
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout)) return status;
    if (errno == EPIPE || output_reader_left) return status;
    if (status == TOOL_DONE) fputs("vae: standard output could not be written\n", stderr);
    return status == TOOL_DONE ? TOOL_FAILED : status;
}

static int asks_for_help(int count, char **arguments) {
    for (int i = 2; i < count && strcmp(arguments[i], "--"); i++) {
        if (!strcmp(arguments[i], "--help") || !strcmp(arguments[i], "-h")) return 1;
    }
    return 0;
}

static int print_help(const char *name) {
    const tool_command *command = name ? find_command(name) : NULL;
    if (name && !command) return unknown_command(name);
    if (command) {
        command_help(command);
    } else {
        print_usage(stdout);
    }
    return finish(TOOL_DONE);
}

int main(int count, char **arguments) {
    const char *name = count > 1 ? arguments[1] : NULL;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit on the size of files is reported as a full disk is */
    if (!name) {
        print_usage(stderr);
        return TOOL_MISUSED;
    }
    if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help"))
        return print_help(count > 2 ? arguments[2] : NULL);
    if (!strcmp(name, "--version")) {
        printf("vae, %s, pictures %s, reads PNG %s, JPEG %s\n", vae_build_info(),
               plot_available() ? "yes" : "no", image_has_png() ? "yes" : "no",
               image_has_jpeg() ? "yes" : "no");
        return finish(TOOL_DONE);
    }
    if (!strcmp(name, "--list-options")) {
        command_list();
        return finish(TOOL_DONE);
    }
    const tool_command *command = find_command(name);
    if (!command) return unknown_command(name);
    if (asks_for_help(count, arguments)) return print_help(name);
    tool_call call = {.command = command, .count = count, .arguments = arguments};
    int problem = command_parse(&call);
    return problem ? problem : finish(command->run(&call));
}
