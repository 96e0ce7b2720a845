/* A folder of the test's own, one at a time, and what stands in its files. */
#ifndef TESTS_SUPPORT_FOLDER_H
#define TESTS_SUPPORT_FOLDER_H

#include <stddef.h>

/* Set-up and tear-down for cmocka. Removing fails if a hidden file, the temporary one of a save, was
 * left behind. */
int test_folder_make(void **state);
int test_folder_remove(void **state);

const char *test_folder(void);

/* A path in the folder; valid until the eighth call after. */
const char *test_in_folder(const char *name);

/* All bytes of a file, to be freed. */
unsigned char *test_content(const char *path, size_t *length);

#endif
