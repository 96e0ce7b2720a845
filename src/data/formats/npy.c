/* NPY, NumPy's array file (NumPy Enhancement Proposal 1): magic, version, length of a header that
 * is a Python dict of descr, fortran_order and shape, then the values. */
#include <stdint.h>
#include <string.h>

#include "base/text.h"
#include "data/input.h"
#include "data/format.h"
#include "data/values.h"

#define MAGIC "\x93NUMPY"
#define MAGIC_SIZE 6
#define MOST_HEADER 65536
#define MOST_RANK 8

enum { SEEN_DESCR = 1, SEEN_ORDER = 2, SEEN_SHAPE = 4, SEEN_ALL = 7 };

typedef struct npy_header {
    const char *path;
    const char *text;
    size_t length, at;
    uint64_t offset; /* of text in the file */
    unsigned seen;
    vae__stored_type type;
    int fortran;
    uint64_t extents[MOST_RANK];
    size_t rank;
} npy_header;

static int recognises(const unsigned char *head, size_t size, const void *own) {
    (void)own;
    return size >= MAGIC_SIZE && !memcmp(head, MAGIC, MAGIC_SIZE);
}

/* ---- the header's text ---- */

static vae_status fail_expected(const npy_header *header, size_t at, const char *expected) {
    char found[VAE__EXCERPT_SIZE];
    return vae__fail(VAE_ERROR_FORMAT, "%s: offset %llu: NPY header: expected %s, found '%s'",
                     header->path, (unsigned long long)(header->offset + at), expected,
                     vae__excerpt(found, header->text + at, header->length - at));
}

static void skip_space(npy_header *header) {
    while (header->at < header->length && strchr(" \t\n", header->text[header->at]) &&
           header->text[header->at]) {
        header->at++;
    }
}

static int accept(npy_header *header, char wanted) {
    skip_space(header);
    if (header->at == header->length || header->text[header->at] != wanted) return 0;
    header->at++;
    return 1;
}

static vae_status expect(npy_header *header, char wanted) {
    char expected[] = "'?'";
    expected[1] = wanted;
    return accept(header, wanted) ? VAE_OK : fail_expected(header, header->at, expected);
}

/* 'text' or "text"; *text is not 0-terminated. */
static vae_status parse_string(npy_header *header, const char *what, const char **text,
                               size_t *length) {
    skip_space(header);
    size_t begin = header->at;
    char quote = begin < header->length ? header->text[begin] : 0;
    if (quote != '\'' && quote != '"') return fail_expected(header, begin, what);
    *text = header->text + begin + 1;
    const char *end = memchr(*text, quote, header->length - begin - 1);
    if (!end) return fail_expected(header, begin, "a closing quote");
    *length = (size_t)(end - *text);
    header->at = begin + *length + 2;
    return VAE_OK;
}

static int same(const char *text, size_t length, const char *word) {
    return strlen(word) == length && !memcmp(text, word, length);
}

/* What NumPy calls the type: '<', '>' or '|' for the byte order, a letter, the bytes of a value. */
static int find_type(const char *text, size_t length, vae__stored_type *type) {
    static const struct {
        char letter;
        vae__number_kind kind;
        unsigned smallest, largest; /* bytes; those between are powers of two */
    } known[] = {{'b', VAE__NUMBER_BOOL, 1, 1},
                 {'i', VAE__NUMBER_SIGNED, 1, 8},
                 {'u', VAE__NUMBER_UNSIGNED, 1, 8},
                 {'f', VAE__NUMBER_REAL, 2, 8}};
    uint64_t size;
    if (length < 3 || !vae__parse_unsigned(text + 2, length - 2, &size)) return 0;
    if (*text != '<' && *text != '>' && !(*text == '|' && size == 1)) return 0;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (text[1] != known[i].letter) continue;
        *type = (vae__stored_type){known[i].kind, (size_t)size, *text == '>'};
        return size >= known[i].smallest && size <= known[i].largest && !(size & (size - 1));
    }
    return 0;
}

