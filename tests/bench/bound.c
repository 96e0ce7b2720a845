#include "bound.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autodiff/blocks.h"
#include "base/threads.h"
#include "tensor/gemm.h"

vae__real *bench_values(size_t n, int fill) {
    size_t bytes = (n * sizeof(vae__real) + 63) / 64 * 64 + 64;
    vae__real *values = aligned_alloc(64, bytes);
    if (!values) {
        fprintf(stderr, "bench: out of memory: %zu bytes\n", bytes);
        exit(1);
    }
    for (size_t i = 0; i < bytes / sizeof *values; i++)
        values[i] = fill ? (vae__real)((i * 2654435761u >> 7) % 1000 + 1) / 1002 : 0;
    return values;
}

/* ---- from a plan ---- */

static vae__real *own(bench_bound *bound, size_t values) {
    vae__real *made = bench_values(values, 1);
    bound->owned[bound->owned_count++] = made;
    return made;
}

static int add_product(bench_bound *bound, const vae__node *node) {
    const vae__graph *graph = bound->plan->graph;
    const vae__value *in = &graph->values[node->inputs[0]];
    const vae__parameter *weight = &graph->parameters->items[node->parameters[0]];
    size_t before = bound->product_count,
           rows = vae__domain_rows(in->domain, bound->chunk, bound->plan->samples);
    if (before == BENCH_MOST_PRODUCTS) return 0;
    bench_product *p = &bound->products[bound->product_count++];
    *p = (bench_product){.weight = node->parameters[0],
                         .in = in->width,
                         .out = node->size,
                         .per_row = vae__domain_rows(in->domain, 1, bound->plan->samples),
                         .w = weight->values};
    int chained = before && bound->products[before - 1].out == p->in;
    p->x = chained ? bound->products[before - 1].y : own(bound, rows * p->in);
    p->y = own(bound, rows * p->out);
    if (bound->state && in->needs_gradient) p->dx = own(bound, rows * p->in);
    double products = bound->state ? 2 + (p->dx != NULL) : 1;
    bound->flops += products * 2 * (double)p->in * (double)p->out *
                    (double)vae__domain_rows(in->domain, bound->rows, bound->plan->samples);
    return 1;
}

static int add_convolution(bench_bound *bound, const vae__node *node, int transposed) {
    const vae__graph *graph = bound->plan->graph;
    const vae__value *in = &graph->values[node->inputs[0]];
    const vae__value *small = transposed ? in : &graph->values[node->outputs[0]];
    const vae__parameter *weight = &graph->parameters->items[node->parameters[0]];
    size_t samples = vae__domain_rows(in->domain, 1, bound->plan->samples);
    if (bound->convolution_count == BENCH_MOST_PRODUCTS) return 0;
    bench_convolution *c = &bound->convolutions[bound->convolution_count++];
    int back = bound->state && in->needs_gradient;
    *c = (bench_convolution){.weight = node->parameters[0],
                             .patch = weight->columns,
                             .maps = small->shape.extents[0],
                             .positions =
                                 small->shape.extents[1] * small->shape.extents[2] * samples,
                             .w = weight->values,
                             .gathers = transposed ? back : 1,
                             .scatters = transposed ? 1 : back,
                             .weights = bound->state != NULL};
    c->tile_positions = ((size_t)384 << 10) / (c->patch * sizeof *c->w);
    if (c->tile_positions < 256) c->tile_positions = 256;
    c->small = own(bound, bound->chunk * c->positions * c->maps);
    size_t tile = c->tile_positions * c->patch, kernel = vae__parameter_size(weight);
    if (tile > bound->largest_tile) bound->largest_tile = tile;
    if (kernel > bound->largest_kernel) bound->largest_kernel = kernel;
    bound->flops += (c->gathers + c->scatters + c->weights) * 2.0 * (double)kernel *
                    (double)c->positions * (double)bound->rows;
    return 1;
}

