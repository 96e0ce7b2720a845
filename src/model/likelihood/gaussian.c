/* Gaussian p(x|z) = N(x | m(z), sigma^2):
 * log p = -D/2 ln 2 pi - sum ln s_i - 1/2 sum ((x_i - m_i) / s_i)^2.
 *
 * Without a floor the likelihood is unbounded. Learned sigmas have a smooth one, s^2 = sigma_min^2 +
 * exp(2 log_sigma), so that the gradient lives below it; sigma=optimal is floored hard, its sigma
 * being no parameter. */
#include "model/likelihood.h"
#include "model/standardize.h"
#include "tensor/simd/simd.h"

/* Below it a real loses digits. */
#define SMALLEST_REAL (sizeof(vae__real) == sizeof(float) ? (double)FLT_MIN : DBL_MIN)

/* Weight of the past in the running average of sigma=optimal: about the last hundred batches. */
#define RUNNING_DECAY 0.99

static size_t heads(const vae__spec *spec) {
    return spec->sigma.mode == VAE__SIGMA_DECODER ? 2 : 1;
}

/* Whether each column has a sigma of its own, which one that does not vary would drive to its floor. */
static int is_by_column(const vae__spec *spec) {
    return spec->sigma.mode == VAE__SIGMA_PER_DIM || spec->sigma.mode == VAE__SIGMA_DECODER;
}

static vae_status parameters(vae_context *context, const vae__spec *spec, vae__parameters *list,
                             size_t *extra) {
    size_t width = spec->input.size;
    switch (spec->sigma.mode) {
    case VAE__SIGMA_SHARED:
        return vae__parameters_add(context, list, "likelihood.log_sigma", 1, 1, 1, 1, extra);
    case VAE__SIGMA_PER_DIM:
        return vae__parameters_add(context, list, "likelihood.log_sigma", 1, width, 1, 1, extra);
    case VAE__SIGMA_OPTIMAL:
        return vae__parameters_add(context, list, "likelihood.sigma2", 1, 1, 1, 0, extra);
    case VAE__SIGMA_DECODER:
    case VAE__SIGMA_VALUE: break;
    }
    return VAE_OK;
}

static vae_status floor_parameter(vae_context *context, const vae__spec *spec,
                                  vae__parameters *list, size_t *floor) {
    if (!is_by_column(spec)) return VAE_OK;
    vae_status status = vae__parameters_add(context, list, "likelihood.sigma_floor", 1,
                                            spec->input.size, 1, 0, floor);
    if (!status) list->items[*floor].optional = 1;
    return status;
}

static const char *pools_batch(const vae__spec *spec) {
    if (spec->sigma.mode != VAE__SIGMA_OPTIMAL) return NULL;
    return "sigma=optimal, which weighs all draws alike; use a model with sigma=shared";
}

static double floor_square(const vae__spec *spec) {
    return spec->sigma_min * spec->sigma_min;
}

/* ---- one sigma for all: a value, shared, or optimal's running average ---- */

/* log p of a row from its sum of ((x - m) / sigma)^2. */
static double scalar_log_p(double ratios, double variance, size_t width) {
    return -0.5 * (ratios + (double)width * (log(variance) + VAE__LOG_2PI));
}

/* The variance, and d variance / d log_sigma for a learned one. */
static double scalar_variance(const vae__spec *spec, const vae__real *extra, double *slope) {
    double least = floor_square(spec);
    *slope = 0;
    if (spec->sigma.mode == VAE__SIGMA_VALUE) return spec->sigma.value * spec->sigma.value;
    double parameter = (double)extra[0];
    if (spec->sigma.mode == VAE__SIGMA_OPTIMAL) return parameter > least ? parameter : least;
    double above = exp(2 * parameter);
    *slope = 2 * above;
    return least + above;
}

/* Whether a factor keeps its digits as a real. */
static int is_ordinary(double factor) {
    return factor == 0 || (fabs(factor) >= SMALLEST_REAL && fabs(factor) <= (double)VAE__REAL_MAX);
}

