/* The cursor of a data set: which rows come next. The order of an epoch is a permutation keyed by (seed, epoch),
 * so that a cursor is two numbers and every order can be had again. */
#include "data/cursor.h"

#include <stdint.h>

#include "data/state.h"

uint64_t vae__dataset_epoch(const vae_dataset *dataset) {
    return dataset->epoch;
}

uint64_t vae__dataset_position(const vae_dataset *dataset) {
    return dataset->position;
}

static void order_rows(vae_dataset *dataset) {
    const vae__stream stream = {dataset->seed, dataset->epoch, VAE__PURPOSE_SHUFFLE, 0};
    int stays = !dataset->shuffle && dataset->order_epoch != UINT64_MAX;
    if (dataset->order_epoch == dataset->epoch) return;
    if (dataset->shuffle) {
        vae__random_permutation(&stream, dataset->order, dataset->size);
    } else if (!stays) {
        for (size_t i = 0; i < dataset->size; i++) dataset->order[i] = i;
    }
    dataset->order_epoch = dataset->epoch;
}

void vae__dataset_next(vae_dataset *dataset, vae__batch *batch) {
    order_rows(dataset);
    size_t left = dataset->size - dataset->position;
    size_t count = left < dataset->batch ? left : dataset->batch;
    left -= count;
    *batch = (vae__batch){dataset->order + dataset->position, count, dataset->epoch, 0};
    batch->ends_epoch = !left || (dataset->drop_last && left < dataset->batch);
    dataset->position += count;
    if (batch->ends_epoch) {
        dataset->position = 0;
        dataset->epoch++;
    }
}

size_t vae__dataset_batches(const vae_dataset *dataset, uint64_t position) {
    size_t left = dataset->size - (size_t)position;
    return left / dataset->batch + (left % dataset->batch && !dataset->drop_last);
}

void vae__dataset_give_back(vae_dataset *dataset, const vae__batch *batch) {
    dataset->epoch = batch->epoch;
    dataset->position = (size_t)(batch->rows - dataset->order);
}

vae_status vae__dataset_seek(vae_dataset *dataset, uint64_t epoch, uint64_t position) {
    int begins = position < dataset->size && position % dataset->batch == 0;
    /* A set smaller than its batch is one whole batch, which drop_last keeps. */
    if (dataset->drop_last && position)
        begins = begins && dataset->size - position >= dataset->batch;
    if (!begins || epoch >= UINT64_MAX - 1) {
        return vae__fail(
            VAE_ERROR_ARGUMENT,
            "no batch begins at row %llu of epoch %llu: the data set has %zu row%s, batch=%zu",
            (unsigned long long)position, (unsigned long long)epoch, dataset->size,
            vae__plural(dataset->size), dataset->batch);
    }
    dataset->epoch = epoch;
    dataset->position = (size_t)position;
    return VAE_OK;
}
