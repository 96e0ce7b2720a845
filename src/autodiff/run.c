/* The row phase of a run. Relies on the plan for the order of steps and for places, and on the thread pool;
 * guarantees that a row's numbers do not depend on how rows were split, as far as the matrix products'
 * do not. The weight phase is in run_weights.c. */
#include "autodiff/run.h"

#include <string.h>

#include "autodiff/row_range.h"
#include "base/threads.h"
#include "tensor/gemm.h"

/* ---- where things are ---- */

/* The first row of the range, counted in rows of the value. */
static size_t first_row(const vae__row_range *s, const vae__value *value) {
    if (vae__domain_is_fixed(value->domain)) return 0;
    return vae__domain_rows(value->domain, s->first, s->run->samples);
}

static void *at(const vae__row_range *s, vae__place place, const vae__value *value,
                size_t row_bytes) {
    const vae__plan *plan = s->run->workspace->plan;
    unsigned char *arena = s->run->workspace->arena;
    if (place.offset == VAE__NOWHERE) return NULL;
    if (place.is_local)
        return arena + plan->common_size + s->worker * plan->local_size + place.offset;
    return arena + place.offset + first_row(s, value) * row_bytes;
}

static void *value_at(const vae__row_range *s, vae__id id) {
    const vae__plan *plan = s->run->workspace->plan;
    const vae__value *value = &plan->graph->values[id];
    const vae__feed *feed =
        plan->feeds[id] == VAE__NOWHERE ? NULL : &s->run->feeds[plan->feeds[id]];
    if (feed && feed->rows) return (void *)(feed->rows + first_row(s, value) * value->width);
    return at(s, plan->values[id], value, vae__value_row_bytes(value));
}

static vae__real *gradient_at(const vae__row_range *s, vae__id id) {
    const vae__plan *plan = s->run->workspace->plan;
    const vae__value *value = &plan->graph->values[id];
    return at(s, plan->gradients[id], value, value->width * sizeof(vae__real));
}

const vae__real *vae__run_value(const vae__run *run, vae__id value) {
    const vae__row_range whole = {(vae__run *)run, 0, run->rows, 0};
    return value_at(&whole, value);
}

const double *vae__run_double(const vae__run *run, vae__id value) {
    const vae__row_range whole = {(vae__run *)run, 0, run->rows, 0};
    return value_at(&whole, value);
}

static const vae__real *parameter_at(const vae__run *run, vae__id id) {
    const vae__parameters *list = run->workspace->plan->graph->parameters;
    const vae__real *values = list->items[id].values;
    return run->parameters ? run->parameters + (values - list->block) : values;
}

void vae__range_call(const vae__row_range *s, vae__id id, vae__call *call) {
    const vae__run *run = s->run;
    const vae__plan *plan = run->workspace->plan;
    const vae__node *node = &plan->graph->nodes[id];
    /* Field by field: compilers clear a struct of this size by an instruction that is slow to begin. */
    call->kernels = run->workspace->context->kernels;
    call->graph = plan->graph;
    call->node = node;
    call->rows = s->rows;
    call->samples = run->samples;
    call->batch_rows = run->rows;
    call->skip_bias = plan->skips_bias[id];
    call->wants_gradient = plan->runs_backward[id];
    call->gradient_known = 0;
    call->bias = NULL;
    call->scratch = NULL;
    for (size_t i = 0; i < VAE__MAX_INPUTS; i++) {
        call->input[i] = NULL;
        call->input_gradient[i] = NULL;
    }
    for (size_t i = 0; i < VAE__MAX_OUTPUTS; i++) {
        call->output[i] = NULL;
        call->output_gradient[i] = NULL;
    }
    for (size_t i = 0; i < VAE__MAX_PARAMETERS; i++) call->parameter[i] = NULL;
    for (size_t i = 0; i < node->input_count; i++) call->input[i] = value_at(s, node->inputs[i]);
    for (size_t i = 0; i < node->output_count; i++) call->output[i] = value_at(s, node->outputs[i]);
    for (size_t i = 0; i < node->parameter_count; i++)
        call->parameter[i] = parameter_at(run, node->parameters[i]);
    if (plan->bias_of[id] != VAE__NONE) call->bias = parameter_at(run, plan->bias_of[id]);
    if (node->op->scratch) {
        call->scratch = run->workspace->arena + plan->common_size +
                        plan->threads * plan->local_size + s->worker * plan->scratch_size;
    }
}

