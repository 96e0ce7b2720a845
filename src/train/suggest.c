/* Looks at every value once and takes the narrowest kind of data that holds them all: 0 and 1, then 8-bit
 * levels, then counts, then real numbers. The first value that does not belong to a kind is the reason that is
 * given for the next wider one. */
#include "train/suggest.h"

#include <math.h>

#define CHUNK 256 /* rows read at a time */

typedef enum data_kind { BINARY, LEVELS, COUNTS, REALS, DATA_KINDS } data_kind;

static int is_binary(double x) {
    return x == 0 || x == 1;
}

/* A multiple of 1/255 in [0, 1], to a thousandth of a level (discretized_logistic.c takes as much). */
static int is_level(double x) {
    return x >= 0 && x <= 1 && fabs(255 * x - floor(255 * x + 0.5)) < 1e-3;
}

static int is_count(double x) {
    return x >= 0 && x <= 1e9 && floor(x) == x;
}

static int is_real(double x) {
    return isfinite(x);
}

static const struct {
    int (*holds)(double x);
    const char *model; /* what goes behind input= */
    const char *name;
} kinds[DATA_KINDS] = {
    [BINARY] = {is_binary, "likelihood=bernoulli", "0 or 1"},
    [LEVELS] = {is_level, "likelihood=discretized_logistic",
                "8-bit levels (multiples of 1/255 from 0 to 1)"},
    [COUNTS] = {is_count, "likelihood=negative_binomial", "counts (whole numbers from 0 on)"},
    [REALS] = {is_real, "likelihood=gaussian standardize=1 sigma=per_dim", "real numbers"},
};

/* The narrowest kind so far, and what ruled out the one before it. */
typedef struct finding {
    data_kind kind;
    double against;
    uint64_t row;
    size_t column;
} finding;

static int fits_all(data_kind kind, const vae__real *x, size_t count) {
    int all = 1;
    for (size_t i = 0; i < count; i++) all &= kinds[kind].holds((double)x[i]);
    return all;
}

/* A value rules out its kind for all rows, those before it included: a wider kind must hold them too. Since
 * levels and counts do not contain each other, `held` says which kinds still hold every value seen. */
static void look(const vae_dataset *dataset, const vae__real *x, size_t first, size_t count,
                 int held[DATA_KINDS], finding found[DATA_KINDS]) {
    size_t width = vae__dataset_width(dataset);
    for (int kind = 0; kind < DATA_KINDS; kind++) {
        if (!held[kind] || fits_all((data_kind)kind, x, count * width)) continue;
        size_t i = 0;
        while (kinds[kind].holds((double)x[i])) i++;
        held[kind] = 0;
        found[kind] = (finding){(data_kind)kind, (double)x[i],
                                vae__dataset_source_row(dataset, first + i / width), i % width};
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

static void print_reason(const finding *against, data_kind kind, vae__buffer *out) {
    char value[VAE__NUMBER_SIZE];
    vae__append(out, " # all values are %s", kinds[kind].name);
    if (kind == BINARY) return;
    vae__append(out, "; not %s: row %llu, column %zu is %s", kinds[against->kind].name,
                (unsigned long long)against->row, against->column,
                vae__number_short(value, against->against));
}

vae_status vae__suggest_spec(const vae_dataset *dataset, vae__buffer *out) {
    size_t n = vae__dataset_size(dataset), width = vae__dataset_width(dataset);
    int held[DATA_KINDS] = {1, 1, 1, 1}, kind = 0;
    finding found[DATA_KINDS];
    vae_context *context = vae__dataset_context(dataset);
    vae__real *rows = vae__allocate(context, (n < CHUNK ? n : CHUNK) * width, sizeof *rows);
    vae_status status = rows ? VAE_OK : vae__last_status();
    for (size_t first = 0; !status && first < n && held[REALS]; first += CHUNK) {
        size_t count = n - first < CHUNK ? n - first : CHUNK;
        status = vae__dataset_read(dataset, first, count, rows);
        if (!status) look(dataset, rows, first, count, held, found);
    }
    vae__release(context, rows);
    if (status) return status;
    while (kind < DATA_KINDS && !held[kind]) kind++;
    if (kind == DATA_KINDS) {
        const finding *bad = &found[REALS];
        char value[VAE__NUMBER_SIZE];
        vae__number_real(value, (vae__real)bad->against);
        return vae__fail(VAE_ERROR_DATA, "row %llu, column %zu is %s: expected finite values",
                         (unsigned long long)bad->row, bad->column, value);
    }
    print_shape(dataset, out);
    vae__append(out, " %s", kinds[kind].model);
    print_reason(&found[kind ? kind - 1 : 0], (data_kind)kind, out);
    return out->failed ? vae__last_status() : VAE_OK;
}
