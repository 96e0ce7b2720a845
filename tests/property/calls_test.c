/* Random calls of the whole public API, in rounds (tests/property/world.h). Two processes with the same
 * seed go through the same rounds side by side: what they get must be the same, bit for bit, and neither
 * may grow.
 *
 *     calls_test                          a short run, as a test
 *     calls_test soak SECONDS [SEED]      a long one, with figures
 *     calls_test run SECONDS SEED [ROUND] one process, from that round on; one line a round
 *
 * A failure names its seed and call; "run 0 SEED ROUND" repeats that round alone. */
#include <stdlib.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "property/world.h"
#include "support/sanitizers.h"

enum {
    CALLS_A_ROUND = 300,
    WARM_UP = 40,     /* rounds until memory is measured */
    MOST_GROWTH = 512 /* KiB, of the caches that malloc has for each thread */
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- one process ---- */

static uint64_t run_round(uint64_t seed, uint64_t round, tally *t) {
    world *w = calloc(1, sizeof *w);
    if (!w) abort();
    *w = (world){.seed = seed, .round = round, .state = seed, .tally = t};
    w->state = draw(w) + round;
    w->state = draw(w);
    for (size_t i = 0; i < CALLS_A_ROUND; i++) random_call(w);
    destroy_all(w);
    uint64_t digest = w->digest;
    free(w);
    return digest;
}

/* What is held of malloc's memory, where glibc tells; else what is resident, which also counts the holes
 * between blocks, of which there are more the longer it runs. */
static long held_kib(void) {
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
    struct mallinfo2 m = mallinfo2();
    return (long)((m.uordblks + m.hblkhd) / 1024);
#else
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file) return 0;
    if (fscanf(file, "%ld %ld", &pages, &resident) != 2) resident = 0;
    fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
#endif
}

static void print_tally(const tally *t, long first, long last) {
    printf("calls %llu failures %llu refusals %llu functions %zu held %ld %ld\n",
           (unsigned long long)t->calls, (unsigned long long)t->failures,
           (unsigned long long)t->refusals, t->function_count, first, last);
    for (size_t i = 0; i < t->function_count; i++)
        printf("function %s %llu\n", t->functions[i].name,
               (unsigned long long)t->functions[i].calls);
}

/* Rounds until `seconds` are over, at least one. The first is repeated at the end: nothing that lies
 * between may have changed what calls give. */
static int run(double seconds, uint64_t seed, uint64_t first) {
    static tally t;
    vae_context *context;
    double end = now() + seconds;
    long before = 0;
    uint64_t round = first, digest = 0;
    make_rows();
    /* Sets the BLAS's one thread count for all rounds. */
    if (vae_context_create("threads=2", &context)) return 1;
    vae_context_destroy(context);
    do {
        uint64_t found = run_round(seed, round, &t);
        if (round == first) digest = found;
        printf("round %llu %016llx\n", (unsigned long long)round, (unsigned long long)found);
        if (round++ == first + WARM_UP) before = held_kib();
    } while (now() < end);
    if (run_round(seed, first, &t) != digest) {
        fprintf(stderr, "seed %llu: round %llu gives something else at the end\n",
                (unsigned long long)seed, (unsigned long long)first);
        return 1;
    }
    print_tally(&t, before, held_kib());
    return fflush(stdout) != 0;
}

/* ---- two of them ---- */

typedef struct twin {
    char folder[40], lines[64];
    pid_t process;
    FILE *found;
} twin;

