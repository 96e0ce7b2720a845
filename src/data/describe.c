/* What a data set is recognised by when it is opened anew: its options, and a hash of some of its values. */
#include "data/describe.h"

#include <stdint.h>

#include "base/hash.h"
#include "data/state.h"

#define SAMPLED_VALUES 65536

static vae_status hash_content(const vae_dataset *dataset, uint64_t *hash) {
    size_t rows = SAMPLED_VALUES / dataset->rows.shape.size;
    vae__row_reader reader;
    if (rows < 1) rows = 1;
    if (rows > dataset->size) rows = dataset->size;
    vae_status status = vae__row_reader_open(&reader, &dataset->rows);
    *hash = VAE__HASH_START;
    for (size_t i = 0; !status && i < rows; i++) {
        uint64_t row = vae__dataset_stored_row(dataset, i * (dataset->size / rows));
        status = vae__row_reader_row(&reader, row);
        if (!status) *hash = vae__hash(*hash, reader.values, vae__row_bytes(&dataset->rows));
    }
    vae__row_reader_close(&reader);
    return status;
}

/* The offset of all columns, or a word for those of shift=. */
static const char *offset_text(char text[VAE__NUMBER_SIZE], const vae_dataset *d) {
    if (!d->offsets) return vae__number(text, d->conversion.low);
    size_t size = d->rows.shape.size * sizeof *d->offsets;
    uint64_t hash = vae__hash(VAE__HASH_START, d->offsets, size);
    vae__format(text, VAE__NUMBER_SIZE, "columns:%016llx", (unsigned long long)hash);
    return text;
}

vae_status vae__dataset_describe(const vae_dataset *d, vae__buffer *out) {
    char offset[VAE__NUMBER_SIZE], range[VAE__NUMBER_SIZE];
    uint64_t content;
    vae_status status = hash_content(d, &content);
    if (status) return status;
    vae__append(out, "rows=%zu width=%zu batch=%zu shuffle=%d seed=%llu drop_last=%d binarize=%s",
                d->size, d->rows.shape.size, d->batch, d->shuffle, (unsigned long long)d->seed,
                d->drop_last, vae__binarize_names[d->binarize]);
    vae__append(out, " dtype=%s offset=%s range=%s content=%016llx",
                vae__element_names[d->rows.element], offset_text(offset, d),
                vae__number(range, d->conversion.range), (unsigned long long)content);
    return out->failed ? vae__last_status() : VAE_OK;
}
