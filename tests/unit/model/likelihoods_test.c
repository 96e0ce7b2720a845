/* Each likelihood by itself, at ordinary and extreme heads: its density sums or integrates to 1 and
 * agrees with long double; E[x|z] is that sum's mean; draws have its moments; instruction sets
 * agree; what is outside its support is refused by name; data starts it where it should. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <math.h>

#include "support/cmocka.h"
#include "support/densities.h"
#include "support/numbers.h"

enum { MOST = 64 };

/* A likelihood of columns that all have the same heads. */
typedef struct bench {
    vae__spec spec;
    const vae__likelihood *likelihood;
    vae__likelihood_row row;
    vae__real heads[2 * MOST], a[2 * MOST], x[MOST], extra[MOST], dextra[MOST];
} bench;

/* likelihood=... and more; `width` columns. NULL: the level for any machine. */
static void open_bench(bench *b, const char *likelihood, size_t width, const char *level) {
    char text[300];
    const vae__kernels *kernels;
    memset(b, 0, sizeof *b);
    snprintf(text, sizeof text, "input=%zu latent=2 likelihood=%s", width, likelihood);
    if (vae__spec_parse(text, &b->spec)) fail_msg("%s", vae_last_error());
    assert_int_equal(vae__kernels_select(level ? level : "auto", &kernels), VAE_OK);
    b->likelihood = vae__likelihood_for(kernels, b->spec.likelihood_index);
    b->row = (vae__likelihood_row){.kernels = kernels,
                                   .spec = &b->spec,
                                   .extra = b->extra,
                                   .a = b->a,
                                   .x = b->x,
                                   .dextra = b->dextra,
                                   .width = width,
                                   .weight = 1};
}

static void set_heads(bench *b, heads h) {
    for (size_t i = 0; i < b->row.width; i++) {
        b->heads[i] = (vae__real)h.first;
        b->heads[b->row.width + i] = b->extra[i] = (vae__real)h.second;
    }
}

static double log_p(bench *b, double x) {
    for (size_t i = 0; i < b->row.width; i++) b->x[i] = (vae__real)x;
    memcpy(b->a, b->heads, sizeof b->a);
    return b->likelihood->row(&b->row) / (double)b->row.width;
}

static double mean_of(bench *b) {
    memcpy(b->a, b->heads, sizeof b->a);
    b->likelihood->mean(&b->row);
    return (double)b->a[0];
}

static const char *describe(const bench *b, heads h, const char *what) {
    static char text[200];
    snprintf(text, sizeof text, "%s at (%g, %g): %s", b->likelihood->name, h.first, h.second, what);
    return text;
}

/* ---- the cases ---- */

enum { MOST_CASES = 12 };

typedef struct subject {
    const char *name;
    long double (*exact)(heads h, double x);
    size_t count;
    heads heads[MOST_CASES];
} subject;

static const subject subjects[] = {
    {"continuous_bernoulli",
     exact_continuous_bernoulli,
     11,
     {{0, 0},
      {1e-6, 0},
      {-0.01, 0},
      {0.4999, 0},
      {0.5001, 0},
      {-0.5, 0},
      {3, 0},
      {-20, 0},
      {60, 0},
      {-300, 0},
      {900, 0}}},
    {"discretized_logistic",
     exact_discretized_logistic,
     12,
     {{0.5, -2},
      {0.2, -3.5},
      {0.1, -5},
      {0.4999, -7.5},
      {0.7, -30},
      {0.3, 1},
      {0.5, 60},
      {-3, -3},
      {4, -2.5},
      {1e-4, -6},
      {1.5, -9},
      {-0.2, 0}}},
    {"poisson", exact_poisson, 7, {{-30, 0}, {-3, 0}, {0, 0}, {1, 0}, {2.3, 0}, {4, 0}, {9, 0}}},
    {"negative_binomial",
     exact_negative_binomial,
     9,
     {{0, 0}, {2, 1}, {3, -1}, {-4, 0.5}, {5, 6}, {1, -4}, {4, 13}, {-3, -6}, {-25, 2}}},
};

#define SUBJECTS (sizeof subjects / sizeof subjects[0])

/* ---- sums and integrals ---- */

