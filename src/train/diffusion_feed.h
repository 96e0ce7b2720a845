/* What a training graph with a diffusion reads beside its rows: noise, and the step of each row. */
#ifndef VAE_TRAIN_DIFFUSION_FEED_H
#define VAE_TRAIN_DIFFUSION_FEED_H

#include "model/model.h"

typedef struct vae__diffusion_feed {
    vae_model *model;
    vae__stream stream;
    vae__real *t;    /* [capacity], the step of each row; NULL: the model has no diffusion */
    uint64_t *order; /* [capacity], room */
} vae__diffusion_feed;

/* For batches of up to so many rows. Fails for lack of memory. To be freed in either case. */
vae_status vae__diffusion_feed_make(vae_model *model, size_t capacity, vae__diffusion_feed *out);
void vae__diffusion_feed_free(vae__diffusion_feed *feed);

/* Chooses the steps of a batch by strata, and sets the feeds of the program; a function of (seed, step, row). Nothing to do
 * without a diffusion. */
void vae__diffusion_feed_begin(vae__diffusion_feed *feed, uint64_t seed, uint64_t step, size_t rows,
                               const vae__program *program, vae__feed *feeds);

/* After an update: what the rows missed, for variance=optimal. */
void vae__diffusion_feed_finish(const vae__diffusion_feed *feed, const vae__program *program,
                                const vae__run *run);

#endif
