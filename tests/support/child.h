/* A test's body in a process of its own. */
#ifndef TESTS_SUPPORT_CHILD_H
#define TESTS_SUPPORT_CHILD_H

/* Forks; the exit status of a child in which `body` returned true is 0. -1 if there was none. */
int test_in_child(int (*body)(void));

#endif