typedef struct moments {
    double total, mean, variance, fourth; /* central */
} moments;

typedef struct points {
    double *x, *weight; /* of p(x): 1, or a quadrature's */
    size_t count;
} points;

static void add_point(points *to, double x, double weight) {
    to->x[to->count] = x;
    to->weight[to->count++] = weight;
}

/* Panels that halve towards both ends, each with the four-point rule of Gauss and Legendre on pieces. */
static void unit_interval(points *to) {
    static const double node[] = {0.3399810435848562648, 0.8611363115940525752};
    static const double weight[] = {0.6521451548625461426, 0.3478548451374538574};
    for (int panel = 0; panel < 14; panel++) {
        double low = panel == 13 ? 0 : ldexp(1, -panel - 2), high = ldexp(1, -panel - 1);
        for (int piece = 0; piece < 16; piece++) {
            double half = (high - low) / 32, middle = low + (2 * piece + 1) * half;
            for (int i = 0; i < 2; i++) {
                for (int side = -1; side <= 1; side += 2) {
                    double x = middle + side * half * node[i];
                    add_point(to, x, half * weight[i]);
                    add_point(to, 1 - x, half * weight[i]);
                }
            }
        }
    }
}

static points support_of(const bench *b) {
    enum { COUNTS = 400000 };
    points to = {malloc(COUNTS * sizeof(double)), malloc(COUNTS * sizeof(double)), 0};
    if (!strcmp(b->likelihood->name, "continuous_bernoulli")) {
        unit_interval(&to);
    } else if (!strcmp(b->likelihood->name, "discretized_logistic")) {
        for (int level = 0; level < 256; level++) add_point(&to, level / 255.0, 1);
    } else {
        for (int x = 0; x < COUNTS; x++) add_point(&to, x, 1);
    }
    return to;
}

static moments sum_up(bench *b) {
    points at = support_of(b);
    moments m = {0};
    double *p = malloc(at.count * sizeof *p);
    for (size_t i = 0; i < at.count; i++) {
        p[i] = at.weight[i] * exp(log_p(b, at.x[i]));
        m.total += p[i];
        m.mean += p[i] * at.x[i];
        /* the tail that is left is below rounding */
        if (i > 20 && b->likelihood->log1p_input && p[i] < 1e-30 && p[i] < p[i - 1]) at.count = i;
    }
    for (size_t i = 0; i < at.count; i++) {
        double off = at.x[i] - m.mean;
        m.variance += p[i] * off * off;
        m.fourth += p[i] * off * off * off * off;
    }
    free(p);
    free(at.x);
    free(at.weight);
    return m;
}

static void normalisation_and_mean(void **state) {
    (void)state;
    for (size_t s = 0; s < SUBJECTS; s++) {
        for (size_t i = 0; i < subjects[s].count; i++) {
            bench b;
            heads h = subjects[s].heads[i];
            open_bench(&b, subjects[s].name, 1, NULL);
            set_heads(&b, h);
            moments m = sum_up(&b);
            test_near(m.total, 1, test_tolerance(2e-5, 1e-9), describe(&b, h, "sum of p"));
            double found = mean_of(&b), tolerance = test_tolerance(2e-5, 1e-9);
            test_near(found / m.mean, 1, tolerance, describe(&b, h, "mean over sum of x p"));
        }
    }
}

