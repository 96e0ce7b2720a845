/* A CSV file as records of fields: quotes, line ends, comments. Reads through a buffer of fixed size and
 * keeps one record; a field that is too long, a quote that stays open and a zero byte are errors with the
 * line. */
#include "data/formats/csv_fields.h"

#include <string.h>

#define BUFFER_SIZE 65536
#define MOST_FIELD 65536 /* characters of a field with the final 0 */

enum { BYTE_END = -1, BYTE_FAILED = -2 };

static vae_status fail_line(const vae__csv *csv, uint64_t line, const char *what) {
    return vae__fail(VAE_ERROR_FORMAT, "%s: line %llu: %s", vae__reader_path(csv->input.reader),
                     (unsigned long long)line, what);
}

/* The next byte without taking it. Once reading has failed there is none: what was under way is lost. */
static int peek(vae__csv *csv) {
    if (csv->failed) return BYTE_FAILED;
    if (csv->at == csv->held) {
        csv->at = csv->held = 0;
        if (vae__input_read(&csv->input, csv->buffer, BUFFER_SIZE, &csv->held)) {
            csv->failed = 1;
            return BYTE_FAILED;
        }
        if (!csv->held) return BYTE_END;
    }
    return csv->buffer[csv->at];
}

static void find_format(vae__csv *csv, const vae__csv_options *options) {
    const char *bytes = (const char *)csv->buffer + csv->at;
    size_t skipped;
    csv->format = vae__csv_format_find(options, bytes, csv->held - csv->at, csv->held < BUFFER_SIZE,
                                       &skipped);
    csv->at += skipped;
    csv->line += skipped > 0;
    if (csv->format.guessed && csv->format.separator != ',') {
        vae__log(csv->context, VAE_LOG_INFO, "%s: fields are separated by '%s' (delimiter=auto)",
                 vae__reader_path(csv->input.reader),
                 vae__csv_separator_text(csv->format.separator));
    }
}

vae_status vae__csv_open(vae_context *context, const vae__input *input,
                         const vae__csv_options *options, vae__csv *csv) {
    *csv = (vae__csv){.context = context, .input = *input, .line = 1};
    csv->buffer = vae__allocate(context, BUFFER_SIZE + MOST_FIELD, 1);
    if (!csv->buffer)
        return vae__memory_in(vae__last_status(), "%s", vae__reader_path(input->reader));
    csv->field = (char *)csv->buffer + BUFFER_SIZE;
    if (peek(csv) == BYTE_FAILED) return vae__last_status();
    if (csv->held >= 3 && !memcmp(csv->buffer, "\xEF\xBB\xBF", 3)) csv->at = 3;
    find_format(csv, options);
    return VAE_OK;
}

void vae__csv_close(vae__csv *csv) {
    vae__release(csv->context, csv->buffer);
    csv->buffer = NULL;
}

static vae_status keep(vae__csv *csv, int byte) {
    if (!byte) return fail_line(csv, csv->line, "expected text, found a byte of value 0");
    if (csv->length == MOST_FIELD - 1) {
        return fail_line(csv, csv->field_line,
                         "expected fields of less than 65536 characters, found a longer one");
    }
    csv->field[csv->length++] = (char)byte;
    csv->at++;
    return VAE_OK;
}

/* Blanks around a field are no part of it. */
static int is_blank(const vae__csv *csv, int byte) {
    return byte == ' ' || (byte == '\t' && csv->format.separator != '\t');
}

/* The first byte that is no blank, without taking it. */
static int skip_blanks(vae__csv *csv) {
    int byte;
    while (is_blank(csv, byte = peek(csv))) csv->at++;
    return byte;
}

static int ends_line(int byte) {
    return byte == '\n' || byte == '\r' || byte < 0;
}

static int ends_field(const vae__csv *csv, int byte) {
    return byte == csv->format.separator || ends_line(byte) ||
           (csv->format.separator == ' ' && byte == '\t');
}

/* Takes a line end, which is LF, CR or both. */
static void take_line_end(vae__csv *csv, int byte) {
    if (byte < 0) return;
    csv->at++;
    csv->line++;
    if (byte == '\r' && peek(csv) == '\n') csv->at++;
}

static vae_status read_plain(vae__csv *csv) {
    int byte;
    while (!ends_field(csv, byte = peek(csv))) {
        vae_status status = keep(csv, byte);
        if (status) return status;
    }
    return byte == BYTE_FAILED ? vae__last_status() : VAE_OK;
}

/* Counts the line ends inside quotes: LF, and CR without one after it. */
static void count_line(vae__csv *csv, int byte, int *after_return) {
    if (byte == '\r' || (byte == '\n' && !*after_return)) csv->line++;
    *after_return = byte == '\r';
}

