#include "autodiff/plan.h"

#include <string.h>

#include "autodiff/arena.h"
#include "base/number.h"
#include "tensor/gemm.h"

/* Values of a weight block: 256 KiB of float, so that the block of dW and what an optimizer adds to
 * it stay in L2. */
#define BLOCK_VALUES 65536

size_t vae__plan_rows(const vae__plan *plan, const vae__value *value, size_t rows) {
    if (value->extent == VAE__PER_BATCH) return 1;
    return value->extent == VAE__PER_SAMPLE ? rows * plan->samples : rows;
}

size_t vae__value_row_bytes(const vae__value *value) {
    return value->width * (value->is_double ? sizeof(double) : sizeof(vae__real));
}

static const vae__value *value_of(const vae__plan *plan, vae__id id) {
    return &plan->graph->values[id];
}

/* ---- bias fusion ---- */

/* A dense layer whose only reader passes over its output anyway leaves the bias to that reader. */
static void fuse_biases(vae__plan *plan) {
    const vae__graph *graph = plan->graph;
    for (size_t i = 0; i < graph->node_count; i++) plan->bias_of[i] = VAE__NONE;
    for (size_t i = 0; i < graph->node_count; i++) {
        const vae__node *node = &graph->nodes[i];
        if (!(node->op->traits & VAE__OP_TAKES_BIAS)) continue;
        const vae__value *input = value_of(plan, node->inputs[0]);
        if (input->producer == VAE__NONE || input->consumers != 1 || input->is_result) continue;
        const vae__node *producer = &graph->nodes[input->producer];
        if (!(producer->op->traits & VAE__OP_LEAVES_BIAS)) continue;
        plan->bias_of[i] = producer->parameters[producer->parameter_count - 1];
        plan->skips_bias[input->producer] = 1;
    }
}

/* ---- the order of steps ---- */

static int runs_backward(const vae__plan *plan, const vae__node *node) {
    int wanted = 0;
    for (size_t i = 0; i < node->input_count; i++)
        wanted |= value_of(plan, node->inputs[i])->needs_gradient;
    return plan->training && node->op->backward && (wanted || node->parameter_count);
}

static void order_steps(vae__plan *plan) {
    const vae__graph *graph = plan->graph;
    for (size_t i = graph->node_count; i-- > 0;) {
        const vae__node *node = &graph->nodes[i];
        if (node->op->traits & VAE__OP_GRADIENT_FIRST && runs_backward(plan, node)) {
            plan->steps[plan->step_count++] = (vae__plan_step){(vae__id)i, 1};
        }
    }
    for (size_t i = 0; i < graph->node_count; i++) {
        if (graph->nodes[i].op->forward)
            plan->steps[plan->step_count++] = (vae__plan_step){(vae__id)i, 0};
    }
    for (size_t i = graph->node_count; i-- > 0;) {
        const vae__node *node = &graph->nodes[i];
        if (!(node->op->traits & VAE__OP_GRADIENT_FIRST) && runs_backward(plan, node)) {
            plan->steps[plan->step_count++] = (vae__plan_step){(vae__id)i, 1};
        }
    }
}

static void cut_segments(vae__plan *plan) {
    for (size_t i = 0; i < plan->step_count; i++) {
        const vae__plan_step *step = &plan->steps[i];
        int reduces = !step->backward && plan->graph->nodes[step->node].op->traits & VAE__OP_REDUCE;
        vae__segment *last = plan->segment_count ? &plan->segments[plan->segment_count - 1] : NULL;
        if (last && !reduces && !last->reduces) {
            last->count++;
        } else {
            plan->segments[plan->segment_count++] = (vae__segment){i, 1, reduces};
        }
    }
}

/* ---- buffers ----
 * Buffer v holds value v, buffer V + v its gradient, buffer 2V + node * MOST_INPUTS + i an extra
 * gradient, the last one the weight phase's scratch. home[b] is the buffer whose bytes b uses. */

typedef struct buffers {
    vae__plan *plan;
    size_t values; /* V */
    size_t count;
    size_t *home;
    vae__lifetime *lifetimes;
} buffers;

static int same_shape(const vae__value *a, const vae__value *b) {
    return a->width == b->width && a->extent == b->extent && a->is_double == b->is_double;
}

