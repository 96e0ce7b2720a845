/* Inference: rows go through a program in fixed chunks, on a workspace that the call takes and returns. Relies
 * on the model's kind for the programs; draws noise only from the seed that it is given. */
#include "model/inference.h"

#include <math.h>
#include <string.h>

#include "model/kind_floats.h"
#include "model/prior.h"
#include "model/programs.h"

/* ---- feeds ---- */

#ifdef VAE_REAL_DOUBLE

typedef struct float_rows {
    const float *rows;
    size_t width;
} float_rows;

static vae_status widen(void *user, size_t first, size_t count, vae__real *into) {
    const float_rows *from = user;
    for (size_t i = 0; i < count * from->width; i++)
        into[i] = (vae__real)from->rows[first * from->width + i];
    return VAE_OK;
}

static vae__feed feed_floats(float_rows *from) {
    return (vae__feed){.fill = widen, .user = from};
}

static void narrow(float *to, const vae__real *from, size_t count) {
    for (size_t i = 0; i < count; i++) to[i] = (float)from[i];
}

#else

typedef struct float_rows {
    const float *rows;
    size_t width;
} float_rows;

static vae__feed feed_floats(float_rows *from) {
    return (vae__feed){.rows = from->rows};
}

static void narrow(float *to, const vae__real *from, size_t count) {
    memcpy(to, from, count * sizeof *to);
}

#endif

static void check_finite(vae__feed *feed) {
    feed->checked = 1;
    feed->high = VAE__REAL_MAX;
    feed->low = -feed->high;
}

/* Noise rows of one stream, for the rows of a chunk. */
typedef struct noise {
    const vae__kernels *kernels;
    vae__stream stream;
    size_t first_row, columns;
} noise;

static vae_status fill_noise(void *user, size_t first, size_t count, vae__real *into) {
    const noise *n = user;
    n->kernels->normals(&n->stream, n->first_row + first, count, 1, n->columns, into);
    return VAE_OK;
}

/* The fixed draws of a row, the same for every row, or the mean itself if there is one. Each draw has its opposite and each
 * column the variance 1, so that the mean over them is exact for sums of quadratic functions of single latents. */
typedef struct fixed_draws {
    noise noise;
    size_t draws;
} fixed_draws;

/* ---- the chunk loop ---- */

/* One inference: `feed` sets the feeds for rows first .. first + rows - 1, `read` takes the
 * results. */
typedef struct job {
    const vae_model *model;
    const char *name; /* of the program */
    const vae__program *program;
    size_t n;
    vae_status (*draw)(struct job *job, size_t first, size_t rows); /* NULL: nothing to draw */
    void (*feed)(struct job *job, size_t first, vae__feed *feeds);
    vae_status (*read)(struct job *job, const vae__run *run, size_t first, size_t rows);
    float_rows rows; /* of the current chunk */
    const float *in; /* x or z of all rows, or NULL */
    size_t in_width;
    const vae__real *real_rows; /* x in vae__real, for callers inside */
    noise noise;
    uint64_t first_row;
    float *mean, *logvar, *z, *x_mean, *x;
    vae__real *real_mean, *real_logvar; /* in place of mean and logvar, for callers inside */
    const vae__bound *bound;
    double *log_prior; /* of a chunk */
    fixed_draws fixed;
    double *score, *by_value; /* [n], [n, width] */
    const vae__sampling *how; /* NULL: no sampling */
    vae__prior_call prior;    /* for draws */
    vae__real *drawn; /* z of a chunk, where the prior makes all rows at once; NULL: it does not */
} job;

/* z is read from the caller's buffer: decode is the only call that takes one. */
static vae_status refuse_z(const job *j, size_t first, size_t rows) {
    char found[VAE__NUMBER_SIZE];
    size_t i = first * j->in_width, end = i + rows * j->in_width;
    while (i + 1 < end && isfinite(j->in[i])) i++;
    return vae__fail(VAE_ERROR_DATA, "row %zu, column %zu of z is %s: expected finite values",
                     i / j->in_width, i % j->in_width, vae__number_float(found, j->in[i]));
}

