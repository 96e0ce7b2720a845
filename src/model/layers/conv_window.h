/* What conv and deconv share: the text behind their names, their parameters and starting values. */
#ifndef VAE_MODEL_LAYERS_CONV_WINDOW_H
#define VAE_MODEL_LAYERS_CONV_WINDOW_H

#include "model/layer.h"

/* Places in vae__layer.numbers. */
enum { CONV_CHANNELS, CONV_KERNEL, CONV_STRIDE, CONV_PAD };

/* "32 4 stride 2 pad 1". Fails with VAE_ERROR_TEXT at the word that is wrong. */
vae_status vae__conv_parse(const vae__slice *item, vae__slice *rest, vae__layer *layer);
void vae__conv_print(vae__buffer *out, const vae__layer *layer);

vae__window vae__conv_window(const vae__layer *layer);

/* The image [channels, height, width] that the layer makes of `shape`, into *shape. Fails with VAE_ERROR_TEXT
 * at the layer if a row would have more values than a model can. */
vae_status vae__conv_make_image(const vae__layer *layer, const char *text, size_t height,
                                size_t width, vae__shape *shape);

/* Declares NAME.weight [rows, columns, kernel, kernel], as PyTorch has it, and NAME.bias [channels]. */
vae_status vae__conv_declare(const vae__layer *layer, const vae__declaration *d, const char *name,
                             size_t rows, size_t columns, size_t *first);

/* Weights for `in` inputs of each output and `out` outputs of each input. The numbers drawn are those of the
 * public order. */
void vae__conv_draw(const vae__spec *spec, const vae__parameter *weight, size_t index, double in,
                    double out);

#endif
