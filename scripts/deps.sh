#!/bin/sh
# Installs what is missing, and only that: on Debian and its relatives with apt-get, as root or through sudo, asking
# nothing. Elsewhere it names what to install and fails, unless everything is there. What is there is found by using it.
#
#     scripts/deps.sh [all]      all: also what `make check-all` uses
#
# BLAS, ZLIB, CC and PKG_CONFIG are taken from the environment.
set -u
CC=${CC:-cc}
PKG_CONFIG=${PKG_CONFIG:-pkg-config}
export CC PKG_CONFIG
scripts=$(dirname "$0")

folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT

have() { command -v "$1" > /dev/null 2>&1; }

# compiles "source" options...
compiles() {
    printf '%s\n' "$1" > "$folder/probe.c"
    shift
    $CC -o "$folder/probe" "$folder/probe.c" "$@" > /dev/null 2>&1
}

have_libc() { compiles '#include <stdio.h>
int main(void) { return puts("") < 0; }'; }
have_zlib() { compiles '#include <zlib.h>
int main(void) { return zlibVersion() == 0; }' -lz; }
have_cmocka() { compiles '#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
int main(void) { print_message("%s", ""); return 0; }' -lcmocka; }
have_cairo() { $PKG_CONFIG --exists cairo 2> /dev/null; }
have_png() { $PKG_CONFIG --exists libpng 2> /dev/null; }
have_jpeg() { $PKG_CONFIG --exists libjpeg 2> /dev/null; }
have_pkg_config() { have "$PKG_CONFIG"; }
have_blas() { "$scripts/blas.sh" "${BLAS:-openblas}" > /dev/null 2>&1; }
have_locale_sources() { have localedef && [ -r /usr/share/i18n/locales/ps_AF ]; }
have_images() { [ -r /usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz ]; }
have_python_module() { /usr/bin/python3 -c "import $1" > /dev/null 2>&1; }
have_clang_runtime() {
    printf 'int main(void) { return 0; }\n' > "$folder/probe.c"
    clang -fsanitize=address,undefined -o "$folder/probe" "$folder/probe.c" > /dev/null 2>&1
}
have_cargo() { cargo --version > /dev/null 2>&1; }
have_cxx() {
    printf '#include <vector>\nint main() { return int(std::vector<int>().size()); }\n' > "$folder/probe.cc"
    ${CXX:-c++} -o "$folder/probe" "$folder/probe.cc" > /dev/null 2>&1
}

# one_of NAME value known...
one_of() {
    name=$1 value=$2
    shift 2
    for known; do
        [ "$value" != "$known" ] || return 0
    done
    echo "make deps: $name=$value is unknown (known: $*)" >&2
    exit 1
}
one_of BLAS "${BLAS:-openblas}" openblas blas blis builtin
one_of ZLIB "${ZLIB:-yes}" yes no

missing= packages=
# need test package description
need() {
    # shellcheck disable=SC2086
    $1 && return
    packages="$packages $2"
    missing="$missing
  $3"
}

look() {
    missing= packages=
    need have_libc libc6-dev "the C library's headers"
    need have_pkg_config pkg-config "pkg-config"
    case ${BLAS:-openblas} in
    openblas) need have_blas libopenblas-dev "OpenBLAS with its header cblas.h" ;;
    blas) need have_blas libblas-dev "a BLAS with the CBLAS interface" ;;
    blis) need have_blas libblis-dev "BLIS with its header cblas.h" ;;
    esac
    [ "${ZLIB:-yes}" = no ] || need have_zlib zlib1g-dev "zlib with its header (or build with ZLIB=no)"
    need have_cmocka libcmocka-dev "cmocka (for make check)"
    need have_cairo libcairo2-dev "cairo with its header (for make demo)"
    need have_png libpng-dev "libpng with its header (for vae pack)"
    need have_jpeg libjpeg-dev "libjpeg-turbo with its header (for vae pack)"
    [ "$1" = all ] || return 0
    need "have clang" clang "clang"
    need "have clang-format" clang-format "clang-format"
    need "have valgrind" valgrind "valgrind"
    need "have lcov" lcov "lcov"
    need "have abidiff" abigail-tools "abidiff"
    need "have_locale_sources" locales "the sources of locales"
    need have_cxx g++ "a C++ compiler"
    need "have cmake" cmake "cmake"
    need "have meson" meson "meson"
    need have_cargo cargo "cargo, of Rust"
    need "have cargo-clippy" rust-clippy "clippy, of Rust"
    need "have rustfmt" rustfmt "rustfmt, of Rust"
    need "have readelf" binutils "binutils"
    need "have_python_module numpy" python3-numpy "Python's numpy"
    need "have_python_module torch" python3-torch "Python's torch"
    need "have_python_module pip" python3-pip "Python's pip"
    need "have_python_module ensurepip" python3-venv "Python's virtual environments"
    if have clang; then
        # The sanitizers' run-time library is a package of its own, named after clang's version.
        version=$(clang -dumpversion | cut -d. -f1)
        need have_clang_runtime "libclang-rt-$version-dev" "the sanitizers' library of clang"
    fi
}

# install package...
install() {
    root=
    if [ "$(id -u)" -ne 0 ]; then
        if ! have sudo; then
            echo "make deps: needs to be root, or sudo, to install:$packages" >&2
            return 1
        fi
        root="sudo"
    fi
    get="$root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0"
    # A package list that is missing or out of date makes the first attempt fail.
    $get install --no-install-recommends "$@" < /dev/null > "$folder/log" 2>&1 && return
    $get update < /dev/null > "$folder/update" 2>&1 || cat "$folder/update" >&2
    $get install --no-install-recommends "$@" < /dev/null > "$folder/log" 2>&1 && return
    cat "$folder/log" >&2
    return 1
}

# Without the images the demo draws its own.
want_images() {
    have_images && return
    if have apt-get; then
        echo "make deps: installing dataset-fashion-mnist"
        packages=dataset-fashion-mnist
        install dataset-fashion-mnist && return
    fi
    echo "make deps: no Fashion-MNIST images in /usr/share/datasets/fashion-mnist (Debian: dataset-fashion-mnist);" \
        "the demo will use built-in images"
}

what=${1:-}
look "$what"
if [ -n "$missing" ] && have apt-get; then
    echo "make deps: installing$packages"
    # shellcheck disable=SC2086
    install $packages || exit 1
    look "$what"
    if [ "$packages" != "" ] && [ "$what" = all ]; then # clang's run-time library, now that clang is there
        echo "make deps: installing$packages"
        # shellcheck disable=SC2086
        install $packages || exit 1
        look "$what"
    fi
fi
if [ -n "$missing" ]; then
    echo "make deps: please install, by this system's own means:$missing" >&2
    exit 1
fi
want_images
echo "make deps: everything is there"
