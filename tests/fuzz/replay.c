/* Plain driver of a fuzz target: runs each file of its corpus, tests/fuzz/corpus/<name of this
 * program>/, through the target once. What it prints is what scripts/run-tests.sh counts.
 *
 *     idx [file...]      these files instead, to repeat a crash */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/support.h"

static void run(const char *path) {
    size_t size;
    unsigned char *bytes = fuzz_read(path, &size);
    uint8_t *exact = malloc(size); /* so that a read past the end is one past the block */
    if (size) memcpy(exact, bytes, size);
    free(bytes);
    printf("[ RUN      ] %s\n", path);
    fflush(stdout); /* an input that crashes is the last one named */
    LLVMFuzzerTestOneInput(exact, size);
    printf("[       OK ] %s\n", path);
    free(exact);
}

static int is_visible(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

static int run_folder(const char *folder) {
    struct dirent **entries;
    int count = scandir(folder, &entries, is_visible, alphasort);
    for (int i = 0; i < count; i++) {
        char path[2048];
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        run(path);
        free(entries[i]);
    }
    if (count >= 0) free(entries);
    return count;
}

int main(int count, char **arguments) {
    const char *slash = strrchr(arguments[0], '/');
    char folder[1024];
    int ran = count - 1;
    for (int i = 1; i < count; i++) run(arguments[i]);
    if (count == 1) {
        snprintf(folder, sizeof folder, "tests/fuzz/corpus/%s", slash ? slash + 1 : arguments[0]);
        ran = run_folder(folder); /* in the root of the tree, as all tests */
        if (ran <= 0) fprintf(stderr, "%s: no input there\n", folder);
    }
    if (ran <= 0) return 1;
    printf("[  PASSED  ] %d test(s).\n", ran);
    return 0;
}