/* a <- weight d log p / d a for a row whose squares or factor no real holds: element by element in
 * double. Returns sum ((a - x) / sigma)^2. */
static double wide_scalar_row(const vae__likelihood_row *r, double variance) {
    double sigma = sqrt(variance), ratios = 0;
    for (size_t i = 0; i < r->width; i++) {
        double ratio = ((double)r->a[i] - (double)r->x[i]) / sigma;
        ratios += ratio * ratio;
        r->a[i] = (vae__real)(-(double)r->weight * (ratio / sigma));
    }
    return ratios;
}

/* a <- (a - x) factor */
static void scale_residual(real *restrict a, const real *restrict x, real factor, size_t width) {
    for (size_t i = 0; i < width; i++) a[i] = (a[i] - x[i]) * factor;
}

static double scalar_row(const vae__likelihood_row *r) {
    double slope, variance = scalar_variance(r->spec, r->extra, &slope), weight = (double)r->weight;
    double ratios = r->kernels->sum_squared_differences(r->a, r->x, r->width) / variance;
    double factor = -weight / variance;
    if (!isfinite(ratios) || !is_ordinary(factor)) {
        ratios = wide_scalar_row(r, variance);
    } else if (!r->value_only) {
        scale_residual(r->a, r->x, (real)factor, r->width);
    }
    if (r->dextra) {
        double excess = ratios - (double)r->width;
        *r->dextra = (vae__real)(weight * 0.5 * slope / variance * excess);
    }
    return scalar_log_p(ratios, variance, r->width);
}

/* ---- a sigma of its own for each value ---- */

/* Of one value with log variance l above the floor: returns r^2 / v + ln v with v = floor2 + e^l. */
static inline real density_term(real residual, real l, real floor2, real *dmean, real *dl) {
    real above = real_exp(l), variance = floor2 + above;
    real scaled = residual / variance;
    *dmean = -scaled;
    *dl = (real)0.5 * (residual * scaled - 1) * (above / variance);
    return residual * scaled + real_log(variance);
}

/* The same in double, for a value that density_term cannot hold. */
static double wide_term(double residual, double l, double floor2, double *dmean, double *dl) {
    double above = exp(l), variance = floor2 + above, sigma = sqrt(variance);
    double ratio = residual / sigma;
    *dmean = -(ratio / sigma);
    *dl = 0.5 * (ratio * ratio - 1) * (above / variance);
    return ratio * ratio + log(variance);
}

/* Values whose terms are summed in lanes, and then looked at: where their sum is not finite all of them
 * are taken again in double, from what was kept of the row. */
enum { STRETCH = LANES * LANE_BLOCKS };

/* Square of the floor of a value: its own where that is above sigma_min. floor may be NULL, and is
 * where no value has one: then this is a constant of the loops below. */
static inline real floor_at(const real *floor, size_t j, real least2) {
    if (!floor) return least2;
    real own2 = floor[j] * floor[j];
    return own2 > least2 ? own2 : least2;
}

static double wide_floor(const vae__likelihood_row *r, size_t i) {
    double own = r->floor ? (double)r->floor[i] : 0;
    return fmax(own * own, floor_square(r->spec));
}

static double wide_per_dim(const vae__likelihood_row *r, size_t first, size_t count) {
    double total = 0, weight = (double)r->weight, dmean, dl;
    for (size_t i = first; i < first + count; i++) {
        double residual = (double)r->a[i] - (double)r->x[i];
        total += wide_term(residual, 2 * (double)r->extra[i], wide_floor(r, i), &dmean, &dl);
        r->a[i] = (real)(weight * dmean);
        if (r->dextra) r->dextra[i] = (real)(2 * weight * dl);
    }
    return total;
}