static vae_status refuse(const job *j, size_t first, size_t rows, const vae__run *run) {
    const vae__real *x = vae__program_value(j->program, run, "x");
    if (!x) return refuse_z(j, first, rows);
    vae_status status = vae__model_check_rows(j->model, x, rows, j->first_row + first);
    if (!status) status = vae__fail(VAE_ERROR_INTERNAL, "rows were refused but none of them is");
    return status;
}

static vae_status run_job(job *j) {
    vae__program *program;
    vae__workspace *workspace;
    if (!j->n) return VAE_OK;
    vae_status status = vae__model_program(j->model, j->name, &program);
    if (!status) status = vae__model_take(program, &workspace);
    if (status) return status;
    j->program = program;
    for (size_t first = 0; first < j->n && !status; first += program->plan.capacity) {
        vae__feed feeds[VAE__MAX_INPUTS] = {{0}};
        size_t left = j->n - first,
               rows = left < program->plan.capacity ? left : program->plan.capacity;
        vae__run run = {.workspace = workspace, .feeds = feeds, .rows = rows};
        j->rows = (float_rows){j->in ? j->in + first * j->in_width : NULL, j->in_width};
        if (j->draw) status = j->draw(j, first, rows);
        if (status) break;
        j->feed(j, first, feeds);
        status = vae__run_rows(&run);
        if (!status && atomic_load(&run.refused)) status = refuse(j, first, rows, &run);
        if (!status) status = j->read(j, &run, first, rows);
        if (!status && j->how && j->how->progress &&
            j->how->progress(j->how->user, first + rows, j->n))
            status = VAE_STOPPED;
    }
    vae__program_return(program, workspace);
    return status;
}

static void feed_x(job *j, size_t first, vae__feed *feeds) {
    vae__feed *x = vae__program_feed(j->program, feeds, "x");
    if (j->real_rows) {
        *x = (vae__feed){.rows = j->real_rows + first * j->model->spec.input.size};
    } else {
        *x = feed_floats(&j->rows);
    }
    vae__model_check_feed(j->model, x);
}

static void feed_z(job *j, size_t first, vae__feed *feeds) {
    vae__feed *z = vae__program_feed(j->program, feeds, "z");
    (void)first;
    *z = feed_floats(&j->rows);
    check_finite(z);
}

static void feed_noise(job *j, size_t first, vae__feed *feeds,
                       vae_status (*fill)(void *, size_t, size_t, vae__real *)) {
    j->noise.first_row = (size_t)j->first_row + first;
    *vae__program_feed(j->program, feeds, "noise") = (vae__feed){.fill = fill, .user = &j->noise};
}

static void feed_bound(job *j, size_t first, vae__feed *feeds) {
    feed_x(j, first, feeds);
    feed_noise(j, first, feeds, fill_noise);
}

static vae_status fill_prior(void *user, size_t first, size_t count, vae__real *into) {
    const job *j = user;
    vae__prior_of(&j->model->spec)
        ->draw(&j->prior, &j->noise.stream, j->noise.first_row + first, count, j->how->temperature,
               into);
    return VAE_OK;
}

/* Where the prior makes all rows of a chunk at once. */
static vae_status draw_prior(job *j, size_t first, size_t rows) {
    vae_context *context = j->model->context;
    size_t capacity = j->program->plan.capacity, latent = (size_t)j->model->spec.latent;
    if (!j->drawn) j->drawn = vae__allocate(context, capacity * latent, sizeof *j->drawn);
    if (!j->drawn) return vae__last_status();
    return vae__prior_draw_rows(j->model, &j->prior, &j->noise.stream, first, rows, j->how, j->n,
                                j->drawn);
}

static void feed_prior(job *j, size_t first, vae__feed *feeds) {
    vae__feed *z = vae__program_feed(j->program, feeds, "z");
    j->noise.first_row = (size_t)j->first_row + first;
    *z = j->drawn ? (vae__feed){.rows = j->drawn} : (vae__feed){.fill = fill_prior, .user = j};
}

