#!/bin/sh
# CMake projects that use libvae: find_package, add_subdirectory, FetchContent. Run by `make check-cmake` from the root.
#
#     tests/install/cmake.sh work-folder      CC, CXX, CFLAGS, LDFLAGS and MAKE from the environment
set -u
. tests/install/common.sh "$1"

# configured folder option...: the consumer, built into that folder by the compilers at hand
configured() {
    build=$work/$1
    shift
    rm -rf "$build"
    cmake -S tests/install/consumer -B "$build" -DCMAKE_C_COMPILER="${CC%% *}" -DCMAKE_CXX_COMPILER="${CXX%% *}" \
        -DCMAKE_BUILD_TYPE=Release "$@"
}
# run_there target: both programs print the library's version, and need libvae.so or do not
run_there() {
    for program in "$build/use_c" "$build/use_cpp"; do
        runs "$program" || { "$program"; return 1; }
        if [ "$1" = vae::vae ]; then needs "$program"; else needs_not "$program"; fi || { echo "$program: NEEDED"; return 1; }
    done
}
# consumed target option...
consumed() {
    target=$1
    shift
    configured consumer -DVAE_TARGET="$target" "$@" && cmake --build "$build" -j2 && run_there "$target"
}
found_in() { consumed "$2" -DCMAKE_PREFIX_PATH="$1" -DVAE_VERSION=0.2; }
# asked_for version: the package in the prefix with a blank answers to it
asked_for() { configured asked -DCMAKE_PREFIX_PATH="$work/cmake blank" -DVAE_TARGET=vae::vae -DVAE_VERSION="$1"; }
not_asked_for() { ! asked_for "$1" > "$work/said" 2>&1 && grep "vae-config.cmake, version: 0\." "$work/said"; }
without_shared() {
    rm "$work/cmake moved/deep"/lib/libvae.so*
    found_in "$work/cmake moved/deep" vae::static && ! found_in "$work/cmake moved/deep" vae::vae
}
apart() { $MAKE -f scripts/build.mk "$1" prefix="$work/apart" libdir="$work/apart/lib" includedir="$work/the headers"; }
headers_apart() { # they are not below the prefix
    apart install && found_in "$work/apart" vae::vae
    found=$?
    apart uninstall && holds_no_file "$work/apart" && holds_no_file "$work/the headers" && return $found
}
says_what_is_wrong() {
    ! configured wrong -DVAE_ADD="$PWD" -DVAE_TARGET=vae::vae -DVAE_BLAS=mkl > "$work/said" 2>&1 &&
        grep "BLAS=mkl is unknown" "$work/said"
}
# documented number option...: that block of the documents, as the end of a project with the sources beside it
documented() {
    project=$work/documented
    rm -rf "$project"
    mkdir -p "$project"
    ln -s "$PWD" "$project/libvae"
    cp examples/quickstart.c "$project/program.c"
    {
        printf 'cmake_minimum_required(VERSION 3.16)\nproject(documented C)\nadd_executable(program program.c)\n'
        block cmake "$1"
    } > "$project/CMakeLists.txt"
    shift
    grep -q target_link_libraries "$project/CMakeLists.txt" || { echo "docs/embedding.md has no such block"; return 1; }
    cmake -S "$project" -B "$project/build" -DCMAKE_C_COMPILER="${CC%% *}" "$@" && cmake --build "$project/build" -j2 &&
        (cd "$project" && build/program)
}
tree_is_clean() { # building from sources writes nothing into them
    git status --porcelain > "$work/status.now" 2> /dev/null || return 0
    diff "$work/status" "$work/status.now"
}

cmake_projects() {
    if ! command -v cmake > /dev/null 2>&1; then
        skip "CMake projects: no cmake"
        return
    fi
    check "CMake: a prefix with a blank" installed_at "$work/cmake blank"
    check "find_package, vae::vae" found_in "$work/cmake blank" vae::vae
    check "find_package, vae::static" found_in "$work/cmake blank" vae::static
    check "version 0.1 is answered" asked_for 0.1
    check "version 0.1...0.9 is answered" asked_for 0.1...0.9
    check "version 0.99 is not" not_asked_for 0.99
    check "version 1 is not" not_asked_for 1
    check "version 0.1...<0.2 is not" not_asked_for "0.1...<$(header_version)"
    check "the first block in docs/embedding.md" documented 1 -DCMAKE_PREFIX_PATH="$work/cmake blank"
    mkdir "$work/cmake moved" && mv "$work/cmake blank" "$work/cmake moved/deep"
    check "moved: find_package, vae::vae" found_in "$work/cmake moved/deep" vae::vae
    check "moved: find_package, vae::static" found_in "$work/cmake moved/deep" vae::static
    check "without libvae.so there is vae::static alone" without_shared
    check "make uninstall" removed_from "$work/cmake moved/deep"
    check "nothing is left" holds_no_file "$work/cmake moved"
    check "no folder of the CMake package either" [ ! -e "$work/cmake moved/deep/lib/cmake/vae" ]
    check "headers outside the prefix" headers_apart
    git status --porcelain > "$work/status" 2> /dev/null
    check "add_subdirectory, vae::vae" consumed vae::vae -DVAE_ADD="$PWD"
    check "FetchContent, vae::static, BLAS=builtin" consumed vae::static -DVAE_FETCH="$PWD" -DVAE_BLAS=builtin
    check "the second block in docs/embedding.md" documented 2 -DVAE_BLAS=builtin
    check "they write nothing among the sources" tree_is_clean
    check "add_subdirectory with BLAS=mkl says what is wrong" says_what_is_wrong
}

cmake_projects
finish
