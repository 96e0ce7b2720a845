#!/bin/sh
# Installs into a folder and uses libvae from there as a stranger would. Run by `make check-install` from the root.
#
#     tests/install/run.sh work-folder      CC, CXX, CFLAGS, LDFLAGS, PKG_CONFIG and MAKE from the environment
set -u
. tests/install/common.sh "$1"
stage=$work/stage
lib=$stage/opt/vae/lib64

placed() { $MAKE -f scripts/build.mk "$1" DESTDIR="$stage" prefix=/opt/vae libdir=/opt/vae/lib64 includedir=/opt/vae/include; }

# The installed vae.pc, which finds its prefix where DESTDIR put it.
pc() { PKG_CONFIG_PATH=$lib/pkgconfig:${PKG_CONFIG_PATH:-} $PKG_CONFIG "$@" vae; }

installed_files() {
    (cd "$stage" && find . ! -type d | sort) > "$work/files"
    printf "%s\n" ./opt/vae/include/vae.h ./opt/vae/include/vae.hpp ./opt/vae/lib64/cmake/vae/vae-config.cmake \
        ./opt/vae/lib64/cmake/vae/vae-config-version.cmake ./opt/vae/lib64/libvae.a ./opt/vae/lib64/libvae.so ./opt/vae/lib64/libvae.so.0 \
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
    # The shell reads what pkg-config prints once more: blanks in it have a backslash before them.
    eval "$compiler ${CFLAGS:-} -Wall -Wextra -pedantic -Werror -o '$program' '$source' $(pc --cflags) ${LDFLAGS:-} \
        $(pc "$@" --libs) -lm"
}
links_all() { # whether the static libraries that libvae needs are there
    echo 'int main(void) { return 0; }' > "$work/empty.c"
    eval "$CC ${CFLAGS:-}" -static -o "$work/empty" "$work/empty.c" ${LDFLAGS:-} $(pc --static --libs | sed 's/-lvae//') \
        > /dev/null 2>&1
}
runs_shared() { [ "$(LD_LIBRARY_PATH=$lib "$1")" = "$(header_version)" ]; }

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
        /^```/ && inside { inside = 0; if (text ~ /int main\(/) { file = stem (++n) ".c"; printf "%s", text > file; close(file) } }
        inside { text = text $0 "\n" }' README.md
    for source in "$work"/readme[0-9]*.c; do # without any, the pattern itself, which does not build
        build "$CC -std=c99" "$source" "${source%.c}" || return 1
    done
}

# ---- Prefixes of other kinds: each is installed, used with --libs and with --static, and removed ----

says_where_to_look() { installed_at "$1" > "$work/said" 2>&1 && grep "does not look for libvae.so.0 in $1/lib: .*rpath" "$work/said"; }

# used_from folder pkg-config-option...
used_from() {
    lib=$1/lib
    shift
    options=$*
    pc() {
        # shellcheck disable=SC2086
        PKG_CONFIG_PATH=$lib/pkgconfig:${PKG_CONFIG_PATH:-} $PKG_CONFIG $options "$@" vae
    }
    build "$CC -std=c99" tests/install/use.c "$work/use-there" && runs_shared "$work/use-there" || return 1
    mkdir -p "$work/aside" && mv "$lib"/libvae.so* "$work/aside" || return 1
    build "$CC -std=c99" tests/install/use.c "$work/use-there" --static && runs "$work/use-there" &&
        needs_not "$work/use-there"
    used=$?
    mv "$work/aside"/libvae.so* "$lib"
    return $used
}

# meson_project prefix shared|static: meson wants its sources in one folder
meson_project() {
    rm -rf "$work/meson"
    mkdir -p "$work/meson/source"
    cp tests/install/consumer/meson.build tests/install/consumer/use.cc tests/install/use.c "$work/meson/source"
    PKG_CONFIG_PATH=$1/lib/pkgconfig:${PKG_CONFIG_PATH:-} meson setup "$work/meson/build" "$work/meson/source" \
        -Ddefault_library="$2" && meson compile -C "$work/meson/build" || return 1
    for program in use_c use_cpp; do
        program=$work/meson/build/$program
        [ "$(LD_LIBRARY_PATH=$1/lib "$program")" = "$(header_version)" ] || { "$program"; return 1; }
        if [ "$2" = shared ]; then needs "$program"; else needs_not "$program"; fi || { readelf -dW "$program"; return 1; }
    done
}
# The documents' own lines, in a folder with a program of this name.
documented_pkg_config() { # prefix
    mkdir -p "$work/documented"
    cp examples/quickstart.c "$work/documented/program.c"
    line=$(block sh 1)
    [ -n "$line" ] || { echo "docs/embedding.md has no line for pkg-config"; return 1; }
    (cd "$work/documented" && PKG_CONFIG_PATH=$1/lib/pkgconfig sh -euc "$line" && LD_LIBRARY_PATH=$1/lib ./program)
}
documented_meson() { # prefix
    rm -rf "$work/documented-meson"
    mkdir -p "$work/documented-meson/source"
    cp examples/quickstart.c "$work/documented-meson/source/program.c"
    block meson 1 > "$work/documented-meson/source/meson.build"
    cd "$work/documented-meson" && PKG_CONFIG_PATH=$1/lib/pkgconfig meson setup build source && meson compile -C build &&
        cd build && LD_LIBRARY_PATH=$1/lib ./program
}
meson_projects() { # prefix
    if ! command -v meson > /dev/null 2>&1; then
        skip "meson projects: no meson"
        return
    fi
    check "meson, shared: $(basename "$1")" meson_project "$1" shared
    check "meson, static: $(basename "$1")" meson_project "$1" static
}
in_its_own_shell() { ("$@"); } # so that what it sets is forgotten

other_prefixes() {
    check "a prefix with a blank; make says where the loader does not look" says_where_to_look "$work/a blank"
    check "it works with pkg-config" in_its_own_shell used_from "$work/a blank"
    meson_projects "$work/a blank"
    mv "$work/a blank" "$work/another blank"
    check "moved, with --define-prefix" in_its_own_shell used_from "$work/another blank" --define-prefix
    rm -rf "$work/another blank"
    check "a plain prefix" installed_at "$work/plain"
    mkdir "$work/moved" && mv "$work/plain" "$work/moved/deep"
    check "moved, it works with pkg-config" in_its_own_shell used_from "$work/moved/deep"
    meson_projects "$work/moved/deep"
    check "the line in docs/embedding.md" in_its_own_shell documented_pkg_config "$work/moved/deep"
    ! command -v meson > /dev/null 2>&1 ||
        check "the meson project in docs/embedding.md" in_its_own_shell documented_meson "$work/moved/deep"
    touch "$work/moved/deep/lib/libvae.so.0.0.9"
    check "make uninstall" removed_from "$work/moved/deep"
    check "nothing is left, of an older version neither" holds_no_file "$work/moved"
}

# ---- The loader ----

# A loader with a configuration and a cache of its own, so that this needs no right to change the system's.
own_loader() { echo "ldconfig -f $work/ld.so.conf -C $work/ld.so.cache"; }
known_to_loader() { PATH=$PATH:/usr/sbin:/sbin $(own_loader) -p | grep -F "libvae.so.0 " | grep -F "$work/system/lib"; }
runs_ldconfig() {
    echo "$work/system/lib" > "$work/ld.so.conf"
    $MAKE -f scripts/build.mk install prefix="$work/system" libdir="$work/system/lib" includedir="$work/system/include" \
        LDCONFIG="$(own_loader)" > "$work/said" 2>&1 && ! grep -E "does not look for|run ldconfig" "$work/said" && known_to_loader
}
forgets() {
    $MAKE -f scripts/build.mk uninstall prefix="$work/system" libdir="$work/system/lib" includedir="$work/system/include" \
        LDCONFIG="$(own_loader)" && ! known_to_loader
}
# An ldconfig that may look but not write, as for a user other than root.
says_run_ldconfig() {
    printf '#!/bin/sh\n[ $# -gt 0 ] && echo "%s: (from somewhere)"\n' "$work/system/lib" > "$work/ldconfig"
    chmod +x "$work/ldconfig"
    $MAKE -f scripts/build.mk install prefix="$work/system" libdir="$work/system/lib" includedir="$work/system/include" \
        LDCONFIG="$work/ldconfig" > "$work/said" 2>&1
    grep "run ldconfig as root, so that programs find libvae.so.0 in $work/system/lib" "$work/said" ||
        { cat "$work/said"; return 1; }
}
says_destdir() {
    placed install > "$work/said" 2>&1 && grep "the files are in $stage; whoever moves them" "$work/said"
}

# A system of its own: /etc, with what the loader is told in it, is a copy that goes with the last process that sees it. In it
# the line of the README has to do, without another word to compiler or loader.
as_in_readme() {
    rm -rf "$work/system"
    mkdir "$work/system"
    cp examples/quickstart.c "$work/system/quickstart.c"
    cat > "$work/readme.sh" <<'END'
set -eu
cp -a /etc "$work/etc" 2> /dev/null || : # all that this user may read
mount --bind "$work/etc" /etc
echo "$work/system/lib" > /etc/ld.so.conf.d/vae-test.conf
ldconfig
$MAKE -f scripts/build.mk install prefix="$work/system" libdir="$work/system/lib" includedir="$work/system/include" LDCONFIG=ldconfig
cd "$work/system"
PKG_CONFIG_PATH=$work/system/lib/pkgconfig:${PKG_CONFIG_PATH:-}
export PKG_CONFIG_PATH
unset LD_LIBRARY_PATH
eval "$line"
./quickstart
END
    line=$(sed -n '/^cc quickstart.c /p' README.md)
    [ -n "$line" ] || { echo "README.md has no line that compiles quickstart.c"; return 1; }
    line=$line work=$work MAKE=$MAKE PATH=$PATH:/usr/sbin:/sbin $private sh "$work/readme.sh"
    done_so=$?
    rm -rf "$work/etc"
    return $done_so
}
find_private() {
    for private in "unshare -m" "unshare -rm"; do
        mkdir -p "$work/probe"
        $private mount --bind "$work/probe" /etc > /dev/null 2>&1 && return
    done
    return 1
}

the_loader() {
    check "ldconfig runs where the loader looks" runs_ldconfig
    check "make uninstall: the loader knows it no more" forgets
    check "without the right to run ldconfig make says so" says_run_ldconfig
    check "with DESTDIR make says what is left to do" says_destdir
    if find_private; then
        check "a system prefix: the README's line works" as_in_readme
    else
        echo "  skip    a system prefix: this process may not mount a copy of /etc for itself"
    fi
}

# ---- What make says of values that it does not know ----

# refuses "VARIABLE=value" what is in the message
refuses() {
    ! $MAKE lib "$1" > "$work/said" 2>&1 && grep -F -e "$2" "$work/said" > /dev/null && return
    cat "$work/said"
    return 1
}
messages() {
    check "BLAS=mkl" refuses BLAS=mkl "BLAS=mkl is unknown (known: openblas, blas, blis, builtin)"
    check "BLAS= of two" refuses "BLAS=blis builtin" "BLAS=blis builtin is unknown"
    check "REAL=half" refuses REAL=half "REAL=half is unknown (known: float, double)"
    check "SIMD=neon" refuses SIMD=neon "SIMD=neon is unknown (known: sse2, avx2, avx512)"
    check "ZLIB=maybe" refuses ZLIB=maybe "ZLIB=maybe is unknown (known: yes, no)"
    check "WERROR=maybe" refuses WERROR=maybe "WERROR=maybe is unknown (known: 0, 1, yes, no)"
    check "PREFIX=" refuses PREFIX=/opt "write it in small letters: prefix=/opt"
    check "CC=" refuses CC=no-such-compiler "the compiler CC=no-such-compiler is not there"
}

only_archive() { rm -f "$lib"/libvae.so*; } # so that -lvae means the archive
uninstalled() {
    left=$(find "$stage" ! -type d)
    echo "$left"
    [ -z "$left" ]
}

check "make install DESTDIR prefix libdir includedir" placed install
if [ "$failed" -gt 0 ]; then
    finish
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
the_loader
other_prefixes
messages

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

finish
