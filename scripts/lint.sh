#!/bin/sh
# The rules of the house that a compiler does not check. Run from the root of the tree, by `make lint`.
#
#     scripts/lint.sh libvae.so libvae.a      CC and CXX from the environment; without arguments: the sources only
set -u
shared=${1:-} archive=${2:-}
CC=${CC:-cc}
CXX=${CXX:-c++}
problems=0
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# Says what a rule found, if anything, on its standard input.
verdict() {
    cat > "$work/found"
    if [ -s "$work/found" ]; then
        sed 's/^/    /' "$work/found"
        printf '  FAIL    %s\n' "$1"
        problems=$((problems + $(wc -l < "$work/found")))
    else
        printf '  ok      %s\n' "$1"
    fi
}

# Runs a rule in this shell, so that it can count.
rule() {
    title=$1
    shift
    "$@" > "$work/out" 2>&1
    verdict "$title" < "$work/out"
}

# The library's; the program in src/tool stands on vae.h alone and is no part of it.
sources() { find src -path src/tool -prune -o -name '*.c' -print -o -name '*.h' -print | sort; }
tool_sources() { find src/tool -name '*.c' -o -name '*.h' | sort; }

# matches pattern file...: file:line: text, comments and strings left aside
matches() {
    pattern=$1
    shift
    for file; do
        awk -f scripts/code.awk "$file" | grep -nE "$pattern" | sed "s|^|$file:|"
    done
}

# ---- Sources ----

# A file includes its own room's headers and those of lower floors.
floors() {
    for file in $(sources); do
        awk -v keep_strings=1 -f scripts/code.awk "$file" | awk -v file="$file" '
            BEGIN {
                n = split("base 0 tensor 1 data 1 store 1 autodiff 2 optim 2 diffusion 2 model 3 train 4 api 5", list, " ")
                for (i = 1; i < n; i += 2) floor[list[i]] = list[i + 1]
                split(file, part, "/")
                room = part[2]
                if (!(room in floor)) print file ": in no room of the house"
            }
            /^[ \t]*#[ \t]*include[ \t]*"/ {
                split($0, quoted, "\"")
                if (quoted[2] == "vae.h") next
                split(quoted[2], part, "/")
                other = part[1]
                if (!(other in floor))
                    print file ":" NR ": \"" quoted[2] "\" does not begin with a room"
                else if (other != room && floor[other] >= floor[room])
                    print file ":" NR ": " room " may not include " quoted[2]
            }'
    done
}

# What stands in a folder of kinds is named in the list of kinds, and the other way round. A kind may have more files,
# whose names begin with its own: mixture.c, mixture_fit.c.
kinds() {
    folder=$1 header=$2 macro=$3
    awk -f scripts/code.awk "$header" | sed -n "/#define $macro(X)/,/[^\\\\]\$/p" | grep -o 'X([a-z0-9_]*)' |
        sed 's/X(//; s/)//' > "$work/kinds"
    [ -s "$work/kinds" ] || echo "$header: no list $macro"
    find "$folder" -name '*.c' ! -name "$(basename "$folder").c" | sort | while read -r file; do
        name=$(basename "$file" .c)
        while ! grep -qx "$name" "$work/kinds"; do
            case $name in
            *_*) name=${name%_*} ;;
            *) echo "$file: not named in $macro ($header)" && break ;;
            esac
        done
    done
    while read -r name; do
        [ -f "$folder/$name.c" ] || echo "$header: $macro names $name, but there is no $folder/$name.c"
    done < "$work/kinds"
}
all_kinds() {
    kinds src/model/layers src/model/layer.h VAE__LAYER_KINDS
    kinds src/model/likelihood src/model/likelihood.h VAE__LIKELIHOODS
    kinds src/model/prior src/model/prior.h VAE__PRIORS
    kinds src/data/formats src/data/format.h VAE__FILE_FORMATS
    kinds src/data/generators src/data/generator.h VAE__GENERATORS
    kinds src/model/objective src/model/objective/objective.h VAE__OBJECTIVES
}

