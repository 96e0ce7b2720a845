/* What reading and writing files share: opening, and errors of the system as text. Guarantees that a file
 * never takes the number of a standard stream that the host has closed, and that messages are in English. */
#include "base/system.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <string.h>
#include <unistd.h>

/* In English, whatever language and character set the host's locale has. */
static void describe(int code, char *reason, size_t size) {
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (plain) {
        vae__format(reason, size, "%s", strerror_l(code, plain));
        freelocale(plain);
    } else {
        vae__format(reason, size, "error %d", code);
    }
}

vae_status vae__fail_system(const char *action, const char *path) {
    char reason[128];
    describe(errno, reason, sizeof reason);
    return vae__fail(VAE_ERROR_FILE, "cannot %s '%.4095s': %s", action, path, reason);
}

vae_status vae__check_path(const char *path) {
    if (path && *path) return VAE_OK;
    return vae__fail(VAE_ERROR_ARGUMENT, "path: expected the name of a file, found %s",
                     path ? "\"\"" : "NULL");
}

int vae__open_file(const char *path, int flags, mode_t mode) {
    int file;
    do file = open(path, flags | O_CLOEXEC, mode);
    while (file < 0 && errno == EINTR);
    if (file < 0 || file > STDERR_FILENO) return file;
    int higher = fcntl(file, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    close(file);
    if (higher < 0) {
        if (flags & O_EXCL) unlink(path); /* made by this call */
        errno = EMFILE;
    }
    return higher;
}