/* What follows a closing quote, its first byte given. */
static vae_status end_quoted(vae__csv *csv, int byte) {
    int tab = byte == '\t';
    if (ends_field(csv, byte) && byte != BYTE_FAILED) return VAE_OK;
    byte = skip_blanks(csv);
    if (byte == BYTE_FAILED) return vae__last_status();
    if (ends_field(csv, byte)) return VAE_OK;
    char separator = byte == ';' || byte == '|' ? (char)byte : tab ? '\t' : 0;
    if (separator && csv->format.guessed && csv->format.separator == ',')
        return vae__csv_fail_separator(csv, csv->line, separator);
    return vae__fail(VAE_ERROR_FORMAT,
                     "%s: line %llu: expected '%s' or the end of the line after a closing quote",
                     vae__reader_path(csv->input.reader), (unsigned long long)csv->line,
                     vae__csv_separator_text(csv->format.separator));
}

static vae_status read_quoted(vae__csv *csv) {
    int byte, after_return = 0;
    csv->quoted = 1;
    csv->at++;
    for (;;) {
        byte = peek(csv);
        if (byte == BYTE_FAILED) return vae__last_status();
        if (byte == BYTE_END)
            return fail_line(csv, csv->field_line, "a quote is opened and never closed");
        if (byte == '"') {
            csv->at++;
            byte = peek(csv);
            if (byte != '"') break;
        }
        vae_status status = keep(csv, byte);
        if (status) return status;
        count_line(csv, byte, &after_return);
    }
    return end_quoted(csv, byte);
}

static void trim(vae__csv *csv) {
    size_t begin = 0;
    while (csv->length && is_blank(csv, csv->field[csv->length - 1])) csv->length--;
    while (begin < csv->length && is_blank(csv, csv->field[begin])) begin++;
    csv->length -= begin;
    memmove(csv->field, csv->field + begin, csv->length);
    csv->field[csv->length] = 0;
}

/* Takes the separator or line end after a field; the end of the file is a line end too. Of a run of
 * blanks, those before a line end separate nothing. */
static vae_status take_end(vae__csv *csv, vae__csv_kind *kind) {
    int blanks = csv->format.separator == ' ', byte = blanks ? skip_blanks(csv) : peek(csv);
    csv->inside = blanks ? !ends_line(byte) : byte == csv->format.separator;
    *kind = csv->inside ? VAE__CSV_FIELD : VAE__CSV_LAST;
    if (!csv->inside) take_line_end(csv, byte);
    if (csv->inside && !blanks) csv->at++;
    return csv->failed ? vae__last_status() : VAE_OK;
}

vae_status vae__csv_fail_separator(const vae__csv *csv, uint64_t line, char separator) {
    const char *expected = csv->format.point == ',' ? "';' or '\\t'" : "','";
    const char *shown = separator == '|' ? "|" : vae__csv_separator_text(separator);
    const char *advice =
        separator == ';'    ? "say delimiter=semicolon, and decimal=comma if 1,5 is one and a half"
        : separator == '\t' ? "say delimiter=tab"
        : separator == ' '  ? "say delimiter=space"
        : separator == ','
            ? "say delimiter=comma, without decimal=comma"
            : "write it with commas between fields and points in numbers, for example "
              "in Python pandas.read_csv(path, sep='|').to_csv(path, index=False)";
    return vae__fail(VAE_ERROR_FORMAT, "%s: line %llu: looks separated by '%s' (expected %s); %s",
                     vae__reader_path(csv->input.reader), (unsigned long long)line, shown, expected,
                     advice);
}

int vae__csv_is_blank(const vae__csv *csv, vae__csv_kind kind) {
    return kind == VAE__CSV_LAST && !csv->length && !csv->quoted;
}

/* Passes over lines that are comments, where a record would begin. The blanks before one may also be
 * those before the first field. Returns the next byte, without taking it. */
static int skip_comments(vae__csv *csv) {
    int byte = peek(csv);
    while (csv->format.comment && byte >= 0) {
        byte = skip_blanks(csv);
        if (byte != csv->format.comment) break;
        while (!ends_line(byte = peek(csv))) csv->at++;
        take_line_end(csv, byte);
        byte = peek(csv);
    }
    return byte;
}

vae_status vae__csv_next(vae__csv *csv, vae__csv_kind *kind) {
    int byte = csv->inside ? peek(csv) : skip_comments(csv);
    csv->length = 0;
    csv->quoted = 0;
    csv->field_line = csv->line;
    *kind = VAE__CSV_END;
    if (byte == BYTE_FAILED) return vae__last_status();
    if (byte == BYTE_END && !csv->inside) return VAE_OK;
    byte = skip_blanks(csv);
    if (byte == BYTE_FAILED) return vae__last_status();
    vae_status status = byte == '"' ? read_quoted(csv) : read_plain(csv);
    if (status) return status;
    trim(csv);
    return take_end(csv, kind);
}
