/* Blocks of weights shared among workers: each has a stretch of its own, of about equal size, and then
 * helps the others. Relies on atomic counters only; every block is taken exactly once, in an order that
 * changes no number. */
#include "autodiff/blocks.h"

static size_t values_of(const vae__plan *plan, size_t block) {
    const vae__weight_block *b = &plan->blocks[block];
    return b->rows * plan->graph->parameters->items[b->parameter].columns;
}

void vae__blocks_begin(vae__blocks *blocks, const vae__plan *plan, size_t workers) {
    size_t total = 0, done = 0, block = 0;
    for (size_t i = 0; i < plan->block_count; i++) total += values_of(plan, i);
    blocks->plan = plan;
    blocks->workers = workers;
    for (size_t worker = 0; worker < workers; worker++) {
        double until = (double)total * (double)(worker + 1) / (double)workers;
        atomic_init(&blocks->next[worker], block);
        for (; block < plan->block_count; block++) {
            size_t size = values_of(plan, block);
            if (worker + 1 < workers && (double)done + 0.5 * (double)size > until) break;
            done += size;
        }
        blocks->end[worker] = block;
    }
}

size_t vae__blocks_take(vae__blocks *blocks, size_t worker) {
    for (size_t i = 0; i < blocks->workers; i++) {
        size_t from = (worker + i) % blocks->workers;
        if (atomic_load_explicit(&blocks->next[from], memory_order_relaxed) >= blocks->end[from])
            continue;
        size_t block = atomic_fetch_add(&blocks->next[from], 1);
        if (block < blocks->end[from]) return block;
    }
    return VAE__NOWHERE;
}
