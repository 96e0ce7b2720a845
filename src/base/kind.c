#include "base/kind.h"

#include <string.h>

#include "base/status.h"
#include "base/utf8.h"

#define SHOWN 8
#define SAFETENSORS_HEAD 9 /* the header's length in 8 bytes, then '{' */

static const struct magic {
    const char *bytes;
    size_t length;
    const char *kind;
} magics[] = {
    {"\x93NUMPY", 6, "an NPY file, which vae_dataset_open reads"},
    {"\x1f\x8b", 2, "compressed by gzip"},
    {"PK\x03\x04", 4, "a zip archive, as torch.save, numpy.savez and spreadsheets write"},
    {"\x80\x02", 2, "a Python pickle, as torch.save writes"},
    {"\x80\x03", 2, "a Python pickle"},
    {"\x80\x04", 2, "a Python pickle"},
    {"\x80\x05", 2, "a Python pickle"},
    {"\x89PNG", 4, "a PNG image"},
    {"\xff\xd8\xff", 3, "a JPEG image"},
    {"GIF8", 4, "a GIF image"},
    {"\x89HDF", 4, "an HDF5 file"},
    {"PAR1", 4, "a Parquet file"},
    {"ARROW1", 6, "an Arrow file"},
    {"%PDF", 4, "a PDF"},
    {"SQLite format 3", 15, "an SQLite database"},
    {"\xfd"
     "7zXZ",
     5, "compressed by xz"},
    {"BZh", 3, "compressed by bzip2"},
    {"\x28\xb5\x2f\xfd", 4, "compressed by zstd"},
};

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

const char *vae__file_kind(const unsigned char *head, size_t size) {
    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++) {
        const struct magic *m = &magics[i];
        if (size >= m->length && !memcmp(head, m->bytes, m->length)) return m->kind;
    }
    if (is_safetensors(head, size))
        return "a safetensors file, which vae_model_load and vae_checkpoint_load read";
    if (is_idx(head, size)) return "an IDX file, which vae_dataset_open reads";
    return is_text(head, size) ? "a text; vae_dataset_open reads CSV" : NULL;
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