static void share_value_buffers(buffers *b) {
    const vae__graph *graph = b->plan->graph;
    for (size_t i = 0; i < graph->node_count; i++) {
        const vae__node *node = &graph->nodes[i];
        if (!(node->op->traits & VAE__OP_IN_PLACE)) continue;
        const vae__value *in = value_of(b->plan, node->inputs[0]),
                         *out = value_of(b->plan, node->outputs[0]);
        if (in->producer == VAE__NONE || in->consumers != 1 || in->is_result ||
            !same_shape(in, out))
            continue;
        if (b->plan->training && graph->nodes[in->producer].op->traits & VAE__OP_KEEPS_OUTPUT)
            continue;
        b->home[node->outputs[0]] = b->home[node->inputs[0]];
    }
}

static void share_gradient_buffers(buffers *b) {
    const vae__graph *graph = b->plan->graph;
    for (size_t i = graph->node_count; i-- > 0;) {
        const vae__node *node = &graph->nodes[i];
        if (!node->input_count || !node->output_count) continue;
        const vae__value *in = value_of(b->plan, node->inputs[0]),
                         *out = value_of(b->plan, node->outputs[0]);
        if (in->consumers != 1 || !in->needs_gradient) continue;
        if (node->op->traits & VAE__OP_OVERWRITES_INPUT) {
            b->home[b->values + node->inputs[0]] = b->home[node->inputs[0]];
        } else if (node->op->traits & VAE__OP_IN_PLACE && same_shape(in, out)) {
            b->home[b->values + node->inputs[0]] = b->home[b->values + node->outputs[0]];
        }
    }
}

/* The first and last step time (step number + 1) at which `time`'s segment runs. Threads go through
 * a segment at their own pace and rows of different buffers do not line up, so with several threads
 * a buffer used in a segment belongs to it from start to end. Feeding (time 0) is part of the first
 * segment. */
static void find_segment(const vae__plan *plan, size_t time, size_t *first, size_t *last) {
    *first = *last = time;
    if (plan->graph->context->threads == 1) return;
    for (size_t i = 0; i < plan->segment_count; i++) {
        const vae__segment *segment = &plan->segments[i];
        size_t begin = i == 0 ? 0 : segment->first + 1, end = segment->first + segment->count;
        if (time < begin || time > end) continue;
        *first = begin;
        *last = end;
    }
}

static void use(buffers *b, size_t buffer, size_t time) {
    vae__lifetime *life = &b->lifetimes[b->home[buffer]];
    size_t first, last;
    find_segment(b->plan, time, &first, &last);
    if (first < life->first) life->first = first;
    if (last > life->last) life->last = last;
}

static void use_all(buffers *b, const vae__id *values, size_t count, size_t time) {
    for (size_t i = 0; i < count; i++) use(b, values[i], time);
}

static size_t extra_buffer(const buffers *b, vae__id node, size_t input) {
    return 2 * b->values + (size_t)node * VAE__MOST_INPUTS + input;
}

/* The first consumer to write a value's gradient writes it in place; later ones beside it, to be
 * added. */
static void use_gradients(buffers *b, const vae__plan_step *step, size_t time,
                          unsigned char *written) {
    const vae__node *node = &b->plan->graph->nodes[step->node];
    for (size_t i = 0; i < node->output_count; i++) {
        if (vae__has_gradient(value_of(b->plan, node->outputs[i])))
            use(b, b->values + node->outputs[i], time);
    }
    for (size_t i = 0; i < node->input_count; i++) {
        vae__id in = node->inputs[i];
        if (!value_of(b->plan, in)->needs_gradient) continue;
        use(b, b->values + in, time);
        if (written[in]) {
            const vae__value *value = value_of(b->plan, in);
            size_t extra = extra_buffer(b, step->node, i);
            b->lifetimes[extra].bytes = vae__plan_rows(b->plan, value, b->plan->capacity) *
                                        value->width * sizeof(vae__real);
            use(b, extra, time);
        }
        written[in] = 1;
    }
}

static void find_lifetimes(buffers *b, unsigned char *written) {
    const vae__graph *graph = b->plan->graph;
    size_t end = b->plan->step_count + 1;
    use_all(b, graph->inputs, graph->input_count, 0);
    for (size_t i = 0; i < b->plan->step_count; i++) {
        const vae__plan_step *step = &b->plan->steps[i];
        const vae__node *node = &graph->nodes[step->node];
        size_t time = i + 1;
        if (!step->backward || node->op->traits & VAE__OP_KEEPS_INPUT)
            use_all(b, node->inputs, node->input_count, time);
        if (!step->backward || node->op->traits & VAE__OP_KEEPS_OUTPUT)
            use_all(b, node->outputs, node->output_count, time);
        if (step->backward) use_gradients(b, step, time, written);
    }
    for (size_t v = 0; v < b->values; v++) {
        if (graph->values[v].is_result) use(b, v, end);
    }
    for (size_t i = 0; i < b->plan->term_count; i++) {
        const vae__contribution *c = &b->plan->terms[i].contribution;
        use(b, c->delta + (c->delta_is_gradient ? b->values : 0), end);
        if (c->input != VAE__NONE) use(b, c->input, end);
    }
}

