/* Files that are no data sets are named, with what to do about them. */
#include "unit/data/scratch.h"

typedef struct foreign_file {
    const char *bytes;
    size_t size;
    const char *what, *advice;
} foreign_file;

#define BYTES(text) text, sizeof text - 1

static void assert_named(void **state, const foreign_file *file) {
    char what[100];
    snprintf(what, sizeof what,
             "/file: is %s; expected a file of rows (IDX, NPY, CSV): ", file->what);
    write_file(*state, file->bytes, file->size);
    assert_refused(*state, VAE_ERROR_FORMAT, what);
    assert_message(file->advice);
}

static void names_tables_and_pictures(void **state) {
    static const foreign_file files[] = {
        {BYTES("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1 and more"), "an Excel file (.xls)", "'CSV UTF-8"},
        {BYTES("PAR1\x15\x04"), "a Parquet file",
         "np.save('rows.npy', pandas.read_parquet(path).to_numpy(dtype='float32'))"},
        {BYTES("ARROW1\0\0"), "a Feather or Arrow file", "pandas.read_feather(path)"},
        {BYTES("\x89HDF\r\n\x1a\n\0"), "an HDF5 file", "h5py.File(path)['NAME'][:]"},
        {BYTES("MATLAB 5.0 MAT-file, Platform: GLNXA64"), "a MATLAB file",
         "scipy.io.loadmat(path)"},
        {BYTES("SQLite format 3\0\x10"), "an SQLite database", "as CSV"},
        {BYTES("\x89PNG\r\n\x1a\n"), "a PNG picture", "np.save('images.npy', array)"},
        {BYTES("\xFF\xD8\xFF\xE0"), "a JPEG picture", "np.save('images.npy', array)"},
        {BYTES("GIF89a"), "a GIF picture", "np.save("},
        {BYTES("\xFD\x37zXZ\0\0"), "compressed by xz", "by gzip"},
        {BYTES("BZh91AY&SY"), "compressed by bzip2", "decompress it"},
        {BYTES("\x28\xB5\x2F\xFD\x24"), "compressed by zstd", "decompress it"},
        {BYTES("\x80\x04\x95"), "a pickle of Python", "np.save('rows.npy', array)"},
        {BYTES("\x40\0\0\0\0\0\0\0{\"a\":"), "a safetensors file", "vae_model_load reads models"},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) assert_named(state, &files[i]);
}

/* The first file of the archive says of what kind it is; its name may be cut off, or lie. */
static void names_zip_archives(void **state) {
    static const foreign_file files[] = {
        {BYTES("PK\x03\x04......................\x0a\0\0\0weight.npydata"),
         "an NPZ file, an archive of arrays", "np.save('rows.npy', np.load(path)['weight'])"},
        {BYTES("PK\x03\x04......................\x13\0\0\0[Content_Types].xml"),
         "an Excel or OpenDocument file", "'CSV UTF-8"},
        {BYTES("PK\x03\x04......................\x0b\0\0\0_rels/.rels"),
         "an Excel or OpenDocument file", "'CSV UTF-8"},
        {BYTES("PK\x03\x04......................\x08\0\0\0mimetypeapplication"),
         "an Excel or OpenDocument file", "'CSV UTF-8"},
        {BYTES("PK\x03\x04......................\x08\0\0\0a.folder"), "a ZIP archive",
         "of an NPZ file, np.save('rows.npy', np.load(path)['NAME'])"},
        {BYTES(
             "PK\x03\x04......................\xff\xff\0\0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.npy"),
         "a ZIP archive", "NPZ"},
        {BYTES("PK\x03\x04"), "a ZIP archive", "NPZ"},
        {BYTES("PK\x05\x06"), "a ZIP archive", "NPZ"},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) assert_named(state, &files[i]);
    scratch *s = *state;
    vae__table table;
    const vae__format_request none = {0};
    assert_int_equal(vae__format_read(s->context, "tests/data/npy/refused.npz", &none, &table),
                     VAE_ERROR_FORMAT);
    assert_message("refused.npz: is an NPZ file");
    assert_message("np.load(path)['images']");
}

static void names_utf16(void **state) {
    static const foreign_file files[] = {
        {BYTES("\xFF\xFE"), "text in UTF-16", "save it as UTF-8"},
        {BYTES("\xFF\xFE\x61\0,\0b\0"), "text in UTF-16", "save it as UTF-8"},
        {BYTES("\xFE\xFF\0a\0,\0b"), "text in UTF-16", "iconv -f UTF-16 -t UTF-8"},
        {BYTES("1\0,\0\x32\0\n\0\x33"), "text in UTF-16", "save it as UTF-8"},
        {BYTES("\0\x31\0,\0\x32"), "text in UTF-16", "save it as UTF-8"},
        {BYTES("1\0\t\0"), "text in UTF-16", "save it as UTF-8"},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) assert_named(state, &files[i]);
}

/* What only resembles them is told by its first bytes, or read. */
static void leaves_others_alone(void **state) {
    static const foreign_file unknown[] = {{BYTES("1\0"), "", ""},
                                           {BYTES("\1\0\2\0\3\0\4\0"), "", ""},
                                           {BYTES("1\0,\0\x32\x33\n\0"), "", ""},
                                           {BYTES("\x89POG\r\n\x1a"), "", ""},
                                           {BYTES("PK\x03\x05"), "", ""},
                                           {BYTES("\x40\0\0\0\1\0\0\0{\"a\":"), "", ""}};
    static const char *const read[] = {"PAR1,PK\n1,2\n", "GIF8,BZh9\n1,2\n", "{,%PDF\n1,2\n",
                                       "MATLAB,SQLite format 3\n1,2\n"};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        write_file(*state, unknown[i].bytes, unknown[i].size);
        assert_refused(*state, VAE_ERROR_FORMAT, "not a known format");
    }
    for (size_t i = 0; i < sizeof read / sizeof read[0]; i++) {
        vae__table table;
        write_file(*state, read[i], strlen(read[i]));
        if (read_table(*state, &table)) fail_msg("%s", vae__last_message());
        assert_true(table.rows == 1 && table.shape.size == 2);
        vae__table_free(((scratch *)*state)->context, &table);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(names_tables_and_pictures),
        SCRATCH_TEST(names_zip_archives),
        SCRATCH_TEST(names_utf16),
        SCRATCH_TEST(leaves_others_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
