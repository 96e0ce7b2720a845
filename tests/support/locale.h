/* A locale with a decimal comma, for tests that what is read and written does not depend on it. */
#ifndef TESTS_SUPPORT_LOCALE_H
#define TESTS_SUPPORT_LOCALE_H

/* Sets one for the whole process; made with localedef where none is installed. Returns 0 where neither
 * can be had. Back with setlocale(LC_ALL, "C"). */
int test_comma_locale(void);

#endif
