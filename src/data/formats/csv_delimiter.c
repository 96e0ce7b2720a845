/* Each candidate is tried on the first lines of the file, with quotes as they count for that
 * candidate: a quote opens where a field begins. Relies on bytes only; nothing here fails. */
#include "data/formats/csv_delimiter.h"

#include <string.h>

#define SAMPLED_LINES 16

/* The lines of one candidate. */
typedef struct sample {
    const char *at, *end;
    int whole; /* the file ends at `end` */
    char separator, comment;
    int broken; /* a quote is not closed, or something follows it: the candidate cannot be meant */
} sample;

/* What the lines say of a candidate. */
typedef struct finding {
    size_t first; /* separators in the first line; tabs at its ends are blanks and do not count */
    int even;     /* all lines have as many, those tabs counted, and quotes are in order */
} finding;

static int is_blank(const sample *s, char c) {
    return c == ' ' || (c == '\t' && s->separator != '\t');
}

static const char *skip_blanks(const sample *s, const char *at) {
    while (at < s->end && is_blank(s, *at)) at++;
    return at;
}

static int ends_line(const sample *s, const char *at) {
    return at == s->end || *at == '\n' || *at == '\r';
}

static const char *skip_comments(const sample *s, const char *at) {
    for (;;) {
        const char *begin = skip_blanks(s, at);
        if (!s->comment || begin == s->end || *begin != s->comment) return at;
        while (!ends_line(s, begin)) begin++;
        while (begin < s->end && (*begin == '\n' || *begin == '\r')) begin++;
        at = begin;
    }
}

/* Behind the quote that closes the one at `at`, and blanks. */
static const char *skip_quoted(sample *s, const char *at) {
    for (at++; at < s->end; at++) {
        if (*at != '"') continue;
        if (at + 1 == s->end || at[1] != '"') break;
        at++;
    }
    if (at == s->end) {
        s->broken |= s->whole;
        return at;
    }
    at = skip_blanks(s, at + 1);
    s->broken |= !ends_line(s, at) && *at != s->separator;
    return at;
}

/* Counts the separators of the next line that stand outside quotes, and among them those at the
 * line's ends. 0 at the end of the sample, at a blank line, and if the line is not there in full,
 * unless it is the first. */
static int next_line(sample *s, int is_first, size_t *count, size_t *outer) {
    const char *at = skip_comments(s, s->at);
    size_t since_text = 0;
    int any_text = 0, begins_field = 1;
    *count = *outer = 0;
    while (!ends_line(s, at)) {
        if (is_blank(s, *at)) {
            at++;
        } else if (*at == s->separator) {
            ++*count, ++since_text, at++;
            begins_field = 1;
        } else {
            if (!any_text) *outer = since_text;
            any_text = 1, since_text = 0;
            at = *at == '"' && begins_field ? skip_quoted(s, at) : at + 1;
            begins_field = 0;
        }
    }
    *outer += since_text;
    s->at = at < s->end ? at + 1 + (*at == '\r' && at + 1 < s->end && at[1] == '\n') : at;
    return any_text && (at < s->end || s->whole || is_first);
}

static finding examine(sample s, char separator) {
    size_t first = 0, outer = 0, count, ignored;
    finding found = {0, 1};
    s.separator = separator;
    if (separator == s.comment || !next_line(&s, 1, &first, &outer)) return found;
    found.first = separator == '\t' ? first - outer : first;
    for (int i = 1; i < SAMPLED_LINES && next_line(&s, 0, &count, &ignored); i++)
        found.even &= count == first;
    found.even &= !s.broken;
    return found;
}

static char find_separator(const sample *s, char point) {
    finding semicolons = examine(*s, ';'), tabs = examine(*s, '\t');
    int semicolon = semicolons.first && semicolons.even, tab = tabs.first && tabs.even;
    if (point == ',') {
        if (semicolon != tab) return semicolon ? ';' : '\t';
        return semicolons.first || !tabs.first ? ';' : '\t';
    }
    finding commas = examine(*s, ',');
    if ((commas.first && commas.even) || semicolon == tab) return ',';
    return semicolon ? ';' : '\t';
}

static size_t excel_line(const char *bytes, size_t count) {
    static const char line[] = "sep=;";
    size_t length = sizeof line - 1;
    if (count <= length || memcmp(bytes, line, length)) return 0;
    if (bytes[length] == '\n') return length + 1;
    if (bytes[length] != '\r') return 0;
    return count > length + 1 && bytes[length + 1] == '\n' ? length + 2 : length + 1;
}

vae__csv_format vae__csv_format_find(const vae__csv_options *options, const char *bytes,
                                     size_t count, int whole, size_t *skipped) {
    static const char separators[] = {0, ',', ';', '\t', ' '};
    vae__csv_format format = {separators[options->delimiter], options->decimal ? ',' : '.',
                              options->comment, !options->delimiter};
    const sample s = {bytes, bytes + count, whole, 0, format.comment, 0};
    *skipped = 0;
    if (!format.guessed) return format;
    if (format.comment != ';') *skipped = excel_line(bytes, count);
    format.separator = *skipped ? ';' : find_separator(&s, format.point);
    return format;
}

const char *vae__csv_separator_text(char separator) {
    return separator == ',' ? "," : separator == ';' ? ";" : separator == '\t' ? "\\t" : " ";
}
