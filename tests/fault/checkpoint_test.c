/* Saving a checkpoint while the process is killed and while the disk gives out: the file is the old
 * one or the new one, whole. */
#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/checks.h"
#include "support/cmocka.h"
#include "support/folder.h"
#include "support/numbers.h"

#define SPEC "input=784 latent=20 likelihood=bernoulli encoder=[dense 100, relu]"
enum { KILLS = 150, LONGEST_MICROSECONDS = 20000 };

typedef struct training {
    vae_model *model;
    vae_optimizer *optimizer;
    unsigned char *saved; /* what it saves */
    size_t length;
} training;

static char path[128];
static training old, new;

static int is_saved(const training *t) {
    size_t length;
    unsigned char *bytes = test_content(path, &length);
    int same = length == t->length && !memcmp(bytes, t->saved, length);
    free(bytes);
    return same;
}

static vae_status save(const training *t) {
    return vae_checkpoint_save(t->model, t->optimizer, NULL, path);
}

static training train(int steps) {
    static float x[784];
    training t = {0};
    test_values(x, 784, 3, 0, 1);
    assert_ok(vae_model_create(NULL, SPEC, &t.model));
    assert_ok(vae_optimizer_create(t.model, "adam", &t.optimizer));
    for (int i = 0; i < steps; i++) assert_ok(vae_step_rows(t.model, t.optimizer, x, 1, 784, NULL));
    assert_ok(save(&t));
    t.saved = test_content(path, &t.length);
    return t;
}

static void release(training *t) {
    vae_optimizer_destroy(t->optimizer);
    vae_model_destroy(t->model);
    free(t->saved);
}

/* Files in the folder whose names begin with a point, which are removed. */
static int remove_temporaries(void) {
    int count = 0;
    DIR *list = opendir(test_folder());
    assert_non_null(list);
    for (struct dirent *entry; (entry = readdir(list));) {
        if (strncmp(entry->d_name, ".vae-", 5)) continue;
        assert_int_equal(unlinkat(dirfd(list), entry->d_name, 0), 0);
        count++;
    }
    closedir(list);
    return count;
}

static int set_up(void **state) {
    if (test_folder_make(state)) return -1;
    strcpy(path, test_in_folder("checkpoint"));
    old = train(1);
    new = train(7);
    return 0;
}

static int tear_down(void **state) {
    release(&old);
    release(&new);
    return test_folder_remove(state);
}

/* ---- kill -9 ---- */

/* Saves one after the other until it is killed. */
static pid_t start_saving(void) {
    pid_t child = fork();
    assert_true(child >= 0);
    while (child == 0) {
        if (save(&old) || save(&new)) _exit(1);
    }
    return child;
}

static void leaves_a_whole_file_when_killed(void **state) {
    int times_old = 0, in_between = 0;
    (void)state;
    assert_true(old.length > 900000 && old.length == new.length);
    for (int i = 0; i < KILLS; i++) {
        int status;
        double pause = test_uniform(7, (size_t)i, 0, LONGEST_MICROSECONDS) * 1000;
        const struct timespec time = {.tv_nsec = (long)pause};
        pid_t child = start_saving();
        nanosleep(&time, NULL);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        int is_old = is_saved(&old);
        if (!is_old && !is_saved(&new)) fail_msg("kill %d left neither file whole", i);
        times_old += is_old;
        in_between += remove_temporaries();
    }
    print_message("%d kills: %d left the old file, %d came while one was written\n", KILLS,
                  times_old, in_between);
}

/* ---- a full disk ---- */

static vae_status save_with_room_for(const training *t, size_t bytes) {
    struct rlimit before, small;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    vae_status status = save(t);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    return status;
}

static void keeps_the_old_file_when_the_disk_is_full(void **state) {
    const size_t rooms[] = {
        0, 1, 8, 1000, 4096, 65536, 500000, new.length / 2, new.length - 4096, new.length - 1};
    (void)state;
    assert_ok(save(&old));
    for (size_t i = 0; i < COUNT_OF(rooms); i++) {
        assert_fails(save_with_room_for(&new, rooms[i]), VAE_ERROR_FILE, "File too large");
        assert_non_null(strstr(vae_last_error(), path));
        assert_true(is_saved(&old));
        assert_int_equal(remove_temporaries(), 0);
    }
    assert_ok(save_with_room_for(&new, new.length));
    assert_true(is_saved(&new));
}

static void reports_a_device_that_is_full(void **state) {
    struct stat about;
    (void)state;
    if (stat("/dev/full", &about) || !S_ISCHR(about.st_mode)) skip();
    assert_fails(vae_checkpoint_save(old.model, old.optimizer, NULL, "/dev/full"), VAE_ERROR_FILE,
                 "cannot write '/dev/full': No space left on device");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_a_whole_file_when_killed),
        cmocka_unit_test(keeps_the_old_file_when_the_disk_is_full),
        cmocka_unit_test(reports_a_device_that_is_full),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
