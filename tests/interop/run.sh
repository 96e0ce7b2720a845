#!/bin/sh
# The library's model files in torch. Without torch that is skipped, and said; with VAE_NO_SKIP=1 it is a failure. Run by
# `make check-interop` from the root.
#
#     tests/interop/run.sh write_model work-folder
set -u
write_model=$1
rm -rf "$2"
mkdir -p "$2"
work=$(cd "$2" && pwd)
python=${PYTHON:-}
passed=0 failed=0

good() { passed=$((passed + 1)); echo "  ok      $1"; }
bad() {
    failed=$((failed + 1))
    sed 's/^/    /' "$work/log"
    echo "  FAIL    $1"
}
skip() {
    echo "$1" > "$work/log"
    if [ "${VAE_NO_SKIP:-}" = 1 ]; then bad "$1"; else echo "  skip    $1"; fi
}

# The first Python that has the module.
python_with() {
    for candidate in $python /usr/bin/python3 python3; do
        if PYTHONPATH=build/python "$candidate" -c "import $1" > /dev/null 2>&1; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

models() {
    torch=$(python_with torch) || { skip "model files in torch: no Python with torch"; return; }
    if ! PYTHONPATH=build/python "$torch" -c 'import safetensors' > "$work/log" 2>&1 &&
        ! "$torch" -m pip install --quiet --no-deps --target build/python 'safetensors<1' > "$work/log" 2>&1; then
        skip "model files in torch: the package safetensors could not be installed"
        return
    fi
    mkdir -p "$work/models"
    if ! "$write_model" "$work/models" > "$work/log" 2>&1; then
        bad "writing model files"
        return
    fi
    PYTHONPATH=build/python "$torch" tests/interop/check_model.py "$work/models" "$write_model" > "$work/log" 2>&1
    if grep -q '^[0-9]* passed, [0-9]* failed$' "$work/log" && ! grep -q '^0 passed, 0 failed$' "$work/log"; then
        sed '$d' "$work/log"
        passed=$((passed + $(sed -n '$s/ passed.*//p' "$work/log")))
        failed=$((failed + $(sed -n '$s/.*passed, \([0-9]*\) failed/\1/p' "$work/log")))
    else
        bad "model files in torch"
    fi
}

models
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
