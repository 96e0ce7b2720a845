/* What the weight phase of a plan computes: for each trained parameter the nodes that contribute to its
 * gradient, cut into blocks of whole rows; and which gradients are first summed over chunks of batch rows.
 * Relies on the ops' traits. Terms and blocks are sorted by parameter. */
#include "autodiff/plan.h"

/* Values of a weight block: 256 KiB of float, so that the block of the gradient and what an optimizer adds to
 * it stay in the second-level cache. */
#define BLOCK_VALUES 65536

/* Bytes of a parameter from which its gradient is cut by its own rows after all: partial sums of it would take
 * more memory than they save time. */
#define PARTIAL_BYTES ((size_t)1 << 20)

/* The same where an op chooses its chunks: it makes few of them for a large parameter. */
#define CHOSEN_PARTIAL_BYTES ((size_t)4 << 20)

/* Rows of a block of a parameter that is larger than that. */
#define LEAST_ROWS 64

static void collect_terms(vae__plan *plan, vae__id parameter) {
    const vae__graph *graph = plan->graph;
    for (size_t i = 0; i < graph->node_count; i++) {
        const vae__node *node = &graph->nodes[i];
        if (!plan->runs_backward[i] || !node->op->gradient) continue;
        for (size_t j = 0; j < node->parameter_count; j++) {
            if (node->parameters[j] != parameter) continue;
            plan->terms[plan->term_count++] = (vae__term){parameter, (vae__id)i, j, 0};
        }
    }
}

static const vae__op *op_of(const vae__plan *plan, size_t term) {
    return plan->graph->nodes[plan->terms[term].node].op;
}

/* Whether every contribution to the parameter can be summed by rows of the batch. */
static int sums_by_rows(const vae__plan *plan, size_t first_term) {
    size_t i = first_term;
    while (i < plan->term_count && op_of(plan, i)->traits & VAE__OP_GRADIENT_BY_ROWS) i++;
    return i == plan->term_count;
}

/* Whether partial sums of the parameter would be too large. */
static int is_too_large(const vae__plan *plan, vae__id id, size_t first_term) {
    size_t bytes = vae__parameter_size(&plan->graph->parameters->items[id]) * sizeof(vae__real);
    return bytes > (op_of(plan, first_term)->chunk ? CHOSEN_PARTIAL_BYTES : PARTIAL_BYTES);
}

/* Blocks of about equal height, none over BLOCK_VALUES where a single row is not. Where contributions by rows
 * of the batch are cut after all, each block has them do their work on those rows again: then blocks are
 * LEAST_ROWS high. */
static void cut_blocks(vae__plan *plan, vae__id id, size_t first_term) {
    const vae__parameter *parameter = &plan->graph->parameters->items[id];
    size_t size = vae__parameter_size(parameter), pieces = (size + BLOCK_VALUES - 1) / BLOCK_VALUES;
    size_t rows = (parameter->rows + pieces - 1) / pieces;
    int is_cut_again = is_too_large(plan, id, first_term) && op_of(plan, first_term)->chunk;
    if (is_cut_again && rows < LEAST_ROWS) rows = LEAST_ROWS;
    for (size_t first = 0; first < parameter->rows; first += rows) {
        size_t height = parameter->rows - first < rows ? parameter->rows - first : rows;
        size_t values = height * parameter->columns;
        if (plan->blocks) {
            plan->blocks[plan->block_count] =
                (vae__weight_block){.parameter = id,
                                    .first_row = first,
                                    .rows = height,
                                    .first_term = first_term,
                                    .term_count = plan->term_count - first_term,
                                    .partial = VAE__NOWHERE};
        }
        if (values > plan->largest_block) plan->largest_block = values;
        plan->block_count++;
    }
}

/* The fewest rows that a contribution wants in a chunk. */
static size_t chunk_rows(const vae__plan *plan, size_t first_term) {
    size_t rows = VAE__CHUNK_ROWS;
    for (size_t i = first_term; i < plan->term_count; i++) {
        const vae__node *node = &plan->graph->nodes[plan->terms[i].node];
        size_t own = node->op->chunk ? node->op->chunk(plan->graph, node) : VAE__CHUNK_ROWS;
        if (own < rows) rows = own;
    }
    return rows;
}

/* Where every contribution can be summed by rows. */
static void note_partial(vae__plan *plan, vae__id id, size_t first_term) {
    if (is_too_large(plan, id, first_term) || !sums_by_rows(plan, first_term)) return;
    if (plan->partials) {
        plan->partials[plan->partial_count] =
            (vae__partial){.parameter = id,
                           .first_term = first_term,
                           .term_count = plan->term_count - first_term,
                           .chunk_rows = chunk_rows(plan, first_term),
                           .offset = VAE__NOWHERE};
    }
    plan->partial_count++;
}

/* Counts, or fills the lists where they are there. */
static void list_parameters(vae__plan *plan) {
    const vae__parameters *parameters = plan->graph->parameters;
    plan->term_count = plan->block_count = plan->partial_count = 0;
    for (size_t p = 0; p < parameters->count; p++) {
        size_t first_term = plan->term_count;
        if (!vae__graph_trains(plan->graph, (vae__id)p)) continue;
        collect_terms(plan, (vae__id)p);
        if (plan->term_count == first_term) continue;
        cut_blocks(plan, (vae__id)p, first_term);
        note_partial(plan, (vae__id)p, first_term);
    }
}

static void list_measured(vae__plan *plan) {
    for (size_t i = 0; i < plan->graph->node_count; i++) {
        int has_term = 0;
        for (size_t j = 0; j < plan->term_count; j++) {
            if (plan->terms[j].node != i) continue;
            plan->terms[j].measured = plan->measured_count;
            has_term = 1;
        }
        if (has_term) plan->measured[plan->measured_count++] = (vae__id)i;
    }
}

vae_status vae__plan_weights(vae__plan *plan) {
    vae_context *context = plan->graph->context;
    list_parameters(plan);
    plan->blocks = vae__allocate(context, plan->block_count, sizeof *plan->blocks);
    plan->partials = vae__allocate(context, plan->partial_count, sizeof *plan->partials);
    if (!plan->blocks || !plan->partials) return vae__last_status();
    list_parameters(plan);
    list_measured(plan);
    return VAE_OK;
}
