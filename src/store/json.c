/* The part of JSON that a safetensors header is made of: a reader that goes forward over bytes, and
 * strings for writing. Never reads behind the bytes given; nesting and numbers are bounded. */
#include "store/json.h"

#include <string.h>

#include "base/utf8.h"

#define END (-1)

/* ---- characters ---- */

/* The next byte, END after the last. */
static int peek(const vae__json *json) {
    return json->at < json->size ? json->text[json->at] : END;
}

static void skip_space(vae__json *json) {
    for (int c = peek(json); c == ' ' || c == '\n' || c == '\r' || c == '\t'; c = peek(json))
        json->at++;
}

static size_t utf8_encode(uint32_t code, char *out) {
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char lead[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = length - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    out[0] = (char)(lead[length] | code);
    return length;
}

/* ---- errors ---- */

vae_status vae__json_fail_in(const vae__json *json, size_t offset) {
    return vae__fail_in("%s: %s byte %zu", json->label, json->part, offset);
}

static vae_status fail(const vae__json *json, size_t offset, const char *message) {
    vae__fail(VAE_ERROR_FORMAT, "%s", message);
    return vae__json_fail_in(json, offset);
}

vae_status vae__json_expected(const vae__json *json, const char *what) {
    int c = peek(json);
    if (c == END) {
        vae__fail(VAE_ERROR_FORMAT, "expected %s, found the end of the %s", what, json->part);
    } else if (c > ' ' && c < 0x7f) {
        vae__fail(VAE_ERROR_FORMAT, "expected %s, found '%c'", what, c);
    } else {
        vae__fail(VAE_ERROR_FORMAT, "expected %s, found byte 0x%02x", what, (unsigned)c);
    }
    return vae__json_fail_in(json, json->at);
}

/* ---- containers ---- */

static vae_status open_container(vae__json *json, char bracket, const char *what) {
    skip_space(json);
    if (peek(json) != bracket) return vae__json_expected(json, what);
    if (json->depth == VAE__JSON_DEPTH) return fail(json, json->at, "nested too deep");
    json->at++;
    json->depth++;
    json->opened = 1;
    return VAE_OK;
}

/* Moves to the next entry. *more is 0 if `bracket` closed the container instead. */
static vae_status next_entry(vae__json *json, char bracket, const char *separators, int *more) {
    skip_space(json);
    *more = peek(json) != bracket;
    if (!*more) {
        json->at++;
        json->depth--;
    } else if (!json->opened) {
        if (peek(json) != ',') return vae__json_expected(json, separators);
        json->at++;
        skip_space(json);
    }
    json->opened = 0;
    return VAE_OK;
}

vae_status vae__json_open_object(vae__json *json) {
    return open_container(json, '{', "'{'");
}

vae_status vae__json_open_array(vae__json *json) {
    return open_container(json, '[', "'['");
}

vae_status vae__json_next_key(vae__json *json, const char **key) {
    int more;
    *key = NULL;
    vae_status status = next_entry(json, '}', "',' or '}'", &more);
    if (status || !more) return status;
    if (peek(json) != '"') return vae__json_expected(json, "a key in double quotes");
    status = vae__json_string(json, key);
    if (status) return status;
    skip_space(json);
    if (peek(json) != ':') return vae__json_expected(json, "':'");
    json->at++;
    return VAE_OK;
}

vae_status vae__json_next_item(vae__json *json, int *more) {
    return next_entry(json, ']', "',' or ']'", more);
}

vae_status vae__json_end(const vae__json *json) {
    vae__json rest = *json;
    while (peek(&rest) == ' ') rest.at++;
    return rest.at == rest.size ? VAE_OK : vae__json_expected(&rest, "nothing but spaces");
}

/* ---- values ---- */

vae_status vae__json_unsigned(vae__json *json, uint64_t *value) {
    skip_space(json);
    size_t first = json->at;
    *value = 0;
    for (int c = peek(json); c >= '0' && c <= '9'; c = peek(json)) {
        uint64_t digit = (uint64_t)(c - '0');
        if (json->at == first + 1 && *value == 0)
            return vae__json_expected(json, "no digit after a leading 0");
        if (*value > (UINT64_MAX - digit) / 10)
            return fail(json, first, "expected a number below 2^64");
        *value = *value * 10 + digit;
        json->at++;
    }
    return json->at > first ? VAE_OK : vae__json_expected(json, "a whole number");
}

/* The four digits after "\u". */
static vae_status read_hexadecimal(vae__json *json, uint32_t *code) {
    *code = 0;
    for (int i = 0; i < 4; i++) {
        int c = peek(json);
        uint32_t digit;
        if (c >= '0' && c <= '9') {
            digit = (uint32_t)(c - '0');
        } else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
            digit = (uint32_t)(c & 0xf) + 9;
        } else {
            return vae__json_expected(json, "a hexadecimal digit");
        }
        *code = *code << 4 | digit;
        json->at++;
    }
    return VAE_OK;
}

