/* Gives every buffer of a plan its place in the arena; the picture and its invariants are in plan.h. Relies on
 * the order of the steps and on the traits of ops, which say what backward reads and what may share memory.
 *
 * Buffer v holds value v, buffer V + v its gradient, buffer 2 V + node * VAE__MAX_INPUTS + i an extra gradient.
 * Then come the weight phase's blocks and the partial sums. home[b] is the buffer whose bytes b uses: an op in
 * place has its output there where its input was. */
#include <string.h>

#include "autodiff/arena.h"
#include "autodiff/plan.h"

/* Times: 0 is feeding, i + 1 is step i, step_count + 1 is what follows the last step: the weight phase, and
 * the caller's reading of results. */
typedef struct buffers {
    vae__plan *plan;
    size_t values; /* V */
    size_t count;
    size_t *home;
    unsigned char *is_local;
    unsigned char *written; /* [V] while lifetimes are found: a step has written this gradient */
    vae__lifetime *lifetimes, *part;
} buffers;

static const vae__value *value_of(const vae__plan *plan, vae__id id) {
    return &plan->graph->values[id];
}

/* ---- which buffers share bytes ---- */

static int same_shape(const vae__value *a, const vae__value *b) {
    return a->width == b->width && a->domain == b->domain && a->is_double == b->is_double;
}

/* Whether backward reads output number i of the node. */
static int keeps_output(const vae__node *node, size_t i) {
    return node->op->traits & VAE__OP_KEEPS_OUTPUT &&
           (i || !(node->op->traits & VAE__OP_NEVER_FIRST));
}

static void place_outputs_on_inputs(buffers *b) {
    const vae__graph *graph = b->plan->graph;
    for (size_t i = 0; i < graph->node_count; i++) {
        const vae__node *node = &graph->nodes[i];
        if (!(node->op->traits & VAE__OP_IN_PLACE)) continue;
        const vae__value *in = value_of(b->plan, node->inputs[0]),
                         *out = value_of(b->plan, node->outputs[0]);
        if (in->producer == VAE__NONE || in->consumers != 1 || in->is_result ||
            !same_shape(in, out))
            continue;
        if (b->plan->training && keeps_output(&graph->nodes[in->producer], 0)) continue;
        b->home[node->outputs[0]] = b->home[node->inputs[0]];
    }
}

