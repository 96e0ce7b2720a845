#!/bin/sh
# Makes each target, whatever became of the ones before, then prints a table with times. Tests are added up over all; a
# target that counts none counts as one test. Says so if all took longer than it should. The last line is
# "N passed, N failed".
set -u
MAKE=${MAKE:-make}
LIMIT=25 # minutes; beyond that people stop running it
passed=0 failed=0
begin=$(date +%s)
table=$(mktemp) || exit 1
log=$(mktemp) || exit 1
trap 'rm -f "$table" "$log"' EXIT

for target in "$@"; do
    printf '\n== make %s\n' "$target"
    start=$(date +%s)
    # The pipe hides the status of make: it goes through a file.
    { $MAKE "$target" 2>&1; echo $? > "$log.status"; } | tee "$log"
    status=$(cat "$log.status")
    rm -f "$log.status"
    seconds=$(($(date +%s) - start))
    counts=$(sed -n 's/^\([0-9][0-9]*\) passed, \([0-9][0-9]*\) failed$/\1 \2/p' "$log" | tail -n 1)
    good=${counts% *} bad=${counts#* }
    [ -n "$counts" ] || good=$((status == 0)) bad=0
    if grep -q '^skipped:' "$log"; then
        verdict=$(grep '^skipped:' "$log" | tail -n 1)
        [ -n "$counts" ] || good=0
    elif [ "$status" -eq 0 ]; then
        verdict=ok
    else
        verdict=FAILED
        [ "$bad" -gt 0 ] || bad=1
    fi
    [ -z "$counts" ] || verdict="$verdict ($good passed, $bad failed)"
    passed=$((passed + good)) failed=$((failed + bad))
    printf '  %-14s %5d s  %s\n' "$target" "$seconds" "$verdict" | tee -a "$table"
done
seconds=$(($(date +%s) - begin))

printf '\n== summary\n'
cat "$table"
printf '  %-14s %5d s\n' all "$seconds"
if [ "$seconds" -gt $((60 * LIMIT)) ]; then
    echo "make check-all took $((seconds / 60)) minutes, more than the $LIMIT that it may take: shorten the longest parts above," \
        "or move what is long to make check or to a target of its own"
fi
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
