#!/bin/sh
# The Rust crates: their tests, documentation tests, example, clippy and format, and a program that depends on them by path,
# on the library that was built and with the library inside. Without cargo that is skipped, and said; with VAE_NO_SKIP=1 a
# missing tool is a failure. Run by `make check-rust` from the root.
#
#     tests/rust/run.sh library-folder work-folder
set -u
root=$(pwd)
library=$(cd "$1" && pwd) || exit 1
rm -rf "$2"
mkdir -p "$2"
work=$(cd "$2" && pwd)
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

# The program of docs/embedding.md with the dependency as printed there.
documented() {
    project=$work/documented
    mkdir -p "$project/src"
    ln -s "$root" "$project/libvae"
    block() { awk -v fence="\`\`\`$1" '$0 == fence { inside = 1; next } /^```$/ { inside = 0 } inside' docs/embedding.md; }
    block rust > "$project/src/main.rs"
    {
        printf '[package]\nname = "documented"\nversion = "0.1.0"\nedition = "2021"\n\n'
        block toml
    } > "$project/Cargo.toml"
    in_rust "the program of docs/embedding.md" cargo run --quiet --manifest-path "$project/Cargo.toml"
}

from_rust() {
    if ! command -v cargo > /dev/null 2>&1 || ! cargo --version > /dev/null 2>&1; then
        skip "no cargo (rustup.rs, or Debian's cargo)"
        return
    fi
    crates=$root/examples/ffi/rust/Cargo.toml consumer=$root/tests/rust/consumer/Cargo.toml
    in_rust "cargo test" cargo test --quiet --locked --manifest-path "$crates"
    in_rust "the example" cargo run --quiet --locked --manifest-path "$crates" --example train
    if cargo clippy --version > /dev/null 2>&1; then
        in_rust "clippy" cargo clippy --quiet --locked --manifest-path "$crates" --all-targets -- -D warnings
    else
        skip "no clippy"
    fi
    if cargo fmt --version > /dev/null 2>&1; then
        in_rust "format" cargo fmt --all --manifest-path "$crates" --check
    else
        skip "no rustfmt"
    fi
    documented
    in_rust "tests/rust/consumer" cargo run --quiet --locked --manifest-path "$consumer"
    title="tests/rust/consumer: vendored"
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

from_rust
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
