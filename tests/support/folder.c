#include "support/cmocka.h"
#include "support/folder.h"

#include <dirent.h>
#include <fcntl.h>
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

/* Hidden files of the folder itself stay, so that a temporary file that was left behind makes the test fail. */
static void empty(DIR *list, int with_hidden) {
    for (struct dirent *entry; list && (entry = readdir(list));) {
        const char *name = entry->d_name;
        if (!strcmp(name, ".") || !strcmp(name, "..") || (*name == '.' && !with_hidden)) continue;
        if (unlinkat(dirfd(list), name, 0) == 0) continue;
        int inner = openat(dirfd(list), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        if (inner >= 0) empty(fdopendir(inner), 1);
        unlinkat(dirfd(list), name, AT_REMOVEDIR);
    }
    if (list) closedir(list);
}

int test_folder_remove(void **state) {
    (void)state;
    empty(opendir(folder), 0);
    return rmdir(folder);
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