/* Of `count` <= LANES values: with a constant count, a few vector instructions. floor: from `first` on. */
static inline void per_dim_block(const vae__likelihood_row *r, size_t first, size_t count,
                                 const real *restrict floor, lane_sum *sum) {
    real *restrict a = r->a + first;
    const real *restrict x = r->x + first, *restrict log_sigma = r->extra + first;
    real least2 = (real)floor_square(r->spec), weight = r->weight;
    real terms[LANES] = {0}, dl[LANES];
    for (size_t j = 0; j < count; j++) {
        real dmean, slope;
        terms[j] =
            density_term(a[j] - x[j], 2 * log_sigma[j], floor_at(floor, j, least2), &dmean, &slope);
        a[j] = weight * dmean;
        dl[j] = 2 * weight * slope;
    }
    if (r->dextra) memcpy(r->dextra + first, dl, count * sizeof *dl);
    lane_sum_add(sum, terms);
}

static double per_dim_stretch(const vae__likelihood_row *r, size_t first, size_t count) {
    lane_sum sum = {.total = 0};
    real kept[STRETCH];
    size_t i = first, end = first + count;
    const real *floor = r->floor;
    memcpy(kept, r->a + first, count * sizeof *kept);
    for (; !floor && i + LANES <= end; i += LANES) per_dim_block(r, i, LANES, NULL, &sum);
    for (; i + LANES <= end; i += LANES) per_dim_block(r, i, LANES, floor + i, &sum);
    if (i < end) per_dim_block(r, i, end - i, floor ? floor + i : NULL, &sum);
    double total = lane_sum_total(&sum);
    if (isfinite(total)) return total;
    memcpy(r->a + first, kept, count * sizeof *kept);
    return wide_per_dim(r, first, count);
}

static double wide_decoder(const vae__likelihood_row *r, size_t first, size_t count) {
    double total = 0, weight = (double)r->weight, dmean, dl;
    for (size_t i = first; i < first + count; i++) {
        real *raw = r->a + r->width + i, slope, l = real_bounded_logvar(*raw, &slope);
        double residual = (double)r->a[i] - (double)r->x[i];
        total += wide_term(residual, (double)l, wide_floor(r, i), &dmean, &dl);
        r->a[i] = (real)(weight * dmean);
        *raw = (real)(weight * dl * (double)slope);
    }
    return total;
}

/* a [2 width]: means, then raw log variances, which are bounded first. */
static inline void decoder_block(const vae__likelihood_row *r, size_t first, size_t count,
                                 const real *restrict floor, lane_sum *sum) {
    real *restrict a = r->a + first, *restrict raw = r->a + r->width + first;
    const real *restrict x = r->x + first;
    real least2 = (real)floor_square(r->spec), weight = r->weight, terms[LANES] = {0};
    for (size_t j = 0; j < count; j++) {
        real slope, dmean, dl, l = real_bounded_logvar(raw[j], &slope);
        terms[j] = density_term(a[j] - x[j], l, floor_at(floor, j, least2), &dmean, &dl);
        a[j] = weight * dmean;
        raw[j] = weight * dl * slope;
    }
    lane_sum_add(sum, terms);
}

static double decoder_stretch(const vae__likelihood_row *r, size_t first, size_t count) {
    lane_sum sum = {.total = 0};
    real kept[2 * STRETCH];
    size_t i = first, end = first + count;
    const real *floor = r->floor;
    memcpy(kept, r->a + first, count * sizeof *kept);
    memcpy(kept + STRETCH, r->a + r->width + first, count * sizeof *kept);
    for (; !floor && i + LANES <= end; i += LANES) decoder_block(r, i, LANES, NULL, &sum);
    for (; i + LANES <= end; i += LANES) decoder_block(r, i, LANES, floor + i, &sum);
    if (i < end) decoder_block(r, i, end - i, floor ? floor + i : NULL, &sum);
    double total = lane_sum_total(&sum);
    if (isfinite(total)) return total;
    memcpy(r->a + first, kept, count * sizeof *kept);
    memcpy(r->a + r->width + first, kept + STRETCH, count * sizeof *kept);
    return wide_decoder(r, first, count);
}

static double column_row(const vae__likelihood_row *r,
                         double (*stretch)(const vae__likelihood_row *, size_t, size_t)) {
    double total = 0;
    for (size_t first = 0; first < r->width; first += STRETCH) {
        size_t left = r->width - first;
        total += stretch(r, first, left < STRETCH ? left : STRETCH);
    }
    return -0.5 * (total + (double)r->width * VAE__LOG_2PI);
}

