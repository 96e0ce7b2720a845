/* The order of a plan's steps, and what else follows from the graph alone. Relies on plan_weights.c for the
 * gradients of parameters and on plan_memory.c for places. */
#include "autodiff/plan.h"

#include "base/number.h"
#include "tensor/gemm.h"

size_t vae__plan_max_samples(const vae__plan *plan, size_t rows) {
    size_t of_batch = plan->capacity * plan->samples / rows;
    size_t of_slice = plan->slice_rows * plan->samples;
    return of_batch < of_slice ? of_batch : of_slice;
}

/* Multiply-adds that make a range of rows worth another thread: about 10 microseconds of work. */
#define WORTH_A_THREAD 400000.0

size_t vae__plan_workers(const vae__plan *plan, size_t rows, size_t samples) {
    size_t workers = plan->threads;
    double worth =
        plan->work * (double)rows * (double)samples / (double)plan->samples / WORTH_A_THREAD;
    if (worth < (double)workers) workers = worth < 1 ? 1 : (size_t)worth;
    return workers < rows ? workers : rows;
}

/* Rows that one thread has at most. A run on few workers gives each less than twice the work that is worth a
 * thread, so every worker's rows fit one slice, whatever the capacity: a resumed training, which may have
 * planned another one, computes in the same slices. */
static size_t choose_slice_rows(const vae__plan *plan) {
    size_t rows = (plan->capacity + plan->threads - 1) / plan->threads;
    double few = 2 * WORTH_A_THREAD / (plan->work + 1) + 2;
    if (few >= (double)plan->capacity) return plan->capacity;
    return rows < (size_t)few ? (size_t)few : rows;
}

/* ---- bias fusion ---- */

/* Whether the node can add that bias: one value for each of its input's, or one for each channel. */
static int takes_bias(const vae__plan *plan, const vae__node *node, vae__id bias) {
    const vae__value *input = &plan->graph->values[node->inputs[0]];
    if (!(node->op->traits & VAE__OP_TAKES_BIAS)) return 0;
    return plan->graph->parameters->items[bias].rows >= input->width ||
           node->op->traits & VAE__OP_TAKES_CHANNEL_BIAS;
}

/* A layer whose only reader passes over its output anyway leaves the bias to that reader. */
static void fuse_biases(vae__plan *plan) {
    const vae__graph *graph = plan->graph;
    for (size_t i = 0; i < graph->node_count; i++) plan->bias_of[i] = VAE__NONE;
    for (size_t i = 0; i < graph->node_count; i++) {
        const vae__node *node = &graph->nodes[i];
        if (!(node->op->traits & VAE__OP_TAKES_BIAS)) continue;
        const vae__value *input = &graph->values[node->inputs[0]];
        if (input->producer == VAE__NONE || input->consumers != 1 || input->is_result) continue;
        const vae__node *producer = &graph->nodes[input->producer];
        if (!(producer->op->traits & VAE__OP_LEAVES_BIAS)) continue;
        vae__id bias = producer->parameters[producer->parameter_count - 1];
        if (!takes_bias(plan, node, bias)) continue;
        plan->bias_of[i] = bias;
        plan->skips_bias[input->producer] = 1;
    }
}

/* ---- the order of steps ---- */

/* Whether something before the node wants a gradient from it. */
static int is_wanted(const vae__plan *plan, const vae__node *node) {
    for (size_t i = 0; i < node->input_count; i++)
        if (plan->graph->values[node->inputs[i]].needs_gradient) return 1;
    for (size_t i = 0; i < node->parameter_count; i++)
        if (vae__graph_trains(plan->graph, node->parameters[i])) return 1;
    return 0;
}

/* Marks the nodes that a gradient comes through: from a node without outputs, which is an objective, back to
 * what it was computed from. */