static void negative_binomial_variance(void **state) {
    (void)state;
    static const heads cases[] = {{0, 0}, {2, 1}, {3, -1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bench b;
        open_bench(&b, "negative_binomial", 1, NULL);
        set_heads(&b, cases[i]);
        moments m = sum_up(&b);
        double expected = m.mean + m.mean * m.mean / exp(cases[i].second);
        test_near(m.variance / expected, 1, 1e-5, describe(&b, cases[i], "mu + mu^2 / r"));
    }
}

/* ---- against long double ---- */

static heads moved(heads h, int second, double by) {
    return second ? (heads){h.first, h.second + by} : (heads){h.first + by, h.second};
}

/* d exact / d head in long double; the step is a multiple of float's spacing at the head, so that
 * the heads stay what they are. */
static double exact_slope(const subject *s, heads h, int second, double x) {
    double at = fabs(second ? h.second : h.first), step = ldexp(1, ilogb(fmax(at, 0.01)) - 20);
    long double near = s->exact(moved(h, second, step), x) - s->exact(moved(h, second, -step), x);
    long double far =
        s->exact(moved(h, second, 2 * step), x) - s->exact(moved(h, second, -2 * step), x);
    return (double)((8 * near - far) / (12 * (long double)step));
}

/* The spacing of floats at x in units of a logistic's scale: what a sharp one makes of rounding. */
static double rounding(const subject *s, heads h) {
    if (s->exact != exact_discretized_logistic) return 0;
    return test_tolerance(1e-7, 1e-16) / exp((double)bounded(h.second, -8, 2));
}

static void check_exact(bench *b, const subject *s, heads h, double x) {
    set_heads(b, h);
    h = (heads){(double)(vae__real)h.first, (double)(vae__real)h.second};
    double expected = (double)s->exact(h, (double)(vae__real)x), tolerance = rounding(s, h);
    test_near(log_p(b, x), expected, tolerance + test_tolerance(2e-6, 1e-12),
              describe(b, h, "log p"));
    double first = (double)b->a[0], second = (double)b->a[1];
    int has_extra = b->likelihood->parameters != NULL;
    if (has_extra) second = (double)b->dextra[0];
    double unit = b->likelihood->heads ? exp((double)bounded(h.second, -8, 2)) : 1;
    tolerance += test_tolerance(1e-5, 1e-7);
    test_near(unit * first, unit * exact_slope(s, h, 0, (double)(vae__real)x), tolerance,
              describe(b, h, "d log p / d head 0"));
    if (!has_extra && !b->likelihood->heads) return;
    test_near(second, exact_slope(s, h, 1, (double)(vae__real)x), tolerance,
              describe(b, h, "d log p / d head 1"));
}

static void exact_values(void **state) {
    (void)state;
    static const double shares[] = {0, 0.01, 0.3, 0.5, 0.9, 1};
    static const double counts[] = {0, 1, 2, 9, 20, 21, 300};
    for (size_t s = 0; s < SUBJECTS; s++) {
        bench b;
        open_bench(&b, subjects[s].name, 1, NULL);
        const double *values = b.likelihood->log1p_input ? counts : shares;
        size_t count = b.likelihood->log1p_input ? 7 : 6;
        for (size_t i = 0; i < subjects[s].count; i++) {
            for (size_t j = 0; j < count; j++) {
                double x = b.likelihood->heads ? rint(255 * values[j]) / 255 : values[j];
                check_exact(&b, &subjects[s], subjects[s].heads[i], x);
            }
        }
    }
}

/* Far in the tail and at the sharpest scale there is still a value and a gradient, towards x. */
static void far_tails(void **state) {
    (void)state;
    static const heads cases[] = {{1e5, -100}, {-1e5, -100}, {1e5, 100}, {-1e5, 100}, {30, -6}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bench b;
        open_bench(&b, "discretized_logistic", 3, NULL);
        set_heads(&b, cases[i]);
        double found = log_p(&b, 100 / 255.0);
        assert_true(isfinite(found) && found < -1);
        assert_true(isfinite((double)b.a[3]));
        assert_true((double)b.a[0] * cases[i].first < 0);
    }
}

/* At r = exp(30) the negative binomial is the Poisson. */
static void poisson_limit(void **state) {
    (void)state;
    for (double x = 0; x < 3000; x = 2 * x + 1) {
        bench poisson, other;
        const heads h = {3, 80};
        open_bench(&poisson, "poisson", 1, NULL);
        open_bench(&other, "negative_binomial", 1, NULL);
        set_heads(&poisson, h);
        set_heads(&other, h);
        double expected = log_p(&poisson, x);
        test_near(log_p(&other, x), expected, 1e-9, describe(&other, h, "log p"));
        test_near((double)other.a[0], (double)poisson.a[0], 1e-6, describe(&other, h, "gradient"));
        test_near((double)other.dextra[0], 0, 1e-6, describe(&other, h, "d log r"));
    }
}

/* ---- draws ---- */

static void check_draws(const subject *s, heads h) {
    enum { ROWS = 8000, WIDTH = 3, DRAWS = ROWS * WIDTH };
    bench one, b;
    open_bench(&one, s->name, 1, NULL);
    set_heads(&one, h);
    moments m = sum_up(&one);
    open_bench(&b, s->name, WIDTH, NULL);
    set_heads(&b, h);
    memcpy(b.a, b.heads, sizeof b.a);
    const vae__stream stream = {11, 0, VAE__PURPOSE_DRAW, 0};
    double sum = 0, squares = 0, shared = 0;
    for (uint32_t number = 0; number < ROWS; number++) {
        float x[WIDTH];
        b.likelihood->draw(&b.row, &stream, number, x);
        for (size_t i = 0; i < WIDTH; i++) {
            assert_true((double)x[i] >= b.likelihood->low && (double)x[i] <= b.likelihood->high);
            sum += (double)x[i];
            squares += ((double)x[i] - m.mean) * ((double)x[i] - m.mean);
        }
        shared += ((double)x[0] - m.mean) * ((double)x[1] - m.mean);
    }
    double error = sqrt(m.variance / DRAWS) + 1e-9;
    if (fabs(sum / DRAWS - m.mean) > 5 * error)
        fail_msg("%s: found %g, expected %g +- %g", describe(&b, h, "mean of draws"), sum / DRAWS,
                 m.mean, error);
    error = sqrt(fmax(m.fourth - m.variance * m.variance, 0) / DRAWS) + 1e-9;
    if (fabs(squares / DRAWS - m.variance) > 5 * error)
        fail_msg("%s: found %g, expected %g +- %g", describe(&b, h, "variance of draws"),
                 squares / DRAWS, m.variance, error);
    if (fabs(shared / ROWS) > 5 * m.variance / sqrt(ROWS) + 1e-9)
        fail_msg("%s: %g", describe(&b, h, "columns are correlated"), shared / ROWS / m.variance);
}

static void draws(void **state) {
    (void)state;
    for (size_t s = 0; s < SUBJECTS; s++) {
        for (size_t i = 0; i < subjects[s].count; i++)
            check_draws(&subjects[s], subjects[s].heads[i]);
    }
}

/* On both sides of where the Poisson's method changes, every count's frequency. */
static void poisson_frequencies(void **state) {
    (void)state;
    enum { ROWS = 200000, COUNTS = 60 };
    static const double rates[] = {0.3, 9.9, 10.1, 25};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        bench b;
        size_t seen[COUNTS] = {0};
        const heads h = {log(rates[i]), 0};
        const vae__stream stream = {5, 0, VAE__PURPOSE_DRAW, 0};
        open_bench(&b, "poisson", 1, NULL);
        set_heads(&b, h);
        memcpy(b.a, b.heads, sizeof b.a);
        for (uint32_t number = 0; number < ROWS; number++) {
            float x;
            b.likelihood->draw(&b.row, &stream, number, &x);
            if (x < COUNTS) seen[(size_t)x]++;
        }
        for (int x = 0; x < COUNTS; x++) {
            double p = exp(log_p(&b, x)), found = (double)seen[x] / ROWS;
            if (fabs(found - p) > 5 * sqrt(p / ROWS) + 3.0 / ROWS)
                fail_msg("rate %g: %d drawn with frequency %g, expected %g", rates[i], x, found, p);
        }
    }
}

