#!/bin/sh
# include/vae.hpp with each compiler and standard: without a warning, and the test program's checks. Run by `make check-cpp`
# from the root, after the library is built. The last line is "N passed, N failed".
#
#     tests/cpp/run.sh library-folder work-folder      CFLAGS and LDFLAGS from the environment; CXX: compilers, g++ clang++
set -u
library=$(cd "$1" && pwd) || exit 1
rm -rf "$2"
mkdir -p "$2"
work=$(cd "$2" && pwd)
warnings="-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror"
passed=0 failed=0

# verdict status title log
verdict() {
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
        echo "  ok      $2"
    else
        failed=$((failed + 1))
        sed 's/^/    /' "$3"
        echo "  FAIL    $2"
    fi
}

# The functions of vae.h that vae.hpp does not use.
missing() {
    awk -f scripts/code.awk include/vae.h | grep -oE '\bvae_[a-z0-9_]+ *\(' | tr -d ' (' | sort -u > "$work/declared"
    awk -f scripts/code.awk include/vae.hpp | grep -oE '\bvae_[a-z0-9_]+' | sort -u > "$work/used"
    comm -23 "$work/declared" "$work/used" | sed 's/$/: in vae.h, not in vae.hpp/'
    [ "$(wc -l < "$work/declared")" -gt 50 ] || echo "vae.h was not understood"
}

# quiet options...: vae.hpp alone, without a word from the compiler
quiet() {
    # shellcheck disable=SC2086
    $compiler ${CFLAGS:-} "$@" $warnings -Iinclude -fsyntax-only "$work/alone.cc" > "$work/log" 2>&1
    verdict $? "$name $*: vae.hpp compiles alone" "$work/log"
}

# runs options...: the test program, linked from two files that include vae.hpp; adds its checks to the sums
runs() {
    # shellcheck disable=SC2086
    if ! $compiler ${CFLAGS:-} "$@" $warnings -Iinclude -o "$work/vae_test" tests/cpp/*.cc ${LDFLAGS:-} -L"$library" \
        -Wl,-rpath,"$library" -lvae -lpthread > "$work/log" 2>&1; then
        verdict 1 "$name $*: builds" "$work/log"
        return
    fi
    (cd "$work" && timeout 300 ./vae_test) > "$work/log" 2>&1
    status=$?
    counts=$(sed -n 's/^\([0-9][0-9]*\) passed, \([0-9][0-9]*\) failed$/\1 \2/p' "$work/log")
    if [ -n "$counts" ]; then
        passed=$((passed + ${counts% *})) failed=$((failed + ${counts#* }))
    fi
    if [ "$status" -eq 0 ] && [ -n "$counts" ]; then
        echo "  ok      $name $*: ${counts% *} checks"
    else
        [ -z "$counts" ] || failed=$((failed - 1)) # which verdict counts once more
        verdict 1 "$name $*: the checks" "$work/log"
    fi
}

missing > "$work/log"
[ ! -s "$work/log" ]
verdict $? "every function of vae.h is used in vae.hpp" "$work/log"
echo '#include "vae.hpp"' > "$work/alone.cc"
tried=0
for compiler in ${CXX:-g++ clang++}; do
    name=$(basename "$compiler")
    if ! command -v "$compiler" > /dev/null 2>&1; then
        [ "${VAE_NO_SKIP:-}" = 1 ] && failed=$((failed + 1))
        echo "  skip    $name: not there"
        continue
    fi
    tried=$((tried + 1))
    for standard in 17 20; do
        quiet -std=c++$standard
        quiet -std=c++$standard -fno-rtti
        runs -std=c++$standard
    done
done
if [ "$tried" -eq 0 ]; then
    echo "make check-cpp: no C++ compiler; run \`make deps-all\`, or name one: CXX="
    failed=$((failed + 1))
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