static void mark_backward(vae__plan *plan) {
    const vae__graph *graph = plan->graph;
    for (size_t i = graph->node_count; plan->training && i-- > 0;) {
        const vae__node *node = &graph->nodes[i];
        int comes_through = node->output_count == 0;
        for (size_t j = 0; j < node->output_count; j++)
            comes_through |= plan->has_gradient[node->outputs[j]];
        if (!comes_through || !node->op->backward || !is_wanted(plan, node)) continue;
        plan->runs_backward[i] = 1;
        for (size_t j = 0; j < node->input_count; j++)
            plan->has_gradient[node->inputs[j]] =
                (unsigned char)graph->values[node->inputs[j]].needs_gradient;
    }
}

static void add_backward_steps(vae__plan *plan, int first) {
    for (size_t i = plan->graph->node_count; i-- > 0;) {
        int is_first = (plan->graph->nodes[i].op->traits & VAE__OP_GRADIENT_FIRST) != 0;
        if (is_first != first || !plan->runs_backward[i]) continue;
        plan->steps[plan->step_count++] = (vae__plan_step){.node = (vae__id)i, .backward = 1};
    }
}

/* Whether one of the steps before `end` has written the gradient of the node's output 0. */
static int gradient_is_known(const vae__plan *plan, const vae__node *node, size_t end) {
    if (!plan->has_gradient[node->outputs[0]]) return 0;
    for (size_t i = 0; i < end && plan->steps[i].backward; i++) {
        const vae__node *early = &plan->graph->nodes[plan->steps[i].node];
        for (size_t j = 0; j < early->input_count; j++)
            if (early->inputs[j] == node->outputs[0]) return 1;
    }
    return 0;
}

static void order_steps(vae__plan *plan) {
    const vae__graph *graph = plan->graph;
    add_backward_steps(plan, 1);
    size_t early = plan->step_count;
    for (size_t i = 0; i < graph->node_count; i++) {
        if (!graph->nodes[i].op->forward) continue;
        plan->steps[plan->step_count++] = (vae__plan_step){.node = (vae__id)i};
    }
    add_backward_steps(plan, 0);
    if (!plan->training) return;
    for (size_t i = early; i < plan->step_count; i++) {
        const vae__node *node = &graph->nodes[plan->steps[i].node];
        if (!(node->op->traits & VAE__OP_OVERWRITES_INPUT)) continue;
        plan->steps[i].gradient_known = gradient_is_known(plan, node, early);
    }
}

/* A step that no thread can do for its rows alone. */
static int runs_once(const vae__plan *plan, const vae__plan_step *step) {
    const vae__node *node = &plan->graph->nodes[step->node];
    const vae__value *values = plan->graph->values;
    if (!step->backward && node->op->traits & VAE__OP_REDUCE) return 1;
    for (size_t i = 0; i < node->input_count; i++) {
        const vae__value *in = &values[node->inputs[i]];
        if (step->backward && in->needs_gradient && vae__domain_is_fixed(in->domain)) return 1;
    }
    for (size_t i = 0; i < node->input_count; i++)
        if (!vae__domain_is_fixed(values[node->inputs[i]].domain)) return 0;
    for (size_t i = 0; i < node->output_count; i++)
        if (!vae__domain_is_fixed(values[node->outputs[i]].domain)) return 0;
    return node->input_count + node->output_count > 0;
}

static void cut_segments(vae__plan *plan) {
    for (size_t i = 0; i < plan->step_count; i++) {
        int once = runs_once(plan, &plan->steps[i]);
        vae__segment *last = plan->segment_count ? &plan->segments[plan->segment_count - 1] : NULL;
        if (last && !once && !last->once) {
            last->count++;
        } else {
            plan->segments[plan->segment_count++] = (vae__segment){i, 1, once};
        }
    }
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
        const vae__value *value = &graph->values[v];
        size_t each = vae__domain_is_fixed(value->domain) ? value->domain : 0;
        double bytes = (rows + (double)each) * (double)value->width * 8.0;
        if (bytes > 0x1p55) {
            return vae__fail(
                VAE_ERROR_MEMORY,
                "out of memory: %zu row%s of %zu values make more bytes than can be addressed",
                capacity, vae__plural(capacity), value->width);
        }
    }
    return VAE_OK;
}