void vae__range_call_gradients(const vae__row_range *s, vae__call *call) {
    const vae__plan *plan = s->run->workspace->plan;
    const vae__node *node = call->node;
    for (size_t i = 0; i < node->input_count; i++) {
        if (!plan->graph->values[node->inputs[i]].needs_gradient) continue;
        call->input_gradient[i] = gradient_at(s, node->inputs[i]);
    }
    for (size_t i = 0; i < node->output_count; i++) {
        if (!plan->has_gradient[node->outputs[i]]) continue;
        call->output_gradient[i] = gradient_at(s, node->outputs[i]);
    }
}

/* ---- one step ---- */

static void run_forward(const vae__row_range *s, const vae__plan_step *step) {
    const vae__plan *plan = s->run->workspace->plan;
    vae__call call;
    vae__range_call(s, step->node, &call);
    if (plan->training && call.node->op->traits & VAE__OP_OVERWRITES_INPUT) {
        vae__range_call_gradients(s, &call);
        call.gradient_known = step->gradient_known;
    }
    call.node->op->forward(&call);
}

static void run_backward(const vae__row_range *s, const vae__plan_step *step) {
    const vae__plan *plan = s->run->workspace->plan;
    vae__call call;
    vae__range_call(s, step->node, &call);
    vae__range_call_gradients(s, &call);
    call.gradient_known = step->gradient_known;
    vae__real *destination[VAE__MAX_INPUTS] = {NULL};
    for (size_t i = 0; i < call.node->input_count; i++) {
        vae__place extra = plan->extras[(size_t)step->node * VAE__MAX_INPUTS + i];
        const vae__value *value = vae__call_input(&call, i);
        if (extra.offset == VAE__NOWHERE) continue;
        destination[i] = call.input_gradient[i];
        call.input_gradient[i] = at(s, extra, value, value->width * sizeof(vae__real));
    }
    call.node->op->backward(&call);
    for (size_t i = 0; i < call.node->input_count; i++) {
        const vae__value *value = vae__call_input(&call, i);
        if (!destination[i]) continue;
        call.kernels->add(destination[i], call.input_gradient[i],
                          vae__call_rows(&call, value) * value->width);
    }
}

/* ---- feeding ---- */

size_t vae__feed_refused(const vae__feed *feed, const vae__kernels *kernels, const vae__real *rows,
                         size_t count, size_t width) {
    if (!feed->valid && kernels->within(rows, count * width, feed->low, feed->high)) return count;
    for (size_t i = 0; i < count; i++) {
        const vae__real *row = rows + i * width;
        if (!kernels->within(row, width, feed->low, feed->high)) return i;
        if (feed->valid && !feed->valid(feed->valid_user, row)) return i;
    }
    return count;
}

/* Inputs with rows of the batch, or those with a fixed number of rows, which are filled once. */
static void feed_inputs(const vae__row_range *s, int fixed) {
    vae__run *run = s->run;
    const vae__plan *plan = run->workspace->plan;
    const vae__kernels *kernels = run->workspace->context->kernels;
    for (size_t i = 0; i < plan->graph->input_count; i++) {
        const vae__feed *feed = &run->feeds[i];
        const vae__value *value = &plan->graph->values[plan->graph->inputs[i]];
        if (vae__domain_is_fixed(value->domain) != fixed) continue;
        vae__real *rows = value_at(s, plan->graph->inputs[i]);
        size_t count = vae__domain_rows(value->domain, s->rows, run->samples);
        int failed = !feed->rows &&
                     feed->fill(feed->user, fixed ? 0 : s->first, fixed ? count : s->rows, rows);
        if (failed) vae__failure_keep(&run->workspace->failure, s->first);
        if (failed ||
            (feed->checked && vae__feed_refused(feed, kernels, rows, count, value->width) < count))
            atomic_store(&run->refused, 1);
    }
}

/* ---- segments ---- */

