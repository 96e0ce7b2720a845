/* Reads regular files only: opening a FIFO may block the host for ever, and its size bounds
 * nothing. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef VAE_NO_ZLIB
#include <zlib.h>
#endif

#include "base/system.h"

#define BUFFER_SIZE ((size_t)64 << 10)

struct vae__reader {
    vae_context *context;
    int file;
    int compressed;
    uint64_t file_size;
    uint64_t loaded;   /* bytes read from the file */
    uint64_t given;    /* bytes given out */
    size_t begin, end; /* of `buffer`: loaded and not yet used */
#ifndef VAE_NO_ZLIB
    z_stream stream;
    int finished; /* the last gzip member has ended */
#endif
    unsigned char buffer[BUFFER_SIZE];
    char path[];
};

/* Refills the used-up buffer, whole or to the end of the file, where it stays empty. */
static vae_status fill(vae__reader *reader) {
    reader->begin = reader->end = 0;
    while (reader->end < BUFFER_SIZE) {
        ssize_t count = read(reader->file, reader->buffer + reader->end, BUFFER_SIZE - reader->end);
        if (count == 0) break;
        if (count > 0) {
            reader->end += (size_t)count;
            reader->loaded += (uint64_t)count;
        } else if (errno != EINTR) {
            vae__fail_system("read", reader->path);
            return vae__fail_in("byte %llu", (unsigned long long)reader->loaded);
        }
    }
    return VAE_OK;
}

static vae_status read_plain(vae__reader *reader, unsigned char *into, size_t size, size_t *got) {
    while (*got < size) {
        if (reader->begin == reader->end) {
            vae_status status = fill(reader);
            if (status || reader->begin == reader->end) return status;
        }
        size_t ready = reader->end - reader->begin;
        size_t count = ready < size - *got ? ready : size - *got;
        memcpy(into + *got, reader->buffer + reader->begin, count);
        reader->begin += count;
        *got += count;
    }
    return VAE_OK;
}

#ifdef VAE_NO_ZLIB

static vae_status inflate_start(vae__reader *reader) {
    return vae__fail(VAE_ERROR_UNSUPPORTED,
                     "'%s' is compressed with gzip, and this libvae was built without zlib",
                     reader->path);
}

static vae_status read_inflated(vae__reader *reader, unsigned char *into, size_t size,
                                size_t *got) {
    return read_plain(reader, into, size, got);
}

static void inflate_stop(vae__reader *reader) {
    (void)reader;
}

#else

static void *zlib_allocate(void *context, unsigned count, unsigned size) {
    return vae__allocate(context, count, size);
}

static void zlib_release(void *context, void *block) {
    vae__release(context, block);
}

static vae_status inflate_start(vae__reader *reader) {
    reader->stream.zalloc = zlib_allocate;
    reader->stream.zfree = zlib_release;
    reader->stream.opaque = reader->context;
    int code = inflateInit2(&reader->stream, 16 + MAX_WBITS); /* 16: a gzip wrapper, nothing else */
    if (code == Z_OK) return VAE_OK;
    if (code == Z_MEM_ERROR) return vae__fail_in("'%s'", reader->path);
    return vae__fail(VAE_ERROR_UNSUPPORTED, "'%s': zlib cannot be used: %s", reader->path,
                     zError(code));
}

static void inflate_stop(vae__reader *reader) {
    inflateEnd(&reader->stream);
}

/* Looks at the next byte of the file without taking it; -1 at the end of the file. */
static vae_status peek(vae__reader *reader, int *byte) {
    if (reader->begin == reader->end) {
        vae_status status = fill(reader);
        if (status) return status;
    }
    *byte = reader->begin == reader->end ? -1 : reader->buffer[reader->begin];
    return VAE_OK;
}

/* A gzip file is one or more members, one after the other (RFC 1952, section 2.2). Zeros behind the
 * last one are padding, as tape drives and block devices leave it; gzip passes over them too. */
static vae_status next_member(vae__reader *reader) {
    uint64_t end = reader->loaded - (reader->end - reader->begin);
    int byte;
    vae_status status = peek(reader, &byte);
    if (!status && byte == 0x1f) {
        inflateReset(&reader->stream);
        return VAE_OK;
    }
    while (!status && byte == 0) {
        reader->begin++;
        status = peek(reader, &byte);
    }
    if (status) return status;
    reader->finished = byte < 0;
    if (reader->finished) return VAE_OK;
    return vae__fail(
        VAE_ERROR_FORMAT,
        "'%s': byte %llu: the gzip stream ends here, and what follows is neither zeros "
        "nor another stream (gzip: trailing garbage); remove it",
        reader->path, (unsigned long long)end);
}

/* What inflate() returned other than Z_OK. */
static vae_status handle_inflate(vae__reader *reader, int code) {
    unsigned long long offset = reader->loaded - (reader->end - reader->begin);
    switch (code) {
    case Z_STREAM_END: return next_member(reader);
    case Z_MEM_ERROR: return vae__fail_in("'%s'", reader->path);
    case Z_BUF_ERROR: /* no progress although there is room: no input is left */
        return vae__fail(
            VAE_ERROR_FORMAT,
            "'%s': byte %llu: expected more of the gzip stream, found the end of the file",
            reader->path, offset);
    default: break;
    }
    return vae__fail(VAE_ERROR_FORMAT, "'%s': byte %llu: damaged gzip stream: %s", reader->path,
                     offset, reader->stream.msg ? reader->stream.msg : zError(code));
}

