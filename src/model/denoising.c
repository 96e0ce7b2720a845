/* Runs the programs "denoise", one step for all rows, whose embedding is then made once, and "denoise_each". */
#include "model/denoising.h"

#include "diffusion/bound.h"
#include "model/programs.h"

enum { EACH, ONE };

static const char *const names[] = {[EACH] = "denoise_each", [ONE] = "denoise"};

static vae_status take(vae__denoising *d, int which) {
    if (d->workspaces[which]) return VAE_OK;
    vae_status status = vae__model_program(d->model, names[which], &d->programs[which]);
    return status ? status : vae__model_take(d->programs[which], &d->workspaces[which]);
}

static vae_status run_chunk(vae__denoising *d, int which, const vae__real *x, size_t rows,
                            const vae__real *t, vae__real *output) {
    const vae__program *program = d->programs[which];
    vae__feed feeds[VAE__MAX_INPUTS] = {{0}};
    size_t outputs = vae__diffusion_outputs(d->denoise.diffusion);
    *vae__program_feed(program, feeds, "x_t") = (vae__feed){.rows = x};
    *vae__program_feed(program, feeds, VAE__DIFFUSION_STEP) = (vae__feed){.rows = t};
    vae__run run = {.workspace = d->workspaces[which], .feeds = feeds, .rows = rows};
    vae_status status = vae__run_rows(&run);
    if (status) return status;
    const vae__real *made = vae__program_value(program, &run, "output");
    for (size_t i = 0; i < rows * outputs; i++) output[i] = made[i];
    return VAE_OK;
}

static vae_status run(void *user, const vae__real *x, size_t rows, const vae__real *t, int one_step,
                      vae__real *output) {
    vae__denoising *d = user;
    const vae__diffusion *engine = d->denoise.diffusion;
    int which = one_step ? ONE : EACH;
    vae_status status = take(d, which);
    if (status) return status;
    size_t capacity = d->programs[which]->plan.capacity;
    for (size_t first = 0; first < rows && !status; first += capacity) {
        size_t count = rows - first < capacity ? rows - first : capacity;
        status = run_chunk(d, which, x + first * engine->width, count, one_step ? t : t + first,
                           output + first * vae__diffusion_outputs(engine));
    }
    return status;
}

vae_status vae__denoising_open(const vae_model *model, vae__denoising *out) {
    *out = (vae__denoising){.model = model, .denoise = {&model->diffusion->engine, run, out}};
    vae_status status = take(out, ONE);
    if (status) return status;
    out->rows = out->programs[ONE]->plan.capacity;
    out->room = vae__allocate(
        model->context, vae__diffusion_room(out->denoise.diffusion, out->rows), sizeof *out->room);
    return out->room ? VAE_OK
                     : vae__memory_in(vae__last_status(), "diffusion of %zu rows", out->rows);
}

void vae__denoising_close(vae__denoising *d) {
    vae__release(d->model->context, d->room);
    for (int i = 0; i < 2; i++) {
        if (d->workspaces[i]) vae__program_return(d->programs[i], d->workspaces[i]);
    }
    *d = (vae__denoising){.model = d->model};
}
