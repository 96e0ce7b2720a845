#!/bin/sh
# Runs cmocka programs, as many at a time as there are processors, and adds up what they report; the output of a program
# is shown if it fails. The last line is "N passed, N failed". Fails if a test failed, a program crashed or no test ran.
#
#     scripts/run-tests.sh title prefix program...      prefix: cut off the programs' names
#
# VAE_TEST_JOBS: how many at a time. VAE_TEST_TIMEOUT: seconds per program (900). VAE_TEST_SECONDS: of random calls.
# VAE_TEST_UNDER: a command that runs each program, such as valgrind with its options.
set -u
unset CMOCKA_MESSAGE_OUTPUT CMOCKA_XML_FILE

# Adds up the numbers of lines such as "[  PASSED  ] 3 test(s)." (newer versions put the group's name before the number).
count() {
    sed -n "s/^\[ *$1 *\] \(.*: \)\{0,1\}\([0-9][0-9]*\) test(s).*/\2/p" "$2" | awk '{ n += $1 } END { print n + 0 }'
}

# run_one folder name program: a line on standard output, and "passed failed skipped" as a line of folder/counts.
run_one() {
    folder=$1 name=$2 program=$3
    log=$(mktemp "$folder/XXXXXX") || exit 1
    limit=${VAE_TEST_TIMEOUT:-}
    limit=${limit:-900}
    start=$(date +%s)
    # shellcheck disable=SC2086
    timeout -k 10 "$limit" ${VAE_TEST_UNDER:-} "$program" > "$log" 2>&1 < /dev/null
    status=$?
    seconds=$(($(date +%s) - start))
    good=$(count PASSED "$log")
    bad=$(count FAILED "$log")
    skips=$(count SKIPPED "$log")
    problem=
    if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
        problem="still running after $limit s"
    elif [ "$status" -gt 128 ]; then
        problem="killed by signal $((status - 128))"
    elif [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
        problem="exit status $status"
    elif [ "$status" -eq 0 ] && [ $((good + bad + skips)) -eq 0 ]; then
        problem="ran no test"
    elif [ "$bad" -eq 0 ] && grep -q '^\[ *FAILED *\]' "$log"; then
        problem="what is set up or cleared away for all failed" # of which cmocka's exit status says nothing
    fi
    if [ -n "$problem" ]; then
        # cmocka prints its totals at the end only: what succeeded before a crash is counted by line.
        [ "$good" -gt 0 ] || good=$(grep -c '^\[ *OK *\]' "$log")
        [ "$bad" -gt 0 ] || bad=1
    fi
    if [ "$bad" -gt 0 ]; then
        printf '  FAIL    %s%s\n' "$name" "${problem:+: $problem}" >> "$log"
        cat "$log"
    else
        long=
        [ "$seconds" -lt 10 ] || long=" $seconds s"
        printf '  ok      %s (%d)%s\n' "$name" "$good" "$long"
    fi
    echo "$good $bad $skips" >> "$folder/counts"
}

if [ "${1:-}" = --one ]; then
    shift
    run_one "$@"
    exit
fi

title=$1 prefix=$2
shift 2
jobs=${VAE_TEST_JOBS:-$(nproc 2> /dev/null || echo 1)}
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
for program in "$@"; do
    printf '%s\0%s\0' "${program#"$prefix"}" "$program"
done | xargs -0 -r -P "$jobs" -n 2 "$0" --one "$folder"

: >> "$folder/counts"
set -- $(awk '{ p += $1; f += $2; s += $3; n++ } END { print p + 0, f + 0, s + 0, n + 0 }' "$folder/counts") $#
passed=$1 failed=$2 skipped=$3 ended=$4 asked=$5
printf '%s:%s\n' "$title" "$([ "$skipped" -eq 0 ] || printf ' %d skipped' "$skipped")"
if [ "$ended" -ne "$asked" ]; then
    echo "$ended of $asked programs ended"
    failed=$((failed + 1))
elif [ $((passed + failed)) -eq 0 ]; then
    echo "no test ran"
    failed=1
fi
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
