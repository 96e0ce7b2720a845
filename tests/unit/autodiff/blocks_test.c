/* Blocks of weights and the threads that take them. */
#include <stdint.h>
#include <string.h>

#include "autodiff/blocks.h"
#include "support/cmocka.h"

enum { MOST_BLOCKS = 24 };

/* A plan of blocks of these many rows, ten values wide. */
typedef struct fixture {
    vae__parameter parameter;
    vae__parameters parameters;
    vae__graph graph;
    vae__weight_block list[MOST_BLOCKS];
    vae__plan plan;
} fixture;

static void set_up(fixture *f, const size_t *rows, size_t count) {
    memset(f, 0, sizeof *f);
    f->parameter.columns = 10;
    f->parameters.items = &f->parameter;
    f->parameters.count = 1;
    f->graph.parameters = &f->parameters;
    f->plan.graph = &f->graph;
    f->plan.blocks = f->list;
    f->plan.block_count = count;
    for (size_t i = 0; i < count; i++) f->list[i].rows = rows[i];
}

static const size_t equal[12] = {8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8};

static void own_blocks_come_first_and_stay_the_same(void **state) {
    (void)state;
    fixture f;
    set_up(&f, equal, 12);
    for (int round = 0; round < 2; round++) {
        vae__blocks blocks;
        vae__blocks_begin(&blocks, &f.plan, 3);
        for (size_t i = 0; i < 4; i++) {
            for (size_t share = 3; share-- > 0;)
                assert_int_equal(vae__blocks_take(&blocks, share), 4 * share + i);
        }
        assert_true(vae__blocks_take(&blocks, 1) == VAE__NOWHERE);
    }
}

static void who_is_done_helps(void **state) {
    (void)state;
    fixture f;
    vae__blocks blocks;
    int taken[12] = {0};
    set_up(&f, equal, 12);
    vae__blocks_begin(&blocks, &f.plan, 3);
    for (size_t i = 0; i < 12; i++) taken[vae__blocks_take(&blocks, 1)]++;
    for (size_t i = 0; i < 12; i++) assert_int_equal(taken[i], 1);
    for (size_t share = 0; share < 3; share++)
        assert_true(vae__blocks_take(&blocks, share) == VAE__NOWHERE);
}

static void shares_are_of_about_equal_size(void **state) {
    (void)state;
    static const size_t rows[] = {100, 1, 1, 1, 97, 1, 50, 50, 1, 100};
    fixture f;
    vae__blocks blocks;
    set_up(&f, rows, 10);
    vae__blocks_begin(&blocks, &f.plan, 2);
    assert_int_equal(blocks.end[0], 6); /* 201 rows of 402 */
    assert_int_equal(blocks.end[1], 10);
}

static void few_blocks_and_many_shares(void **state) {
    (void)state;
    for (size_t count = 0; count < 4; count++) {
        for (size_t shares = 1; shares <= VAE__MAX_WORKERS; shares *= 2) {
            fixture f;
            vae__blocks blocks;
            size_t taken = 0, last = shares - 1;
            set_up(&f, equal, count);
            vae__blocks_begin(&blocks, &f.plan, shares);
            assert_int_equal(blocks.end[last], count);
            while (vae__blocks_take(&blocks, last / 2) != VAE__NOWHERE) taken++;
            assert_int_equal(taken, count);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_blocks_come_first_and_stay_the_same),
        cmocka_unit_test(who_is_done_helps),
        cmocka_unit_test(shares_are_of_about_equal_size),
        cmocka_unit_test(few_blocks_and_many_shares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
