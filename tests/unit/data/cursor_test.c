#include "unit/data/scratch.h"

#include "data/cursor.h"

/* 10 rows of 2 values. */
static vae_dataset *take(const scratch *s, const char *options) {
    static const uint8_t rows[20];
    vae_dataset *dataset;
    assert_int_equal(vae__dataset_from_memory(s->context, rows, 10, 2, options, &dataset), 0);
    return dataset;
}

static void sets_the_cursor(void **state) {
    static const struct {
        const char *options;
        uint64_t epoch, position;
        int begins;
    } cases[] = {
        {"batch=4", 0, 0, 1},
        {"batch=4", 7, 8, 1},
        {"batch=4", 7, 9, 0},
        {"batch=4", 7, 12, 0},
        {"batch=4 drop_last=1", 3, 4, 1},
        {"batch=4 drop_last=1", 3, 8, 0},
        {"batch=4 drop_last=1", 3, 5, 0},
        {"batch=99", 3, 0, 1},
        {"batch=99 drop_last=1", 3, 0, 1},
        {"batch=99 drop_last=1", 3, 1, 0},
        {"batch=99", 3, 10, 0},
        {"batch=4", UINT64_MAX, 0, 0},
        {"batch=4", 0, UINT64_MAX, 0},
    };
    const scratch *s = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char options[60];
        snprintf(options, sizeof options, "dtype=uint8 %s", cases[i].options);
        vae_dataset *dataset = take(s, options);
        vae_status status = vae__dataset_seek(dataset, cases[i].epoch, cases[i].position);
        assert_int_equal(status, cases[i].begins ? VAE_OK : VAE_ERROR_ARGUMENT);
        if (status) assert_message("no batch begins at row ");
        assert_true(vae__dataset_epoch(dataset) == (status ? 0 : cases[i].epoch));
        assert_true(vae__dataset_position(dataset) == (status ? 0 : cases[i].position));
        vae__dataset_free(dataset);
    }
}

/* Forwards or backwards, the batches are those that come there anyway. */
static void goes_on_as_any_other(void **state) {
    const scratch *s = *state;
    uint64_t order[3][10];
    vae__batch batch;
    vae_dataset *dataset = take(s, "dtype=uint8 batch=4");
    for (uint64_t epoch = 0; epoch < 3; epoch++) {
        for (size_t i = 0; i < 10; i += batch.count) {
            vae__dataset_next(dataset, &batch);
            memcpy(order[epoch] + i, batch.rows, batch.count * sizeof *batch.rows);
        }
    }
    for (int epoch = 2; epoch >= 0; epoch--) {
        assert_int_equal(vae__dataset_seek(dataset, (uint64_t)epoch, 8), 0);
        vae__dataset_next(dataset, &batch);
        assert_true(batch.count == 2 && batch.ends_epoch && batch.epoch == (uint64_t)epoch);
        assert_memory_equal(batch.rows, order[epoch] + 8, 2 * sizeof *batch.rows);
    }
    vae__dataset_free(dataset);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(sets_the_cursor),
        SCRATCH_TEST(goes_on_as_any_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