/* 1, or 0 if there is no room for the node's products. */
static int add_node(bench_bound *bound, const vae__node *node) {
    vae__domain domain = bound->plan->graph->values[node->inputs[0]].domain;
    if (node->input_count && vae__domain_is_fixed(domain))
        return 1; /* once a call, not once a row */
    if (!strcmp(node->op->name, "dense")) return add_product(bound, node);
    if (!strcmp(node->op->name, "conv")) return add_convolution(bound, node, 0);
    if (!strcmp(node->op->name, "deconv")) return add_convolution(bound, node, 1);
    return 1;
}

/* The last layer's delta takes the place of its output, as in the library. */
static void chain_deltas(bench_bound *bound) {
    for (size_t i = bound->product_count; bound->state && i-- > 0;) {
        bench_product *p = &bound->products[i], *after = p + 1;
        if (i + 1 == bound->product_count) {
            p->delta = p->y;
        } else if (after->in == p->out) {
            p->delta = after->dx;
        } else {
            p->delta = own(bound, bound->chunk * bound->plan->samples * p->out);
        }
    }
}

int bench_bound_make(const vae__plan *plan, const vae__optimizer_state *state, size_t rows,
                     bench_bound *bound) {
    const vae__graph *graph = plan->graph;
    size_t threads = graph->context->threads;
    *bound = (bench_bound){.context = graph->context,
                           .plan = plan,
                           .state = state,
                           .rows = rows,
                           .chunk = rows < plan->capacity ? rows : plan->capacity};
    bound->shares = threads < bound->chunk ? threads : bound->chunk;
    for (size_t i = 0; i < plan->step_count; i++) {
        const vae__node *node = &graph->nodes[plan->steps[i].node];
        if (plan->steps[i].backward || add_node(bound, node)) continue;
        bench_bound_free(bound);
        return 0;
    }
    chain_deltas(bound);
    bound->tiles = own(bound, bound->shares * bound->largest_tile);
    bound->sums = own(bound, bound->shares * bound->largest_kernel);
    if (state) bound->scratch = own(bound, bound->shares * plan->largest_block);
    return 1;
}

void bench_bound_free(bench_bound *bound) {
    for (size_t i = 0; i < bound->owned_count; i++) free(bound->owned[i]);
    *bound = (bench_bound){0};
}

/* ---- running ---- */

typedef struct bound_run {
    const bench_bound *bound;
    size_t rows; /* of this chunk */
    int passes;
    vae__blocks blocks;
} bound_run;

/* The products of the rows first .. first + rows - 1: those of a step's rows, or with `into` the gradient. */
static void run_convolution(const bench_bound *bound, const bench_convolution *c, size_t first,
                            size_t rows, vae__real *tile, vae__real *into) {
    const vae__kernels *kernels = bound->context->kernels;
    size_t total = rows * c->positions;
    for (size_t at = 0; at < total; at += c->tile_positions) {
        size_t n = total - at < c->tile_positions ? total - at : c->tile_positions;
        vae__real *small = c->small + (first * c->positions + at) * c->maps;
        if (into) {
            vae__gemm_weights(kernels, n, c->patch, c->maps, small, c->maps, tile, into, at > 0);
            continue;
        }
        for (int i = 0; i < c->scatters; i++)
            vae__gemm_backward(kernels, n, c->patch, c->maps, small, c->w, tile);
        for (int i = 0; i < c->gathers; i++)
            vae__gemm_forward(kernels, n, c->patch, c->maps, tile, c->w, small);
    }
}

void bench_run_convolution(const bench_bound *bound, size_t index) {
    const bench_convolution *c = &bound->convolutions[index];
    run_convolution(bound, c, 0, bound->rows, bound->tiles, NULL);
    if (c->weights) run_convolution(bound, c, 0, bound->rows, bound->tiles, bound->sums);
}

