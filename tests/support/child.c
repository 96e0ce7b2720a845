#include "child.h"

#include <sys/wait.h>
#include <unistd.h>

#ifdef TEST_COVERAGE
void __gcov_dump(void);
#endif

/* Without what the parent has left to do at its end. */
static void end_child(int status) {
#ifdef TEST_COVERAGE
    __gcov_dump();
#endif
    _exit(status);
}

int test_in_child(int (*body)(void)) {
    int status = -1;
    pid_t child = fork();
    if (child == 0) end_child(body() ? 0 : 1);
    return child > 0 && waitpid(child, &status, 0) == child ? status : -1;
}
