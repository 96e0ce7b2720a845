#!/bin/sh
# Prints how many of each folder's lines and branches the tests reached, then each branch that they did not in src/base
# and src/store. Fails if there is one there, and below 95 % of all lines or 90 % of all branches.
#
#     scripts/coverage.sh coverage.info      from lcov, where a file may stand more than once
set -u
awk -v root="$(pwd -P)/" '
# key: "file,line,..."; adds it to its folder and to the whole.
function tally(key, reached, of, hit,    folder) {
    folder = key
    sub(/\/[^\/]*$/, "", folder)
    of[folder]++; of["src"]++
    if (reached) { hit[folder]++; hit["src"]++ }
}
function share(hit, of) { return of ? 100 * hit / of : 100 }
function row(name) {
    return sprintf("  %-22s %7d %6.1f %% %9d %6.1f %%", name, lines_of[name], share(lines_hit[name], lines_of[name]),
        branches_of[name], share(branches_hit[name], branches_of[name]))
}
/^SF:/ {
    file = substr($0, 4)
    if (index(file, root) == 1) file = substr(file, length(root) + 1)
}
/^DA:/ {
    split(substr($0, 4), part, ",")
    lines[file "," part[1]] += part[2]
}
/^BRDA:/ { # line, block, branch, times taken or "-"
    split(substr($0, 6), part, ",")
    branches[file "," part[1] "," part[2] "," part[3]] += part[4] == "-" ? 0 : part[4]
}
END {
    for (key in lines) tally(key, lines[key], lines_of, lines_hit)
    for (key in branches) {
        tally(key, branches[key], branches_of, branches_hit)
        if (branches[key] || key !~ /^src\/(base|store)\//) continue
        split(key, part, ",")
        missed[part[1] ":" part[2]]++
    }
    printf "  %-22s %7s %8s %9s %8s\n", "folder", "lines", "reached", "branches", "reached"
    for (folder in lines_of) print row(folder) | "sort"
    close("sort")
    for (place in missed) {
        printf "  %s: %d branches not reached\n", place, missed[place]
        bad = 1
    }
    if (!branches_of["src/base"] || !branches_of["src/store"]) {
        print "  expected src/base and src/store with their branches"
        bad = 1
    }
    if (share(lines_hit["src"], lines_of["src"]) < 95 || share(branches_hit["src"], branches_of["src"]) < 90) {
        print "  expected 95 % of the lines and 90 % of the branches"
        bad = 1
    }
    exit bad
}' "$1"
