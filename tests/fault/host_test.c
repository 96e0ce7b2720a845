/* A process in which libvae is a guest: its locale, streams, signals, floating-point mode, stack. Under
 * each a whole life - data, training, inference, files, evaluation, refusals - goes as it goes without. */
#include <fcntl.h>
#include <fenv.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#include "support/checks.h"
#include "support/child.h"
#include "support/cmocka.h"
#include "support/locale.h"
#include "support/sanitizers.h"

enum { ROWS = 200, WIDTH = 12, LATENT = 3, STEPS = 12 };

/* Large enough that its work goes to the threads. */
#define SPEC                                            \
    "input=12 latent=3 likelihood=gaussian sigma=0.25 " \
    "encoder=[dense 300, silu, dense 100] decoder=[dense 300, tanh]"

static float rows[ROWS * WIDTH];

static void fill_rows(void) {
    for (size_t i = 0; i < ROWS * WIDTH; i++) rows[i] = (float)(i * 37 % 101) / 101;
}

/* ---- a life ---- */

/* What it left: results, and a digest of every text, file and number. */
typedef struct outcome {
    vae_status status;
    uint64_t digest;
} outcome;

static uint64_t digest_of(uint64_t digest, const void *bytes, size_t size) {
    for (size_t i = 0; i < size; i++)
        digest = (digest ^ ((const unsigned char *)bytes)[i]) * 0x100000001B3u;
    return digest;
}

static uint64_t digest_of_text(uint64_t digest, const char *text) {
    return digest_of(digest, text, strlen(text));
}

static uint64_t digest_of_file(uint64_t digest, const char *path) {
    char bytes[4096];
    size_t size;
    FILE *file = fopen(path, "rb");
    if (!file) return 0;
    while ((size = fread(bytes, 1, sizeof bytes, file)) > 0)
        digest = digest_of(digest, bytes, size);
    fclose(file);
    return digest;
}

static vae_status train(vae_model *model, vae_optimizer *optimizer, vae_dataset *data) {
    vae_status status = VAE_OK;
    for (int i = 0; i < STEPS && !status; i++) status = vae_step(model, optimizer, data, NULL);
    return status;
}

static void infer_and_evaluate(const vae_model *model, const vae_dataset *data, outcome *o) {
    static const char *const figures[] = {"elbo", "log_p", "gap"};
    vae_evaluation *evaluation = NULL;
    float x[5 * WIDTH];
    double value;
    if (!o->status) o->status = vae_reconstruct(model, rows, 5, WIDTH, x);
    if (!o->status)
        o->status = vae_evaluate(model, data, NULL, "samples=10", NULL, NULL, &evaluation);
    if (o->status) return;
    o->digest = digest_of(o->digest, x, sizeof x);
    o->digest = digest_of_text(o->digest, vae_evaluation_text(evaluation));
    for (size_t i = 0; i < COUNT_OF(figures) && !o->status; i++) {
        o->status = vae_evaluation_value(evaluation, figures[i], &value);
        o->digest = digest_of(o->digest, &value, sizeof value);
    }
    vae_evaluation_destroy(evaluation);
}

/* Every kind of complaint, which must stay in vae_last_error. */
static void be_refused(vae_context *context, vae_model *model, outcome *o) {
    vae_model *none;
    vae_dataset *no_data;
    vae_optimizer *no_optimizer;
    float bad[WIDTH] = {1.0f / 0.0f};
    const vae_status found[] = {
        vae_model_create(context, "input=0.5 latent=2", &none),
        vae_model_load(context, "/nowhere/model", &none),
        vae_dataset_open(context, "/nowhere/data", NULL, &no_data),
        vae_optimizer_create(model, "lr=0,5", &no_optimizer),
        vae_encode(model, bad, 1, WIDTH, NULL, NULL),
        vae_model_save(model, "/nowhere/model"),
    };
    o->digest = digest_of(o->digest, found, sizeof found);
    o->digest = digest_of_text(o->digest, vae_last_error());
    for (size_t i = 0; i < COUNT_OF(found) && !o->status; i++)
        if (!found[i]) o->status = VAE_ERROR_INTERNAL;
}

static void write_csv(const char *path) {
    FILE *file = fopen(path, "w");
    if (!file) return;
    for (int i = 0; i < ROWS * WIDTH; i++)
        fprintf(file, "%d.%03de-3%c", i % 7, i % 1000, i % WIDTH == WIDTH - 1 ? '\n' : ',');
    fclose(file);
}

static outcome live_in(vae_context *context, const char *folder) {
    char path[100], csv[100];
    outcome o = {VAE_OK, 0};
    vae_model *model = NULL, *loaded = NULL;
    vae_optimizer *optimizer = NULL, *resumed = NULL;
    vae_dataset *data = NULL;
    snprintf(path, sizeof path, "%s/checkpoint", folder);
    snprintf(csv, sizeof csv, "%s/rows.csv", folder);
    write_csv(csv);
    o.status = vae_dataset_open(context, csv, "batch=64 scale=unit split=train:0.75", &data);
    if (!o.status) o.status = vae_model_create(context, SPEC, &model);
    if (!o.status) o.status = vae_model_initialize(model, data);
    if (!o.status) o.status = vae_optimizer_create(model, "adam lr=2.5e-3", &optimizer);
    if (!o.status) o.status = train(model, optimizer, data);
    if (!o.status) o.status = vae_checkpoint_save(model, optimizer, data, path);
    if (!o.status) o.status = vae_checkpoint_load(context, path, data, &loaded, &resumed);
    if (!o.status) {
        o.digest = digest_of_text(o.digest, vae_model_spec(loaded));
        o.digest = digest_of_text(o.digest, vae_optimizer_options(resumed));
        o.digest = digest_of_file(o.digest, path);
        infer_and_evaluate(loaded, data, &o);
    }
    if (!o.status) be_refused(context, model, &o);
    vae_optimizer_destroy(optimizer);
    vae_optimizer_destroy(resumed);
    vae_model_destroy(model);
    vae_model_destroy(loaded);
    vae_dataset_destroy(data);
    unlink(path);
    unlink(csv);
    return o;
}

