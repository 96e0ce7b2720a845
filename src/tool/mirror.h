/* The decoder that mirrors an encoder, both as lists of layers. */
#ifndef TOOL_MIRROR_H
#define TOOL_MIRROR_H

#include "text.h"

/* `input`: "784", or "3x64x64" for images, which convolutions are for. 1: *decoder has the list. 0: the encoder has a layer
 * that has no mirror here, or a convolution whose rows do not come back in their size. */
int mirror_of(const char *encoder, const char *input, text *decoder);

#endif
