#!/bin/sh
# Runs a command that tests with every test program under valgrind's memcheck, or says why that is not possible here. An
# access that is wrong, a jump on a value that was never set and a block that is lost are failures; nothing is suppressed.
set -u
if ! command -v valgrind > /dev/null 2>&1; then
    echo "skipped: valgrind is not installed"
    exit 0
fi
# What the tests start themselves, localedef and rm, is left out.
VAE_TEST_UNDER="valgrind -q --fair-sched=try --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
    --trace-children=yes --trace-children-skip=/bin/*,/usr/bin/*"
TEST_TIMEOUT=${TEST_TIMEOUT:-3600}
export VAE_TEST_UNDER TEST_TIMEOUT
"$@"
