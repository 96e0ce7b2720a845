/* Looks at every value once and takes the narrowest kind of data that holds them all, such as 0 and 1, then
 * 8-bit levels, then counts, then real numbers. The likelihoods themselves say what kinds there are
 * (vae__usual_data). The first value that does not belong to a kind is the reason that is given for the next
 * wider one. */
#include "train/suggest.h"

#include "model/likelihood.h"

#include "data/gather.h"

#define CHUNK 256 /* rows read at a time */

/* One for each likelihood would fit. */
#define COUNT(name) +1
enum { MAX_KINDS = VAE__LIKELIHOODS(COUNT) };

/* A kind of data, and the first value that is not of it. */
typedef struct data_kind {
    const vae__likelihood *likelihood;
    int holds_all; /* every value so far is of the kind */
    double against;
    uint64_t row;
    size_t column;
} data_kind;

/* All kinds, the narrowest first; returns their number. */
static size_t list_kinds(data_kind kinds[MAX_KINDS]) {
    size_t count = 0;
    for (int n = 0; n < MAX_KINDS; n++) {
        const vae__likelihood *likelihood = vae__likelihood_for(NULL, n);
        if (!likelihood->usual_data) continue;
        size_t place = count++;
        for (; place &&
               kinds[place - 1].likelihood->usual_data->order > likelihood->usual_data->order;
             place--)
            kinds[place] = kinds[place - 1];
        kinds[place] = (data_kind){.likelihood = likelihood, .holds_all = 1};
    }
    return count;
}

static int fits_all(const data_kind *kind, const vae__real *x, size_t count) {
    int all = 1;
    for (size_t i = 0; i < count; i++) all &= kind->likelihood->usual_data->holds((double)x[i]);
    return all;
}

/* A value rules out its kind for all rows, those before it included: a wider kind must hold them too. Since
 * levels and counts do not contain each other, every kind is looked at. */
static void look(const vae_dataset *dataset, const vae__real *x, size_t first, size_t count,
                 data_kind *kinds, size_t kind_count) {
    size_t width = vae__dataset_width(dataset);
    for (data_kind *kind = kinds; kind < kinds + kind_count; kind++) {
        if (!kind->holds_all || fits_all(kind, x, count * width)) continue;
        size_t i = 0;
        while (kind->likelihood->usual_data->holds((double)x[i])) i++;
        kind->holds_all = 0;
        kind->against = (double)x[i];
        kind->row = vae__dataset_source_row(dataset, first + i / width);
        kind->column = i % width;
    }
}

static void print_shape(const vae_dataset *dataset, vae__buffer *out) {
    size_t shape[3], rank = vae__dataset_shape(dataset, shape, 3);
    if (rank > 3 || rank == 1) {
        vae__append(out, "input=%zu", vae__dataset_width(dataset));
        return;
    }
    /* Rows and columns of one picture: a single channel. */
    vae__append(out, "input=%s%zux%zu", rank == 2 ? "1x" : "", shape[0], shape[1]);
    if (rank == 3) vae__append(out, "x%zu", shape[2]);
}

/* `narrower`: the kind before it, or NULL. */
static void print_reason(const data_kind *kind, const data_kind *narrower, vae__buffer *out) {
    char value[VAE__NUMBER_SIZE];
    vae__append(out, " # all values are %s", kind->likelihood->usual_data->name);
    if (!narrower) return;
    vae__append(out, "; not %s: row %llu, column %zu is %s", narrower->likelihood->usual_data->name,
                (unsigned long long)narrower->row, narrower->column,
                vae__number_short(value, narrower->against));
}

/* Programs that read image files often have the channels behind height and width. */
static void print_order(const vae_dataset *dataset, vae__buffer *out) {
    size_t shape[3], rank = vae__dataset_shape(dataset, shape, 3);
    int channels_last =
        rank == 3 && shape[0] > 4 && (shape[2] == 1 || shape[2] == 3 || shape[2] == 4);
    if (!channels_last) return;
    vae__append(
        out,
        "; %zux%zux%zu looks like height x width x channels, but a row is channels x height "
        "x width: in Python, x.transpose(0, 3, 1, 2)",
        shape[0], shape[1], shape[2]);
}

vae_status vae__suggest_spec(const vae_dataset *dataset, vae__buffer *out) {
    size_t n = vae__dataset_size(dataset), width = vae__dataset_width(dataset), kind = 0;
    data_kind kinds[MAX_KINDS];
    size_t kind_count = list_kinds(kinds);
    const data_kind *widest = &kinds[kind_count - 1];
    vae_context *context = vae__dataset_context(dataset);
    vae__real *rows = vae__allocate(context, (n < CHUNK ? n : CHUNK) * width, sizeof *rows);
    vae_status status = rows ? VAE_OK : vae__last_status();
    for (size_t first = 0; !status && first < n && widest->holds_all; first += CHUNK) {
        size_t count = n - first < CHUNK ? n - first : CHUNK;
        status = vae__dataset_read(dataset, first, count, rows);
        if (!status) look(dataset, rows, first, count, kinds, kind_count);
    }
    vae__release(context, rows);
    if (status) return status;
    while (kind < kind_count && !kinds[kind].holds_all) kind++;
    if (kind == kind_count) {
        char value[VAE__NUMBER_SIZE];
        vae__number_real(value, (vae__real)widest->against);
        return vae__fail(VAE_ERROR_DATA, "row %llu, column %zu is %s: expected finite values",
                         (unsigned long long)widest->row, widest->column, value);
    }
    print_shape(dataset, out);
    vae__append(out, " likelihood=%s%s", kinds[kind].likelihood->name,
                kinds[kind].likelihood->usual_data->options);
    print_reason(&kinds[kind], kind ? &kinds[kind - 1] : NULL, out);
    print_order(dataset, out);
    return out->failed ? vae__last_status() : VAE_OK;
}
