#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L /* mkdir, sysconf */
#endif

#include "arguments.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *arguments_parse(const argument *known, int count, char **arguments, const char **at) {
    for (int i = 1; i < count; i++) {
        const argument *k = known;
        size_t length = strcspn(arguments[i], "=");
        while (k->key && (strlen(k->key) != length || strncmp(k->key, arguments[i], length) != 0)) {
            k++;
        }
        *at = arguments[i];
        if (!k->key) return "no such key";
        if (strlen(arguments[i]) < length + 2) return "expected key=value";
        *k->value = arguments[i] + length + 1;
    }
    return NULL;
}

int arguments_whole(const char *text, unsigned long low, unsigned long high, unsigned long *value) {
    char *end;
    *value = strtoul(text, &end, 10);
    return *end || text[0] < '0' || text[0] > '9' || *value < low || *value > high ? -1 : 0;
}

const char *arguments_all_processors(void) {
    static char text[32];
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    processors = processors < 1 ? 1 : processors > 256 ? 256 : processors;
    snprintf(text, sizeof text, "%ld", processors);
    return text;
}

const char *arguments_make_folder(const char *path) {
    return mkdir(path, 0777) != 0 && errno != EEXIST ? strerror(errno) : NULL;
}