/* ---- encode, decode, reconstruct ---- */

static vae_status read_encode(job *j, const vae__run *run, size_t first, size_t rows) {
    size_t latent = (size_t)j->model->spec.latent;
    if (j->mean)
        narrow(j->mean + first * latent, vae__program_value(j->program, run, "mean"),
               rows * latent);
    if (j->logvar)
        narrow(j->logvar + first * latent, vae__program_value(j->program, run, "logvar"),
               rows * latent);
    return VAE_OK;
}

static vae_status read_encode_rows(job *j, const vae__run *run, size_t first, size_t rows) {
    size_t latent = (size_t)j->model->spec.latent, bytes = rows * latent * sizeof(vae__real);
    memcpy(j->real_mean + first * latent, vae__program_value(j->program, run, "mean"), bytes);
    memcpy(j->real_logvar + first * latent, vae__program_value(j->program, run, "logvar"), bytes);
    return VAE_OK;
}

vae_status vae__model_encode_rows(const vae_model *model, const vae__real *x, size_t n,
                                  uint64_t first_row, vae__real *mean, vae__real *logvar) {
    if (model->kind->rows) return model->kind->rows->encode(model, x, n, first_row, mean, logvar);
    job j = {.model = model,
             .name = "encode",
             .n = n,
             .feed = feed_x,
             .read = read_encode_rows,
             .real_rows = x,
             .first_row = first_row,
             .real_mean = mean,
             .real_logvar = logvar};
    return run_job(&j);
}

vae_status vae__model_encode(const vae_model *model, const float *x, size_t n, float *mean,
                             float *logvar) {
    if (model->kind->rows) return vae__kind_encode_floats(model, x, n, mean, logvar);
    job j = {.model = model,
             .name = "encode",
             .n = n,
             .feed = feed_x,
             .read = read_encode,
             .in = x,
             .in_width = model->spec.input.size,
             .mean = mean,
             .logvar = logvar};
    return run_job(&j);
}

static vae_status read_mean(job *j, const vae__run *run, size_t first, size_t rows) {
    size_t width = j->model->spec.input.size;
    if (j->x_mean)
        narrow(j->x_mean + first * width, vae__program_value(j->program, run, "x_mean"),
               rows * width);
    return VAE_OK;
}

vae_status vae__model_decode(const vae_model *model, const float *z, size_t n, float *x_mean) {
    if (model->kind->rows) return n ? model->kind->rows->decode(model, z, n, x_mean) : VAE_OK;
    job j = {.model = model,
             .name = "decode",
             .n = n,
             .feed = feed_z,
             .read = read_mean,
             .in = z,
             .in_width = (size_t)model->spec.latent,
             .x_mean = x_mean};
    return run_job(&j);
}

vae_status vae__model_reconstruct(const vae_model *model, const float *x, size_t n, float *x_mean) {
    if (model->kind->rows) return n ? model->kind->rows->reconstruct(model, x, n, x_mean) : VAE_OK;
    job j = {.model = model,
             .name = "reconstruct",
             .n = n,
             .feed = feed_x,
             .read = read_mean,
             .in = x,
             .in_width = model->spec.input.size,
             .x_mean = x_mean};
    return run_job(&j);
}

/* ---- sample ---- */

/* standardize=1: a row of y to one of x. */
static void turn_back(const vae_model *model, float *row) {
    if (!model->spec.standardize) return;
    const vae__real *shift = model->parameters.items[model->network.shift].values;
    const vae__real *scale = model->parameters.items[model->network.scale].values;
    for (size_t i = 0; i < model->spec.input.size; i++) {
        row[i] = (float)((double)row[i] * (double)scale[i] + (double)shift[i]);
    }
}

