/* Lists of layers as text: parsed, printed, and refused with advice. Relies on the kinds for what stands behind a
 * name. A list inside of another follows its layer in the one array, so that a spec stays a plain struct. */
#include <string.h>

#include "model/layer.h"

enum { MAX_DEPTH = 6, MAX_NAMES = 64 };

#define LATER(name) \
    { name, NULL, "this version has no such layer" }

static const vae__alias aliases[] = {{"linear", "dense", NULL},
                                     {"fc", "dense", NULL},
                                     {"fully_connected", "dense", NULL},
                                     {"affine", "dense", NULL},
                                     {"swish", "silu", NULL},
                                     {"lrelu", "leaky_relu", NULL},
                                     {"logistic", "sigmoid", NULL},
                                     {"layer_norm", "layernorm", NULL},
                                     {"residual", "res", NULL},
                                     {"resnet", "res", NULL},
                                     {"conv2d", "conv", NULL},
                                     {"convolution", "conv", NULL},
                                     {"conv_transpose", "deconv", NULL},
                                     {"convtranspose", "deconv", NULL},
                                     {"convtranspose2d", "deconv", NULL},
                                     {"view", "reshape", NULL},
                                     {"unflatten", "reshape", NULL},
                                     {"avg_pool", "avgpool", NULL},
                                     {"group_norm", "groupnorm", NULL},
                                     {"upsampling", "upsample", NULL},
                                     {"pool", NULL, "there are avgpool and conv with a stride"},
                                     {"maxpool", NULL, "there are avgpool and conv with a stride"},
                                     LATER("dropout"),
                                     LATER("batchnorm"),
                                     LATER("batch_norm"),
                                     LATER("softmax"),
                                     {NULL, NULL, NULL}};

/* ---- what is no layer ---- */

static void list_names(const char *names[MAX_NAMES]) {
    size_t count = 0;
    for (size_t k = 0; vae__layer_kinds[k]; k++) {
        for (const char *const *name = vae__layer_kinds[k]->names; *name; name++)
            if (count + 1 < MAX_NAMES) names[count++] = *name;
    }
    names[count] = NULL;
}

/* A dense layer whose width stands where `at` begins: "64", "dense=32", "Linear(32)", "dense32". */
static vae_status fail_dense(const vae__slice *word, const char *at) {
    const char *end = word->text + word->length, *digits = at + (strchr("=:(", *at) != NULL);
    size_t count = strspn(digits, "0123456789"); /* no digit follows a word */
    const char *rest = digits + count;
    /* "Linear(64, 32)" is cut at its comma, in front of the number of outputs. */
    int whole = *at == '(' ? *rest == ')' && rest + 1 == end : rest == end;
    return vae__fail_at(word, "expected a layer, found '%.*s': write 'dense %.*s'%s",
                        vae__shown(word), word->text, whole && count ? (int)count : 1,
                        whole && count ? digits : "N",
                        whole && count ? "" : ", N the number of its outputs");
}

/* A word that is no layer: one written in another way, such as "dense=32", "ReLU()" and "Conv2d(1",
 * or an unknown one. */
static vae_status fail_layer(const vae__slice *word) {
    const char *names[MAX_NAMES];
    const char *end = word->text + word->length, *name_end = word->text;
    list_names(names);
    while (name_end < end && !strchr("=:([0123456789", *name_end)) name_end++;
    const vae__slice name = vae__slice_between(word, word->text, name_end);
    const vae__alias *alias = vae__alias_find(aliases, name.text, name.length);
    if (alias && alias->advice) return vae__fail_unknown_alias(&name, "layer", names, aliases);
    const char *meant = alias ? alias->name : vae__nearest_name(name.text, name.length, names);
    if (!name.length) meant = names[0];
    if (name_end == end || !meant) return vae__fail_unknown_alias(word, "layer", names, aliases);
    if (!strcmp(meant, names[0])) return fail_dense(word, name_end);
    return vae__fail_at(word, "expected a layer, found '%.*s': write '%s'", vae__shown(word),
                        word->text, meant);
}

/* ---- parsing ---- */

/* Finds the kind that answers to the word; for one that nests the name ends at its bracket, and *rest begins
 * there. 0: there is none. */
static int find_kind(const vae__slice *word, vae__slice *rest, vae__layer *layer) {
    const char *bracket = memchr(word->text, '[', word->length);
    const char *end = bracket ? bracket : word->text + word->length;
    const vae__slice name = vae__slice_between(word, word->text, end);
    for (size_t k = 0; vae__layer_kinds[k]; k++) {
        const vae__layer_kind *kind = vae__layer_kinds[k];
        for (size_t i = 0; kind->names[i]; i++) {
            if (!vae__slice_is(&name, kind->names[i]) || (bracket && !kind->nests)) continue;
            *layer = (vae__layer){.kind = kind, .which = i};
            if (bracket) *rest = vae__slice_between(rest, bracket, rest->text + rest->length);
            return 1;
        }
    }
    return 0;
}

static vae_status parse_list(const vae__slice *value, const char *example, size_t depth,
                             vae__layers *layers);

