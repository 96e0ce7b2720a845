#!/bin/sh
# Holds the documents against the library: programs in them compile and run as printed, links and named files exist, named
# functions, options and make targets are there. Run by `make check-docs` from the root, after the library is built.
#
#     scripts/check-docs.sh library-folder work-folder      CC, CXX, CFLAGS, LDFLAGS and MAKE from the environment
#
# A block of code is a program if the line above its fence is a comment that names it:
#
#     <!-- program NAME -->          is compiled                      <!-- program NAME run -->      and run
#     <!-- program NAME part -->     is a beginning; the block of that name that is no part is its end
#     <!-- program NAME same=PATH -->                                 and is the text of that file
#
# Programs are in C, C++ (cpp), Python or, with the tool vae in the path, sh.
#
# Programs run one after the other in one folder, README's first. A program in C or C++ that is not named is a mistake.
set -u
CC=${CC:-cc} CXX=${CXX:-c++} MAKE=${MAKE:-make}
library=$(cd "$1" && pwd) || exit 1
rm -rf "$2"
mkdir -p "$2/run"
work=$(cd "$2" && pwd)
passed=0 failed=0
documents="README.md CHANGELOG.md SECURITY.md examples/README.md $(echo docs/*.md)"

# verdict title: what is wrong, one line each, on standard input
verdict() {
    cat > "$work/found"
    if [ -s "$work/found" ]; then
        failed=$((failed + 1))
        sed 's/^/    /' "$work/found"
        echo "  FAIL    $1"
    else
        passed=$((passed + 1))
        echo "  ok      $1"
    fi
}

# ---- Programs ----

# Writes NAME.c, NAME.cc, NAME.py or NAME.sh, and a line "NAME language run same" for each program.
# shellcheck disable=SC2086
awk -v work="$work" '
    FNR == 1 { name = "" }
    /^<!-- program / {
        split($0, word, " ")
        name = word[3]
        run = part = 0
        same = "-"
        for (i = 4; word[i] != "-->" && i in word; i++) {
            if (word[i] == "run") run = 1
            else if (word[i] == "part") part = 1
            else if (sub(/^same=/, "", word[i])) same = word[i]
        }
        next
    }
    /^```/ && !inside {
        inside = 1
        language = substr($0, 4)
        text = ""
        first = FNR
        next
    }
    /^```/ {
        inside = 0
        if (name != "") {
            file = work "/" name (language == "python" ? ".py" : language == "sh" ? ".sh" : language == "cpp" ? ".cc" : ".c")
            printf "%s", text > file
            if (!part) {
                close(file)
                print name, language, run, same > (work "/programs")
            }
        } else if ((language == "c" || language == "cpp") && text ~ /int main\(/) {
            print FILENAME ":" first ": a program without a name" > (work "/unnamed")
        }
        name = ""
        next
    }
    inside { text = text $0 "\n" }' $documents
touch "$work/programs" "$work/unnamed"
verdict "every program has a name" < "$work/unnamed"

# The first Python that has what the programs import.
find_python() {
    for python in ${PYTHON:-} /usr/bin/python3 python3; do
        PYTHONPATH=build/python "$python" -c 'import safetensors, torch' > /dev/null 2>&1 && return
    done
    python=
}
find_python

# Compiles or checks a program, and runs it.
try() {
    name=$1 language=$2 run=$3 same=$4
    if [ "$same" != "-" ] && ! diff "$same" "$work/$name.c"; then
        echo "not the text of $same"
        return
    fi
    if [ "$language" = python ]; then
        command="env PYTHONPATH=$root/build/python $python $work/$name.py"
    elif [ "$language" = sh ]; then # the tool at work
        command="env PATH=$root/bin:$PATH sh -eu $work/$name.sh"
    elif [ "$language" = cpp ]; then
        eval "$CXX ${CFLAGS:-}" -std=c++17 -Wall -Wextra -Werror -Iinclude -o "$work/$name" "$work/$name.cc" ${LDFLAGS:-} \
            -L"$library" -Wl,-rpath,"$library" -lvae 2>&1 || { echo "does not compile"; return; }
        command=$work/$name
    else
        eval "$CC ${CFLAGS:-}" -std=c99 -Wall -Wextra -Werror -Iinclude -o "$work/$name" "$work/$name.c" ${LDFLAGS:-} \
            -L"$library" -Wl,-rpath,"$library" -lvae -lm 2>&1 || { echo "does not compile"; return; }
        command=$work/$name
    fi
    [ "$run" = 1 ] || return
    # shellcheck disable=SC2086
    (cd "$work/run" && timeout 300 $command) > "$work/log" 2>&1 < /dev/null || { cat "$work/log"; echo "fails"; }
}

root=$(pwd)
while read -r name language run same; do
    if [ "$language" = python ] && [ -z "$python" ] && [ "${VAE_NO_SKIP:-}" != 1 ]; then
        echo "  skip    program $name: no Python with torch and safetensors"
    elif [ "$language" = cpp ] && ! command -v "${CXX%% *}" > /dev/null && [ "${VAE_NO_SKIP:-}" != 1 ]; then
        echo "  skip    program $name: no C++ compiler $CXX"
    else
        try "$name" "$language" "$run" "$same" > "$work/verdict"
        verdict "program $name" < "$work/verdict"
    fi
done < "$work/programs"

# ---- Words ----

# Text without fenced blocks, one line "file:line: text" each.
# shellcheck disable=SC2086
awk '
    FNR == 1 { inside = 0 }
    /^```/ { inside = !inside; next }
    !inside { print FILENAME ":" FNR ": " $0 }' $documents > "$work/text"

# What stands in `backticks`: "file:line: token".
awk '{
    place = $1
    n = split($0, piece, "`")
    for (i = 2; i < n; i += 2) print place, piece[i]
}' "$work/text" > "$work/quoted"