static void place_gradients(buffers *b) {
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

/* ---- lifetimes ---- */

static void use(buffers *b, size_t buffer, size_t time) {
    vae__lifetime *life = &b->lifetimes[b->home[buffer]];
    if (time < life->first) life->first = time;
    if (time > life->last) life->last = time;
}

static void use_all(buffers *b, const vae__id *values, size_t count, size_t time) {
    for (size_t i = 0; i < count; i++) use(b, values[i], time);
}

/* The first reader of a value to write its gradient writes it in place; later ones write beside it, to be
 * added. */
static void use_gradients(buffers *b, const vae__plan_step *step, size_t time) {
    const vae__node *node = &b->plan->graph->nodes[step->node];
    for (size_t i = 0; i < node->output_count; i++) {
        if (b->plan->has_gradient[node->outputs[i]]) use(b, b->values + node->outputs[i], time);
    }
    for (size_t i = 0; i < node->input_count; i++) {
        vae__id in = node->inputs[i];
        size_t extra = 2 * b->values + (size_t)step->node * VAE__MAX_INPUTS + i;
        if (!value_of(b->plan, in)->needs_gradient) continue;
        use(b, b->values + in, time);
        if (b->written[in]) use(b, extra, time);
        b->written[in] = 1;
    }
}

/* What `gradient` and `measure` of a node read, once all rows are done. */
static void use_for_weights(buffers *b, const vae__node *node, size_t time) {
    if (node->op->traits & VAE__OP_GRADIENT_READS_INPUT)
        use_all(b, node->inputs, node->input_count, time);
    size_t first = node->op->traits & VAE__OP_NEVER_FIRST ? 1 : 0;
    if (node->op->traits & VAE__OP_GRADIENT_READS_OUTPUT)
        use_all(b, node->outputs + first, node->output_count - first, time);
    for (size_t i = 0; i < node->output_count; i++) {
        if (node->op->traits & VAE__OP_GRADIENT_READS_DELTA &&
            b->plan->has_gradient[node->outputs[i]])
            use(b, b->values + node->outputs[i], time);
    }
}

static void find_lifetimes(buffers *b) {
    const vae__plan *plan = b->plan;
    const vae__graph *graph = plan->graph;
    size_t end = plan->step_count + 1;
    use_all(b, graph->inputs, graph->input_count, 0);
    for (size_t i = 0; i < plan->step_count; i++) {
        const vae__plan_step *step = &plan->steps[i];
        const vae__node *node = &graph->nodes[step->node];
        if (!step->backward || node->op->traits & VAE__OP_KEEPS_INPUT)
            use_all(b, node->inputs, node->input_count, i + 1);
        for (size_t k = 0; k < node->output_count; k++)
            if (!step->backward || keeps_output(node, k)) use(b, node->outputs[k], i + 1);
        if (step->backward) use_gradients(b, step, i + 1);
    }
    for (size_t v = 0; v < b->values; v++) {
        if (graph->values[v].is_result) use(b, v, end);
    }
    for (size_t i = 0; i < plan->measured_count; i++)
        use_for_weights(b, &graph->nodes[plan->measured[i]], end);
    for (size_t i = b->count - 1 - plan->partial_count; i < b->count; i++) use(b, i, end);
}

/* ---- common or local ---- */

/* The segment in which a time lies; feeding belongs to the first one, unless that runs once. segment_count:
 * after all of them; VAE__NOWHERE: before. */
static size_t segment_of(const vae__plan *plan, size_t time) {
    size_t i = 0;
    if (time == 0) return plan->segment_count && !plan->segments[0].once ? 0 : VAE__NOWHERE;
    while (i < plan->segment_count && time > plan->segments[i].first + plan->segments[i].count) i++;
    return i;
}

static int is_used(const vae__lifetime *life) {
    return life->first <= life->last;
}

static void choose_locals(buffers *b) {
    const vae__plan *plan = b->plan;
    for (size_t i = 0; i < b->count; i++) {
        const vae__lifetime *life = &b->lifetimes[i];
        if (b->home[i] != i || !is_used(life)) continue;
        size_t first = segment_of(plan, life->first), last = segment_of(plan, life->last);
        b->is_local[i] =
            first == last && first < plan->segment_count && !plan->segments[first].once;
    }
}

/* A common buffer that several threads use in a segment is in use from the segment's start to its end. */
static void extend(const vae__plan *plan, vae__lifetime *life) {
    size_t first = segment_of(plan, life->first), last = segment_of(plan, life->last);
    if (plan->threads == 1) return;
    if (first < plan->segment_count) life->first = first ? plan->segments[first].first + 1 : 0;
    if (last < plan->segment_count)
        life->last = plan->segments[last].first + plan->segments[last].count;
}

/* ---- sizes and places ---- */

static void size_value(const buffers *b, size_t v) {
    const vae__plan *plan = b->plan;
    const vae__value *value = value_of(plan, (vae__id)v);
    for (size_t i = 0; i < 2; i++) {
        size_t buffer = v + i * b->values,
               row = i ? value->width * sizeof(vae__real) : vae__value_row_bytes(value);
        size_t rows = b->is_local[b->home[buffer]] ? plan->slice_rows : plan->capacity;
        b->lifetimes[buffer].bytes = vae__domain_rows(value->domain, rows, plan->samples) * row;
    }
}

static void size_extras(const buffers *b) {
    const vae__plan *plan = b->plan;
    for (size_t i = 0; i < plan->graph->node_count * VAE__MAX_INPUTS; i++) {
        const vae__node *node = &plan->graph->nodes[i / VAE__MAX_INPUTS];
        size_t input = i % VAE__MAX_INPUTS, buffer = 2 * b->values + i;
        if (input >= node->input_count) continue;
        const vae__value *value = value_of(plan, node->inputs[input]);
        size_t rows = b->is_local[buffer] ? plan->slice_rows : plan->capacity;
        b->lifetimes[buffer].bytes =
            vae__domain_rows(value->domain, rows, plan->samples) * value->width * sizeof(vae__real);
    }
}

static void size_weight_phase(const buffers *b) {
    const vae__plan *plan = b->plan;
    size_t first = b->count - 1 - plan->partial_count;
    b->lifetimes[first].bytes = plan->threads * plan->largest_block * sizeof(vae__real);
    for (size_t i = 0; i < plan->partial_count; i++) {
        const vae__parameter *parameter =
            &plan->graph->parameters->items[plan->partials[i].parameter];
        size_t each = plan->partials[i].chunk_rows, chunks = (plan->capacity + each - 1) / each;
        b->lifetimes[first + 1 + i].bytes =
            chunks * vae__parameter_size(parameter) * sizeof(vae__real);
    }
}

/* Places all local buffers, or all common ones, beside each other. */
static vae_status place_part(buffers *b, int local, size_t *size) {
    for (size_t i = 0; i < b->count; i++) {
        b->part[i] = b->lifetimes[i];
        if (b->home[i] != i || b->is_local[i] != local) b->part[i].bytes = 0;
        if (!local && is_used(&b->part[i])) extend(b->plan, &b->part[i]);
    }
    vae_status status = vae__arena_place(b->plan->graph->context, b->part, b->count, size);
    for (size_t i = 0; !status && i < b->count; i++) {
        if (b->home[i] == i && b->is_local[i] == local) b->lifetimes[i].offset = b->part[i].offset;
    }
    return status;
}

static vae__place place_of(const buffers *b, size_t buffer) {
    size_t home = b->home[buffer];
    return (vae__place){b->lifetimes[home].offset, b->is_local[home]};
}

static void read_places(const buffers *b) {
    vae__plan *plan = b->plan;
    size_t weights = b->count - 1 - plan->partial_count;
    for (size_t v = 0; v < b->values; v++) {
        plan->values[v] = place_of(b, v);
        plan->gradients[v] = place_of(b, b->values + v);
    }
    for (size_t i = 0; i < plan->graph->node_count * VAE__MAX_INPUTS; i++)
        plan->extras[i] = place_of(b, 2 * b->values + i);
    plan->block_offset = b->lifetimes[weights].offset;
    for (size_t i = 0; i < plan->partial_count; i++)
        plan->partials[i].offset = b->lifetimes[weights + 1 + i].offset;
    for (size_t i = 0; i < plan->block_count; i++) {
        plan->blocks[i].partial = VAE__NOWHERE;
        for (size_t j = 0; j < plan->partial_count; j++)
            if (plan->partials[j].parameter == plan->blocks[i].parameter)
                plan->blocks[i].partial = j;
    }
}

static size_t scratch_of(const vae__plan *plan) {
    size_t bytes = 0;
    for (size_t i = 0; i < plan->graph->node_count; i++) {
        const vae__node *node = &plan->graph->nodes[i];
        size_t own = node->op->scratch ? node->op->scratch(plan->graph, node) : 0;
        if (own > bytes) bytes = own;
    }
    return (bytes + 63) / 64 * 64;
}

/* In the order that each needs: who shares, how long, where, how large, at which offset. */
static vae_status place_all(buffers *b) {
    vae__plan *plan = b->plan;
    for (size_t i = 0; i < b->count; i++) {
        b->home[i] = i;
        b->lifetimes[i] = (vae__lifetime){.first = SIZE_MAX, .offset = VAE__NOWHERE};
    }
    place_outputs_on_inputs(b);
    if (plan->training) place_gradients(b);
    find_lifetimes(b);
    choose_locals(b);
    for (size_t v = 0; v < b->values; v++) size_value(b, v);
    size_extras(b);
    size_weight_phase(b);
    vae_status status = place_part(b, 0, &plan->common_size);
    if (!status) status = place_part(b, 1, &plan->local_size);
    if (status) return status;
    read_places(b);
    plan->scratch_size = scratch_of(plan);
    plan->arena_size = plan->common_size + plan->threads * (plan->local_size + plan->scratch_size);
    return VAE_OK;
}

vae_status vae__plan_memory(vae__plan *plan) {
    vae_context *context = plan->graph->context;
    size_t values = plan->graph->value_count;
    buffers b = {.plan = plan,
                 .values = values,
                 .count = 2 * values + plan->graph->node_count * VAE__MAX_INPUTS + 1 +
                          plan->partial_count};
    b.written = vae__allocate(context, values, 1);
    b.is_local = vae__allocate(context, b.count, 1);
    b.home = vae__allocate(context, b.count, sizeof *b.home);
    b.lifetimes = vae__allocate(context, b.count, sizeof *b.lifetimes);
    b.part = vae__allocate(context, b.count, sizeof *b.part);
    vae_status status = b.written && b.is_local && b.home && b.lifetimes && b.part
                            ? place_all(&b)
                            : vae__last_status();
    vae__release(context, b.part);
    vae__release(context, b.lifetimes);
    vae__release(context, b.home);
    vae__release(context, b.is_local);
    vae__release(context, b.written);
    return status;
}
