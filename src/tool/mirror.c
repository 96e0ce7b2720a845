/* Groups of an encoder, a dense layer or a convolution with what follows it, in the opposite order. A dense layer is its own
 * mirror. A convolution's is a transposed one with the same window, which makes the channels in front of it; the first
 * one's is left to head=auto where that fits: an image of the input's size, or of half of it. */
#include "mirror.h"

#include <stdio.h>
#include <string.h>

enum { MOST_LAYERS = 64 };

typedef struct item {
    const char *begin;
    size_t length;
} item;

typedef struct size {
    unsigned long channels, height, width;
} size;

/* A convolution, what its rows are in front of it and behind it, and the items that follow it. */
typedef struct convolution {
    unsigned long channels, kernel, stride, pad;
    size from, to;
    size_t item, end;
} convolution;

/* Items between commas outside of brackets, without the blanks around them. Returns their number. */
static size_t split(const char *list, item *items) {
    size_t count = 0;
    while (*list && count < MOST_LAYERS) {
        int depth = 0;
        item *at = &items[count++];
        list += strspn(list, " \t\n");
        at->begin = list;
        for (; *list && (depth || *list != ','); list++) depth += (*list == '[') - (*list == ']');
        at->length = (size_t)(list - at->begin);
        while (at->length && strchr(" \t\n", at->begin[at->length - 1])) at->length--;
        list += *list == ',';
    }
    return count;
}

static int begins(const item *i, const char *name) {
    return i->length > strlen(name) && !strncmp(i->begin, name, strlen(name));
}

static void append(text *out, const item *i) {
    text_append(out, "%s%.*s", out->length ? ", " : "", (int)i->length, i->begin);
}

/* An activation or a normalisation: one word, or groupnorm with its number. */
static int follows(const item *i) {
    if (memchr(i->begin, '[', i->length) || begins(i, "dense ") || begins(i, "conv ")) return 0;
    if (i->length >= 7 && !strncmp(i->begin, "flatten", 7)) return 0;
    return !memchr(i->begin, ' ', i->length) || begins(i, "groupnorm ");
}

/* ---- convolutions ---- */

static int parse(const item *i, convolution *c) {
    char words[200], key[2][16];
    unsigned long value[2];
    *c = (convolution){.stride = 1};
    if (i->length >= sizeof words) return 0;
    snprintf(words, sizeof words, "%.*s", (int)i->length, i->begin);
    int read = sscanf(words, "conv %lu %lu %15s %lu %15s %lu", &c->channels, &c->kernel, key[0],
                      &value[0], key[1], &value[1]);
    if (read != 2 && read != 4 && read != 6) return 0;
    for (int k = 0; k < (read - 2) / 2; k++) {
        if (!strcmp(key[k], "stride")) {
            c->stride = value[k];
        } else if (!strcmp(key[k], "pad")) {
            c->pad = value[k];
        } else {
            return 0;
        }
    }
    return c->kernel && c->stride;
}

static unsigned long behind(const convolution *c, unsigned long extent) {
    return extent + 2 * c->pad < c->kernel ? 0 : (extent + 2 * c->pad - c->kernel) / c->stride + 1;
}

/* Whether the transposed convolution makes rows of the size that there was. */
static int comes_back(const convolution *c) {
    unsigned long height = (c->to.height - 1) * c->stride + c->kernel;
    unsigned long width = (c->to.width - 1) * c->stride + c->kernel;
    return height == c->from.height + 2 * c->pad && width == c->from.width + 2 * c->pad;
}

/* The convolutions in front of all dense layers; *count of them, and the items that they take. 0: one has no mirror. */
static int take_convolutions(const item *items, size_t all, const char *input, convolution *list,
                             size_t *count, size_t *taken) {
    size at;
    *count = *taken = 0;
    if (sscanf(input, "%lux%lux%lu", &at.channels, &at.height, &at.width) != 3) return 1;
    while (*taken < all && begins(&items[*taken], "conv ")) {
        convolution *c = &list[*count];
        if (!parse(&items[*taken], c)) return 0;
        c->item = *taken;
        c->from = at;
        c->to = (size){c->channels, behind(c, at.height), behind(c, at.width)};
        if (!c->to.height || !c->to.width || !comes_back(c)) return 0;
        at = c->to;
        while (++*taken < all && follows(&items[*taken])) continue;
        c->end = *taken;
        ++*count;
    }
    return 1;
}

static void append_followers(text *out, const item *items, const convolution *c) {
    for (size_t k = c->item + 1; k < c->end; k++) append(out, &items[k]);
}

/* Whether head=auto makes the input of what is behind the first convolution. */
static int head_fits(const convolution *c) {
    int same = c->to.height == c->from.height && c->to.width == c->from.width;
    int half = 2 * c->to.height == c->from.height && 2 * c->to.width == c->from.width;
    return same || half;
}

static void mirror_convolutions(const item *items, const convolution *list, size_t count,
                                text *out) {
    const convolution *last = &list[count - 1];
    text_append(out, "%sdense %lu", out->length ? ", " : "",
                last->to.channels * last->to.height * last->to.width);
    text_append(out, ", reshape %lux%lux%lu", last->to.channels, last->to.height, last->to.width);
    append_followers(out, items, last);
    for (size_t i = count; i-- > 0;) {
        const convolution *c = &list[i], *shape = i ? &list[i - 1] : c;
        if (!i && head_fits(c)) continue;
        text_append(out, ", deconv %lu %lu", shape->channels, c->kernel);
        if (c->stride > 1) text_append(out, " stride %lu", c->stride);
        if (c->pad) text_append(out, " pad %lu", c->pad);
        append_followers(out, items, shape);
    }
}

/* ---- the whole list ---- */

int mirror_of(const char *encoder, const char *input, text *decoder) {
    item items[MOST_LAYERS];
    convolution list[MOST_LAYERS];
    size_t all = split(encoder, items), convolutions, first;
    if (!take_convolutions(items, all, input, list, &convolutions, &first)) return 0;
    for (size_t i = first; i < all; i++)
        if (!begins(&items[i], "dense ") && !follows(&items[i])) return 0;
    /* Group by group from the last: a dense layer, then what follows it. */
    for (size_t i = all, end = all; i-- > first;) {
        if (!begins(&items[i], "dense ") && i > first) continue;
        for (size_t k = i; k < end; k++) append(decoder, &items[k]);
        end = i;
    }
    if (convolutions) mirror_convolutions(items, list, convolutions, decoder);
    return 1;
}