/* ---- categorical ---- */

static void open_categorical(bench *b, double scale) {
    vae__spec spec;
    open_bench(b, "categorical", 12, NULL);
    assert_int_equal(vae__spec_parse("input=3x4 latent=2 likelihood=categorical", &spec), VAE_OK);
    b->spec.input = spec.input;
    for (size_t i = 0; i < 12; i++) b->heads[i] = (vae__real)test_uniform(3, i, -scale, scale);
}

static double categorical_log_p(bench *b, size_t number) {
    for (size_t i = 0; i < 12; i++) b->x[i] = (number >> (i / 4 * 2) & 3) == i % 4;
    memcpy(b->a, b->heads, sizeof b->a);
    return b->likelihood->row(&b->row);
}

static void categorical(void **state) {
    (void)state;
    static const double scales[] = {0, 1, 30, 2000};
    for (size_t s = 0; s < 4; s++) {
        bench b;
        double total = 0, expected[12] = {0}, frequency[12] = {0};
        const vae__stream stream = {9, 0, VAE__PURPOSE_DRAW, 0};
        enum { ROWS = 20000 };
        open_categorical(&b, scales[s]);
        for (size_t number = 0; number < 64; number++) {
            double p = exp(categorical_log_p(&b, number));
            total += p;
            for (size_t i = 0; i < 12; i++) expected[i] += p * (double)b.x[i];
        }
        test_near(total, 1, test_tolerance(1e-5, 1e-12), "sum over all one-hot rows");
        memcpy(b.a, b.heads, sizeof b.a);
        for (uint32_t number = 0; number < ROWS; number++) {
            float x[12];
            b.likelihood->draw(&b.row, &stream, number, x);
            for (size_t i = 0; i < 12; i++) frequency[i] += (double)x[i] / ROWS;
        }
        b.likelihood->mean(&b.row);
        for (size_t i = 0; i < 12; i++) {
            test_near((double)b.a[i], expected[i], test_tolerance(1e-5, 1e-12), "E[x|z]");
            double error = sqrt(expected[i] * (1 - fmin(expected[i], 1)) / ROWS) + 1e-5;
            test_near((frequency[i] - expected[i]) / error, 0, 5, "frequency of draws");
        }
    }
}