/* Types that are no real numbers, with the line of NumPy that makes such of them. */
static vae_status fail_type(const npy_header *header, const char *text, size_t length) {
    static const struct {
        char letter;
        const char *what, *line;
    } known[] = {
        {'c', "complex numbers",
         "np.save(path, np.stack([array.real, array.imag], axis=-1).astype('float32'))"},
        {'M', "dates", "np.save(path, array.astype('datetime64[s]').astype('float64'))"},
        {'m', "time spans", "np.save(path, array / np.timedelta64(1, 's'))"},
        {'U', "text", "np.save(path, array.astype('float32'))"},
        {'S', "text", "np.save(path, array.astype('float32'))"},
        {'O', "Python objects",
         "np.save(path, array.astype('float32')), or of a pandas table np.save(path, "
         "df.to_numpy(dtype='float32'))"},
        {'[', "records",
         "np.save(path, structured_to_unstructured(array, dtype='float32')) with the function from "
         "numpy.lib.recfunctions, or of a pandas table np.save(path, df.to_numpy(dtype='float32'))"},
        {'f', "a float of another size", "np.save(path, array.astype('float64'))"},
    };
    const char *what = "another type", *line = "np.save(path, array.astype('float32'))";
    char letter = length && *text == '[' ? '[' : length > 1 ? text[1] : 0, found[VAE__EXCERPT_SIZE];
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].letter == letter) what = known[i].what, line = known[i].line;
    }
    return vae__fail(
        VAE_ERROR_FORMAT,
        "%s: offset %llu: expected values of type bool, int, uint or float, found '%s' (%s); save "
        "them as numbers first: %s",
        header->path, (unsigned long long)(header->offset + (size_t)(text - header->text)),
        vae__excerpt(found, text, length), what, line);
}

static vae_status parse_descr(npy_header *header) {
    const char *text = NULL;
    size_t length = 0;
    skip_space(header);
    if (header->at < header->length && header->text[header->at] == '[')
        return fail_type(header, header->text + header->at, header->length - header->at);
    vae_status status = parse_string(header, "the name of one type", &text, &length);
    if (status) return status;
    return find_type(text, length, &header->type) ? VAE_OK : fail_type(header, text, length);
}

static vae_status parse_order(npy_header *header) {
    static const char *const words[] = {"False", "True"};
    skip_space(header);
    for (int i = 0; i < 2; i++) {
        size_t length = strlen(words[i]);
        if (header->length - header->at < length) continue;
        if (memcmp(header->text + header->at, words[i], length)) continue;
        header->fortran = i;
        header->at += length;
        return VAE_OK;
    }
    return fail_expected(header, header->at, "True or False");
}

static vae_status parse_extent(npy_header *header) {
    skip_space(header);
    size_t begin = header->at, end = begin;
    while (end < header->length && header->text[end] >= '0' && header->text[end] <= '9') end++;
    if (header->rank == MOST_RANK) return fail_expected(header, begin, "at most 8 dimensions");
    if (!vae__parse_unsigned(header->text + begin, end - begin, &header->extents[header->rank])) {
        return fail_expected(header, begin, "a dimension");
    }
    header->rank++;
    header->at = end;
    return VAE_OK;
}

/* (60000, 784), or (60000,) for one dimension. */
static vae_status parse_shape(npy_header *header) {
    int comma = 1;
    vae_status status = expect(header, '(');
    while (!status && !accept(header, ')')) {
        if (!comma) return fail_expected(header, header->at, "',' or ')'");
        status = parse_extent(header);
        if (!status) comma = accept(header, ',');
    }
    if (!status && !header->rank)
        return fail_expected(header, header->at - 1, "at least one dimension");
    return status;
}