/* May run in a child: reports, does not assert. The digest of what was not given back is none. */
static outcome live(const char *folder) {
    host_allocator counts = {0};
    vae_context *context = NULL;
    outcome o = {VAE_OK, 0};
    o.status =
        vae_context_create_with_allocator("threads=3", host_alloc, host_free, &counts, &context);
    if (!o.status) o = live_in(context, folder);
    vae_context_destroy(context);
    if (!o.status && counts.blocks) o.status = VAE_ERROR_INTERNAL;
    return o;
}

static char folder[40];
static outcome usual;

static int set_up(void **state) {
    (void)state;
    fill_rows();
    strcpy(folder, "/tmp/vae-host-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    usual = live(folder);
    if (usual.status) print_error("%s\n", vae_last_error());
    return usual.status;
}

static int tear_down(void **state) {
    (void)state;
    return rmdir(folder);
}

static void assert_usual(outcome o) {
    if (o.status) fail_msg("%s: %s", vae_status_name(o.status), vae_last_error());
    assert_true(o.digest == usual.digest);
}

static int lives_as_usual(void) {
    outcome o = live(folder);
    return !o.status && o.digest == usual.digest;
}

/* ---- locale ---- */

static void does_not_read_the_locale(void **state) {
    char text[8];
    (void)state;
    if (!test_comma_locale()) skip();
    snprintf(text, sizeof text, "%.1f", 0.5);
    outcome o = live(folder);
    setlocale(LC_ALL, "C");
    assert_string_equal(text, "0,5"); /* the test is one */
    assert_usual(o);
}

/* ---- standard streams ---- */

static int without_streams(void) {
    close(0), close(1), close(2);
    if (!lives_as_usual()) return 0;
    return fcntl(0, F_GETFD) < 0 && fcntl(1, F_GETFD) < 0 && fcntl(2, F_GETFD) < 0;
}

static void lives_without_standard_streams(void **state) {
    (void)state;
    assert_int_equal(test_in_child(without_streams), 0);
}

static int says_nothing(void) {
    char path[100];
    struct stat about;
    snprintf(path, sizeof path, "%s/said", folder);
    int file = open(path, O_CREAT | O_RDWR | O_TRUNC, 0600);
    if (file < 0 || dup2(file, 1) < 0 || dup2(file, 2) < 0) return 0;
    int good = lives_as_usual() && !fstat(file, &about) && about.st_size == 0;
    return !unlink(path) && good;
}

static void prints_nothing(void **state) {
    (void)state;
    assert_int_equal(test_in_child(says_nothing), 0);
}

/* ---- signals ---- */

static pthread_t host;
static atomic_int taken, taken_elsewhere;

static void take_signal(int number) {
    (void)number;
    atomic_fetch_add(pthread_equal(pthread_self(), host) ? &taken : &taken_elsewhere, 1);
}

/* A timer's signals, without SA_RESTART: every slow system call of the host's thread is interrupted, and
 * the handler runs on no other thread. */
static void lives_among_signals(void **state) {
    struct sigaction action = {.sa_handler = take_signal}, before;
    struct itimerval often = {{0, 700}, {0, 700}}, never = {{0, 0}, {0, 0}};
    (void)state;
    host = pthread_self();
    sigaction(SIGALRM, &action, &before);
    setitimer(ITIMER_REAL, &often, NULL);
    outcome o = live(folder);
    setitimer(ITIMER_REAL, &never, NULL);
    sigaction(SIGALRM, &before, NULL);
    assert_true(atomic_load(&taken) > 0);
    if (strstr(vae_build_info(), "builtin")) /* a BLAS's own threads take signals */
        assert_int_equal(atomic_load(&taken_elsewhere), 0);
    assert_usual(o);
}

/* ---- floating-point mode ---- */

static unsigned control(void) {
#if defined(__SSE__)
    return _mm_getcsr() & ~0x3Fu; /* without the sticky flags */
#else
    return 0;
#endif
}

static void leaves_the_floating_point_mode(void **state) {
    const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        assert_int_equal(fesetround(modes[i]), 0);
        unsigned before = control();
        outcome o = live(folder);
        unsigned after = control();
        int mode = fegetround();
        fesetround(FE_TONEAREST);
        assert_int_equal(mode, modes[i]);
        assert_int_equal(before, after);
        if (o.status) fail_msg("mode %zu: %s", i, vae_last_error());
    }
    assert_usual(live(folder));
}

/* ---- stack ---- */

/* Of a thread that calls the library; a sanitizer's frames are larger. */
#define STACK ((size_t)(TEST_SANITIZER ? 1024 : 128) << 10)

static void *live_here(void *argument) {
    *(outcome *)argument = live(folder);
    return NULL;
}

static void lives_on_a_small_stack(void **state) {
    pthread_attr_t attributes;
    pthread_t thread;
    outcome o;
    (void)state;
    pthread_attr_init(&attributes);
    assert_int_equal(pthread_attr_setstacksize(&attributes, STACK), 0);
    assert_int_equal(pthread_create(&thread, &attributes, live_here, &o), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    assert_usual(o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(does_not_read_the_locale),
        cmocka_unit_test(lives_without_standard_streams),
        cmocka_unit_test(prints_nothing),
        cmocka_unit_test(lives_among_signals),
        cmocka_unit_test(leaves_the_floating_point_mode),
        cmocka_unit_test(lives_on_a_small_stack),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