/* ---- instruction sets ---- */

static void fill_random(bench *b, const char *name) {
    for (size_t i = 0; i < b->row.width; i++) {
        double u = test_uniform(4, i, 0, 1);
        b->heads[i] = (vae__real)test_uniform(1, i, -3, 3);
        b->heads[b->row.width + i] = (vae__real)test_uniform(2, i, -8, 1);
        b->extra[i] = (vae__real)test_uniform(3, i, -2, 4);
        b->x[i] = (vae__real)(b->likelihood->log1p_input ? floor(30 * u * u) : u);
        if (b->likelihood->heads) b->x[i] = (vae__real)(floor(256 * u) / 255);
        if (!strcmp(name, "categorical")) b->x[i] = i == 5;
    }
}

/* The density of a likelihood for diffusions alone is tested in tests/unit/diffusion. */
static int is_of_vae(int likelihood) {
    return vae__likelihood_for(NULL, likelihood)->row != NULL;
}

static void levels_agree(void **state) {
    (void)state;
    static const char *const levels[] = {"generic", "sse2", "avx2", "avx512"};
    static const size_t widths[] = {1, 15, 16, 17, 37};
    for (int n = 0; vae__likelihood_names[n]; n++) {
        const char *name = vae__likelihood_names[n];
        if (!is_of_vae(n)) continue;
        for (size_t w = !strcmp(name, "categorical") ? 1 : 0; w < 5; w++) {
            bench first = {.likelihood = NULL};
            double expected = 0;
            for (size_t l = 0; l < 4; l++) {
                const vae__kernels *kernels;
                bench b;
                if (vae__kernels_select(levels[l], &kernels)) continue;
                open_bench(&b, name, widths[w], levels[l]);
                fill_random(&b, name);
                memcpy(b.a, b.heads, sizeof b.a);
                double found = b.likelihood->row(&b.row);
                if (!first.likelihood) {
                    first = b;
                    expected = found;
                }
                test_near(found, expected, test_tolerance(2e-6, 1e-13), name);
                for (size_t i = 0; i < 2 * widths[w]; i++)
                    test_near((double)b.a[i], (double)first.a[i], test_tolerance(1e-5, 1e-12),
                              name);
            }
        }
    }
}

/* ---- refused ---- */

typedef struct refusal {
    const char *spec; /* of 8 values a row */
    size_t period;    /* rows are 1 at every period-th value and else 0; or 0: */
    float good, bad;  /* all values, and value 5 of row 2 */
    const char *message;
} refusal;

