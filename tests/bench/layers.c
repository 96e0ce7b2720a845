#include "layers.h"

#include <stdlib.h>
#include <string.h>

#include "bound.h"
#include "tensor/convolution.h"

/* One convolution with buffers of its own. A step asks for three results of it; the gradient of the data is not
 * asked for behind the input. */
typedef struct layer {
    const char *name;
    const bench_bound *bound;
    size_t index; /* of the bound's convolutions */
    vae__convolution convolution;
    const bench_convolution *asked;
    vae__real *large, *small, *gradient; /* gradient: of the weights */
    bench_contender time, products;
} layer;

static void run_layer(void *user) {
    const layer *l = user;
    const vae__convolution *c = &l->convolution;
    for (int i = 0; i < l->asked->gathers; i++) vae__convolve(c, l->large, l->small);
    vae__convolve_weights(c, l->large, l->small, 0, c->maps, l->gradient, 0);
    for (int i = 0; i < l->asked->scatters; i++) vae__convolve_back(c, l->small, l->large);
}

static void run_layer_products(void *user) {
    const layer *l = user;
    bench_run_convolution(l->bound, l->index);
}

/* ---- from a plan ---- */

static void make_layer(const bench_bound *bound, const vae__node *node, size_t index, layer *l) {
    const vae__graph *graph = bound->plan->graph;
    const vae__value *in = &graph->values[node->inputs[0]];
    const vae__value *out = &graph->values[node->outputs[0]];
    int transposed = !strcmp(node->op->name, "deconv");
    const vae__value *large = transposed ? out : in, *small = transposed ? in : out;
    const vae__parameter *weight = &graph->parameters->items[node->parameters[0]];
    *l = (layer){
        .name = weight->name, .bound = bound, .index = index, .asked = &bound->convolutions[index]};
    l->convolution = (vae__convolution){.kernels = bound->context->kernels,
                                        .geometry = {.window = node->window,
                                                     .channels = large->shape.extents[0],
                                                     .height = large->shape.extents[1],
                                                     .width = large->shape.extents[2],
                                                     .out_height = small->shape.extents[1],
                                                     .out_width = small->shape.extents[2]},
                                        .maps = small->shape.extents[0],
                                        .images = bound->rows,
                                        .weight = weight->values};
    size_t tile = vae__convolution_scratch(&l->convolution.geometry) / sizeof(vae__real);
    l->convolution.tile = bench_values(tile, 0);
    l->large = bench_values(bound->rows * large->width, 1);
    l->small = bench_values(bound->rows * small->width, 1);
    l->gradient = bench_values(vae__parameter_size(weight), 0);
    l->time = (bench_contender){.run = run_layer, .user = l};
    l->products = (bench_contender){.run = run_layer_products, .user = l};
}

static void free_layer(layer *l) {
    free(l->convolution.tile);
    free(l->large);
    free(l->small);
    free(l->gradient);
}

/* In the order of the bound's convolutions. */
static size_t make_layers(const bench_bound *bound, layer *layers) {
    const vae__plan *plan = bound->plan;
    size_t count = 0;
    for (size_t i = 0; i < plan->step_count; i++) {
        const vae__node *node = &plan->graph->nodes[plan->steps[i].node];
        int is_one = !strcmp(node->op->name, "conv") || !strcmp(node->op->name, "deconv");
        if (plan->steps[i].backward || !is_one) continue;
        make_layer(bound, node, count, &layers[count]);
        count++;
    }
    return count;
}

/* ---- measuring and printing ---- */

static double flops(const layer *l) {
    const bench_convolution *c = l->asked;
    return (c->gathers + c->scatters + c->weights) * 2.0 * (double)c->patch * (double)c->maps *
           (double)c->positions * (double)l->bound->rows;
}

static void print_layer(const bench_plan *plan, const layer *l) {
    const vae__geometry *g = &l->convolution.geometry;
    double time = bench_summarize(l->time.seconds, plan->repetitions).median;
    double products = bench_summarize(l->products.seconds, plan->repetitions).median;
    bench_summary ratio = bench_ratio(plan, &l->time, &l->products);
    char shapes[64];
    snprintf(shapes, sizeof shapes, "%zux%zux%zu, %zux%zux%zu", g->channels, g->height, g->width,
             l->convolution.maps, g->out_height, g->out_width);
    printf("  %-18s %-26s %8.3f %8.3f %6.2f [%.2f .. %.2f] %6.0f\n", l->name, shapes, 1e3 * time,
           1e3 * products, ratio.median, ratio.lower, ratio.upper, 1e-9 * flops(l) / time);
}

static void print_layers(const bench_plan *plan, const layer *layers, size_t count,
                         const bench_contender *step) {
    double time = 0, products = 0;
    for (size_t i = 0; i < count; i++) {
        print_layer(plan, &layers[i]);
        time += bench_summarize(layers[i].time.seconds, plan->repetitions).median;
        products += bench_summarize(layers[i].products.seconds, plan->repetitions).median;
    }
    printf("  %-45s %8.3f %8.3f %6.2f\n  %-45s %8.3f\n", "all convolutions", 1e3 * time,
           1e3 * products, time / products, "whole step",
           1e3 * bench_summarize(step->seconds, plan->repetitions).median);
}

static void measure(const bench_plan *plan, bench_subject *subject, const bench_bound *bound) {
    static layer layers[BENCH_MOST_PRODUCTS];
    bench_contender step = {.run = bench_run_step, .user = subject};
    bench_contender *alone = &step;
    size_t count = make_layers(bound, layers);
    for (size_t i = 0; i < count; i++) {
        bench_contender *pair[] = {&layers[i].time, &layers[i].products};
        bench_measure(plan, pair, 2);
    }
    bench_measure(plan, &alone, 1);
    print_layers(plan, layers, count, &step);
    for (size_t i = 0; i < count; i++) free_layer(&layers[i]);
}

int bench_print_layers(const bench_plan *plan, const bench_network *network, size_t batch) {
    bench_subject subject;
    bench_bound bound;
    int made = bench_subject_make(network, 1, batch, &subject);
    const vae__optimizer_state *state = made ? &subject.optimizer->state : NULL;
    if (made && bench_bound_make(&subject.optimizer->program.plan, state, batch, &bound)) {
        printf("\n%s, batch %zu: convolutions of a step on one thread\n  %-18s %-26s %8s %8s %6s "
               "%14s %6s\n",
               network->name, batch, "", "large, small images", "ms", "products", "ratio", "",
               "GFLOP/s");
        measure(plan, &subject, &bound);
        bench_bound_free(&bound);
    }
    bench_subject_free(&subject);
    return made;
}
