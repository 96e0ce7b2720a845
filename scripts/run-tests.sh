#!/bin/sh
# Runs cmocka programs one after the other and adds up what they report; the output of a program is shown if it fails.
# The last line is "N passed, N failed". Fails if a test failed, a program crashed or no test ran.
#
#     scripts/run-tests.sh title prefix program...      prefix: cut off the programs' names
#
# VAE_TEST_UNDER: a command that runs each program, such as valgrind with its options.
set -u
title=$1 prefix=$2
shift 2
passed=0 failed=0 skipped=0
limit=${VAE_TEST_TIMEOUT:-}
limit=${limit:-900} # seconds per program
unset CMOCKA_MESSAGE_OUTPUT CMOCKA_XML_FILE
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT

# Adds up the numbers of lines such as "[  PASSED  ] 3 test(s)." (newer versions put the group's name before the number).
count() {
    sed -n "s/^\[ *$1 *\] \(.*: \)\{0,1\}\([0-9][0-9]*\) test(s).*/\2/p" "$log" | awk '{ n += $1 } END { print n + 0 }'
}

for program in "$@"; do
    name=${program#"$prefix"}
    # shellcheck disable=SC2086
    timeout -k 10 "$limit" ${VAE_TEST_UNDER:-} "$program" > "$log" 2>&1 < /dev/null
    status=$?
    good=$(count PASSED)
    bad=$(count FAILED)
    skips=$(count SKIPPED)
    problem=
    if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
        problem="still running after $limit s"
    elif [ "$status" -gt 128 ]; then
        problem="killed by signal $((status - 128))"
    elif [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
        problem="exit status $status"
    elif [ "$status" -eq 0 ] && [ $((good + bad + skips)) -eq 0 ]; then
        problem="ran no test"
    fi
    if [ -n "$problem" ]; then
        # cmocka prints its totals at the end only: what succeeded before a crash is counted by line.
        [ "$good" -gt 0 ] || good=$(grep -c '^\[ *OK *\]' "$log")
        [ "$bad" -gt 0 ] || bad=1
    fi
    passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + skips))
    if [ "$bad" -gt 0 ]; then
        cat "$log"
        printf '  FAIL    %s%s\n' "$name" "${problem:+: $problem}"
    else
        printf '  ok      %s (%d)\n' "$name" "$good"
    fi
done

printf '%s:%s\n' "$title" "$([ "$skipped" -eq 0 ] || printf ' %d skipped' "$skipped")"
if [ $((passed + failed)) -eq 0 ]; then
    echo "no test ran"
    failed=1
fi
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
