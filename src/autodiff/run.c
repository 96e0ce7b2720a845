#include "autodiff/run.h"

#include <math.h>

#include "autodiff/blocks.h"
#include "base/threads.h"
#include "tensor/gemm.h"

/* Multiply-adds that make a share worth another thread: about 10 microseconds of work. */
#define WORTH_A_THREAD 400000.0

/* ---- workspace ---- */

vae_status vae__workspace_make(const vae__plan *plan, size_t shares, vae__workspace **out) {
    vae_context *context = plan->graph->context;
    vae__workspace *made = vae__allocate(context, 1, sizeof *made);
    if (!made) return vae__last_status();
    *made = (vae__workspace){.plan = plan, .context = context, .shares = shares};
    made->arena = vae__allocate(context, plan->arena_size, 1);
    int complete = made->arena != NULL;
    if (plan->training) {
        made->norms = vae__allocate(context, shares * plan->term_count * 2, sizeof *made->norms);
        made->block_squares =
            vae__allocate(context, plan->block_count, sizeof *made->block_squares);
        complete = complete && made->norms && made->block_squares;
    }
    if (!complete) {
        vae_status status = vae__last_status();
        vae__workspace_free(made);
        return status;
    }
    *out = made;
    return VAE_OK;
}

void vae__workspace_free(vae__workspace *workspace) {
    if (!workspace) return;
    vae_context *context = workspace->context;
    vae__release(context, workspace->arena);
    vae__release(context, workspace->norms);
    vae__release(context, workspace->block_squares);
    vae__release(context, workspace);
}

size_t vae__workspace_bytes(const vae__plan *plan, size_t shares) {
    size_t bytes = sizeof(vae__workspace) + plan->arena_size;
    if (plan->training) {
        bytes +=
            shares * plan->term_count * 2 * sizeof(double) + plan->block_count * sizeof(double);
    }
    return bytes;
}

/* ---- where things are ---- */

/* Rows that a value has for the first `rows` rows of the batch. */
static size_t rows_of(const vae__run *run, const vae__value *value, size_t rows) {
    if (value->extent == VAE__PER_BATCH) return 1;
    return value->extent == VAE__PER_SAMPLE ? rows * run->samples : rows;
}

static void *place(const vae__run *run, size_t offset, const vae__value *value, size_t row_bytes,
                   size_t first) {
    if (offset == VAE__NOWHERE) return NULL;
    size_t skip = value->extent == VAE__PER_BATCH ? 0 : rows_of(run, value, first) * row_bytes;
    return run->workspace->arena + offset + skip;
}

static void *value_at(const vae__run *run, vae__id id, size_t first) {
    const vae__plan *plan = run->workspace->plan;
    const vae__value *value = &plan->graph->values[id];
    size_t row_bytes = vae__value_row_bytes(value);
    for (size_t i = 0; value->producer == VAE__NONE && i < plan->graph->input_count; i++) {
        if (plan->graph->inputs[i] != id || !run->feeds[i].rows) continue;
        return (void *)(run->feeds[i].rows + rows_of(run, value, first) * value->width);
    }
    return place(run, plan->value_offset[id], value, row_bytes, first);
}

static vae__real *gradient_at(const vae__run *run, vae__id id, size_t first) {
    const vae__plan *plan = run->workspace->plan;
    const vae__value *value = &plan->graph->values[id];
    return place(run, plan->gradient_offset[id], value, value->width * sizeof(vae__real), first);
}

const vae__real *vae__run_value(const vae__run *run, vae__id value) {
    return value_at(run, value, 0);
}

const double *vae__run_double(const vae__run *run, vae__id value) {
    return value_at(run, value, 0);
}

/* ---- one step ---- */

typedef struct share {
    vae__run *run;
    size_t first, rows;
} share;

