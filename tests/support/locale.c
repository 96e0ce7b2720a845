#include "locale.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Lets localedef make it in the folder, as `source`.UTF-8; it may do so and warn. */
static void generate(const char *folder, const char *source) {
    char path[200];
    snprintf(path, sizeof path, "%s/%s.UTF-8", folder, source);
    pid_t child = fork();
    if (child == 0) {
        if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr)) _exit(1);
        execlp("localedef", "localedef", "--no-archive", "-i", source, "-f", "UTF-8", path,
               (char *)NULL);
        _exit(127);
    }
    if (child > 0) waitpid(child, NULL, 0);
}

static void remove_tree(const char *folder) {
    pid_t child = fork();
    if (child == 0) {
        execlp("rm", "rm", "-rf", folder, (char *)NULL);
        _exit(127);
    }
    if (child > 0) waitpid(child, NULL, 0);
}

static int is_set(const char *name, const char *radix) {
    return setlocale(LC_ALL, name) && !strcmp(localeconv()->decimal_point, radix);
}

static int make_and_set(const char *source, const char *radix) {
    char folder[] = "/tmp/vae-locale-XXXXXX", name[40];
    if (!mkdtemp(folder)) return 0;
    generate(folder, source);
    snprintf(name, sizeof name, "%s.UTF-8", source);
    setenv("LOCPATH", folder, 1);
    int made = is_set(name, radix);
    unsetenv("LOCPATH");
    remove_tree(folder); /* what is set stays mapped */
    if (!made) setlocale(LC_ALL, "C");
    return made;
}

int test_comma_locale(void) {
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8",  "de_DE",      "fr_FR.UTF-8",
                                        "fr_FR.utf8",  "ru_RU.UTF-8", "pt_BR.UTF-8"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (is_set(names[i], ",")) return 1;
    return make_and_set("de_DE", ",");
}

int test_wide_radix_locale(void) {
    return is_set("ps_AF.UTF-8", TEST_WIDE_RADIX) || make_and_set("ps_AF", TEST_WIDE_RADIX);
}