static const refusal refusals[] = {
    {"input=8 likelihood=continuous_bernoulli", 0, 0.3f, 1.5f,
     "row 2, column 5 is 1.5: likelihood=continuous_bernoulli takes values from 0 to 1"},
    {"input=8 likelihood=discretized_logistic", 0, 51 / 255.0f, 0.5f,
     "row 2, column 5 is 0.5: likelihood=discretized_logistic takes 8-bit levels"},
    {"input=8 likelihood=discretized_logistic", 0, 1, -1, "row 2, column 5 is -1"},
    {"input=2x4 likelihood=categorical", 4, 0, 1,
     "row 2, column 5 is 1: likelihood=categorical takes one-hot groups"},
    {"input=2x4 likelihood=categorical", 4, 0, 0.25f, "row 2, column 5 is 0.25"},
    {"input=4x2 likelihood=categorical", 2, 0, 2, "row 2, column 5 is 2"},
    {"input=8 likelihood=categorical", 8, 0, 1, "row 2, column 5 is 1"},
    {"input=8 likelihood=poisson", 0, 3, 1.5f,
     "row 2, column 5 is 1.5: likelihood=poisson takes counts: whole numbers"},
    {"input=8 likelihood=poisson", 0, 0, -1, "row 2, column 5 is -1"},
    {"input=8 likelihood=poisson", 0, 0, NAN, "row 2, column 5 is nan"},
    {"input=8 likelihood=negative_binomial", 0, 16777216, 0.5f,
     "row 2, column 5 is 0.5: likelihood=negative_binomial takes counts"},
    {"input=8 likelihood=negative_binomial", 0, 0, 2e9f,
     "likelihood=negative_binomial takes values from 0 to 1e+09"},
};

static void check_refusal(const refusal *r) {
    vae_context *context = test_context("threads=1");
    char text[200];
    float x[24], mean[6], logvar[6];
    snprintf(text, sizeof text, "latent=2 %s", r->spec);
    vae_model *model = test_model(context, text, 0.5);
    for (size_t i = 0; i < 24; i++) x[i] = r->period ? (i % r->period == 0 ? 1.0f : 0.0f) : r->good;
    if (vae_encode(model, x, 3, 8, mean, logvar)) fail_msg("%s", vae_last_error());
    x[21] = r->bad;
    assert_int_equal(vae_encode(model, x, 3, 8, mean, logvar), VAE_ERROR_DATA);
    if (!strstr(vae_last_error(), r->message))
        fail_msg("found \"%s\", expected \"%s\"", vae_last_error(), r->message);
    vae_model_destroy(model);
    vae_context_destroy(context);
}

static void refused(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) check_refusal(&refusals[i]);
}

/* A group without a 1 is refused at its first column. */
static void empty_group(void **state) {
    (void)state;
    bench b;
    size_t column = 99;
    open_categorical(&b, 1);
    vae__real x[12] = {0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0};
    assert_int_equal(b.likelihood->valid(&b.spec, x, &column), 0);
    assert_int_equal(column, 4);
    x[7] = 1;
    assert_int_equal(b.likelihood->valid(&b.spec, x, &column), 1);
}

/* ---- starting from data ---- */

enum { START_ROWS = 40, START_WIDTH = 6 };

/* Column i has a mean of its own; column 0 does not vary. */
static void start_data(const char *name, float *x) {
    for (size_t r = 0; r < START_ROWS; r++) {
        for (size_t i = 0; i < START_WIDTH; i++) {
            double u = test_uniform(21, r * START_WIDTH + i, 0, 1);
            double value = i ? pow(u, (double)i) : 0.5;
            if (!strcmp(name, "discretized_logistic")) value = rint(255 * value) / 255;
            if (!strcmp(name, "categorical")) value = i % 3 == r % 7 % 3;
            if (strstr(name, "poisson") || strstr(name, "binomial")) value = rint(9 * value);
            x[r * START_WIDTH + i] = (float)value;
        }
    }
}

static vae_model *started(vae_context *context, const char *likelihood, const float *x) {
    vae_dataset *dataset;
    char text[200];
    snprintf(text, sizeof text, "input=%s latent=2 likelihood=%s",
             strcmp(likelihood, "categorical") ? "6" : "2x3", likelihood);
    vae_model *model = test_model(context, text, 0.5);
    assert_int_equal(vae_dataset_from_memory(context, x, START_ROWS, START_WIDTH, "", &dataset),
                     VAE_OK);
    if (vae_model_initialize(model, dataset)) fail_msg("%s", vae_last_error());
    vae_dataset_destroy(dataset);
    return model;
}

