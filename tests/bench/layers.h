/* The convolutions of a network, one by one: the time of a layer's part of a training step, on one thread, against
 * its matrix products alone. */
#ifndef BENCH_LAYERS_H
#define BENCH_LAYERS_H

#include "measure.h"
#include "subject.h"

/* Prints a line for each convolution of the network, and one for their sum beside the time of a whole step.
 * 1, or 0 with vae_last_error() if the network cannot be made. */
int bench_print_layers(const bench_plan *plan, const bench_network *network, size_t batch);

#endif