static double row(const vae__likelihood_row *r) {
    switch (r->spec->sigma.mode) {
    case VAE__SIGMA_PER_DIM: return column_row(r, per_dim_stretch);
    case VAE__SIGMA_DECODER: return column_row(r, decoder_stretch);
    default: return scalar_row(r);
    }
}

/* ---- one value at a time ---- */

/* The square in double: a residual may be as large as a float is. */
static inline double value_log_p(double residual, double variance, double log_variance) {
    return -0.5 * (residual * residual / variance + log_variance + VAE__LOG_2PI);
}

static void scalar_values(const vae__likelihood_row *r, double *restrict log_p) {
    const real *restrict a = r->a, *restrict x = r->x;
    double slope, variance = scalar_variance(r->spec, r->extra, &slope);
    double log_variance = log(variance);
    for (size_t i = 0; i < r->width; i++)
        log_p[i] = value_log_p((double)x[i] - (double)a[i], variance, log_variance);
}

/* `made`: the variances are the decoder's, else they are parameters. made, and floor if it is NULL, are
 * constants to every caller. */
static inline void own_values(const vae__likelihood_row *r, int made, const real *restrict floor,
                              double *restrict log_p) {
    const real *restrict a = r->a, *restrict x = r->x;
    const real *restrict from = made ? r->a + r->width : r->extra;
    real least2 = (real)floor_square(r->spec);
    for (size_t i = 0; i < r->width; i++) {
        real unused, l = made ? real_bounded_logvar(from[i], &unused) : 2 * from[i];
        real variance = floor_at(floor, i, least2) + real_exp(l);
        log_p[i] =
            value_log_p((double)x[i] - (double)a[i], (double)variance, (double)real_log(variance));
    }
}

/* In double, for a value whose variance no real holds. */
static double wide_value(const vae__likelihood_row *r, int made, size_t i) {
    real unused, raw = made ? r->a[r->width + i] : r->extra[i];
    double l = made ? (double)real_bounded_logvar(raw, &unused) : 2 * (double)raw, dmean, dl;
    double residual = (double)r->a[i] - (double)r->x[i];
    return -0.5 * (wide_term(residual, l, wide_floor(r, i), &dmean, &dl) + VAE__LOG_2PI);
}

/* Without floors of their own, which is usual, the loop is shorter. */
static void column_values(const vae__likelihood_row *r, int made, double *log_p) {
    if (r->floor && made) {
        own_values(r, 1, r->floor, log_p);
    } else if (r->floor) {
        own_values(r, 0, r->floor, log_p);
    } else if (made) {
        own_values(r, 1, NULL, log_p);
    } else {
        own_values(r, 0, NULL, log_p);
    }
    for (size_t i = 0; i < r->width; i++)
        if (!isfinite(log_p[i])) log_p[i] = wide_value(r, made, i);
}

static void by_value(const vae__likelihood_row *r, double *log_p) {
    switch (r->spec->sigma.mode) {
    case VAE__SIGMA_PER_DIM: column_values(r, 0, log_p); break;
    case VAE__SIGMA_DECODER: column_values(r, 1, log_p); break;
    default: scalar_values(r, log_p);
    }
}

/* ---- the optimal sigma of a batch (Rybkin, Daniilidis & Levine 2021) ----
 * Three ops: residuals and their squares by row; the batch's sigma^2, which needs all rows; the
 * density under it. sigma is held constant in the gradient: at the optimum its own derivative is
 * zero (envelope theorem). */

static vae_status infer_residual(vae__graph *graph, vae__node *node) {
    vae__domain domain = graph->values[node->inputs[0]].domain;
    vae_status status = vae__graph_output_like(graph, node, "residual", node->inputs[0]);
    return status ? status
                  : vae__graph_output_vector(graph, node, "squared residual", 1, domain, 1);
}

/* A row whose squares sum to this or more leaves half its residuals, since a whole one may be larger
 * than any real. In the double build such squares are infinite. */
#define HALVED_SQUARES (sizeof(real) == sizeof(float) ? 1e76 : (double)INFINITY)

