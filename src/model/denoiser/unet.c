/* network=unet: from an image to an image of the same size, down to smaller ones and up again (Ronneberger et al. 2015;
 * Ho et al. 2020, appendix B). With channels=[32, 64, 64] and blocks=1, for an image of 28 x 28:
 *
 *     conv 32 ------------------------------------------------ groupnorm, silu, conv -> prediction
 *        |                                                       |
 *     block 32  -- saved ------------------------- joined, block 32        28 x 28
 *        | conv 3 stride 2                          upsample 2, conv |
 *     block 64  -- saved ---------------- joined, block 64                 14 x 14
 *        | conv 3 stride 2               upsample 2, conv |
 *     block 64  -- saved ------- joined, block 64                           7 x 7
 *        |                          |
 *        +-- block 64, block 64 ----+
 *
 * A block is y = x + f(x), or conv 1 of x + f(x) where the channels differ, with f = groupnorm, silu, conv 3, the step's
 * embedding to each channel, groupnorm, silu, conv 3 whose weights start at 0. At the heights that attention= lists, self-
 * attention over the positions follows a block: y = x + attention(groupnorm(x)). */
#include "model/denoiser.h"

/* ---- check ---- */

/* Whether the list of heights has this one. */
static int has(const vae__number_list *list, size_t height) {
    size_t i = 0;
    while (i < list->count && list->items[i] != height) i++;
    return i < list->count;
}

static vae_status check_channels(const vae__network_spec *unet) {
    for (size_t i = 0; i < unet->channels.count; i++) {
        if (unet->channels.items[i] % unet->groups == 0) continue;
        return vae__fail(
            VAE_ERROR_TEXT,
            "channels: %u channels do not make groups=%llu equal groups: take a multiple "
            "of %llu, or other groups",
            (unsigned)unet->channels.items[i], (unsigned long long)unet->groups,
            (unsigned long long)unet->groups);
    }
    return VAE_OK;
}

static vae_status check_halves(const vae__network_spec *unet, const vae__shape *in) {
    size_t times = unet->channels.count - 1, factor = (size_t)1 << times;
    char shape[64];
    vae__shape_text(shape, sizeof shape, in);
    if (in->extents[1] % factor == 0 && in->extents[2] % factor == 0) return VAE_OK;
    return vae__fail(
        VAE_ERROR_TEXT,
        "channels: an image of %s cannot be halved %zu times, as %zu numbers of channels "
        "ask for: its height and width must be multiples of %zu",
        shape, times, unet->channels.count, factor);
}

enum { MOST_POSITIONS = 4096 }; /* of attention */

static vae_status check_attention(const vae__network_spec *unet, const vae__shape *in) {
    for (size_t i = 0; i < unet->attention.count; i++) {
        size_t height = unet->attention.items[i], level = 0;
        while (level < unet->channels.count && in->extents[1] >> level != height) level++;
        if (level == unet->channels.count)
            return vae__fail(
                VAE_ERROR_TEXT,
                "attention: no image of this network is %zu high; the heights go from %zu "
                "by halves to %zu",
                height, in->extents[1], in->extents[1] >> (unet->channels.count - 1));
        if (height * (in->extents[2] >> level) > MOST_POSITIONS)
            return vae__fail(VAE_ERROR_TEXT,
                             "attention: images of %zux%zu have more than %d positions", height,
                             in->extents[2] >> level, MOST_POSITIONS);
    }
    return VAE_OK;
}

static vae_status check(const vae__denoiser_spec *spec, const char *prefix) {
    (void)prefix;
    if (spec->in.rank != 3)
        return vae__fail(VAE_ERROR_TEXT,
                         "network=unet takes images: give the input as channels x height x width, "
                         "such as input=1x28x28");
    vae_status status = check_channels(spec->network);
    if (!status) status = check_halves(spec->network, &spec->in);
    return status ? status : check_attention(spec->network, &spec->in);
}

/* ---- walk ---- */

typedef struct walker {
    const vae__network_spec *unet;
    vae__part_visit visit;
    void *user;
    vae__shape shape;                           /* of h */
    size_t saved[VAE__MOST_SAVED], saved_count; /* channels of what was saved */
    char place[VAE__PARAMETER_NAME];            /* of what is walked through: "down.0.1" */
    vae_status status;
} walker;

/* Visits a part whose layer sees an image of the shape of h, under the name PLACE.NAME. */
static void visit(walker *w, vae__part_role role, const vae__layer *layer, const char *name,
                  int starts_at_0) {
    char whole[VAE__PARAMETER_NAME];
    if (w->status) return;
    vae__format(whole, sizeof whole, "%s.%s", w->place, name);
    const vae__network_part part = {role, layer, whole, w->shape, starts_at_0};
    w->status = w->visit(w->user, &part);
}

static void walk_layer(walker *w, const vae__layer *layer, const char *name, int starts_at_0) {
    visit(w, VAE__PART_LAYER, layer, name, starts_at_0);
    if (!w->status && layer->kind->infer) w->status = layer->kind->infer(layer, NULL, &w->shape);
}

static void walk_conv(walker *w, size_t channels, size_t kernel, const char *name,
                      int starts_at_0) {
    const vae__layer conv = vae__conv_layer(channels, kernel, kernel / 2);
    walk_layer(w, &conv, name, starts_at_0);
}