static vae_status allocate_lists(vae__plan *plan) {
    vae_context *context = plan->graph->context;
    size_t values = plan->graph->value_count, nodes = plan->graph->node_count;
    plan->values = vae__allocate(context, values, sizeof *plan->values);
    plan->gradients = vae__allocate(context, values, sizeof *plan->gradients);
    plan->extras = vae__allocate(context, nodes * VAE__MAX_INPUTS, sizeof *plan->extras);
    plan->feeds = vae__allocate(context, values, sizeof *plan->feeds);
    plan->bias_of = vae__allocate(context, nodes, sizeof *plan->bias_of);
    plan->skips_bias = vae__allocate(context, nodes, sizeof *plan->skips_bias);
    plan->runs_backward = vae__allocate(context, nodes, 1);
    plan->has_gradient = vae__allocate(context, values, 1);
    plan->steps = vae__allocate(context, 2 * nodes, sizeof *plan->steps);
    plan->segments = vae__allocate(context, 2 * nodes, sizeof *plan->segments);
    plan->terms = vae__allocate(context, nodes * VAE__MAX_PARAMETERS, sizeof *plan->terms);
    plan->measured = vae__allocate(context, nodes, sizeof *plan->measured);
    int complete = plan->values && plan->gradients && plan->extras && plan->feeds &&
                   plan->bias_of && plan->skips_bias && plan->runs_backward && plan->has_gradient &&
                   plan->steps && plan->segments && plan->terms && plan->measured;
    return complete ? VAE_OK : vae__last_status();
}

static void note_feeds(vae__plan *plan) {
    for (size_t v = 0; v < plan->graph->value_count; v++) plan->feeds[v] = VAE__NOWHERE;
    for (size_t i = 0; i < plan->graph->input_count; i++) {
        vae__id input = plan->graph->inputs[i];
        plan->feeds[input] = i;
        if (vae__domain_is_fixed(plan->graph->values[input].domain)) plan->feeds_fixed = 1;
    }
}

static double work_of(const vae__plan *plan) {
    double work = 0;
    for (size_t i = 0; i < plan->graph->node_count; i++) {
        const vae__node *node = &plan->graph->nodes[i];
        if (!node->op->work) continue;
        const vae__value *in = &plan->graph->values[node->inputs[0]];
        work += node->op->work(plan->graph, node) *
                (double)vae__domain_rows(in->domain, 1, plan->samples);
    }
    return work * (plan->training ? 3 : 1);
}

vae_status vae__plan_make(const vae__graph *graph, size_t capacity, size_t samples, int training,
                          vae__plan *plan) {
    size_t threads = graph->context->threads;
    *plan = (vae__plan){.graph = graph,
                        .capacity = capacity,
                        .samples = samples,
                        .training = training,
                        .threads = threads};
    vae_status status = check_sizes(graph, capacity, samples);
    if (!status) status = allocate_lists(plan);
    if (!status) mark_backward(plan);
    if (!status && training) status = vae__plan_weights(plan);
    if (!status) {
        note_feeds(plan);
        fuse_biases(plan);
        order_steps(plan);
        cut_segments(plan);
        plan->work = work_of(plan);
        plan->slice_rows = choose_slice_rows(plan);
        status = vae__plan_memory(plan);
    }
    if (status) vae__plan_free(plan);
    return status;
}

void vae__plan_free(vae__plan *plan) {
    if (!plan->graph) return;
    vae_context *context = plan->graph->context;
    vae__release(context, plan->values);
    vae__release(context, plan->gradients);
    vae__release(context, plan->extras);
    vae__release(context, plan->feeds);
    vae__release(context, plan->bias_of);
    vae__release(context, plan->skips_bias);
    vae__release(context, plan->runs_backward);
    vae__release(context, plan->has_gradient);
    vae__release(context, plan->steps);
    vae__release(context, plan->segments);
    vae__release(context, plan->terms);
    vae__release(context, plan->measured);
    vae__release(context, plan->blocks);
    vae__release(context, plan->partials);
    *plan = (vae__plan){0};
}
