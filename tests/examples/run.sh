#!/bin/sh
# Runs the short examples as a user would and looks at what they print and write. Called by `make check-examples`.
#
#     tests/examples/run.sh programs-folder work-folder
set -u
programs=$(cd "$1" && pwd) || exit 1
data=$(pwd)/tests/data
rm -rf "$2"
mkdir -p "$2"
cd "$2" || exit 1
passed=0 failed=0

# expect program "what it prints" [file it writes, or - for none] [arguments]
expect() {
    program=$1 pattern=$2 file=${3:--}
    shift "$(($# > 3 ? 3 : $#))"
    if "$programs/$program" "$@" > "$program.out" 2>&1 && grep -qE "$pattern" "$program.out" &&
        { [ "$file" = - ] || [ -s "$file" ]; }; then
        passed=$((passed + 1))
        echo "  ok      examples/$program"
    else
        failed=$((failed + 1))
        sed 's/^/    /' "$program.out"
        echo "  FAIL    examples/$program: expected '$pattern' and file $file"
    fi
}

expect quickstart '%%|##|@@|\+\+' sprites.safetensors
expect train_from_memory '^z +-?[0-9.]+ \+- 0\.'
expect resume 'are equal' resume.checkpoint
expect nearest_neighbours '^(3[0-9]{2}|4[0-9]{2}|500) of the first 500'
expect custom_allocator 'VAE_ERROR_LIMIT'
expect several_models 'holds the one of seed' best.safetensors
expect anomaly_score '^spike +20 +(19|20) ' sensors.safetensors
expect anomaly_score 'false alarms 1?[0-9]?[0-9], 1[0-9]{3} without learning' faults.csv
expect anomaly_auc '^breast_cancer.*0\.9[0-9]{2} ' - "$data" 1
expect interpolation 'interpolation.png' interpolation.png
expect ddpm_images '^bound +[0-9.]+ bits/dim' demo-out/ddpm_samples.png data=sprites network='channels=[8] groups=4' epochs=1 \
    rows=20 samples=3 images=2 steps=5
# Lines of 784 values 0 or 1, with blanks between and behind them.
awk 'BEGIN {
    for (i = 0; i < 200; i++) {
        for (j = 0; j < 784; j++) printf "%d ", (j / 28 > i % 20 && j / 28 < i % 20 + 8 && j % 28 > 8)
        printf "\n"
    }
}' > static.amat
expect benchmark_mnist '^ +0 +1 +1\.000e-03 +-[0-9]+\.' - data=delimiter=space train=static.amat test=static.amat \
    stages=1 samples=5 out=benchmark

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