/* Behind the bracket that closes the one at `begin`; `end` where none does. */
static const char *behind_bracket(const char *begin, const char *end) {
    size_t open = 0;
    for (const char *at = begin; at < end; at++) {
        open += *at == '[';
        open -= *at == ']';
        if (!open) return at + 1;
    }
    return end;
}

/* Reads the list in brackets in front of `rest`, and cuts it off. */
static vae_status parse_inside(const vae__slice *item, vae__slice *rest, size_t depth,
                               vae__layers *layers, size_t at) {
    const vae__layer_kind *kind = layers->items[at].kind;
    const char *begin = rest->text, *end = rest->text + rest->length;
    while (begin < end && strchr(" \t\n\r\f\v", *begin)) begin++;
    if (begin == end || *begin != '[')
        return vae__fail_at(item, "'%s' needs its layers in brackets, e.g. %s", kind->names[0],
                            kind->example);
    if (depth == MAX_DEPTH)
        return vae__fail_at(item, "lists are nested more than %d deep", MAX_DEPTH);
    const char *behind = behind_bracket(begin, end);
    const vae__slice list = vae__slice_between(rest, begin, behind);
    vae_status status = parse_list(&list, "[dense 400, relu]", depth + 1, layers);
    if (status) return status;
    if (layers->count == at + 1)
        return vae__fail_at(item, "'%s' has no layers in its brackets, e.g. %s", kind->names[0],
                            kind->example);
    layers->items[at].inside = layers->count - at - 1;
    *rest = vae__slice_between(rest, behind, end);
    return VAE_OK;
}

static vae_status parse_layer(const vae__slice *item, size_t depth, vae__layers *layers) {
    vae__slice rest = *item, word, extra;
    size_t at = layers->count;
    vae__layer *layer = &layers->items[at];
    if (!vae__word_next(&rest, &word))
        return vae__fail_at(item, "expected a layer, found nothing between the commas");
    /* What follows the name up to the item's end, also where no blank divides them. */
    vae__slice behind = vae__slice_between(item, word.text, item->text + item->length);
    if (!find_kind(&word, &behind, layer)) return fail_layer(&word);
    layer->place = (size_t)(item->text - item->whole);
    layer->length = item->length;
    layers->count++;
    vae_status status = VAE_OK;
    if (layer->kind->nests) {
        if (behind.text != word.text) rest = behind;
        status = parse_inside(item, &rest, depth, layers, at);
    } else if (layer->kind->parse) {
        status = layer->kind->parse(item, &rest, layer);
    }
    if (!status && vae__word_next(&rest, &extra)) {
        return vae__fail_at(&extra, "expected ',' or ']' after the layer, found '%.*s'",
                            vae__shown(&extra), extra.text);
    }
    return status;
}

static vae_status check_semicolons(const vae__slice *item) {
    const char *bracket = memchr(item->text, '[', item->length);
    const char *semicolon = memchr(item->text, ';', item->length);
    if (!semicolon || (bracket && bracket < semicolon)) return VAE_OK;
    const vae__slice place = vae__slice_between(item, semicolon, semicolon + 1);
    return vae__fail_at(&place, "found ';': separate the layers by commas");
}

static vae_status parse_list(const vae__slice *value, const char *example, size_t depth,
                             vae__layers *layers) {
    vae__slice rest, item;
    vae_status status = vae__list_open(value, example, &rest);
    while (!status && vae__list_next(&rest, &item, NULL)) {
        if (layers->count == VAE__MAX_LAYERS)
            return vae__fail_at(&item, "more than %d layers", VAE__MAX_LAYERS);
        status = check_semicolons(&item);
        if (!status) status = parse_layer(&item, depth, layers);
    }
    return status;
}

vae_status vae__layers_parse(const vae__slice *value, void *layers, void *user) {
    vae__layers *list = layers;
    char example[48] = "[dense 400, relu]";
    uint64_t width;
    (void)user;
    list->count = 0;
    if (vae__parse_unsigned(value->text, value->length, &width))
        vae__format(example, sizeof example, "[dense %llu, relu]", (unsigned long long)width);
    return parse_list(value, example, 0, list);
}

/* ---- printing, places ---- */

static void print_list(vae__buffer *out, const vae__layer *layers, size_t count) {
    vae__append(out, "[");
    for (size_t i = 0; i < count; i += 1 + layers[i].inside) {
        const vae__layer_kind *kind = layers[i].kind;
        vae__append(out, "%s%s", i ? ", " : "", kind->names[layers[i].which]);
        if (kind->print) kind->print(out, &layers[i]);
        if (kind->nests) print_list(out, &layers[i] + 1, layers[i].inside);
    }
    vae__append(out, "]");
}

void vae__layers_print(vae__buffer *out, const void *layers) {
    const vae__layers *list = layers;
    print_list(out, list->items, list->count);
}

vae__slice vae__layer_place(const vae__layer *layer, const char *text) {
    if (!text) return (vae__slice){"spec", "", "", 0};
    return (vae__slice){"spec", text, text + layer->place, layer->length};
}