/* Draws x from each row of the output layer, then turns the row into its mean. */
static vae_status read_sample(job *j, const vae__run *run, size_t first, size_t rows) {
    const vae_model *model = j->model;
    const vae__likelihood *likelihood = model->spec.likelihood;
    size_t latent = (size_t)model->spec.latent, width = model->spec.input.size;
    size_t heads = vae__likelihood_heads(&model->spec);
    vae__stream stream = {j->noise.stream.seed, 0, VAE__PURPOSE_DRAW, 0};
    vae__likelihood_row row = {.kernels = model->context->kernels,
                               .spec = &model->spec,
                               .extra = vae__model_extra(model),
                               .floor = vae__model_floor(model),
                               .width = width};
    if (j->z)
        narrow(j->z + first * latent, vae__program_value(j->program, run, "z"), rows * latent);
    for (size_t r = 0; r < rows; r++) {
        float *x = j->x ? j->x + (first + r) * width : NULL;
        float *x_mean = j->x_mean ? j->x_mean + (first + r) * width : NULL;
        row.a = (vae__real *)vae__program_value(j->program, run, "head") + r * heads * width;
        if (x) {
            likelihood->draw(&row, &stream, (uint32_t)(first + r), x);
            turn_back(model, x);
        }
        if (x_mean) {
            if (likelihood->mean) likelihood->mean(&row);
            narrow(x_mean, row.a, width);
            turn_back(model, x_mean);
        }
    }
    return VAE_OK;
}

static noise noise_for(const vae_model *model, uint64_t seed, vae__purpose purpose) {
    return (noise){model->context->kernels, {seed, 0, purpose, 0}, 0, (size_t)model->spec.latent};
}

vae_status vae__model_sample(const vae_model *model, size_t n, uint64_t seed,
                             const vae__sampling *how, float *z, float *x_mean, float *x) {
    if (model->kind->rows)
        return n ? model->kind->rows->sample(model, n, seed, how, z, x_mean, x) : VAE_OK;
    job j = {.model = model,
             .name = "sample",
             .n = n,
             .draw = vae__prior_of(&model->spec)->sample ? draw_prior : NULL,
             .feed = feed_prior,
             .read = read_sample,
             .z = z,
             .x_mean = x_mean,
             .x = x,
             .how = how,
             .noise = noise_for(model, seed, VAE__PURPOSE_PRIOR)};
    vae_status status = vae__prior_open(model, &j.prior);
    if (!status) status = run_job(&j);
    vae__release(model->context, j.drawn);
    vae__prior_close(model, &j.prior);
    return status;
}

/* ---- the bound ---- */

/* A prior with a bound alone: kl [rows], which is -H(q) so far, becomes -H(q) - the bound at the run's draws. */
static vae_status subtract_bound(job *j, const vae__run *run, size_t first, size_t rows,
                                 double *kl) {
    const vae_model *model = j->model;
    const vae__stream stream = {j->noise.stream.seed, 0, VAE__PURPOSE_PRIOR, 0};
    if (!j->log_prior)
        j->log_prior = vae__allocate(model->context, j->program->plan.capacity, sizeof(double));
    if (!j->log_prior) return vae__last_status();
    vae_status status = vae__prior_of(&model->spec)
                            ->bound(model, &stream, (size_t)j->first_row + first,
                                    vae__program_value(j->program, run, "z"), rows, j->log_prior);
    for (size_t r = 0; r < rows && !status; r++) kl[r] -= j->log_prior[r];
    return status;
}

static vae_status read_bound(job *j, const vae__run *run, size_t first, size_t rows) {
    const double *log_p = vae__program_double(j->program, run, "log_p");
    double *kl = (double *)vae__program_double(j->program, run, "kl"); /* of our workspace */
    const vae__bound *out = j->bound;
    size_t latent = (size_t)j->model->spec.latent;
    if (vae__prior_has_network(&j->model->spec)) {
        vae_status status = subtract_bound(j, run, first, rows, kl);
        if (status) return status;
    }
    for (size_t r = 0; r < rows; r++) {
        if (out->elbo) out->elbo[first + r] = log_p[r] - kl[r];
        if (out->reconstruction) out->reconstruction[first + r] = log_p[r];
        if (out->kl) out->kl[first + r] = kl[r];
    }
    const vae__real *by_latent = vae__program_value(j->program, run, "kl_by_latent");
    if (out->kl_by_latent && by_latent)
        memcpy(out->kl_by_latent + first * latent, by_latent, rows * latent * sizeof(vae__real));
    return VAE_OK;
}

