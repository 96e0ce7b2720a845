#!/bin/sh
# Installs into a folder and uses libvae from there as a stranger would. Run by `make check-install` from the root.
#
#     tests/install/run.sh work-folder      CC, CXX, CFLAGS, LDFLAGS, PKG_CONFIG and MAKE from the environment
set -u
CC=${CC:-cc} CXX=${CXX:-c++} MAKE=${MAKE:-make} PKG_CONFIG=${PKG_CONFIG:-pkg-config}
rm -rf "$1"
mkdir -p "$1"
work=$(cd "$1" && pwd)
stage=$work/stage
lib=$stage/opt/vae/lib64
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

placed() { $MAKE -f scripts/build.mk "$1" DESTDIR="$stage" prefix=/opt/vae libdir=/opt/vae/lib64 includedir=/opt/vae/include; }

# The installed vae.pc, with its prefix moved to where DESTDIR put it.
pc() { PKG_CONFIG_PATH=$lib/pkgconfig:${PKG_CONFIG_PATH:-} $PKG_CONFIG --define-variable=prefix="$stage/opt/vae" "$@" vae; }

header_version() { sed -n 's/^.define VAE_VERSION_[A-Z]* \([0-9][0-9]*\)$/\1/p' include/vae.h | paste -sd. -; }

installed_files() {
    (cd "$stage" && find . ! -type d | sort) > "$work/files"
    printf '%s\n' ./opt/vae/include/vae.h ./opt/vae/lib64/libvae.a ./opt/vae/lib64/libvae.so ./opt/vae/lib64/libvae.so.0 \
        "./opt/vae/lib64/libvae.so.0.$(header_version | cut -d. -f2-)" ./opt/vae/lib64/pkgconfig/vae.pc ./opt/vae/bin/vae \
        ./opt/vae/share/man/man1/vae.1 ./opt/vae/share/bash-completion/completions/vae | sort |
        diff - "$work/files"
}
pc_version() { [ "$(pc --modversion)" = "$(header_version)" ] || { pc --modversion; return 1; }; }
no_stage_path() { ! grep -n "$work" "$lib/pkgconfig/vae.pc"; }

# build compiler source program pkg-config-options...
build() {
    compiler=$1 source=$2 program=$3
    shift 3
    # shellcheck disable=SC2046
    eval "$compiler ${CFLAGS:-} -Wall -Wextra -pedantic -Werror" -o "$program" "$source" $(pc --cflags) ${LDFLAGS:-} \
        $(pc "$@" --libs) -lm
}
links_all() { # whether the static libraries that libvae needs are there
    echo 'int main(void) { return 0; }' > "$work/empty.c"
    eval "$CC ${CFLAGS:-}" -static -o "$work/empty" "$work/empty.c" ${LDFLAGS:-} $(pc --static --libs | sed 's/-lvae//') \
        > /dev/null 2>&1
}
runs() { [ "$("$1")" = "$(header_version)" ]; }
runs_shared() { [ "$(LD_LIBRARY_PATH=$lib "$1")" = "$(header_version)" ]; }
needs() { readelf -dW "$1" | grep -q "NEEDED.*\[libvae\.so\.0\]"; }
needs_not() { ! readelf -dW "$1" | grep "NEEDED.*libvae"; }

tool_runs() {
    "$stage/opt/vae/bin/vae" --version &&
        "$stage/opt/vae/bin/vae" train sprites:50 --epochs 1 --quiet -o "$work/sprites.safetensors" &&
        "$stage/opt/vae/bin/vae" info "$work/sprites.safetensors"
}
soname() { readelf -dW "$lib/libvae.so" | tee -a "$work/log" | grep -q 'SONAME.*\[libvae\.so\.0\]'; }
stack() { readelf -lW "$lib/libvae.so" | awk '/GNU_STACK/ { print; found = 1; if ($0 ~ /RWE/) bad = 1 } END { exit bad || !found }'; }
no_text_relocations() { ! readelf -dW "$lib/libvae.so" | grep TEXTREL; }
no_openmp() { ! readelf -dW "$lib/libvae.so" | grep -E 'NEEDED.*lib(gomp|omp|iomp)'; }
loads() { "$work/load" "$lib/libvae.so"; }
build_loader() { eval "$CC ${CFLAGS:-}" -Wall -Wextra -Werror -o "$work/load" tests/install/load.c -ldl; }

# Programs in the README compile as printed: fenced blocks of C that hold a main.
readme() {
    awk -v stem="$work/readme" '
        /^```c$/ { inside = 1; text = ""; next }
        /^```/ && inside { inside = 0; if (text ~ /int main\(/) { file = stem ++n ".c"; printf "%s", text > file; close(file) } }
        inside { text = text $0 "\n" }' README.md
    for source in "$work"/readme*.c; do
        [ -f "$source" ] || continue
        build "$CC -std=c99" "$source" "${source%.c}" || return 1
    done
}

only_archive() { rm -f "$lib"/libvae.so*; } # so that -lvae means the archive
uninstalled() {
    left=$(find "$stage" ! -type d)
    echo "$left"
    [ -z "$left" ]
}

check "make install DESTDIR prefix libdir includedir" placed install
if [ "$failed" -gt 0 ]; then
    echo "$passed passed, $failed failed"
    exit 1
fi
check "what is installed" installed_files
check "vae.pc does not know DESTDIR" no_stage_path
check "vae.pc has the header's version" pc_version
check "soname is libvae.so.0" soname
check "no executable stack" stack
check "the tool runs" tool_runs
check "the tool needs no libvae.so" needs_not "$stage/opt/vae/bin/vae"
check "no text relocations" no_text_relocations
check "no OpenMP run time" no_openmp
check "C program builds" build "$CC -std=c99" tests/install/use.c "$work/use-c"
check "C program needs libvae.so.0" needs "$work/use-c"
check "C program runs" runs_shared "$work/use-c"
have_cxx=no
if command -v "${CXX%% *}" > /dev/null 2>&1; then
    have_cxx=yes
    cp tests/install/use.c "$work/use.cc"
    check "C++ program builds" build "$CXX -std=c++11" "$work/use.cc" "$work/use-cxx"
    check "C++ program runs" runs_shared "$work/use-cxx"
else
    echo "  skip    C++: no compiler $CXX"
fi
check "a host that loads the library builds" build_loader
check "load, train and unload, again and again: nothing is left" loads
[ ! -f README.md ] || check "programs in README.md build" readme

only_archive
check "C program builds with --static" build "$CC -std=c99" tests/install/use.c "$work/use-c-archive" --static
check "it does not need libvae.so" needs_not "$work/use-c-archive"
check "it runs" runs "$work/use-c-archive"
if [ "$have_cxx" = yes ]; then
    check "C++ program builds with --static" build "$CXX -std=c++11" "$work/use.cc" "$work/use-cxx-archive" --static
    check "it runs" runs "$work/use-cxx-archive"
fi
if links_all; then
    check "C program builds with -static" build "$CC -std=c99 -static" tests/install/use.c "$work/use-c-static" --static
    check "it runs" runs "$work/use-c-static"
else
    echo "  skip    -static: not every library is there as an archive"
fi

check "make install again" placed install
check "make uninstall" placed uninstall
check "nothing is left" uninstalled

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
