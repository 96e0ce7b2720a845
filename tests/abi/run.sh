#!/bin/sh
# Holds the library against what was released: symbols, types, constants, and programs that were built before. Run by
# `make check-abi` from the root. docs/abi.md says what is promised.
#
#     tests/abi/run.sh check libvae.so libvae.a work-folder      for each release in tests/abi/
#     tests/abi/run.sh record libvae.so libvae.a                 writes tests/abi/VERSION/, once, when a version is released
#
# CC, CFLAGS and LDFLAGS from the environment; LIBRARIES: what a program needs that links the archive.
set -u
CC=${CC:-cc}
mode=$1 shared=$2 archive=$3
passed=0 failed=0

# check title command...: shows what the command printed if it fails
check() {
    title=$1
    shift
    if "$@" > "$work/log" 2>&1; then
        passed=$((passed + 1))
        echo "  ok      $title"
    else
        failed=$((failed + 1))
        sed 's/^/    /' "$work/log"
        echo "  FAIL    $title"
    fi
}

# ---- What a release is known by ----

shared_symbols() { nm -D --defined-only --with-symbol-versions "$1" | awk '$2 != "A" { print $3 }' | LC_ALL=C sort; }
archive_symbols() {
    nm -g --defined-only "$1" 2> /dev/null | awk 'NF == 3 && $3 ~ /^vae_[a-z]/ { print $3 }' | LC_ALL=C sort -u
}
# The public interface only: functions and types of vae.h, where handles have no members. Nothing in it depends on compiler,
# BLAS, folders or the lines of a source.
dump() {
    abidw --headers-dir include --drop-private-types --drop-undefined-syms --exported-interfaces-only --no-architecture \
        --no-show-locs --no-corpus-path --no-comp-dir-path --no-elf-needed --no-parameter-names --no-write-default-sizes \
        --out-file "$2" "$1" || return 1
    grep -q "<function-decl name='vae_build_info'" "$2" && return
    echo "expected the types of $1, found none: build it with -g (CFLAGS must not hold -g0)"
    return 1
}
version() { sed -n 's/^.define VAE_VERSION_M[A-Z]* \([0-9][0-9]*\)$/\1/p' include/vae.h | paste -sd. -; }

if [ "$mode" = record ]; then
    folder=tests/abi/$(version)
    if [ -e "$folder/libvae.abi" ]; then
        echo "$folder holds a release, which does not change" >&2
        exit 1
    fi
    mkdir -p "$folder"
    dump "$shared" "$folder/libvae.abi" || exit 1
    shared_symbols "$shared" > "$folder/libvae.so.symbols"
    archive_symbols "$archive" > "$folder/libvae.a.symbols"
    cp include/vae.h "$folder/vae.h"
    echo "$folder: $(wc -l < "$folder/libvae.so.symbols") functions"
    exit
fi

rm -rf "$4"
mkdir -p "$4"
work=$(cd "$4" && pwd)

# ---- Checks against one release, in $old ----

# missing file what: names in the file that are not on standard input
missing() {
    LC_ALL=C comm -23 "$1" - > "$work/missing"
    [ -s "$work/missing" ] || return 0
    sed "s|\$|: was released, but is not in $2|" "$work/missing"
    return 1
}
keeps_shared_symbols() { shared_symbols "$shared" | missing "$old/libvae.so.symbols" "$shared"; }
keeps_archive_symbols() { archive_symbols "$archive" | missing "$old/libvae.a.symbols" "$archive"; }

# "VAE_NAME value" of the macros that are numbers
constants() {
    sed -n 's/^#define \(VAE_[A-Z_]*\) \([-(0-9][-0-9u]*)\{0,1\}\).*/\1 \2/p' "$1" | grep -v '^VAE_VERSION_' | LC_ALL=C sort
}
keeps_constants() {
    constants "$old/vae.h" > "$work/constants"
    [ -s "$work/constants" ] && constants include/vae.h | missing "$work/constants" include/vae.h
}

# Only functions that came later, and types that only they use, may differ.
keeps_types() {
    dump "$shared" "$work/new.abi" && abidiff --no-architecture --no-added-syms "$old/libvae.abi" "$work/new.abi"
}

# A library of that release in name only, so that a program records the symbol versions that it had.
stub() {
    mkdir -p "$work/stub"
    sed 's/@@.*//; s/.*/void &(void);\nvoid &(void) {}/' "$old/libvae.so.symbols" > "$work/stub.c"
    awk -F@@ '{ node[$2] = node[$2] " " $1 ";" } END { for (v in node) print v " { global:" node[v] " };" }' \
        "$old/libvae.so.symbols" > "$work/stub.map"
    $CC -shared -fPIC -Wl,-soname,libvae.so.0 -Wl,--version-script="$work/stub.map" -o "$work/stub/libvae.so" "$work/stub.c"
}
# build program include-folder options...      from a copy: a compiler looks for "vae.h" beside the source first
build() {
    program=$1 headers=$2
    shift 2
    cp "$old/use.c" "$work/use.c"
    eval "$CC ${CFLAGS:-} -std=c99 -Wall -Wextra -pedantic -Werror" -I"$headers" -o "$program" "$work/use.c" ${LDFLAGS:-} "$@"
}
run() {
    mkdir -p "$work/files"
    LD_LIBRARY_PATH=$library "$1" "$work/files"
}

library=$(cd "$(dirname "$shared")" && pwd)
for old in tests/abi/[0-9]*; do
    release=$(basename "$old")
    check "$release: symbols of the shared library, with their versions" keeps_shared_symbols
    check "$release: functions of the archive" keeps_archive_symbols
    check "$release: constants of vae.h" keeps_constants
    if ! command -v abidiff > /dev/null 2>&1 && [ "${VAE_NO_SKIP:-}" != 1 ]; then
        echo "  skip    $release: types: abidiff is not installed (Debian: abigail-tools)"
    else
        check "$release: types of functions, structures and callbacks" keeps_types
    fi
    [ -f "$old/use.c" ] || continue
    check "$release: a library that has its symbols only" stub
    check "$release: a program is built against it" build "$work/use-stub" "$old" -L"$work/stub" -lvae -lm
    check "$release: it runs with this library" run "$work/use-stub"
    check "$release: a program is built with its header and this archive" build "$work/use-archive" "$old" "$archive" \
        "${LIBRARIES:-}" -lm
    check "$release: it runs" run "$work/use-archive"
    check "$release: the program compiles with this header too" build "$work/use-new" include -DANY_HEADER \
        -L"$library" -lvae -lm
    check "$release: it runs" run "$work/use-new"
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
