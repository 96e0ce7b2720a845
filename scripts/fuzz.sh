#!/bin/sh
# Runs fuzz targets one after the other, each from the kept inputs and those found by earlier runs, and prints a table.
# What is found stays in the folder: <target>/corpus/, <target>/crashes/, <target>/log. Fails if a target crashed.
#
#     scripts/fuzz.sh seconds folder program...
set -u
seconds=$1 folder=$2
shift 2
crashed=0
memory=/dev/shm # the targets write files and sync them: better not to a disk
[ -w "$memory" ] || memory=${TMPDIR:-/tmp}
TMPDIR=$(mktemp -d "$memory/vae-fuzz-XXXXXX") || exit 1
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# figure name: a number of libFuzzer's final statistics
figure() { sed -n "s/^stat::$1: *//p" "$out/log"; }

printf '  %-12s %12s %8s %8s %6s %8s\n' target executions per-s inputs MB crashes
for program in "$@"; do
    target=${program##*/}
    kept=tests/fuzz/corpus/$target
    out=$folder/$target
    mkdir -p "$out/corpus" "$out/crashes"
    touch "$out/begin"
    dictionary=tests/fuzz/dictionaries/$target
    [ -r "$dictionary" ] && dictionary=-dict=$dictionary || dictionary=
    # shellcheck disable=SC2086
    "$program" "$out/corpus" "$kept" $dictionary -max_total_time="$seconds" -max_len=4096 -timeout=30 \
        -rss_limit_mb=1024 -artifact_prefix="$out/crashes/" -print_final_stats=1 > "$out/log" 2>&1
    status=$?
    found=$(find "$out/crashes" -type f -newer "$out/begin")
    printf '  %-12s %12s %8s %8s %6s %8s\n' "$target" "$(figure number_of_executed_units)" \
        "$(figure average_exec_per_sec)" "$(find "$out/corpus" -type f | wc -l)" "$(figure peak_rss_mb)" \
        "$(printf '%s' "$found" | grep -c .)"
    [ "$status" -eq 0 ] && continue
    crashed=1
    tail -n 40 "$out/log"
    for input in $found; do
        echo "  repeat: $program $input"
    done
done
[ "$crashed" -eq 0 ]
