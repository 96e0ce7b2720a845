/* Pictures of a model at work. */
#ifndef TOOL_PICTURES_H
#define TOOL_PICTURES_H

#include "subject.h"
#include "text.h"

/* Writes samples.png and reconstructions.png (of images) and latent.png into the folder; names of what was
 * written are appended to the text, each behind a blank. Without data: samples.png only. */
int pictures_draw(const subject *s, const char *folder, text *written);

/* Says why where this program cannot draw. */
int pictures_check(const tool_call *call);

/* Draws a file of the folder by a function that takes a path and returns what went wrong. */
typedef const char *(*pictures_fn)(const void *what, const char *path);
int pictures_file(const tool_call *call, const char *folder, const char *name, pictures_fn draw,
                  const void *what, text *written);

#endif
