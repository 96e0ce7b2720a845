/* Files of kinds that no data set reads: names what the file is and how to make a data set of it. Relies
 * on base/kind.c for the first bytes. */
#include "data/foreign.h"

#include <string.h>

#include "base/kind.h"
#include "data/format.h"

#define ZIP_NAME 30 /* where the name of the first file of a ZIP archive begins */

static vae_status fail_foreign(const char *path, const char *what, const char *advice) {
    char names[VAE__FORMAT_NAMES_SIZE];
    return vae__fail(VAE_ERROR_FORMAT, "%s: is %s; expected a file of rows (%s): %s", path, what,
                     vae__format_names(names), advice);
}

static int begins(const void *text, size_t length, const char *with) {
    size_t wanted = strlen(with);
    return length >= wanted && !memcmp(text, with, wanted);
}

/* The name of the first file shows what a ZIP archive is: NumPy's NPZ holds arrays NAME.npy. */
static vae_status fail_zip(const char *path, const unsigned char *head, size_t size,
                           const vae__file_kind *kind) {
    static const char *const of_tables[] = {"[Content_Types].xml", "_rels/", "xl/", "docProps/",
                                            "mimetype"};
    const char *name = (const char *)head + ZIP_NAME;
    size_t length = size > ZIP_NAME ? head[26] | (size_t)head[27] << 8 : 0;
    if (length > size - ZIP_NAME) length = size - ZIP_NAME;
    for (size_t i = 0; i < sizeof of_tables / sizeof of_tables[0]; i++) {
        if (begins(name, length, of_tables[i]))
            return fail_foreign(path, "an Excel or OpenDocument file",
                                "save the table as 'CSV UTF-8 (comma delimited)'");
    }
    if (length > 4 && !memcmp(name + length - 4, ".npy", 4)) {
        char advice[120];
        vae__format(advice, sizeof advice, "np.save('rows.npy', np.load(path)['%.*s'])",
                    (int)length - 4, name);
        return fail_foreign(path, "an NPZ file, an archive of arrays", advice);
    }
    return fail_foreign(path, "a ZIP archive", kind->advice);
}

vae_status vae__foreign_check(const char *path, const unsigned char *head, size_t size) {
    const vae__file_kind *kind = vae__file_kind_of(head, size);
    if (!kind || !kind->advice) return VAE_OK;
    if (begins(head, size, "PK")) return fail_zip(path, head, size, kind);
    return fail_foreign(path, kind->what, kind->advice);
}