static vae_status parse_entry(npy_header *header) {
    static const struct {
        const char *name;
        unsigned bit;
        vae_status (*parse)(npy_header *header);
    } entries[] = {{"descr", SEEN_DESCR, parse_descr},
                   {"fortran_order", SEEN_ORDER, parse_order},
                   {"shape", SEEN_SHAPE, parse_shape}};
    const char *text = NULL;
    size_t length = 0, begin = header->at;
    vae_status status = parse_string(header, "a key in quotes", &text, &length);
    if (status) return status;
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        if (!same(text, length, entries[i].name)) continue;
        if (header->seen & entries[i].bit) return fail_expected(header, begin, "each key once");
        header->seen |= entries[i].bit;
        status = expect(header, ':');
        if (!status) status = entries[i].parse(header);
        return status;
    }
    return fail_expected(header, begin, "'descr', 'fortran_order' or 'shape'");
}

static vae_status parse_header(npy_header *header) {
    int comma = 1;
    vae_status status = expect(header, '{');
    while (!status && !accept(header, '}')) {
        if (!comma) return fail_expected(header, header->at, "',' or '}'");
        status = parse_entry(header);
        if (!status) comma = accept(header, ',');
    }
    if (status) return status;
    skip_space(header);
    if (header->at < header->length) return fail_expected(header, header->at, "nothing after '}'");
    if (header->seen == SEEN_ALL) return VAE_OK;
    return vae__fail(VAE_ERROR_FORMAT, "%s: NPY header: '%s' is missing", header->path,
                     !(header->seen & SEEN_DESCR)   ? "descr"
                     : !(header->seen & SEEN_ORDER) ? "fortran_order"
                                                    : "shape");
}

/* ---- the file ---- */

/* Magic and version, then the header's length: 16 bits in version 1, 32 in 2 and 3, little-endian.
 */
static vae_status read_length(vae__input *input, const char *path, size_t *length) {
    unsigned char start[MAGIC_SIZE + 2], bytes[4] = {0};
    vae_status status = vae__input_exactly(input, start, sizeof start, "NPY magic and version");
    if (status) return status;
    unsigned version = start[MAGIC_SIZE];
    if (version < 1 || version > 3) {
        return vae__fail(VAE_ERROR_FORMAT,
                         "%s: offset %d: expected NPY version 1, 2 or 3, found %u", path,
                         MAGIC_SIZE, version);
    }
    status = vae__input_exactly(input, bytes, version == 1 ? 2 : 4, "NPY header length");
    if (status) return status;
    uint32_t found =
        (uint32_t)bytes[3] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[1] << 8 | bytes[0];
    if (found > MOST_HEADER) {
        return vae__fail(VAE_ERROR_FORMAT,
                         "%s: offset %zu: expected an NPY header of at most %d bytes, found %lu",
                         path, sizeof start, MOST_HEADER, (unsigned long)found);
    }
    *length = found;
    return VAE_OK;
}

static vae_status read_header(vae_context *context, vae__input *input, npy_header *header) {
    vae_status status = read_length(input, header->path, &header->length);
    if (status) return status;
    header->offset = vae__input_offset(input);
    char *text = vae__allocate(context, header->length + 1, 1);
    if (!text) return vae__memory_in(vae__last_status(), "%s", header->path);
    header->text = text;
    status = vae__input_exactly(input, text, header->length, "NPY header");
    if (!status) status = parse_header(header);
    vae__release(context, text);
    header->text = NULL;
    return status;
}

static vae_status read_npy(vae_context *context, vae__input *input,
                           const vae__format_request *request, const void *own, vae__table *out) {
    npy_header header = {.path = vae__reader_path(input->reader)};
    (void)own;
    vae_status status = read_header(context, input, &header);
    if (status) return status;
    out->element = vae__stored_element(&header.type);
    status = vae__table_set_extents(out, header.extents, header.rank, header.path);
    if (status) return status;
    return vae__values_read(context, input, &header.type, header.fortran, request, out);
}

const vae__file_format vae__format_npy = {
    .name = "NPY", .recognises = recognises, .read = read_npy};