static void start_twin(twin *s, const char *seconds, const char *seed) {
    static char program[4096];
    assert_true(readlink("/proc/self/exe", program, sizeof program - 1) > 0);
    strcpy(s->folder, "/tmp/vae-calls-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    snprintf(s->lines, sizeof s->lines, "%s/lines", s->folder);
    s->process = fork();
    assert_true(s->process >= 0);
    if (s->process == 0) {
        if (chdir(s->folder) || !freopen("lines", "w", stdout)) _exit(2);
        execl(program, program, "run", seconds, seed, (char *)NULL);
        _exit(2);
    }
}

static void end_twin(twin *s) {
    int status = -1;
    assert_int_equal(waitpid(s->process, &status, 0), s->process);
    s->found = fopen(s->lines, "r");
    assert_non_null(s->found);
    if (status)
        fail_msg("a process ended with %x (what it did is in %s)", (unsigned)status, s->folder);
}

/* Rounds of both are the same; who was faster has more. Returns how many were compared. */
static size_t compare_rounds(twin *a, twin *b) {
    char line[2][200];
    size_t rounds = 0;
    while (fgets(line[0], sizeof line[0], a->found) && fgets(line[1], sizeof line[1], b->found) &&
           !strncmp(line[0], "round ", 6) && !strncmp(line[1], "round ", 6)) {
        if (strcmp(line[0], line[1])) fail_msg("the processes differ: %s and %s", line[0], line[1]);
        rounds++;
    }
    return rounds;
}

typedef struct figures {
    unsigned long long calls, failures, refusals;
    size_t functions;
    long first, last; /* KiB held */
} figures;

static figures read_figures(twin *s) {
    char line[200];
    figures f = {0};
    rewind(s->found);
    while (fgets(line, sizeof line, s->found))
        if (sscanf(line, "calls %llu failures %llu refusals %llu functions %zu held %ld %ld",
                   &f.calls, &f.failures, &f.refusals, &f.functions, &f.first, &f.last) == 6)
            return f;
    fail_msg("a process gave no figures");
    return f;
}

static int was_called(twin *s, const char *name) {
    char line[200], wanted[100];
    int length = snprintf(wanted, sizeof wanted, "function %s ", name);
    rewind(s->found);
    while (fgets(line, sizeof line, s->found))
        if (!strncmp(line, wanted, (size_t)length)) return 1;
    return 0;
}

/* Every function of the library is among the calls: the list is that of the shared library. */
static void check_functions(twin *s) {
    char line[200], name[100];
    FILE *map = fopen("src/libvae.map", "r");
    if (!map) return; /* run from elsewhere */
    while (fgets(line, sizeof line, map))
        if (sscanf(line, " %99[a-z_0-9];", name) == 1 && !strncmp(name, "vae_", 4))
            if (!was_called(s, name)) fail_msg("%s was never called", name);
    fclose(map);
}

static void remove_twin(twin *s) {
    fclose(s->found);
    unlink(s->lines);
    assert_int_equal(rmdir(s->folder), 0); /* no file of the library is left */
}

static void go_side_by_side(const char *seconds, const char *seed, int talk) {
    twin twins[2];
    for (size_t i = 0; i < 2; i++) start_twin(&twins[i], seconds, seed);
    for (size_t i = 0; i < 2; i++) end_twin(&twins[i]);
    size_t rounds = compare_rounds(&twins[0], &twins[1]);
    assert_true(rounds > 0);
    for (size_t i = 0; i < 2; i++) {
        figures f = read_figures(&twins[i]);
        if (talk)
            printf("%llu calls, %llu refused or failed, the allocator refused in %llu; "
                   "held %ld KiB, at the end %ld KiB\n",
                   f.calls, f.failures, f.refusals, f.first, f.last);
        if (!TEST_SANITIZER && f.first && f.last > f.first + f.first / 4 + MOST_GROWTH)
            fail_msg("grew from %ld to %ld KiB", f.first, f.last);
        if (rounds > WARM_UP) check_functions(&twins[i]);
        remove_twin(&twins[i]);
    }
    if (talk) printf("%zu rounds of both were the same\n", rounds);
}

static void nothing_grows_and_nothing_drifts(void **state) {
    (void)state;
    const char *seconds = getenv("VAE_TEST_SECONDS");
    go_side_by_side(seconds ? seconds : "10", "1", 0);
}

static const char *soak_seconds, *soak_seed;

static void soaks(void **state) {
    (void)state;
    go_side_by_side(soak_seconds, soak_seed, 1);
}

int main(int count, char **arguments) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_grows_and_nothing_drifts)};
    const struct CMUnitTest long_tests[] = {cmocka_unit_test(soaks)};
    if (count >= 4 && !strcmp(arguments[1], "run"))
        return run(strtod(arguments[2], NULL), strtoull(arguments[3], NULL, 10),
                   count > 4 ? strtoull(arguments[4], NULL, 10) : 0);
    if (count >= 3 && !strcmp(arguments[1], "soak")) {
        soak_seconds = arguments[2];
        soak_seed = count > 3 ? arguments[3] : "1";
        return cmocka_run_group_tests(long_tests, NULL, NULL);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
