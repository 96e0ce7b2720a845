#!/bin/sh
# Finds a BLAS by compiling and linking a call. Prints, on one line, what the build needs: compiler options (-I, -D) and
# linker options (-L, -l). Prints nothing and fails if there is none.
#
#     scripts/blas.sh openblas|blas|blis|builtin
#
# CC, CPPFLAGS, CFLAGS, LDFLAGS and PKG_CONFIG are taken from the environment.
set -u
kind=${1:-openblas}
CC=${CC:-cc}
PKG_CONFIG=${PKG_CONFIG:-pkg-config}

case $kind in
builtin) echo "-DVAE_BLAS_BUILTIN"; exit 0 ;;
openblas) define=-DVAE_BLAS_OPENBLAS modules="openblas" options="-lopenblas" ;;
blas) define=-DVAE_BLAS_CBLAS modules="cblas blas" options="-lcblas:-lblas -lcblas:-lblas" ;;
blis) define=-DVAE_BLAS_BLIS modules="blis" options="-lblis" ;;
*) echo "BLAS=$kind is unknown (known: openblas, blas, blis, builtin)" >&2; exit 2 ;;
esac

folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
cat > "$folder/probe.c" <<'END'
#include <cblas.h>
int main(void)
{
    const float a[1] = {2.0F};
    return cblas_sdot(1, a, 1, a, 1) > 0.0F ? 0 : 1;
}
END

works() {
    # eval: options are quoted as in a recipe of make.
    eval "$CC ${CPPFLAGS:-} ${CFLAGS:-} $1 -o \"$folder/probe\" \"$folder/probe.c\" ${LDFLAGS:-} $2" > "$folder/log" 2>&1
}

for module in $modules; do
    cflags=$($PKG_CONFIG --cflags "$module" 2>/dev/null) || continue
    libs=$($PKG_CONFIG --libs "$module" 2>/dev/null) || continue
    if works "$cflags" "$libs"; then
        version=
        [ "$module" != openblas ] || version=-DVAE_BLAS_VERSION=$($PKG_CONFIG --modversion "$module")
        echo "$define $version $cflags $libs"
        exit 0
    fi
done
# BLIS keeps its cblas.h in a folder of its own.
IFS=:
for libs in $options; do
    unset IFS
    for cflags in "" "-I/usr/include/blis" "-I/usr/local/include/blis"; do
        if works "$cflags" "$libs"; then
            echo "$define $cflags $libs"
            exit 0
        fi
    done
    IFS=:
done
exit 1
