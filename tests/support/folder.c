#include "support/cmocka.h"
#include "support/folder.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];

int test_folder_make(void **state) {
    (void)state;
    strcpy(folder, "/tmp/vae-test-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

int test_folder_remove(void **state) {
    DIR *list = opendir(folder);
    (void)state;
    if (!list) return -1;
    for (struct dirent *entry; (entry = readdir(list));) {
        if (*entry->d_name != '.') unlinkat(dirfd(list), entry->d_name, 0);
    }
    closedir(list);
    return rmdir(folder);
}

const char *test_folder(void) {
    return folder;
}

const char *test_in_folder(const char *name) {
    static char paths[8][128];
    static size_t next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

unsigned char *test_content(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    if (!file) fail_msg("no file %s", path);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *length = (size_t)ftell(file);
    rewind(file);
    unsigned char *bytes = malloc(*length + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *length, file), *length);
    fclose(file);
    return bytes;
}
