/* Texts that a model carries in its file beside the library's own. Relies on the context's memory; a
 * change that fails leaves the texts as they were. */
#include "model/metadata.h"

#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"

static int begins_with(const char *text, const char *start) {
    return !strncmp(text, start, strlen(start));
}

int vae__metadata_is_reserved(const char *key) {
    return !strcmp(key, VAE__FORMAT_KEY) || !strcmp(key, VAE__SPEC_KEY) ||
           !strcmp(key, VAE__CHECKPOINT_KEY) || begins_with(key, VAE__OPTIMIZER_KEYS) ||
           begins_with(key, VAE__DATASET_KEYS);
}

/* Place of a key; count if it is not there. */
static size_t place_of(const vae__model_metadata *metadata, const char *key) {
    size_t at = 0;
    while (at < metadata->count && strcmp(metadata->entries[at].key, key)) at++;
    return at;
}

const char *vae__metadata_find(const vae__model_metadata *metadata, const char *key) {
    size_t at = place_of(metadata, key);
    return at < metadata->count ? metadata->entries[at].value : NULL;
}

static const char *append_text(char **to, const char *text) {
    const char *copy = *to;
    size_t size = strlen(text) + 1;
    memcpy(*to, text, size);
    *to += size;
    return copy;
}

vae_status vae__metadata_copy(vae_context *context, const vae__metadata_entry *entries,
                              size_t count, vae__model_metadata *out) {
    size_t size = 0;
    *out = (vae__model_metadata){0};
    if (!count) return VAE_OK;
    for (size_t i = 0; i < count; i++)
        size += strlen(entries[i].key) + strlen(entries[i].value) + 2;
    vae__model_metadata made = {.count = count};
    made.entries = vae__allocate(context, count, sizeof *made.entries);
    made.text = vae__allocate(context, size, 1);
    if (!made.entries || !made.text) {
        vae_status status = vae__last_status();
        vae__metadata_free(context, &made);
        return status;
    }
    char *to = made.text;
    for (size_t i = 0; i < count; i++) {
        made.entries[i].key = append_text(&to, entries[i].key);
        made.entries[i].value = append_text(&to, entries[i].value);
    }
    *out = made;
    return VAE_OK;
}

void vae__metadata_free(vae_context *context, vae__model_metadata *metadata) {
    vae__release(context, metadata->entries);
    vae__release(context, metadata->text);
    *metadata = (vae__model_metadata){0};
}

/* ---- setting ---- */

static vae_status check_utf8(const char *what, const char *text) {
    const unsigned char *bytes = (const unsigned char *)text;
    size_t size = strlen(text);
    for (size_t at = 0, length; at < size; at += length) {
        length = vae__utf8_length(bytes + at, size - at);
        if (!length)
            return vae__fail(VAE_ERROR_TEXT,
                             "%s: expected valid UTF-8, found byte 0x%02x at offset %zu", what,
                             bytes[at], at);
    }
    return VAE_OK;
}

static size_t bytes_of(const vae__metadata_entry *entries, size_t count) {
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) bytes += strlen(entries[i].key) + strlen(entries[i].value);
    return bytes;
}

/* What a model loaded may be above the limit; then it must not grow. */
static vae_status check_size(const vae__model_metadata *old, const vae__metadata_entry *entries,
                             size_t count, const char *key) {
    size_t bytes = bytes_of(entries, count);
    if (bytes <= VAE__METADATA_LIMIT || bytes <= bytes_of(old->entries, old->count)) return VAE_OK;
    return vae__fail(VAE_ERROR_ARGUMENT,
                     "'%.60s': keys and values would be %zu bytes together; expected at most %zu",
                     key, bytes, VAE__METADATA_LIMIT);
}

/* entries [old count + 1] becomes the list with the change; returns its length. */
static size_t change(const vae__model_metadata *old, const char *key, const char *value,
                     vae__metadata_entry *entries) {
    size_t at = place_of(old, key), count = old->count;
    if (count) memcpy(entries, old->entries, count * sizeof *entries);
    if (value) {
        entries[at] = (vae__metadata_entry){key, value};
        return at < count ? count : count + 1;
    }
    if (at == count) return count;
    memmove(&entries[at], &entries[at + 1], (count - at - 1) * sizeof *entries);
    return count - 1;
}

vae_status vae__metadata_put(vae_context *context, vae__model_metadata *metadata, const char *key,
                             const char *value) {
    vae__model_metadata made;
    if (!*key)
        return vae__fail(VAE_ERROR_ARGUMENT, "key: expected at least one character, found \"\"");
    vae_status status = check_utf8("key", key);
    if (!status && value) status = check_utf8("value", value);
    if (status) return status;
    vae__metadata_entry *entries = vae__allocate(context, metadata->count + 1, sizeof *entries);
    if (!entries) return vae__last_status();
    size_t count = change(metadata, key, value, entries);
    status = check_size(metadata, entries, count, key);
    if (!status) status = vae__metadata_copy(context, entries, count, &made);
    vae__release(context, entries);
    if (status) return status;
    vae__metadata_free(context, metadata); /* key and value may lie in it: last */
    *metadata = made;
    return VAE_OK;
}