/* The last buffer is where the threads put blocks of the gradient, after all steps. */
static void add_scratch(buffers *b) {
    size_t end = b->plan->step_count + 1;
    size_t values = b->plan->graph->context->threads * b->plan->largest_block;
    b->lifetimes[b->count - 1] =
        (vae__lifetime){.bytes = values * sizeof(vae__real), .first = end, .last = end};
}

static void size_buffers(buffers *b) {
    for (size_t v = 0; v < b->values; v++) {
        const vae__value *value = value_of(b->plan, (vae__id)v);
        size_t rows = vae__plan_rows(b->plan, value, b->plan->capacity);
        b->lifetimes[v].bytes = rows * vae__value_row_bytes(value);
        b->lifetimes[b->values + v].bytes = rows * value->width * sizeof(vae__real);
    }
    for (size_t i = 0; i < b->count; i++) {
        b->home[i] = i;
        b->lifetimes[i].first = SIZE_MAX;
        b->lifetimes[i].last = 0;
    }
}

static vae_status place_buffers(vae__plan *plan) {
    vae_context *context = plan->graph->context;
    size_t values = plan->graph->value_count;
    buffers b = {.plan = plan,
                 .values = values,
                 .count = 2 * values + plan->graph->node_count * VAE__MOST_INPUTS + 1};
    unsigned char *written = vae__allocate(context, values, 1);
    b.home = vae__allocate(context, b.count, sizeof *b.home);
    b.lifetimes = vae__allocate(context, b.count, sizeof *b.lifetimes);
    vae_status status = written && b.home && b.lifetimes ? VAE_OK : vae__last_status();
    if (status) goto done;
    size_buffers(&b);
    share_value_buffers(&b);
    if (plan->training) share_gradient_buffers(&b);
    find_lifetimes(&b, written);
    add_scratch(&b);
    status = vae__arena_place(context, b.lifetimes, b.count, &plan->arena_size);
    if (status) goto done;
    for (size_t v = 0; v < values; v++) {
        plan->value_offset[v] = b.lifetimes[b.home[v]].offset;
        plan->gradient_offset[v] = b.lifetimes[b.home[values + v]].offset;
    }
    for (size_t i = 0; i < plan->graph->node_count * VAE__MOST_INPUTS; i++) {
        plan->extra_offset[i] = b.lifetimes[2 * values + i].offset;
    }
    plan->scratch_offset = b.lifetimes[b.count - 1].offset;
done:
    vae__release(context, b.lifetimes);
    vae__release(context, b.home);
    vae__release(context, written);
    return status;
}

/* ---- the weight phase ---- */

static void collect_terms(vae__plan *plan, vae__id parameter) {
    const vae__graph *graph = plan->graph;
    for (size_t i = 0; i < graph->node_count; i++) {
        const vae__node *node = &graph->nodes[i];
        for (size_t j = 0; node->op->contribution && j < node->parameter_count; j++) {
            if (node->parameters[j] != parameter) continue;
            vae__term term = {parameter, node->op->contribution(node, j), 1, 1};
            for (size_t k = 0; k < plan->term_count; k++) {
                const vae__contribution *before = &plan->terms[k].contribution;
                if (before->delta == term.contribution.delta) term.measures_delta = 0;
                if (before->input == term.contribution.input) term.measures_input = 0;
            }
            if (term.contribution.input == VAE__NONE) term.measures_input = 0;
            plan->terms[plan->term_count++] = term;
        }
    }
}

/* Blocks of about equal height, none over BLOCK_VALUES where a single row is not. */
static void cut_blocks(vae__plan *plan, vae__id id, size_t first_term) {
    const vae__parameter *parameter = &plan->graph->parameters->items[id];
    size_t size = vae__parameter_size(parameter), pieces = (size + BLOCK_VALUES - 1) / BLOCK_VALUES;
    size_t rows = (parameter->rows + pieces - 1) / pieces;
    for (size_t first = 0; first < parameter->rows; first += rows) {
        size_t height = parameter->rows - first < rows ? parameter->rows - first : rows;
        size_t values = height * parameter->columns;
        if (plan->blocks) {
            plan->blocks[plan->block_count] =
                (vae__weight_block){id, first, height, first_term, plan->term_count - first_term};
        }
        if (values > plan->largest_block) plan->largest_block = values;
        plan->block_count++;
    }
}