/* With the output weights at 0, decoding gives the column means. */
static void start_at_the_mean(void **state) {
    (void)state;
    static const char *const names[] = {"bernoulli", "continuous_bernoulli", "categorical",
                                        "poisson", "negative_binomial"};
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        vae_context *context = test_context("threads=1");
        float x[START_ROWS * START_WIDTH], z[2] = {0, 0}, x_mean[START_WIDTH];
        start_data(names[n], x);
        vae_model *model = started(context, names[n], x);
        vae__parameter *weight = test_parameter(model, "likelihood.weight");
        memset(weight->values, 0, vae__parameter_size(weight) * sizeof *weight->values);
        assert_int_equal(vae_decode(model, z, 1, 2, x_mean), VAE_OK);
        for (size_t i = 0; i < START_WIDTH; i++) {
            double mean = 0;
            for (size_t r = 0; r < START_ROWS; r++)
                mean += (double)x[r * START_WIDTH + i] / START_ROWS;
            test_near((double)x_mean[i], mean, test_tolerance(2e-6, 1e-7), names[n]);
        }
        vae_model_destroy(model);
        vae_context_destroy(context);
    }
}

static void start_of_the_logistic(void **state) {
    (void)state;
    vae_context *context = test_context("threads=1");
    float x[START_ROWS * START_WIDTH];
    start_data("discretized_logistic", x);
    vae_model *model = started(context, "discretized_logistic", x);
    const vae__real *bias = test_parameter(model, "likelihood.bias")->values;
    for (size_t i = 0; i < START_WIDTH; i++) {
        double mean = 0, square = 0;
        for (size_t r = 0; r < START_ROWS; r++) {
            double value = (double)x[r * START_WIDTH + i];
            mean += value / START_ROWS;
            square += value * value / START_ROWS;
        }
        double s = fmax(sqrt(3 * (square - mean * mean)) / 3.14159265358979324, 0.01);
        test_near((double)bias[i], mean, 1e-6, "m");
        test_near((double)bounded(bias[START_WIDTH + i], -8, 2), log(s), 1e-5, "log s");
    }
    vae_model_destroy(model);
    vae_context_destroy(context);
}

/* ---- through a model ---- */

/* Where the decoder ignores z, every draw has the same mean: E[x|z]. */
static void samples(void **state) {
    (void)state;
    enum { ROWS = 4000, WIDTH = 6 };
    static float z[ROWS * 2], x_mean[ROWS * WIDTH], x[ROWS * WIDTH];
    for (int n = 0; vae__likelihood_names[n]; n++) {
        if (!is_of_vae(n)) continue;
        vae_context *context = test_context("threads=2");
        char text[200];
        snprintf(text, sizeof text, "input=2x3 latent=2 likelihood=%s", vae__likelihood_names[n]);
        vae_model *model = test_model(context, text, 0.7);
        vae__parameter *weight = test_parameter(model, "likelihood.weight");
        memset(weight->values, 0, vae__parameter_size(weight) * sizeof *weight->values);
        assert_int_equal(vae_sample(model, ROWS, 5, z, x_mean, x), VAE_OK);
        for (size_t i = 0; i < WIDTH; i++) {
            double sum = 0, squares = 0;
            for (size_t r = 0; r < ROWS; r++) {
                double off = (double)x[r * WIDTH + i] - (double)x_mean[i];
                assert_true(x_mean[r * WIDTH + i] == x_mean[i]);
                sum += off / ROWS;
                squares += off * off / ROWS;
            }
            test_near(sum / sqrt(squares / ROWS), 0, 5, vae__likelihood_names[n]);
        }
        vae_model_destroy(model);
        vae_context_destroy(context);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normalisation_and_mean),
        cmocka_unit_test(negative_binomial_variance),
        cmocka_unit_test(exact_values),
        cmocka_unit_test(far_tails),
        cmocka_unit_test(poisson_limit),
        cmocka_unit_test(draws),
        cmocka_unit_test(poisson_frequencies),
        cmocka_unit_test(categorical),
        cmocka_unit_test(levels_agree),
        cmocka_unit_test(refused),
        cmocka_unit_test(empty_group),
        cmocka_unit_test(start_at_the_mean),
        cmocka_unit_test(start_of_the_logistic),
        cmocka_unit_test(samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
