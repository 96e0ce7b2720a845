/* log p(z) of a mixture and its gradients, as ops. Rows go in blocks: for each component the block is centred and
 * whitened, y = W_k (z - m_k), in one matrix product where covariances are full, so that no digits are lost to
 * squares that cancel. The responsibilities r_k = p(k|z) are kept for the way back, y is computed again there.
 *
 *     log p(z) = log sum_k exp(log pi_k + log det W_k - |y_k|^2 / 2) - d/2 log 2 pi
 *     d / dz = -sum_k r_k W_k^T y_k          d / d logit_k = r_k - pi_k
 *     d / dm_k = r_k W_k^T y_k               d / dW_k = r_k (W_k^-T - y_k (z - m_k)^T) */
#include <math.h>
#include <string.h>

#include "model/prior/mixture.h"
#include "tensor/gemm.h"

enum { BLOCK = 64 }; /* rows */

/* In the order of the outputs. */
enum { LOG_P, RESPONSIBILITIES };

/* The mixture that a node computes with, and this thread's room for a block. */
typedef struct mixture {
    const vae__kernels *kernels;
    const vae__real *logits, *means, *whitenings;
    size_t count, latent;
    int full;
    double log_total;                   /* of the logits */
    double *joint;                      /* [BLOCK, count]: log p(z, k), without d/2 log 2 pi */
    vae__real *matrix, *sums, *product; /* of [d, d] or [d], product of [BLOCK, d] at least */
    vae__real *centred, *whitened;      /* [BLOCK, d] */
} mixture;

static size_t matrix_size(size_t latent, int full) {
    return full ? latent * latent : latent;
}

static size_t scratch(const vae__graph *graph, const vae__node *node) {
    const vae__parameter *mean = &graph->parameters->items[node->parameters[MIXTURE_MEAN]];
    size_t size = matrix_size(mean->columns, node->size != 0), rows = BLOCK * mean->columns;
    size_t reals = 2 * size + (size > rows ? size : rows) + 2 * rows;
    return BLOCK * mean->rows * sizeof(double) + reals * sizeof(vae__real);
}

/* node->size: whether covariances are full. */
static mixture mixture_of(const vae__call *call) {
    const vae__parameter *mean =
        &call->graph->parameters->items[call->node->parameters[MIXTURE_MEAN]];
    mixture m = {.kernels = call->kernels,
                 .logits = call->parameter[MIXTURE_LOGITS],
                 .means = call->parameter[MIXTURE_MEAN],
                 .whitenings = call->parameter[MIXTURE_WHITENING],
                 .count = mean->rows,
                 .latent = mean->columns,
                 .full = call->node->size != 0};
    m.log_total = vae__mixture_log_total(m.logits, m.count);
    m.joint = call->scratch;
    m.matrix = (vae__real *)(m.joint + BLOCK * m.count);
    m.sums = m.matrix + matrix_size(m.latent, m.full);
    m.centred = m.sums + matrix_size(m.latent, m.full);
    m.whitened = m.centred + BLOCK * m.latent;
    m.product = m.whitened + BLOCK * m.latent;
    return m;
}

/* W_k into m->matrix, the diagonal alone where that is all. Returns log det W_k. */
static double take_matrix(const mixture *m, size_t k) {
    size_t d = m->latent, step = m->full ? d + 1 : 1, size = matrix_size(d, m->full);
    const vae__real *from = m->whitenings + k * size;
    double log_determinant = 0;
    for (size_t i = 0; i < d && m->full; i++) {
        memcpy(m->matrix + i * d, from + i * d, i * sizeof *from);
        memset(m->matrix + i * d + i, 0, (d - i) * sizeof *from);
    }
    for (size_t i = 0; i < size; i += step) {
        log_determinant += (double)from[i];
        m->matrix[i] = (vae__real)exp((double)from[i]);
    }
    return log_determinant;
}

/* centred = z - m_k and whitened = W_k centred of these rows. */
static void whiten(const mixture *m, size_t k, const vae__real *z, size_t rows) {
    size_t d = m->latent;
    const vae__real *mean = m->means + k * d;
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < d; j++) m->centred[r * d + j] = z[r * d + j] - mean[j];
    if (m->full) {
        vae__gemm_forward(m->kernels, rows, d, d, m->centred, m->matrix, m->whitened);
        return;
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < d; j++)
            m->whitened[r * d + j] = m->matrix[j] * m->centred[r * d + j];
}