/* groupnorm, and an activation behind it. */
static void walk_norm(walker *w, const char *name) {
    const vae__layer norm = {.kind = &vae__layer_groupnorm, .numbers = {(size_t)w->unet->groups}};
    walk_layer(w, &norm, name, 0);
}

static void walk_silu(walker *w) {
    const vae__layer silu = {.kind = &vae__layer_activation, .which = VAE__ACTIVATION_silu};
    walk_layer(w, &silu, "silu", 0);
}

static void walk_step(walker *w, size_t channels) {
    const vae__layer map = vae__dense_layer(channels);
    const vae__shape image = w->shape;
    w->shape = vae__shape_vector(VAE__STEP_FEATURES);
    visit(w, VAE__PART_STEP, &map, "step", 0);
    w->shape = image;
}

static void walk_block(walker *w, size_t channels) {
    const vae__shape in = w->shape;
    visit(w, VAE__PART_FORK, NULL, "", 0);
    walk_norm(w, "norm1");
    walk_silu(w);
    walk_conv(w, channels, 3, "conv1", 0);
    walk_step(w, channels);
    walk_norm(w, "norm2");
    walk_silu(w);
    walk_conv(w, channels, 3, "conv2", 1);
    const vae__shape out = w->shape;
    const vae__layer skip = vae__conv_layer(channels, 1, 0);
    w->shape = in;
    visit(w, VAE__PART_MERGE, in.extents[0] == channels ? NULL : &skip, "skip", 0);
    w->shape = out;
}

/* Where the height is one of the list's. */
static void walk_attention(walker *w) {
    const vae__layer attention = {.kind = &vae__layer_attention, .numbers = {1}};
    if (!has(&w->unet->attention, w->shape.extents[1])) return;
    visit(w, VAE__PART_FORK, NULL, "", 0);
    walk_norm(w, "attention.norm");
    walk_layer(w, &attention, "attention", 0);
    visit(w, VAE__PART_MERGE, NULL, "", 0);
}

static void save(walker *w) {
    w->saved[w->saved_count++] = w->shape.extents[0];
    visit(w, VAE__PART_SAVE, NULL, "", 0);
}

static void join(walker *w) {
    visit(w, VAE__PART_JOIN, NULL, "", 0);
    vae__shape joined = {0};
    vae__shape_append(&joined, w->shape.extents[0] + w->saved[--w->saved_count]);
    vae__shape_append(&joined, w->shape.extents[1]);
    vae__shape_append(&joined, w->shape.extents[2]);
    w->shape = joined;
}

static void at(walker *w, const char *side, size_t level, size_t block) {
    vae__format(w->place, sizeof w->place, "%s.%zu.%zu", side, level, block);
}

static void walk_down(walker *w, size_t level) {
    size_t channels = w->unet->channels.items[level];
    for (size_t b = 0; b < w->unet->blocks; b++) {
        at(w, "down", level, b);
        walk_block(w, channels);
        walk_attention(w);
        save(w);
    }
    if (level + 1 == w->unet->channels.count) return;
    vae__layer half = vae__conv_layer(channels, 3, 1);
    half.numbers[2] = 2; /* its stride */
    vae__format(w->place, sizeof w->place, "down.%zu", level);
    walk_layer(w, &half, "conv", 0);
}

static void walk_up(walker *w, size_t level) {
    const vae__layer twice = {.kind = &vae__layer_upsample, .numbers = {2}};
    for (size_t b = 0; b < w->unet->blocks; b++) {
        at(w, "up", level, b);
        join(w);
        walk_block(w, w->unet->channels.items[level]);
        walk_attention(w);
    }
    if (level == 0) return;
    vae__format(w->place, sizeof w->place, "up.%zu", level);
    walk_layer(w, &twice, "upsample", 0);
    walk_conv(w, w->unet->channels.items[level - 1], 3, "conv", 0);
}

static vae_status walk(const vae__denoiser_spec *spec, vae__part_visit visit_part, void *user) {
    const vae__network_spec *unet = spec->network;
    size_t levels = unet->channels.count, deepest = unet->channels.items[levels - 1];
    walker w = {.unet = unet, .visit = visit_part, .user = user, .shape = spec->in};
    vae__format(w.place, sizeof w.place, "in");
    walk_conv(&w, unet->channels.items[0], 3, "conv", 0);
    for (size_t level = 0; level < levels; level++) walk_down(&w, level);
    vae__format(w.place, sizeof w.place, "middle.0");
    walk_block(&w, deepest);
    walk_attention(&w);
    vae__format(w.place, sizeof w.place, "middle.1");
    walk_block(&w, deepest);
    for (size_t level = levels; level-- > 0;) walk_up(&w, level);
    vae__format(w.place, sizeof w.place, "out");
    walk_norm(&w, "norm");
    walk_silu(&w);
    walk_conv(&w, spec->outputs / (spec->in.extents[1] * spec->in.extents[2]), 3, "conv", 1);
    return w.status;
}

const vae__denoiser_kind vae__denoiser_unet = {.name = "unet", .check = check, .walk = walk};