/* The sums behind vae__run_gradient_bound, while deltas and inputs are near. */
static void measure(const vae__row_range *s) {
    const vae__plan *plan = s->run->workspace->plan;
    double *sums = s->run->workspace->sums + s->worker * plan->measured_count * VAE__MEASURES;
    for (size_t i = 0; i < plan->measured_count; i++, sums += VAE__MEASURES) {
        const vae__node *node = &plan->graph->nodes[plan->measured[i]];
        int fixed = vae__domain_is_fixed(plan->graph->values[node->outputs[0]].domain);
        double own[VAE__MEASURES] = {0};
        vae__call call;
        if (!node->op->measure || (fixed && s->first > 0)) continue;
        vae__range_call(s, plan->measured[i], &call);
        vae__range_call_gradients(s, &call);
        node->op->measure(&call, own);
        for (size_t j = 0; j < VAE__MEASURES; j++) sums[j] += own[j];
    }
}

typedef struct segment_run {
    vae__run *run;
    const vae__segment *segment; /* NULL: nothing but feeding or measuring */
    int feeds, measures;
} segment_run;

static void run_slice(const segment_run *work, const vae__row_range *s) {
    const vae__plan *plan = s->run->workspace->plan;
    if (work->feeds) feed_inputs(s, 0);
    /* Stop here: rows that were refused or not written may hold anything, and converting NaN or infinity
     * to an integer, as some likelihoods do, is undefined. */
    if (atomic_load(&s->run->refused)) return;
    size_t count = work->segment ? work->segment->count : 0;
    for (size_t i = 0; i < count; i++) {
        const vae__plan_step *step = &plan->steps[work->segment->first + i];
        if (step->backward) {
            run_backward(s, step);
        } else {
            run_forward(s, step);
        }
    }
    if (work->measures) measure(s);
}

/* Rows of a slice: what the local part of the arena holds. */
static size_t slice_limit(const vae__run *run) {
    const vae__plan *plan = run->workspace->plan;
    if (!plan->local_size) return run->rows;
    if (run->samples <= plan->samples) return plan->slice_rows;
    size_t rows = plan->slice_rows * plan->samples / run->samples;
    return rows ? rows : 1;
}

static void run_range(void *argument, size_t worker, size_t workers) {
    const segment_run *work = argument;
    size_t first = work->run->rows * worker / workers;
    size_t end = work->run->rows * (worker + 1) / workers, limit = slice_limit(work->run);
    int before = vae__gemm_begin_share();
    for (; first < end; first += limit) {
        const vae__row_range s = {work->run, first, end - first < limit ? end - first : limit,
                                  worker};
        run_slice(work, &s);
    }
    vae__gemm_end_share(before);
}

static void run_segment(vae__run *run, const vae__segment *segment, int feeds, int measures) {
    segment_run work = {run, segment, feeds, measures};
    int once = segment && segment->once;
    if (once) {
        const vae__row_range whole = {run, 0, run->rows, 0};
        int before = vae__gemm_begin_share();
        run_slice(&work, &whole);
        vae__gemm_end_share(before);
    } else if (run->workers == 1) {
        run_range(&work, 0, 1);
    } else {
        vae__parallel(run->workspace->context, run_range, &work, run->workers);
    }
}

vae_status vae__run_rows(vae__run *run) {
    const vae__plan *plan = run->workspace->plan;
    atomic_init(&run->refused, 0);
    vae__failure_begin(&run->workspace->failure);
    if (!run->samples) run->samples = plan->samples;
    run->workers = vae__plan_workers(plan, run->rows, run->samples);
    if (plan->training) {
        size_t sums = plan->threads * plan->measured_count * VAE__MEASURES;
        memset(run->workspace->sums, 0, sums * sizeof *run->workspace->sums);
    }
    if (plan->feeds_fixed) {
        const vae__row_range whole = {run, 0, run->rows, 0};
        feed_inputs(&whole, 1);
    }
    int fed = plan->segment_count && !plan->segments[0].once;
    int measured = plan->segment_count && !plan->segments[plan->segment_count - 1].once;
    if (!fed) run_segment(run, NULL, 1, 0);
    for (size_t i = 0; i < plan->segment_count; i++) {
        int last = i + 1 == plan->segment_count;
        run_segment(run, &plan->segments[i], i == 0 && fed, plan->training && last && measured);
    }
    if (plan->training && !measured) run_segment(run, NULL, 0, 1);
    return vae__failure_take(&run->workspace->failure);
}
