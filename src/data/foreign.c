#include "data/foreign.h"

#include <string.h>

#define SAVE_AS_CSV "save the table as 'CSV UTF-8 (comma delimited)'"
#define SAVE_PIXELS "save the pixels of all images as one array, np.save('images.npy', array)"
#define DECOMPRESS "decompress it, or compress it by gzip instead"
#define FROM_PANDAS(read) "np.save('rows.npy', pandas." read "(path).to_numpy(dtype='float32'))"

#define ZIP_NAME 30 /* where the name of the first file of a ZIP archive begins */

typedef struct signature {
    const char *bytes;
    size_t size;
    const char *what, *advice;
} signature;

/* None of these can be the beginning of an IDX, NPY or CSV file. */
#define BYTES(text) text, sizeof text - 1
static const signature signatures[] = {
    {BYTES("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"), "an Excel file (.xls)", SAVE_AS_CSV},
    {BYTES("PAR1\x15"), "a Parquet file", FROM_PANDAS("read_parquet")},
    {BYTES("ARROW1\0"), "a Feather or Arrow file", FROM_PANDAS("read_feather")},
    {BYTES("\x89HDF\r\n\x1A\n"), "an HDF5 file",
     "np.save('rows.npy', h5py.File(path)['NAME'][:]) with the name of the array"},
    {BYTES("MATLAB 5.0 MAT-file"), "a MATLAB file",
     "np.save('rows.npy', scipy.io.loadmat(path)['NAME']) with the name of the matrix"},
    {BYTES("SQLite format 3\0"), "an SQLite database", "export the table as CSV"},
    {BYTES("\x89PNG\r\n"), "a PNG picture", SAVE_PIXELS},
    {BYTES("\xFF\xD8\xFF"), "a JPEG picture", SAVE_PIXELS},
    {BYTES("GIF87a"), "a GIF picture", SAVE_PIXELS},
    {BYTES("GIF89a"), "a GIF picture", SAVE_PIXELS},
    {BYTES("\xFD\x37zXZ\0"), "compressed by xz", DECOMPRESS},
    {BYTES("BZh91AY&SY"), "compressed by bzip2", DECOMPRESS},
    {BYTES("\x28\xB5\x2F\xFD"), "compressed by zstd", DECOMPRESS},
    {BYTES("\x80\x03"), "a pickle of Python", "np.save('rows.npy', array)"},
    {BYTES("\x80\x04"), "a pickle of Python", "np.save('rows.npy', array)"},
    {BYTES("\x80\x05"), "a pickle of Python", "np.save('rows.npy', array)"},
};

static vae_status fail_foreign(const char *path, const char *what, const char *advice) {
    return vae__fail(VAE_ERROR_FORMAT, "%s: is %s; expected an IDX, NPY or CSV file: %s", path,
                     what, advice);
}

static int begins(const void *text, size_t length, const char *with) {
    size_t wanted = strlen(with);
    return length >= wanted && !memcmp(text, with, wanted);
}

/* The name of the first file shows what a ZIP archive is: NumPy's NPZ holds arrays NAME.npy. */
static vae_status fail_zip(const char *path, const unsigned char *head, size_t size) {
    static const char *const of_tables[] = {"[Content_Types].xml", "_rels/", "xl/", "docProps/",
                                            "mimetype"};
    const char *name = (const char *)head + ZIP_NAME;
    size_t length = size > ZIP_NAME ? head[26] | (size_t)head[27] << 8 : 0;
    if (length > size - ZIP_NAME) length = size - ZIP_NAME;
    for (size_t i = 0; i < sizeof of_tables / sizeof of_tables[0]; i++) {
        if (begins(name, length, of_tables[i]))
            return fail_foreign(path, "an Excel or OpenDocument file", SAVE_AS_CSV);
    }
    if (length > 4 && !memcmp(name + length - 4, ".npy", 4)) {
        char advice[120];
        vae__format(advice, sizeof advice, "np.save('rows.npy', np.load(path)['%.*s'])",
                    (int)length - 4, name);
        return fail_foreign(path, "an NPZ file, an archive of arrays", advice);
    }
    return fail_foreign(path, "a ZIP archive",
                        "unpack it; of an NPZ file, np.save('rows.npy', np.load(path)['NAME'])");
}

/* Characters of the ASCII take two bytes, one of which is 0. */
static int is_utf16(const unsigned char *head, size_t size) {
    size_t checked = size < 8 ? size & ~(size_t)1 : 8;
    int zeros_first = checked >= 4, zeros_last = checked >= 4;
    if (size >= 2 && ((head[0] == 0xFF && head[1] == 0xFE) || (head[0] == 0xFE && head[1] == 0xFF)))
        return 1;
    for (size_t i = 0; i < checked; i += 2) {
        zeros_first = zeros_first && !head[i] && head[i + 1] >= '\t';
        zeros_last = zeros_last && !head[i + 1] && head[i] >= '\t';
    }
    return zeros_first || zeros_last;
}

/* 8 bytes of length, little-endian, and a JSON object. */
static int is_safetensors(const unsigned char *head, size_t size) {
    return size > 8 && !memcmp(head + 4, "\0\0\0\0{", 5);
}

vae_status vae__foreign_check(const char *path, const unsigned char *head, size_t size) {
    for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; i++) {
        const signature *known = &signatures[i];
        if (size >= known->size && !memcmp(head, known->bytes, known->size))
            return fail_foreign(path, known->what, known->advice);
    }
    if (begins(head, size, "PK\x03\x04") || begins(head, size, "PK\x05\x06"))
        return fail_zip(path, head, size);
    if (is_utf16(head, size)) {
        return fail_foreign(path, "text in UTF-16",
                            "save it as UTF-8 (Excel: 'CSV UTF-8'), or convert it, iconv -f UTF-16 "
                            "-t UTF-8");
    }
    if (is_safetensors(head, size))
        return fail_foreign(path, "a safetensors file", "vae_model_load reads models");
    return VAE_OK;
}