static vae_status read_inflated(vae__reader *reader, unsigned char *into, size_t size,
                                size_t *got) {
    z_stream *stream = &reader->stream;
    vae_status status = VAE_OK;
    while (!status && *got < size && !reader->finished) {
        if (reader->begin == reader->end) {
            status = fill(reader);
            if (status) return status;
        }
        size_t room = size - *got < VAE__MOST_BYTES ? size - *got : VAE__MOST_BYTES;
        stream->next_in = reader->buffer + reader->begin;
        stream->avail_in = (uInt)(reader->end - reader->begin);
        stream->next_out = into + *got;
        stream->avail_out = (uInt)room;
        int code = inflate(stream, Z_NO_FLUSH);
        reader->begin = reader->end - stream->avail_in;
        *got += room - stream->avail_out;
        if (code != Z_OK) status = handle_inflate(reader, code);
    }
    return status;
}

#endif

static vae_status check_regular(int file, const char *path, uint64_t *size) {
    struct stat info;
    if (fstat(file, &info)) return vae__fail_system("open", path);
    if (S_ISDIR(info.st_mode))
        return vae__fail(VAE_ERROR_FILE, "cannot read '%s': it is a directory", path);
    if (!S_ISREG(info.st_mode))
        return vae__fail(VAE_ERROR_FILE, "cannot read '%s': it is not a regular file", path);
    *size = (uint64_t)info.st_size;
    return VAE_OK;
}

/* Takes over the file, which is closed on failure too. */
static vae_status start_reader(vae_context *context, const char *path, int file, uint64_t size,
                               vae__reader **out) {
    size_t path_size = strlen(path) + 1;
    vae__reader *reader = vae__allocate(context, sizeof *reader + path_size, 1);
    if (!reader) {
        close(file);
        return vae__memory_in(vae__last_status(), "%s", path);
    }
    reader->context = context;
    reader->file = file;
    reader->file_size = size;
    memcpy(reader->path, path, path_size);
    vae_status status = fill(reader);
    if (!status && reader->end >= 2 && reader->buffer[0] == 0x1f && reader->buffer[1] == 0x8b) {
        status = inflate_start(reader);
        reader->compressed = !status;
    }
    if (status) {
        vae__reader_close(reader);
        return status;
    }
    *out = reader;
    return VAE_OK;
}

vae_status vae__reader_open(vae_context *context, const char *path, vae__reader **out) {
    uint64_t size = 0;
    *out = NULL;
    vae_status status = vae__check_path(path);
    if (status) return status;
    /* Non-blocking: a FIFO without a writer would hang. */
    int file = vae__open_file(path, O_RDONLY | O_NONBLOCK, 0);
    if (file < 0) return vae__fail_system("open", path);
    status = check_regular(file, path, &size);
    if (!status) return start_reader(context, path, file, size, out);
    close(file);
    return status;
}

vae_status vae__reader_read(vae__reader *reader, void *into, size_t size, size_t *got) {
    *got = 0;
    vae_status status = reader->compressed ? read_inflated(reader, into, size, got)
                                           : read_plain(reader, into, size, got);
    reader->given += *got;
    return status;
}

uint64_t vae__reader_offset(const vae__reader *reader) {
    return reader->given;
}

uint64_t vae__reader_file_size(const vae__reader *reader) {
    return reader->file_size;
}

int vae__reader_compressed(const vae__reader *reader) {
    return reader->compressed;
}

const char *vae__reader_path(const vae__reader *reader) {
    return reader->path;
}

void vae__reader_close(vae__reader *reader) {
    if (!reader) return;
    if (reader->compressed) inflate_stop(reader);
    close(reader->file);
    vae__release(reader->context, reader);
}

static vae_status fail_limit(const vae__reader *reader, size_t limit) {
    return vae__fail(VAE_ERROR_LIMIT, "'%s': expected at most %zu bytes, found more", reader->path,
                     limit);
}

/* Reads to the end, which is known once a read leaves room: room for the final 0. */
static vae_status read_whole(vae__reader *reader, size_t limit, unsigned char **bytes,
                             size_t *size) {
    uint64_t expected = reader->compressed ? BUFFER_SIZE : reader->file_size;
    if (limit > SIZE_MAX - 1) limit = SIZE_MAX - 1;
    if (!reader->compressed && expected > limit) return fail_limit(reader, limit);
    size_t capacity = 0, got = 0;
    while (*size == capacity) {
        /* No overflow: a block is at most SIZE_MAX / 2 bytes. */
        size_t wanted = capacity ? capacity * 2 : (size_t)expected + 1;
        capacity = wanted < limit + 1 ? wanted : limit + 1;
        unsigned char *larger = vae__reallocate(reader->context, *bytes, *size, capacity, 1);
        if (!larger) return vae__fail_in("'%s'", reader->path);
        *bytes = larger;
        vae_status status = vae__reader_read(reader, *bytes + *size, capacity - *size, &got);
        if (status) return status;
        *size += got;
        if (*size > limit) return fail_limit(reader, limit);
    }
    (*bytes)[*size] = 0;
    return VAE_OK;
}

vae_status vae__reader_all(vae__reader *reader, size_t limit, unsigned char **bytes, size_t *size) {
    *bytes = NULL;
    *size = 0;
    vae_status status = read_whole(reader, limit, bytes, size);
    if (status) {
        vae__release(reader->context, *bytes);
        *bytes = NULL;
        *size = 0;
    }
    return status;
}
