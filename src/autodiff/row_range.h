/* A range of rows of a run, and what an op sees of it. Shared by the row phase and the weight phase. */
#ifndef VAE_AUTODIFF_ROW_RANGE_H
#define VAE_AUTODIFF_ROW_RANGE_H

#include "autodiff/run.h"

/* Rows first .. first + rows - 1, computed by this worker (0 .. workers - 1), whose local part of the arena
 * and whose scratch they use. */
typedef struct vae__row_range {
    vae__run *run;
    size_t first, rows, worker;
} vae__row_range;

/* What a node sees of the slice, without gradients. */
void vae__range_call(const vae__row_range *slice, vae__id node, vae__call *call);

/* Adds the gradients: those of inputs that are wanted, those of outputs that exist. */
void vae__range_call_gradients(const vae__row_range *slice, vae__call *call);

#endif
