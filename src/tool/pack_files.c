/* Walks a folder. Names are sorted by their bytes, so that the order is the same on every machine. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L /* lstat, strdup, strcasecmp */
#endif

#include "pack_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "text.h"

enum { MOST_DEPTH = 64 }; /* of folders within folders */

/* A walk under way. */
typedef struct walk {
    const tool_call *call;
    const char *folder;
    pack_files *out;
    size_t capacity;
} walk;

static int is_image_name(const char *name) {
    const char *ending = strrchr(name, '.');
    return ending && (!strcasecmp(ending, ".png") || !strcasecmp(ending, ".jpg") ||
                      !strcasecmp(ending, ".jpeg"));
}

/* "FOLDER/BELOW"; to be freed. */
static char *join(const char *folder, const char *below) {
    text path = {0};
    size_t length = strlen(folder);
    text_append(&path, "%s%s%s", folder, length && folder[length - 1] != '/' && *below ? "/" : "",
                below);
    return path.text;
}

static void add_file(walk *w, const char *below) {
    pack_files *out = w->out;
    if (out->count == w->capacity) {
        size_t larger = w->capacity ? 2 * w->capacity : 256;
        pack_file *files = text_allocate(larger, sizeof *files);
        if (out->count) memcpy(files, out->files, out->count * sizeof *files);
        free(out->files);
        out->files = files;
        w->capacity = larger;
    }
    out->files[out->count++] = (pack_file){.path = join(below, "")};
}

static int read_folder(walk *w, const char *below, int depth);

/* One entry of a folder: `below` is its path under the folder that was given. */
static int take_entry(walk *w, const char *below, const char *name, int depth) {
    struct stat status, target;
    char *path = join(w->folder, below);
    int problem = lstat(path, &status) ? errno : 0, result = TOOL_DONE;
    int is_link = !problem && S_ISLNK(status.st_mode);
    if (is_link && stat(path, &target) == 0 && S_ISDIR(target.st_mode)) {
        w->out->others++;
    } else if (!problem && S_ISDIR(status.st_mode)) {
        result = read_folder(w, below, depth + 1);
    } else if (is_image_name(name)) {
        add_file(w, below); /* one that cannot be read is said when it is its turn */
    } else {
        w->out->others++;
    }
    free(path);
    return result;
}

static int fail_folder(const walk *w, const char *path, const char *problem) {
    return command_failed(w->call, "%s: the folder cannot be read: %s", path, problem);
}

static int read_folder(walk *w, const char *below, int depth) {
    char *path = join(w->folder, below);
    DIR *list = depth < MOST_DEPTH ? opendir(path) : NULL;
    int result = TOOL_DONE;
    if (!list) {
        result = fail_folder(w, path, depth < MOST_DEPTH ? strerror(errno) : "it is too deep");
        free(path);
        return result;
    }
    for (struct dirent *entry; !result && (errno = 0, entry = readdir(list));) {
        if (entry->d_name[0] == '.') continue;
        char *name = *below ? join(below, entry->d_name) : join(entry->d_name, "");
        result = take_entry(w, name, entry->d_name, depth);
        free(name);
    }
    if (!result && errno) result = fail_folder(w, path, strerror(errno));
    closedir(list);
    free(path);
    return result;
}

/* The sub-folder of the first level, "." for none; of `length` characters. */
static const char *folder_of(const pack_file *file, size_t *length) {
    const char *slash = strchr(file->path, '/');
    *length = slash ? (size_t)(slash - file->path) : 1;
    return slash ? file->path : ".";
}

/* By folder, then by path, so that the files of a label stand together. */
static int compare(const void *a, const void *b) {
    size_t n, m;
    const char *first = folder_of(a, &n), *second = folder_of(b, &m);
    int order = memcmp(first, second, n < m ? n : m);
    if (!order) order = (n > m) - (n < m);
    return order ? order : strcmp(((const pack_file *)a)->path, ((const pack_file *)b)->path);
}

static void set_labels(pack_files *of) {
    of->folders = text_allocate(of->count, sizeof *of->folders);
    for (size_t i = 0; i < of->count; i++) {
        size_t length;
        const char *name = folder_of(&of->files[i], &length);
        char *last = of->folder_count ? of->folders[of->folder_count - 1] : NULL;
        if (!last || strlen(last) != length || memcmp(last, name, length)) {
            char *copy = text_allocate(length + 1, 1);
            of->folders[of->folder_count++] = memcpy(copy, name, length);
        }
        of->files[i].label = of->folder_count - 1;
    }
}

int pack_files_find(const tool_call *call, const char *folder, pack_files *out) {
    walk w = {.call = call, .folder = folder, .out = out};
    int problem = read_folder(&w, "", 0);
    if (problem) return problem;
    if (!out->count) {
        return command_failed(call,
                              "%s: expected files whose names end in .png, .jpg or .jpeg, there or "
                              "in sub-folders; found %zu file%s, none of them such",
                              folder, out->others, out->others == 1 ? "" : "s");
    }
    qsort(out->files, out->count, sizeof *out->files, compare);
    set_labels(out);
    return TOOL_DONE;
}

void pack_files_free(pack_files *of) {
    for (size_t i = 0; i < of->count; i++) free(of->files[i].path);
    for (size_t i = 0; i < of->folder_count; i++) free(of->folders[i]);
    free(of->files);
    free(of->folders);
    *of = (pack_files){0};
}
