/* Locales that write 0.5 in another way, for tests that what is read and written does not depend on it. */
#ifndef TESTS_SUPPORT_LOCALE_H
#define TESTS_SUPPORT_LOCALE_H

#define TEST_WIDE_RADIX "\xd9\xab" /* U+066B, the Arabic decimal separator */

/* Each sets one for the whole process; made with localedef where it is not installed. Returns 0 where it
 * cannot be had. Back with setlocale(LC_ALL, "C"). */
int test_comma_locale(void);      /* 0,5 */
int test_wide_radix_locale(void); /* a radix of two bytes */

#endif