static void locate(const share *s, vae__id id, vae__call *call) {
    const vae__run *run = s->run;
    const vae__plan *plan = run->workspace->plan;
    const vae__node *node = &plan->graph->nodes[id];
    *call = (vae__call){.kernels = run->workspace->context->kernels,
                        .graph = plan->graph,
                        .node = node,
                        .rows = s->rows,
                        .samples = run->samples,
                        .batch_rows = run->rows,
                        .skip_bias = plan->skips_bias[id],
                        .wants_gradient = plan->training};
    for (size_t i = 0; i < node->input_count; i++)
        call->input[i] = value_at(run, node->inputs[i], s->first);
    for (size_t i = 0; i < node->output_count; i++)
        call->output[i] = value_at(run, node->outputs[i], s->first);
    for (size_t i = 0; i < node->parameter_count; i++) {
        call->parameter[i] = plan->graph->parameters->items[node->parameters[i]].values;
    }
    if (plan->bias_of[id] != VAE__NONE)
        call->bias = plan->graph->parameters->items[plan->bias_of[id]].values;
}

static void locate_gradients(const share *s, vae__call *call) {
    const vae__plan *plan = s->run->workspace->plan;
    const vae__node *node = call->node;
    for (size_t i = 0; i < node->input_count; i++) {
        if (!plan->graph->values[node->inputs[i]].needs_gradient) continue;
        call->input_gradient[i] = gradient_at(s->run, node->inputs[i], s->first);
    }
    for (size_t i = 0; i < node->output_count; i++) {
        if (!vae__has_gradient(&plan->graph->values[node->outputs[i]])) continue;
        call->output_gradient[i] = gradient_at(s->run, node->outputs[i], s->first);
    }
}

/* Whether the consumer of the node's output 0 has already written its gradient. */
static int gradient_is_known(const vae__plan *plan, const vae__node *node) {
    for (size_t i = 0; i < plan->step_count && plan->steps[i].backward; i++) {
        const vae__node *early = &plan->graph->nodes[plan->steps[i].node];
        for (size_t j = 0; j < early->input_count; j++) {
            if (early->inputs[j] == node->outputs[0]) return 1;
        }
    }
    return 0;
}

static void run_forward(const share *s, vae__id id) {
    const vae__plan *plan = s->run->workspace->plan;
    vae__call call;
    locate(s, id, &call);
    if (plan->training && call.node->op->traits & VAE__OP_OVERWRITES_INPUT) {
        locate_gradients(s, &call);
        call.gradient_known = gradient_is_known(plan, call.node);
    }
    call.node->op->forward(&call);
}

static void run_backward(const share *s, vae__id id) {
    const vae__plan *plan = s->run->workspace->plan;
    vae__call call;
    locate(s, id, &call);
    locate_gradients(s, &call);
    call.gradient_known =
        call.node->op->traits & VAE__OP_OVERWRITES_INPUT && gradient_is_known(plan, call.node);
    vae__real *destination[VAE__MOST_INPUTS] = {NULL};
    for (size_t i = 0; i < call.node->input_count; i++) {
        size_t extra = plan->extra_offset[(size_t)id * VAE__MOST_INPUTS + i];
        const vae__value *value = &plan->graph->values[call.node->inputs[i]];
        if (extra == VAE__NOWHERE) continue;
        destination[i] = call.input_gradient[i];
        call.input_gradient[i] =
            place(s->run, extra, value, value->width * sizeof(vae__real), s->first);
    }
    call.node->op->backward(&call);
    for (size_t i = 0; i < call.node->input_count; i++) {
        const vae__value *value = &plan->graph->values[call.node->inputs[i]];
        if (!destination[i]) continue;
        call.kernels->add(destination[i], call.input_gradient[i],
                          vae__call_rows(&call, value) * value->width);
    }
}

/* ---- segments ---- */

static int rows_are_fine(const vae__kernels *kernels, const vae__feed *feed, const vae__real *rows,
                         size_t count, size_t width) {
    if (!kernels->within(rows, count * width, feed->low, feed->high)) return 0;
    for (size_t i = 0; feed->valid && i < count; i++) {
        if (!feed->valid(feed->valid_user, rows + i * width)) return 0;
    }
    return 1;
}