static job bound_job(const vae_model *model, size_t n, uint64_t seed, const vae__bound *out) {
    return (job){.model = model,
                 .name = "elbo",
                 .n = n,
                 .feed = feed_bound,
                 .read = read_bound,
                 .bound = out,
                 .noise = noise_for(model, seed, VAE__PURPOSE_POSTERIOR)};
}

static vae_status run_bound(job *j) {
    vae_status status = run_job(j);
    vae__release(j->model->context, j->log_prior);
    return status;
}

vae_status vae__model_bound(const vae_model *model, const vae__real *x, size_t n, uint64_t seed,
                            uint64_t first_row, const vae__bound *out) {
    if (model->kind->rows) return model->kind->rows->bound(model, x, n, seed, first_row, out);
    job j = bound_job(model, n, seed, out);
    j.real_rows = x;
    j.first_row = first_row;
    return run_bound(&j);
}

vae_status vae__model_elbo(const vae_model *model, const float *x, size_t n, uint64_t seed,
                           const vae__bound *out) {
    if (model->kind->rows) return vae__kind_bound_floats(model, x, n, seed, out);
    job j = bound_job(model, n, seed, out);
    j.in = x;
    j.in_width = model->spec.input.size;
    return run_bound(&j);
}

/* ---- the score at the posterior's mean ---- */

/* A column of `half` draws, every `columns` numbers: scaled to a mean square of 1, and followed by their opposites. */
static void make_opposites(vae__real *column, size_t half, size_t columns) {
    double squares = 0;
    for (size_t k = 0; k < half; k++)
        squares += (double)column[k * columns] * (double)column[k * columns];
    double scale = sqrt((double)half / squares);
    for (size_t k = 0; k < half; k++) {
        column[k * columns] = (vae__real)(scale * (double)column[k * columns]);
        column[(half + k) * columns] = -column[k * columns];
    }
}

static vae_status fill_fixed(void *user, size_t first, size_t count, vae__real *into) {
    const fixed_draws *f = user;
    size_t columns = f->noise.columns, half = f->draws / 2, row = f->draws * columns;
    (void)first;
    memset(into, 0, row * sizeof *into);
    f->noise.kernels->normals(&f->noise.stream, 0, 1, half, columns, into);
    if (half) {
        for (size_t j = 0; j < columns; j++) make_opposites(into + j, half, columns);
    }
    for (size_t r = 1; r < count; r++) memcpy(into + r * row, into, row * sizeof *into);
    return VAE_OK;
}

static void feed_score(job *j, size_t first, vae__feed *feeds) {
    feed_x(j, first, feeds);
    *vae__program_feed(j->program, feeds, "noise") =
        (vae__feed){.fill = fill_fixed, .user = &j->fixed};
}

static vae_status read_score(job *j, const vae__run *run, size_t first, size_t rows) {
    const double *log_p = vae__program_double(j->program, run, "log_p_by_value");
    const double *kl = vae__program_double(j->program, run, "kl");
    size_t width = j->model->spec.input.size;
    for (size_t r = 0; r < rows; r++, log_p += width) {
        double total = 0;
        for (size_t i = 0; i < width; i++) total -= log_p[i];
        if (j->score) j->score[first + r] = kl[r] + total;
        if (!j->by_value) continue;
        for (size_t i = 0; i < width; i++) j->by_value[(first + r) * width + i] = -log_p[i];
    }
    return VAE_OK;
}

vae_status vae__model_score_at_mean(const vae_model *model, const float *x, size_t n, double *score,
                                    double *by_value) {
    job j = {.model = model,
             .name = "score",
             .n = n,
             .feed = feed_score,
             .read = read_score,
             .in = x,
             .in_width = model->spec.input.size,
             .fixed = {noise_for(model, 0, VAE__PURPOSE_POSTERIOR),
                       vae__prior_score_draws(&model->spec)},
             .score = score,
             .by_value = by_value};
    return run_job(&j);
}
