/* The image files of a folder and its sub-folders, in an order that depends on their names alone. */
#ifndef TOOL_PACK_FILES_H
#define TOOL_PACK_FILES_H

#include "command.h"

typedef struct pack_file {
    char *path;   /* below the folder: "cats/1.png" */
    size_t label; /* the place of its sub-folder in `folders` */
} pack_file;

/* Starts as {0}. */
typedef struct pack_files {
    pack_file *files;
    size_t count;
    char **
        folders; /* [folder_count] of the first level that hold images, by name; "." are those beside them */
    size_t folder_count;
    size_t others; /* files with other names, which are passed over */
} pack_files;

/* Finds the files whose names end in .png, .jpg or .jpeg, in upper or lower case. Hidden files and folders are passed
 * over; so are links to folders, which might lead in a circle. Says why it fails, and returns an exit status; it fails
 * where a folder cannot be read, and where there is no such file. */
int pack_files_find(const tool_call *call, const char *folder, pack_files *out);
void pack_files_free(pack_files *of);

#endif