# The tool is a user of the library like any other.
tool_includes() {
    for file in $(tool_sources); do
        awk -v keep_strings=1 -f scripts/code.awk "$file" | awk -v file="$file" '
            /^[ \t]*#[ \t]*include[ \t]*"/ {
                split($0, quoted, "\"")
                if (quoted[2] != "vae.h" && (quoted[2] ~ /\// || system("test -f src/tool/" quoted[2])))
                    print file ":" NR ": \"" quoted[2] "\" is neither vae.h nor a header of src/tool"
            }
            /^[ \t]*#[ \t]*include[ \t]*<(vae|cblas|zlib)/ { print file ":" NR ": " $0 }'
        grep -Hn 'vae__' "$file"
    done
}

# An if is no loop, a jump is no clean-up (docs/architecture.md).
statements() {
    # shellcheck disable=SC2046
    matches 'for \([^;]*; !?[A-Za-z_>.-]+ && [a-z_]+ < ' $(sources | grep -v '^src/base/words') | grep -vE '; !(status|problem) &&'
    # shellcheck disable=SC2046
    matches '(^|[^A-Za-z0-9_])goto ' $(sources) $(tool_sources)
}
opening_comments() {
    for file in $(sources) $(tool_sources); do
        case $(head -c 2 "$file") in
        '/*') ;;
        *) echo "$file: does not open with a comment that says what it is" ;;
        esac
    done
}

banned='malloc|calloc|realloc|free|aligned_alloc|posix_memalign|strdup|fopen|freopen|open|printf|fprintf|vprintf|vfprintf'
banned="$banned|sprintf|vsprintf|snprintf|vsnprintf|puts|putchar|fputs|perror|strtod|strtof|strtold|strtol|strtoul|strtoull"
banned="$banned|atof|atoi|atol|sscanf|fscanf|scanf|rand|srand|random|drand48|setenv|putenv|setlocale|signal|sigaction"
banned="$banned|abort|assert|exit|_exit|atexit"
banned_calls() {
    # shellcheck disable=SC2046
    matches "(^|[^A-Za-z0-9_>.])($banned) *\(" $(sources | grep -v '^src/base/')
}
loud_calls() { # not in base either
    # shellcheck disable=SC2046
    matches '(^|[^A-Za-z0-9_>.])(printf|fprintf|puts|putchar|perror|abort|assert|exit|_exit|atexit|rand|srand|setenv|setlocale|signal|sigaction) *\(' \
        $(sources)
}
blas_calls() {
    # shellcheck disable=SC2046
    matches 'cblas_|cblas\.h|openblas_|bli_' $(sources | grep -v '^src/tensor/gemm\.c$')
}
zlib_calls() {
    # shellcheck disable=SC2046
    matches 'zlib\.h|(^|[^A-Za-z0-9_])inflate' $(sources | grep -v '^src/base/')
}
number_formats() { # %f, %e, %g read the host's locale
    grep -nE '"[^"]*%[-+ #0]*[0-9*]*(\.[0-9*]+)?[aefgAEFG][^"]*"' $(sources | grep -v '^src/base/')
}
flags() { # anything that changes the arithmetic, or binds the library to this machine
    grep -nE -e '-Ofast|-f[a-z-]*fast-math|-funsafe-math|-ffinite-math|-march=native|-mtune=native' Makefile scripts/*.mk |
        grep -v ':FORBIDDEN '
}
white_space() {
    for folder in src include examples tests; do
        [ ! -d "$folder" ] || find "$folder" -name '*.[ch]' -o -name '*.hpp' -o -name '*.cc'
    done | sort | xargs grep -nE "$(printf '\t')|[ $(printf '\r')]\$"
}

# ---- Headers ----

public_header() {
    printf '#include "vae.h"\n' > "$work/alone.c"
    cp "$work/alone.c" "$work/alone.cc"
    $CC -std=c99 -Wall -Wextra -pedantic -Wstrict-prototypes -Werror -Iinclude -fsyntax-only "$work/alone.c"
    if command -v "$CXX" > /dev/null 2>&1; then
        $CXX -std=c++11 -Wall -Wextra -pedantic -Werror -Iinclude -fsyntax-only "$work/alone.cc"
    fi
}
internal_headers() {
    for header in $(sources | grep '\.h$'); do
        printf '#include "%s"\n' "${header#src/}" > "$work/alone.c"
        $CC -std=c11 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Wpedantic -Werror -Iinclude -Isrc -fsyntax-only "$work/alone.c"
    done
}
formatted() {
    for folder in src include examples tests; do
        [ ! -d "$folder" ] || find "$folder" -name '*.[ch]' -o -name '*.hpp' -o -name '*.cc'
    done | sort | xargs clang-format --dry-run --Werror 2>&1 | grep -E 'error:' | sed 's/ \[-Wclang-format.*//' |
        awk -F: '{ n[$1]++; if (!($1 in first)) first[$1] = $2 }
                 END { for (f in n) print f ":" first[f] ": " n[f] " places that clang-format would change" }' | sort
}