/* product = W_k^T whitened. */
static void turn_back(const mixture *m, size_t rows) {
    size_t d = m->latent;
    if (m->full) {
        vae__gemm_backward(m->kernels, rows, d, d, m->whitened, m->matrix, m->product);
        return;
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < d; j++)
            m->product[r * d + j] = m->matrix[j] * m->whitened[r * d + j];
}

/* tr(W_k diag(sd^2) W_k^T) of each row: what E_q adds to the squared distance of q's mean. */
static double spread(const mixture *m, const vae__real *sd) {
    double total = 0;
    for (size_t i = 0; i < m->latent; i++) {
        for (size_t j = m->full ? 0 : i; j <= i; j++) {
            double scaled = (double)m->matrix[m->full ? i * m->latent + j : i] * (double)sd[j];
            total += scaled * scaled;
        }
    }
    return total;
}

/* joint [rows, count] of a block. sd [rows, d]: of q, whose mean z is; NULL: z itself. */
static void find_joint(const mixture *m, const vae__real *z, const vae__real *sd, size_t rows) {
    for (size_t k = 0; k < m->count; k++) {
        double constant = take_matrix(m, k) + (double)m->logits[k] - m->log_total;
        whiten(m, k, z, rows);
        for (size_t r = 0; r < rows; r++) {
            double square = m->kernels->sum_squares(m->whitened + r * m->latent, m->latent);
            if (sd) square += spread(m, sd + r * m->latent);
            m->joint[r * m->count + k] = constant - 0.5 * square;
        }
    }
}

/* log sum exp of a row of joint; share [count] = exp(joint - that), NULL: not wanted. */
static double sum_joint(const mixture *m, const double *joint, vae__real *share) {
    double largest = joint[0], total = 0;
    for (size_t k = 1; k < m->count; k++)
        if (joint[k] > largest) largest = joint[k];
    for (size_t k = 0; k < m->count; k++) total += exp(joint[k] - largest);
    double log_p = largest + log(total);
    if (!share) return log_p;
    for (size_t k = 0; k < m->count; k++) share[k] = (vae__real)(joint[k] - log_p);
    m->kernels->exponential(share, m->count);
    return log_p;
}

static void forward(const vae__call *call) {
    mixture m = mixture_of(call);
    size_t n = vae__call_rows(call, vae__call_input(call, 0)), d = m.latent;
    const vae__real *z = call->input[0], *sd = call->node->input_count > 1 ? call->input[1] : NULL;
    vae__real *share = call->node->output_count > 1 ? call->output[RESPONSIBILITIES] : NULL;
    double *log_p = call->output[LOG_P];
    for (size_t first = 0; first < n; first += BLOCK) {
        size_t rows = n - first < BLOCK ? n - first : BLOCK;
        find_joint(&m, z + first * d, sd ? sd + first * d : NULL, rows);
        for (size_t r = 0; r < rows; r++) {
            vae__real *own = share ? share + (first + r) * m.count : NULL;
            log_p[first + r] =
                sum_joint(&m, m.joint + r * m.count, own) - 0.5 * (double)d * LOG_2_PI;
        }
    }
}

/* whitened [rows, d] *= factor dlog_p r_k, row by row. */
static void weigh_whitened(const mixture *m, size_t k, const vae__real *share,
                           const vae__real *dlog_p, vae__real factor, size_t rows) {
    for (size_t r = 0; r < rows; r++)
        m->kernels->scale(m->whitened + r * m->latent, factor * dlog_p[r] * share[r * m->count + k],
                          m->latent);
}