static vae_status plan_weights(vae__plan *plan) {
    const vae__parameters *parameters = plan->graph->parameters;
    for (int counting = 1; counting >= 0; counting--) {
        plan->term_count = plan->block_count = 0;
        for (size_t p = 0; p < parameters->count; p++) {
            size_t first_term = plan->term_count;
            if (!parameters->items[p].trainable) continue;
            collect_terms(plan, (vae__id)p);
            if (plan->term_count > first_term) cut_blocks(plan, (vae__id)p, first_term);
        }
        if (!counting) break;
        plan->blocks = vae__allocate(plan->graph->context, plan->block_count, sizeof *plan->blocks);
        if (!plan->blocks) return vae__last_status();
    }
    return VAE_OK;
}

/* ---- all of it ---- */

/* Every size that follows is then far from overflow and fits what BLAS takes. */
static vae_status check_sizes(const vae__graph *graph, size_t capacity, size_t samples) {
    double rows = (double)capacity * (double)samples;
    if (rows > (double)vae__gemm_largest()) {
        return vae__fail(VAE_ERROR_ARGUMENT,
                         "a batch of %zu row%s with %zu sample%s each is more than %zu", capacity,
                         vae__plural(capacity), samples, vae__plural(samples), vae__gemm_largest());
    }
    for (size_t v = 0; v < graph->value_count; v++) {
        double bytes = rows * (double)graph->values[v].width * 8.0;
        if (bytes > 0x1p55) {
            return vae__fail(
                VAE_ERROR_MEMORY,
                "out of memory: %zu row%s of %zu values make more bytes than can be addressed",
                capacity, vae__plural(capacity), graph->values[v].width);
        }
    }
    return VAE_OK;
}

static vae_status allocate_lists(vae__plan *plan) {
    vae_context *context = plan->graph->context;
    size_t values = plan->graph->value_count, nodes = plan->graph->node_count;
    plan->value_offset = vae__allocate(context, values, sizeof *plan->value_offset);
    plan->gradient_offset = vae__allocate(context, values, sizeof *plan->gradient_offset);
    plan->extra_offset =
        vae__allocate(context, nodes * VAE__MOST_INPUTS, sizeof *plan->extra_offset);
    plan->bias_of = vae__allocate(context, nodes, sizeof *plan->bias_of);
    plan->skips_bias = vae__allocate(context, nodes, sizeof *plan->skips_bias);
    plan->steps = vae__allocate(context, 2 * nodes, sizeof *plan->steps);
    plan->segments = vae__allocate(context, 2 * nodes, sizeof *plan->segments);
    plan->terms = vae__allocate(context, nodes * VAE__MOST_PARAMETERS, sizeof *plan->terms);
    int complete = plan->value_offset && plan->gradient_offset && plan->extra_offset &&
                   plan->bias_of && plan->skips_bias && plan->steps && plan->segments &&
                   plan->terms;
    return complete ? VAE_OK : vae__last_status();
}

static double work_of(const vae__plan *plan) {
    double work = 0;
    for (size_t i = 0; i < plan->graph->node_count; i++) {
        const vae__node *node = &plan->graph->nodes[i];
        if (!node->parameter_count) continue;
        const vae__parameter *weight = &plan->graph->parameters->items[node->parameters[0]];
        const vae__value *out = value_of(plan, node->outputs[0]);
        work += (double)vae__parameter_size(weight) * (double)vae__plan_rows(plan, out, 1);
    }
    return work * (plan->training ? 3 : 1);
}

vae_status vae__plan_make(const vae__graph *graph, size_t capacity, size_t samples, int training,
                          vae__plan *plan) {
    *plan =
        (vae__plan){.graph = graph, .capacity = capacity, .samples = samples, .training = training};
    vae_status status = check_sizes(graph, capacity, samples);
    if (!status) status = allocate_lists(plan);
    if (!status && training) status = plan_weights(plan);
    if (status) {
        vae__plan_free(plan);
        return status;
    }
    fuse_biases(plan);
    order_steps(plan);
    cut_segments(plan);
    plan->work = work_of(plan);
    status = place_buffers(plan);
    if (status) vae__plan_free(plan);
    return status;
}

void vae__plan_free(vae__plan *plan) {
    if (!plan->graph) return;
    vae_context *context = plan->graph->context;
    vae__release(context, plan->value_offset);
    vae__release(context, plan->gradient_offset);
    vae__release(context, plan->extra_offset);
    vae__release(context, plan->bias_of);
    vae__release(context, plan->skips_bias);
    vae__release(context, plan->steps);
    vae__release(context, plan->segments);
    vae__release(context, plan->terms);
    vae__release(context, plan->blocks);
    *plan = (vae__plan){0};
}
