/* The numbers of a file, in any type that NumPy and IDX write: how a file stores them, the type they
 * are kept in, and their order. */
#ifndef VAE_DATA_VALUES_H
#define VAE_DATA_VALUES_H

#include "data/input.h"
#include "data/format.h"

typedef enum vae__number_kind {
    VAE__NUMBER_BOOL, /* one byte: 0 is false, any other true */
    VAE__NUMBER_UNSIGNED,
    VAE__NUMBER_SIGNED, /* two's complement */
    VAE__NUMBER_REAL    /* IEEE 754 */
} vae__number_kind;

/* How a file stores a number. bool has 1 byte, integers have 1, 2, 4 or 8, reals 2, 4 or 8. */
typedef struct vae__stored_type {
    vae__number_kind kind;
    size_t size; /* bytes */
    int big_endian;
} vae__stored_type;

/* The type such numbers are kept in. uint8 stays uint8, which scale=auto divides by 255. All else
 * becomes float32 where that holds every value of the type, which is so up to 16 bits, and float64
 * where it does not. */
vae__element vae__stored_element(const vae__stored_type *type);

/* Reads the rest of the file, which must be exactly the values that out->rows and out->shape
 * ask for, into a block out->values of the type that vae__stored_element names. `fortran`: the first index runs fastest in the file, as in Fortran; the rows are put in C order, for which
 * memory for a second block is needed.
 *
 * Integers that a float (where they are labels, a double) does not hold exactly are reported once,
 * with an example, to the log of the context.
 *
 * VAE_ERROR_FORMAT if the file has another size; VAE_ERROR_LIMIT before anything is read if the
 * memory limit does not allow for what reading takes. */
vae_status vae__values_read(vae_context *context, vae__input *input, const vae__stored_type *type,
                            int fortran, const vae__format_request *request, vae__table *out);

#endif