static void backward(const vae__call *call) {
    mixture m = mixture_of(call);
    size_t n = vae__call_rows(call, vae__call_input(call, 0)), d = m.latent;
    const vae__real *z = call->input[0], *share = call->output[RESPONSIBILITIES];
    const vae__real *dlog_p = call->output_gradient[LOG_P];
    vae__real *dz = call->input_gradient[0];
    if (!dz) return;
    memset(dz, 0, n * d * sizeof *dz);
    for (size_t first = 0; first < n; first += BLOCK) {
        size_t rows = n - first < BLOCK ? n - first : BLOCK;
        for (size_t k = 0; k < m.count; k++) {
            take_matrix(&m, k);
            whiten(&m, k, z + first * d, rows);
            weigh_whitened(&m, k, share + first * m.count, dlog_p + first, -1, rows);
            turn_back(&m, rows);
            m.kernels->add(dz + first * d, m.product, rows * d);
        }
    }
}

/* ---- gradients of the parameters ---- */

/* What a component's gradient is summed from, block by block, into m->sums. */
typedef struct block {
    const vae__real *z, *share, *dlog_p;
    size_t rows;
} block;

/* sum dlog_p r_k */
static double total_share(const mixture *m, size_t k, const block *b) {
    double total = 0;
    for (size_t r = 0; r < b->rows; r++)
        total += (double)b->dlog_p[r] * (double)b->share[r * m->count + k];
    return total;
}

static void add_logit(const mixture *m, size_t k, const block *b) {
    double weight = exp((double)m->logits[k] - m->log_total), all = 0;
    for (size_t r = 0; r < b->rows; r++) all += (double)b->dlog_p[r];
    m->sums[0] += (vae__real)(total_share(m, k, b) - weight * all);
}

static void add_mean(const mixture *m, size_t k, const block *b) {
    take_matrix(m, k);
    whiten(m, k, b->z, b->rows);
    weigh_whitened(m, k, b->share, b->dlog_p, 1, b->rows);
    turn_back(m, b->rows);
    m->kernels->column_sums(m->product, m->latent, b->rows, m->latent, m->sums, 1);
}

/* The logarithm on the diagonal: d / d log W_ii = W_ii d / dW_ii, whose first part is r_k. */
static void add_whitening(const mixture *m, size_t k, const block *b) {
    size_t d = m->latent, step = m->full ? d + 1 : 1;
    take_matrix(m, k);
    whiten(m, k, b->z, b->rows);
    weigh_whitened(m, k, b->share, b->dlog_p, -1, b->rows);
    vae__real total = (vae__real)total_share(m, k, b);
    if (m->full) {
        vae__gemm_weights(m->kernels, b->rows, d, d, m->whitened, d, m->centred, m->product, 0);
    } else {
        for (size_t i = 0; i < b->rows * d; i++) m->whitened[i] *= m->centred[i];
        m->kernels->column_sums(m->whitened, d, b->rows, d, m->product, 0);
    }
    for (size_t i = 0; i < d; i++)
        m->product[i * step] = m->product[i * step] * m->matrix[i * step] + total;
    for (size_t i = 0; i < d; i++) {
        size_t count = m->full ? i + 1 : 1, row = m->full ? i * d : i;
        m->kernels->add(m->sums + row, m->product + row, count);
    }
}

static void gradient(const vae__call *call, size_t which, vae__parameter_rows rows, vae__real *into,
                     int add) {
    static void (*const adders[])(const mixture *, size_t,
                                  const block *) = {[MIXTURE_LOGITS] = add_logit,
                                                    [MIXTURE_MEAN] = add_mean,
                                                    [MIXTURE_WHITENING] = add_whitening};
    mixture m = mixture_of(call);
    size_t n = vae__call_rows(call, vae__call_input(call, 0));
    size_t columns = call->graph->parameters->items[call->node->parameters[which]].columns;
    const vae__real *z = call->input[0], *share = call->output[RESPONSIBILITIES];
    for (size_t k = rows.first; k < rows.first + rows.count; k++, into += columns) {
        memset(m.sums, 0, columns * sizeof *m.sums);
        for (size_t first = 0; first < n; first += BLOCK) {
            const block b = {z + first * m.latent, share + first * m.count,
                             call->output_gradient[LOG_P] + first,
                             n - first < BLOCK ? n - first : BLOCK};
            adders[which](&m, k, &b);
        }
        if (!add) memset(into, 0, columns * sizeof *into);
        m.kernels->add(into, m.sums, columns);
    }
}

/* ---- the bound ---- */

enum { WEIGHT, WEIGHTED_SQUARE };