/* a <- a - x, or half of it; returns the sum of squares of a - x. */
static double take_residual(const vae__kernels *kernels, real *restrict a, const real *restrict x,
                            size_t width) {
    double squares = kernels->sum_squared_differences(a, x, width), factor = 1;
    if (isfinite(squares)) {
        for (size_t i = 0; i < width; i++) a[i] -= x[i];
        return squares;
    }
    squares = 0;
    for (size_t i = 0; i < width; i++) {
        double residual = (double)a[i] - (double)x[i];
        squares += residual * residual;
    }
    if (squares >= HALVED_SQUARES) factor = 0.5;
    for (size_t i = 0; i < width; i++) a[i] = (real)(factor * ((double)a[i] - (double)x[i]));
    return squares;
}

static void forward_residual(const vae__call *call) {
    const vae__value *head = vae__call_input(call, 0);
    size_t rows = vae__call_rows(call, head), per_row = rows / call->rows, width = head->width;
    vae__real *residual = call->output[0];
    const vae__real *a = call->input[0], *x = call->input[1];
    double *squares = call->output[1];
    for (size_t i = 0; residual != a && i < rows * width; i++) residual[i] = a[i];
    for (size_t i = 0; i < rows; i++) {
        if (call->bias) call->kernels->add(residual + i * width, call->bias, width);
        squares[i] =
            take_residual(call->kernels, residual + i * width, x + i / per_row * width, width);
    }
}

/* d residual / d a = 1 */
static void backward_residual(const vae__call *call) {
    const vae__value *head = vae__call_input(call, 0);
    size_t count = vae__call_rows(call, head) * head->width;
    vae__real *da = call->input_gradient[0];
    const vae__real *dresidual = call->output_gradient[0];
    for (size_t i = 0; da != dresidual && i < count; i++) da[i] = dresidual[i];
}

static const vae__op residual_op = {.name = "residual",
                                    .traits = VAE__OP_IN_PLACE | VAE__OP_TAKES_BIAS,
                                    .infer = infer_residual,
                                    .forward = forward_residual,
                                    .backward = backward_residual};

static vae_status infer_optimal_variance(vae__graph *graph, vae__node *node) {
    return vae__graph_output_vector(graph, node, "optimal sigma^2", 1, VAE__PER_BATCH, 1);
}

/* sigma^2 = sum (x - m)^2 / (rows width), floored. node->size is width. Rows whose squares are not
 * finite stay out of it: the step is refused for them, and the message can tell them from the others. */
static void forward_optimal_variance(const vae__call *call) {
    size_t rows = vae__call_rows(call, vae__call_input(call, 0));
    const double *squares = call->input[0];
    double sum = 0, least = floor_square(call->node->attributes);
    for (size_t i = 0; i < rows; i++) sum += isfinite(squares[i]) ? squares[i] : 0;
    double variance = sum / ((double)rows * (double)call->node->size);
    *(double *)call->output[0] = variance > least ? variance : least;
}

static const vae__op optimal_variance_op = {.name = "optimal_sigma",
                                            .traits = VAE__OP_REDUCE,
                                            .infer = infer_optimal_variance,
                                            .forward = forward_optimal_variance};

static vae_status infer_optimal(vae__graph *graph, vae__node *node) {
    return vae__graph_output_vector(graph, node, "log p(x|z)", 1,
                                    graph->values[node->inputs[0]].domain, 1);
}

static void forward_optimal(const vae__call *call) {
    const vae__value *residual = vae__call_input(call, 0);
    size_t rows = vae__call_rows(call, residual), width = residual->width;
    vae__real *r = (vae__real *)call->input[0];
    const double *squares = call->input[1];
    double *log_p = call->output[0], variance = *(const double *)call->input[2];
    for (size_t i = 0; i < rows; i++, r += width) {
        double factor = -(double)vae__likelihood_weight(call, i) / variance;
        if (squares[i] >= HALVED_SQUARES) factor *= 2;
        log_p[i] = scalar_log_p(squares[i] / variance, variance, width);
        if (is_ordinary(factor)) {
            call->kernels->scale(r, (vae__real)factor, width);
        } else {
            for (size_t j = 0; j < width; j++) r[j] = (vae__real)(factor * (double)r[j]);
        }
    }
}

