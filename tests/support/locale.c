#include "locale.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* 1 if localedef could make one in the folder. */
static int generate(const char *folder) {
    char path[200];
    int status;
    snprintf(path, sizeof path, "%s/de_DE.UTF-8", folder);
    pid_t child = fork();
    if (child == 0) {
        if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr)) _exit(1);
        execlp("localedef", "localedef", "--no-archive", "-i", "de_DE", "-f", "UTF-8", path,
               (char *)NULL);
        _exit(127);
    }
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static void remove_tree(const char *folder) {
    pid_t child = fork();
    if (child == 0) {
        execlp("rm", "rm", "-rf", folder, (char *)NULL);
        _exit(127);
    }
    if (child > 0) waitpid(child, NULL, 0);
}

static int is_set(const char *name) {
    return setlocale(LC_ALL, name) && *localeconv()->decimal_point == ',';
}

int test_comma_locale(void) {
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8",  "de_DE",      "fr_FR.UTF-8",
                                        "fr_FR.utf8",  "ru_RU.UTF-8", "pt_BR.UTF-8"};
    char folder[] = "/tmp/vae-locale-XXXXXX";
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (is_set(names[i])) return 1;
    if (!mkdtemp(folder)) return 0;
    int made = generate(folder);
    setenv("LOCPATH", folder, 1);
    made = made && is_set("de_DE.UTF-8");
    unsetenv("LOCPATH");
    remove_tree(folder); /* what is set stays mapped */
    if (!made) setlocale(LC_ALL, "C");
    return made;
}