# The anchors of a document, made of its headings as GitHub makes them.
anchors() {
    sed -n 's/^##* //p' "$1" | tr 'A-Z' 'a-z' | sed 's/[^a-z0-9 _-]//g; s/ /-/g'
}

links() {
    awk '{
        place = $1
        rest = $0
        while (match(rest, /\]\([^)]*\)/)) {
            print place, substr(rest, RSTART + 2, RLENGTH - 3)
            rest = substr(rest, RSTART + RLENGTH)
        }
    }' "$work/text" | while read -r place target; do
        case $target in
        http:* | https:*) continue ;;
        esac
        document=${place%%:*} path=${target%%#*}
        file=$(dirname "$document")/$path
        [ -n "$path" ] || file=$document
        if [ ! -e "$file" ]; then
            echo "$place $target: no such file"
        elif [ "$target" != "$path" ] && ! anchors "$file" | grep -qx -e "${target#*#}"; then
            echo "$place $target: no such heading"
        fi
    done
}

# Paths in backticks that begin with a folder of the tree; * stands for anything, NAME for a name.
paths() {
    grep -E '^[^ ]+ (\.ci|docs|examples|include|pkgconfig|scripts|src|tests)/[^ ]*$' "$work/quoted" |
        while read -r place path; do
            # shellcheck disable=SC2086
            case $path in
            *NAME*) ;;
            *) ls -d $path > /dev/null 2>&1 || echo "$place $path: no such file" ;;
            esac
        done
}

identifiers() {
    grep -rhoE '\bvae__?[a-z0-9_]+|\bVAE_[A-Z0-9_]+' include src tests scripts | sort -u > "$work/known"
    sed 's/^\([^ ]*\) .*/\1/' "$work/quoted" > "$work/places"
    sed 's/^[^ ]* //' "$work/quoted" | paste -d ' ' "$work/places" - |
        awk '{
            place = $1
            rest = $0
            sub(/^[^ ]* /, "", rest)
            while (match(rest, /(vae__?[a-z0-9_]+|VAE_[A-Z0-9_]+)/)) {
                before = RSTART > 1 ? substr(rest, RSTART - 1, 1) : " "
                after = substr(rest, RSTART + RLENGTH, 1)
                if (before !~ /[A-Za-z0-9_]/ && after != "*" && after != ".") print place, substr(rest, RSTART, RLENGTH)
                rest = substr(rest, RSTART + RLENGTH)
            }
        }' | while read -r place name; do
        grep -qx -e "$name" "$work/known" || echo "$place $name: not in the sources"
    done
}

# Every key of the option tables is in a table of docs/text.md, and the other way round.
options() {
    # shellcheck disable=SC2046
    sed -n 's/.*{"\([a-z_0-9]*\)", *VAE__OPTION.*/\1/p' $(find src -name '*.c' ! -path 'src/tool/*') | sort -u > "$work/keys"
    awk -F'|' 'NF >= 6 { print }' docs/text.md | sed -n 's/^| `\([a-z_0-9]*\)` .*/\1/p' | grep -v '^vae_' | sort -u > "$work/documented"
    comm -23 "$work/keys" "$work/documented" | sed 's/$/: an option that docs\/text.md does not explain/'
    comm -13 "$work/keys" "$work/documented" | sed 's/$/: explained in docs\/text.md, but no option/'
}

# make TARGET... in backticks; words with = are variables.
targets() {
    grep -E '^[^ ]+ make( |$)' "$work/quoted" | while read -r place _ words; do
        for word in $words; do
            case $word in
            *=* | -*) continue ;;
            esac
            grep -qE "^([a-z -]+ )?$word( [a-z -]+)?:" Makefile || echo "$place make $word: no such target"
        done
    done
}

layout() {
    # shellcheck disable=SC2086
    LC_ALL=C.UTF-8 awk 'length > 110 && !/https?:/ { print FILENAME ":" FNR ": " length " columns; at most 110" }
         /[ \t\r]$/ { print FILENAME ":" FNR ": blanks at the end of the line" }
         /\t/ { print FILENAME ":" FNR ": a tab" }
         FNR == 1 { inside = 0 }
         /^```/ { inside = !inside; next }
         !inside && gsub(/`/, "`") % 2 { print FILENAME ":" FNR ": a ` without its other" }' $documents
}

links > "$work/list"
verdict "links lead somewhere" < "$work/list"
paths > "$work/list"
verdict "named files are there" < "$work/list"
identifiers > "$work/list"
verdict "named functions and constants are there" < "$work/list"
options > "$work/list"
verdict "docs/text.md explains every option" < "$work/list"
targets > "$work/list"
verdict "named make targets are there" < "$work/list"
layout > "$work/list"
verdict "lines and blanks" < "$work/list"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