static void feed_inputs(const share *s) {
    vae__run *run = s->run;
    const vae__plan *plan = run->workspace->plan;
    const vae__kernels *kernels = run->workspace->context->kernels;
    for (size_t i = 0; i < plan->graph->input_count; i++) {
        const vae__feed *feed = &run->feeds[i];
        vae__id id = plan->graph->inputs[i];
        const vae__value *value = &plan->graph->values[id];
        vae__real *rows = value_at(run, id, s->first);
        if (!feed->rows) feed->fill(feed->user, s->first, s->rows, rows);
        if (feed->checked &&
            !rows_are_fine(kernels, feed, rows, rows_of(run, value, s->rows), value->width)) {
            atomic_store(&run->refused, 1);
        }
    }
}

/* The norms behind vae__run_gradient_bound, while deltas and inputs are near. */
static void measure_terms(const share *s, size_t index) {
    const vae__plan *plan = s->run->workspace->plan;
    const vae__kernels *kernels = s->run->workspace->context->kernels;
    double *norms = s->run->workspace->norms + index * plan->term_count * 2;
    for (size_t i = 0; i < plan->term_count; i++, norms += 2) {
        const vae__contribution *c = &plan->terms[i].contribution;
        const vae__value *delta = &plan->graph->values[c->delta];
        size_t rows = rows_of(s->run, delta, s->rows);
        norms[0] = norms[1] = 0;
        if (plan->terms[i].measures_delta) {
            const vae__real *at = c->delta_is_gradient ? gradient_at(s->run, c->delta, s->first)
                                                       : value_at(s->run, c->delta, s->first);
            norms[0] = kernels->sum_squares(at, rows * delta->width);
        }
        if (plan->terms[i].measures_input) {
            norms[1] = kernels->sum_squares(value_at(s->run, c->input, s->first),
                                            rows * plan->graph->values[c->input].width);
        }
    }
}

typedef struct segment_run {
    vae__run *run;
    size_t segment;
} segment_run;

static void run_share(void *argument, size_t index, size_t shares) {
    const segment_run *work = argument;
    const vae__plan *plan = work->run->workspace->plan;
    const vae__segment *segment = &plan->segments[work->segment];
    size_t first = work->run->rows * index / shares, end = work->run->rows * (index + 1) / shares;
    share s = {work->run, first, end - first};
    int before = vae__gemm_begin_share();
    if (work->segment == 0) feed_inputs(&s);
    /* What was refused may be nothing to compute with: infinity has no nearest whole number. */
    int refused = atomic_load(&s.run->refused);
    for (size_t i = segment->first; !refused && i < segment->first + segment->count; i++) {
        if (plan->steps[i].backward) {
            run_backward(&s, plan->steps[i].node);
        } else {
            run_forward(&s, plan->steps[i].node);
        }
    }
    if (!refused && plan->training && work->segment + 1 == plan->segment_count)
        measure_terms(&s, index);
    vae__gemm_end_share(before);
}

static size_t choose_shares(const vae__run *run) {
    const vae__plan *plan = run->workspace->plan;
    size_t shares = run->workspace->shares;
    double rows = (double)run->rows * (double)run->samples / (double)plan->samples;
    double worth = plan->work * rows / WORTH_A_THREAD;
    if (worth < (double)shares) shares = worth < 1 ? 1 : (size_t)worth;
    return shares < run->rows ? shares : run->rows;
}

void vae__run_rows(vae__run *run) {
    const vae__plan *plan = run->workspace->plan;
    if (!run->samples) run->samples = plan->samples;
    run->shares = choose_shares(run);
    for (size_t i = 0; i < plan->segment_count; i++) {
        segment_run work = {run, i};
        size_t shares = plan->segments[i].reduces ? 1 : run->shares;
        if (shares == 1) {
            run_share(&work, 0, 1);
        } else {
            vae__parallel(run->workspace->context, run_share, &work, shares);
        }
    }
}

/* ---- weights ---- */