# ---- Symbols ----

declared() { # functions of vae.h
    awk -f scripts/code.awk include/vae.h | awk '
        /^#/ { next }
        /VAE_API/ { text = "" ; inside = 1 }
        inside { text = text " " $0 }
        inside && /;/ {
            inside = 0
            if (match(text, /vae_[a-z0-9_]+ *\(/)) {
                name = substr(text, RSTART, RLENGTH)
                sub(/ *\($/, "", name)
                print name
            }
        }' | sort
}
scripted() { sed -n 's/^ *\(vae_[a-z0-9_]*\);$/\1/p' src/libvae.map | sort; }
exported() { nm -D --defined-only "$shared" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort; }

# differ a what-a b what-b
differ() {
    comm -23 "$1" "$3" | sed "s|\$|: in $2, not in $4|"
    comm -13 "$1" "$3" | sed "s|\$|: in $4, not in $2|"
}
version_script() {
    declared > "$work/declared"
    scripted > "$work/scripted"
    differ "$work/declared" vae.h "$work/scripted" src/libvae.map
    sort "$work/declared" | uniq -d | sed 's/$/: declared twice/'
}
exports() {
    exported > "$work/exported"
    differ "$work/declared" vae.h "$work/exported" "$shared"
    grep -v '^vae_[a-z]' "$work/exported" | sed 's/$/: exported without the prefix vae_/'
}
archive_names() {
    nm -g --defined-only "$archive" 2> /dev/null | awk 'NF == 3 && $3 !~ /^vae_/ { print $3 ": global in the archive" }' | sort -u
    ar t "$archive" | sort | uniq -d | sed 's/$/: twice in the archive/'
    ar t "$archive" | grep -v '^vae__' | sed 's/$/: object without the prefix vae__/'
}
mutable_data() { # tables of constant pointers live in .data.rel.ro; thread-local data in .tbss and .tdata
    objdump -t "$archive" 2> /dev/null | awk '
        /file format/ { object = $1 }
        NF >= 5 && / O / {
            section = $(NF - 2)
            if (section ~ /^(\.data|\.bss|\*COM\*)/ && section !~ /^\.data\.rel\.ro/)
                print object " " $NF ": mutable data with static storage in " section
        }'
}

# ---- Report only ----

long_functions() {
    for file in $(sources) $(tool_sources); do
        awk -v file="$file" '
            /^[A-Za-z].*[(]/ && !/;$/ { start = NR; name = $0 }
            /^}/ && start { if (NR - start + 1 > 40) print file ":" start ": " NR - start + 1 " lines: " name; start = 0 }
            END { if (NR > 400) print file ": " NR " lines" }' "$file"
    done
}

rule "floors: base < tensor, data, store < autodiff, optim, diffusion < model < train < api" floors
rule "each file of a kind is named in its list" all_kinds
rule "each source file opens with a comment" opening_comments
rule "no loop is an if, no goto" statements
rule "src/tool uses vae.h alone" tool_includes
rule "system calls outside src/base" banned_calls
rule "nothing prints, aborts or exits" loud_calls
rule "BLAS only in src/tensor/gemm.c" blas_calls
rule "zlib only in src/base" zlib_calls
rule "numbers are printed without the locale" number_formats
rule "no flag changes the arithmetic" flags
rule "no tabs, no trailing blanks" white_space
rule "vae.h compiles alone, C99 and C++11" public_header
rule "internal headers compile alone" internal_headers
rule "src/libvae.map lists the functions of vae.h" version_script
if [ -n "$shared" ]; then
    rule "exported symbols are the functions of vae.h" exports
    rule "names in the archive begin with vae_" archive_names
    rule "no mutable static data" mutable_data
fi
if command -v clang-format > /dev/null 2>&1; then
    rule "clang-format" formatted
else
    echo "  skip    clang-format: not installed"
fi
long_functions > "$work/long"
if [ -s "$work/long" ]; then
    sed 's/^/    /' "$work/long"
    echo "  note    functions over 40 lines, files over 400"
fi
if [ "$problems" -gt 0 ]; then
    echo "lint: $problems problems"
    exit 1
fi
echo "lint: nothing found"