static void measure(const vae__call *call, double *sums) {
    const vae__value *z = vae__call_input(call, 0);
    size_t n = vae__call_rows(call, z);
    for (size_t r = 0; r < n; r++) {
        double weight = fabs((double)call->output_gradient[LOG_P][r]);
        sums[WEIGHT] += weight;
        sums[WEIGHTED_SQUARE] +=
            weight *
            call->kernels->sum_squares((const vae__real *)call->input[0] + r * z->width, z->width);
    }
}

/* With v the largest entry of a W in absolute value, |y| <= d v |z - m| and |W^T y| <= d v |y|; the diagonal's
 * logarithm brings another v. |z - m|^2 <= 2 |z|^2 + 2 |m|^2, and |z - m| <= 1 + |z - m|^2. */
static double bound(const vae__call *call, size_t which, const double *sums) {
    mixture m = mixture_of(call);
    size_t size = matrix_size(m.latent, m.full), d = m.latent;
    double v = 1, mean = 0;
    for (size_t k = 0; k < m.count; k++) {
        take_matrix(&m, k);
        for (size_t i = 0; i < size; i++) v = fmax(v, fabs((double)m.matrix[i]));
        mean = fmax(mean, m.kernels->sum_squares(m.means + k * d, d));
    }
    double square = 2 * sums[WEIGHTED_SQUARE] + 2 * mean * sums[WEIGHT], dv = (double)d * v;
    if (which == MIXTURE_LOGITS) return sums[WEIGHT];
    if (which == MIXTURE_MEAN) return dv * dv * (sums[WEIGHT] + square);
    return v * dv * square + sums[WEIGHT];
}

/* ---- the nodes ---- */

static vae_status infer(vae__graph *graph, vae__node *node) {
    vae__domain domain = graph->values[node->inputs[0]].domain;
    size_t count = graph->parameters->items[node->parameters[MIXTURE_LOGITS]].rows;
    vae_status status = vae__graph_output_vector(graph, node, "log p(z)", 1, domain, 1);
    if (status || node->input_count > 1) return status;
    return vae__graph_output_vector(graph, node, "p(k|z)", count, domain, 0);
}

static double work(const vae__graph *graph, const vae__node *node) {
    const vae__parameters *list = graph->parameters;
    return (double)vae__parameter_size(&list->items[node->parameters[MIXTURE_WHITENING]]) +
           4 * (double)list->items[node->parameters[MIXTURE_LOGITS]].rows;
}

static const vae__op density_op = {.name = "mixture_density",
                                   .traits =
                                       VAE__OP_KEEPS_INPUT | VAE__OP_KEEPS_OUTPUT |
                                       VAE__OP_GRADIENT_BY_ROWS | VAE__OP_GRADIENT_READS_INPUT |
                                       VAE__OP_GRADIENT_READS_OUTPUT | VAE__OP_GRADIENT_READS_DELTA,
                                   .infer = infer,
                                   .forward = forward,
                                   .backward = backward,
                                   .gradient = gradient,
                                   .measure = measure,
                                   .bound = bound,
                                   .scratch = scratch,
                                   .work = work};

/* Without a backward: scores are for reading. */
static const vae__op expected_op = {.name = "mixture_expected_density",
                                    .infer = infer,
                                    .forward = forward,
                                    .scratch = scratch,
                                    .work = work};

static vae_status add_node(const vae__build *build, const vae__op *op, size_t inputs, vae__id z,
                           vae__id sd, vae__id *log_p) {
    vae__node_spec spec = {.op = op,
                           .size = (size_t)mixture_is_full(build->spec),
                           .input_count = inputs,
                           .inputs = {z, sd},
                           .parameter_count = MIXTURE_PARAMETERS};
    for (size_t i = 0; i < MIXTURE_PARAMETERS; i++)
        spec.parameters[i] = (vae__id)(build->network->prior + i);
    return vae__graph_add(build->graph, &spec, log_p);
}

vae_status vae__mixture_density(const vae__build *build, vae__id z, vae__id *log_p) {
    return add_node(build, &density_op, 1, z, VAE__NONE, log_p);
}

vae_status vae__mixture_expected_density(const vae__build *build, vae__id z, vae__id sd,
                                         vae__id *log_p) {
    return add_node(build, &expected_op, 2, z, sd, log_p);
}
