#!/bin/sh
# Runs the short examples as a user would and looks at what they print and write. Called by `make check-examples`.
#
#     tests/examples/run.sh programs-folder work-folder
set -u
programs=$(cd "$1" && pwd) || exit 1
rm -rf "$2"
mkdir -p "$2"
cd "$2" || exit 1
passed=0 failed=0

# expect program "what it prints" [file it writes]
expect() {
    if "$programs/$1" > "$1.out" 2>&1 && grep -qE "$2" "$1.out" && { [ $# -lt 3 ] || [ -s "$3" ]; }; then
        passed=$((passed + 1))
        echo "  ok      examples/$1"
    else
        failed=$((failed + 1))
        sed 's/^/    /' "$1.out"
        echo "  FAIL    examples/$1: expected '$2'${3:+ and $3}"
    fi
}

expect quickstart '%%|##|@@|\+\+' sprites.safetensors
expect train_from_memory '^z +-?[0-9.]+ \+- 0\.'
expect resume 'are equal' resume.checkpoint
expect nearest_neighbours '^(3[0-9]{2}|4[0-9]{2}|500) of the first 500'
expect custom_allocator 'VAE_ERROR_LIMIT'
expect several_models 'holds the one of seed' best.safetensors
expect interpolation 'interpolation.png' interpolation.png

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
