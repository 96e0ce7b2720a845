/* The weight phase of a run: the gradient of each parameter over the whole batch. Relies on the values and
 * gradients that the row phase has left in the common part of the arena. Each block of a gradient is computed
 * by one thread in one order of summation, so that it depends neither on the number of threads nor on how
 * rows were split.
 *
 * A gradient by rows is computed in two passes: chunks of a fixed number of rows, each into a partial sum of its
 * own; then each block adds the partial sums in pairs, pairs of pairs and so on. */
#include <math.h>
#include <string.h>

#include "autodiff/blocks.h"
#include "autodiff/row_range.h"
#include "base/threads.h"
#include "tensor/gemm.h"

/* ---- the bound ---- */

/* The sums of a measured node over all workers. */
static void total_sums(const vae__run *run, size_t measured, double *sums) {
    const vae__plan *plan = run->workspace->plan;
    for (size_t j = 0; j < VAE__MEASURES; j++) sums[j] = 0;
    for (size_t w = 0; w < run->workers; w++) {
        const double *own =
            run->workspace->sums + (w * plan->measured_count + measured) * VAE__MEASURES;
        for (size_t j = 0; j < VAE__MEASURES; j++) sums[j] += own[j];
    }
}

static double term_bound(const vae__run *run, const vae__term *term) {
    const vae__op *op = run->workspace->plan->graph->nodes[term->node].op;
    const vae__row_range whole = {(vae__run *)run, 0, run->rows, 0};
    double sums[VAE__MEASURES];
    vae__call call;
    if (!op->bound) return (double)INFINITY;
    total_sums(run, term->measured, sums);
    vae__range_call(&whole, term->node, &call);
    return op->bound(&call, term->which, sums);
}

double vae__run_gradient_bound(const vae__run *run) {
    const vae__plan *plan = run->workspace->plan;
    double largest = 0, own = 0;
    for (size_t i = 0; i < plan->term_count; i++) {
        int is_first = i == 0 || plan->terms[i].parameter != plan->terms[i - 1].parameter;
        own = term_bound(run, &plan->terms[i]) + (is_first ? 0 : own);
        if (isnan(own)) return (double)NAN;
        if (own > largest) largest = own;
    }
    return largest;
}

/* ---- gradients ---- */

typedef struct weight_run {
    vae__run *run;
    const vae__sink *sink;
    vae__blocks blocks;
    atomic_size_t next_chunk; /* of all partial sums, counted one after the other */
} weight_run;

/* into = the gradient of these rows of the parameter from terms first .. first + count - 1 over the slice */
static void add_terms(const vae__row_range *s, size_t first, size_t count, vae__parameter_rows rows,
                      vae__real *into) {
    const vae__plan *plan = s->run->workspace->plan;
    int add = 0;
    for (size_t i = first; i < first + count; i++) {
        const vae__term *term = &plan->terms[i];
        const vae__node *node = &plan->graph->nodes[term->node];
        vae__call call;
        /* A node with a fixed number of rows is not cut into chunks: the first chunk has it whole. */
        if (vae__domain_is_fixed(plan->graph->values[node->outputs[0]].domain) && s->first > 0)
            continue;
        vae__range_call(s, term->node, &call);
        vae__range_call_gradients(s, &call);
        node->op->gradient(&call, term->which, rows, into, add);
        add = 1;
    }
    size_t columns = plan->graph->parameters->items[plan->terms[first].parameter].columns;
    if (!add) memset(into, 0, rows.count * columns * sizeof *into);
}

static size_t chunks_of(const vae__run *run, const vae__partial *partial) {
    return (run->rows + partial->chunk_rows - 1) / partial->chunk_rows;
}

static vae__real *partial_at(const vae__run *run, size_t offset, size_t chunk, size_t size) {
    return (vae__real *)(run->workspace->arena + offset) + chunk * size;
}

/* Chunk number `chunk` of a partial sum. */
static void sum_chunk(vae__run *run, const vae__partial *partial, size_t chunk, size_t worker) {
    const vae__parameter *parameter =
        &run->workspace->plan->graph->parameters->items[partial->parameter];
    size_t rows = partial->chunk_rows, first = chunk * rows, left = run->rows - first;
    const vae__row_range s = {run, first, left < rows ? left : rows, worker};
    add_terms(&s, partial->first_term, partial->term_count,
              (vae__parameter_rows){0, parameter->rows},
              partial_at(run, partial->offset, chunk, vae__parameter_size(parameter)));
}