/* The low half that must follow the high surrogate in *code. */
static vae_status read_low_surrogate(vae__json *json, size_t first, uint32_t *code) {
    uint32_t low;
    if (json->size - json->at < 2 || memcmp(json->text + json->at, "\\u", 2)) {
        return fail(json, first, "expected a surrogate pair, found half of one");
    }
    json->at += 2;
    vae_status status = read_hexadecimal(json, &low);
    if (status) return status;
    if (low < 0xdc00 || low > 0xdfff)
        return fail(json, first, "expected a surrogate pair, found half of one");
    *code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
    return VAE_OK;
}

/* What follows "\u" of an escape that starts at offset `first`. */
static vae_status read_code(vae__json *json, size_t first, char **out) {
    uint32_t code;
    vae_status status = read_hexadecimal(json, &code);
    if (status) return status;
    if (code == 0) return fail(json, first, "\\u0000 is not supported in a string");
    if (code >= 0xdc00 && code <= 0xdfff)
        return fail(json, first, "expected a surrogate pair, found half of one");
    if (code >= 0xd800 && code <= 0xdbff) status = read_low_surrogate(json, first, &code);
    if (status) return status;
    *out += utf8_encode(code, *out);
    return VAE_OK;
}

/* The character after a backslash, and what the two stand for. */
static const char names[] = "\"\\/bfnrt", characters[] = "\"\\/\b\f\n\r\t";

static vae_status read_escape(vae__json *json, char **out) {
    size_t first = json->at++;
    int c = peek(json);
    if (c == 'u') {
        json->at++;
        return read_code(json, first, out);
    }
    const char *name = c == END ? NULL : memchr(names, c, sizeof names - 1);
    if (!name) return vae__json_expected(json, "one of \"\\/bfnrtu after '\\'");
    *(*out)++ = characters[name - names];
    json->at++;
    return VAE_OK;
}

vae_status vae__json_string(vae__json *json, const char **string) {
    vae_status status = VAE_OK;
    skip_space(json);
    if (peek(json) != '"') return vae__json_expected(json, "a string in double quotes");
    char *out = json->strings + ++json->at;
    *string = out;
    for (int c = peek(json); c != '"'; c = peek(json)) {
        if (c == END) return vae__json_expected(json, "'\"'");
        if (c < ' ') return vae__json_expected(json, "control characters to be escaped");
        if (c == '\\') {
            status = read_escape(json, &out);
            if (status) return status;
            continue;
        }
        size_t length = vae__utf8_length(json->text + json->at, json->size - json->at);
        if (!length) return vae__json_expected(json, "valid UTF-8");
        memcpy(out, json->text + json->at, length);
        json->at += length;
        out += length;
    }
    json->at++;
    *out = 0;
    return VAE_OK;
}

size_t vae__json_offset(const vae__json *json, const char *string) {
    return (size_t)(string - json->strings);
}

/* ---- writing ---- */

/* A control character, a quotation mark or a backslash. */
static void append_escape(vae__buffer *buffer, unsigned char c) {
    static const char digits[] = "0123456789abcdef";
    const char *found = memchr(characters, c, sizeof characters - 1);
    if (found) {
        const char escape[] = {'\\', names[found - characters]};
        vae__append_bytes(buffer, escape, sizeof escape);
    } else {
        const char escape[] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
        vae__append_bytes(buffer, escape, sizeof escape);
    }
}

vae_status vae__json_append_string(vae__buffer *buffer, const char *string) {
    const unsigned char *text = (const unsigned char *)string;
    size_t size = strlen(string), plain = 0; /* plain: first byte not yet appended */
    vae__append_bytes(buffer, "\"", 1);
    for (size_t at = 0, length; at < size; at += length) {
        length = vae__utf8_length(text + at, size - at);
        if (!length)
            return vae__fail(VAE_ERROR_TEXT,
                             "expected valid UTF-8, found byte 0x%02x at offset %zu", text[at], at);
        if (text[at] >= ' ' && text[at] != '"' && text[at] != '\\') continue;
        vae__append_bytes(buffer, string + plain, at - plain);
        append_escape(buffer, text[at]);
        plain = at + 1;
    }
    vae__append_bytes(buffer, string + plain, size - plain);
    vae__append_bytes(buffer, "\"", 1);
    return VAE_OK;
}
