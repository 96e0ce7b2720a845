/* The average of parameters, one pass over them after each update. Each value is computed alone, so that the result
 * depends on no number of threads. */
#include "optim/average.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/threads.h"

/* Values for which another thread is worth its while. */
#define VALUES_A_THREAD 65536

vae_status vae__average_make(vae_context *context, const vae__real *block, size_t count,
                             vae__average *out) {
    *out = (vae__average){.context = context, .count = count};
    out->weights = vae__allocate(context, count, sizeof *out->weights);
    if (!out->weights) return vae__memory_in(vae__last_status(), "average of the parameters");
    memcpy(out->weights, block, count * sizeof *block);
    return VAE_OK;
}

void vae__average_free(vae__average *average) {
    vae__release(average->context, average->weights);
    average->weights = NULL;
}

typedef struct averaging {
    const vae__real *weights;
    vae__real *block;
    size_t count;
    vae__real rate;
} averaging;

static void average_range(void *argument, size_t part, size_t parts) {
    const averaging *a = argument;
    size_t end = a->count * (part + 1) / parts;
    for (size_t i = a->count * part / parts; i < end; i++)
        a->block[i] += a->rate * (a->weights[i] - a->block[i]);
}

void vae__average_update(vae__average *average, double decay, vae__real *block) {
    double t = (double)++average->updates;
    averaging a = {average->weights, block, average->count,
                   (vae__real)((1 - decay) / -expm1(t * log(decay)))};
    size_t parts = average->count / VALUES_A_THREAD + 1, threads = average->context->threads;
    vae__parallel(average->context, average_range, &a, parts < threads ? parts : threads);
}
