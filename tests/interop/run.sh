#!/bin/sh
# libvae seen from elsewhere: its model files in torch, its functions from Rust. What is not installed is
# skipped, and said; with VAE_NO_SKIP=1 a missing torch is a failure. Run by `make check-interop` from the root.
#
#     tests/interop/run.sh write_model library-folder work-folder
set -u
write_model=$1
library=$(cd "$2" && pwd) || exit 1
rm -rf "$3"
mkdir -p "$3"
work=$(cd "$3" && pwd)
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
    if [ "${VAE_NO_SKIP:-}" = 1 ] && [ "${2:-}" = needed ]; then bad "$1"; else echo "  skip    $1"; fi
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
    torch=$(python_with torch) || { skip "model files in torch: no Python with torch" needed; return; }
    if ! PYTHONPATH=build/python "$torch" -c 'import safetensors' > "$work/log" 2>&1 &&
        ! "$torch" -m pip install --quiet --no-deps --target build/python 'safetensors<1' > "$work/log" 2>&1; then
        skip "model files in torch: the package safetensors could not be installed" needed
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

# in_rust title command..: a command of cargo, on the library that was built, without the network.
in_rust() {
    title=$1
    shift
    if env CARGO_NET_OFFLINE=true VAE_LIB_DIR="$library" VAE_INCLUDE="$root/include" LD_LIBRARY_PATH="$library" \
        CARGO_TARGET_DIR="$work/rust" "$@" > "$work/log" 2>&1; then
        good "$title"
    else
        bad "$title"
    fi
}

# The program with the library inside needs libc, libm and what Rust itself needs.
vendored_alone() {
    cargo run --quiet --manifest-path "$consumer" --features vendored | tee "$work/vendored" &&
        grep -q 'BLAS builtin' "$work/vendored" &&
        ! readelf -d "$work/rust/debug/consumer" | grep NEEDED | grep -Ev 'lib(c|m|pthread|gcc_s)\.so|ld-linux'
}

from_rust() {
    if ! command -v cargo > /dev/null 2>&1 || ! cargo --version > /dev/null 2>&1; then
        skip "examples/ffi/rust: no cargo"
        return
    fi
    crates=$root/examples/ffi/rust/Cargo.toml consumer=$root/tests/interop/rust-consumer/Cargo.toml
    in_rust "examples/ffi/rust: cargo test" cargo test --quiet --locked --manifest-path "$crates"
    in_rust "examples/ffi/rust: the example" cargo run --quiet --locked --manifest-path "$crates" --example train
    if cargo clippy --version > /dev/null 2>&1; then
        in_rust "examples/ffi/rust: clippy" cargo clippy --quiet --locked --manifest-path "$crates" --all-targets -- -D warnings
    else
        skip "examples/ffi/rust: no clippy"
    fi
    if cargo fmt --version > /dev/null 2>&1; then
        in_rust "examples/ffi/rust: format" cargo fmt --all --manifest-path "$crates" --check
    else
        skip "examples/ffi/rust: no rustfmt"
    fi
    in_rust "tests/interop/rust-consumer" cargo run --quiet --locked --manifest-path "$consumer"
    title="tests/interop/rust-consumer: vendored"
    # A subshell, since the function is no command for env.
    if (
        unset VAE_LIB_DIR VAE_INCLUDE LD_LIBRARY_PATH
        CARGO_NET_OFFLINE=true CARGO_TARGET_DIR=$work/rust
        export CARGO_NET_OFFLINE CARGO_TARGET_DIR
        vendored_alone
    ) > "$work/log" 2>&1; then
        good "$title"
    else
        bad "$title"
    fi
}

root=$(pwd)
models
from_rust
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