/* Takes the next chunk that nobody has taken, until none is left. */
static void sum_chunks(void *argument, size_t worker, size_t workers) {
    weight_run *work = argument;
    const vae__plan *plan = work->run->workspace->plan;
    const vae__partial *partial = plan->partials, *end = partial + plan->partial_count;
    size_t before_it = 0; /* chunks of the partial sums before this one */
    int before = vae__gemm_begin_share();
    (void)workers;
    while (partial < end) {
        size_t task = atomic_fetch_add(&work->next_chunk, 1);
        while (partial < end && task - before_it >= chunks_of(work->run, partial))
            before_it += chunks_of(work->run, partial++);
        if (partial < end) sum_chunk(work->run, partial, task - before_it, worker);
    }
    vae__gemm_end_share(before);
}

/* The first chunk's values first .. first + count - 1 become the sum over all chunks. */
static vae__real *add_chunks(const vae__run *run, const vae__partial *partial, size_t size,
                             size_t first, size_t count) {
    size_t chunks = chunks_of(run, partial), offset = partial->offset;
    for (size_t step = 1; step < chunks; step *= 2) {
        for (size_t i = 0; i + step < chunks; i += 2 * step) {
            run->workspace->context->kernels->add(partial_at(run, offset, i, size) + first,
                                                  partial_at(run, offset, i + step, size) + first,
                                                  count);
        }
    }
    return partial_at(run, offset, 0, size) + first;
}

/* ---- blocks ---- */

/* The gradient of a block, in `scratch`; or where it was summed. */
static const vae__real *block_gradient(const vae__row_range *whole, const vae__weight_block *block,
                                       vae__real *scratch) {
    const vae__plan *plan = whole->run->workspace->plan;
    const vae__parameter *parameter = &plan->graph->parameters->items[block->parameter];
    if (block->partial != VAE__NOWHERE) {
        return add_chunks(whole->run, &plan->partials[block->partial],
                          vae__parameter_size(parameter), block->first_row * parameter->columns,
                          block->rows * parameter->columns);
    }
    add_terms(whole, block->first_term, block->term_count,
              (vae__parameter_rows){block->first_row, block->rows}, scratch);
    return scratch;
}

static double consume_block(const weight_run *work, const vae__weight_block *block, size_t worker) {
    const vae__plan *plan = work->run->workspace->plan;
    const vae__parameters *parameters = plan->graph->parameters;
    const vae__parameter *parameter = &parameters->items[block->parameter];
    size_t first = block->first_row * parameter->columns, count = block->rows * parameter->columns;
    const vae__row_range whole = {work->run, 0, work->run->rows, worker};
    vae__real *scratch = (vae__real *)(work->run->workspace->arena + plan->block_offset) +
                         worker * plan->largest_block;
    if (work->sink->update) {
        return work->sink->update(work->sink->user, block->parameter, first, count,
                                  block_gradient(&whole, block, scratch));
    }
    vae__real *into = work->sink->gradient + (parameter->values - parameters->block) + first;
    const vae__real *made = block_gradient(&whole, block, into);
    if (made != into) memcpy(into, made, count * sizeof *into);
    return work->run->workspace->context->kernels->sum_squares(into, count);
}

static void consume_blocks(void *argument, size_t worker, size_t workers) {
    weight_run *work = argument;
    const vae__plan *plan = work->run->workspace->plan;
    int before = vae__gemm_begin_share();
    size_t i;
    (void)workers;
    while ((i = vae__blocks_take(&work->blocks, worker)) != VAE__NOWHERE) {
        work->run->workspace->block_squares[i] = consume_block(work, &plan->blocks[i], worker);
    }
    vae__gemm_end_share(before);
}

/* fn on every worker of the run. */
static void on_workers(weight_run *work, vae__share_fn fn) {
    if (work->run->workers == 1) {
        fn(work, 0, 1);
    } else {
        vae__parallel(work->run->workspace->context, fn, work, work->run->workers);
    }
}

double vae__run_weights(vae__run *run, const vae__sink *sink) {
    const vae__plan *plan = run->workspace->plan;
    weight_run work;
    work.run = run;
    work.sink = sink;
    atomic_init(&work.next_chunk, 0);
    vae__blocks_begin(&work.blocks, plan, run->workers);
    if (plan->partial_count) on_workers(&work, sum_chunks);
    on_workers(&work, consume_blocks);
    double total = 0;
    for (size_t i = 0; i < plan->block_count; i++) total += run->workspace->block_squares[i];
    return total;
}
