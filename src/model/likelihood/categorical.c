/* One-hot groups along the last dimension of input: input=10x4 is ten choices among four. With
 * logits a, log p(x|z) = sum over groups of a . x - logsumexp(a). */
#include "model/likelihood.h"
#include "tensor/simd/simd.h"

static size_t categories(const vae__spec *spec) {
    return spec->input.extents[spec->input.rank - 1];
}

/* A group is one value, whatever number of columns write it. */
static size_t value_count(const vae__spec *spec) {
    return spec->input.size / categories(spec);
}

/* a [count] <- softmax(a); returns logsumexp(a). */
static double softmax(const vae__kernels *kernels, real *a, size_t count) {
    real largest = a[0];
    for (size_t i = 1; i < count; i++) largest = a[i] > largest ? a[i] : largest;
    for (size_t i = 0; i < count; i++) a[i] = real_exp(a[i] - largest);
    double sum = kernels->sum(a, count);
    kernels->scale(a, (vae__real)(1 / sum), count);
    return (double)largest + log(sum);
}

static double row(const vae__likelihood_row *r) {
    size_t group = categories(r->spec);
    double total = 0;
    for (size_t first = 0; first < r->width; first += group) {
        real *restrict a = r->a + first;
        const real *restrict x = r->x + first;
        for (size_t i = 0; i < group; i++) total += (double)x[i] * (double)a[i];
        total -= softmax(r->kernels, a, group);
        for (size_t i = 0; i < group; i++) a[i] = r->weight * (x[i] - a[i]);
    }
    return total;
}

static void by_value(const vae__likelihood_row *r, double *log_p) {
    size_t group = categories(r->spec);
    memset(log_p, 0, r->width * sizeof *log_p);
    for (size_t first = 0; first < r->width; first += group) {
        for (size_t i = first; i < first + group; i++)
            log_p[first] += (double)r->x[i] * (double)r->a[i];
        log_p[first] -= softmax(r->kernels, r->a + first, group);
    }
}

static void mean(const vae__likelihood_row *r) {
    size_t group = categories(r->spec);
    for (size_t first = 0; first < r->width; first += group)
        softmax(r->kernels, r->a + first, group);
}

/* The category where the running sum of probabilities passes u; 1 for the scale that makes them
 * sum to 1 is put on u instead. */
static size_t draw_category(const vae__real *a, size_t count, double u) {
    double largest = (double)a[0], sum = 0, passed = 0;
    for (size_t i = 1; i < count; i++) largest = fmax(largest, (double)a[i]);
    for (size_t i = 0; i < count; i++) sum += exp((double)a[i] - largest);
    for (size_t i = 0; i + 1 < count; i++) {
        passed += exp((double)a[i] - largest);
        if (u * sum < passed) return i;
    }
    return count - 1;
}

static void draw(const vae__likelihood_row *r, const vae__stream *stream, uint32_t number,
                 float *x) {
    size_t group = categories(r->spec);
    for (size_t first = 0; first < r->width; first += group) {
        double u = vae__random_uniform(stream, number, (uint32_t)(first / group));
        size_t drawn = draw_category(r->a + first, group, u);
        for (size_t i = 0; i < group; i++) x[first + i] = i == drawn ? 1.0f : 0.0f;
    }
}

/* The first value that is neither 0 nor 1, else the second 1 of a group, else the start of one that
 * has none. */
static int valid(const vae__spec *spec, const vae__real *x, size_t *column) {
    size_t group = categories(spec);
    for (size_t first = 0; first < spec->input.size; first += group) {
        size_t ones = 0;
        for (size_t i = first; i < first + group; i++) {
            *column = i;
            if (x[i] != 0 && (x[i] != 1 || ++ones > 1)) return 0;
        }
        *column = first;
        if (!ones) return 0;
    }
    return 1;
}

/* Log frequencies, with a floor so that a category never seen can still be learned. */
static void initialize(const vae__spec *spec, const vae__statistics *statistics,
                       const vae__parameters *list, const vae__likelihood_parameters *parameters) {
    double least = 1e-3 / (double)categories(spec);
    for (size_t i = 0; i < statistics->width; i++) {
        double frequency = fmax(statistics->mean[i], least);
        list->items[parameters->bias].values[i] = (vae__real)log(frequency);
    }
}

extern const vae__likelihood KERNEL(likelihood_categorical);
const vae__likelihood KERNEL(likelihood_categorical) = {
    .name = "categorical",
    .low = 0,
    .high = 1,
    .discrete = 1,
    .valid = valid,
    .expects = "one-hot groups: one 1 and else 0 in each group along the last dimension of input",
    .value_count = value_count,
    .row = row,
    .by_value = by_value,
    .mean = mean,
    .draw = draw,
    .initialize = initialize,
};
