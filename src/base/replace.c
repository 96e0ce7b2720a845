/* A symbolic link stays and the file it names is replaced. A character device (/dev/null, a terminal)
 * is written to directly. FIFOs and sockets are refused, since SIGPIPE would end the host, and so are
 * block devices. So is a file without write permission, although its folder would let it be replaced. */
#include "base/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/system.h"
#include "base/text.h"

#define LINK_SIZE 4096     /* Linux's PATH_MAX: no symbolic link is longer */
#define MOST_LINKS 40      /* as many as the kernel follows */
#define MOST_ATTEMPTS 1000 /* at a name for the temporary file */

static int sync_file(int file) {
    int result;
    do result = fsync(file);
    while (result && errno == EINTR);
    return result;
}

/* Characters of `path` up to and with its last '/'; 0 for a name in the current folder. */
static size_t folder_length(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

static vae_status write_pieces(int file, const char *path, const vae__piece *pieces, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const unsigned char *at = pieces[i].bytes;
        size_t left = pieces[i].size;
        while (left) {
            errno = ENOSPC; /* for a write of 0 bytes, which sets nothing */
            ssize_t written = write(file, at, left < VAE__MOST_BYTES ? left : VAE__MOST_BYTES);
            if (written > 0) {
                at += written;
                left -= (size_t)written;
            } else if (errno != EINTR) {
                return vae__fail_system("write", path);
            }
        }
    }
    return VAE_OK;
}

/* Network file systems report a full disk here. After EINTR the descriptor is gone all the same. */
static vae_status close_written(int file, const char *path) {
    return close(file) && errno != EINTR ? vae__fail_system("write", path) : VAE_OK;
}

static vae_status write_device(const char *path, const vae__piece *pieces, size_t count) {
    int file = vae__open_file(path, O_WRONLY | O_NOCTTY, 0);
    if (file < 0) return vae__fail_system("write", path);
    vae_status status = write_pieces(file, path, pieces, count);
    vae_status closed = close_written(file, path);
    if (!status) status = closed;
    return status;
}

/* target becomes the name that `path` leads to through symbolic links, whether or not there is a
 * file of that name. */
static vae_status follow_links(const char *path, vae__buffer *target) {
    char link[LINK_SIZE];
    vae__append(target, "%s", path);
    for (int hops = 0; !target->failed; hops++) {
        ssize_t length = readlink(target->text, link, sizeof link);
        if (length < 0 && (errno == EINVAL || errno == ENOENT)) return VAE_OK; /* no link */
        if (length >= 0 && hops == MOST_LINKS) {
            errno = ELOOP;
            length = -1;
        }
        if (length < 0) return vae__fail_system("write", path);
        target->length = *link == '/' ? 0 : folder_length(target->text);
        vae__append_bytes(target, link, (size_t)length);
    }
    return vae__last_status();
}

/* Creates a file of a new name in target's folder. */
static vae_status create_temporary(const char *path, const char *target, mode_t mode,
                                   vae__buffer *name, int *file) {
    for (int attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
        name->length = 0;
        vae__append_bytes(name, target, folder_length(target));
        vae__append(name, ".vae-%ld-%d.tmp", (long)getpid(), attempt);
        if (name->failed) return vae__last_status();
        *file = vae__open_file(name->text, O_WRONLY | O_CREAT | O_EXCL, mode);
        if (*file >= 0) return VAE_OK;
        if (errno != EEXIST) break;
    }
    return vae__fail_system("create a temporary file beside", path);
}

/* The new name is durable once the folder is. A folder that may not be opened, or a file system
 * that syncs no folders, leaves nothing to do. */
static vae_status sync_folder(const char *path, vae__buffer *target) {
    size_t length = folder_length(target->text);
    target->text[length] = 0;
    int folder = vae__open_file(length ? target->text : ".", O_RDONLY | O_DIRECTORY, 0);
    if (folder < 0) return VAE_OK;
    vae_status status = VAE_OK;
    if (sync_file(folder) && errno != EINVAL) status = vae__fail_system("sync the folder of", path);
    close(folder);
    return status;
}

/* Writes, syncs and closes it. */
static vae_status fill_temporary(int file, const char *path, const mode_t *mode,
                                 const vae__piece *pieces, size_t count) {
    if (mode) (void)fchmod(file, *mode & 0777); /* not every file system has modes */
    vae_status status = write_pieces(file, path, pieces, count);
    if (!status && sync_file(file)) status = vae__fail_system("write", path);
    vae_status closed = close_written(file, path);
    if (!status) status = closed;
    return status;
}

/* mode: that of the file to be replaced, or NULL where there is none. */
static vae_status replace_regular(vae_context *context, const char *path, const mode_t *mode,
                                  const vae__piece *pieces, size_t count) {
    vae__buffer target = {.context = context}, name = {.context = context};
    int file = -1;
    vae_status status = follow_links(path, &target);
    if (!status) status = create_temporary(path, target.text, mode ? 0600 : 0666, &name, &file);
    if (!status) {
        status = fill_temporary(file, path, mode, pieces, count);
        if (!status && rename(name.text, target.text)) status = vae__fail_system("replace", path);
        if (status) unlink(name.text);
    }
    if (!status) status = sync_folder(path, &target);
    vae__buffer_free(&target);
    vae__buffer_free(&name);
    return status;
}

vae_status vae__file_replace(vae_context *context, const char *path, const vae__piece *pieces,
                             size_t count) {
    struct stat info;
    vae_status status = vae__check_path(path);
    if (status) return status;
    if (stat(path, &info)) {
        if (errno != ENOENT) return vae__fail_system("write", path);
        return replace_regular(context, path, NULL, pieces, count);
    }
    if (S_ISDIR(info.st_mode))
        return vae__fail(VAE_ERROR_FILE, "cannot write '%s': it is a directory", path);
    if (S_ISCHR(info.st_mode)) return write_device(path, pieces, count);
    if (!S_ISREG(info.st_mode))
        return vae__fail(VAE_ERROR_FILE, "cannot write '%s': it is not a regular file", path);
    if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS)) return vae__fail_system("write", path);
    return replace_regular(context, path, &info.st_mode, pieces, count);
}
