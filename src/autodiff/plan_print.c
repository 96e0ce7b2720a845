/* The plan as text, for people: one line a kernel call, one a weight block group. */
#include "autodiff/plan.h"

/* " @0" in the common part of the arena, " @@0" in a thread's own. */
static void print_place(const vae__place *place, vae__buffer *out) {
    if (place->offset == VAE__NOWHERE) return;
    vae__append(out, " %s%zu", place->is_local ? "@@" : "@", place->offset);
}

static void print_value(const vae__plan *plan, vae__id id, vae__buffer *out) {
    const vae__value *value = &plan->graph->values[id];
    char fixed[VAE__NUMBER_SIZE];
    vae__format(fixed, sizeof fixed, "%zu", value->domain);
    const char *rows = value->domain == VAE__PER_ROW      ? "n"
                       : value->domain == VAE__PER_SAMPLE ? "nK"
                                                          : fixed;
    vae__append(out, " %s [%s, %zu]", value->name, rows, value->width);
    print_place(&plan->values[id], out);
}

static void print_forward(const vae__plan *plan, vae__id id, vae__buffer *out) {
    const vae__node *node = &plan->graph->nodes[id];
    vae__append(out, "    %s%s", plan->bias_of[id] != VAE__NONE ? "bias + " : "", node->op->name);
    if (node->op->traits & VAE__OP_OVERWRITES_INPUT && plan->training)
        vae__append(out, " + its gradient");
    vae__append(out, ":");
    for (size_t i = 0; i < node->input_count; i++) print_value(plan, node->inputs[i], out);
    vae__append(out, " ->");
    for (size_t i = 0; i < node->output_count; i++) print_value(plan, node->outputs[i], out);
    vae__append(out, "\n");
}

static void print_backward(const vae__plan *plan, vae__id id, vae__buffer *out) {
    const vae__node *node = &plan->graph->nodes[id];
    vae__append(out, "    %s backward:", node->op->name);
    for (size_t i = 0; i < node->input_count; i++) {
        if (!plan->graph->values[node->inputs[i]].needs_gradient) continue;
        vae__append(out, " d %s", plan->graph->values[node->inputs[i]].name);
        print_place(&plan->gradients[node->inputs[i]], out);
    }
    vae__append(out, "\n");
}

static void print_blocks(const vae__plan *plan, vae__buffer *out) {
    for (size_t i = 0; i < plan->block_count;) {
        const vae__weight_block *block = &plan->blocks[i];
        const vae__parameter *parameter = &plan->graph->parameters->items[block->parameter];
        size_t pieces = 0;
        for (; i < plan->block_count && plan->blocks[i].parameter == block->parameter; i++)
            pieces++;
        vae__append(
            out,
            "    %s [%zu, %zu] in %zu block%s of %zu row%s, gradient and update while in cache\n",
            parameter->name, parameter->rows, parameter->columns, pieces, vae__plural(pieces),
            block->rows, vae__plural(block->rows));
    }
}

void vae__plan_print(const vae__plan *plan, vae__buffer *out) {
    vae__append(out, "rows n <= %zu, samples K = %zu, arena %zu bytes", plan->capacity,
                plan->samples, plan->arena_size);
    if (plan->local_size)
        vae__append(out, ", of them %zu for each of %zu thread%s (@@)", plan->local_size,
                    plan->threads, vae__plural(plan->threads));
    vae__append(out, "\n");
    for (size_t s = 0; s < plan->segment_count; s++) {
        const vae__segment *segment = &plan->segments[s];
        vae__append(out, "  segment %zu (%s)\n", s + 1,
                    segment->once ? "all rows at once" : "each range of rows");
        for (size_t i = segment->first; i < segment->first + segment->count; i++) {
            const vae__plan_step *step = &plan->steps[i];
            if (step->backward) {
                print_backward(plan, step->node, out);
            } else {
                print_forward(plan, step->node, out);
            }
        }
    }
    if (plan->training) {
        vae__append(out, "  weights\n");
        print_blocks(plan, out);
    }
}