static void run_convolutions(const bound_run *run, size_t index, size_t shares, int gradients) {
    const bench_bound *bound = run->bound;
    size_t all = gradients ? bound->rows : run->rows, first = all * index / shares;
    vae__real *tile = bound->tiles + index * bound->largest_tile;
    vae__real *sums = bound->sums + index * bound->largest_kernel;
    for (size_t i = 0; i < bound->convolution_count; i++) {
        const bench_convolution *c = &bound->convolutions[i];
        if (gradients && !c->weights) continue;
        run_convolution(bound, c, first, all * (index + 1) / shares - first, tile,
                        gradients ? sums : NULL);
    }
}

static void rows_share(void *argument, size_t index, size_t shares) {
    const bound_run *run = argument;
    const bench_bound *bound = run->bound;
    const vae__kernels *kernels = bound->context->kernels;
    size_t first = run->rows * index / shares, rows = run->rows * (index + 1) / shares - first;
    int before = vae__gemm_begin_share();
    for (size_t i = 0; i < bound->product_count; i++) {
        const bench_product *p = &bound->products[i];
        size_t from = first * p->per_row;
        vae__gemm_forward(kernels, rows * p->per_row, p->in, p->out, p->x + from * p->in, p->w,
                          p->y + from * p->out);
    }
    for (size_t i = bound->product_count; bound->state && i-- > 0;) {
        const bench_product *p = &bound->products[i];
        if (!p->dx) continue;
        size_t from = first * p->per_row;
        vae__gemm_backward(kernels, rows * p->per_row, p->in, p->out, p->delta + from * p->out,
                           p->w, p->dx + from * p->in);
    }
    run_convolutions(run, index, shares, 0);
    vae__gemm_end_share(before);
}

/* Reads and writes a block's parameters and moments; times 1, so that the model stays as it is. */
static void pass_over(const bound_run *run, const vae__weight_block *block) {
    const vae__optimizer_state *state = run->bound->state;
    const vae__parameter *parameter = &run->bound->plan->graph->parameters->items[block->parameter];
    const vae__kernels *kernels = run->bound->context->kernels;
    size_t count = block->rows * parameter->columns;
    size_t first =
        (size_t)(parameter->values - state->parameters) + block->first_row * parameter->columns;
    kernels->scale(state->parameters + first, 1, count);
    for (size_t i = 0; i < VAE__MOST_MOMENTS; i++)
        kernels->scale(state->moments[i] + first, 1, count);
}

static void weight_share(void *argument, size_t index, size_t shares) {
    bound_run *run = argument;
    const bench_bound *bound = run->bound;
    vae__real *scratch = bound->scratch + index * bound->plan->largest_block;
    int before = vae__gemm_begin_share();
    size_t i;
    run_convolutions(run, index, shares, 1);
    while ((i = vae__blocks_take(&run->blocks, index)) != VAE__NOWHERE) {
        const vae__weight_block *block = &bound->plan->blocks[i];
        for (size_t j = 0; j < bound->product_count; j++) {
            const bench_product *p = &bound->products[j];
            if (p->weight != block->parameter) continue;
            vae__gemm_weights(bound->context->kernels, bound->rows * p->per_row, p->in, block->rows,
                              p->delta + block->first_row, p->out, p->x, scratch, 0);
        }
        if (run->passes) pass_over(run, block);
    }
    vae__gemm_end_share(before);
}

static void run_bound(const bench_bound *bound, int passes) {
    bound_run run;
    run.bound = bound;
    run.passes = passes;
    for (size_t first = 0; first < bound->rows; first += bound->chunk) {
        size_t left = bound->rows - first;
        run.rows = left < bound->chunk ? left : bound->chunk;
        vae__parallel(bound->context, rows_share, &run, bound->shares);
    }
    if (!bound->state) return;
    vae__blocks_begin(&run.blocks, bound->plan, bound->shares);
    vae__parallel(bound->context, weight_share, &run, bound->shares);
}

void bench_run_products(void *user) {
    run_bound(user, 0);
}

void bench_run_bound(void *user) {
    run_bound(user, 1);
}
