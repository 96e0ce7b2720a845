/* Kinds of files by their first bytes. A table of signatures is asked in order; what none of them fits is
 * a text if it looks like one, else unknown. Reads nothing but the bytes given. */
#include "base/kind.h"

#include <string.h>

#include "base/status.h"
#include "base/utf8.h"

#define SHOWN 8
#define SAFETENSORS_HEAD 9 /* the header's length in 8 bytes, then '{' */

#define SAVE_AS_CSV "save the table as 'CSV UTF-8 (comma delimited)'"
#define SAVE_PIXELS "save the pixels of all images as one array, np.save('images.npy', array)"
#define DECOMPRESS "decompress it, or compress it by gzip instead"
#define FROM_PANDAS(read) "np.save('rows.npy', pandas." read "(path).to_numpy(dtype='float32'))"

typedef struct signature {
    const char *bytes;
    size_t size;
    vae__file_kind kind;
} signature;

#define BYTES(text) text, sizeof text - 1
static const signature signatures[] = {
    {BYTES("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"), {"an Excel file (.xls)", SAVE_AS_CSV}},
    {BYTES("PAR1\x15"), {"a Parquet file", FROM_PANDAS("read_parquet")}},
    {BYTES("ARROW1\0"), {"a Feather or Arrow file", FROM_PANDAS("read_feather")}},
    {BYTES("\x89HDF\r\n\x1A\n"),
     {"an HDF5 file",
      "np.save('rows.npy', h5py.File(path)['NAME'][:]) with the name of the array"}},
    {BYTES("MATLAB 5.0 MAT-file"),
     {"a MATLAB file",
      "np.save('rows.npy', scipy.io.loadmat(path)['NAME']) with the name of the matrix"}},
    {BYTES("SQLite format 3\0"), {"an SQLite database", "export the table as CSV"}},
    {BYTES("\x89PNG\r\n"), {"a PNG picture", SAVE_PIXELS}},
    {BYTES("\xFF\xD8\xFF"), {"a JPEG picture", SAVE_PIXELS}},
    {BYTES("GIF87a"), {"a GIF picture", SAVE_PIXELS}},
    {BYTES("GIF89a"), {"a GIF picture", SAVE_PIXELS}},
    {BYTES("\xFD\x37zXZ\0"), {"compressed by xz", DECOMPRESS}},
    {BYTES("BZh91AY&SY"), {"compressed by bzip2", DECOMPRESS}},
    {BYTES("\x28\xB5\x2F\xFD"), {"compressed by zstd", DECOMPRESS}},
    {BYTES("\x80\x02"), {"a pickle of Python, as torch.save writes", "np.save('rows.npy', array)"}},
    {BYTES("\x80\x03"), {"a pickle of Python", "np.save('rows.npy', array)"}},
    {BYTES("\x80\x04"), {"a pickle of Python", "np.save('rows.npy', array)"}},
    {BYTES("\x80\x05"), {"a pickle of Python", "np.save('rows.npy', array)"}},
    {BYTES("PK\x03\x04"),
     {"a ZIP archive, as torch.save, numpy.savez and spreadsheets write",
      "unpack it; of an NPZ file, np.save('rows.npy', np.load(path)['NAME'])"}},
    {BYTES("PK\x05\x06"),
     {"an empty ZIP archive",
      "unpack it; of an NPZ file, np.save('rows.npy', np.load(path)['NAME'])"}},
    {BYTES("\x93NUMPY"), {"an NPY file, which vae_dataset_open reads", NULL}},
    {BYTES("\x1f\x8b"), {"compressed by gzip", NULL}},
};

/* Kinds that are told by more than their first bytes. */
static const vae__file_kind safetensors = {"a safetensors file", "vae_model_load reads models"};
static const vae__file_kind utf16 = {
    "text in UTF-16",
    "save it as UTF-8 (Excel: 'CSV UTF-8'), or convert it, iconv -f UTF-16 -t UTF-8"};
static const vae__file_kind idx = {"an IDX file, which vae_dataset_open reads", NULL};
static const vae__file_kind text = {"a text; vae_dataset_open reads CSV", NULL};

/* Two zero bytes, a type, a rank. */
static int is_idx(const unsigned char *head, size_t size) {
    return size >= 4 && !head[0] && !head[1] && head[2] >= 0x08 && head[2] <= 0x0e && head[3] > 0 &&
           head[3] <= 9;
}

/* A header of less than 2^32 bytes. */
static int is_safetensors(const unsigned char *head, size_t size) {
    return size >= SAFETENSORS_HEAD && !head[4] && !head[5] && !head[6] && !head[7] &&
           head[8] == '{';
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

/* UTF-8 without control characters; the last character may be cut. */
static int is_text(const unsigned char *head, size_t size) {
    for (size_t i = 0, length = 1; i < size; i += length) {
        int blank = head[i] == '\t' || head[i] == '\n' || head[i] == '\r';
        if ((head[i] < ' ' && !blank) || head[i] == 0x7f) return 0;
        length = vae__utf8_length(head + i, size - i);
        if (!length) return i > 0 && size - i < 4 && head[i] >= 0xc2;
    }
    return size > 0;
}

const vae__file_kind *vae__file_kind_of(const unsigned char *head, size_t size) {
    /* First, since its length may begin as another kind does: 80 02 is 640 and a pickle. */
    if (is_safetensors(head, size)) return &safetensors;
    for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; i++) {
        const signature *known = &signatures[i];
        if (size >= known->size && !memcmp(head, known->bytes, known->size)) return &known->kind;
    }
    if (is_idx(head, size)) return &idx;
    if (is_utf16(head, size)) return &utf16;
    return is_text(head, size) ? &text : NULL;
}

const char *vae__beginning(char buffer[VAE__BEGINNING_SIZE], const unsigned char *head,
                           size_t size) {
    size_t shown = size < SHOWN ? size : SHOWN, used = 0;
    if (is_text(head, shown)) {
        while (used < shown && head[used] >= ' ') used++;
        vae__format(buffer, VAE__BEGINNING_SIZE, "'%.*s'", (int)used, (const char *)head);
        return buffer;
    }
    used = vae__format(buffer, VAE__BEGINNING_SIZE, "bytes");
    for (size_t i = 0; i < shown; i++)
        used += vae__format(buffer + used, VAE__BEGINNING_SIZE - used, " %02x", (unsigned)head[i]);
    return buffer;
}
