/* Building a graph: lists that grow, and for each value who makes it and who reads it. Relies on an op's
 * infer for shapes. A call that fails leaves the graph as it was, except that its lists may have grown. */
#include "autodiff/graph.h"

#include <string.h>

void vae__graph_begin(vae__graph *graph, vae_context *context, const vae__parameters *parameters) {
    *graph = (vae__graph){.context = context, .parameters = parameters, .trained = ~0u};
}

void vae__graph_free(vae__graph *graph) {
    if (!graph->context) return;
    vae__release(graph->context, graph->values);
    vae__release(graph->context, graph->nodes);
    *graph = (vae__graph){0};
}

static vae_status add_value(vae__graph *graph, const vae__value *value, vae__id *id) {
    if (graph->value_count == graph->value_capacity) {
        size_t capacity = graph->value_capacity * 2 + 32;
        void *values = vae__reallocate(graph->context, graph->values,
                                       graph->value_count * sizeof *graph->values, capacity,
                                       sizeof *graph->values);
        if (!values) return vae__last_status();
        graph->values = values;
        graph->value_capacity = capacity;
    }
    vae__value *made = &graph->values[graph->value_count];
    *made = *value;
    made->width = value->shape.size;
    *id = (vae__id)graph->value_count++;
    return VAE_OK;
}

vae_status vae__graph_input(vae__graph *graph, const char *name, const vae__shape *shape,
                            vae__domain domain, vae__id *value) {
    if (graph->input_count == VAE__MAX_INPUTS)
        return vae__fail(VAE_ERROR_INTERNAL, "a graph has too many inputs");
    vae__value made = {.name = name, .shape = *shape, .domain = domain, .producer = VAE__NONE};
    vae_status status = add_value(graph, &made, value);
    if (!status) graph->inputs[graph->input_count++] = *value;
    return status;
}

int vae__graph_trains(const vae__graph *graph, vae__id parameter) {
    const vae__parameter *p = &graph->parameters->items[parameter];
    return p->trainable && (p->group & graph->trained);
}

/* Whether training changes a parameter of the node. */
static int is_trained(const vae__graph *graph, const vae__node *node) {
    for (size_t i = 0; i < node->parameter_count; i++) {
        if (vae__graph_trains(graph, node->parameters[i])) return 1;
    }
    return 0;
}

static vae_status add_output(vae__graph *graph, vae__node *node, vae__value *made) {
    made->producer = (vae__id)graph->node_count;
    made->needs_gradient = is_trained(graph, node);
    for (size_t i = 0; i < node->input_count; i++) {
        if (graph->values[node->inputs[i]].needs_gradient) made->needs_gradient = 1;
    }
    if (!node->op->backward) made->needs_gradient = 0;
    return add_value(graph, made, &node->outputs[node->output_count++]);
}

vae_status vae__graph_output(vae__graph *graph, vae__node *node, const char *name,
                             const vae__shape *shape, vae__domain domain, int is_double) {
    vae__value made = {.name = name, .shape = *shape, .domain = domain, .is_double = is_double};
    return add_output(graph, node, &made);
}

vae_status vae__graph_output_vector(vae__graph *graph, vae__node *node, const char *name,
                                    size_t width, vae__domain domain, int is_double) {
    const vae__shape shape = vae__shape_vector(width);
    return vae__graph_output(graph, node, name, &shape, domain, is_double);
}

vae_status vae__graph_output_like(vae__graph *graph, vae__node *node, const char *name,
                                  vae__id like) {
    const vae__value *value = &graph->values[like];
    vae__value made = {.name = name,
                       .shape = value->shape,
                       .domain = value->domain,
                       .layout = value->layout,
                       .is_double = value->is_double};
    return add_output(graph, node, &made);
}

vae_status vae__graph_add(vae__graph *graph, const vae__node_spec *spec, vae__id *first_output) {
    if (graph->node_count == graph->node_capacity) {
        size_t capacity = graph->node_capacity * 2 + 16;
        void *nodes =
            vae__reallocate(graph->context, graph->nodes, graph->node_count * sizeof *graph->nodes,
                            capacity, sizeof *graph->nodes);
        if (!nodes) return vae__last_status();
        graph->nodes = nodes;
        graph->node_capacity = capacity;
    }
    vae__node node = {.op = spec->op,
                      .attributes = spec->attributes,
                      .size = spec->size,
                      .window = spec->window,
                      .input_count = spec->input_count,
                      .parameter_count = spec->parameter_count};
    memcpy(node.inputs, spec->inputs, sizeof node.inputs);
    memcpy(node.parameters, spec->parameters, sizeof node.parameters);
    vae_status status = spec->op->infer(graph, &node);
    if (status) return status;
    for (size_t i = 0; i < node.input_count; i++) graph->values[node.inputs[i]].consumers++;
    graph->nodes[graph->node_count++] = node;
    *first_output = node.output_count ? node.outputs[0] : VAE__NONE;
    return VAE_OK;
}

vae_status vae__graph_result(vae__graph *graph, const char *name, vae__id value) {
    if (graph->result_count == VAE__MAX_RESULTS)
        return vae__fail(VAE_ERROR_INTERNAL, "a graph has too many results");
    graph->results[graph->result_count++] = (vae__result){name, value};
    graph->values[value].is_result = 1;
    return VAE_OK;
}

/* Most names differ in their first letter, which saves the call: results are read after every step. */
static int same_name(const char *a, const char *b) {
    return a == b || (*a == *b && !strcmp(a, b)); /* mostly the same literal */
}

vae__id vae__graph_find_result(const vae__graph *graph, const char *name) {
    for (size_t i = 0; i < graph->result_count; i++) {
        if (same_name(graph->results[i].name, name)) return graph->results[i].value;
    }
    return VAE__NONE;
}

vae__id vae__graph_find_input(const vae__graph *graph, const char *name) {
    for (size_t i = 0; i < graph->input_count; i++) {
        if (same_name(graph->values[graph->inputs[i]].name, name)) return graph->inputs[i];
    }
    return VAE__NONE;
}