double vae__run_gradient_bound(const vae__run *run) {
    const vae__plan *plan = run->workspace->plan;
    double delta = 0, input = (double)(run->rows * run->samples);
    size_t most_terms = 1;
    for (size_t i = 0; i < plan->term_count; i++) {
        double squares[2] = {0, 0};
        for (size_t s = 0; s < run->shares; s++) {
            const double *norms = run->workspace->norms + (s * plan->term_count + i) * 2;
            squares[0] += norms[0];
            squares[1] += norms[1];
        }
        /* Written so that a NaN wins. */
        if (!(squares[0] <= delta)) delta = squares[0];
        if (!(squares[1] <= input)) input = squares[1];
        if (isnan(squares[0]) || isnan(squares[1])) return (double)NAN;
    }
    for (size_t i = 0; i < plan->block_count; i++) {
        if (plan->blocks[i].term_count > most_terms) most_terms = plan->blocks[i].term_count;
    }
    return sqrt(delta) * sqrt(input) * (double)most_terms;
}

typedef struct weight_run {
    vae__run *run;
    const vae__sink *sink;
    vae__blocks blocks;
} weight_run;

/* gradient [block rows, columns] = or += the block's terms over the whole batch */
static void block_gradient(const vae__run *run, const vae__weight_block *block, vae__real *gradient,
                           int add) {
    const vae__plan *plan = run->workspace->plan;
    const vae__kernels *kernels = run->workspace->context->kernels;
    size_t columns = plan->graph->parameters->items[block->parameter].columns;
    for (size_t i = block->first_term; i < block->first_term + block->term_count; i++, add = 1) {
        const vae__contribution *c = &plan->terms[i].contribution;
        const vae__value *delta = &plan->graph->values[c->delta];
        size_t rows = rows_of(run, delta, run->rows);
        const vae__real *from =
            c->delta_is_gradient ? gradient_at(run, c->delta, 0) : value_at(run, c->delta, 0);
        from += block->first_row;
        if (c->input == VAE__NONE) {
            kernels->column_sums(from, delta->width, rows, block->rows, gradient, add);
        } else {
            vae__gemm_weights(kernels, rows, columns, block->rows, from, delta->width,
                              value_at(run, c->input, 0), gradient, add);
        }
    }
}

static double consume_block(const weight_run *work, const vae__weight_block *block,
                            vae__real *scratch) {
    const vae__run *run = work->run;
    const vae__parameters *parameters = run->workspace->plan->graph->parameters;
    const vae__parameter *parameter = &parameters->items[block->parameter];
    size_t first = block->first_row * parameter->columns, count = block->rows * parameter->columns;
    if (work->sink->update) {
        block_gradient(run, block, scratch, 0);
        return work->sink->update(work->sink->user, block->parameter, first, count, scratch);
    }
    vae__real *gradient = work->sink->gradient + (parameter->values - parameters->block) + first;
    block_gradient(run, block, gradient, work->sink->add);
    return run->workspace->context->kernels->sum_squares(gradient, count);
}

static void weight_share(void *argument, size_t index, size_t shares) {
    weight_run *work = argument;
    const vae__plan *plan = work->run->workspace->plan;
    vae__real *scratch = (vae__real *)(work->run->workspace->arena + plan->scratch_offset) +
                         index * plan->largest_block;
    int before = vae__gemm_begin_share();
    size_t i;
    (void)shares;
    while ((i = vae__blocks_take(&work->blocks, index)) != VAE__NOWHERE) {
        work->run->workspace->block_squares[i] = consume_block(work, &plan->blocks[i], scratch);
    }
    vae__gemm_end_share(before);
}

double vae__run_weights(vae__run *run, const vae__sink *sink) {
    const vae__plan *plan = run->workspace->plan;
    weight_run work;
    work.run = run;
    work.sink = sink;
    vae__blocks_begin(&work.blocks, plan, run->shares);
    if (run->shares == 1) {
        weight_share(&work, 0, 1);
    } else {
        vae__parallel(run->workspace->context, weight_share, &work, run->shares);
    }
    double total = 0;
    for (size_t i = 0; i < plan->block_count; i++) total += run->workspace->block_squares[i];
    return total;
}
