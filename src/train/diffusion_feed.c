/* Feeds of noise and steps. Allocates when it is made, and never in a step. */
#include "train/diffusion_feed.h"

static vae_status fill_noise(void *user, size_t first, size_t count, vae__real *into) {
    const vae__diffusion_feed *feed = user;
    const vae_model *model = feed->model;
    model->context->kernels->normals(&feed->stream, first, count, 1, model->diffusion->engine.width,
                                     into);
    return VAE_OK;
}

vae_status vae__diffusion_feed_make(vae_model *model, size_t capacity, vae__diffusion_feed *out) {
    *out = (vae__diffusion_feed){.model = model};
    if (!model->diffusion) return VAE_OK;
    out->t = vae__allocate(model->context, capacity, sizeof *out->t);
    out->order = vae__allocate(model->context, capacity, sizeof *out->order);
    return out->t && out->order ? VAE_OK : vae__last_status();
}

void vae__diffusion_feed_free(vae__diffusion_feed *feed) {
    if (!feed->model) return;
    vae__release(feed->model->context, feed->t);
    vae__release(feed->model->context, feed->order);
    *feed = (vae__diffusion_feed){0};
}

void vae__diffusion_feed_begin(vae__diffusion_feed *feed, uint64_t seed, uint64_t step, size_t rows,
                               const vae__program *program, vae__feed *feeds) {
    if (!feed->t) return;
    feed->stream = (vae__stream){seed, step, VAE__PURPOSE_DIFFUSION, 0};
    vae__stream strata = feed->stream;
    strata.sample++;
    vae__diffusion_strata(&feed->model->diffusion->engine, vae__diffusion_loss_of(&program->graph),
                          &strata, rows, feed->order, feed->t);
    *vae__program_feed(program, feeds, VAE__DIFFUSION_NOISE) =
        (vae__feed){.fill = fill_noise, .user = feed};
    *vae__program_feed(program, feeds, VAE__DIFFUSION_STEP) = (vae__feed){.rows = feed->t};
}

void vae__diffusion_feed_finish(const vae__diffusion_feed *feed, const vae__program *program,
                                const vae__run *run) {
    const vae_model *model = feed->model;
    if (!feed->t) return;
    vae__diffusion_take_missed(&model->network.diffusion, &model->parameters, feed->t,
                               vae__program_double(program, run, "missed"), run->rows);
}
