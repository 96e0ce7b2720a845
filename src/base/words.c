/* Names that a user may have meant: the nearest by edit distance, and aliases from other libraries. Relies
 * on lists of known names; a suggestion is made only where at most half of the word differs. */
#include "base/words.h"

#include <string.h>

#define LONGEST_WORD 63 /* longer ones are not compared */

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Levenshtein distance, for words of up to LONGEST_WORD characters. */
static size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length) {
    size_t row[LONGEST_WORD + 1];
    for (size_t j = 0; j <= b_length; j++) row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t substitute = diagonal + (lower(a[i - 1]) != lower(b[j - 1]));
            diagonal = row[j];
            size_t change = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            row[j] = substitute < change ? substitute : change;
        }
    }
    return row[b_length];
}

void vae__nearest_offer(vae__nearest *nearest, const char *name) {
    size_t length = strlen(name);
    if (nearest->length > LONGEST_WORD || length > LONGEST_WORD) return;
    /* Half of the word wrong is no misspelling; the beginning of a name is near it, however long. */
    size_t limit = nearest->name ? nearest->distance : nearest->length / 2 + 1;
    size_t distance = edit_distance(nearest->text, nearest->length, name, length);
    int begins = nearest->length >= 3 && nearest->length <= length &&
                 !edit_distance(nearest->text, nearest->length, name, nearest->length);
    if (begins && distance > 1) distance = 1;
    if (distance < limit) nearest->distance = distance, nearest->name = name;
}

const char *vae__nearest_name(const char *text, size_t length, const char *const *names) {
    vae__nearest nearest = {.text = text, .length = length};
    for (; *names; names++) vae__nearest_offer(&nearest, *names);
    return nearest.name;
}

const char *vae__suggestion(char buffer[VAE__SUGGESTION_SIZE], const char *name) {
    vae__format(buffer, VAE__SUGGESTION_SIZE, "%s%s%s", name ? "; did you mean '" : "",
                name ? name : "", name ? "'?" : "");
    return buffer;
}

static int same_word(const char *word, const char *text, size_t length) {
    size_t same = 0;
    while (same < length && word[same] && lower(word[same]) == lower(text[same])) same++;
    return same == length && !word[same];
}

const vae__alias *vae__alias_find(const vae__alias *aliases, const char *text, size_t length) {
    for (; aliases && aliases->text; aliases++) {
        if (same_word(aliases->text, text, length)) return aliases;
    }
    return NULL;
}

vae_status vae__fail_unknown(const vae__slice *where, const char *what, const char *const *names) {
    return vae__fail_unknown_alias(where, what, names, NULL);
}

vae_status vae__fail_unknown_alias(const vae__slice *where, const char *what,
                                   const char *const *names, const vae__alias *aliases) {
    char known[400] = "", suggestion[VAE__SUGGESTION_SIZE];
    size_t used = 0;
    const vae__alias *alias = vae__alias_find(aliases, where->text, where->length);
    for (const char *const *name = names; *name && used < sizeof known; name++) {
        used += vae__format(known + used, sizeof known - used, "%s%s", used ? " " : "", *name);
    }
    if (alias && alias->advice) {
        return vae__fail_at(where, "unknown %s '%.*s': %s (known: %s)", what, vae__shown(where),
                            where->text, alias->advice, known);
    }
    const char *nearest =
        alias ? alias->name : vae__nearest_name(where->text, where->length, names);
    return vae__fail_at(where, "unknown %s '%.*s'%s (known: %s)", what, vae__shown(where),
                        where->text, vae__suggestion(suggestion, nearest), known);
}