static const vae__op optimal_op = {.name = "gaussian_optimal",
                                   .traits = VAE__OP_OVERWRITES_INPUT,
                                   .infer = infer_optimal,
                                   .forward = forward_optimal,
                                   .backward = vae__likelihood_weigh};

static vae_status optimal_density(const vae__likelihood_build *build, vae__id *log_p,
                                  vae__id *variance) {
    vae__id residual;
    vae__node_spec first = {
        .op = &residual_op, .input_count = 2, .inputs = {build->head, build->x}};
    vae_status status = vae__graph_add(build->graph, &first, &residual);
    if (status) return status;
    vae__id squares = residual + 1;
    vae__node_spec second = {.op = &optimal_variance_op,
                             .attributes = build->spec,
                             .size = build->spec->input.size,
                             .input_count = 1,
                             .inputs = {squares}};
    status = vae__graph_add(build->graph, &second, variance);
    if (status) return status;
    vae__node_spec third = {
        .op = &optimal_op, .input_count = 3, .inputs = {residual, squares, *variance}};
    return vae__graph_add(build->graph, &third, log_p);
}

/* ---- the likelihood ---- */

/* Only sigma=optimal needs more than its own row while it trains. */
static vae_status density(const vae__likelihood_build *build, vae__id *log_p,
                          vae__id *batch_state) {
    if (build->spec->sigma.mode == VAE__SIGMA_OPTIMAL)
        return optimal_density(build, log_p, batch_state);
    vae__likelihood_build plain = *build;
    plain.training = 0;
    return vae__likelihood_density(&plain, log_p, batch_state);
}

/* a: the output layer's row; read with sigma=decoder only. */
static double standard_deviation(const vae__spec *spec, const vae__real *extra,
                                 const vae__real *floor, const vae__real *a, size_t i) {
    double own = floor ? (double)floor[i] : 0, least = fmax(own * own, floor_square(spec)), slope;
    real unused;
    switch (spec->sigma.mode) {
    case VAE__SIGMA_PER_DIM: return sqrt(least + exp(2 * (double)extra[i]));
    case VAE__SIGMA_DECODER:
        return sqrt(least + exp((double)real_bounded_logvar(a[spec->input.size + i], &unused)));
    default: return sqrt(scalar_variance(spec, extra, &slope));
    }
}

static vae_status sigma(const vae__spec *spec, const vae__real *extra, const vae__real *floor,
                        double *out) {
    if (spec->sigma.mode == VAE__SIGMA_DECODER) {
        return vae__fail(VAE_ERROR_UNSUPPORTED,
                         "with sigma=decoder the standard deviations depend on z");
    }
    for (size_t i = 0; i < spec->input.size; i++)
        out[i] = standard_deviation(spec, extra, floor, NULL, i);
    return VAE_OK;
}

static double normal(const vae__stream *stream, uint32_t number, uint32_t index) {
    double u = vae__random_uniform(stream, number, 2 * index);
    return vae__random_normal(u, vae__random_uniform(stream, number, 2 * index + 1));
}

static void draw(const vae__likelihood_row *r, const vae__stream *stream, uint32_t number,
                 float *x) {
    for (size_t i = 0; i < r->width; i++) {
        double s = standard_deviation(r->spec, r->extra, r->floor, r->a, i);
        x[i] = (float)((double)r->a[i] + s * normal(stream, number, (uint32_t)i));
    }
}

static int holds_constant(const vae__spec *spec) {
    return spec->standardize || is_by_column(spec);
}

/* log of the standard deviation above the floor; far below it where the data does not vary. */
static vae__real log_sigma_of(double variance, double least) {
    return (vae__real)(0.5 * log(fmin(fmax(variance - least, 1e-2 * least), DBL_MAX)));
}

/* Smallest sigma of a column that does not vary, as the likelihood sees it: its data say nothing of
 * how far a value may be off, so it is a tenth of what vae__constant_scale takes for a deviation. */
