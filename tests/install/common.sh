# What the programs of this folder share. They read it with the work folder as its argument.
CC=${CC:-cc} CXX=${CXX:-c++} MAKE=${MAKE:-make} PKG_CONFIG=${PKG_CONFIG:-pkg-config}
rm -rf "$1"
mkdir -p "$1"
work=$(cd "$1" && pwd)
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

header_version() { sed -n 's/^.define VAE_VERSION_[A-Z]* \([0-9][0-9]*\)$/\1/p' include/vae.h | paste -sd. -; }

runs() { [ "$("$1")" = "$(header_version)" ]; }
needs() { readelf -dW "$1" | grep -q "NEEDED.*\[libvae\.so\.0\]"; }
needs_not() { ! readelf -dW "$1" | grep "NEEDED.*libvae"; }

# installed_at prefix: without DESTDIR, so that what make says about the loader is in the log
installed_at() { $MAKE -f scripts/build.mk install prefix="$1" libdir="$1/lib" includedir="$1/include"; }
removed_from() { $MAKE -f scripts/build.mk uninstall prefix="$1" libdir="$1/lib" includedir="$1/include"; }
holds_no_file() {
    find "$1" ! -type d > "$work/left"
    cat "$work/left"
    [ ! -s "$work/left" ]
}

# block language number: that block of docs/embedding.md, without its fences
block() {
    awk -v fence="\`\`\`$1" -v wanted="$2" '
        $0 == fence { inside = ++count == wanted; next }
        /^```$/ { inside = 0 }
        inside' docs/embedding.md
}

# skip what: with VAE_NO_SKIP=1 that is a failure
skip() {
    if [ "${VAE_NO_SKIP:-}" = 1 ]; then check "$1" false; else echo "  skip    $1"; fi
}

finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