static vae__real held_sigma(const vae__spec *spec, double value) {
    double scale = spec->standardize ? 1 : vae__constant_scale(value);
    return vae__finite_real(fmax(0.1 * scale, spec->sigma_min));
}

/* Output weights make values of deviation 1 or less. Where the data's, over all columns together, is
 * far from that they are multiplied by each column's own, since steps of the size of a learning rate
 * would take long to do so. Around 1 nothing is gained. */
static void scale_output(const vae__parameter *weight, const double *variances, size_t width,
                         double variance) {
    double deviation = sqrt(variance);
    if (!(deviation > 0) || (deviation >= 0.2 && deviation <= 5)) return;
    for (size_t i = 0; i < width * weight->columns; i++) {
        double scaled = (double)weight->values[i] * sqrt(variances[i / weight->columns]);
        weight->values[i] = vae__finite_real(scaled);
    }
}

static void initialize(const vae__spec *spec, const vae__statistics *statistics,
                       const vae__parameters *list, const vae__likelihood_parameters *indices) {
    size_t width = statistics->width;
    double variance = 0;
    vae__real *bias = list->items[indices->bias].values;
    vae__real *extra = indices->extra == VAE__NONE ? NULL : list->items[indices->extra].values;
    vae__real *floor = indices->floor == VAE__NONE ? NULL : list->items[indices->floor].values;
    for (size_t i = 0; i < width; i++) {
        double mean = statistics->mean[i], least = spec->sigma_min;
        if (floor) floor[i] = statistics->constant[i] ? held_sigma(spec, mean) : 0;
        if (floor && statistics->constant[i]) least = (double)floor[i];
        vae__real log_sigma = log_sigma_of(statistics->variance[i], least * least);
        bias[i] = (vae__real)mean;
        variance += statistics->variance[i] / (double)width;
        if (spec->sigma.mode == VAE__SIGMA_PER_DIM) extra[i] = log_sigma;
        if (spec->sigma.mode == VAE__SIGMA_DECODER) bias[width + i] = 2 * log_sigma;
    }
    if (spec->sigma.mode == VAE__SIGMA_SHARED) *extra = log_sigma_of(variance, floor_square(spec));
    if (spec->sigma.mode == VAE__SIGMA_OPTIMAL)
        *extra = vae__finite_real(fmax(variance, floor_square(spec)));
    if (!spec->standardize)
        scale_output(&list->items[indices->weight], statistics->variance, width, variance);
}

static void finish_step(vae__real *running, const double *batch_state) {
    double before = (double)*running, weight = before > 0 ? RUNNING_DECAY : 0;
    *running = vae__finite_real(weight * before + (1 - weight) * *batch_state);
}

static int is_real(double x) {
    return isfinite(x);
}

static const vae__usual_data usual_data = {4, is_real, "real numbers",
                                           " standardize=1 sigma=per_dim"};

static const char *const options[] = {"sigma", "sigma_min", "standardize", NULL};

extern const vae__likelihood KERNEL(likelihood_gaussian);
const vae__likelihood KERNEL(likelihood_gaussian) = {
    .name = "gaussian",
    .low = -(double)INFINITY,
    .high = (double)INFINITY,
    .options = options,
    .sigma_modes = VAE__TAKES_SIGMA(VAE__SIGMA_SHARED) | VAE__TAKES_SIGMA(VAE__SIGMA_OPTIMAL) |
                   VAE__TAKES_SIGMA(VAE__SIGMA_PER_DIM) | VAE__TAKES_SIGMA(VAE__SIGMA_DECODER) |
                   VAE__TAKES_SIGMA(VAE__SIGMA_VALUE),
    .usual_data = &usual_data,
    .closed_form = "ppca",
    .pools_batch = pools_batch,
    .heads = heads,
    .parameters = parameters,
    .floor = floor_parameter,
    .row = row,
    .by_value = by_value,
    .density = density,
    .draw = draw,
    .holds_constant = holds_constant,
    .initialize = initialize,
    .sigma = sigma,
    .finish_step = finish_step,
};
